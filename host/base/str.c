/* Small string helpers. */
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool reserve(clg_str *s, size_t extra)
{
    size_t need = 0;
    if (s->failed || !clg__add(s->len, extra, &need) || !clg__add(need, 1, &need)) {
        s->failed = true;
        return false;
    }
    if (need <= s->cap) {
        return true;
    }
    size_t cap = s->cap < 128 ? 256 : s->cap * 2;
    cap = cap < need ? need : cap;
    char *text = clg__realloc(s->text, cap, 1);
    if (text == NULL) {
        s->failed = true;
        return false;
    }
    s->text = text;
    s->cap = cap;
    return true;
}

void clg__str_add_bytes(clg_str *s, const void *bytes, size_t n)
{
    if (!reserve(s, n)) {
        return;
    }
    memcpy(s->text + s->len, bytes, n);
    s->len += n;
    s->text[s->len] = '\0';
}

void clg__str_add(clg_str *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || !reserve(s, (size_t)n)) {
        s->failed = true;
        return;
    }
    va_start(ap, fmt);
    (void)vsnprintf(s->text + s->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    s->len += (size_t)n;
}

void clg__str_free(clg_str *s)
{
    clg__free(s->text);
    *s = (clg_str){ 0 };
}

static int lower(char c)
{
    return tolower((unsigned char)c);
}

/* Levenshtein distance, case ignored; words are cut at 63 characters. */
static size_t edit_distance(const char *a, const char *b)
{
    enum { MAX = 63 };
    size_t row[MAX + 1];
    size_t na = strlen(a) < MAX ? strlen(a) : MAX;
    size_t nb = strlen(b) < MAX ? strlen(b) : MAX;
    for (size_t j = 0; j <= nb; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t above = row[j];
            size_t best = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));
            best = above + 1 < best ? above + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            row[j] = best;
            diagonal = above;
        }
    }
    return row[nb];
}

const char *clg__nearest(const char *word, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t best_distance = (strlen(word) + 1) / 2 + 1;
    for (size_t i = 0; i < n; i++) {
        size_t d = edit_distance(word, names[i]);
        if (d < best_distance) {
            best_distance = d;
            best = names[i];
        }
    }
    return best;
}

bool clg__ends_with(const char *s, const char *suffix)
{
    size_t n = strlen(s);
    size_t m = strlen(suffix);
    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

bool clg__equals_nocase(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

bool clg__contains_nocase(const char *haystack, const char *needle)
{
    size_t m = strlen(needle);
    for (const char *p = haystack;; p++) {
        size_t i = 0;
        while (i < m && p[i] != '\0' && lower(p[i]) == lower(needle[i])) {
            i++;
        }
        if (i == m) {
            return true;
        }
        if (*p == '\0') {
            return false;
        }
    }
}

bool clg__parse_u64(const char *s, uint64_t *out)
{
    if (*s < '0' || *s > '9') {
        return false;
    }
    char *end = NULL;
    errno = 0;
    unsigned long long v = strtoull(s, &end, 10);
    if (errno != 0 || *end != '\0') {
        return false;
    }
    *out = v;
    return true;
}

/* strtod follows the locale's decimal point; the library never sets a locale, and an application
 * that did would still give '.' here, so the point is checked by hand. */
bool clg__parse_f64(const char *s, double *out)
{
    size_t digits = 0;
    for (const char *p = s; *p != '\0'; p++) {
        if (strchr("0123456789+-.eE", *p) == NULL) {
            return false;
        }
        digits += *p >= '0' && *p <= '9';
    }
    char *end = NULL;
    errno = 0;
    double v = strtod(s, &end);
    if (digits == 0 || *end != '\0' || !isfinite(v)) {
        return false;
    }
    *out = v;
    return true;
}

void clg__format_f32(char dst[32], float value)
{
    for (int precision = 1; precision <= 9; precision++) {
        (void)snprintf(dst, 32, "%.*g", precision, (double)value);
        if (strtof(dst, NULL) == value) {
            return;
        }
    }
}

uint64_t clg__hash64(const void *bytes, size_t n, uint64_t start)
{
    const unsigned char *p = bytes;
    uint64_t h = start == 0 ? 0xcbf29ce484222325u : start;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ p[i]) * 0x100000001b3u;
    }
    return h;
}
