/* Floats to the type of stored activations and back, over n elements in a row (common.clh: STORE).
 *
 * Work-item i owns elements i*ITEMS*VW .. +ITEMS*VW; the last one ends with scalars. One text for
 * both families: CPU -DVW=16 -DITEMS=256, GPU -DVW=4 -DITEMS=1. No local memory. */
#include "common.clh"

/* y[i] = x[i], rounded to nearest even. */
__kernel void cast_to(__global const float *x, uint x_off, __global store *y, uint y_off, uint n)
{
    size_t i = (size_t)get_global_id(0) * (ITEMS * VW);
    const size_t end = min((size_t)n, i + ITEMS * VW);
    x += x_off;
    y += y_off;
    for (; i + VW <= end; i += VW) {
        SSAVE(VLOAD(x + i), y + i);
    }
    for (; i < end; ++i) {
        save(x[i], y, i);
    }
}

/* y[i] = x[i], exact. */
__kernel void cast_from(__global const store *x, uint x_off, __global float *y, uint y_off, uint n)
{
    size_t i = (size_t)get_global_id(0) * (ITEMS * VW);
    const size_t end = min((size_t)n, i + ITEMS * VW);
    x += x_off;
    y += y_off;
    for (; i + VW <= end; i += VW) {
        VSTORE(SLOAD(x + i), y + i);
    }
    for (; i < end; ++i) {
        y[i] = load(x, i);
    }
}
