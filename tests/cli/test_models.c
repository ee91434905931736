/* `clgan models`, and what the program says about model files that are wrong: message, hint, exit
 * code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/cli_run.h"

#define HEAD "model: { name: mine }\nlatent: { size: 8 }\n"
#define G "generator:\n  layers:\n    - { op: linear, out: pixels }\n"
#define D "discriminator:\n  layers:\n    - { op: linear, out: 1 }\n"

static void every_model_is_listed_in_one_line(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "*\ncurves * 2703 * 2177 *curves *15 values, drawn *parabolas*\n*",
        "*\ngauss1d * 1 value, drawn *\n*",
        "*\nring * 486402 * 405201 *\n*",
        "*\ngrid * 486402 * 405201 *\n*",
        "*\ngoodfellow-mnist * 2503984 * 1231441 *mnist *28x28x1 *\n*",
        "*\nmnist-mlp * 114064 * 100609 *fashion-mnist *28x28x1 *\n*",
        "*\ndcgan * 64x64x1 *\n*",
        "*\ndcgan32 * 3449475 * 663745 *cifar10 *32x32x3 *\n*",
        "*\ndcgan32-wide * 2760385 *\n*",
        "*\ncgan-mlp * 2413984 * 1224351 *28x28x1 in 10 classes *\n*",
        "*\ncgan-mlp-two-head * 2413984 * 1224592 *\n*",
        "*\ncgan-dcgan * in 10 classes *\n*",
        "*\ncgan-dcgan-two-head * in 10 classes *\n*",
        "*\nautoencoder * squared error\n*",
        "*\nautoencoder-mlp * squared error\n*",
    };
    const cli_result *r = cli_works("models list");
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        if (!cli_matches(patterns[i], r->out)) {
            fail_msg("not in the list: %s\n%s", patterns[i], r->out);
        }
    }
    size_t column = strcspn(r->out, "\n"); /* the last column begins in one place in every line */
    column -= strlen("what");
    for (const char *line = r->out; *line != '\0'; line += strcspn(line, "\n") + 1) {
        assert_true(strcspn(line, "\n") > column);
        assert_true(line[column - 1] == ' ' && line[column] != ' ');
    }
}

/* What it prints is a model file of its own, whatever the preset. */
static void every_model_that_is_shown_can_be_checked(void **state)
{
    (void)state;
    char names[40][64], words[192];
    uint32_t count = 0;
    const char *line = cli_works("models list")->out;
    for (line += strcspn(line, "\n") + 1; *line != '\0' && count < 40;
         line += strcspn(line, "\n") + 1) {
        assert_int_equal(sscanf(line, "%63s", names[count]), 1);
        count++;
    }
    assert_true(count >= 15);
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(words, sizeof words, "models show %.63s", names[i]);
        cli_write_text("shown.yaml", cli_works(words)->out);
        const cli_result *r = cli_works("models check shown.yaml");
        (void)snprintf(words, sizeof words, "generator *\ndiscriminator *\nok: %.63s, * of *\n",
                       names[i]);
        if (!cli_matches(words, r->out)) {
            fail_msg("%s: %s", names[i], r->out);
        }
    }
}

static void the_description_tells_where_branches_come_from(void **state)
{
    (void)state;
    const cli_result *r = cli_works("models check cgan-mlp-two-head");
    assert_true(cli_matches("*\n  main.onehot * from label\n*", r->out));
    assert_true(cli_matches("*\n  main.concat * from main.1 with main.5\n*", r->out));
    assert_true(cli_matches("*\n  main.3 * head realness\n*", r->out));
    assert_true(cli_matches("*\n  main.10 * head match\nok: *", r->out));
}

static void keys_sections_and_types_are_named_with_their_line(void **state)
{
    (void)state;
    cli_write_text("bad.yaml", HEAD G D "order: { k: 5 }\n");
    cli_fails("models check bad.yaml", 9, "bad.yaml:9: unknown key 'k' in order",
              "keys of order: *");
    cli_write_text("bad.yaml", HEAD G D "order: { d_steps: 0 }\n");
    cli_fails("models check bad.yaml", 9,
              "bad.yaml:9: order.d_steps wants a whole number from 1 to 1000000, not '0'",
              "write a number from 1 to 1000000");
    cli_write_text("bad.yaml", HEAD G D "optimiser_g: { lr: 1 }\n");
    cli_fails("models check bad.yaml", 9, "bad.yaml:9: unknown section 'optimiser_g'",
              "did you mean 'optimizer_g'? *");
    cli_write_text("bad.yaml", HEAD G);
    cli_fails("models check bad.yaml", 9, "bad.yaml:*: section 'discriminator' is missing",
              "a model file needs model, latent, generator and discriminator; *");
    cli_write_text("bad.yaml", HEAD G "discriminator: [1, 2]\n");
    cli_fails("models check bad.yaml", 9,
              "bad.yaml:6: discriminator wants a map of keys, not a list", "*indented*");
    cli_write_text("bad.yaml", HEAD G D "loss: { objective: 3 }\n");
    cli_fails("models check bad.yaml", 9, "bad.yaml:9: loss.objective wants *, not '3'", "use '*'");
    cli_write_text("bad.yaml", HEAD G "discriminator:\n  layers:\n    - { op: maxuot, out: 3 }\n");
    cli_fails("models check bad.yaml", 9, "bad.yaml:8: discriminator layer 1: op wants *'maxuot'",
              "did you mean 'maxout'?");
}

static void cycles_and_unknown_layers_are_named_with_their_line(void **state)
{
    (void)state;
    cli_write_text("cycle.yaml", HEAD G "discriminator:\n  layers:\n"
                                        "    - { op: linear, out: 4, id: a, from: b }\n"
                                        "    - { op: linear, out: 4, id: b, from: a }\n"
                                        "    - { op: linear, out: 1 }\n");
    cli_fails("models check cycle.yaml", 9,
              "cycle.yaml:8: discriminator layer 1: from: 'b' is a layer further down; a net has "
              "no cycles",
              "a layer takes what layers above it have made");
    cli_write_text("alias.yaml", HEAD "generator: &g\n  layers:\n    - *g\n" D);
    cli_fails("models check alias.yaml", 9, "alias.yaml:*: a model file may not have an anchor '&'",
              "write the values out; *");
    cli_write_text("id.yaml", HEAD G "discriminator:\n  layers:\n"
                                     "    - { op: linear, out: 4, id: features }\n"
                                     "    - { op: linear, out: 1, from: faetures }\n");
    cli_fails("models check id.yaml", 9,
              "id.yaml:9: discriminator layer 2: from: there is no layer with id 'faetures'",
              "did you mean 'features'? known here: input label features");
}

static void ten_megabytes_of_yaml_are_refused_unread(void **state)
{
    (void)state;
    size_t n = 10u << 20;
    char *text = clg__alloc(n, 1);
    assert_non_null(text);
    memset(text, '[', n);
    cli_write("big.yaml", text, n);
    cli_fails("models check big.yaml", 9,
              "big.yaml:1: the file has 10485760 bytes, at most 1048576 are read",
              "is this a model file?");
    clg__free(text);
}

#define BLOCK(out) "    - { op: conv2d, out: " #out ", kernel: 4, stride: 2, pad: 1 }\n"

static void five_blocks_on_32_pixels_are_the_shape_checkers_example(void **state)
{
    (void)state;
    cli_write_text("five.yaml",
                   HEAD G "discriminator:\n  layers:\n" BLOCK(64) BLOCK(128) BLOCK(256)
                       BLOCK(512) "    - { op: conv2d, out: 1, kernel: 4 }\ndata: { size: 32 }\n");
    cli_fails("models check five.yaml", 9,
              "discriminator layer 5 (main.4, line 12): conv2d: a 4x4 kernel with padding 0 does "
              "not fit an input of 2x2x512",
              "its input is only 2x2: remove a stride-2 layer before it, take a larger image, or a "
              "kernel of at most 2");
}

static void labels_ranges_and_packing_that_do_not_fit_are_refused_before_training(void **state)
{
    (void)state;
    cli_fails("train --model cgan-dcgan --data idx --size 16 --batch 4", 4,
              "model cgan-dcgan learns from class labels, but the data have none",
              "give --data with labels: mnist, fashion-mnist, cifar10, or a folder with one "
              "sub-folder per class");
    cli_fails("train --model mnist-mlp --data idx --size 16 --set data.range=unit", 9,
              "generator layer 2 (model.2, line *): its act is tanh, with values in -1..1, but "
              "data.range is unit, 0..1",
              "set data.range=symmetric, or take act: sigmoid");
    cli_fails("train --model mnist-mlp --data idx --size 16 --batch 5 --set "
              "discriminator.packing=2",
              9, "a batch of 5 is no multiple of discriminator.packing 2", "give --batch 6");
    cli_fails("train --model mnist-mlp --data idx --size 16 --set order.kind=reconstruct", 9,
              "discriminator layer 2 (model.2, line *): its output is [1,1,1], the discriminator "
              "must end with the code [1,1,100] (order reconstruct)",
              "the last layer has `out: latent` and `kernel: base`, or is linear");
    assert_false(cli_exists("runs"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_model_is_listed_in_one_line),
        cmocka_unit_test(every_model_that_is_shown_can_be_checked),
        cmocka_unit_test(the_description_tells_where_branches_come_from),
        cmocka_unit_test(keys_sections_and_types_are_named_with_their_line),
        cmocka_unit_test(cycles_and_unknown_layers_are_named_with_their_line),
        cmocka_unit_test(ten_megabytes_of_yaml_are_refused_unread),
        cmocka_unit_test(five_blocks_on_32_pixels_are_the_shape_checkers_example),
        cmocka_unit_test(labels_ranges_and_packing_that_do_not_fit_are_refused_before_training),
    };
    return cmocka_run_group_tests(tests, cli_setup, cli_teardown);
}
