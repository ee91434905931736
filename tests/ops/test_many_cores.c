/* Convolutions on a CPU of more cores than Winograd's kernels have pieces of work for at least, against the
 * reference: pocl is told to have 24.
 * drivers: pocl */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/case_runner.h"
#include "support/rt_support.h"

static void convolutions_equal_the_reference(void **state)
{
    static const char *const lines[] = {
        "conv2d fwd n=40 h=16 w=16 c=16 k=32 r=4 s=4 stride=2 pad=1 bias=1 act=2 slope=0.2 algo=1",
        "conv2d bwd_data n=40 h=16 w=16 c=16 k=32 r=4 s=4 stride=2 pad=1 algo=1",
        "conv2d bwd_weight n=40 h=16 w=16 c=16 k=32 r=4 s=4 stride=2 pad=1 algo=1",
        "conv2d fwd n=6 h=45 w=46 c=16 k=16 r=3 s=3 stride=1 pad=1 algo=2",
        "conv2d bwd_data n=6 h=45 w=46 c=16 k=16 r=3 s=3 stride=1 pad=1 algo=2",
        "conv2d fwd n=40 h=16 w=16 c=16 k=32 r=1 s=1",
    };
    (void)state;
    clg_ops ops = { .rt = test_rt_open() };
    assert_int_equal(clg__rt_device(ops.rt)->compute_units, 24);
    TEST_OK(clg__blas_open(&ops.blas, ops.rt, &(clg_blas_options){ 0 }));
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        clg_case_result r;
        TEST_OK(clg__case_run(&ops, clg__op_find("conv2d"), lines[i], &r));
        print_message("%s: %.2f of the tolerance\n", lines[i], r.worst);
    }
    clg__blas_close(&ops.blas);
    clg__rt_close(&ops.rt);
}

int main(void)
{
    test_cores("24");
    const struct CMUnitTest tests[] = { cmocka_unit_test(convolutions_equal_the_reference) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
