/* The host's 16-bit floats: every value of both types, and the roundings between them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/half.h"

static void every_half_has_its_value(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x10000u; h++) {
        const int exponent = (int)(h >> 10 & 31u), fraction = (int)(h & 0x3ffu);
        const double sign = h & 0x8000u ? -1.0 : 1.0;
        const float got = clg__half_to_f32((uint16_t)h);
        if (exponent == 31 && fraction != 0) {
            assert_true(isnan(got));
            continue;
        }
        const double want = exponent == 31  ? (double)INFINITY
                            : exponent == 0 ? ldexp(fraction, -24)
                                            : ldexp(1024 + fraction, exponent - 25);
        if ((double)got != sign * want || !signbit(got) != !signbit(sign)) {
            fail_msg("half %04x is %.9g, wants %.9g", h, (double)got, sign * want);
        }
    }
}

static void every_16_bit_value_survives_the_way_to_float_and_back(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x10000u; h++) {
        const float half = clg__half_to_f32((uint16_t)h), brain = clg__bf16_to_f32((uint16_t)h);
        if (isnan(half)) {
            assert_true(isnan(clg__half_to_f32(clg__half_from_f32(half))));
        } else {
            assert_int_equal(clg__half_from_f32(half), h);
        }
        if (isnan(brain)) {
            assert_true(isnan(clg__bf16_to_f32(clg__bf16_from_f32(brain))));
        } else {
            assert_int_equal(clg__bf16_from_f32(brain), h);
        }
    }
}

typedef struct type {
    float (*to)(uint16_t);
    uint16_t (*from)(float);
    uint32_t infinity;
} type;

/* Between each value and the next: below the middle down, above it up, at it to the even one. The
 * middle of two neighbours is a float, and the last one before infinity rounds there. */
static void check_middles(const type *t)
{
    for (uint32_t h = 0; h < t->infinity; h++) {
        const double low = (double)t->to((uint16_t)h);
        const double step = h + 1 < t->infinity ? (double)t->to((uint16_t)(h + 1)) - low
                                                : low - (double)t->to((uint16_t)(h - 1));
        const float middle = (float)(low + step / 2.0);
        const uint32_t even = h & 1u ? h + 1 : h;
        for (uint32_t sign = 0; sign < 2; sign++) {
            const float s = sign ? -1.0f : 1.0f;
            const uint32_t bit = sign << 15;
            assert_int_equal(t->from(s * middle), even | bit);
            assert_int_equal(t->from(s * nextafterf(middle, 0.0f)), h | bit);
            assert_int_equal(t->from(s * nextafterf(middle, INFINITY)), (h + 1) | bit);
        }
    }
    assert_int_equal(t->from(INFINITY), t->infinity);
    assert_int_equal(t->from(-INFINITY), t->infinity | 0x8000u);
}

static void halves_round_to_nearest_even(void **state)
{
    const type half = { clg__half_to_f32, clg__half_from_f32, 0x7c00u };
    (void)state;
    check_middles(&half);
}

static void bfloats_round_to_nearest_even(void **state)
{
    const type brain = { clg__bf16_to_f32, clg__bf16_from_f32, 0x7f80u };
    (void)state;
    check_middles(&brain);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_has_its_value),
        cmocka_unit_test(every_16_bit_value_survives_the_way_to_float_and_back),
        cmocka_unit_test(halves_round_to_nearest_even),
        cmocka_unit_test(bfloats_round_to_nearest_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
