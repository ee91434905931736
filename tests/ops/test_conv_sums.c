/* Sums that a convolution leaves for batch norm: the norm makes of them what it makes of the map
 * itself, and the map is the same, bit for bit. Both families; where a device's algorithm leaves
 * none, it says so. */
#include <math.h>

#include "base/mem.h"
#include "base/philox.h"
#include "ops/batchnorm.h"
#include "ops/case_plan.h"
#include "ops/conv2d.h"
#include "ops/conv_algo.h"
#include "ops/conv_choices.h"
#include "ops/deconv2d.h"
#include "ref/ref.h"
#include "support/family.h"
#include "support/rt_support.h"

/* Odd sizes, images that share a group of tiles, one pixel per tile, several panels of channels, a last
 * part that is not full. */
struct shape {
    bool up; /* deconv2d, else conv2d */
    uint32_t n, h, w, c, k, r, stride, pad, groups;
    enum clg_conv_algo algo;
    enum clg_act act;
    enum clg_dtype store;
};
static const struct shape SHAPES[] = {
    { false, 4, 16, 16, 16, 32, 4, 2, 1, 2, CLG_CONV_WINOGRAD4, CLG_ACT_LRELU, CLG_F32 },
    { false, 24, 13, 11, 16, 64, 4, 2, 1, 3, CLG_CONV_WINOGRAD2, CLG_ACT_RELU, CLG_F32 },
    { true, 6, 15, 10, 48, 16, 4, 2, 1, 1, CLG_CONV_WINOGRAD4, CLG_ACT_RELU, CLG_F32 },
    { true, 12, 8, 8, 32, 16, 4, 2, 1, 2, CLG_CONV_WINOGRAD2, CLG_ACT_NONE, CLG_F32 },
    { false, 3, 9, 12, 32, 16, 3, 1, 1, 1, CLG_CONV_WINOGRAD4, CLG_ACT_LRELU, CLG_F32 },
    { true, 5, 7, 7, 16, 16, 3, 1, 1, 1, CLG_CONV_WINOGRAD2, CLG_ACT_LRELU, CLG_F32 },
    { false, 4, 16, 16, 16, 32, 4, 2, 1, 2, CLG_CONV_WINOGRAD4, CLG_ACT_LRELU, CLG_F16 },
    { true, 4, 16, 16, 32, 16, 4, 2, 1, 2, CLG_CONV_WINOGRAD2, CLG_ACT_LRELU, CLG_BF16 },
    /* More parts than go to their end at once, tiles of both groups in one of two chunks. */
    { false, 2, 96, 93, 16, 16, 3, 1, 1, 2, CLG_CONV_WINOGRAD2, CLG_ACT_RELU, CLG_F32 },
    /* Channels in no whole vectors, phases of several sizes, and of no pixel. */
    { false, 6, 13, 9, 3, 7, 4, 2, 1, 3, CLG_CONV_DIRECT, CLG_ACT_LRELU, CLG_F32 },
    { true, 5, 11, 8, 5, 6, 5, 3, 2, 1, CLG_CONV_DIRECT, CLG_ACT_RELU, CLG_F32 },
    { true, 4, 1, 9, 6, 5, 3, 2, 1, 2, CLG_CONV_DIRECT, CLG_ACT_LRELU, CLG_F16 },
    { false, 5, 9, 9, 5, 9, 3, 1, 1, 1, CLG_CONV_DIRECT, CLG_ACT_NONE, CLG_BF16 },
};
enum { SHAPE_COUNT = sizeof SHAPES / sizeof SHAPES[0] };

static clg_tensor view(clg_tensor t, uint32_t n, uint32_t h, uint32_t w, uint32_t c)
{
    return clg__tensor_view(t, 0, 4, n, h, w, c);
}

/* N(0,1), rounded to the type. */
static clg_tensor normal(clg_rt *rt, enum clg_dtype store, uint64_t seed, size_t n)
{
    const clg_rng_key key = { .seed = seed, .stream = CLG_STREAM_TEST };
    float *v = clg__alloc(n, sizeof *v);
    assert_non_null(v);
    clg__philox_normal(&key, 0.0f, 1.0f, v, n);
    clg_tensor t = test_buffer(rt, store, n);
    TEST_OK(clg__rt_write_f32(rt, t, v));
    clg__free(v);
    return t;
}

/* A convolution whose output, [n, oh, ow, oc], is a norm's input or the gradient of its output. */
typedef struct layer {
    clg_ops ops;
    clg_conv_choices choices;
    clg_conv g;
    clg_bn bn;
    bool up;
    uint32_t parts; /* of each group; 0: none */
    clg_tensor src, w, bias, dst, again, ws, bn_ws;
    clg_tensor x, weight, shift, mean, invstd; /* what the norm was given */
} layer;

static void open_layer(const clg_ops *o, const struct shape *s, layer *l)
{
    *l = (layer){ .ops = *o, .choices = { .forced = s->algo }, .up = s->up };
    clg_rt *rt = o->rt;
    l->ops.conv_choices = &l->choices;
    const clg_blas_options builtin = { .choice = CLG_GEMM_BUILTIN };
    TEST_OK(clg__blas_open(&l->ops.blas, rt, &builtin));
    l->g = (clg_conv){ .n = s->n,
                       .h = s->h,
                       .w = s->w,
                       .c = s->c,
                       .k = s->k,
                       .r = s->r,
                       .s = s->r,
                       .stride = s->stride,
                       .pad = s->pad };
    TEST_OK(clg__conv_make(&l->g));
    const clg_conv *g = &l->g;
    const uint32_t oc = s->up ? g->c : g->k, oh = s->up ? g->h : g->p, ow = s->up ? g->w : g->q;
    const size_t big = (size_t)g->n * g->h * g->w * g->c, small = (size_t)g->n * g->p * g->q * g->k;
    const size_t len = s->up ? big : small, stats = (size_t)s->groups * oc;
    l->bn = (clg_bn){ .n = g->n,
                      .pixels = oh * ow,
                      .c = oc,
                      .groups = s->groups,
                      .eps = 1e-5f,
                      .momentum = 0.1f,
                      .act = s->act,
                      .slope = 0.2f };
    clg_tensor src = normal(rt, s->store, 1, s->up ? small : big);
    l->src = s->up ? view(src, g->n, g->p, g->q, g->k) : view(src, g->n, g->h, g->w, g->c);
    l->w = view(normal(rt, s->store, 2, (size_t)g->r * g->s * g->c * g->k), g->r, g->s, g->c, g->k);
    l->bias = normal(rt, CLG_F32, 3, oc);
    l->dst = view(test_buffer(rt, s->store, len), g->n, oh, ow, oc);
    l->again = view(test_buffer(rt, s->store, len), g->n, oh, ow, oc);
    l->x = view(normal(rt, s->store, 4, len), g->n, oh, ow, oc);
    l->weight = normal(rt, CLG_F32, 5, oc);
    l->shift = normal(rt, CLG_F32, 6, oc);
    l->mean = test_buffer(rt, CLG_F32, stats);
    l->invstd = test_buffer(rt, CLG_F32, stats);
    l->bn_ws = test_buffer(rt, CLG_F32, (size_t)clg__batchnorm_workspace(&l->ops, &l->bn));
    const uint64_t ws = s->up ? clg__deconv2d_workspace(&l->ops, g, CLG_FWD)
                              : clg__conv2d_workspace(&l->ops, g, CLG_FWD);
    l->ws = test_buffer(rt, CLG_F32, ws > 0 ? (size_t)ws : 1);
    l->parts = s->up ? clg__deconv2d_parts(&l->ops, g, CLG_FWD, s->groups)
                     : clg__conv2d_parts(&l->ops, g, CLG_FWD, s->groups);
}

static void close_layer(layer *l)
{
    clg_tensor *all[] = { &l->src,   &l->w, &l->bias,   &l->dst,   &l->again, &l->ws,
                          &l->bn_ws, &l->x, &l->weight, &l->shift, &l->mean,  &l->invstd };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        test_release(all[i]);
    }
    clg__blas_close(&l->ops.blas);
}

/* Winograd's algorithms leave sums, on CPUs with true vectors, as do all on GPUs. */
static bool leaves_sums(const layer *l)
{
    const clg_rt *rt = l->ops.rt;
    const bool gpu = clg__rt_family(rt) == CLG_KERNELS_GPU;
    const bool vectors = clg__rt_device(rt)->vector_width_float >= 4;
    if (gpu || (vectors && l->choices.forced != CLG_CONV_DIRECT)) {
        assert_int_not_equal(l->parts, 0);
    }
    return l->parts != 0;
}

static int run(layer *l, const clg_epilogue *e, clg_tensor dst)
{
    const clg_filter f = { .w = l->w };
    return l->up ? clg__deconv2d_fwd(&l->ops, &l->g, l->src, f, e, dst, l->ws)
                 : clg__conv2d_fwd(&l->ops, &l->g, l->src, f, e, dst, l->ws);
}

/* The same map as a data gradient: of a conv2d it goes up, of a deconv2d down. */
static int run_gradient(layer *l, const clg_sums *sums, clg_tensor dst)
{
    const clg_filter f = { .w = l->w };
    return l->up ? clg__conv2d_bwd_data(&l->ops, &l->g, l->src, f, sums, dst, l->ws)
                 : clg__deconv2d_bwd_data(&l->ops, &l->g, l->src, f, sums, dst, l->ws);
}

static clg_tensor make_parts(const layer *l, uint32_t rows)
{
    return test_buffer(l->ops.rt, CLG_F32, (size_t)l->bn.groups * l->parts * rows * l->bn.c);
}

static void assert_same_bits(clg_rt *rt, clg_tensor a, clg_tensor b)
{
    const size_t n = (size_t)clg__tensor_len(a);
    float *x = clg__alloc(n, sizeof *x), *y = clg__alloc(n, sizeof *y);
    assert_non_null(x);
    assert_non_null(y);
    TEST_OK(clg__rt_read_f32(rt, a, x));
    TEST_OK(clg__rt_read_f32(rt, b, y));
    assert_memory_equal(x, y, n * sizeof *x);
    clg__free(x);
    clg__free(y);
}

/* Differences against the largest of the wanted. */
static void assert_near(clg_tensor got, clg_tensor want, double tolerance)
{
    const size_t n = (size_t)clg__tensor_len(want);
    float *x = test_download_new(got), *y = test_download_new(want);
    double most = 0.0;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)y[i]));
    }
    for (size_t i = 0; i < n; i++) {
        if (!(fabs((double)x[i] - (double)y[i]) <= tolerance * most)) {
            fail_msg("%g instead of %g at %zu, largest %g", x[i], y[i], i, most);
        }
    }
    clg__free(x);
    clg__free(y);
}

/* Mean and invstd against those of the stored map in double: means to the deviation's digits. */
static void assert_statistics(const layer *l, clg_tensor mean, clg_tensor invstd, double tolerance)
{
    const size_t len = (size_t)clg__tensor_len(l->dst), stats = (size_t)l->bn.groups * l->bn.c;
    float *y = clg__alloc(len, sizeof *y), *m = test_download_new(mean);
    float *got = test_download_new(invstd);
    double *x = clg__alloc(len + 2 * stats, sizeof *x), *want_m = x + len, *want = want_m + stats;
    assert_non_null(y);
    assert_non_null(x);
    TEST_OK(clg__rt_read_f32(l->ops.rt, l->dst, y));
    for (size_t i = 0; i < len; i++) {
        x[i] = (double)y[i];
    }
    ref_batchnorm_stats(&l->bn, x, want_m, want, NULL, NULL);
    for (size_t i = 0; i < stats; i++) {
        const double limit = 2e-6 / want[i] + 4.0 * CLG_CASE_EPS * fabs(want_m[i]);
        if (!(fabs((double)m[i] - want_m[i]) <= limit)) {
            fail_msg("mean %zu is %g instead of %g", i, m[i], want_m[i]);
        }
        if (!(fabs((double)got[i] - want[i]) <= tolerance * want[i])) {
            fail_msg("invstd %zu is %g instead of %g", i, got[i], want[i]);
        }
    }
    clg__free(x);
    clg__free(y);
    clg__free(m);
    clg__free(got);
}

/* Biases N(0, size^2), so that the means of the channels are that far from 0. */
static void check_statistics(const clg_ops *o, const struct shape *s, float size, double tolerance)
{
    layer l;
    open_layer(o, s, &l);
    if (leaves_sums(&l)) {
        clg_tensor parts = make_parts(&l, 3);
        float *all = test_download_new(l.bias);
        for (uint32_t i = 0; i < l.bn.c; i++) {
            all[i] *= size;
        }
        TEST_OK(clg__rt_write(o->rt, l.bias, all));
        clg__free(all);
        clg_epilogue e = { .bias = l.bias };
        TEST_OK(run(&l, &e, l.again));
        e.sums = (clg_sums){ .parts = parts, .groups = l.bn.groups };
        TEST_OK(run(&l, &e, l.dst));
        assert_same_bits(o->rt, l.dst, l.again);
        TEST_OK(clg__batchnorm_stats(o, &l.bn, l.dst, parts, l.mean, l.invstd, CLG_NO_TENSOR,
                                     CLG_NO_TENSOR, CLG_NO_TENSOR));
        assert_statistics(&l, l.mean, l.invstd, tolerance);
        test_release(&parts);
    }
    close_layer(&l);
}

/* Shape i, or behind all of them the first ones again by the direct algorithm. */
enum { TWICE = 4, RUN_COUNT = SHAPE_COUNT + TWICE };
static struct shape shape_of(int i)
{
    struct shape s = SHAPES[i % SHAPE_COUNT];
    s.algo = i < SHAPE_COUNT ? s.algo : CLG_CONV_DIRECT;
    return s;
}

static void sums_of_a_convolution_are_those_of_its_output(void **state)
{
    for (int i = 0; i < RUN_COUNT; i++) {
        const struct shape s = shape_of(i);
        check_statistics(*state, &s, 1.0f, CLG_CASE_RTOL);
    }
}

/* Means a thousand times the deviation: the squares alone would have no good digit left. */
static void their_variance_survives_a_large_mean(void **state)
{
    const int some[] = { 0, 2, SHAPE_COUNT, SHAPE_COUNT + 2 };
    for (int i = 0; i < 4; i++) {
        const struct shape s = shape_of(some[i]);
        check_statistics(*state, &s, 3e4f, 4e-5);
    }
}

static void sums_of_a_gradient_lead_back_through_the_norm(void **state)
{
    const clg_ops *o = *state;
    for (int i = 0; i < RUN_COUNT; i++) {
        const struct shape s = shape_of(i);
        layer l;
        open_layer(o, &s, &l);
        if (leaves_sums(&l)) {
            clg_tensor parts = make_parts(&l, 2), dw[2], db[2];
            TEST_OK(clg__batchnorm_stats(o, &l.bn, l.x, CLG_NO_TENSOR, l.mean, l.invstd,
                                         CLG_NO_TENSOR, CLG_NO_TENSOR, l.bn_ws));
            const clg_sums sums = { .parts = parts,
                                    .groups = l.bn.groups,
                                    .x = l.x,
                                    .mean = l.mean,
                                    .invstd = l.invstd,
                                    .weight = l.weight,
                                    .bias = l.shift,
                                    .act = l.bn.act,
                                    .slope = l.bn.slope };
            TEST_OK(run_gradient(&l, NULL, l.again));
            TEST_OK(run_gradient(&l, &sums, l.dst));
            assert_same_bits(o->rt, l.dst, l.again);
            for (int own = 0; own < 2; own++) {
                dw[own] = test_buffer(o->rt, CLG_F32, l.bn.c);
                db[own] = test_buffer(o->rt, CLG_F32, l.bn.c);
                TEST_OK(clg__batchnorm_bwd(o, &l.bn, l.x, l.mean, l.invstd, l.weight, l.shift,
                                           l.dst, own ? CLG_NO_TENSOR : parts, l.again, dw[own],
                                           db[own], l.bn_ws));
            }
            assert_near(dw[0], dw[1], 4e-6);
            assert_near(db[0], db[1], 4e-6);
            for (int own = 0; own < 2; own++) {
                test_release(&dw[own]);
                test_release(&db[own]);
            }
            test_release(&parts);
        }
        close_layer(&l);
    }
}

/* A work-item of the CPU family does several groups of tiles at once where the filter is large and there
 * are many: the map and the parts are those of fewer images at a time, bit for bit. */
static void many_groups_at_once_give_the_bits_of_few(void **state)
{
    enum { CALLS = 4 };
    struct shape s = { false, 64, 8, 8, 256, 512, 4, 2, 1, 1, CLG_CONV_WINOGRAD2,
                       CLG_ACT_NONE, CLG_F32 };
    layer all, few;
    open_layer(*state, &s, &all);
    if (clg__rt_family(all.ops.rt) == CLG_KERNELS_CPU && leaves_sums(&all)) {
        s.n /= CALLS;
        open_layer(*state, &s, &few);
        assert_int_equal(all.parts, CALLS * few.parts);
        clg_tensor parts[2] = { make_parts(&all, 3), make_parts(&all, 3) };
        clg_epilogue e = { .bias = all.bias, .sums = { .parts = parts[0], .groups = 1 } };
        TEST_OK(run(&all, &e, all.dst));
        const uint32_t len = (uint32_t)clg__tensor_len(all.dst) / CALLS;
        const uint32_t part = (uint32_t)clg__tensor_len(parts[1]) / CALLS;
        const clg_tensor src = few.src;
        for (uint32_t i = 0; i < CALLS; i++) {
            few.src = clg__tensor_view(all.src, i * (uint32_t)clg__tensor_len(src), 4, s.n, s.h, s.w,
                                       s.c);
            e.sums.parts = clg__tensor_vec(parts[1], i * part, part);
            TEST_OK(run(&few, &e, clg__tensor_view(all.again, i * len, 4, s.n, few.g.p, few.g.q, s.k)));
        }
        few.src = src;
        assert_same_bits(all.ops.rt, all.dst, all.again);
        assert_same_bits(all.ops.rt, parts[0], parts[1]);
        test_release(&parts[0]);
        test_release(&parts[1]);
        close_layer(&few);
    }
    close_layer(&all);
}

/* Groups that the images do not make, and the CPU family's direct convolution. */
static void who_leaves_no_sums_refuses_to(void **state)
{
    struct shape s = SHAPES[0];
    layer l;
    s.algo = CLG_CONV_DIRECT;
    open_layer(*state, &s, &l);
    assert_int_equal(clg__conv2d_parts(&l.ops, &l.g, CLG_FWD, 3), 0);
    clg_epilogue e = { .sums = { .parts = l.ws, .groups = 3 } };
    assert_int_equal(run(&l, &e, l.dst), CLG_E_INTERNAL);
    if (clg__rt_family(l.ops.rt) == CLG_KERNELS_CPU) {
        assert_int_equal(l.parts, 0);
        e.sums.groups = l.bn.groups;
        assert_int_equal(run(&l, &e, l.dst), CLG_E_INTERNAL);
    }
    close_layer(&l);
}

int main(void)
{
    test_cores("2"); /* groups are done together where there are few cores */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_of_a_convolution_are_those_of_its_output),
        cmocka_unit_test(their_variance_survives_a_large_mean),
        cmocka_unit_test(sums_of_a_gradient_lead_back_through_the_norm),
        cmocka_unit_test(many_groups_at_once_give_the_bits_of_few),
        cmocka_unit_test(who_leaves_no_sums_refuses_to),
    };
    return test_both_families(tests, sizeof tests / sizeof tests[0]);
}
