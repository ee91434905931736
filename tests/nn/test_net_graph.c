/* Nets with branches, heads, labels and dropout against the reference in double precision; ways back
 * through a part of the rows; what the links cost in memory; which plans are refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "nn/net_internal.h"
#include "support/net_support.h"
#include "support/plan_support.h"
#include "support/rt_support.h"

enum { N = 12, GROUPS = 3, GROUP = N / GROUPS };
#define TOLERANCE 3e-5

static const uint32_t LABELS[N] = { 3, 0, 4, 4, 1, 3, 2, 1, 0, 4, 3, 3 };
static const clg_rng_key KEY = { .seed = 11, .stream = CLG_STREAM_TEST, .step = 5, .lane = 256 };

/* A net with its reference, and a pass of N rows in GROUPS groups through both. */
typedef struct fixture {
    clg_net_plan plan;
    clg_scratch *scratch;
    clg_net *net;
    ref_net *ref;
    uint64_t in, out[CLG_HEADS_MAX]; /* per row */
    float *x, *dy[CLG_HEADS_MAX];
    double *xd, *dyd[CLG_HEADS_MAX], *dxd;
    clg_tensor tx, tlabels, tdy[CLG_HEADS_MAX], tdx;
    clg_net_pass pass;
    ref_pass ref_pass;
} fixture;

static clg_tensor upload_labels(void)
{
    clg_tensor t = test_buffer(test_rt(), CLG_U32, N);
    TEST_OK(clg__rt_write(test_rt(), t, LABELS));
    return t;
}

static fixture make_fixture(void (*fn)(clg_net_plan *))
{
    fixture f = { 0 };
    fn(&f.plan);
    const clg_net_plan *plans[1] = { &f.plan };
    uint32_t batch = N;
    clg_net_options opt = { .max_batch = N, .train = true, .label = "test" };
    TEST_OK(clg__scratch_create(&f.scratch, test_ops(), plans, &batch, 1, true, CLG_F32));
    TEST_OK(clg__net_create(&f.net, test_ops(), f.scratch, &f.plan, &opt));
    TEST_OK(clg__net_init(f.net, 5, CLG_STREAM_INIT_G));
    TEST_OK(ref_net_create(&f.ref, &f.plan, N));
    test_net_to_ref(f.net, f.ref);
    f.in = (uint64_t)f.plan.in_h * f.plan.in_w * f.plan.in_c;
    f.x = test_normal(N * f.in, 1);
    f.xd = test_to_double(f.x, N * f.in);
    f.dxd = clg__alloc(N * f.in, sizeof *f.dxd);
    f.tx = test_upload(test_rt(), f.x, N * f.in);
    f.tdx = test_buffer(test_rt(), CLG_F32, N * f.in);
    f.tlabels = upload_labels();
    for (uint32_t h = 0; h < f.plan.head_count; h++) {
        f.out[h] = clg__layer_out(&f.plan.layer[f.plan.head[h]]);
        f.dy[h] = test_normal(N * f.out[h], 2 + h);
        f.dyd[h] = test_to_double(f.dy[h], N * f.out[h]);
        f.tdy[h] = test_buffer(test_rt(), CLG_F32, N * f.out[h]);
    }
    f.pass = (clg_net_pass){ .x = f.tx, .labels = f.tlabels, .n = N, .groups = GROUPS,
                             .mode = CLG_NET_TRAIN, .dropout = KEY };
    f.ref_pass = (ref_pass){ .x = f.xd, .labels = LABELS, .n = N, .groups = GROUPS, .train = true,
                             .dropout = KEY };
    return f;
}

static void free_fixture(fixture *f)
{
    clg__net_destroy(&f->net);
    clg__scratch_destroy(&f->scratch);
    ref_net_destroy(&f->ref);
    test_release(&f->tx);
    test_release(&f->tdx);
    test_release(&f->tlabels);
    clg__free(f->x);
    clg__free(f->xd);
    clg__free(f->dxd);
    for (uint32_t h = 0; h < f->plan.head_count; h++) {
        test_release(&f->tdy[h]);
        clg__free(f->dy[h]);
        clg__free(f->dyd[h]);
    }
}

static void expect_near(const char *what, clg_tensor got, const double *want, uint64_t n)
{
    test_near(what, got, want, n, TOLERANCE);
}

static void run_both(fixture *f)
{
    clg_tensor y[CLG_HEADS_MAX];
    const double *want[CLG_HEADS_MAX];
    TEST_OK(clg__net_run(f->net, &f->pass, y));
    ref_net_run(f->ref, &f->ref_pass, want);
    for (uint32_t h = 0; h < f->plan.head_count; h++) {
        expect_near(h == 0 ? "head 0" : "head 1", y[h], want[h], f->pass.n * f->out[h]);
    }
}

/* Back through `groups` groups from `first` on, from the heads in the mask `heads`, on both sides.
 * dx is only asked for with want_dx. */
static void back_both(fixture *f, uint32_t first, uint32_t groups, uint32_t heads, bool want_dw,
                      bool want_dx)
{
    uint32_t row = first * GROUP, n = (groups > 0 ? groups : GROUPS - first) * GROUP;
    clg_net_back back = { .first = first, .groups = groups, .want_dw = want_dw,
                          .dx = want_dx ? f->tdx : CLG_NO_TENSOR };
    ref_way_back ref = { .first = first, .groups = groups, .want_dw = want_dw,
                         .dx = want_dx ? f->dxd : NULL };
    for (uint32_t h = 0; h < f->plan.head_count; h++) {
        if ((heads >> h & 1u) != 0) {
            back.dy[h] = clg__tensor_vec(f->tdy[h], 0, (uint32_t)(n * f->out[h]));
            TEST_OK(clg__rt_write(test_rt(), back.dy[h], f->dy[h] + row * f->out[h]));
            ref.dy[h] = f->dyd[h] + row * f->out[h];
        }
    }
    TEST_OK(clg__net_back(f->net, &f->pass, &back));
    ref_net_back(f->ref, &f->ref_pass, &ref);
    if (want_dx) {
        expect_near("dx", f->tdx, f->dxd, n * f->in);
    }
    test_net_equals_ref(f->net, f->ref, CLG_NET_GRAD, TOLERANCE);
}

static void branched_net_equals_reference_for_each_head_and_each_part(void **state)
{
    (void)state;
    fixture f = make_fixture(test_plan_branched);
    run_both(&f);
    test_net_equals_ref(f.net, f.ref, CLG_NET_VALUE, TOLERANCE); /* running statistics */
    assert_int_equal(clg__net_batches_tracked(f.net), GROUPS);
    back_both(&f, 0, 0, 3, true, true);
    back_both(&f, 0, GROUPS, 1, true, true); /* the blocks before head 1 alone get zero */
    back_both(&f, 0, GROUPS, 2, true, false);
    back_both(&f, 1, 1, 3, true, true);
    back_both(&f, 1, 2, 2, true, true);
    back_both(&f, 2, 0, 3, false, true); /* weight gradients stay those of the call before */
    f.pass.dropout.step = f.ref_pass.dropout.step = 6; /* another mask */
    run_both(&f);
    back_both(&f, 0, 0, 3, true, true);
    free_fixture(&f);
}

static void a_head_that_other_blocks_read_equals_reference(void **state)
{
    (void)state;
    fixture f = make_fixture(test_plan_head_inside);
    run_both(&f);
    for (uint32_t heads = 1; heads <= 3; heads++) {
        back_both(&f, 0, 0, heads, true, true);
        back_both(&f, 1, 1, heads, true, false);
    }
    free_fixture(&f);
}

static void partial_way_back_is_the_full_one_with_zeros_elsewhere(void **state)
{
    (void)state;
    fixture f = make_fixture(test_plan_branched);
    uint64_t len = clg__net_host_len(f.net);
    float *full = clg__alloc(len, sizeof *full), *part = clg__alloc(len, sizeof *part);
    double *want = NULL;
    clg_tensor y[CLG_HEADS_MAX];
    clg_net_back back = { .want_dw = true, .dx = f.tdx };
    TEST_OK(clg__net_run(f.net, &f.pass, y));
    for (uint32_t h = 0; h < 2; h++) {
        back.dy[h] = f.tdy[h];
        TEST_OK(clg__rt_zero(test_rt(), f.tdy[h]));
        TEST_OK(clg__rt_write(test_rt(),
                              clg__tensor_vec(f.tdy[h], GROUP * f.out[h],
                                              (uint32_t)(GROUP * f.out[h])),
                              f.dy[h] + GROUP * f.out[h]));
    }
    TEST_OK(clg__net_back(f.net, &f.pass, &back));
    TEST_OK(clg__net_read(f.net, CLG_NET_GRAD, full));
    float *dx = test_download_new(f.tdx);
    for (uint64_t i = 0; i < GROUP * f.in; i++) {
        assert_true(dx[i] == 0.0f);
    }
    want = test_to_double(dx + GROUP * f.in, GROUP * f.in);

    back.first = back.groups = 1;
    for (uint32_t h = 0; h < 2; h++) {
        TEST_OK(clg__rt_write(test_rt(),
                              clg__tensor_vec(f.tdy[h], 0, (uint32_t)(GROUP * f.out[h])),
                              f.dy[h] + GROUP * f.out[h]));
    }
    TEST_OK(clg__net_back(f.net, &f.pass, &back));
    TEST_OK(clg__net_read(f.net, CLG_NET_GRAD, part));
    expect_near("dx", f.tdx, want, GROUP * f.in);
    for (uint32_t i = 0; i < clg__net_tensor_count(f.net); i++) {
        const clg_net_tensor *t = clg__net_tensor_at(f.net, i);
        uint64_t at = clg__net_host_offset(f.net, i);
        double *wd = test_to_double(full + at, t->len);
        assert_true(t->is_buffer || test_relative_l2(part + at, wd, t->len) < TOLERANCE);
        clg__free(wd);
    }
    clg__free(full);
    clg__free(part);
    clg__free(dx);
    clg__free(want);
    free_fixture(&f);
}

/* Dropout hands on its input, labels and planes work, buffers are shared. */
static void branched_net_without_training_evaluates_as_the_reference(void **state)
{
    (void)state;
    fixture f = make_fixture(test_plan_branched);
    uint64_t len = clg__net_host_len(f.net);
    float *values = clg__alloc(len, sizeof *values);
    const clg_net_plan *plans[1] = { &f.plan };
    uint32_t batch = N;
    clg_net_options opt = { .max_batch = N, .label = "eval" };
    clg_scratch *scratch;
    clg_net *net;
    run_both(&f); /* moves the running statistics */
    TEST_OK(clg__net_read(f.net, CLG_NET_VALUE, values));
    TEST_OK(clg__scratch_create(&scratch, test_ops(), plans, &batch, 1, false, CLG_F32));
    TEST_OK(clg__net_create(&net, test_ops(), scratch, &f.plan, &opt));
    TEST_OK(clg__net_write(net, CLG_NET_VALUE, values));
    f.pass.mode = CLG_NET_EVAL;
    f.ref_pass.train = false;
    run_both(&f); /* the net that trains */
    clg_tensor y[CLG_HEADS_MAX];
    const double *want[CLG_HEADS_MAX];
    TEST_OK(clg__net_run(net, &f.pass, y));
    ref_net_run(f.ref, &f.ref_pass, want);
    expect_near("head 0", y[0], want[0], N);
    expect_near("head 1", y[1], want[1], 3 * N);
    clg__net_destroy(&net);
    clg__scratch_destroy(&scratch);
    clg__free(values);
    free_fixture(&f);
}

/* ---- memory ---- */

static void make_chain(clg_net_plan *p, uint32_t layers)
{
    *p = (clg_net_plan){ .in_h = 1, .in_w = 1, .in_c = 8, .layer_count = layers, .head_count = 1,
                         .head = { layers - 1u } };
    for (uint32_t i = 0; i < layers; i++) {
        p->layer[i] = (clg_layer){ .op = CLG_LAYER_LINEAR, .from = (int32_t)i - 1,
                                   .with = CLG_FROM_NONE, .in_h = 1, .in_w = 1, .out_h = 1,
                                   .out_w = 1, .in_c = i == 0 ? 8 : 8 + 10 * i,
                                   .out_c = 18 + 10 * i };
    }
}

static void a_chain_takes_two_gradients_in_turn(void **state)
{
    (void)state;
    clg_net_plan p;
    clg_net_graph g;
    for (uint32_t layers = 1; layers < 9; layers++) {
        make_chain(&p, layers);
        TEST_OK(clg__net_graph_make(&p, &g));
        assert_int_equal(g.gradients.count, layers > 2 ? 2 : layers - 1);
        assert_int_equal(g.activations.count, layers > 1 ? 2 : 1);
        uint64_t most[2] = { 0, 0 };
        for (uint32_t i = 0; i + 1u < layers; i++) {
            uint32_t want = (layers - i) % 2u;
            assert_int_equal(g.node[i].gradient, want);
            most[want] = p.layer[i].out_c; /* they grow */
            assert_int_equal(g.node[i].spare[0], CLG_NO_SLOT);
            assert_int_equal(g.node[i].activation, i % 2u);
        }
        assert_int_equal(g.gradients.len[0], most[0]);
        assert_int_equal(g.gradients.len[1], most[1]);
    }
}

static void values_alive_together_never_share_a_buffer(void **state)
{
    (void)state;
    clg_net_plan p;
    clg_net_graph g;
    test_plan_branched(&p);
    TEST_OK(clg__net_graph_make(&p, &g));
    for (uint32_t i = 0; i < p.layer_count; i++) {
        for (uint32_t j = i + 1u; j < p.layer_count; j++) {
            /* both wait for gradients while block `step` runs */
            bool together = j <= g.node[i].last && g.node[i].has_readers && g.node[j].has_readers;
            bool have = g.node[i].gradient != CLG_NO_SLOT && g.node[j].gradient != CLG_NO_SLOT;
            assert_false(together && have && g.node[i].gradient == g.node[j].gradient);
            for (int s = 0; s < CLG_INPUTS; s++) {
                bool spare = g.node[j].spare[s] != CLG_NO_SLOT && j <= g.node[i].last;
                assert_false(spare && g.node[j].spare[s] == g.node[i].gradient);
            }
        }
    }
    assert_int_equal(g.node[3].gradient, CLG_NO_SLOT); /* labels have none */
    assert_true(g.gradients.count <= 5);
    assert_true(g.activations.count <= 6);
}

static void bytes_foretold_are_bytes_taken_with_branches_and_sgd(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        clg_net_plan plan;
        clg_bytes net_bytes, scratch_bytes;
        uint32_t batch = N;
        const clg_net_plan *list[1] = { &plan };
        clg_scratch *scratch;
        clg_net *net;
        test_plan_branched(&plan);
        clg_net_options opt = { .max_batch = N, .train = kind > 0,
                                .optimizer = kind == 2 ? CLG_OPTIMIZER_SGD : CLG_OPTIMIZER_ADAM };
        TEST_OK(clg__net_bytes(test_ops(), &plan, &opt, &net_bytes));
        TEST_OK(clg__scratch_bytes(test_ops(), list, &batch, 1, opt.train, CLG_F32, &scratch_bytes));
        uint64_t before = clg__rt_bytes_used(test_rt());
        TEST_OK(clg__scratch_create(&scratch, test_ops(), list, &batch, 1, opt.train, CLG_F32));
        TEST_OK(clg__net_create(&net, test_ops(), scratch, &plan, &opt));
        assert_int_equal(clg__rt_bytes_used(test_rt()) - before,
                         net_bytes.total + scratch_bytes.total);
        assert_int_equal(clg__net_has(net, CLG_NET_M), kind > 0);
        assert_int_equal(clg__net_has(net, CLG_NET_V), kind == 1);
        clg__net_destroy(&net);
        clg__scratch_destroy(&scratch);
        assert_int_equal(clg__rt_bytes_used(test_rt()), before);
    }
}

/* ---- what is refused ---- */

static void expect_refused(const clg_net_plan *p, const char *said)
{
    clg_net_graph g;
    assert_int_equal(clg__net_graph_make(p, &g), CLG_E_MODEL);
    if (strstr(clg_message(), said) == NULL) {
        fail_msg("'%s' does not say '%s'", clg_message(), said);
    }
}

static void plans_whose_links_do_not_fit_are_refused_by_name(void **state)
{
    (void)state;
    clg_net_plan good, p;
    test_plan_branched(&good);
    p = good, p.layer[2].from = 2;
    expect_refused(&p, "main.2 (number 2) cannot read source 2");
    p = good, p.layer[8].from = CLG_FROM_LABEL;
    expect_refused(&p, "main.8");
    p = good, p.layer[4].with = CLG_FROM_NONE;
    expect_refused(&p, "main.4");
    p = good, p.layer[4].out_c = 8;
    expect_refused(&p, "inputs of 64 and 5 values do not make [4,4,8]");
    p = good, p.layer[11].pieces = 2;
    expect_refused(&p, "layer main.11: [1,1,12] -> [1,1,4]");
    p = good, p.layer[9].keep = 0.0f;
    expect_refused(&p, "main.9");
    p = good, p.layer[1].scale = 3;
    expect_refused(&p, "main.1");
    p = good, p.layer[9].act = CLG_ACT_RELU;
    expect_refused(&p, "main.9");
    p = good, p.classes = 4;
    expect_refused(&p, "main.3");
    p = good, p.head_count = 1;
    expect_refused(&p, "main.15: nothing reads its output");
    p = good, p.head[1] = 12;
    expect_refused(&p, "output 1");
    p = good, p.head_count = 0;
    expect_refused(&p, "outputs");
    p = good, p.layer[8].in_c = 14;
    expect_refused(&p, "main.8: takes 224 values, its input has 240");
}

static void passes_that_do_not_fit_the_net_are_refused(void **state)
{
    (void)state;
    fixture f = make_fixture(test_plan_branched);
    clg_tensor y[CLG_HEADS_MAX];
    clg_net_pass none = f.pass;
    clg_net_back back = { .want_dw = true, .dy = { f.tdy[0] } };
    none.labels = CLG_NO_TENSOR;
    assert_int_equal(clg__net_run(f.net, &none, y), CLG_E_INTERNAL);
    assert_non_null(strstr(clg_message(), "labels"));
    TEST_OK(clg__net_run(f.net, &f.pass, y));
    back.first = 1, back.groups = 3;
    assert_int_equal(clg__net_back(f.net, &f.pass, &back), CLG_E_INTERNAL);
    back.first = 3, back.groups = 0;
    assert_int_equal(clg__net_back(f.net, &f.pass, &back), CLG_E_INTERNAL);
    back = (clg_net_back){ .want_dw = true };
    assert_int_equal(clg__net_back(f.net, &f.pass, &back), CLG_E_INTERNAL);
    assert_non_null(strstr(clg_message(), "no gradient given"));
    free_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(branched_net_equals_reference_for_each_head_and_each_part),
        cmocka_unit_test(a_head_that_other_blocks_read_equals_reference),
        cmocka_unit_test(partial_way_back_is_the_full_one_with_zeros_elsewhere),
        cmocka_unit_test(branched_net_without_training_evaluates_as_the_reference),
        cmocka_unit_test(a_chain_takes_two_gradients_in_turn),
        cmocka_unit_test(values_alive_together_never_share_a_buffer),
        cmocka_unit_test(bytes_foretold_are_bytes_taken_with_branches_and_sgd),
        cmocka_unit_test(plans_whose_links_do_not_fit_are_refused_by_name),
        cmocka_unit_test(passes_that_do_not_fit_the_net_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, test_ops_done);
}
