/* Inverted dropout, forward and backward: the mask is drawn from Philox wherever it is needed, so
 * nothing is stored. Goodfellow et al., "Generative adversarial nets", 2014 (keep .8 and .5).
 *
 * CPU -DVW=16 -DITEMS=256, GPU -DVW=4 -DITEMS=1: a work-item owns the words i*ITEMS*VW .. +ITEMS*VW
 * counted from block first / 4 on. No local memory. */
#include "words.clh"

/* All bits set where a value is kept. */
static inline void make_masks(uint block, uint seed_lo, uint seed_hi, uint use, uint step_lo,
                              uint step_hi, uint threshold, word_uint *r)
{
    make_words(block, seed_lo, seed_hi, use, step_lo, step_hi, r);
    for (int k = 0; k < 4; ++k) {
        r[k] = select((word_uint)(0u), (word_uint)(~0u), (r[k] >> 8) < (word_uint)(threshold));
    }
}

#if VW == 16
#define MASKED(v, mask) as_float16(as_uint16(v) & (mask))
#define APPLY(q, a, b, c, d)                                                            \
    SSAVE(MASKED(SLOAD(x + i + q * 16) * scale, WORDS_IN_ORDER(uint16, m, a, b, c, d)), \
           y + i + q * 16)
static inline void apply_all(const word_uint *m, float scale, __global const store *x,
                             __global store *y, size_t i)
{
    APPLY(0, 0, 1, 2, 3);
    APPLY(1, 4, 5, 6, 7);
    APPLY(2, 8, 9, a, b);
    APPLY(3, c, d, e, f);
}
#else
static inline void apply_all(const word_uint *m, float scale, __global const store *x,
                             __global store *y, size_t i)
{
    const float4 v = SLOAD(x + i) * scale;
    SSAVE(as_float4(as_uint4(v) & (uint4)(m[0], m[1], m[2], m[3])), y + i);
}
#endif

/* y[i] = word first + i kept ? x[i] * scale : 0; kept when its upper 24 bits are below `threshold`
 * (keep * 2^24, rounded up). y may be x. */
#define DROPOUT_ARGS __global const store *x, uint x_off, __global store *y, uint y_off, uint n, \
    uint first, uint seed_lo, uint seed_hi, uint use, uint step_lo, uint step_hi,                \
    uint threshold, float scale
BODY void dropout_item(const uint id0, DROPOUT_ARGS)
{
    const uint skip = first & 3u; /* words of the first block that belong to elements before x */
    size_t w = (size_t)id0 * (ITEMS * VW);
    const size_t stop = (size_t)n + skip, end = min(stop, w + ITEMS * VW);
    x += x_off;
    y += y_off;
    for (; w < end; w += AT_ONCE) {
        word_uint m[4];
        make_masks(first / 4u + (uint)(w / 4), seed_lo, seed_hi, use, step_lo, step_hi, threshold,
                   m);
        if (w >= skip && w + AT_ONCE <= stop) {
            apply_all(m, scale, x, y, w - skip);
            continue;
        }
        uint t[AT_ONCE];
        SPREAD_WORDS(uint, m, t);
        for (size_t k = max(w, (size_t)skip); k < min(stop, w + AT_ONCE); ++k) {
            save(t[k - w] != 0u ? load(x, k - skip) * scale : 0.0f, y, k - skip);
        }
    }
}

__kernel void dropout(DROPOUT_ARGS)
{
    dropout_item((uint)get_global_id(0), x, x_off, y, y_off, n, first, seed_lo, seed_hi, use,
        step_lo, step_hi, threshold, scale);
}
