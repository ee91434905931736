/* Single values of model files: text to field and back, with what is said about a wrong one. Not
 * here: the keys (config_keys.c), YAML (config_parse.c). */
#include "io/config_internal.h"

#include <stdio.h>
#include <string.h>

/* ---- text ---- */

/* Decodes one UTF-8 sequence; 0 if it is none (overlong, surrogate, cut). *code gets the value. */
static size_t decode_utf8(const unsigned char *s, uint32_t *code)
{
    size_t n = s[0] < 0x80                   ? 1
               : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
               : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
               : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                             : 0;
    static const unsigned char mask[5] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    if (n == 0) {
        return 0;
    }
    uint32_t v = s[0] & mask[n];
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        v = v << 6 | (s[i] & 0x3fu);
    }
    if ((n == 3 && v < 0x800) || (n == 4 && (v < 0x10000 || v > 0x10ffff)) ||
        (v >= 0xd800 && v < 0xe000)) {
        return 0;
    }
    *code = v;
    return n;
}

bool clg__config_is_utf8(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    while (*s != 0) {
        uint32_t code;
        size_t n = decode_utf8(s, &code);
        if (n == 0) {
            return false;
        }
        s += n;
    }
    return true;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

/* NULL if the text may be stored, else why not. */
static const char *check_text(const clg_config_key *key, const char *text)
{
    if (strlen(text) >= key->size) {
        return "is too long";
    }
    if (key->type == CLG_KEY_NAME) {
        for (const char *s = text; *s != '\0'; s++) {
            if (!is_name_char(*s)) {
                return "may have letters, digits, '.', '_' and '-' only";
            }
        }
        return text[0] == '.' || text[0] == '-' ? "may not start with '.' or '-'" : NULL;
    }
    for (const unsigned char *s = (const unsigned char *)text; *s != 0; s++) {
        if (*s < 0x20 || *s == 0x7f) {
            return "has a control character";
        }
    }
    return clg__config_is_utf8(text) ? NULL : "is not UTF-8";
}

/* Plain only where no YAML reader could see anything but this text. */
static bool is_plain_safe(const char *text)
{
    static const char *const special[] = { "true", "false", "yes", "no", "on",
                                           "off",  "null",  "y",   "n",  NULL };
    bool letter_first = (text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z');
    if (!letter_first) {
        return false;
    }
    for (size_t i = 0; special[i] != NULL; i++) {
        if (clg__equals_nocase(text, special[i])) {
            return false;
        }
    }
    for (const char *s = text; *s != '\0'; s++) {
        if (!is_name_char(*s) && *s != '/') {
            return false;
        }
    }
    return true;
}

static void add_text(clg_str *out, const char *text)
{
    if (is_plain_safe(text)) {
        clg__str_add(out, "%s", text);
        return;
    }
    clg__str_add(out, "\"");
    const unsigned char *s = (const unsigned char *)text;
    while (*s != 0) {
        uint32_t code = 0;
        size_t n = decode_utf8(s, &code);
        if (code == '"' || code == '\\') {
            clg__str_add(out, "\\%c", (char)code);
        } else if (code < 0xa0 && code > 0x7e) {
            clg__str_add(out, "\\x%02x", (unsigned)code);
        } else if (code == 0xfffe || code == 0xffff || code == 0xfeff) {
            clg__str_add(out, "\\u%04x", (unsigned)code);
        } else {
            clg__str_add_bytes(out, s, n);
        }
        s += n;
    }
    clg__str_add(out, "\"");
}

/* ---- values ---- */

/* "train.batch", but "kernel" alone for a layer: the caller says which layer. */
static void say_key(const clg_config_key *key, clg_config_fault *fault)
{
    bool layer = strcmp(key->section, "layer") == 0;
    (void)snprintf(fault->what, sizeof fault->what, "%s%s%s", layer ? "" : key->section,
                   layer ? "" : ".", key->key);
    fault->hint[0] = '\0';
}

static bool fail_number(const clg_config_key *key, const char *text, bool whole,
                        clg_config_fault *fault)
{
    char range[96];
    if (key->max >= 0x1p63) {
        (void)snprintf(range, sizeof range, "from %.9g", key->min);
    } else if (key->below_max) {
        (void)snprintf(range, sizeof range, "from %.9g to below %.9g", key->min, key->max);
    } else if (key->above_min) {
        (void)snprintf(range, sizeof range, "from above %.9g to %.9g", key->min, key->max);
    } else {
        (void)snprintf(range, sizeof range, "from %.9g to %.9g", key->min, key->max);
    }
    say_key(key, fault);
    clg__config_append(fault->what, sizeof fault->what,
                       whole ? " wants a whole number " : " wants a number ");
    clg__config_append(fault->what, sizeof fault->what, range);
    if (key->type == CLG_KEY_DIM) {
        for (uint32_t i = 0; i < key->word_count; i++) {
            if (key->words[i][0] != '\0') {
                clg__config_append(fault->what, sizeof fault->what, " or '");
                clg__config_append(fault->what, sizeof fault->what, key->words[i]);
                clg__config_append(fault->what, sizeof fault->what, "'");
            }
        }
    }
    clg__config_append(fault->what, sizeof fault->what, ", not '");
    clg__config_append(fault->what, sizeof fault->what, clg__config_shown(text).text);
    clg__config_append(fault->what, sizeof fault->what, "'");
    (void)snprintf(fault->hint, sizeof fault->hint, "write a number %s", range);
    const char *near =
        key->type == CLG_KEY_DIM ? clg__nearest(text, key->words, key->word_count) : NULL;
    if (near != NULL && near[0] != '\0') {
        (void)snprintf(fault->hint, sizeof fault->hint, "did you mean '%s'?", near);
    }
    return false;
}

/* Words that other programs and papers have for ours; only those that a key takes are told. */
static const char *find_synonym(const char *text, const char *const *words, uint32_t n)
{
    static const struct {
        const char *theirs, *ours;
    } known[] = {
        { "wgan", "wasserstein" },       { "lsgan", "least-squares" },
        { "mse", "least-squares" },      { "vanilla", "non-saturating" },
        { "bce", "non-saturating" },     { "nsgan", "non-saturating" },
        { "gan", "non-saturating" },     { "minimax", "saturating" },
        { "gaussian", "normal" },        { "leaky_relu", "lrelu" },
        { "leakyrelu", "lrelu" },        { "linear", "none" },
        { "identity", "none" },          { "float", "fp32" },
        { "float32", "fp32" },           { "half", "fp16" },
        { "float16", "fp16" },           { "bfloat16", "bf16" },
        { "batchnorm", "batch" },        { "momentum", "sgd" },
    };
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
        for (uint32_t i = 0; i < n && clg__equals_nocase(text, known[k].theirs); i++) {
            if (strcmp(words[i], known[k].ours) == 0) {
                return words[i];
            }
        }
    }
    return NULL;
}

/* "'a', 'b' or 'c'" */
static void append_words(char *dst, size_t cap, const char *const *words, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        clg__config_append(dst, cap, i == 0 ? "'" : i + 1 == n ? " or '" : ", '");
        clg__config_append(dst, cap, words[i]);
        clg__config_append(dst, cap, "'");
    }
}

static bool fail_word(const clg_config_key *key, const char *text, const char *const *words,
                      uint32_t n, clg_config_fault *fault)
{
    say_key(key, fault);
    clg__config_append(fault->what, sizeof fault->what, " wants ");
    append_words(fault->what, sizeof fault->what, words, n);
    clg__config_append(fault->what, sizeof fault->what, ", not '");
    clg__config_append(fault->what, sizeof fault->what, clg__config_shown(text).text);
    clg__config_append(fault->what, sizeof fault->what, "'");
    const char *near = find_synonym(text, words, n);
    near = near != NULL ? near : clg__nearest(text, words, n);
    if (near != NULL) {
        (void)snprintf(fault->hint, sizeof fault->hint, "did you mean '%s'?", near);
    } else {
        (void)snprintf(fault->hint, sizeof fault->hint, "use ");
        append_words(fault->hint, sizeof fault->hint, words, n);
    }
    return false;
}

static bool in_range(const clg_config_key *key, double v)
{
    return (key->above_min ? v > key->min : v >= key->min) &&
           (key->below_max ? v < key->max : v <= key->max);
}

static bool read_whole(const clg_config_key *key, const char *text, bool quoted, uint64_t *out)
{
    /* clg__parse_u64 decides; the first character keeps out signs and YAML's other bases. */
    return !quoted && text[0] >= '0' && text[0] <= '9' && clg__parse_u64(text, out) &&
           in_range(key, (double)*out);
}

static bool set_bool(const clg_config_key *key, void *field, const char *text,
                     clg_config_fault *fault)
{
    static const char *const plain[] = { "false", "true", "off", "on", "no", "yes" };
    const char *const *words = key->words != NULL ? key->words : plain;
    uint32_t n = key->words != NULL ? key->word_count : 6;
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(text, words[i]) == 0) {
            bool v = (i & 1u) != 0;
            memcpy(field, &v, sizeof v);
            return true;
        }
    }
    return fail_word(key, text, words, 2, fault);
}

static bool set_dim(const clg_config_key *key, void *field, const char *text, bool quoted,
                    clg_config_fault *fault)
{
    uint32_t kind = CLG_DIM_NUMBER, number = 0;
    uint64_t whole = 0;
    for (uint32_t i = 0; i < key->word_count; i++) {
        if (text[0] != '\0' && strcmp(text, key->words[i]) == 0) {
            kind = i + 1;
        }
    }
    if (kind == CLG_DIM_NUMBER) {
        if (!read_whole(key, text, quoted, &whole)) {
            return fail_number(key, text, true, fault);
        }
        number = (uint32_t)whole;
    }
    clg_dim *dim = field;
    dim->kind = (enum clg_dim_kind)kind;
    dim->number = number;
    return true;
}

static bool set_float(const clg_config_key *key, void *field, const char *text, bool quoted,
                      clg_config_fault *fault)
{
    double v = 0;
    if (quoted || !clg__parse_f64(text, &v) || !in_range(key, v) ||
        (key->below_max && (double)(float)v >= key->max) ||
        (key->above_min && (double)(float)v <= key->min)) { /* rounding may reach an end */
        return fail_number(key, text, false, fault);
    }
    float f = (float)v;
    memcpy(field, &f, sizeof f);
    return true;
}

static bool set_words(const clg_config_key *key, void *field, const char *text,
                      clg_config_fault *fault)
{
    for (uint32_t i = 0; i < key->word_count; i++) {
        if (strcmp(text, key->words[i]) == 0) {
            memcpy(field, &i, sizeof i);
            return true;
        }
    }
    return fail_word(key, text, key->words, key->word_count, fault);
}

static bool set_text(const clg_config_key *key, char *field, const char *text,
                     clg_config_fault *fault)
{
    const char *why = check_text(key, text);
    if (why != NULL) {
        say_key(key, fault);
        clg__config_append(fault->what, sizeof fault->what, " ");
        clg__config_append(fault->what, sizeof fault->what, why);
        clg__config_append(fault->what, sizeof fault->what, ": '");
        clg__config_append(fault->what, sizeof fault->what, clg__config_shown(text).text);
        clg__config_append(fault->what, sizeof fault->what, "'");
        (void)snprintf(fault->hint, sizeof fault->hint, "at most %zu bytes%s", key->size - 1,
                       key->type == CLG_KEY_NAME ? " of letters, digits, '.', '_', '-'"
                                                 : " of UTF-8 text in one line");
        return false;
    }
    memset(field, 0, key->size); /* nothing of an older, longer value stays behind */
    memcpy(field, text, strlen(text));
    return true;
}

bool clg__config_value_set(const clg_config_key *key, void *base, const char *text, bool quoted,
                           clg_config_fault *fault)
{
    char *field = (char *)base + key->offset;
    uint64_t whole = 0;
    switch (key->type) {
    case CLG_KEY_TEXT:
    case CLG_KEY_NAME:
        return set_text(key, field, text, fault);
    case CLG_KEY_U32:
    case CLG_KEY_U64:
        if (!read_whole(key, text, quoted, &whole)) {
            return fail_number(key, text, true, fault);
        }
        if (key->type == CLG_KEY_U32) {
            uint32_t v = (uint32_t)whole;
            memcpy(field, &v, sizeof v);
        } else {
            memcpy(field, &whole, sizeof whole);
        }
        return true;
    case CLG_KEY_F32:
        return set_float(key, field, text, quoted, fault);
    case CLG_KEY_BOOL:
        return set_bool(key, field, text, fault);
    case CLG_KEY_ENUM:
        return set_words(key, field, text, fault);
    case CLG_KEY_DIM:
        return set_dim(key, field, text, quoted, fault);
    }
    return false;
}

bool clg__config_value_add(const clg_config_key *key, const void *base, clg_str *out)
{
    const char *field = (const char *)base + key->offset;
    uint32_t u32 = 0;
    uint64_t u64 = 0;
    float f = 0;
    bool b = false;
    clg_dim dim;
    char number[32];
    switch (key->type) {
    case CLG_KEY_TEXT:
    case CLG_KEY_NAME:
        if (check_text(key, field) != NULL) {
            return false;
        }
        add_text(out, field);
        break;
    case CLG_KEY_U32:
        memcpy(&u32, field, sizeof u32);
        clg__str_add(out, "%lu", (unsigned long)u32);
        break;
    case CLG_KEY_U64:
        memcpy(&u64, field, sizeof u64);
        clg__str_add(out, "%llu", (unsigned long long)u64);
        break;
    case CLG_KEY_F32:
        memcpy(&f, field, sizeof f);
        clg__format_f32(number, f);
        clg__str_add(out, "%s", number);
        break;
    case CLG_KEY_BOOL:
        memcpy(&b, field, sizeof b);
        clg__str_add(out, "%s", key->words != NULL ? key->words[b] : b ? "true" : "false");
        break;
    case CLG_KEY_ENUM:
        memcpy(&u32, field, sizeof u32);
        if (u32 >= key->word_count) {
            return false;
        }
        clg__str_add(out, "%s", key->words[u32]);
        break;
    case CLG_KEY_DIM:
        memcpy(&dim, field, sizeof dim);
        if (dim.kind == CLG_DIM_NUMBER) {
            clg__str_add(out, "%lu", (unsigned long)dim.number);
        } else if ((uint32_t)dim.kind <= key->word_count && key->words[dim.kind - 1][0] != '\0') {
            clg__str_add(out, "%s", key->words[dim.kind - 1]);
        } else {
            return false;
        }
        break;
    }
    return true;
}
