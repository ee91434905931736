/* A group of tests of operators, run once with each kernel family. */
#ifndef CLG_TESTS_SUPPORT_FAMILY_H
#define CLG_TESTS_SUPPORT_FAMILY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* First the CPU family, then the GPU one, each on a context of its own. Every test's *state is a
 * const clg_ops without products (blas is NULL). n <= 32. Gives the number of failures. */
int test_both_families(const struct CMUnitTest *tests, size_t n);

#endif
