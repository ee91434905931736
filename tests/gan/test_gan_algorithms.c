/* The algorithms of a run's convolutions: decided when it is made, written into its checkpoints,
 * and taken from there by a resume and by samplers. Which algorithms fit is asked of the operators,
 * so that the promises hold for however many there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/os.h"
#include "clgan/clgan.h"
#include "gan/trainer_internal.h"
#include "support/gan_support.h"
#include "support/net_support.h"
#include "support/rt_support.h"

enum { CHANNELS = 3, IMAGES = 20 };

static char warning[TEST_WARNING_LEN];

/* The shared context with choices of its own. */
typedef struct maker {
    clg_conv_choices choices;
    clg_ops ops;
} maker;

static clg_trainer *make_trainer(maker *m, const clg_model_desc *desc, clg_dataset *ds)
{
    clg_trainer *t = NULL;
    clg_model_plan *plan = test_gan_plan(desc, CHANNELS);
    m->ops = *test_ops();
    m->ops.conv_choices = &m->choices;
    TEST_OK(
        clg__trainer_create(&t, &m->ops, desc, plan, ds,
                            &(clg_trainer_options){ .version = "test", .no_run_folder = true }));
    clg__free(plan);
    return t;
}

/* All jobs of the model with that algorithm, as a record would tell. */
static clg_conv_list record_with(const clg_model_desc *desc, enum clg_conv_algo algo)
{
    maker m = { .choices = { .forced = algo } };
    clg_conv_list list = { 0 };
    clg_trainer *t = make_trainer(&m, desc, NULL);
    const clg_algorithms *a = clg__trainer_algorithms(t);
    for (uint32_t i = 0; i < a->list.count; i++) {
        TEST_OK(clg__conv_list_set(&list, &a->list.choice[i], NULL));
    }
    clg__trainer_destroy(&t);
    assert_true(list.count > 0);
    return list;
}

static clg_conv_choices choices_of(const clg_conv_list *list)
{
    return (clg_conv_choices){ .forced = CLG_CONV_ALGO_COUNT,
                               .list = list->choice,
                               .count = list->count };
}

static void assert_list(const clg_trainer *t, const clg_conv_list *want)
{
    const clg_algorithms *a = clg__trainer_algorithms(t);
    assert_int_equal(a->list.count, want->count);
    for (uint32_t i = 0; i < want->count; i++) {
        assert_int_equal(a->list.choice[i].algo, want->choice[i].algo);
    }
}

static void run_steps(clg_trainer *t, uint64_t until)
{
    while (clg__trainer_step_number(t) < until) {
        TEST_OK(clg__trainer_step(t));
    }
}

/* The checkpoint with another `conv` (NULL: without) and, if given, another device. */
static void rewrite(const char *path, const char *conv, const char *device)
{
    static const char *const keys[] = {
        "clgan",        "model",  "step",     "updates_d",   "updates_g",
        "noise_stream", "watch",  "classes",  "class_names", "seed",
        "batch",        "size",   "channels", "data",        "data_fingerprint",
        "platform",     "driver", "choices",  "rng",         "config"
    };
    enum { KEYS = sizeof keys / sizeof keys[0] };
    clg_st_meta meta[KEYS + 2];
    size_t metas = 0;
    clg_st_file *f = NULL;
    TEST_OK(clg__st_open(&f, path));
    size_t n = clg__st_count(f);
    clg_st_tensor *tensor = clg__alloc(n, sizeof *tensor);
    assert_non_null(tensor);
    for (size_t i = 0; i < n; i++) {
        tensor[i] = *clg__st_at(f, i);
    }
    for (size_t i = 0; i < KEYS; i++) {
        assert_non_null(clg__st_meta_find(f, keys[i]));
        meta[metas++] = (clg_st_meta){ keys[i], clg__st_meta_find(f, keys[i]) };
    }
    meta[metas++] =
        (clg_st_meta){ "device", device != NULL ? device : clg__st_meta_find(f, "device") };
    if (conv != NULL) {
        meta[metas++] = (clg_st_meta){ "conv", conv };
    }
    TEST_OK(clg__st_write(path, tensor, n, meta, metas));
    clg__st_close(&f);
    clg__free(tensor);
}

/* A run whose record says `then` is stopped at step 3 and resumed where the record says `now`. */
static void resume_with(enum clg_conv_algo then, enum clg_conv_algo now)
{
    enum { STOP = 3, END = 6 };
    clg_model_desc *desc = test_gan_desc("dcgan");
    clg_dataset *ds = test_gan_data(IMAGES, CHANNELS);
    clg_conv_list old = record_with(desc, then), new = record_with(desc, now);
    maker before = { .choices = choices_of(&old) }, after = { .choices = choices_of(&new) };
    char *path = test_gan_path("stop.safetensors");
    bool other = true;
    clg_trainer *whole = make_trainer(&before, desc, ds);
    assert_list(whole, &old);
    run_steps(whole, STOP);
    TEST_OK(clg__trainer_save(whole, path));
    run_steps(whole, END);
    clg_trainer *b = make_trainer(&after, desc, ds);
    assert_list(b, &new);
    TEST_OK(clg__trainer_load(b, path, &other));
    assert_false(other);
    assert_list(b, &old);
    run_steps(b, END);
    test_gan_same_state(whole, b);
    clg__trainer_destroy(&whole);
    clg__trainer_destroy(&b);
    clg__dataset_close(&ds);
    clg__conv_list_free(&old);
    clg__conv_list_free(&new);
    clg__free(path);
    clg__free(desc);
}

static void a_resume_uses_the_algorithms_of_its_checkpoint_whatever_a_record_says(void **state)
{
    (void)state;
    for (int then = 0; then < CLG_CONV_ALGO_COUNT; then++) {
        for (int now = 0; now < CLG_CONV_ALGO_COUNT; now++) {
            resume_with((enum clg_conv_algo)then, (enum clg_conv_algo)now);
        }
    }
}

static void a_sampler_uses_the_algorithms_of_its_checkpoint(void **state)
{
    (void)state;
    enum { N = 5, PIXELS = 16 * 16 * CHANNELS };
    clg_model_desc *desc = test_gan_desc("dcgan");
    clg_dataset *ds = test_gan_data(IMAGES, CHANNELS);
    char *path = test_gan_path("sampler.safetensors");
    float *z = clg__alloc(N * 12, sizeof *z), *a = clg__alloc(N * PIXELS, sizeof *a);
    float *b = clg__alloc(N * PIXELS, sizeof *b);
    for (int algo = 0; algo < CLG_CONV_ALGO_COUNT; algo++) {
        clg_conv_list told = record_with(desc, (enum clg_conv_algo)algo);
        maker m = { .choices = choices_of(&told) };
        clg_trainer *t = make_trainer(&m, desc, ds);
        run_steps(t, 1);
        TEST_OK(clg__trainer_save(t, path));
        clg__trainer_destroy(&t);
        for (int now = 0; now < CLG_CONV_ALGO_COUNT; now++) {
            clg_conv_list record = record_with(desc, (enum clg_conv_algo)now);
            maker other = { .choices = choices_of(&record), .ops = *test_ops() };
            clg_sampler *s = NULL;
            other.ops.conv_choices = &other.choices;
            TEST_OK(clg__sampler_open(&s, &other.ops, path, NULL, 8));
            TEST_OK(clg__sampler_latents(s, 3, N, z));
            TEST_OK(clg__sampler_draw(s, z, NULL, N, now == 0 ? a : b));
            if (now > 0) {
                assert_memory_equal(a, b, N * PIXELS * sizeof *a);
            }
            clg__sampler_close(&s);
            clg__conv_list_free(&record);
        }
        clg__conv_list_free(&told);
    }
    clg__dataset_close(&ds);
    clg__free(z);
    clg__free(a);
    clg__free(b);
    clg__free(path);
    clg__free(desc);
}

/* A checkpoint of one step whose `conv` and device are then replaced. */
static char *make_checkpoint(const clg_model_desc *desc, enum clg_conv_algo algo, const char *conv,
                             const char *device)
{
    clg_dataset *ds = test_gan_data(IMAGES, CHANNELS);
    clg_conv_list told = record_with(desc, algo);
    maker m = { .choices = choices_of(&told) };
    clg_trainer *t = make_trainer(&m, desc, ds);
    char *path = test_gan_path("one.safetensors");
    run_steps(t, 1);
    TEST_OK(clg__trainer_save(t, path));
    rewrite(path, conv, device);
    clg__trainer_destroy(&t);
    clg__conv_list_free(&told);
    clg__dataset_close(&ds);
    return path;
}

/* Loads it where the record says `now`; the algorithms must be those of `want`. */
static void load_gives(const clg_model_desc *desc, const char *path, enum clg_conv_algo now,
                       enum clg_conv_algo want)
{
    clg_conv_list record = record_with(desc, now), wanted = record_with(desc, want);
    maker m = { .choices = choices_of(&record) };
    clg_trainer *t = make_trainer(&m, desc, NULL);
    bool other;
    TEST_OK(clg__trainer_load(t, path, &other));
    assert_list(t, &wanted);
    clg__trainer_destroy(&t);
    clg__conv_list_free(&record);
    clg__conv_list_free(&wanted);
}

/* Bits do not depend on it, so it follows the record and no checkpoint. */
static void a_tile_shape_is_the_records_and_not_the_checkpoints(void **state)
{
    (void)state;
    enum { SHAPE = 5 };
    clg_model_desc *desc = test_gan_desc("dcgan");
    clg_dataset *ds = test_gan_data(IMAGES, CHANNELS);
    char *path = test_gan_path("shape.safetensors");
    clg_conv_list direct = record_with(desc, CLG_CONV_DIRECT);
    clg_conv_list other = record_with(desc, CLG_CONV_WINOGRAD2);
    clg_st_file *f = NULL;
    bool elsewhere;
    for (uint32_t i = 0; i < direct.count; i++) {
        direct.choice[i].tile = SHAPE;
        other.choice[i].tile = SHAPE;
    }
    maker with = { .choices = choices_of(&direct) }, now = { .choices = choices_of(&other) };
    clg_trainer *t = make_trainer(&with, desc, ds);
    run_steps(t, 1);
    TEST_OK(clg__trainer_save(t, path));
    TEST_OK(clg__st_open(&f, path));
    assert_non_null(clg__st_meta_find(f, "conv"));
    assert_null(strstr(clg__st_meta_find(f, "conv"), "tile"));
    clg__st_close(&f);
    TEST_OK(clg__trainer_load(t, path, &elsewhere));
    clg_trainer *b = make_trainer(&now, desc, ds);
    TEST_OK(clg__trainer_load(b, path, &elsewhere));
    for (uint32_t i = 0; i < direct.count; i++) {
        assert_int_equal(clg__trainer_algorithms(t)->list.choice[i].tile, SHAPE);
        bool same = other.choice[i].algo == CLG_CONV_DIRECT; /* winograd2 does not fit */
        assert_int_equal(clg__trainer_algorithms(b)->list.choice[i].tile, same ? SHAPE : 0);
    }
    clg__trainer_destroy(&t);
    clg__trainer_destroy(&b);
    clg__conv_list_free(&direct);
    clg__conv_list_free(&other);
    clg__dataset_close(&ds);
    clg__free(path);
    clg__free(desc);
}

static void a_checkpoint_from_before_they_were_written_goes_on_direct(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("dcgan");
    char *path = make_checkpoint(desc, CLG_CONV_DIRECT, NULL, NULL);
    for (int now = 0; now < CLG_CONV_ALGO_COUNT; now++) {
        load_gives(desc, path, (enum clg_conv_algo)now, CLG_CONV_DIRECT);
    }
    clg__free(path);
    clg__free(desc);
}

static void another_device_takes_its_own(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("dcgan");
    char *path = make_checkpoint(desc, CLG_CONV_DIRECT, NULL, "a device that is elsewhere");
    for (int now = 0; now < CLG_CONV_ALGO_COUNT; now++) {
        load_gives(desc, path, (enum clg_conv_algo)now, (enum clg_conv_algo)now);
    }
    clg__free(path);
    clg__free(desc);
}

static void lines_that_are_not_understood_are_told_and_run_direct(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("dcgan");
    char *path =
        make_checkpoint(desc, CLG_CONV_DIRECT,
                        "conv down h16 w16 c3 k8 r4 s4 stride2 pad1: fourier\nnonsense\n", NULL);
    warning[0] = '\0';
    load_gives(desc, path, CLG_CONV_WINOGRAD2, CLG_CONV_DIRECT);
    assert_non_null(strstr(warning, "2 lines of its metadata's conv are not understood"));
    clg__free(path);
    clg__free(desc);
}

static void a_forced_algorithm_is_taken_wherever_it_fits(void **state)
{
    (void)state;
    static const enum clg_conv_wish wishes[] = { CLG_CONV_WISH_DIRECT, CLG_CONV_WISH_WINOGRAD2,
                                                 CLG_CONV_WISH_WINOGRAD4 };
    clg_model_desc *desc = test_gan_desc("dcgan");
    for (size_t w = 0; w < sizeof wishes / sizeof wishes[0]; w++) {
        enum clg_conv_algo algo = (enum clg_conv_algo)((int)wishes[w] - 1), seen;
        maker m = { .choices = { .forced = CLG_CONV_ALGO_COUNT } };
        uint32_t taken = 0;
        desc->runtime.conv = wishes[w];
        clg_trainer *t = make_trainer(&m, desc, NULL);
        const clg_algorithms *a = clg__trainer_algorithms(t);
        assert_true(a->asked);
        for (uint32_t i = 0; i < a->list.count; i++) {
            const clg_conv_choice *c = &a->list.choice[i];
            const clg_conv g = clg__conv_choice_geometry(c);
            seen = clg__conv_algo_fits(&m.ops, &g, c->job, algo)
                       ? algo
                       : clg__conv_algo_rule(&m.ops, &g, c->job);
            assert_int_equal(c->algo, seen);
            taken += c->algo == algo;
        }
        assert_true(taken > 0 || algo != CLG_CONV_DIRECT);
        print_message("%s: %u of %u jobs\n", clg__conv_algo_name(algo), taken, a->list.count);
        clg__trainer_destroy(&t);
    }
    clg__free(desc);
}

static void what_is_asked_for_now_is_used_and_told_when_the_checkpoint_differs(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("dcgan");
    clg_conv_list direct = record_with(desc, CLG_CONV_DIRECT);
    clg_conv_list then = record_with(desc, CLG_CONV_WINOGRAD2);
    clg_str text = { 0 };
    clg__conv_list_format(&then, &text);
    char *path = make_checkpoint(desc, CLG_CONV_WINOGRAD2, text.text, NULL);
    maker m = { .choices = { .forced = CLG_CONV_ALGO_COUNT } };
    bool other, differ = strstr(text.text, "winograd2") != NULL;
    desc->runtime.conv = CLG_CONV_WISH_DIRECT; /* --math exact */
    warning[0] = '\0';
    clg_trainer *t = make_trainer(&m, desc, NULL);
    TEST_OK(clg__trainer_load(t, path, &other));
    assert_list(t, &direct);
    assert_int_equal(strstr(warning, "results will differ") != NULL, differ);
    clg__trainer_destroy(&t);
    clg__conv_list_free(&direct);
    clg__conv_list_free(&then);
    clg__str_free(&text);
    clg__free(path);
    clg__free(desc);
}

static void a_summary_counts_them_and_says_where_they_come_from(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("dcgan"), *mlp = test_gan_desc("mnist-mlp");
    maker m = { .choices = { .forced = CLG_CONV_DIRECT } };
    char text[128], want[64];
    clg_trainer *t = make_trainer(&m, desc, NULL);
    clg__algorithms_summary(clg__trainer_algorithms(t), text, sizeof text);
    snprintf(want, sizeof want, "direct %u (as asked for)", clg__trainer_algorithms(t)->list.count);
    assert_string_equal(text, want);
    clg__trainer_destroy(&t);
    t = make_trainer(&m, mlp, NULL);
    clg__algorithms_summary(clg__trainer_algorithms(t), text, sizeof text);
    assert_string_equal(text, "none");
    clg__trainer_destroy(&t);
    clg__free(desc);
    clg__free(mlp);
}

static void the_library_refuses_math_that_its_contexts_do_not_have(void **state)
{
    (void)state;
    clg_context *context = NULL;
    clg_model *model = NULL;
    clg_trainer *trainer = NULL;
    TEST_OK(clg_context_open(&context, NULL));
    TEST_OK(clg_model_load(&model, "ring"));
    TEST_OK(clg_model_set(model, "runtime.math=tf32"));
    assert_int_equal(clg_trainer_create(&trainer, context, model, NULL), CLG_E_USAGE);
    assert_null(trainer);
    assert_non_null(strstr(clg_message(), "runtime.math is tf32"));
    TEST_OK(clg_model_set(model, "runtime.math=fp32"));
    TEST_OK(clg_trainer_create(&trainer, context, model, NULL));
    clg_trainer_destroy(&trainer);
    clg_model_free(&model);
    clg_context_close(&context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resume_uses_the_algorithms_of_its_checkpoint_whatever_a_record_says),
        cmocka_unit_test(a_sampler_uses_the_algorithms_of_its_checkpoint),
        cmocka_unit_test(a_tile_shape_is_the_records_and_not_the_checkpoints),
        cmocka_unit_test(a_checkpoint_from_before_they_were_written_goes_on_direct),
        cmocka_unit_test(another_device_takes_its_own),
        cmocka_unit_test(lines_that_are_not_understood_are_told_and_run_direct),
        cmocka_unit_test(a_forced_algorithm_is_taken_wherever_it_fits),
        cmocka_unit_test(what_is_asked_for_now_is_used_and_told_when_the_checkpoint_differs),
        cmocka_unit_test(a_summary_counts_them_and_says_where_they_come_from),
        cmocka_unit_test(the_library_refuses_math_that_its_contexts_do_not_have),
    };
    clg__log_set(test_keep_warning, warning);
    return cmocka_run_group_tests(tests, test_gan_open_folder, test_gan_close_folder);
}
