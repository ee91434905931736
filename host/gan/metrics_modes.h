/* Mode coverage of generated points on the drawn systems of Gaussians in the plane (ring, grid):
 * Lin, Khetan, Fanti, Oh, "PacGAN", 2018, section 4. A sample is of high quality within 3 standard
 * deviations of the nearest centre; a mode counts when at least one such sample is nearest to it.
 * Pure functions on host arrays. */
#ifndef CLG_GAN_METRICS_MODES_H
#define CLG_GAN_METRICS_MODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/model.h"

enum { CLG_MODES_MAX = 25, CLG_MODES_SAMPLES = 2500 }; /* the sheet's number of samples */

typedef struct clg_modes {
    uint32_t count; /* modes of the system; 0: it has none */
    uint32_t covered;
    double high_quality; /* share of all samples, 0 .. 1; 0 without samples */
    double std;          /* of each Gaussian */
    float x[CLG_MODES_MAX], y[CLG_MODES_MAX];
    uint32_t samples[CLG_MODES_MAX]; /* of high quality at each centre */
} clg_modes;

/* Centres and std of a system; counts 0. CLG_SYSTEM_RING: mode k at angle k 2 pi / 8 on the unit
 * circle; CLG_SYSTEM_GRID: row by row from (-4, -4); others: count 0. */
void clg__modes_of(enum clg_system system, clg_modes *out);
/* The same, with what points f32 [n, 2] cover. Points that are not finite are of no quality. */
void clg__modes_count(enum clg_system system, const float *points, size_t n, clg_modes *out);

#endif
