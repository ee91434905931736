/* Maxout (Goodfellow et al., "Maxout networks", 2013, section 2) over n outputs in a row: unit i is
 * the maximum of x[i*pieces .. +pieces].
 *
 * Work-item i owns units i*per_item .. +per_item, VW of them at a time; the last one ends with
 * scalars. Pieces are read four at a time where there are so many: a vector load per unit and a
 * transposition take a third of the time of single loads. One text for both families: CPU -DVW=16,
 * GPU -DVW=4. No local memory.
 * NaN wins over every number, so that it is seen. */
#include "common.clh"

/* Elements 0, stride, 2*stride .. of x. */
static inline fvec load_strided(__global const store *x, uint stride)
{
#define AT(i) load(x, (i)*stride)
#if VW == 16
    return (fvec)(AT(0), AT(1), AT(2), AT(3), AT(4), AT(5), AT(6), AT(7), AT(8), AT(9), AT(10),
                  AT(11), AT(12), AT(13), AT(14), AT(15));
#else
    return (fvec)(AT(0), AT(1), AT(2), AT(3));
#endif
#undef AT
}

/* Halves of each four elements of a and b in turn. Written element by element, and with two vectors
 * only: one simulator cannot follow what compilers make of other forms. */
#if VW == 16
#define ZIP_LO(a, b) (fvec)((a).s0, (b).s0, (a).s1, (b).s1, (a).s4, (b).s4, (a).s5, (b).s5, \
                            (a).s8, (b).s8, (a).s9, (b).s9, (a).sc, (b).sc, (a).sd, (b).sd)
#define ZIP_HI(a, b) (fvec)((a).s2, (b).s2, (a).s3, (b).s3, (a).s6, (b).s6, (a).s7, (b).s7, \
                            (a).sa, (b).sa, (a).sb, (b).sb, (a).se, (b).se, (a).sf, (b).sf)
#else
#define ZIP_LO(a, b) (fvec)((a).s0, (b).s0, (a).s1, (b).s1)
#define ZIP_HI(a, b) (fvec)((a).s2, (b).s2, (a).s3, (b).s3)
#endif

/* v[p] = load_strided(x + p, stride), p < 4: v[k] first holds the pieces of units k, 4+k, 8+k, 12+k;
 * its blocks of 4 x 4 are transposed by two perfect shuffles of the rows. */
static inline void load_four(__global const store *x, uint stride, fvec *v)
{
#pragma unroll
    for (uint k = 0; k < 4; ++k) {
        float t[VW];
#pragma unroll
        for (uint i = 0; i < VW / 4; ++i) {
            vstore4(load4(x + (4 * i + k) * stride), i, t);
        }
        v[k] = VLOAD(t);
    }
#pragma unroll
    for (int stage = 0; stage < 2; ++stage) {
        const fvec a = v[0], b = v[1];
        v[0] = ZIP_LO(a, v[2]);
        v[1] = ZIP_HI(a, v[2]);
        v[2] = ZIP_LO(b, v[3]);
        v[3] = ZIP_HI(b, v[3]);
    }
}

typedef CLG_CAT(int, VW) ivec;

/* True where v takes the place of the maximum so far. */
#define TAKES(v, best) ((v) > (best) || (v) != (v))
#define TAKES_VECTOR(v, best) (((v) > (best)) | ((v) != (v)))

/* y[i] = max over p of x[i*pieces + p]. */
__kernel void maxout_fwd(__global const store *x, uint x_off, __global store *y, uint y_off, uint n,
                         uint pieces, uint per_item)
{
    size_t i = (size_t)get_global_id(0) * per_item;
    const size_t end = min((size_t)n, i + per_item);
    x += x_off + i * pieces;
    y += y_off;
    for (; i + VW <= end; i += VW, x += VW * pieces) {
        fvec best = (fvec)(-INFINITY), v[4];
        uint p = 0;
        for (; p + 4 <= pieces; p += 4) {
            load_four(x + p, pieces, v);
            for (int q = 0; q < 4; ++q) {
                best = select(best, v[q], TAKES_VECTOR(v[q], best));
            }
        }
        for (; p < pieces; ++p) {
            v[0] = load_strided(x + p, pieces);
            best = select(best, v[0], TAKES_VECTOR(v[0], best));
        }
        SSAVE(best, y + i);
    }
    for (; i < end; ++i, x += pieces) {
        float best = load(x, 0);
        for (uint p = 1; p < pieces; ++p) {
            const float v = load(x, p);
            best = TAKES(v, best) ? v : best;
        }
        save(best, y, i);
    }
}

/* dx[i*pieces + p] = dy[i] for the first p that reaches the maximum, else 0. */
__kernel void maxout_bwd_data(__global const store *x, uint x_off, __global const store *dy,
                              uint dy_off, __global store *dx, uint dx_off, uint n, uint pieces,
                              uint per_item)
{
    size_t i = (size_t)get_global_id(0) * per_item;
    const size_t end = min((size_t)n, i + per_item);
    x += x_off + i * pieces;
    dx += dx_off + i * pieces;
    dy += dy_off;
    for (; i + VW <= end; i += VW, x += VW * pieces, dx += VW * pieces) {
        fvec best = (fvec)(-INFINITY), v[4];
        ivec at = (ivec)(0);
        uint p = 0;
        for (; p + 4 <= pieces; p += 4) {
            load_four(x + p, pieces, v);
            for (int q = 0; q < 4; ++q) {
                const ivec takes = TAKES_VECTOR(v[q], best);
                best = select(best, v[q], takes);
                at = select(at, (ivec)((int)p + q), takes);
            }
        }
        for (; p < pieces; ++p) {
            v[0] = load_strided(x + p, pieces);
            const ivec takes = TAKES_VECTOR(v[0], best);
            best = select(best, v[0], takes);
            at = select(at, (ivec)((int)p), takes);
        }
        for (p = 0; p < pieces; ++p) {
            SSAVE((fvec)(0.0f), dx + p * VW);
        }
        int t[VW];
        CLG_CAT(vstore, VW)(at, 0, t);
        __global store *to = dx;
        for (uint l = 0; l < VW; ++l, to += pieces) {
            save(load(dy, i + l), to, (uint)t[l]);
        }
    }
    for (; i < end; ++i, x += pieces, dx += pieces) {
        float best = load(x, 0);
        uint at = 0;
        for (uint p = 1; p < pieces; ++p) {
            const float v = load(x, p);
            at = TAKES(v, best) ? p : at;
            best = TAKES(v, best) ? v : best;
        }
        for (uint p = 0; p < pieces; ++p) {
            save(p == at ? load(dy, i) : 0.0f, dx, p);
        }
    }
}
