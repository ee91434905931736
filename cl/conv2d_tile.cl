/* Convolution on GPUs, forward and data gradient: a tile of TM = TY*RM output pixels by
 * TN = TX*RN output channels per work-group, RM x RN sums per work-item in registers, KS source
 * channels at a time through local memory. The map is the one of cl/conv2d_gather.cl:
 *     y[n, a*ou + oh0, b*ou + ow0, o] = act(bias[o] +
 *         sum over taps (i, j), l of x[n, a*su + dh0 + i*dstep, b*su + dw0 + j*dstep, l] *
 *         filter[r0 + i*rstep, s0 + j*rstep, l, o])
 * with filter w[R,S,C,K] read as (l, o) = (c, k) for UP = 0 and (k, c) for UP = 1.
 *
 * Work-item (tx, ty) of group (gx, gy): channels gx*TN + tx + j*TX, pixels gy*TM + ty + i*TY of
 * the flattened (n, a, b). Loads run along channels, so they are contiguous.
 * -D: TX (16), TY (16), RM (4), RN (4), KS (16), UP (0); STORE: of x, w and y.
 * Local memory: 4*(KS*(TM + 1) + KS*(TN + 1) + 4*TM) bytes.
 * Source: implicit GEMM, Chetlur et al., "cuDNN: efficient primitives for deep learning", 2014,
 * section 3. */
#include "common.clh"

#ifndef TX
#define TX 16
#endif
#ifndef TY
#define TY 16
#endif
#ifndef RM
#define RM 4
#endif
#ifndef RN
#define RN 4
#endif
#ifndef KS
#define KS 16
#endif
#ifndef UP
#define UP 0
#endif
#define TM (TY * RM)
#define TN (TX * RN)
#define ITEMS (TX * TY)
#define NO_PIXEL 0xffffffffu

__attribute__((reqd_work_group_size(TX, TY, 1))) __kernel void
conv2d_tile(__global const store *restrict x, uint x_off, __global const store *restrict w,
            uint w_off, __global const float *restrict bias, uint bias_off,
            __global store *restrict y, uint y_off, uint n, uint na, uint nb, uint sh, uint sw,
            uint run, uint oh, uint ow, uint oc, uint su, uint ou, uint oh0, uint ow0, uint tr,
            uint ts, int dh0, int dw0, int dstep, uint r0, uint s0, uint rstep, uint filter_s,
            uint has_bias, int act, float slope)
{
    __local float xs[KS][TM + 1];
    __local float ws[KS][TN + 1];
    __local int ph[TM], pw[TM];
    __local uint img[TM], row[TM];

    x += x_off;
    w += w_off;
    y += y_off;
    const uint tx = (uint)get_local_id(0), ty = (uint)get_local_id(1), id = ty * TX + tx;
    const uint o0 = ((uint)get_global_id(0) - tx) / TX * TN;
    const uint pix0 = ((uint)get_global_id(1) - ty) / TY * TM;
    const uint total = n * na * nb;

    for (uint m = id; m < TM; m += ITEMS) {
        const uint pix = pix0 + m, t = pix / nb, im = t / na;
        const uint b = rest_of(pix, nb, t), a = rest_of(t, na, im);
        ph[m] = pix < total ? (int)(a * su) + dh0 : -0x40000000;
        pw[m] = (int)(b * su) + dw0;
        img[m] = im * sh;
    }

    float acc[RM][RN];
    for (int j = 0; j < RN; ++j) {
        const uint o = o0 + tx + (uint)j * TX;
        const float start = has_bias && o < oc ? bias[bias_off + o] : 0.0f;
        for (int i = 0; i < RM; ++i) {
            acc[i][j] = start;
        }
    }

    for (uint t = 0; t < tr * ts; ++t) {
        const uint i = t / ts, j = rest_of(t, ts, i);
        const uint tap = (r0 + i * rstep) * filter_s + s0 + j * rstep;
        barrier(CLK_LOCAL_MEM_FENCE);
        for (uint m = id; m < TM; m += ITEMS) {
            const int h = ph[m] + (int)i * dstep, v = pw[m] + (int)j * dstep;
            const bool ok = (uint)h < sh && (uint)v < sw;
            row[m] = ok ? (img[m] + (uint)h) * sw + (uint)v : NO_PIXEL;
        }
        for (uint l0 = 0; l0 < run; l0 += KS) {
            barrier(CLK_LOCAL_MEM_FENCE);
            for (uint i = id; i < TM * KS; i += ITEMS) {
                const uint l = i % KS, m = i / KS;
                const bool ok = row[m] != NO_PIXEL && l0 + l < run;
                xs[l][m] = ok ? load(x, row[m] * run + l0 + l) : 0.0f;
            }
            for (uint i = id; i < TN * KS; i += ITEMS) {
#if UP
                const uint l = i % KS, o = i / KS;
                const bool ok = o0 + o < oc && l0 + l < run;
                ws[l][o] = ok ? load(w, (tap * oc + o0 + o) * run + l0 + l) : 0.0f;
#else
                const uint o = i % TN, l = i / TN;
                const bool ok = o0 + o < oc && l0 + l < run;
                ws[l][o] = ok ? load(w, (tap * run + l0 + l) * oc + o0 + o) : 0.0f;
#endif
            }
            barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
            for (int l = 0; l < KS; ++l) {
                float xv[RM], wv[RN];
#pragma unroll
                for (int i = 0; i < RM; ++i) {
                    xv[i] = xs[l][ty + i * TY];
                }
#pragma unroll
                for (int j = 0; j < RN; ++j) {
                    wv[j] = ws[l][tx + j * TX];
                }
#pragma unroll
                for (int i = 0; i < RM; ++i) {
#pragma unroll
                    for (int j = 0; j < RN; ++j) {
                        acc[i][j] = MUL_ADD(xv[i], wv[j], acc[i][j]);
                    }
                }
            }
        }
    }

    for (int i = 0; i < RM; ++i) {
        const uint pix = pix0 + ty + (uint)i * TY;
        if (pix >= total) {
            continue;
        }
        const uint t = pix / nb, im = t / na;
        const uint b = rest_of(pix, nb, t), a = rest_of(t, na, im);
        const uint out = (im * oh + a * ou + oh0) * ow + b * ou + ow0;
        for (int j = 0; j < RN; ++j) {
            const uint o = o0 + tx + (uint)j * TX;
            if (o < oc) {
                save(act_apply(act, slope, acc[i][j]), y, out * oc + o);
            }
        }
    }
}
