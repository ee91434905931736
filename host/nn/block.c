/* One block of a net: views of its tensors, and its operators forward and back. The only file of
 * nn that knows what each op of a layer calls. */
#include "nn/net_internal.h"
#include "ops/activation.h"
#include "ops/batchnorm.h"
#include "ops/cast.h"
#include "ops/concat.h"
#include "ops/conv2d.h"
#include "ops/deconv2d.h"
#include "ops/dropout.h"
#include "ops/embedding.h"
#include "ops/linear.h"
#include "ops/maxout.h"
#include "ops/reduce.h"
#include "ops/resize.h"

/* ---- views ---- */

static clg_tensor shape_rows(const clg_layer *l, clg_tensor t, uint32_t first, uint32_t n,
                             uint32_t h, uint32_t w, uint32_t c)
{
    uint64_t len = (uint64_t)h * w * c, at = first * len;
    switch (l->op) {
    case CLG_LAYER_LINEAR:
    case CLG_LAYER_EMBEDDING:
    case CLG_LAYER_ONEHOT:
        return clg__tensor_view(t, at, 2, n, (uint32_t)len, 0, 0);
    case CLG_LAYER_MAXOUT:
        return clg__tensor_view(t, at, 2, n * h * w, c, 0, 0);
    case CLG_LAYER_DROPOUT:
    case CLG_LAYER_CONCAT:
        return clg__tensor_vec(t, at, (uint32_t)(n * len));
    default:
        return clg__tensor_view(t, at, 4, n, h, w, c);
    }
}

clg_tensor clg__block_shape_in(const clg_walk *k, uint32_t i, uint32_t slot, clg_tensor t,
                               uint32_t first)
{
    const clg_layer *l = &k->net->plan.layer[i];
    if (!clg__tensor_is(t)) {
        return t;
    }
    if (l->op == CLG_LAYER_CONCAT) {
        uint64_t len = clg__source_len(&k->net->plan, clg__layer_source(l, slot));
        return clg__tensor_vec(t, first * len, (uint32_t)(k->n * len));
    }
    return shape_rows(l, t, first, k->n, l->in_h, l->in_w, l->in_c);
}

clg_tensor clg__block_shape_out(const clg_walk *k, uint32_t i, clg_tensor t, uint32_t first)
{
    const clg_layer *l = &k->net->plan.layer[i];
    return shape_rows(l, t, first, k->n, l->out_h, l->out_w, l->out_c);
}

clg_tensor clg__block_saved(const clg_walk *k, uint32_t i)
{
    const clg_net *net = k->net;
    clg_buffer *buf = net->saved[net->train ? i : net->layout.graph.node[i].activation];
    if (net->layout.graph.node[i].head == 0 && clg__tensor_is(k->pass->y)) {
        return clg__block_shape_out(k, i, k->pass->y, k->first);
    }
    return clg__block_shape_out(k, i, clg__tensor_all(buf), k->first);
}

clg_tensor clg__block_gradient(const clg_walk *k, uint32_t i)
{
    const clg_net *net = k->net;
    clg_buffer *buf = net->scratch->gradient[net->layout.graph.node[i].gradient];
    return clg__block_shape_out(k, i, clg__tensor_all(buf), 0);
}

static clg_bn bn_of(const clg_walk *k, uint32_t i)
{
    const clg_layer *l = &k->net->plan.layer[i];
    bool flat = l->op == CLG_LAYER_LINEAR;
    return (clg_bn){ .n = k->n, .pixels = flat ? 1u : l->out_h * l->out_w,
                     .c = flat ? (uint32_t)clg__layer_out(l) : l->out_c, .groups = k->groups,
                     .eps = 1e-5f, .momentum = 0.1f, .act = l->act, .slope = l->slope };
}

static clg_tensor batch_stats(const clg_walk *k, uint64_t at, const clg_bn *b)
{
    return clg__tensor_view(clg__tensor_all(k->net->batch_stats),
                            at + (uint64_t)k->first_group * b->c, 2, b->groups, b->c, 0, 0);
}

static clg_tensor batch_mean(const clg_walk *k, uint32_t i, const clg_bn *b)
{
    return batch_stats(k, k->net->layout.block[i].mean_at, b);
}

static clg_tensor batch_invstd(const clg_walk *k, uint32_t i, const clg_bn *b)
{
    return batch_stats(k, k->net->layout.block[i].invstd_at, b);
}

static clg_tensor value_of(const clg_walk *k, uint32_t i, enum clg_part part)
{
    return clg__net_part(k->net, CLG_NET_VALUE, i, part);
}

static clg_tensor grad_of(const clg_walk *k, uint32_t i, enum clg_part part)
{
    return clg__net_part(k->net, CLG_NET_GRAD, i, part);
}

static clg_tensor labels_of(const clg_walk *k)
{
    return clg__tensor_vec(k->pass->labels, k->first, k->n);
}

/* Rows of shares of the classes instead of labels. */
static bool has_shares(const clg_walk *k)
{
    return k->pass->labels.dtype == CLG_F32;
}

static clg_tensor shares_of(const clg_walk *k)
{
    uint32_t classes = k->net->plan.classes;
    return clg__tensor_view(k->pass->labels, (uint64_t)k->first * classes, 2, k->n, classes, 0, 0);
}

/* ---- ops that are more than one call ---- */

/* Rows of the table at the labels, or means of rows weighted by shares: a matrix product. */
static int embed(const clg_walk *k, uint32_t i, clg_tensor y)
{
    clg_tensor w = clg__net_weight(k->net, i);
    return has_shares(k) ? clg__linear_fwd(k->net->ops, shares_of(k), w, &(clg_epilogue){ 0 }, y,
                                           clg__scratch_workspace(k->net->scratch))
                         : clg__embedding_fwd(k->net->ops, labels_of(k), w, y);
}

static int onehot(const clg_walk *k, clg_tensor y)
{
    return has_shares(k) ? clg__cast(k->net->ops, shares_of(k), y)
                         : clg__onehot(k->net->ops, labels_of(k), y);
}

static clg_concat concat_of(const clg_walk *k, uint32_t i)
{
    const clg_net_plan *plan = &k->net->plan;
    const clg_layer *l = &plan->layer[i];
    uint32_t pixels = l->out_h * l->out_w;
    uint32_t ca = (uint32_t)(clg__source_len(plan, l->from) / pixels), cb = l->out_c - ca;
    return (clg_concat){ .n = k->n, .pixels = pixels, .ca = ca, .cb = cb,
                         .b_pixels = (uint32_t)(clg__source_len(plan, l->with) / cb) };
}

/* Forward and back are the same function; the mask is that of the rows' places in the pass. */
static int drop(const clg_walk *k, uint32_t i, clg_tensor x, clg_tensor y)
{
    const clg_layer *l = &k->net->plan.layer[i];
    clg_rng_key key = k->pass->dropout;
    key.lane += i;
    return clg__dropout(k->net->ops, &key, l->keep, (uint32_t)(k->first * clg__layer_out(l)), x, y);
}

static float pool_factor(const clg_layer *l)
{
    return 1.0f / ((float)l->scale * (float)l->scale);
}

/* ---- norms folded into the weights ---- */

bool clg__block_is_folded(const clg_walk *k, uint32_t i)
{
    return k->net->folded != NULL && k->mode == CLG_NET_EVAL &&
           k->net->plan.layer[i].norm == CLG_NORM_BATCH;
}

int clg__block_fold(const clg_walk *k, uint32_t i)
{
    const clg_net *net = k->net;
    const clg_layer *l = &net->plan.layer[i];
    clg_bn b = bn_of(k, i);
    b.groups = b.n = 1;
    clg_tensor mean = batch_mean(k, i, &b), invstd = batch_invstd(k, i, &b);
    clg_tensor w = value_of(k, i, CLG_PART_W);
    clg_tensor folded = clg__net_part_in(net, net->folded, i, CLG_PART_W);
    clg_bn fold = b; /* w is [n, c, pixels] */
    fold.pixels = l->op == CLG_LAYER_DECONV2D ? l->in_c : 1;
    fold.n = (uint32_t)(clg__tensor_len(w) / b.c / fold.pixels);
    int status = CLG_OK;
    CLG_TRY(clg__batchnorm_running(net->ops, &b, value_of(k, i, CLG_PART_MEAN),
                                   value_of(k, i, CLG_PART_VAR), mean, invstd));
    CLG_TRY(clg__batchnorm_fold(net->ops, &fold, w, mean, invstd, value_of(k, i, CLG_PART_NORM_W),
                                value_of(k, i, CLG_PART_NORM_B), value_of(k, i, CLG_PART_B),
                                folded, clg__net_part_in(net, net->folded, i, CLG_PART_NORM_B)));
out:
    return status;
}

/* ---- sums that convolutions leave for norms ---- */

uint32_t clg__layer_parts(const clg_ops *ops, const clg_layer *l, const clg_conv *g,
                          enum clg_pass pass, uint32_t groups)
{
    return l->op == CLG_LAYER_CONV2D     ? clg__conv2d_parts(ops, g, pass, groups)
           : l->op == CLG_LAYER_DECONV2D ? clg__deconv2d_parts(ops, g, pass, groups)
                                         : 0;
}

/* Where the convolution of block i leaves its sums in this pass; "no tensor": it leaves none. */
static clg_tensor parts_of(const clg_walk *k, uint32_t i, enum clg_pass pass)
{
    const clg_net *net = k->net;
    const clg_layer *l = &net->plan.layer[i];
    clg_conv g;
    if (net->apart || !clg__layer_is_conv(l) || clg__layer_conv(l, k->n, &g) != CLG_OK) {
        return CLG_NO_TENSOR;
    }
    const uint64_t parts = clg__layer_parts(net->ops, l, &g, pass, k->groups);
    const uint64_t row = pass == CLG_FWD ? 3u * l->out_c : 2u * l->in_c;
    return parts == 0 ? CLG_NO_TENSOR : clg__scratch_end(net->scratch, k->groups * parts * row);
}

/* Those of the output, for the norm of the block's own. */
static clg_sums sums_for_norm(const clg_walk *k, uint32_t i)
{
    const bool batch = k->net->plan.layer[i].norm == CLG_NORM_BATCH && k->mode != CLG_NET_EVAL;
    return batch ? (clg_sums){ .parts = parts_of(k, i, CLG_FWD), .groups = k->groups }
                 : (clg_sums){ 0 };
}

/* Those of the data gradient, for the norm of the block in front. */
static clg_sums sums_for_front(const clg_walk *k, uint32_t i)
{
    const clg_net *net = k->net;
    const int32_t source = net->plan.layer[i].from;
    if (source < 0 || !net->layout.graph.node[source].summed) {
        return (clg_sums){ 0 };
    }
    const uint32_t from = (uint32_t)source;
    const clg_bn b = bn_of(k, from);
    return (clg_sums){ .parts = parts_of(k, i, CLG_BWD_DATA),
                       .groups = k->groups,
                       .x = clg__block_saved(k, from),
                       .mean = batch_mean(k, from, &b),
                       .invstd = batch_invstd(k, from, &b),
                       .weight = value_of(k, from, CLG_PART_NORM_W),
                       .bias = value_of(k, from, CLG_PART_NORM_B),
                       .act = b.act,
                       .slope = b.slope };
}

/* ---- forward ---- */

static int run_sum(const clg_walk *k, uint32_t i, clg_tensor x, clg_tensor y)
{
    const clg_net *net = k->net;
    const clg_layer *l = &net->plan.layer[i];
    clg_tensor ws = clg__scratch_workspace(net->scratch);
    const bool folded = clg__block_is_folded(k, i);
    const clg_tensor weight = folded ? clg__net_part_in(net, net->folded, i, CLG_PART_W)
                                     : clg__net_weight(net, i);
    clg_epilogue e = { .bias = folded ? clg__net_part_in(net, net->folded, i, CLG_PART_NORM_B)
                                      : value_of(k, i, CLG_PART_B),
                       .act = folded || l->norm == CLG_NORM_NONE ? l->act : CLG_ACT_NONE,
                       .slope = l->slope,
                       .sums = sums_for_norm(k, i) };
    if (l->op == CLG_LAYER_LINEAR) {
        return clg__linear_fwd(net->ops, x, weight, &e, y, ws);
    }
    clg_conv g;
    clg_filter w;
    int status = CLG_OK;
    CLG_TRY(clg__layer_conv(l, k->n, &g));
    CLG_TRY(clg__net_filter(k->net, i, &g, CLG_FWD, weight, &w));
    w.big = k->mode == CLG_NET_TRAIN ? clg__block_turned(k, i, CLG_FWD) : NULL;
    status = l->op == CLG_LAYER_CONV2D ? clg__conv2d_fwd(net->ops, &g, x, w, &e, y, ws)
                                       : clg__deconv2d_fwd(net->ops, &g, x, w, &e, y, ws);
out:
    return status;
}

int clg__block_run(const clg_walk *k, uint32_t i, const clg_tensor x[CLG_INPUTS], clg_tensor y)
{
    const clg_ops *ops = k->net->ops;
    const clg_layer *l = &k->net->plan.layer[i];
    clg_concat c;
    switch (l->op) {
    case CLG_LAYER_MAXOUT:
        return clg__maxout_fwd(ops, x[0], l->pieces, y);
    case CLG_LAYER_DROPOUT:
        return drop(k, i, x[0], y);
    case CLG_LAYER_CONCAT:
        c = concat_of(k, i);
        return clg__concat_fwd(ops, &c, x[0], x[1], y);
    case CLG_LAYER_EMBEDDING:
        return embed(k, i, y);
    case CLG_LAYER_ONEHOT:
        return onehot(k, y);
    case CLG_LAYER_UPSAMPLE:
        return clg__resize_up(ops, x[0], l->scale, 1.0f, y);
    case CLG_LAYER_AVGPOOL:
        return clg__resize_down(ops, x[0], l->scale, pool_factor(l), y);
    default:
        return run_sum(k, i, x[0], y);
    }
}

int clg__block_statistics(const clg_walk *k, uint32_t i, clg_tensor x)
{
    const clg_net *net = k->net;
    clg_bn b = bn_of(k, i);
    clg_tensor mean = batch_mean(k, i, &b), invstd = batch_invstd(k, i, &b);
    clg_tensor running_mean = value_of(k, i, CLG_PART_MEAN);
    clg_tensor running_var = value_of(k, i, CLG_PART_VAR);
    if (k->mode == CLG_NET_EVAL) {
        return clg__batchnorm_running(net->ops, &b, running_mean, running_var, mean, invstd);
    }
    bool move = k->mode == CLG_NET_TRAIN;
    return clg__batchnorm_stats(
        net->ops, &b, x, parts_of(k, i, CLG_FWD), mean, invstd, move ? running_mean : CLG_NO_TENSOR,
        move ? running_var : CLG_NO_TENSOR, clg__scratch_workspace(net->scratch));
}

int clg__block_normalise(const clg_walk *k, uint32_t i, clg_tensor x, clg_tensor y)
{
    clg_bn b = bn_of(k, i);
    return clg__batchnorm_fwd(k->net->ops, &b, x, batch_mean(k, i, &b), batch_invstd(k, i, &b),
                              value_of(k, i, CLG_PART_NORM_W), value_of(k, i, CLG_PART_NORM_B), y);
}

/* ---- backward ---- */

/* Has dy gone back through the block's activation already? */
static bool is_gated(const clg_walk *k, uint32_t i)
{
    const clg_net_graph *g = &k->net->layout.graph;
    return g->node[i].rides || (k->gated && g->node[i].head >= 0);
}

int clg__block_back_end(const clg_walk *k, uint32_t i, clg_tensor dy)
{
    const clg_net *net = k->net;
    const clg_layer *l = &net->plan.layer[i];
    clg_tensor ws = clg__scratch_workspace(net->scratch), saved = clg__block_saved(k, i);
    clg_bn b = bn_of(k, i);
    int status = CLG_OK;
    if (l->norm == CLG_NORM_BATCH) {
        clg_tensor dw = grad_of(k, i, CLG_PART_NORM_W), db = grad_of(k, i, CLG_PART_NORM_B);
        const bool summed = net->layout.graph.node[i].summed;
        status = clg__batchnorm_bwd(
            net->ops, &b, saved, batch_mean(k, i, &b), batch_invstd(k, i, &b),
            value_of(k, i, CLG_PART_NORM_W), value_of(k, i, CLG_PART_NORM_B), dy,
            summed ? parts_of(k, i + 1u, CLG_BWD_DATA) : CLG_NO_TENSOR, dy,
            k->want_dw ? dw : CLG_NO_TENSOR, k->want_dw ? db : CLG_NO_TENSOR, ws);
    } else if (l->act != CLG_ACT_NONE && !is_gated(k, i)) {
        status = clg__activation_bwd(net->ops, l->act, l->slope, saved, dy, dy);
    }
    if (status == CLG_OK && k->want_dw && l->bias && l->op != CLG_LAYER_LINEAR) {
        status = clg__reduce_columns(net->ops, dy, b.n * b.pixels, b.c, grad_of(k, i, CLG_PART_B),
                                     ws);
    }
    return status;
}

int clg__block_back_weight(const clg_walk *k, uint32_t i, clg_tensor x, clg_tensor dy)
{
    const clg_net *net = k->net;
    const clg_layer *l = &net->plan.layer[i];
    clg_tensor ws = clg__scratch_workspace(net->scratch), dw = grad_of(k, i, CLG_PART_W);
    if (l->op == CLG_LAYER_EMBEDDING) {
        return clg__embedding_bwd_weight(net->ops, labels_of(k), dy, dw);
    }
    if (l->op == CLG_LAYER_LINEAR) {
        return clg__linear_bwd_weight(net->ops, x, dy, dw,
                                      l->bias ? grad_of(k, i, CLG_PART_B) : CLG_NO_TENSOR, ws);
    }
    clg_conv g;
    int status = clg__layer_conv(l, k->n, &g);
    if (status != CLG_OK) {
        return status;
    }
    clg_turned *big = clg__block_turned(k, i, CLG_BWD_WEIGHT);
    return l->op == CLG_LAYER_CONV2D ? clg__conv2d_bwd_weight(net->ops, &g, x, dy, big, dw, ws)
                                     : clg__deconv2d_bwd_weight(net->ops, &g, x, dy, big, dw, ws);
}

/* The activation in front of block i, if block i is to go back through it. */
static clg_gate gate_of(const clg_walk *k, uint32_t i)
{
    const clg_net *net = k->net;
    int32_t source = net->plan.layer[i].from;
    if (source == CLG_FROM_INPUT) {
        return k->gate;
    }
    if (source < 0 || !net->layout.graph.node[source].rides) {
        return (clg_gate){ .act = CLG_ACT_NONE };
    }
    const clg_layer *s = &net->plan.layer[source];
    return (clg_gate){ .y = clg__block_saved(k, (uint32_t)source), .act = s->act,
                       .slope = s->slope };
}

static int back_sum(const clg_walk *k, uint32_t i, clg_tensor dy, clg_tensor dx)
{
    const clg_net *net = k->net;
    const clg_layer *l = &net->plan.layer[i];
    clg_tensor ws = clg__scratch_workspace(net->scratch);
    if (l->op == CLG_LAYER_LINEAR) {
        clg_gate gate = gate_of(k, i);
        return clg__linear_bwd_data(net->ops, dy, clg__net_weight(net, i), dx, &gate, ws);
    }
    clg_conv g;
    clg_filter w;
    int status = CLG_OK;
    CLG_TRY(clg__layer_conv(l, k->n, &g));
    CLG_TRY(clg__net_filter(k->net, i, &g, CLG_BWD_DATA, clg__net_weight(net, i), &w));
    w.big = clg__block_turned(k, i, CLG_BWD_DATA);
    const clg_sums sums = sums_for_front(k, i);
    status = l->op == CLG_LAYER_CONV2D ? clg__conv2d_bwd_data(net->ops, &g, dy, w, &sums, dx, ws)
                                       : clg__deconv2d_bwd_data(net->ops, &g, dy, w, &sums, dx, ws);
out:
    return status;
}

int clg__block_back_data(const clg_walk *k, uint32_t i, clg_tensor x, clg_tensor dy,
                         const clg_tensor dx[CLG_INPUTS])
{
    const clg_ops *ops = k->net->ops;
    const clg_layer *l = &k->net->plan.layer[i];
    clg_concat c;
    switch (l->op) {
    case CLG_LAYER_MAXOUT:
        return clg__maxout_bwd_data(ops, x, l->pieces, dy, dx[0]);
    case CLG_LAYER_DROPOUT:
        return drop(k, i, dy, dx[0]);
    case CLG_LAYER_CONCAT:
        c = concat_of(k, i);
        return clg__concat_bwd_data(ops, &c, dy, dx[0], dx[1]);
    case CLG_LAYER_UPSAMPLE:
        return clg__resize_down(ops, dy, l->scale, 1.0f, dx[0]);
    case CLG_LAYER_AVGPOOL:
        return clg__resize_up(ops, dy, l->scale, pool_factor(l), dx[0]);
    default:
        return back_sum(k, i, dy, dx[0]);
    }
}
