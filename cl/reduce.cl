/* Sums in a fixed order.
 *
 * One text, two families:
 *   CPU  -DVW=16 -DSV=4                        one item per chunk or segment, vectors, no barrier
 *   GPU  -DVW=1 -DSV=1 -DRED_X=.. -DRED_Y=..   work-groups of RED_X columns and RED_Y lanes, a tree
 *                                              over the lanes; 4 * RED_X * RED_Y bytes local memory
 * Neither the cuts nor the order depend on the number of compute units. */
#include "sums.clh"

#define SLICE (SV * VW)

LOCAL_INLINE void columns_chunk(const int nv, const uint part, __global const store *x, uint rows,
                                uint cols, __global float *y, RED_ARG)
{
    fvec s[SV];
    for (int v = 0; v < nv; ++v) {
        s[v] = (fvec)(0.0f);
    }
    for (uint r = LANE; r < rows; r += LANES) {
        __global const store *p = x + r * cols;
        for (int v = 0; v < nv; ++v) {
            s[v] += SLOAD_PART(p + v * VW, part);
        }
    }
    for (int v = 0; v < nv; ++v) {
        const fvec sum = RED_SUM(s[v]);
        if (LANE == 0u) {
            STORE_PART(sum, y + v * VW, part);
        }
    }
}

/* y[k*cols + j] = sum of x[i*cols + j] over rows i = k*chunk .. +chunk (cut at rows).
 * Work-items: (slices of SV*VW columns, lanes on GPUs, chunks). */
#define COLUMNS_ARGS __global const store *x, uint x_off, __global float *y, uint y_off,         \
    uint rows, uint cols, uint chunk
BODY void columns_item(const uint id0, const uint id2, COLUMNS_ARGS, RED_ARG)
{
    const uint k = id2, n = min(chunk, rows - k * chunk);
    __global const store *xc = x + x_off + (size_t)k * chunk * cols;
    __global float *yc = y + y_off + (size_t)k * cols;
#ifdef RED_X
    const uint j = id0, at = min(j, cols - 1u);
    columns_chunk(1, j < cols ? 1u : 0u, xc + at, n, cols, yc + at, RED_PASS);
#else
    uint j = id0 * SLICE;
    if (j + SLICE <= cols) {
        columns_chunk(SV, VW, xc + j, n, cols, yc + j, RED_PASS);
        return;
    }
    for (; j < cols; j += VW) {
        columns_chunk(1, min((uint)VW, cols - j), xc + j, n, cols, yc + j, RED_PASS);
    }
#endif
}

__kernel RED_KERNEL void reduce_columns(COLUMNS_ARGS)
{
    RED_BUFFER;
    columns_item((uint)get_global_id(0), (uint)get_global_id(2), x, x_off, y, y_off, rows, cols,
        chunk, RED_PASS);
}

/* The squares of a full vector of x - minus. */
static inline fvec square(__global const float *x, __global const float *minus, uint has_minus,
                          size_t at)
{
    fvec d = VLOAD(x + at);
    if (has_minus != 0u) {
        d -= VLOAD(minus + at);
    }
    return d * d;
}

/* out[i] = sum over segment i of (x - minus)^2 (minus = 0 unless has_minus); segments[i] = (first
 * element in x and minus, length). Each lane adds runs of RUN vectors, then the runs, so that the
 * error stays small over millions of elements; AT_ONCE vectors per turn of the loop, as llvmpipe
 * ends loops after 65,535 turns. Work-items: (1, lanes on GPUs, segments). */
#define RUN 256u
#define AT_ONCE 32u
#define ADD_1(k) run += square(x, minus, has_minus, j + (k) * step)
#define ADD_4(k) ADD_1(k), ADD_1((k) + 1u), ADD_1((k) + 2u), ADD_1((k) + 3u)
#define SUMSQ_ARGS __global const float *x, uint x_off, __global const float *minus,             \
    uint minus_off, __global const uint *segments, uint segments_off, __global float *out,       \
    uint out_off, uint has_minus
BODY void sumsq_item(const uint id2, SUMSQ_ARGS, RED_ARG)
{
    const uint i = id2;
    const uint first = segments[segments_off + 2u * i], n = segments[segments_off + 2u * i + 1u];
    const size_t step = LANES * VW;
    size_t j = LANE * VW;
    fvec total = (fvec)(0.0f), run = (fvec)(0.0f);
    uint left = RUN;
    x += x_off + (size_t)first;
    minus += has_minus != 0u ? minus_off + (size_t)first : 0u;
    for (; j + (AT_ONCE - 1u) * step + VW <= n; j += AT_ONCE * step) {
        ADD_4(0u), ADD_4(4u), ADD_4(8u), ADD_4(12u);
        ADD_4(16u), ADD_4(20u), ADD_4(24u), ADD_4(28u);
        left -= AT_ONCE;
        if (left == 0u) {
            total += run;
            run = (fvec)(0.0f);
            left = RUN;
        }
    }
    for (; j < n; j += step) {
        const uint part = (uint)min((size_t)VW, n - j);
        fvec d = LOAD_PART(x + j, part);
        if (has_minus != 0u) {
            d -= LOAD_PART(minus + j, part);
        }
        run += d * d;
    }
    const float sum = RED_SUM(sum_of(total + run));
    if (LANE == 0u) {
        out[out_off + i] = sum;
    }
}

__kernel RED_KERNEL void reduce_sumsq(SUMSQ_ARGS)
{
    RED_BUFFER;
    sumsq_item((uint)get_global_id(2), x, x_off, minus, minus_off, segments, segments_off, out,
        out_off, has_minus, RED_PASS);
}

/* True for inf and nan, by their bits: no compiler option can change that. */
static inline bool is_bad(float v)
{
    return (as_uint(v) & 0x7f800000u) == 0x7f800000u;
}

/* part[k] = number of inf and nan in x[k*chunk .. +chunk] (cut at n); chunk < 2^24, so that a float
 * holds it exactly. Work-items: (1, lanes on GPUs, chunks). RED_X = 1. */
__kernel RED_KERNEL void reduce_nonfinite_part(__global const float *x, uint x_off,
                                               __global float *part, uint part_off, uint n,
                                               uint chunk)
{
    RED_BUFFER;
    const uint k = (uint)get_global_id(2);
    const uint length = min(chunk, n - k * chunk);
    uint count = 0; /* a plain loop of integers: compilers make vectors of it themselves */
    x += x_off + (size_t)k * chunk;
    for (uint i = LANE; i < length; i += LANES) {
        count += is_bad(x[i]) ? 1u : 0u;
    }
    const float sum = RED_SUM((float)count);
    if (LANE == 0u) {
        part[part_off + k] = sum;
    }
}

/* out[0] = sum of part[0 .. n), exact (n is a few thousand: one item adds them in turn). */
__kernel void reduce_nonfinite_end(__global const float *part, uint part_off, __global uint *out,
                                   uint out_off, uint n)
{
    uint count = 0;
    for (uint i = 0; i < n; ++i) {
        count += (uint)part[part_off + i];
    }
    out[out_off] = count;
}
