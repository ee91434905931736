/* Small nets trained by the fused pass: the same training as operator by operator, in every order
 * of updates and with every objective; and which models are trained so.
 *
 * drivers: pocl */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gan/trainer_internal.h"
#include "support/gan_support.h"
#include "support/net_support.h"
#include "support/rt_support.h"

static clg_model_desc *load(const char *name)
{
    clg_model_desc *desc = clg__alloc(1, sizeof *desc);
    assert_non_null(desc);
    TEST_OK(clg__model_load(name, desc));
    desc->train.log_every = 4;
    return desc;
}

/* Largest difference of two states, against the largest number in them. */
static double differ(clg_trainer *a, clg_trainer *b)
{
    size_t n, m;
    float *x = test_gan_state(a, &n), *y = test_gan_state(b, &m);
    double worst = 0.0, most = 0.0;
    assert_int_equal(n, m);
    for (size_t i = 0; i < n; i++) {
        assert_true(isfinite(x[i]));
        worst = fmax(worst, fabs((double)x[i] - (double)y[i]));
        most = fmax(most, fabs((double)y[i]));
    }
    clg__free(x);
    clg__free(y);
    return worst / most;
}

/* A loss is no number before its net's first step. */
static void assert_same(double got, double want)
{
    if (!(isnan(got) && isnan(want)) && !(fabs(got - want) <= 1e-5 * fmax(1.0, fabs(want)))) {
        fail_msg("%.9g, operator by operator %.9g", got, want);
    }
}

/* The same steps with and without: state and losses. SGD, as Adam's first steps are signs. */
static void compare_twins(clg_model_desc *desc)
{
    enum { STEPS = 7 };
    desc->optimizer_g.kind = desc->optimizer_d.kind = CLG_OPTIMIZER_SGD;
    desc->optimizer_g.lr = desc->optimizer_d.lr = 0.01f;
    desc->optimizer_g.lr_divisor = desc->optimizer_d.lr_divisor = 1.0f;
    desc->runtime.fuse = true;
    clg_trainer *one = test_gan_trainer(desc, 0, NULL);
    desc->runtime.fuse = false;
    clg_trainer *many = test_gan_trainer(desc, 0, NULL);
    assert_true(one->fused.on);
    assert_false(many->fused.on);
    assert_true(differ(one, many) == 0.0);
    for (int i = 0; i < STEPS; i++) {
        clg_progress a, b;
        TEST_OK(clg__trainer_step(one));
        TEST_OK(clg__trainer_step(many));
        TEST_OK(clg__trainer_losses(one, &a));
        TEST_OK(clg__trainer_losses(many, &b));
        assert_same(a.loss_d, b.loss_d);
        assert_same(a.loss_g, b.loss_g);
        assert_same(a.d_real, b.d_real);
        assert_same(a.d_fake_before, b.d_fake_before);
        assert_same(a.d_fake_after, b.d_fake_after);
    }
    assert_true(differ(one, many) <= 1e-5);
    clg__trainer_destroy(&one);
    clg__trainer_destroy(&many);
}

static void every_order_trains_as_operator_by_operator(void **state)
{
    (void)state;
    for (int order = 0; order < CLG_ORDER_COUNT; order++) {
        clg_model_desc *desc = load("curves");
        desc->order.kind = (enum clg_order)order;
        desc->order.d_steps = order % 2 == 0 ? 1 : 2;
        if (desc->order.kind != CLG_ORDER_RECONSTRUCT) {
            compare_twins(desc);
        }
        clg__free(desc);
    }
}

static void every_objective_trains_as_operator_by_operator(void **state)
{
    (void)state;
    for (int objective = 0; objective < CLG_OBJECTIVE_COUNT; objective++) {
        clg_model_desc *desc = load("gauss1d");
        desc->loss.objective = (enum clg_objective)objective;
        desc->loss.real_target = 0.9f;
        desc->loss.weight_fake = 0.5f;
        desc->loss.weight_g = 2.0f;
        desc->train.batch = 150; /* several work-items, the last with fewer rows */
        compare_twins(desc);
        clg__free(desc);
    }
}

static bool is_fused(clg_model_desc *desc)
{
    clg_trainer *t = test_gan_trainer(desc, 0, NULL);
    bool on = t->fused.on;
    clg__trainer_destroy(&t);
    return on;
}

static void what_the_pass_cannot_do_is_trained_operator_by_operator(void **state)
{
    (void)state;
    clg_model_desc *desc = load("curves");
    assert_true(is_fused(desc));
    desc->loss.input_noise = 0.1f;
    assert_false(is_fused(desc));
    desc->loss.input_noise = 0.0f;
    desc->runtime.precision = CLG_PRECISION_BF16;
    assert_false(is_fused(desc));
    desc->runtime.precision = CLG_PRECISION_FP32;
    desc->discriminator.packing = 2;
    assert_false(is_fused(desc));
    desc->discriminator.packing = 1;
    desc->generator.layer[0].out = (clg_dim){ .number = 65536 }; /* too large to stay in a cache */
    assert_false(is_fused(desc));
    clg__free(desc);
    desc = load("ring"); /* batch norm, maxout */
    assert_false(is_fused(desc));
    clg__free(desc);
}

/* Steps that also ask for norms have Adam's step behind the pass, the others in it. */
static void adam_gives_the_same_bits_in_the_pass_and_behind_it(void **state)
{
    (void)state;
    for (int order = 0; order < CLG_ORDER_RECONSTRUCT; order++) {
        clg_model_desc *desc = load("curves");
        desc->order.kind = (enum clg_order)order;
        desc->order.d_steps = order % 2 == 0 ? 1 : 2;
        desc->train.batch = order % 2 == 0 ? 64 : 300; /* one work-item; several that share the tasks */
        clg_trainer *in = test_gan_trainer(desc, 0, NULL), *behind = test_gan_trainer(desc, 0, NULL);
        assert_true(in->fused.on && desc->optimizer_g.kind == CLG_OPTIMIZER_ADAM);
        for (int i = 0; i < 5; i++) {
            uint32_t n;
            TEST_OK(clg__trainer_step(in));
            TEST_OK(clg__step_next(behind, &(clg_step_wish){ .norms = true }, &n));
        }
        test_gan_same_state(in, behind);
        clg__trainer_destroy(&in);
        clg__trainer_destroy(&behind);
        clg__free(desc);
    }
}

/* Images as bytes, latents of both kinds, matrices whose tiles are stepped where they are summed. */
static void images_and_latents_brought_by_the_pass_give_the_same_bits(void **state)
{
    (void)state;
    for (int uniform = 0; uniform < 2; uniform++) {
        clg_model_desc *desc = load("mnist-mlp");
        desc->latent.kind = uniform ? CLG_LATENT_UNIFORM : CLG_LATENT_NORMAL;
        desc->latent.lo = -0.5f;
        desc->latent.hi = 2.0f;
        desc->train.batch = uniform ? 24 : 50;
        clg_dataset *ds = test_gan_data(150, 1);
        clg_trainer *t[3];
        for (int i = 0; i < 3; i++) {
            t[i] = test_gan_trainer(desc, 1, ds);
            assert_true(t[i]->fused.on);
        }
        clg__trainer_keep_gradients(t[1], true);
        float *real = clg__alloc(desc->train.batch * clg__trainer_pixels(t[2]), sizeof *real);
        for (int i = 0; i < 5; i++) { /* [2]: real rows come as floats, Adam's step behind the pass */
            uint32_t n;
            TEST_OK(clg__trainer_step(t[0]));
            TEST_OK(clg__trainer_step(t[1]));
            TEST_OK(clg__step_next(t[2], &(clg_step_wish){ .norms = true, .real = real }, &n));
        }
        test_gan_same_state(t[0], t[1]);
        test_gan_same_state(t[0], t[2]);
        for (int i = 0; i < 3; i++) {
            clg__trainer_destroy(&t[i]);
        }
        clg__free(real);
        clg__dataset_close(&ds);
        clg__free(desc);
    }
}

/* One trainer is asked after every step, the other at the end: its steps share launches meanwhile. */
static void compare_joined(clg_model_desc *desc, clg_dataset *ds)
{
    clg_trainer *joined = test_gan_trainer(desc, 1, ds), *single = test_gan_trainer(desc, 1, ds);
    uint32_t most = 0;
    assert_true(joined->fused.on && single->fused.on);
    for (int i = 0; i < 23; i++) {
        TEST_OK(clg__trainer_step(joined));
        most = joined->fused.held.count > 0 && joined->fused.held.steps > most
                   ? joined->fused.held.steps
                   : most;
    }
    assert_int_equal(most, CLG_MLP_STEPS_MAX - 1);
    for (int i = 0; i < 23; i++) {
        clg_progress p;
        TEST_OK(clg__trainer_step(single));
        TEST_OK(clg__trainer_losses(single, &p));
        assert_true(single->fused.held.count == 0);
    }
    test_gan_same_state(joined, single);
    clg_tensor a = clg__tensor_all(joined->ring), b = clg__tensor_all(single->ring);
    const size_t len = clg__tensor_len(a);
    float *x = clg__alloc(2u * len, sizeof *x);
    TEST_OK(clg__rt_read(joined->ops->rt, a, x));
    TEST_OK(clg__rt_read(single->ops->rt, b, x + len));
    for (size_t i = 0; i < len; i++) { /* of every step that the ring holds */
        assert_memory_equal(x + i, x + len + i, sizeof *x);
    }
    clg__free(x);
    clg__trainer_destroy(&joined);
    clg__trainer_destroy(&single);
}

static void steps_in_one_launch_are_the_steps_one_by_one(void **state)
{
    (void)state;
    clg_dataset *ds = test_gan_data(150, 1);
    clg_model_desc *desc = load("mnist-mlp");
    desc->train.log_every = 15;
    desc->train.batch = 24; /* the last one of an epoch has 6 images */
    compare_joined(desc, ds);
    clg__free(desc);
    clg__dataset_close(&ds);
    for (int wide = 0; wide < 2; wide++) {
        desc = load("curves");
        desc->train.log_every = 50;
        desc->train.batch = wide ? 300 : 64; /* several work-items; one */
        compare_joined(desc, NULL);
        clg__free(desc);
    }
}

/* The trainer counts steps that are held. If their launch fails it must not go on as if they were done,
 * nor be saved, until a state is loaded. */
static void a_launch_of_held_steps_that_fails_is_not_forgotten(void **state)
{
    (void)state;
    clg_model_desc *desc = load("curves");
    clg_trainer *t = test_gan_trainer(desc, 0, NULL), *other = test_gan_trainer(desc, 0, NULL);
    char *path = test_gan_path("held.safetensors"), *later = test_gan_path("later.safetensors");
    bool other_device;
    clg_progress p;
    TEST_OK(clg__trainer_step(t));
    TEST_OK(clg__trainer_save(t, path));
    TEST_OK(clg__trainer_step(other));
    TEST_OK(clg__trainer_step(t));
    TEST_OK(clg__trainer_step(t));
    assert_int_equal(t->fused.held.steps, 2);
    t->fused.held.n = UINT32_MAX; /* no tensor has so many rows */
    TEST_OK(clg__trainer_step(other)); /* which is not at fault */
    TEST_OK(clg__trainer_step(other));
    assert_int_equal(clg__trainer_step(t), CLG_E_INTERNAL);
    assert_non_null(strstr(clg_message(), "an earlier step could not be enqueued"));
    assert_int_equal(clg__trainer_losses(t, &p), CLG_E_INTERNAL);
    assert_int_equal(clg__trainer_save(t, later), CLG_E_INTERNAL);
    TEST_OK(clg__trainer_losses(other, &p));
    TEST_OK(clg__trainer_load(t, path, &other_device));
    for (int i = 0; i < 2; i++) {
        TEST_OK(clg__trainer_step(t));
    }
    TEST_OK(clg__trainer_losses(t, &p));
    test_gan_same_state(t, other); /* three steps each, as if nothing had been */
    clg__free(path);
    clg__free(later);
    clg__trainer_destroy(&t);
    clg__trainer_destroy(&other);
    clg__free(desc);
}

/* What holding would only delay is enqueued at once. */
static void steps_that_cannot_join_are_not_held(void **state)
{
    (void)state;
    clg_model_desc *desc = load("curves");
    desc->latent.kind = CLG_LATENT_SPHERICAL;
    clg_trainer *t = test_gan_trainer(desc, 0, NULL);
    for (int i = 0; i < 4; i++) {
        TEST_OK(clg__trainer_step(t));
        assert_int_equal(t->fused.held.count, 0);
    }
    clg__trainer_destroy(&t);
    desc->latent.kind = CLG_LATENT_NORMAL;
    desc->order.d_steps = 2;
    t = test_gan_trainer(desc, 0, NULL);
    for (int i = 0; i < 4; i++) {
        TEST_OK(clg__trainer_step(t));
        assert_true((t->fused.held.count > 0) == (i % 2 == 1)); /* those of both nets, until D's copy */
    }
    clg__trainer_destroy(&t);
    clg__free(desc);
}

static void two_runs_give_the_same_bits(void **state)
{
    (void)state;
    clg_model_desc *desc = load("curves");
    desc->train.batch = 200;
    clg_trainer *a = test_gan_trainer(desc, 0, NULL), *b = test_gan_trainer(desc, 0, NULL);
    for (int i = 0; i < 9; i++) {
        TEST_OK(clg__trainer_step(a));
        TEST_OK(clg__trainer_step(b));
    }
    test_gan_same_state(a, b);
    clg__trainer_destroy(&a);
    clg__trainer_destroy(&b);
    clg__free(desc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order_trains_as_operator_by_operator),
        cmocka_unit_test(every_objective_trains_as_operator_by_operator),
        cmocka_unit_test(what_the_pass_cannot_do_is_trained_operator_by_operator),
        cmocka_unit_test(adam_gives_the_same_bits_in_the_pass_and_behind_it),
        cmocka_unit_test(images_and_latents_brought_by_the_pass_give_the_same_bits),
        cmocka_unit_test(steps_in_one_launch_are_the_steps_one_by_one),
        cmocka_unit_test(a_launch_of_held_steps_that_fails_is_not_forgotten),
        cmocka_unit_test(steps_that_cannot_join_are_not_held),
        cmocka_unit_test(two_runs_give_the_same_bits),
    };
    return cmocka_run_group_tests(tests, test_gan_open_folder, test_gan_close_folder);
}
