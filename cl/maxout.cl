/* Maxout (Goodfellow et al., "Maxout networks", 2013, section 2) over n outputs in a row: unit i is
 * the maximum of x[i*pieces .. +pieces].
 *
 * Work-item i owns units i*per_item .. +per_item; the last one ends with scalars. One text for both
 * families: CPU -DVW=16, GPU -DVW=4. No local memory.
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
        fvec best = load_strided(x, pieces);
        for (uint p = 1; p < pieces; ++p) {
            const fvec v = load_strided(x + p, pieces);
            best = select(best, v, TAKES_VECTOR(v, best));
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
        fvec best = load_strided(x, pieces);
        ivec at = (ivec)(0);
        for (uint p = 1; p < pieces; ++p) {
            const fvec v = load_strided(x + p, pieces);
            const ivec takes = TAKES_VECTOR(v, best);
            best = select(best, v, takes);
            at = select(at, (ivec)((int)p), takes);
            SSAVE((fvec)(0.0f), dx + p * VW);
        }
        SSAVE((fvec)(0.0f), dx);
        int t[VW];
        CLG_CAT(vstore, VW)(at, 0, t);
        for (uint l = 0; l < VW; ++l) {
            save(load(dy, i + l), dx, l * pieces + (uint)t[l]);
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
