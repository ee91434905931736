/* Which convolutions the algorithms fit, and what the shipped rule takes for them. Devices that no
 * algorithm but the direct one fits must say so for every layer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops/conv_algo.h"
#include "support/family.h"
#include "support/rt_support.h"

static clg_conv layer(uint32_t n, uint32_t hw, uint32_t c, uint32_t k, uint32_t r, uint32_t stride,
                      uint32_t pad)
{
    clg_conv g = {
        .n = n, .h = hw, .w = hw, .c = c, .k = k, .r = r, .s = r, .stride = stride, .pad = pad
    };
    TEST_OK(clg__conv_make(&g));
    return g;
}

static uint32_t count_fits(const clg_ops *o, const clg_conv *g)
{
    uint32_t n = 0;
    for (int job = 0; job < CLG_CONV_JOB_COUNT; job++) {
        for (int algo = CLG_CONV_DIRECT + 1; algo < CLG_CONV_ALGO_COUNT; algo++) {
            n += clg__conv_algo_fits(o, g, (enum clg_conv_job)job, (enum clg_conv_algo)algo);
        }
    }
    return n;
}

static bool has_winograd(const clg_ops *o)
{
    const clg_conv g = layer(8, 32, 64, 128, 4, 2, 1);
    return count_fits(o, &g) > 0;
}

/* They read matrices, which every driver does; with the CPU family some drivers lack the vectors. */
static void the_gpu_family_has_winograd_on_every_driver(void **state)
{
    const clg_ops *o = *state;
    assert_true(has_winograd(o) || clg__rt_family(o->rt) != CLG_KERNELS_GPU);
}

/* Transforming a filter costs the same for one image as for many. */
static void the_rule_leaves_few_images_of_a_deep_layer_direct(void **state)
{
    const clg_ops *o = *state;
    const clg_conv one = layer(1, 4, 512, 512, 3, 1, 1);
    for (int job = 0; job < CLG_CONV_JOB_WGRAD; job++) {
        assert_int_equal(clg__conv_algo_rule(o, &one, (enum clg_conv_job)job), CLG_CONV_DIRECT);
    }
}

static void plain_3x3_filters_fit_where_strided_4x4_ones_do(void **state)
{
    const clg_ops *o = *state;
    const clg_conv strided = layer(8, 32, 64, 128, 4, 2, 1);
    const uint32_t all = count_fits(o, &strided);
    assert_true(all == 0 || all == CLG_CONV_JOB_COUNT * (CLG_CONV_ALGO_COUNT - 1u));
    for (uint32_t pad = 0; pad <= 2; pad++) {
        const clg_conv plain = layer(8, 32, 64, 128, 3, 1, pad);
        assert_int_equal(count_fits(o, &plain), all);
    }
}

static void other_filters_and_few_channels_stay_direct(void **state)
{
    const clg_ops *o = *state;
    const clg_conv others[] = {
        layer(8, 32, 64, 64, 3, 2, 1), layer(8, 32, 64, 64, 4, 1, 1), layer(8, 32, 64, 64, 5, 1, 2),
        layer(8, 32, 64, 64, 1, 1, 0), layer(8, 32, 3, 64, 3, 1, 1),  layer(8, 32, 64, 3, 3, 1, 1),
        layer(8, 32, 33, 64, 3, 1, 1), layer(8, 3, 64, 64, 3, 1, 0), /* a matrix product */
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(count_fits(o, &others[i]), 0);
        for (int job = 0; job < CLG_CONV_JOB_COUNT; job++) {
            assert_int_equal(clg__conv_algo_rule(o, &others[i], (enum clg_conv_job)job),
                             CLG_CONV_DIRECT);
        }
    }
}

/* On GPUs, whose transforms pass through memory, that is from 128 channels on. */
static void the_rule_takes_what_saves_most_of_a_large_layer(void **state)
{
    const clg_ops *o = *state;
    const uint32_t least = clg__rt_family(o->rt) == CLG_KERNELS_GPU ? 128 : 64;
    for (uint32_t c = 64; c <= 256; c *= 2) {
        const clg_conv g = layer(64, 2048 / c, c, c, 3, 1, 1);
        const enum clg_conv_algo best =
            has_winograd(o) && c >= least ? CLG_CONV_WINOGRAD4 : CLG_CONV_DIRECT;
        for (int job = 0; job < CLG_CONV_JOB_COUNT; job++) {
            assert_int_equal(clg__conv_algo_rule(o, &g, (enum clg_conv_job)job), best);
        }
    }
}

/* Its transforms are as large as its products. */
static void the_rule_leaves_a_narrow_weight_gradient_direct(void **state)
{
    const clg_ops *o = *state;
    const clg_conv g = layer(16, 64, 16, 32, 3, 1, 1);
    assert_int_equal(clg__conv_algo_rule(o, &g, CLG_CONV_JOB_WGRAD), CLG_CONV_DIRECT);
}

static void a_choice_measured_with_many_rows_is_not_taken_for_few(void **state)
{
    const clg_ops *o = *state;
    clg_conv g = layer(64, 8, 256, 512, 4, 2, 1);
    clg_conv_choice c = clg__conv_choice_of(&g, CLG_CONV_JOB_UP,
                                            has_winograd(o) ? CLG_CONV_WINOGRAD4 : CLG_CONV_DIRECT);
    const clg_conv_choices table = { .forced = CLG_CONV_ALGO_COUNT, .list = &c, .count = 1 };
    clg_ops told = *o;
    told.conv_choices = &table;
    g.n = 2;
    assert_int_equal(clg__conv_algo_pick(&told, &g, CLG_CONV_JOB_UP), c.algo); /* for any rows */
    c.rows = 64;
    assert_int_equal(clg__conv_algo_pick(&told, &g, CLG_CONV_JOB_UP), CLG_CONV_DIRECT);
    g.n = 100;
    assert_int_equal(clg__conv_algo_pick(&told, &g, CLG_CONV_JOB_UP), c.algo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_gpu_family_has_winograd_on_every_driver),
        cmocka_unit_test(the_rule_leaves_few_images_of_a_deep_layer_direct),
        cmocka_unit_test(plain_3x3_filters_fit_where_strided_4x4_ones_do),
        cmocka_unit_test(other_filters_and_few_channels_stay_direct),
        cmocka_unit_test(the_rule_takes_what_saves_most_of_a_large_layer),
        cmocka_unit_test(the_rule_leaves_a_narrow_weight_gradient_direct),
        cmocka_unit_test(a_choice_measured_with_many_rows_is_not_taken_for_few),
    };
    return test_both_families(tests, sizeof tests / sizeof tests[0]);
}
