/* The drawn systems on the host: their rows in double, and where their modes are. What a drawn
 * system is: base/model.h; the formulas: cl/system.cl. */
#ifndef CLG_BASE_SYSTEM_H
#define CLG_BASE_SYSTEM_H

#include "base/model.h"
#include "base/philox.h"

/* y[clg__system_dim] = row `row` (below 2^32) of the key, before any rounding to float. */
void clg__system_row(enum clg_system system, const clg_rng_key *key, uint64_t row, double *y);

/* Number of modes (ring 8, grid 25, gauss1d 1, curves 0: they are a continuum), and the centre of
 * mode k, clg__system_dim values, with the standard deviation of every coordinate around it. */
uint32_t clg__system_modes(enum clg_system system);
void clg__system_mode(enum clg_system system, uint32_t k, double *centre, double *std);

#endif
