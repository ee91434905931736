/* Philox-4x32-10 on the host; constants and rounds from Salmon et al., SC'11. */
#include "base/philox.h"

#include <math.h>

#include "base/parallel.h"

enum {
    ROUNDS = 10,
    MANY = 1 << 16 /* numbers that are worth a thread */
};

static void multiply(uint32_t a, uint32_t b, uint32_t *hi, uint32_t *lo)
{
    uint64_t product = (uint64_t)a * b;
    *hi = (uint32_t)(product >> 32);
    *lo = (uint32_t)product;
}

void clg__philox(const clg_rng_key *key, uint64_t index, uint32_t out[4])
{
    uint32_t k0 = (uint32_t)key->seed;
    uint32_t k1 = (uint32_t)(key->seed >> 32);
    uint32_t c0 = (uint32_t)index;
    uint32_t c1 = (uint32_t)(index >> 32) + clg__rng_use(key->stream, key->lane);
    uint32_t c2 = (uint32_t)key->step;
    uint32_t c3 = (uint32_t)(key->step >> 32);
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t hi0, lo0, hi1, lo1;
        multiply(0xD2511F53u, c0, &hi0, &lo0);
        multiply(0xCD9E8D57u, c2, &hi1, &lo1);
        c0 = hi1 ^ c1 ^ k0;
        c1 = lo1;
        c2 = hi0 ^ c3 ^ k1;
        c3 = lo0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

float clg__philox_unit(uint32_t w)
{
    return (float)(w >> 8) * 0x1p-24f;
}

void clg__philox_uniform(const clg_rng_key *key, float lo, float hi, float *dst, size_t n)
{
    uint32_t w[4] = { 0 };
    for (size_t i = 0; i < n; i++) {
        if (i % 4 == 0) {
            clg__philox(key, i / 4, w);
        }
        dst[i] = lo + (hi - lo) * clg__philox_unit(w[i % 4]);
    }
}

typedef struct normal_job {
    const clg_rng_key *key;
    double mean, std;
    float *dst;
    size_t n;
} normal_job;

/* Elements i and i + 1 from a pair of words; the second only if it is one of the n. */
static void draw_pair(const normal_job *j, const uint32_t pair[2], size_t i)
{
    const double two_pi = 6.283185307179586;
    const double u1 = ((double)(pair[0] >> 8) + 1.0) * 0x1p-24;
    const double angle = two_pi * ((double)(pair[1] >> 8) * 0x1p-24);
    const double radius = sqrt(-2.0 * log(u1));
    if (i < j->n) {
        j->dst[i] = (float)(j->mean + j->std * (radius * cos(angle)));
    }
    if (i + 1 < j->n) {
        j->dst[i + 1] = (float)(j->mean + j->std * (radius * sin(angle)));
    }
}

static void draw_normals(void *arg, unsigned share, unsigned shares)
{
    const normal_job *j = arg;
    const size_t blocks = (j->n + 3) / 4, each = (blocks + shares - 1) / shares;
    const size_t end = each * (share + 1) < blocks ? each * (share + 1) : blocks;
    for (size_t block = each * share; block < end; block++) {
        uint32_t w[4];
        clg__philox(j->key, block, w);
        draw_pair(j, w, 4 * block);
        draw_pair(j, w + 2, 4 * block + 2);
    }
}

void clg__philox_normal(const clg_rng_key *key, float mean, float std, float *dst, size_t n)
{
    normal_job job = { .key = key, .mean = mean, .std = std, .dst = dst, .n = n };
    clg__parallel(draw_normals, &job, n >= MANY ? clg__shares() : 1u);
}

/* A number in 0 .. bound-1 without bias: words at or above the largest multiple are skipped. */
typedef struct word_source {
    const clg_rng_key *key;
    uint64_t block;
    uint32_t w[4];
    unsigned used;
} word_source;

static uint32_t draw_below(word_source *s, uint32_t bound)
{
    uint32_t limit = UINT32_MAX - UINT32_MAX % bound;
    for (;;) {
        if (s->used == 4) {
            clg__philox(s->key, s->block++, s->w);
            s->used = 0;
        }
        uint32_t w = s->w[s->used++];
        if (w < limit) {
            return w % bound;
        }
    }
}

void clg__philox_permutation(const clg_rng_key *key, uint32_t *dst, uint32_t n)
{
    word_source s = { .key = key, .used = 4 };
    for (uint32_t i = 0; i < n; i++) {
        dst[i] = i;
    }
    for (uint32_t i = n; i > 1; i--) {
        uint32_t j = draw_below(&s, i);
        uint32_t t = dst[i - 1];
        dst[i - 1] = dst[j];
        dst[j] = t;
    }
}
