/* One layer of a description to concrete layers: words resolved from the data's shape, inputs found
 * by their names, shapes computed and checked, modules named as PyTorch's Sequential counts. Not
 * here: whole nets (model_expand.c). */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "gan/model_internal.h"

enum { BASE_MIN = 4, BASE_MAX = 7 };

#define CLG_X(id, text) [id] = text,
static const char *const op_names[CLG_LAYER_COUNT] = { CLG_LAYER_LIST(CLG_X) };
#undef CLG_X

const char *clg__model_op_name(enum clg_layer_op op)
{
    return op_names[op];
}

int clg__model_at_layer(int status, const clg_net_walk *k, const clg_layer_desc *d,
                        const char *module, uint32_t number)
{
    char line[32] = "";
    if (d->line != 0) {
        (void)snprintf(line, sizeof line, ", line %u", d->line);
    }
    return clg__context(status, "%s layer %u (%s%s)", k->what, number, module, line);
}

/* ---- words to numbers ---- */

bool clg__model_split_size(uint32_t size, uint32_t *m, uint32_t *s)
{
    /* Unique, since doubling m leaves the range. */
    uint32_t stages = 0;
    while (size > BASE_MAX && size % 2 == 0) {
        size /= 2;
        stages++;
    }
    *m = size;
    *s = stages;
    return size >= BASE_MIN && size <= BASE_MAX && stages >= 1;
}

static int fail_size(const clg_net_walk *k, const char *word)
{
    uint32_t m = 0;
    uint32_t s = 0;
    uint32_t below = k->model->size;
    uint32_t above = k->model->size;
    if (k->model->size == 0) {
        return clg__hint(clg__fail(CLG_E_MODEL,
                                   "'%s' needs images, the data are vectors of %u "
                                   "values",
                                   word, k->model->c),
                         "write numbers, or give --data with images");
    }
    while (below > 0 && !clg__model_split_size(below, &m, &s)) {
        below--;
    }
    while (above < 2 * CLG_IMAGE_SIDE_MAX && !clg__model_split_size(above, &m, &s)) {
        above++;
    }
    int status = clg__fail(CLG_E_MODEL,
                           "an image size of %u is not m * 2^s with m = 4..7 and s >= 1, which "
                           "'%s' needs",
                           k->model->size, word);
    if (below == 0) {
        return clg__hint(status, "the nearest size that works is %u", above);
    }
    return clg__hint(status, "the nearest sizes that work are %u and %u", below, above);
}

static uint32_t stage_width(const clg_net_walk *k, uint32_t i)
{
    uint32_t doublings = k->is_generator ? k->stages - 1 - i : i;
    return k->desc->width * (doublings < 3 ? 1u << doublings : 8u);
}

static int resolve_stage(clg_net_walk *k, uint32_t *out)
{
    if (k->base == 0) {
        return fail_size(k, "out: stage");
    }
    if (k->stage == k->stages) {
        return clg__hint(clg__fail(CLG_E_MODEL, "all %u stage widths of size %u are used up",
                                   k->stages, k->model->size),
                         "size %u = %u * 2^%u has %u of them; use a number here, or put "
                         "`repeat: stages` on the last layer with `out: stage`",
                         k->model->size, k->base, k->stages, k->stages);
    }
    *out = stage_width(k, k->stage++);
    return CLG_OK;
}

static int resolve(clg_net_walk *k, const clg_dim *dim, uint32_t *out)
{
    switch (dim->kind) {
    case CLG_DIM_NUMBER:
        *out = dim->number;
        return CLG_OK;
    case CLG_DIM_CHANNELS:
        *out = k->model->c;
        return CLG_OK;
    case CLG_DIM_PIXELS:
        *out = k->model->h * k->model->w * k->model->c;
        return CLG_OK;
    case CLG_DIM_LATENT:
        *out = k->latent;
        return CLG_OK;
    case CLG_DIM_BASE:
        *out = k->base;
        return k->base != 0 ? CLG_OK : fail_size(k, "kernel: base");
    case CLG_DIM_STAGE:
        return resolve_stage(k, out);
    }
    return clg__fail(CLG_E_INTERNAL, "unknown dimension word");
}

/* ---- inputs ---- */

/* The next free layer, zeroed; NULL with the fault stored when there is none. */
static clg_layer *next_layer(clg_net_walk *k)
{
    clg_net_plan *plan = k->plan;
    if (plan->layer_count == CLG_LAYERS_MAX) {
        (void)clg__fail(CLG_E_MODEL, "more than %d layers", CLG_LAYERS_MAX);
        return NULL;
    }
    clg_layer *l = &plan->layer[plan->layer_count];
    memset(l, 0, sizeof *l);
    l->from = (int32_t)plan->layer_count - 1;
    l->with = CLG_FROM_NONE;
    return l;
}

static void put_label_shape(const clg_net_walk *k, clg_layer *l)
{
    l->from = CLG_FROM_LABEL;
    l->in_h = l->in_w = l->out_h = l->out_w = 1;
    l->in_c = k->classes;
    k->plan->classes = k->classes;
}

/* The label as a vector: one layer for all that take it. */
static int find_onehot(clg_net_walk *k, int32_t *out)
{
    if (k->onehot == CLG_FROM_NONE) {
        clg_layer *l = next_layer(k);
        if (l == NULL) {
            return CLG_E_MODEL;
        }
        l->op = CLG_LAYER_ONEHOT;
        put_label_shape(k, l);
        l->out_c = k->classes;
        (void)snprintf(l->name, sizeof l->name, "%s%sonehot", k->desc->prefix,
                       k->desc->prefix[0] != '\0' ? "." : "");
        k->onehot = (int32_t)k->plan->layer_count++;
    }
    *out = k->onehot;
    return CLG_OK;
}

/* A layer's input by its name in the file; io has checked that the name is one of a layer above. */
static int find_input(clg_net_walk *k, uint32_t i, const char *name, int32_t *out)
{
    if (name[0] == '\0') {
        *out = i == 0 ? CLG_FROM_INPUT : k->made[i - 1];
        return CLG_OK;
    }
    if (strcmp(name, "input") == 0) {
        *out = CLG_FROM_INPUT;
        return CLG_OK;
    }
    if (strcmp(name, "label") == 0) {
        return find_onehot(k, out);
    }
    for (uint32_t j = 0; j < i; j++) {
        if (strcmp(name, k->desc->layer[j].id) == 0) {
            *out = k->made[j];
            return CLG_OK;
        }
    }
    return clg__fail(CLG_E_MODEL, "there is no layer '%s' above this one", name);
}

typedef struct shape {
    uint32_t h, w, c;
} shape;

static shape shape_of(const clg_net_walk *k, int32_t source)
{
    const clg_net_plan *plan = k->plan;
    if (source < 0) {
        return (shape){ plan->in_h, plan->in_w, plan->in_c };
    }
    const clg_layer *l = &plan->layer[source];
    return (shape){ l->out_h, l->out_w, l->out_c };
}

/* ---- shapes ---- */

static int shape_linear(clg_layer *l)
{
    uint64_t features = (uint64_t)l->in_h * l->in_w * l->in_c;
    if (features * l->out_c >> 32 != 0) {
        return clg__hint(clg__fail(CLG_E_MODEL,
                                   "linear: %llu inputs x %u outputs are 2^32 weights or more",
                                   (unsigned long long)features, l->out_c),
                         "take a smaller size or width, or convolutions");
    }
    if (l->in_h * l->in_w > 1 && l->in_c > 1) {
        l->image_in_h = l->in_h;
        l->image_in_w = l->in_w;
        l->image_in_c = l->in_c;
    }
    l->in_h = l->in_w = l->out_h = l->out_w = 1;
    l->in_c = (uint32_t)features;
    return CLG_OK;
}

static int shape_conv(clg_layer *l)
{
    clg_conv g = { .n = 1,
                   .h = l->in_h,
                   .w = l->in_w,
                   .c = l->in_c,
                   .k = l->out_c,
                   .r = l->kernel,
                   .s = l->kernel,
                   .stride = l->stride,
                   .pad = l->pad };
    int status = clg__conv_make(&g);
    if (status != CLG_OK) {
        uint32_t fits = l->in_h + 2 * l->pad;
        if (l->kernel > fits) {
            return clg__hint(status,
                             "its input is only %ux%u: remove a stride-2 layer before it, "
                             "take a larger image, or a kernel of at most %u",
                             l->in_h, l->in_w, fits);
        }
        return status;
    }
    l->out_h = g.p;
    l->out_w = g.q;
    return CLG_OK;
}

static int shape_deconv(clg_layer *l)
{
    clg_conv g = { .n = 1,
                   .p = l->in_h,
                   .q = l->in_w,
                   .k = l->in_c,
                   .c = l->out_c,
                   .r = l->kernel,
                   .s = l->kernel,
                   .stride = l->stride,
                   .pad = l->pad };
    int status = clg__deconv_make(&g, l->out_pad);
    if (status != CLG_OK && clg_hint()[0] == '\0') {
        (void)clg__hint(status, "output side = (input - 1) * stride - 2 * pad + kernel + out_pad");
    }
    if (status != CLG_OK) {
        return status;
    }
    l->out_h = g.h;
    l->out_w = g.w;
    return CLG_OK;
}

static int shape_concat(clg_layer *l, shape b)
{
    bool planes = b.h == 1 && b.w == 1;
    uint64_t channels = (uint64_t)l->in_c + b.c;
    if (!planes && (b.h != l->in_h || b.w != l->in_w)) {
        bool swapped = l->in_h == 1 && l->in_w == 1;
        return clg__hint(clg__fail(CLG_E_MODEL,
                                   "concat: [%u,%u,%u] and [%u,%u,%u] have different "
                                   "sides",
                                   l->in_h, l->in_w, l->in_c, b.h, b.w, b.c),
                         "%s",
                         swapped ? "exchange from and with: a 1x1 `with` becomes planes"
                                 : "join maps of one size, or a vector such as the label");
    }
    if ((uint64_t)l->in_h * l->in_w * channels >> 32 != 0) {
        return clg__fail(CLG_E_MODEL, "concat: %llu values per sample are 2^32 or more",
                         (unsigned long long)(l->in_h * (uint64_t)l->in_w * channels));
    }
    l->out_h = l->in_h;
    l->out_w = l->in_w;
    l->out_c = (uint32_t)channels;
    return CLG_OK;
}

static int shape_resize(clg_layer *l)
{
    uint32_t s = l->scale;
    l->out_c = l->in_c;
    if (l->op == CLG_LAYER_UPSAMPLE) {
        if ((uint64_t)l->in_h * s > CLG_IMAGE_SIDE_MAX ||
            (uint64_t)l->in_w * s > CLG_IMAGE_SIDE_MAX ||
            (uint64_t)l->in_h * s * l->in_w * s * l->in_c >> 32 != 0) {
            return clg__fail(CLG_E_MODEL,
                             "upsample: %ux%ux%u times %u is more than %d pixels per "
                             "side or 2^32 values",
                             l->in_h, l->in_w, l->in_c, s, CLG_IMAGE_SIDE_MAX);
        }
        l->out_h = l->in_h * s;
        l->out_w = l->in_w * s;
        return CLG_OK;
    }
    if (l->in_h % s != 0 || l->in_w % s != 0) {
        return clg__hint(clg__fail(CLG_E_MODEL, "avgpool: %ux%u is not a multiple of scale %u",
                                   l->in_h, l->in_w, s),
                         "take a scale that divides the side");
    }
    l->out_h = l->in_h / s;
    l->out_w = l->in_w / s;
    return CLG_OK;
}

/* Output shape of a layer whose input shape, and whose `with`, are known. */
static int shape_layer(clg_net_walk *k, const clg_layer_desc *d, clg_layer *l)
{
    int status = CLG_OK;
    switch (d->op) {
    case CLG_LAYER_LINEAR:
    case CLG_LAYER_MAXOUT:
        CLG_TRY(resolve(k, &d->out, &l->out_c));
        l->out_c *= d->op == CLG_LAYER_MAXOUT ? d->pieces : 1u;
        return shape_linear(l);
    case CLG_LAYER_CONV2D:
    case CLG_LAYER_DECONV2D:
        CLG_TRY(resolve(k, &d->out, &l->out_c));
        CLG_TRY(resolve(k, &d->kernel, &l->kernel));
        return d->op == CLG_LAYER_CONV2D ? shape_conv(l) : shape_deconv(l);
    case CLG_LAYER_EMBEDDING:
        put_label_shape(k, l);
        return resolve(k, &d->out, &l->out_c);
    case CLG_LAYER_CONCAT:
        return shape_concat(l, shape_of(k, l->with));
    case CLG_LAYER_UPSAMPLE:
    case CLG_LAYER_AVGPOOL:
        l->scale = d->scale;
        return shape_resize(l);
    case CLG_LAYER_DROPOUT:
        l->keep = d->keep;
        l->out_h = l->in_h;
        l->out_w = l->in_w;
        l->out_c = l->in_c;
        return CLG_OK;
    case CLG_LAYER_ONEHOT:
    case CLG_LAYER_COUNT:
        break;
    }
    return clg__fail(CLG_E_INTERNAL, "unknown layer op");
out:
    return status;
}

/* ---- names ---- */

static void name_module(char dst[2 * CLG_NAME_MAX], const clg_net_walk *k, const char *given,
                        const char *ending)
{
    const char *prefix = k->desc->prefix;
    if (given[0] != '\0') {
        (void)snprintf(dst, 2 * CLG_NAME_MAX, "%s%s", given, ending);
    } else {
        (void)snprintf(dst, 2 * CLG_NAME_MAX, "%s%s%u", prefix, prefix[0] != '\0' ? "." : "",
                       k->module);
    }
}

/* main.concat, main.concat2, ...: concat is a function in PyTorch, no module, and has no index. */
static void name_concat(const clg_net_walk *k, const clg_layer_desc *d, clg_layer *l)
{
    uint32_t number = 1;
    const char *prefix = k->desc->prefix;
    for (uint32_t i = 0; i < k->plan->layer_count; i++) {
        number += k->plan->layer[i].op == CLG_LAYER_CONCAT;
    }
    if (d->name[0] != '\0') {
        (void)snprintf(l->name, sizeof l->name, "%s", d->name);
        return;
    }
    (void)snprintf(l->name, sizeof l->name, "%s%sconcat", prefix, prefix[0] != '\0' ? "." : "");
    if (number > 1) {
        size_t n = strlen(l->name);
        (void)snprintf(l->name + n, sizeof l->name - n, "%u", number);
    }
}

static void name_layer(clg_net_walk *k, const clg_layer_desc *d, clg_layer *l)
{
    if (d->op == CLG_LAYER_CONCAT) {
        name_concat(k, d, l);
        return;
    }
    name_module(l->name, k, d->name, "");
    k->module++;
    if (l->norm != CLG_NORM_NONE) {
        name_module(l->norm_name, k, d->name, "_norm");
        k->module++;
    }
    k->module += l->act != CLG_ACT_NONE;
}

static int check_names(const clg_net_walk *k, const clg_layer *l)
{
    const char *mine[] = { l->name, l->norm_name };
    for (uint32_t i = 0; i < k->plan->layer_count; i++) {
        const clg_layer *o = &k->plan->layer[i];
        for (int j = 0; j < 2; j++) {
            if (mine[j][0] != '\0' &&
                (strcmp(mine[j], o->name) == 0 || strcmp(mine[j], o->norm_name) == 0)) {
                return clg__hint(
                    clg__fail(CLG_E_MODEL, "the module name '%s' is used twice", mine[j]),
                    "give one of the layers another name");
            }
        }
    }
    return CLG_OK;
}

/* ---- adding ---- */

uint64_t clg__model_layer_parameters(const clg_layer *l)
{
    bool conv = l->op == CLG_LAYER_CONV2D || l->op == CLG_LAYER_DECONV2D;
    uint64_t n = 0;
    if (conv || l->op == CLG_LAYER_LINEAR || l->op == CLG_LAYER_EMBEDDING) {
        n = (uint64_t)l->in_c * l->out_c;
    }
    n *= conv ? (uint64_t)l->kernel * l->kernel : 1u;
    n += l->bias ? l->out_c : 0u;
    n += l->norm == CLG_NORM_BATCH ? 2ull * l->out_c : 0u;
    return n;
}

/* The values that the description gives as they are; bias, norm and act only where an op has them.
 */
static void copy_values(const clg_layer_desc *d, clg_layer *l)
{
    bool conv = d->op == CLG_LAYER_CONV2D || d->op == CLG_LAYER_DECONV2D;
    bool units = conv || d->op == CLG_LAYER_LINEAR || d->op == CLG_LAYER_MAXOUT;
    l->op = d->op == CLG_LAYER_MAXOUT ? CLG_LAYER_LINEAR : d->op;
    l->stride = d->stride;
    l->pad = d->pad;
    l->out_pad = d->out_pad;
    l->slope = d->slope;
    if (units) {
        l->bias = d->bias;
        l->bias_init = d->bias_init;
        l->bias_value = d->bias_value;
        l->norm = d->norm;
        l->act = d->act;
    }
}

/* The maximum that follows a maxout's linear layer: the same as an activation, a module of its own.
 */
static int add_maximum(clg_net_walk *k, const clg_layer_desc *d)
{
    const clg_layer *linear = &k->plan->layer[k->plan->layer_count - 1];
    clg_layer *l = next_layer(k);
    if (l == NULL) {
        return CLG_E_MODEL;
    }
    l->op = CLG_LAYER_MAXOUT;
    l->pieces = d->pieces;
    l->in_h = l->in_w = l->out_h = l->out_w = 1;
    l->in_c = linear->out_c;
    l->out_c = linear->out_c / d->pieces;
    name_module(l->name, k, d->name, "_maxout");
    k->module++;
    int status = check_names(k, l);
    k->plan->layer_count += status == CLG_OK;
    return status;
}

/* Where the layer takes its input and, for a concat, its second one. */
static int find_inputs(clg_net_walk *k, uint32_t i, bool again, int32_t *from, int32_t *with)
{
    const clg_layer_desc *d = &k->desc->layer[i];
    int status = CLG_OK;
    *with = CLG_FROM_NONE;
    *from = CLG_FROM_LABEL;
    if (again) {
        *from = k->made[i];
    } else if (d->op != CLG_LAYER_EMBEDDING) {
        CLG_TRY(find_input(k, i, d->from, from));
    }
    if (d->op == CLG_LAYER_CONCAT) {
        CLG_TRY(find_input(k, i, d->with, with));
    }
out:
    return status;
}

static int make_layer(clg_net_walk *k, uint32_t i, bool again, char module[2 * CLG_NAME_MAX])
{
    const clg_layer_desc *d = &k->desc->layer[i];
    int32_t from = CLG_FROM_NONE;
    int32_t with = CLG_FROM_NONE;
    int status = CLG_OK;
    name_module(module, k, d->name, ""); /* for faults before it has a name of its own */
    if (d->op == CLG_LAYER_ONEHOT) {
        return find_onehot(k, &k->made[i]);
    }
    CLG_TRY(find_inputs(k, i, again, &from, &with));
    clg_layer *l = next_layer(k);
    if (l == NULL) {
        return CLG_E_MODEL;
    }
    shape in = shape_of(k, from);
    copy_values(d, l);
    l->from = from;
    l->with = with;
    l->in_h = in.h;
    l->in_w = in.w;
    l->in_c = in.c;
    name_layer(k, d, l);
    memcpy(module, l->name, sizeof l->name);
    CLG_TRY(shape_layer(k, d, l));
    CLG_TRY(check_names(k, l));
    k->plan->parameters += clg__model_layer_parameters(l);
    k->plan->layer_count++;
    if (d->op == CLG_LAYER_MAXOUT) {
        CLG_TRY(add_maximum(k, d));
    }
    k->made[i] = (int32_t)k->plan->layer_count - 1;
out:
    return status;
}

int clg__model_add_layer(clg_net_walk *k, uint32_t i, bool again)
{
    const clg_layer_desc *d = &k->desc->layer[i];
    char module[2 * CLG_NAME_MAX];
    k->number_of[i] = ++k->number;
    if (k->plan->layer_count == CLG_LAYERS_MAX) {
        return clg__fail(CLG_E_MODEL, "%s: more than %d layers", k->what, CLG_LAYERS_MAX);
    }
    int status = make_layer(k, i, again, module);
    if (status != CLG_OK) {
        return clg__model_at_layer(status, k, d, module, k->number);
    }
    return status;
}
