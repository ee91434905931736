/* Fills and scaled sums over n numbers in a row.
 *
 * Work-item i owns elements i*ITEMS*VW .. +ITEMS*VW; the last one ends with scalars. One text for
 * both families: CPU -DVW=16 -DITEMS=256, GPU -DVW=4 -DITEMS=1. No local memory. */
#include "common.clh"

/* y[i] = value. */
__kernel void fill(__global store *y, uint y_off, uint n, float value)
{
    size_t i = (size_t)get_global_id(0) * (ITEMS * VW);
    const size_t end = min((size_t)n, i + ITEMS * VW);
    y += y_off;
    for (; i + VW <= end; i += VW) {
        SSAVE((fvec)(value), y + i);
    }
    for (; i < end; ++i) {
        save(value, y, i);
    }
}

/* y[i] = a * x[i] + b * y[i]; with b = 0, y is not read. */
__kernel void fill_axpby(__global const store *x, uint x_off, __global store *y, uint y_off, uint n,
                         float a, float b)
{
    size_t i = (size_t)get_global_id(0) * (ITEMS * VW);
    const size_t end = min((size_t)n, i + ITEMS * VW);
    x += x_off;
    y += y_off;
    if (b == 0.0f) {
        for (; i + VW <= end; i += VW) {
            SSAVE(a * SLOAD(x + i), y + i);
        }
        for (; i < end; ++i) {
            save(a * load(x, i), y, i);
        }
        return;
    }
    for (; i + VW <= end; i += VW) {
        SSAVE(a * SLOAD(x + i) + b * SLOAD(y + i), y + i);
    }
    for (; i < end; ++i) {
        save(a * load(x, i) + b * load(y, i), y, i);
    }
}
