/* The key table of model files, shared by parser, --set and writer. Inside io only. */
#ifndef CLG_IO_CONFIG_INTERNAL_H
#define CLG_IO_CONFIG_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/model.h"
#include "base/str.h"

enum { CLG_CONFIG_KEYS_MAX = 128, CLG_CONFIG_FILE_MAX = 1 << 20 };

enum clg_config_type {
    CLG_KEY_TEXT, /* free text without control characters, UTF-8 */
    CLG_KEY_NAME, /* letters, digits, . _ - ; may become a file or tensor name */
    CLG_KEY_U32,
    CLG_KEY_U64,
    CLG_KEY_F32,
    CLG_KEY_BOOL, /* words (false, true) if given, else true/false/on/off/yes/no */
    CLG_KEY_ENUM, /* one of words */
    CLG_KEY_DIM   /* a number, or one of words: clg_dim_kind 1, 2, ... ; "" = not allowed here */
};

/* One key. `section` is "train", "generator.init", ..., or "layer" for the keys of one entry of
 * `layers`, whose offset counts from clg_layer_desc instead of clg_model_desc. */
typedef struct clg_config_key {
    const char *section, *key;
    enum clg_config_type type;
    size_t offset, size; /* size: bytes of the field */
    const char *const *words;
    uint32_t word_count;
    double min, max; /* numbers, both inclusive ... */
    bool below_max;  /* ... but max itself is not allowed */
    bool above_min;  /* ... but min itself is not allowed */
} clg_config_key;

extern const clg_config_key clg__config_keys[];
extern const size_t clg__config_key_count;
extern const char *const clg__config_sections[]; /* top-level, in file order, NULL-ended */

/* Text of a fault without its place; the caller knows the place and the status. */
typedef struct clg_config_fault {
    char what[400], hint[400];
} clg_config_fault;

const clg_config_key *clg__config_key_find(const char *section, const char *key); /* NULL */
/* Message and hint (nearest key, all keys of the section) for a key that does not exist. */
void clg__config_key_unknown(const char *section, const char *key, clg_config_fault *fault);
void clg__config_section_unknown(const char *section, clg_config_fault *fault);
bool clg__config_section_known(const char *section); /* top-level ones */

/* Sets the field of `key` below `base` from text; false with *fault filled, field unchanged.
 * `quoted`: the text stood in quotes, so it is no number. */
bool clg__config_value_set(const clg_config_key *key, void *base, const char *text, bool quoted,
                           clg_config_fault *fault);
/* Appends the value as YAML. false when it cannot be written (text that is no UTF-8). */
bool clg__config_value_add(const clg_config_key *key, const void *base, clg_str *out);

/* Appends to a fixed buffer; what does not fit is cut (faults and hints only). */
void clg__config_append(char *dst, size_t cap, const char *text);

/* Printable copy of untrusted text for messages: at most 47 bytes, control bytes become '?'. */
typedef struct clg_shown {
    char text[52];
} clg_shown;
clg_shown clg__config_shown(const char *text);

/* What the key table cannot say. `place`: "generator layer 2: "; seen: which keys of the table were
 * given. CLG_E_MODEL with file and line. */
int clg__config_check_layer(const char *file, const char *place, const clg_layer_desc *layer,
                            const bool *seen);
bool clg__config_layer_needs(enum clg_layer_op op, const char *key);
/* Names of layers: each id once; from and with name layers above; heads; nothing is made for nobody.
 * section: "generator" or "discriminator". */
int clg__config_check_net(const char *file, const char *section, const clg_net_desc *net);

void clg__config_layer_defaults(clg_layer_desc *layer);
bool clg__config_is_utf8(const char *text);

#endif
