/* Philox numbers: element i takes word i % 4 of block i / 4, as host/base/philox.h says.
 *
 * CPU -DVW=16 -DITEMS=256: sixteen blocks at a time, one in each lane of a vector; a work-item owns
 * ITEMS*VW elements from i*ITEMS*VW on. GPU -DVW=4 -DITEMS=1: a work-item owns one block. The last
 * block or vector is computed in full and stored in part, so an element's bits do not depend on n.
 * No local memory. */
#include "common.clh"

#if VW == 16
typedef float16 word_float;
typedef uint16 word_uint;
#define TO_FLOAT convert_float16
#define AT_ONCE 64
#else
typedef float word_float;
typedef uint word_uint;
#define TO_FLOAT convert_float
#define AT_ONCE 4
#endif

/* r[k] = word k of the blocks numbered in `block` (one per lane; one block on GPUs); n < 2^32,
 * so these have no high word. */
static inline void make_words(word_uint block, uint seed_lo, uint seed_hi, uint stream,
                              uint step_lo, uint step_hi, word_uint *r)
{
    r[0] = block;
    r[1] = (word_uint)(stream << 24);
    r[2] = (word_uint)(step_lo);
    r[3] = (word_uint)(step_hi);
    PHILOX_ROUNDS(word_uint, r[0], r[1], r[2], r[3], seed_lo, seed_hi);
}

/* Stores elements i .. i+AT_ONCE, cut at n; v[k] holds word k of each block. */
static inline void store_words(const word_float *v, __global float *y, size_t i, size_t n)
{
#if VW == 16
#define BLOCK(i) v[0].s##i, v[1].s##i, v[2].s##i, v[3].s##i
    const float16 a = (float16)(BLOCK(0), BLOCK(1), BLOCK(2), BLOCK(3));
    const float16 b = (float16)(BLOCK(4), BLOCK(5), BLOCK(6), BLOCK(7));
    const float16 c = (float16)(BLOCK(8), BLOCK(9), BLOCK(a), BLOCK(b));
    const float16 d = (float16)(BLOCK(c), BLOCK(d), BLOCK(e), BLOCK(f));
#undef BLOCK
    if (i + 64 <= n) {
        vstore16(a, 0, y + i);
        vstore16(b, 0, y + i + 16);
        vstore16(c, 0, y + i + 32);
        vstore16(d, 0, y + i + 48);
        return;
    }
    float t[64];
    vstore16(a, 0, t);
    vstore16(b, 1, t);
    vstore16(c, 2, t);
    vstore16(d, 3, t);
    for (size_t j = i; j < n; ++j) {
        y[j] = t[j - i];
    }
#else
    for (uint k = 0; k < 4u && i + k < n; ++k) {
        y[i + k] = v[k];
    }
#endif
}

/* Block numbers from that of element i on. */
static inline word_uint count_blocks(size_t i)
{
#if VW == 16
    return (uint)(i / 4) + (uint16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#else
    return (uint)(i / 4);
#endif
}

/* y[i] = lo + span * u_i, u = (word >> 8) * 2^-24 in [0,1). */
__kernel void random_uniform(__global float *y, uint y_off, uint n, uint seed_lo, uint seed_hi,
                             uint stream, uint step_lo, uint step_hi, float lo, float span)
{
    size_t i = (size_t)get_global_id(0) * (ITEMS * VW);
    const size_t end = min((size_t)n, i + ITEMS * VW);
    y += y_off;
    for (; i < end; i += AT_ONCE) {
        word_uint r[4];
        word_float v[4];
        make_words(count_blocks(i), seed_lo, seed_hi, stream, step_lo, step_hi, r);
        for (int k = 0; k < 4; ++k) {
            v[k] = lo + span * (TO_FLOAT(r[k] >> 8) * 0x1p-24f);
        }
        store_words(v, y, i, n);
    }
}

/* y[i] = mean + std * N(0,1)_i by Box-Muller on the word pairs (0,1), (2,3): radius from
 * u1 = ((word >> 8) + 1) * 2^-24 in (0,1], angle 2 pi u2; even elements cos, odd ones sin. */
__kernel void random_normal(__global float *y, uint y_off, uint n, uint seed_lo, uint seed_hi,
                            uint stream, uint step_lo, uint step_hi, float mean, float std)
{
    size_t i = (size_t)get_global_id(0) * (ITEMS * VW);
    const size_t end = min((size_t)n, i + ITEMS * VW);
    y += y_off;
    for (; i < end; i += AT_ONCE) {
        word_uint r[4];
        word_float v[4];
        make_words(count_blocks(i), seed_lo, seed_hi, stream, step_lo, step_hi, r);
        for (int k = 0; k < 4; k += 2) {
            const word_float u1 = TO_FLOAT((r[k] >> 8) + 1u) * 0x1p-24f;
            const word_float angle = TO_FLOAT(r[k + 1] >> 8) * 0x1p-23f; /* over pi, exact */
            const word_float radius = std * sqrt(-2.0f * log(u1));
            v[k] = mean + radius * cospi(angle);
            v[k + 1] = mean + radius * sinpi(angle);
        }
        store_words(v, y, i, n);
    }
}
