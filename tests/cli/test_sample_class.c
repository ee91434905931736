/* Models that learn classes and models that draw their data, through the program: training, sampling
 * by class, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "io/safetensors.h"
#include "support/cli_run.h"

#define SMALL_CGAN                                                                       \
    "train --model cgan-dcgan --data labelled --size 16 --batch 4 --steps 2 "            \
    "--set generator.width=4 --set discriminator.width=4 --set train.grid_cols=3 "

enum { IMAGES = 22, CLASSES = 3 };

static void write_labelled(void)
{
    uint8_t labels[8 + IMAGES] = { 0, 0, 8, 1, 0, 0, 0, IMAGES };
    for (uint8_t i = 0; i < IMAGES; i++) {
        labels[8 + i] = i % CLASSES;
    }
    cli_write_idx("labelled/train-images-idx3-ubyte", IMAGES, 16, 16, IMAGES * 256);
    cli_write("labelled/train-labels-idx1-ubyte", labels, sizeof labels);
}

static void a_conditional_model_trains_and_draws_by_class(void **state)
{
    (void)state;
    write_labelled();
    cli_works(SMALL_CGAN "--out cgan");
    assert_true(cli_exists("cgan/samples/step-00000002.png"));
    cli_works("sample cgan --out all.png");
    const cli_result *r = cli_works("sample cgan --class 2 --count 5 --out two.npy");
    assert_true(cli_matches("*5 images of 16x16x1*", r->err));
    cli_works("sample cgan --class 0..2 --interpolate 4 --count 2 --out walk.png");
    cli_fails("sample cgan --class 3", 2, "--class 3: the model knows no such class",
              "its 3 classes: *0*1*2*");
    cli_fails("sample cgan --class sneaker", 2, "--class sneaker: the model knows no such class",
              "its 3 classes: *");
    cli_fails("sample cgan --class 0..2", 2, "--class 0..2: a walk between classes needs "
                                             "--interpolate",
              "add --interpolate 8 for eight steps");
}

/* Labels 0, 2 and 7 only: three classes, which keep their numbers as names. */
static void labels_with_gaps_make_no_empty_classes(void **state)
{
    (void)state;
    const uint8_t numbers[CLASSES] = { 0, 2, 7 };
    uint8_t labels[8 + IMAGES] = { 0, 0, 8, 1, 0, 0, 0, IMAGES };
    for (uint8_t i = 0; i < IMAGES; i++) {
        labels[8 + i] = numbers[i % CLASSES];
    }
    cli_write_idx("gaps/train-images-idx3-ubyte", IMAGES, 16, 16, IMAGES * 256);
    cli_write("gaps/train-labels-idx1-ubyte", labels, sizeof labels);
    const cli_result *r = cli_works("train --model cgan-dcgan --data gaps --size 16 --batch 4 "
                                    "--steps 2 --set generator.width=4 "
                                    "--set discriminator.width=4 --set train.grid_cols=3 --out gap");
    assert_non_null(strstr(r->err, "22 images of 16x16x1, 3 classes (5 without images left out)\n"));
    r = cli_works("info gap");
    assert_true(cli_matches("*in 3 classes\nclasses     0, 2, 7\n*", r->out));
    /* The same images, labels and draws as with the labels 0, 1 and 2. */
    cli_works("sample gap --class 7 --count 5 --out seven.npy");
    size_t a_n = 0, b_n = 0;
    uint8_t *a = cli_read("two.npy", &a_n), *b = cli_read("seven.npy", &b_n);
    assert_int_equal(a_n, b_n);
    assert_memory_equal(a, b, a_n);
    clg__free(a);
    clg__free(b);
    cli_fails("sample gap --class 1", 2, "--class 1: the model knows no such class",
              "its 3 classes: 0, 2, 7");
}

static void info_names_classes_and_drawn_data(void **state)
{
    (void)state;
    const cli_result *r = cli_works("info cgan");
    assert_true(cli_matches("*model       cgan-dcgan, images of 16x16x1 in 3 classes\n"
                            "classes     0, 1, 2\nstep        2\n*", r->out));
    cli_works("train --model gauss1d --batch 8 --steps 1 --out line");
    r = cli_works("info line");
    assert_true(cli_matches("*model       gauss1d, vectors of 1 value\nstep        1\n"
                            "data        gauss1d\n*", r->out));
}

static void an_autoencoder_shows_one_error_and_no_judgement(void **state)
{
    (void)state;
    const cli_result *r = cli_works("train --model autoencoder-mlp --data idx --size 16 --batch 4 "
                                    "--steps 2 --out auto");
    assert_true(cli_matches("*step 2/2  Loss 0.*images/s*", r->err));
    assert_null(strstr(r->err, "D(x)"));
    assert_true(cli_exists("auto/plots/loss.png"));
    assert_false(cli_exists("auto/plots/d.png"));
}

/* What another program would write: tensors and no metadata. */
static void a_foreign_conditional_generator_is_drawn_from(void **state)
{
    clg_st_file *f = NULL;
    clg_st_tensor list[64];
    size_t n = 0;
    (void)state;
    assert_int_equal(clg__st_open(&f, "cgan/checkpoints/step-00000002.safetensors"), CLG_OK);
    for (size_t i = 0; i < clg__st_count(f) && n < 64; i++) {
        const clg_st_tensor *t = clg__st_at(f, i);
        if (strncmp(t->name, "netG.", 5) == 0) {
            list[n++] = *t;
        }
    }
    assert_int_equal(clg__st_write("foreign.safetensors", list, n, NULL, 0), CLG_OK);
    clg__st_close(&f);
    cli_works("sample foreign.safetensors --model cgan-dcgan --size 16 --set generator.width=4 --class 2 "
              "--count 5 --out foreign.npy");
    size_t ours_n = 0, theirs_n = 0; /* two.npy: of the checkpoint itself */
    uint8_t *ours = cli_read("two.npy", &ours_n), *theirs = cli_read("foreign.npy", &theirs_n);
    assert_int_equal(ours_n, theirs_n);
    assert_memory_equal(ours, theirs, ours_n);
    clg__free(ours);
    clg__free(theirs);
    cli_fails("sample foreign.safetensors --model cgan-dcgan --size 16 --set generator.width=4 "
              "--class 3", 2,
              "--class 3: the model knows no such class", "its 3 classes: 0, 1, 2");
}

static void data_without_labels_are_refused(void **state)
{
    (void)state;
    cli_fails("train --model cgan-dcgan --data idx --size 16 --batch 4 --steps 1", 4, "*label*",
              "*");
}

static void drawn_systems_need_no_data_and_give_rows(void **state)
{
    (void)state;
    cli_works("train --model gauss1d --batch 8 --steps 3 --out drawn");
    cli_works("train --resume drawn --steps 5");
    cli_fails("train --model gauss1d --size 32", 2,
              "--size 32: data gauss1d are drawn vectors, not images", "leave --size away");
    const cli_result *r = cli_works("sample drawn --count 5 --out rows.npy");
    assert_true(cli_matches("*5 rows of 1x1x1*", r->err));
    cli_fails("sample drawn", 2, "--out samples.png: model gauss1d draws vectors of 1 numbers, not "
                                 "images",
              "write an array: --out samples.npy");
    cli_fails("sample drawn --class 1 --out c.npy", 2,
              "--class 1: the model gauss1d was trained without classes", "leave --class away");
}

static void what_to_do_on_collapse_is_one_of_three_words(void **state)
{
    (void)state;
    cli_fails("train --model gauss1d --on-collapse rolback", 2, "*rolback*", "*rollback*");
    cli_works("train --model gauss1d --batch 8 --steps 2 --on-collapse rollback --out kept");
    size_t n;
    uint8_t *config = cli_read("kept/config.yaml", &n);
    assert_non_null(strstr((const char *)config, "on_collapse: rollback"));
    clg__free(config);
}

/* D of curves with a rate of 0.1 is always right within a few steps; epochs, and checkpoints, of 2. */
#define ALWAYS_RIGHT                                                                               \
    "train --model curves --set data.rows=128 --set optimizer_d.lr=0.1 --set optimizer_g.lr=0.1 "  \
    "--set train.log_every=2 --set train.keep=1 --steps 40 "

static void a_collapse_is_told_with_what_to_try_and_goes_back_to_before_it(void **state)
{
    size_t n = 0;
    (void)state;
    cli_fails(ALWAYS_RIGHT "--on-collapse stop --out stopped", 8,
              "the discriminator is always right *", "try a lower optimizer_d.lr, *; the last *");
    (void)cli_run(ALWAYS_RIGHT "--on-collapse rollback --out back");
    char *log = (char *)cli_read("back/clgan.log", &n);
    /* Five log lines tell it; the checkpoint before the first of them was not removed. */
    const char *back = strstr(log, "always right");
    unsigned from = 0, to = 0;
    assert_non_null(back);
    back = strstr(back, "at step ");
    assert_non_null(back);
    assert_int_equal(sscanf(back, "at step %u: rolled back to step %u (", &from, &to), 2);
    assert_int_equal(from - to, 10);
    clg__free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_conditional_model_trains_and_draws_by_class),
        cmocka_unit_test(a_foreign_conditional_generator_is_drawn_from),
        cmocka_unit_test(labels_with_gaps_make_no_empty_classes),
        cmocka_unit_test(info_names_classes_and_drawn_data),
        cmocka_unit_test(an_autoencoder_shows_one_error_and_no_judgement),
        cmocka_unit_test(data_without_labels_are_refused),
        cmocka_unit_test(drawn_systems_need_no_data_and_give_rows),
        cmocka_unit_test(what_to_do_on_collapse_is_one_of_three_words),
        cmocka_unit_test(a_collapse_is_told_with_what_to_try_and_goes_back_to_before_it),
    };
    return cmocka_run_group_tests(tests, cli_setup, cli_teardown);
}
