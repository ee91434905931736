/* Host memory. */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

/* Test hook: allocations left until the failing one; 0 = off. */
static atomic_long fail_countdown;
static atomic_bool fail_for_good;

void clg__alloc_fail(long n, bool for_good)
{
    atomic_store(&fail_for_good, for_good);
    atomic_store(&fail_countdown, n);
}

static bool must_fail(void)
{
    if (atomic_load(&fail_countdown) <= 0) {
        return false;
    }
    if (atomic_fetch_sub(&fail_countdown, 1) != 1) {
        return false;
    }
    if (atomic_load(&fail_for_good)) {
        atomic_store(&fail_countdown, 1);
    }
    return true;
}

bool clg__mul(size_t a, size_t b, size_t *out)
{
    if (b != 0 && a > SIZE_MAX / b) {
        return false;
    }
    *out = a * b;
    return true;
}

bool clg__add(size_t a, size_t b, size_t *out)
{
    if (a > SIZE_MAX - b) {
        return false;
    }
    *out = a + b;
    return true;
}

static void *fail_alloc(size_t count, size_t size)
{
    (void)clg__fail(CLG_E_MEMORY, "out of host memory: %zu x %zu bytes wanted", count, size);
    return NULL;
}

void *clg__alloc(size_t count, size_t size)
{
    size_t bytes = 0;
    if (!clg__mul(count, size, &bytes) || must_fail()) {
        return fail_alloc(count, size);
    }
    void *p = calloc(bytes == 0 ? 1 : bytes, 1);
    return p != NULL ? p : fail_alloc(count, size);
}

void *clg__realloc(void *p, size_t count, size_t size)
{
    size_t bytes = 0;
    if (!clg__mul(count, size, &bytes) || must_fail()) {
        return fail_alloc(count, size);
    }
    void *q = realloc(p, bytes == 0 ? 1 : bytes);
    return q != NULL ? q : fail_alloc(count, size);
}

char *clg__strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = clg__alloc(n, 1);
    if (copy != NULL) {
        memcpy(copy, s, n);
    }
    return copy;
}

void clg__free(void *p)
{
    free(p);
}
