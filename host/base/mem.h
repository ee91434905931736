/* Host memory and checked arithmetic. All rooms allocate through here, so that a test can make
 * allocation number n fail. */
#ifndef CLG_BASE_MEM_H
#define CLG_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* count * size zeroed bytes; NULL (and the message "out of host memory ...", CLG_E_MEMORY is for
 * the caller to return) on overflow or when there is none. Free with clg__free. */
void *clg__alloc(size_t count, size_t size);
/* realloc with overflow check; new bytes are not zeroed; on failure the old block stays valid. */
void *clg__realloc(void *p, size_t count, size_t size);
char *clg__strdup(const char *s);
void clg__free(void *p);

/* *out = a * b, a + b; false on overflow. */
bool clg__mul(size_t a, size_t b, size_t *out);
bool clg__add(size_t a, size_t b, size_t *out);

/* Test hook: the nth allocation from now fails (1 = the next); once, or from then on for good.
 * n = 0 switches it off. */
void clg__alloc_fail(long n, bool for_good);

static inline uint32_t clg__ceil_div(uint32_t a, uint32_t b) { return a / b + (a % b != 0u); }
static inline uint32_t clg__round_up(uint32_t a, uint32_t b) { return clg__ceil_div(a, b) * b; }
static inline uint64_t clg__round_up64(uint64_t a, uint64_t b) { return (a + b - 1u) / b * b; }

#endif
