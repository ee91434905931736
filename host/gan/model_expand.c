/* From a model description to concrete nets: words resolved from the image size, every shape
 * checked layer by layer, module names counted as PyTorch's Sequential does. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "gan/model.h"

enum { STAGES_MAX = 16, BASE_MIN = 4, BASE_MAX = 7, SIZE_MAX_PX = 4096 };

/* What the walk over one net's layers knows. */
typedef struct walk {
    const clg_net_desc *desc;
    const char *what;      /* "generator" */
    bool is_generator;
    uint32_t size, channels;
    uint32_t latent;       /* latent.size */
    uint32_t base, stages; /* size = base * 2^stages; base 0: no such pair */
    uint32_t stage;        /* stage widths used so far */
    uint32_t module;       /* next index in the Sequential */
    uint32_t h, w, c;      /* current shape */
    clg_net_plan *plan;
} walk;

/* size = m * 2^s with 4 <= m <= 7 and s >= 1: unique, since doubling m leaves the range. */
static bool split_size(uint32_t size, uint32_t *m, uint32_t *s)
{
    uint32_t stages = 0;
    while (size > BASE_MAX && size % 2 == 0) {
        size /= 2;
        stages++;
    }
    *m = size;
    *s = stages;
    return size >= BASE_MIN && size <= BASE_MAX && stages >= 1;
}

static int fail_size(const walk *k, const char *word)
{
    uint32_t m = 0;
    uint32_t s = 0;
    uint32_t below = k->size;
    uint32_t above = k->size;
    while (below > 0 && !split_size(below, &m, &s)) {
        below--;
    }
    while (above < 2 * SIZE_MAX_PX && !split_size(above, &m, &s)) {
        above++;
    }
    int status = clg__fail(CLG_E_MODEL,
                           "an image size of %u is not m * 2^s with m = 4..7 and s >= 1, which "
                           "'%s' needs",
                           k->size, word);
    if (below == 0) {
        return clg__hint(status, "the nearest size that works is %u", above);
    }
    return clg__hint(status, "the nearest sizes that work are %u and %u", below, above);
}

/* "discriminator layer 5 (main.11, line 31)" before the message just stored. */
static int name_layer(int status, const walk *k, const clg_layer_desc *d, const clg_layer *l,
                      uint32_t number)
{
    char line[32] = "";
    if (d->line != 0) {
        (void)snprintf(line, sizeof line, ", line %u", d->line);
    }
    return clg__context(status, "%s layer %u (%s%s)", k->what, number, l->name, line);
}

/* ---- words to numbers ---- */

static uint32_t stage_width(const walk *k, uint32_t i)
{
    uint32_t doublings = k->is_generator ? k->stages - 1 - i : i;
    return k->desc->width * (doublings < 3 ? 1u << doublings : 8u);
}

static int resolve(walk *k, const clg_dim *dim, uint32_t *out)
{
    switch (dim->kind) {
    case CLG_DIM_NUMBER:
        *out = dim->number;
        return CLG_OK;
    case CLG_DIM_CHANNELS:
        *out = k->channels;
        return CLG_OK;
    case CLG_DIM_PIXELS:
        *out = k->size * k->size * k->channels;
        return CLG_OK;
    case CLG_DIM_LATENT:
        *out = k->latent;
        return CLG_OK;
    case CLG_DIM_BASE:
        *out = k->base;
        return k->base != 0 ? CLG_OK : fail_size(k, "kernel: base");
    case CLG_DIM_STAGE:
        if (k->base == 0) {
            return fail_size(k, "out: stage");
        }
        if (k->stage == k->stages) {
            return clg__hint(clg__fail(CLG_E_MODEL, "all %u stage widths of size %u are used up",
                                       k->stages, k->size),
                             "size %u = %u * 2^%u has %u of them; use a number here, or put "
                             "`repeat: stages` on the last layer with `out: stage`",
                             k->size, k->base, k->stages, k->stages);
        }
        *out = stage_width(k, k->stage++);
        return CLG_OK;
    }
    return clg__fail(CLG_E_INTERNAL, "unknown dimension word");
}

/* ---- one layer ---- */

static void name_modules(walk *k, const clg_layer_desc *d, clg_layer *l)
{
    const char *prefix = k->desc->prefix;
    const char *dot = prefix[0] != '\0' ? "." : "";
    if (d->name[0] != '\0') {
        (void)snprintf(l->name, sizeof l->name, "%s", d->name);
    } else {
        (void)snprintf(l->name, sizeof l->name, "%s%s%u", prefix, dot, k->module);
    }
    k->module++;
    if (d->norm != CLG_NORM_NONE) {
        if (d->name[0] != '\0') {
            (void)snprintf(l->norm_name, sizeof l->norm_name, "%s_norm", d->name);
        } else {
            (void)snprintf(l->norm_name, sizeof l->norm_name, "%s%s%u", prefix, dot, k->module);
        }
        k->module++;
    }
    k->module += d->act != CLG_ACT_NONE;
}

static int shape_linear(walk *k, clg_layer *l)
{
    uint64_t features = (uint64_t)k->h * k->w * k->c;
    if (features * l->out_c >> 32 != 0) {
        return clg__hint(clg__fail(CLG_E_MODEL,
                                   "linear: %llu inputs x %u outputs are 2^32 weights or more",
                                   (unsigned long long)features, l->out_c),
                         "take a smaller size or width, or convolutions");
    }
    if (k->h * k->w > 1 && k->c > 1) {
        l->image_in_h = k->h;
        l->image_in_w = k->w;
        l->image_in_c = k->c;
    }
    l->in_h = l->in_w = l->out_h = l->out_w = 1;
    l->in_c = (uint32_t)features;
    return CLG_OK;
}

static int shape_conv(clg_layer *l)
{
    clg_conv g = { .n = 1, .h = l->in_h, .w = l->in_w, .c = l->in_c, .k = l->out_c,
                   .r = l->kernel, .s = l->kernel, .stride = l->stride, .pad = l->pad };
    int status = clg__conv_make(&g);
    if (status != CLG_OK) {
        uint32_t fits = l->in_h + 2 * l->pad;
        if (l->kernel > fits) {
            return clg__hint(status, "its input is only %ux%u: remove a stride-2 layer before it, "
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
    clg_conv g = { .n = 1, .p = l->in_h, .q = l->in_w, .k = l->in_c, .c = l->out_c,
                   .r = l->kernel, .s = l->kernel, .stride = l->stride, .pad = l->pad };
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

static int check_names(const walk *k, const clg_layer *l)
{
    const char *mine[] = { l->name, l->norm_name };
    for (uint32_t i = 0; i < k->plan->layer_count; i++) {
        const clg_layer *o = &k->plan->layer[i];
        for (int j = 0; j < 2; j++) {
            if (mine[j][0] != '\0' &&
                (strcmp(mine[j], o->name) == 0 || strcmp(mine[j], o->norm_name) == 0)) {
                return clg__hint(clg__fail(CLG_E_MODEL, "the module name '%s' is used twice",
                                           mine[j]),
                                 "give one of the layers another name");
            }
        }
    }
    return CLG_OK;
}

static uint64_t count_parameters(const clg_layer *l)
{
    uint64_t n = (uint64_t)l->in_c * l->out_c;
    if (l->op != CLG_LAYER_LINEAR) {
        n *= (uint64_t)l->kernel * l->kernel;
    }
    n += l->bias ? l->out_c : 0u;
    n += l->norm == CLG_NORM_BATCH ? 2ull * l->out_c : 0u;
    return n;
}

static int add_layer(walk *k, const clg_layer_desc *d)
{
    int status = CLG_OK;
    clg_net_plan *plan = k->plan;
    if (plan->layer_count == CLG_LAYERS_MAX) {
        return clg__fail(CLG_E_MODEL, "%s: more than %d layers", k->what, CLG_LAYERS_MAX);
    }
    clg_layer *l = &plan->layer[plan->layer_count];
    *l = (clg_layer){ .op = d->op, .from = (int32_t)plan->layer_count - 1, .with = CLG_FROM_NONE,
                      .stride = d->stride, .pad = d->pad, .out_pad = d->out_pad,
                      .bias = d->bias, .norm = d->norm, .act = d->act, .slope = d->slope,
                      .in_h = k->h, .in_w = k->w, .in_c = k->c };
    name_modules(k, d, l);
    CLG_TRY(resolve(k, &d->out, &l->out_c));
    if (d->op == CLG_LAYER_LINEAR) {
        CLG_TRY(shape_linear(k, l));
    } else {
        CLG_TRY(resolve(k, &d->kernel, &l->kernel));
        CLG_TRY(d->op == CLG_LAYER_CONV2D ? shape_conv(l) : shape_deconv(l));
    }
    CLG_TRY(check_names(k, l));
    plan->parameters += count_parameters(l);
    plan->layer_count++;
    k->h = l->out_h;
    k->w = l->out_w;
    k->c = l->out_c;
out:
    if (status != CLG_OK) {
        /* clg__context keeps the hint. */
        return name_layer(status, k, d, l, plan->layer_count + 1);
    }
    return status;
}

/* ---- one net ---- */

static int add_layers(walk *k)
{
    for (uint32_t i = 0; i < k->desc->layer_count; i++) {
        const clg_layer_desc *d = &k->desc->layer[i];
        bool more = !d->repeat_stages || k->base == 0 || k->stage < k->stages;
        while (more) {
            int status = add_layer(k, d);
            if (status != CLG_OK) {
                return status;
            }
            more = d->repeat_stages && k->stage < k->stages;
        }
    }
    if (k->plan->layer_count == 0) {
        return clg__fail(CLG_E_MODEL, "%s: no layers", k->what);
    }
    return CLG_OK;
}

/* The line of the last layer's description, for messages about the whole net's output. */
static int fail_output(const walk *k, const char *wanted, const char *hint)
{
    const clg_layer *l = &k->plan->layer[k->plan->layer_count - 1];
    int status = clg__fail(CLG_E_MODEL, "its output is [%u,%u,%u], the %s must end with %s", k->h,
                           k->w, k->c, k->what, wanted);
    (void)clg__hint(status, "%s", hint);
    return name_layer(status, k, &k->desc->layer[k->desc->layer_count - 1], l,
                      k->plan->layer_count);
}

static int end_generator(walk *k)
{
    char wanted[80];
    clg_net_plan *plan = k->plan;
    clg_layer *l = &plan->layer[plan->layer_count - 1];
    uint64_t pixels = (uint64_t)k->size * k->size * k->channels;
    bool flat = l->op == CLG_LAYER_LINEAR && k->c == pixels;
    if (!flat && (k->h != k->size || k->w != k->size || k->c != k->channels)) {
        (void)snprintf(wanted, sizeof wanted, "the image [%u,%u,%u]", k->size, k->size,
                       k->channels);
        return fail_output(k, wanted,
                           "each deconv2d with kernel 4, stride 2, pad 1 doubles the side; the "
                           "last layer has `out: channels`, or `out: pixels` if it is linear");
    }
    if (flat && k->channels > 1 && k->size > 1) {
        l->image_out_h = k->size;
        l->image_out_w = k->size;
        l->image_out_c = k->channels;
    }
    plan->head_count = 1;
    plan->head[0] = plan->layer_count - 1;
    plan->out_h = k->size;
    plan->out_w = k->size;
    plan->out_c = k->channels;
    return CLG_OK;
}

static int end_discriminator(walk *k)
{
    clg_net_plan *plan = k->plan;
    const clg_layer *l = &plan->layer[plan->layer_count - 1];
    if ((uint64_t)k->h * k->w * k->c != 1) {
        return fail_output(k, "1 value",
                           "the last layer has `out: 1` and a kernel as large as its input "
                           "(`kernel: base`), or is linear");
    }
    if (l->act == CLG_ACT_SIGMOID) {
        int status = clg__fail(CLG_E_MODEL, "its act is sigmoid, but the losses work on logits");
        (void)clg__hint(status, "remove act from the discriminator's last layer; D(x) is reported "
                                "through a sigmoid anyway");
        return name_layer(status, k, &k->desc->layer[k->desc->layer_count - 1], l,
                          plan->layer_count);
    }
    plan->head_count = 1;
    plan->head[0] = plan->layer_count - 1;
    plan->out_h = plan->out_w = plan->out_c = 1;
    return CLG_OK;
}

static void begin_net(walk *k, const clg_net_desc *desc, clg_net_plan *plan, uint32_t h, uint32_t w,
                      uint32_t c)
{
    k->desc = desc;
    k->plan = plan;
    k->stage = 0;
    k->module = 0;
    k->h = plan->in_h = h;
    k->w = plan->in_w = w;
    k->c = plan->in_c = c;
    plan->init = desc->init;
}

int clg__model_expand(const clg_model_desc *desc, uint32_t size, uint32_t channels,
                      clg_model_plan *out)
{
    int status = CLG_OK;
    memset(out, 0, sizeof *out);
    out->size = out->h = out->w = size;
    out->channels = out->c = channels;
    if (size < 1 || size > SIZE_MAX_PX) {
        return clg__hint(clg__fail(CLG_E_MODEL, "an image size of %u is outside 1..%d", size,
                                   SIZE_MAX_PX),
                         "give --size, for example --size 64");
    }
    if (channels != 1 && channels != 3) {
        return clg__hint(clg__fail(CLG_E_MODEL, "images have 1 or 3 channels, not %u", channels),
                         "set data.channels to 1 (grey), 3 (colour) or 0 (as the data are)");
    }
    if (desc->latent.kind == CLG_LATENT_UNIFORM && !(desc->latent.lo < desc->latent.hi)) {
        return clg__hint(clg__fail(CLG_E_MODEL, "latent.lo %g is not below latent.hi %g",
                                   (double)desc->latent.lo, (double)desc->latent.hi),
                         "a uniform latent is drawn from [lo, hi)");
    }
    walk k = { .size = size, .channels = channels, .latent = desc->latent.size };
    if (!split_size(size, &k.base, &k.stages)) {
        k.base = k.stages = 0;
    }
    k.what = "generator";
    k.is_generator = true;
    begin_net(&k, &desc->generator, &out->g, 1, 1, desc->latent.size);
    CLG_TRY(add_layers(&k));
    CLG_TRY(end_generator(&k));
    k.what = "discriminator";
    k.is_generator = false;
    begin_net(&k, &desc->discriminator, &out->d, size, size, channels);
    CLG_TRY(add_layers(&k));
    CLG_TRY(end_discriminator(&k));
out:
    return status;
}
