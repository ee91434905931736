/* Checkpoints: resume is bit-exact wherever the training was stopped, other runs are refused,
 * foreign state dicts are taken, and the sampler draws from them. */
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
#include "io/config.h"
#include "support/gan_support.h"
#include "support/net_support.h"
#include "support/rt_support.h"

enum { IMAGES = 20 }; /* in batches of 6: three and a partial one of 2 */

static char *dir;

static char *file_at(const char *name)
{
    char *path = clg__os_join(dir, name);
    assert_non_null(path);
    return path;
}

static void run_steps(clg_trainer *t, uint64_t until)
{
    while (clg__trainer_step_number(t) < until) {
        TEST_OK(clg__trainer_step(t));
    }
}

static void resume_anywhere_gives_the_same_bits(const char *preset, uint32_t channels)
{
    static const uint64_t stops[] = { 0, 1, 3, 4, 6 }; /* in, before, after a partial batch */
    enum { STEPS = 9 };
    clg_model_desc *desc = test_gan_desc(preset);
    desc->data.hflip = true;
    clg_dataset *ds = test_gan_data(IMAGES, channels);
    clg_trainer *whole = test_gan_trainer(desc, channels, ds);
    char *path = file_at("stop.safetensors");
    run_steps(whole, STEPS);
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++) {
        bool other = true;
        clg_trainer *a = test_gan_trainer(desc, channels, ds);
        run_steps(a, stops[i]);
        TEST_OK(clg__trainer_save(a, path));
        clg__trainer_destroy(&a);
        clg_trainer *b = test_gan_trainer(desc, channels, ds);
        run_steps(b, 2); /* a state that has to go */
        TEST_OK(clg__trainer_load(b, path, &other));
        assert_false(other);
        assert_int_equal(clg__trainer_step_number(b), stops[i]);
        run_steps(b, STEPS);
        test_gan_same_state(whole, b);
        clg__trainer_destroy(&b);
    }
    clg__trainer_destroy(&whole);
    clg__dataset_close(&ds);
    clg__free(path);
    clg__free(desc);
}

static void dcgan_resumes_bit_for_bit(void **state)
{
    (void)state;
    resume_anywhere_gives_the_same_bits("dcgan", 3);
}

static void mlp_resumes_bit_for_bit(void **state)
{
    (void)state;
    resume_anywhere_gives_the_same_bits("mnist-mlp", 1);
}

/* A checkpoint of 3 dcgan steps on 3 channels; the caller frees the path. */
static char *make_checkpoint(clg_model_desc *desc)
{
    clg_dataset *ds = test_gan_data(IMAGES, 3);
    clg_trainer *t = test_gan_trainer(desc, 3, ds);
    char *path = file_at("three.safetensors");
    run_steps(t, 3);
    TEST_OK(clg__trainer_save(t, path));
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
    return path;
}

static int try_load(const clg_model_desc *desc, uint32_t channels, const char *path)
{
    clg_trainer *t = test_gan_trainer(desc, channels, NULL);
    bool other;
    int status = clg__trainer_load(t, path, &other);
    if (status != CLG_OK) {
        assert_int_equal(clg__trainer_step_number(t), 0);
    }
    clg__trainer_destroy(&t);
    return status;
}

static void another_model_seed_or_batch_is_refused_with_both_values(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("dcgan"), *mlp = test_gan_desc("mnist-mlp");
    char *path = make_checkpoint(desc);
    TEST_OK(try_load(desc, 3, path));
    assert_int_equal(try_load(mlp, 3, path), CLG_E_CHECKPOINT);
    assert_non_null(strstr(clg_message(), "model dcgan, this run has mnist-mlp"));
    desc->train.seed = 12;
    assert_int_equal(try_load(desc, 3, path), CLG_E_CHECKPOINT);
    assert_non_null(strstr(clg_message(), "seed 11, this run has seed 12"));
    desc->train.seed = 11;
    desc->train.batch = 5;
    assert_int_equal(try_load(desc, 3, path), CLG_E_CHECKPOINT);
    assert_non_null(strstr(clg_message(), "batch 6, this run has batch 5"));
    desc->train.batch = 6;
    assert_int_equal(try_load(desc, 1, path), CLG_E_CHECKPOINT);
    assert_non_null(strstr(clg_message(), "channels 3, this run has image channels 1"));
    desc->generator.width = 12;
    assert_int_equal(try_load(desc, 3, path), CLG_E_CHECKPOINT);
    assert_non_null(strstr(clg_message(), "generator"));
    clg__free(path);
    clg__free(desc);
    clg__free(mlp);
}

static void a_changed_byte_is_noticed(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("dcgan");
    char *path = make_checkpoint(desc);
    uint8_t *bytes = NULL;
    size_t size = 0;
    TEST_OK(clg__os_read_file(path, (size_t)1 << 24, &bytes, &size));
    bytes[size / 2] ^= 1u;
    TEST_OK(clg__os_write_atomic(path, bytes, size));
    assert_int_equal(try_load(desc, 3, path), CLG_E_CHECKPOINT);
    TEST_OK(clg__os_write_atomic(path, bytes, size - 5));
    assert_int_equal(try_load(desc, 3, path), CLG_E_CHECKPOINT);
    clg__free(bytes);
    clg__free(path);
    clg__free(desc);
}

static void names_and_metadata_are_those_of_the_sheet(void **state)
{
    (void)state;
    static const char *const names[] = {
        "netG.main.0.weight",       "netG.main.1.running_mean", "netG.main.1.num_batches_tracked",
        "netG.main.6.weight",       "netD.main.0.weight",       "netD.main.3.running_var",
        "netD.main.3.num_batches_tracked", "optG.m.main.0.weight", "optD.v.main.2.weight" };
    clg_model_desc *desc = test_gan_desc("dcgan");
    char *path = make_checkpoint(desc);
    clg_st_file *f = NULL;
    clg_checkpoint_info *info = clg__alloc(1, sizeof *info);
    TEST_OK(clg__st_open(&f, path));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (clg__st_find(f, names[i]) == NULL) {
            fail_msg("no %s", names[i]);
        }
    }
    const clg_st_tensor *tracked = clg__st_find(f, "netD.main.3.num_batches_tracked");
    int64_t value;
    assert_true(tracked->dtype == CLG_ST_I64 && tracked->rank == 0);
    memcpy(&value, tracked->data, sizeof value);
    assert_int_equal(value, 9);
    TEST_OK(clg__checkpoint_info(path, info));
    assert_int_equal(info->step, 3);
    assert_int_equal(info->size, 16);
    assert_int_equal(info->channels, 3);
    assert_string_equal(info->version, "test");
    assert_string_equal(info->desc.model.name, "dcgan");
    assert_int_equal(info->desc.train.seed, 11);
    assert_non_null(strstr(info->choices, "gemm="));
    clg__st_close(&f);
    clg__free(info);
    clg__free(path);
    clg__free(desc);
}

static void a_state_that_is_not_finite_is_never_saved(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("dcgan");
    clg_trainer *t = test_gan_trainer(desc, 3, NULL);
    clg_net *d = clg__trainer_net(t, CLG_DISCRIMINATOR);
    float *v = clg__alloc(clg__net_host_len(d), sizeof *v);
    char *path = file_at("nan.safetensors");
    TEST_OK(clg__net_read(d, CLG_NET_M, v));
    v[0] = NAN;
    TEST_OK(clg__net_write(d, CLG_NET_M, v));
    assert_int_equal(clg__trainer_save(t, path), CLG_E_NUMERIC);
    assert_non_null(strstr(clg_message(), "netD"));
    assert_false(clg__os_stat(path).exists);
    clg__trainer_destroy(&t);
    clg__free(v);
    clg__free(path);
    clg__free(desc);
}

/* ---- state dicts from elsewhere ---- */

/* Copies netG. and netD. tensors of a checkpoint to a file without metadata, but for `without`. */
static char *make_foreign(const char *checkpoint, const char *without, const char *extra)
{
    clg_st_file *f = NULL;
    clg_st_tensor list[64];
    static const float zero[1];
    size_t n = 0;
    char *path = file_at("foreign.safetensors");
    TEST_OK(clg__st_open(&f, checkpoint));
    for (size_t i = 0; i < clg__st_count(f); i++) {
        const clg_st_tensor *t = clg__st_at(f, i);
        if (strncmp(t->name, "net", 3) == 0 && (without == NULL || strcmp(t->name, without) != 0)) {
            assert_true(n < 63);
            list[n++] = *t;
        }
    }
    if (extra != NULL) {
        list[n++] = (clg_st_tensor){ .name = extra, .dtype = CLG_ST_F32, .rank = 1, .dim = { 1 },
                                     .bytes = 4, .data = zero };
    }
    TEST_OK(clg__st_write(path, list, n, NULL, 0));
    clg__st_close(&f);
    return path;
}

static int try_init_from(const clg_model_desc *desc, const char *path)
{
    clg_trainer *t = test_gan_trainer(desc, 3, NULL);
    int status = clg__trainer_init_from(t, path);
    clg__trainer_destroy(&t);
    return status;
}

static void init_from_takes_weights_and_statistics_of_a_foreign_file(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("dcgan");
    char *path = make_checkpoint(desc), *foreign = make_foreign(path, NULL, NULL);
    clg_trainer *a = test_gan_trainer(desc, 3, NULL), *b = test_gan_trainer(desc, 3, NULL);
    bool other;
    TEST_OK(clg__trainer_load(a, path, &other));
    TEST_OK(clg__trainer_init_from(b, foreign));
    assert_int_equal(clg__trainer_step_number(b), 0);
    for (int which = 0; which < 2; which++) {
        clg_net *na = clg__trainer_net(a, (enum clg_which_net)which);
        clg_net *nb = clg__trainer_net(b, (enum clg_which_net)which);
        size_t len = (size_t)clg__net_host_len(na);
        float *va = clg__alloc(len, sizeof *va), *vb = clg__alloc(len, sizeof *vb);
        TEST_OK(clg__net_read(na, CLG_NET_VALUE, va));
        TEST_OK(clg__net_read(nb, CLG_NET_VALUE, vb));
        assert_memory_equal(va, vb, len * sizeof *va);
        TEST_OK(clg__net_read(nb, CLG_NET_M, vb));
        for (size_t i = 0; i < len; i++) {
            assert_true(vb[i] == 0.0f);
        }
        clg__free(va);
        clg__free(vb);
    }
    clg__trainer_destroy(&a);
    clg__trainer_destroy(&b);
    clg__free(path);
    clg__free(foreign);
    clg__free(desc);
}

static void init_from_is_strict_about_tensors(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("dcgan");
    char *path = make_checkpoint(desc);
    char *foreign = make_foreign(path, "netD.main.3.running_mean", NULL);
    assert_int_equal(try_init_from(desc, foreign), CLG_E_CHECKPOINT);
    assert_non_null(strstr(clg_message(), "netD.main.3.running_mean is missing"));
    clg__free(foreign);
    foreign = make_foreign(path, NULL, "netG.main.9.weight");
    assert_int_equal(try_init_from(desc, foreign), CLG_E_CHECKPOINT);
    assert_non_null(strstr(clg_message(), "netG.main.9.weight is not one of the model"));
    clg__free(foreign);
    desc->generator.width = 12;
    assert_int_equal(try_init_from(desc, path), CLG_E_CHECKPOINT);
    assert_non_null(strstr(clg_message(), "the model wants ["));
    clg__free(path);
    clg__free(desc);
}

/* ---- sampler ---- */

static void samples_do_not_depend_on_how_many_are_drawn(void **state)
{
    (void)state;
    enum { MOST = 37, PIXELS = 16 * 16 * 3 };
    static const uint32_t counts[] = { 1, 7, 33 };
    static const uint32_t batches[] = { 64, 32, 40 };
    clg_model_desc *desc = test_gan_desc("dcgan");
    char *path = make_checkpoint(desc);
    clg_sampler *s = NULL;
    float *z = clg__alloc(MOST * 12, sizeof *z), *few = clg__alloc(MOST * PIXELS, sizeof *few);
    float *all = clg__alloc(MOST * PIXELS, sizeof *all);
    TEST_OK(clg__sampler_open(&s, test_ops(), path, NULL, 64));
    assert_int_equal(clg__sampler_desc(s)->latent.size, 12);
    assert_int_equal(clg__sampler_plan(s)->size, 16);
    TEST_OK(clg__sampler_latents(s, 3, MOST, z));
    TEST_OK(clg__sampler_draw(s, z, NULL, MOST, all));
    for (size_t i = 0; i < MOST * PIXELS; i++) {
        assert_true(all[i] >= -1.0f && all[i] <= 1.0f);
    }
    assert_memory_not_equal(all, all + PIXELS, PIXELS * sizeof *all);
    clg__sampler_close(&s);
    for (size_t i = 0; i < 3; i++) {
        TEST_OK(clg__sampler_open(&s, test_ops(), path, NULL, batches[i]));
        TEST_OK(clg__sampler_draw(s, z, NULL, counts[i], few));
        assert_memory_equal(few, all, counts[i] * PIXELS * sizeof *few);
        clg__sampler_close(&s);
    }
    clg__free(z);
    clg__free(few);
    clg__free(all);
    clg__free(path);
    clg__free(desc);
}

static void a_foreign_generator_is_drawn_from_with_its_model(void **state)
{
    (void)state;
    enum { PIXELS = 16 * 16 * 3 };
    clg_model_desc *desc = test_gan_desc("dcgan");
    char *path = make_checkpoint(desc), *foreign = make_foreign(path, NULL, NULL);
    clg_sampler *s = NULL;
    float z[24], a[2 * PIXELS], b[2 * PIXELS];
    assert_int_equal(clg__sampler_open(&s, test_ops(), foreign, NULL, 8), CLG_E_CHECKPOINT);
    assert_null(s);
    TEST_OK(clg__sampler_open(&s, test_ops(), path, NULL, 8));
    TEST_OK(clg__sampler_latents(s, 3, 2, z));
    TEST_OK(clg__sampler_draw(s, z, NULL, 2, a));
    clg__sampler_close(&s);
    desc->data.size = 0; /* to be found from the tensors */
    desc->data.channels = 0;
    TEST_OK(clg__sampler_open(&s, test_ops(), foreign, desc, 8));
    assert_int_equal(clg__sampler_plan(s)->size, 16);
    assert_int_equal(clg__sampler_plan(s)->channels, 3);
    TEST_OK(clg__sampler_draw(s, z, NULL, 2, b));
    clg__sampler_close(&s);
    assert_memory_equal(a, b, sizeof a);
    desc->generator.width = 9;
    assert_int_equal(clg__sampler_open(&s, test_ops(), foreign, desc, 8), CLG_E_CHECKPOINT);
    clg__free(path);
    clg__free(foreign);
    clg__free(desc);
}

static int open_folder(void **state)
{
    (void)state;
    dir = test_folder("gan-checkpoint");
    return dir == NULL;
}

static int close_all(void **state)
{
    test_folder_remove(dir);
    clg__free(dir);
    return test_ops_done(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dcgan_resumes_bit_for_bit),
        cmocka_unit_test(mlp_resumes_bit_for_bit),
        cmocka_unit_test(another_model_seed_or_batch_is_refused_with_both_values),
        cmocka_unit_test(a_changed_byte_is_noticed),
        cmocka_unit_test(names_and_metadata_are_those_of_the_sheet),
        cmocka_unit_test(a_state_that_is_not_finite_is_never_saved),
        cmocka_unit_test(init_from_takes_weights_and_statistics_of_a_foreign_file),
        cmocka_unit_test(init_from_is_strict_about_tensors),
        cmocka_unit_test(samples_do_not_depend_on_how_many_are_drawn),
        cmocka_unit_test(a_foreign_generator_is_drawn_from_with_its_model),
    };
    return cmocka_run_group_tests(tests, open_folder, close_all);
}
