/* Convolution on GPUs, forward and data gradient, by tiles of output pixels (rows) by output
 * channels (columns): gpu_tile.clh. The depth runs over taps, then over source channels.
 *     UP = 0: y[n, p, q, k] = act(bias[k] + sum over r, s, c of
 *                                 x[n, p*u - pad + r, q*u - pad + s, c] * w[r, s, c, k])
 *     UP = 1: the map back, y[n, h, w, c] = act(bias[c] + sum of x[n, p, q, k] * w[r, s, c, k] over
 *             the r, s, k with p*u - pad + r = h, q*u - pad + s = w.
 * Output pixels (h, w) with the same rests by u have the same taps: they are a phase, and tiles are
 * of one phase, so no term is computed in vain (as host/ops/conv2d_gather.c does on CPUs).
 *
 * Batch norm's sums (batchnorm_sums.clh): a part is of PART_ROWS rows of one phase and of one of the
 * `splits` equal runs of images whose statistics are apart. An item has 4 rows side by side in each of its
 * row blocks, whatever the tile's shape, so they are a piece, and 8 pieces, of 8 items or, where the
 * group has less than 8 rows of items, of several of their row blocks, make a part. All shapes make it in
 * this order from the same values, so its bits do not depend on the shape either. (Parts as large as the
 * tile would be fewer, and other bits for each shape.)
 *
 * -D: UP (0); STORE: of x, w and y; those of gpu_tile.clh: rows' loads run along source channels,
 * columns' along output channels (UP = 0) or source channels (UP = 1).
 * Source: implicit GEMM, Chetlur et al., "cuDNN: efficient primitives for deep learning", 2014,
 * section 3; phases: Dumoulin, Visin, "A guide to convolution arithmetic", 2016, chapter 4. */
#define VW 4
#include "batchnorm_sums.clh"
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

#define PART_ROWS (4u * JOINED)
/* Row blocks of an item between two times that parts are made, and room for their pieces. */
#define PART_BLOCKS (TY < 8 ? 8 / TY : 1)
#define PIECES (PART_BLOCKS * TY * TX)
#if RM % (4 * PART_BLOCKS) != 0 || (PART_BLOCKS > 1 && RN != 4)
#error "such tiles make no whole parts"
#endif
#if 4 * PIECES > KS * (ROW_LD + COL_LD)
#error "two sums of each piece are more than the tiles' local memory"
#endif

/* p[o] .. p[o + 3]; the last of the `oc` again beyond the end. */
static inline float4 load_columns(__global const float *p, uint o, uint oc)
{
    const uint last = oc - 1u;
    return (float4)(p[min(o, last)], p[min(o + 1u, last)], p[min(o + 2u, last)],
                    p[min(o + 3u, last)]);
}

/* Rows of `size` from `row` on that lie before `end`. */
static inline uint rows_before(uint row, uint size, uint end)
{
    return row < end ? min(size, end - row) : 0u;
}

/* The part of rows `row` and on, channels o .., from its pieces. */
LOCAL_INLINE void leave_part(const __local float4 *first, const __local float4 *second, uint sums,
                             uint row, uint total, __global const float *invstd,
                             __global float *to, uint o, uint oc)
{
    const uint part = rows_before(o, 4u, oc);
    if (sums == SUMS_OF_Y) {
        float count[JOINED];
        for (uint i = 0; i < JOINED; ++i) {
            count[i] = (float)rows_before(row + 4u * i, 4u, total);
        }
        leave_joined_of_y(count, first, second, TX, to + o, oc, part);
    } else {
        leave_joined_of_dy(first, second, TX, load_columns(invstd, o, oc), to + o, oc, part);
    }
}

/* Group ((split * phases + phase) * row_groups + row tile) * col_groups + column tile. x [splits * n, sh,
 * sw, run], y [splits * n, oh, ow, oc], filter of fr x fs taps. parts: [splits, phases, phase_parts,
 * 3 or 2, oc]. */
TILE_KERNEL __kernel void
conv2d_tile(__global const store *restrict x, uint x_off, __global const store *restrict w,
            uint w_off, __global const float *restrict bias, uint bias_off,
            __global store *restrict y, uint y_off, uint n, uint sh, uint sw, uint run, uint oh,
            uint ow, uint oc, uint fr, uint fs, uint u, uint pad, uint row_groups, uint col_groups,
            uint phase_parts, uint has_bias, int act, float slope, SUMS_ARGS)
{
    TILE_LOCAL;
    const uint id = TILE_ID, tx = TILE_X(id), ty = TILE_Y(id);
    const uint group = TILE_GROUP, line = group / col_groups, turn = line / row_groups;
    const uint o0 = rest_of(group, col_groups, line) * TN;
    const uint pix0 = rest_of(line, row_groups, turn) * TM;
    const uint phases = UP ? u * u : 1u, split = turn / phases;
    const uint phase = rest_of(turn, phases, split), ph = phase / u;
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
        xi[e] = (split * n + im) * sh;
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
            tile_multiply((const __local float4 *)xs, (const __local float4 *)ws, tx, ty, acc TILE_PASS);
        }
    }

    const bool quads = ((oc | y_off) & 3u) == 0, x_quads = ((oc | norm_x_off) & 3u) == 0;
    norm_x += norm_x_off;
#pragma unroll 1
    for (uint block = 0; block < RM / 4; ++block) {
        piece_sums s[RN / 4];
#pragma unroll
        for (int q = 0; q < RN / 4; ++q) {
            s[q].k = s[q].scale = s[q].shift = s[q].sum = s[q].dot = 0.0f;
            if (sums == SUMS_OF_DY) {
                const uint o = o0 + TILE_COL(tx, q), of_split = split * oc;
                s[q].k = load_columns(norm_mean + norm_mean_off + of_split, o, oc);
                s[q].scale = load_columns(norm_weight + norm_weight_off, o, oc) *
                             load_columns(norm_invstd + norm_invstd_off + of_split, o, oc);
                s[q].shift = load_columns(norm_bias + norm_bias_off, o, oc);
            }
        }
#pragma unroll 1
        for (uint r = 0; r < 4; ++r) {
            const uint pix = pix0 + TILE_ROW(ty, block * 4u + r);
#if UP
            const uint t = pix / nb, im = t / na;
            const uint out = ((split * n + im) * oh + rest_of(t, na, im) * u + sa.first) * ow +
                             rest_of(pix, nb, t) * u + sb.first;
#else
            const uint out = split * total + pix;
#endif
#pragma unroll
            for (int q = 0; q < RN / 4; ++q) {
                const uint o = o0 + TILE_COL(tx, q), at = out * oc + o;
                if (pix < total && o < oc) {
                    float4 v = sums == SUMS_OF_DY ? acc[0][q] : act_apply4(act, slope, acc[0][q]);
                    save_quad(v, y, at, oc - o, quads);
                    if (sums != SUMS_NONE) {
#if STORE
                        v = load_quad(y, at, oc - o, quads);
#endif
                        const float4 given = sums == SUMS_OF_DY
                                                 ? load_quad(norm_x, at, oc - o, x_quads)
                                                 : (float4)(0.0f);
                        add_to_piece(&s[q], sums, v, given, r == 0u, act, slope);
                    }
                }
            }
            tile_next_row(acc);
        }

        /* Pieces of the row blocks of a round, which are rows in order, and the parts of them. Barriers
         * are in no condition, though only sums need them: pocl 3.1 would take no notice of them. */
        const uint round = block / PART_BLOCKS, slot = (block % PART_BLOCKS * TY + ty) * TX + tx;
        const uint row = pix0 + (round * PART_BLOCKS * TY + ty) * 4u;
        const bool done = (block + 1u) % PART_BLOCKS == 0u;
        __local float4 *const first = tile_memory, *const second = tile_memory + PIECES;
#pragma unroll 1
        for (int q = 0; q < RN / 4; ++q) {
            barrier(CLK_LOCAL_MEM_FENCE); /* readers of what was there */
            if (sums != SUMS_NONE) {
                const uint rows = rows_before(pix0 + TILE_ROW(ty, block * 4u), 4u, total);
                float4 one, two;
                end_piece(&s[0], sums, (float)rows, &one, &two);
                first[slot] = one;
                second[slot] = two;
            }
            barrier(CLK_LOCAL_MEM_FENCE);
            if (sums != SUMS_NONE && done && ty % JOINED == 0u && row / PART_ROWS < phase_parts) {
                const uint o = o0 + TILE_COL(tx, q), at = ty * TX + tx;
                const size_t number = turn * phase_parts + row / PART_ROWS;
                leave_part(first + at, second + at, sums, row, total,
                           norm_invstd + norm_invstd_off + split * oc,
                           parts + parts_off + number * (sums == SUMS_OF_Y ? 3u : 2u) * oc, o, oc);
            }
#pragma unroll
            for (int j = 0; j + 1 < RN / 4; ++j) { /* as tile_next_row */
                s[j] = s[j + 1];
            }
        }
    }
}
