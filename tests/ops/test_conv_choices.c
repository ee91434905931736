/* Lists of convolution choices: their text reads back, and nothing else is taken for it; the
 * environment's CLGAN_CONV. drivers: none */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "blas/tile.h"
#include "ops/conv_choices.h"

#define LAYER "h32 w32 c64 k128 r4 s4 stride2 pad1"
#define LAYER_5 "h32 w32 c64 k128 r5 s5 stride2 pad2"

static void lists_read_back_as_they_were_written(void **state)
{
    (void)state;
    static const char text[] =
        "conv down " LAYER ": winograd2 (direct 1.920 ms, winograd2 1.310 ms)\n"
        "conv up " LAYER ": winograd4 (winograd4 0.001 ms)\n"
        "conv wgrad " LAYER ": direct\n"
        "conv wgrad " LAYER_5 " rows64: direct tile64x32 (direct 0.500 ms)\n"
        "conv up " LAYER_5 " rows64: winograd2 tile256x4\n";
    clg_conv_list list = { 0 };
    clg_str again = { 0 };
    uint32_t bad = 9;
    assert_int_equal(clg__conv_list_parse(text, &list, &bad), CLG_OK);
    assert_int_equal(bad, 0);
    assert_int_equal(list.count, 5);
    assert_int_equal(list.choice[0].tile, 0);
    assert_int_equal(list.choice[3].tile, clg__tile_find(64, 32));
    assert_true(list.choice[4].tile > 0 && list.choice[4].tile != list.choice[3].tile);
    assert_int_equal(list.choice[0].job, CLG_CONV_JOB_DOWN);
    assert_int_equal(list.choice[0].algo, CLG_CONV_WINOGRAD2);
    assert_int_equal(list.choice[0].k, 128);
    assert_true(list.times[0].ms[CLG_CONV_DIRECT] > 1.919 && list.times[0].ms[0] < 1.921);
    clg__conv_list_format(&list, &again);
    assert_string_equal(again.text, text);
    clg__str_free(&again);
    clg__conv_list_free(&list);
}

static void a_later_decision_takes_the_place_of_an_earlier_one(void **state)
{
    (void)state;
    clg_conv_list list = { 0 };
    uint32_t bad = 0;
    const clg_conv g = {
        .n = 7, .h = 32, .w = 32, .c = 64, .k = 128, .r = 4, .s = 4, .stride = 2, .pad = 1
    };
    assert_int_equal(clg__conv_list_parse(
                         "conv up " LAYER ": direct\nconv up " LAYER ": winograd4\n", &list, &bad),
                     CLG_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(clg__conv_list_find(&list, &g, CLG_CONV_JOB_UP), 0);
    assert_int_equal(clg__conv_list_find(&list, &g, CLG_CONV_JOB_DOWN), 1);
    assert_int_equal(list.choice[0].algo, CLG_CONV_WINOGRAD4);
    for (uint32_t i = 0; i < 100; i++) { /* grows */
        clg_conv other = g;
        other.c = i + 1;
        clg_conv_choice c = clg__conv_choice_of(&other, CLG_CONV_JOB_UP, CLG_CONV_DIRECT);
        assert_int_equal(clg__conv_list_set(&list, &c, NULL), CLG_OK);
    }
    assert_int_equal(list.count, 100);
    assert_int_equal(list.choice[0].algo, CLG_CONV_DIRECT);
    clg__conv_list_free(&list);
}

static void what_was_measured_holds_for_half_to_twice_the_rows(void **state)
{
    (void)state;
    static const char text[] = "conv up " LAYER " rows64: winograd4 (winograd4 1.000 ms)\n"
                               "conv up " LAYER " rows4: direct (direct 0.500 ms)\n";
    static const struct {
        uint32_t rows, place;
    } asked[] = { { 32, 0 }, { 64, 0 }, { 129, 0 }, { 131, 2 }, { 2, 1 }, { 9, 1 }, { 1, 2 } };
    clg_conv_list list = { 0 };
    clg_str again = { 0 };
    clg_conv g = {
        .n = 7, .h = 32, .w = 32, .c = 64, .k = 128, .r = 4, .s = 4, .stride = 2, .pad = 1
    };
    uint32_t bad = 0;
    assert_int_equal(clg__conv_list_parse(text, &list, &bad), CLG_OK);
    assert_int_equal(bad, 0);
    assert_int_equal(list.count, 2);
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        g.n = asked[i].rows;
        assert_int_equal(clg__conv_list_find(&list, &g, CLG_CONV_JOB_UP), asked[i].place);
    }
    clg__conv_list_format(&list, &again);
    assert_string_equal(again.text, text);
    clg__str_free(&again);
    clg__conv_list_free(&list);
}

static void other_lines_are_counted_and_left_out(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "conv down " LAYER ": fourier",
        "conv down " LAYER " rows0: direct",
        "conv down " LAYER " rows-1: direct",
        "conv down " LAYER " rows: direct",
        "conv sideways " LAYER ": direct",
        "conv down h32 w32 c64 k128 r4 s4 stride0 pad1: direct",
        "conv down h32 w32 c64 k128 r4 s4 stride2: direct",
        "conv down h-1 w32 c64 k128 r4 s4 stride2 pad1: direct",
        "conv down h+1 w32 c64 k128 r4 s4 stride2 pad1: direct",
        "conv down h032 w32 c64 k128 r4 s4 stride2 pad1: direct",
        "conv  down " LAYER ": direct",
        "conv down h99999999999999 w32 c64 k128 r4 s4 stride2 pad1: direct",
        "conv down " LAYER ": direct (direct nan ms)",
        "conv down " LAYER ": direct (direct inf ms)",
        "conv down " LAYER ": direct (direct -1.000 ms)",
        "conv down " LAYER ": direct (direct 0.000 ms)",
        "conv down " LAYER ": direct (direct 1e999 ms)",
        "conv down " LAYER ": direct (direct 99999999999999999999.000 ms)",
        "conv down " LAYER ": direct (fourier 1.000 ms)",
        "conv down " LAYER ": direct (direct 1.000 ms",
        "conv down " LAYER ": direct (direct 1.000 ms) and more",
        "conv down " LAYER ": direct and more",
        "conv down " LAYER ": direct tile64x32", /* not measured with any rows */
        "conv down " LAYER " rows64: direct tile32x64",
        "conv down " LAYER " rows64: direct tile0x0",
        "conv down " LAYER " rows64: direct tile064x32",
        "conv down " LAYER " rows64: direct tile64x-32",
        "conv down " LAYER " rows64: direct tile64",
        "conv down " LAYER " rows64: direct tile",
        "conv down " LAYER " rows64: direct  tile64x32",
        "conv down " LAYER " rows64: direct tile64x32 and more",
        "conv down " LAYER " rows64: direct (direct 1.000 ms) tile64x32",
        "conv down " LAYER ":",
        "conv",
        "nonsense",
        "",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[512];
        clg_conv_list list = { 0 };
        uint32_t bad = 0;
        (void)snprintf(text, sizeof text,
                       "conv up " LAYER ": direct\n%s\nconv wgrad " LAYER ": direct\n", wrong[i]);
        assert_int_equal(clg__conv_list_parse(text, &list, &bad), CLG_OK);
        if (bad != 1 || list.count != 2) {
            fail_msg("\"%s\": %u bad lines, %u read", wrong[i], bad, list.count);
        }
        clg__conv_list_free(&list);
    }
}

static void a_long_line_or_no_end_is_no_choice(void **state)
{
    (void)state;
    char text[4000];
    clg_conv_list list = { 0 };
    uint32_t bad = 0;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(clg__conv_list_parse(text, &list, &bad), CLG_OK);
    assert_int_equal(bad, 1);
    assert_int_equal(clg__conv_list_parse("conv up " LAYER ": direct", &list, &bad), CLG_OK);
    assert_int_equal(bad, 0);
    assert_int_equal(list.count, 1);
    clg__conv_list_free(&list);
}

static void a_run_keeps_shapes_but_its_text_does_not(void **state)
{
    (void)state;
    const clg_conv g = {
        .n = 7, .h = 32, .w = 32, .c = 64, .k = 128, .r = 4, .s = 4, .stride = 2, .pad = 1
    };
    clg_conv_choice c = clg__conv_choice_of(&g, CLG_CONV_JOB_UP, CLG_CONV_DIRECT);
    clg_conv_list list = { 0 };
    clg_str text = { 0 };
    c.tile = clg__tile_find(64, 32);
    assert_int_equal(clg__conv_list_set(&list, &c, NULL), CLG_OK);
    assert_int_equal(list.choice[0].tile, c.tile);
    clg__conv_list_format(&list, &text);
    assert_string_equal(text.text, "conv up " LAYER ": direct\n");
    clg__str_free(&text);
    clg__conv_list_free(&list);
}

static void the_environment_forces_an_algorithm_or_is_refused(void **state)
{
    (void)state;
    enum clg_conv_algo algo = CLG_CONV_DIRECT;
    unsetenv("CLGAN_CONV");
    assert_int_equal(clg__conv_forced_by_env(&algo), CLG_OK);
    assert_int_equal(algo, CLG_CONV_ALGO_COUNT);
    setenv("CLGAN_CONV", "winograd4", 1);
    assert_int_equal(clg__conv_forced_by_env(&algo), CLG_OK);
    assert_int_equal(algo, CLG_CONV_WINOGRAD4);
    setenv("CLGAN_CONV", "auto", 1);
    assert_int_equal(clg__conv_forced_by_env(&algo), CLG_OK);
    assert_int_equal(algo, CLG_CONV_ALGO_COUNT);
    setenv("CLGAN_CONV", "winogrd2", 1);
    assert_int_equal(clg__conv_forced_by_env(&algo), CLG_E_USAGE);
    assert_non_null(strstr(clg_message(), "CLGAN_CONV is 'winogrd2'"));
    assert_non_null(strstr(clg_hint(), "winograd2"));
    setenv("CLGAN_CONV", "?", 1);
    assert_int_equal(clg__conv_forced_by_env(&algo), CLG_E_USAGE);
    assert_non_null(strstr(clg_hint(), "auto, direct, winograd2 or winograd4"));
    unsetenv("CLGAN_CONV");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_read_back_as_they_were_written),
        cmocka_unit_test(a_later_decision_takes_the_place_of_an_earlier_one),
        cmocka_unit_test(what_was_measured_holds_for_half_to_twice_the_rows),
        cmocka_unit_test(other_lines_are_counted_and_left_out),
        cmocka_unit_test(a_long_line_or_no_end_is_no_choice),
        cmocka_unit_test(a_run_keeps_shapes_but_its_text_does_not),
        cmocka_unit_test(the_environment_forces_an_algorithm_or_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
