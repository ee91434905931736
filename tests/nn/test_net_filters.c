/* Filters that a net keeps ready: the same numbers as without, after every writer of the
 * parameters. Where no algorithm of the device transforms its filter, nothing is kept. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "nn/net_internal.h"
#include "ops/conv_algo.h"
#include "support/net_support.h"
#include "support/rt_support.h"

enum { N = 4, X_LEN = N * 16 * 16 * 3 };

/* Set by the two groups: whether that layer has a 3x3 filter with stride 1, or 4x4 with stride 2.
 */
static bool is_plain;

/* A conv net whose second layer is wide enough for every algorithm. */
typedef struct fixture {
    clg_conv_choices choices;
    clg_ops ops;
    clg_net_plan plan;
    clg_scratch *scratch;
    clg_net *net;
    clg_tensor x, dy, dx;
    float *out; /* y, then dx */
} fixture;

enum { OUT_LEN = N + X_LEN };

static void open_fixture(fixture *f, enum clg_conv_algo algo, enum clg_optimizer optimizer,
                         bool train, bool fixed)
{
    *f = (fixture){ .choices = { .forced = algo }, .ops = *test_ops() };
    f->ops.conv_choices = &f->choices;
    test_plan_discriminator(&f->plan, 3);
    f->plan.layer[0].out_c = f->plan.layer[1].in_c = 16;
    f->plan.layer[1].out_c = f->plan.layer[2].in_c = 32;
    if (is_plain) {
        clg_layer *first = &f->plan.layer[0], *second = &f->plan.layer[1];
        first->stride = 4;
        first->pad = 0;
        first->out_h = first->out_w = second->in_h = second->in_w = 4;
        second->kernel = 3;
        second->stride = 1;
    }
    const clg_net_plan *plans[1] = { &f->plan };
    const uint32_t batch = N;
    const clg_net_options opt = {
        .max_batch = N, .train = train, .fixed = fixed, .optimizer = optimizer
    };
    TEST_OK(clg__scratch_create(&f->scratch, &f->ops, plans, &batch, 1, train, CLG_F32));
    TEST_OK(clg__net_create(&f->net, &f->ops, f->scratch, &f->plan, &opt));
    TEST_OK(clg__net_init(f->net, 5, CLG_STREAM_INIT_D));
    float *x = test_normal(X_LEN, 1);
    f->x = test_upload(test_rt(), x, X_LEN);
    f->dy = test_buffer(test_rt(), CLG_F32, N);
    f->dx = test_buffer(test_rt(), CLG_F32, X_LEN);
    f->out = clg__alloc(OUT_LEN, sizeof *f->out);
    clg__free(x);
}

static void close_fixture(fixture *f)
{
    clg__net_destroy(&f->net);
    clg__scratch_destroy(&f->scratch);
    test_release(&f->x);
    test_release(&f->dy);
    test_release(&f->dx);
    clg__free(f->out);
}

static void forward(fixture *f, enum clg_net_mode mode)
{
    const clg_net_pass pass = { .x = f->x, .n = N, .groups = 1, .mode = mode };
    clg_tensor y[CLG_HEADS_MAX];
    TEST_OK(clg__net_run(f->net, &pass, y));
    test_download(clg__tensor_vec(y[0], 0, N), f->out);
}

/* Forward and, in training, back to x and the parameters' gradients. */
static void run(fixture *f)
{
    static const float ones[N] = { 1.0f, 1.0f, 1.0f, 1.0f };
    const clg_net_pass pass = {
        .x = f->x, .n = N, .groups = 1, .mode = f->net->train ? CLG_NET_TRAIN : CLG_NET_EVAL
    };
    clg_tensor y[CLG_HEADS_MAX];
    TEST_OK(clg__net_run(f->net, &pass, y));
    test_download(clg__tensor_vec(y[0], 0, N), f->out);
    if (!f->net->train) {
        memset(f->out + N, 0, X_LEN * sizeof *f->out);
        return;
    }
    TEST_OK(clg__rt_write(test_rt(), f->dy, ones));
    const clg_net_back back = { .want_dw = true, .dy = { f->dy }, .dx = f->dx };
    TEST_OK(clg__net_back(f->net, &pass, &back));
    test_download(f->dx, f->out + N);
}

static void assert_same(const fixture *a, const fixture *b, const char *after)
{
    if (memcmp(a->out, b->out, OUT_LEN * sizeof *a->out) != 0) {
        fail_msg("a net with kept filters gives other numbers after %s", after);
    }
}

/* ---- the writers ---- */

static void write_all(fixture *f)
{
    float *v = test_normal(clg__net_host_len(f->net), 8);
    for (uint64_t i = 0; i < clg__net_host_len(f->net); i++) {
        v[i] = v[i] * v[i]; /* a variance is positive */
    }
    TEST_OK(clg__net_write(f->net, CLG_NET_VALUE, v));
    clg__free(v);
}

static void write_tensors(fixture *f)
{
    for (uint32_t i = 0; i < clg__net_tensor_count(f->net); i++) {
        float *v = test_normal(clg__net_tensor_at(f->net, i)->len, 20 + i);
        for (uint64_t j = 0; j < clg__net_tensor_at(f->net, i)->len; j++) {
            v[j] = v[j] * v[j];
        }
        TEST_OK(clg__net_write_tensor(f->net, i, v));
        clg__free(v);
    }
}

static void init_again(fixture *f)
{
    TEST_OK(clg__net_init(f->net, 6, CLG_STREAM_INIT_D));
}

static void clip(fixture *f)
{
    TEST_OK(clg__net_weight_clip(f->net, 0.01f));
}

static void step_adam(fixture *f)
{
    const clg_adam a = { .lr = 0.1f, .beta1 = 0.5f, .beta2 = 0.999f, .eps = 1e-8f, .t = 1 };
    TEST_OK(clg__net_adam(f->net, &a));
}

static void step_sgd(fixture *f)
{
    const clg_sgd s = { .lr = 0.1f, .momentum = 0.5f };
    TEST_OK(clg__net_sgd(f->net, &s));
}

static const struct writer {
    const char *name;
    void (*write)(fixture *f);
    bool is_step;
    enum clg_optimizer optimizer;
} writers[] = {
    { "clg__net_write", write_all, false, CLG_OPTIMIZER_ADAM },
    { "clg__net_write_tensor", write_tensors, false, CLG_OPTIMIZER_ADAM },
    { "clg__net_init", init_again, false, CLG_OPTIMIZER_ADAM },
    { "clg__net_weight_clip", clip, false, CLG_OPTIMIZER_ADAM },
    { "clg__net_adam", step_adam, true, CLG_OPTIMIZER_ADAM },
    { "clg__net_sgd", step_sgd, true, CLG_OPTIMIZER_SGD },
};

/* The net with kept filters runs before and after the writer, the other one only after it. */
static void no_writer_leaves_a_stale_filter(void **state)
{
    (void)state;
    for (int algo = 0; algo < CLG_CONV_ALGO_COUNT; algo++) {
        for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++) {
            const struct writer *w = &writers[i];
            fixture kept, plain;
            open_fixture(&kept, (enum clg_conv_algo)algo, w->optimizer, true, true);
            open_fixture(&plain, (enum clg_conv_algo)algo, w->optimizer, true, false);
            run(&kept);
            run(&plain);
            assert_same(&kept, &plain, "making it");
            w->write(&kept);
            w->write(&plain);
            run(&kept);
            run(&plain);
            assert_same(&kept, &plain, w->name);
            close_fixture(&kept);
            close_fixture(&plain);
        }
    }
}

static void a_net_that_only_evaluates_keeps_filters_until_they_are_written(void **state)
{
    (void)state;
    for (int algo = 0; algo < CLG_CONV_ALGO_COUNT; algo++) {
        for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++) {
            fixture kept, fresh;
            if (writers[i].is_step) {
                continue;
            }
            open_fixture(&kept, (enum clg_conv_algo)algo, CLG_OPTIMIZER_ADAM, false, false);
            open_fixture(&fresh, (enum clg_conv_algo)algo, CLG_OPTIMIZER_ADAM, false, false);
            run(&kept);
            writers[i].write(&kept);
            writers[i].write(&fresh);
            run(&kept);
            run(&fresh);
            assert_same(&kept, &fresh, writers[i].name);
            close_fixture(&kept);
            close_fixture(&fresh);
        }
    }
}

/* A kept filter that was wiped shows in the result, so it was read; a writer mends it. */
static void a_kept_filter_is_used(void **state)
{
    (void)state;
    fixture f;
    float before[N];
    open_fixture(&f, CLG_CONV_WINOGRAD2, CLG_OPTIMIZER_ADAM, false, false);
    clg_buffer *filter = f.net->ready[1][CLG_FWD].buf;
    if (filter == NULL) {
        close_fixture(&f);
        skip(); /* the device has no such algorithm */
    }
    run(&f);
    memcpy(before, f.out, sizeof before);
    TEST_OK(clg__rt_zero(test_rt(), clg__tensor_all(filter)));
    run(&f);
    assert_memory_not_equal(before, f.out, sizeof before);
    float *all = clg__alloc(clg__net_host_len(f.net), sizeof *all);
    TEST_OK(clg__net_read(f.net, CLG_NET_VALUE, all));
    TEST_OK(clg__net_write(f.net, CLG_NET_VALUE, all));
    run(&f);
    assert_memory_equal(before, f.out, sizeof before);
    clg__free(all);
    close_fixture(&f);
}

/* The buffers are for the algorithm of the net's making; for one that needs more the pass makes the
 * filter for itself. */
static void another_algorithm_later_is_no_danger(void **state)
{
    (void)state;
    fixture f, fresh;
    open_fixture(&f, CLG_CONV_WINOGRAD4, CLG_OPTIMIZER_ADAM, false, false);
    run(&f);
    for (int algo = 0; algo < CLG_CONV_ALGO_COUNT; algo++) {
        f.choices.forced = (enum clg_conv_algo)algo;
        run(&f);
        open_fixture(&fresh, (enum clg_conv_algo)algo, CLG_OPTIMIZER_ADAM, false, false);
        run(&fresh);
        assert_same(&f, &fresh, clg__conv_algo_name((enum clg_conv_algo)algo));
        close_fixture(&fresh);
    }
    close_fixture(&f);
}

static void training_takes_no_memory_for_filters(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, CLG_CONV_WINOGRAD4, CLG_OPTIMIZER_ADAM, true, false);
    for (uint32_t i = 0; i < f.plan.layer_count; i++) {
        assert_null(f.net->ready[i][CLG_FWD].buf);
        assert_null(f.net->ready[i][CLG_BWD_DATA].buf);
    }
    close_fixture(&f);
}

/* Evaluation folds norms into the weights; drawing with the batch's statistics must not see that.
 */
static void drawing_and_evaluating_take_turns(void **state)
{
    (void)state;
    for (int algo = 0; algo < CLG_CONV_ALGO_COUNT; algo++) {
        fixture f, train;
        float evaluated[N], want[N];
        open_fixture(&f, (enum clg_conv_algo)algo, CLG_OPTIMIZER_ADAM, false, false);
        open_fixture(&train, (enum clg_conv_algo)algo, CLG_OPTIMIZER_ADAM, true, false);
        write_tensors(&f); /* statistics that change something */
        write_tensors(&train);
        forward(&f, CLG_NET_EVAL);
        memcpy(evaluated, f.out, sizeof evaluated);
        forward(&train, CLG_NET_EVAL);
        memcpy(want, train.out, sizeof want);
        for (int i = 0; i < N; i++) {
            assert_true(fabsf(evaluated[i] - want[i]) <= 1e-5f * fabsf(want[i]) + 1e-5f);
        }
        forward(&f, CLG_NET_DRAW);
        forward(&train, CLG_NET_DRAW);
        assert_memory_equal(f.out, train.out, N * sizeof *f.out);
        forward(&f, CLG_NET_EVAL);
        assert_memory_equal(f.out, evaluated, sizeof evaluated);
        close_fixture(&f);
        close_fixture(&train);
    }
}

static int take_plain(void **state)
{
    (void)state;
    is_plain = true;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_writer_leaves_a_stale_filter),
        cmocka_unit_test(a_net_that_only_evaluates_keeps_filters_until_they_are_written),
        cmocka_unit_test(a_kept_filter_is_used),
        cmocka_unit_test(another_algorithm_later_is_no_danger),
        cmocka_unit_test(drawing_and_evaluating_take_turns),
        cmocka_unit_test(training_takes_no_memory_for_filters),
    };
    int failed = cmocka_run_group_tests_name("filters 4x4", tests, NULL, NULL);
    return failed + cmocka_run_group_tests_name("filters 3x3", tests, take_plain, test_ops_done);
}
