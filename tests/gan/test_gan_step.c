/* Training steps against the reference in double precision, their repeatability, what a trainer
 * refuses, and its figures. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gan/trainer_internal.h"
#include "support/gan_support.h"
#include "support/net_support.h"
#include "support/rt_support.h"
#include "support/expand.h"

static double relative(double got, double want)
{
    return fabs(got - want) / fmax(fabs(want), 1e-6);
}

/* Runs `steps` steps on device and reference side by side, never bringing them together again. */
static void compare_training(const char *preset, uint32_t channels)
{
    enum { STEPS = 10 };
    clg_model_desc *desc = test_gan_desc(preset);
    clg_model_plan *plan = test_gan_plan(desc, channels);
    clg_trainer *t = test_gan_trainer(desc, channels, NULL);
    clg__trainer_keep_gradients(t, true);
    clg_net *g = clg__trainer_net(t, CLG_GENERATOR), *d = clg__trainer_net(t, CLG_DISCRIMINATOR);
    ref_net *rg = NULL, *rd = NULL;
    uint32_t n = desc->train.batch, nz = desc->latent.size;
    uint64_t len = (uint64_t)n * 16 * 16 * channels;
    float *z = clg__alloc((size_t)n * nz, sizeof *z);
    double *real = clg__alloc(len, sizeof *real);
    TEST_OK(ref_net_create(&rg, &plan->g, n));
    TEST_OK(ref_net_create(&rd, &plan->d, 2 * n));
    test_net_to_ref(g, rg);
    test_net_to_ref(d, rd);
    for (uint32_t step = 1; step <= STEPS; step++) {
        uint8_t *images = test_gan_images(n, channels, 100 + step);
        clg_progress got;
        ref_gan_result want;
        for (uint64_t i = 0; i < len; i++) {
            real[i] = (double)images[i] * (2.0 / 255.0) - 1.0;
        }
        TEST_OK(clg__trainer_step_on(t, images, n));
        TEST_OK(clg__trainer_losses(t, &got));
        test_gan_latents(t, n, z);
        double *zd = test_to_double(z, (uint64_t)n * nz);
        ref_gan_batch batch = { .real = real, .z = zd, .n = n, .step = step,
                                .updates_g = step - 1, .updates_d = step - 1 };
        TEST_OK(ref_gan_step(desc, rg, rd, &batch, &want));
        double allowed = step == 1 ? 1e-5 : 1e-3;
        assert_true(relative(got.loss_d, want.loss_d) <= allowed);
        assert_true(relative(got.loss_g, want.loss_g) <= allowed);
        assert_true(relative(got.d_real, want.d_real) <= allowed);
        assert_true(relative(got.d_fake_before, want.d_fake_before) <= allowed);
        assert_true(relative(got.d_fake_after, want.d_fake_after) <= allowed);
        if (step == 1) {
            test_net_equals_ref(d, rd, CLG_NET_GRAD, 3e-5);
            test_net_equals_ref(g, rg, CLG_NET_GRAD, 3e-5);
        }
        clg__free(zd);
        clg__free(images);
    }
    assert_int_equal(clg__trainer_step_number(t), STEPS);
    test_net_equals_ref(d, rd, CLG_NET_VALUE, 1e-3);
    test_net_equals_ref(g, rg, CLG_NET_VALUE, 1e-3);
    ref_net_destroy(&rg);
    ref_net_destroy(&rd);
    clg__trainer_destroy(&t);
    clg__free(z);
    clg__free(real);
    clg__free(plan);
    clg__free(desc);
}

static void ten_dcgan_steps_equal_the_reference(void **state)
{
    (void)state;
    compare_training("dcgan", 3);
}

static void ten_mlp_steps_equal_the_reference(void **state)
{
    (void)state;
    compare_training("mnist-mlp", 1);
    compare_training("mnist-mlp", 3);
}

static void statistics_move_once_per_pass(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("dcgan");
    clg_dataset *ds = test_gan_data(20, 1);
    clg_trainer *t = test_gan_trainer(desc, 1, ds);
    for (int i = 0; i < 5; i++) {
        TEST_OK(clg__trainer_step(t));
    }
    assert_int_equal(clg__net_batches_tracked(clg__trainer_net(t, CLG_GENERATOR)), 5);
    assert_int_equal(clg__net_batches_tracked(clg__trainer_net(t, CLG_DISCRIMINATOR)), 15);
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
    clg__free(desc);
}

static void two_runs_give_the_same_bits_and_another_seed_others(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("dcgan");
    desc->data.hflip = true;
    clg_dataset *ds = test_gan_data(20, 3);
    clg_trainer *a = test_gan_trainer(desc, 3, ds), *b = test_gan_trainer(desc, 3, ds);
    clg_progress pa, pb;
    for (int i = 0; i < 9; i++) { /* two epochs and a bit, with partial batches */
        TEST_OK(clg__trainer_step(a));
    }
    for (int i = 0; i < 9; i++) {
        TEST_OK(clg__trainer_step(b));
        TEST_OK(clg__trainer_losses(b, &pb)); /* waiting in between changes nothing */
    }
    test_gan_same_state(a, b);
    TEST_OK(clg__trainer_losses(a, &pa));
    assert_true(pa.loss_d == pb.loss_d && pa.loss_g == pb.loss_g);
    clg__trainer_destroy(&b);
    desc->train.seed++;
    b = test_gan_trainer(desc, 3, ds);
    for (int i = 0; i < 9; i++) {
        TEST_OK(clg__trainer_step(b));
    }
    TEST_OK(clg__trainer_losses(b, &pb));
    assert_true(pa.loss_d != pb.loss_d);
    clg__trainer_destroy(&a);
    clg__trainer_destroy(&b);
    clg__dataset_close(&ds);
    clg__free(desc);
}

/* ---- refusals ---- */

static int try_create(const clg_model_desc *desc, uint32_t channels, clg_dataset *ds)
{
    clg_trainer *t = NULL;
    clg_model_plan *plan = test_gan_plan(desc, channels);
    clg_trainer_options opt = { .no_run_folder = true };
    int status = clg__trainer_create(&t, test_ops(), desc, plan, ds, &opt);
    assert_true((t != NULL) == (status == CLG_OK));
    clg__trainer_destroy(&t);
    clg__free(plan);
    return status;
}

static void batch_of_one_under_batch_norm_is_refused(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("ring");
    desc->train.batch = 1;
    assert_int_equal(try_create(desc, 0, NULL), CLG_E_USAGE);
    assert_non_null(strstr(clg_message(), "batch of 1 under batch norm"));
    assert_non_null(strstr(clg_hint(), "--batch 2"));
    clg__free(desc);
    desc = test_gan_desc("mnist-mlp");
    desc->train.batch = 1;
    assert_int_equal(try_create(desc, 1, NULL), CLG_OK);
    clg__free(desc);
}

static void one_image_with_maps_of_several_pixels_is_a_batch(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("dcgan");
    uint8_t *images = test_gan_images(1, 3, 5);
    clg_progress p;
    desc->train.batch = 1;
    clg_trainer *t = test_gan_trainer(desc, 3, NULL);
    for (int i = 0; i < 3; i++) {
        TEST_OK(clg__trainer_step_on(t, images, 1));
    }
    TEST_OK(clg__trainer_losses(t, &p));
    assert_true(isfinite(p.loss_d) && isfinite(p.loss_g));
    TEST_OK(clg__checkpoint_check_finite(t));
    clg__trainer_destroy(&t);
    clg__free(images);
    clg__free(desc);
}

static void too_large_a_batch_names_one_that_fits(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("dcgan");
    uint64_t before = clg__rt_bytes_used(test_rt());
    unsigned fits = 0;
    desc->train.batch = 40000000;
    assert_int_equal(try_create(desc, 3, NULL), CLG_E_DEVICE_MEMORY);
    assert_non_null(strstr(clg_message(), "batch 40000000 needs"));
    assert_int_equal(sscanf(clg_hint(), "batch %u would fit", &fits), 1);
    assert_int_equal(clg__rt_bytes_used(test_rt()), before);
    /* It fits indeed, and one more does not. */
    clg_model_plan *plan = test_gan_plan(desc, 3);
    clg_bytes need;
    desc->train.batch = fits;
    TEST_OK(clg__facts_check_memory(test_ops(), desc, plan, &need));
    desc->train.batch = fits + 1;
    assert_int_equal(clg__facts_check_memory(test_ops(), desc, plan, &need), CLG_E_DEVICE_MEMORY);
    clg__free(plan);
    clg__free(desc);
}

static void steps_on_wrong_numbers_of_images_are_refused(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("mnist-mlp");
    desc->generator.layer[0].norm = CLG_NORM_BATCH; /* of vectors: one row has no variance */
    clg_trainer *t = test_gan_trainer(desc, 1, NULL);
    uint8_t *images = test_gan_images(8, 1, 1);
    assert_int_equal(clg__trainer_step_on(t, images, 7), CLG_E_USAGE);
    assert_int_equal(clg__trainer_step_on(t, images, 1), CLG_E_USAGE);
    assert_non_null(strstr(clg_message(), "1 image under batch norm"));
    assert_int_equal(clg__trainer_step_on(t, images, 0), CLG_E_USAGE);
    assert_int_equal(clg__trainer_step(t), CLG_E_USAGE);
    TEST_OK(clg__trainer_step_on(t, images, 2));
    clg__trainer_destroy(&t);
    clg__free(images);
    clg__free(desc);
}

/* ---- faults ---- */

/* A whole short life: made, one step, its losses, gone. */
static int live(const clg_model_desc *desc, const clg_model_plan *plan, clg_dataset *ds)
{
    clg_trainer *t = NULL;
    clg_progress p;
    clg_trainer_options opt = { .version = "test", .no_run_folder = true };
    int status = CLG_OK;
    CLG_TRY(clg__trainer_create(&t, test_ops(), desc, plan, ds, &opt));
    CLG_TRY(clg__trainer_step(t));
    CLG_TRY(clg__trainer_losses(t, &p));
    CLG_TRY(clg__checkpoint_check_finite(t));
out:
    clg__trainer_destroy(&t);
    return status;
}

static void every_failed_allocation_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    enum { CLEAN_IN_A_ROW = 8, MOST = 2000 };
    clg_model_desc *desc = test_gan_desc("mnist-mlp");
    clg_model_plan *plan = test_gan_plan(desc, 1);
    clg_dataset *ds = test_gan_data(20, 1);
    int clean = 0, failed = 0;
    TEST_OK(live(desc, plan, ds)); /* kernels are built once and stay */
    uint64_t before = clg__rt_bytes_used(test_rt());
    for (long n = 1; n < MOST && clean < CLEAN_IN_A_ROW; n++) {
        clg__alloc_fail(n, n % 2 == 0); /* once and for good by turns */
        int status = live(desc, plan, ds);
        clg__alloc_fail(0, false);
        if (status != CLG_OK) {
            assert_int_equal(status, CLG_E_MEMORY);
            assert_non_null(strstr(clg_message(), "out of host memory"));
        }
        clean = status == CLG_OK ? clean + 1 : 0;
        failed += status != CLG_OK;
        assert_int_equal(clg__rt_bytes_used(test_rt()), before);
    }
    assert_int_equal(clean, CLEAN_IN_A_ROW);
    assert_true(failed > 20);
    clg__dataset_close(&ds);
    clg__free(plan);
    clg__free(desc);
}

/* ---- figures ---- */

static void reference_flops_are_the_published_count(void **state)
{
    (void)state;
    clg_model_desc *desc = clg__alloc(1, sizeof *desc);
    clg_model_plan *plan = clg__alloc(1, sizeof *plan);
    TEST_OK(clg__model_load("dcgan", desc));
    TEST_OK(test_expand(desc, 64, 3, plan));
    assert_true(fabs(clg__facts_flops(plan) * 1e-6 - 2482.3) < 0.1);
    clg__free(desc);
    clg__free(plan);
}

static void compare_memory(const char *model)
{
    clg_model_desc *desc = test_gan_desc(model);
    uint64_t before = clg__rt_bytes_used(test_rt());
    clg_trainer *t = test_gan_trainer(desc, 3, NULL);
    clg_trainer_facts f;
    uint64_t used = clg__rt_bytes_used(test_rt()) - before;
    clg__trainer_facts(t, &f);
    assert_true(f.device_bytes_needed <= used + 64u && used <= f.device_bytes_needed + 1024u);
    assert_int_equal(f.batch, desc->train.batch);
    clg__trainer_destroy(&t);
    assert_int_equal(clg__rt_bytes_used(test_rt()), before);
    clg__free(desc);
}

static void device_memory_foretold_is_device_memory_used(void **state)
{
    (void)state;
    compare_memory("dcgan");
    compare_memory("curves"); /* with the fused pass's buffers */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_dcgan_steps_equal_the_reference),
        cmocka_unit_test(ten_mlp_steps_equal_the_reference),
        cmocka_unit_test(statistics_move_once_per_pass),
        cmocka_unit_test(two_runs_give_the_same_bits_and_another_seed_others),
        cmocka_unit_test(batch_of_one_under_batch_norm_is_refused),
        cmocka_unit_test(one_image_with_maps_of_several_pixels_is_a_batch),
        cmocka_unit_test(too_large_a_batch_names_one_that_fits),
        cmocka_unit_test(steps_on_wrong_numbers_of_images_are_refused),
        cmocka_unit_test(every_failed_allocation_is_reported_and_leaves_nothing),
        cmocka_unit_test(reference_flops_are_the_published_count),
        cmocka_unit_test(device_memory_foretold_is_device_memory_used),
    };
    return cmocka_run_group_tests(tests, NULL, test_ops_done);
}
