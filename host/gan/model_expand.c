/* From a model description to concrete nets: the layers one after another (model_layer.c), what
 * goes into each net and what must come out, and settings that exclude each other. */
#include <stdio.h>
#include <string.h>

#include "gan/model_internal.h"

/* ---- what the description asks of the data ---- */

static bool takes_label(const clg_net_desc *net)
{
    for (uint32_t i = 0; i < net->layer_count; i++) {
        const clg_layer_desc *l = &net->layer[i];
        if (l->op == CLG_LAYER_EMBEDDING || l->op == CLG_LAYER_ONEHOT ||
            strcmp(l->from, "label") == 0 || strcmp(l->with, "label") == 0) {
            return true;
        }
    }
    return false;
}

static int check_labels(const clg_model_desc *desc, uint32_t classes)
{
    bool g = takes_label(&desc->generator);
    bool d = takes_label(&desc->discriminator);
    if (!g && !d) {
        return CLG_OK;
    }
    if (classes < 2) {
        return clg__hint(clg__fail(CLG_E_DATA,
                                   "model %s learns from class labels, but the data "
                                   "have %s",
                                   desc->model.name, classes == 0 ? "none" : "one class only"),
                         "give --data with labels: mnist, fashion-mnist, cifar10, or a folder with "
                         "one sub-folder per class");
    }
    if (g != d && desc->order.kind != CLG_ORDER_RECONSTRUCT) {
        return clg__hint(clg__fail(CLG_E_MODEL, "the %s takes the label, the %s does not",
                                   g ? "generator" : "discriminator",
                                   g ? "discriminator" : "generator"),
                         "%s",
                         g ? "without it the discriminator cannot see whether an image is of "
                             "the class that was asked for"
                           : "without it the generator cannot know what to draw");
    }
    return CLG_OK;
}

static int check_latent(const clg_model_desc *desc)
{
    if (desc->latent.kind == CLG_LATENT_UNIFORM && !(desc->latent.lo < desc->latent.hi)) {
        return clg__hint(clg__fail(CLG_E_MODEL, "latent.lo %g is not below latent.hi %g",
                                   (double)desc->latent.lo, (double)desc->latent.hi),
                         "a uniform latent is drawn from [lo, hi)");
    }
    return CLG_OK;
}

static int check_packing(const clg_model_desc *desc, const clg_model_plan *plan)
{
    uint32_t m = desc->discriminator.packing;
    if (m == 1) {
        return CLG_OK;
    }
    if (m == 0 || desc->train.batch % m != 0) {
        return clg__hint(clg__fail(CLG_E_MODEL,
                                   "a batch of %u is no multiple of "
                                   "discriminator.packing %u",
                                   desc->train.batch, m),
                         "give --batch %u", m == 0 ? 1 : (desc->train.batch / m + 1) * m);
    }
    if (desc->order.kind == CLG_ORDER_RECONSTRUCT || takes_label(&desc->discriminator)) {
        return clg__hint(clg__fail(CLG_E_MODEL, "discriminator.packing %u is not for %s", m,
                                   desc->order.kind == CLG_ORDER_RECONSTRUCT
                                       ? "autoencoders"
                                       : "models with labels"),
                         "set it to 1");
    }
    for (uint32_t i = 0; i < desc->discriminator.layer_count && plan->h * plan->w > 1; i++) {
        const clg_layer_desc *l = &desc->discriminator.layer[i];
        if (plan->c > 1 || (l->op != CLG_LAYER_LINEAR && l->op != CLG_LAYER_MAXOUT &&
                            l->op != CLG_LAYER_DROPOUT && l->op != CLG_LAYER_CONCAT)) {
            return clg__hint(clg__fail(CLG_E_MODEL,
                                       "discriminator.packing %u is for vectors, and "
                                       "for grey images in nets of linear layers",
                                       m),
                             "set it to 1");
        }
    }
    return CLG_OK;
}

/* ---- one net ---- */

static int add_layers(clg_net_walk *k)
{
    for (uint32_t i = 0; i < k->desc->layer_count; i++) {
        const clg_layer_desc *d = &k->desc->layer[i];
        bool again = false;
        bool more = !d->repeat_stages || k->base == 0 || k->stage < k->stages;
        k->made[i] = i == 0 ? CLG_FROM_INPUT : k->made[i - 1]; /* of a layer repeated 0 times */
        k->number_of[i] = k->number + 1;
        while (more) {
            int status = clg__model_add_layer(k, i, again);
            if (status != CLG_OK) {
                return status;
            }
            again = true;
            more = d->repeat_stages && k->stage < k->stages;
        }
    }
    if (k->desc->layer_count == 0 || k->made[k->desc->layer_count - 1] < 0) {
        return clg__hint(clg__fail(CLG_E_MODEL, "%s: no layer is left at this image size", k->what),
                         "end with a layer that is not repeated");
    }
    return CLG_OK;
}

/* The layer that has the output of layer i of the description. */
static clg_layer *output_of(const clg_net_walk *k, uint32_t i)
{
    return &k->plan->layer[k->made[i]];
}

static int at_layer(int status, const clg_net_walk *k, uint32_t i)
{
    return clg__model_at_layer(status, k, &k->desc->layer[i], output_of(k, i)->name,
                               k->number_of[i]);
}

/* About the output of layer i of the description. */
static int fail_output(const clg_net_walk *k, uint32_t i, const char *wanted, const char *hint)
{
    const clg_layer *l = output_of(k, i);
    int status = clg__fail(CLG_E_MODEL, "its output is [%u,%u,%u], the %s must end with %s",
                           l->out_h, l->out_w, l->out_c, k->what, wanted);
    (void)clg__hint(status, "%s", hint);
    return at_layer(status, k, i);
}

/* The last layer makes pixels: its values must be able to reach those of the data. */
static int check_range(const clg_net_walk *k, const clg_layer *l, enum clg_data_range range)
{
    bool sigmoid = l->act == CLG_ACT_SIGMOID && range == CLG_RANGE_SYMMETRIC;
    bool tanh = l->act == CLG_ACT_TANH && range == CLG_RANGE_UNIT;
    if (k->model->system != CLG_SYSTEM_NONE || (!sigmoid && !tanh)) {
        return CLG_OK;
    }
    int status = sigmoid ? clg__fail(CLG_E_MODEL, "its act is sigmoid, with values in 0..1, but "
                                                  "data.range is symmetric, -1..1")
                         : clg__fail(CLG_E_MODEL, "its act is tanh, with values in -1..1, but "
                                                  "data.range is unit, 0..1");
    (void)clg__hint(status, sigmoid ? "set data.range=unit, or take act: tanh"
                                    : "set data.range=symmetric, or take act: sigmoid");
    return at_layer(status, k, k->desc->layer_count - 1);
}

static int check_data_bias(const clg_net_walk *k)
{
    for (uint32_t i = 0; i < k->desc->layer_count; i++) {
        const clg_layer_desc *d = &k->desc->layer[i];
        bool last = k->is_generator && i == k->desc->layer_count - 1;
        bool bounded = d->act == CLG_ACT_SIGMOID || d->act == CLG_ACT_TANH;
        if (d->bias_init != CLG_BIAS_DATA ||
            (last && bounded && k->model->system == CLG_SYSTEM_NONE)) {
            continue;
        }
        int status = clg__fail(CLG_E_MODEL, "bias_init: data-logit is for the last layer of a "
                                            "generator of images, with act sigmoid or tanh");
        (void)clg__hint(status, "remove it, or take bias_init: zero");
        return at_layer(status, k, i);
    }
    return CLG_OK;
}

static int end_generator(clg_net_walk *k, enum clg_data_range range)
{
    char wanted[80];
    int status = CLG_OK;
    const clg_model_plan *m = k->model;
    clg_net_plan *plan = k->plan;
    uint32_t last = k->desc->layer_count - 1;
    clg_layer *l = output_of(k, last);
    uint64_t pixels = (uint64_t)m->h * m->w * m->c;
    bool flat = l->op == CLG_LAYER_LINEAR && l->out_c == pixels;
    if (!flat && (l->out_h != m->h || l->out_w != m->w || l->out_c != m->c)) {
        if (m->size == 0) {
            (void)snprintf(wanted, sizeof wanted, "%u values", m->c);
            return fail_output(k, last, wanted, "the last layer is linear with `out: pixels`");
        }
        (void)snprintf(wanted, sizeof wanted, "the image [%u,%u,%u]", m->h, m->w, m->c);
        return fail_output(k, last, wanted,
                           "each deconv2d with kernel 4, stride 2, pad 1 doubles the side; the "
                           "last layer has `out: channels`, or `out: pixels` if it is linear");
    }
    if (flat && m->c > 1 && m->size > 1) {
        l->image_out_h = m->h;
        l->image_out_w = m->w;
        l->image_out_c = m->c;
    }
    CLG_TRY(check_range(k, l, range));
    CLG_TRY(check_data_bias(k));
    plan->head_count = 1;
    plan->head[0] = (uint32_t)k->made[last];
    plan->out_h = m->h;
    plan->out_w = m->w;
    plan->out_c = m->c;
out:
    return status;
}

/* A head gives one logit per row. */
static int check_head(const clg_net_walk *k, uint32_t i)
{
    const clg_layer *l = output_of(k, i);
    if ((uint64_t)l->out_h * l->out_w * l->out_c != 1) {
        return fail_output(k, i, "1 value",
                           "the last layer has `out: 1` and a kernel as large as its input "
                           "(`kernel: base`), or is linear");
    }
    if (l->act == CLG_ACT_SIGMOID) {
        int status = clg__fail(CLG_E_MODEL, "its act is sigmoid, but the losses work on logits");
        (void)clg__hint(status, "remove act from the discriminator's last layer; D(x) is reported "
                                "through a sigmoid anyway");
        return at_layer(status, k, i);
    }
    return CLG_OK;
}

/* Numbers of the description's layers that are heads: realness, then match. */
static uint32_t find_heads(const clg_net_desc *desc, uint32_t head[CLG_HEADS_MAX])
{
    static const char *const words[CLG_HEADS_MAX] = { "realness", "match" };
    uint32_t count = 0;
    for (uint32_t h = 0; h < CLG_HEADS_MAX; h++) {
        for (uint32_t i = 0; i < desc->layer_count; i++) {
            if (strcmp(desc->layer[i].head, words[h]) == 0) {
                head[count++] = i;
            }
        }
    }
    return count;
}

static int end_discriminator(clg_net_walk *k)
{
    clg_net_plan *plan = k->plan;
    uint32_t head[CLG_HEADS_MAX] = { k->desc->layer_count - 1 };
    uint32_t count = find_heads(k->desc, head);
    int status = CLG_OK;
    plan->head_count = count != 0 ? count : 1;
    for (uint32_t h = 0; h < plan->head_count; h++) {
        CLG_TRY(check_head(k, head[h]));
        plan->head[h] = (uint32_t)k->made[head[h]];
    }
    CLG_TRY(check_data_bias(k));
    plan->out_h = plan->out_w = plan->out_c = 1;
out:
    return status;
}

/* An autoencoder's D makes the code from which G makes the sample again. */
static int end_encoder(clg_net_walk *k)
{
    char wanted[80];
    clg_net_plan *plan = k->plan;
    uint32_t head[CLG_HEADS_MAX];
    uint32_t last = k->desc->layer_count - 1;
    const clg_layer *l = output_of(k, last);
    if (find_heads(k->desc, head) != 0) {
        int status = clg__fail(CLG_E_MODEL, "order reconstruct makes the discriminator an encoder, "
                                            "which has no heads");
        (void)clg__hint(status, "remove head, and end with a layer that has `out: latent`");
        return at_layer(status, k, head[0]);
    }
    if (l->out_h != 1 || l->out_w != 1 || l->out_c != k->latent) {
        (void)snprintf(wanted, sizeof wanted, "the code [1,1,%u] (order reconstruct)", k->latent);
        return fail_output(k, last, wanted,
                           "the last layer has `out: latent` and `kernel: base`, "
                           "or is linear");
    }
    plan->head_count = 1;
    plan->head[0] = (uint32_t)k->made[last];
    plan->out_h = plan->out_w = 1;
    plan->out_c = k->latent;
    return check_data_bias(k);
}

static void begin_net(clg_net_walk *k, const char *what, const clg_net_desc *desc,
                      clg_net_plan *plan)
{
    k->what = what;
    k->desc = desc;
    k->plan = plan;
    k->stage = k->module = k->number = 0;
    k->onehot = CLG_FROM_NONE;
    plan->init = desc->init;
}

/* ---- the model ---- */

static int take_shape(const clg_data_shape *data, clg_model_plan *out)
{
    if (data->system != CLG_SYSTEM_NONE) {
        out->system = data->system;
        out->h = out->w = 1;
        out->channels = out->c = clg__system_dim(data->system);
        return CLG_OK;
    }
    out->size = out->h = out->w = data->size;
    out->channels = out->c = data->channels;
    if (data->size < 1 || data->size > CLG_IMAGE_SIDE_MAX) {
        return clg__hint(clg__fail(CLG_E_MODEL, "an image size of %u is outside 1..%d", data->size,
                                   CLG_IMAGE_SIDE_MAX),
                         "give --size, for example --size 64");
    }
    if (data->channels != 1 && data->channels != 3) {
        return clg__hint(
            clg__fail(CLG_E_MODEL, "images have 1 or 3 channels, not %u", data->channels),
            "set data.channels to 1 (grey), 3 (colour) or 0 (as the data are)");
    }
    return CLG_OK;
}

static int expand_generator(clg_net_walk *k, const clg_model_desc *desc, clg_model_plan *out)
{
    int status = CLG_OK;
    begin_net(k, "generator", &desc->generator, &out->g);
    k->is_generator = true;
    out->g.in_h = out->g.in_w = 1;
    out->g.in_c = desc->latent.size;
    CLG_TRY(add_layers(k));
    CLG_TRY(end_generator(k, desc->data.range));
out:
    return status;
}

static int expand_discriminator(clg_net_walk *k, const clg_model_desc *desc, clg_model_plan *out)
{
    uint32_t packing = desc->discriminator.packing;
    int status = CLG_OK;
    begin_net(k, "discriminator", &desc->discriminator, &out->d);
    k->is_generator = false;
    out->d.in_h = out->h;
    out->d.in_w = out->w;
    out->d.in_c = out->c;
    if (packing > 1) { /* rows of whole samples, one behind the other */
        out->d.in_h = out->d.in_w = 1;
        out->d.in_c = packing * out->h * out->w * out->c;
    }
    CLG_TRY(add_layers(k));
    CLG_TRY(desc->order.kind == CLG_ORDER_RECONSTRUCT ? end_encoder(k) : end_discriminator(k));
out:
    return status;
}

int clg__model_expand(const clg_model_desc *desc, const clg_data_shape *data,
                          clg_model_plan *out)
{
    int status = CLG_OK;
    memset(out, 0, sizeof *out);
    CLG_TRY(take_shape(data, out));
    CLG_TRY(check_latent(desc));
    uint32_t classes = data->system == CLG_SYSTEM_NONE ? data->classes : 0;
    CLG_TRY(check_labels(desc, classes));
    CLG_TRY(check_packing(desc, out));
    clg_net_walk k = { .model = out, .latent = desc->latent.size, .classes = classes };
    if (!clg__model_split_size(out->size, &k.base, &k.stages)) {
        k.base = k.stages = 0;
    }
    CLG_TRY(expand_generator(&k, desc, out));
    CLG_TRY(expand_discriminator(&k, desc, out));
    out->classes = out->g.classes > out->d.classes ? out->g.classes : out->d.classes;
out:
    return status;
}
