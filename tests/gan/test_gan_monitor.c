/* The monitors of a training: when they are measured, what they say, and that they move nothing. */
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

enum { HELD = 10, TRAINED = 20, ALL = HELD + TRAINED, SIDE = 16, D = SIDE * SIDE };

static clg_model_desc *make_desc(uint32_t every)
{
    clg_model_desc *desc = test_gan_desc("mnist-mlp");
    desc->data.holdout = HELD;
    desc->train.steps = 11; /* epochs of 4 steps */
    desc->train.log_every = 3;
    desc->train.monitor_every = every;
    return desc;
}

/* The lines that a run shows. */
typedef struct lines {
    clg_progress p[16];
    int n;
} lines;

static void on_line(void *user, const clg_progress *p)
{
    lines *l = user;
    assert_true(l->n < 16);
    l->p[l->n++] = *p;
}

static void epochs_end_with_a_look(void **state)
{
    (void)state;
    static const uint64_t want[] = { 3, 4, 6, 8, 9, 11 };
    clg_model_desc *desc = make_desc(1);
    clg_dataset *ds = test_gan_data(ALL, 1);
    char *dir = test_gan_path("looks");
    clg_trainer *t = test_gan_trainer_at(desc, 1, ds, dir, 0);
    lines l = { .n = 0 };
    TEST_OK(clg__trainer_run(t, &(clg_trainer_events){ .user = &l, .progress = on_line }));
    assert_int_equal(l.n, 6);
    for (int i = 0; i < l.n; i++) {
        bool look = want[i] % 4 == 0 || want[i] == 11;
        assert_int_equal(l.p[i].step, want[i]);
        assert_int_equal(isfinite(l.p[i].monitor.parzen_ll), look);
        assert_int_equal(isfinite(l.p[i].monitor.real_below_half), look);
        assert_int_equal(isfinite(l.p[i].monitor.fake_above_half), look);
    }
    size_t size = 0;
    char *csv = (char *)test_gan_read(dir, "log.csv", &size);
    char *json = (char *)test_gan_read(dir, "log.jsonl", &size);
    char *third = strstr(csv, "\n6,");
    assert_true(third != NULL && strncmp(strstr(third + 1, "\n") - 12, ",nan,nan,nan", 12) == 0);
    assert_null(strstr(strstr(csv, "\n8,"), "nan\n9"));
    assert_non_null(strstr(json, "\"parzen_ll\":"));
    assert_non_null(strstr(json, "\"real_below_half\":"));
    uint8_t *png = test_gan_read(dir, "plots/monitors.png", &size);
    assert_true(size > 1000);
    clg__free(png);
    clg__free(csv);
    clg__free(json);
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
    clg__free(dir);
    clg__free(desc);
}

/* The likelihood by its formula, of the rows held out; shares by D's answers to the same. */
static void what_is_measured_is_what_is_promised(void **state)
{
    (void)state;
    clg_model_desc *desc = make_desc(1);
    clg_dataset *ds = test_gan_data(ALL, 1);
    clg_trainer *t = test_gan_trainer(desc, 1, ds);
    clg_monitor m;
    enum { SAMPLES = 100 };
    float *fake = clg__alloc((size_t)SAMPLES * D, sizeof *fake);
    uint8_t *image = clg__alloc(D, 1);
    double *square = clg__alloc(SAMPLES, sizeof *square), sum = 0.0;
    assert_true(fake != NULL && image != NULL && square != NULL);
    for (int i = 0; i < 3; i++) {
        TEST_OK(clg__trainer_step(t));
    }
    TEST_OK(clg__monitor_measure(t, &m));
    TEST_OK(clg__grid_samples(t, SAMPLES, fake));
    for (uint32_t i = 0; i < HELD; i++) {
        uint32_t index = TRAINED + i;
        double least = (double)INFINITY, mean = 0.0;
        TEST_OK(clg__dataset_read(ds, &index, NULL, 1, image));
        for (int s = 0; s < SAMPLES; s++) {
            square[s] = 0.0;
            for (int j = 0; j < D; j++) {
                double e = image[j] / 255.0 - (0.5 + 0.5 * (double)fake[s * D + j]);
                square[s] += e * e;
            }
            least = fmin(least, square[s]);
        }
        for (int s = 0; s < SAMPLES; s++) {
            mean += exp(-(square[s] - least) / (2.0 * 0.04)) / SAMPLES;
        }
        sum += log(mean) - least / (2.0 * 0.04) - D * log(0.2 * sqrt(2.0 * 3.14159265358979323846));
    }
    assert_true(fabs(m.parzen_ll - sum / HELD) < 1e-3 * fabs(sum / HELD));
    double tenths = 10.0 * m.real_below_half, hundredths = 100.0 * m.fake_above_half;
    assert_true(tenths >= 0.0 && tenths <= 10.0 && fabs(tenths - round(tenths)) < 1e-9);
    assert_true(hundredths >= 0.0 && hundredths <= 100.0);
    /* D's last bias decides all: far above 0 everything is real to it. */
    clg_net *d = clg__trainer_net(t, CLG_DISCRIMINATOR);
    uint32_t last = clg__net_tensor_count(d) - 1u;
    const float bias[2] = { 1e4f, -1e4f };
    assert_int_equal(clg__net_tensor_at(d, last)->len, 1);
    for (int i = 0; i < 2; i++) {
        TEST_OK(clg__net_write_tensor(d, last, &bias[i]));
        TEST_OK(clg__monitor_measure(t, &m));
        assert_true(m.real_below_half == (i == 0 ? 0.0 : 1.0));
        assert_true(m.fake_above_half == (i == 0 ? 1.0 : 0.0));
    }
    clg__free(fake);
    clg__free(image);
    clg__free(square);
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
    clg__free(desc);
}

static void looking_moves_nothing(void **state)
{
    (void)state;
    static const char *const presets[] = { "dcgan", "goodfellow-mnist" }; /* batch norm; dropout */
    clg_dataset *ds = test_gan_data(ALL, 1);
    clg_monitor m;
    for (int k = 0; k < 2; k++) {
        clg_model_desc *desc = test_gan_desc(presets[k]);
        desc->data.holdout = 0;
        desc->optimizer_g.kind = desc->optimizer_d.kind = CLG_OPTIMIZER_ADAM; /* all moments */
        clg_trainer *a = test_gan_trainer(desc, 1, ds), *b = test_gan_trainer(desc, 1, ds);
        for (int i = 0; i < 4; i++) {
            TEST_OK(clg__trainer_step(a));
            TEST_OK(clg__trainer_step(b));
            TEST_OK(clg__monitor_measure(b, &m));
            assert_true(isfinite(m.parzen_ll));
        }
        test_gan_same_state(a, b);
        clg__trainer_destroy(&a);
        clg__trainer_destroy(&b);
        clg__free(desc);
    }
    clg__dataset_close(&ds);
}

static void models_without_images_or_without_a_game_are_refused(void **state)
{
    (void)state;
    static const char *const presets[] = { "ring", "autoencoder-mlp" };
    for (int k = 0; k < 2; k++) {
        clg_model_desc *desc = test_gan_desc(presets[k]);
        clg_model_plan plan = { .system = k == 0 ? CLG_SYSTEM_RING : CLG_SYSTEM_NONE };
        TEST_OK(clg__monitor_check(desc, &plan));
        desc->train.monitor_every = 2;
        assert_int_equal(clg__monitor_check(desc, &plan), CLG_E_USAGE);
        assert_non_null(strstr(clg_message(), presets[k]));
        clg__free(desc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(epochs_end_with_a_look),
        cmocka_unit_test(what_is_measured_is_what_is_promised),
        cmocka_unit_test(looking_moves_nothing),
        cmocka_unit_test(models_without_images_or_without_a_game_are_refused),
    };
    return cmocka_run_group_tests(tests, test_gan_open_folder, test_gan_close_folder);
}
