/* Weight gradient of a convolution on GPUs:
 *     dw[m, k] = sum over pixels (n, p, q) of x[n, p*u - pad + r, q*u - pad + s, c] * dy[n, p, q, k]
 * with rows m = (r*S + s)*C + c, by tiles of rows by output channels: gpu_tile.clh. The pixels may be
 * cut into parts; who launches adds the partial sums in order.
 *
 * -D: STORE: of x and dy; those of gpu_tile.clh: rows' loads run along c, columns' along k.
 * Source: as cl/conv2d_tile.cl. */
#include "gpu_tile.clh"

/* Pixel (n, p, q) and by how much it moves from step to step, as numbers of mixed radix. */
typedef struct pixel {
    uint n, p, q;
} pixel;

static inline pixel get_pixel(uint at, uint p_count, uint q_count)
{
    const uint t = at / q_count, n = t / p_count;
    const pixel r = { n, rest_of(t, p_count, n), rest_of(at, q_count, t) };
    return r;
}

static inline pixel move_pixel(pixel a, pixel by, uint p_count, uint q_count)
{
    a.q += by.q;
    const uint over = a.q >= q_count;
    a.q -= over ? q_count : 0u;
    a.p += by.p + over;
    const uint next = a.p >= p_count;
    a.p -= next ? p_count : 0u;
    a.n += by.n + next;
    return a;
}

/* Group (part * row_groups + row tile) * col_groups + column tile; part z: pixels z*per .. +per
 * below total = N*P*Q, to out[z][R*S*C][K]. */
TILE_KERNEL __kernel void
conv2d_wgrad_tile(__global const store *restrict x, uint x_off, __global const store *restrict dy,
                  uint dy_off, __global float *restrict out, uint out_off, uint total, uint per,
                  uint h, uint w, uint c, uint p_count, uint q_count, uint k, uint taps_r,
                  uint taps_s, uint u, uint pad, uint row_groups, uint col_groups)
{
    TILE_LOCAL;
    const uint id = TILE_ID, tx = TILE_X(id), ty = TILE_Y(id);
    const uint group = TILE_GROUP, line = group / col_groups, z = line / row_groups;
    const uint k0 = rest_of(group, col_groups, line) * TN;
    const uint m0 = rest_of(line, row_groups, z) * TM, rows = taps_r * taps_s * c;
    const uint begin = z * per, end = min(begin + per, total);
    x += x_off;
    dy += dy_off;
    out += out_off + (size_t)z * rows * k;

    /* What each of the item's loads of x is of: tap and channel, and the first step's pixel. A
     * position above or left of the map wraps, so that it is outside as is one beyond. */
    uint xr[ROW_EACH], xs[ROW_EACH], xc[ROW_EACH];
    pixel at[ROW_EACH];
    const pixel by = get_pixel(KS, p_count, q_count);
#pragma unroll
    for (int e = 0; e < ROW_EACH; ++e) {
        const uint i = id + (uint)e * ITEMS, m = m0 + i % (TM / RW) * RW, tap = m / c;
        const uint r = tap / taps_s;
        xr[e] = (m < rows ? r : 0x40000000u) - pad;
        xs[e] = rest_of(tap, taps_s, r) - pad;
        xc[e] = rest_of(m, c, tap);
        at[e] = get_pixel(begin + i / (TM / RW), p_count, q_count);
    }

    float4 acc[RM][RN / 4];
#pragma unroll
    for (int i = 0; i < RM; ++i) {
#pragma unroll
        for (int j = 0; j < RN / 4; ++j) {
            acc[i][j] = 0.0f;
        }
    }

    const uint steps = begin < end ? (end - begin + KS - 1u) / KS : 0u;
    row_piece xp[ROW_EACH];
    col_piece yp[COL_EACH];
    for (uint step = 0; step <= steps; ++step) {
        __local float *const row_buffer = (__local float *)row_tile[(step + 1u) & 1u];
        __local float *const col_buffer = (__local float *)col_tile[(step + 1u) & 1u];
        if (step > 0) { /* put what was fetched */
#pragma unroll
            for (int e = 0; e < ROW_EACH; ++e) {
                const uint i = id + (uint)e * ITEMS, m = i % (TM / RW) * RW, l = i / (TM / RW);
                if (ROW_LOADS % ITEMS == 0 || l < KS) {
                    PUT_ROW_ALONG(row_buffer + l * ROW_LD + m, xp[e]);
                }
            }
#pragma unroll
            for (int e = 0; e < COL_EACH; ++e) {
                const uint i = id + (uint)e * ITEMS, o = i % (TN / CW) * CW, l = i / (TN / CW);
                if (COL_LOADS % ITEMS == 0 || l < KS) {
                    PUT_COL_ALONG(col_buffer + l * COL_LD + o, yp[e]);
                }
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        if (step < steps) { /* fetch */
            const uint pix0 = begin + step * KS;
#pragma unroll
            for (int e = 0; e < ROW_EACH; ++e) {
                const uint pix = pix0 + (id + (uint)e * ITEMS) / (TM / RW);
                const uint hh = at[e].p * u + xr[e], ww = at[e].q * u + xs[e];
                const bool ok = pix < end && hh < h && ww < w;
                xp[e] = ok ? LOAD_ROW(x, ((at[e].n * h + hh) * w + ww) * c + xc[e])
                           : (row_piece)(0.0f);
                at[e] = move_pixel(at[e], by, p_count, q_count);
            }
#pragma unroll
            for (int e = 0; e < COL_EACH; ++e) {
                const uint i = id + (uint)e * ITEMS, pix = pix0 + i / (TN / CW);
                const uint o = k0 + i % (TN / CW) * CW;
                yp[e] = pix < end && o < k ? LOAD_COL(dy, pix * k + o) : (col_piece)(0.0f);
            }
        }
        if (step > 0) {
            tile_multiply((const __local float4 *)row_buffer, (const __local float4 *)col_buffer,
                          tx, ty, acc TILE_PASS);
        }
    }

    const bool quads = ((k | out_off) & 3u) == 0;
#pragma unroll 1
    for (uint r = 0; r < RM; ++r) {
        const uint m = m0 + TILE_ROW(ty, r);
#pragma unroll
        for (int q = 0; q < RN / 4; ++q) {
            const uint o = k0 + TILE_COL(tx, q);
            if (m < rows && o < k) {
                put_quad(acc[0][q], out, m * k + o, k - o, quads);
            }
        }
        tile_next_row(acc);
    }
}
