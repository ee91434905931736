/* Matrix product, GPU family: a work-group computes a tile of C from tiles of A and B in local
 * memory, each work-item WM x WN elements in registers.
 *
 *     C[m,n] = end(alpha * op(A) op(B) + beta * C),  row-major, op(X) = X or X transposed
 *
 * Also the fused end (gemm_end.clh) by itself, for a product made by another library. Not here: tiles
 * for CPUs (gemm.cl). Every element is summed over k in rising order (gemv_gpu: by lanes, then a
 * fixed tree), so the bits do not depend on the number of compute units. */
#include "gemm_end.clh"

#ifndef LX
#define LX 16 /* work-group columns */
#endif
#ifndef LY
#define LY 16 /* work-group rows */
#endif
#ifndef WM
#define WM 4 /* rows of C per work-item */
#endif
#ifndef WN
#define WN 4 /* columns of C per work-item */
#endif
#ifndef TK
#define TK 16 /* depth of a tile */
#endif
#define TM (LY * WM)
#define TN (LX * WN)

/* a: op(A)[i][p] = a[i*lda + p] (ta: a[p*lda + i]); b: op(B)[p][j] = b[p*ldb + j] (tb:
 * b[j*ldb + p]); c[i*ldc + j], y alike; bias[n], sums[n]; which of these are used: `ends` of
 * gemm_end.clh; batch z starts at z*stride_x in each but bias and sums.
 * Work-group (tile of TN columns, tile of TM rows, z); work-item (x, y) has columns x + j*LX and
 * rows y + i*LY of the tile. Local memory 4*TK*(TM+1 + TN+1) bytes.
 * -D LX=16 LY=16 WM=4 WN=4 TK=16 STORE=0 C_FLOAT. */
__kernel __attribute__((reqd_work_group_size(LX, LY, 1)))
void gemm_gpu(__global const store *a, uint a_off, __global const store *b, uint b_off,
              __global const float *bias, uint bias_off, __global const cstore *y, uint y_off,
              __global float *sums, uint sums_off, __global cstore *c, uint c_off, uint m, uint n,
              uint k, uint lda, uint ldb, uint ldc, uint ta, uint tb, uint stride_a, uint stride_b,
              uint stride_c, uint ends, int act, float alpha, float beta, float slope)
{
    __local float at[TK][TM + 1];
    __local float bt[TK][TN + 1];
    const uint x = get_local_id(0), y_lane = get_local_id(1), lane = y_lane * LX + x;
    const uint j0 = (uint)get_global_id(0) / LX * TN, i0 = (uint)get_global_id(1) / LY * TM;
    const uint z = get_global_id(2);
    a += a_off + (size_t)z * stride_a;
    b += b_off + (size_t)z * stride_b;
    c += c_off + (size_t)z * stride_c;
    y += y_off + (size_t)z * stride_c;
    /* All lanes of a column add up the same numbers; the first writes. */
    const bool want_sums = (ends & ENDS_SUMS) && i0 == 0;
    float acc[WM][WN], sum[WN];
#pragma unroll
    for (int j = 0; j < WN; ++j) {
        sum[j] = 0.0f;
    }
#pragma unroll
    for (int i = 0; i < WM; ++i) {
#pragma unroll
        for (int j = 0; j < WN; ++j) {
            acc[i][j] = 0.0f;
        }
    }
    for (uint k0 = 0; k0 < k; k0 += TK) {
        /* Neighbouring lanes read along the stored row. */
        for (uint e = lane; e < TM * TK; e += LX * LY) {
            const uint i = ta ? e % TM : e / TK, p = ta ? e / TM : e % TK;
            float v = 0.0f;
            if (i0 + i < m && k0 + p < k) {
                v = load(a, ta ? (size_t)(k0 + p) * lda + i0 + i : (size_t)(i0 + i) * lda + k0 + p);
            }
            at[p][i] = v;
        }
        for (uint e = lane; e < TN * TK; e += LX * LY) {
            const uint j = tb ? e / TK : e % TN, p = tb ? e % TK : e / TN;
            float v = 0.0f;
            if (j0 + j < n && k0 + p < k) {
                v = load(b, tb ? (size_t)(j0 + j) * ldb + k0 + p : (size_t)(k0 + p) * ldb + j0 + j);
            }
            bt[p][j] = v;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
        for (int p = 0; p < TK; ++p) {
            float av[WM], bv[WN];
#pragma unroll
            for (int i = 0; i < WM; ++i) {
                av[i] = at[p][y_lane + i * LY];
            }
#pragma unroll
            for (int j = 0; j < WN; ++j) {
                bv[j] = bt[p][x + j * LX];
            }
            if (want_sums) {
#pragma unroll
                for (int j = 0; j < WN; ++j) {
                    sum[j] += bv[j];
                }
            }
#pragma unroll
            for (int i = 0; i < WM; ++i) {
#pragma unroll
                for (int j = 0; j < WN; ++j) {
                    acc[i][j] = MUL_ADD(av[i], bv[j], acc[i][j]);
                }
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
#pragma unroll
    for (int i = 0; i < WM; ++i) {
        const uint row = i0 + y_lane + i * LY;
#pragma unroll
        for (int j = 0; j < WN; ++j) {
            const uint col = j0 + x + j * LX;
            if (row < m && col < n) {
                __global cstore *to = c + (size_t)row * ldc + col;
                float v = acc[i][j] * alpha;
                if (beta != 0.0f) {
                    v = MUL_ADD(C_LOAD(to, 0), beta, v);
                }
                v = end_element(v, ends, bias + bias_off + col, y + (size_t)row * ldc + col, act,
                                slope);
                C_SAVE(v, to, 0);
            }
        }
    }
#pragma unroll
    for (int j = 0; j < WN; ++j) {
        const uint col = j0 + x + j * LX;
        if (want_sums && y_lane == 0 && col < n) {
            sums[sums_off + col] = sum[j];
        }
    }
}

#ifndef LANES
#define LANES 64 /* work-items per row, a power of two */
#endif

/* Rows of a[i*a_row + p*a_col] times x[p*x_step], p < k: c[i*c_step] = end(alpha * sum + beta * c),
 * with bias[i*bias_step] and y[i*c_step]. One work-group per row i and batch z: (lanes, i, z). Local memory 4*LANES
 * bytes. -D LANES=64. */
__kernel __attribute__((reqd_work_group_size(LANES, 1, 1)))
void gemv_gpu(__global const store *a, uint a_off, __global const store *x, uint x_off,
              __global const float *bias, uint bias_off, __global const cstore *y, uint y_off,
              __global cstore *c, uint c_off, uint k, uint a_row, uint a_col, uint x_step,
              uint c_step, uint bias_step, uint stride_a, uint stride_x, uint stride_c, uint ends,
              int act, float alpha, float beta, float slope)
{
    __local float part[LANES];
    const uint lane = get_local_id(0), i = get_global_id(1), z = get_global_id(2);
    a += a_off + (size_t)z * stride_a + (size_t)i * a_row;
    x += x_off + (size_t)z * stride_x;
    float s = 0.0f;
    for (uint p = lane; p < k; p += LANES) {
        s = MUL_ADD(load(a, (size_t)p * a_col), load(x, (size_t)p * x_step), s);
    }
    part[lane] = s;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint w = LANES / 2; w > 0; w /= 2) {
        if (lane < w) {
            part[lane] += part[lane + w];
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    if (lane == 0) {
        const size_t at = (size_t)z * stride_c + (size_t)i * c_step;
        __global cstore *to = c + c_off + at;
        float v = part[0] * alpha;
        if (beta != 0.0f) {
            v = MUL_ADD(C_LOAD(to, 0), beta, v);
        }
        v = end_element(v, ends, bias + bias_off + i * bias_step, y + y_off + at, act, slope);
        C_SAVE(v, to, 0);
    }
}

/* In place: the end of c[i*ldc + j], i < m, j < n, with bias[j] and y as c. Any family.
 * Work-item (`cols` columns, row i, z); batch z starts at z*stride_c. */
__kernel void gemm_end(__global const float *bias, uint bias_off, __global const cstore *y,
                       uint y_off, __global cstore *c, uint c_off, uint n, uint ldc, uint cols,
                       uint stride_c, uint ends, int act, float slope)
{
    const uint first = get_global_id(0) * cols, end = min(first + cols, n);
    const size_t at = (size_t)get_global_id(2) * stride_c + get_global_id(1) * (size_t)ldc;
    c += c_off + at;
    y += y_off + at;
    for (uint j = first; j < end; ++j) {
        C_SAVE(end_element(C_LOAD(c, j), ends, bias + bias_off + j, y + j, act, slope), c, j);
    }
}
