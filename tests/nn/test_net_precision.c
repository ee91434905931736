/* Nets that store activations and weights in 16 bits: near the same net in floats, on every op, and
 * the loss scale that skips and recovers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "nn/net_internal.h"
#include "ops/loss_scale.h"
#include "support/net_support.h"
#include "support/plan_support.h"
#include "support/rt_support.h"

enum { N = 4 };

typedef struct fixture {
    clg_net_plan plan;
    clg_scratch *scratch;
    clg_net *net;
    clg_buffer *x, *labels, *dy, *dx;
    clg_net_pass pass;
    uint64_t len, in, out[CLG_HEADS_MAX];
    enum clg_dtype store;
} fixture;

static void write_normal(clg_tensor t, uint64_t seed, float factor)
{
    uint64_t n = clg__tensor_len(t);
    float *values = test_normal(n, seed);
    for (uint64_t i = 0; i < n; i++) {
        values[i] *= factor;
    }
    TEST_OK(clg__rt_write_f32(test_rt(), t, values));
    clg__free(values);
}

static uint64_t head_len(const fixture *f, uint32_t h)
{
    return N * clg__layer_out(&f->plan.layer[f->plan.head[h]]);
}

static fixture make_fixture(void (*make_plan)(clg_net_plan *), enum clg_dtype store, bool train)
{
    static const uint32_t labels[N] = { 0, 3, 4, 1 };
    fixture f = { .store = store };
    uint32_t batch = N;
    uint64_t dy = 0;
    make_plan(&f.plan);
    const clg_net_plan *plans[1] = { &f.plan };
    clg_net_options opt = { .max_batch = N, .train = train, .store = store };
    TEST_OK(clg__scratch_create(&f.scratch, test_ops(), plans, &batch, 1, train, store));
    TEST_OK(clg__net_create(&f.net, test_ops(), f.scratch, &f.plan, &opt));
    TEST_OK(clg__net_init(f.net, 5, CLG_STREAM_INIT_D));
    f.len = clg__net_host_len(f.net);
    f.in = (uint64_t)N * f.plan.in_h * f.plan.in_w * f.plan.in_c;
    for (uint32_t h = 0; h < f.plan.head_count; h++) {
        dy += clg__round_up64(head_len(&f, h), 64);
    }
    TEST_OK(clg__buffer_create(test_rt(), store, f.in, "x", &f.x));
    TEST_OK(clg__buffer_create(test_rt(), store, f.in, "dx", &f.dx));
    TEST_OK(clg__buffer_create(test_rt(), store, dy, "dy", &f.dy));
    TEST_OK(clg__buffer_create(test_rt(), CLG_U32, N, "labels", &f.labels));
    TEST_OK(clg__rt_write(test_rt(), clg__tensor_all(f.labels), labels));
    write_normal(clg__tensor_all(f.x), 7, 1.0f);
    f.pass = (clg_net_pass){ .x = clg__tensor_all(f.x),
                             .labels = clg__tensor_all(f.labels),
                             .n = N,
                             .groups = 1,
                             .mode = train ? CLG_NET_TRAIN : CLG_NET_EVAL,
                             .dropout = { .seed = 3, .stream = CLG_STREAM_DROPOUT } };
    return f;
}

static void free_fixture(fixture *f)
{
    clg__net_destroy(&f->net);
    clg__scratch_destroy(&f->scratch);
    clg__buffer_destroy(&f->x);
    clg__buffer_destroy(&f->dx);
    clg__buffer_destroy(&f->dy);
    clg__buffer_destroy(&f->labels);
}

/* Forward; the heads' values one after the other. */
static float *run(fixture *f, uint64_t *n)
{
    clg_tensor y[CLG_HEADS_MAX];
    *n = 0;
    for (uint32_t h = 0; h < f->plan.head_count; h++) {
        *n += head_len(f, h);
    }
    float *values = clg__alloc(*n, sizeof *values);
    uint64_t at = 0;
    TEST_OK(clg__net_run(f->net, &f->pass, y));
    for (uint32_t h = 0; h < f->plan.head_count; h++) {
        assert_int_equal(y[h].dtype, f->store);
        TEST_OK(clg__rt_read_f32(test_rt(), clg__tensor_vec(y[h], 0, (uint32_t)head_len(f, h)),
                                 values + at));
        at += head_len(f, h);
    }
    return values;
}

/* The way back from gradients drawn by `seed`, times `factor`. */
static void back(fixture *f, uint64_t seed, float factor)
{
    clg_net_back b = { .want_dw = true, .dx = clg__tensor_all(f->dx) };
    uint64_t at = 0;
    for (uint32_t h = 0; h < f->plan.head_count; h++) {
        b.dy[h] = clg__tensor_vec(clg__tensor_all(f->dy), at, (uint32_t)head_len(f, h));
        write_normal(b.dy[h], seed + h, factor);
        at += clg__round_up64(head_len(f, h), 64);
    }
    TEST_OK(clg__net_back(f->net, &f->pass, &b));
}

static float loss_scale(const fixture *f)
{
    float scale = 1.0f;
    clg_tensor t = clg__net_loss_scale(f->net);
    if (clg__tensor_is(t)) {
        TEST_OK(clg__rt_read(test_rt(), t, &scale));
    }
    return scale;
}

static float *read_net(fixture *f, enum clg_net_kind kind)
{
    float *values = clg__alloc(f->len, sizeof *values);
    TEST_OK(clg__net_read(f->net, kind, values));
    return values;
}

static void expect_near(const char *what, float *got, float *want, uint64_t n, double tolerance)
{
    double *exact = test_to_double(want, n);
    double error = test_relative_l2(got, exact, n);
    if (!(error <= tolerance)) {
        fail_msg("%s: off by %.3g, at most %.3g", what, error, tolerance);
    }
    assert_true(error > 0.0); /* 16 bits were there */
    clg__free(exact);
    clg__free(got);
    clg__free(want);
}

static void compare(void (*plan)(clg_net_plan *), enum clg_dtype store, double out, double gradient)
{
    fixture a = make_fixture(plan, CLG_F32, true), b = make_fixture(plan, store, true);
    uint64_t n = 0;
    float *want = run(&a, &n), *got = run(&b, &n);
    expect_near("output", got, want, n, out);
    back(&a, 20, 1e-6f);
    back(&b, 20, 1e-6f * loss_scale(&b));
    expect_near("gradients", read_net(&b, CLG_NET_GRAD), read_net(&a, CLG_NET_GRAD), a.len,
                gradient);
    want = clg__alloc(a.in, sizeof *want);
    got = clg__alloc(a.in, sizeof *got);
    TEST_OK(clg__rt_read_f32(test_rt(), clg__tensor_all(a.dx), want));
    TEST_OK(clg__rt_read_f32(test_rt(), clg__tensor_all(b.dx), got));
    for (uint64_t i = 0; i < b.in; i++) { /* dx carries the scale on */
        got[i] /= loss_scale(&b) > 1.0f ? loss_scale(&b) : 1.0f;
    }
    expect_near("dx", got, want, a.in, gradient);
    free_fixture(&a);
    free_fixture(&b);
}

static void generator(clg_net_plan *plan)
{
    test_plan_generator(plan, 3);
}

static void mlp(clg_net_plan *plan)
{
    test_plan_mlp_discriminator(plan, 1);
}

static void halves_are_near_floats(void **state)
{
    (void)state;
    compare(generator, CLG_F16, 2e-3, 5e-3);
    compare(mlp, CLG_F16, 2e-3, 5e-3);
    compare(test_plan_branched, CLG_F16, 5e-3, 2e-2);
}

static void bfloats_are_near_floats(void **state)
{
    (void)state; /* 8 bits: a few gates of relu flip */
    compare(generator, CLG_BF16, 2e-2, 1e-1);
    compare(mlp, CLG_BF16, 2e-2, 1e-1);
    compare(test_plan_branched, CLG_BF16, 5e-2, 2e-1);
}

static void nets_for_drawing_may_store_halves_too(void **state)
{
    (void)state;
    fixture a = make_fixture(generator, CLG_F32, false),
            b = make_fixture(generator, CLG_F16, false);
    uint64_t n = 0;
    float *want = run(&a, &n), *got = run(&b, &n);
    expect_near("output", got, want, n, 5e-3);
    assert_false(clg__tensor_is(clg__net_loss_scale(b.net)));
    free_fixture(&a);
    free_fixture(&b);
}

static void step(fixture *f)
{
    clg_adam adam = { .lr = 0.01f, .beta1 = 0.5f, .beta2 = 0.999f, .eps = 1e-8f, .t = 1 };
    TEST_OK(clg__net_adam(f->net, &adam));
}

static bool all_equal(const float *a, const float *b, uint64_t n)
{
    return memcmp(a, b, n * sizeof *a) == 0;
}

static void layers_read_the_weights_of_the_last_update(void **state)
{
    (void)state;
    fixture f = make_fixture(mlp, CLG_BF16, true);
    uint64_t n = 0;
    float *before = run(&f, &n), *value = read_net(&f, CLG_NET_VALUE);
    back(&f, 20, 1.0f);
    step(&f);
    float *after = run(&f, &n);
    assert_false(all_equal(before, after, n));
    TEST_OK(clg__net_write(f.net, CLG_NET_VALUE, value));
    float *again = run(&f, &n);
    assert_true(all_equal(before, again, n));
    clg__free(before);
    clg__free(after);
    clg__free(again);
    clg__free(value);
    free_fixture(&f);
}

static void an_overflow_skips_the_update_and_halves_the_scale(void **state)
{
    (void)state;
    fixture f = make_fixture(mlp, CLG_F16, true);
    uint64_t n = 0;
    float scale[CLG_NET_SCALE_LEN];
    assert_true(loss_scale(&f) == 65536.0f);
    clg__free(run(&f, &n));
    back(&f, 20, 1.0f);
    step(&f);
    float *value = read_net(&f, CLG_NET_VALUE), *m = read_net(&f, CLG_NET_M);
    back(&f, 20, 1e9f); /* inf in half */
    float *grad = read_net(&f, CLG_NET_GRAD);
    step(&f);
    for (uint64_t i = 0; i < f.len; i++) {
        assert_true(grad[i] == 0.0f);
    }
    float *now = read_net(&f, CLG_NET_VALUE), *m_now = read_net(&f, CLG_NET_M);
    assert_true(all_equal(value, now, f.len));
    assert_true(all_equal(m, m_now, f.len));
    TEST_OK(clg__net_scale_read(f.net, scale));
    assert_true(scale[CLG_LOSS_SCALE] == 32768.0f && scale[CLG_SCALE_CLEAN] == 0.0f);
    assert_true(scale[CLG_SCALE_STEPS] == 1.0f && scale[CLG_SCALE_SKIPPED] == 1.0f);
    clg__free(now);
    back(&f, 21, 1.0f); /* goes on */
    step(&f);
    now = read_net(&f, CLG_NET_VALUE);
    assert_false(all_equal(value, now, f.len));
    TEST_OK(clg__net_scale_read(f.net, scale));
    assert_true(scale[CLG_SCALE_STEPS] == 2.0f && scale[CLG_SCALE_CLEAN] == 1.0f);
    clg__free(value);
    clg__free(now);
    clg__free(m);
    clg__free(m_now);
    clg__free(grad);
    free_fixture(&f);
}

/* Two nets behind one loss, as an autoencoder's: the gradient carries the first one's scale. */
static void a_lent_scale_is_divided_by_whichever_net_steps_first(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        fixture a = make_fixture(mlp, CLG_F16, true), b = make_fixture(mlp, CLG_F16, true);
        const float lent[CLG_NET_SCALE_LEN] = { 1024.0f, 1999.0f, 0.0f, 1.0f };
        uint64_t n = 0;
        TEST_OK(clg__net_scale_write(a.net, lent));
        clg__free(run(&a, &n));
        clg__free(run(&b, &n));
        back(&b, 20, 1024.0f);
        b.net->scaled_by = a.net;
        back(&a, 20, 1024.0f);
        step(first == 0 ? &a : &b); /* a's own scale doubles here */
        float *ga = read_net(&a, CLG_NET_GRAD), *gb = read_net(&b, CLG_NET_GRAD);
        assert_true(all_equal(ga, gb, a.len)); /* the same nets, the same gradients */
        assert_true(loss_scale(&a) == 2048.0f && loss_scale(&b) == 65536.0f);
        clg__free(ga);
        clg__free(gb);
        free_fixture(&a);
        free_fixture(&b);
    }
}

static void bytes_foretold_are_bytes_taken(void **state)
{
    (void)state;
    static const enum clg_dtype types[] = { CLG_F16, CLG_BF16 };
    for (int i = 0; i < 4; i++) {
        enum clg_dtype store = types[i / 2];
        clg_net_plan plan;
        clg_bytes net, scratch;
        uint32_t batch = N;
        test_plan_branched(&plan);
        const clg_net_plan *list[1] = { &plan };
        clg_net_options opt = { .max_batch = N, .train = i % 2 == 0, .store = store };
        TEST_OK(clg__net_bytes(test_ops(), &plan, &opt, &net));
        TEST_OK(clg__scratch_bytes(test_ops(), list, &batch, 1, opt.train, store, &scratch));
        clg_scratch *s = NULL;
        clg_net *made = NULL;
        uint64_t before = clg__rt_bytes_used(test_rt());
        TEST_OK(clg__scratch_create(&s, test_ops(), list, &batch, 1, opt.train, store));
        TEST_OK(clg__net_create(&made, test_ops(), s, &plan, &opt));
        assert_int_equal(clg__rt_bytes_used(test_rt()) - before, net.total + scratch.total);
        clg__net_destroy(&made);
        clg__scratch_destroy(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_are_near_floats),
        cmocka_unit_test(bfloats_are_near_floats),
        cmocka_unit_test(nets_for_drawing_may_store_halves_too),
        cmocka_unit_test(layers_read_the_weights_of_the_last_update),
        cmocka_unit_test(an_overflow_skips_the_update_and_halves_the_scale),
        cmocka_unit_test(a_lent_scale_is_divided_by_whichever_net_steps_first),
        cmocka_unit_test(bytes_foretold_are_bytes_taken),
    };
    return cmocka_run_group_tests(tests, NULL, test_ops_done);
}
