/* Mean squared error of two tensors, and its gradient: an autoencoder's loss.
 *
 * One text, two families: CPU -DVW=16, one item per chunk, vectors; GPU -DVW=1 -DRED_X=1
 * -DRED_Y=lanes, a work-group per chunk, a tree over the lanes, 4 * RED_Y bytes of local memory. The
 * cuts depend on n alone. */
#include "sums.clh"

/* For i in chunk k, which is k*chunk .. +chunk cut at n: d = x[i] - y[i];
 * out[2k] = share * sum of d^2, out[2k+1] = share * sum of |x[i]|; dx[i] = factor * d when has_dx
 * (dx may be x). Each lane adds runs of RUN vectors, then the runs. Work-items: (1, lanes, chunks). */
#define RUN 64u
__kernel RED_KERNEL void mse(__global const store *x, uint x_off, __global const store *y,
                             uint y_off, __global float *out, uint out_off, __global store *dx,
                             uint dx_off, uint n, uint chunk, float share, float factor,
                             uint has_dx, __global const float *scale, uint scale_off,
                             uint has_scale)
{
    RED_BUFFER;
    factor *= has_scale != 0u ? scale[scale_off] : 1.0f;
    const uint k = (uint)get_global_id(2), length = min(chunk, n - k * chunk);
    const size_t first = (size_t)k * chunk;
    fvec total = (fvec)(0.0f), total_x = (fvec)(0.0f), run = (fvec)(0.0f), run_x = (fvec)(0.0f);
    uint left = RUN;
    x += x_off + first;
    y += y_off + first;
    dx += has_dx != 0u ? dx_off + first : 0u;
    for (uint i = LANE * VW; i < length; i += LANES * VW) {
        const uint part = min((uint)VW, length - i);
        const fvec xi = SLOAD_PART(x + i, part), d = xi - SLOAD_PART(y + i, part);
        run += d * d;
        run_x += fabs(xi);
        if (has_dx != 0u) {
            SSAVE_PART(factor * d, dx + i, part);
        }
        if (--left == 0u) {
            total += run;
            total_x += run_x;
            run = run_x = (fvec)(0.0f);
            left = RUN;
        }
    }
    const float sum = RED_SUM(sum_of(total + run));
    const float sum_x = RED_SUM(sum_of(total_x + run_x));
    if (LANE == 0u) {
        out[out_off + 2u * k] = share * sum;
        out[out_off + 2u * k + 1u] = share * sum_x;
    }
}

/* out[0], out[1] = sums of the `count` pairs in part, times share. One work-item: they are few. */
__kernel void mse_end(__global const float *part, uint part_off, __global float *out, uint out_off,
                      uint count, float share)
{
    float sum = 0.0f, sum_x = 0.0f;
    for (uint k = 0; k < count; ++k) {
        sum += part[part_off + 2u * k];
        sum_x += part[part_off + 2u * k + 1u];
    }
    out[out_off] = share * sum;
    out[out_off + 1u] = share * sum_x;
}
