/* Mode coverage, the theory of gauss1d, and the pictures drawn from plain arrays.
 * drivers: none */
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
#include "base/philox.h"
#include "base/str.h"
#include "gan/metrics_modes.h"
#include "gan/model.h"
#include "gan/pictures.h"
#include "io/image_file.h"
#include "support/fault.h"
#include "support/tmp.h"
#include "support/expand.h"

static char dir[64], path[96];

static int make_dir(void **state)
{
    (void)state;
    test_tmp_make(dir);
    (void)snprintf(path, sizeof path, "%s/x.png", dir);
    return 0;
}

static int drop_dir(void **state)
{
    (void)state;
    test_tmp_remove(dir);
    return 0;
}

/* ---- modes ---- */

static void the_modes_of_ring_and_grid_are_the_sheets(void **state)
{
    (void)state;
    clg_modes m;
    clg__modes_of(CLG_SYSTEM_RING, &m);
    assert_int_equal(m.count, 8);
    assert_true(m.std == 0.01 && m.x[0] == 1.0f && fabs((double)m.y[2] - 1.0) < 1e-6);
    assert_true(fabs((double)m.x[5] + sqrt(0.5)) < 1e-6 && fabs((double)m.y[5] + sqrt(0.5)) < 1e-6);
    clg__modes_of(CLG_SYSTEM_GRID, &m);
    assert_int_equal(m.count, 25);
    assert_true(m.std == 0.05 && m.x[0] == -4.0f && m.y[0] == -4.0f && m.x[24] == 4.0f);
    clg__modes_of(CLG_SYSTEM_CURVES, &m);
    assert_int_equal(m.count, 0);
}

static void a_mode_counts_with_one_sample_within_three_std(void **state)
{
    (void)state;
    const float points[] = {
        1.0f, 0.0f,    /* mode 0 */
        1.0f, 0.0299f, /* mode 0, at 2.99 std */
        1.0f, 0.0301f, /* 3.01 std: near, but of no quality */
        0.0f, 1.02f,   /* mode 2 */
        0.0f, 0.0f,    /* nowhere */
        NAN,  1.0f,    INFINITY, 0.0f,
    };
    clg_modes m;
    clg__modes_count(CLG_SYSTEM_RING, points, 7, &m);
    assert_int_equal(m.covered, 2);
    assert_int_equal(m.samples[0], 2);
    assert_int_equal(m.samples[2], 1);
    assert_true(fabs(m.high_quality - 3.0 / 7.0) < 1e-12);
    clg__modes_count(CLG_SYSTEM_RING, points, 0, &m);
    assert_true(m.covered == 0 && m.high_quality == 0.0);
}

static void real_points_cover_everything(void **state)
{
    (void)state;
    enum { N = CLG_MODES_SAMPLES };
    clg_modes m;
    float *points = clg__alloc(2 * N, sizeof *points);
    clg_rng_key key = { .seed = 5, .stream = CLG_STREAM_TEST };
    clg__modes_of(CLG_SYSTEM_GRID, &m);
    clg__philox_normal(&key, 0.0f, 0.05f, points, 2 * N);
    for (int i = 0; i < N; i++) {
        points[2 * i] += m.x[i % 25];
        points[2 * i + 1] += m.y[i % 25];
    }
    clg__modes_count(CLG_SYSTEM_GRID, points, N, &m);
    assert_int_equal(m.covered, 25);
    /* A normal point in the plane is within 3 std with 1 - exp(-4.5) = .9889. */
    assert_true(fabs(m.high_quality - 0.9889) < 0.008);
    clg__free(points);
}

/* ---- gauss1d ---- */

/* Normal draws, shifted and stretched to exactly this mean and spread. */
static float *normal_points(size_t n, double mean, double std)
{
    float *x = clg__alloc(n, sizeof *x);
    double sum = 0.0, sum2 = 0.0;
    clg_rng_key key = { .seed = 9, .stream = CLG_STREAM_TEST };
    clg__philox_normal(&key, 0.0f, 1.0f, x, n);
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i];
        sum2 += (double)x[i] * (double)x[i];
    }
    double m = sum / (double)n, s = sqrt(sum2 / (double)n - m * m);
    for (size_t i = 0; i < n; i++) {
        x[i] = (float)(mean + std * ((double)x[i] - m) / s);
    }
    return x;
}

static void the_value_at_the_best_d_is_the_bound(void **state)
{
    (void)state;
    enum { N = 20000 };
    clg_gauss1d *g = clg__alloc(1, sizeof *g);
    float *x = normal_points(N, 4.0, 0.5), logits[CLG_GAUSS1D_POINTS];
    clg__gauss1d_measure(x, N, g);
    assert_true(g->jsd >= 0.0 && g->jsd < 0.002);
    assert_true(fabs(g->bound + 1.3863) < 0.004);
    assert_true(fabs(g->mean - 4.0) < 1e-4 && fabs(g->std - 0.5) < 1e-4);
    assert_true(isnan(g->value) && isnan(g->d[0]));
    for (int i = 0; i < CLG_GAUSS1D_POINTS; i++) {
        logits[i] = 0.0f; /* D = 1/2 everywhere: the value is -log 4 */
    }
    clg__gauss1d_judge(logits, g);
    assert_true(fabs(g->value + 1.38629436) < 0.003 && g->d[7] == 0.5f);
    clg__free(x);
    x = normal_points(N, 4.5, 0.5); /* one std away */
    clg__gauss1d_measure(x, N, g);
    assert_true(fabs(g->jsd - 0.1114) < 0.003); /* of N(0,1) and N(1,1), by quadrature */
    for (int i = 0; i < CLG_GAUSS1D_POINTS; i++) {
        double p = fmax((double)g->p_data[i], 1e-30), q = fmax((double)g->p_g[i], 1e-30);
        logits[i] = (float)log(p / q); /* D* */
    }
    clg__gauss1d_judge(logits, g);
    assert_true(fabs(g->value - g->bound) < 1e-5);
    assert_true(fabs((double)g->best[600] - (double)g->d[600]) < 1e-5);
    for (int i = 0; i < CLG_GAUSS1D_POINTS; i++) {
        logits[i] *= 0.5f; /* any other D has less */
    }
    clg__gauss1d_judge(logits, g);
    assert_true(g->value < g->bound - 0.01);
    clg__free(x);
    clg__free(g);
}

static void far_and_collapsed_samples_are_measured(void **state)
{
    (void)state;
    float x[1000];
    clg_gauss1d *g = clg__alloc(1, sizeof *g);
    for (int i = 0; i < 1000; i++) {
        x[i] = i == 0 ? NAN : i == 1 ? INFINITY : -3.0f;
    }
    clg__gauss1d_measure(x, 1000, g);
    double mass = 0.0;
    for (int i = 0; i < CLG_GAUSS1D_POINTS; i++) {
        mass += (double)g->p_g[i] * ((double)g->x[1] - (double)g->x[0]);
    }
    assert_true(fabs(mass - 1.0) < 1e-3);
    assert_true(fabs(g->jsd - 0.6931) < 1e-3); /* nothing in common: log 2 */
    assert_true(g->x[0] < -3.0f && g->mean == -3.0 && g->std == 0.0);
    clg__gauss1d_measure(x, 2, g); /* none is finite */
    assert_true(isfinite(g->jsd) && isnan(g->mean));
    clg__free(g);
}

/* ---- pictures ---- */

static void assert_picture(uint32_t w, uint32_t h)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    clg_image image = { 0 };
    assert_ok(clg__os_read_file(path, 1 << 24, &bytes, &n));
    assert_ok(clg__image_decode(bytes, n, path, &image));
    assert_int_equal(image.w, w);
    assert_int_equal(image.h, h);
    clg__free(image.pixels);
    clg__free(bytes);
    assert_ok(clg__os_remove(path));
}

static clg_picture_layers *dcgan_layers(void)
{
    clg_model_desc *desc = clg__alloc(1, sizeof *desc);
    clg_model_plan *plan = clg__alloc(1, sizeof *plan);
    clg_picture_layers *layers = clg__alloc(1, sizeof *layers);
    assert_ok(clg__model_load("dcgan", desc));
    assert_ok(test_expand(desc, 32, 3, plan));
    clg__picture_layers(plan, layers);
    clg__free(desc);
    clg__free(plan);
    return layers;
}

static void the_layers_of_a_model_are_those_with_weights(void **state)
{
    (void)state;
    clg_picture_layers *layers = dcgan_layers();
    assert_int_equal(layers->g_count, 4);
    assert_int_equal(layers->count, 8);
    assert_string_equal(layers->name[1], "netG.main.3.weight");
    assert_string_equal(layers->label[1], "main.3 deconv2d");
    assert_string_equal(layers->name[4], "netD.main.0.weight");
    assert_string_equal(layers->label[7], "main.8 conv2d");
    clg__free(layers);
}

static clg_history *history_of(const clg_picture_layers *layers, int rows, bool judged)
{
    clg_history *h = NULL;
    const char *names[CLG_PICTURE_LAYERS_MAX];
    clg_str s = { 0 };
    for (size_t i = 0; i < layers->count; i++) {
        names[i] = layers->name[i];
    }
    assert_ok(clg__history_create(&h, names, layers->count));
    for (int i = 1; i <= rows; i++) {
        clg__str_add(&s, "{\"step\":%d,\"loss_d\":%d,\"loss_g\":%s", i, i % 7,
                     i % 5 == 3 ? "null" : "900");
        if (judged) {
            clg__str_add(&s, ",\"d_real\":0.5");
        }
        clg__str_add(&s, ",\"layers\":{\"%s\":{\"relative_update\":%d}}}\n", names[0], i % 3);
    }
    (void)clg__history_add(h, s.text, s.len);
    assert_int_equal(clg__history_rows(h), rows);
    clg__str_free(&s);
    return h;
}

static void the_course_of_a_run_is_drawn_from_any_number_of_rows(void **state)
{
    (void)state;
    static const int rows[] = { 0, 1, 2, 100, 900 };
    clg_picture_layers *layers = dcgan_layers();
    clg_picture_facts f = { .model = "dcgan", .probability = true };
    for (int i = 0; i < 5; i++) {
        clg_history *h = history_of(layers, rows[i], true);
        assert_ok(clg__picture_losses(path, &f, h));
        assert_picture(860, 420);
        assert_ok(clg__picture_judgement(path, &f, h));
        assert_picture(860, 420);
        assert_ok(clg__picture_weights(path, &f, h, layers));
        assert_picture(860, 700);
        clg__history_destroy(&h);
    }
    clg_history *h = history_of(layers, 3, false);
    assert_ok(clg__picture_judgement(path, &f, h));
    assert_false(clg__os_stat(path).exists); /* an autoencoder has no judge */
    clg__history_destroy(&h);
    clg__free(layers);
}

static void without_memory_a_picture_is_refused(void **state)
{
    (void)state;
    clg_picture_layers *layers = dcgan_layers();
    clg_picture_facts f = { .model = "dcgan" };
    clg_history *h = history_of(layers, 200, true);
    for (int which = 0; which < 3; which++) {
        int status = CLG_E_MEMORY;
        for (long i = 1; status != CLG_OK; i++) {
            clg__alloc_fail(i, false);
            status = which == 0   ? clg__picture_losses(path, &f, h)
                     : which == 1 ? clg__picture_judgement(path, &f, h)
                                  : clg__picture_weights(path, &f, h, layers);
            clg__alloc_fail(0, false);
            assert_true(status == CLG_OK || status == CLG_E_MEMORY);
        }
    }
    clg__history_destroy(&h);
    clg__free(layers);
}

static void the_drawn_systems_have_their_pictures(void **state)
{
    (void)state;
    enum { N = 60 };
    float points[N * 15], bad[N * 15];
    clg_rng_key key = { .seed = 5, .stream = CLG_STREAM_TEST };
    clg_picture_facts f = {
        .model = "m", .step = 7, .loss_d = 1.3, .loss_g = (double)NAN, .probability = true
    };
    clg__philox_normal(&key, 4.0f, 1.0f, points, N * 15);
    for (int i = 0; i < N * 15; i++) {
        bad[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? 1e30f : -INFINITY;
    }
    const float *sets[] = { points, bad };
    clg_gauss1d *g = clg__alloc(1, sizeof *g);
    for (int i = 0; i < 2; i++) {
        assert_ok(clg__picture_curves(path, &f, points, N, sets[i], N));
        assert_picture(700, 520);
        assert_ok(clg__picture_modes(path, &f, CLG_SYSTEM_RING, points, N, sets[i], N));
        assert_picture(640, 700);
        assert_ok(clg__picture_modes(path, &f, CLG_SYSTEM_GRID, points, 0, sets[i], 0));
        assert_picture(640, 700);
        clg__gauss1d_measure(sets[i], N, g);
        assert_ok(clg__picture_gauss1d(path, &f, g, NULL, NULL, 0, 0.0, 0.0));
        assert_picture(760, 500);
        assert_ok(clg__picture_gauss1d(path, &f, g, sets[i], points, N, 0.0, 1.0));
        assert_picture(760, 680);
    }
    clg__free(g);
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, drop_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_modes_of_ring_and_grid_are_the_sheets),
        cmocka_unit_test(a_mode_counts_with_one_sample_within_three_std),
        cmocka_unit_test(real_points_cover_everything),
        cmocka_unit_test(the_value_at_the_best_d_is_the_bound),
        cmocka_unit_test(far_and_collapsed_samples_are_measured),
        cmocka_unit_test(the_layers_of_a_model_are_those_with_weights),
        FILE_TEST(the_course_of_a_run_is_drawn_from_any_number_of_rows),
        FILE_TEST(without_memory_a_picture_is_refused),
        FILE_TEST(the_drawn_systems_have_their_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
