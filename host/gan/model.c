/* Models by name: presets in the binary, files on disk, and their description as text. Not here:
 * expansion to concrete nets and the shape checks (model_expand.c, model_layer.c). */
#include "gan/model_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/str.h"
#include "io/config.h"

enum { PRESETS_MAX = 64 };

const clg_preset *clg__preset_find(const char *name)
{
    for (const clg_preset *p = clg__presets; p->name != NULL; p++) {
        if (strcmp(p->name, name) == 0) {
            return p;
        }
    }
    return NULL;
}

static int fail_unknown(const char *name)
{
    const char *names[PRESETS_MAX];
    size_t n = 0;
    while (n < PRESETS_MAX && clg__presets[n].name != NULL) {
        names[n] = clg__presets[n].name;
        n++;
    }
    const char *near = clg__nearest(name, names, n);
    int status = clg__fail(CLG_E_USAGE, "unknown model '%.100s'", name);
    if (near != NULL) {
        return clg__hint(status, "did you mean '%s'? `clgan models list` shows all", near);
    }
    return clg__hint(status, "`clgan models list` shows all; a file of your own ends in .yaml");
}

int clg__model_load(const char *name_or_path, clg_model_desc *out)
{
    const clg_preset *preset = clg__preset_find(name_or_path);
    if (preset != NULL) {
        char name[2 * CLG_NAME_MAX];
        (void)snprintf(name, sizeof name, "preset %s", preset->name);
        return clg__config_parse(preset->text, preset->size, name, out);
    }
    bool is_path = clg__ends_with(name_or_path, ".yaml") || clg__ends_with(name_or_path, ".yml") ||
                   strchr(name_or_path, '/') != NULL || clg__os_stat(name_or_path).is_file;
    if (!is_path) {
        return fail_unknown(name_or_path);
    }
    return clg__config_load(name_or_path, out);
}

clg_data_shape clg__model_data_shape(const clg_model_desc *desc)
{
    static const struct {
        const char *name;
        clg_data_shape shape;
    } known[] = { { "", { 28, 1, 10, CLG_SYSTEM_NONE } },
                  { "mnist", { 28, 1, 10, CLG_SYSTEM_NONE } },
                  { "fashion-mnist", { 28, 1, 10, CLG_SYSTEM_NONE } },
                  { "cifar10", { 32, 3, 10, CLG_SYSTEM_NONE } } };
    clg_data_shape shape = { 64, 3, 10, clg__system_find(desc->data.source) };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].name, desc->data.source) == 0) {
            shape = known[i].shape;
        }
    }
    shape.size = desc->data.size != 0 ? desc->data.size : shape.size;
    shape.channels = desc->data.channels != 0 ? desc->data.channels : shape.channels;
    return shape;
}

/* ---- description ---- */

typedef struct text_out {
    char *text;
    size_t cap, len;
} text_out;

static void put(text_out *t, const char *fmt, ...) CLG_PRINTF(2, 3);
static void put(text_out *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    size_t left = t->len < t->cap ? t->cap - t->len : 0;
    int n = vsnprintf(left != 0 ? t->text + t->len : NULL, left, fmt, ap);
    va_end(ap);
    t->len += n > 0 ? (size_t)n : 0;
}

/* "2,765,568" */
static const char *group_digits(char dst[32], uint64_t v)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)v);
    int m = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0) {
            dst[m++] = ',';
        }
        dst[m++] = digits[i];
    }
    dst[m] = '\0';
    return dst;
}

static const char *show_shape(char dst[48], uint32_t h, uint32_t w, uint32_t c)
{
    if (h == 1 && w == 1) {
        (void)snprintf(dst, 48, "[%u]", c);
    } else {
        (void)snprintf(dst, 48, "[%u,%u,%u]", h, w, c);
    }
    return dst;
}

/* "conv2d 4x4 s2 p1", "maxout 5", "dropout 0.5" */
static void show_op(char dst[48], const clg_layer *l)
{
    const char *op = clg__model_op_name(l->op);
    switch (l->op) {
    case CLG_LAYER_CONV2D:
    case CLG_LAYER_DECONV2D: {
        int n = snprintf(dst, 48, "%s %ux%u s%u p%u", op, l->kernel, l->kernel, l->stride, l->pad);
        if (l->out_pad != 0 && n > 0) {
            (void)snprintf(dst + n, 48 - (size_t)n, " +%u", l->out_pad);
        }
        break;
    }
    case CLG_LAYER_MAXOUT:
        (void)snprintf(dst, 48, "%s %u", op, l->pieces);
        break;
    case CLG_LAYER_DROPOUT:
        (void)snprintf(dst, 48, "%s keep %g", op, (double)l->keep);
        break;
    case CLG_LAYER_UPSAMPLE:
    case CLG_LAYER_AVGPOOL:
        (void)snprintf(dst, 48, "%s %u", op, l->scale);
        break;
    default:
        (void)snprintf(dst, 48, "%s", op);
    }
}

/* Inputs other than the layer before, and heads: "from main.3", "with label". */
static void show_links(text_out *t, const clg_net_plan *net, uint32_t i)
{
    const clg_layer *l = &net->layer[i];
    const struct {
        const char *word;
        int32_t source;
    } link[] = { { "from", l->from }, { "with", l->with } };
    for (int j = 0; j < 2; j++) {
        int32_t s = link[j].source;
        if (s == CLG_FROM_NONE || (j == 0 && s == (int32_t)i - 1)) {
            continue;
        }
        put(t, " %s %s", link[j].word,
            s == CLG_FROM_INPUT   ? "input"
            : s == CLG_FROM_LABEL ? "label"
                                  : net->layer[s].name);
    }
    for (uint32_t h = 0; net->head_count > 1 && h < net->head_count; h++) {
        put(t, net->head[h] == i ? h == 0 ? " head realness" : " head match" : "");
    }
}

static void describe_layer(text_out *t, const clg_net_plan *net, uint32_t i)
{
    const clg_layer *l = &net->layer[i];
    char in[48];
    char to[48];
    char op[48];
    char number[32];
    show_op(op, l);
    put(t, "  %-11s %-18s %14s -> %-14s %-4s %-10s %-7s %12s", l->name, op,
        show_shape(in, l->in_h, l->in_w, l->in_c), show_shape(to, l->out_h, l->out_w, l->out_c),
        l->bias ? "bias" : "", l->norm == CLG_NORM_BATCH ? "batch-norm" : "",
        l->act == CLG_ACT_NONE ? "" : clg__act_name(l->act),
        group_digits(number, clg__model_layer_parameters(l)));
    show_links(t, net, i);
    put(t, "\n");
}

static void describe_net(text_out *t, const char *what, const clg_net_plan *net)
{
    char in[48];
    char to[48];
    char number[32];
    put(t, "%s %s -> %s, %s parameters\n", what, show_shape(in, net->in_h, net->in_w, net->in_c),
        show_shape(to, net->out_h, net->out_w, net->out_c), group_digits(number, net->parameters));
    for (uint32_t i = 0; i < net->layer_count; i++) {
        describe_layer(t, net, i);
    }
}

int clg__model_describe(const clg_model_plan *plan, char *text, size_t cap)
{
    text_out t = { .text = text, .cap = cap };
    describe_net(&t, "generator", &plan->g);
    describe_net(&t, "discriminator", &plan->d);
    if (t.len >= cap) {
        return clg__fail(CLG_E_INTERNAL, "model description needs %zu bytes, there are %zu",
                         t.len + 1, cap);
    }
    return CLG_OK;
}
