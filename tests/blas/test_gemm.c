/* Matrix products of both back ends against a plain loop in double: every way in which operands can
 * lie, odd sizes, strided batches, alpha and beta, the fused end, equal bits from run to run. First
 * with the device's own kernel family (or CLGAN_KERNELS'), then with the GPU family. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/model.h"
#include "base/os.h"
#include "base/philox.h"
#include "blas/gemm.h"
#include "support/rt_support.h"

static const int choices[] = { CLG_GEMM_BUILTIN, CLG_GEMM_CLBLAST };

static clg_blas *open_blas(int choice)
{
    clg_blas *blas = NULL;
    TEST_OK(clg__blas_open(&blas, test_rt(), &(clg_blas_options){ .choice = choice }));
    return blas;
}

/* Host and device side of one product. Matrices lie inside longer rows and behind other elements,
 * so that row lengths and offsets count. */
typedef struct job {
    clg_gemm g;
    size_t na, nb, nc;
    float *a, *b, *c, *got, *bias;
    clg_tensor da, db, dc, dbias, ws, buf[5];
} job;

static float *numbers(size_t n, uint64_t step, bool integers)
{
    const clg_rng_key key = { .seed = 7, .stream = CLG_STREAM_TEST, .step = step };
    float *x = clg__alloc(n, sizeof(float));
    assert_non_null(x);
    clg__philox_normal(&key, 0, 1, x, n);
    for (size_t i = 0; integers && i < n; i++) {
        float r = roundf(x[i]);
        x[i] = r > 2 ? 2 : r < -2 ? -2 : r;
    }
    return x;
}

static clg_tensor upload(const float *x, size_t n, size_t before, clg_tensor *whole)
{
    *whole = test_buffer(test_rt(), CLG_F32, before + n);
    TEST_OK(clg__rt_zero(test_rt(), *whole));
    clg_tensor t = clg__tensor_vec(*whole, before, (uint32_t)n);
    TEST_OK(clg__rt_write(test_rt(), t, x));
    return t;
}

static job make(clg_gemm g, bool integers, uint32_t gap)
{
    job j = { .g = g };
    clg_gemm *p = &j.g;
    p->batch = g.batch ? g.batch : 1;
    p->lda = (g.ta ? g.m : g.k) + gap;
    p->ldb = (g.tb ? g.k : g.n) + gap;
    p->ldc = g.n + gap;
    size_t ra = g.ta ? g.k : g.m, rb = g.tb ? g.n : g.k;
    p->stride_a = (uint32_t)(ra * p->lda + gap);
    p->stride_b = (uint32_t)(rb * p->ldb + gap);
    p->stride_c = g.m * p->ldc + gap;
    j.na = (size_t)p->stride_a * p->batch;
    j.nb = (size_t)p->stride_b * p->batch;
    j.nc = (size_t)p->stride_c * p->batch;
    j.a = numbers(j.na, 1, integers);
    j.b = numbers(j.nb, 2, integers);
    j.c = numbers(j.nc, 3, integers);
    j.bias = numbers(g.n, 4, integers);
    j.got = clg__alloc(j.nc, sizeof(float));
    assert_non_null(j.got);
    j.da = upload(j.a, j.na, gap ? 16 : 0, &j.buf[0]);
    j.db = upload(j.b, j.nb, gap ? 32 : 0, &j.buf[1]);
    j.dc = upload(j.c, j.nc, gap ? 48 : 0, &j.buf[2]);
    j.dbias = upload(j.bias, g.n, gap ? 16 : 0, &j.buf[3]);
    return j;
}

static void need_workspace(job *j, const clg_blas *blas)
{
    uint64_t n = clg__gemm_workspace(blas, &j->g);
    j->ws = CLG_NO_TENSOR;
    if (n > 0) {
        j->buf[4] = test_buffer(test_rt(), CLG_F32, n + 48);
        j->ws = clg__tensor_vec(j->buf[4], 48, (uint32_t)n);
    }
}

static void release(job *j)
{
    for (int i = 0; i < 5; i++) {
        if (clg__tensor_is(j->buf[i])) {
            test_release(&j->buf[i]);
        }
    }
    clg__free(j->a);
    clg__free(j->b);
    clg__free(j->c);
    clg__free(j->got);
    clg__free(j->bias);
}

/* Two of them are enough to see that it is applied once, at the end. */
static double activated(int act, double x)
{
    return act == CLG_ACT_LRELU ? (x > 0 ? x : (double)0.2f * x) : act == CLG_ACT_TANH ? tanh(x) : x;
}

/* Compares what the device left in c; elements between the rows must be as before. */
static void compare(const job *j, bool bias, int act, double tolerance)
{
    const clg_gemm *g = &j->g;
    for (size_t z = 0; z < g->batch; z++) {
        const float *a = j->a + z * g->stride_a, *b = j->b + z * g->stride_b;
        for (size_t at = 0; at < g->stride_c; at++) {
            size_t i = at / g->ldc, n = at % g->ldc;
            float got = j->got[z * g->stride_c + at], before = j->c[z * g->stride_c + at];
            if (i >= g->m || n >= g->n) {
                assert_memory_equal(&got, &before, sizeof got);
                continue;
            }
            double sum = 0, size = 0;
            for (size_t p = 0; p < g->k; p++) {
                double t = (double)a[g->ta ? p * g->lda + i : i * g->lda + p] *
                           (double)b[g->tb ? n * g->ldb + p : p * g->ldb + n];
                sum += t;
                size += t * t;
            }
            double want = (double)g->alpha * sum;
            want += g->beta != 0 ? (double)g->beta * (double)before : 0;
            want = activated(act, want + (bias ? (double)j->bias[n] : 0));
            double may = tolerance * sqrt((double)g->k) * 1.2e-7 * (sqrt(size) + fabs(want) + 1);
            if (!(fabs((double)got - want) <= may)) {
                fail_msg("[%u,%u] x [%u,%u] ta=%d tb=%d alpha=%g beta=%g batch %zu of %u: "
                         "C[%zu,%zu] is %.9g, not %.9g", g->m, g->k, g->k, g->n, g->ta, g->tb,
                         (double)g->alpha, (double)g->beta, z, g->batch, i, n, (double)got, want);
            }
        }
    }
}

static void run_and_compare(clg_blas *blas, clg_gemm g, bool integers, uint32_t gap, bool bias,
                            int act)
{
    job j = make(g, integers, gap);
    if (g.beta == 0) { /* what was there must not be read */
        for (size_t i = 0; i < j.nc; i++) {
            j.c[i] = NAN;
        }
        TEST_OK(clg__rt_write(test_rt(), j.dc, j.c));
    }
    need_workspace(&j, blas);
    const clg_gemm_end end = { .bias = bias ? j.dbias : CLG_NO_TENSOR, .act = (enum clg_act)act,
                               .slope = 0.2f };
    TEST_OK(clg__gemm_epilogue(blas, &j.g, j.da, j.db, j.dc, &end, j.ws));
    test_download(j.dc, j.got);
    compare(&j, bias, act, integers && act == CLG_ACT_NONE ? 0 : 4);
    release(&j);
}

static const uint32_t sizes[][3] = {
    { 1, 1, 1 },   { 2, 3, 5 },     { 7, 13, 17 },  { 1, 67, 31 },   { 67, 1, 131 }, { 1, 1, 300 },
    { 3, 97, 33 }, { 97, 3, 35 },   { 8, 32, 64 },  { 13, 33, 513 }, { 64, 100, 1 }, { 5, 31, 16 },
    { 37, 16, 7 }, { 61, 47, 2605 }, { 129, 65, 67 },
};

static void every_layout_and_odd_size_is_exact_on_integers(void **state)
{
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        clg_blas *blas = open_blas(choices[c]);
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            for (int t = 0; t < 4; t++) {
                clg_gemm g = { .ta = t & 1, .tb = t >> 1, .m = sizes[s][0], .n = sizes[s][1],
                               .k = sizes[s][2], .alpha = 1, .beta = 0 };
                run_and_compare(blas, g, true, 0, false, CLG_ACT_NONE);
                g.alpha = 2;
                g.beta = -1;
                run_and_compare(blas, g, true, (uint32_t)(s % 3) * 3, false, CLG_ACT_NONE);
            }
        }
        clg__blas_close(&blas);
    }
}

static void normal_numbers_stay_within_rounding(void **state)
{
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        clg_blas *blas = open_blas(choices[c]);
        for (int t = 0; t < 4; t++) {
            run_and_compare(blas, (clg_gemm){ .ta = t & 1, .tb = t >> 1, .m = 101, .n = 103,
                                              .k = 1301, .alpha = 0.7f, .beta = 0.3f },
                            false, 1, false, CLG_ACT_NONE);
        }
        clg__blas_close(&blas);
    }
}

static void strided_batches_are_separate_products(void **state)
{
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        clg_blas *blas = open_blas(choices[c]);
        for (int t = 0; t < 4; t++) {
            clg_gemm g = { .ta = t & 1, .tb = t >> 1, .m = 19, .n = 37, .k = 23, .alpha = 1,
                           .beta = 1, .batch = 3 };
            run_and_compare(blas, g, true, 5, false, CLG_ACT_NONE);
            g.n = 1;
            run_and_compare(blas, g, true, 0, true, CLG_ACT_NONE);
            g.m = 1;
            g.n = 41;
            run_and_compare(blas, g, true, 2, true, CLG_ACT_NONE);
        }
        clg__blas_close(&blas);
    }
}

static void bias_and_activation_come_after_the_whole_sum(void **state)
{
    static const int acts[] = { CLG_ACT_NONE, CLG_ACT_LRELU, CLG_ACT_TANH };
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        clg_blas *blas = open_blas(choices[c]);
        for (size_t a = 0; a < 3; a++) {
            for (int t = 0; t < 4; t++) {
                int act = acts[a];
                clg_gemm g = { .ta = t & 1, .tb = t >> 1, .m = 21, .n = 45, .k = 1300, .alpha = 1,
                               .beta = 0.5f };
                run_and_compare(blas, g, false, 1, true, act);
                g.m = 1;
                run_and_compare(blas, g, false, 0, true, act);
                g.m = 20;
                g.n = 1;
                run_and_compare(blas, g, false, 0, true, act);
            }
        }
        clg__blas_close(&blas);
    }
}

static void the_same_product_has_the_same_bits(void **state)
{
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        clg_blas *blas = open_blas(choices[c]);
        for (int t = 0; t < 4; t++) {
            job j = make((clg_gemm){ .ta = t & 1, .tb = t >> 1, .m = 97, .n = 131, .k = 1777,
                                     .alpha = 1, .beta = 0 }, false, 0);
            float *first = clg__alloc(j.nc, sizeof(float));
            need_workspace(&j, blas);
            for (int r = 0; r < 3; r++) {
                TEST_OK(clg__gemm(blas, &j.g, j.da, j.db, j.dc, j.ws));
                test_download(j.dc, r == 0 ? first : j.got);
                if (r > 0) {
                    assert_memory_equal(first, j.got, j.nc * sizeof(float));
                }
            }
            clg__free(first);
            release(&j);
        }
        clg__blas_close(&blas);
    }
}

static void products_that_do_not_fit_their_tensors_are_refused(void **state)
{
    (void)state;
    clg_blas *blas = open_blas(CLG_GEMM_BUILTIN);
    job j = make((clg_gemm){ .m = 4, .n = 5, .k = 6, .alpha = 1 }, true, 0);
    clg_gemm g = j.g;
    g.lda = 5;
    assert_int_equal(clg__gemm(blas, &g, j.da, j.db, j.dc, CLG_NO_TENSOR), CLG_E_INTERNAL);
    assert_non_null(strstr(clg_message(), "gemm: a has rows of 6 elements every 5"));
    g = j.g;
    g.m = 5;
    assert_int_equal(clg__gemm(blas, &g, j.da, j.db, j.dc, CLG_NO_TENSOR), CLG_E_INTERNAL);
    g = j.g;
    g.k = 0;
    assert_int_equal(clg__gemm(blas, &g, j.da, j.db, j.dc, CLG_NO_TENSOR), CLG_E_INTERNAL);
    assert_int_equal(clg__gemm(blas, &j.g, j.da, CLG_NO_TENSOR, j.dc, CLG_NO_TENSOR),
                     CLG_E_INTERNAL);
    release(&j);
    clg__blas_close(&blas);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout_and_odd_size_is_exact_on_integers),
        cmocka_unit_test(normal_numbers_stay_within_rounding),
        cmocka_unit_test(strided_batches_are_separate_products),
        cmocka_unit_test(bias_and_activation_come_after_the_whole_sum),
        cmocka_unit_test(the_same_product_has_the_same_bits),
        cmocka_unit_test(products_that_do_not_fit_their_tensors_are_refused),
    };
    int failed = cmocka_run_group_tests_name("own family", tests, NULL, test_rt_done);
    if (clg__os_setenv_default("CLGAN_KERNELS", "gpu") != CLG_OK) {
        return 1;
    }
    return failed + cmocka_run_group_tests_name("gpu family", tests, NULL, test_rt_done);
}
