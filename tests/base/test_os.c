/* What the system says of its cores.
 *
 * drivers: none */
#define _GNU_SOURCE
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/os.h"

/* The threads of pocl are kept apart only then: it would take cores that are not ours. */
static void all_cores_are_ours_until_one_is_taken_away(void **state)
{
    (void)state;
    cpu_set_t mask;
    assert_int_equal(sched_getaffinity(0, sizeof mask, &mask), 0);
    const unsigned count = clg__os_cpu_count();
    assert_int_equal(clg__os_may_use_all_cpus(), (unsigned)CPU_COUNT(&mask) == count && CPU_ISSET(0, &mask) &&
                                                     CPU_ISSET(count - 1u, &mask));
    size_t last = 0;
    for (size_t i = 0; i < CPU_SETSIZE; i++) {
        last = CPU_ISSET(i, &mask) ? i : last;
    }
    if (CPU_COUNT(&mask) < 2) {
        skip();
    }
    CPU_CLR(last, &mask);
    assert_int_equal(sched_setaffinity(0, sizeof mask, &mask), 0);
    assert_false(clg__os_may_use_all_cpus());
}

static void a_second_cache_has_a_likely_size(void **state)
{
    (void)state;
    const uint64_t bytes = clg__os_second_cache_bytes();
    assert_true(bytes == 0 || (bytes >= 64u << 10 && bytes <= 256u << 20));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_cores_are_ours_until_one_is_taken_away),
        cmocka_unit_test(a_second_cache_has_a_likely_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
