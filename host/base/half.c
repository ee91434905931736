/* binary16 and bfloat16 on the host. */
#include "base/half.h"

#include <string.h>

static uint32_t bits_of(float v)
{
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    return u;
}

static float float_of(uint32_t u)
{
    float v;
    memcpy(&v, &u, sizeof v);
    return v;
}

/* u / 2^shift, rounded to nearest even; 0 < shift < 32. */
static uint32_t round_shift(uint32_t u, uint32_t shift)
{
    uint32_t half = 1u << (shift - 1u), rest = u & (2u * half - 1u), q = u >> shift;
    return q + (rest > half || (rest == half && (q & 1u) != 0));
}

uint16_t clg__half_from_f32(float v)
{
    const uint32_t u = bits_of(v), sign = u >> 16 & 0x8000u, magnitude = u & 0x7fffffffu;
    uint32_t h;
    if (magnitude > 0x7f800000u) {
        h = 0x7e00u | (magnitude >> 13 & 0x3ffu);
    } else if (magnitude >= 0x38800000u) { /* 2^-14 and more; a carry runs into the exponent */
        h = magnitude >= 0x47800000u ? 0x7c00u : round_shift(magnitude - 0x38000000u, 13);
    } else if (magnitude >= 0x33000000u) { /* units of 2^-24 */
        h = round_shift((magnitude & 0x7fffffu) | 0x800000u, 126u - (magnitude >> 23));
    } else {
        h = 0;
    }
    return (uint16_t)(sign | h);
}

float clg__half_to_f32(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16, magnitude = h & 0x7fffu;
    if (magnitude >= 0x7c00u) {
        return float_of(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
    }
    if (magnitude < 0x400u) {
        float v = (float)magnitude * 5.9604644775390625e-8f; /* 2^-24: exact */
        return sign != 0 ? -v : v;
    }
    return float_of(sign | ((magnitude << 13) + 0x38000000u));
}

uint16_t clg__bf16_from_f32(float v)
{
    const uint32_t u = bits_of(v);
    if ((u & 0x7fffffffu) > 0x7f800000u) {
        return (uint16_t)(u >> 16 | 0x40u);
    }
    return (uint16_t)((u + 0x7fffu + (u >> 16 & 1u)) >> 16);
}

float clg__bf16_to_f32(uint16_t b)
{
    return float_of((uint32_t)b << 16);
}
