/* Run folders: creation and its faults, logs and cutting them back, pruning, finding checkpoints.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/model.h"
#include "base/os.h"
#include "io/run_folder.h"
#include "io/safetensors.h"
#include "support/fault.h"
#include "support/tmp.h"

static char dir[64];   /* the test's own */
static char out[128];  /* dir/run */

static int make_dir(void **state)
{
    (void)state;
    test_tmp_make(dir);
    (void)snprintf(out, sizeof out, "%s/run", dir);
    return 0;
}

static int drop_dir(void **state)
{
    (void)state;
    test_tmp_remove(dir);
    return 0;
}

/* Content of <out>/name; clg__free it. */
static char *read_text(const char *name)
{
    char *path = clg__os_join(out, name);
    uint8_t *data = NULL;
    size_t n = 0;
    assert_ok(clg__os_read_file(path, 1 << 20, &data, &n));
    clg__free(path);
    return (char *)data;
}

static void assert_file(const char *name, const char *want)
{
    char *text = read_text(name);
    assert_string_equal(text, want);
    clg__free(text);
}

static void write_text(const char *name, const char *text)
{
    char *path = clg__os_join(out, name);
    assert_ok(clg__os_write_atomic(path, text, strlen(text)));
    clg__free(path);
}

#define HEAD "step,epoch,loss_d,loss_g,d_real,d_fake_before,d_fake_after,images_per_s,elapsed_s,"   \
             "parzen_ll,real_below_half,fake_above_half\n"

static void a_new_folder_has_its_parts(void **state)
{
    (void)state;
    clg_run *run = NULL;
    char path[CLG_PATH_MAX_LEN];
    assert_ok(clg__run_create(&run, out, "dcgan", "model:\n"));
    assert_string_equal(clg__run_dir(run), out);
    assert_file("config.yaml", "model:\n");
    assert_file("log.csv", HEAD);
    assert_file("log.jsonl", "");
    clg__run_checkpoint_path(run, 42, path);
    assert_non_null(strstr(path, "/run/checkpoints/step-00000042.safetensors"));
    clg__run_trace_path(run, 1, path);
    assert_non_null(strstr(path, "/run/trace/step-000001.safetensors"));
    assert_ok(clg__st_write(path, NULL, 0, NULL, 0));
    assert_ok(clg__run_message(run, "hello"));
    char *text = read_text("clgan.log");
    assert_non_null(strstr(text, "Z hello\n"));
    assert_int_equal(text[4], '-');
    assert_int_equal(text[10], 'T');
    clg__free(text);
    clg__run_close(&run);
    assert_null(run);
}

static void an_empty_folder_and_slashes_at_the_end_are_fine(void **state)
{
    (void)state;
    clg_run *run = NULL;
    char slashed[160];
    assert_ok(clg__os_mkdirs(out, 0777));
    (void)snprintf(slashed, sizeof slashed, "%s//", out);
    assert_ok(clg__run_create(&run, slashed, "dcgan", ""));
    assert_string_equal(clg__run_dir(run), out);
    clg__run_close(&run);
}

static void existing_content_is_never_overwritten(void **state)
{
    (void)state;
    clg_run *run = NULL;
    char file[160];
    assert_ok(clg__run_create(&run, out, "dcgan", "first"));
    clg__run_close(&run);
    assert_fault(clg__run_create(&run, out, "dcgan", "second"), CLG_E_USAGE,
                 "the folder is not empty", "--resume");
    assert_null(run);
    assert_file("config.yaml", "first");
    (void)snprintf(file, sizeof file, "%s/config.yaml", out);
    assert_fault(clg__run_create(&run, file, "dcgan", ""), CLG_E_USAGE, "is a file, not a folder",
                 "another name");
    assert_fault(clg__run_create(&run, "", "dcgan", ""), CLG_E_USAGE, "--out", "");
    char longer[1100];
    memset(longer, 'a', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    assert_fault(clg__run_create(&run, longer, "dcgan", ""), CLG_E_USAGE, "a name of 1099 bytes",
                 "");
}

static void a_place_that_cannot_be_written_is_named(void **state)
{
    (void)state;
    clg_run *run = NULL;
    char below[200];
    char file[160];
    (void)snprintf(file, sizeof file, "%s/plain", dir);
    assert_ok(clg__os_write_atomic(file, "", 0));
    (void)snprintf(below, sizeof below, "%s/run", file);
    assert_fault(clg__run_create(&run, below, "dcgan", ""), CLG_E_IO, file, "--out DIR");
    assert_fault(clg__run_create(&run, "/proc/no-run", "dcgan", ""), CLG_E_IO, "/proc/no-run",
                 "--out DIR");
    assert_null(run);
}

static void a_failed_creation_leaves_nothing(void **state)
{
    (void)state;
    int status = CLG_E_MEMORY;
    for (long i = 1; status != CLG_OK; i++) {
        clg_run *run = NULL;
        clg__alloc_fail(i, false);
        status = clg__run_create(&run, out, "dcgan", "x");
        clg__alloc_fail(0, false);
        assert_true(status == CLG_OK || status == CLG_E_MEMORY);
        assert_int_equal(clg__os_stat(out).exists, status == CLG_OK);
        clg__run_close(&run);
    }
}

static void without_a_name_the_next_number_is_taken(void **state)
{
    (void)state;
    clg_run *run = NULL;
    char first[CLG_PATH_MAX_LEN];
    char model[80];
    (void)snprintf(model, sizeof model, "%s", dir); /* unique, so the numbers begin at 1 */
    assert_ok(clg__run_create(&run, NULL, model, ""));
    (void)snprintf(first, sizeof first, "runs/%s-1", model);
    assert_string_equal(clg__run_dir(run), first);
    clg__run_close(&run);
    assert_ok(clg__run_create(&run, NULL, model, ""));
    assert_int_equal(clg__run_dir(run)[strlen(first) - 1], '2');
    test_tmp_remove(clg__run_dir(run));
    test_tmp_remove(first);
    clg__run_close(&run);
}

static void log_rows(clg_run *run, uint64_t first, uint64_t last)
{
    const clg_layer_stat layers[] = {
        { "netG.main.0.weight", 1.5, 0.25, 1e-3 },
        { "netD.main.0.weight", 2, (double)NAN, 0 },
    };
    for (uint64_t i = first; i <= last; i++) {
        clg_log_row row = { .step = i * 50, .epoch = 0.5, .loss_d = 1.386, .loss_g = 0.7,
                            .d_real = 0.5, .d_fake_before = 0.25, .d_fake_after = 0.125,
                            .images_per_s = 1250, .elapsed_s = (double)INFINITY, .layers = layers,
                            .layer_count = 2, .parzen_ll = (double)NAN,
                            .real_below_half = (double)NAN, .fake_above_half = (double)NAN };
        assert_ok(clg__run_log(run, &row));
    }
}

static void rows_go_to_both_logs(void **state)
{
    (void)state;
    clg_run *run = NULL;
    assert_ok(clg__run_create(&run, out, "dcgan", ""));
    log_rows(run, 1, 1);
    clg__run_close(&run);
    assert_file("log.csv", HEAD "50,0.5,1.386,0.7,0.5,0.25,0.125,1250,nan,nan,nan,nan\n");
    char *text = read_text("log.jsonl");
    assert_non_null(strstr(text, "{\"step\":50,\"epoch\":0.5,\"loss_d\":1.386,"));
    assert_non_null(strstr(text, "\"elapsed_s\":null,\"layers\":{\"netG.main.0.weight\":"
                                 "{\"weight_norm\":1.5,\"grad_norm\":0.25,"
                                 "\"relative_update\":0.001},\"netD.main.0.weight\":"
                                 "{\"weight_norm\":2,\"grad_norm\":null,"
                                 "\"relative_update\":0}}}\n"));
    clg__free(text);
}

static void monitors_are_in_the_rows_that_have_them(void **state)
{
    (void)state;
    clg_run *run = NULL;
    clg_log_row row = { .step = 500, .parzen_ll = 123.5, .real_below_half = 0.25 };
    assert_ok(clg__run_create(&run, out, "dcgan", ""));
    log_rows(run, 1, 1);
    assert_ok(clg__run_log(run, &row));
    clg__run_close(&run);
    char *csv = read_text("log.csv"), *text = read_text("log.jsonl");
    assert_non_null(strstr(csv, "\n500,0,0,0,0,0,0,0,0,123.5,0.25,0\n"));
    assert_non_null(strstr(text, ",\"parzen_ll\":123.5,\"real_below_half\":0.25,"
                                 "\"fake_above_half\":0,\"layers\":{"));
    assert_true(strstr(text, "parzen_ll") > strchr(text, '\n')); /* not in the first row */
    clg__free(csv);
    clg__free(text);
}

/* A run of a version whose table had fewer columns goes on under today's head. */
static void an_older_table_gets_the_head_of_today(void **state)
{
    (void)state;
    clg_run *run = NULL;
    assert_ok(clg__run_create(&run, out, "dcgan", ""));
    clg__run_close(&run);
    write_text("log.csv", "step,epoch,loss_d\n50,1,2\n100,2,3\n");
    assert_ok(clg__run_resume(&run, out, 50));
    clg__run_close(&run);
    assert_file("log.csv", HEAD "50,1,2\n");
}

static void resume_cuts_the_logs_back_to_its_step(void **state)
{
    (void)state;
    clg_run *run = NULL;
    assert_ok(clg__run_create(&run, out, "dcgan", ""));
    log_rows(run, 1, 2);
    char *csv = read_text("log.csv");
    char *jsonl = read_text("log.jsonl");
    log_rows(run, 3, 5);
    clg__run_close(&run);
    assert_ok(clg__run_resume(&run, out, 149));
    assert_file("log.csv", csv);
    assert_file("log.jsonl", jsonl);
    log_rows(run, 3, 3);
    clg__run_close(&run);
    assert_ok(clg__run_resume(&run, out, 150));
    char *longer = read_text("log.csv");
    assert_true(strlen(longer) > strlen(csv) && strncmp(longer, csv, strlen(csv)) == 0);
    clg__free(longer);
    clg__run_close(&run);
    assert_ok(clg__run_resume(&run, out, 0));
    assert_file("log.csv", HEAD);
    assert_file("log.jsonl", "");
    clg__run_close(&run);
    clg__free(csv);
    clg__free(jsonl);
}

static void resume_drops_partial_and_damaged_lines(void **state)
{
    (void)state;
    clg_run *run = NULL;
    assert_ok(clg__run_create(&run, out, "dcgan", ""));
    clg__run_close(&run);
    write_text("log.csv", HEAD "50,1\ngarbage\n\n100,2\n99999999999999999999999,1\n150,");
    write_text("log.jsonl", "{\"step\":50,\"a\":1}\n{\"step\":60,\"a\"\n{\"step\":x,}\n{\"step\":"
                            "100,}\n{\"step\":150");
    assert_ok(clg__run_resume(&run, out, 1000));
    clg__run_close(&run);
    assert_file("log.csv", HEAD "50,1\n100,2\n");
    assert_file("log.jsonl", "{\"step\":50,\"a\":1}\n{\"step\":100,}\n");
    assert_fault(clg__run_resume(&run, "no/such/run", 1), CLG_E_USAGE, "is no run folder",
                 "runs/dcgan-1");
}

static void a_grid_is_written_below_samples(void **state)
{
    (void)state;
    clg_run *run = NULL;
    static const uint8_t images[2 * 4 * 4] = { 255 };
    char path[200];
    assert_ok(clg__run_create(&run, out, "dcgan", ""));
    assert_ok(clg__run_grid(run, 500, images, 2, 4, 4, 1, 1, 2));
    (void)snprintf(path, sizeof path, "%s/samples/step-00000500.png", out);
    assert_true(clg__os_stat(path).size > 50);
    clg__run_close(&run);
}

/* ---- checkpoints ---- */

static void save(clg_run *run, uint64_t step)
{
    char path[CLG_PATH_MAX_LEN];
    static const float x = 1;
    const clg_st_tensor t = { .name = "x", .dtype = CLG_ST_F32, .bytes = 4, .data = &x };
    clg__run_checkpoint_path(run, step, path);
    assert_ok(clg__st_write(path, &t, 1, NULL, 0));
}

static bool exists(clg_run *run, uint64_t step)
{
    char path[CLG_PATH_MAX_LEN];
    clg__run_checkpoint_path(run, step, path);
    return clg__os_stat(path).exists;
}

static void pruning_keeps_the_last_every_nth_and_a_named_one(void **state)
{
    (void)state;
    clg_run *run = NULL;
    assert_ok(clg__run_create(&run, out, "dcgan", ""));
    const uint64_t steps[] = { 100, 200, 300, 400, 500, 100000000 };
    for (int i = 0; i < 6; i++) {
        save(run, steps[i]);
    }
    write_text("checkpoints/step-1.safetensors", "not ours");
    write_text("checkpoints/notes.txt", "not ours");
    assert_ok(clg__run_prune(run, 2, 200, ""));
    assert_false(exists(run, 100));
    assert_true(exists(run, 200));
    assert_false(exists(run, 300));
    assert_true(exists(run, 400));
    assert_true(exists(run, 500));
    assert_true(exists(run, 100000000)); /* nine digits sort as a number, not as text */
    assert_file("checkpoints/notes.txt", "not ours");
    char spared[CLG_PATH_MAX_LEN];
    clg__run_checkpoint_path(run, 400, spared);
    assert_ok(clg__run_prune(run, 1, 0, spared));
    assert_false(exists(run, 500));
    assert_true(exists(run, 400));
    assert_true(exists(run, 100000000));
    clg__run_close(&run);
}

typedef struct seen_log {
    int warnings;
    char last[400];
} seen_log;

static void note_log(void *user, enum clg_log_level level, const char *line)
{
    seen_log *seen = user;
    seen->warnings += level == CLG_LOG_WARN;
    (void)snprintf(seen->last, sizeof seen->last, "%s", line);
}

static void the_newest_valid_checkpoint_is_found(void **state)
{
    (void)state;
    clg_run *run = NULL;
    char path[CLG_PATH_MAX_LEN];
    char again[CLG_PATH_MAX_LEN];
    uint64_t step = 0;
    seen_log seen = { 0 };
    assert_ok(clg__run_create(&run, out, "dcgan", ""));
    assert_fault(clg__run_find_checkpoint(out, path, &step), CLG_E_CHECKPOINT,
                 "no usable checkpoint among 0", "first checkpoint");
    save(run, 50);
    save(run, 100);
    assert_ok(clg__run_find_checkpoint(out, path, &step));
    assert_int_equal(step, 100);
    write_text("checkpoints/step-00000150.safetensors", "broken");
    clg__log_set(note_log, &seen);
    assert_ok(clg__run_find_checkpoint(out, path, &step));
    clg__log_set(NULL, NULL);
    assert_int_equal(step, 100);
    assert_int_equal(seen.warnings, 1);
    assert_non_null(strstr(seen.last, "step-00000150.safetensors: broken checkpoint"));
    assert_ok(clg__run_find_checkpoint(path, again, &step));
    assert_string_equal(path, again);
    assert_int_equal(step, 100);
    write_text("checkpoints/step-00000050.safetensors", "");
    write_text("checkpoints/step-00000100.safetensors", "");
    assert_fault(clg__run_find_checkpoint(out, path, &step), CLG_E_CHECKPOINT,
                 "no usable checkpoint among 3", "broken");
    assert_fault(clg__run_find_checkpoint(again, path, &step), CLG_E_CHECKPOINT,
                 "broken checkpoint", "");
    assert_fault(clg__run_find_checkpoint("no/such/run", path, &step), CLG_E_CHECKPOINT,
                 "no/such/run: no such run folder or checkpoint", "clgan train");
    clg__run_close(&run);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, drop_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_folder_has_its_parts),
        TEST(an_empty_folder_and_slashes_at_the_end_are_fine),
        TEST(existing_content_is_never_overwritten),
        TEST(a_place_that_cannot_be_written_is_named),
        TEST(a_failed_creation_leaves_nothing),
        TEST(without_a_name_the_next_number_is_taken),
        TEST(rows_go_to_both_logs),
        TEST(monitors_are_in_the_rows_that_have_them),
        TEST(an_older_table_gets_the_head_of_today),
        TEST(resume_cuts_the_logs_back_to_its_step),
        TEST(resume_drops_partial_and_damaged_lines),
        TEST(a_grid_is_written_below_samples),
        TEST(pruning_keeps_the_last_every_nth_and_a_named_one),
        TEST(the_newest_valid_checkpoint_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
