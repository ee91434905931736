/* Values of the reference operators against independent definitions and numbers worked out by hand.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/philox.h"
#include "ref/ref.h"
#include "support/grad_check.h"

static void assert_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) {
        fail_msg("%.17g is not %.17g within %g", got, want, tolerance);
    }
}

/* ---- Philox: known answers of the authors' own test file ---- */

static void assert_words(uint64_t seed, uint32_t stream, uint64_t step, uint64_t index,
                         const uint32_t want[4])
{
    clg_rng_key key = { .seed = seed, .stream = stream, .step = step };
    uint32_t got[4];
    clg__philox(&key, index, got);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(got[i], want[i]);
    }
}

static void philox_gives_the_published_words(void **state)
{
    static const uint32_t zero[4] = { 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u };
    static const uint32_t ones[4] = { 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu };
    static const uint32_t pi[4] = { 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u };
    (void)state;
    assert_words(0, 0, 0, 0, zero);
    assert_words(UINT64_MAX, 0xffu, UINT64_MAX, 0x00ffffffffffffffu, ones);
    /* counter 243f6a88 85a308d3 13198a2e 03707344, key a4093822 299f31d0 */
    assert_words(0x299f31d0a4093822u, 0x85u, 0x0370734413198a2eu, 0x00a308d3243f6a88u, pi);
}

static void random_case_is_philox_widened(void **state)
{
    clg_case c;
    double y[5], *out[1] = { y };
    float want[5];
    clg_rng_key key = { .seed = 7, .stream = 9, .step = 3 };
    (void)state;
    assert_int_equal(clg__case_parse(&c, "random uniform n=5 seed=7 stream=9 step=3 lo=-1 hi=3",
                                     NULL), CLG_OK);
    assert_int_equal(ref_case_random(&c, NULL, out), CLG_OK);
    clg__philox_uniform(&key, -1.0f, 3.0f, want, 5);
    for (int i = 0; i < 5; i++) {
        assert_near(y[i], (double)want[i], 0.0);
    }
}

/* ---- conv2d and deconv2d against their definitions, written a second time ---- */

static double conv_at(const clg_conv *g, const double *x, const double *w, uint32_t n, uint32_t p,
                      uint32_t q, uint32_t k)
{
    double sum = 0.0;
    for (int r = 0; r < (int)g->r; r++) {
        for (int s = 0; s < (int)g->s; s++) {
            int h = (int)(p * g->stride) - (int)g->pad + r;
            int v = (int)(q * g->stride) - (int)g->pad + s;
            bool inside = h >= 0 && h < (int)g->h && v >= 0 && v < (int)g->w;
            for (uint32_t c = 0; inside && c < g->c; c++) {
                sum += x[((n * g->h + (uint32_t)h) * g->w + (uint32_t)v) * g->c + c] *
                       w[(((uint32_t)r * g->s + (uint32_t)s) * g->c + c) * g->k + k];
            }
        }
    }
    return sum;
}

static void conv2d_is_its_definition_for_all_kernels_and_strides(void **state)
{
    (void)state;
    for (uint32_t kernel = 1; kernel <= 7; kernel++) {
        for (uint32_t stride = 1; stride <= 4; stride++) {
            for (uint32_t pad = 0; pad <= kernel; pad += 1 + kernel / 3) {
                clg_conv g = { .n = 2, .h = 8, .w = 7, .c = 2, .k = 3, .r = kernel, .s = kernel,
                               .stride = stride, .pad = pad };
                assert_int_equal(clg__conv_make(&g), CLG_OK);
                double *x = grad_random(clg__conv_x_len(&g), 1), *bias = grad_random(g.k, 2);
                double *w = grad_random(clg__conv_w_len(&g), 3);
                double *y = grad_random(clg__conv_y_len(&g), 4);
                ref_conv2d_fwd(&g, x, w, bias, y);
                for (uint32_t i = 0; i < clg__conv_y_len(&g); i++) {
                    uint32_t k = i % g.k, q = i / g.k % g.q, p = i / g.k / g.q % g.p;
                    double want = conv_at(&g, x, w, i / g.k / g.q / g.p, p, q, k) + bias[k];
                    assert_near(y[i], want, 1e-12);
                }
                free(x);
                free(bias);
                free(w);
                free(y);
            }
        }
    }
}

/* Scatter form: each input pixel adds its weighted filter to the output. */
static void scatter(const clg_conv *g, const double *x, const double *w, double *y)
{
    for (uint32_t i = 0; i < clg__conv_y_len(g); i++) {
        uint32_t k = i % g->k, q = i / g->k % g->q, p = i / g->k / g->q % g->p;
        uint32_t n = i / g->k / g->q / g->p;
        for (uint32_t j = 0; j < clg__conv_w_len(g) / g->k; j++) {
            uint32_t c = j % g->c, s = j / g->c % g->s, r = j / g->c / g->s;
            int h = (int)(p * g->stride + r) - (int)g->pad;
            int v = (int)(q * g->stride + s) - (int)g->pad;
            if (h >= 0 && h < (int)g->h && v >= 0 && v < (int)g->w) {
                y[((n * g->h + (uint32_t)h) * g->w + (uint32_t)v) * g->c + c] +=
                    x[i] * w[j * g->k + k];
            }
        }
    }
}

static void deconv2d_is_its_definition_for_all_kernels_strides_and_output_pads(void **state)
{
    (void)state;
    for (uint32_t kernel = 1; kernel <= 7; kernel++) {
        for (uint32_t stride = 1; stride <= 4; stride++) {
            for (uint32_t out_pad = 0; out_pad < stride; out_pad++) {
                clg_conv g = { .n = 2, .p = 3, .q = 4, .c = 2, .k = 3, .r = kernel, .s = kernel,
                               .stride = stride, .pad = kernel / 3 };
                assert_int_equal(clg__deconv_make(&g, out_pad), CLG_OK);
                assert_int_equal(g.h, 2 * stride - 2 * g.pad + kernel + out_pad);
                uint64_t len = clg__conv_x_len(&g);
                double *x = grad_random(clg__conv_y_len(&g), 1);
                double *w = grad_random(clg__conv_w_len(&g), 2), *y = grad_random(len, 3);
                double *want = calloc(len, sizeof *want);
                assert_non_null(want);
                ref_deconv2d_fwd(&g, x, w, NULL, y);
                scatter(&g, x, w, want);
                for (uint64_t i = 0; i < len; i++) {
                    assert_near(y[i], want[i], 1e-12);
                }
                free(x);
                free(w);
                free(y);
                free(want);
            }
        }
    }
}

/* ---- gemm ---- */

static void gemm_handles_both_transposes_strides_alpha_and_beta(void **state)
{
    static const double a[6] = { 1, 2, 3, 4, 5, 6 }, at[6] = { 1, 4, 2, 5, 3, 6 };
    static const double b[6] = { 1, -1, 0, 2, 2, 1 }, bt[6] = { 1, 0, 2, -1, 2, 1 };
    static const double ab[4] = { 7, 6, 16, 12 };
    (void)state;
    for (int form = 0; form < 4; form++) {
        bool ta = form & 1, tb = form >> 1;
        clg_gemm g = { .ta = ta, .tb = tb, .m = 2, .n = 2, .k = 3, .lda = ta ? 2 : 3,
                       .ldb = tb ? 3 : 2, .ldc = 3, .alpha = 2.0f, .beta = -1.0f, .batch = 2,
                       .stride_c = 6 };
        double c[12] = { 1, 2, 99, 3, 4, 99, 1, 2, 99, 3, 4, 99 };
        ref_gemm(&g, ta ? at : a, tb ? bt : b, c);
        for (int z = 0; z < 2; z++) {
            for (int i = 0; i < 4; i++) {
                assert_near(c[z * 6 + i / 2 * 3 + i % 2], 2.0 * ab[i] - (i + 1), 0.0);
            }
            assert_near(c[z * 6 + 2], 99.0, 0.0);
        }
    }
}

static void gemm_with_beta_zero_ignores_what_was_there(void **state)
{
    clg_gemm g = { .m = 1, .n = 1, .k = 1, .lda = 1, .ldb = 1, .ldc = 1, .alpha = 3.0f,
                   .batch = 1 };
    double a = 2.0, b = 5.0, c = NAN;
    (void)state;
    ref_gemm(&g, &a, &b, &c);
    assert_near(c, 30.0, 0.0);
}

/* ---- batch norm ---- */

static void batchnorm_moves_running_statistics_once_per_group_in_order(void **state)
{
    /* two groups of two rows, one channel: {1, 3} and {10, 20} */
    clg_bn b = { .n = 4, .pixels = 1, .c = 1, .groups = 2, .eps = 1e-5f, .momentum = 0.1f };
    double x[4] = { 1, 3, 10, 20 }, mean[2], invstd[2], rm = 0.5, rv = 2.0;
    (void)state;
    ref_batchnorm_stats(&b, x, mean, invstd, &rm, &rv);
    assert_near(mean[0], 2.0, 1e-12);
    assert_near(mean[1], 15.0, 1e-12);
    assert_near(invstd[0], 1.0 / sqrt(1.0 + 1e-5), 1e-10);
    assert_near(invstd[1], 1.0 / sqrt(25.0 + 1e-5), 1e-10);
    /* the running variance takes the unbiased one: 2 and 50 */
    assert_near(rm, 0.9 * (0.9 * 0.5 + 0.1 * 2.0) + 0.1 * 15.0, 1e-6);
    assert_near(rv, 0.9 * (0.9 * 2.0 + 0.1 * 2.0) + 0.1 * 50.0, 1e-6);
}

static void batchnorm_output_has_the_asked_mean_and_deviation_in_each_group(void **state)
{
    enum { N = 6, PIXELS = 5, C = 2, LEN = N * PIXELS * C };
    clg_bn b = { .n = N, .pixels = PIXELS, .c = C, .groups = 3, .eps = 1e-5f, .momentum = 0.1f };
    double *x = grad_random(LEN, 1), y[LEN], mean[3 * C], invstd[3 * C];
    double weight[C] = { 2.0, -0.5 }, bias[C] = { 1.0, 3.0 };
    (void)state;
    ref_batchnorm_stats(&b, x, mean, invstd, NULL, NULL);
    ref_batchnorm_fwd(&b, x, mean, invstd, weight, bias, y);
    for (int g = 0; g < 3; g++) {
        for (int c = 0; c < C; c++) {
            double sum = 0.0, square = 0.0;
            for (int i = 0; i < 10; i++) {
                double d = y[(g * 10 + i) * C + c] - bias[c];
                sum += d;
                square += d * d;
            }
            assert_near(sum / 10.0, 0.0, 1e-12);
            assert_near(sqrt(square / 10.0), fabs(weight[c]), 1e-4);
        }
    }
    free(x);
}

static void batchnorm_inference_uses_the_running_statistics_in_every_group(void **state)
{
    clg_bn b = { .n = 4, .pixels = 1, .c = 2, .groups = 2, .eps = 1e-5f, .momentum = 0.1f };
    double rm[2] = { 1.0, -2.0 }, rv[2] = { 4.0, 0.25 }, mean[4], invstd[4];
    (void)state;
    ref_batchnorm_running(&b, rm, rv, mean, invstd);
    for (int i = 0; i < 4; i++) {
        assert_near(mean[i], rm[i % 2], 0.0);
        assert_near(invstd[i], 1.0 / sqrt(rv[i % 2] + (double)1e-5f), 1e-15);
    }
}

/* ---- activations ---- */

static void activations_have_their_textbook_values_and_pass_nan(void **state)
{
    (void)state;
    assert_near(ref_act(CLG_ACT_NONE, 0.2, -3.0), -3.0, 0.0);
    assert_near(ref_act(CLG_ACT_RELU, 0.2, -3.0), 0.0, 0.0);
    assert_near(ref_act(CLG_ACT_RELU, 0.2, 3.0), 3.0, 0.0);
    assert_near(ref_act(CLG_ACT_LRELU, 0.2, -3.0), -0.6, 1e-15);
    assert_near(ref_act(CLG_ACT_TANH, 0.2, 1.0), 0.76159415595576489, 1e-15);
    assert_near(ref_act(CLG_ACT_SIGMOID, 0.2, 0.0), 0.5, 0.0);
    assert_near(ref_act(CLG_ACT_SIGMOID, 0.2, -800.0), 0.0, 0.0);
    assert_near(ref_act(CLG_ACT_SIGMOID, 0.2, 800.0), 1.0, 0.0);
    for (int act = 0; act < CLG_ACT_COUNT; act++) {
        assert_true(isnan(ref_act((enum clg_act)act, 0.2, NAN)));
    }
}

/* ---- Adam ---- */

/* Three steps of two weights written out; every constant exact in binary. */
static void adam_follows_the_recurrence(void **state)
{
    double w[2] = { 1.0, -2.0 }, m[2] = { 0.0, 0.0 }, v[2] = { 0.0, 0.0 };
    static const double g[3][2] = { { 0.5, -4.0 }, { -1.0, 0.25 }, { 2.0, 0.0 } };
    double want_w[2] = { 1.0, -2.0 }, want_m[2] = { 0.0, 0.0 }, want_v[2] = { 0.0, 0.0 };
    double power1 = 1.0, power2 = 1.0;
    (void)state;
    for (uint64_t t = 1; t <= 3; t++) {
        clg_adam a = { .lr = 0.125f, .beta1 = 0.5f, .beta2 = 0.75f, .eps = 0x1p-20f, .t = t };
        ref_adam_step(&a, 2, g[t - 1], w, m, v);
        power1 *= 0.5;
        power2 *= 0.75;
        for (int i = 0; i < 2; i++) {
            want_m[i] = 0.5 * want_m[i] + 0.5 * g[t - 1][i];
            want_v[i] = 0.75 * want_v[i] + 0.25 * g[t - 1][i] * g[t - 1][i];
            double mhat = want_m[i] / (1.0 - power1), vhat = want_v[i] / (1.0 - power2);
            want_w[i] -= 0.125 * mhat / (sqrt(vhat) + 0x1p-20);
            assert_near(w[i], want_w[i], 1e-14);
            assert_near(m[i], want_m[i], 0.0);
            assert_near(v[i], want_v[i], 0.0);
        }
    }
    /* the first step of Adam is lr * sign(g), whatever the size of g */
    double w1 = 0.0, m1 = 0.0, v1 = 0.0, g1 = -1e3;
    clg_adam first = { .lr = 0.125f, .beta1 = 0.5f, .beta2 = 0.75f, .t = 1 };
    ref_adam_step(&first, 1, &g1, &w1, &m1, &v1);
    assert_near(w1, 0.125, 1e-12);
}

/* ---- the case side ---- */

static int run_case(const char *line, const double *const *in, double *const *out)
{
    clg_case c;
    assert_int_equal(clg__case_parse(&c, line, NULL), CLG_OK);
    ref_case_fn fn = ref_case_find(c.op);
    assert_non_null(fn);
    return fn(&c, in, out);
}

static void every_operator_has_a_reference_and_refuses_unknown_passes(void **state)
{
    static const char *const names[] = {
#define CLG_X(op) #op,
        CLG_OP_LIST(CLG_X)
#undef CLG_X
    };
    double x[8] = { 0 }, *out[CLG_CASE_TENSORS];
    const double *in[CLG_CASE_TENSORS];
    (void)state;
    for (int i = 0; i < CLG_CASE_TENSORS; i++) {
        in[i] = out[i] = x;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        clg_case c = { .pass = "nosuchpass" };
        ref_case_fn fn = ref_case_find(names[i]);
        assert_non_null(fn);
        assert_int_equal(fn(&c, in, out), CLG_E_USAGE);
    }
    assert_null(ref_case_find("nosuchop"));
}

static void reduce_fill_and_image_cases_have_their_values(void **state)
{
    const double x[6] = { 1, 2, 3, 4, 5, 6 }, minus[6] = { 0, 1, 3, 2, 5, 5 };
    const double *in[2] = { x, minus };
    double y[6] = { 1, 1, 1, 1, 1, 1 }, *out[1] = { y };
    (void)state;
    assert_int_equal(run_case("reduce columns rows=2 cols=3", in, out), CLG_OK);
    assert_near(y[0], 5.0, 0.0);
    assert_near(y[2], 9.0, 0.0);
    assert_int_equal(run_case("reduce sumsq n=6 segments=4", in, out), CLG_OK);
    assert_near(y[0], 1.0, 0.0);          /* [0,1) [1,3) [3,4) [4,6) */
    assert_near(y[1], 4.0 + 9.0, 0.0);
    assert_near(y[3], 25.0 + 36.0, 0.0);
    assert_int_equal(run_case("reduce sumsq n=6 segments=1 minus=1", in, out), CLG_OK);
    assert_near(y[0], 1.0 + 1.0 + 0.0 + 4.0 + 0.0 + 1.0, 0.0);
    /* 0, 7919 % 6 = 5, 15838 % 6 = 4 */
    assert_int_equal(run_case("reduce nonfinite n=6 bad=3", in, out), CLG_OK);
    assert_near(y[0], 3.0, 0.0);
    assert_int_equal(run_case("reduce nonfinite n=1 bad=9", in, out), CLG_OK);
    assert_near(y[0], 1.0, 0.0);
    y[0] = 10.0;
    assert_int_equal(run_case("fill axpby n=1 a=2 b=-0.5", in, out), CLG_OK);
    assert_near(y[0], -3.0, 0.0);
    assert_int_equal(run_case("fill fill n=6 value=0.25", in, out), CLG_OK);
    assert_near(y[5], 0.25, 0.0);
    const double bytes[3] = { 0, 255, 51 }, back[4] = { -1.5, 1.5, 0.0, -0.99607843137254903 };
    in[0] = bytes;
    assert_int_equal(run_case("image from_u8 n=3", in, out), CLG_OK);
    assert_near(y[0], -1.0, 1e-7);
    assert_near(y[1], 1.0, 1e-6);
    assert_near(y[2], -0.6, 1e-6);
    in[0] = back;
    assert_int_equal(run_case("image to_u8 n=4", in, out), CLG_OK);
    assert_near(y[0], 0.0, 0.0);
    assert_near(y[1], 255.0, 0.0);
    assert_near(y[2], 127.0, 0.51); /* 127.5 up to the rounding of 2/255 */
    assert_near(y[3], 0.5, 0.5);    /* half a step above 0 */
}

static void layers_without_products_have_their_values(void **state)
{
    const double x[8] = { 1, 5, 5, -2, NAN, 7, -3, -4 }, two[6] = { 10, 20, 30, 40, 50, 60 };
    const double *in[2] = { x, two };
    double y[16], *out[1] = { y };
    static const double planes[10] = { 1, 10, 20, 5, 10, 20, 5, 30, 40, -2 };
    (void)state;
    assert_int_equal(run_case("maxout fwd n=2 k=2 pieces=2", in, out), CLG_OK);
    assert_near(y[0], 5.0, 0.0);
    assert_near(y[1], 5.0, 0.0);
    assert_true(isnan(y[2]));
    assert_near(y[3], -3.0, 0.0);
    assert_int_equal(run_case("maxout bwd_data n=1 k=1 pieces=3", in, out), CLG_OK);
    assert_near(y[1], 10.0, 0.0); /* the first of the two that reach the maximum */
    assert_near(y[0] + y[2], 0.0, 0.0);
    assert_int_equal(run_case("concat fwd n=2 pixels=2 ca=1 cb=2 planes=1", in, out), CLG_OK);
    for (int i = 0; i < 10; i++) {
        assert_near(y[i], planes[i], 0.0);
    }
    /* labels of three rows: 0, 7919 % 5 = 4, 15838 % 5 = 3 */
    assert_int_equal(run_case("embedding onehot n=3 classes=5", in, out), CLG_OK);
    for (int i = 0; i < 15; i++) {
        assert_near(y[i], i == 0 || i == 9 || i == 13 ? 1.0 : 0.0, 0.0);
    }
    in[0] = two;
    assert_int_equal(run_case("resize up h=1 w=3 scale=2 factor=0.5", in, out), CLG_OK);
    for (int i = 0; i < 12; i++) {
        assert_near(y[i], 5.0 * (i % 6 / 2 + 1), 0.0);
    }
    assert_int_equal(run_case("resize down h=1 w=1 scale=2 factor=0.25", in, out), CLG_OK);
    assert_near(y[0], 25.0, 0.0);
}

static void dropout_divides_what_it_keeps_and_numbers_its_words_from_first(void **state)
{
    clg_rng_key key = { .seed = 1, .stream = CLG_STREAM_TEST, .lane = 700 };
    double x[40], all[40], part[40];
    int kept = 0;
    (void)state;
    for (int i = 0; i < 40; i++) {
        x[i] = i + 1.0;
    }
    ref_dropout(&key, 0.5, 0, x, all, 40);
    ref_dropout(&key, 0.5, 13, x + 13, part, 27);
    for (int i = 0; i < 40; i++) {
        assert_true(all[i] == 2.0 * x[i] || all[i] == 0.0);
        assert_true(i < 13 || part[i - 13] == all[i]);
        kept += all[i] > 0.0;
    }
    assert_in_range(kept, 10, 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_published_words),
        cmocka_unit_test(random_case_is_philox_widened),
        cmocka_unit_test(conv2d_is_its_definition_for_all_kernels_and_strides),
        cmocka_unit_test(deconv2d_is_its_definition_for_all_kernels_strides_and_output_pads),
        cmocka_unit_test(gemm_handles_both_transposes_strides_alpha_and_beta),
        cmocka_unit_test(gemm_with_beta_zero_ignores_what_was_there),
        cmocka_unit_test(batchnorm_moves_running_statistics_once_per_group_in_order),
        cmocka_unit_test(batchnorm_output_has_the_asked_mean_and_deviation_in_each_group),
        cmocka_unit_test(batchnorm_inference_uses_the_running_statistics_in_every_group),
        cmocka_unit_test(activations_have_their_textbook_values_and_pass_nan),
        cmocka_unit_test(adam_follows_the_recurrence),
        cmocka_unit_test(every_operator_has_a_reference_and_refuses_unknown_passes),
        cmocka_unit_test(reduce_fill_and_image_cases_have_their_values),
        cmocka_unit_test(layers_without_products_have_their_values),
        cmocka_unit_test(dropout_divides_what_it_keeps_and_numbers_its_words_from_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
