/* The whole family through the one trainer: every order, objective, kind of discriminator, optimiser
 * and data gives the reference's steps, and goes on bit for bit after a stop. Small models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/os.h"
#include "cli/replay.h"
#include "gan/trainer_internal.h"
#include "io/config.h"
#include "support/gan_support.h"
#include "support/net_support.h"
#include "support/rt_support.h"
#include "support/tmp.h"

enum { SIZE = 8, BATCH = 4, STEPS = 4, CLASSES = 5 };

/* A small perceptron model; settings make the family of it. */
static const char MLP[] =
    "model: { name: tiny }\n"
    "latent: { size: 6 }\n"
    "generator:\n"
    "  layers:\n"
    "    - { op: linear, out: 12, act: relu, norm: batch, bias: false }\n"
    "    - { op: linear, out: pixels, act: tanh }\n"
    "discriminator:\n"
    "  layers:\n"
    "    - { op: linear, out: 10, act: lrelu, slope: 0.2 }\n"
    "    - { op: linear, out: 1 }\n"
    "optimizer_g: { lr: 2e-3, beta1: 0.5 }\n"
    "optimizer_d: { lr: 2e-3, beta1: 0.5 }\n";

typedef struct member {
    const char *model;   /* a preset, or NULL: the text above */
    const char *set[6];  /* settings */
    uint32_t classes;    /* of the labels given */
    bool not_compared;   /* gradients are rounding alone (biases before a batch norm), or rounded to
                            16 bits */
} member;

static const member members[] = {
    { NULL, { "order.kind=simultaneous", "loss.objective=saturating" }, 0, false },
    { NULL, { "order.kind=d-then-g-fresh-fakes", "order.d_steps=2", "latent.kind=spherical" }, 0, false },
    { NULL, { "order.kind=g-then-d", "loss.objective=least-squares", "latent.kind=uniform" }, 0, false },
    { NULL, { "order.kind=alternate", "loss.objective=hinge" }, 0, false },
    { NULL, { "loss.objective=wasserstein", "optimizer_d.clip=0.05", "optimizer_d.kind=sgd",
              "optimizer_d.lr=0.05" }, 0, false },
    { NULL, { "loss.real_target=0.9", "loss.input_noise=0.1", "loss.weight_real=0.7",
              "loss.weight_g=1.5", "optimizer_g.weight_decay=0.01", "discriminator.packing=2" }, 0, false },
    { "goodfellow-mnist", { "optimizer_d.momentum_epochs=3", "discriminator.init.std=0.05" }, 0, false },
    { "curves", { NULL }, 0, false },
    { "cgan-mlp", { "loss.wrong_label_weight=0.25" }, CLASSES, false },
    { "cgan-mlp", { "loss.wrong_label_weight=0" }, CLASSES, false },
    { "cgan-dcgan-two-head", { "generator.width=4", "discriminator.width=4" }, CLASSES, false },
    { "autoencoder-mlp", { "latent.size=5" }, 0, false },
    { "gauss1d", { "order.d_steps=2", "order.g_start_epoch=1", "data.rows=8" }, 0, false },
    { "ring", { "data.rows=16" }, 0, true },
    { "cgan-mlp", { "runtime.precision=fp16" }, CLASSES, true },
    { "autoencoder-mlp", { "runtime.precision=bf16", "latent.size=5" }, 0, true },
};
enum { MEMBERS = sizeof members / sizeof members[0] };

static void name_member(const member *m, char *dst, size_t cap)
{
    snprintf(dst, cap, "%s %s %s", m->model != NULL ? m->model : "tiny",
             m->set[0] != NULL ? m->set[0] : "", m->set[1] != NULL ? m->set[1] : "");
}

/* desc and plan by clg__free. */
static void make_model(const member *m, clg_model_desc **desc, clg_model_plan **plan)
{
    clg_model_desc *d = clg__alloc(1, sizeof *d);
    *plan = clg__alloc(1, sizeof **plan);
    assert_true(d != NULL && *plan != NULL);
    if (m->model != NULL) {
        TEST_OK(clg__model_load(m->model, d));
    } else {
        TEST_OK(clg__config_parse(MLP, strlen(MLP), "tiny", d));
    }
    d->latent.size = d->latent.size > 6 ? 6 : d->latent.size;
    d->train.batch = BATCH;
    d->train.log_every = 3;
    d->train.seed = 77;
    d->data.holdout = 0;
    /* Where gradients of real and fake rows cancel, one side has 0 and the other a rounding error,
     * which Adam with its usual eps would make a whole step of. */
    d->optimizer_g.eps = d->optimizer_d.eps = 1e-3f;
    for (int i = 0; i < 6 && m->set[i] != NULL; i++) {
        TEST_OK(clg__config_set(d, m->set[i]));
    }
    clg_data_shape shape = { .size = SIZE, .channels = 1, .classes = m->classes,
                             .system = clg__system_find(d->data.source) };
    TEST_OK(clg__model_expand(d, &shape, *plan));
    *desc = d;
}

static clg_trainer *make_trainer(const clg_model_desc *desc, const clg_model_plan *plan,
                                 clg_dataset *ds)
{
    clg_trainer *t = NULL;
    clg_trainer_options opt = { .version = "test", .no_run_folder = true };
    TEST_OK(clg__trainer_create(&t, test_ops(), desc, plan, ds, &opt));
    return t;
}

static uint8_t *make_images(uint32_t count)
{
    size_t n = (size_t)count * SIZE * SIZE;
    uint8_t *bytes = clg__alloc(n, 1);
    clg_rng_key key = { .seed = 31, .stream = CLG_STREAM_TEST };
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i += 16) {
        uint32_t w[4];
        clg__philox(&key, i / 16, w);
        memcpy(bytes + i, w, 16);
    }
    return bytes;
}

static void every_member_steps_like_the_reference(void **state)
{
    (void)state;
    uint8_t *images = make_images(STEPS * BATCH);
    uint32_t labels[STEPS * BATCH];
    for (uint32_t i = 0; i < STEPS * BATCH; i++) {
        labels[i] = i * 7u % CLASSES;
    }
    for (int i = 0; i < MEMBERS; i++) {
        const member *m = &members[i];
        clg_model_desc *desc;
        clg_model_plan *plan;
        clg_replay_result r;
        char name[200];
        if (m->not_compared) {
            continue;
        }
        name_member(m, name, sizeof name);
        make_model(m, &desc, &plan);
        clg_trainer *t = make_trainer(desc, plan, NULL);
        TEST_OK(clg__replay(t, desc, plan, images, m->classes > 0 ? labels : NULL, STEPS, &r));
        if (!(r.loss <= 2e-5 && r.gradient <= 1e-4 && r.weight <= 3e-5)) {
            fail_msg("%s: losses %.1e, gradients %.1e, weights %.1e, worst %s", name, r.loss,
                     r.gradient, r.weight, r.worst);
        }
        assert_int_equal(r.steps, STEPS);
        clg__trainer_destroy(&t);
        clg__free(plan);
        clg__free(desc);
    }
    clg__free(images);
}

/* ---- resume ---- */

/* Every tensor of the state. */
static void assert_same(clg_trainer *a, clg_trainer *b, const char *what)
{
    clg_state_group ga[CLG_STATE_GROUPS_MAX], gb[CLG_STATE_GROUPS_MAX];
    uint32_t n = clg__checkpoint_groups(a, ga);
    assert_int_equal(n, clg__checkpoint_groups(b, gb));
    for (uint32_t i = 0; i < n; i++) {
        size_t len = (size_t)clg__net_host_len(ga[i].net);
        float *x = clg__alloc(len, sizeof *x), *y = clg__alloc(len, sizeof *y);
        TEST_OK(clg__net_read(ga[i].net, ga[i].kind, x));
        TEST_OK(clg__net_read(gb[i].net, gb[i].kind, y));
        if (memcmp(x, y, len * sizeof *x) != 0) {
            fail_msg("%s: %s differs after a resume", what, ga[i].prefix);
        }
        clg__free(x);
        clg__free(y);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(a->updates[i], b->updates[i]);
    }
}

static void assert_same_losses(clg_trainer *a, clg_trainer *b)
{
    clg_progress pa, pb;
    TEST_OK(clg__trainer_losses(a, &pa));
    TEST_OK(clg__trainer_losses(b, &pb));
    assert_true(pa.loss_d == pb.loss_d && pa.loss_g == pb.loss_g);
    assert_memory_equal(&pa.d_real, &pb.d_real, sizeof pa.d_real); /* or both nan */
}

static clg_dataset *make_data(uint32_t count)
{
    clg_dataset *ds = NULL;
    char dir[64], path[1024];
    test_tmp_make(dir);
    uint8_t *images = make_images(count);
    for (uint32_t i = 0; i < count; i++) { /* one folder per class gives labels */
        snprintf(path, sizeof path, "%s/train/kind%u", dir, i % CLASSES);
        TEST_OK(clg__os_mkdirs(path, 0777));
        snprintf(path, sizeof path, "%s/train/kind%u/%02u.png", dir, i % CLASSES, i);
        TEST_OK(clg__png_write(path, images + (size_t)i * SIZE * SIZE, SIZE, SIZE, 1));
    }
    clg_dataset_options opt = { .size = SIZE, .no_cache = true };
    TEST_OK(clg__dataset_open(&ds, dir, &opt));
    assert_int_equal(clg__dataset_info(ds)->classes, CLASSES);
    clg__free(images);
    test_tmp_remove(dir);
    return ds;
}

static void run_steps(clg_trainer *t, uint64_t until)
{
    while (clg__trainer_step_number(t) < until) {
        TEST_OK(clg__trainer_step(t));
    }
}

static void every_member_resumes_bit_for_bit(void **state)
{
    enum { IMAGES = 14, UNTIL = 7 };
    static const uint64_t stops[] = { 1, 4 };
    (void)state;
    char dir[64];
    test_tmp_make(dir);
    char *path = clg__os_join(dir, "stop.safetensors");
    clg_dataset *ds = make_data(IMAGES);
    for (int i = 0; i < MEMBERS; i++) {
        clg_model_desc *desc;
        clg_model_plan *plan;
        char name[200];
        name_member(&members[i], name, sizeof name);
        make_model(&members[i], &desc, &plan);
        clg_dataset *data = plan->system == CLG_SYSTEM_NONE ? ds : NULL;
        clg_trainer *whole = make_trainer(desc, plan, data);
        run_steps(whole, UNTIL);
        for (int k = 0; k < 2; k++) {
            bool other;
            clg_trainer *a = make_trainer(desc, plan, data), *b = make_trainer(desc, plan, data);
            run_steps(a, stops[k]);
            TEST_OK(clg__trainer_save(a, path));
            run_steps(b, 2); /* a state that has to go */
            TEST_OK(clg__trainer_load(b, path, &other));
            assert_same(a, b, name);
            run_steps(b, UNTIL);
            assert_same(whole, b, name);
            assert_same_losses(whole, b);
            clg__trainer_destroy(&a);
            clg__trainer_destroy(&b);
        }
        clg__trainer_destroy(&whole);
        clg__free(plan);
        clg__free(desc);
    }
    clg__dataset_close(&ds);
    clg__free(path);
    test_tmp_remove(dir);
}

/* ---- labels ---- */

static void data_without_labels_are_refused_by_a_model_of_classes(void **state)
{
    (void)state;
    clg_model_desc *desc;
    clg_model_plan *plan;
    clg_trainer *t = NULL;
    clg_trainer_options opt = { .no_run_folder = true };
    clg_dataset *ds = NULL;
    clg_dataset_options data = { .size = SIZE };
    uint8_t *images = make_images(6);
    TEST_OK(clg__dataset_from_memory(&ds, images, 6, SIZE, SIZE, 1, &data));
    make_model(&members[8], &desc, &plan);
    assert_int_equal(clg__trainer_create(&t, test_ops(), desc, plan, ds, &opt), CLG_E_DATA);
    assert_non_null(strstr(clg_message(), "no labels"));
    assert_non_null(strstr(clg_hint(), "sub-folder per class"));
    t = make_trainer(desc, plan, NULL);
    assert_int_equal(clg__trainer_step_on(t, images, BATCH), CLG_E_USAGE);
    const uint32_t bad[BATCH] = { 0, 1, CLASSES, 2 };
    assert_int_equal(clg__trainer_step_on_labels(t, images, bad, BATCH), CLG_E_DATA);
    assert_non_null(strstr(clg_message(), "row 2 has label 5"));
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
    clg__free(images);
    clg__free(plan);
    clg__free(desc);
}

static void classes_are_kept_by_name_and_drawn_by_label(void **state)
{
    enum { N = 6 };
    (void)state;
    char dir[64];
    test_tmp_make(dir);
    char *path = clg__os_join(dir, "named.safetensors");
    clg_dataset *ds = make_data(10);
    clg_model_desc *desc;
    clg_model_plan *plan;
    clg_sampler *s = NULL;
    make_model(&members[8], &desc, &plan);
    clg_trainer *t = make_trainer(desc, plan, ds);
    run_steps(t, 2);
    TEST_OK(clg__trainer_save(t, path));
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
    TEST_OK(clg__sampler_open(&s, test_ops(), path, NULL, 4));
    assert_int_equal(clg__sampler_classes(s), CLASSES);
    assert_string_equal(clg__sampler_class(s, 3), "kind3");
    assert_string_equal(clg__sampler_class(s, CLASSES), "");
    float z[N * 6], one[N * SIZE * SIZE], two[N * SIZE * SIZE], mixed[N * SIZE * SIZE];
    const uint32_t label[N] = { 0, 1, 2, 3, 4, 0 }, to[N] = { 1, 2, 3, 4, 0, 1 };
    const float whole[N] = { 1, 1, 1, 1, 1, 1 }, half[N] = { .5f, .5f, .5f, .5f, .5f, .5f };
    TEST_OK(clg__sampler_latents(s, 3, N, z));
    TEST_OK(clg__sampler_draw(s, z, NULL, N, one));
    TEST_OK(clg__sampler_draw(s, z, &(clg_sampler_labels){ .label = label }, N, two));
    assert_memory_equal(one, two, sizeof one); /* by turns */
    TEST_OK(clg__sampler_draw(s, z, &(clg_sampler_labels){ .label = to }, N, one));
    assert_memory_not_equal(one, two, sizeof one);
    TEST_OK(clg__sampler_draw(s, z, &(clg_sampler_labels){ label, to, whole }, N, mixed));
    assert_memory_equal(one, mixed, sizeof one); /* the end of the walk */
    TEST_OK(clg__sampler_draw(s, z, &(clg_sampler_labels){ label, to, half }, N, mixed));
    assert_memory_not_equal(one, mixed, sizeof one);
    for (int i = 0; i < N * SIZE * SIZE; i++) { /* range unit comes out as [-1,1] */
        assert_true(mixed[i] >= -1.0f && mixed[i] <= 1.0f);
    }
    clg__sampler_close(&s);
    clg__free(plan);
    clg__free(desc);
    clg__free(path);
    test_tmp_remove(dir);
}

/* ---- bias from the data ---- */

static void a_generator_starts_at_the_mean_image(void **state)
{
    (void)state;
    const member plain = { "goodfellow-mnist", { "generator.init.std=0" }, 0, false };
    clg_model_desc *desc;
    clg_model_plan *plan;
    clg_dataset *ds = make_data(10);
    uint8_t rows[10 * SIZE * SIZE];
    uint32_t index[10];
    float drawn[SIZE * SIZE];
    make_model(&plain, &desc, &plan);
    clg_trainer *t = make_trainer(desc, plan, ds);
    TEST_OK(clg__grid_samples(t, 1, drawn));
    for (uint32_t i = 0; i < 10; i++) {
        index[i] = i;
    }
    TEST_OK(clg__dataset_read(ds, index, NULL, 10, rows));
    for (int p = 0; p < SIZE * SIZE; p++) {
        float mean = 0.0f;
        for (int i = 0; i < 10; i++) {
            mean += (float)rows[i * SIZE * SIZE + p] / 2550.0f;
        }
        assert_float_equal(drawn[p], mean, 1e-4f);
    }
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
    clg__free(plan);
    clg__free(desc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_steps_like_the_reference),
        cmocka_unit_test(every_member_resumes_bit_for_bit),
        cmocka_unit_test(data_without_labels_are_refused_by_a_model_of_classes),
        cmocka_unit_test(classes_are_kept_by_name_and_drawn_by_label),
        cmocka_unit_test(a_generator_starts_at_the_mean_image),
    };
    return cmocka_run_group_tests(tests, NULL, test_ops_done);
}
