/* The one table of model file keys, and reading and writing of single values. Not here: YAML
 * (config_parse.c), defaults and whole files (config.c). */
#include "io/config_internal.h"

#include <stdio.h>
#include <string.h>

#define CLG_X(id, text) text,
static const char *const act_words[] = { CLG_ACT_LIST(CLG_X) };
static const char *const op_words[] = { CLG_LAYER_LIST(CLG_X) };
static const char *const objective_words[] = { CLG_OBJECTIVE_LIST(CLG_X) };
static const char *const order_words[] = { CLG_ORDER_LIST(CLG_X) };
#undef CLG_X
static const char *const norm_words[] = { "none", "batch" };
static const char *const init_words[] = { "torch", "normal", "uniform" };
static const char *const latent_words[] = { "normal", "uniform" };
static const char *const gemm_words[] = { "auto", "clblast", "builtin" };
static const char *const family_words[] = { "auto", "cpu", "gpu" };
static const char *const repeat_words[] = { "none", "stages" };
/* In the order of clg_dim_kind from CLG_DIM_CHANNELS; "" is a word that this key does not take. */
static const char *const out_words[] = { "channels", "pixels", "", "stage", "latent" };
static const char *const kernel_words[] = { "", "", "base", "", "" };

_Static_assert(sizeof(enum clg_act) == sizeof(uint32_t), "enums are stored as uint32_t");

#define FIELD(member) \
    .offset = offsetof(clg_model_desc, member), .size = sizeof(((clg_model_desc *)0)->member)
#define LAYER_FIELD(member) \
    .offset = offsetof(clg_layer_desc, member), .size = sizeof(((clg_layer_desc *)0)->member)
#define WORDS(list) .words = list, .word_count = (uint32_t)(sizeof list / sizeof list[0])
#define RANGE(lo, hi) .min = (lo), .max = (hi)

#define NET_KEYS(net)                                                                          \
    { .section = #net, .key = "prefix", .type = CLG_KEY_NAME, FIELD(net.prefix) },             \
    { .section = #net, .key = "width", .type = CLG_KEY_U32, FIELD(net.width),                  \
      RANGE(1, 65536) },                                                                       \
    { .section = #net ".init", .key = "kind", .type = CLG_KEY_ENUM, FIELD(net.init.kind),      \
      WORDS(init_words) },                                                                     \
    { .section = #net ".init", .key = "std", .type = CLG_KEY_F32, FIELD(net.init.std),         \
      RANGE(0, 1000) },                                                                        \
    { .section = #net ".init", .key = "norm_mean", .type = CLG_KEY_F32,                        \
      FIELD(net.init.norm_mean), RANGE(-1000, 1000) },                                         \
    { .section = #net ".init", .key = "norm_std", .type = CLG_KEY_F32,                         \
      FIELD(net.init.norm_std), RANGE(0, 1000) },                                              \
    { .section = #net ".init", .key = "bias_zero", .type = CLG_KEY_BOOL,                       \
      FIELD(net.init.bias_zero) }

#define ADAM_KEYS(opt)                                                                         \
    { .section = #opt, .key = "lr", .type = CLG_KEY_F32, FIELD(opt.lr), RANGE(0, 1e6) },       \
    { .section = #opt, .key = "beta1", .type = CLG_KEY_F32, FIELD(opt.beta1), RANGE(0, 1),     \
      .below_max = true },                                                                     \
    { .section = #opt, .key = "beta2", .type = CLG_KEY_F32, FIELD(opt.beta2), RANGE(0, 1),     \
      .below_max = true },                                                                     \
    { .section = #opt, .key = "eps", .type = CLG_KEY_F32, FIELD(opt.eps), RANGE(1e-30, 1) }

#define TRAIN_U32(name, lo, hi)                                                                \
    { .section = "train", .key = #name, .type = CLG_KEY_U32, FIELD(train.name), RANGE(lo, hi) }
#define TRAIN_U64(name, lo, hi)                                                                \
    { .section = "train", .key = #name, .type = CLG_KEY_U64, FIELD(train.name), RANGE(lo, hi) }

const clg_config_key clg__config_keys[] = {
    { .section = "model", .key = "name", .type = CLG_KEY_NAME, FIELD(model.name) },
    { .section = "model", .key = "summary", .type = CLG_KEY_TEXT, FIELD(model.summary) },

    { .section = "latent", .key = "size", .type = CLG_KEY_U32, FIELD(latent.size),
      RANGE(1, 65536) },
    { .section = "latent", .key = "kind", .type = CLG_KEY_ENUM, FIELD(latent.kind),
      WORDS(latent_words) },
    { .section = "latent", .key = "lo", .type = CLG_KEY_F32, FIELD(latent.lo), RANGE(-1e6, 1e6) },
    { .section = "latent", .key = "hi", .type = CLG_KEY_F32, FIELD(latent.hi), RANGE(-1e6, 1e6) },

    NET_KEYS(generator),
    NET_KEYS(discriminator),

    { .section = "loss", .key = "objective", .type = CLG_KEY_ENUM, FIELD(loss.objective),
      WORDS(objective_words) },
    { .section = "order", .key = "kind", .type = CLG_KEY_ENUM, FIELD(order.kind),
      WORDS(order_words) },
    ADAM_KEYS(optimizer_g),
    ADAM_KEYS(optimizer_d),

    { .section = "data", .key = "source", .type = CLG_KEY_TEXT, FIELD(data.source) },
    { .section = "data", .key = "size", .type = CLG_KEY_U32, FIELD(data.size), RANGE(0, 4096) },
    { .section = "data", .key = "channels", .type = CLG_KEY_U32, FIELD(data.channels),
      RANGE(0, 3) },
    { .section = "data", .key = "hflip", .type = CLG_KEY_BOOL, FIELD(data.hflip) },

    TRAIN_U32(batch, 1, 65536),
    TRAIN_U32(epochs, 1, 1e6),
    TRAIN_U64(steps, 0, 1e12),
    TRAIN_U64(seed, 0, 0x1p64),
    TRAIN_U32(log_every, 1, 1e9),
    TRAIN_U32(grid_every, 1, 1e9),
    TRAIN_U32(grid_rows, 1, 64),
    TRAIN_U32(grid_cols, 1, 64),
    TRAIN_U32(checkpoint_minutes, 0, 1e6),
    TRAIN_U32(keep, 1, 1e6),
    TRAIN_U64(keep_every, 0, 1e12),

    { .section = "runtime", .key = "gemm", .type = CLG_KEY_ENUM, FIELD(runtime.gemm),
      WORDS(gemm_words) },
    { .section = "runtime", .key = "kernels", .type = CLG_KEY_ENUM, FIELD(runtime.kernels),
      WORDS(family_words) },
    { .section = "runtime", .key = "tune", .type = CLG_KEY_BOOL, FIELD(runtime.tune) },

    { .section = "layer", .key = "op", .type = CLG_KEY_ENUM, LAYER_FIELD(op), WORDS(op_words) },
    { .section = "layer", .key = "out", .type = CLG_KEY_DIM, LAYER_FIELD(out), WORDS(out_words),
      RANGE(1, 16777216) },
    { .section = "layer", .key = "kernel", .type = CLG_KEY_DIM, LAYER_FIELD(kernel),
      WORDS(kernel_words), RANGE(1, 7) },
    { .section = "layer", .key = "stride", .type = CLG_KEY_U32, LAYER_FIELD(stride), RANGE(1, 4) },
    { .section = "layer", .key = "pad", .type = CLG_KEY_U32, LAYER_FIELD(pad), RANGE(0, 64) },
    { .section = "layer", .key = "out_pad", .type = CLG_KEY_U32, LAYER_FIELD(out_pad),
      RANGE(0, 3) },
    { .section = "layer", .key = "bias", .type = CLG_KEY_BOOL, LAYER_FIELD(bias) },
    { .section = "layer", .key = "norm", .type = CLG_KEY_ENUM, LAYER_FIELD(norm),
      WORDS(norm_words) },
    { .section = "layer", .key = "act", .type = CLG_KEY_ENUM, LAYER_FIELD(act), WORDS(act_words) },
    { .section = "layer", .key = "slope", .type = CLG_KEY_F32, LAYER_FIELD(slope), RANGE(0, 1) },
    { .section = "layer", .key = "repeat", .type = CLG_KEY_BOOL, LAYER_FIELD(repeat_stages),
      WORDS(repeat_words) },
    { .section = "layer", .key = "name", .type = CLG_KEY_NAME, LAYER_FIELD(name) },
};
const size_t clg__config_key_count = sizeof clg__config_keys / sizeof clg__config_keys[0];
_Static_assert(sizeof clg__config_keys / sizeof clg__config_keys[0] <= CLG_CONFIG_KEYS_MAX,
               "seen flags have a fixed size");

const char *const clg__config_sections[] = { "model",       "latent",      "generator",
                                             "discriminator", "loss",      "order",
                                             "optimizer_g", "optimizer_d", "data",
                                             "train",       "runtime",     NULL };

clg_shown clg__config_shown(const char *text)
{
    clg_shown shown;
    size_t n = 0;
    while (text[n] != '\0' && n < 47) {
        unsigned char c = (unsigned char)text[n];
        shown.text[n++] = (char)(c < 0x20 || c == 0x7f ? '?' : c);
    }
    shown.text[n] = '\0';
    if (text[n] != '\0') {
        memcpy(shown.text + n, "...", 4);
    }
    return shown;
}

/* ---- look-up and hints ---- */

const clg_config_key *clg__config_key_find(const char *section, const char *key)
{
    for (size_t i = 0; i < clg__config_key_count; i++) {
        if (strcmp(clg__config_keys[i].section, section) == 0 &&
            strcmp(clg__config_keys[i].key, key) == 0) {
            return &clg__config_keys[i];
        }
    }
    return NULL;
}

bool clg__config_section_known(const char *section)
{
    for (size_t i = 0; clg__config_sections[i] != NULL; i++) {
        if (strcmp(clg__config_sections[i], section) == 0) {
            return true;
        }
    }
    return false;
}

/* Appends to a fixed buffer; what does not fit is cut (hints only). */
static void append(char *dst, size_t cap, const char *text)
{
    size_t used = strlen(dst);
    (void)snprintf(dst + used, cap - used, "%s", text);
}

void clg__config_key_unknown(const char *section, const char *key, clg_config_fault *fault)
{
    const char *names[CLG_CONFIG_KEYS_MAX];
    size_t n = 0;
    const char *other_section = NULL;
    for (size_t i = 0; i < clg__config_key_count; i++) {
        const clg_config_key *row = &clg__config_keys[i];
        if (strcmp(row->section, section) == 0) {
            names[n++] = row->key;
        } else if (other_section == NULL && strcmp(row->key, key) == 0) {
            other_section = row->section;
        }
    }
    bool is_net = strcmp(section, "generator") == 0 || strcmp(section, "discriminator") == 0;
    if (is_net) {
        names[n++] = "init";
        names[n++] = "layers";
    }
    (void)snprintf(fault->what, sizeof fault->what, "unknown key '%s' in %s%s",
                   clg__config_shown(key).text, strcmp(section, "layer") == 0 ? "a " : "", section);
    fault->hint[0] = '\0';
    const char *near = clg__nearest(key, names, n);
    if (near != NULL) {
        (void)snprintf(fault->hint, sizeof fault->hint, "did you mean '%s'? ", near);
    } else if (other_section != NULL) {
        (void)snprintf(fault->hint, sizeof fault->hint, "'%s' is a key of %s; ", key,
                       other_section);
    }
    append(fault->hint, sizeof fault->hint, "keys of ");
    append(fault->hint, sizeof fault->hint, strcmp(section, "layer") == 0 ? "a layer" : section);
    append(fault->hint, sizeof fault->hint, ":");
    for (size_t i = 0; i < n; i++) {
        append(fault->hint, sizeof fault->hint, " ");
        append(fault->hint, sizeof fault->hint, names[i]);
    }
}

void clg__config_section_unknown(const char *section, clg_config_fault *fault)
{
    size_t n = 0;
    while (clg__config_sections[n] != NULL) {
        n++;
    }
    (void)snprintf(fault->what, sizeof fault->what, "unknown section '%s'",
                   clg__config_shown(section).text);
    fault->hint[0] = '\0';
    const char *near = clg__nearest(section, clg__config_sections, n);
    if (near != NULL) {
        (void)snprintf(fault->hint, sizeof fault->hint, "did you mean '%s'? ", near);
    }
    append(fault->hint, sizeof fault->hint, "sections:");
    for (size_t i = 0; i < n; i++) {
        append(fault->hint, sizeof fault->hint, " ");
        append(fault->hint, sizeof fault->hint, clg__config_sections[i]);
    }
}

/* ---- text ---- */

/* Decodes one UTF-8 sequence; 0 if it is none (overlong, surrogate, cut). *code gets the value. */
static size_t decode_utf8(const unsigned char *s, uint32_t *code)
{
    size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
               : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
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
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '-' || c == '.';
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
    static const char *const special[] = { "true", "false", "yes", "no",  "on",
                                           "off",  "null",  "y",   "n", NULL };
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
    } else {
        (void)snprintf(range, sizeof range, "from %.9g to %.9g", key->min, key->max);
    }
    say_key(key, fault);
    append(fault->what, sizeof fault->what, whole ? " wants a whole number " : " wants a number ");
    append(fault->what, sizeof fault->what, range);
    if (key->type == CLG_KEY_DIM) {
        for (uint32_t i = 0; i < key->word_count; i++) {
            if (key->words[i][0] != '\0') {
                append(fault->what, sizeof fault->what, " or '");
                append(fault->what, sizeof fault->what, key->words[i]);
                append(fault->what, sizeof fault->what, "'");
            }
        }
    }
    append(fault->what, sizeof fault->what, ", not '");
    append(fault->what, sizeof fault->what, clg__config_shown(text).text);
    append(fault->what, sizeof fault->what, "'");
    (void)snprintf(fault->hint, sizeof fault->hint, "write a number %s", range);
    const char *near = key->type == CLG_KEY_DIM ? clg__nearest(text, key->words, key->word_count)
                                                : NULL;
    if (near != NULL && near[0] != '\0') {
        (void)snprintf(fault->hint, sizeof fault->hint, "did you mean '%s'?", near);
    }
    return false;
}

static bool fail_word(const clg_config_key *key, const char *text, const char *const *words,
                      uint32_t n, clg_config_fault *fault)
{
    say_key(key, fault);
    append(fault->what, sizeof fault->what, " wants ");
    for (uint32_t i = 0; i < n; i++) {
        append(fault->what, sizeof fault->what, i == 0 ? "'" : i + 1 == n ? " or '" : ", '");
        append(fault->what, sizeof fault->what, words[i]);
        append(fault->what, sizeof fault->what, "'");
    }
    append(fault->what, sizeof fault->what, ", not '");
    append(fault->what, sizeof fault->what, clg__config_shown(text).text);
    append(fault->what, sizeof fault->what, "'");
    const char *near = clg__nearest(text, words, n);
    (void)snprintf(fault->hint, sizeof fault->hint,
                   near != NULL ? "did you mean '%s'?" : "use '%s'",
                   near != NULL ? near : words[0]);
    return false;
}

static bool in_range(const clg_config_key *key, double v)
{
    return v >= key->min && (key->below_max ? v < key->max : v <= key->max);
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
        (key->below_max && (double)(float)v >= key->max)) {
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
        append(fault->what, sizeof fault->what, " ");
        append(fault->what, sizeof fault->what, why);
        append(fault->what, sizeof fault->what, ": '");
        append(fault->what, sizeof fault->what, clg__config_shown(text).text);
        append(fault->what, sizeof fault->what, "'");
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
