/* Products and convolutions have the same bits with every tile shape of the GPU family, so it is
 * enough that the case tables compare those that the rule takes with the reference. Sizes that end
 * within a tile, with loads of one and of four neighbours, under a checker of races and bounds.
 * drivers: oclgrind */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/model.h"
#include "blas/tile.h"
#include "support/rt_support.h"
#include "support/tile_support.h"

enum { LEN = 2400, LARGE = 3 /* shapes of the most items */ };

/* With the sub-groups of CLGAN_SUBGROUPS. */
static void open_blas(tile_bench *b, const char *sub_groups)
{
    setenv("CLGAN_SUBGROUPS", sub_groups, 1);
    clg__blas_close(&b->ops.blas);
    TEST_OK(clg__blas_open(&b->ops.blas, b->ops.rt,
                           &(clg_blas_options){ .choice = CLG_GEMM_BUILTIN }));
}

static int open_bench(void **state)
{
    static tile_bench b;
    tile_bench_open(&b, LEN);
    open_blas(&b, "off");
    *state = &b;
    return 0;
}

static int close_bench(void **state)
{
    tile_bench *b = *state;
    clg__blas_close(&b->ops.blas);
    tile_bench_close(b);
    return 0;
}

static void product(tile_bench *b, bool ta, bool tb, uint32_t m, uint32_t n, uint32_t k)
{
    clg_gemm g = { .ta = ta, .tb = tb, .m = m, .n = n, .k = k, .alpha = 1.0f, .batch = 1 };
    g.lda = ta ? m : k;
    g.ldb = tb ? k : n;
    g.ldc = n;
    for (g.tile = 1; g.tile <= CLG_TILE_COUNT; g.tile++) {
        tile_bench_clear(b);
        TEST_OK(clg__gemm(b->ops.blas, &g, b->a, b->b, b->c, CLG_NO_TENSOR));
        tile_bench_compare(b, g.tile == 1);
    }
}

static void products_have_the_same_bits_with_every_shape(void **state)
{
    product(*state, true, true, 37, 21, 19);
    product(*state, false, false, 36, 20, 20);
}

static void convolve(tile_bench *b, uint32_t c, uint32_t k, enum clg_conv_job job)
{
    const clg_epilogue e = { .act = CLG_ACT_LRELU, .slope = 0.2f };
    clg_conv g = {
        .n = 2, .h = 7, .w = 6, .c = c, .k = k, .r = 4, .s = 3, .stride = 2, .pad = 1
    };
    TEST_OK(clg__conv_make(&g));
    for (b->choices.tile = 1; b->choices.tile <= CLG_TILE_COUNT; b->choices.tile++) {
        tile_bench_clear(b);
        tile_bench_convolve(b, &g, job, &e);
        tile_bench_compare(b, b->choices.tile == 1);
    }
}

static void convolutions_have_the_same_bits_with_every_shape(void **state)
{
    convolve(*state, 8, 12, CLG_CONV_JOB_DOWN);
    convolve(*state, 8, 12, CLG_CONV_JOB_UP);
    convolve(*state, 8, 12, CLG_CONV_JOB_WGRAD);
    convolve(*state, 5, 7, CLG_CONV_JOB_UP);
}

/* Parts of a map's sums, three or two of each group; with the first `tiles` shapes. */
static void sum(tile_bench *b, const clg_conv *shape, int job, uint32_t rows, uint32_t tiles)
{
    enum { GROUPS = 2 };
    clg_conv g = *shape;
    TEST_OK(clg__conv_make(&g));
    const enum clg_pass pass = job == CLG_CONV_JOB_DOWN ? CLG_FWD : CLG_BWD_DATA;
    const uint32_t parts = clg__conv2d_parts(&b->ops, &g, pass, GROUPS);
    const uint32_t oc = job == CLG_CONV_JOB_DOWN ? g.k : g.c, half = LEN / 2;
    const clg_tensor x = clg__tensor_view(b->a, 0, 4, g.n, g.h, g.w, g.c);
    const clg_tensor y = clg__tensor_view(b->b, 0, 4, g.n, g.p, g.q, g.k);
    const clg_filter w = { .w = clg__tensor_view(b->b, 0, 4, g.r, g.s, g.c, g.k) };
    const clg_sums sums = { .parts = clg__tensor_vec(b->c, half, GROUPS * parts * rows * oc),
                            .groups = GROUPS };
    assert_in_range(parts, 2, half / (GROUPS * rows * oc));
    for (b->choices.tile = 1; b->choices.tile <= tiles; b->choices.tile++) {
        tile_bench_clear(b);
        if (job == CLG_CONV_JOB_DOWN) {
            const clg_epilogue e = { .sums = sums };
            TEST_OK(clg__conv2d_fwd(&b->ops, &g, x, w, &e,
                                    clg__tensor_view(b->c, 0, 4, g.n, g.p, g.q, g.k),
                                    CLG_NO_TENSOR));
        } else {
            clg_sums back = sums;
            back.x = x;
            back.mean = clg__tensor_vec(b->a, 7, GROUPS * oc);
            back.invstd = clg__tensor_vec(b->b, 3, GROUPS * oc);
            back.weight = clg__tensor_vec(b->b, 50, oc);
            back.bias = clg__tensor_vec(b->b, 70, oc);
            back.act = CLG_ACT_LRELU;
            back.slope = 0.2f;
            TEST_OK(clg__conv2d_bwd_data(&b->ops, &g, y, w, &back,
                                         clg__tensor_view(b->c, 0, 4, g.n, g.h, g.w, g.c),
                                         CLG_NO_TENSOR));
        }
        tile_bench_compare(b, b->choices.tile == 1);
        const uint32_t last = half + GROUPS * parts * rows * oc - 1;
        assert_true(b->first[half] == b->first[half] && b->first[last] == b->first[last]);
    }
}

static void sums_have_the_same_bits_with_every_shape(void **state)
{
    const clg_conv along = {
        .n = 4, .h = 5, .w = 6, .c = 2, .k = 5, .r = 3, .s = 3, .stride = 1, .pad = 1
    };
    const clg_conv up = {
        .n = 4, .h = 9, .w = 9, .c = 3, .k = 4, .r = 4, .s = 4, .stride = 2, .pad = 1
    };
    sum(*state, &along, CLG_CONV_JOB_DOWN, 3, CLG_TILE_COUNT);
    sum(*state, &up, CLG_CONV_JOB_UP, 2, CLG_TILE_COUNT);
}

/* Whose items are of other sums, and more. The smallest depth, which leaves the least local memory. */
static void sums_stay_within_the_tiles_of_sub_groups(void **state)
{
    tile_bench *b = *state;
    const clg_conv along = {
        .n = 4, .h = 5, .w = 6, .c = 2, .k = 5, .r = 3, .s = 3, .stride = 1, .pad = 1
    };
    open_blas(b, "8");
    sum(b, &along, CLG_CONV_JOB_DOWN, 3, LARGE);
    open_blas(b, "16");
    sum(b, &along, CLG_CONV_JOB_DOWN, 3, LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_have_the_same_bits_with_every_shape),
        cmocka_unit_test(convolutions_have_the_same_bits_with_every_shape),
        cmocka_unit_test(sums_have_the_same_bits_with_every_shape),
        cmocka_unit_test(sums_stay_within_the_tiles_of_sub_groups),
    };
    return cmocka_run_group_tests(tests, open_bench, close_bench);
}
