/* Fills and scaled sums over n floats in a row.
 *
 * Work-item i owns elements i*ITEMS*VW .. +ITEMS*VW; the last one ends with scalars. One text for
 * both families: CPU -DVW=16 -DITEMS=256, GPU -DVW=4 -DITEMS=1. No local memory. */
#include "common.clh"

/* y[i] = value. */
__kernel void fill(__global float *y, uint y_off, uint n, float value)
{
    size_t i = (size_t)get_global_id(0) * (ITEMS * VW);
    const size_t end = min((size_t)n, i + ITEMS * VW);
    y += y_off;
    for (; i + VW <= end; i += VW) {
        VSTORE((fvec)(value), y + i);
    }
    for (; i < end; ++i) {
        y[i] = value;
    }
}

/* y[i] = a * x[i] + b * y[i]; with b = 0, y is not read. */
__kernel void fill_axpby(__global const float *x, uint x_off, __global float *y, uint y_off, uint n,
                         float a, float b)
{
    size_t i = (size_t)get_global_id(0) * (ITEMS * VW);
    const size_t end = min((size_t)n, i + ITEMS * VW);
    x += x_off;
    y += y_off;
    if (b == 0.0f) {
        for (; i + VW <= end; i += VW) {
            VSTORE(a * VLOAD(x + i), y + i);
        }
        for (; i < end; ++i) {
            y[i] = a * x[i];
        }
        return;
    }
    for (; i + VW <= end; i += VW) {
        VSTORE(a * VLOAD(x + i) + b * VLOAD(y + i), y + i);
    }
    for (; i < end; ++i) {
        y[i] = a * x[i] + b * y[i];
    }
}
