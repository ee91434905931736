/* Training with activations and weights stored in 16 bits: the losses of floats, half the memory of
 * activations, resume bit for bit.
 *
 * drivers: pocl rusticl */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/str.h"
#include "gan/trainer_internal.h"
#include "support/gan_support.h"
#include "support/net_support.h"
#include "support/rt_support.h"
#include "support/tmp.h"

enum { IMAGES = 40, STEPS = 10 };

static char dir[64];

static clg_trainer *make_trainer(const char *preset, enum clg_precision precision, clg_dataset *ds)
{
    clg_model_desc *desc = test_gan_desc(preset);
    desc->runtime.precision = precision;
    clg_trainer *t = test_gan_trainer(desc, 1, ds);
    clg__free(desc);
    return t;
}

static void run_steps(clg_trainer *t, uint64_t until)
{
    while (clg__trainer_step_number(t) < until) {
        TEST_OK(clg__trainer_step(t));
    }
}

static void expect_near(const char *what, uint64_t step, double got, double want)
{
    if (!(fabs(got - want) <= 0.02 * fabs(want))) {
        fail_msg("%s of step %llu is %.6g, in floats %.6g", what, (unsigned long long)step, got,
                 want);
    }
}

static void losses_are_within_2_percent(const char *preset)
{
    static const enum clg_precision both[] = { CLG_PRECISION_FP16, CLG_PRECISION_BF16 };
    clg_dataset *ds = test_gan_data(IMAGES, 1);
    for (int i = 0; i < 2; i++) {
        clg_trainer *a = make_trainer(preset, CLG_PRECISION_FP32, ds);
        clg_trainer *b = make_trainer(preset, both[i], ds);
        double off = 0.0;
        for (uint64_t step = 1; step <= STEPS; step++) {
            clg_progress p, q;
            run_steps(a, step);
            run_steps(b, step);
            TEST_OK(clg__trainer_losses(a, &p));
            TEST_OK(clg__trainer_losses(b, &q));
            expect_near("Loss_D", step, q.loss_d, p.loss_d);
            expect_near("Loss_G", step, q.loss_g, p.loss_g);
            off += fabs(q.loss_d - p.loss_d) + fabs(q.loss_g - p.loss_g);
        }
        assert_true(off > 0.0); /* 16 bits were there */
        clg__trainer_destroy(&a);
        clg__trainer_destroy(&b);
    }
    clg__dataset_close(&ds);
}

static void losses_of_dcgan_are_within_2_percent(void **state)
{
    (void)state;
    losses_are_within_2_percent("dcgan");
}

static void losses_of_an_mlp_are_within_2_percent(void **state)
{
    (void)state;
    losses_are_within_2_percent("mnist-mlp");
}

static void same_scales(clg_trainer *a, clg_trainer *b)
{
    float x[CLG_NET_SCALE_LEN], y[CLG_NET_SCALE_LEN];
    TEST_OK(clg__net_scale_read(a->g, x));
    TEST_OK(clg__net_scale_read(b->g, y));
    assert_memory_equal(x, y, sizeof x);
    TEST_OK(clg__net_scale_read(a->d, x));
    TEST_OK(clg__net_scale_read(b->d, y));
    assert_memory_equal(x, y, sizeof x);
}

/* A scale so large that the next updates are skipped: its state must come through a checkpoint. */
static void overflow_next(clg_trainer *t)
{
    float s[CLG_NET_SCALE_LEN];
    TEST_OK(clg__net_scale_read(t->d, s));
    s[0] = 0x1p40f;
    TEST_OK(clg__net_scale_write(t->d, s));
}

static void resumes(const char *preset, enum clg_precision precision)
{
    clg_dataset *ds = test_gan_data(IMAGES, 1);
    char *path = clg__os_join(dir, "stop.safetensors");
    clg_trainer *whole = make_trainer(preset, precision, ds);
    clg_trainer *a = make_trainer(preset, precision, ds);
    bool half = precision == CLG_PRECISION_FP16, other = true;
    if (half) {
        overflow_next(whole);
        overflow_next(a);
    }
    run_steps(whole, 7);
    run_steps(a, 3);
    TEST_OK(clg__trainer_save(a, path));
    clg_trainer *b = make_trainer(preset, precision, ds);
    run_steps(b, 2); /* a state that has to go */
    TEST_OK(clg__trainer_load(b, path, &other));
    assert_false(other);
    run_steps(b, 7);
    test_gan_same_state(whole, b);
    if (half) {
        float s[CLG_NET_SCALE_LEN];
        same_scales(whole, b);
        TEST_OK(clg__net_scale_read(b->d, s));
        assert_true(s[5] >= 7.0f && s[0] <= 0x1p33f); /* every D update was skipped */
    }
    clg__trainer_destroy(&whole);
    clg__trainer_destroy(&a);
    clg__trainer_destroy(&b);
    clg__dataset_close(&ds);
    clg__free(path);
}

static void every_precision_resumes_bit_for_bit(void **state)
{
    (void)state;
    resumes("dcgan", CLG_PRECISION_FP16);
    resumes("dcgan", CLG_PRECISION_BF16);
    resumes("mnist-mlp", CLG_PRECISION_FP16);
    resumes("mnist-mlp", CLG_PRECISION_BF16);
}

static void collect_line(void *user, enum clg_log_level level, const char *line)
{
    if (level == CLG_LOG_WARN) {
        clg__str_add(user, "%s\n", line);
    }
}

/* A resume in another precision is another training, and is told so in plain words. */
static void a_change_of_precision_is_told(void **state)
{
    (void)state;
    static const struct {
        enum clg_precision from, to;
        const char *what, *scales;
    } cases[] = {
        { CLG_PRECISION_BF16, CLG_PRECISION_FP32, "--precision bf16, and goes on with fp32: ",
          "in fp32 from here on; losses" },
        { CLG_PRECISION_FP32, CLG_PRECISION_FP16, "--precision fp32, and goes on with fp16: ",
          "with loss scales that start anew; " },
        { CLG_PRECISION_FP16, CLG_PRECISION_BF16, "--precision fp16, and goes on with bf16: ",
          "without loss scales; " },
        { CLG_PRECISION_BF16, CLG_PRECISION_BF16, NULL, NULL },
    };
    clg_dataset *ds = test_gan_data(IMAGES, 1);
    char *path = clg__os_join(dir, "changed.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        clg_str log = { 0 };
        bool other = false;
        clg_trainer *a = make_trainer("mnist-mlp", cases[i].from, ds);
        clg_trainer *b = make_trainer("mnist-mlp", cases[i].to, ds);
        run_steps(a, 2);
        TEST_OK(clg__trainer_save(a, path));
        clg__log_set(collect_line, &log);
        TEST_OK(clg__trainer_load(b, path, &other));
        clg__log_set(NULL, NULL);
        if (cases[i].what != NULL) {
            assert_true(other && log.text != NULL);
            assert_non_null(strstr(log.text, cases[i].what));
            assert_non_null(strstr(log.text, "this is not the same run any more"));
            assert_non_null(strstr(log.text, cases[i].scales));
            assert_null(strstr(log.text, "last bits"));
        } else {
            assert_true(!other && log.text == NULL);
        }
        clg__str_free(&log);
        clg__trainer_destroy(&a);
        clg__trainer_destroy(&b);
    }
    clg__dataset_close(&ds);
    clg__free(path);
}

static void a_run_in_floats_can_go_on_in_halves(void **state)
{
    (void)state;
    clg_dataset *ds = test_gan_data(IMAGES, 1);
    char *path = clg__os_join(dir, "floats.safetensors");
    clg_trainer *a = make_trainer("mnist-mlp", CLG_PRECISION_FP32, ds);
    clg_trainer *b = make_trainer("mnist-mlp", CLG_PRECISION_FP16, ds);
    float s[CLG_NET_SCALE_LEN];
    bool other = false;
    run_steps(a, 3);
    TEST_OK(clg__trainer_save(a, path));
    TEST_OK(clg__trainer_load(b, path, &other));
    assert_true(other); /* a warning: other bits */
    TEST_OK(clg__net_scale_read(b->g, s));
    assert_true(s[0] == 65536.0f && s[4] == 3.0f); /* Adam's t goes on */
    run_steps(b, 5);
    TEST_OK(clg__net_scale_read(b->g, s));
    assert_true(s[4] == 5.0f);
    clg__trainer_destroy(&a);
    clg__trainer_destroy(&b);
    clg__dataset_close(&ds);
    clg__free(path);
}

static uint64_t bytes_of(const char *label)
{
    clg_buffer_row *rows = NULL;
    size_t n = 0;
    uint64_t bytes = 0;
    TEST_OK(clg__rt_buffers(test_rt(), &rows, &n));
    for (size_t i = 0; i < n; i++) {
        bytes += strcmp(rows[i].label, label) == 0 ? rows[i].bytes : 0;
    }
    clg__free(rows);
    return bytes;
}

static void activations_take_half_the_memory(void **state)
{
    (void)state;
    static const char *const label[] = { "activations", "gradients in flight", "images" };
    uint64_t full[3], half[3];
    clg_dataset *ds = test_gan_data(IMAGES, 1);
    clg_trainer *t = make_trainer("dcgan", CLG_PRECISION_FP32, ds);
    for (int i = 0; i < 3; i++) {
        full[i] = bytes_of(label[i]);
    }
    clg__trainer_destroy(&t);
    t = make_trainer("dcgan", CLG_PRECISION_BF16, ds);
    for (int i = 0; i < 3; i++) {
        half[i] = bytes_of(label[i]);
    }
    clg__trainer_destroy(&t);
    assert_true(full[0] > 0 && full[2] > 0);
    assert_int_equal(2u * half[0], full[0]);
    assert_true(2u * half[1] <= full[1]); /* the floats' hold the snapshot of weights too */
    assert_int_equal(2u * half[2], full[2]);
    clg__dataset_close(&ds);
}

static int setup(void **state)
{
    (void)state;
    test_tmp_make(dir);
    return 0;
}

static int teardown(void **state)
{
    test_tmp_remove(dir);
    return test_ops_done(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_of_dcgan_are_within_2_percent),
        cmocka_unit_test(losses_of_an_mlp_are_within_2_percent),
        cmocka_unit_test(every_precision_resumes_bit_for_bit),
        cmocka_unit_test(a_change_of_precision_is_told),
        cmocka_unit_test(a_run_in_floats_can_go_on_in_halves),
        cmocka_unit_test(activations_take_half_the_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
