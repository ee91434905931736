/* The drawn systems: rows by their formulas, their distributions, and that a row is a function of
 * key and number alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/system.h"
#include "ref/ref.h"

enum { ROWS = 20000, DIM_MOST = 15 };
static const clg_rng_key KEY = { .seed = 11, .stream = CLG_STREAM_DATA, .step = 5 };

static void curves_are_parabolas_with_a_uniform_parameter(void **state)
{
    double least = 9.0, most = 0.0, sum = 0.0;
    (void)state;
    for (uint64_t i = 0; i < ROWS; i++) {
        uint32_t w[4];
        double y[DIM_MOST];
        clg__philox(&KEY, i, w);
        clg__system_row(CLG_SYSTEM_CURVES, &KEY, i, y);
        double a = y[7] + 1.0; /* x_7 = 0: y = a - 1 */
        assert_true(fabs(a - (1.0 + (w[0] >> 8) * 0x1p-23)) < 1e-15);
        for (int j = 0; j < DIM_MOST; j++) {
            double x = (j - 7) * 2.0 / 7.0;
            assert_true(fabs(y[j] - (a * x * x + a - 1.0)) < 1e-14);
            /* the sheet's bounds: x^2 and 3x^2 + 2 */
            assert_true(y[j] >= x * x - 1e-14 && y[j] <= 3.0 * x * x + 2.0);
        }
        least = fmin(least, a);
        most = fmax(most, a);
        sum += a / ROWS;
    }
    assert_true(least >= 1.0 && least < 1.001 && most < 3.0 && most > 2.999);
    assert_true(fabs(sum - 2.0) < 5.0 * 0.57735 / sqrt(ROWS));
}

static void gauss1d_has_its_mean_and_deviation(void **state)
{
    double sum = 0.0, square = 0.0;
    (void)state;
    for (uint64_t i = 0; i < ROWS; i++) {
        double y;
        clg__system_row(CLG_SYSTEM_GAUSS1D, &KEY, i, &y);
        sum += y / ROWS;
        square += (y - 4.0) * (y - 4.0) / ROWS;
    }
    assert_true(fabs(sum - 4.0) < 5.0 * 0.5 / sqrt(ROWS));
    assert_true(fabs(sqrt(square) - 0.5) < 5.0 * 0.5 / sqrt(2.0 * ROWS));
}

/* Every mode gets its share, and the points lie around it with the system's deviation. */
static void check_modes(enum clg_system system, uint32_t modes, double std)
{
    uint32_t count[32] = { 0 };
    double square = 0.0, centre[2], got_std;
    assert_int_equal(clg__system_modes(system), modes);
    for (uint64_t i = 0; i < ROWS; i++) {
        double y[2], best = 1e9;
        uint32_t at = 0;
        clg__system_row(system, &KEY, i, y);
        for (uint32_t k = 0; k < modes; k++) {
            clg__system_mode(system, k, centre, &got_std);
            double d =
                (y[0] - centre[0]) * (y[0] - centre[0]) + (y[1] - centre[1]) * (y[1] - centre[1]);
            at = d < best ? k : at;
            best = fmin(best, d);
        }
        assert_true(got_std == std && best < 36.0 * std * std);
        square += best / (2.0 * ROWS);
        count[at]++;
    }
    assert_true(fabs(sqrt(square) - std) < 5.0 * std / sqrt(4.0 * ROWS));
    for (uint32_t k = 0; k < modes; k++) {
        assert_true(fabs(count[k] - (double)ROWS / modes) < 5.0 * sqrt((double)ROWS / modes));
    }
}

static void ring_and_grid_visit_all_their_modes_evenly(void **state)
{
    double centre[2], std;
    (void)state;
    check_modes(CLG_SYSTEM_RING, 8, 0.01);
    check_modes(CLG_SYSTEM_GRID, 25, 0.05);
    clg__system_mode(CLG_SYSTEM_RING, 3, centre, &std); /* 135 degrees */
    assert_true(fabs(centre[0] + sqrt(0.5)) < 1e-15 && fabs(centre[1] - sqrt(0.5)) < 1e-15);
    clg__system_mode(CLG_SYSTEM_GRID, 0, centre, &std);
    assert_true(centre[0] == -4.0 && centre[1] == -4.0);
    clg__system_mode(CLG_SYSTEM_GRID, 23, centre, &std);
    assert_true(centre[0] == 2.0 && centre[1] == 4.0);
    clg__system_mode(CLG_SYSTEM_GAUSS1D, 0, centre, &std);
    assert_true(centre[0] == 4.0 && std == 0.5 && clg__system_modes(CLG_SYSTEM_GAUSS1D) == 1);
    assert_int_equal(clg__system_modes(CLG_SYSTEM_CURVES), 0);
}

static void rows_depend_on_every_part_of_the_key_and_not_on_their_number(void **state)
{
    static const clg_rng_key other[] = {
        { .seed = 12, .stream = CLG_STREAM_DATA, .step = 5 },
        { .seed = 11, .stream = CLG_STREAM_EVAL, .step = 5 },
        { .seed = 11, .stream = CLG_STREAM_DATA, .step = 6 },
        { .seed = 11, .stream = CLG_STREAM_DATA, .step = 5, .lane = 1 },
    };
    (void)state;
    for (int s = CLG_SYSTEM_NONE + 1; s < CLG_SYSTEM_COUNT; s++) {
        enum clg_system system = (enum clg_system)s;
        uint32_t dim = clg__system_dim(system);
        double many[9 * DIM_MOST], one[DIM_MOST];
        ref_system(system, &KEY, 9, many);
        clg__system_row(system, &KEY, 8, one);
        assert_memory_equal(one, many + 8 * dim, dim * sizeof *one);
        for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
            clg__system_row(system, &other[i], 8, one);
            assert_memory_not_equal(one, many + 8 * dim, dim * sizeof *one);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curves_are_parabolas_with_a_uniform_parameter),
        cmocka_unit_test(gauss1d_has_its_mean_and_deviation),
        cmocka_unit_test(ring_and_grid_visit_all_their_modes_evenly),
        cmocka_unit_test(rows_depend_on_every_part_of_the_key_and_not_on_their_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
