/* Philox-4x32-10, the counter-based generator of Salmon, Moraes, Dror, Shaw: "Parallel random
 * numbers: as easy as 1, 2, 3" (SC'11), section 3.3. Stateless: a draw is a pure function of
 * (seed, stream, step, index), so nothing has to be saved to replay it. cl/common.clh holds the
 * same function for devices, with the same bits.
 *
 * key = the 64-bit seed; counter words = { index low, index high + lane + stream << 24, step low,
 * step high }.
 * One block gives four 32-bit words: the words of elements 4*index .. 4*index + 3. */
#ifndef CLG_BASE_PHILOX_H
#define CLG_BASE_PHILOX_H

#include <stddef.h>
#include <stdint.h>

/* What the numbers are for; part of the counter, so uses never overlap. At most 255. */
enum clg_stream {
    CLG_STREAM_INIT_G = 1,   /* step = number of the tensor */
    CLG_STREAM_INIT_D = 2,
    CLG_STREAM_SHUFFLE = 3,  /* step = epoch */
    CLG_STREAM_Z = 4,        /* step = training step */
    CLG_STREAM_Z_GRID = 5,   /* the fixed latents of sample grids; step 0 */
    CLG_STREAM_Z_SAMPLE = 6, /* `clgan sample`; step 0 */
    CLG_STREAM_HFLIP = 7,    /* step = training step */
    CLG_STREAM_DROPOUT = 8,  /* step = training step; lane = pass << 8 | layer */
    CLG_STREAM_NOISE = 9,    /* step = training step; lane = pass */
    CLG_STREAM_LABEL = 10,   /* wrong labels: step = training step, one word per row */
    CLG_STREAM_DATA = 11,    /* drawn systems: step = training step */
    CLG_STREAM_EVAL = 12,    /* what `clgan eval` draws; lane tells the uses apart */
    CLG_STREAM_TEST = 255
};

typedef struct clg_rng_key {
    uint64_t seed;
    uint32_t stream; /* enum clg_stream */
    uint64_t step;
    uint32_t lane;   /* below 2^24: independent draws of one stream and step (then index < 2^32) */
} clg_rng_key;

/* What a counter holds besides index and step. */
static inline uint32_t clg__rng_use(uint32_t stream, uint32_t lane)
{
    return lane + (stream << 24);
}

/* The four words of block `index` (index < 2^56 with lane 0). */
void clg__philox(const clg_rng_key *key, uint64_t index, uint32_t out[4]);

/* Word to float in [0,1): (w >> 8) * 2^-24, exact. */
float clg__philox_unit(uint32_t w);

/* dst[i], i = 0 .. n-1: element i takes word i % 4 of block i / 4. Uniform: lo + (hi-lo)*unit.
 * Normal (Box-Muller on word pairs (0,1) and (2,3), u1 = ((w >> 8) + 1) * 2^-24 in (0,1],
 * radius sqrt(-2 ln u1), angle 2 pi u2; even element cos, odd element sin), computed in double,
 * rounded once. */
void clg__philox_uniform(const clg_rng_key *key, float lo, float hi, float *dst, size_t n);
void clg__philox_normal(const clg_rng_key *key, float mean, float std, float *dst, size_t n);

/* Fisher-Yates permutation of 0 .. n-1 (unbiased by rejection). */
void clg__philox_permutation(const clg_rng_key *key, uint32_t *dst, uint32_t n);

#endif
