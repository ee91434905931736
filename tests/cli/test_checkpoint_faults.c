/* Checkpoints that are cut, changed or of another model; a disk that fills up; a loss that is no
 * number: what the program says, and which checkpoint survives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/os.h"
#include "support/cli_run.h"

#define LAST "run/checkpoints/step-00000008.safetensors"
static const char other_checkpoint[] = "use another checkpoint of the run; the file was cut*";

static int train_once(void **state)
{
    if (cli_setup(state) != 0) {
        return -1;
    }
    (void)cli_works("train " CLI_SMALL "--steps 8 --out run");
    return 0;
}

static void a_cut_checkpoint_is_refused(void **state)
{
    (void)state;
    size_t n = 0;
    uint8_t *bytes = cli_read(LAST, &n);
    const struct {
        size_t n;
        const char *why;
    } cuts[] = { { 0, "*" },
                 { 5, "*" },
                 { 3000, "its header is longer than the file" },
                 { n / 2, "*" },
                 { n - 1, "*" } };
    char message[256];
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        cli_write("cut.safetensors", bytes, cuts[i].n);
        (void)snprintf(message, sizeof message, "cut.safetensors: broken checkpoint: %s",
                       cuts[i].why);
        cli_fails("info cut.safetensors", 7, message, other_checkpoint);
        cli_fails("sample cut.safetensors", 7, message, other_checkpoint);
    }
    cli_fails("train " CLI_SMALL "--init-from cut.safetensors", 7, message, other_checkpoint);
    cli_fails("compare cut.safetensors " LAST, 7, message, other_checkpoint);
    clg__free(bytes);
}

static void a_changed_checkpoint_is_refused(void **state)
{
    (void)state;
    size_t n = 0;
    uint8_t *bytes = cli_read(LAST, &n);
    bytes[n - 1000] ^= 1u;
    cli_write("changed.safetensors", bytes, n);
    cli_fails("sample changed.safetensors", 7,
              "changed.safetensors: broken checkpoint: its checksum does not hold",
              other_checkpoint);
    clg__free(bytes);
    cli_fails("info nowhere", 7, "nowhere: no such run folder or checkpoint",
              "`clgan train` makes run folders such as runs/dcgan-1");
    cli_fails("info idx", 7, "idx: no usable checkpoint among 0",
              "is this a run folder, and did the run reach its first checkpoint?");
}

static void copy_run(const char *to, const char *newest)
{
    static const char *const files[] = { "config.yaml", "log.csv", "log.jsonl", "clgan.log",
                                         "checkpoints/step-00000006.safetensors" };
    char from[128], name[128];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(from, sizeof from, "run/%s", files[i]);
        (void)snprintf(name, sizeof name, "%s/%s", to, files[i]);
        cli_copy(from, name);
    }
    if (newest != NULL) {
        (void)snprintf(name, sizeof name, "%s/checkpoints/step-00000008.safetensors", to);
        cli_copy(newest, name);
    }
}

static void a_resume_takes_the_newest_checkpoint_that_holds(void **state)
{
    (void)state;
    cli_write_text("broken", "no checkpoint");
    copy_run("again", "broken");
    const cli_result *r = cli_works("train --resume again --steps 8");
    assert_non_null(strstr(r->err, "warning: skipped: again/checkpoints/step-00000008.safetensors: "
                                   "broken checkpoint: "));
    assert_non_null(strstr(r->err, "resumed: again at step 6\n"));
    assert_non_null(strstr(cli_works("compare again run")->out, "equal: 1 file(s)"));
    copy_run("none", "broken");
    cli_copy("broken", "none/checkpoints/step-00000006.safetensors");
    cli_fails("train --resume none --steps 9", 7, "none: no usable checkpoint among 2",
              "all of them are broken; start again, or copy them from a backup");
}

static void a_checkpoint_of_another_model_seed_or_batch_is_refused(void **state)
{
    (void)state;
    cli_fails("train --resume run --steps 9 --model mnist-mlp", 7,
              "run holds model dcgan, not mnist-mlp",
              "leave --model away, or train anew without --resume");
    cli_fails("train --resume run --steps 9 --seed 5", 7,
              LAST ": written with seed 1, this run has seed 5",
              "resume with the same seed, or start a new run with --init-from");
    cli_fails("train --resume run --steps 9 --batch 5", 7,
              LAST ": written with batch 4, this run has batch 5",
              "resume with the same batch, or start a new run with --init-from");
    cli_fails("train --resume run --steps 9 --size 32", 7,
              LAST ": written with image size 16, this run has image size 32",
              "resume with the same image size, or start a new run with --init-from");
    cli_fails("train --resume run --steps 9 --set generator.width=8", 7,
              LAST ": layer main.0 of its generator differs from this model's main.0",
              "resume with the nets as they are, or start a new run");
    cli_fails("train --model mnist-mlp --data idx --size 16 --init-from run", 7,
              LAST ": tensor netG.main.* is not one of the model",
              "give the model, size and width that it was trained with (clgan info)");
    cli_fails("sample run --model mnist-mlp", 7, LAST " holds model dcgan, not mnist-mlp",
              "leave --model away: the checkpoint says what it holds");
    cli_fails(
        "train --resume " LAST " --steps 9", 2, LAST " is not a run folder",
        "give the folder that holds config.yaml and checkpoints/; a single checkpoint starts a "
        "new run with --init-from");
    cli_fails("train --resume run --steps 4", 2, "run is at step 8 already, beyond the 4 asked for",
              "--steps counts from the start of the run: give more than 8");
}

static size_t count_names(const char *dir, const char *part)
{
    char **names = NULL;
    size_t n = 0, found = 0;
    assert_int_equal(clg__os_list(dir, &names, &n), CLG_OK);
    for (size_t i = 0; i < n; i++) {
        found += strstr(names[i], part) != NULL;
    }
    clg__os_list_free(&names, n);
    return found;
}

/* A limit on file sizes fails writes as a full disk does. A checkpoint takes about 170 kB. */
static void a_disk_that_fills_up_leaves_the_previous_checkpoint(void **state)
{
    (void)state;
    copy_run("full", LAST);
    cli_file_limit(100000);
    cli_fails("train --resume full --steps 16", 6,
              "full/checkpoints/step-00000012.safetensors: cannot write: File too large",
              "make room, then go on from full/checkpoints/step-00000008.safetensors: clgan train "
              "--resume full");
    assert_int_equal(count_names("full/checkpoints", "tmp"), 0);
    assert_int_equal(count_names("full/checkpoints", "step-"), 2);
    assert_non_null(strstr(cli_works("compare full run")->out, "equal: 1 file(s)"));
    const cli_result *r = cli_works("train --resume full --steps 9");
    assert_non_null(strstr(r->err, "resumed: full at step 8\n"));
    cli_file_limit(20000);
    cli_fails(
        "sample run --count 100 --out big.npy", 6, "big.npy: cannot write: File too large",
        "raise the limit on file sizes (ulimit -f); files written before this one are intact");
    assert_int_equal(count_names(".", "big.npy"), 0);
}

/* Eight linear layers without norm, and steps of 1e6: the logits overflow at once. */
static void a_loss_that_is_no_number_stops_the_run(void **state)
{
    (void)state;
    cli_write_text("deep.yaml",
                   "model: { name: deep }\nlatent: { size: 8 }\n"
                   "generator:\n  layers:\n    - { op: linear, out: pixels, act: tanh }\n"
                   "discriminator:\n  layers:\n"
                   "    - { op: linear, out: 16 }\n    - { op: linear, out: 16 }\n"
                   "    - { op: linear, out: 16 }\n    - { op: linear, out: 16 }\n"
                   "    - { op: linear, out: 16 }\n    - { op: linear, out: 16 }\n"
                   "    - { op: linear, out: 16 }\n    - { op: linear, out: 1 }\n");
    cli_fails("train --model deep.yaml --data idx --size 16 --batch 4 --steps 30 --out nan "
              "--set optimizer_d.lr=1e6 --set train.log_every=1",
              8, "loss_* is * at step 1",
              "lower optimizer_g.lr and optimizer_d.lr; no checkpoint was written by this run");
    assert_int_equal(count_names("nan/checkpoints", "step-"), 0);
    /* Good until step 6, then the same. */
    cli_works("train --model deep.yaml --data idx --size 16 --batch 4 --steps 6 --out later");
    cli_fails("train --resume later --steps 30 --set optimizer_d.lr=1e6 --set train.log_every=1", 8,
              "loss_* is * at step 7",
              "lower optimizer_g.lr and optimizer_d.lr; the last finite checkpoint is "
              "later/checkpoints/step-00000006.safetensors");
    assert_int_equal(count_names("later/checkpoints", "step-"), 1);
    cli_works("info later");
    size_t n = 0;
    char *log = (char *)cli_read("later/clgan.log", &n);
    assert_non_null(strstr(log, " at step 7\n"));
    clg__free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_checkpoint_is_refused),
        cmocka_unit_test(a_changed_checkpoint_is_refused),
        cmocka_unit_test(a_resume_takes_the_newest_checkpoint_that_holds),
        cmocka_unit_test(a_checkpoint_of_another_model_seed_or_batch_is_refused),
        cmocka_unit_test(a_disk_that_fills_up_leaves_the_previous_checkpoint),
        cmocka_unit_test(a_loss_that_is_no_number_stops_the_run),
    };
    return cmocka_run_group_tests(tests, train_once, cli_teardown);
}
