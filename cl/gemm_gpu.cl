/* Matrix product, GPU family, by tiles of C's rows by its columns: gpu_tile.clh.
 *     C[m,n] = end(alpha * op(A) op(B) + beta * C),  row-major, op(X) = X or X transposed
 * Not here: tiles for CPUs (gemm.cl), products one row or column wide (gemv_gpu.cl), the end of a
 * product whose sums are cut into parts (tile_sum.cl). */
#include "gpu_tile.clh"
#include "gemm_end.clh"

#if STORE && !defined(C_FLOAT)
#define C_SAVE_QUAD save_quad
#else
#define C_SAVE_QUAD put_quad
#endif

/* The ends of the first `part` of four neighbours; v: alpha times their sums. */
static inline float4 end_quad(float4 v, __global const cstore *c, uint part, float beta, uint ends,
                              __global const float *bias, __global const cstore *y, int act,
                              float slope)
{
    float e[4];
    vstore4(v, 0, e);
    for (uint i = 0; i < 4 && i < part; ++i) {
        if (beta != 0.0f) {
            e[i] = MUL_ADD(C_LOAD(c, i), beta, e[i]);
        }
        e[i] = end_element(e[i], ends, bias + i, y + i, act, slope);
    }
    return vload4(0, e);
}

/* a: op(A)[i][p] = a[i*lda + p] (ta: a[p*lda + i]); b: op(B)[p][j] = b[p*ldb + j] (tb:
 * b[j*ldb + p]); c[i*ldc + j], y alike; bias[n], sums[n]; which of these are used: `ends` of
 * gemm_end.clh; product z starts at z*stride_x in each but bias and sums, which move by n.
 * Group (z * row_groups + row tile) * col_groups + column tile. Product z sums over the terms from
 * z*part, at most `depth` of them, below k: part = 0 and depth = k for a batch; the parts of one
 * product have strides 0 in a and b.
 * Rows' loads run along the stored rows of a, columns' along those of b. -D: those of gpu_tile.clh,
 * STORE, C_FLOAT. */
TILE_KERNEL __kernel void
gemm_gpu(__global const store *a, uint a_off, __global const store *b, uint b_off,
         __global const float *bias, uint bias_off, __global const cstore *y, uint y_off,
         __global float *sums, uint sums_off, __global cstore *c, uint c_off, uint m, uint n, uint k,
         uint lda, uint ldb, uint ldc, uint ta, uint tb, uint stride_a, uint stride_b, uint stride_c,
         uint part, uint depth, uint row_groups, uint col_groups, uint ends, int act, float alpha,
         float beta, float slope)
{
    TILE_LOCAL;
    const uint id = TILE_ID, tx = TILE_X(id), ty = TILE_Y(id);
    const uint group = TILE_GROUP, line = group / col_groups, z = line / row_groups;
    const uint j0 = rest_of(group, col_groups, line) * TN;
    const uint i0 = rest_of(line, row_groups, z) * TM;
    const uint begin = z * part, end = min(begin + min(depth, k), k);
    const bool quads = ((c_off | ldc | stride_c) & 3u) == 0;
    a += a_off + (size_t)z * stride_a;
    b += b_off + (size_t)z * stride_b;
    c += c_off + (size_t)z * stride_c;
    y += y_off + (size_t)z * stride_c;
    sums += sums_off + (size_t)z * n;

    /* Where each of the item's loads begins, its term of the step, and whether it is inside. */
    uint from_a[ROW_EACH], term_a[ROW_EACH], from_b[COL_EACH], term_b[COL_EACH];
    const uint step_a = ta ? KS * lda : KS, step_b = tb ? KS : KS * ldb;
#pragma unroll
    for (int e = 0; e < ROW_EACH; ++e) {
        const uint at = id + (uint)e * ITEMS;
        const uint i = i0 + (ta ? at % (TM / RW) * RW : at / (KS / RW));
        const uint p = begin + (ta ? at / (TM / RW) : at % (KS / RW) * RW);
        from_a[e] = ta ? p * lda + i : i * lda + p;
        term_a[e] = i < m ? p : 0xc0000000u;
    }
#pragma unroll
    for (int e = 0; e < COL_EACH; ++e) {
        const uint at = id + (uint)e * ITEMS;
        const uint j = j0 + (tb ? at / (KS / CW) : at % (TN / CW) * CW);
        const uint p = begin + (tb ? at % (KS / CW) * CW : at / (TN / CW));
        from_b[e] = tb ? j * ldb + p : p * ldb + j;
        term_b[e] = j < n ? p : 0xc0000000u;
    }
    float4 acc[RM][RN / 4];
#pragma unroll
    for (int i = 0; i < RM; ++i) {
#pragma unroll
        for (int j = 0; j < RN / 4; ++j) {
            acc[i][j] = 0.0f;
        }
    }

    const uint steps = (end - begin + KS - 1u) / KS;
    row_piece ap[ROW_EACH];
    col_piece bp[COL_EACH];
    for (uint step = 0; step <= steps; ++step) {
        __local float *const as = (__local float *)row_tile[(step + 1u) & 1u];
        __local float *const bs = (__local float *)col_tile[(step + 1u) & 1u];
        if (step > 0) { /* put what was fetched */
#pragma unroll
            for (int e = 0; e < ROW_EACH; ++e) {
                const uint at = id + (uint)e * ITEMS;
                if (ROW_LOADS % ITEMS != 0 && at >= ROW_LOADS) {
                    continue;
                }
                if (ta) {
                    PUT_ROW_ALONG(as + at / (TM / RW) * ROW_LD + at % (TM / RW) * RW, ap[e]);
                } else {
                    PUT_ROW_ACROSS(as + at % (KS / RW) * RW * ROW_LD + at / (KS / RW), ROW_LD, ap[e]);
                }
            }
#pragma unroll
            for (int e = 0; e < COL_EACH; ++e) {
                const uint at = id + (uint)e * ITEMS;
                if (COL_LOADS % ITEMS != 0 && at >= COL_LOADS) {
                    continue;
                }
                if (tb) {
                    PUT_COL_ACROSS(bs + at % (KS / CW) * CW * COL_LD + at / (KS / CW), COL_LD, bp[e]);
                } else {
                    PUT_COL_ALONG(bs + at / (TN / CW) * COL_LD + at % (TN / CW) * CW, bp[e]);
                }
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        if (step < steps) { /* fetch */
#pragma unroll
            for (int e = 0; e < ROW_EACH; ++e) {
                ap[e] = term_a[e] < end ? LOAD_ROW(a, from_a[e]) : (row_piece)(0.0f);
                from_a[e] += step_a;
                term_a[e] += KS;
            }
#pragma unroll
            for (int e = 0; e < COL_EACH; ++e) {
                bp[e] = term_b[e] < end ? LOAD_COL(b, from_b[e]) : (col_piece)(0.0f);
                from_b[e] += step_b;
                term_b[e] += KS;
            }
        }
        if (step > 0) {
            tile_multiply((const __local float4 *)as, (const __local float4 *)bs, tx, ty, acc TILE_PASS);
        }
    }

#pragma unroll 1
    for (uint r = 0; r < RM; ++r) {
        const uint i = i0 + TILE_ROW(ty, r);
#pragma unroll
        for (int q = 0; q < RN / 4; ++q) {
            const uint j = j0 + TILE_COL(tx, q);
            if (i < m && j < n) {
                const size_t at = (size_t)i * ldc + j;
                const float4 v = end_quad(acc[0][q] * alpha, c + at, n - j, beta, ends,
                                          bias + bias_off + j, y + at, act, slope);
                C_SAVE_QUAD(v, c, at, n - j, quads);
            }
        }
        tile_next_row(acc);
    }
    if (ends & ENDS_SUMS && i0 == 0) { /* terms in rising order */
        for (uint j = j0 + id; j < min(j0 + TN, n); j += ITEMS) {
            float sum = 0.0f;
            for (uint p = begin; p < end; ++p) {
                sum += load(b, (size_t)p * ldb + j);
            }
            sums[j] = sum;
        }
    }
}
