/* Training by the program: what a run leaves behind, stop and resume, signals, traces, and that the
 * same bits come out whatever the threads, the caches and the interruptions. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "support/cli_run.h"

static void equal(const char *a, const char *b)
{
    char words[256];
    (void)snprintf(words, sizeof words, "compare %s %s", a, b);
    const cli_result *r = cli_works(words);
    assert_true(cli_matches("equal: * file(s), * tensors, 0 differing bits\n", r->out));
}

static bool file_has(const char *name, const char *text)
{
    size_t n = 0;
    char *all = (char *)cli_read(name, &n);
    bool has = strstr(all, text) != NULL;
    clg__free(all);
    return has;
}

static void runs_are_numbered_and_complete(void **state)
{
    (void)state;
    static const char *const parts[] = { "config.yaml",
                                         "log.jsonl",
                                         "log.csv",
                                         "clgan.log",
                                         "samples/step-00000008.png",
                                         "checkpoints/step-00000006.safetensors",
                                         "checkpoints/step-00000008.safetensors" };
    char name[128];
    for (int run = 1; run <= 2; run++) {
        const cli_result *r = cli_works("train " CLI_SMALL "--steps 8");
        (void)snprintf(name, sizeof name, "runs/dcgan-%d\n", run);
        assert_string_equal(r->out, name); /* the result alone; progress goes to standard error */
        assert_non_null(
            strstr(r->err, "model: dcgan, parameters G 13400 D 720, batch 4, seed 1\n"));
        assert_true(
            cli_matches("*\nmemory: * needed, * on the device; a checkpoint takes *", r->err));
        assert_true(cli_matches("*\ndata: idx (idx), 22 images of 16x16x1\n*", r->err));
        assert_true(cli_matches("*\nsteps: 8 (6 an epoch), expected time about *", r->err));
        assert_true(cli_matches("*\nepoch 1.33 step 8/8  Loss_D * images/s  ETA *", r->err));
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
            (void)snprintf(name, sizeof name, "runs/dcgan-%d/%s", run, parts[i]);
            assert_true(cli_exists(name));
        }
    }
    equal("runs/dcgan-1", "runs/dcgan-2");
    assert_true(file_has("runs/dcgan-1/config.yaml", "batch: 4\n"));
    assert_true(file_has("runs/dcgan-1/log.csv", "\n8,1.333333,"));
    assert_true(file_has("runs/dcgan-1/log.jsonl", "\"netG.main.0.weight\":{\"weight_norm\":"));
}

static void epochs_count_passes_over_the_data(void **state)
{
    (void)state;
    const cli_result *r = cli_works("train " CLI_SMALL "--epochs 2 --out epochs");
    assert_string_equal(r->out, "epochs\n");
    assert_true(cli_exists("epochs/checkpoints/step-00000012.safetensors"));
}

static void a_stopped_and_resumed_run_equals_one_never_stopped(void **state)
{
    (void)state;
    cli_works("train " CLI_SMALL "--steps 9 --set train.log_every=1 --out whole");
    cli_works("train " CLI_SMALL "--steps 4 --set train.log_every=1 --out parts");
    const cli_result *r = cli_works("train --resume parts --steps 9");
    assert_string_equal(r->out, "parts\n");
    assert_non_null(strstr(r->err, "resumed: parts at step 4\n"));
    equal("whole", "parts");
    assert_true(file_has("parts/log.csv", "\n4,"));
    assert_true(file_has("parts/log.csv", "\n9,"));
    /* One thread and many give the same bits, also across a resume. */
    cli_env("POCL_MAX_PTHREAD_COUNT", "1");
    cli_works("train " CLI_SMALL "--steps 7 --out threads");
    cli_env("POCL_MAX_PTHREAD_COUNT", "24");
    cli_works("train --resume threads --steps 9");
    equal("whole", "threads");
}

static void resume_cuts_the_logs_back(void **state)
{
    (void)state;
    cli_works("train " CLI_SMALL "--steps 8 --set train.log_every=1 --out cut");
    cli_write_text("cut/checkpoints/step-00000008.safetensors", "broken");
    cli_works("train --resume cut --steps 7");
    size_t n = 0, rows = 0;
    char *csv = (char *)cli_read("cut/log.csv", &n);
    for (const char *p = csv; *p != '\0'; p++) {
        rows += *p == '\n';
    }
    clg__free(csv);
    assert_int_equal(rows, 8); /* head and steps 1 to 7, each once */
}

static void what_is_not_known_of_g_yet_is_a_dash(void **state)
{
    (void)state;
    const cli_result *r = cli_works("train " CLI_SMALL "--steps 8 --set train.log_every=6 "
                                    "--set order.g_start_epoch=1 --out late");
    assert_true(cli_matches("*step 6/8  Loss_D *.* Loss_G - D(x) *D(G(z)) * / -  *", r->err));
    assert_true(cli_matches("*step 8/8  Loss_D *.* Loss_G *.* D(x) *D(G(z)) * / 0.*", r->err));
    assert_true(file_has("late/log.csv", ",nan,"));
}

static void signals_finish_the_step_and_save(void **state)
{
    (void)state;
    const struct {
        int signal, code;
    } cases[] = { { SIGINT, 130 }, { SIGTERM, 143 } };
    char words[256], file[128];
    for (size_t i = 0; i < 2; i++) {
        cli_signal_after("first step enqueued", cases[i].signal, false);
        (void)snprintf(words, sizeof words, "train " CLI_SMALL "--steps 1000000 --out sig%zu", i);
        const cli_result *r = cli_run(words);
        assert_int_equal(r->code, cases[i].code);
        assert_null(strstr(r->err, "clgan: error"));
        const char *at = strstr(r->err, "stopped by a signal at step ");
        assert_non_null(at);
        unsigned long step = strtoul(at + strlen("stopped by a signal at step "), NULL, 10);
        (void)snprintf(file, sizeof file, "go on: clgan train --resume sig%zu\n", i);
        assert_non_null(strstr(r->err, file));
        (void)snprintf(file, sizeof file, "sig%zu/checkpoints/step-%08lu.safetensors", i, step);
        assert_true(cli_exists(file));
        if (i == 0) {
            (void)snprintf(words, sizeof words, "train --resume sig0 --steps %lu", step + 2);
            cli_works(words);
            (void)snprintf(words, sizeof words, "train " CLI_SMALL "--steps %lu --out never",
                           step + 2);
            cli_works(words);
            equal("sig0", "never");
        }
    }
    cli_signal_after("first step enqueued", SIGINT, true);
    assert_int_equal(cli_run("train " CLI_SMALL "--steps 1000000 --out twice")->code, 130);
}

static void traces_hold_every_step_and_show_the_first_difference(void **state)
{
    (void)state;
    cli_works("train " CLI_SMALL "--steps 5 --trace 3 --out trace-a");
    cli_works("train " CLI_SMALL "--steps 5 --trace 3 --out trace-b");
    assert_true(cli_exists("trace-a/trace/step-000000.safetensors"));
    assert_true(cli_exists("trace-a/trace/step-000003.safetensors"));
    assert_false(cli_exists("trace-a/trace/step-000004.safetensors"));
    equal("trace-a", "trace-b");
    cli_works("train " CLI_SMALL "--steps 1 --set generator.width=8 --out wide");
    const cli_result *r = cli_run("compare trace-a wide");
    assert_int_equal(r->code, 10);
    assert_true(cli_matches("first difference: checkpoint, netG.main.0.weight: type or shape differs"
                            "\nin that file * tensors differ*\n", r->out));
    cli_works("train " CLI_SMALL "--steps 5 --trace 3 --set optimizer_d.lr=1e-4 --out trace-c");
    r = cli_run("compare trace-a trace-c");
    assert_int_equal(r->code, 10);
    assert_true(
        cli_matches("first difference: step-000001.safetensors, *: values differ (relative L2 "
                    "*)\nin that file * tensors differ, the most: * relative L2\n",
                    r->out));
    assert_true(
        cli_matches("clgan: error: trace-a and trace-c differ at step-000001.safetensors, *\n"
                    "hint: see the lines above; equal seeds, batches, data and devices give "
                    "equal bits\n",
                    r->err));
}

static void init_from_starts_with_the_weights_of_a_run(void **state)
{
    (void)state;
    cli_works("train " CLI_SMALL "--steps 2 --out first");
    cli_works("train " CLI_SMALL "--steps 1 --trace 1 --init-from first --out second");
    const cli_result *r = cli_run("compare first/checkpoints/step-00000002.safetensors "
                                  "second/trace/step-000000.safetensors --json");
    assert_null(strstr(r->out, "\"tensor\": \"netG"));
    assert_null(strstr(r->out, "\"tensor\": \"netD"));
    assert_non_null(strstr(r->out, "\"tensor\": \"opt")); /* fresh moments */
}

static void profile_prints_a_table_of_kernels(void **state)
{
    (void)state;
    const cli_result *r = cli_works("train " CLI_SMALL "--steps 2 --profile --out profile");
    assert_true(
        cli_matches("*\nkernel * calls * total ms * GFLOP/s * GB/s * share\n*adam*%*", r->err));
    assert_string_equal(r->out, "profile\n");
}

#define MLP "train --model mnist-mlp --data idx --size 16 --batch 4 --steps 6 "

/* pocl: nothing cached against what the other tests left; rusticl, which compiles faster: twice
 * with nothing cached, and stopped and resumed. */
static void empty_caches_give_the_same_bits(void **state)
{
    (void)state;
    cli_env("XDG_CACHE_HOME", cli_absolute("cache-0"));
    cli_works(MLP "--out cold-pocl");
    cli_works(MLP "--out warm-pocl");
    equal("cold-pocl", "warm-pocl");
    for (int i = 1; i <= 3; i++) {
        char cache[32], words[256];
        (void)snprintf(cache, sizeof cache, "cache-%d", i > 2 ? 2 : i);
        (void)snprintf(words, sizeof words, MLP "--out rusticl-%d --steps %d", i, i > 2 ? 3 : 6);
        for (int part = 0; part < (i > 2 ? 2 : 1); part++) {
            cli_env("OCL_ICD_VENDORS", "/etc/OpenCL/vendors/rusticl.icd");
            cli_env("RUSTICL_ENABLE", "llvmpipe");
            cli_env("ASAN_OPTIONS", "detect_leaks=0"); /* Mesa's, not ours */
            cli_env("XDG_CACHE_HOME", cli_absolute(cache));
            cli_works(part == 0 ? words : "train --resume rusticl-3 --steps 6");
        }
    }
    equal("rusticl-1", "rusticl-2");
    equal("rusticl-1", "rusticl-3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_are_numbered_and_complete),
        cmocka_unit_test(epochs_count_passes_over_the_data),
        cmocka_unit_test(a_stopped_and_resumed_run_equals_one_never_stopped),
        cmocka_unit_test(resume_cuts_the_logs_back),
        cmocka_unit_test(what_is_not_known_of_g_yet_is_a_dash),
        cmocka_unit_test(signals_finish_the_step_and_save),
        cmocka_unit_test(traces_hold_every_step_and_show_the_first_difference),
        cmocka_unit_test(init_from_starts_with_the_weights_of_a_run),
        cmocka_unit_test(profile_prints_a_table_of_kernels),
        cmocka_unit_test(empty_caches_give_the_same_bits),
    };
    return cmocka_run_group_tests(tests, cli_setup, cli_teardown);
}
