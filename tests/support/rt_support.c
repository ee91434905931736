#include "support/rt_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/os.h"
#include "rt/rt_internal.h"

static clg_rt *shared;

void test_ok(int status, const char *what, const char *file, int line)
{
    if (status != CLG_OK) {
        print_error("%s\n  %s: %s\n  hint: %s\n", what, clg_status_name(status), clg_message(),
                    clg_hint());
        _fail(file, line);
    }
}

clg_rt *test_rt_open_with(const clg_rt_options *opt)
{
    clg_rt *rt = NULL;
    TEST_OK(clg__rt_open(&rt, opt));
    return rt;
}

void test_cores(const char *count)
{
    setenv("POCL_MAX_PTHREAD_COUNT", count, 1);
    setenv("POCL_CPU_MAX_CU_COUNT", count, 1); /* as later versions call it */
}

clg_rt *test_rt_open(void)
{
    return test_rt_open_with(&(clg_rt_options){ 0 });
}

clg_rt *test_rt(void)
{
    if (shared == NULL) {
        shared = test_rt_open();
    }
    return shared;
}

int test_rt_done(void **state)
{
    (void)state;
    clg__rt_close(&shared);
    return 0;
}

clg_tensor test_buffer(clg_rt *rt, enum clg_dtype dtype, size_t count)
{
    clg_buffer *buf = NULL;
    TEST_OK(clg__buffer_create(rt, dtype, count, "test", &buf));
    return clg__tensor_all(buf);
}

clg_tensor test_upload(clg_rt *rt, const float *src, size_t count)
{
    clg_tensor t = test_buffer(rt, CLG_F32, count);
    TEST_OK(clg__rt_write(rt, t, src));
    return t;
}

void test_download(clg_tensor t, float *dst)
{
    TEST_OK(clg__rt_read(t.buf->rt, t, dst));
}

float *test_download_new(clg_tensor t)
{
    float *data = clg__alloc(clg__tensor_len(t), sizeof *data);
    assert_non_null(data);
    test_download(t, data);
    return data;
}

void test_release(clg_tensor *t)
{
    clg__buffer_destroy(&t->buf);
    *t = CLG_NO_TENSOR;
}

char *test_folder(const char *prefix)
{
    uint64_t number = 0;
    char name[64];
    clg__os_random_bytes(&number, sizeof number);
    snprintf(name, sizeof name, "%.40s-%016llx", prefix, (unsigned long long)number);
    const char *top = clg__os_env("TMPDIR");
    char *dir = clg__os_join(top != NULL ? top : "/tmp", name);
    assert_non_null(dir);
    TEST_OK(clg__os_mkdirs(dir, 0700));
    return dir;
}

void test_folder_remove(const char *dir)
{
    char **names = NULL;
    size_t n = 0;
    if (clg__os_list(dir, &names, &n) != CLG_OK) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        char *path = clg__os_join(dir, names[i]);
        if (path != NULL && clg__os_stat(path).is_dir) {
            test_folder_remove(path);
        } else if (path != NULL) {
            clg__os_remove(path);
        }
        clg__free(path);
    }
    clg__os_list_free(&names, n);
    clg__os_remove(dir);
}

static char *cache_folder;

int test_cache_open(void **state)
{
    (void)state;
    cache_folder = test_folder("clgan-test-cache");
    return setenv("XDG_CACHE_HOME", cache_folder, 1);
}

int test_cache_close(void **state)
{
    (void)state;
    test_folder_remove(cache_folder);
    clg__free(cache_folder);
    cache_folder = NULL;
    return 0;
}

void test_keep_warning(void *user, enum clg_log_level level, const char *line)
{
    if (level == CLG_LOG_WARN) {
        (void)snprintf(user, TEST_WARNING_LEN, "%s", line);
    }
}
