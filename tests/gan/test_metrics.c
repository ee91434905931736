/* The metrics of `clgan eval` against values known by other ways: Parzen sums in double,
 * brute-force neighbours, images and curves whose figures follow by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gan/metrics_images.h"
#include "gan/metrics_parzen.h"
#include "support/net_support.h"
#include "support/rt_support.h"

/* ---- Parzen window ---- */

static double log_window(const clg_rows *samples, const float *row, double sigma)
{
    double *a = clg__alloc(samples->n, sizeof *a), most = -(double)INFINITY, sum = 0.0;
    assert_non_null(a);
    for (uint32_t i = 0; i < samples->n; i++) {
        double square = 0.0;
        for (uint32_t j = 0; j < samples->d; j++) {
            double e = (double)row[j] - (double)samples->at[(size_t)i * samples->d + j];
            square += e * e;
        }
        a[i] = -square / (2.0 * sigma * sigma);
        most = fmax(most, a[i]);
    }
    for (uint32_t i = 0; i < samples->n; i++) {
        sum += exp(a[i] - most);
    }
    clg__free(a);
    return most + log(sum / samples->n) -
           samples->d * log(sigma * sqrt(2.0 * 3.14159265358979323846));
}

static float *unit_rows(uint32_t n, uint32_t d, uint64_t seed)
{
    clg_rng_key key = { .seed = seed, .stream = CLG_STREAM_TEST };
    float *x = clg__alloc((size_t)n * d, sizeof *x);
    assert_non_null(x);
    clg__philox_uniform(&key, 0.0f, 1.0f, x, (size_t)n * d);
    return x;
}

/* More rows and samples than one block of each, neither a multiple of one. */
static void log_likelihoods_equal_sums_in_double(void **state)
{
    enum { D = 7, SAMPLES = 2100, ROWS = 530, WIDTHS = 3 };
    static const double sigma[WIDTHS] = { 0.05, 0.2, 1.0 };
    (void)state;
    float *s = unit_rows(SAMPLES, D, 1), *x = unit_rows(ROWS, D, 2);
    double *ll = clg__alloc((size_t)ROWS * WIDTHS, sizeof *ll);
    clg_rows samples = { .at = s, .n = SAMPLES, .d = D }, rows = { .at = x, .n = ROWS, .d = D };
    TEST_OK(clg__parzen_log(test_ops(), &samples, &rows, sigma, WIDTHS, ll));
    for (uint32_t i = 0; i < ROWS; i++) {
        for (uint32_t k = 0; k < WIDTHS; k++) {
            double want = log_window(&samples, x + (size_t)i * D, sigma[k]);
            assert_true(fabs(ll[i * WIDTHS + k] - want) <= 2e-3 + 1e-5 * fabs(want));
        }
    }
    clg__free(s);
    clg__free(x);
    clg__free(ll);
}

static void sigma_is_the_best_on_validation_rows(void **state)
{
    enum { D = 12, SAMPLES = 150, ROWS = 60 };
    (void)state;
    float *s = unit_rows(SAMPLES, D, 3), *v = unit_rows(ROWS, D, 4), *t = unit_rows(ROWS, D, 5);
    clg_rows samples = { .at = s, .n = SAMPLES, .d = D };
    clg_parzen_result r;
    double best = -(double)INFINITY, at = 0.0, mean = 0.0, var = 0.0;
    TEST_OK(clg__parzen_measure(test_ops(), &samples, &(clg_rows){ .at = v, .n = ROWS, .d = D },
                                &(clg_rows){ .at = t, .n = ROWS, .d = D }, &r));
    for (int k = 0; k < CLG_PARZEN_SIGMAS; k++) {
        double sum = 0.0;
        for (int i = 0; i < ROWS; i++) {
            sum += log_window(&samples, v + i * D, r.tried[k]);
        }
        assert_true(fabs(r.validation[k] - sum / ROWS) <= 1e-2);
        if (sum / ROWS > best) {
            best = sum / ROWS;
            at = r.tried[k];
        }
    }
    assert_true(fabs(r.tried[0] - 0.1) < 1e-12 && fabs(r.tried[9] - 1.0) < 1e-12);
    assert_true(fabs(r.sigma - at) < 1e-12);
    assert_false(r.at_end);
    for (int i = 0; i < ROWS; i++) {
        mean += log_window(&samples, t + i * D, at) / ROWS;
    }
    for (int i = 0; i < ROWS; i++) {
        double e = log_window(&samples, t + i * D, at) - mean;
        var += e * e / (ROWS - 1);
    }
    assert_true(fabs(r.mean - mean) <= 1e-2);
    assert_true(fabs(r.standard_error - sqrt(var / ROWS)) <= 1e-2);
    clg__free(s);
    clg__free(v);
    clg__free(t);
}

static void a_sigma_at_the_end_of_its_range_is_told(void **state)
{
    enum { D = 2, ROWS = 20 };
    (void)state;
    float near[ROWS * D], far[ROWS * D];
    clg_parzen_result r;
    for (int i = 0; i < ROWS * D; i++) {
        near[i] = 0.5f + 0.001f * (float)(i % 5);
        far[i] = 30.0f * (float)(i % 7);
    }
    clg_rows a = { .at = near, .n = ROWS, .d = D }, b = { .at = far, .n = ROWS, .d = D };
    TEST_OK(clg__parzen_measure(test_ops(), &a, &a, &a, &r));
    assert_true(r.at_end);
    assert_true(fabs(r.sigma - 0.1) < 1e-12);
    TEST_OK(clg__parzen_measure(test_ops(), &a, &b, &b, &r));
    assert_true(r.at_end);
    assert_true(fabs(r.sigma - 1.0) < 1e-12);
}

static void samples_that_are_not_finite_have_no_likelihood(void **state)
{
    enum { D = 3, ROWS = 40 };
    static const float bad[2] = { NAN, INFINITY };
    (void)state;
    double sigma = 0.3, ll[ROWS];
    for (int k = 0; k < 2; k++) {
        float *s = unit_rows(ROWS, D, 6), *x = unit_rows(ROWS, D, 7);
        s[50] = bad[k];
        assert_int_equal(clg__parzen_log(test_ops(), &(clg_rows){ .at = s, .n = ROWS, .d = D },
                                         &(clg_rows){ .at = x, .n = ROWS, .d = D }, &sigma, 1, ll),
                         CLG_E_NUMERIC);
        clg__free(s);
        clg__free(x);
    }
}

/* ---- nearest rows ---- */

static int read_rows(void *user, uint32_t first, uint32_t n, float *dst)
{
    const clg_rows *from = user;
    memcpy(dst, from->at + (size_t)first * from->d, (size_t)n * from->d * sizeof *dst);
    return CLG_OK;
}

static void nearest_rows_are_the_nearest(void **state)
{
    enum { D = 9, AMONG = 4500, ROWS = 600 };
    (void)state;
    float *s = unit_rows(AMONG, D, 8), *x = unit_rows(ROWS, D, 9);
    uint32_t *at = clg__alloc(ROWS, sizeof *at);
    double *square = clg__alloc(ROWS, sizeof *square);
    clg_rows among = { .at = s, .n = AMONG, .d = D };
    memcpy(x, s + 4400 * D, D * sizeof *x);   /* copies: of one */
    memcpy(x + D, s + 77 * D, D * sizeof *x); /* and of two equal ones in two blocks */
    memcpy(s + 3000 * D, s + 77 * D, D * sizeof *x);
    TEST_OK(clg__nearest_rows(test_ops(), &(clg_rows){ .at = x, .n = ROWS, .d = D }, AMONG,
                              read_rows, &among, at, square));
    for (uint32_t i = 0; i < ROWS; i++) {
        double best = (double)INFINITY;
        uint32_t want = 0;
        for (uint32_t k = 0; k < AMONG; k++) {
            double sum = 0.0;
            for (uint32_t j = 0; j < D; j++) {
                double e = (double)x[i * D + j] - (double)s[k * D + j];
                sum += e * e;
            }
            if (sum < best) {
                best = sum;
                want = k;
            }
        }
        assert_int_equal(at[i], want);
        assert_true(fabs(square[i] - best) <= 1e-12);
    }
    assert_int_equal(at[0], 4400);
    assert_int_equal(at[1], 77);
    assert_true(square[0] <= 0.0 && square[1] <= 0.0);
    clg__free(s);
    clg__free(x);
    clg__free(at);
    clg__free(square);
}

/* ---- images ---- */

static void sharpness_of_known_images(void **state)
{
    (void)state;
    float flat[2 * 5 * 4 * 3], board[6 * 6], dot[5 * 5] = { 0 }, ramp[5 * 5];
    for (size_t i = 0; i < sizeof flat / sizeof flat[0]; i++) {
        flat[i] = 0.7f;
    }
    for (int i = 0; i < 36; i++) {
        board[i] = (float)((i / 6 + i % 6) % 2);
    }
    for (int i = 0; i < 25; i++) {
        ramp[i] = 0.1f * (float)(i % 5) + 0.05f * (float)(i / 5);
    }
    dot[12] = 0.5f;
    assert_true(clg__sharpness(flat, 2, 5, 4, 3) < 1e-6);
    assert_true(fabs(clg__sharpness(board, 1, 6, 6, 1) - 4.0) < 1e-12);
    assert_true(clg__sharpness(ramp, 1, 5, 5, 1) < 1e-6); /* no second derivative */
    /* 4 * .5 in the middle, .5 at its four neighbours, over 9 inner pixels */
    assert_true(fabs(clg__sharpness(dot, 1, 5, 5, 1) - 4.0 / 9.0) < 1e-12);
    dot[12] = 7.0f; /* a picture shows it as 1 */
    assert_true(fabs(clg__sharpness(dot, 1, 5, 5, 1) - 8.0 / 9.0) < 1e-12);
    assert_true(clg__sharpness(dot, 1, 2, 12, 1) <= 0.0);
}

/* Red alone has an edge: channels do not mix. */
static void sharpness_keeps_channels_apart(void **state)
{
    (void)state;
    float x[3 * 3 * 3] = { 0 };
    x[4 * 3] = 1.0f;
    assert_true(fabs(clg__sharpness(x, 1, 3, 3, 3) - 4.0 / 3.0) < 1e-12);
}

static void mean_square_is_that(void **state)
{
    (void)state;
    const float x[4] = { 1.0f, 2.0f, 3.0f, 4.0f }, y[4] = { 1.0f, 0.0f, 3.0f, 7.0f };
    assert_true(fabs(clg__mean_square(x, y, 4) - 13.0 / 4.0) < 1e-12);
}

/* ---- curves ---- */

static void make_curve(double a, double off, float *y)
{
    for (int k = 0; k < 15; k++) {
        double x = -2.0 + 4.0 * k / 14.0;
        y[k] = (float)(a * x * x + a - 1.0 + off * (k % 2 ? 1.0 : -1.0));
    }
}

static void curves_give_back_their_a(void **state)
{
    (void)state;
    float y[4 * 15];
    clg_curve_stats s;
    make_curve(1.2, 0.0, y);
    make_curve(2.9, 0.0, y + 15);
    make_curve(2.0, 0.0, y + 30);
    clg__curve_stats(y, 3, &s);
    assert_true(fabs(s.a_min - 1.2) < 1e-6 && fabs(s.a_max - 2.9) < 1e-6);
    assert_true(fabs(s.a_mean - 6.1 / 3.0) < 1e-6);
    assert_true(s.residual < 1e-6);
    assert_true(s.within >= 1.0);
    make_curve(3.4, 0.0, y + 45); /* a curve, but above the upper bound */
    clg__curve_stats(y, 4, &s);
    assert_true(fabs(s.a_max - 3.4) < 1e-6);
    assert_true(fabs(s.within - 0.75) < 1e-12);
    make_curve(2.0, 0.3, y + 45); /* a zigzag around one */
    clg__curve_stats(y + 45, 1, &s);
    assert_true(s.residual > 0.28 && s.residual < 0.31);
    y[50] = NAN;
    clg__curve_stats(y, 4, &s);
    assert_true(isnan(s.a_min) && isnan(s.a_max) && isnan(s.residual));
    assert_true(fabs(s.within - 0.75) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_likelihoods_equal_sums_in_double),
        cmocka_unit_test(sigma_is_the_best_on_validation_rows),
        cmocka_unit_test(a_sigma_at_the_end_of_its_range_is_told),
        cmocka_unit_test(samples_that_are_not_finite_have_no_likelihood),
        cmocka_unit_test(nearest_rows_are_the_nearest),
        cmocka_unit_test(sharpness_of_known_images),
        cmocka_unit_test(sharpness_keeps_channels_apart),
        cmocka_unit_test(mean_square_is_that),
        cmocka_unit_test(curves_give_back_their_a),
    };
    return cmocka_run_group_tests(tests, NULL, test_ops_done);
}
