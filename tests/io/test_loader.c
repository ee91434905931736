/* The loader: order, late release, end, stop at any time, faults of the worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/os.h"
#include "io/dataset.h"

enum { COUNT = 50, BATCH = 8 };

/* COUNT images of 2x2 pixels, all bytes of image i are i. */
static clg_dataset *make_set(void)
{
    uint8_t pixels[COUNT * 4];
    clg_dataset *ds = NULL;
    for (unsigned i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i / 4u);
    }
    assert_int_equal(clg__dataset_from_memory(&ds, pixels, COUNT, 2, 2, 1, NULL), CLG_OK);
    return ds;
}

typedef struct plan_user {
    uint64_t batches; /* then the end */
    uint64_t bad;     /* this batch asks for an image that does not exist; 0: none */
    atomic_uint calls;
} plan_user;

/* Batch b: images b, b+3, b+6 ...; every fifth batch is a partial one of 3. */
static uint32_t plan(void *user, uint64_t batch, uint32_t *indices, uint8_t *flip)
{
    plan_user *u = user;
    atomic_fetch_add(&u->calls, 1);
    if (batch >= u->batches) {
        return 0;
    }
    for (uint32_t i = 0; i < BATCH; i++) {
        indices[i] = (uint32_t)((batch + 3u * i) % COUNT);
        flip[i] = i % 2u == 1u;
    }
    if (u->bad != 0u && batch == u->bad) {
        indices[1] = COUNT;
    }
    return batch % 5u == 4u ? 3u : BATCH;
}

static void expect_batch(uint64_t batch, const uint8_t *images, uint32_t n)
{
    assert_int_equal(n, batch % 5u == 4u ? 3 : BATCH);
    for (uint32_t i = 0; i < n * 4u; i++) {
        assert_int_equal(images[i], (batch + 3u * (i / 4u)) % COUNT);
    }
}

static void batches_come_in_order_for_any_number_of_slots(void **state)
{
    (void)state;
    clg_dataset *ds = make_set();
    for (uint32_t slots = 2; slots <= 8u; slots++) {
        plan_user user = { .batches = 207 };
        clg_loader *l = NULL;
        const uint8_t *images = NULL;
        uint32_t n = 0;
        assert_int_equal(clg__loader_start(&l, ds, BATCH, slots, 7, plan, &user), CLG_OK);
        for (uint64_t b = 7; b < 207u; b++) {
            assert_int_equal(clg__loader_next(l, &images, &n), CLG_OK);
            expect_batch(b, images, n);
            clg__loader_release(l);
        }
        for (unsigned again = 0; again < 3u; again++) {
            assert_int_equal(clg__loader_next(l, &images, &n), CLG_OK);
            assert_int_equal(n, 0);
            assert_null(images);
        }
        clg__loader_stop(&l);
        assert_null(l);
    }
    clg__dataset_close(&ds);
}

static void images_stay_valid_until_released_batches_later(void **state)
{
    (void)state;
    clg_dataset *ds = make_set();
    plan_user user = { .batches = 100 };
    clg_loader *l = NULL;
    const uint8_t *images[100];
    uint32_t n[100];
    assert_int_equal(clg__loader_start(&l, ds, BATCH, 4, 0, plan, &user), CLG_OK);
    for (uint64_t b = 0; b < 100u; b++) {
        assert_int_equal(clg__loader_next(l, &images[b], &n[b]), CLG_OK);
        if (b >= 3u) { /* three batches are still in use while the fourth is filled */
            for (uint64_t k = b - 3u; k <= b; k++) {
                expect_batch(k, images[k], n[k]);
            }
            clg__loader_release(l);
        }
    }
    clg__loader_stop(&l);
    clg__dataset_close(&ds);
}

static void asking_with_every_slot_taken_is_an_error_and_not_a_deadlock(void **state)
{
    (void)state;
    clg_dataset *ds = make_set();
    plan_user user = { .batches = 100 };
    clg_loader *l = NULL;
    const uint8_t *images = NULL;
    uint32_t n = 0;
    assert_int_equal(clg__loader_start(&l, ds, BATCH, 2, 0, plan, &user), CLG_OK);
    assert_int_equal(clg__loader_next(l, &images, &n), CLG_OK);
    assert_int_equal(clg__loader_next(l, &images, &n), CLG_OK);
    assert_int_equal(clg__loader_next(l, &images, &n), CLG_E_INTERNAL);
    assert_string_equal(clg_message(), "loader: all 2 slots are taken, release one first");
    clg__loader_release(l);
    assert_int_equal(clg__loader_next(l, &images, &n), CLG_OK);
    expect_batch(2, images, n);
    clg__loader_stop(&l);
    clg__dataset_close(&ds);
}

static void never_more_batches_are_made_than_slots(void **state)
{
    (void)state;
    clg_dataset *ds = make_set();
    plan_user user = { .batches = 100 };
    clg_loader *l = NULL;
    assert_int_equal(clg__loader_start(&l, ds, BATCH, 3, 0, plan, &user), CLG_OK);
    const double start = clg__os_now_s();
    while (atomic_load(&user.calls) < 3u && clg__os_now_s() - start < 20.0) {
    }
    while (clg__os_now_s() - start < 0.05) {
    }
    assert_int_equal(atomic_load(&user.calls), 3);
    clg__loader_stop(&l);
    clg__dataset_close(&ds);
}

static void stopping_at_any_time_ends(void **state)
{
    (void)state;
    clg_dataset *ds = make_set();
    for (unsigned round = 0; round < 200u; round++) {
        plan_user user = { .batches = round % 7u };
        clg_loader *l = NULL;
        const uint8_t *images = NULL;
        uint32_t n = 0;
        assert_int_equal(clg__loader_start(&l, ds, BATCH, 2u + round % 3u, 0, plan, &user), CLG_OK);
        for (unsigned i = 0; i < round % 4u; i++) {
            if (clg__loader_next(l, &images, &n) == CLG_OK && round % 2u == 0u) {
                clg__loader_release(l);
            }
        }
        clg__loader_stop(&l);
    }
    clg_loader *none = NULL;
    clg__loader_stop(&none);
    clg__dataset_close(&ds);
}

static void a_fault_of_the_worker_comes_after_the_good_batches(void **state)
{
    (void)state;
    clg_dataset *ds = make_set();
    plan_user user = { .batches = 100, .bad = 3 };
    clg_loader *l = NULL;
    const uint8_t *images = NULL;
    uint32_t n = 0;
    assert_int_equal(clg__loader_start(&l, ds, BATCH, 4, 0, plan, &user), CLG_OK);
    for (uint64_t b = 0; b < 3u; b++) {
        assert_int_equal(clg__loader_next(l, &images, &n), CLG_OK);
        expect_batch(b, images, n);
        clg__loader_release(l);
    }
    for (unsigned again = 0; again < 2u; again++) {
        (void)clg__fail(CLG_E_IO, "another message of this thread");
        assert_int_equal(clg__loader_next(l, &images, &n), CLG_E_INTERNAL);
        assert_string_equal(clg_message(), "dataset memory: image 50 of 50 asked for");
        assert_int_equal(n, 0);
    }
    clg__loader_stop(&l);
    clg__dataset_close(&ds);
}

static uint32_t plan_too_many(void *user, uint64_t batch, uint32_t *indices, uint8_t *flip)
{
    (void)user;
    (void)batch;
    (void)indices;
    (void)flip;
    return BATCH + 1;
}

static void wrong_numbers_are_refused(void **state)
{
    (void)state;
    clg_dataset *ds = make_set();
    plan_user user = { .batches = 1 };
    clg_loader *l = NULL;
    const uint8_t *images = NULL;
    uint32_t n = 0;
    assert_int_equal(clg__loader_start(&l, ds, BATCH, 1, 0, plan, &user), CLG_E_INTERNAL);
    assert_int_equal(clg__loader_start(&l, ds, BATCH, 9, 0, plan, &user), CLG_E_INTERNAL);
    assert_int_equal(clg__loader_start(&l, ds, 0, 2, 0, plan, &user), CLG_E_INTERNAL);
    assert_null(l);
    assert_int_equal(clg__loader_start(&l, ds, BATCH, 2, 0, plan_too_many, NULL), CLG_OK);
    assert_int_equal(clg__loader_next(l, &images, &n), CLG_E_INTERNAL);
    assert_string_equal(clg_message(), "loader: batch 0 has 9 images, at most 8 fit");
    clg__loader_stop(&l);
    clg__dataset_close(&ds);
}

static void a_failed_allocation_at_the_start_leaves_nothing_behind(void **state)
{
    (void)state;
    clg_dataset *ds = make_set();
    bool started = false;
    for (long n = 1; n < 40 && !started; n++) {
        plan_user user = { .batches = 1 };
        clg_loader *l = NULL;
        clg__alloc_fail(n, false);
        started = clg__loader_start(&l, ds, BATCH, 3, 0, plan, &user) == CLG_OK;
        clg__alloc_fail(0, false);
        assert_true(started == (l != NULL));
        clg__loader_stop(&l);
    }
    assert_true(started);
    clg__dataset_close(&ds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_come_in_order_for_any_number_of_slots),
        cmocka_unit_test(images_stay_valid_until_released_batches_later),
        cmocka_unit_test(asking_with_every_slot_taken_is_an_error_and_not_a_deadlock),
        cmocka_unit_test(never_more_batches_are_made_than_slots),
        cmocka_unit_test(stopping_at_any_time_ends),
        cmocka_unit_test(a_fault_of_the_worker_comes_after_the_good_batches),
        cmocka_unit_test(wrong_numbers_are_refused),
        cmocka_unit_test(a_failed_allocation_at_the_start_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
