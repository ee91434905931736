/* Distances between rows and what two metrics make of them: the sums of a Parzen window (a Gaussian
 * around each sample) for several widths at once, and the nearest sample.
 *
 * ||x - s||^2 = ||x||^2 + ||s||^2 - 2 x.s: the dots come from a matrix product, block by block, and
 * the state of a row is carried from block to block, so that no matrix of all distances exists.
 *
 * One text, two families: CPU -DVW=16, one item per row, vectors; GPU -DVW=1 -DRED_X=1
 * -DRED_Y=lanes, a work-group per row, a tree over the lanes, 4 * RED_Y (parzen_nearest: 8 * RED_Y)
 * bytes of local memory. The order of every sum depends on the shapes alone. */
#include "sums.clh"

static inline float least_of(fvec v)
{
#if VW == 1
    return v;
#else
    float t[VW];
    CLG_CAT(vstore, VW)(v, 0, t);
    float s = t[0];
    for (uint i = 1; i < VW; ++i) {
        s = t[i] < s ? t[i] : s;
    }
    return s;
#endif
}

/* The least of the lanes' values, for all of them (NaN is never the least). */
LOCAL_INLINE float least_lane(float v, RED_ARG)
{
#ifdef RED_X
    const uint l = LANE;
    barrier(CLK_LOCAL_MEM_FENCE);
    red_buffer[l] = v;
    for (uint s = RED_Y / 2; s > 0; s >>= 1) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (l < s) {
            const float other = red_buffer[l + s];
            red_buffer[l] = other < red_buffer[l] ? other : red_buffer[l];
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    return red_buffer[0];
#else
    (void)red_buffer;
    return v;
#endif
}

/* y[i] = sum of x[i*cols + j]^2 over j. Each lane adds runs of RUN vectors, then the runs.
 * Work-items: (1, lanes, rows). */
#define RUN 16u
__kernel RED_KERNEL void parzen_norms(__global const float *x, uint x_off, __global float *y,
                                      uint y_off, uint cols)
{
    RED_BUFFER;
    const uint i = (uint)get_global_id(2);
    fvec total = (fvec)(0.0f), run = (fvec)(0.0f);
    uint left = RUN;
    x += x_off + (size_t)i * cols;
    for (uint j = LANE * VW; j < cols; j += LANES * VW) {
        const fvec v = LOAD_PART(x + j, min((uint)VW, cols - j));
        run += v * v;
        if (--left == 0u) {
            total += run;
            run = (fvec)(0.0f);
            left = RUN;
        }
    }
    const float sum = RED_SUM(sum_of(total + run));
    if (LANE == 0u) {
        y[y_off + i] = sum;
    }
}

/* Rounding may make a squared distance negative: then 0. NaN stays. */
static inline fvec clamp_at_0(fvec d)
{
#if VW == 1
    return d < 0.0f ? 0.0f : d;
#else
    return select(d, (fvec)(0.0f), d < (fvec)(0.0f));
#endif
}

/* Squared distances of the row to samples j .. j + part, then inf. */
static inline fvec distances(__global const float *dots, __global const float *s_norms,
                             float x_norm, uint j, uint part)
{
    fvec d = clamp_at_0(x_norm + LOAD_PART(s_norms + j, part) - 2.0f * LOAD_PART(dots + j, part));
#if VW > 1
    if (part < VW) {
        float t[VW];
        CLG_CAT(vstore, VW)(d, 0, t);
        for (uint i = part; i < VW; ++i) {
            t[i] = INFINITY;
        }
        d = CLG_CAT(vload, VW)(0, t);
    }
#endif
    return d;
}

/* Row i, with d[j] = ||x_i - s_j||^2 of this block's samples (dots[i*cols + j] = x_i . s_j) and all
 * samples of the blocks before (none when first):
 *     least[i] = min over j of d[j];  sum[i*widths + k] = sum over j of exp((least[i] - d[j]) h[k]).
 * least and sum are in and out. Work-items: (1, lanes, rows). */
__kernel RED_KERNEL void parzen_sum(__global const float *dots, uint dots_off,
                                    __global const float *x_norms, uint x_norms_off,
                                    __global const float *s_norms, uint s_norms_off,
                                    __global const float *h, uint h_off, __global float *least,
                                    uint least_off, __global float *sum, uint sum_off, uint cols,
                                    uint widths, uint first)
{
    RED_BUFFER;
    const uint i = (uint)get_global_id(2);
    const float x_norm = x_norms[x_norms_off + i];
    dots += dots_off + (size_t)i * cols;
    s_norms += s_norms_off;
    sum += sum_off + (size_t)i * widths;
    float before = INFINITY; /* lane 0 alone reads what it will write */
    if (LANE == 0u && first == 0u) {
        before = least[least_off + i];
    }
    fvec nearest = (fvec)(before);
    for (uint j = LANE * VW; j < cols; j += LANES * VW) {
        const uint part = min((uint)VW, cols - j);
        const fvec d = distances(dots, s_norms, x_norm, j, part);
#if VW == 1
        nearest = d < nearest ? d : nearest;
#else
        nearest = select(nearest, d, d < nearest);
#endif
    }
    const float now = least_lane(least_of(nearest), RED_PASS);
    for (uint k = 0; k < widths; ++k) {
        const float hk = h[h_off + k];
        fvec total = (fvec)(0.0f), run = (fvec)(0.0f);
        uint left = RUN;
        for (uint j = LANE * VW; j < cols; j += LANES * VW) {
            const uint part = min((uint)VW, cols - j);
            run += exp((now - distances(dots, s_norms, x_norm, j, part)) * hk);
            if (--left == 0u) {
                total += run;
                run = (fvec)(0.0f);
                left = RUN;
            }
        }
        const float here = RED_SUM(sum_of(total + run));
        if (LANE == 0u) {
            sum[k] = first != 0u ? here : sum[k] * exp((now - before) * hk) + here;
        }
    }
    if (LANE == 0u) {
        least[least_off + i] = now;
    }
}

/* least[i] = the least squared distance of row i to this block's samples and to those before (none
 * when first), at[i] = number of that sample, this block's first being `start`; of equal ones the
 * lowest. least and at are in and out. Work-items: (1, lanes, rows). */
__kernel RED_KERNEL void parzen_nearest(__global const float *dots, uint dots_off,
                                        __global const float *x_norms, uint x_norms_off,
                                        __global const float *s_norms, uint s_norms_off,
                                        __global float *least, uint least_off, __global uint *at,
                                        uint at_off, uint cols, uint start, uint first)
{
    RED_BUFFER;
    const uint i = (uint)get_global_id(2);
    const float x_norm = x_norms[x_norms_off + i];
    float best = INFINITY;
    uint where = 0xffffffffu;
    dots += dots_off + (size_t)i * cols;
    s_norms += s_norms_off;
    for (uint j = LANE; j < cols; j += LANES) {
        float d = x_norm + s_norms[j] - 2.0f * dots[j];
        d = d < 0.0f ? 0.0f : d;
        if (d < best) {
            best = d;
            where = j;
        }
    }
    const float now = least_lane(best, RED_PASS);
#ifdef RED_X
    __local uint places[RED_Y];
    places[LANE] = best == now ? where : 0xffffffffu;
    for (uint s = RED_Y / 2; s > 0; s >>= 1) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (LANE < s) {
            places[LANE] = min(places[LANE], places[LANE + s]);
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    where = places[0];
#endif
    if (LANE == 0u && (first != 0u || now < least[least_off + i])) {
        least[least_off + i] = now;
        at[at_off + i] = where == 0xffffffffu ? 0xffffffffu : start + where;
    }
}
