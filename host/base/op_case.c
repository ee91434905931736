/* Test cases as text. */
#include "base/op_case.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

static const char *take_word(const char *p, char *dst, size_t cap, const char *stop)
{
    size_t n = strcspn(p, stop);
    if (n == 0 || n >= cap) {
        return NULL;
    }
    memcpy(dst, p, n);
    dst[n] = '\0';
    return p + n;
}

static bool is_allowed(const char *key, const char *const *keys)
{
    for (size_t i = 0; keys != NULL && keys[i] != NULL; i++) {
        if (strcmp(keys[i], key) == 0) {
            return true;
        }
    }
    return keys == NULL;
}

static int parse_pair(clg_case *out, const char **pp, const char *const *keys, const char *text)
{
    char value[32];
    const char *p = *pp;
    if (out->count == CLG_CASE_KEYS) {
        return clg__fail(CLG_E_USAGE, "case \"%s\": more than %d keys", text, CLG_CASE_KEYS);
    }
    char *key = out->arg[out->count].key;
    p = take_word(p, key, sizeof out->arg[0].key, "= ");
    if (p == NULL || *p != '=') {
        return clg__fail(CLG_E_USAGE, "case \"%s\": expected key=value at \"%s\"", text, *pp);
    }
    if (!is_allowed(key, keys)) {
        return clg__fail(CLG_E_USAGE, "case \"%s\": %s has no key \"%s\"", text, out->op, key);
    }
    p = take_word(p + 1, value, sizeof value, " ");
    if (p == NULL || !clg__parse_f64(value, &out->arg[out->count].value)) {
        return clg__fail(CLG_E_USAGE, "case \"%s\": %s wants a number", text, key);
    }
    out->count++;
    *pp = p;
    return CLG_OK;
}

int clg__case_parse(clg_case *out, const char *text, const char *const *keys)
{
    *out = (clg_case){ 0 };
    const char *p = take_word(text, out->op, sizeof out->op, " ");
    if (p != NULL && *p == ' ') {
        p = take_word(p + 1, out->pass, sizeof out->pass, " ");
    }
    if (p == NULL || out->pass[0] == '\0') {
        return clg__fail(CLG_E_USAGE, "case \"%s\": expected \"op pass key=value ...\"", text);
    }
    while (*p != '\0') {
        if (*p == ' ') {
            p++;
            continue;
        }
        int status = parse_pair(out, &p, keys, text);
        if (status != CLG_OK) {
            return status;
        }
    }
    return CLG_OK;
}

double clg__case_get(const clg_case *c, const char *key, double otherwise)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (strcmp(c->arg[i].key, key) == 0) {
            return c->arg[i].value;
        }
    }
    return otherwise;
}

uint32_t clg__case_u32(const clg_case *c, const char *key, uint32_t otherwise)
{
    double v = clg__case_get(c, key, (double)otherwise);
    return v >= 0.0 && v <= 4294967295.0 ? (uint32_t)v : 0u;
}

clg_rng_key clg__case_key(const clg_case *c)
{
    return (clg_rng_key){ .seed = (uint64_t)clg__case_get(c, "seed", 1.0),
                          .stream = clg__case_u32(c, "stream", CLG_STREAM_TEST),
                          .step = (uint64_t)clg__case_get(c, "step", 0.0),
                          .lane = clg__case_u32(c, "lane", 0) };
}
