/* clgan tune, --math and the forced algorithms of convolutions as a user sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/cli_run.h"

static void wrong_words_get_the_nearest_one(void **state)
{
    (void)state;
    cli_fails("tune dcgan", 2, "tune: unexpected argument \"dcgan\"",
              "write clgan tune, or clgan tune --model dcgan");
    cli_fails("tune --thorogh", 2, "tune: unknown option --thorogh",
              "did you mean --thorough? All options: clgan tune --help");
    cli_fails("tune --model dcgn", 2, "*dcgn*", "*dcgan*");
    cli_fails("train --model dcgan --math exat", 2, "--math exat: not exact, fast or tf32",
              "did you mean --math exact?");
    cli_fails("train --model dcgan --math tf64", 2, "--math tf64: not exact, fast or tf32",
              "did you mean --math tf32?");
    cli_fails("train --model dcgan --set runtime.conv=winogrd2", 2,
              "*runtime.conv wants 'auto', 'direct', 'winograd2' or 'winograd4', not 'winogrd2'",
              "did you mean 'winograd2'?");
    cli_env("CLGAN_CONV", "direkt");
    cli_fails("bench op fill", 2, "environment CLGAN_CONV is 'direkt'", "did you mean direct?");
}

static void a_model_without_choices_is_told_so(void **state)
{
    (void)state;
    const cli_result *r = cli_works("tune --model mnist-mlp");
    assert_non_null(strstr(r->out, "nothing to choose"));
}

static void what_is_measured_is_shown_and_kept_as_json_and_as_text(void **state)
{
    (void)state;
    static const char small[] = "--model dcgan --size 16 --batch 4 --set generator.width=16 "
                                "--set discriminator.width=16";
    char words[200];
    cli_env("XDG_CACHE_HOME", cli_absolute("cache-tune"));
    snprintf(words, sizeof words, "tune --json %s", small);
    const cli_result *r = cli_works(words);
    assert_non_null(strstr(r->out, "\"convolutions\": ["));
    bool some = strstr(r->out, "\"chosen\"") != NULL;
    assert_int_equal(strstr(r->out, "direct_gflop_per_s") != NULL, some);
    assert_int_equal(strstr(r->out, "\"record\": null") == NULL, some);
    cli_env("XDG_CACHE_HOME", cli_absolute("cache-tune"));
    snprintf(words, sizeof words, "tune %s", small);
    r = cli_works(words);
    assert_int_equal(strstr(r->out, "kept in ") != NULL, some);
    assert_int_equal(strstr(r->out, "nothing to choose") == NULL, some);
}

static void a_run_says_which_algorithms_it_uses_and_its_checkpoint_too(void **state)
{
    (void)state;
    const cli_result *r = cli_works("train " CLI_SMALL "--steps 2 --math exact --out runs/exact");
    assert_non_null(strstr(r->err, "convolutions: direct "));
    assert_non_null(strstr(r->err, "(as asked for)"));
    r = cli_works("info runs/exact");
    assert_non_null(strstr(r->out, "conv        direct "));
    cli_env("CLGAN_CONV", NULL); /* which would be asked for */
    r = cli_works("train --resume runs/exact --steps 3 --math fast");
    assert_non_null(strstr(r->err, "(as the checkpoint)"));
    r = cli_works("info runs/exact");
    assert_non_null(strstr(r->out, "conv        direct "));
    assert_null(strstr(r->out, "winograd"));
    r = cli_works("sample runs/exact --math exact --count 1 --out one.png");
    assert_true(cli_exists("one.png"));
    r = cli_works("train " CLI_SMALL "--steps 1 --profile --math exact --out runs/table");
    assert_non_null(strstr(r->err, "convolution   "));
    assert_non_null(strstr(r->err, "x "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_words_get_the_nearest_one),
        cmocka_unit_test(a_model_without_choices_is_told_so),
        cmocka_unit_test(what_is_measured_is_shown_and_kept_as_json_and_as_text),
        cmocka_unit_test(a_run_says_which_algorithms_it_uses_and_its_checkpoint_too),
    };
    return cmocka_run_group_tests(tests, cli_setup, cli_teardown);
}
