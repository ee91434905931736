/* Weight gradient of a convolution on GPUs:
 *     dw[m, k] = sum over pixels (n, p, q) of x[n, p*u - pad + r, q*u - pad + s, c] * dy[n, p, q, k]
 * with rows m = (r*S + s)*C + c. A tile of TM = TY*RM rows by TN = TX*RN columns per work-group,
 * RM x RN sums per work-item in registers, KS pixels at a time through local memory. The pixels
 * may be split; the partial sums are then added in order by conv2d_wgrad_sum.
 *
 * -D: TX (16), TY (16), RM (4), RN (4), KS (16); STORE: of x and dy.
 * Local memory: 4*(KS*(TM + 1) + KS*(TN + 1) + 3*TM + 3*KS) bytes.
 * Source: as cl/conv2d_tile.cl. */
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
#define TM (TY * RM)
#define TN (TX * RN)
#define ITEMS (TX * TY)

/* out[split][R*S*C][K]. Split z = get_global_id(2): pixels z*per .. +per below total = N*P*Q.
 * Work-item (tx, ty) of group (gx, gy): columns gx*TN + tx + j*TX, rows gy*TM + ty + i*TY. */
__attribute__((reqd_work_group_size(TX, TY, 1))) __kernel void
conv2d_wgrad_tile(__global const store *restrict x, uint x_off, __global const store *restrict dy,
                  uint dy_off, __global float *restrict out, uint out_off, uint total, uint per,
                  uint h, uint w, uint c, uint p_count, uint q_count, uint k, uint taps_r,
                  uint taps_s, uint u, uint pad)
{
    __local float xs[KS][TM + 1];
    __local float ys[KS][TN + 1];
    __local uint row_r[TM], row_s[TM], row_c[TM];
    __local uint pix_h[KS], pix_w[KS], pix_n[KS];

    x += x_off;
    dy += dy_off;
    const uint tx = (uint)get_local_id(0), ty = (uint)get_local_id(1), id = ty * TX + tx;
    const uint k0 = ((uint)get_global_id(0) - tx) / TX * TN;
    const uint m0 = ((uint)get_global_id(1) - ty) / TY * TM;
    const uint z = (uint)get_global_id(2), rows = taps_r * taps_s * c;
    const uint begin = z * per, end = min(begin + per, total);

    for (uint m = id; m < TM; m += ITEMS) {
        const uint tap = (m0 + m) / c;
        row_r[m] = tap / taps_s;
        row_s[m] = rest_of(tap, taps_s, row_r[m]);
        row_c[m] = rest_of(m0 + m, c, tap);
    }
    float acc[RM][RN];
    for (int i = 0; i < RM; ++i) {
        for (int j = 0; j < RN; ++j) {
            acc[i][j] = 0.0f;
        }
    }

    for (uint pix0 = begin; pix0 < end; pix0 += KS) {
        barrier(CLK_LOCAL_MEM_FENCE);
        for (uint l = id; l < KS; l += ITEMS) {
            const uint pix = pix0 + l, t = pix / q_count, im = t / p_count;
            const uint q = rest_of(pix, q_count, t);
            pix_h[l] = rest_of(t, p_count, im) * u - pad; /* wraps below 0: outside, as is anything >= h */
            pix_w[l] = q * u - pad;
            pix_n[l] = im * h;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (uint i = id; i < TM * KS; i += ITEMS) {
            const uint m = i % TM, l = i / TM;
            const uint hh = pix_h[l] + row_r[m], ww = pix_w[l] + row_s[m];
            const bool ok = pix0 + l < end && m0 + m < rows && hh < h && ww < w;
            xs[l][m] = ok ? load(x, ((pix_n[l] + hh) * w + ww) * c + row_c[m]) : 0.0f;
        }
        for (uint i = id; i < TN * KS; i += ITEMS) {
            const uint o = i % TN, l = i / TN;
            const bool ok = pix0 + l < end && k0 + o < k;
            ys[l][o] = ok ? load(dy, (pix0 + l) * k + k0 + o) : 0.0f;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
        for (int l = 0; l < KS; ++l) {
            float xv[RM], yv[RN];
#pragma unroll
            for (int i = 0; i < RM; ++i) {
                xv[i] = xs[l][ty + i * TY];
            }
#pragma unroll
            for (int j = 0; j < RN; ++j) {
                yv[j] = ys[l][tx + j * TX];
            }
#pragma unroll
            for (int i = 0; i < RM; ++i) {
#pragma unroll
                for (int j = 0; j < RN; ++j) {
                    acc[i][j] = MUL_ADD(xv[i], yv[j], acc[i][j]);
                }
            }
        }
    }

    for (int i = 0; i < RM; ++i) {
        const uint m = m0 + ty + (uint)i * TY;
        for (int j = 0; j < RN; ++j) {
            const uint o = k0 + tx + (uint)j * TX;
            if (m < rows && o < k) {
                out[out_off + (z * rows + m) * k + o] = acc[i][j];
            }
        }
    }
}

/* y[i] = sum over z < splits of part[z*len + i], in order. One work-item per element, any
 * work-group size; the grid may exceed len. */
__kernel void conv2d_wgrad_sum(__global const float *restrict part, uint part_off,
                               __global float *restrict y, uint y_off, uint len, uint splits)
{
    const uint i = (uint)get_global_id(0);
    if (i < len) {
        float sum = part[part_off + i];
        for (uint z = 1; z < splits; ++z) {
            sum += part[part_off + z * len + i];
        }
        y[y_off + i] = sum;
    }
}
