/* Forward and backward of a whole net in double precision. Every gradient starts as zero and every
 * reader of an activation adds its own, so that no block needs to know who else reads its input. */
#include <string.h>

#include "ref/ref_net_internal.h"

/* Which rows of the pass a walk sees. */
typedef struct rows {
    const ref_pass *pass;
    uint32_t first, n, first_group, groups;
} rows;

/* Where input j of a layer comes from. */
static int32_t source_of(const clg_layer *l, int j)
{
    return j == 0 ? l->from : l->op == CLG_LAYER_CONCAT ? l->with : CLG_FROM_NONE;
}

static uint64_t source_len(const ref_net *net, int32_t source)
{
    if (source == CLG_FROM_INPUT) {
        return ref__net_in_len(net);
    }
    return source >= 0 ? net->block[source].out_len : 0;
}

static const double *read_source(const ref_net *net, int32_t source, const rows *r)
{
    const double *x = source >= 0 ? net->block[source].out
                      : source == CLG_FROM_INPUT ? r->pass->x : NULL;
    return x ? x + r->first * source_len(net, source) : NULL;
}

/* The conv that a conv2d is, or that a deconv2d reads backwards. */
static clg_conv conv_of(const clg_layer *l, uint32_t n)
{
    clg_conv g = { .n = n, .h = l->in_h, .w = l->in_w, .c = l->in_c,
                   .p = l->out_h, .q = l->out_w, .k = l->out_c,
                   .r = l->kernel, .s = l->kernel, .stride = l->stride, .pad = l->pad };

    if (l->op == CLG_LAYER_DECONV2D) {
        g.h = l->out_h, g.w = l->out_w, g.c = l->out_c;
        g.p = l->in_h, g.q = l->in_w, g.k = l->in_c;
    }
    return g;
}

static clg_bn norm_of(const clg_layer *l, const rows *r)
{
    return (clg_bn){ .n = r->n, .pixels = l->out_h * l->out_w, .c = l->out_c, .groups = r->groups,
                     .eps = (float)REF_BN_EPS, .momentum = (float)REF_BN_MOMENTUM,
                     .act = l->act, .slope = l->slope };
}

static clg_concat concat_of(const ref_net *net, const clg_layer *l, uint32_t n)
{
    uint32_t pixels = l->out_h * l->out_w;
    uint32_t ca = (uint32_t)source_len(net, l->from) / pixels, cb = l->out_c - ca;

    return (clg_concat){ .n = n, .pixels = pixels, .ca = ca, .cb = cb,
                         .b_pixels = (uint32_t)source_len(net, l->with) / cb };
}

static void drop(const clg_layer *l, const ref_block *b, uint32_t i, const rows *r, const double *x,
                 double *y)
{
    clg_rng_key key = r->pass->dropout;

    key.lane += i;
    ref_dropout(&key, (double)l->keep, r->first * (uint32_t)b->out_len, x, y, r->n * b->out_len);
}

static double pool_factor(const clg_layer *l)
{
    return 1.0 / ((double)l->scale * l->scale);
}

/* ---- forward ---- */

static void forward_op(const ref_net *net, uint32_t i, const rows *r, double *y)
{
    const clg_layer *l = &net->plan.layer[i];
    const ref_block *b = &net->block[i];
    const double *w = b->slot[REF_VALUE][SLOT_WEIGHT], *bias = b->slot[REF_VALUE][SLOT_BIAS];
    const double *x = read_source(net, l->from, r);
    clg_conv g = conv_of(l, r->n);
    clg_concat c;

    switch (l->op) {
    case CLG_LAYER_CONV2D:
        ref_conv2d_fwd(&g, x, w, bias, y);
        break;
    case CLG_LAYER_DECONV2D:
        ref_deconv2d_fwd(&g, x, w, bias, y);
        break;
    case CLG_LAYER_LINEAR:
        ref_linear_fwd(r->n, l->in_c, l->out_c, x, w, bias, y);
        break;
    case CLG_LAYER_MAXOUT:
        ref_maxout_fwd(x, l->pieces, y, r->n * b->out_len);
        break;
    case CLG_LAYER_DROPOUT:
        if (r->pass->train) {
            drop(l, b, i, r, x, y);
        } else {
            memcpy(y, x, r->n * b->out_len * sizeof *y);
        }
        break;
    case CLG_LAYER_CONCAT:
        c = concat_of(net, l, r->n);
        ref_concat_fwd(&c, x, read_source(net, l->with, r), y);
        break;
    case CLG_LAYER_EMBEDDING:
        ref_embedding_fwd(r->pass->labels, r->n, l->out_c, w, y);
        break;
    case CLG_LAYER_ONEHOT:
        ref_onehot(r->pass->labels, r->n, net->plan.classes, y);
        break;
    case CLG_LAYER_UPSAMPLE:
        ref_resize_up((uint64_t)r->n * l->in_h, l->in_w, l->in_c, l->scale, 1.0, x, y);
        break;
    default: /* CLG_LAYER_AVGPOOL */
        ref_resize_down((uint64_t)r->n * l->out_h, l->out_w, l->out_c, l->scale, pool_factor(l), x,
                        y);
        break;
    }
}

void ref_net_run(ref_net *net, const ref_pass *pass, const double *y[CLG_HEADS_MAX])
{
    rows r = { .pass = pass, .n = pass->n, .groups = pass->groups };

    for (uint32_t i = 0; i < net->plan.layer_count; i++) {
        const clg_layer *l = &net->plan.layer[i];
        ref_block *b = &net->block[i];
        double **value = b->slot[REF_VALUE];

        forward_op(net, i, &r, b->op_out ? b->op_out : b->out);
        if (l->norm == CLG_NORM_BATCH) {
            clg_bn bn = norm_of(l, &r);
            if (pass->train) {
                ref_batchnorm_stats(&bn, b->op_out, b->mean, b->invstd, value[SLOT_MEAN],
                                    value[SLOT_VAR]);
            } else {
                ref_batchnorm_running(&bn, value[SLOT_MEAN], value[SLOT_VAR], b->mean, b->invstd);
            }
            ref_batchnorm_fwd(&bn, b->op_out, b->mean, b->invstd, value[SLOT_NORM_WEIGHT],
                              value[SLOT_NORM_BIAS], b->out);
        } else if (l->act != CLG_ACT_NONE) {
            ref_activation_fwd(l->act, l->slope, b->out, b->out, b->out_len * pass->n);
        }
    }
    for (uint32_t h = 0; h < CLG_HEADS_MAX; h++) {
        y[h] = h < net->plan.head_count ? net->block[net->plan.head[h]].out : NULL;
    }
}

/* ---- backward ---- */

/* From b->grad to the gradient of the op's sum. */
static void backward_end(ref_net *net, uint32_t i, const rows *r, bool want_dw)
{
    const clg_layer *l = &net->plan.layer[i];
    ref_block *b = &net->block[i];
    double **value = b->slot[REF_VALUE], **grad = b->slot[REF_GRAD];
    uint64_t at = r->first * b->out_len, stats = (uint64_t)r->first_group * l->out_c;

    if (l->norm == CLG_NORM_BATCH) {
        clg_bn bn = norm_of(l, r);
        ref_batchnorm_bwd(&bn, b->op_out + at, b->mean + stats, b->invstd + stats,
                          value[SLOT_NORM_WEIGHT], value[SLOT_NORM_BIAS], b->grad, net->sum,
                          want_dw ? grad[SLOT_NORM_WEIGHT] : NULL,
                          want_dw ? grad[SLOT_NORM_BIAS] : NULL);
    } else {
        ref_activation_bwd(l->act, l->slope, b->out + at, b->grad, net->sum, b->out_len * r->n);
    }
}

static void backward_weight(ref_net *net, uint32_t i, const rows *r)
{
    const clg_layer *l = &net->plan.layer[i];
    ref_block *b = &net->block[i];
    double *dw = b->slot[REF_GRAD][SLOT_WEIGHT], *db = b->slot[REF_GRAD][SLOT_BIAS];
    const double *x = read_source(net, l->from, r), *dy = net->sum;
    clg_conv g = conv_of(l, r->n);

    switch (l->op) {
    case CLG_LAYER_CONV2D:
        ref_conv2d_bwd_weight(&g, x, dy, dw);
        break;
    case CLG_LAYER_DECONV2D:
        ref_deconv2d_bwd_weight(&g, x, dy, dw);
        break;
    case CLG_LAYER_LINEAR:
        ref_linear_bwd_weight(r->n, l->in_c, l->out_c, x, dy, dw);
        break;
    case CLG_LAYER_EMBEDDING:
        ref_embedding_bwd_weight(r->pass->labels + r->first, r->n, net->plan.classes, l->out_c, dy,
                                 dw);
        break;
    default:
        break;
    }
    if (db) {
        ref_reduce_columns(dy, r->n * l->out_h * l->out_w, l->out_c, db);
    }
}

/* Gradients of both inputs, in net->part. */
static void backward_data(ref_net *net, uint32_t i, const rows *r)
{
    const clg_layer *l = &net->plan.layer[i];
    const ref_block *b = &net->block[i];
    const double *w = b->slot[REF_VALUE][SLOT_WEIGHT], *dy = net->sum;
    double *dx = net->part[0];
    clg_conv g = conv_of(l, r->n);
    clg_concat c;

    switch (l->op) {
    case CLG_LAYER_CONV2D:
        ref_conv2d_bwd_data(&g, dy, w, dx);
        break;
    case CLG_LAYER_DECONV2D:
        ref_deconv2d_bwd_data(&g, dy, w, dx);
        break;
    case CLG_LAYER_LINEAR:
        ref_linear_bwd_data(r->n, l->in_c, l->out_c, dy, w, dx);
        break;
    case CLG_LAYER_MAXOUT:
        ref_maxout_bwd_data(read_source(net, l->from, r), l->pieces, dy, dx, r->n * b->out_len);
        break;
    case CLG_LAYER_DROPOUT:
        drop(l, b, i, r, dy, dx);
        break;
    case CLG_LAYER_CONCAT:
        c = concat_of(net, l, r->n);
        ref_concat_bwd_data(&c, dy, dx, net->part[1]);
        break;
    case CLG_LAYER_UPSAMPLE:
        ref_resize_down((uint64_t)r->n * l->in_h, l->in_w, l->in_c, l->scale, 1.0, dy, dx);
        break;
    case CLG_LAYER_AVGPOOL:
        ref_resize_up((uint64_t)r->n * l->out_h, l->out_w, l->out_c, l->scale, pool_factor(l), dy,
                      dx);
        break;
    default:
        break;
    }
}

static void add_to_sources(ref_net *net, uint32_t i, const rows *r, double *dx)
{
    for (int j = 0; j < 2; j++) {
        int32_t source = source_of(&net->plan.layer[i], j);
        double *to = source >= 0 ? net->block[source].grad
                     : source == CLG_FROM_INPUT ? dx : NULL;
        for (uint64_t k = 0; to && k < r->n * source_len(net, source); k++) {
            to[k] += net->part[j][k];
        }
    }
}

void ref_net_back(ref_net *net, const ref_pass *pass, const ref_way_back *back)
{
    const clg_net_plan *plan = &net->plan;
    uint32_t group = pass->n / pass->groups;
    uint32_t groups = back->groups > 0 ? back->groups : pass->groups - back->first;
    rows r = { .pass = pass, .first = group * back->first, .n = group * groups,
               .first_group = back->first, .groups = groups };

    for (uint32_t i = 0; i < plan->layer_count; i++) {
        memset(net->block[i].grad, 0, r.n * net->block[i].out_len * sizeof(double));
    }
    if (back->dx) {
        memset(back->dx, 0, r.n * ref__net_in_len(net) * sizeof *back->dx);
    }
    for (uint32_t h = 0; h < plan->head_count; h++) {
        ref_block *b = &net->block[plan->head[h]];
        if (back->dy[h]) {
            memcpy(b->grad, back->dy[h], r.n * b->out_len * sizeof *b->grad);
        }
    }
    for (uint32_t i = plan->layer_count; i-- > 0;) {
        const clg_layer *l = &plan->layer[i];
        bool one = l->op != CLG_LAYER_CONCAT;
        backward_end(net, i, &r, back->want_dw);
        if (back->want_dw) {
            backward_weight(net, i, &r);
        }
        /* labels have no gradient, and the net's input only one that somebody wants */
        if (l->from >= 0 || back->dx || (!one && l->with >= 0)) {
            backward_data(net, i, &r);
            add_to_sources(net, i, &r, back->dx);
        }
    }
}

/* ---- the short form ---- */

const double *ref_net_forward(ref_net *net, const double *x, uint32_t n, uint32_t groups,
                              bool train)
{
    const double *y[CLG_HEADS_MAX];

    ref_net_run(net, &(ref_pass){ .x = x, .n = n, .groups = groups, .train = train }, y);
    return y[0];
}

void ref_net_backward(ref_net *net, const double *x, const double *dy, uint32_t n, uint32_t groups,
                      bool want_dw, double *dx)
{
    ref_pass pass = { .x = x, .n = n, .groups = groups, .train = true };

    ref_net_back(net, &pass, &(ref_way_back){ .want_dw = want_dw, .dy = { dy }, .dx = dx });
}
