/* Winograd weight gradient on CPU devices, for filters 4x4 with stride 2 and 3x3 with stride 1 (method:
 * winograd.clh). With S = STRIDE:
 *     dw[r, s, c, k] = sum over n, p, q of x[n, S p - pad + r, S q - pad + s, c] * dy[n, p, q, k]
 * On each phase (a, b) of the source this is a sum over tiles of M x M pixels of dy with TAPS x TAPS
 * results: taps (S i + a, S j + b). Three kernels, for a chunk of images at a time:
 *   winograd_source  x  -> V[t][row block][tile][VW], rows = S*S*C source channels, phase first
 *   winograd_grad    dy -> W[t][panel][tile][NR], output channels panel*NR .. +NR, zeros beyond K
 *   winograd_wgrad   V, W -> dw: for each t the product V' W over the chunk's tiles, then the
 *                    transform to TAPS x TAPS, stored or added
 * Tiles: th x tw per image; `tiles` in the chunk. C and K are multiples of VW. One work-item per
 * work-group; no local memory. -D: M 2|4, TAPS 2|3, VW 4|8|16, MR rows (VW is a multiple) and NV
 * vectors of a register tile, G register tiles per work-item; STORE: of x and dy, while V, W and dw are floats. */
#include "common.clh"
/* The same rows of the next V[t], which comes from the last cache or from memory, spread over the products
 * of this one: a core waits when it asks for more lines at once than it has places for. */
#define ASK_AHEAD(kk) WILL_READ(ask + (kk) * MR);
#include "winograd_cpu.clh"

#ifndef G
#define G 2
#endif
#define GROUP (G * MR)

/* Images image0 .. of x[N,h,w,c]. get_global_id(0): row of tiles im*th + ti of the chunk,
 * get_global_id(1): phase. zeros: c zeros. */
#define SOURCE_ARGS __global const store *restrict x, uint x_off,                                \
    __global const store *restrict zeros, uint zeros_off, __global float *restrict v,            \
    uint v_off, uint image0, uint h, uint w, uint c, uint th, uint tw, uint pad, uint tiles
BODY void source_item(const uint id0, const uint id1, SOURCE_ARGS)
{
    const uint line = id0, im = line / th, ti = rest_of(line, th, im);
    const uint phase = id1, a = phase / STRIDE, b = phase % STRIDE;
    const size_t plane = (size_t)STRIDE * STRIDE * c * tiles;
    x += x_off + (size_t)(image0 + im) * h * w * c;
    zeros += zeros_off;
    v += v_off + ((size_t)phase * c * tiles + (size_t)line * tw * VW);
    for (uint tj = 0; tj < tw; ++tj) {
        const int h0 = (int)(ti * M * STRIDE + a) - (int)pad;
        const int w0 = (int)(tj * M * STRIDE + b) - (int)pad;
#define TO_V(i, l) (v + (i)*plane + (l)*tiles + tj * VW)
        WIN_TILE(WIN_SOURCE, T, T, (int)STRIDE, x, h, w, c, h0, w0, TO_V);
    }
}

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
winograd_source(SOURCE_ARGS)
{
    source_item((uint)get_global_id(0), (uint)get_global_id(1), x, x_off, zeros, zeros_off, v,
        v_off, image0, h, w, c, th, tw, pad, tiles);
}

/* Images image0 .. of dy[N,p,q,k]. get_global_id(0): row of tiles of the chunk. zeros: k zeros. */
#define GRAD_ARGS __global const store *restrict dy, uint dy_off,                                \
    __global const store *restrict zeros, uint zeros_off, __global float *restrict w,            \
    uint w_off, uint image0, uint p, uint q, uint k, uint th, uint tw, uint panels, uint tiles
BODY void grad_item(const uint id0, GRAD_ARGS)
{
    const uint line = id0, im = line / th, ti = rest_of(line, th, im);
    const size_t plane = (size_t)panels * tiles * NR;
    dy += dy_off + (size_t)(image0 + im) * p * q * k;
    zeros += zeros_off;
    w += w_off + (size_t)line * tw * NR;
    for (uint tj = 0; tj < tw; ++tj) {
#define TO_W(i, l) (w + (i)*plane + (l) / NR * NR * tiles + tj * NR + (l) % NR)
        WIN_TILE(WIN_GRAD, M, T, 1, dy, p, q, k, (int)(ti * M), (int)(tj * M), TO_W);
    }
}

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
winograd_grad(GRAD_ARGS)
{
    grad_item((uint)get_global_id(0), dy, dy_off, zeros, zeros_off, w, w_off, image0, p, q, k, th,
        tw, panels, tiles);
}

/* get_global_id(0): group of GROUP rows of V, get_global_id(1): panel. first: dw is stored, else
 * added to. Private memory: 4*TT*GROUP*NR bytes. */
#define WGRAD_ARGS __global const float *restrict v, uint v_off,                                 \
    __global const float *restrict w, uint w_off, __global float *restrict dw, uint dw_off,      \
    uint c, uint k, uint tiles, uint panels, uint first
BODY void wgrad_item(const uint id0, const uint id1, WGRAD_ARGS)
{
    const uint row0 = id0 * GROUP, panel = id1;
    const uint rows = STRIDE * STRIDE * c, count = min((uint)GROUP, rows - row0), k0 = panel * NR;
    vf m[GROUP * NV * TT];
    v += v_off;
    w += w_off + (size_t)panel * tiles * NR;
    dw += dw_off + k0;
    for (uint t = 0; t < TT; ++t, v += (size_t)rows * tiles, w += (size_t)panels * tiles * NR) {
        for (uint q = 0; q < count; q += MR) {
            const uint row = row0 + q;
            __global const float *column = v + (size_t)(row / VW) * tiles * VW + row % VW;
            __global const float *ask = v + (size_t)(rows + row) * tiles;
#define COLUMN(i, kk) column[kk * VW + i]
            WIN_PRODUCT(COLUMN, w, tiles, (float *)m, q, t);
        }
    }
    for (uint q = 0; q < count; ++q) {
        const uint phase = (row0 + q) / c, at = rest_of(row0 + q, c, phase);
        const uint a = phase / STRIDE, b = phase % STRIDE;
        for (int j = 0; j < NV && k0 + j * VW < k; ++j) {
            vf mid[TAPS * T], out[TAPS * TAPS];
            WIN_2D(WIN_TAPS, T, TAPS, m + (q * NV + j) * TT, mid, out);
            for (uint i = 0; i < TAPS * TAPS; ++i) {
                const uint r = i / TAPS * STRIDE + a, s = i % TAPS * STRIDE + b;
                __global float *to = dw + ((size_t)(r * SIDE + s) * c + at) * k + j * VW;
                STOREV(first ? out[i] : out[i] + LOADV(0, to), 0, to);
            }
        }
    }
}

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
winograd_wgrad(WGRAD_ARGS)
{
    wgrad_item((uint)get_global_id(0), (uint)get_global_id(1), v, v_off, w, w_off, dw, dw_off, c,
        k, tiles, panels, first);
}
