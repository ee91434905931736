/* The choice of the back end: the start-up check notices wrong results, a broken tuning record is
 * ignored, a good one is used. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/os.h"
#include "blas/blas_internal.h"
#include "support/rt_support.h"

/* ---- wrong results ---- */

typedef struct fault {
    const char *backend; /* whose results are changed; NULL: all */
    float by;            /* added to one element, after `skip` products */
    int skip;
} fault;

static void corrupt(void *user, const char *backend, float *c, size_t n)
{
    fault *f = user;
    if ((f->backend == NULL || strcmp(f->backend, backend) == 0) && f->skip-- <= 0) {
        c[n / 2 + 1] += f->by;
    }
}

static char warned[TEST_WARNING_LEN];

static int open_with(clg_blas **blas, int choice, fault *f)
{
    warned[0] = '\0';
    clg__log_set(test_keep_warning, warned);
    int status = clg__blas_open_with(blas, test_rt(), &(clg_blas_options){ .choice = choice },
                                     corrupt, f);
    clg__log_set(NULL, NULL);
    return status;
}

static void right_results_pass(void **state)
{
    (void)state;
    clg_blas *blas = NULL;
    fault none = { .backend = "nobody" };
    test_ok(open_with(&blas, CLG_GEMM_BUILTIN, &none), "builtin", __FILE__, __LINE__);
    assert_string_equal(clg__blas_name(blas), "builtin");
    clg__blas_close(&blas);
    test_ok(open_with(&blas, CLG_GEMM_CLBLAST, &none), "clblast", __FILE__, __LINE__);
    assert_string_equal(clg__blas_name(blas), "clblast");
    assert_string_equal(warned, "");
    clg__blas_close(&blas);
    assert_null(blas);
}

static void one_wrong_element_of_a_forced_backend_is_an_error(void **state)
{
    static const char *const names[] = { "", "clblast", "builtin" };
    (void)state;
    for (int choice = CLG_GEMM_CLBLAST; choice <= CLG_GEMM_BUILTIN; choice++) {
        for (int skip = 0; skip < 3; skip++) {
            clg_blas *blas = NULL;
            fault f = { .backend = names[choice], .by = skip == 2 ? NAN : 1, .skip = skip };
            assert_int_equal(open_with(&blas, choice, &f), CLG_E_DEVICE);
            assert_null(blas);
            assert_non_null(strstr(clg_message(), names[choice]));
            assert_non_null(strstr(clg_message(), "self-check"));
            assert_true(clg_hint()[0] != '\0');
        }
    }
}

static void auto_takes_the_other_backend_and_warns(void **state)
{
    (void)state;
    clg_blas *blas = NULL;
    fault none = { .backend = "nobody" };
    test_ok(open_with(&blas, CLG_GEMM_AUTO, &none), "auto", __FILE__, __LINE__);
    const char *usual = clg__blas_name(blas); /* static text */
    clg__blas_close(&blas);
    fault f = { .backend = usual, .by = 1 };
    test_ok(open_with(&blas, CLG_GEMM_AUTO, &f), "auto with a fault", __FILE__, __LINE__);
    assert_string_not_equal(clg__blas_name(blas), usual);
    assert_non_null(strstr(warned, usual));
    clg__blas_close(&blas);
}

static void nothing_is_opened_when_both_backends_are_wrong(void **state)
{
    (void)state;
    clg_blas *blas = NULL;
    fault f = { .by = -1 };
    assert_int_equal(open_with(&blas, CLG_GEMM_AUTO, &f), CLG_E_DEVICE);
    assert_null(blas);
    assert_non_null(strstr(clg_message(), "no matrix product works"));
}

/* ---- the record ---- */

static clg_device_info test_device(void)
{
    clg_device_info d = *clg__rt_device(test_rt());
    /* A device of our own, so that no real record is touched. */
    snprintf(d.name, sizeof d.name, "test device %.17g", clg__os_wall_s());
    return d;
}

static clg_tuning sample(const clg_device_info *d)
{
    clg_tuning t = clg__tuning_fixed(d);
    clg_xgemm x = { .set = true,
                    .value = { 0, 1, 32, 2, 1, 1, 32, 1, 1, 8, 0, 0, 0, 0, 16, 8 },
                    .min_indirect = 77 };
    t.xgemm = x;
    t.choice = CLG_GEMM_CLBLAST;
    t.clblast_gflop_per_s = 12.5;
    return t;
}

static void a_record_comes_back_as_it_was_written(void **state)
{
    (void)state;
    clg_device_info d = test_device();
    clg_tuning t = sample(&d), back;
    char path[1200];
    TEST_OK(clg__tuning_path(&d, path, sizeof path));
    assert_false(clg__tuning_read(&d, &back));
    TEST_OK(clg__tuning_write(&d, &t));
    assert_true(clg__tuning_read(&d, &back));
    assert_int_equal(back.choice, t.choice);
    assert_true(back.xgemm.set);
    assert_memory_equal(back.xgemm.value, t.xgemm.value, sizeof t.xgemm.value);
    assert_int_equal(back.xgemm.min_indirect, 77);
    assert_float_equal(back.clblast_gflop_per_s, 12.5, 1e-9);
    t.xgemm = (clg_xgemm){ 0 };
    t.choice = CLG_GEMM_AUTO;
    TEST_OK(clg__tuning_write(&d, &t));
    assert_true(clg__tuning_read(&d, &back));
    assert_false(back.xgemm.set);
    assert_int_equal(back.choice, CLG_GEMM_AUTO);
    TEST_OK(clg__os_remove(path));
}

static void a_broken_record_is_ignored_with_a_warning(void **state)
{
    (void)state;
    clg_device_info d = test_device();
    clg_tuning t = sample(&d), back;
    char path[1200];
    uint8_t *good = NULL;
    size_t size = 0;
    TEST_OK(clg__tuning_path(&d, path, sizeof path));
    TEST_OK(clg__tuning_write(&d, &t));
    TEST_OK(clg__os_read_file(path, 8192, &good, &size));
    clg__log_set(test_keep_warning, warned);
    for (size_t n = 0; n <= 2 * size; n++) { /* every length, every byte */
        uint8_t *bad = clg__alloc(size + 1, 1);
        memcpy(bad, good, size);
        size_t len = n < size ? n : size;
        if (n > size) {
            bad[n - size - 1] ^= 1;
        } else if (n == size) {
            clg__free(bad);
            continue;
        }
        warned[0] = '\0';
        FILE *f = fopen(path, "wb"); /* not through the library: it has to be wrong */
        assert_non_null(f);
        assert_int_equal(fwrite(bad, 1, len, f), len);
        assert_int_equal(fclose(f), 0);
        assert_false(clg__tuning_read(&d, &back));
        assert_non_null(strstr(warned, "ignored"));
        clg__free(bad);
    }
    /* Well-formed, but its tile does not divide. */
    t.xgemm.value[CLG_XGEMM_MWG] = 24;
    TEST_OK(clg__tuning_write(&d, &t));
    assert_false(clg__tuning_read(&d, &back));
    assert_non_null(strstr(warned, "cannot have"));
    clg__log_set(NULL, NULL);
    clg__free(good);
    TEST_OK(clg__os_remove(path));
}

static void every_shipped_parameter_set_is_valid(void **state)
{
    (void)state;
    clg_device_info d = *clg__rt_device(test_rt());
    clg_tuning t = clg__tuning_fixed(&d);
    assert_true(!t.xgemm.set || clg__xgemm_valid(&t.xgemm, &d));
    d.type = CLG_DEVICE_GPU;
    assert_int_equal(clg__tuning_fixed(&d).choice, CLG_GEMM_CLBLAST);
    d.type = CLG_DEVICE_CPU;
    assert_int_equal(clg__tuning_fixed(&d).choice, CLG_GEMM_BUILTIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_results_pass),
        cmocka_unit_test(one_wrong_element_of_a_forced_backend_is_an_error),
        cmocka_unit_test(auto_takes_the_other_backend_and_warns),
        cmocka_unit_test(nothing_is_opened_when_both_backends_are_wrong),
        cmocka_unit_test(a_record_comes_back_as_it_was_written),
        cmocka_unit_test(a_broken_record_is_ignored_with_a_warning),
        cmocka_unit_test(every_shipped_parameter_set_is_valid),
    };
    return cmocka_run_group_tests(tests, NULL, test_rt_done);
}
