/* Nets on the device against the reference in double precision, and what a net promises about its
 * modes, its memory and its tensors. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/net_support.h"
#include "support/rt_support.h"

enum { N = 6 };
#define TOLERANCE 3e-5

/* Passes of nets with one head, without label and dropout. */
static int run_forward(clg_net *net, clg_tensor x, uint32_t n, uint32_t groups,
                                   enum clg_net_mode mode, clg_tensor *y)
{
    clg_tensor heads[CLG_HEADS_MAX];
    int status = clg__net_run(net, &(clg_net_pass){ .x = x, .n = n, .groups = groups, .mode = mode },
                              heads);
    *y = heads[0];
    return status;
}
static int run_backward(clg_net *net, clg_tensor x, clg_tensor dy, uint32_t n,
                                    uint32_t groups, bool want_dw, clg_tensor dx)
{
    clg_net_pass pass = { .x = x, .n = n, .groups = groups, .mode = CLG_NET_TRAIN };
    return clg__net_back(net, &pass, &(clg_net_back){ .want_dw = want_dw, .dy = { dy }, .dx = dx });
}

typedef void (*plan_fn)(clg_net_plan *plan, uint32_t channels);

/* A net with its scratch and its reference. */
typedef struct fixture {
    clg_net_plan plan;
    clg_scratch *scratch;
    clg_net *net;
    ref_net *ref;
    uint64_t in, out; /* per image */
} fixture;

static fixture make_fixture(plan_fn fn, uint32_t channels, bool train)
{
    fixture f = { 0 };
    fn(&f.plan, channels);
    const clg_net_plan *plans[1] = { &f.plan };
    uint32_t batch = N;
    clg_net_options opt = { .max_batch = N, .train = train, .label = "test" };
    TEST_OK(clg__scratch_create(&f.scratch, test_ops(), plans, &batch, 1, train, CLG_F32));
    TEST_OK(clg__net_create(&f.net, test_ops(), f.scratch, &f.plan, &opt));
    TEST_OK(clg__net_init(f.net, 5, CLG_STREAM_INIT_G));
    TEST_OK(ref_net_create(&f.ref, &f.plan, N));
    if (train) {
        test_net_to_ref(f.net, f.ref);
    }
    f.in = (uint64_t)f.plan.in_h * f.plan.in_w * f.plan.in_c;
    f.out = (uint64_t)f.plan.out_h * f.plan.out_w * f.plan.out_c;
    return f;
}

static void free_fixture(fixture *f)
{
    clg__net_destroy(&f->net);
    clg__scratch_destroy(&f->scratch);
    ref_net_destroy(&f->ref);
}

static void expect_near(const char *what, clg_tensor got, const double *want, uint64_t n)
{
    test_near(what, got, want, n, TOLERANCE);
}

/* Forward and backward of n images in `groups`, every tensor compared. */
static void compare_passes(plan_fn fn, uint32_t channels, uint32_t n, uint32_t groups)
{
    fixture f = make_fixture(fn, channels, true);
    float *x = test_normal(n * f.in, 1), *dy = test_normal(n * f.out, 2);
    double *xd = test_to_double(x, n * f.in), *dyd = test_to_double(dy, n * f.out);
    double *dxd = clg__alloc(n * f.in, sizeof *dxd);
    clg_tensor tx = test_upload(test_rt(), x, n * f.in), y;
    clg_tensor tdy = test_upload(test_rt(), dy, n * f.out);
    clg_tensor tdx = test_buffer(test_rt(), CLG_F32, n * f.in);

    TEST_OK(run_forward(f.net, tx, n, groups, CLG_NET_TRAIN, &y));
    expect_near("output", y, ref_net_forward(f.ref, xd, n, groups, true), n * f.out);
    TEST_OK(run_backward(f.net, tx, tdy, n, groups, true, tdx));
    ref_net_backward(f.ref, xd, dyd, n, groups, true, dxd);
    expect_near("dx", tdx, dxd, n * f.in);
    test_net_equals_ref(f.net, f.ref, CLG_NET_GRAD, TOLERANCE);
    test_net_equals_ref(f.net, f.ref, CLG_NET_VALUE, TOLERANCE); /* running statistics */
    /* num_batches_tracked belongs to batch norms */
    bool norm = f.plan.layer[0].norm != CLG_NORM_NONE || f.plan.layer[1].norm != CLG_NORM_NONE;
    assert_int_equal(clg__net_batches_tracked(f.net), norm ? groups : 0);

    test_release(&tx);
    test_release(&tdy);
    test_release(&tdx);
    clg__free(x);
    clg__free(dy);
    clg__free(xd);
    clg__free(dyd);
    clg__free(dxd);
    free_fixture(&f);
}

static void generator_equals_reference(void **state)
{
    (void)state;
    compare_passes(test_plan_generator, 3, N, 1);
    compare_passes(test_plan_generator, 1, 5, 1);
}

static void discriminator_in_two_groups_equals_reference(void **state)
{
    (void)state;
    compare_passes(test_plan_discriminator, 3, N, 2);
    compare_passes(test_plan_discriminator, 1, 4, 1);
}

static void mlp_equals_reference(void **state)
{
    (void)state;
    compare_passes(test_plan_mlp_generator, 1, N, 1);
    compare_passes(test_plan_mlp_generator, 3, 5, 1);
    compare_passes(test_plan_mlp_discriminator, 1, N, 2);
    compare_passes(test_plan_mlp_discriminator, 3, 3, 1);
}

static void norm_in_the_last_block_equals_reference(void **state)
{
    (void)state;
    fixture f = { 0 };
    clg_net_plan plan;
    test_plan_generator(&plan, 3);
    /* the generator without its last block: ends in batch norm + relu */
    plan.layer_count = 2;
    plan.head[0] = 1;
    plan.out_h = plan.out_w = 8;
    plan.out_c = 8;
    const clg_net_plan *plans[1] = { &plan };
    uint32_t batch = 4;
    clg_net_options opt = { .max_batch = 4, .train = true, .label = "test" };
    TEST_OK(clg__scratch_create(&f.scratch, test_ops(), plans, &batch, 1, true, CLG_F32));
    TEST_OK(clg__net_create(&f.net, test_ops(), f.scratch, &plan, &opt));
    TEST_OK(clg__net_init(f.net, 5, CLG_STREAM_INIT_G));
    TEST_OK(ref_net_create(&f.ref, &plan, 4));
    test_net_to_ref(f.net, f.ref);
    float *x = test_normal(40, 1), *dy = test_normal(4 * 512, 2);
    double *xd = test_to_double(x, 40), *dyd = test_to_double(dy, 4 * 512);
    clg_tensor tx = test_upload(test_rt(), x, 40), tdy = test_upload(test_rt(), dy, 4 * 512), y;
    TEST_OK(run_forward(f.net, tx, 4, 1, CLG_NET_TRAIN, &y));
    expect_near("output", y, ref_net_forward(f.ref, xd, 4, 1, true), 4 * 512);
    TEST_OK(run_backward(f.net, tx, tdy, 4, 1, true, CLG_NO_TENSOR));
    ref_net_backward(f.ref, xd, dyd, 4, 1, true, NULL);
    test_net_equals_ref(f.net, f.ref, CLG_NET_GRAD, TOLERANCE);
    test_release(&tx);
    test_release(&tdy);
    clg__free(x);
    clg__free(dy);
    clg__free(xd);
    clg__free(dyd);
    free_fixture(&f);
}

static void data_gradient_alone_leaves_weight_gradients_untouched(void **state)
{
    (void)state;
    fixture f = make_fixture(test_plan_discriminator, 3, true);
    uint64_t len = clg__net_host_len(f.net);
    float *before = clg__alloc(len, sizeof *before), *after = clg__alloc(len, sizeof *after);
    float *x = test_normal(N * f.in, 1), *dy = test_normal(N * f.out, 2);
    clg_tensor tx = test_upload(test_rt(), x, N * f.in), y;
    clg_tensor tdx = test_buffer(test_rt(), CLG_F32, N * f.in);
    clg_tensor tdx2 = test_buffer(test_rt(), CLG_F32, N * f.in);
    clg_tensor tdy = test_upload(test_rt(), dy, N * f.out);

    TEST_OK(run_forward(f.net, tx, N, 1, CLG_NET_TRAIN, &y));
    TEST_OK(run_backward(f.net, tx, tdy, N, 1, true, tdx));
    TEST_OK(clg__net_read(f.net, CLG_NET_GRAD, before));
    TEST_OK(clg__rt_write(test_rt(), tdy, dy));
    TEST_OK(run_backward(f.net, CLG_NO_TENSOR, tdy, N, 1, false, tdx2));
    TEST_OK(clg__net_read(f.net, CLG_NET_GRAD, after));
    assert_memory_equal(before, after, len * sizeof *before);
    float *a = test_download_new(tdx), *b = test_download_new(tdx2);
    assert_memory_equal(a, b, N * f.in * sizeof *a);

    clg__free(a);
    clg__free(b);
    clg__free(x);
    clg__free(dy);
    clg__free(before);
    clg__free(after);
    test_release(&tx);
    test_release(&tdx);
    test_release(&tdx2);
    test_release(&tdy);
    free_fixture(&f);
}

/* G's gradients by way of D's data gradient. `joined`: G writes where D reads, and D goes back
 * through G's last activation; else they are strangers to each other. */
static float *learn_through(fixture *g, fixture *d, bool joined)
{
    float *z = test_normal(N * g->in, 1), *dl = test_normal(N * d->out, 2);
    float *grads = clg__alloc(clg__net_host_len(g->net), sizeof *grads);
    clg_tensor tz = test_upload(test_rt(), z, N * g->in);
    clg_tensor tx = test_buffer(test_rt(), CLG_F32, N * d->in);
    clg_tensor tdx = test_buffer(test_rt(), CLG_F32, N * d->in);
    clg_tensor tdl = test_upload(test_rt(), dl, N * d->out), y[CLG_HEADS_MAX];
    clg_net_pass gp = { .x = tz, .n = N, .groups = 1, .mode = CLG_NET_TRAIN };
    clg_net_pass dp = { .x = tx, .n = N, .groups = 1, .mode = CLG_NET_TRAIN };
    clg_net_back through = { .dy = { tdl }, .dx = tdx };
    gp.y = joined ? tx : CLG_NO_TENSOR;
    TEST_OK(clg__net_run(g->net, &gp, y));
    if (joined) {
        assert_true(clg__net_writes_to(g->net));
        through.gate = clg__net_gate(g->net, &gp, d->net);
        assert_int_equal(through.gate.act, CLG_ACT_TANH);
    } else {
        TEST_OK(clg__rt_copy(test_rt(), clg__tensor_vec(y[0], 0, (uint32_t)(N * d->in)), tx));
    }
    TEST_OK(clg__net_run(d->net, &dp, y));
    TEST_OK(clg__net_back(d->net, &dp, &through));
    TEST_OK(clg__net_back(g->net, &gp, &(clg_net_back){ .want_dw = true, .dy = { tdx },
                                                       .gated = joined }));
    TEST_OK(clg__net_read(g->net, CLG_NET_GRAD, grads));
    clg__free(z);
    clg__free(dl);
    test_release(&tz);
    test_release(&tx);
    test_release(&tdx);
    test_release(&tdl);
    return grads;
}

static void a_net_joined_to_its_reader_learns_the_same_bits(void **state)
{
    (void)state;
    fixture g = make_fixture(test_plan_mlp_generator, 3, true);
    fixture d = make_fixture(test_plan_mlp_discriminator, 3, true);
    float *apart = learn_through(&g, &d, false), *joined = learn_through(&g, &d, true);
    assert_memory_equal(apart, joined, clg__net_host_len(g.net) * sizeof *apart);

    /* A convolution takes no gate, and the caller is told so. */
    fixture conv = make_fixture(test_plan_discriminator, 3, true);
    clg_net_pass pass = { .n = N, .groups = 1, .mode = CLG_NET_TRAIN };
    assert_int_equal(clg__net_gate(g.net, &pass, conv.net).act, CLG_ACT_NONE);
    clg_tensor dx = test_buffer(test_rt(), CLG_F32, N * conv.in);
    assert_int_equal(clg__net_back(conv.net, &pass,
                                   &(clg_net_back){ .dy = { dx }, .dx = dx,
                                                    .gate = { .y = dx, .act = CLG_ACT_TANH } }),
                     CLG_E_INTERNAL);
    pass.y = clg__tensor_vec(dx, 0, 1);
    clg_tensor y[CLG_HEADS_MAX];
    assert_int_equal(clg__net_run(g.net, &pass, y), CLG_E_INTERNAL);
    test_release(&dx);
    clg__free(apart);
    clg__free(joined);
    free_fixture(&g);
    free_fixture(&d);
    free_fixture(&conv);
}

static void drawing_and_eval_change_nothing(void **state)
{
    (void)state;
    fixture f = make_fixture(test_plan_generator, 3, true);
    uint64_t len = clg__net_host_len(f.net);
    float *before = clg__alloc(len, sizeof *before), *after = clg__alloc(len, sizeof *after);
    float *x = test_normal(N * f.in, 1);
    clg_tensor tx = test_upload(test_rt(), x, N * f.in), y;
    TEST_OK(run_forward(f.net, tx, N, 1, CLG_NET_TRAIN, &y));
    float *trained = clg__alloc(N * f.out, sizeof *trained);
    test_download(clg__tensor_vec(y, 0, (uint32_t)(N * f.out)), trained);
    TEST_OK(clg__net_read(f.net, CLG_NET_VALUE, before));

    TEST_OK(run_forward(f.net, tx, N, 1, CLG_NET_DRAW, &y));
    float *drawn = clg__alloc(N * f.out, sizeof *drawn);
    test_download(clg__tensor_vec(y, 0, (uint32_t)(N * f.out)), drawn);
    assert_memory_equal(trained, drawn, N * f.out * sizeof *drawn); /* the same statistics */
    TEST_OK(run_forward(f.net, tx, N, 1, CLG_NET_EVAL, &y));
    TEST_OK(clg__net_read(f.net, CLG_NET_VALUE, after));
    assert_memory_equal(before, after, len * sizeof *before);
    assert_int_equal(clg__net_batches_tracked(f.net), 1);

    clg__free(trained);
    clg__free(drawn);
    clg__free(before);
    clg__free(after);
    clg__free(x);
    test_release(&tx);
    free_fixture(&f);
}

static void net_without_training_evaluates_as_the_reference(void **state)
{
    (void)state;
    fixture f = make_fixture(test_plan_generator, 3, true);
    fixture e = make_fixture(test_plan_generator, 3, false);
    uint64_t len = clg__net_host_len(f.net);
    float *values = clg__alloc(len, sizeof *values), *x = test_normal(N * f.in, 1);
    double *xd = test_to_double(x, N * f.in);
    clg_tensor tx = test_upload(test_rt(), x, N * f.in), y;
    TEST_OK(run_forward(f.net, tx, N, 1, CLG_NET_TRAIN, &y)); /* moves the statistics */
    TEST_OK(clg__net_read(f.net, CLG_NET_VALUE, values));
    TEST_OK(clg__net_write(e.net, CLG_NET_VALUE, values));
    test_net_to_ref(f.net, f.ref);
    TEST_OK(run_forward(e.net, tx, N, 1, CLG_NET_EVAL, &y));
    expect_near("output", y, ref_net_forward(f.ref, xd, N, 1, false), N * f.out);
    assert_int_equal(run_forward(e.net, tx, N, 1, CLG_NET_TRAIN, &y), CLG_E_INTERNAL);
    assert_int_equal(run_forward(e.net, tx, N + 1, 1, CLG_NET_EVAL, &y), CLG_E_INTERNAL);
    clg__free(values);
    clg__free(x);
    clg__free(xd);
    test_release(&tx);
    free_fixture(&f);
    free_fixture(&e);
}

/* ---- tensors ---- */

static uint32_t find_tensor(clg_net *net, const char *name)
{
    for (uint32_t i = 0; i < clg__net_tensor_count(net); i++) {
        if (strcmp(clg__net_tensor_at(net, i)->name, name) == 0) {
            return i;
        }
    }
    fail_msg("no tensor %s", name);
    return 0;
}

static void tensors_have_pytorch_names_and_shapes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t rank;
        uint64_t dim[4];
    } want[] = { { "main.0.weight", 4, { 10, 16, 4, 4 } }, { "main.1.weight", 1, { 16 } },
                 { "main.1.bias", 1, { 16 } },             { "main.1.running_mean", 1, { 16 } },
                 { "main.1.running_var", 1, { 16 } },      { "main.3.weight", 4, { 16, 8, 4, 4 } },
                 { "main.6.weight", 4, { 8, 3, 4, 4 } } };
    fixture f = make_fixture(test_plan_generator, 3, true);
    assert_int_equal(clg__net_tensor_count(f.net), 11);
    assert_int_equal(clg__net_parameter_count(f.net), 7);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        const clg_net_tensor *t = clg__net_tensor_at(f.net, find_tensor(f.net, want[i].name));
        assert_int_equal(t->rank, want[i].rank);
        for (uint32_t d = 0; d < t->rank; d++) {
            assert_int_equal(t->dim[d], want[i].dim[d]);
        }
    }
    free_fixture(&f);
    f = make_fixture(test_plan_discriminator, 3, true);
    const clg_net_tensor *t = clg__net_tensor_at(f.net, find_tensor(f.net, "main.2.weight"));
    assert_int_equal(t->dim[0], 16); /* out */
    assert_int_equal(t->dim[1], 8);  /* in */
    free_fixture(&f);
}

static void every_kind_survives_write_and_read(void **state)
{
    (void)state;
    static const plan_fn plans[] = { test_plan_generator, test_plan_discriminator,
                                     test_plan_mlp_generator, test_plan_mlp_discriminator };
    for (size_t p = 0; p < 4; p++) {
        fixture f = make_fixture(plans[p], 3, true);
        uint64_t len = clg__net_host_len(f.net);
        float *got = clg__alloc(len, sizeof *got);
        for (int kind = CLG_NET_VALUE; kind <= CLG_NET_V; kind++) {
            float *want = test_normal(len, 10 + (uint64_t)kind);
            TEST_OK(clg__net_write(f.net, (enum clg_net_kind)kind, want));
            TEST_OK(clg__net_read(f.net, (enum clg_net_kind)kind, got));
            for (uint32_t i = 0; i < clg__net_tensor_count(f.net); i++) {
                const clg_net_tensor *t = clg__net_tensor_at(f.net, i);
                uint64_t at = clg__net_host_offset(f.net, i);
                if (!t->is_buffer || kind == CLG_NET_VALUE) {
                    assert_memory_equal(want + at, got + at, t->len * sizeof *got);
                }
            }
            clg__free(want);
        }
        clg__free(got);
        free_fixture(&f);
    }
}

static void files_hold_channels_first_at_the_image_side_of_linear_layers(void **state)
{
    (void)state;
    fixture f = make_fixture(test_plan_mlp_generator, 3, true);
    uint64_t len = clg__net_host_len(f.net);
    float *values = clg__alloc(len, sizeof *values), *zero = clg__alloc(10, sizeof *zero);
    /* All weights 0, so the image is tanh of the last bias, which the file orders c, h, w. */
    uint64_t bias = clg__net_host_offset(f.net, find_tensor(f.net, "main.2.bias"));
    for (uint32_t i = 0; i < 108; i++) {
        values[bias + i] = 0.01f * (float)i;
    }
    TEST_OK(clg__net_write(f.net, CLG_NET_VALUE, values));
    clg_tensor tx = test_upload(test_rt(), zero, 10), y;
    TEST_OK(run_forward(f.net, tx, 1, 1, CLG_NET_DRAW, &y));
    float image[108];
    test_download(clg__tensor_vec(y, 0, 108), image);
    for (uint32_t pixel = 0; pixel < 36; pixel++) {
        for (uint32_t c = 0; c < 3; c++) {
            double want = tanh(0.01 * (double)(c * 36 + pixel));
            assert_true(fabs((double)image[pixel * 3 + c] - want) < 1e-6);
        }
    }
    clg__free(values);
    clg__free(zero);
    test_release(&tx);
    free_fixture(&f);
}

static void init_follows_the_description(void **state)
{
    (void)state;
    fixture f = make_fixture(test_plan_generator, 3, true);
    uint64_t len = clg__net_host_len(f.net);
    float *v = clg__alloc(len, sizeof *v), *again = clg__alloc(len, sizeof *again);
    TEST_OK(clg__net_read(f.net, CLG_NET_VALUE, v));
    TEST_OK(clg__net_init(f.net, 5, CLG_STREAM_INIT_G));
    TEST_OK(clg__net_read(f.net, CLG_NET_VALUE, again));
    assert_memory_equal(v, again, len * sizeof *v);
    TEST_OK(clg__net_init(f.net, 6, CLG_STREAM_INIT_G));
    TEST_OK(clg__net_read(f.net, CLG_NET_VALUE, again));
    assert_memory_not_equal(v, again, len * sizeof *v);
    const float *w = v + clg__net_host_offset(f.net, find_tensor(f.net, "main.0.weight"));
    double sum = 0.0, sq = 0.0;
    for (uint32_t i = 0; i < 2560; i++) {
        sum += (double)w[i];
        sq += (double)w[i] * (double)w[i];
    }
    assert_true(fabs(sum / 2560) < 0.01 && fabs(sqrt(sq / 2560) - 0.1) < 0.005);
    const float *rv = v + clg__net_host_offset(f.net, find_tensor(f.net, "main.1.running_var"));
    const float *nb = v + clg__net_host_offset(f.net, find_tensor(f.net, "main.1.bias"));
    for (uint32_t i = 0; i < 16; i++) {
        assert_true(rv[i] == 1.0f && nb[i] == 0.0f);
    }
    clg__free(v);
    clg__free(again);
    free_fixture(&f);
}

static void torch_init_is_bounded_by_fan_in(void **state)
{
    (void)state;
    fixture f = make_fixture(test_plan_mlp_generator, 1, true);
    float *v = clg__alloc(clg__net_host_len(f.net), sizeof *v);
    static const struct {
        const char *name;
        double fan_in;
    } want[] = { { "main.0.weight", 10 }, { "main.0.bias", 10 }, { "main.2.weight", 24 } };
    TEST_OK(clg__net_read(f.net, CLG_NET_VALUE, v));
    for (size_t i = 0; i < 3; i++) {
        uint32_t at = find_tensor(f.net, want[i].name);
        double bound = 1.0 / sqrt(want[i].fan_in), most = 0.0;
        for (uint64_t j = 0; j < clg__net_tensor_at(f.net, at)->len; j++) {
            most = fmax(most, fabs((double)v[clg__net_host_offset(f.net, at) + j]));
        }
        assert_true(most <= bound * 1.000001 && most > 0.8 * bound);
    }
    clg__free(v);
    free_fixture(&f);
}

/* ---- sums, checks, memory ---- */

static void sums_of_squares_and_updates_are_those_of_the_tensors(void **state)
{
    (void)state;
    fixture f = make_fixture(test_plan_discriminator, 3, true);
    uint32_t n = clg__net_parameter_count(f.net), row = 0;
    uint64_t len = clg__net_host_len(f.net);
    float *a = clg__alloc(len, sizeof *a), *b = clg__alloc(len, sizeof *b);
    float *g = test_normal(len, 3), sums[16], updates[16];
    clg_tensor out = test_buffer(test_rt(), CLG_F32, 16);
    clg_tensor out2 = test_buffer(test_rt(), CLG_F32, 16);
    clg_adam adam = { .lr = 0.01f, .beta1 = 0.5f, .beta2 = 0.999f, .eps = 1e-8f, .t = 1 };
    TEST_OK(clg__net_read(f.net, CLG_NET_VALUE, a));
    TEST_OK(clg__net_write(f.net, CLG_NET_GRAD, g));
    TEST_OK(clg__net_sumsq(f.net, CLG_NET_VALUE, clg__tensor_vec(out, 0, n)));
    TEST_OK(clg__net_snapshot(f.net));
    TEST_OK(clg__net_adam(f.net, &adam));
    TEST_OK(clg__net_sumsq_update(f.net, clg__tensor_vec(out2, 0, n)));
    TEST_OK(clg__net_read(f.net, CLG_NET_VALUE, b));
    test_download(clg__tensor_vec(out, 0, n), sums);
    test_download(clg__tensor_vec(out2, 0, n), updates);
    for (uint32_t i = 0; i < clg__net_tensor_count(f.net); i++) {
        const clg_net_tensor *t = clg__net_tensor_at(f.net, i);
        double sq = 0.0, up = 0.0;
        if (t->is_buffer) {
            continue;
        }
        assert_string_equal(clg__net_parameter_name(f.net, row), t->name);
        for (uint64_t j = 0; j < t->len; j++) {
            double x = (double)a[clg__net_host_offset(f.net, i) + j];
            double d = (double)b[clg__net_host_offset(f.net, i) + j] - x;
            sq += x * x;
            up += d * d;
        }
        assert_true(fabs((double)sums[row] - sq) <= 1e-5 * sq + 1e-12);
        assert_true(fabs((double)updates[row] - up) <= 1e-3 * up && up > 0.0);
        row++;
    }
    assert_int_equal(row, n);
    clg__free(a);
    clg__free(b);
    clg__free(g);
    test_release(&out);
    test_release(&out2);
    free_fixture(&f);
}

static void inf_and_nan_are_counted_wherever_they_are(void **state)
{
    (void)state;
    fixture f = make_fixture(test_plan_discriminator, 3, true);
    uint64_t len = clg__net_host_len(f.net);
    float *v = clg__alloc(len, sizeof *v);
    uint32_t count = 99;
    TEST_OK(clg__net_nonfinite(f.net, &count));
    assert_int_equal(count, 0);
    TEST_OK(clg__net_read(f.net, CLG_NET_VALUE, v));
    v[3] = NAN;
    v[clg__net_host_offset(f.net, find_tensor(f.net, "main.3.running_var"))] = INFINITY;
    TEST_OK(clg__net_write(f.net, CLG_NET_VALUE, v));
    TEST_OK(clg__net_nonfinite(f.net, &count));
    assert_int_equal(count, 2);
    TEST_OK(clg__net_read(f.net, CLG_NET_V, v));
    v[len - 1u] = -INFINITY; /* the last layer's weight */
    TEST_OK(clg__net_write(f.net, CLG_NET_V, v));
    TEST_OK(clg__net_nonfinite(f.net, &count));
    assert_int_equal(count, 3);
    clg__free(v);
    free_fixture(&f);
}

static void bytes_foretold_are_bytes_taken(void **state)
{
    (void)state;
    static const plan_fn plans[] = { test_plan_generator, test_plan_mlp_discriminator };
    for (int train = 0; train < 2; train++) {
        for (size_t p = 0; p < 2; p++) {
            clg_net_plan plan;
            clg_bytes net, scratch;
            uint32_t batch = N;
            const clg_net_plan *list[1] = { &plan };
            plans[p](&plan, 3);
            clg_net_options opt = { .max_batch = N, .train = train != 0 };
            TEST_OK(clg__net_bytes(test_ops(), &plan, &opt, &net));
            TEST_OK(clg__scratch_bytes(test_ops(), list, &batch, 1, train != 0, CLG_F32, &scratch));
            uint64_t before = clg__rt_bytes_used(test_rt());
            fixture f = make_fixture(plans[p], 3, train != 0);
            uint64_t taken = clg__rt_bytes_used(test_rt()) - before;
            assert_int_equal(taken, net.total + scratch.total);
            free_fixture(&f);
            assert_int_equal(clg__rt_bytes_used(test_rt()), before);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generator_equals_reference),
        cmocka_unit_test(discriminator_in_two_groups_equals_reference),
        cmocka_unit_test(mlp_equals_reference),
        cmocka_unit_test(norm_in_the_last_block_equals_reference),
        cmocka_unit_test(data_gradient_alone_leaves_weight_gradients_untouched),
        cmocka_unit_test(a_net_joined_to_its_reader_learns_the_same_bits),
        cmocka_unit_test(drawing_and_eval_change_nothing),
        cmocka_unit_test(net_without_training_evaluates_as_the_reference),
        cmocka_unit_test(tensors_have_pytorch_names_and_shapes),
        cmocka_unit_test(every_kind_survives_write_and_read),
        cmocka_unit_test(files_hold_channels_first_at_the_image_side_of_linear_layers),
        cmocka_unit_test(init_follows_the_description),
        cmocka_unit_test(torch_init_is_bounded_by_fan_in),
        cmocka_unit_test(sums_of_squares_and_updates_are_those_of_the_tensors),
        cmocka_unit_test(inf_and_nan_are_counted_wherever_they_are),
        cmocka_unit_test(bytes_foretold_are_bytes_taken),
    };
    return cmocka_run_group_tests(tests, NULL, test_ops_done);
}
