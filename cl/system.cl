/* Rows of the drawn systems (system.clh).
 *
 * CPU -DVW=16 -DITEMS=256: a work-item owns the rows i*ITEMS*VW .. +ITEMS*VW, sixteen at a time, one
 * in each lane of a vector. GPU -DVW=4 -DITEMS=1: four rows, one by one. No local memory. */
#include "system.clh"

/* y [n, dim]. */
__kernel void system_draw(__global store *y, uint y_off, uint n, uint dim, uint system,
                          uint seed_lo, uint seed_hi, uint use, uint step_lo, uint step_hi)
{
    const size_t i = (size_t)get_global_id(0) * (ITEMS * VW);
    draw_system(y + y_off + i * dim, dim, dim, system, i, min((size_t)n, i + ITEMS * VW), seed_lo,
                seed_hi, use, step_lo, step_hi);
}
