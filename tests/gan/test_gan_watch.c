/* The watch for collapse: what it tells, once, and the way back to a good checkpoint. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/os.h"
#include "gan/trainer_internal.h"
#include "support/gan_support.h"
#include "support/net_support.h"
#include "support/rt_support.h"
#include "support/tmp.h"

static char top[64];

/* Puts fakes of the last step that differ from each other by `spread`. */
static void put_fakes(clg_trainer *t, float spread)
{
    uint64_t len = clg__trainer_pixels(t), n = t->rows * len;
    float *x = test_normal(n, 5);
    for (uint64_t i = 0; i < n; i++) {
        x[i] *= spread;
    }
    TEST_OK(clg__rt_write(test_ops()->rt, clg__tensor_vec(clg__tensor_all(t->images), n,
                                                          (uint32_t)n), x));
    clg__free(x);
}

static enum clg_collapse look(clg_trainer *t, double d_real, double d_fake)
{
    enum clg_collapse what;
    clg_progress p = { .d_real = d_real, .d_fake_after = d_fake };
    TEST_OK(clg__watch_look(t, &p, &what));
    return what;
}

static void like_fakes_are_told_once_they_were_different(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("mnist-mlp");
    clg_dataset *ds = test_gan_data(20, 1);
    clg_trainer *t = test_gan_trainer(desc, 1, ds);
    TEST_OK(clg__trainer_step(t));
    put_fakes(t, 0.01f); /* a training begins so */
    for (int i = 0; i < 5; i++) {
        assert_int_equal(look(t, 0.5, 0.5), CLG_COLLAPSE_NONE);
    }
    put_fakes(t, 0.5f);
    assert_int_equal(look(t, 0.5, 0.5), CLG_COLLAPSE_NONE);
    assert_true(clg__watch_is_calm(t));
    put_fakes(t, 0.01f);
    assert_int_equal(look(t, 0.5, 0.5), CLG_COLLAPSE_NONE);
    assert_false(clg__watch_is_calm(t));
    assert_int_equal(look(t, 0.5, 0.5), CLG_COLLAPSE_NONE);
    assert_int_equal(look(t, 0.5, 0.5), CLG_COLLAPSE_DIVERSITY);
    assert_int_equal(look(t, 0.5, 0.5), CLG_COLLAPSE_NONE); /* told already */
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
    clg__free(desc);
}

static void a_discriminator_that_is_always_right_is_told(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("mnist-mlp");
    clg_dataset *ds = test_gan_data(20, 1);
    for (int hinge = 0; hinge < 2; hinge++) { /* hinge has no probabilities to judge by */
        desc->loss.objective = hinge ? CLG_OBJECTIVE_HINGE : CLG_OBJECTIVE_NON_SATURATING;
        clg_trainer *t = test_gan_trainer(desc, 1, ds);
        TEST_OK(clg__trainer_step(t));
        put_fakes(t, 0.5f);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(look(t, 0.995, 0.001), CLG_COLLAPSE_NONE);
        }
        assert_int_equal(look(t, 0.995, 0.001),
                         hinge ? CLG_COLLAPSE_NONE : CLG_COLLAPSE_SATURATED);
        clg__trainer_destroy(&t);
    }
    clg__dataset_close(&ds);
    clg__free(desc);
}

/* Losses of 1e17 while D happens to be right in every other line: finite, but lost. */
static void losses_that_explode_are_told_though_finite(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("mnist-mlp");
    clg_dataset *ds = test_gan_data(20, 1);
    for (int objective = 0; objective < 2; objective++) {
        desc->loss.objective = objective ? CLG_OBJECTIVE_WASSERSTEIN : CLG_OBJECTIVE_NON_SATURATING;
        clg_trainer *t = test_gan_trainer(desc, 1, ds);
        TEST_OK(clg__trainer_step(t));
        put_fakes(t, 0.5f);
        int told = 0;
        for (int line = 0; line < 12; line++) {
            bool right = line % 2 == 1;
            clg__watch_note(t, right ? 0.0 : -1.5e17, right ? 0.0 : 2e3);
            clg__watch_note(t, 0.0, 0.0); /* the line's own step may be a calm one */
            enum clg_collapse what = look(t, right ? 1.0 : 0.0, right ? 0.0 : 1.0);
            assert_true(what == CLG_COLLAPSE_NONE || what == CLG_COLLAPSE_EXPLODED);
            told += what == CLG_COLLAPSE_EXPLODED;
            assert_false(clg__watch_is_calm(t));
        }
        assert_int_equal(told, 1);
        for (int line = 0; line < 12; line++) {
            clg__watch_note(t, 700.0, 20.0); /* bad, but one comes back from it */
            assert_int_equal(look(t, 0.5, 0.5), CLG_COLLAPSE_NONE);
        }
        assert_true(clg__watch_is_calm(t));
        clg__trainer_destroy(&t);
    }
    clg__dataset_close(&ds);
    clg__free(desc);
}

static void what_nobody_looked_at_is_not_good(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("mnist-mlp");
    clg_dataset *ds = test_gan_data(20, 1);
    clg_trainer *t = test_gan_trainer(desc, 1, ds);
    assert_true(clg__watch_is_calm(t)); /* nothing was learnt yet */
    TEST_OK(clg__trainer_step(t));
    assert_false(clg__watch_is_calm(t));
    put_fakes(t, 0.5f);
    assert_int_equal(look(t, 0.5, 0.5), CLG_COLLAPSE_NONE);
    assert_true(clg__watch_is_calm(t));
    clg__watch_note(t, 1e9, 0.0); /* since the last line */
    assert_false(clg__watch_is_calm(t));
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
    clg__free(desc);
}

/* ---- runs ---- */

/* Rates at which the losses explode long before they are inf. */
static void a_run_that_explodes_is_noticed(void **state)
{
    (void)state;
    clg_dataset *ds = test_gan_data(20, 1);
    clg_model_desc *desc = test_gan_desc("mnist-mlp");
    desc->train.log_every = 1;
    desc->train.steps = 60;
    desc->train.on_collapse = CLG_COLLAPSE_STOP;
    desc->optimizer_d.lr = 3e4f;
    desc->optimizer_g.lr = 1e-4f;
    char *dir = clg__os_join(top, "explodes");
    clg_trainer *t = test_gan_trainer_at(desc, 1, ds, dir, 0);
    assert_int_equal(clg__trainer_run(t, NULL), CLG_E_NUMERIC);
    assert_non_null(strstr(clg_message(), "the losses have exploded"));
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
    clg__free(dir);
    clg__free(desc);
}

/* Breaks a weight of G after the log line of a step, `times` times. */
typedef struct saboteur {
    clg_trainer *t;
    uint64_t step;
    int times;
} saboteur;

static void sabotage(void *user, const clg_progress *p)
{
    saboteur *s = user;
    if (p->step == s->step && s->times > 0) {
        clg_net *g = clg__trainer_net(s->t, CLG_GENERATOR);
        const clg_net_tensor *w = clg__net_tensor_at(g, 0);
        float *x = clg__alloc(w->len, sizeof *x);
        assert_non_null(x);
        for (uint64_t i = 0; i < w->len; i++) {
            x[i] = NAN;
        }
        TEST_OK(clg__net_write_tensor(g, 0, x));
        clg__free(x);
        s->times--;
    }
}

static int run(const char *name, enum clg_on_collapse action, uint64_t step, int times,
               clg_trainer **out, clg_dataset *ds)
{
    clg_model_desc *desc = test_gan_desc("mnist-mlp");
    char *dir = clg__os_join(top, name);
    desc->train.log_every = 2;
    desc->train.steps = 12; /* epochs, and checkpoints, of 4 */
    desc->train.on_collapse = action;
    *out = test_gan_trainer_at(desc, 1, ds, dir, 0);
    saboteur s = { .t = *out, .step = step, .times = times };
    clg_trainer_events events = { .user = &s, .progress = sabotage };
    int status = clg__trainer_run(*out, &events);
    clg__free(dir);
    clg__free(desc);
    return status;
}

static void a_rollback_goes_back_with_other_latents_and_half_the_rates(void **state)
{
    (void)state;
    clg_dataset *ds = test_gan_data(20, 1);
    clg_trainer *t = NULL;
    bool other;
    TEST_OK(run("once", CLG_COLLAPSE_ROLLBACK, 6, 1, &t, ds));
    assert_int_equal(t->step, 12);
    assert_int_equal(t->noise_stream, 1);
    assert_true(t->lr_factor == 0.5);
    assert_int_equal(clg__step_latent_key(t, 3, 1).lane, 17);
    TEST_OK(clg__checkpoint_check_finite(t));
    /* Recorded: a resume goes on alike. */
    clg_trainer *resumed = test_gan_trainer(&t->desc, 1, ds);
    char path[CLG_PATH_MAX_LEN];
    snprintf(path, sizeof path, "%s/once", top);
    TEST_OK(clg__trainer_resume(resumed, path, &other));
    assert_int_equal(resumed->noise_stream, 1);
    assert_true(resumed->lr_factor == 0.5);
    test_gan_same_state(t, resumed);
    clg__trainer_destroy(&resumed);
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
}

static void a_rollback_in_the_first_epoch_begins_anew(void **state)
{
    (void)state;
    clg_dataset *ds = test_gan_data(20, 1);
    clg_trainer *t = NULL;
    TEST_OK(run("early", CLG_COLLAPSE_ROLLBACK, 2, 1, &t, ds));
    assert_int_equal(t->step, 12);
    assert_int_equal(t->noise_stream, 1);
    TEST_OK(clg__checkpoint_check_finite(t));
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
}

static void after_three_rollbacks_the_run_ends(void **state)
{
    (void)state;
    clg_dataset *ds = test_gan_data(20, 1);
    clg_trainer *t = NULL;
    assert_int_equal(run("often", CLG_COLLAPSE_ROLLBACK, 6, 100, &t, ds), CLG_E_NUMERIC);
    assert_int_equal(t->noise_stream, CLG_ROLLBACKS_MAX);
    assert_non_null(strstr(clg_message(), ", after 3 rollbacks"));
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
}

static void without_rollback_a_run_that_is_not_finite_ends(void **state)
{
    (void)state;
    clg_dataset *ds = test_gan_data(20, 1);
    clg_trainer *t = NULL;
    assert_int_equal(run("warned", CLG_COLLAPSE_WARN, 6, 1, &t, ds), CLG_E_NUMERIC);
    assert_int_equal(t->noise_stream, 0);
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
}

static int open_folder(void **state)
{
    (void)state;
    test_tmp_make(top);
    return 0;
}

static int close_all(void **state)
{
    test_tmp_remove(top);
    return test_ops_done(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(like_fakes_are_told_once_they_were_different),
        cmocka_unit_test(a_discriminator_that_is_always_right_is_told),
        cmocka_unit_test(losses_that_explode_are_told_though_finite),
        cmocka_unit_test(what_nobody_looked_at_is_not_good),
        cmocka_unit_test(a_run_that_explodes_is_noticed),
        cmocka_unit_test(a_rollback_goes_back_with_other_latents_and_half_the_rates),
        cmocka_unit_test(a_rollback_in_the_first_epoch_begins_anew),
        cmocka_unit_test(after_three_rollbacks_the_run_ends),
        cmocka_unit_test(without_rollback_a_run_that_is_not_finite_ends),
    };
    return cmocka_run_group_tests(tests, open_folder, close_all);
}
