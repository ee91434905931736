/* Products and convolutions have the same bits with every tile shape of the GPU family, so it is
 * enough that the case tables compare those that the rule takes with the reference. Sizes that end
 * within a tile, with loads of one and of four neighbours, under a checker of races and bounds.
 * drivers: oclgrind */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/model.h"
#include "base/philox.h"
#include "blas/tile.h"
#include "ops/conv2d.h"
#include "ops/conv_algo.h"
#include "support/rt_support.h"

enum { LEN = 2400 };

/* Two operands, and what a shape leaves in c. */
typedef struct bench {
    clg_ops ops;
    clg_conv_choices choices;
    clg_tensor a, b, c;
    float first[LEN], got[LEN];
} bench;

static int open_bench(void **state)
{
    static bench b;
    const clg_rng_key key = { .seed = 5, .stream = CLG_STREAM_TEST };
    float x[LEN];
    b = (bench){ .choices = { .forced = CLG_CONV_DIRECT } };
    b.ops = (clg_ops){ .rt = test_rt_open_with(&(clg_rt_options){ .family = CLG_FAMILY_GPU }),
                       .conv_choices = &b.choices };
    TEST_OK(clg__blas_open(&b.ops.blas, b.ops.rt,
                           &(clg_blas_options){ .choice = CLG_GEMM_BUILTIN }));
    clg__philox_normal(&key, 0, 1, x, LEN);
    b.a = test_upload(b.ops.rt, x, LEN);
    clg__philox_normal(&key, LEN, 1, x, LEN);
    b.b = test_upload(b.ops.rt, x, LEN);
    b.c = test_buffer(b.ops.rt, CLG_F32, LEN);
    *state = &b;
    return 0;
}

static int close_bench(void **state)
{
    bench *b = *state;
    test_release(&b->a);
    test_release(&b->b);
    test_release(&b->c);
    clg__blas_close(&b->ops.blas);
    clg__rt_close(&b->ops.rt);
    return 0;
}

static void clear_result(bench *b)
{
    for (int i = 0; i < LEN; i++) {
        b->got[i] = NAN;
    }
    TEST_OK(clg__rt_write(b->ops.rt, b->c, b->got));
}

/* What lies behind the result is still NaN in all. */
static void compare_result(bench *b, uint32_t shape)
{
    test_download(b->c, b->got);
    assert_true(b->got[0] == b->got[0]);
    assert_true(b->got[LEN - 1] != b->got[LEN - 1]);
    if (shape == 1) {
        memcpy(b->first, b->got, sizeof b->first);
    }
    assert_memory_equal(b->first, b->got, sizeof b->got);
}

static void product(bench *b, bool ta, bool tb, uint32_t m, uint32_t n, uint32_t k)
{
    clg_gemm g = { .ta = ta, .tb = tb, .m = m, .n = n, .k = k, .alpha = 1.0f, .batch = 1 };
    g.lda = ta ? m : k;
    g.ldb = tb ? k : n;
    g.ldc = n;
    for (g.tile = 1; g.tile <= CLG_TILE_COUNT; g.tile++) {
        clear_result(b);
        TEST_OK(clg__gemm(b->ops.blas, &g, b->a, b->b, b->c, CLG_NO_TENSOR));
        compare_result(b, g.tile);
    }
}

static void products_have_the_same_bits_with_every_shape(void **state)
{
    product(*state, true, true, 37, 21, 19);
    product(*state, false, false, 36, 20, 20);
}

/* One of the passes. */
static void convolve(bench *b, uint32_t c, uint32_t k, int job)
{
    clg_conv g = {
        .n = 2, .h = 7, .w = 6, .c = c, .k = k, .r = 4, .s = 3, .stride = 2, .pad = 1
    };
    TEST_OK(clg__conv_make(&g));
    const clg_tensor x = clg__tensor_view(b->a, 0, 4, g.n, g.h, g.w, g.c);
    const clg_tensor y = clg__tensor_view(b->b, 0, 4, g.n, g.p, g.q, g.k);
    const clg_tensor to_x = clg__tensor_view(b->c, 0, 4, g.n, g.h, g.w, g.c);
    const clg_tensor to_y = clg__tensor_view(b->c, 0, 4, g.n, g.p, g.q, g.k);
    const clg_tensor to_w = clg__tensor_view(b->c, 0, 4, g.r, g.s, g.c, g.k);
    const clg_filter w = { .w = clg__tensor_view(job == CLG_CONV_JOB_UP ? b->a : b->b, 0, 4, g.r,
                                                 g.s, g.c, g.k) };
    const clg_epilogue e = { .act = CLG_ACT_LRELU, .slope = 0.2f };
    for (b->choices.tile = 1; b->choices.tile <= CLG_TILE_COUNT; b->choices.tile++) {
        clear_result(b);
        if (job == CLG_CONV_JOB_DOWN) {
            TEST_OK(clg__conv2d_fwd(&b->ops, &g, x, w, &e, to_y, CLG_NO_TENSOR));
        } else if (job == CLG_CONV_JOB_UP) {
            TEST_OK(clg__conv2d_bwd_data(&b->ops, &g, y, w, NULL, to_x, CLG_NO_TENSOR));
        } else {
            TEST_OK(clg__conv2d_bwd_weight(&b->ops, &g, x, y, to_w, CLG_NO_TENSOR));
        }
        compare_result(b, b->choices.tile);
    }
}

static void convolutions_have_the_same_bits_with_every_shape(void **state)
{
    convolve(*state, 8, 12, CLG_CONV_JOB_DOWN);
    convolve(*state, 8, 12, CLG_CONV_JOB_UP);
    convolve(*state, 8, 12, CLG_CONV_JOB_WGRAD);
    convolve(*state, 5, 7, CLG_CONV_JOB_UP);
}

/* Parts of a map's sums, three or two of each group. */
static void sum(bench *b, const clg_conv *shape, int job, uint32_t rows)
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
    for (b->choices.tile = 1; b->choices.tile <= CLG_TILE_COUNT; b->choices.tile++) {
        clear_result(b);
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
        compare_result(b, b->choices.tile);
        const uint32_t last = half + GROUPS * parts * rows * oc - 1;
        assert_true(b->got[half] == b->got[half] && b->got[last] == b->got[last]);
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
    sum(*state, &along, CLG_CONV_JOB_DOWN, 3);
    sum(*state, &up, CLG_CONV_JOB_UP, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_have_the_same_bits_with_every_shape),
        cmocka_unit_test(convolutions_have_the_same_bits_with_every_shape),
        cmocka_unit_test(sums_have_the_same_bits_with_every_shape),
    };
    return cmocka_run_group_tests(tests, open_bench, close_bench);
}
