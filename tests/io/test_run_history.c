/* A run's numbers read back from its log: whole, damaged, long, cut back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/str.h"
#include "io/run_folder.h"
#include "io/run_history.h"
#include "support/fault.h"
#include "support/tmp.h"

static const char *const names[] = { "netG.main.0.weight", "netD.main.0.weight" };
static char dir[64], out[96];

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

static clg_history *make(void)
{
    clg_history *h = NULL;
    assert_ok(clg__history_create(&h, names, 2));
    return h;
}

static void log_row(clg_run *run, uint64_t step, double loss)
{
    const clg_layer_stat layers[] = { { names[0], 1.0, 1.0, 0.5 * loss },
                                      { "netD.main.1.bias", 1.0, 1.0, 7.0 } };
    clg_log_row row = { .step = step,
                        .loss_d = loss,
                        .loss_g = 2.0 * loss,
                        .d_real = 0.75,
                        .d_fake_before = (double)NAN,
                        .d_fake_after = 0.25,
                        .parzen_ll = step == 100 ? 12.5 : (double)NAN,
                        .real_below_half = (double)NAN,
                        .fake_above_half = (double)NAN,
                        .layers = layers,
                        .layer_count = 2 };
    assert_ok(clg__run_log(run, &row));
}

static void rows_come_back_as_they_were_logged(void **state)
{
    (void)state;
    clg_run *run = NULL;
    clg_history *h = make();
    assert_ok(clg__history_read(h, out)); /* no run yet */
    assert_int_equal(clg__history_rows(h), 0);
    assert_ok(clg__run_create(&run, out, "dcgan", ""));
    log_row(run, 50, 1.5);
    assert_ok(clg__history_read(h, out));
    assert_int_equal(clg__history_rows(h), 1);
    log_row(run, 100, 3.0);
    assert_ok(clg__history_read(h, out)); /* only what is new */
    assert_int_equal(clg__history_rows(h), 2);
    assert_int_equal(clg__history_last_step(h), 100);
    const float *parzen = clg__history_column(h, CLG_HISTORY_PARZEN);
    assert_true(isnan(parzen[0]) && parzen[1] == 12.5f);
    assert_true(clg__history_steps(h)[0] == 50.0f && clg__history_steps(h)[1] == 100.0f);
    assert_true(clg__history_column(h, CLG_HISTORY_LOSS_D)[0] == 1.5f);
    assert_true(clg__history_column(h, CLG_HISTORY_LOSS_G)[1] == 6.0f);
    assert_true(clg__history_column(h, CLG_HISTORY_D_REAL)[1] == 0.75f);
    assert_true(isnan(clg__history_column(h, CLG_HISTORY_D_FAKE_BEFORE)[1]));
    assert_true(clg__history_column(h, CLG_HISTORY_D_FAKE_AFTER)[0] == 0.25f);
    assert_true(clg__history_layer(h, 0)[1] == 1.5f);
    assert_true(isnan(clg__history_layer(h, 1)[1])); /* not in the log */
    clg__run_close(&run);
    clg__history_destroy(&h);
    assert_null(h);
}

static void a_log_that_was_cut_back_and_grew_is_read_anew(void **state)
{
    (void)state;
    clg_run *run = NULL;
    clg_history *h = make();
    assert_ok(clg__run_create(&run, out, "dcgan", ""));
    for (uint64_t i = 1; i <= 6; i++) {
        log_row(run, i, 1.25);
    }
    clg__run_close(&run);
    assert_ok(clg__history_read(h, out));
    assert_ok(clg__run_resume(&run, out, 3));
    assert_ok(clg__history_read(h, out));
    assert_int_equal(clg__history_last_step(h), 3);
    assert_int_equal(clg__history_rows(h), 3);
    clg__run_close(&run);
    assert_ok(clg__run_resume(&run, out, 2));
    for (uint64_t i = 3; i <= 9; i++) { /* beyond the old length before the next look */
        log_row(run, i, 8.75);
    }
    assert_ok(clg__history_read(h, out));
    assert_int_equal(clg__history_rows(h), 9);
    assert_true(clg__history_column(h, CLG_HISTORY_LOSS_D)[1] == 1.25f);
    assert_true(clg__history_column(h, CLG_HISTORY_LOSS_D)[2] == 8.75f);
    clg__run_close(&run);
    clg__history_destroy(&h);
}

static void damaged_lines_are_skipped(void **state)
{
    (void)state;
    static const char text[] = "{\"step\":1,\"loss_d\":1}\n"
                               "{\"step\":2,\"loss_d\n"
                               "\n"
                               "[1,2]\n"
                               "{\"step\":\"3\",\"loss_d\":3}\n"
                               "{\"step\":-4,\"loss_d\":4}\n"
                               "{\"step\":2.5,\"loss_d\":4}\n"
                               "{\"step\":5,\"loss_d\":null,\"loss_g\":\"x\",\"layers\":[]}\n"
                               "{\"step\":5,\"loss_d\":6}\n"
                               "{\"step\":4,\"loss_d\":6}\n"
                               "{\"step\":7,\"loss_d\":1e300,\"loss_g\":2,\"layers\":"
                               "{\"netG.main.0.weight\":{\"relative_update\":0.5},"
                               "\"netD.main.0.weight\":3}}\n"
                               "{\"step\":8,\"loss_d\":1}"; /* not complete yet */
    clg_history *h = make();
    size_t used = clg__history_add(h, text, sizeof text - 1);
    assert_string_equal(text + used, "{\"step\":8,\"loss_d\":1}");
    assert_int_equal(clg__history_rows(h), 3);
    const float *steps = clg__history_steps(h), *loss = clg__history_column(h, CLG_HISTORY_LOSS_D);
    assert_true(steps[0] == 1.0f && steps[1] == 5.0f && steps[2] == 7.0f);
    assert_true(loss[0] == 1.0f && isnan(loss[1]) && isnan(loss[2]));
    assert_true(clg__history_layer(h, 0)[2] == 0.5f && isnan(clg__history_layer(h, 1)[2]));
    clg__history_destroy(&h);
}

static void every_cut_of_a_log_is_read_up_to_its_last_whole_line(void **state)
{
    (void)state;
    clg_run *run = NULL;
    uint8_t *log = NULL;
    size_t n = 0, lines = 0;
    char path[160];
    assert_ok(clg__run_create(&run, out, "dcgan", ""));
    for (uint64_t i = 1; i <= 3; i++) {
        log_row(run, i, 1.0);
    }
    clg__run_close(&run);
    (void)snprintf(path, sizeof path, "%s/log.jsonl", out);
    assert_ok(clg__os_read_file(path, 1 << 20, &log, &n));
    for (size_t cut = 0; cut <= n; cut++) {
        clg_history *h = make();
        lines += cut > 0 && log[cut - 1] == '\n';
        assert_true(clg__history_add(h, (const char *)log, cut) <= cut);
        assert_int_equal(clg__history_rows(h), lines);
        clg__history_destroy(&h);
    }
    assert_int_equal(lines, 3);
    clg__free(log);
}

static void a_long_log_is_thinned_by_averaging(void **state)
{
    (void)state;
    enum { N = 5 * CLG_HISTORY_MAX + 3 };
    clg_str text = { 0 };
    clg_history *h = make();
    for (int i = 1; i <= N; i++) { /* the loss is 1 or 3 by turns */
        clg__str_add(&text, "{\"step\":%d,\"loss_d\":%d%s}\n", i, i % 2 ? 1 : 3,
                     i == 9 ? ",\"loss_g\":5" : "");
    }
    assert_false(text.failed);
    assert_int_equal(clg__history_add(h, text.text, text.len), text.len);
    size_t rows = clg__history_rows(h);
    assert_int_equal(rows, (N + 7) / 8);
    const float *steps = clg__history_steps(h), *loss = clg__history_column(h, CLG_HISTORY_LOSS_D);
    for (size_t i = 0; i + 1 < rows; i++) {
        assert_true(steps[i] == 8.0f * (float)i + 4.5f);
        assert_true(loss[i] == 2.0f);
    }
    assert_true(steps[rows - 1] == (float)N - 1.0f); /* of three rows */
    assert_true(clg__history_column(h, CLG_HISTORY_LOSS_G)[1] == 5.0f);
    assert_int_equal(clg__history_last_step(h), N);
    clg__str_free(&text);
    clg__history_destroy(&h);
}

static void without_memory_there_is_no_history(void **state)
{
    (void)state;
    int status = CLG_E_MEMORY;
    for (long i = 1; status != CLG_OK; i++) {
        clg_history *h = NULL;
        clg__alloc_fail(i, true);
        status = clg__history_create(&h, names, 2);
        clg__alloc_fail(0, false);
        assert_int_equal(h != NULL, status == CLG_OK);
        assert_true(status == CLG_OK || status == CLG_E_MEMORY);
        clg__history_destroy(&h);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, drop_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_come_back_as_they_were_logged),
        TEST(a_log_that_was_cut_back_and_grew_is_read_anew),
        TEST(damaged_lines_are_skipped),
        TEST(every_cut_of_a_log_is_read_up_to_its_last_whole_line),
        TEST(a_long_log_is_thinned_by_averaging),
        TEST(without_memory_there_is_no_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
