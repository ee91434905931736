/* Timing of convolutions' algorithms, and their record: what was written comes back, and nothing
 * else is trusted. drivers: pocl */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/model.h"
#include "base/os.h"
#include "blas/tile.h"
#include "nn/conv_tune.h"
#include "ops/conv2d.h"
#include "rt/record.h"
#include "rt/rt_internal.h"
#include "support/net_support.h"
#include "support/rt_support.h"

#define LAYER "h32 w32 c64 k128 r4 s4 stride2 pad1 rows64"

static char warned[TEST_WARNING_LEN];

static clg_conv layer_of(uint32_t n, uint32_t hw, uint32_t c, uint32_t k)
{
    clg_conv g = {
        .n = n, .h = hw, .w = hw, .c = c, .k = k, .r = 4, .s = 4, .stride = 2, .pad = 1
    };
    TEST_OK(clg__conv_make(&g));
    return g;
}

static void set(clg_conv_list *list, uint32_t c, enum clg_conv_algo algo, double ms)
{
    const clg_conv g = layer_of(1, 32, c, 8);
    clg_conv_choice choice = clg__conv_choice_of(&g, CLG_CONV_JOB_UP, algo);
    choice.rows = 64;
    clg_conv_times t = { { 0.0 } };
    t.ms[algo] = ms;
    TEST_OK(clg__conv_list_set(list, &choice, &t));
}

/* ---- the record ---- */

static void a_record_comes_back_and_keeps_what_others_added(void **state)
{
    (void)state;
    clg_rt *rt = test_rt();
    clg_conv_list list = { 0 }, back;
    char path[1200];
    TEST_OK(clg__conv_record_path(rt, path, sizeof path));
    assert_false(clg__conv_record_read(rt, &back));
    set(&list, 5, CLG_CONV_WINOGRAD4, 1.5);
    set(&list, 6, CLG_CONV_DIRECT, 2.5);
    TEST_OK(clg__conv_record_write(rt, &list));
    clg__conv_list_free(&list);
    set(&list, 7, CLG_CONV_WINOGRAD2, 3.5); /* another process's */
    set(&list, 6, CLG_CONV_WINOGRAD2, 0.5);
    TEST_OK(clg__conv_record_write(rt, &list));
    assert_true(clg__conv_record_read(rt, &back));
    assert_int_equal(back.count, 3);
    assert_int_equal(back.choice[0].algo, CLG_CONV_WINOGRAD4);
    assert_int_equal(back.choice[1].algo, CLG_CONV_WINOGRAD2);
    assert_int_equal(back.choice[2].algo, CLG_CONV_WINOGRAD2);
    assert_true(back.times[0].ms[CLG_CONV_WINOGRAD4] > 1.49);
    clg__conv_list_free(&back);
    clg__conv_list_free(&list);
    TEST_OK(clg__os_remove(path));
}

static void assert_ignored(const char *why)
{
    clg_conv_list back;
    warned[0] = '\0';
    assert_false(clg__conv_record_read(test_rt(), &back));
    assert_int_equal(back.count, 0);
    if (strstr(warned, "is ignored") == NULL || strstr(warned, why) == NULL) {
        fail_msg("\"%s\" does not say: %s", warned, why);
    }
}

static void a_record_that_was_changed_is_ignored(void **state)
{
    (void)state;
    clg_rt *rt = test_rt();
    clg_conv_list list = { 0 };
    char path[1200];
    uint8_t *good = NULL, *bad;
    size_t size = 0;
    TEST_OK(clg__conv_record_path(rt, path, sizeof path));
    set(&list, 5, CLG_CONV_DIRECT, 1.5);
    TEST_OK(clg__conv_record_write(rt, &list));
    TEST_OK(clg__os_read_file(path, 8192, &good, &size));
    bad = clg__alloc(size, 1);
    for (size_t n = 0; n < 2 * size; n++) { /* every length, every byte */
        memcpy(bad, good, size);
        bad[n % size] = (uint8_t)(bad[n % size] ^ (n >= size));
        TEST_OK(clg__os_write_atomic(path, bad, n < size ? n : size));
        assert_ignored("");
    }
    clg__free(good);
    clg__free(bad);
    clg__conv_list_free(&list);
    TEST_OK(clg__os_remove(path));
}

/* Writes `body` as a record of that clgan version, with a checksum that fits, to the place of ours.
 */
static void plant(const char *version, const char *family, const char *body)
{
    clg_rt *rt = test_rt();
    char about[96], ours[1200], theirs[1200];
    uint8_t *bytes = NULL;
    size_t size = 0;
    snprintf(about, sizeof about, "clgan: %s\nkernels: %s\n", version, family);
    const clg_record_kind kind = { .title = "clgan convolution record 2",
                                   .about = about,
                                   .max = 1 << 20 };
    TEST_OK(clg__record_write(clg__rt_device(rt), &kind, body));
    TEST_OK(clg__record_path(clg__rt_device(rt), &kind, theirs, sizeof theirs));
    TEST_OK(clg__conv_record_path(rt, ours, sizeof ours));
    TEST_OK(clg__os_read_file(theirs, 8192, &bytes, &size));
    if (strcmp(theirs, ours) != 0) {
        TEST_OK(clg__os_remove(theirs));
    }
    TEST_OK(clg__os_write_atomic(ours, bytes, size));
    clg__free(bytes);
}

static void a_record_of_another_version_or_with_other_lines_is_ignored(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "conv up " LAYER ": fourier (fourier 1.000 ms)\n",
        "conv up " LAYER ": direct (direct nan ms)\n",
        "conv up " LAYER ": direct\n", /* never measured */
        "conv up " LAYER ": direct tile64x33 (direct 1.000 ms)\n",
        "conv up h32 w32 c64 k128 r4 s4 stride2 pad1: direct (direct 1.000 ms)\n", /* with how many?
                                                                                    */
        "conv up " LAYER ": winograd2 (direct 1.000 ms)\n",
        "conv up " LAYER ": direct (direct 1.000 ms)\nand more\n",
    };
    static const char good[] = "conv up " LAYER ": direct (direct 1.000 ms)\n";
    const char *family = clg__rt_family(test_rt()) == CLG_KERNELS_CPU ? "cpu" : "gpu";
    const char *other = family[0] == 'c' ? "gpu" : "cpu";
    clg_conv_list back;
    char path[1200];
    plant(CLGAN_VERSION, family, good);
    assert_true(clg__conv_record_read(test_rt(), &back));
    assert_int_equal(back.count, 1);
    clg__conv_list_free(&back);
    plant("0.0.0", family, good);
    assert_ignored("of another device");
    plant(CLGAN_VERSION, other, good);
    assert_ignored("of another device");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        plant(CLGAN_VERSION, family, wrong[i]);
        assert_ignored("not understood");
    }
    TEST_OK(clg__conv_record_path(test_rt(), path, sizeof path));
    TEST_OK(clg__os_remove(path));
}

/* ---- measuring ---- */

static void every_algorithm_that_fits_is_timed_and_one_of_them_chosen(void **state)
{
    (void)state;
    const clg_ops *ops = test_ops();
    clg_conv_tune_how how = { .repeats = 2 };
    clg_conv_list list = { 0 };
    for (int job = 0; job < CLG_CONV_JOB_COUNT; job++) {
        const clg_conv g = layer_of(3, 16, 16, 32);
        uint32_t n = 0, timed = 0;
        bool done = false;
        TEST_OK(clg__conv_tune(ops, &g, (enum clg_conv_job)job, &how, &list, &n, &done));
        assert_true(done);
        assert_int_equal(n, 3);
        assert_int_equal(list.count, job + 1);
        assert_int_equal(list.choice[job].job, job);
        assert_int_equal(list.choice[job].rows, 3);
        for (int i = 0; i < CLG_CONV_ALGO_COUNT; i++) {
            bool fits = clg__conv_algo_fits(ops, &g, (enum clg_conv_job)job, (enum clg_conv_algo)i);
            assert_int_equal(list.times[job].ms[i] > 0.0, fits);
            timed += fits;
        }
        assert_true(list.times[job].ms[list.choice[job].algo] > 0.0);
        assert_int_equal(timed, clg__conv_tune_candidates(ops, &g, (enum clg_conv_job)job, 1));
    }
    clg__conv_list_free(&list);
}

static void the_batch_is_cut_to_the_work_and_nothing_begins_after_the_limit(void **state)
{
    (void)state;
    const clg_conv g = layer_of(8, 16, 16, 32);
    clg_conv_tune_how how = { .repeats = 1, .work = clg__conv_flops(&g) * 0.4 };
    clg_conv_list list = { 0 };
    uint32_t n = 0;
    bool done = false;
    TEST_OK(clg__conv_tune(test_ops(), &g, CLG_CONV_JOB_UP, &how, &list, &n, &done));
    assert_int_equal(n, 3);
    assert_true(how.longest_s > 0.0);
    how = (clg_conv_tune_how){
        .repeats = 1, .limit_s = 1.0, .longest_s = 0.9, .start_s = clg__os_now_s() - 0.5
    };
    TEST_OK(clg__conv_tune(test_ops(), &g, CLG_CONV_JOB_DOWN, &how, &list, &n, &done));
    assert_false(done);
    assert_int_equal(list.count, 1);
    clg__conv_list_free(&list);
}

/* ---- tile shapes ---- */

/* A context of the GPU family, with our products, whatever the environment says. */
typedef struct gpu {
    clg_ops ops;
    clg_conv_choices choices;
    clg_conv_list record;
} gpu;

static void open_gpu(gpu *u)
{
    *u = (gpu){ .choices = { .forced = CLG_CONV_ALGO_COUNT } };
    u->ops.rt = test_rt_open_with(&(clg_rt_options){ .family = CLG_FAMILY_GPU });
    u->ops.conv_choices = &u->choices;
    TEST_OK(
        clg__blas_open(&u->ops.blas, u->ops.rt, &(clg_blas_options){ .choice = CLG_GEMM_BUILTIN }));
}

static void read_record(gpu *u)
{
    assert_true(clg__conv_record_read(u->ops.rt, &u->record));
    u->choices.list = u->record.choice;
    u->choices.count = u->record.count;
}

static void close_gpu(gpu *u)
{
    clg__conv_list_free(&u->record);
    clg__blas_close(&u->ops.blas);
    clg__rt_close(&u->ops.rt);
}

static void remove_record(const clg_rt *rt)
{
    char path[1200];
    TEST_OK(clg__conv_record_path(rt, path, sizeof path));
    TEST_OK(clg__os_remove(path));
}

static void a_shape_comes_back_on_a_device_that_has_it(void **state)
{
    (void)state;
    gpu u;
    open_gpu(&u);
    clg_rt *cpu = test_rt_open_with(&(clg_rt_options){ .family = CLG_FAMILY_CPU });
    clg_conv_list list = { 0 }, back;
    set(&list, 5, CLG_CONV_DIRECT, 1.5);
    list.choice[0].tile = clg__tile_find(64, 32);
    TEST_OK(clg__conv_record_write(u.ops.rt, &list));
    read_record(&u);
    assert_int_equal(u.record.count, 1);
    assert_int_equal(u.record.choice[0].tile, list.choice[0].tile);
    u.ops.rt->info.max_work_group = 16; /* as if it were a lesser one */
    assert_false(clg__conv_record_read(u.ops.rt, &back));
    TEST_OK(clg__conv_record_write(cpu, &list)); /* CPUs have none of these shapes */
    assert_false(clg__conv_record_read(cpu, &back));
    assert_non_null(strstr(warned, "not understood"));
    remove_record(u.ops.rt);
    remove_record(cpu);
    clg__conv_list_free(&list);
    clg__rt_close(&cpu);
    close_gpu(&u);
}

/* No algorithm but direct fits a filter of 5x5. */
static clg_conv direct_layer(void)
{
    clg_conv g = {
        .n = 3, .h = 16, .w = 16, .c = 16, .k = 32, .r = 5, .s = 5, .stride = 2, .pad = 2
    };
    TEST_OK(clg__conv_make(&g));
    return g;
}

/* How often the forward kernel has run with that shape in this context. */
static uint64_t count_runs(clg_rt *rt, const clg_conv *g, uint32_t tile)
{
    const clg_tile_job j = { .rows = g->n * g->p * g->q,
                             .cols = g->k,
                             .depth = g->c,
                             .count = 1,
                             .wide_rows = true,
                             .wide_cols = true,
                             .forced = tile };
    clg_tile t;
    clg_kernel *k = NULL;
    TEST_OK(clg__tile_kernel(rt, "conv2d_tile", &j, " -DUP=0", &t, &k));
    return k->calls;
}

static void run_forward(gpu *u, const clg_conv *g)
{
    const clg_tensor x = test_buffer(u->ops.rt, CLG_F32, clg__conv_x_len(g));
    const clg_tensor w = test_buffer(u->ops.rt, CLG_F32, clg__conv_w_len(g));
    const clg_tensor y = test_buffer(u->ops.rt, CLG_F32, clg__conv_y_len(g));
    TEST_OK(clg__conv2d_fwd(&u->ops, g, clg__tensor_view(x, 0, 4, g->n, g->h, g->w, g->c),
                            (clg_filter){ .w = clg__tensor_view(w, 0, 4, g->r, g->s, g->c, g->k) },
                            NULL, clg__tensor_view(y, 0, 4, g->n, g->p, g->q, g->k),
                            CLG_NO_TENSOR));
    clg_tensor all[] = { x, w, y };
    for (int i = 0; i < 3; i++) {
        test_release(&all[i]);
    }
}

static void a_measured_shape_is_the_one_that_runs(void **state)
{
    (void)state;
    const clg_conv g = direct_layer();
    clg_conv_tune_how how = { .repeats = 2, .tiles = 3 };
    clg_conv_list list = { 0 };
    uint32_t n = 0;
    bool done = false;
    gpu u;
    open_gpu(&u);
    assert_int_equal(clg__conv_tune_candidates(&u.ops, &g, CLG_CONV_JOB_DOWN, 1), 1);
    assert_int_equal(clg__conv_tune_candidates(&u.ops, &g, CLG_CONV_JOB_DOWN, 3), 3);
    TEST_OK(clg__conv_tune(&u.ops, &g, CLG_CONV_JOB_DOWN, &how, &list, &n, &done));
    const uint32_t won = list.choice[0].tile;
    assert_true(done && clg__tile_allowed(clg__rt_device(u.ops.rt), won));
    assert_true(count_runs(u.ops.rt, &g, won) > how.repeats);
    TEST_OK(clg__conv_record_write(u.ops.rt, &list));
    close_gpu(&u);
    const uint32_t told[] = { won, won % CLG_TILE_COUNT + 1u }; /* one that was not taken */
    for (int i = 0; i < 2; i++) {
        list.choice[0].tile = told[i];
        open_gpu(&u);
        TEST_OK(clg__conv_record_write(u.ops.rt, &list));
        read_record(&u);
        run_forward(&u, &g);
        assert_int_equal(count_runs(u.ops.rt, &g, told[i]), 1);
        close_gpu(&u);
    }
    open_gpu(&u);
    remove_record(u.ops.rt);
    close_gpu(&u);
    clg__conv_list_free(&list);
}

static void shapes_are_measured_in_the_time_that_is_left(void **state)
{
    (void)state;
    const clg_conv g = layer_of(3, 16, 16, 32);
    clg_conv_tune_how how = {
        .repeats = 1, .tiles = 3, .limit_s = 1000.0, .longest_first_s = 1001.0
    };
    clg_conv_list list = { 0 };
    uint32_t n = 0;
    bool done = false;
    gpu u;
    open_gpu(&u);
    how.start_s = clg__os_now_s();
    TEST_OK(clg__conv_tune(&u.ops, &g, CLG_CONV_JOB_WGRAD, &how, &list, &n, &done));
    assert_true(done);
    assert_int_equal(list.choice[0].tile, 0); /* one of them is no comparison */
    assert_true(list.times[0].ms[CLG_CONV_DIRECT] > 0.0);
    how.longest_first_s = 0.0;
    TEST_OK(clg__conv_tune(&u.ops, &g, CLG_CONV_JOB_WGRAD, &how, &list, &n, &done));
    assert_int_equal(list.count, 1);
    assert_true(list.choice[0].tile > 0);
    list.times[0].ms[CLG_CONV_DIRECT] = 1e6; /* of a job that is known to take longer */
    TEST_OK(clg__conv_tune(&u.ops, &g, CLG_CONV_JOB_WGRAD, &how, &list, &n, &done));
    assert_false(done);
    clg__conv_list_free(&list);
    close_gpu(&u);
}

/* Else a bad first measurement would stay for ever. */
static void a_recorded_shape_keeps_no_other_from_being_measured(void **state)
{
    (void)state;
    const clg_conv g = layer_of(4, 16, 16, 32);
    clg_conv_choice choice = clg__conv_choice_of(&g, CLG_CONV_JOB_DOWN, CLG_CONV_WINOGRAD2);
    const clg_conv_choices told = { .forced = CLG_CONV_ALGO_COUNT, .list = &choice, .count = 1 };
    gpu u;
    open_gpu(&u);
    const uint32_t all = clg__conv_tune_candidates(&u.ops, &g, CLG_CONV_JOB_DOWN, CLG_TILE_COUNT);
    choice.rows = g.n;
    choice.tile = clg__tile_find(64, 64);
    u.ops.conv_choices = &told;
    assert_int_equal(clg__conv_algo_pick(&u.ops, &g, CLG_CONV_JOB_DOWN), CLG_CONV_WINOGRAD2);
    assert_true(all > 2u * CLG_CONV_ALGO_COUNT);
    assert_int_equal(clg__conv_tune_candidates(&u.ops, &g, CLG_CONV_JOB_DOWN, CLG_TILE_COUNT), all);
    close_gpu(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_comes_back_and_keeps_what_others_added),
        cmocka_unit_test(a_record_that_was_changed_is_ignored),
        cmocka_unit_test(a_record_of_another_version_or_with_other_lines_is_ignored),
        cmocka_unit_test(every_algorithm_that_fits_is_timed_and_one_of_them_chosen),
        cmocka_unit_test(the_batch_is_cut_to_the_work_and_nothing_begins_after_the_limit),
        cmocka_unit_test(a_shape_comes_back_on_a_device_that_has_it),
        cmocka_unit_test(a_measured_shape_is_the_one_that_runs),
        cmocka_unit_test(shapes_are_measured_in_the_time_that_is_left),
        cmocka_unit_test(a_recorded_shape_keeps_no_other_from_being_measured),
    };
    clg__log_set(test_keep_warning, warned);
    return cmocka_run_group_tests(tests, test_records_open, test_records_close);
}
