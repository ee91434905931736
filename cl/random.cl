/* Philox numbers: element i takes word i % 4 of block i / 4, as host/base/philox.h says.
 *
 * Work-item i owns blocks i*ITEMS .. +ITEMS, four elements each. One text for both families: CPU
 * -DITEMS=256, GPU -DITEMS=1. No local memory. */
#include "common.clh"

/* Stores the first n - i (at most 4) of v at y[i ..]. */
static inline void store_block(float4 v, __global float *y, size_t i, size_t n)
{
    if (i + 4 <= n) {
        vstore4(v, 0, y + i);
        return;
    }
    y[i] = v.x;
    if (i + 1 < n) {
        y[i + 1] = v.y;
    }
    if (i + 2 < n) {
        y[i + 2] = v.z;
    }
}

static inline uint4 block_words(size_t block, uint seed_lo, uint seed_hi, uint stream, uint step_lo,
                                uint step_hi)
{
    /* n < 2^32, so the block number has no high word. */
    return philox4x32((uint4)((uint)block, stream << 24, step_lo, step_hi),
                      (uint2)(seed_lo, seed_hi));
}

/* y[i] = lo + span * u_i, u in [0,1). */
__kernel void random_uniform(__global float *y, uint y_off, uint n, uint seed_lo, uint seed_hi,
                             uint stream, uint step_lo, uint step_hi, float lo, float span)
{
    const size_t first = (size_t)get_global_id(0) * ITEMS;
    y += y_off;
    for (size_t b = first; b < first + ITEMS && b * 4 < n; ++b) {
        const uint4 w = block_words(b, seed_lo, seed_hi, stream, step_lo, step_hi);
        store_block(lo + span * philox_unit4(w), y, b * 4, n);
    }
}

/* y[i] = mean + std * N(0,1)_i. */
__kernel void random_normal(__global float *y, uint y_off, uint n, uint seed_lo, uint seed_hi,
                            uint stream, uint step_lo, uint step_hi, float mean, float std)
{
    const size_t first = (size_t)get_global_id(0) * ITEMS;
    y += y_off;
    for (size_t b = first; b < first + ITEMS && b * 4 < n; ++b) {
        const uint4 w = block_words(b, seed_lo, seed_hi, stream, step_lo, step_hi);
        store_block(mean + std * philox_normal4(w), y, b * 4, n);
    }
}
