/* Work shared by threads: done once each, also where threads cannot be had, and with the numbers that
 * one thread draws. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/parallel.h"
#include "base/philox.h"

typedef struct tally {
    unsigned done[CLG_SHARES_MAX], shares[CLG_SHARES_MAX];
} tally;

static void count(void *arg, unsigned share, unsigned shares)
{
    tally *t = arg;
    t->done[share]++;
    t->shares[share] = shares;
}

static void assert_each_once(unsigned shares)
{
    tally t = { .done = { 0 } };
    clg__parallel(count, &t, shares);
    for (unsigned i = 0; i < CLG_SHARES_MAX; i++) {
        assert_int_equal(t.done[i], i < shares);
        assert_int_equal(t.shares[i], i < shares ? shares : 0);
    }
}

static void every_share_is_done_once(void **state)
{
    (void)state;
    assert_in_range(clg__shares(), 1, CLG_SHARES_MAX);
    for (unsigned shares = 1; shares <= CLG_SHARES_MAX; shares++) {
        assert_each_once(shares);
    }
}

static void without_threads_the_caller_does_it_all(void **state)
{
    (void)state;
    for (long fails = 1; fails < CLG_SHARES_MAX; fails++) {
        clg__alloc_fail(fails, true); /* a thread needs memory */
        assert_each_once(CLG_SHARES_MAX);
        clg__alloc_fail(0, false);
    }
}

static void many_normals_are_those_of_one_thread(void **state)
{
    (void)state;
    const clg_rng_key key = { .seed = 5, .stream = CLG_STREAM_TEST, .step = 3 };
    const double two_pi = 6.283185307179586;
    static const size_t lens[] = { (1u << 17) + 3u, (1u << 16) + 1u, 7u };
    for (size_t k = 0; k < sizeof lens / sizeof lens[0]; k++) {
        const size_t n = lens[k];
        float *x = clg__alloc(n + 1, sizeof *x);
        assert_non_null(x);
        x[n] = 9.0f;
        clg__philox_normal(&key, 1.0f, 2.0f, x, n);
        for (size_t i = 0; i < n; i++) {
            uint32_t w[4];
            clg__philox(&key, i / 4, w);
            const double u1 = ((double)(w[i % 4 / 2 * 2] >> 8) + 1.0) * 0x1p-24;
            const double angle = two_pi * (double)clg__philox_unit(w[i % 4 / 2 * 2 + 1]);
            const double wave = i % 2 == 0 ? cos(angle) : sin(angle);
            const float want = (float)(1.0 + 2.0 * (sqrt(-2.0 * log(u1)) * wave));
            assert_memory_equal(&x[i], &want, sizeof want);
        }
        assert_float_equal(x[n], 9.0f, 0.0f);
        clg__free(x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_share_is_done_once),
        cmocka_unit_test(without_threads_the_caller_does_it_all),
        cmocka_unit_test(many_normals_are_those_of_one_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
