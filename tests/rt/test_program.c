/* Building kernels: includes, build errors, and the cache of binaries on disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cache.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/str.h"
#include "rt/launch.h"
#include "support/rt_support.h"

typedef struct fixture {
    char *kernels;
    clg_str log;
} fixture;

static fixture fix;

static void collect_line(void *user, enum clg_log_level level, const char *line)
{
    (void)level;
    clg__str_add(user, "%s\n", line);
}

static void write_kernel(const char *name, const char *text)
{
    char *path = clg__os_join(fix.kernels, name);
    TEST_OK(clg__os_write_atomic(path, text, strlen(text)));
    clg__free(path);
}

static const char VALUE[] = "#include \"number.clh\"\n"
                            "__kernel void value(__global float *y, uint y_off)\n"
                            "{\n"
                            "    y[y_off + get_global_id(0)] = NUMBER;\n"
                            "}\n";

/* Our part of the group's cache folder. There is one for all tests: drivers keep theirs in it too,
 * and look for it once. */
static char *our_cache(void)
{
    return clg__os_join(clg__os_env("XDG_CACHE_HOME"), "clgan");
}

static int open_test(void **state)
{
    (void)state;
    fix.kernels = test_folder("clgan-test-kernels");
    setenv("CLGAN_CL_DIR", fix.kernels, 1);
    write_kernel("value.cl", VALUE);
    write_kernel("number.clh", "#define NUMBER 1.5f\n");
    clg__log_set(collect_line, &fix.log);
    return 0;
}

static int close_test(void **state)
{
    (void)state;
    clg__log_set(NULL, NULL);
    clg__str_free(&fix.log);
    char *ours = our_cache();
    if (clg__os_stat(ours).is_dir) {
        test_folder_remove(ours);
    } else {
        clg__os_remove(ours);
    }
    clg__free(ours);
    test_folder_remove(fix.kernels);
    clg__free(fix.kernels);
    return 0;
}

/* What the kernel "value" writes in a context of its own. */
static float run_value(bool no_cache)
{
    clg_rt *rt = test_rt_open_with(&(clg_rt_options){ .no_cache = no_cache });
    clg_kernel *k = NULL;
    float y[2] = { 0 };
    clg_tensor t = test_upload(rt, y, 2);
    TEST_OK(clg__kernel_get(rt, "value", "value", "", &k));
    TEST_OK(clg__launch(rt, k, clg__grid(1, 2, 0, 0), CLG_ARGS(CLG_ARG(t))));
    test_download(t, y);
    assert_float_equal(y[0], y[1], 0);
    test_release(&t);
    clg__rt_close(&rt);
    return y[0];
}

static clg_cache_info cache(void)
{
    clg_cache_info info;
    TEST_OK(clg__cache_info("programs", ".bin", &info));
    return info;
}

/* Path of the only cache entry; clg__free it. */
static char *entry_path(void)
{
    char **names = NULL;
    size_t n = 0;
    TEST_OK(clg__os_list(cache().dir, &names, &n));
    assert_int_equal(n, 1);
    char *path = clg__os_join(cache().dir, names[0]);
    clg__os_list_free(&names, n);
    return path;
}

static bool logged(const char *part)
{
    return fix.log.text != NULL && strstr(fix.log.text, part) != NULL;
}

static void a_program_is_cached_and_the_entry_is_used(void **state)
{
    (void)state;
    assert_int_equal(cache().files, 0);
    assert_float_equal(run_value(false), 1.5f, 0);
    assert_int_equal(cache().files, 1);
    assert_true(cache().bytes > 100);
    char *path = entry_path();
    int64_t written = clg__os_stat(path).mtime_ns;
    assert_float_equal(run_value(false), 1.5f, 0);
    assert_int_equal(cache().files, 1);
    assert_int_equal(clg__os_stat(path).mtime_ns, written); /* not built again */
    assert_false(logged("rebuilding"));
    clg__free(path);
    TEST_OK(clg__cache_clear("programs", ".bin"));
    assert_int_equal(cache().files, 0);
}

static void no_cache_writes_nothing(void **state)
{
    (void)state;
    assert_float_equal(run_value(true), 1.5f, 0);
    assert_int_equal(cache().files, 0);
}

/* One variant after the other until a line says so; another run has all of them on disk. */
static uint32_t build_until_told(uint32_t most)
{
    clg_rt *rt = test_rt_open_with(&(clg_rt_options){ .no_cache = false });
    uint32_t made = 0, kernels = 0;
    double seconds = 0.0, start = clg__os_now_s();
    while (made < most && !logged("building kernels for this device (first run only)")) {
        char option[32];
        clg_kernel *k = NULL;
        snprintf(option, sizeof option, "-DVARIANT=%u", made++);
        assert_false(clg__rt_took_builds(rt, &kernels, &seconds));
        TEST_OK(clg__kernel_get(rt, "value", "value", option, &k));
    }
    double took = clg__os_now_s() - start;
    if (logged("building")) {
        assert_true(clg__rt_took_builds(rt, &kernels, &seconds));
        assert_int_equal(kernels, made);
        assert_true(seconds > 2.0 && seconds <= took);
    }
    assert_false(clg__rt_took_builds(rt, &kernels, &seconds)); /* told once */
    clg__rt_close(&rt);
    return made;
}

static void a_start_that_builds_for_long_says_so_once(void **state)
{
    (void)state;
    uint32_t made = build_until_told(2000);
    assert_true(made < 2000);
    clg__str_free(&fix.log);
    fix.log = (clg_str){ 0 };
    assert_int_equal(build_until_told(made), made);
    assert_false(logged("building"));
}

static void a_changed_include_makes_another_program(void **state)
{
    (void)state;
    assert_float_equal(run_value(false), 1.5f, 0);
    write_kernel("number.clh", "#define NUMBER 2.5f\n");
    assert_float_equal(run_value(false), 2.5f, 0);
    assert_int_equal(cache().files, 2);
}

/* Damage: 0 cut in half, 1 a byte of the binary, 2 a byte of the key, 3 empty, 4 only a head,
 * 5 a byte of the head. */
static void damage(const char *path, int how)
{
    uint8_t *data = NULL;
    size_t n = 0;
    TEST_OK(clg__os_read_file(path, 1u << 28, &data, &n));
    assert_true(n > 200);
    data[how == 1 ? n - 20 : how == 2 ? 60 : how == 5 ? 17 : 0] ^= how == 0 ? 0 : 0x40;
    size_t keep = how == 0 ? n / 2 : how == 3 ? 0 : how == 4 ? 40 : n;
    TEST_OK(clg__os_write_atomic(path, data, keep));
    clg__free(data);
}

static void a_damaged_entry_is_rebuilt_never_trusted(void **state)
{
    (void)state;
    assert_float_equal(run_value(false), 1.5f, 0);
    char *path = entry_path();
    uint64_t size = clg__os_stat(path).size;
    for (int how = 0; how < 6; how++) {
        damage(path, how);
        clg__str_free(&fix.log);
        assert_float_equal(run_value(false), 1.5f, 0);
        assert_true(logged("is damaged or of another program, rebuilding"));
        assert_int_equal(clg__os_stat(path).size, size); /* whole again */
    }
    clg__free(path);
}

/* An entry of another program under this program's name: the key text inside gives it away. */
static void an_entry_with_another_key_is_not_used(void **state)
{
    (void)state;
    assert_float_equal(run_value(false), 1.5f, 0);
    char *mine = entry_path();
    uint8_t *data = NULL;
    size_t n = 0;
    TEST_OK(clg__os_read_file(mine, 1u << 28, &data, &n));
    TEST_OK(clg__cache_clear("programs", ".bin"));
    write_kernel("number.clh", "#define NUMBER 9.5f\n");
    assert_float_equal(run_value(false), 9.5f, 0);
    char *other = entry_path();
    TEST_OK(clg__os_write_atomic(other, data, n));
    assert_float_equal(run_value(false), 9.5f, 0);
    clg__free(data);
    clg__free(mine);
    clg__free(other);
}

static void a_cache_that_cannot_be_written_is_only_logged(void **state)
{
    (void)state;
    char *file = our_cache(); /* a file where the folder should be */
    TEST_OK(clg__os_write_atomic(file, "x", 1));
    clg__free(file);
    assert_float_equal(run_value(false), 1.5f, 0);
    assert_true(logged("program cache: not written"));
}

static void a_build_error_shows_the_source_line(void **state)
{
    (void)state;
    clg_rt *rt = test_rt_open();
    clg_kernel *k = NULL;
    write_kernel("bad.cl", "#include \"number.clh\"\n"
                           "__kernel void bad(__global float *y)\n"
                           "{\n"
                           "    y[0] = NUMBER;\n"
                           "    y[1] = no_such_thing;\n"
                           "}\n");
    assert_int_equal(clg__kernel_get(rt, "bad", "bad", "", &k), CLG_E_OPENCL);
    assert_null(k);
    assert_non_null(strstr(clg_message(), "kernel file bad.cl does not build"));
    assert_non_null(strstr(clg_message(), "no_such_thing"));
    assert_true(logged(">     5 |     y[1] = no_such_thing;"));
    assert_true(logged("      4 |     y[0] = NUMBER;"));
    write_kernel("number.clh", "#define A 1\n#define NUMBER (also_missing)\nint f(void { }\n");
    clg__str_free(&fix.log);
    assert_int_equal(clg__kernel_get(rt, "bad", "bad", "", &k), CLG_E_OPENCL);
    assert_true(logged(">     3 | int f(void { }")); /* a line of the included file */
    clg__rt_close(&rt);
}

static void missing_files_and_kernels_are_named(void **state)
{
    (void)state;
    clg_rt *rt = test_rt_open();
    clg_kernel *k = NULL;
    assert_int_equal(clg__kernel_get(rt, "absent", "x", "", &k), CLG_E_IO);
    assert_non_null(strstr(clg_message(), "absent.cl"));
    assert_int_equal(clg__kernel_get(rt, "value", "nothing", "", &k), CLG_E_OPENCL);
    assert_non_null(strstr(clg_message(), "kernel nothing of value.cl: CL_INVALID_KERNEL_NAME"));
    clg__rt_close(&rt);
    unsetenv("CLGAN_CL_DIR");
    rt = test_rt_open();
    assert_int_equal(clg__kernel_get(rt, "absent", "x", "", &k), CLG_E_INTERNAL);
    assert_non_null(strstr(clg_message(), "absent.cl is not in the program"));
    clg__rt_close(&rt);
}

static void out_of_host_memory_while_building_is_clean(void **state)
{
    (void)state;
    clg_rt *rt = test_rt_open_with(&(clg_rt_options){ .no_cache = true });
    clg_kernel *k = NULL;
    int failures = 0;
    for (long n = 1; n < 100; n++) {
        clg__alloc_fail(n, true);
        int status = clg__kernel_get(rt, "value", "value", "", &k);
        clg__alloc_fail(0, false);
        if (status == CLG_OK) {
            break;
        }
        assert_int_equal(status, CLG_E_MEMORY);
        assert_null(k);
        failures++;
    }
    assert_true(failures >= 5 && failures < 50);
    clg__rt_close(&rt);
}

#define UNIT(f) cmocka_unit_test_setup_teardown(f, open_test, close_test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(a_program_is_cached_and_the_entry_is_used),
        UNIT(no_cache_writes_nothing),
        UNIT(a_start_that_builds_for_long_says_so_once),
        UNIT(a_changed_include_makes_another_program),
        UNIT(a_damaged_entry_is_rebuilt_never_trusted),
        UNIT(an_entry_with_another_key_is_not_used),
        UNIT(a_cache_that_cannot_be_written_is_only_logged),
        UNIT(a_build_error_shows_the_source_line),
        UNIT(missing_files_and_kernels_are_named),
        UNIT(out_of_host_memory_while_building_is_clean),
    };
    return cmocka_run_group_tests(tests, test_cache_open, test_cache_close);
}
