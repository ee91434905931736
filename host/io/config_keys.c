/* The one table of model file keys, looking them up and hints for those that do not exist. Not
 * here: reading and writing of single values (config_values.c), YAML (config_parse.c), defaults and
 * whole files (config.c). */
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
static const char *const init_words[] = { "torch", "normal", "uniform", "constant" };
static const char *const latent_words[] = { "normal", "uniform", "spherical" };
static const char *const gemm_words[] = { "auto", "clblast", "builtin" };
static const char *const conv_words[] = { "auto", "direct", "winograd2", "winograd4" };
static const char *const family_words[] = { "auto", "cpu", "gpu" };
static const char *const repeat_words[] = { "none", "stages" };
static const char *const optimizer_words[] = { "adam", "sgd" };
static const char *const precision_words[] = { "fp32", "fp16", "bf16" };
static const char *const memory_words[] = { "small", "fast" };
static const char *const math_words[] = { "fp32", "tf32" };
static const char *const range_words[] = { "symmetric", "unit" };
static const char *const collapse_words[] = { "warn", "stop", "rollback" };
static const char *const bias_words[] = { "default", "zero", "constant", "data-logit" };
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

#define OPTIM_KEY(opt, name, kind, ...)                                                        \
    { .section = #opt, .key = #name, .type = kind, FIELD(opt.name), __VA_ARGS__ }
#define OPTIM_F32(opt, name, ...) OPTIM_KEY(opt, name, CLG_KEY_F32, __VA_ARGS__)
#define OPTIM_KEYS(opt)                                                                        \
    OPTIM_KEY(opt, kind, CLG_KEY_ENUM, WORDS(optimizer_words)),                                \
    OPTIM_F32(opt, lr, RANGE(0, 1e6)),                                                         \
    OPTIM_F32(opt, beta1, RANGE(0, 1), .below_max = true),                                     \
    OPTIM_F32(opt, beta2, RANGE(0, 1), .below_max = true),                                     \
    OPTIM_F32(opt, eps, RANGE(1e-30, 1)),                                                      \
    OPTIM_F32(opt, momentum, RANGE(0, 1), .below_max = true),                                  \
    OPTIM_F32(opt, momentum_end, RANGE(0, 1), .below_max = true),                              \
    OPTIM_KEY(opt, momentum_epochs, CLG_KEY_U32, RANGE(0, 1e6)),                               \
    OPTIM_F32(opt, lr_divisor, RANGE(1, 1000)),                                                \
    OPTIM_F32(opt, lr_floor, RANGE(0, 1e6)),                                                   \
    OPTIM_F32(opt, weight_decay, RANGE(0, 1000)),                                              \
    OPTIM_F32(opt, clip, RANGE(0, 1e6))

#define LOSS_F32(name, lo, hi)                                                                 \
    { .section = "loss", .key = #name, .type = CLG_KEY_F32, FIELD(loss.name), RANGE(lo, hi) }
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
    { .section = "discriminator", .key = "packing", .type = CLG_KEY_U32,
      FIELD(discriminator.packing), RANGE(1, 64) },

    { .section = "loss", .key = "objective", .type = CLG_KEY_ENUM, FIELD(loss.objective),
      WORDS(objective_words) },
    LOSS_F32(weight_real, 0, 1e6),
    LOSS_F32(weight_fake, 0, 1e6),
    LOSS_F32(weight_g, 0, 1e6),
    LOSS_F32(wrong_label_weight, 0, 1),
    LOSS_F32(real_target, 0, 1),
    LOSS_F32(input_noise, 0, 1000),
    { .section = "order", .key = "kind", .type = CLG_KEY_ENUM, FIELD(order.kind),
      WORDS(order_words) },
    { .section = "order", .key = "d_steps", .type = CLG_KEY_U32, FIELD(order.d_steps),
      RANGE(1, 1e6) },
    { .section = "order", .key = "g_start_epoch", .type = CLG_KEY_U32,
      FIELD(order.g_start_epoch), RANGE(0, 1e6) },
    OPTIM_KEYS(optimizer_g),
    OPTIM_KEYS(optimizer_d),

    { .section = "data", .key = "source", .type = CLG_KEY_TEXT, FIELD(data.source) },
    { .section = "data", .key = "size", .type = CLG_KEY_U32, FIELD(data.size), RANGE(0, 4096) },
    { .section = "data", .key = "channels", .type = CLG_KEY_U32, FIELD(data.channels),
      RANGE(0, 3) },
    { .section = "data", .key = "hflip", .type = CLG_KEY_BOOL, FIELD(data.hflip) },
    { .section = "data", .key = "range", .type = CLG_KEY_ENUM, FIELD(data.range),
      WORDS(range_words) },
    { .section = "data", .key = "rows", .type = CLG_KEY_U32, FIELD(data.rows), RANGE(1, 1e9) },
    { .section = "data", .key = "holdout", .type = CLG_KEY_U32, FIELD(data.holdout),
      RANGE(0, 1e9) },

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
    TRAIN_U32(monitor_every, 0, 1e6),
    { .section = "train", .key = "on_collapse", .type = CLG_KEY_ENUM, FIELD(train.on_collapse),
      WORDS(collapse_words) },

    { .section = "runtime", .key = "gemm", .type = CLG_KEY_ENUM, FIELD(runtime.gemm),
      WORDS(gemm_words) },
    { .section = "runtime", .key = "kernels", .type = CLG_KEY_ENUM, FIELD(runtime.kernels),
      WORDS(family_words) },
    { .section = "runtime", .key = "tune", .type = CLG_KEY_BOOL, FIELD(runtime.tune) },
    { .section = "runtime", .key = "fuse", .type = CLG_KEY_BOOL, FIELD(runtime.fuse) },
    { .section = "runtime", .key = "conv", .type = CLG_KEY_ENUM, FIELD(runtime.conv),
      WORDS(conv_words) },
    { .section = "runtime", .key = "precision", .type = CLG_KEY_ENUM, FIELD(runtime.precision),
      WORDS(precision_words) },
    { .section = "runtime", .key = "math", .type = CLG_KEY_ENUM, FIELD(runtime.math),
      WORDS(math_words) },
    { .section = "runtime", .key = "memory", .type = CLG_KEY_ENUM, FIELD(runtime.memory),
      WORDS(memory_words) },

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
    { .section = "layer", .key = "pieces", .type = CLG_KEY_U32, LAYER_FIELD(pieces),
      RANGE(2, 64) },
    { .section = "layer", .key = "scale", .type = CLG_KEY_U32, LAYER_FIELD(scale), RANGE(2, 64) },
    { .section = "layer", .key = "keep", .type = CLG_KEY_F32, LAYER_FIELD(keep), RANGE(0, 1),
      .above_min = true },
    { .section = "layer", .key = "bias_init", .type = CLG_KEY_ENUM, LAYER_FIELD(bias_init),
      WORDS(bias_words) },
    { .section = "layer", .key = "bias_value", .type = CLG_KEY_F32, LAYER_FIELD(bias_value),
      RANGE(-1e6, 1e6) },
    { .section = "layer", .key = "name", .type = CLG_KEY_NAME, LAYER_FIELD(name) },
    { .section = "layer", .key = "id", .type = CLG_KEY_NAME, LAYER_FIELD(id) },
    { .section = "layer", .key = "from", .type = CLG_KEY_NAME, LAYER_FIELD(from) },
    { .section = "layer", .key = "with", .type = CLG_KEY_NAME, LAYER_FIELD(with) },
    { .section = "layer", .key = "head", .type = CLG_KEY_NAME, LAYER_FIELD(head) },
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

void clg__config_append(char *dst, size_t cap, const char *text)
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
    clg__config_append(fault->hint, sizeof fault->hint, "keys of ");
    clg__config_append(fault->hint, sizeof fault->hint, strcmp(section, "layer") == 0 ? "a layer" : section);
    clg__config_append(fault->hint, sizeof fault->hint, ":");
    for (size_t i = 0; i < n; i++) {
        clg__config_append(fault->hint, sizeof fault->hint, " ");
        clg__config_append(fault->hint, sizeof fault->hint, names[i]);
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
    clg__config_append(fault->hint, sizeof fault->hint, "sections:");
    for (size_t i = 0; i < n; i++) {
        clg__config_append(fault->hint, sizeof fault->hint, " ");
        clg__config_append(fault->hint, sizeof fault->hint, clg__config_sections[i]);
    }
}
