/* The commands beside train: help, lists, JSON answers, and every kind of sample. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "io/image_file.h"
#include "io/safetensors.h"
#include "support/cli_run.h"

static int train_once(void **state)
{
    if (cli_setup(state) != 0) {
        return -1;
    }
    (void)cli_works("train " CLI_SMALL "--steps 2 --out run");
    return 0;
}

/* ---- help ---- */

static void help_names_every_option(void **state)
{
    (void)state;
    static const struct {
        const char *command, *options[20];
    } commands[] = {
        { "train",
          { "--model", "--data", "--platform", "--device", "--out", "--epochs", "--steps",
            "--batch", "--size", "--seed", "--set", "--resume", "--init-from", "--trace",
            "--profile" } },
        { "sample",
          { "--platform", "--device", "--count", "--grid", "--seed", "--latents", "--interpolate",
            "--out" } },
        { "eval",
          { "--metrics", "--against", "--data", "--count", "--seed", "--samples-from", "--out",
            "--png", "--json" } },
        { "devices", { "--json" } },
        { "selftest", { "--platform", "--device", "--json" } },
        { "models", { "list", "show", "check" } },
        { "info", { "--json" } },
        { "compare", { "--json" } },
        { "cache", { "--clear" } },
        { "bench", { "--model", "--platform", "--device", "--json", "step", "sample", "op" } },
    };
    char words[64], usage[64];
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        for (int form = 0; form < 2; form++) {
            (void)snprintf(words, sizeof words, form == 0 ? "%s --help" : "help %s",
                           commands[i].command);
            (void)snprintf(usage, sizeof usage, "clgan %s ", commands[i].command);
            const cli_result *r = cli_works(words);
            assert_int_equal(strncmp(r->out, usage, strlen(usage)), 0);
            assert_string_equal(r->err, "");
            for (size_t k = 0; commands[i].options[k] != NULL; k++) {
                if (strstr(r->out, commands[i].options[k]) == NULL) {
                    fail_msg("%s says nothing about %s", words, commands[i].options[k]);
                }
            }
        }
        assert_non_null(strstr(cli_works("--help")->out, usage));
    }
}

static void help_documents_the_exit_codes(void **state)
{
    (void)state;
    const cli_result *r = cli_works("--help");
    assert_non_null(strstr(r->out,
                           "Exit codes: 0 done, 1 internal or OpenCL error, 2 wrong option, "
                           "key or value,\n3 no usable device, 4 data set, 5 out of memory, 6 "
                           "file cannot be read or\nwritten, 7 checkpoint, 8 not finite, 9 "
                           "model file, 10 results differ,\n130 and 143 stopped"));
    r = cli_run("");
    assert_int_equal(r->code, 2);
    assert_string_equal(r->out, "");
    assert_non_null(strstr(r->err, "Exit codes:"));
    assert_true(cli_matches("clgan *.*.*\n", cli_works("--version")->out));
}

static void models_are_listed_shown_and_checked(void **state)
{
    (void)state;
    const cli_result *r = cli_works("models");
    assert_non_null(strstr(r->out, "dcgan "));
    assert_non_null(strstr(r->out, "mnist-mlp "));
    r = cli_works("models show dcgan");
    cli_write_text("mine.yaml", r->out); /* what it prints is a model file */
    r = cli_works("models check mine.yaml");
    assert_true(cli_matches("*\nok: dcgan, images of 64x64x1, G 3574656 and D 2763520 parameters\n",
                            r->out));
}

/* ---- JSON ---- */

static void check_keys(const json_t *node)
{
    const char *key;
    json_t *value;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)node, key, value)
    {
        for (const char *p = key; *p != '\0'; p++) {
            if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_')) {
                fail_msg("key %s is not snake_case", key);
            }
        }
        check_keys(value);
    }
    json_array_foreach(node, i, value)
    {
        check_keys(value);
    }
}

/* Runs it; the answer must be JSON with the four keys, text where a device is involved. */
static json_t *json_of(const char *words, bool device)
{
    static const char *const keys[] = { "platform", "device", "driver" };
    json_error_t fault;
    const cli_result *r = cli_works(words);
    json_t *root = json_loads(r->out, JSON_REJECT_DUPLICATES, &fault);
    if (root == NULL) {
        fail_msg("%s: line %d: %s\n%s", words, fault.line, fault.text, r->out);
    }
    check_keys(root);
    assert_true(json_is_string(json_object_get(root, "version")));
    for (size_t i = 0; i < 3; i++) {
        const json_t *v = json_object_get(root, keys[i]);
        if (device ? !json_is_string(v) : !json_is_null(v)) {
            fail_msg("%s: %s is missing or of the wrong kind", words, keys[i]);
        }
    }
    return root;
}

static void json_answers_parse_and_name_the_device(void **state)
{
    (void)state;
    json_t *j = json_of("devices --json", true);
    json_t *first = json_array_get(json_object_get(j, "devices"), 0);
    assert_true(json_is_true(json_object_get(first, "usable")));
    assert_int_equal(json_integer_value(json_object_get(first, "platform_index")), 0);
    json_decref(j);
    j = json_of("info run --json", true);
    assert_int_equal(json_integer_value(json_object_get(j, "step")), 2);
    assert_string_equal(json_string_value(json_object_get(j, "model")), "dcgan");
    assert_int_equal(json_array_size(json_object_get(j, "tensors")), 45);
    json_decref(j);
    j = json_of("compare run run --json", false);
    assert_true(json_is_true(json_object_get(j, "equal")));
    json_decref(j);
    j = json_of("cache --json", false);
    assert_true(json_integer_value(json_object_get(json_object_get(j, "programs"), "files")) > 0);
    json_decref(j);
    j = json_of("bench op adam --rounds 1 --json", true);
    assert_true(json_real_value(json_object_get(json_array_get(json_object_get(j, "cases"), 0),
                                                "time_ms")) > 0.0);
    json_decref(j);
    j = json_of("bench step --model dcgan --size 16 --batch 4 --set generator.width=4 "
                "--set discriminator.width=4 --rounds 1 --json",
                true);
    assert_true(json_real_value(json_object_get(j, "images_per_s")) > 0.0);
    assert_true(json_integer_value(json_object_get(j, "peak_rss_bytes")) > 1000000);
    json_decref(j);
}

#define BENCH_TINY                                                         \
    "--model dcgan --size 16 --batch 4 --set generator.width=4 --rounds 1 " \
    "--set discriminator.width=4 "

static void check_rates(const json_t *root, const char *list, size_t count, const char *rate)
{
    const json_t *rows = json_object_get(root, list);
    assert_int_equal(json_array_size(rows), count);
    for (size_t i = 0; i < count; i++) {
        assert_true(json_real_value(json_object_get(json_array_get(rows, i), rate)) > 0.0);
    }
}

static void bench_measures_a_device_and_writes_its_result(void **state)
{
    (void)state;
    json_t *j = json_of("bench " BENCH_TINY "--json", true);
    const char *date = json_string_value(json_object_get(j, "date"));
    assert_true(date != NULL && cli_matches("20*-*-*T*:*:*Z", date));
    assert_true(json_real_value(json_object_get(j, "fma_peak_gflop_per_s")) > 0.0);
    assert_true(json_real_value(json_object_get(j, "copy_bandwidth_gb_per_s")) > 0.0);
    assert_true(json_integer_value(json_object_get(j, "compute_units")) > 0);
    check_rates(j, "products", json_array_size(json_object_get(j, "products")), "share_of_roof");
    check_rates(j, "layers", 18, "gflop_per_s"); /* three passes of three layers of both nets */
    check_rates(j, "steps", 1, "images_per_s");
    json_decref(j);
    const cli_result *r = cli_works("bench " BENCH_TINY "--out bench.json");
    assert_true(cli_matches("clgan *FMA peak *layers of dcgan, batch 4*G1 *D3 *\n"
                            "dcgan * 4 * 16 *", r->out));
    size_t n = 0;
    uint8_t *file = cli_read("bench.json", &n);
    j = json_loads((const char *)file, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_string(json_object_get(j, "driver")));
    check_rates(j, "steps", 1, "step_ms");
    json_decref(j);
    clg__free(file);
}

static void bench_sample_counts_what_it_drew(void **state)
{
    (void)state;
    json_t *j = json_of("bench sample " BENCH_TINY "--count 300 --json", true);
    assert_int_equal(json_integer_value(json_object_get(j, "count")), 300);
    assert_int_equal(json_integer_value(json_object_get(j, "size_px")), 16);
    double rate = json_real_value(json_object_get(j, "images_per_s"));
    double seconds = json_real_value(json_object_get(j, "time_s"));
    assert_true(rate * seconds > 299.9 && rate * seconds < 300.1);
    json_decref(j);
}

static void the_selftest_passes_and_lists_what_it_ran(void **state)
{
    (void)state;
    json_t *j = json_of("selftest --quick --json", true);
    assert_int_equal(json_integer_value(json_object_get(j, "failed")), 0);
    assert_true(json_integer_value(json_object_get(j, "run")) > 20);
    assert_true(json_array_size(json_object_get(j, "kernels")) > 10);
    json_decref(j);
}

static void info_and_cache_print_text(void **state)
{
    (void)state;
    const cli_result *r = cli_works("info run");
    assert_true(cli_matches("checkpoint  run/checkpoints/step-00000002.safetensors\n"
                            "model       dcgan, images of 16x16x1\nstep        2\n*\n"
                            "tensors     45\n*netG.main.0.weight * F32 * [100,8,4,4]\n*",
                            r->out));
    cli_env("XDG_CACHE_HOME", cli_absolute("empty-cache"));
    r = cli_works("cache --clear");
    assert_true(cli_matches("programs * 0 files * (cleared)\ntuning *\ndata *\n", r->out));
}

/* ---- sample ---- */

static float *read_npy(const char *name, uint64_t dim[8])
{
    float *data = NULL;
    uint32_t rank = 0;
    if (clg__npy_read(name, &data, dim, &rank) != CLG_OK) {
        fail_msg("%s", clg_message());
    }
    assert_int_equal(rank, 4);
    return data;
}

static void check_png(const char *name, uint32_t w, uint32_t h)
{
    size_t n = 0;
    clg_image image = { 0 };
    uint8_t *bytes = cli_read(name, &n);
    assert_int_equal(clg__image_decode(bytes, n, name, &image), CLG_OK);
    assert_int_equal(image.w, w);
    assert_int_equal(image.h, h);
    clg__free(image.pixels);
    clg__free(bytes);
}

static void samples_are_written_by_what_the_name_says(void **state)
{
    (void)state;
    uint64_t dim[8];
    assert_string_equal(cli_works("sample run --grid 2x3 --out g.png")->out, "g.png\n");
    check_png("g.png", 3 * 18 + 2, 2 * 18 + 2);
    cli_works("sample run --count 7 --out s.npy");
    float *s = read_npy("s.npy", dim);
    assert_int_equal(dim[0], 7);
    assert_int_equal(dim[1], 16);
    assert_int_equal(dim[2], 16);
    assert_int_equal(dim[3], 1);
    for (size_t i = 0; i < 7 * 256; i++) {
        assert_true(s[i] >= -1.0f && s[i] <= 1.0f);
    }
    /* The same seed gives the same first images, whatever the count; another seed others. */
    cli_works("sample run --count 3 --out t.npy");
    float *t = read_npy("t.npy", dim);
    assert_memory_equal(s, t, 3 * 256 * sizeof *s);
    cli_works("sample run --count 3 --seed 9 --out u.npy");
    float *u = read_npy("u.npy", dim);
    assert_memory_not_equal(s, u, 3 * 256 * sizeof *s);
    clg__free(s);
    clg__free(t);
    clg__free(u);
    cli_works("sample run/checkpoints/step-00000002.safetensors --count 3 --out folder");
    check_png("folder/000002.png", 16, 16);
    assert_false(cli_exists("folder/000003.png"));
    cli_fails("sample run --count 3 --out folder", 2, "--out folder: the folder is not empty",
              "choose another name, or empty it");
    cli_works("sample run --interpolate 5 --grid 2x2 --out i.png");
    check_png("i.png", 5 * 18 + 2, 2 * 18 + 2);
}

static void write_latents(const char *name, uint64_t n, uint64_t size, float special)
{
    uint64_t dim[2] = { n, size };
    float *z = clg__alloc((size_t)(n * size) + 1, sizeof *z);
    assert_non_null(z);
    for (size_t i = 0; i < n * size; i++) {
        z[i] = 0.01f * (float)(i % 97);
    }
    if (n * size > 205) {
        z[205] = special;
    }
    assert_int_equal(clg__npy_write(name, z, dim, 2), CLG_OK);
    clg__free(z);
}

static void latents_come_from_a_file_that_is_checked(void **state)
{
    (void)state;
    uint64_t dim[8];
    size_t n = 0;
    write_latents("z.npy", 5, 100, 0.5f);
    cli_works("sample run --latents z.npy --out l.npy");
    clg__free(read_npy("l.npy", dim));
    assert_int_equal(dim[0], 5);
    write_latents("nan.npy", 5, 100, strtof("nan", NULL));
    cli_fails("sample run --latents nan.npy", 4, "nan.npy: row 2 has a number that is inf or nan",
              "latents are finite numbers, usually drawn from N(0, 1)");
    write_latents("inf.npy", 5, 100, strtof("inf", NULL));
    cli_fails("sample run --latents inf.npy", 4, "inf.npy: row 2 has a number that is inf or nan",
              "latents are finite numbers, usually drawn from N(0, 1)");
    write_latents("wide.npy", 5, 101, 0.0f);
    cli_fails("sample run --latents wide.npy", 4,
              "wide.npy: an array of rank 2 with 5 rows of 101 "
              "numbers; the model wants [N,100]",
              "save a float32 array of shape (N, 100) with numpy.save");
    cli_fails("sample run --latents l.npy", 4,
              "l.npy: an array of rank 4 with 5 rows of 16 numbers; "
              "the model wants [N,100]",
              "save a float32 array of shape (N, 100) with numpy.save");
    uint8_t *bytes = cli_read("z.npy", &n);
    cli_write("cut.npy", bytes, n - 5);
    clg__free(bytes);
    cli_fails("sample run --latents cut.npy", 4,
              "cut.npy: its size is not what its shape says: it was cut or changed",
              "write it with numpy.save(name, array.astype('float32'))");
    cli_fails("sample run --latents none.npy", 6, "none.npy: cannot open: *",
              "check each part of the name");
    cli_fails("sample run --latents z.npy --count 3", 2,
              "--latents excludes --grid, --count, --interpolate and --seed",
              "each row of the file gives one image");
}

static void wishes_that_cannot_be_met_are_refused(void **state)
{
    (void)state;
    static const char *const grids[] = { "0x0",  "8", "8x8x8", "-1x-1",
                                         "65x1", "x", "3x",    "99999999999999999999x1" };
    char words[96], message[96];
    for (size_t i = 0; i < sizeof grids / sizeof grids[0]; i++) {
        (void)snprintf(words, sizeof words, "sample run --grid %s", grids[i]);
        (void)snprintf(message, sizeof message, "--grid %s: not rows x columns of 1..64", grids[i]);
        cli_fails(words, 2, message, "write for example --grid 8x8");
    }
    cli_fails("sample run --count 0", 2, "--count 0: not a whole number in 1..10000000",
              "write for example --count 1");
    cli_fails("sample run --count 10000000 --interpolate 4096 --out x.npy", 2,
              "40960000000 images are too many at once for x.npy",
              "at most * fit; draw them in parts with different --seed");
    cli_fails("sample run --count 100000", 2, "a grid of 12500x8 images is 146x225002 pixels",
              "ask for fewer rows or columns *");
    cli_fails("sample run --count 4 --grid 2x2", 2, "--grid and --count exclude each other",
              "give one of them");
    cli_fails("sample run --size 32", 2, "sample: --size and --set need --model", "*");
    cli_fails("sample run --count 4 --out /proc/x.png", 6, "/proc/x.png: cannot create: *",
              "check the name");
    cli_fails("sample run --count 4 --out out.txt/x", 6,
              "out.txt: cannot create folder: File exists", "check each part of the name");
    cli_fails("bench op conv2d nonsense", 2, "*nonsense*", "*");
    cli_fails("bench op conv2d fwd n=65536 h=4096 w=4096 c=64 k=64 r=4 s=4 stride=2 pad=1", 9,
              "*2^32 elements or more", "take a smaller batch, size or width");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_names_every_option),
        cmocka_unit_test(help_documents_the_exit_codes),
        cmocka_unit_test(models_are_listed_shown_and_checked),
        cmocka_unit_test(json_answers_parse_and_name_the_device),
        cmocka_unit_test(bench_measures_a_device_and_writes_its_result),
        cmocka_unit_test(bench_sample_counts_what_it_drew),
        cmocka_unit_test(the_selftest_passes_and_lists_what_it_ran),
        cmocka_unit_test(info_and_cache_print_text),
        cmocka_unit_test(samples_are_written_by_what_the_name_says),
        cmocka_unit_test(latents_come_from_a_file_that_is_checked),
        cmocka_unit_test(wishes_that_cannot_be_met_are_refused),
    };
    return cmocka_run_group_tests(tests, train_once, cli_teardown);
}
