/* Which convolutions of a model are measured, and when a run does so by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "gan/conv_jobs.h"
#include "nn/conv_tune.h"
#include "support/gan_support.h"
#include "support/net_support.h"
#include "support/rt_support.h"

static uint32_t said;

static void count_lines(void *user, enum clg_log_level level, const char *line)
{
    (void)user;
    said += level != CLG_LOG_DEBUG && strstr(line, "measuring which algorithms") != NULL;
}

/* The preset at its own widths on 32x32 images, so that its layers are worth measuring. */
static void load(const char *name, clg_model_desc *desc, clg_model_plan *plan)
{
    TEST_OK(clg__model_load(name, desc));
    const clg_data_shape shape = { .size = 32, .channels = 3 };
    TEST_OK(clg__model_expand(desc, &shape, plan));
}

static void jobs_are_listed_once_and_the_largest_first(void **state)
{
    (void)state;
    const clg_ops *ops = test_ops();
    clg_model_desc *desc = clg__alloc(1, sizeof *desc);
    clg_model_plan *plan = clg__alloc(1, sizeof *plan);
    clg_conv_task *task = NULL, *fewer = NULL;
    clg_conv_list known = { 0 };
    uint32_t n = 0, m = 0;
    load("dcgan", desc, plan);
    TEST_OK(clg__conv_jobs(ops, desc, plan, NULL, 0.0, &task, &n));
    print_message("%u jobs that can be done in several ways\n", n);
    for (uint32_t i = 0; i < n; i++) {
        assert_true(clg__conv_tune_candidates(ops, &task[i].g, task[i].job, CLG_TILE_COUNT) > 1);
        assert_true(i == 0 || clg__conv_flops(&task[i].g) <= clg__conv_flops(&task[i - 1].g));
        for (uint32_t k = 0; k < i; k++) {
            assert_false(clg__conv_task_is(&task[k], &task[i].g, task[i].job));
        }
    }
    TEST_OK(clg__conv_jobs(ops, desc, plan, NULL, 1e30, &fewer, &m));
    assert_int_equal(m, 0);
    clg__free(fewer);
    if (n > 0) { /* a known one is not listed again */
        const clg_conv_choice c = clg__conv_choice_of(&task[0].g, task[0].job, CLG_CONV_DIRECT);
        TEST_OK(clg__conv_list_set(&known, &c, NULL));
        TEST_OK(clg__conv_jobs(ops, desc, plan, &known, 0.0, &fewer, &m));
        assert_int_equal(m, n - 1);
        assert_false(m > 0 && clg__conv_task_is(&fewer[0], &task[0].g, task[0].job));
        clg__free(fewer);
    }
    clg__conv_list_free(&known);
    clg__free(task);
    clg__free(desc);
    clg__free(plan);
}

static void a_model_without_convolutions_has_no_jobs(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("mnist-mlp");
    clg_model_plan *plan = test_gan_plan(desc, 1);
    clg_conv_task *task = NULL;
    uint32_t n = 9;
    TEST_OK(clg__conv_jobs(test_ops(), desc, plan, NULL, 0.0, &task, &n));
    assert_int_equal(n, 0);
    clg__free(task);
    clg__free(desc);
    clg__free(plan);
}

static void short_runs_and_small_layers_measure_nothing(void **state)
{
    (void)state;
    clg_conv_list record = { 0 };
    clg_model_desc *small = test_gan_desc("dcgan"), *desc = clg__alloc(1, sizeof *desc);
    clg_model_plan *plan = test_gan_plan(small, 3);
    said = 0;
    clg__conv_first_use(test_ops(), small, plan, 1000000, &record);
    assert_int_equal(record.count, 0);
    load("dcgan", desc, plan);
    clg__conv_first_use(test_ops(), desc, plan, CLG_CONV_FIRST_USE_STEPS - 1, &record);
    assert_int_equal(record.count, 0);
    assert_int_equal(said, 0);
    clg__free(small);
    clg__free(desc);
    clg__free(plan);
}

static void a_long_run_measures_once_and_keeps_it(void **state)
{
    (void)state;
    const clg_ops *ops = test_ops();
    clg_conv_list record = { 0 }, kept = { 0 };
    clg_conv_task *task = NULL;
    clg_model_desc *desc = clg__alloc(1, sizeof *desc);
    clg_model_plan *plan = clg__alloc(1, sizeof *plan);
    uint32_t n = 0;
    load("dcgan", desc, plan);
    desc->train.batch = 8; /* one job or two above the least work */
    TEST_OK(clg__conv_jobs(ops, desc, plan, NULL, 2e8, &task, &n));
    said = 0;
    clg__conv_first_use(ops, desc, plan, CLG_CONV_FIRST_USE_STEPS, &record);
    assert_int_equal(said, n > 0);
    assert_true(record.count <= n && (n == 0 || record.count > 0));
    assert_int_equal(clg__conv_record_read(ops->rt, &kept), n > 0);
    assert_int_equal(kept.count, record.count);
    if (record.count == n) { /* not cut short by the time */
        said = 0;
        clg__conv_first_use(ops, desc, plan, CLG_CONV_FIRST_USE_STEPS, &record);
        assert_int_equal(said, 0);
    }
    clg__conv_list_free(&record);
    clg__conv_list_free(&kept);
    clg__free(task);
    clg__free(desc);
    clg__free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_are_listed_once_and_the_largest_first),
        cmocka_unit_test(a_model_without_convolutions_has_no_jobs),
        cmocka_unit_test(short_runs_and_small_layers_measure_nothing),
        cmocka_unit_test(a_long_run_measures_once_and_keeps_it),
    };
    clg__log_set(count_lines, NULL);
    return cmocka_run_group_tests(tests, test_records_open, test_records_close);
}
