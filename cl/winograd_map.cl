/* Winograd convolution on CPU devices, forward and data gradient of filters 4x4 with stride 2 and 3x3
 * with stride 1 (the method and its transforms: winograd.clh). Two kernels:
 *   winograd_filter  w -> U, once per call
 *   winograd_map     x, U -> y: a span of groups of tiles at a time, the source's transform V, T*T
 *                    matrix products S and the output transform. U, which is megabytes, is read once
 *                    for a span; S stays in a core's second cache.
 *
 * Down (up = 0; conv forward, deconv data gradient): the source's four phases lie side by side as
 * 4C channels, y is one map. Up (up = 1; conv data gradient, deconv forward): each of the four
 * phases of y is a map of its own, made from all of the source.
 *     tiles     M x M pixels of a map, th x tw per image, numbered over the batch
 *     V[t][tile of the span][lead]   t < T*T; lead > cin floats, so that rows do not share cache sets
 *     U[map][t][panel][cin][NR]      output channels panel*NR .. +NR, zeros beyond oc
 *     S[panel][tile of the span][NV][t][VW]
 * with one map going down and four going up, cin = 4C (phase first) down and K up. With stride 1 there is
 * one phase and one map either way, and up differs in reading the filter backwards.
 *
 * Channels of x are a multiple of VW, those of y too. One work-item per work-group; no local memory.
 * -D: M 2|4, TAPS 2|3, VW 4|8|16, MR rows and NV vectors of a register tile, G register tiles per group;
 * STORE: of x, w, y, while U, V, S and bias are floats. Both directions are one program, as each program is
 * one that a new device has to build: `up` is asked once for a tile. */

/* The next panel of U, which comes from the last cache or from memory, spread over all products of this
 * one: a core waits when it asks for more lines at once than it has places for. `step` floats for each
 * term, asked for with every fourth: a line twice asked for takes a place twice. */
#define ASK_AHEAD(kk)                                                         \
    if (((kk) & 3u) == 0u) {                                                  \
        WILL_READ_LATER(ask + (kk) * step);                                   \
        if (step > 4u) {                                                      \
            WILL_READ_LATER(ask + (kk) * step + CACHE_LINE);                  \
        }                                                                     \
        if (step > 8u) {                                                      \
            WILL_READ_LATER(ask + (kk) * step + 2 * CACHE_LINE);              \
            WILL_READ_LATER(ask + (kk) * step + 3 * CACHE_LINE);              \
        }                                                                     \
    }
#include "batchnorm_sums.clh"
#include "transpose.clh"
#include "winograd_cpu.clh"

#ifndef G
#define G 2
#endif
#define MAPS(up) ((up) ? STRIDE * STRIDE : 1u)
#define GROUP (G * MR)
#define BLOCK 16
#define LARGE (1u << 20) /* floats of U */

/* Row `to` of the T*T matrices `plane` apart, whole lines at a time: halves of one that go past the
 * cache with others between them cost two writes. */
#define PUT_ROW(out, to)                                                                       \
    for (uint t = 0; t < TT; ++t) {                                                            \
        for (uint j = 0; j < NV; ++j) {                                                        \
            STREAMV((out)[j * TT + t], (to) + t * plane + j * VW, stream);                     \
        }                                                                                      \
    }

/* U[map][t][panel][l0 + l][NR] of filter w[SIDE,SIDE,C,K]. get_global_id(0): block of BLOCK source
 * channels l, get_global_id(1): panel, get_global_id(2): phase. `run`: source channels of w, `oc`:
 * output channels; element (l, o) of a tap lies at l*sl + o*so. */
#define FILTER_ARGS __global const store *restrict w, uint w_off, __global float *restrict u,    \
    uint u_off, uint run, uint oc, uint panels, uint sl, uint so, uint pad, uint up
BODY void filter_item(const uint id0, const uint id1, const uint id2, FILTER_ARGS)
{
    const uint l0 = id0 * BLOCK, panel = id1;
    const uint phase = id2, a = phase / STRIDE, b = phase % STRIDE;
    const uint rows = min((uint)BLOCK, run - l0), o0 = panel * NR, width = min((uint)NR, oc - o0);
    const uint tap = run * oc;
    /* Going up, tap i of phase a meets source row a' + (a + pad)/STRIDE - (TAPS - 1) + i, so it is the
     * filter's row (a + pad) % STRIDE + STRIDE (TAPS - 1 - i). */
    const uint r0 = up ? (a + pad) % STRIDE + (TAPS - 1) * STRIDE : a;
    const uint s0 = up ? (b + pad) % STRIDE + (TAPS - 1) * STRIDE : b;
    const int rstep = up ? -(int)STRIDE : (int)STRIDE;
    const uint cin = up ? run : run * STRIDE * STRIDE, at = up ? l0 : phase * run + l0;
    u += u_off + (up ? (size_t)phase * TT * panels * cin * NR : 0u);
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
    const bool stream = IS_ALIGNED(u) && plane * TT * MAPS(up) >= LARGE;

    /* Vectors along the contiguous direction of w; turned, where that is not the panel's. */
    if (so == 1u) {
        for (uint l = 0; l < rows; ++l) {
            vf out[NV * TT];
            for (uint j = 0; j < NV; ++j) {
                const uint o = j * VW;
                vf g[TAPS * TAPS], mid[T * TAPS];
                for (int i = 0; i < TAPS * TAPS; ++i) {
                    g[i] = o < width ? GET(from[i] + l * sl + o) : (vf)(0.0f);
                }
                WIN_2D(WIN_FILTER, TAPS, T, g, mid, out + j * TT);
            }
            PUT_ROW(out, to + l * NR);
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
            vf out[NV * TT];
            for (uint j = 0; j < NV; ++j) {
                vf g[TAPS * TAPS], mid[T * TAPS];
                for (int i = 0; i < TAPS * TAPS; ++i) {
                    g[i] = LOADV(j, part + (i * VW + k) * NR);
                }
                WIN_2D(WIN_FILTER, TAPS, T, g, mid, out + j * TT);
            }
            PUT_ROW(out, to + (l + k) * NR);
        }
    }
}

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
winograd_filter(FILTER_ARGS)
{
    filter_item((uint)get_global_id(0), (uint)get_global_id(1), (uint)get_global_id(2), w, w_off,
        u, u_off, run, oc, panels, sl, so, pad, up);
}

/* First source row of tile row ti, phase a. */
static inline int start_of(uint ti, uint a, uint pad, uint up)
{
    return up ? (int)(ti * M + (a + pad) / STRIDE) - (TAPS - 1) : (int)(ti * M * STRIDE + a) - (int)pad;
}

/* How many of a tile's M rows (or columns), `from` and every `step`th after it, lie before `end`. */
static inline uint count_inside(uint from, uint step, uint end)
{
    return from < end ? min((uint)M, (end - from + step - 1u) / step) : 0u;
}

/* Runs `DO` for those rows r and columns s of a tile that lie in the map. */
#define FOR_INSIDE(DO)                                                                         \
    _Pragma("unroll") for (uint r = 0; r < M; ++r)                                             \
    {                                                                                          \
        _Pragma("unroll") for (uint s = 0; s < M; ++s)                                         \
        {                                                                                      \
            if (r < rows && s < columns) {                                                     \
                DO;                                                                            \
            }                                                                                  \
        }                                                                                      \
    }

static inline vf mean_of_tile(const vf *v)
{
    vf sum = v[0];
    for (int i = 1; i < M * M; ++i) {
        sum += v[i];
    }
    return sum * (1.0f / (M * M));
}

/* What was stored of v at p. */
#if STORE
#define STORED(v, p) GET(p)
#else
#define STORED(v, p) (v)
#endif

/* The outputs of tile `tile`, channels o0 .. o0 + NR, from its T*T sums at mt. */
#define PUT_TILE(mt, tile)                                                                     \
    do {                                                                                       \
        const uint line = (tile) / tw, im = line / th;                                         \
        const uint h = rest_of(line, th, im) * M * ou + a;                                     \
        const uint c = rest_of(tile, tw, line) * M * ou + b;                                   \
        const uint rows = count_inside(h, ou, oh), columns = count_inside(c, ou, ow);          \
        const size_t across = (size_t)ou * oc, down = across * ow;                             \
        size_t at = (((size_t)im * oh + h) * ow + c) * oc + o0;                                \
        added += rows * columns;                                                               \
        for (int j = 0; j < NV && o0 + j * VW < oc; ++j, at += VW) {                           \
            vf given[TT], mid[M * T], out[M * M];                                              \
            _Pragma("unroll") for (int i = 0; i < TT; ++i)                                     \
            {                                                                                  \
                given[i] = LOADV(j * TT + i, mt);                                              \
            }                                                                                  \
            WIN_2D(WIN_OUTPUT, T, M, given, mid, out);                                         \
            if (sums != SUMS_OF_DY && (has_bias || act != ACT_NONE)) {                         \
                const vf more = has_bias ? LOADV(j, bias + o0) : (vf)(0.0f);                   \
                _Pragma("unroll 1") for (int i = 0; i < M * M; ++i)                            \
                {                                                                              \
                    out[i] = VACT(out[i] + more);                                              \
                }                                                                              \
            }                                                                                  \
            __global store *to = y + at;                                                       \
            FOR_INSIDE(PUT(out[r * M + s], to + r * down + s * across))                        \
            if (sums == SUMS_OF_Y) {                                                           \
                if (q == 0u) {                                                                 \
                    about[j] = mean_of_tile(out);                                              \
                }                                                                              \
                const vf k = about[j];                                                         \
                vf e = sum[j], ed = dot[j];                                                    \
                FOR_INSIDE(ADD_Y(STORED(out[r * M + s], to + r * down + s * across)))          \
                sum[j] = e;                                                                    \
                dot[j] = ed;                                                                   \
            } else if (sums == SUMS_OF_DY) {                                                   \
                __global const store *x_at = norm_x + at;                                      \
                const vf k = about[j], scale = norm_scale[j], shift = norm_shift[j];           \
                vf e = sum[j], ed = dot[j];                                                    \
                FOR_INSIDE(ADD_DY(STORED(out[r * M + s], to + r * down + s * across),          \
                                  GET(x_at + r * down + s * across)))                          \
                sum[j] = e;                                                                    \
                dot[j] = ed;                                                                   \
            }                                                                                  \
        }                                                                                      \
    } while (0)

/* Asks for what the norm was given at the pixels of `tile`, whose outputs are put next. */
#define ASK_TILE(tile)                                                                         \
    do {                                                                                       \
        const uint line = (tile) / tw, im = line / th;                                         \
        const uint h = rest_of(line, th, im) * M * ou + a;                                     \
        const uint c = rest_of(tile, tw, line) * M * ou + b;                                   \
        const size_t across = (size_t)ou * oc, down = across * ow;                             \
        __global const store *from = norm_x + (((size_t)im * oh + h) * ow + c) * oc + o0;      \
        _Pragma("unroll") for (uint r = 0; r < M; ++r)                                         \
        {                                                                                      \
            _Pragma("unroll") for (uint s = 0; s < M; ++s)                                     \
            {                                                                                  \
                _Pragma("unroll") for (uint j = 0; j < NV; ++j)                                \
                {                                                                              \
                    WILL_READ(from + r * down + s * across + j * VW);                          \
                }                                                                              \
            }                                                                                  \
        }                                                                                      \
    } while (0)
#define ADD_Y(v)                                                                               \
    const vf d = (v) - k;                                                                      \
    e += d;                                                                                    \
    ed = MUL_ADD(d, d, ed)
#define ADD_DY(v, from)                                                                        \
    const vf d = (from) - k, dz = gate(act, slope, d * scale + shift, v);                      \
    e += dz;                                                                                   \
    ed = MUL_ADD(dz, d, ed)

/* y[N, oh, ow, oc] from x[N, sh, sw, run]. A map has all pixels of y going down, those of equal
 * parity going up. The batch is `splits` equal parts with `tiles` tiles each in a map, which are `groups`
 * of GROUP tiles; `works` = maps x splits x spans of `span` groups; work-item w of `stride` does the
 * works w, w + stride, ... v: room for one V and one S per work-item, `slot` floats. zeros: `run` zeros.
 * sums: a group is a part of its split (batchnorm_sums.clh); with SUMS_OF_DY act is the norm's, and y gets
 * no bias. The bits do not depend on `span`. */
#define MAP_ARGS __global const store *restrict x, uint x_off,                                   \
    __global const store *restrict zeros, uint zeros_off, __global const float *restrict u,      \
    uint u_off, __global const float *restrict bias, uint bias_off, __global float *restrict v,  \
    uint v_off, __global store *restrict y, uint y_off, uint tiles, uint th, uint tw, uint sh,   \
    uint sw, uint run, uint pad, uint cin, uint lead, uint panels, uint oh, uint ow, uint oc,    \
    uint groups, uint splits, uint span, uint works, uint stride, uint slot, uint up,            \
    uint has_bias, int act, float slope, SUMS_ARGS
#define MAP_NAMES x, x_off, zeros, zeros_off, u, u_off, bias, bias_off, v, v_off, y, y_off, tiles, th, \
    tw, sh, sw, run, pad, cin, lead, panels, oh, ow, oc, groups, splits, span, works, stride, slot,    \
    up, has_bias, act, slope, SUMS_NAMES

/* V of the tiles first .. first + count - 1 of a map, its phase of y being (a, b). */
static inline void transform_tiles(__global float *restrict v, const uint plane, const uint lead,
                                   __global const store *restrict x,
                                   __global const store *restrict zeros, const uint first,
                                   const uint count, const uint th, const uint tw, const uint sh,
                                   const uint sw, const uint run, const uint pad, const uint a,
                                   const uint b, const uint up)
{
    const int step = up ? 1 : (int)STRIDE;
    for (uint q = 0; q < count; ++q) {
        const uint tile = first + q, line = tile / tw, im = line / th;
        const uint ti = rest_of(line, th, im), tj = rest_of(tile, tw, line);
        __global const store *image = x + (size_t)im * sh * sw * run;
#define TO_V(i, l) (v + (uint)(i)*plane + q * lead + phase * run + (l))
        for (uint phase = 0; phase < (up ? 1u : (uint)(STRIDE * STRIDE)); ++phase) {
            const int h0 = start_of(ti, up ? a : phase / STRIDE, pad, up);
            const int c0 = start_of(tj, up ? b : phase % STRIDE, pad, up);
            WIN_TILE(WIN_SOURCE, T, T, step, image, sh, sw, run, h0, c0, TO_V);
        }
    }
}

/* S = V U, t by t: all of U[t] while V[t] is near. A panel of S has `room` tiles. */
static inline void multiply_tiles(__global float *restrict s, const uint room,
                                  __global const float *restrict v, const uint plane,
                                  const uint lead, __global const float *restrict u,
                                  const uint cin, const uint panels, const uint count)
{
    const uint passes = (count + MR - 1u) / MR, step = (NR + passes - 1u) / passes;
    for (uint t = 0; t < TT; ++t) {
        for (uint panel = 0; panel < panels; ++panel, u += (size_t)cin * NR) {
            __global float *sums = s + (size_t)panel * room * NR * TT;
            for (uint q = 0; q < count; q += MR) {
                __global const float *row[MR];
#pragma unroll
                for (int i = 0; i < MR; ++i) {
                    row[i] = v + t * plane + min(q + i, count - 1u) * lead;
                }
                __global const float *ask =
                    u + (size_t)cin * NR + (size_t)(q / MR) * cin * step;
#define ROW(i, kk) row[i][kk]
                WIN_PRODUCT(ROW, u, cin, sums, q, t);
            }
        }
    }
}

/* Group k of a split's map, whose `count` tiles start with `first`, to a panel of y, from s. */
static inline void put_group(__global const float *restrict s, const uint panel, const uint first,
                             const uint count, const uint k, const uint map, const uint split,
                             MAP_ARGS)
{
    const uint ou = up ? STRIDE : 1, o0 = panel * NR;
    const uint a = map / STRIDE, b = map % STRIDE; /* going down, map is 0 */
    vf about[NV], sum[NV], dot[NV], norm_scale[NV], norm_shift[NV];
    uint added = 0;
    y += y_off;
    bias += bias_off;
    norm_x += norm_x_off;
    for (int j = 0; j < NV && o0 + j * VW < oc; ++j) {
        sum[j] = dot[j] = (vf)(0.0f);
        if (sums == SUMS_OF_DY) {
            const uint o = o0 + j * VW;
            about[j] = LOADV(0, norm_mean + norm_mean_off + split * oc + o);
            norm_scale[j] = LOADV(0, norm_weight + norm_weight_off + o) *
                            LOADV(0, norm_invstd + norm_invstd_off + split * oc + o);
            norm_shift[j] = LOADV(0, norm_bias + norm_bias_off + o);
        }
    }
    for (uint q = 0; q < count; ++q) {
        if (sums == SUMS_OF_DY) {
            ASK_TILE(first + q + 1);
        }
        PUT_TILE(s + q * NR * TT, first + q);
    }
    if (sums != SUMS_NONE) {
        const uint part = (split * MAPS(up) + map) * groups + k;
        __global float *to =
            parts + parts_off + (size_t)part * (sums == SUMS_OF_Y ? 3u : 2u) * oc + o0;
        for (int j = 0; j < NV && o0 + j * VW < oc; ++j, to += VW) {
            if (sums == SUMS_OF_Y) {
                leave_of_y(added, about[j], sum[j], dot[j], to, oc);
            } else {
                const uint o = o0 + j * VW;
                leave_of_dy(sum[j], dot[j],
                            LOADV(0, norm_invstd + norm_invstd_off + split * oc + o), to, oc);
            }
        }
    }
}

BODY void map_item(const uint id0, MAP_ARGS)
{
    const uint room = span * GROUP, plane = room * lead, spans = (groups + span - 1u) / span;
    __global float *own = v + v_off + (size_t)id0 * slot, *s = own + (size_t)TT * plane;
    for (uint work = id0; work < works; work += stride) {
        const uint turn = work / spans, at = rest_of(work, spans, turn);
        const uint map = turn / splits, split = rest_of(turn, splits, map);
        const uint first = split * tiles + at * room, count = min(room, tiles - at * room);
        transform_tiles(own, plane, lead, x + x_off, zeros + zeros_off, first, count, th, tw, sh, sw,
                        run, pad, map / STRIDE, map % STRIDE, up);
        multiply_tiles(s, room, own, plane, lead, u + u_off + (size_t)map * TT * panels * cin * NR,
                       cin, panels, count);
        for (uint q = 0; q < count; q += GROUP) {
            for (uint panel = 0; panel < panels; ++panel) {
                put_group(s + ((size_t)panel * room + q) * NR * TT, panel, first + q,
                          min((uint)GROUP, count - q), at * span + q / GROUP, map, split, MAP_NAMES);
            }
        }
    }
}

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
winograd_map(MAP_ARGS)
{
    map_item((uint)get_global_id(0), MAP_NAMES);
}
