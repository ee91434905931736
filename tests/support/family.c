#include "support/family.h"

#include <assert.h>

#include "base/model.h"
#include "ops/ops.h"
#include "support/rt_support.h"

static int run_family(const char *name, enum clg_family_choice family,
                      const struct CMUnitTest *tests, size_t n)
{
    clg_ops ops = { .rt = test_rt_open_with(&(clg_rt_options){ .family = family }) };
    struct CMUnitTest own[32];
    assert(n <= sizeof own / sizeof own[0]);
    for (size_t i = 0; i < n; i++) {
        own[i] = tests[i];
        own[i].initial_state = &ops;
    }
    int failed = _cmocka_run_group_tests(name, own, n, NULL, NULL);
    clg__rt_close(&ops.rt);
    return failed;
}

int test_both_families(const struct CMUnitTest *tests, size_t n)
{
    int failed = run_family("cpu family", CLG_FAMILY_CPU, tests, n);
    return failed + run_family("gpu family", CLG_FAMILY_GPU, tests, n);
}
