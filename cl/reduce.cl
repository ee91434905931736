/* Sums in a fixed order.
 *
 * One text, two families:
 *   CPU  -DVW=16 -DSV=4                        one item per chunk or segment, vectors, no barrier
 *   GPU  -DVW=1 -DSV=1 -DRED_X=.. -DRED_Y=..   work-groups of RED_X columns and RED_Y lanes, a tree
 *                                              over the lanes; 4 * RED_X * RED_Y bytes local memory
 * Neither the cuts nor the order depend on the number of compute units. */
#include "common.clh"

#define SLICE (SV * VW)

static inline float sum_of(fvec v)
{
#if VW == 1
    return v;
#else
    float t[VW], s = 0.0f;
    CLG_CAT(vstore, VW)(v, 0, t);
    for (uint i = 0; i < VW; ++i) {
        s += t[i];
    }
    return s;
#endif
}

static inline void columns_chunk(const int nv, const uint part, __global const float *x, uint rows,
                                 uint cols, __global float *y, RED_ARG)
{
    fvec s[SV];
#pragma unroll
    for (int v = 0; v < nv; ++v) {
        s[v] = (fvec)(0.0f);
    }
    for (uint r = LANE; r < rows; r += LANES) {
        __global const float *p = x + r * cols;
#pragma unroll
        for (int v = 0; v < nv; ++v) {
            s[v] += LOAD_PART(p + v * VW, part);
        }
    }
#pragma unroll
    for (int v = 0; v < nv; ++v) {
        const fvec sum = RED_SUM(s[v]);
        if (LANE == 0u) {
            STORE_PART(sum, y + v * VW, part);
        }
    }
}

/* y[k*cols + j] = sum of x[i*cols + j] over rows i = k*chunk .. +chunk (cut at rows).
 * Work-items: (slices of SV*VW columns, lanes on GPUs, chunks). */
__kernel RED_KERNEL void reduce_columns(__global const float *x, uint x_off, __global float *y,
                                        uint y_off, uint rows, uint cols, uint chunk)
{
    RED_BUFFER;
    const uint k = (uint)get_global_id(2), n = min(chunk, rows - k * chunk);
    __global const float *xc = x + x_off + (size_t)k * chunk * cols;
    __global float *yc = y + y_off + (size_t)k * cols;
#ifdef RED_X
    const uint j = (uint)get_global_id(0), at = min(j, cols - 1u);
    columns_chunk(1, j < cols ? 1u : 0u, xc + at, n, cols, yc + at, RED_PASS);
#else
    uint j = (uint)get_global_id(0) * SLICE;
    if (j + SLICE <= cols) {
        columns_chunk(SV, VW, xc + j, n, cols, yc + j, RED_PASS);
        return;
    }
    for (; j + VW <= cols; j += VW) {
        columns_chunk(1, VW, xc + j, n, cols, yc + j, RED_PASS);
    }
    if (j < cols) {
        columns_chunk(1, cols - j, xc + j, n, cols, yc + j, RED_PASS);
    }
#endif
}

/* out[i] = sum over segment i of (x - minus)^2 (minus = 0 unless has_minus); segments[i] = (first
 * element in x and minus, length). Each lane adds runs of RUN vectors, then the runs, so that the
 * error stays small over millions of elements. Work-items: (1, lanes on GPUs, segments). */
#define RUN 256u
__kernel RED_KERNEL void reduce_sumsq(__global const float *x, uint x_off,
                                      __global const float *minus, uint minus_off,
                                      __global const uint *segments, uint segments_off,
                                      __global float *out, uint out_off, uint has_minus)
{
    RED_BUFFER;
    const uint i = (uint)get_global_id(2);
    const uint first = segments[segments_off + 2u * i], n = segments[segments_off + 2u * i + 1u];
    fvec total = (fvec)(0.0f), run = (fvec)(0.0f);
    uint left = RUN;
    x += x_off + (size_t)first;
    minus += has_minus != 0u ? minus_off + (size_t)first : 0u;
    for (size_t j = LANE * VW; j < n; j += LANES * VW) {
        const uint part = (uint)min((size_t)VW, n - j);
        fvec d = LOAD_PART(x + j, part);
        if (has_minus != 0u) {
            d -= LOAD_PART(minus + j, part);
        }
        run += d * d;
        if (--left == 0u) {
            total += run;
            run = (fvec)(0.0f);
            left = RUN;
        }
    }
    const float sum = RED_SUM(sum_of(total + run));
    if (LANE == 0u) {
        out[out_off + i] = sum;
    }
}

/* Counts stay below 2^24 up to a chunk, and are exact as uint. */
static inline uint is_bad(float v)
{
    return (as_uint(v) & 0x7f800000u) == 0x7f800000u ? 1u : 0u;
}

#ifdef RED_X
static inline uint red_count(__local uint *buf, uint v)
{
    const uint ly = (uint)get_local_id(1);
    buf[ly] = v;
    for (uint s = RED_Y / 2; s > 0; s >>= 1) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (ly < s) {
            buf[ly] += buf[ly + s];
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    return buf[0];
}
#endif

/* part[k] = number of inf and nan in x[k*chunk .. +chunk] (cut at n).
 * Work-items: (1, lanes on GPUs, chunks). RED_X = 1. */
__kernel RED_KERNEL void reduce_nonfinite(__global const float *x, uint x_off,
                                          __global uint *part, uint part_off, uint n, uint chunk)
{
    const uint k = (uint)get_global_id(2);
    const uint length = min(chunk, n - k * chunk);
    uint count = 0;
    x += x_off + (size_t)k * chunk;
#ifdef RED_X
    __local uint buf[RED_Y];
    for (uint i = LANE; i < length; i += LANES) {
        count += is_bad(x[i]);
    }
    count = red_count(buf, count);
#else
    uint i = 0;
    uint16 many = (uint16)(0u);
    for (; i + 16u <= length; i += 16u) {
        const uint16 bits = as_uint16(vload16(0, x + i)) & 0x7f800000u;
        many -= as_uint16(bits == 0x7f800000u); /* true is -1 */
    }
    const uint8 a = many.lo + many.hi;
    const uint4 b = a.lo + a.hi;
    count = b.x + b.y + b.z + b.w;
    for (; i < length; ++i) {
        count += is_bad(x[i]);
    }
#endif
    if (LANE == 0u) {
        part[part_off + k] = count;
    }
}

/* out[0] = sum of part[0 .. n). Work-items: (1, lanes on GPUs). RED_X = 1. */
__kernel RED_KERNEL void reduce_count(__global const uint *part, uint part_off, __global uint *out,
                                      uint out_off, uint n)
{
    uint count = 0;
    for (uint i = LANE; i < n; i += LANES) {
        count += part[part_off + i];
    }
#ifdef RED_X
    __local uint buf[RED_Y];
    count = red_count(buf, count);
#endif
    if (LANE == 0u) {
        out[out_off] = count;
    }
}
