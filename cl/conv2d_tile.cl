/* Convolution on GPUs, forward and data gradient, by tiles of output pixels (rows) by output
 * channels (columns): gpu_tile.clh. The depth runs over taps, then over source channels.
 *     UP = 0: y[n, p, q, k] = act(bias[k] + sum over r, s, c of
 *                                 x[n, p*u - pad + r, q*u - pad + s, c] * w[r, s, c, k])
 *     UP = 1: the map back, y[n, h, w, c] = act(bias[c] + sum of x[n, p, q, k] * w[r, s, c, k] over
 *             the r, s, k with p*u - pad + r = h, q*u - pad + s = w.
 * Output pixels (h, w) with the same rests by u have the same taps: they are a phase, and tiles are
 * of one phase, so no term is computed in vain (as host/ops/conv2d_gather.c does on CPUs).
 *
 * -D: UP (0); STORE: of x, w and y; those of gpu_tile.clh: rows' loads run along source channels,
 * columns' along output channels (UP = 0) or source channels (UP = 1).
 * Source: implicit GEMM, Chetlur et al., "cuDNN: efficient primitives for deep learning", 2014,
 * section 3; phases: Dumoulin, Visin, "A guide to convolution arithmetic", 2016, chapter 4. */
#include "gpu_tile.clh"

#ifndef UP
#define UP 0
#endif

/* One side of a phase: where output a of it lies, and which source and filter elements it meets:
 * source a*su + d + i*ds and filter f + i*fs for i < taps. */
typedef struct side {
    uint first, count, taps, f;
    int d;
} side;
#if UP
#define SOURCE_STEP 1u
#define TAP_STEP (-1)
#else
#define SOURCE_STEP u
#define TAP_STEP 1
#endif

/* Phase `first` of a side with `out` outputs and `filter` taps. */
static inline side get_side(uint first, uint out, uint filter, uint u, uint pad)
{
#if UP
    const uint at = first + pad, q = at / u, f = rest_of(at, u, q);
    const side s = { first, first < out ? (out - first + u - 1u) / u : 0u,
                     f < filter ? (filter - 1u - f) / u + 1u : 0u, f, (int)q };
#else
    const side s = { 0u, out, filter, 0u, -(int)pad };
    (void)first;
    (void)u;
#endif
    return s;
}

/* Group (phase * row_groups + row tile) * col_groups + column tile. x [n, sh, sw, run], y [n, oh, ow,
 * oc], filter of fr x fs taps. */
TILE_KERNEL __kernel void
conv2d_tile(__global const store *restrict x, uint x_off, __global const store *restrict w,
            uint w_off, __global const float *restrict bias, uint bias_off,
            __global store *restrict y, uint y_off, uint n, uint sh, uint sw, uint run, uint oh,
            uint ow, uint oc, uint fr, uint fs, uint u, uint pad, uint row_groups, uint col_groups,
            uint has_bias, int act, float slope)
{
    TILE_LOCAL;
    const uint id = (uint)get_local_id(0), tx = id % TX, ty = id / TX;
    const uint group = TILE_GROUP, line = group / col_groups, phase = line / row_groups;
    const uint o0 = rest_of(group, col_groups, line) * TN;
    const uint pix0 = rest_of(line, row_groups, phase) * TM;
    const uint ph = phase / u;
    const side sa = get_side(ph, oh, fr, u, pad);
    const side sb = get_side(rest_of(phase, u, ph), ow, fs, u, pad);
    const uint total = n * sa.count * sb.count;
    const uint na = max(sa.count, 1u), nb = max(sb.count, 1u); /* a phase may be empty */
    x += x_off;
    w += w_off;
    y += y_off;

    /* What each of the item's loads of x is of: source position of tap (0, 0), and its channel. */
    int xh[ROW_EACH], xw[ROW_EACH];
    uint xi[ROW_EACH];
#pragma unroll
    for (int e = 0; e < ROW_EACH; ++e) {
        const uint m = (id + (uint)e * ITEMS) / (KS / RW), pix = pix0 + m;
        const uint t = pix / nb, im = t / na;
        const uint b = rest_of(pix, nb, t), a = rest_of(t, na, im);
        xh[e] = pix < total ? (int)(a * SOURCE_STEP) + sa.d : -0x40000000;
        xw[e] = (int)(b * SOURCE_STEP) + sb.d;
        xi[e] = im * sh;
    }

    float4 acc[RM][RN / 4];
#pragma unroll
    for (int j = 0; j < RN / 4; ++j) {
        const uint o = o0 + TILE_COL(tx, j);
        float4 start = 0.0f;
        if (has_bias) {
            start.s0 = o < oc ? bias[bias_off + o] : 0.0f;
            start.s1 = o + 1 < oc ? bias[bias_off + o + 1] : 0.0f;
            start.s2 = o + 2 < oc ? bias[bias_off + o + 2] : 0.0f;
            start.s3 = o + 3 < oc ? bias[bias_off + o + 3] : 0.0f;
        }
#pragma unroll
        for (int i = 0; i < RM; ++i) {
            acc[i][j] = start;
        }
    }

    /* A phase may be smaller than the largest, which the grid is for: then there is nothing to do, but
     * no return before a barrier (pocl 3.1 computes nonsense with one). */
    const uint steps = pix0 < total ? sa.taps * sb.taps * ((run + KS - 1u) / KS) : 0u;
    uint i = 0, j = 0, l0 = 0; /* of the step that is fetched */
    row_piece xp[ROW_EACH];
    col_piece wp[COL_EACH];
    for (uint step = 0; step <= steps; ++step) {
        __local float *const xs = (__local float *)row_tile[(step + 1u) & 1u];
        __local float *const ws = (__local float *)col_tile[(step + 1u) & 1u];
        if (step > 0) { /* put what was fetched */
#pragma unroll
            for (int e = 0; e < ROW_EACH; ++e) {
                const uint at = id + (uint)e * ITEMS, l = at % (KS / RW) * RW, m = at / (KS / RW);
                if (ROW_LOADS % ITEMS == 0 || m < TM) {
                    PUT_ROW_ACROSS(xs + l * ROW_LD + m, ROW_LD, xp[e]);
                }
            }
#pragma unroll
            for (int e = 0; e < COL_EACH; ++e) {
                const uint at = id + (uint)e * ITEMS;
                if (COL_LOADS % ITEMS == 0 || at < COL_LOADS) {
#if UP
                    const uint l = at % (KS / CW) * CW, o = at / (KS / CW);
                    PUT_COL_ACROSS(ws + l * COL_LD + o, COL_LD, wp[e]);
#else
                    const uint o = at % (TN / CW) * CW, l = at / (TN / CW);
                    PUT_COL_ALONG(ws + l * COL_LD + o, wp[e]);
#endif
                }
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        if (step < steps) { /* fetch */
            const uint tap = UP ? (sa.f + i * u) * fs + sb.f + j * u : i * fs + j;
#pragma unroll
            for (int e = 0; e < ROW_EACH; ++e) {
                const uint l = l0 + (id + (uint)e * ITEMS) % (KS / RW) * RW;
                const uint h = (uint)(xh[e] + (int)i * TAP_STEP);
                const uint v = (uint)(xw[e] + (int)j * TAP_STEP);
                const bool ok = h < sh && v < sw && l < run;
                xp[e] = ok ? LOAD_ROW(x, ((xi[e] + h) * sw + v) * run + l) : (row_piece)(0.0f);
            }
#pragma unroll
            for (int e = 0; e < COL_EACH; ++e) {
                const uint at = id + (uint)e * ITEMS;
#if UP
                const uint l = l0 + at % (KS / CW) * CW, o = o0 + at / (KS / CW);
                const uint from = (tap * oc + o) * run + l;
#else
                const uint o = o0 + at % (TN / CW) * CW, l = l0 + at / (TN / CW);
                const uint from = (tap * run + l) * oc + o;
#endif
                wp[e] = o < oc && l < run ? LOAD_COL(w, from) : (col_piece)(0.0f);
            }
            l0 += KS;
            if (l0 >= run) {
                l0 = 0;
                ++j;
            }
            if (j >= sb.taps) {
                j = 0;
                ++i;
            }
        }
        if (step > 0) {
            tile_multiply((const __local float4 *)xs, (const __local float4 *)ws, tx, ty, acc);
        }
    }

    const bool quads = ((oc | y_off) & 3u) == 0;
#pragma unroll 1
    for (uint r = 0; r < RM; ++r) {
        const uint pix = pix0 + TILE_ROW(ty, r);
#if UP
        const uint t = pix / nb, im = t / na;
        const uint out = (im * oh + rest_of(t, na, im) * u + sa.first) * ow +
                         rest_of(pix, nb, t) * u + sb.first;
#else
        const uint out = pix;
#endif
#pragma unroll
        for (int q = 0; q < RN / 4; ++q) {
            const uint o = o0 + TILE_COL(tx, q);
            if (pix < total && o < oc) {
                save_quad(act_apply4(act, slope, acc[0][q]), y, out * oc + o, oc - o, quads);
            }
        }
        tile_next_row(acc);
    }
}
