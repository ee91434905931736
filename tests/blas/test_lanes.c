/* Which way the GPU family's tiles multiply: the environment's words, the trial, the record, and on
 * devices with sub-groups the measurement. drivers: pocl */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/os.h"
#include "blas/blas_internal.h"
#include "support/rt_support.h"

/* Moves an element of every product after `skip` of them. */
static void corrupt(void *user, const char *backend, float *c, size_t n)
{
    int *skip = user;
    (void)backend;
    c[n / 2 + 1] += (*skip)-- <= 0 ? 1.0f : 0.0f;
}

static enum clg_multiply open_as(const char *wish, int family, bool tune)
{
    enum clg_multiply how;
    clg_blas *blas = NULL;
    clg_rt *rt = test_rt_open_with(&(clg_rt_options){ .family = family });
    (void)(wish != NULL ? setenv("CLGAN_SUBGROUPS", wish, 1) : unsetenv("CLGAN_SUBGROUPS"));
    TEST_OK(clg__blas_open(&blas, rt,
                           &(clg_blas_options){ .choice = CLG_GEMM_BUILTIN, .tune = tune }));
    how = clg__blas_multiply(blas);
    clg__blas_close(&blas);
    clg__rt_close(&rt);
    return how;
}

static void the_environment_decides(void **state)
{
    (void)state;
    const clg_device_info *d = clg__rt_device(test_rt());
    assert_int_equal(open_as("off", CLG_FAMILY_GPU, true), CLG_MULTIPLY_PLAIN);
    assert_int_equal(open_as("8", CLG_FAMILY_CPU, true), CLG_MULTIPLY_PLAIN);
    assert_int_equal(open_as("8", CLG_FAMILY_GPU, false),
                     d->lanes8 ? CLG_MULTIPLY_LANES8 : CLG_MULTIPLY_LANES8_PORTABLE);
    assert_int_equal(open_as("16", CLG_FAMILY_GPU, false),
                     d->lanes16 ? CLG_MULTIPLY_LANES16 : CLG_MULTIPLY_LANES16_PORTABLE);
}

static void a_wish_that_cannot_be_is_an_error(void **state)
{
    (void)state;
    clg_blas *blas = NULL;
    const clg_blas_options opt = { .choice = CLG_GEMM_BUILTIN };
    clg_rt *rt = test_rt_open_with(&(clg_rt_options){ .family = CLG_FAMILY_GPU });
    setenv("CLGAN_SUBGROUPS", "32", 1);
    assert_int_equal(clg__blas_open(&blas, rt, &opt), CLG_E_USAGE);
    assert_string_equal(clg_message(), "environment CLGAN_SUBGROUPS is '32'");
    assert_string_equal(clg_hint(), "it may be off, 8 or 16");
    setenv("CLGAN_SUBGROUPS", "8", 1);
    for (int skip = 0; skip < 3; skip++) { /* the trial's products */
        int left = skip;
        assert_int_equal(clg__blas_open_with(&blas, rt, &opt, corrupt, &left), CLG_E_DEVICE);
        assert_null(blas);
        assert_non_null(strstr(clg_message(), "no sub-groups on "));
        assert_non_null(strstr(clg_message(), "self-check"));
    }
    clg__rt_close(&rt);
}

/* Where there are sub-groups they are timed once; elsewhere nothing is kept. */
static void a_device_is_measured_once(void **state)
{
    (void)state;
    const clg_device_info *d = clg__rt_device(test_rt());
    const bool offered = d->lanes8 || d->lanes16;
    clg_tuning t = { 0 };
    assert_int_equal(open_as(NULL, CLG_FAMILY_GPU, false), CLG_MULTIPLY_PLAIN);
    const enum clg_multiply how = open_as(NULL, CLG_FAMILY_GPU, true);
    assert_int_equal(clg__tuning_read(d, &t), offered);
    assert_int_equal(t.tiles_known, offered);
    assert_int_equal(t.tiles, how);
    assert_true(clg__lanes_offered(d, how));
    if (offered) { /* what the record says is not measured again */
        t.tiles = d->lanes8 ? CLG_MULTIPLY_LANES8 : CLG_MULTIPLY_LANES16;
        TEST_OK(clg__tuning_write(d, &t));
        assert_int_equal(open_as(NULL, CLG_FAMILY_GPU, true), t.tiles);
    }
}

static void a_record_keeps_the_way(void **state)
{
    (void)state;
    static const enum clg_multiply ways[] = { CLG_MULTIPLY_PLAIN, CLG_MULTIPLY_LANES8,
                                              CLG_MULTIPLY_LANES16 };
    char path[1200], warned[TEST_WARNING_LEN] = "";
    clg_device_info d = *clg__rt_device(test_rt());
    snprintf(d.name, sizeof d.name, "test device %.17g", clg__os_wall_s());
    d.lanes8 = d.lanes16 = true;
    clg_tuning t = clg__tuning_fixed(&d), back;
    TEST_OK(clg__tuning_path(&d, path, sizeof path));
    TEST_OK(clg__tuning_write(&d, &t));
    assert_true(clg__tuning_read(&d, &back) && !back.tiles_known);
    t.tiles_known = true;
    for (int i = 0; i < 3; i++) {
        t.tiles = ways[i];
        TEST_OK(clg__tuning_write(&d, &t));
        assert_true(clg__tuning_read(&d, &back) && back.tiles_known);
        assert_int_equal(back.tiles, ways[i]);
    }
    d.lanes16 = false;
    clg__log_set(test_keep_warning, warned);
    assert_false(clg__tuning_read(&d, &back));
    clg__log_set(NULL, NULL);
    assert_non_null(strstr(warned, "cannot have"));
    TEST_OK(clg__os_remove(path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_decides),
        cmocka_unit_test(a_wish_that_cannot_be_is_an_error),
        cmocka_unit_test_setup_teardown(a_device_is_measured_once, test_cache_open,
                                        test_cache_close),
        cmocka_unit_test(a_record_keeps_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, test_rt_done);
}
