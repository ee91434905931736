/* The drawn systems: names, sizes, modes, and rows in double as cl/system.cl draws them in float.
 */
#include "base/system.h"

#include <math.h>
#include <string.h>

enum { CURVE_POINTS = 15, RING_MODES = 8, GRID_SIDE = 5 };
static const double PI = 3.141592653589793;

#define CLG_X(id, text) [id] = text,
static const char *const names[] = { CLG_SYSTEM_LIST(CLG_X) };
#undef CLG_X

enum clg_system clg__system_find(const char *name)
{
    for (uint32_t i = CLG_SYSTEM_NONE + 1; i < CLG_SYSTEM_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            return (enum clg_system)i;
        }
    }
    return CLG_SYSTEM_NONE;
}

uint32_t clg__system_dim(enum clg_system system)
{
    static const uint32_t dim[CLG_SYSTEM_COUNT] = { [CLG_SYSTEM_CURVES] = CURVE_POINTS,
                                                    [CLG_SYSTEM_GAUSS1D] = 1,
                                                    [CLG_SYSTEM_RING] = 2,
                                                    [CLG_SYSTEM_GRID] = 2 };
    return dim[system];
}

uint32_t clg__system_modes(enum clg_system system)
{
    static const uint32_t modes[CLG_SYSTEM_COUNT] = { [CLG_SYSTEM_GAUSS1D] = 1,
                                                      [CLG_SYSTEM_RING] = RING_MODES,
                                                      [CLG_SYSTEM_GRID] = GRID_SIDE * GRID_SIDE };
    return modes[system];
}

void clg__system_mode(enum clg_system system, uint32_t k, double *centre, double *std)
{
    if (system == CLG_SYSTEM_RING) {
        centre[0] = cos(2.0 * PI * k / RING_MODES);
        centre[1] = sin(2.0 * PI * k / RING_MODES);
        *std = 0.01;
    } else if (system == CLG_SYSTEM_GRID) {
        centre[0] = 2.0 * (k % GRID_SIDE) - 4.0;
        centre[1] = 2.0 * (double)(k / GRID_SIDE) - 4.0;
        *std = 0.05;
    } else {
        centre[0] = 4.0;
        *std = 0.5;
    }
}

static void draw_curve(const uint32_t w[4], double *y)
{
    double a = 1.0 + 2.0 * (double)clg__philox_unit(w[0]);
    for (int j = 0; j < CURVE_POINTS; j++) {
        double x = -2.0 + 4.0 * j / (CURVE_POINTS - 1);
        y[j] = a * x * x + a - 1.0;
    }
}

void clg__system_row(enum clg_system system, const clg_rng_key *key, uint64_t row, double *y)
{
    uint32_t w[4];
    double std;
    clg__philox(key, row, w);
    if (system == CLG_SYSTEM_CURVES) {
        draw_curve(w, y);
        return;
    }
    /* w[2] to a mode: the upper half of its product with their number. */
    clg__system_mode(system, (uint32_t)((uint64_t)w[2] * clg__system_modes(system) >> 32), y, &std);
    double radius = std * sqrt(-2.0 * log(((double)(w[0] >> 8) + 1.0) * 0x1p-24));
    double angle = 2.0 * PI * ((double)(w[1] >> 8) * 0x1p-24);
    y[0] += radius * cos(angle);
    if (clg__system_dim(system) == 2) {
        y[1] += radius * sin(angle);
    }
}
