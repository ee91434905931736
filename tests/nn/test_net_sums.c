/* Nets whose convolutions leave their norms' sums: the same training as with norms that read for
 * themselves, to rounding, and truly by the other way; and nets that keep what they could make again,
 * to the bit. With both kernel families.
 *
 * drivers: pocl */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/model.h"
#include "nn/net_internal.h"
#include "ops/conv_algo.h"
#include "ops/conv_choices.h"
#include "support/net_support.h"
#include "support/rt_support.h"

enum { N = 6, SIDE = 16, CHANNELS = 16, LEN = N * SIDE * SIDE * CHANNELS };

static void add_layer(clg_net_plan *p, enum clg_layer_op op, uint32_t side, uint32_t c,
                      uint32_t kernel, enum clg_norm norm, enum clg_act act)
{
    const uint32_t i = p->layer_count++;
    clg_layer *l = &p->layer[i];
    *l = (clg_layer){ .op = op,
                      .from = i == 0 ? CLG_FROM_INPUT : (int32_t)i - 1,
                      .with = CLG_FROM_NONE,
                      .out_h = side,
                      .out_w = side,
                      .out_c = c,
                      .kernel = kernel,
                      .stride = kernel == 4 ? 2 : 1,
                      .pad = 1,
                      .norm = norm,
                      .act = act,
                      .slope = 0.2f };
    l->in_h = l->in_w = i == 0 ? p->in_h : p->layer[i - 1].out_h;
    l->in_c = i == 0 ? p->in_c : p->layer[i - 1].out_c;
    snprintf(l->name, sizeof l->name, "main.%u", i);
    snprintf(l->norm_name, sizeof l->norm_name, "main.%u.norm", i);
}

/* Down, up and along, behind norms with each activation that there is a short way through, and one
 * that there is none through (3). */
static void make_plan(clg_net_plan *p)
{
    *p = (clg_net_plan){
        .in_h = SIDE,
        .in_w = SIDE,
        .in_c = CHANNELS,
        .head_count = 1,
        .init = { .kind = CLG_INIT_NORMAL, .std = 0.05f, .norm_mean = 1.0f, .norm_std = 0.2f }
    };
    add_layer(p, CLG_LAYER_CONV2D, SIDE / 2, 32, 4, CLG_NORM_BATCH, CLG_ACT_LRELU);
    add_layer(p, CLG_LAYER_DECONV2D, SIDE, 16, 4, CLG_NORM_BATCH, CLG_ACT_RELU);
    add_layer(p, CLG_LAYER_CONV2D, SIDE, 16, 3, CLG_NORM_BATCH, CLG_ACT_NONE);
    add_layer(p, CLG_LAYER_CONV2D, SIDE, 16, 3, CLG_NORM_BATCH, CLG_ACT_TANH);
    add_layer(p, CLG_LAYER_CONV2D, SIDE, 16, 3, CLG_NORM_NONE, CLG_ACT_NONE);
    p->head[0] = p->layer_count - 1;
    p->out_h = p->out_w = SIDE;
    p->out_c = 16;
}

typedef struct fixture {
    clg_conv_choices choices;
    clg_ops ops;
    clg_net_plan plan;
    clg_scratch *scratch;
    clg_net *net;
    clg_tensor x, dy, dx;
} fixture;

static clg_tensor upload(clg_rt *rt, uint64_t seed)
{
    float *v = test_normal(LEN, seed);
    clg_tensor t = test_upload(rt, v, LEN);
    clg__free(v);
    return t;
}

/* A context of that family, with its products. */
static int open_ops(clg_ops *o, enum clg_family_choice family)
{
    *o = (clg_ops){ .rt = test_rt_open_with(&(clg_rt_options){ .family = family }) };
    TEST_OK(clg__blas_open(&o->blas, o->rt, &(clg_blas_options){ .choice = CLG_GEMM_BUILTIN }));
    return 0;
}

static int open_cpu(void **state)
{
    static clg_ops cpu;
    *state = &cpu;
    return open_ops(&cpu, CLG_FAMILY_CPU);
}

static int open_gpu(void **state)
{
    static clg_ops gpu;
    *state = &gpu;
    return open_ops(&gpu, CLG_FAMILY_GPU);
}

static int close_ops(void **state)
{
    clg_ops *o = *state;
    clg__blas_close(&o->blas);
    clg__rt_close(&o->rt);
    return 0;
}

static bool is_gpu(const clg_ops *o)
{
    return clg__rt_family(o->rt) == CLG_KERNELS_GPU;
}

static const clg_net_options left_option = { .max_batch = N, .train = true };
static const clg_net_options apart_option = { .max_batch = N, .train = true, .apart = true };
static const clg_net_options fast_option = { .max_batch = N, .train = true, .fast = true };

static void open_fixture(fixture *f, const clg_ops *o, enum clg_conv_algo algo,
                         const clg_net_options *opt)
{
    const uint32_t batch = N;
    *f = (fixture){ .choices = { .forced = algo }, .ops = *o };
    f->ops.conv_choices = &f->choices;
    make_plan(&f->plan);
    const clg_net_plan *plans[1] = { &f->plan };
    TEST_OK(clg__scratch_create(&f->scratch, &f->ops, plans, &batch, 1, true, CLG_F32));
    clg_bytes bytes;
    TEST_OK(clg__net_bytes(&f->ops, &f->plan, opt, &bytes));
    const uint64_t before = clg__rt_bytes_used(o->rt);
    TEST_OK(clg__net_create(&f->net, &f->ops, f->scratch, &f->plan, opt));
    assert_int_equal(clg__rt_bytes_used(o->rt) - before, bytes.total);
    TEST_OK(clg__net_init(f->net, 5, CLG_STREAM_INIT_D));
    f->x = upload(o->rt, 1);
    f->dy = upload(o->rt, 2);
    f->dx = upload(o->rt, 3);
}

static void close_fixture(fixture *f)
{
    clg__net_destroy(&f->net);
    clg__scratch_destroy(&f->scratch);
    test_release(&f->x);
    test_release(&f->dy);
    test_release(&f->dx);
}

/* Forward in two groups, and back through those from `first` on. */
static void run(fixture *f)
{
    const clg_net_pass pass = { .x = f->x, .n = N, .groups = 2, .mode = CLG_NET_TRAIN };
    clg_tensor y[CLG_HEADS_MAX];
    TEST_OK(clg__net_run(f->net, &pass, y));
}

static void back(fixture *f, uint32_t first)
{
    const clg_net_pass pass = { .x = f->x, .n = N, .groups = 2, .mode = CLG_NET_TRAIN };
    const clg_net_back back = { .first = first, .want_dw = true, .dy = { f->dy }, .dx = f->dx };
    TEST_OK(clg__net_back(f->net, &pass, &back));
}

static void train(fixture *f, uint32_t first)
{
    run(f);
    back(f, first);
}

static double relative_l2(const float *got, const float *want, size_t n)
{
    double diff = 0.0, norm = 0.0;
    for (size_t i = 0; i < n; i++) {
        diff += pow((double)got[i] - (double)want[i], 2);
        norm += pow((double)want[i], 2);
    }
    return sqrt(diff / fmax(norm, 1e-24));
}

/* Every tensor of that kind, and whether any bit differs. */
static bool compare(const fixture *a, const fixture *b, enum clg_net_kind kind)
{
    const size_t len = (size_t)clg__net_host_len(a->net);
    float *x = clg__alloc(len, sizeof *x), *y = clg__alloc(len, sizeof *y);
    bool differ = false;
    assert_non_null(x);
    assert_non_null(y);
    TEST_OK(clg__net_read(a->net, kind, x));
    TEST_OK(clg__net_read(b->net, kind, y));
    for (uint32_t i = 0; i < clg__net_tensor_count(a->net); i++) {
        const clg_net_tensor *t = clg__net_tensor_at(a->net, i);
        const uint64_t at = clg__net_host_offset(a->net, i);
        if (t->is_buffer && kind != CLG_NET_VALUE) {
            continue;
        }
        const double e = relative_l2(x + at, y + at, (size_t)t->len);
        differ |= e != 0.0;
        if (!(e <= 2e-5)) {
            fail_msg("%s differs by %g", t->name, e);
        }
    }
    clg__free(x);
    clg__free(y);
    return differ;
}

/* Algorithms that leave sums: Winograd's, and the direct one of the GPU family. */
static void a_net_trains_as_with_norms_that_sum_for_themselves(void **state)
{
    const clg_ops *o = *state;
    for (int algo = CLG_CONV_DIRECT; algo < CLG_CONV_ALGO_COUNT; algo++) {
        for (uint32_t first = 0; first < 2; first++) {
            fixture left, apart;
            if (algo == CLG_CONV_DIRECT && !is_gpu(o)) {
                continue;
            }
            open_fixture(&left, o, (enum clg_conv_algo)algo, &left_option);
            open_fixture(&apart, o, (enum clg_conv_algo)algo, &apart_option);
            for (uint32_t i = 0; i + 1 < left.plan.layer_count; i++) {
                assert_int_equal(left.net->layout.graph.node[i].summed, i != 3);
            }
            train(&left, first);
            train(&apart, first);
            assert_true(compare(&left, &apart, CLG_NET_GRAD));
            assert_true(compare(&left, &apart, CLG_NET_VALUE)); /* running statistics */
            close_fixture(&left);
            close_fixture(&apart);
        }
    }
}

/* Without an algorithm that leaves sums both ways are one. */
static void direct_convolutions_of_cpus_leave_none(void **state)
{
    const clg_ops *o = *state;
    fixture left, apart;
    open_fixture(&left, o, CLG_CONV_DIRECT, &left_option);
    open_fixture(&apart, o, CLG_CONV_DIRECT, &apart_option);
    train(&left, 0);
    train(&apart, 0);
    assert_false(compare(&left, &apart, CLG_NET_GRAD));
    close_fixture(&left);
    close_fixture(&apart);
}

static bool same_dx(const fixture *a, const fixture *b)
{
    float *x = test_download_new(a->dx), *y = test_download_new(b->dx);
    const bool same = memcmp(x, y, LEN * sizeof *x) == 0;
    clg__free(x);
    clg__free(y);
    return same;
}

static void a_net_that_keeps_more_has_the_same_bits(void **state)
{
    const clg_ops *o = *state;
    for (int algo = CLG_CONV_DIRECT; algo < CLG_CONV_ALGO_COUNT; algo++) {
        for (uint32_t first = 0; first < 2; first++) {
            fixture small, fast;
            open_fixture(&small, o, (enum clg_conv_algo)algo, &left_option);
            open_fixture(&fast, o, (enum clg_conv_algo)algo, &fast_option);
            for (uint32_t i = 0; i + 1 < small.plan.layer_count; i++) {
                assert_true(small.net->kept[i] == NULL && fast.net->kept[i] != NULL);
            }
            train(&small, first);
            train(&fast, first);
            assert_false(compare(&small, &fast, CLG_NET_GRAD));
            assert_false(compare(&small, &fast, CLG_NET_VALUE));
            assert_true(same_dx(&small, &fast));
            /* The deconvolution's dy was for both of its ways back. */
            assert_int_equal(fast.net->back.n,
                             is_gpu(o) && algo != CLG_CONV_DIRECT ? N - first * N / 2 : 0);
            close_fixture(&small);
            close_fixture(&fast);
        }
    }
}

/* As a resumed run does, which learns its algorithms from the checkpoint. */
static void a_refit_net_keeps_for_its_new_algorithms(void **state)
{
    const clg_ops *o = *state;
    fixture small, fast;
    open_fixture(&small, o, CLG_CONV_WINOGRAD4, &left_option);
    open_fixture(&fast, o, CLG_CONV_WINOGRAD2, &fast_option);
    const uint64_t used = clg__rt_bytes_used(o->rt);
    run(&fast);
    fast.choices.forced = CLG_CONV_DIRECT;
    TEST_OK(clg__net_refit(fast.net));
    assert_true(fast.net->turned[0].v.buf == NULL && fast.net->back.v.buf == NULL);
    assert_true(clg__rt_bytes_used(o->rt) < used);
    fast.choices.forced = CLG_CONV_WINOGRAD4;
    TEST_OK(clg__net_refit(fast.net));
    TEST_OK(clg__scratch_refit(fast.scratch, (const clg_net_plan *[]){ &fast.plan },
                               (const uint32_t[]){ N }, 1, true, CLG_F32));
    TEST_OK(clg__net_init(fast.net, 5, CLG_STREAM_INIT_D));
    TEST_OK(clg__net_init(small.net, 5, CLG_STREAM_INIT_D));
    train(&small, 0);
    train(&fast, 0);
    assert_int_equal(fast.net->turned[0].n, N);
    assert_false(compare(&small, &fast, CLG_NET_GRAD));
    close_fixture(&small);
    close_fixture(&fast);
}

/* An input that has changed since shows who reads it again. */
static void a_kept_transform_takes_the_place_of_its_map(void **state)
{
    const clg_ops *o = *state;
    for (int fast = 0; fast < 2; fast++) {
        fixture before, after;
        open_fixture(&before, o, CLG_CONV_WINOGRAD2, fast ? &fast_option : &left_option);
        open_fixture(&after, o, CLG_CONV_WINOGRAD2, fast ? &fast_option : &left_option);
        run(&before);
        run(&after);
        TEST_OK(clg__rt_zero(o->rt, after.x));
        back(&before, 0);
        back(&after, 0);
        float *x = clg__alloc((size_t)clg__net_host_len(before.net), sizeof *x);
        float *y = clg__alloc((size_t)clg__net_host_len(before.net), sizeof *y);
        TEST_OK(clg__net_read(before.net, CLG_NET_GRAD, x));
        TEST_OK(clg__net_read(after.net, CLG_NET_GRAD, y));
        assert_int_equal(memcmp(x, y, (size_t)clg__net_host_len(before.net) * sizeof *x) == 0, fast);
        clg__free(x);
        clg__free(y);
        close_fixture(&before);
        close_fixture(&after);
    }
}

int main(void)
{
    const struct CMUnitTest cpu[] = {
        cmocka_unit_test(a_net_trains_as_with_norms_that_sum_for_themselves),
        cmocka_unit_test(direct_convolutions_of_cpus_leave_none),
        cmocka_unit_test(a_net_that_keeps_more_has_the_same_bits),
    };
    const struct CMUnitTest gpu[] = {
        cmocka_unit_test(a_net_trains_as_with_norms_that_sum_for_themselves),
        cmocka_unit_test(a_net_that_keeps_more_has_the_same_bits),
        cmocka_unit_test(a_refit_net_keeps_for_its_new_algorithms),
        cmocka_unit_test(a_kept_transform_takes_the_place_of_its_map),
    };
    const int failed = cmocka_run_group_tests_name("cpu family", cpu, open_cpu, close_ops);
    return failed + cmocka_run_group_tests_name("gpu family", gpu, open_gpu, close_ops);
}
