/* Convolution on CPU devices, forward and data gradient: one kernel that gathers source pixels.
 *
 * Output pixel (a, b) of a phase map A x B of image n, output channel o:
 *     y[n, a*ou + oh0, b*ou + ow0, o] = act(bias[o] +
 *         sum over t = (i, j) in TR x TS, l < run of
 *         x[n, a*su + dh0 + i*dstep, b*su + dw0 + j*dstep, l] * wp[t, l, o])
 * where pixels outside x count as 0. A conv forward is one phase (su = stride, ou = 1, dh0 = -pad,
 * dstep = 1). A data gradient of stride u is u*u phases (su = 1, ou = u, dstep = -1), each with the
 * filter taps that can reach it: no zero insertion, no atomics (host/ops/conv2d_gather.c).
 * x is a source map [N, sh, sw] whose columns are `col` floats apart; `run` floats are read from
 * a column on, so that col < run reads several columns as one run (few-channel inputs, padded).
 *
 * Tiles: MR pixels x NR = NV*VW channels in registers. With interleave = 1 a tile is one position
 * (a, b) of MR consecutive images, so that a tap in the padding is skipped for the whole tile;
 * with 0 it is MR consecutive pixels of the flattened (n, a, b).
 *
 * -D: VW 1|2|4|8|16 (16) vector width; MR (8); NV (2);
 * NARROW: output channels of conv2d_gather_narrow, the only kernel built then; STORE: of x, zeros
 * and y, while wp and bias are floats. No local memory.
 * Source: loops of Goto, van de Geijn, "Anatomy of high-performance matrix multiplication" (2008),
 * without its packing of the left matrix: channels-last rows already are contiguous. */
#include "common.clh"

#ifndef VW
#define VW 16
#endif
#ifndef MR
#define MR 8
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
#define PUT(v, p) save(v, p, 0)
#define VACT(x) act_apply(act, slope, x)
#else
typedef CAT(float, VW) vf;
#define LOADV CAT(vload, VW)
#define STOREV CAT(vstore, VW)
#define GET CAT(load, VW)
#define PUT CAT(save, VW)
#define VACT(x) CAT(act_apply, VW)(act, slope, x)
#endif
#define NR (NV * VW)
#define NO_PIXEL 0xffffffffu
#define AHEAD 8 /* rows of weights */

/* Where the pixels of a tile lie. ph, pw: source position of tap (0, 0); img: first float of the
 * image in x; out: output pixel number, NO_PIXEL where the tile ends beyond the map or batch. */
#define FIND_PIXELS(tile)                                                            \
    int ph[MR], pw[MR];                                                              \
    uint img[MR], out[MR];                                                           \
    {                                                                                \
        const uint first = interleave ? (tile) : (tile)*MR;                          \
        const uint line = first / nb;                                                \
        uint im = line / na, a = rest_of(line, na, im), b = rest_of(first, nb, line); \
        im *= interleave ? MR : 1;                                                   \
        _Pragma("unroll") for (int i = 0; i < MR; ++i)                               \
        {                                                                            \
            const bool inside = im < n;                                              \
            ph[i] = inside ? (int)(a * su) + dh0 : -0x40000000;                      \
            pw[i] = (int)(b * su) + dw0;                                             \
            img[i] = im * sh * sw * col;                                             \
            out[i] = inside ? (im * oh + a * ou + oh0) * ow + b * ou + ow0 : NO_PIXEL; \
            if (interleave) {                                                        \
                ++im;                                                                \
            } else if (++b == nb) {                                                  \
                b = 0;                                                               \
                if (++a == na) {                                                     \
                    a = 0;                                                           \
                    ++im;                                                            \
                }                                                                    \
            }                                                                        \
        }                                                                            \
    }

/* Source rows of tap (i_, j_): pixels outside x read the row of zeros. any: some lie inside. */
#define FIND_ROWS(i_, j_)                                                   \
    __global const store *row[MR];                                          \
    bool any = false;                                                       \
    _Pragma("unroll") for (int i = 0; i < MR; ++i)                          \
    {                                                                       \
        const int h = ph[i] + (int)(i_)*dstep, w = pw[i] + (int)(j_)*dstep; \
        const bool ok = (uint)h < sh && (uint)w < sw;                       \
        any |= ok;                                                          \
        row[i] = ok ? x + (img[i] + ((uint)h * sw + (uint)w) * col) : zeros; \
    }

/* Of both kernels. */
#define GATHER_ARGS __global const store *restrict x, uint x_off,                                \
    __global const float *restrict wp, uint wp_off, __global const store *restrict zeros,        \
    uint zeros_off, __global const float *restrict bias, uint bias_off,                          \
    __global store *restrict y, uint y_off, uint n, uint na, uint nb, uint sh, uint sw,          \
    uint col, uint run, uint oh, uint ow, uint oc, uint su, uint ou, uint oh0, uint ow0,         \
    uint tr, uint ts, int dh0, int dw0, int dstep, uint interleave, uint tiles, uint group,      \
    uint wrow, uint wpanel, uint has_bias, int act, float slope
#define GATHER_NAMES x, x_off, wp, wp_off, zeros, zeros_off, bias, bias_off, y, y_off, n, na, nb,  \
    sh, sw, col, run, oh, ow, oc, su, ou, oh0, ow0, tr, ts, dh0, dw0, dstep, interleave, tiles,    \
    group, wrow, wpanel, has_bias, act, slope

#ifndef NARROW

#if STORE
/* 16-bit sources: the rows of a tap become floats, CHUNK channels at a time, so that the loop over
 * them converts nothing. */
#define CHUNK 64
#define X_AT(i, l) xs[(i) * CHUNK + (l)]
static inline void unpack_row(__global const store *from, uint n, float *to)
{
    uint l = 0;
    for (; l + VW <= n; l += VW) {
        STOREV(GET(from + l), 0, to + l);
    }
    for (; l < n; ++l) {
        to[l] = load(from, l);
    }
}
#else
#define X_AT(i, l) row[i][l]
#endif

/* wp: weights of output channels panel*NR .. +NR, zeros beyond oc, at panel*wpanel + (t*run + l)*wrow:
 * packed [panel][t][l][NR], or a filter [t][l][oc] as it lies, whose rows are asked for ahead, as they
 * are too far apart for hardware to follow. zeros: `run` zeros. One work-item: channel panel
 * get_global_id(0), `group` tiles from get_global_id(1)*group on; the panel stays in cache over the
 * group. */
BODY void gather_item(const uint id0, const uint id1, GATHER_ARGS)
{
    x += x_off;
    wp += wp_off;
    zeros += zeros_off;
    bias += bias_off;
    y += y_off;
    const uint o0 = id0 * NR;
    const uint tile0 = id1 * group;
    const uint tile1 = min(tile0 + group, tiles);

    for (uint tile = tile0; tile < tile1; ++tile) {
        FIND_PIXELS(tile)
        vf acc[MR][NV];
#pragma unroll
        for (int j = 0; j < NV; ++j) {
            vf start = (vf)(0.0f);
            if (has_bias) {
                if (o0 + (j + 1) * VW <= oc) {
                    start = LOADV(j, bias + o0);
                } else {
                    float part[VW];
                    for (uint l = 0; l < VW; ++l) {
                        part[l] = o0 + j * VW + l < oc ? bias[o0 + j * VW + l] : 0.0f;
                    }
                    start = LOADV(0, part);
                }
            }
#pragma unroll
            for (int i = 0; i < MR; ++i) {
                acc[i][j] = start;
            }
        }

        __global const float *w = wp + (ulong)id0 * wpanel;
        for (uint ti = 0; ti < tr; ++ti) {
            for (uint tj = 0; tj < ts; ++tj) {
                FIND_ROWS(ti, tj)
                if (!any) {
                    w += run * wrow;
                    continue;
                }
#if STORE
                for (uint l0 = 0; l0 < run; l0 += CHUNK) {
                    const uint end = min(run - l0, (uint)CHUNK);
                    float xs[MR * CHUNK];
                    for (int i = 0; i < MR; ++i) {
                        unpack_row(row[i] + l0, end, xs + i * CHUNK);
                    }
#else
                {
                    const uint end = run;
#endif
                    uint l = 0;
                    for (; l + 4 <= end; l += 4) {
#pragma unroll
                        for (int s = 0; s < 4; ++s) {
                            vf wv[NV];
#pragma unroll
                            for (int j = 0; j < NR; j += CACHE_LINE) {
                                WILL_READ(w + (s + AHEAD) * wrow + j);
                            }
#pragma unroll
                            for (int j = 0; j < NV; ++j) {
                                wv[j] = LOADV(j, w + s * wrow);
                            }
#pragma unroll
                            for (int i = 0; i < MR; ++i) {
                                const vf xv = (vf)(X_AT(i, l + s));
#pragma unroll
                                for (int j = 0; j < NV; ++j) {
                                    acc[i][j] = MUL_ADD(xv, wv[j], acc[i][j]);
                                }
                            }
                        }
                        w += 4 * wrow;
                    }
#pragma unroll 1
                    for (; l < end; ++l) {
#pragma unroll
                        for (int i = 0; i < MR; ++i) {
                            const vf xv = (vf)(X_AT(i, l));
#pragma unroll
                            for (int j = 0; j < NV; ++j) {
                                acc[i][j] = MUL_ADD(xv, LOADV(j, w), acc[i][j]);
                            }
                        }
                        w += wrow;
                    }
                }
            }
        }

        /* One copy of the activations' code in a loop that is not unrolled: it is long to compile. */
        vf sums[MR * NV];
#pragma unroll
        for (int i = 0; i < MR * NV; ++i) {
            sums[i] = acc[i / NV][i % NV];
        }
        if (act != ACT_NONE) {
#pragma unroll 1
            for (int i = 0; i < MR * NV; ++i) {
                sums[i] = VACT(sums[i]);
            }
        }
#pragma unroll
        for (int i = 0; i < MR; ++i) {
            if (out[i] != NO_PIXEL) {
                __global store *to = y + (out[i] * oc + o0);
#pragma unroll
                for (int j = 0; j < NV; ++j) {
                    const vf v = sums[i * NV + j];
                    if (o0 + (j + 1) * VW <= oc) {
                        PUT(v, to + j * VW);
                    } else {
                        float part[VW];
                        STOREV(v, 0, part);
                        for (uint l = 0; l < VW && o0 + j * VW + l < oc; ++l) {
                            save(part[l], to, j * VW + l);
                        }
                    }
                }
            }
        }
    }
}

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
conv2d_gather(GATHER_ARGS)
{
    gather_item((uint)get_global_id(0), (uint)get_global_id(1), GATHER_NAMES);
}

#else

/* Sum of the lanes by halves. Through memory: oclgrind 21.10 crashes on the shuffles that the same
 * sum over .lo and .hi becomes. */
static inline float add_lanes(vf v)
{
    float lane[VW];
    STOREV(v, 0, lane);
#pragma unroll
    for (uint half_width = VW / 2; half_width > 0; half_width /= 2) {
#pragma unroll
        for (uint i = 0; i < half_width; ++i) {
            lane[i] += lane[i + half_width];
        }
    }
    return lane[0];
}

/* For a few output channels, where panels of NR would be mostly padding: vectors run along the
 * source channels instead, and each sum is folded at the end.
 * wp[l / VW][t][o][l % VW]; run is a multiple of VW (4, 8 or 16). One work-item: `group` tiles from
 * get_global_id(0)*group on, all NARROW = oc channels. */
BODY void narrow_item(const uint id0, GATHER_ARGS)
{
    x += x_off;
    wp += wp_off;
    zeros += zeros_off;
    bias += bias_off;
    y += y_off;
    const uint tile0 = id0 * group;
    const uint tile1 = min(tile0 + group, tiles);

    for (uint tile = tile0; tile < tile1; ++tile) {
        FIND_PIXELS(tile)
        vf acc[MR][NARROW];
#pragma unroll
        for (int i = 0; i < MR; ++i) {
#pragma unroll
            for (int o = 0; o < NARROW; ++o) {
                acc[i][o] = (vf)(0.0f);
            }
        }

        __global const float *w = wp;
        for (uint ti = 0; ti < tr; ++ti) {
            for (uint tj = 0; tj < ts; ++tj, w += NARROW * VW) {
                FIND_ROWS(ti, tj)
                if (!any) {
                    continue;
                }
                for (uint l = 0; l < run; l += VW) {
                    vf wv[NARROW];
#pragma unroll
                    for (int o = 0; o < NARROW; ++o) {
                        wv[o] = LOADV(o, w + l * tr * ts * NARROW);
                    }
#pragma unroll
                    for (int i = 0; i < MR; ++i) {
                        const vf xv = GET(row[i] + l);
#pragma unroll
                        for (int o = 0; o < NARROW; ++o) {
                            acc[i][o] = MUL_ADD(xv, wv[o], acc[i][o]);
                        }
                    }
                }
            }
        }

        /* Activations by eights: a scalar tanh costs as much as a vector one. */
        float sums[(MR * NARROW + 7) / 8 * 8];
#pragma unroll
        for (int i = 0; i < MR; ++i) {
#pragma unroll
            for (int o = 0; o < NARROW; ++o) {
                sums[i * NARROW + o] = add_lanes(acc[i][o]) + (has_bias ? bias[o] : 0.0f);
            }
        }
        for (int i = MR * NARROW; i < (MR * NARROW + 7) / 8 * 8; ++i) {
            sums[i] = 0.0f;
        }
        for (int i = 0; i < (MR * NARROW + 7) / 8; ++i) {
            vstore8(act_apply8(act, slope, vload8(i, sums)), i, sums);
        }
        for (int i = 0; i < MR; ++i) {
            if (out[i] != NO_PIXEL) {
                for (int o = 0; o < NARROW; ++o) {
                    save(sums[i * NARROW + o], y, out[i] * NARROW + o);
                }
            }
        }
    }
}

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
conv2d_gather_narrow(GATHER_ARGS)
{
    narrow_item((uint)get_global_id(0), GATHER_NAMES);
}
#endif
