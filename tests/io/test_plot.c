/* Charts: round ticks, smoothing, and PNG files whatever the data are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/os.h"
#include "io/image_file.h"
#include "io/plot_internal.h"
#include "support/fault.h"
#include "support/tmp.h"

static char dir[64];
static char *path;

static int make_dir(void **state)
{
    (void)state;
    test_tmp_make(dir);
    path = clg__os_join(dir, "x.png");
    return path == NULL;
}

static int drop_dir(void **state)
{
    (void)state;
    clg__free(path);
    test_tmp_remove(dir);
    return 0;
}

/* ---- ticks ---- */

static void assert_ticks(double lo, double hi, size_t most, bool log, const char *want)
{
    double ticks[CLG_PLOT_TICKS_MAX];
    char got[512] = "";
    clg_plot_scale s = { .lo = lo, .hi = hi, .log = log };
    size_t n = clg__plot_scale_ticks(&s, most, ticks);
    for (size_t i = 0; i < n; i++) {
        char text[32];
        clg__plot_tick_text(&s, ticks, n, i, text);
        (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", i > 0 ? " " : "", text);
    }
    assert_string_equal(got, want);
}

static void ticks_are_round_and_as_many_as_fit(void **state)
{
    (void)state;
    assert_ticks(0.0, 1.0, 6, false, "0.0 0.2 0.4 0.6 0.8 1.0");
    assert_ticks(0.0, 1.0, 5, false, "0.0 0.5 1.0");
    assert_ticks(-1.4, 1.4, 7, false, "-1.0 -0.5 0.0 0.5 1.0");
    assert_ticks(50.0, 3000.0, 8, false, "500 1000 1500 2000 2500 3000");
    assert_ticks(0.0, 40000.0, 6, false, "0 10k 20k 30k 40k");
    assert_ticks(0.0, 2.5e6, 6, false, "0 0.5M 1.0M 1.5M 2.0M 2.5M");
    assert_ticks(0.013, 0.0144, 4, false, "0.0130 0.0135 0.0140");
    assert_ticks(-3e-7, 3e-7, 4, false, "-2e-07 0 2e-07");
}

static void logarithmic_ticks_are_powers_or_1_2_5(void **state)
{
    (void)state;
    assert_ticks(0.5, 200.0, 8, true, "1 10 100");
    assert_ticks(2e-6, 2.0, 8, true, "10^-5 10^-4 10^-3 10^-2 10^-1 10^0");
    assert_ticks(1e-30, 1e30, 7, true, "10^-30 10^-21 10^-12 10^-3 10^6 10^15 10^24");
    assert_ticks(0.5, 60.0, 10, true, "0.5 1 2 5 10 20 50");
    assert_ticks(1.0, 1.4, 6, true, "1 1.1 1.2 1.3 1.4");
    assert_ticks(-1.0, 5.0, 6, true, "");
}

static void ticks_are_exact(void **state)
{
    (void)state;
    double ticks[CLG_PLOT_TICKS_MAX];
    assert_int_equal(clg__plot_ticks(0.0, 1.0, 12, ticks), 11);
    assert_true(ticks[3] == 0.3 && ticks[7] == 0.7);
    assert_int_equal(clg__plot_ticks(-0.05, 0.05, 12, ticks), 11);
    assert_true(ticks[5] == 0.0 && !signbit(ticks[5]) && ticks[0] == -0.05);
    assert_int_equal(clg__plot_log_ticks(1e-5, 1e-1, 9, ticks), 5);
    assert_true(ticks[0] == 1e-5 && ticks[4] == 1e-1);
}

static void a_range_that_is_none_has_no_ticks(void **state)
{
    (void)state;
    double ticks[CLG_PLOT_TICKS_MAX];
    assert_int_equal(clg__plot_ticks(1.0, 1.0, 5, ticks), 0);
    assert_int_equal(clg__plot_ticks(2.0, 1.0, 5, ticks), 0);
    assert_int_equal(clg__plot_ticks((double)NAN, 1.0, 5, ticks), 0);
    assert_int_equal(clg__plot_ticks(0.0, (double)INFINITY, 5, ticks), 0);
    assert_int_equal(clg__plot_ticks(1e9, 1e9 + 1e-7, 5, ticks), 0);
    for (double scale = 1e-300; scale < 1e300; scale *= 7.3) {
        for (size_t most = 0; most < 40; most++) {
            size_t n = clg__plot_ticks(-0.37 * scale, 1.91 * scale, most, ticks);
            assert_in_range(n, 1, most < 2 ? 2 : most > 32 ? 32 : most);
            assert_true(ticks[0] >= -0.371 * scale && ticks[n - 1] <= 1.911 * scale);
        }
    }
}

static void ranges_hold_every_finite_point(void **state)
{
    (void)state;
    const float x[] = { 1, 2, 3, 4 }, y[] = { NAN, -2, INFINITY, 6 }, zero[] = { 0, 0, 0, 0 };
    clg_plot_series s = { .x = x, .y = y, .n = 4 };
    clg_plot_panel p = { .series = &s, .series_count = 1 };
    clg_plot_scale got;
    clg__plot_range(&p, false, &got);
    assert_true(got.lo == 1.0 && got.hi == 4.0);
    clg__plot_range(&p, true, &got);
    assert_true(got.lo < -2.0 && got.lo > -3.0 && got.hi > 6.0 && got.hi < 7.0);
    p.y.log = true;
    clg__plot_range(&p, true, &got); /* one value */
    assert_true(got.lo > 0.0 && got.lo < 6.0 && got.hi > 6.0);
    p.y = (clg_plot_axis){ .lo = -1, .hi = 1 };
    clg__plot_range(&p, true, &got);
    assert_true(got.lo == -1.0 && got.hi == 1.0);
    p.y = (clg_plot_axis){ 0 };
    s.y = zero;
    clg__plot_range(&p, true, &got);
    assert_true(got.lo < 0.0 && got.hi > 0.0);
    s.n = 0;
    clg__plot_range(&p, true, &got);
    assert_true(got.lo == 0.0 && got.hi == 1.0);
}

static void smoothing_is_the_mean_of_the_neighbours(void **state)
{
    (void)state;
    const float y[] = { 1, 3, 1e30f, 5, NAN, 7, 9 };
    float out[7];
    clg__plot_smooth(y, 7, 1, out);
    assert_true(out[0] == 2.0f && out[6] == 8.0f);
    assert_true(isnan(out[4]));
    assert_true(out[5] == 8.0f); /* the huge value is out of its window */
    clg__plot_smooth(y, 2, 0, out);
    assert_true(out[0] == 1.0f && out[1] == 3.0f);
    clg__plot_smooth(y, 2, 100, out);
    assert_true(out[0] == 2.0f && out[1] == 2.0f);
}

/* ---- pictures ---- */

static clg_image read_back(void)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    clg_image image = { 0 };
    assert_ok(clg__os_read_file(path, 1 << 24, &bytes, &n));
    assert_ok(clg__image_decode(bytes, n, path, &image));
    clg__free(bytes);
    return image;
}

/* Pixels of about this colour. */
static size_t count_colour(const clg_image *image, uint32_t rgb)
{
    size_t count = 0;
    for (size_t i = 0; i < (size_t)image->w * image->h; i++) {
        bool same = true;
        for (unsigned k = 0; k < 3; k++) {
            int want = (int)(rgb >> (16u - 8u * k) & 255u);
            same = same && abs((int)image->pixels[i * image->c + k] - want) < 12;
        }
        count += same;
    }
    return count;
}

static void a_chart_is_a_png_with_axes_and_every_series(void **state)
{
    (void)state;
    const float x[] = { 0, 1, 2 }, y[] = { 1, 4, 2 }, up[] = { 5, 5, 5 };
    const clg_plot_series series[] = {
        { .name = "area", .mark = CLG_PLOT_AREA, .colour = CLG_PLOT_SKY, .x = x, .y = y, .n = 3 },
        { .name = "line", .colour = CLG_PLOT_BLUE, .width = 4, .x = x, .y = y, .n = 3 },
        { .name = "dots",
          .mark = CLG_PLOT_DOTS,
          .colour = CLG_PLOT_VERMILION,
          .width = 9,
          .x = x,
          .y = y,
          .n = 3 },
        { .name = "arrows",
          .mark = CLG_PLOT_ARROWS,
          .colour = CLG_PLOT_GREEN,
          .width = 4,
          .x = x,
          .y = y,
          .x2 = x,
          .y2 = up,
          .n = 3 },
        { .name = "rings",
          .mark = CLG_PLOT_RINGS,
          .colour = CLG_PLOT_PURPLE,
          .width = 30,
          .x = x,
          .y = up,
          .n = 3 },
    };
    const clg_plot_panel panels[] = {
        { .title = "first",
          .x = { .label = "x" },
          .y = { .label = "y" },
          .series = series,
          .series_count = 5 },
        { .title = "second", .square = true },
    };
    clg_plot_figure f = { .title = "title",
                          .subtitle = "subtitle",
                          .w = 500,
                          .h = 600,
                          .panel = panels,
                          .panel_count = 2 };
    assert_ok(clg__plot_write(path, &f));
    clg_image image = read_back();
    assert_int_equal(image.w, 500);
    assert_int_equal(image.h, 600);
    assert_int_equal(image.c, 3);
    assert_true(count_colour(&image, 0xFFFFFF) > 200000);
    for (int i = 0; i < 5; i++) {
        assert_true(count_colour(&image, series[i].colour) > 30);
    }
    assert_true(count_colour(&image, CLG_PLOT_BLACK) > 100); /* text */
    clg__free(image.pixels);
}

static void a_spike_of_a_long_line_is_seen(void **state)
{
    (void)state;
    enum { N = 200000 };
    float *x = clg__alloc(N, sizeof *x), *y = clg__alloc(N, sizeof *y);
    for (int i = 0; i < N; i++) {
        x[i] = (float)i;
        y[i] = i == N / 2 ? 100.0f : (float)(i % 2);
    }
    clg_plot_series s = { .colour = CLG_PLOT_BLUE, .x = x, .y = y, .n = N };
    clg_plot_panel p = { .series = &s, .series_count = 1 };
    clg_plot_figure f = { .w = 400, .h = 300, .panel = &p, .panel_count = 1 };
    double before = clg__os_now_s();
    assert_ok(clg__plot_write(path, &f));
    assert_true(clg__os_now_s() - before < 5.0);
    clg_image image = read_back();
    size_t rows = 0;
    for (uint32_t row = 0; row < image.h; row++) {
        size_t blue = 0;
        for (uint32_t col = 0; col < image.w; col++) {
            const uint8_t *px = image.pixels + ((size_t)row * image.w + col) * 3u;
            blue += px[0] < 100 && px[2] > 150;
        }
        rows += blue > 0;
    }
    assert_true(rows > 200); /* from the floor to the top */
    clg__free(image.pixels);
    clg__free(x);
    clg__free(y);
}

static void data_of_any_kind_give_a_picture(void **state)
{
    (void)state;
    static const float sets[][4] = {
        { NAN, NAN, NAN, NAN },
        { INFINITY, -INFINITY, 1, 2 },
        { FLT_MAX, -FLT_MAX, FLT_MAX, 0 },
        { 1e-38f, 1e-45f, 0, -1e-38f },
        { 1, 1, 1, 1 },
        { 3, 2, NAN, 1 },
        { 1e30f, 1, 2, 3 },
        { 0, 0, 0, 0 },
    };
    enum { SETS = sizeof sets / sizeof sets[0] };
    for (unsigned i = 0; i < SETS * SETS; i++) {
        clg_plot_series series[5];
        for (unsigned m = 0; m < 5; m++) {
            series[m] = (clg_plot_series){ .name = "a name",
                                           .mark = (enum clg_plot_mark)m,
                                           .colour = CLG_PLOT_BLUE,
                                           .dashed = i % 3 == 0,
                                           .n = i % 5,
                                           .x = sets[i % SETS],
                                           .y = sets[i / SETS],
                                           .x2 = i % 2 ? NULL : sets[0],
                                           .y2 = i % 2 ? NULL : sets[i % SETS] };
        }
        const clg_plot_panel p[2] = {
            { .x = { .label = "x", .log = i % 2 == 1 },
              .y = { .label = "y", .log = i % 4 > 1 },
              .square = i % 3 == 1,
              .series = series,
              .series_count = 5 },
            { .x = { .lo = i % 2 ? (double)NAN : 0, .hi = 1e300 },
              .series = series,
              .series_count = 5,
              .y = { .lo = 1, .hi = 2, .bare = true } },
        };
        clg_plot_figure f = { .title = "t", .w = 240, .h = 240, .panel = p, .panel_count = 2 };
        assert_ok(clg__plot_write(path, &f));
    }
    clg_image image = read_back();
    assert_int_equal(image.w, 240);
    clg__free(image.pixels);
}

static void impossible_sizes_and_places_are_refused(void **state)
{
    (void)state;
    clg_plot_panel p = { 0 };
    clg_plot_figure f = { .w = 20, .h = 300, .panel = &p, .panel_count = 1 };
    assert_fault(clg__plot_write(path, &f), CLG_E_USAGE, "20x300", "");
    f.w = 100000;
    assert_fault(clg__plot_write(path, &f), CLG_E_USAGE, "100000x300", "");
    f.w = 300;
    f.panel_count = 0;
    assert_fault(clg__plot_write(path, &f), CLG_E_USAGE, "0 panels", "");
    f.panel_count = 1;
    assert_fault(clg__plot_write("no/such/x.png", &f), CLG_E_IO, "no/such/x.png", "");
    assert_false(clg__os_stat(path).exists);
}

static void without_memory_nothing_is_written(void **state)
{
    (void)state;
    clg_plot_panel p = { .title = "p" };
    clg_plot_figure f = { .w = 200, .h = 200, .panel = &p, .panel_count = 1 };
    int status = CLG_E_MEMORY;
    for (long i = 1; status != CLG_OK; i++) {
        clg__alloc_fail(i, true);
        status = clg__plot_write(path, &f);
        clg__alloc_fail(0, false);
        assert_true(status == CLG_OK || status == CLG_E_MEMORY);
        assert_int_equal(clg__os_stat(path).exists, status == CLG_OK);
    }
}

static void the_ramp_goes_from_dark_to_light(void **state)
{
    (void)state;
    unsigned last = 0;
    assert_int_equal(clg__plot_ramp(0.0), 0x440154);
    assert_int_equal(clg__plot_ramp(-1.0), clg__plot_ramp((double)NAN));
    assert_int_equal(clg__plot_ramp(2.0), 0x6DCD59);
    for (int i = 0; i <= 20; i++) { /* lightness by Rec. 601 grows */
        uint32_t c = clg__plot_ramp(i / 20.0);
        unsigned light = 299 * (c >> 16) + 587 * (c >> 8 & 255) + 114 * (c & 255);
        assert_true(light > last);
        last = light;
    }
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, drop_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_are_round_and_as_many_as_fit),
        cmocka_unit_test(logarithmic_ticks_are_powers_or_1_2_5),
        cmocka_unit_test(ticks_are_exact),
        cmocka_unit_test(a_range_that_is_none_has_no_ticks),
        cmocka_unit_test(ranges_hold_every_finite_point),
        cmocka_unit_test(smoothing_is_the_mean_of_the_neighbours),
        cmocka_unit_test(the_ramp_goes_from_dark_to_light),
        FILE_TEST(a_chart_is_a_png_with_axes_and_every_series),
        FILE_TEST(a_spike_of_a_long_line_is_seen),
        FILE_TEST(data_of_any_kind_give_a_picture),
        FILE_TEST(impossible_sizes_and_places_are_refused),
        FILE_TEST(without_memory_nothing_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
