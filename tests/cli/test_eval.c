/* clgan eval: what it prints for each kind of model, the files that it writes, and what it says to
 * wrong metrics, folders, pairs and data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "io/image_file.h"
#include "support/cli_run.h"

/* An IDX file of noise, another one for each seed. */
static void write_images(const char *name, uint8_t count, uint8_t side, uint32_t seed)
{
    uint8_t file[16 + 22 * 16 * 16] = { 0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, side, 0, 0, 0, side };
    size_t n = (size_t)count * side * side;
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        file[16 + i] = (uint8_t)(seed >> 24);
    }
    cli_write(name, file, 16 + n);
}

/* Images of 16x16: 22 for training in idx/, with 9 for testing in both/. */
static int train_models(void **state)
{
    if (cli_setup(state) != 0) {
        return -1;
    }
    cli_copy("idx/train-images-idx3-ubyte", "both/train-images-idx3-ubyte");
    write_images("both/t10k-images-idx3-ubyte", 9, 16, 5);
    write_images("small/train-images-idx3-ubyte", 22, 12, 6);
    write_images("small/t10k-images-idx3-ubyte", 9, 12, 7);
    (void)cli_works("train --model mnist-mlp --data both --size 16 --batch 4 --steps 2 "
                    "--set data.holdout=6 --out mlp");
    (void)cli_works("train --model mnist-mlp --data idx --size 16 --batch 4 --steps 2 --out bare");
    (void)cli_works("train --model autoencoder-mlp --data both --size 16 --batch 4 --steps 2 "
                    "--out auto");
    (void)cli_works(
        "train --model mnist-mlp --data small --size 12 --batch 4 --steps 2 --out mlp12");
    (void)cli_works("train --model ring --steps 2 --out ring");
    (void)cli_works("train --model curves --steps 2 --out curves");
    return 0;
}

static json_t *ask(const char *words)
{
    json_error_t error;
    json_t *j = json_loads(cli_works(words)->out, 0, &error);
    if (j == NULL) {
        fail_msg("clgan %s: %s", words, error.text);
    }
    assert_non_null(json_string_value(json_object_get(j, "version")));
    assert_non_null(json_string_value(json_object_get(j, "platform")));
    assert_non_null(json_string_value(json_object_get(j, "device")));
    assert_non_null(json_string_value(json_object_get(j, "driver")));
    return j;
}

static json_t *figure(const json_t *j, const char *metric, const char *key)
{
    json_t *v = json_object_get(json_object_get(json_object_get(j, "metrics"), metric), key);
    if (v == NULL) {
        fail_msg("no figure %s.%s", metric, key);
    }
    return v;
}

static void images_get_likelihood_sharpness_and_neighbours(void **state)
{
    (void)state;
    json_t *j = ask("eval mlp --count 30 --json");
    assert_string_equal(json_string_value(json_object_get(j, "model")), "mnist-mlp");
    assert_int_equal(json_integer_value(json_object_get(j, "step")), 2);
    assert_int_equal(json_integer_value(json_object_get(j, "samples")), 30);
    assert_true(json_is_real(figure(j, "parzen", "log_likelihood_nats")));
    assert_true(json_is_real(figure(j, "parzen", "log_likelihood_standard_error_nats")));
    assert_true(json_is_boolean(figure(j, "parzen", "sigma_at_end")));
    assert_int_equal(json_integer_value(figure(j, "parzen", "validation_images")), 6);
    assert_int_equal(json_integer_value(figure(j, "parzen", "test_images")), 9);
    assert_true(json_real_value(figure(j, "sharpness", "relative_to_test_images")) > 0.0);
    assert_true(json_real_value(figure(j, "nearest", "rms_difference")) > 0.0);
    assert_int_equal(json_integer_value(figure(j, "nearest", "training_images")), 16);
    assert_null(json_object_get(json_object_get(j, "metrics"), "reconstruction"));
    assert_int_equal(json_array_size(json_object_get(j, "notes")), 0);
    json_decref(j);
}

static void the_table_says_what_each_number_means(void **state)
{
    (void)state;
    const cli_result *r = cli_works("eval mlp --count 30");
    assert_true(cli_matches("mnist-mlp, step 2, 30 samples; data both\n*value  better   meaning\n"
                            "Parzen log-likelihood * +- *  higher   nats, mean over test images*\n"
                            "*sharpness *mean |Laplacian|, test images = 1*\n"
                            "nearest training image *0 is a copy\n*",
                            r->out));
}

static void the_same_seed_gives_the_same_figures(void **state)
{
    (void)state;
    char *first = clg__strdup(cli_works("eval mlp --count 30 --seed 7")->out);
    assert_non_null(first);
    assert_string_equal(cli_works("eval mlp --count 30 --seed 7")->out, first);
    assert_true(strcmp(cli_works("eval mlp --count 30 --seed 8")->out, first) != 0);
    clg__free(first);
}

static void images_that_were_trained_on_are_told(void **state)
{
    (void)state;
    const cli_result *r = cli_works("eval bare --count 10");
    assert_non_null(strstr(r->out, "images that choose sigma were trained on"));
    assert_non_null(strstr(r->out, "there are no test images"));
}

static void training_images_as_samples_have_themselves_as_neighbours(void **state)
{
    (void)state;
    json_t *j = ask("eval --model mnist-mlp --data both --size 16 --set data.holdout=6 "
                    "--samples-from train --json");
    assert_true(json_is_null(json_object_get(j, "checkpoint")));
    assert_int_equal(json_integer_value(json_object_get(j, "samples")), 16);
    assert_true(json_number_value(figure(j, "nearest", "rms_difference")) <= 0.0);
    assert_true(json_number_value(figure(j, "nearest", "test_rms_difference")) > 0.0);
    json_decref(j);
}

/* Images that are all alike want the narrowest window. */
static void a_sigma_at_the_end_of_its_range_is_a_warning(void **state)
{
    (void)state;
    uint8_t file[16 + 20 * 64] = { 0, 0, 8, 3, 0, 0, 0, 20, 0, 0, 0, 8, 0, 0, 0, 8 };
    cli_write("flat/train-images-idx3-ubyte", file, sizeof file);
    cli_write("flat/t10k-images-idx3-ubyte", file, sizeof file);
    const cli_result *r = cli_works("eval --model mnist-mlp --data flat --size 8 --samples-from "
                                    "train --metrics parzen,sharpness");
    assert_non_null(strstr(r->err, "clgan: warning: parzen: the best sigma, 0.1, is at the end"));
    assert_non_null(strstr(r->out, "note: the best sigma is at the end of its range"));
    /* 64 values at distance 0: -64 log(0.1 sqrt(2 pi)) */
    assert_true(cli_matches("*\nParzen log-likelihood *88.6 +- 0.0 *", r->out));
    /* Without any edge among the test images nothing can be relative to them. */
    assert_true(cli_matches("*\nsharpness * none *", r->out));
}

static void an_autoencoder_is_measured_by_reconstruction(void **state)
{
    (void)state;
    json_t *j = ask("eval auto --count 12 --json --out auto-pictures");
    assert_true(json_real_value(figure(j, "reconstruction", "pixel_mse")) > 0.0);
    assert_int_equal(json_integer_value(figure(j, "reconstruction", "latent_search_steps")), 0);
    assert_int_equal(json_integer_value(figure(j, "reconstruction", "test_images")), 9);
    assert_int_equal(json_array_size(json_object_get(j, "pictures")), 3);
    assert_true(cli_exists("auto-pictures/parzen.png"));
    assert_true(cli_exists("auto-pictures/nearest.png"));
    assert_true(cli_exists("auto-pictures/reconstruction.png"));
    json_decref(j);
}

static void two_stand_side_by_side(void **state)
{
    (void)state;
    json_t *j = ask("eval auto --against mlp --count 6 --json --out pair");
    json_t *a = json_object_get(j, "a"), *b = json_object_get(j, "b");
    assert_string_equal(json_string_value(json_object_get(a, "model")), "autoencoder-mlp");
    assert_string_equal(json_string_value(json_object_get(b, "model")), "mnist-mlp");
    assert_int_equal(json_integer_value(figure(b, "reconstruction", "latent_search_steps")), 200);
    (void)figure(a, "reconstruction", "pixel_mse");
    assert_true(cli_exists("pair/against.png"));
    assert_true(cli_exists("pair/a/reconstruction.png"));
    assert_true(cli_exists("pair/b/reconstruction.png"));
    json_decref(j);
    const cli_result *r = cli_works("eval auto --against mlp --count 6 --metrics sharpness");
    assert_true(
        cli_matches("A: autoencoder-mlp*\nB: mnist-mlp*\n*A *B  better*\nsharpness *", r->out));
}

static void drawn_systems_have_metrics_of_their_own(void **state)
{
    (void)state;
    json_t *j = ask("eval ring --json --out ring-pictures");
    assert_int_equal(json_integer_value(json_object_get(j, "samples")), 2500);
    assert_int_equal(json_integer_value(figure(j, "modes", "modes_total")), 8);
    assert_true(json_integer_value(figure(j, "modes", "modes_covered")) <= 8);
    assert_true(json_is_real(figure(j, "modes", "high_quality_share")));
    assert_true(cli_exists("ring-pictures/modes.png"));
    json_decref(j);
    j = ask("eval curves --count 100 --json");
    assert_true(json_is_real(figure(j, "curves", "a_min")));
    assert_true(json_is_real(figure(j, "curves", "within_bounds_share")));
    assert_true(json_is_real(figure(j, "curves", "d_real_mean")));
    json_decref(j);
}

static void samples_go_to_a_folder_of_pngs(void **state)
{
    (void)state;
    clg_image image;
    size_t n = 0;
    const cli_result *r = cli_works("eval mlp --count 3 --png fid");
    assert_null(strstr(r->out, "Parzen")); /* nothing is measured that was not asked for */
    uint8_t *bytes = cli_read("fid/000002.png", &n);
    assert_int_equal(clg__image_decode(bytes, n, "fid", &image), CLG_OK);
    assert_true(image.w == 16 && image.h == 16 && image.c == 1);
    clg__free(image.pixels);
    clg__free(bytes);
    assert_false(cli_exists("fid/000003.png"));
    cli_fails("eval mlp --count 3 --png fid", 2, "--png fid: the folder is not empty",
              "choose another name, or empty it");
    cli_fails("eval ring --png rings", 2, "--png: ring gives vectors, not images",
              "clgan sample --out rows.npy writes them");
}

static void wrong_wishes_are_named(void **state)
{
    (void)state;
    cli_fails("eval", 2, "eval: wants one run folder or checkpoint, got 0",
              "write for example clgan eval runs/dcgan-1; a second one after --against");
    cli_fails("eval mlp auto", 2, "eval: wants one run folder or checkpoint, got 2", "*--against");
    cli_fails("eval none", 7, "none: *", "*");
    cli_fails("eval mlp --metrics parsen", 2, "--metrics: there is no metric \"parsen\"",
              "did you mean parzen? All: parzen, sharpness, *");
    cli_fails("eval mlp --metrics parzen,", 2, "--metrics: there is no metric \"\"", "there are *");
    cli_fails("eval mlp --metrics modes", 2,
              "--metrics: modes is for ring and grid, not for "
              "mnist-mlp",
              "clgan eval --help says what each metric is for");
    cli_fails("eval ring --metrics parzen", 2, "--metrics: parzen is for images, not for ring",
              "clgan eval --help says what each metric is for");
    cli_fails("eval mlp --samples-from test", 2, "--samples-from test: not known", "write *");
    cli_fails("eval ring --data idx", 4,
              "--data idx: model ring gives vectors of 2 numbers, and its data are drawn",
              "leave --data away");
    cli_fails("eval ring --samples-from train", 2,
              "--samples-from train is for images; ring draws its data", "leave it away");
    cli_fails("eval mlp --against auto --png x", 2, "--against excludes --samples-from and --png",
              "evaluate one checkpoint for those");
    cli_fails("eval mlp --set latent.size=3", 2, "eval: --set needs --model", "*");
    cli_fails("eval --model mnist-mlp --data both --size 16 --samples-from train --metrics "
              "reconstruction",
              2,
              "--metrics: reconstruction is for checkpoints of image models, "
              "not for mnist-mlp without checkpoint",
              "*");
}

static void data_and_checkpoints_of_other_shapes_are_refused(void **state)
{
    (void)state;
    cli_fails("eval mlp --data small", 4, "small has images of 12x12x1, the model gives 16x16x1",
              "--size 16 resizes them; figures of a checkpoint mean most on the data that it was "
              "trained on (both)");
    (void)cli_works("eval mlp --data small --size 16 --count 5 --metrics sharpness");
    cli_fails("eval mlp --against mlp12", 7, "mlp gives 16x16x1, mlp12 gives 12x12x1",
              "two that were trained on the same data can be compared");
    cli_fails("eval mlp --data nowhere", 4, "*nowhere*", "*");
    cli_fails("eval mlp --size 32", 2,
              "--size 32: mlp/checkpoints/* gives images of 16x16, and can only be evaluated at "
              "that size",
              "leave --size away; for another size train at it: clgan train --model mnist-mlp "
              "--size 32");
    cli_fails("eval mlp --data small --size 12", 2, "--size 12: mlp/* gives images of 16x16, *",
              "leave --size away; *");
    cli_fails("eval ring --size 32", 2, "--size 32: model ring gives vectors of 2 numbers",
              "leave --size away");
    (void)cli_works("eval mlp --size 16 --count 5 --metrics sharpness"); /* its own */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_get_likelihood_sharpness_and_neighbours),
        cmocka_unit_test(the_table_says_what_each_number_means),
        cmocka_unit_test(the_same_seed_gives_the_same_figures),
        cmocka_unit_test(images_that_were_trained_on_are_told),
        cmocka_unit_test(training_images_as_samples_have_themselves_as_neighbours),
        cmocka_unit_test(a_sigma_at_the_end_of_its_range_is_a_warning),
        cmocka_unit_test(an_autoencoder_is_measured_by_reconstruction),
        cmocka_unit_test(two_stand_side_by_side),
        cmocka_unit_test(drawn_systems_have_metrics_of_their_own),
        cmocka_unit_test(samples_go_to_a_folder_of_pngs),
        cmocka_unit_test(wrong_wishes_are_named),
        cmocka_unit_test(data_and_checkpoints_of_other_shapes_are_refused),
    };
    return cmocka_run_group_tests(tests, train_models, cli_teardown);
}
