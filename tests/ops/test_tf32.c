/* Products and convolutions of tf32: the tiles for tensor cores, by the portable form of
 * cl/mma.clh, against the double-precision reference. Small integers, whose sums are exact, must be
 * equal; of real numbers the error is that of operands of 11 bits, no more and not none. The sizes
 * end within a tile. Not here: the two lines of PTX; oclgrind, which takes minutes for the start-up
 * check. drivers: pocl rusticl */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/model.h"
#include "cli/case_runner.h"
#include "support/rt_support.h"

static int open_ops(void **state)
{
    static clg_ops ops;
    setenv("CLGAN_MMA", "portable", 1);
    ops = (clg_ops){ .rt = test_rt_open_with(&(clg_rt_options){ .family = CLG_FAMILY_GPU }) };
    TEST_OK(clg__blas_open(&ops.blas, ops.rt, &(clg_blas_options){ .tf32 = true }));
    assert_int_equal(clg__blas_multiply(ops.blas), CLG_MULTIPLY_MMA_PORTABLE);
    *state = &ops;
    return 0;
}

static int close_ops(void **state)
{
    clg_ops *ops = *state;
    clg__blas_close(&ops->blas);
    clg__rt_close(&ops->rt);
    return 0;
}

/* llvmpipe runs these kernels by groups of 32 items at most, which is the tile of one warp. */
static const char *shapes_of(const clg_ops *ops, const char *all)
{
    return clg__rt_device(ops->rt)->local_mem_bytes > 32768 ? all : "5";
}

/* Relative L2 differences. */
typedef struct range {
    double least, most;
} range;

/* Runs the lines with each of the shapes ("1 4"). */
static range run(const clg_ops *ops, const char *shapes, const char *const *lines, uint32_t n)
{
    range errors = { .least = 1.0 };
    for (uint32_t i = 0; i < n; i++) {
        for (const char *shape = shapes_of(ops, shapes); *shape != '\0';
             shape += 1 + (shape[1] == ' ')) {
            char line[CLG_CASE_LINE], op[16] = "";
            clg_case_result r;
            snprintf(line, sizeof line, "%s tile=%c", lines[i], *shape);
            assert_int_equal(sscanf(line, "%15s", op), 1);
            TEST_OK(clg__case_run(ops, clg__op_find(op), line, &r));
            print_message("%s: %.2f of the tolerance, relative L2 %.1e\n", line, r.worst,
                          r.worst_rel);
            errors.most = r.worst_rel > errors.most ? r.worst_rel : errors.most;
            errors.least = r.worst_rel < errors.least ? r.worst_rel : errors.least;
        }
    }
    return errors;
}
#define RUN(ops, shapes, lines) run(ops, shapes, lines, sizeof(lines) / sizeof((lines)[0]))

static void small_integers_have_exact_products(void **state)
{
    static const char *const lines[] = {
        "gemm mul m=37 n=43 k=19 ta=1 ints=1 beta=1",
        "gemm mul m=67 n=131 k=67 tb=1 ints=1",
        "gemm mul m=68 n=72 k=36 ints=1 batch=3",
        "gemm mul m=131 n=68 k=600 ta=1 tb=1 ints=1",
    };
    assert_true(RUN(*state, "1 2 3 4 5", lines).most <= 0.0);
}

static void small_integers_have_exact_convolutions(void **state)
{
    static const char *const lines[] = {
        "conv2d fwd n=2 h=6 w=7 c=9 k=37 r=3 s=2 stride=2 pad=1 exact=1",
        "conv2d bwd_data n=3 h=9 w=8 c=37 k=20 r=4 s=4 stride=2 pad=1 exact=1",
        "conv2d bwd_weight n=3 h=9 w=8 c=12 k=36 r=3 s=3 stride=1 pad=1 exact=1",
        "conv2d fwd n=3 h=13 w=10 c=68 k=36 r=3 s=3 stride=2 pad=1 exact=1",
        "conv2d bwd_weight n=16 h=11 w=11 c=26 k=65 r=2 s=2 stride=3 exact=1 store=1",
    };
    assert_true(RUN(*state, "5", lines).most <= 0.0);
}

/* Both roundings to 11 bits make 3e-4 of the size of the result; 0 or 1e-7 would be floats. */
static void real_numbers_err_as_operands_of_11_bits_do(void **state)
{
    static const char *const lines[] = {
        "gemm mul m=37 n=43 k=19",
        "gemm mul m=128 n=132 k=784 tb=1 beta=0.25",
        "conv2d fwd n=2 h=16 w=16 c=64 k=128 r=4 s=4 stride=2 pad=1 bias=1 act=2 slope=0.2",
        "conv2d bwd_data n=2 h=16 w=16 c=64 k=128 r=4 s=4 stride=2 pad=1",
        "conv2d bwd_weight n=5 h=16 w=16 c=64 k=128 r=4 s=4 stride=2 pad=1",
    };
    const range errors = RUN(*state, "5", lines);
    assert_true(errors.least > 1e-4);
    assert_true(errors.most < 5e-4);
}

/* Numbers of 16 bits are tf32 already, so nothing is lost but a float's rounding and the storage's.
 */
static void products_of_stored_halves_lose_nothing(void **state)
{
    static const char *const lines[] = {
        "gemm mul m=37 n=43 k=19 store=1 float_c=1",
        "gemm mul m=67 n=131 k=257 tb=1 store=1 float_c=1",
        "gemm mul m=67 n=131 k=257 ta=1 store=2 float_c=1",
    };
    assert_true(RUN(*state, "5", lines).most < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_integers_have_exact_products),
        cmocka_unit_test(small_integers_have_exact_convolutions),
        cmocka_unit_test(real_numbers_err_as_operands_of_11_bits_do),
        cmocka_unit_test(products_of_stored_halves_lose_nothing),
    };
    return cmocka_run_group_tests(tests, open_ops, close_ops);
}
