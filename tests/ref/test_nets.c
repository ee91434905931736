/* Whole nets and the GAN step of the reference: gradients of a small G and D against central
 * differences, every layer; the order of the step against one put together by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ref/ref.h"
#include "support/grad_check.h"
#include "support/plan_support.h"

enum { Z = 5, BATCH = 3, MOST = 40 };

/* ---- small nets: the DCGAN's layers at 8x8 with an MLP head, so that every op occurs ---- */

static clg_layer make_layer(enum clg_layer_op op, const uint32_t in[3], const uint32_t out[3],
                            uint32_t kernel, uint32_t stride, uint32_t pad, int module)
{
    clg_layer l = { .op = op, .in_h = in[0], .in_w = in[1], .in_c = in[2], .out_h = out[0],
                    .out_w = out[1], .out_c = out[2], .kernel = kernel, .stride = stride,
                    .pad = pad, .slope = 0.2f };
    snprintf(l.name, sizeof l.name, "main.%d", module);
    return l;
}

/* Each layer reads the one before it; the last is the output. */
static clg_net_plan chain(clg_net_plan p)
{
    for (uint32_t i = 0; i < p.layer_count; i++) {
        p.layer[i].from = (int32_t)i - 1; /* CLG_FROM_INPUT is -1 */
        p.layer[i].with = CLG_FROM_NONE;
    }
    const clg_layer *first = &p.layer[0], *last = &p.layer[p.layer_count - 1];
    p.in_h = first->in_h, p.in_w = first->in_w, p.in_c = first->in_c;
    p.out_h = last->out_h, p.out_w = last->out_w, p.out_c = last->out_c;
    p.head_count = 1;
    p.head[0] = p.layer_count - 1;
    return p;
}

static void add_norm(clg_layer *l, enum clg_act act, int module)
{
    l->norm = CLG_NORM_BATCH;
    l->act = act;
    snprintf(l->norm_name, sizeof l->norm_name, "main.%d", module);
}

/* z -> deconv BN relu (4x4x6) -> deconv with output padding 1 BN relu (8x8x4) -> conv tanh */
static clg_net_plan make_g(void)
{
    static const uint32_t shape[4][3] = { { 1, 1, Z }, { 4, 4, 6 }, { 8, 8, 4 }, { 8, 8, 2 } };
    clg_net_plan p = { .layer_count = 3 };
    p.layer[0] = make_layer(CLG_LAYER_DECONV2D, shape[0], shape[1], 4, 1, 0, 0);
    add_norm(&p.layer[0], CLG_ACT_RELU, 1);
    p.layer[1] = make_layer(CLG_LAYER_DECONV2D, shape[1], shape[2], 3, 2, 1, 3);
    p.layer[1].out_pad = 1;
    add_norm(&p.layer[1], CLG_ACT_RELU, 4);
    p.layer[2] = make_layer(CLG_LAYER_CONV2D, shape[2], shape[3], 3, 1, 1, 6);
    p.layer[2].bias = true;
    p.layer[2].act = CLG_ACT_TANH;
    return chain(p);
}

/* image -> conv lrelu (4x4x4) -> conv BN lrelu (2x2x6) -> linear BN sigmoid -> linear with bias */
static clg_net_plan make_d(void)
{
    static const uint32_t shape[5][3] = { { 8, 8, 2 }, { 4, 4, 4 }, { 2, 2, 6 }, { 1, 1, 24 },
                                          { 1, 1, 5 } };
    static const uint32_t one[3] = { 1, 1, 1 };
    clg_net_plan p = { .layer_count = 4 };
    p.layer[0] = make_layer(CLG_LAYER_CONV2D, shape[0], shape[1], 4, 2, 1, 0);
    p.layer[0].act = CLG_ACT_LRELU;
    p.layer[1] = make_layer(CLG_LAYER_CONV2D, shape[1], shape[2], 4, 2, 1, 2);
    add_norm(&p.layer[1], CLG_ACT_LRELU, 3);
    p.layer[2] = make_layer(CLG_LAYER_LINEAR, shape[3], shape[4], 0, 0, 0, 5);
    add_norm(&p.layer[2], CLG_ACT_SIGMOID, 6);
    p.layer[3] = make_layer(CLG_LAYER_LINEAR, shape[4], one, 0, 0, 0, 8);
    p.layer[3].bias = true;
    return chain(p);
}

static const char *const G_NAMES[] = { "main.0.weight", "main.1.weight", "main.1.bias",
                                       "main.3.weight", "main.4.weight", "main.4.bias",
                                       "main.6.weight", "main.6.bias",   NULL };
static const char *const D_NAMES[] = { "main.0.weight", "main.2.weight", "main.3.weight",
                                       "main.3.bias",   "main.5.weight", "main.6.weight",
                                       "main.6.bias",   "main.8.weight", "main.8.bias",
                                       NULL };
static const char *const G_BUFFERS[] = { "main.1.running_mean", "main.1.running_var",
                                         "main.4.running_mean", "main.4.running_var", NULL };
static const char *const D_BUFFERS[] = { "main.3.running_mean", "main.3.running_var",
                                         "main.6.running_mean", "main.6.running_var", NULL };

static double *get(ref_net *net, const char *name, enum ref_kind kind, uint64_t *len)
{
    double *p = ref_net_tensor(net, name, kind, len);
    if (p == NULL) {
        fail_msg("no tensor %s of kind %d", name, (int)kind);
    }
    return p;
}

/* N(0, .5) everywhere, so that no gradient vanishes. */
static ref_net *open_net(clg_net_plan plan, const char *const *names, uint64_t seed)
{
    ref_net *net;
    assert_int_equal(ref_net_create(&net, &plan, 4 * BATCH), CLG_OK);
    for (int i = 0; names[i] != NULL; i++) {
        uint64_t len;
        double *p = get(net, names[i], REF_VALUE, &len), *r = grad_random(len, seed + (uint64_t)i);
        for (uint64_t j = 0; j < len; j++) {
            p[j] = 0.5 * r[j];
        }
        free(r);
    }
    return net;
}

/* ---- gradients ---- */

typedef struct net_state {
    ref_net *net;
    double *x;
    const double *r; /* loss = sum of r * output */
    uint32_t n, groups;
    uint64_t out_len;
} net_state;

static double loss_net(void *ctx)
{
    net_state *s = ctx;
    return grad_dot(ref_net_forward(s->net, s->x, s->n, s->groups, true), s->r, s->out_len);
}

static void check_net(const char *what, ref_net *net, const char *const *names, uint32_t n,
                      uint32_t groups, uint64_t in_row, uint64_t out_row)
{
    double *x = grad_random(n * in_row, 71), *r = grad_random(n * out_row, 72);
    double *dx = grad_random(n * in_row, 73);
    net_state s = { .net = net, .x = x, .r = r, .n = n, .groups = groups, .out_len = n * out_row };
    char label[96];
    loss_net(&s);
    ref_net_backward(net, x, r, n, groups, true, dx);
    for (int i = 0; names[i] != NULL; i++) {
        uint64_t len;
        double *p = get(net, names[i], REF_VALUE, &len);
        snprintf(label, sizeof label, "%s %s, %u groups", what, names[i], groups);
        grad_check(label, loss_net, &s, p, get(net, names[i], REF_GRAD, NULL), len, MOST);
    }
    snprintf(label, sizeof label, "%s input, %u groups", what, groups);
    grad_check(label, loss_net, &s, x, dx, n * in_row, MOST);
    free(x);
    free(r);
    free(dx);
}

static void generator_gradients_match_central_differences_in_every_layer(void **state)
{
    ref_net *g = open_net(make_g(), G_NAMES, 100);
    (void)state;
    check_net("G", g, G_NAMES, BATCH, 1, Z, 8 * 8 * 2);
    ref_net_destroy(&g);
}

static void discriminator_gradients_match_central_differences_in_every_layer(void **state)
{
    ref_net *d = open_net(make_d(), D_NAMES, 200);
    (void)state;
    check_net("D", d, D_NAMES, BATCH, 1, 8 * 8 * 2, 1);
    check_net("D", d, D_NAMES, 2 * BATCH, 2, 8 * 8 * 2, 1);
    ref_net_destroy(&d);
    assert_null(d);
    ref_net_destroy(&d);
}

/* Through D into G: the derivative of the generator's loss by G's parameters. The loss is scaled
 * up, because what arrives at G's first layer is small. */
#define SCALE 100.0

typedef struct gan_state {
    ref_net *g, *d;
    const double *z;
} gan_state;

static double loss_gan(void *ctx)
{
    gan_state *s = ctx;
    double out[2];
    const double *fake = ref_net_forward(s->g, s->z, BATCH, 1, true);
    ref_loss(CLG_OBJECTIVE_NON_SATURATING, CLG_LOSS_OF_REAL,
             ref_net_forward(s->d, fake, BATCH, 1, true), BATCH, 1.0, 1.0, out, NULL);
    return SCALE * out[0];
}

static void generator_gradients_match_through_the_discriminator(void **state)
{
    gan_state s = { .g = open_net(make_g(), G_NAMES, 300), .d = open_net(make_d(), D_NAMES, 400) };
    double *z = grad_random(BATCH * Z, 1), out[2], dl[BATCH], dfake[BATCH * 8 * 8 * 2];
    (void)state;
    s.z = z;
    const double *fake = ref_net_forward(s.g, z, BATCH, 1, true);
    ref_loss(CLG_OBJECTIVE_NON_SATURATING, CLG_LOSS_OF_REAL,
             ref_net_forward(s.d, fake, BATCH, 1, true), BATCH, 1.0, SCALE, out, dl);
    ref_net_backward(s.d, fake, dl, BATCH, 1, false, dfake);
    ref_net_backward(s.g, z, dfake, BATCH, 1, true, NULL);
    for (int i = 0; G_NAMES[i] != NULL; i++) {
        uint64_t len;
        double *p = get(s.g, G_NAMES[i], REF_VALUE, &len);
        grad_check(G_NAMES[i], loss_gan, &s, p, get(s.g, G_NAMES[i], REF_GRAD, NULL), len, MOST);
    }
    free(z);
    ref_net_destroy(&s.g);
    ref_net_destroy(&s.d);
}

/* ---- branches ---- */

typedef struct branch_state {
    ref_net *net;
    ref_pass pass;
    uint64_t out_len[2];
    const double *r[2]; /* loss = sum of r * output, over both heads */
    uint32_t first_row, rows; /* that count */
} branch_state;

static double loss_branched(void *ctx)
{
    branch_state *s = ctx;
    const double *y[CLG_HEADS_MAX];
    double sum = 0.0;
    ref_net_run(s->net, &s->pass, y);
    for (int h = 0; h < 2; h++) {
        if (s->r[h] != NULL) {
            sum += grad_dot(s->r[h], y[h] + s->first_row * s->out_len[h],
                            s->rows * s->out_len[h]);
        }
    }
    return sum;
}

static const char *const BRANCHED_NAMES[] = {
    "main.0.weight",      "main.0.norm.weight",  "main.0.norm.bias",   "main.8.weight",
    "main.8.norm.weight", "main.8.norm.bias",    "main.10.weight",     "main.10.norm.weight",
    "main.10.norm.bias",  "main.13.weight",      "main.15.weight",     "main.15.norm.weight",
    "main.15.norm.bias",  "main.12.weight",      "main.12.bias",       NULL
};
enum { REALNESS_ONLY = 13 }; /* from here on only head 0 sees them */

/* Both heads or one; all rows (12, in 3 groups) or those of the middle group. */
static void check_branched(bool head0, bool head1, bool part)
{
    static const uint32_t labels[12] = { 3, 0, 4, 4, 1, 3, 2, 1, 0, 4, 3, 3 };
    clg_net_plan plan;
    test_plan_branched(&plan);
    branch_state s = { .net = open_net(plan, BRANCHED_NAMES, 700), .out_len = { 1, 3 },
                       .first_row = part ? 4 : 0, .rows = part ? 4 : 12 };
    double *x = grad_random(12 * 128, 71), *r0 = grad_random(12, 72), *r1 = grad_random(36, 73);
    double *dx = malloc(12 * 128 * sizeof *dx);
    s.pass = (ref_pass){ .x = x, .labels = labels, .n = 12, .groups = 3, .train = true,
                         .dropout = { .seed = 9, .stream = CLG_STREAM_TEST, .step = 4 } };
    s.r[0] = head0 ? r0 : NULL;
    s.r[1] = head1 ? r1 : NULL;
    (void)loss_branched(&s);
    ref_net_back(s.net, &s.pass,
                 &(ref_way_back){ .first = part ? 1 : 0, .groups = part ? 1 : 0, .want_dw = true,
                                  .dy = { s.r[0], s.r[1] }, .dx = dx });
    grad_check("dx", loss_branched, &s, x + s.first_row * 128, dx, s.rows * 128, 40);
    for (int i = 0; BRANCHED_NAMES[i] != NULL; i++) {
        uint64_t len;
        double *p = get(s.net, BRANCHED_NAMES[i], REF_VALUE, &len);
        double *grad = get(s.net, BRANCHED_NAMES[i], REF_GRAD, NULL);
        bool reached = i < 3 || (i < REALNESS_ONLY ? head1 : head0);
        if (reached) {
            grad_check(BRANCHED_NAMES[i], loss_branched, &s, p, grad, len, 88);
        }
        for (uint64_t j = 0; !reached && j < len; j++) {
            assert_true(grad[j] == 0.0);
        }
    }
    free(x);
    free(r0);
    free(r1);
    free(dx);
    ref_net_destroy(&s.net);
}

static void branched_gradients_match_central_differences_for_each_head_and_part(void **state)
{
    (void)state;
    check_branched(true, true, false);
    check_branched(true, false, false);
    check_branched(false, true, true);
    check_branched(true, true, true);
}

static void dropout_drops_by_its_key_in_training_only(void **state)
{
    static const uint32_t labels[2] = { 0, 1 };
    clg_net_plan plan;
    const double *y[CLG_HEADS_MAX];
    double *x = grad_random(2 * 128, 81), out[4][6];
    (void)state;
    test_plan_branched(&plan);
    ref_net *net = open_net(plan, BRANCHED_NAMES, 700);
    for (uint64_t i = 0; i < 4; i++) {
        ref_pass pass = { .x = x, .labels = labels, .n = 2, .groups = 1, .train = i >= 2,
                          .dropout = { .seed = 9, .stream = CLG_STREAM_TEST, .step = i } };
        ref_net_run(net, &pass, y);
        memcpy(out[i], y[1], sizeof out[i]);
    }
    assert_memory_equal(out[0], out[1], sizeof out[0]);
    assert_memory_not_equal(out[2], out[3], sizeof out[2]);
    free(x);
    ref_net_destroy(&net);
}

static void forward_without_training_leaves_the_running_statistics(void **state)
{
    ref_net *d = open_net(make_d(), D_NAMES, 200);
    double *x = grad_random(BATCH * 8 * 8 * 2, 1);
    double *mean = get(d, "main.3.running_mean", REF_VALUE, NULL), one;
    (void)state;
    one = ref_net_forward(d, x, BATCH, 1, false)[0];
    assert_true(mean[0] == 0.0);
    /* an image's output does not depend on its batch */
    assert_true(ref_net_forward(d, x, 1, 1, false)[0] == one);
    ref_net_forward(d, x, BATCH, 1, true);
    assert_true(mean[0] != 0.0);
    assert_null(ref_net_tensor(d, "main.3.running_mean", REF_GRAD, NULL));
    assert_null(ref_net_tensor(d, "main.0.bias", REF_VALUE, NULL));
    assert_null(ref_net_tensor(d, "weight", REF_VALUE, NULL));
    free(x);
    ref_net_destroy(&d);
}

/* ---- the step ---- */

static clg_model_desc make_desc(void)
{
    clg_model_desc desc = { .loss = { .objective = CLG_OBJECTIVE_NON_SATURATING, .weight_real = 1,
                                      .weight_fake = 1, .weight_g = 1, .real_target = 1 },
                            .order.kind = CLG_ORDER_D_THEN_G_SAME_FAKES, .latent.size = Z };
    desc.optimizer_d = (clg_optim_desc){ .lr = 2e-3f, .beta1 = 0.5f, .beta2 = 0.999f, .eps = 1e-8f };
    desc.optimizer_g = (clg_optim_desc){ .lr = 1e-3f, .beta1 = 0.5f, .beta2 = 0.999f, .eps = 1e-8f };
    return desc;
}

static void apply_adam(ref_net *net, const char *const *names, const clg_optim_desc *o, uint64_t t)
{
    clg_adam a = { .lr = o->lr, .beta1 = o->beta1, .beta2 = o->beta2, .eps = o->eps, .t = t };
    for (int i = 0; names[i] != NULL; i++) {
        uint64_t len;
        double *w = get(net, names[i], REF_VALUE, &len);
        ref_adam_step(&a, len, get(net, names[i], REF_GRAD, NULL), w,
                      get(net, names[i], REF_M, NULL), get(net, names[i], REF_V, NULL));
    }
}

/* The step as the PyTorch example writes it: real and fake as two passes whose gradients add up. */
static void step_by_hand(const clg_model_desc *desc, ref_net *g, ref_net *d, const double *real,
                         const double *z, uint64_t t, ref_gan_result *res)
{
    enum { IMAGE = 8 * 8 * 2 };
    double loss[2], dl[BATCH], fake[BATCH * IMAGE], dfake[BATCH * IMAGE], *kept[16];
    memcpy(fake, ref_net_forward(g, z, BATCH, 1, true), sizeof fake);

    ref_loss(CLG_OBJECTIVE_NON_SATURATING, CLG_LOSS_OF_REAL,
             ref_net_forward(d, real, BATCH, 1, true), BATCH, 1.0, 1.0, loss, dl);
    *res = (ref_gan_result){ .loss_d = loss[0], .d_real = loss[1] };
    ref_net_backward(d, real, dl, BATCH, 1, true, NULL);
    for (int i = 0; D_NAMES[i] != NULL; i++) {
        uint64_t len;
        const double *grad = get(d, D_NAMES[i], REF_GRAD, &len);
        kept[i] = malloc(len * sizeof *kept[i]);
        assert_non_null(kept[i]);
        memcpy(kept[i], grad, len * sizeof *grad);
    }
    ref_loss(CLG_OBJECTIVE_NON_SATURATING, CLG_LOSS_OF_FAKE,
             ref_net_forward(d, fake, BATCH, 1, true), BATCH, 1.0, 1.0, loss, dl);
    res->loss_d += loss[0];
    res->d_fake_before = loss[1];
    ref_net_backward(d, fake, dl, BATCH, 1, true, NULL);
    for (int i = 0; D_NAMES[i] != NULL; i++) {
        uint64_t len;
        double *grad = get(d, D_NAMES[i], REF_GRAD, &len);
        for (uint64_t j = 0; j < len; j++) {
            grad[j] += kept[i][j];
        }
        free(kept[i]);
    }
    apply_adam(d, D_NAMES, &desc->optimizer_d, t);

    ref_loss(CLG_OBJECTIVE_NON_SATURATING, CLG_LOSS_OF_REAL,
             ref_net_forward(d, fake, BATCH, 1, true), BATCH, 1.0, 1.0, loss, dl);
    res->loss_g = loss[0];
    res->d_fake_after = loss[1];
    ref_net_backward(d, fake, dl, BATCH, 1, false, dfake);
    ref_net_backward(g, z, dfake, BATCH, 1, true, NULL);
    apply_adam(g, G_NAMES, &desc->optimizer_g, t);
}

static void assert_same(ref_net *a, ref_net *b, const char *const *names, enum ref_kind kind,
                        double tolerance)
{
    for (int i = 0; names[i] != NULL; i++) {
        uint64_t len;
        const double *pa = get(a, names[i], kind, &len), *pb = get(b, names[i], kind, NULL);
        for (uint64_t j = 0; j < len; j++) {
            if (!(fabs(pa[j] - pb[j]) <= tolerance)) {
                fail_msg("%s[%llu], kind %d: %.17g and %.17g", names[i], (unsigned long long)j,
                         (int)kind, pa[j], pb[j]);
            }
        }
    }
}

static void gan_step_equals_two_passes_and_moves_running_statistics_three_times(void **state)
{
    clg_model_desc desc = make_desc();
    ref_net *g = open_net(make_g(), G_NAMES, 300), *d = open_net(make_d(), D_NAMES, 400);
    ref_net *g2 = open_net(make_g(), G_NAMES, 300), *d2 = open_net(make_d(), D_NAMES, 400);
    (void)state;
    for (uint64_t t = 1; t <= 3; t++) {
        double *real = grad_random(BATCH * 8 * 8 * 2, 500 + t);
        double *z = grad_random(BATCH * Z, 600 + t);
        ref_gan_result got, want;
        ref_gan_batch b = { .real = real, .z = z, .n = BATCH, .step = t, .updates_g = t - 1,
                            .updates_d = t - 1 };
        assert_int_equal(ref_gan_step(&desc, g, d, &b, &got), CLG_OK);
        step_by_hand(&desc, g2, d2, real, z, t, &want);
        assert_true(fabs(got.loss_d - want.loss_d) < 1e-9);
        assert_true(fabs(got.loss_g - want.loss_g) < 1e-9);
        assert_true(fabs(got.d_real - want.d_real) < 1e-9);
        assert_true(fabs(got.d_fake_before - want.d_fake_before) < 1e-9);
        assert_true(fabs(got.d_fake_after - want.d_fake_after) < 1e-9);
        free(real);
        free(z);
        /* D's gradients are those of its own step: the G step leaves them alone */
        assert_same(d, d2, D_NAMES, REF_GRAD, 1e-9);
        assert_same(g, g2, G_NAMES, REF_GRAD, 1e-9);
        assert_same(d, d2, D_NAMES, REF_VALUE, 1e-9);
        assert_same(g, g2, G_NAMES, REF_VALUE, 1e-9);
        assert_same(d, d2, D_BUFFERS, REF_VALUE, 1e-9);
        assert_same(g, g2, G_BUFFERS, REF_VALUE, 1e-9);
        assert_same(d, d2, D_NAMES, REF_M, 1e-9);
        assert_same(d, d2, D_NAMES, REF_V, 1e-9);
    }
    ref_net_destroy(&g);
    ref_net_destroy(&d);
    ref_net_destroy(&g2);
    ref_net_destroy(&d2);
}

static void gan_step_refuses_nets_that_do_not_fit(void **state)
{
    clg_model_desc desc = make_desc();
    clg_net_plan gp = make_g(), dp = make_d();
    ref_net *g, *d;
    double x[1] = { 0.0 };
    ref_gan_result res;
    (void)state;
    assert_int_equal(ref_net_create(&g, &gp, BATCH), CLG_OK);
    assert_int_equal(ref_net_create(&d, &dp, BATCH), CLG_OK); /* D sees both halves: 2 * BATCH */
    ref_gan_batch many = { .real = x, .z = x, .n = BATCH, .step = 1 }, one = many;
    one.n = 1;
    assert_int_equal(ref_gan_step(&desc, g, d, &many, &res), CLG_E_INTERNAL);
    assert_non_null(strstr(clg_message(), "netD for 3"));
    assert_int_equal(ref_gan_step(&desc, g, g, &one, &res), CLG_E_INTERNAL);
    ref_net_destroy(&g);
    ref_net_destroy(&d);
}

static void running_out_of_memory_at_any_allocation_is_reported(void **state)
{
    clg_model_desc desc = make_desc();
    clg_net_plan gp = make_g(), dp = make_d();
    double *real = grad_random(BATCH * 8 * 8 * 2, 1), *z = grad_random(BATCH * Z, 2);
    int status = CLG_E_MEMORY;
    long n = 0;
    (void)state;
    while (status == CLG_E_MEMORY) {
        ref_net *g = NULL, *d = NULL;
        ref_gan_result res;
        ref_gan_batch b = { .real = real, .z = z, .n = BATCH, .step = 1 };
        clg__alloc_fail(++n, false);
        status = ref_net_create(&g, &gp, BATCH);
        status = status == CLG_OK ? ref_net_create(&d, &dp, 2 * BATCH) : status;
        status = status == CLG_OK ? ref_gan_step(&desc, g, d, &b, &res) : status;
        clg__alloc_fail(0, false);
        ref_net_destroy(&g);
        ref_net_destroy(&d);
    }
    assert_int_equal(status, CLG_OK);
    assert_in_range(n, 50, 200);
    free(real);
    free(z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generator_gradients_match_central_differences_in_every_layer),
        cmocka_unit_test(discriminator_gradients_match_central_differences_in_every_layer),
        cmocka_unit_test(generator_gradients_match_through_the_discriminator),
        cmocka_unit_test(branched_gradients_match_central_differences_for_each_head_and_part),
        cmocka_unit_test(dropout_drops_by_its_key_in_training_only),
        cmocka_unit_test(forward_without_training_leaves_the_running_statistics),
        cmocka_unit_test(gan_step_equals_two_passes_and_moves_running_statistics_three_times),
        cmocka_unit_test(gan_step_refuses_nets_that_do_not_fit),
        cmocka_unit_test(running_out_of_memory_at_any_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
