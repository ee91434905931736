/* What a run in training draws: the courses of every model, a chart per grid of a drawn system. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/os.h"
#include "gan/trainer_internal.h"
#include "io/image_file.h"
#include "support/gan_support.h"
#include "support/net_support.h"
#include "support/rt_support.h"
#include "support/expand.h"

static const char *const courses[] = { "plots/loss.png", "plots/d.png", "plots/weights.png" };

static void assert_picture(const char *dir, const char *name, uint32_t w, uint32_t h)
{
    size_t n = 0;
    uint8_t *bytes = test_gan_read(dir, name, &n);
    clg_image image = { 0 };
    TEST_OK(clg__image_decode(bytes, n, name, &image));
    assert_int_equal(image.w, w);
    assert_int_equal(image.h, h);
    clg__free(image.pixels);
    clg__free(bytes);
}

/* How often a text stands in the run's clgan.log. */
static unsigned count_in_log(const char *dir, const char *text)
{
    size_t n = 0;
    unsigned count = 0;
    char *log = (char *)test_gan_read(dir, "clgan.log", &n);
    for (const char *p = log; (p = strstr(p, text)) != NULL; p++) {
        count++;
    }
    clg__free(log);
    return count;
}

typedef struct watcher {
    const char *remove; /* folder to take away at the first log line */
    unsigned grids, calls, stop_after, warnings;
} watcher;

static void on_progress(void *user, const clg_progress *p)
{
    const watcher *w = user;
    if (w->remove != NULL && p->step == 1) {
        TEST_OK(clg__os_remove(w->remove));
    }
}

static void on_saved(void *user, const char *what, const char *path)
{
    assert_true(clg__os_stat(path).is_file);
    ((watcher *)user)->grids += strcmp(what, "grid") == 0;
}

static int on_stop(void *user)
{
    watcher *w = user;
    return ++w->calls == w->stop_after ? 15 : 0;
}

static void on_log(void *user, enum clg_log_level level, const char *line)
{
    ((watcher *)user)->warnings +=
        level == CLG_LOG_WARN && strstr(line, "training goes on") != NULL;
}

static int run(clg_trainer *t, watcher *w)
{
    clg_trainer_events e = {
        .user = w, .progress = on_progress, .saved = on_saved, .stop_signal = on_stop
    };
    clg__log_set(on_log, w);
    int status = clg__trainer_run(t, &e);
    clg__log_set(NULL, NULL);
    return status;
}

static void a_resumed_run_has_the_courses_of_a_straight_one(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("dcgan");
    desc->train.steps = 12; /* lines at 4, 8, 12 */
    clg_dataset *ds = test_gan_data(20, 3);
    char *dir = test_gan_path("stopped"), *straight = test_gan_path("straight");
    watcher w = { .stop_after = 8 };
    bool other = false;
    clg_trainer *t = test_gan_trainer_at(desc, 3, ds, dir, 0);
    assert_int_equal(run(t, &w), CLG_E_INTERRUPTED);
    clg__trainer_destroy(&t);
    for (int i = 0; i < 3; i++) { /* drawn at the stop too */
        char *path = clg__os_join(dir, courses[i]);
        assert_true(clg__os_stat(path).is_file);
        TEST_OK(clg__os_remove(path));
        clg__free(path);
    }
    w = (watcher){ 0 };
    t = test_gan_trainer_at(desc, 3, ds, NULL, 0);
    TEST_OK(clg__trainer_resume(t, dir, &other));
    TEST_OK(run(t, &w));
    clg__trainer_destroy(&t);
    t = test_gan_trainer_at(desc, 3, ds, straight, 0);
    TEST_OK(run(t, &w));
    clg__trainer_destroy(&t);
    for (int i = 0; i < 3; i++) {
        size_t n = 0, n2 = 0;
        assert_picture(dir, courses[i], 860, i == 2 ? 700 : 420);
        uint8_t *a = test_gan_read(dir, courses[i], &n);
        uint8_t *b = test_gan_read(straight, courses[i], &n2);
        assert_int_equal(n, n2);
        assert_memory_equal(a, b, n);
        clg__free(a);
        clg__free(b);
    }
    assert_int_equal(w.warnings, 0);
    clg__dataset_close(&ds);
    clg__free(dir);
    clg__free(straight);
    clg__free(desc);
}

static void courses_that_cannot_be_written_are_one_warning(void **state)
{
    (void)state;
    clg_model_desc *desc = test_gan_desc("mnist-mlp");
    desc->train.steps = 12;
    desc->train.grid_every = 1;
    clg_dataset *ds = test_gan_data(20, 1);
    char *dir = test_gan_path("no-plots"), *plots = clg__os_join(dir, "plots");
    watcher w = { 0 };
    clg_trainer *t = test_gan_trainer_at(desc, 1, ds, dir, 0);
    w.stop_after = 1;
    assert_int_equal(run(t, &w), CLG_E_INTERRUPTED);
    clg__trainer_destroy(&t);
    for (int i = 0; i < 3; i++) {
        char *path = clg__os_join(dir, courses[i]);
        TEST_OK(clg__os_remove(path));
        clg__free(path);
    }
    bool other = false;
    t = test_gan_trainer_at(desc, 1, ds, NULL, 0);
    TEST_OK(clg__trainer_resume(t, dir, &other));
    TEST_OK(clg__os_remove(plots));
    w = (watcher){ 0 };
    TEST_OK(run(t, &w));
    assert_int_equal(clg__trainer_step_number(t), 12);
    assert_int_equal(w.grids, 11);
    assert_int_equal(w.warnings, 1);
    assert_int_equal(count_in_log(dir, "pictures are left out, training goes on: "), 1);
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
    clg__free(dir);
    clg__free(plots);
    clg__free(desc);
}

/* ---- drawn systems ---- */

static clg_trainer *system_trainer(const char *name, uint32_t packing, uint32_t grid_every,
                                   const char *dir)
{
    clg_model_desc *desc = clg__alloc(1, sizeof *desc);
    clg_model_plan *plan = clg__alloc(1, sizeof *plan);
    clg_trainer_options opt = { .version = "test", .out_dir = dir };
    clg_trainer *t = NULL;
    TEST_OK(clg__model_load(name, desc));
    desc->train.batch = 48;
    desc->train.steps = 3;
    desc->train.log_every = 1;
    desc->train.grid_every = grid_every;
    desc->train.seed = 7;
    desc->data.rows = 480;
    desc->discriminator.packing = packing;
    TEST_OK(test_expand(desc, 0, 0, plan));
    TEST_OK(clg__trainer_create(&t, test_ops(), desc, plan, NULL, &opt));
    clg__free(desc);
    clg__free(plan);
    return t;
}

static void a_drawn_system_has_a_chart_at_each_grid(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        uint32_t packing, w, h;
    } systems[] = { { "curves", 1, 700, 520 },
                    { "gauss1d", 1, 760, 680 },
                    { "gauss1d", 2, 760, 680 },
                    { "ring", 1, 640, 700 },
                    { "grid", 2, 640, 700 } };
    for (size_t i = 0; i < sizeof systems / sizeof systems[0]; i++) {
        char name[64];
        watcher w = { 0 };
        (void)snprintf(name, sizeof name, "system-%zu", i);
        char *dir = test_gan_path(name);
        clg_trainer *t = system_trainer(systems[i].model, systems[i].packing, 2, dir);
        TEST_OK(run(t, &w));
        assert_int_equal(w.grids, 2);
        assert_int_equal(w.warnings, 0);
        assert_picture(dir, "samples/step-00000002.png", systems[i].w, systems[i].h);
        assert_picture(dir, "samples/step-00000003.png", systems[i].w, systems[i].h);
        assert_picture(dir, "plots/weights.png", 860, 700);
        unsigned values = strcmp(systems[i].model, "gauss1d") == 0 ? 2 : 0;
        assert_int_equal(count_in_log(dir, "value of the game -"), values);
        assert_int_equal(count_in_log(dir, "-log 4 + 2 JSD = -"), values);
        clg__trainer_destroy(&t);
        clg__free(dir);
    }
}

static void pictures_leave_the_training_as_it_is(void **state)
{
    (void)state;
    watcher w = { 0 };
    char *dir = test_gan_path("many"), *dir2 = test_gan_path("few");
    clg_trainer *many = system_trainer("ring", 1, 1, dir);
    clg_trainer *few = system_trainer("ring", 1, 1000, dir2);
    TEST_OK(run(many, &w));
    TEST_OK(run(few, &w));
    assert_int_equal(w.grids, 4);
    test_gan_same_state(many, few);
    clg__trainer_destroy(&many);
    clg__trainer_destroy(&few);
    clg__free(dir);
    clg__free(dir2);
}

static void a_chart_that_cannot_be_written_is_one_warning(void **state)
{
    (void)state;
    char *dir = test_gan_path("no-samples"), *samples = clg__os_join(dir, "samples");
    watcher w = { .remove = samples };
    clg_trainer *t = system_trainer("curves", 1, 1, dir);
    TEST_OK(run(t, &w));
    assert_int_equal(clg__trainer_step_number(t), 3);
    assert_int_equal(w.grids, 0);
    assert_int_equal(w.warnings, 1);
    assert_picture(dir, "plots/loss.png", 860, 420);
    clg__trainer_destroy(&t);
    clg__free(dir);
    clg__free(samples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resumed_run_has_the_courses_of_a_straight_one),
        cmocka_unit_test(courses_that_cannot_be_written_are_one_warning),
        cmocka_unit_test(a_drawn_system_has_a_chart_at_each_grid),
        cmocka_unit_test(pictures_leave_the_training_as_it_is),
        cmocka_unit_test(a_chart_that_cannot_be_written_is_one_warning),
    };
    return cmocka_run_group_tests(tests, test_gan_open_folder, test_gan_close_folder);
}
