/* Products and convolutions have the same bits with sub-groups of 8 and of 16 lanes as without, for
 * tiles of several shapes. On devices that have none lanes tell each other by
 * local memory (cl/gpu_tile_lanes.clh). drivers: pocl rusticl */
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

enum { LEN = 33000, WAYS = 3 };
static const char *const ways[WAYS] = { "off", "8", "16" };

typedef struct lanes_bench {
    tile_bench b;
    clg_blas *blas[WAYS];
} lanes_bench;

static int open_bench(void **state)
{
    static lanes_bench l;
    tile_bench_open(&l.b, LEN);
    for (int i = 0; i < WAYS; i++) {
        setenv("CLGAN_SUBGROUPS", ways[i], 1);
        TEST_OK(clg__blas_open(&l.blas[i], l.b.ops.rt,
                               &(clg_blas_options){ .choice = CLG_GEMM_BUILTIN }));
        const enum clg_multiply how = clg__blas_multiply(l.blas[i]);
        assert_int_equal(how == CLG_MULTIPLY_PLAIN, i == 0);
        assert_true(i == 0 || how != clg__blas_multiply(l.blas[i - 1]));
    }
    *state = &l;
    return 0;
}

static int close_bench(void **state)
{
    lanes_bench *l = *state;
    for (int i = 0; i < WAYS; i++) {
        clg__blas_close(&l->blas[i]);
    }
    tile_bench_close(&l->b);
    return 0;
}

/* Does the device run that shape so? The smallest, which it may get instead, has no sub-groups. */
static void assert_runs(const clg_rt *rt, uint32_t shape, enum clg_multiply how, bool wide)
{
    const clg_tile_job job = {
        .rows = 128, .cols = 128, .depth = 64, .count = 1, .forced = shape, .multiply = how
    };
    clg_tile order[CLG_TILE_COUNT];
    (void)clg__tile_order(clg__rt_device(rt), &job, order);
    assert_int_equal(order[0].multiply, wide ? how : CLG_MULTIPLY_PLAIN);
}

/* The shapes by their rows and columns. */
static const struct {
    uint32_t rows, cols;
} shapes[] = { { 128, 64 }, { 64, 64 }, { 32, 32 } }; /* the last: of 8 lanes alone */
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void products(void **state)
{
    lanes_bench *l = *state;
    clg_gemm g = { .m = 131, .n = 140, .k = 19, .alpha = 1.0f, .batch = 1, .lda = 19, .ldb = 140,
                   .ldc = 140 };
    for (int s = 0; s < SHAPES; s++) {
        g.tile = clg__tile_find(shapes[s].rows, shapes[s].cols);
        for (int i = 0; i < WAYS; i++) {
            assert_runs(l->b.ops.rt, g.tile, clg__blas_multiply(l->blas[i]),
                        shapes[s].cols >= 4 * (uint32_t)atoi(ways[i]));
            tile_bench_clear(&l->b);
            TEST_OK(clg__gemm(l->blas[i], &g, l->b.a, l->b.b, l->b.c, CLG_NO_TENSOR));
            tile_bench_compare(&l->b, i == 0);
        }
    }
}

static void convolutions(void **state)
{
    lanes_bench *l = *state;
    clg_conv g = {
        .n = 3, .h = 11, .w = 11, .c = 65, .k = 36, .r = 3, .s = 3, .stride = 2, .pad = 1
    };
    TEST_OK(clg__conv_make(&g));
    l->b.choices.tile = clg__tile_find(64, 64);
    for (int job = 0; job < CLG_CONV_JOB_COUNT; job++) {
        for (int i = 0; i < WAYS; i++) {
            tile_bench_clear(&l->b);
            l->b.ops.blas = l->blas[i];
            tile_bench_convolve(&l->b, &g, (enum clg_conv_job)job, NULL);
            tile_bench_compare(&l->b, i == 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products),
        cmocka_unit_test(convolutions),
    };
    return cmocka_run_group_tests(tests, open_bench, close_bench);
}
