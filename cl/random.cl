/* Philox numbers: element i takes word i % 4 of block i / 4, as host/base/philox.h says.
 *
 * CPU -DVW=16 -DITEMS=256: sixteen blocks at a time, one in each lane of a vector; a work-item owns
 * ITEMS*VW elements from i*ITEMS*VW on. GPU -DVW=4 -DITEMS=1: a work-item owns one block. The last
 * block or vector is computed in full and stored in part, so an element's bits do not depend on n.
 * No local memory. `use` is lane + (stream << 24). */
#include "normals.clh"

/* Adds v, word k of each block in v[k], to elements i .. i + AT_ONCE of y, cut at n. */
static inline void add_words(const word_float *v, __global store *y, size_t i, size_t n)
{
#if VW == 16
    if (i + 64 <= n) {
        SSAVE(SLOAD(y + i) + WORDS_IN_ORDER(float16, v, 0, 1, 2, 3), y + i);
        SSAVE(SLOAD(y + i + 16) + WORDS_IN_ORDER(float16, v, 4, 5, 6, 7), y + i + 16);
        SSAVE(SLOAD(y + i + 32) + WORDS_IN_ORDER(float16, v, 8, 9, a, b), y + i + 32);
        SSAVE(SLOAD(y + i + 48) + WORDS_IN_ORDER(float16, v, c, d, e, f), y + i + 48);
        return;
    }
#endif
    float t[AT_ONCE];
    SPREAD_WORDS(float, v, t);
    for (size_t j = i; j < min(n, i + AT_ONCE); ++j) {
        save(load(y, j) + t[j - i], y, j);
    }
}

/* y[i] = lo + span * u_i, u = (word >> 8) * 2^-24 in [0,1). */
__kernel void random_uniform(__global store *y, uint y_off, uint n, uint seed_lo, uint seed_hi,
                             uint use, uint step_lo, uint step_hi, float lo, float span)
{
    const size_t i = (size_t)get_global_id(0) * (ITEMS * VW);
    draw_uniform(y + y_off, i, min((size_t)n, i + ITEMS * VW), seed_lo, seed_hi, use, step_lo,
                 step_hi, lo, span);
}

/* y[i] = mean + std * N(0,1)_i. */
__kernel void random_normal(__global store *y, uint y_off, uint n, uint seed_lo, uint seed_hi,
                            uint use, uint step_lo, uint step_hi, float mean, float std)
{
    const size_t i = (size_t)get_global_id(0) * (ITEMS * VW);
    draw_normal(y + y_off, i, min((size_t)n, i + ITEMS * VW), seed_lo, seed_hi, use, step_lo,
                step_hi, mean, std);
}

/* y[i] += std * N(0,1)_i. */
__kernel void random_add_normal(__global store *y, uint y_off, uint n, uint seed_lo, uint seed_hi,
                                uint use, uint step_lo, uint step_hi, float std)
{
    size_t i = (size_t)get_global_id(0) * (ITEMS * VW);
    const size_t end = min((size_t)n, i + ITEMS * VW);
    y += y_off;
    for (; i < end; i += AT_ONCE) {
        word_uint r[4];
        word_float v[4];
        make_words((uint)(i / 4), seed_lo, seed_hi, use, step_lo, step_hi, r);
        make_normals(r, std, v);
        add_words(v, y, i, n);
    }
}
