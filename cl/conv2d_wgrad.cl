/* Weight gradient of a convolution on CPU devices:
 *     dw[r, s, c, k] = sum over n, p, q of x[n, p*u - pad + r, q*u - pad + s, c] * dy[n, p, q, k]
 *
 * One work-item owns a tile of MR rows c x NR = NV*VW columns k of one tap and sums over all its
 * pixels in order; positions whose source lies in the padding are outside the loop bounds. The
 * rows of a column of x are `run` long and columns are `col` floats apart (col < run: padded
 * few-channel input whose filter row is one run, with s = 0 only).
 * Tiles at the end are moved back inside, and store only what no other tile owns; so
 * run >= MR and K >= NR are wanted, and the host picks MR, NV, VW for that.
 *
 * -D: VW 1|2|4|8|16 (16), MR (13), NV (2); STORE: of x and dy. No local memory. */
#include "common.clh"

#ifndef VW
#define VW 16
#endif
#ifndef MR
#define MR 13
#endif
#ifndef NV
#define NV 2
#endif

#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
#if VW == 1
typedef float vf;
#define LOADV(i, p) ((p)[i])
#define STOREV(v, i, p) ((p)[i] = (v))
#define GET(p) load(p, 0)
#else
typedef CAT(float, VW) vf;
#define LOADV CAT(vload, VW)
#define STOREV CAT(vstore, VW)
#define GET CAT(load, VW)
#endif
#define NR (NV * VW)

#if STORE
/* The tile's rows of one pixel as floats. */
static inline void unpack_rows(__global const store *from, float *to)
{
    int i = 0;
#pragma unroll
    for (; i + 8 <= MR; i += 8) {
        vstore8(load8(from + i), 0, to + i);
    }
#pragma unroll
    for (; i + 4 <= MR; i += 4) {
        vstore4(load4(from + i), 0, to + i);
    }
#pragma unroll
    for (; i < MR; ++i) {
        to[i] = load(from, i);
    }
}
#endif

/* x[N,H,W,col], dy[N,P,Q,K], dw[split][R*S][run][K]. Images n0 + z*per .. of split
 * z = get_global_id(2), at most per, below n1; first: start from 0 instead of the sums in dw.
 * get_global_id(0): row tile + column tile * ct, get_global_id(1): tap r*S + s. */
#define WGRAD_ARGS __global const store *restrict x, uint x_off,                                 \
    __global const store *restrict dy, uint dy_off, __global float *restrict dw, uint dw_off,    \
    uint n0, uint n1, uint per, uint h, uint w, uint col, uint run, uint p_count, uint q_count,  \
    uint k, uint taps_r, uint taps_s, uint u, uint pad, uint ct, uint first
BODY void wgrad_item(const uint id0, const uint id1, const uint id2, WGRAD_ARGS)
{
    x += x_off;
    dy += dy_off;
    dw += dw_off;
    const uint tap = id1, z = id2;
    const uint r = tap / taps_s, s = rest_of(tap, taps_s, r);
    const uint item = id0, k_tile = item / ct, c_tile = rest_of(item, ct, k_tile);
    const uint c_own = c_tile * MR, k_own = k_tile * NR;
    const uint c0 = min(c_own, run - MR), k0 = min(k_own, k - NR);
    const bool whole = c0 == c_own && k0 == k_own;
    __global float *to = dw + (((z * taps_r * taps_s + tap) * run + c0) * k + k0);

    /* Rows and columns of dy whose source is inside x: 0 <= p*u + r - pad < h. */
    const uint p_lo = r >= pad ? 0u : (pad - r + u - 1u) / u;
    const uint q_lo = s >= pad ? 0u : (pad - s + u - 1u) / u;
    const uint p_hi = h + pad > r ? min(p_count, (h - 1u + pad - r) / u + 1u) : 0u;
    const uint q_hi = w + pad > s ? min(q_count, (w - 1u + pad - s) / u + 1u) : 0u;

    vf acc[MR][NV];
    if (first || !whole) {
#pragma unroll
        for (int i = 0; i < MR; ++i) {
#pragma unroll
            for (int j = 0; j < NV; ++j) {
                acc[i][j] = (vf)(0.0f);
            }
        }
    } else {
#pragma unroll
        for (int i = 0; i < MR; ++i) {
#pragma unroll
            for (int j = 0; j < NV; ++j) {
                acc[i][j] = LOADV(j, to + i * k);
            }
        }
    }

    const uint im0 = n0 + z * per, im1 = min(im0 + per, n1);
    for (uint im = im0; im < im1; ++im) {
        for (uint p = p_lo; p < p_hi; ++p) {
            __global const store *xr =
                x + (((im * h + (p * u + r - pad)) * w + (q_lo * u + s - pad)) * col + c0);
            __global const store *yr = dy + (((im * p_count + p) * q_count + q_lo) * k + k0);
            for (uint q = q_lo; q < q_hi; ++q) {
                vf yv[NV];
#pragma unroll
                for (int j = 0; j < NV; ++j) {
                    yv[j] = GET(yr + j * VW);
                }
#if STORE
                float xs[MR];
                unpack_rows(xr, xs);
#endif
#pragma unroll
                for (int i = 0; i < MR; ++i) {
#if STORE
                    const vf xv = (vf)(xs[i]);
#else
                    const vf xv = (vf)(xr[i]);
#endif
#pragma unroll
                    for (int j = 0; j < NV; ++j) {
                        acc[i][j] = MUL_ADD(xv, yv[j], acc[i][j]);
                    }
                }
                xr += u * col;
                yr += k;
            }
        }
    }

    if (whole) {
#pragma unroll
        for (int i = 0; i < MR; ++i) {
#pragma unroll
            for (int j = 0; j < NV; ++j) {
                STOREV(acc[i][j], j, to + i * k);
            }
        }
        return;
    }
    float tile[MR * NR];
#pragma unroll
    for (int i = 0; i < MR; ++i) {
#pragma unroll
        for (int j = 0; j < NV; ++j) {
            STOREV(acc[i][j], j, tile + i * NR);
        }
    }
    /* A tile that was moved back adds after the sum what a whole one starts from. */
    for (uint i = c_own - c0; i < MR; ++i) {
        for (uint j = k_own - k0; j < NR; ++j) {
            to[i * k + j] = first ? tile[i * NR + j] : to[i * k + j] + tile[i * NR + j];
        }
    }
}

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
conv2d_wgrad(WGRAD_ARGS)
{
    wgrad_item((uint)get_global_id(0), (uint)get_global_id(1), (uint)get_global_id(2), x, x_off,
        dy, dy_off, dw, dw_off, n0, n1, per, h, w, col, run, p_count, q_count, k, taps_r, taps_s,
        u, pad, ct, first);
}
