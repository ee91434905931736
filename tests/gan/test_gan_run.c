/* The training loop and what it leaves in the run folder. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/os.h"
#include "gan/trainer_internal.h"
#include "support/gan_support.h"
#include "support/net_support.h"
#include "support/rt_support.h"

static bool exists(const char *dir, const char *format, unsigned step)
{
    char name[128];
    (void)snprintf(name, sizeof name, format, step);
    char *path = clg__os_join(dir, name);
    bool there = clg__os_stat(path).is_file;
    clg__free(path);
    return there;
}

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += *text == '\n';
    }
    return n;
}

/* Counts events; asks to stop after step `stop_after` of the calls. */
typedef struct watcher {
    unsigned lines, grids, checkpoints, first, calls, stop_after;
    clg_progress last;
} watcher;

static void on_progress(void *user, const clg_progress *p)
{
    watcher *w = user;
    w->lines++;
    w->last = *p;
}

static void on_saved(void *user, const char *what, const char *path)
{
    watcher *w = user;
    assert_true(clg__os_stat(path).is_file);
    w->grids += strcmp(what, "grid") == 0;
    w->checkpoints += strcmp(what, "checkpoint") == 0;
}

static void on_first_step(void *user)
{
    ((watcher *)user)->first++;
}

static int on_stop(void *user)
{
    watcher *w = user;
    w->calls++;
    return w->stop_after > 0 && w->calls >= w->stop_after ? 15 : 0;
}

static int run(clg_trainer *t, watcher *w)
{
    clg_trainer_events e = { .user = w, .progress = on_progress, .saved = on_saved,
                             .first_step = on_first_step, .stop_signal = on_stop };
    return clg__trainer_run(t, &e);
}

static void a_run_leaves_lines_grids_and_checkpoints(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("dcgan");
    desc->train.steps = 11; /* epochs of 4 steps; lines at 4, 8, 11; grids at 5, 10, 11 */
    desc->train.keep = 2;
    clg_dataset *ds = test_gan_data(20, 3);
    char *dir = test_gan_path("whole");
    clg_trainer *t = test_gan_trainer_at(desc, 3, ds, dir, 0);
    watcher w = { 0 };
    TEST_OK(run(t, &w));
    assert_int_equal(w.first, 1);
    assert_int_equal(w.lines, 3);
    assert_int_equal(w.grids, 3);
    assert_int_equal(w.checkpoints, 3); /* 4, 8, 11 */
    assert_int_equal(w.last.step, 11);
    assert_true(w.last.images_per_s > 0.0 && fabs(w.last.epoch - 2.75) < 1e-9);
    assert_string_equal(clg__trainer_run_dir(t), dir);
    assert_true(exists(dir, "config.yaml", 0) && exists(dir, "clgan.log", 0));
    assert_true(exists(dir, "samples/step-%08u.png", 5));
    assert_true(exists(dir, "samples/step-%08u.png", 11));
    assert_false(exists(dir, "checkpoints/step-%08u.safetensors", 4)); /* the last two are kept */
    assert_true(exists(dir, "checkpoints/step-%08u.safetensors", 8));
    assert_true(exists(dir, "checkpoints/step-%08u.safetensors", 11));
    size_t size = 0;
    char *json = (char *)test_gan_read(dir, "log.jsonl", &size);
    assert_int_equal(count_lines(json), 3);
    assert_non_null(strstr(json, "netG.main.0.weight"));
    assert_non_null(strstr(json, "netD.main.5.weight"));
    clg__free(json);
    TEST_OK(run(t, &w)); /* nothing left to do */
    assert_int_equal(w.lines, 3);
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
    clg__free(dir);
    clg__free(desc);
}

static void what_is_not_known_of_g_before_its_first_update_is_not_a_number(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("mnist-mlp");
    desc->order.g_start_epoch = 1; /* epochs of 4 steps */
    desc->train.steps = 6;
    desc->train.log_every = 2;
    clg_dataset *ds = test_gan_data(20, 1);
    char *dir = test_gan_path("late");
    clg_trainer *t = test_gan_trainer_at(desc, 1, ds, dir, 0);
    watcher w = { 0 };
    clg_progress p;
    size_t size = 0;
    TEST_OK(clg__trainer_step(t));
    TEST_OK(clg__trainer_losses(t, &p));
    assert_true(isnan(p.loss_g) && isnan(p.d_fake_after));
    assert_true(p.loss_d > 0.0 && p.d_real > 0.0 && p.d_fake_before > 0.0);
    TEST_OK(run(t, &w));
    assert_true(w.last.loss_g > 0.0 && w.last.d_fake_after > 0.0);
    char *csv = (char *)test_gan_read(dir, "log.csv", &size);
    char *json = (char *)test_gan_read(dir, "log.jsonl", &size);
    const char *second = strstr(csv, "\n4,1,"), *third = strstr(csv, "\n6,1.5,");
    assert_true(second != NULL && third != NULL);
    assert_true(strstr(second, ",nan,") < third);
    const char *monitors = strstr(third, ",nan,nan,nan\n"); /* of which there are none */
    assert_true(monitors != NULL && strstr(third, "nan") == monitors + 1);
    assert_null(strstr(csv, ",0,"));
    const char *last = strstr(json, "{\"step\":6");
    const char *g = strstr(json, "\"netG.model.0.weight\":{\"weight_norm\":null,\"grad_norm\":null");
    assert_true(last != NULL && g != NULL && g < last);
    assert_true(strstr(json, "\"loss_g\":null") < last);
    assert_null(strstr(last, "null"));
    clg__free(csv);
    clg__free(json);
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
    clg__free(dir);
    clg__free(desc);
}

static void a_signal_saves_everything_and_resume_goes_on_with_the_same_bits(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("dcgan");
    desc->train.steps = 9;
    clg_dataset *ds = test_gan_data(20, 3);
    char *dir = test_gan_path("stopped"), *dir2 = test_gan_path("straight");
    watcher w = { .stop_after = 6 }, w2 = { 0 }, w3 = { 0 };
    bool other = true;
    clg_trainer *t = test_gan_trainer_at(desc, 3, ds, dir, 0);
    assert_int_equal(run(t, &w), CLG_E_INTERRUPTED);
    assert_non_null(strstr(clg_message(), "signal 15 after step 6"));
    assert_non_null(strstr(clg_hint(), dir));
    assert_int_equal(w.last.step, 6);
    assert_true(exists(dir, "checkpoints/step-%08u.safetensors", 6));
    assert_true(exists(dir, "samples/step-%08u.png", 6));
    clg__trainer_destroy(&t);

    t = test_gan_trainer_at(desc, 3, ds, NULL, 0);
    TEST_OK(clg__trainer_resume(t, dir, &other));
    assert_false(other);
    assert_int_equal(clg__trainer_step_number(t), 6);
    TEST_OK(run(t, &w2));
    assert_string_equal(clg__trainer_run_dir(t), dir);
    clg_trainer *whole = test_gan_trainer_at(desc, 3, ds, dir2, 0);
    TEST_OK(run(whole, &w3));
    test_gan_same_state(t, whole);
    assert_true(w2.last.loss_d == w3.last.loss_d);
    clg__trainer_destroy(&t);
    clg__trainer_destroy(&whole);
    t = test_gan_trainer_at(desc, 3, ds, NULL, 0);
    assert_int_equal(clg__trainer_resume(t, "/nowhere/at/all", &other), CLG_E_USAGE);
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
    clg__free(dir);
    clg__free(dir2);
    clg__free(desc);
}

static void divergence_names_its_step_and_keeps_the_last_finite_checkpoint(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("dcgan");
    desc->train.steps = 4;
    desc->train.log_every = 5;
    clg_dataset *ds = test_gan_data(20, 3);
    char *dir = test_gan_path("diverges");
    watcher w = { 0 };
    bool other;
    clg_trainer *t = test_gan_trainer_at(desc, 3, ds, dir, 0);
    TEST_OK(run(t, &w)); /* a good checkpoint at step 4 */
    clg__trainer_destroy(&t);
    desc->train.steps = 40;
    desc->train.log_every = 50;
    desc->optimizer_g.lr = 1e36f;
    desc->optimizer_d.lr = 1e36f;
    t = test_gan_trainer_at(desc, 3, ds, NULL, 0);
    TEST_OK(clg__trainer_resume(t, dir, &other));
    assert_int_equal(run(t, &w), CLG_E_NUMERIC);
    const char *at = strstr(clg_message(), "at step ");
    assert_non_null(at);
    long step = strtol(at + 8, NULL, 10);
    assert_true(step > 4 && step <= 9); /* found when the epoch's checkpoint was due */
    clg__trainer_destroy(&t);
    assert_true(exists(dir, "checkpoints/step-%08u.safetensors", 4));
    assert_false(exists(dir, "checkpoints/step-%08u.safetensors", 8));
    clg__dataset_close(&ds);
    clg__free(dir);
    clg__free(desc);
}

/* ---- trace ---- */

static clg_st_file *open_trace(const char *dir, unsigned step)
{
    char name[64];
    clg_st_file *f = NULL;
    (void)snprintf(name, sizeof name, "trace/step-%06u.safetensors", step);
    char *path = clg__os_join(dir, name);
    TEST_OK(clg__st_open(&f, path));
    clg__free(path);
    return f;
}

/* The nets of `t` take what a trace says of `kind`. */
static void take(clg_trainer *t, const clg_st_file *f, enum clg_net_kind kind, const char *g,
                 const char *d)
{
    clg_net *netg = clg__trainer_net(t, CLG_GENERATOR);
    clg_net *netd = clg__trainer_net(t, CLG_DISCRIMINATOR);
    TEST_OK(clg__tensor_list_read_net(f, "trace", netg, kind, g, true));
    TEST_OK(clg__tensor_list_read_net(f, "trace", netd, kind, d, true));
}

static double *read_doubles(const clg_st_file *f, const char *name, uint64_t *len)
{
    const clg_st_tensor *x = clg__st_find(f, name);
    assert_non_null(x);
    *len = x->bytes / 4u;
    float *v = clg__alloc(*len, sizeof *v);
    TEST_OK(clg__st_read_f32(f, name, v, *len));
    double *out = test_to_double(v, *len);
    clg__free(v);
    return out;
}

static void a_trace_replays_step_by_step_in_the_reference(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("dcgan");
    clg_model_plan *plan = test_gan_plan(desc, 3);
    desc->train.steps = 5; /* step 4 is a partial batch */
    clg_dataset *ds = test_gan_data(20, 3);
    char *dir = test_gan_path("traced");
    watcher w = { 0 };
    clg_trainer *t = test_gan_trainer_at(desc, 3, ds, dir, 4);
    TEST_OK(run(t, &w));
    assert_false(exists(dir, "trace/step-%06u.safetensors", 5));
    clg_net *g = clg__trainer_net(t, CLG_GENERATOR), *d = clg__trainer_net(t, CLG_DISCRIMINATOR);
    ref_net *rg = NULL, *rd = NULL;
    TEST_OK(ref_net_create(&rg, &plan->g, 6));
    TEST_OK(ref_net_create(&rd, &plan->d, 12));
    for (unsigned step = 1; step <= 4; step++) {
        clg_st_file *before = open_trace(dir, step - 1), *after = open_trace(dir, step);
        uint64_t real_len, z_len, one;
        double *real = read_doubles(after, "real", &real_len);
        double *z = read_doubles(after, "z", &z_len);
        double *loss_d = read_doubles(after, "loss_d", &one);
        double *loss_g = read_doubles(after, "loss_g", &one);
        uint32_t n = (uint32_t)(z_len / 12);
        ref_gan_result got;
        assert_int_equal(n, step == 4 ? 2 : 6);
        assert_int_equal(real_len, n * 16 * 16 * 3);
        take(t, before, CLG_NET_VALUE, "netG.", "netD.");
        take(t, before, CLG_NET_M, "optG.m.", "optD.m.");
        take(t, before, CLG_NET_V, "optG.v.", "optD.v.");
        test_net_to_ref(g, rg);
        test_net_to_ref(d, rd);
        ref_gan_batch batch = { .real = real, .z = z, .n = n, .step = step,
                                .updates_g = step - 1, .updates_d = step - 1 };
        TEST_OK(ref_gan_step(desc, rg, rd, &batch, &got));
        assert_true(fabs(got.loss_d - *loss_d) <= 1e-5 * fabs(got.loss_d));
        assert_true(fabs(got.loss_g - *loss_g) <= 1e-5 * fabs(got.loss_g));
        take(t, after, CLG_NET_GRAD, "grad.netG.", "grad.netD.");
        take(t, after, CLG_NET_VALUE, "netG.", "netD.");
        take(t, after, CLG_NET_M, "optG.m.", "optD.m.");
        test_net_equals_ref(g, rg, CLG_NET_GRAD, 1e-4);
        test_net_equals_ref(d, rd, CLG_NET_GRAD, 1e-4);
        test_net_equals_ref(g, rg, CLG_NET_VALUE, 1e-4);
        test_net_equals_ref(d, rd, CLG_NET_VALUE, 1e-4);
        test_net_equals_ref(g, rg, CLG_NET_M, 1e-4);
        clg__st_close(&before);
        clg__st_close(&after);
        clg__free(real);
        clg__free(z);
        clg__free(loss_d);
        clg__free(loss_g);
    }
    ref_net_destroy(&rg);
    ref_net_destroy(&rd);
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
    clg__free(dir);
    clg__free(plan);
    clg__free(desc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_leaves_lines_grids_and_checkpoints),
        cmocka_unit_test(what_is_not_known_of_g_before_its_first_update_is_not_a_number),
        cmocka_unit_test(a_signal_saves_everything_and_resume_goes_on_with_the_same_bits),
        cmocka_unit_test(divergence_names_its_step_and_keeps_the_last_finite_checkpoint),
        cmocka_unit_test(a_trace_replays_step_by_step_in_the_reference),
    };
    return cmocka_run_group_tests(tests, test_gan_open_folder, test_gan_close_folder);
}
