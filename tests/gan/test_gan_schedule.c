/* drivers: none
 * Which images a step sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gan/trainer_internal.h"

static clg_schedule make(uint32_t images, uint32_t batch, bool norm, bool hflip, int want)
{
    clg_schedule s = { 0 };
    clg_model_desc *d = clg__alloc(1, sizeof *d);
    assert_non_null(d);
    d->train.batch = batch;
    d->train.seed = 4;
    d->data.hflip = hflip;
    assert_int_equal(clg__schedule_make(&s, d, images, norm), want);
    clg__free(d);
    return s;
}

static void every_epoch_shows_each_image_once_in_another_order(void **state)
{
    (void)state;
    clg_schedule s = make(23, 5, true, false, CLG_OK);
    uint32_t indices[5], first[23] = { 0 };
    uint8_t flip[5];
    assert_int_equal(s.steps_per_epoch, 5);
    for (uint64_t epoch = 0; epoch < 3; epoch++) {
        bool seen[23] = { false };
        uint32_t at = 0;
        for (uint64_t b = 0; b < 5; b++) {
            uint32_t n = clg__schedule_plan(&s, epoch * 5 + b, indices, flip);
            assert_int_equal(n, b < 4 ? 5 : 3);
            for (uint32_t i = 0; i < n; i++, at++) {
                assert_true(indices[i] < 23 && !seen[indices[i]]);
                seen[indices[i]] = true;
                if (epoch == 0) {
                    first[at] = indices[i];
                }
            }
        }
        if (epoch > 0) {
            assert_memory_not_equal(first, s.order, sizeof first);
        }
    }
    clg__schedule_free(&s);
}

static void a_single_image_at_the_end_is_left_out_under_batch_norm_only(void **state)
{
    (void)state;
    clg_schedule s = make(21, 5, true, false, CLG_OK);
    assert_int_equal(s.steps_per_epoch, 4);
    assert_true(s.dropped_one);
    clg__schedule_free(&s);
    s = make(21, 5, false, false, CLG_OK);
    assert_int_equal(s.steps_per_epoch, 5);
    assert_false(s.dropped_one);
    clg__schedule_free(&s);
    s = make(1, 5, true, false, CLG_E_DATA);
    clg__schedule_free(&s);
}

static void a_step_does_not_depend_on_the_steps_before_it(void **state)
{
    (void)state;
    clg_schedule a = make(40, 6, true, true, CLG_OK), b = make(40, 6, true, true, CLG_OK);
    uint32_t ia[6], ib[6];
    uint8_t fa[6], fb[6];
    uint32_t flips = 0, images = 0;
    for (uint64_t step = 0; step < 30; step++) {
        uint32_t n = clg__schedule_plan(&a, step, ia, fa);
        for (uint32_t i = 0; i < n; i++) {
            flips += fa[i];
            images++;
        }
    }
    assert_true(flips > images / 3 && flips < images * 2 / 3);
    for (uint64_t step = 29; step >= 7; step -= 7) { /* backwards, on a fresh one */
        uint32_t na = clg__schedule_plan(&a, step, ia, fa);
        uint32_t nb = clg__schedule_plan(&b, step, ib, fb);
        assert_int_equal(na, nb);
        assert_memory_equal(ia, ib, na * sizeof *ia);
        assert_memory_equal(fa, fb, na);
    }
    clg__schedule_free(&a);
    clg__schedule_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_epoch_shows_each_image_once_in_another_order),
        cmocka_unit_test(a_single_image_at_the_end_is_left_out_under_batch_norm_only),
        cmocka_unit_test(a_step_does_not_depend_on_the_steps_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
