/* Opening the device under test, and moving float arrays. Which driver is tested is decided by
 * the environment (OCL_ICD_VENDORS, CLGAN_PLATFORM, CLGAN_DEVICE, CLGAN_KERNELS). Any failure here
 * fails the running test with the library's message. */
#ifndef CLG_TESTS_SUPPORT_RT_SUPPORT_H
#define CLG_TESTS_SUPPORT_RT_SUPPORT_H

#include <stddef.h>

#include "base/log.h"
#include "rt/launch.h"
#include "rt/rt.h"

/* Before the first context: pocl's devices have so many cores. Others stay as they are. */
void test_cores(const char *count);

/* A new context on the device under test; the test closes it. */
clg_rt *test_rt_open(void);
clg_rt *test_rt_open_with(const clg_rt_options *opt);

/* One context for the whole group: opened at first use, closed by test_rt_done, which can be the
 * group's teardown: cmocka_run_group_tests(tests, NULL, test_rt_done). */
clg_rt *test_rt(void);
int test_rt_done(void **state);

/* Fails the running test with clg_message() unless status is CLG_OK. */
#define TEST_OK(expr) test_ok((expr), #expr, __FILE__, __LINE__)
void test_ok(int status, const char *what, const char *file, int line);

/* Buffer of `count` elements as a vector. Freed by test_release(&t). */
clg_tensor test_buffer(clg_rt *rt, enum clg_dtype dtype, size_t count);
clg_tensor test_upload(clg_rt *rt, const float *src, size_t count); /* new float buffer */
void test_download(clg_tensor t, float *dst);                       /* whole view */
float *test_download_new(clg_tensor t);                             /* clg__free it */
void test_release(clg_tensor *t);                                   /* destroys the view's buffer */

/* An empty folder of this process's own, removed with what is in it by test_folder_remove. */
char *test_folder(const char *prefix); /* clg__free it */
void test_folder_remove(const char *dir);
/* Group set-up and tear-down: a cache folder of the group's own in place of the one that all tests
 * share. */
int test_cache_open(void **state);
int test_cache_close(void **state);

/* Keeps the last warning: clg__log_set(test_keep_warning, text), text of TEST_WARNING_LEN bytes. */
enum { TEST_WARNING_LEN = 600 };
void test_keep_warning(void *user, enum clg_log_level level, const char *line);

#endif
