/* Winograd convolution on CPU devices, forward and data gradient of filters 4x4 with stride 2 and 3x3
 * with stride 1 (the method and its transforms: winograd.clh). Two kernels:
 *   winograd_filter  w -> U, once per call
 *   winograd_map     x, U -> y: a group of tiles at a time, the source's transform V, T*T matrix
 *                    products and the output transform. V of a group stays in a core's cache.
 *
 * Down (UP = 0; conv forward, deconv data gradient): the source's four phases lie side by side as
 * 4C channels, y is one map. Up (UP = 1; conv data gradient, deconv forward): each of the four
 * phases of y is a map of its own, made from all of the source.
 *     tiles     M x M pixels of a map, th x tw per image, numbered over the batch
 *     V[t][tile of the group][lead]  t < T*T; lead > cin floats, so that rows do not share cache sets
 *     U[map][t][panel][cin][NR]      output channels panel*NR .. +NR, zeros beyond oc
 * with one map going down and four going up, cin = 4C (phase first) down and K up. With stride 1 there is
 * one phase and one map either way, and up differs in reading the filter backwards.
 *
 * Channels of x are a multiple of VW, those of y too. One work-item per work-group; no local memory.
 * -D: M 2|4, TAPS 2|3, VW 4|8|16, MR rows and NV vectors of a register tile, G register tiles per group,
 * UP 0|1; STORE: of x, w, y, while U, V and bias are floats. */
#include "common.clh"
#include "transpose.clh"
#include "winograd_cpu.clh"

#ifndef G
#define G 2
#endif
#ifndef UP
#define UP 0
#endif
#define GROUP (G * MR)
#define BLOCK 16
#define LARGE (1u << 20) /* floats of U */

/* U[map][t][panel][l0 + l][NR] of filter w[SIDE,SIDE,C,K]. get_global_id(0): block of BLOCK source
 * channels l, get_global_id(1): panel, get_global_id(2): phase. `run`: source channels of w, `oc`:
 * output channels; element (l, o) of a tap lies at l*sl + o*so. */
#define FILTER_ARGS __global const store *restrict w, uint w_off, __global float *restrict u,    \
    uint u_off, uint run, uint oc, uint panels, uint sl, uint so, uint pad
BODY void filter_item(const uint id0, const uint id1, const uint id2, FILTER_ARGS)
{
    const uint l0 = id0 * BLOCK, panel = id1;
    const uint phase = id2, a = phase / STRIDE, b = phase % STRIDE;
    const uint rows = min((uint)BLOCK, run - l0), o0 = panel * NR, width = min((uint)NR, oc - o0);
    const uint tap = run * oc;
#if UP
    /* Tap i of phase a meets source row a' + (a + pad)/STRIDE - (TAPS - 1) + i, so it is the filter's
     * row (a + pad) % STRIDE + STRIDE (TAPS - 1 - i). */
    const uint r0 = (a + pad) % STRIDE + (TAPS - 1) * STRIDE;
    const uint s0 = (b + pad) % STRIDE + (TAPS - 1) * STRIDE;
    const int rstep = -(int)STRIDE;
    const uint cin = run, at = l0;
    u += u_off + (size_t)phase * TT * panels * cin * NR;
#else
    const uint r0 = a, s0 = b;
    const int rstep = (int)STRIDE;
    const uint cin = run * STRIDE * STRIDE, at = phase * run + l0;
    u += u_off;
#endif
    __global const store *from[TAPS * TAPS];
    for (int i = 0; i < TAPS; ++i) {
        for (int j = 0; j < TAPS; ++j) {
            const uint r = (uint)((int)r0 + i * rstep), s = (uint)((int)s0 + j * rstep);
            from[i * TAPS + j] = w + (w_off + (r * SIDE + s) * tap + l0 * sl + o0 * so);
        }
    }
    __global float *to = u + ((size_t)panel * cin + at) * NR;
    const size_t plane = (size_t)panels * cin * NR;
    /* Small filters stay in the cache until they are read. Rows are NR floats, all aligned or none. */
    const bool stream = IS_ALIGNED(u) && plane * TT * (UP ? STRIDE * STRIDE : 1u) >= LARGE;

    /* Vectors along the contiguous direction of w; turned, where that is not the panel's. */
    if (so == 1u) {
        for (uint l = 0; l < rows; ++l) {
            for (uint o = 0; o < NR; o += VW) {
                vf g[TAPS * TAPS], mid[T * TAPS], out[TT];
                for (int i = 0; i < TAPS * TAPS; ++i) {
                    g[i] = o < width ? GET(from[i] + l * sl + o) : (vf)(0.0f);
                }
                WIN_2D(WIN_FILTER, TAPS, T, g, mid, out);
                for (int t = 0; t < TT; ++t) {
                    STREAMV(out[t], to + t * plane + l * NR + o, stream);
                }
            }
        }
        return;
    }
    float part[TAPS * TAPS * VW * NR];
    for (uint l = 0; l < rows; l += VW) {
        for (int i = 0; i < TAPS * TAPS; ++i) {
            for (uint o = 0; o < NR; o += VW) {
                vf turn[VW];
                for (uint k = 0; k < VW; ++k) {
                    turn[k] = o + k < width ? GET(from[i] + l + (o + k) * so) : (vf)(0.0f);
                }
                transpose_block(turn);
                for (uint k = 0; k < VW; ++k) {
                    STOREV(turn[k], 0, part + (i * VW + k) * NR + o);
                }
            }
        }
        for (uint k = 0; k < VW; ++k) {
            for (uint o = 0; o < NR; o += VW) {
                vf g[TAPS * TAPS], mid[T * TAPS], out[TT];
                for (int i = 0; i < TAPS * TAPS; ++i) {
                    g[i] = LOADV(0, part + (i * VW + k) * NR + o);
                }
                WIN_2D(WIN_FILTER, TAPS, T, g, mid, out);
                for (int t = 0; t < TT; ++t) {
                    STREAMV(out[t], to + t * plane + (l + k) * NR + o, stream);
                }
            }
        }
    }
}

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
winograd_filter(FILTER_ARGS)
{
    filter_item((uint)get_global_id(0), (uint)get_global_id(1), (uint)get_global_id(2), w, w_off,
        u, u_off, run, oc, panels, sl, so, pad);
}

/* First source row of tile row ti, phase a. */
#if UP
#define STEP 1
#define START(ti, a) ((int)((ti)*M + ((a) + pad) / STRIDE) - (TAPS - 1))
#else
#define STEP ((int)STRIDE)
#define START(ti, a) ((int)((ti)*M * STRIDE + (a)) - (int)pad)
#endif

/* The outputs of tile `tile`, channels o0 .. o0 + NR, from its T*T sums at mt. */
#define PUT_TILE(mt, tile)                                                                     \
    do {                                                                                       \
        const uint line = (tile) / tw, im = line / th;                                         \
        const uint h = rest_of(line, th, im) * M * ou + a;                                     \
        const uint c = rest_of(tile, tw, line) * M * ou + b;                                   \
        const size_t across = (size_t)ou * oc, down = across * ow;                             \
        __global store *to = y + (((size_t)im * oh + h) * ow + c) * oc + o0;        \
        for (int j = 0; j < NV && o0 + j * VW < oc; ++j, to += VW) {                           \
            vf mid[M * T], out[M * M];                                                         \
            WIN_2D(WIN_OUTPUT, T, M, (mt) + j * TT, mid, out);                                 \
            if (has_bias || act != ACT_NONE) {                                                 \
                const vf more = has_bias ? LOADV(j, bias + o0) : (vf)(0.0f);                   \
                _Pragma("unroll 1") for (int i = 0; i < M * M; ++i)                            \
                {                                                                              \
                    out[i] = VACT(out[i] + more);                                              \
                }                                                                              \
            }                                                                                  \
            _Pragma("unroll") for (uint r = 0; r < M; ++r)                                     \
            {                                                                                  \
                _Pragma("unroll") for (uint s = 0; s < M; ++s)                                 \
                {                                                                              \
                    if (h + r * ou < oh && c + s * ou < ow) {                                  \
                        PUT(out[r * M + s], to + r * down + s * across);                       \
                    }                                                                          \
                }                                                                              \
            }                                                                                  \
        }                                                                                      \
    } while (0)

/* y[N, oh, ow, oc] from x[N, sh, sw, run]. A map has all pixels of y going down, those of equal
 * parity going up. `works` = `groups` of GROUP tiles x maps; work-item w of `stride` does the works
 * w, w + stride, ... v: room for one V per work-item, plane = GROUP*lead. zeros: `run` zeros.
 * Private memory: 4*TT*GROUP*NR bytes. */
#define MAP_ARGS __global const store *restrict x, uint x_off,                                   \
    __global const store *restrict zeros, uint zeros_off, __global const float *restrict u,      \
    uint u_off, __global const float *restrict bias, uint bias_off, __global float *restrict v,  \
    uint v_off, __global store *restrict y, uint y_off, uint tiles, uint th, uint tw, uint sh,   \
    uint sw, uint run, uint pad, uint cin, uint lead, uint panels, uint oh, uint ow, uint oc,    \
    uint groups, uint works, uint stride, uint has_bias, int act, float slope
BODY void map_item(const uint id0, MAP_ARGS)
{
    const uint ou = UP ? STRIDE : 1, plane = GROUP * lead;
    vf m[GROUP * NV * TT];
    x += x_off;
    zeros += zeros_off;
    u += u_off;
    bias += bias_off;
    v += v_off + (size_t)id0 * TT * plane;
    y += y_off;
    for (uint work = id0; work < works; work += stride) {
        const uint map = work / groups, first = rest_of(work, groups, map) * GROUP;
        const uint count = min((uint)GROUP, tiles - first), last = count - 1;
        const uint a = UP ? map / STRIDE : 0, b = UP ? map % STRIDE : 0;
        for (uint q = 0; q < count; ++q) {
            const uint tile = first + q, line = tile / tw, im = line / th;
            const uint ti = rest_of(line, th, im), tj = rest_of(tile, tw, line);
            __global const store *image = x + (size_t)im * sh * sw * run;
#if UP
#define TO_V(i, l) (v + (uint)(i)*plane + q * lead + (l))
            WIN_TILE(WIN_SOURCE, T, T, STEP, image, sh, sw, run, START(ti, a), START(tj, b), TO_V);
#else
#define TO_V(i, l) (v + (uint)(i)*plane + q * lead + phase * run + (l))
            for (uint phase = 0; phase < STRIDE * STRIDE; ++phase) {
                WIN_TILE(WIN_SOURCE, T, T, STEP, image, sh, sw, run, START(ti, phase / STRIDE),
                         START(tj, phase % STRIDE), TO_V);
            }
#endif
        }
        for (uint panel = 0; panel < panels; ++panel) {
            const uint o0 = panel * NR;
            __global const float *ut = u + ((size_t)map * TT * panels + panel) * cin * NR;
            for (uint t = 0; t < TT; ++t, ut += (size_t)panels * cin * NR) {
                for (uint q = 0; q < count; q += MR) {
                    __global const float *row[MR];
#pragma unroll
                    for (int i = 0; i < MR; ++i) {
                        row[i] = v + t * plane + min(q + i, last) * lead;
                    }
#define ROW(i, kk) row[i][kk]
                    WIN_PRODUCT(ROW, ut, cin, m, q, t);
                }
            }
            for (uint q = 0; q < count; ++q) {
                PUT_TILE(m + q * NV * TT, first + q);
            }
        }
    }
}

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
winograd_map(MAP_ARGS)
{
    map_item((uint)get_global_id(0), x, x_off, zeros, zeros_off, u, u_off, bias, bias_off, v,
        v_off, y, y_off, tiles, th, tw, sh, sw, run, pad, cin, lead, panels, oh, ow, oc, groups,
        works, stride, has_bias, act, slope);
}
