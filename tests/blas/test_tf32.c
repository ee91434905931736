/* Opening products of tf32: where there are no tensor cores they are refused in one line, and the
 * trial before they are used notices results that are a little off. drivers: pocl */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "blas/blas_internal.h"
#include "support/rt_support.h"

/* Leaves the first `skip` products as they are, then moves one element. */
typedef struct fault {
    int skip;
    float by;
} fault;

static void corrupt(void *user, const char *backend, float *c, size_t n)
{
    fault *f = user;
    (void)backend;
    c[n / 2 + 1] += f->skip-- == 0 ? f->by : 0.0f;
}

static int open_on(clg_rt *rt, const clg_blas_options *opt, fault *f)
{
    clg_blas *blas = NULL;
    int status = clg__blas_open_with(&blas, rt, opt, corrupt, f);
    assert_int_equal(status == CLG_OK, blas != NULL);
    clg__blas_close(&blas);
    return status;
}

static int open_family(int family, const clg_blas_options *opt, fault *f)
{
    clg_rt *rt = test_rt_open_with(&(clg_rt_options){ .family = family });
    int status = open_on(rt, opt, f);
    clg__rt_close(&rt);
    return status;
}

static const clg_blas_options tf32 = { .tf32 = true };
enum { NONE = -1 };

static void a_device_without_tensor_cores_is_refused(void **state)
{
    (void)state;
    fault none = { .skip = NONE };
    unsetenv("CLGAN_MMA");
    for (int family = CLG_FAMILY_CPU; family <= CLG_FAMILY_GPU; family++) {
        assert_int_equal(open_family(family, &tf32, &none), CLG_E_DEVICE);
        assert_non_null(strstr(clg_message(), "--math tf32 needs an NVIDIA GPU of compute "
                                              "capability 8.0 or later; "));
        assert_string_equal(clg_hint(), "use --math fast");
    }
    setenv("CLGAN_MMA", "portable", 1);
    assert_int_equal(open_family(CLG_FAMILY_CPU, &tf32, &none), CLG_E_USAGE);
    assert_non_null(strstr(clg_message(), "needs the kernels for GPUs"));
    setenv("CLGAN_MMA", "cuda", 1);
    assert_int_equal(open_family(CLG_FAMILY_GPU, &tf32, &none), CLG_E_USAGE);
    assert_string_equal(clg_message(), "environment CLGAN_MMA is 'cuda'");
}

static void clblast_has_none(void **state)
{
    (void)state;
    fault none = { .skip = NONE };
    const clg_blas_options opt = { .choice = CLG_GEMM_CLBLAST, .tf32 = true };
    assert_int_equal(open_family(CLG_FAMILY_GPU, &opt, &none), CLG_E_USAGE);
    assert_string_equal(clg_message(), "runtime.gemm=clblast has no products of tf32");
}

/* The trial is the last product. Operands that are cut, or taken as floats, move its sums by 3e-3.
 */
static void the_trial_notices_what_rounding_otherwise_would_change(void **state)
{
    (void)state;
    fault f = { .skip = 0 };
    clg_rt *rt = test_rt_open_with(&(clg_rt_options){ .family = CLG_FAMILY_GPU });
    setenv("CLGAN_MMA", "portable", 1);
    assert_int_equal(open_on(rt, &tf32, &f), CLG_OK);
    const int products = -f.skip;
    for (int last = 0; last < 2; last++) {
        fault off = { .skip = products - 1 - last, .by = 1e-3f };
        assert_int_equal(open_on(rt, &tf32, &off), CLG_E_DEVICE);
        assert_non_null(strstr(clg_message(), "--math tf32 cannot be used on "));
        assert_non_null(strstr(clg_message(), "self-check"));
        assert_string_equal(clg_hint(), "use --math fast");
    }
    clg__rt_close(&rt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_without_tensor_cores_is_refused),
        cmocka_unit_test(clblast_has_none),
        cmocka_unit_test(the_trial_notices_what_rounding_otherwise_would_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
