/* Rates of kernels on disk: a warm start launches without waiting to measure. drivers: pocl */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cache.h"
#include "base/mem.h"
#include "base/os.h"
#include "rt/rt_internal.h"
#include "support/rt_support.h"

/* Runs one kernel a few times with a claim of `flops`; -> measurements made in this run. */
static uint64_t measure(double flops, double *rate)
{
    clg_rt *rt = test_rt_open();
    clg_kernel *k = NULL;
    clg_tensor y = test_buffer(rt, CLG_F32, 16 * 64);
    TEST_OK(clg__kernel_get(rt, "peak", "peak_fma_cpu", "", &k));
    uint64_t before = k->measurements;
    clg_grid grid = clg__grid(1, 64, 0, 0);
    grid.flops = flops;
    for (int i = 0; i < 6; i++) {
        TEST_OK(clg__launch(rt, k, grid, CLG_ARGS(CLG_ARG(y), CLG_ARG((uint32_t)1000))));
    }
    TEST_OK(clg__rt_finish(rt));
    uint64_t made = k->measurements - before;
    *rate = k->seconds_per_unit;
    test_release(&y);
    clg__rt_close(&rt);
    return made;
}

static void a_second_run_measures_nothing_and_knows_the_rate(void **state)
{
    (void)state;
    double first = 0.0, second = 0.0;
    clg_cache_info info;
    TEST_OK(clg__cache_clear("tuning", ".txt"));
    assert_int_equal(measure(1e13, &first), CLG_RT_MEASUREMENTS);
    TEST_OK(clg__cache_info("tuning", "rates-", &info));
    assert_int_equal(info.files, 1);
    assert_int_equal(measure(1e13, &second), 0);
    assert_true(first > 0.0 && second > 0.999 * first && second < 1.001 * first);
}

static void a_broken_file_is_as_good_as_none(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "clgan rates 1\nzz", "clgan rates 1\n0123 nan 1\n",
                                       "clgan rates 1\n0123 -1 1\n", "rubbish\n1 1 1\n" };
    double rate = 0.0;
    clg_cache_info info;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char **names = NULL;
        size_t n = 0;
        (void)measure(1e13, &rate);
        TEST_OK(clg__cache_info("tuning", "rates-", &info));
        TEST_OK(clg__os_list(info.dir, &names, &n));
        for (size_t k = 0; k < n; k++) {
            if (strncmp(names[k], "rates-", 6) == 0) {
                char *path = clg__os_join(info.dir, names[k]);
                TEST_OK(clg__os_write_atomic(path, bad[i], strlen(bad[i])));
                clg__free(path);
            }
        }
        clg__os_list_free(&names, n);
        assert_int_equal(measure(1e13, &rate), CLG_RT_MEASUREMENTS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_run_measures_nothing_and_knows_the_rate),
        cmocka_unit_test(a_broken_file_is_as_good_as_none),
    };
    return cmocka_run_group_tests(tests, test_cache_open, test_cache_close);
}
