/* Small string helpers. */
#ifndef CLG_BASE_STR_H
#define CLG_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Growing text; start from a zeroed struct. After a failed allocation `failed` is set and further
 * appends do nothing, so that callers check once. */
typedef struct clg_str {
    char *text; /* NUL-ended once anything was appended, else NULL */
    size_t len, cap;
    bool failed;
} clg_str;

void clg__str_add(clg_str *s, const char *fmt, ...) CLG_PRINTF(2, 3);
void clg__str_add_bytes(clg_str *s, const void *bytes, size_t n);
void clg__str_free(clg_str *s);

/* The entry of names[0..n) nearest to `word` (edit distance, at most half of word's length, case
 * ignored); NULL if none is near. For "did you mean". */
const char *clg__nearest(const char *word, const char *const *names, size_t n);

bool clg__ends_with(const char *s, const char *suffix);
bool clg__contains_nocase(const char *haystack, const char *needle);
bool clg__equals_nocase(const char *a, const char *b);

/* Whole string as a number, no spaces around it; false if it is none or out of range. */
bool clg__parse_u64(const char *s, uint64_t *out);
bool clg__parse_f64(const char *s, double *out); /* finite, '.' as decimal point in any locale */

/* Shortest text that reads back as exactly the same float (at most 15 chars + NUL), C locale. */
void clg__format_f32(char dst[32], float value);

uint64_t clg__hash64(const void *bytes, size_t n, uint64_t start); /* FNV-1a 64; start 0 = basis */

#endif
