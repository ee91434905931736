/* Models by name: presets in the binary, files on disk, and their description as text. Not here:
 * expansion to concrete nets and the shape checks (model_expand.c). */
#include "gan/model.h"

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

static void describe_layer(text_out *t, const clg_layer *l)
{
    char in[48];
    char to[48];
    char op[48];
    char number[32];
    uint64_t parameters = (uint64_t)l->in_c * l->out_c;
    if (l->op == CLG_LAYER_LINEAR) {
        (void)snprintf(op, sizeof op, "linear");
    } else {
        int n = snprintf(op, sizeof op, "%s %ux%u s%u p%u",
                         l->op == CLG_LAYER_CONV2D ? "conv2d" : "deconv2d", l->kernel, l->kernel,
                         l->stride, l->pad);
        if (l->out_pad != 0 && n > 0) {
            (void)snprintf(op + n, sizeof op - (size_t)n, " +%u", l->out_pad);
        }
        parameters *= (uint64_t)l->kernel * l->kernel;
    }
    parameters += (l->bias ? l->out_c : 0u) + (l->norm == CLG_NORM_BATCH ? 2ull * l->out_c : 0u);
    put(t, "  %-10s %-18s %14s -> %-14s %-4s %-10s %-7s %12s\n", l->name, op,
        show_shape(in, l->in_h, l->in_w, l->in_c), show_shape(to, l->out_h, l->out_w, l->out_c),
        l->bias ? "bias" : "", l->norm == CLG_NORM_BATCH ? "batch-norm" : "",
        l->act == CLG_ACT_NONE ? "" : clg__act_name(l->act), group_digits(number, parameters));
}

static void describe_net(text_out *t, const char *what, const clg_net_plan *net)
{
    char in[48];
    char to[48];
    char number[32];
    put(t, "%s %s -> %s, %s parameters\n", what, show_shape(in, net->in_h, net->in_w, net->in_c),
        show_shape(to, net->out_h, net->out_w, net->out_c), group_digits(number, net->parameters));
    for (uint32_t i = 0; i < net->layer_count; i++) {
        describe_layer(t, &net->layer[i]);
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
