/* Forward and backward through a net, and its optimiser step. Everything is enqueued; nothing is
 * waited for. */
#include "nn/net_internal.h"
#include "ops/activation.h"
#include "ops/adam.h"
#include "ops/batchnorm.h"
#include "ops/conv2d.h"
#include "ops/deconv2d.h"
#include "ops/linear.h"
#include "ops/reduce.h"

/* ---- views of a block's tensors for n images ---- */

static clg_tensor shape_in(const clg_layer *l, clg_tensor t, uint32_t n)
{
    return l->op == CLG_LAYER_LINEAR
               ? clg__tensor_view(t, 0, 2, n, (uint32_t)clg__layer_in(l), 0, 0)
               : clg__tensor_view(t, 0, 4, n, l->in_h, l->in_w, l->in_c);
}

static clg_tensor shape_out(const clg_layer *l, clg_tensor t, uint32_t n)
{
    return l->op == CLG_LAYER_LINEAR
               ? clg__tensor_view(t, 0, 2, n, (uint32_t)clg__layer_out(l), 0, 0)
               : clg__tensor_view(t, 0, 4, n, l->out_h, l->out_w, l->out_c);
}

static clg_tensor saved_of(const clg_net *net, uint32_t i, uint32_t n)
{
    clg_buffer *buf = net->saved[net->train ? i : i % 2u];
    return shape_out(&net->plan.layer[i], clg__tensor_all(buf), n);
}

static clg_tensor gradient_of(const clg_net *net, uint32_t i, uint32_t n)
{
    clg_buffer *buf = net->scratch->gradient[net->layout.block[i].gradient];
    return shape_out(&net->plan.layer[i], clg__tensor_all(buf), n);
}

/* What one pass carries from block to block. */
typedef struct clg_walk {
    clg_net *net;
    uint32_t n, groups;
    enum clg_net_mode mode;
    bool want_dw;
} clg_walk;

static clg_bn bn_of(const clg_layer *l, uint32_t n, uint32_t groups)
{
    bool flat = l->op == CLG_LAYER_LINEAR;
    return (clg_bn){ .n = n, .pixels = flat ? 1u : l->out_h * l->out_w,
                     .c = flat ? (uint32_t)clg__layer_out(l) : l->out_c, .groups = groups,
                     .eps = 1e-5f, .momentum = 0.1f, .act = l->act, .slope = l->slope };
}

static clg_tensor batch_mean(const clg_net *net, uint32_t i, const clg_bn *b)
{
    return clg__tensor_view(clg__tensor_all(net->batch_stats), net->layout.block[i].mean_at, 2,
                            b->groups, b->c, 0, 0);
}

static clg_tensor batch_invstd(const clg_net *net, uint32_t i, const clg_bn *b)
{
    return clg__tensor_view(clg__tensor_all(net->batch_stats), net->layout.block[i].invstd_at, 2,
                            b->groups, b->c, 0, 0);
}

/* ---- forward ---- */

static int run_op(const clg_walk *k, uint32_t i, clg_tensor x, clg_tensor y)
{
    const clg_net *net = k->net;
    const clg_layer *l = &net->plan.layer[i];
    clg_tensor w = clg__net_part(net, CLG_NET_VALUE, i, CLG_PART_W);
    clg_tensor ws = clg__scratch_workspace(net->scratch);
    clg_epilogue e = { .bias = clg__net_part(net, CLG_NET_VALUE, i, CLG_PART_B),
                       .act = l->norm == CLG_NORM_NONE ? l->act : CLG_ACT_NONE,
                       .slope = l->slope };
    if (l->op == CLG_LAYER_LINEAR) {
        return clg__linear_fwd(net->ops, x, w, &e, y, ws);
    }
    clg_conv g;
    int status = clg__layer_conv(l, k->n, &g);
    if (status != CLG_OK) {
        return status;
    }
    return l->op == CLG_LAYER_CONV2D ? clg__conv2d_fwd(net->ops, &g, x, w, &e, y, ws)
                                     : clg__deconv2d_fwd(net->ops, &g, x, w, &e, y, ws);
}

static int normalise(const clg_walk *k, uint32_t i, clg_tensor x, clg_tensor y)
{
    const clg_net *net = k->net;
    clg_bn b = bn_of(&net->plan.layer[i], k->n, k->groups);
    return clg__batchnorm_fwd(net->ops, &b, x, batch_mean(net, i, &b), batch_invstd(net, i, &b),
                              clg__net_part(net, CLG_NET_VALUE, i, CLG_PART_NORM_W),
                              clg__net_part(net, CLG_NET_VALUE, i, CLG_PART_NORM_B), y);
}

static int take_statistics(const clg_walk *k, uint32_t i, clg_tensor x)
{
    const clg_net *net = k->net;
    clg_bn b = bn_of(&net->plan.layer[i], k->n, k->groups);
    clg_tensor mean = batch_mean(net, i, &b), invstd = batch_invstd(net, i, &b);
    clg_tensor running_mean = clg__net_part(net, CLG_NET_VALUE, i, CLG_PART_MEAN);
    clg_tensor running_var = clg__net_part(net, CLG_NET_VALUE, i, CLG_PART_VAR);
    if (k->mode == CLG_NET_EVAL) {
        return clg__batchnorm_running(net->ops, &b, running_mean, running_var, mean, invstd);
    }
    bool move = k->mode == CLG_NET_TRAIN;
    return clg__batchnorm_stats(net->ops, &b, x, mean, invstd,
                                move ? running_mean : CLG_NO_TENSOR,
                                move ? running_var : CLG_NO_TENSOR,
                                clg__scratch_workspace(net->scratch));
}

/* Where the normalised activation of block i goes. In training its input must survive for the
 * backward, so it goes to the place of its own gradient, which is free until then. */
static clg_tensor normalised_of(const clg_walk *k, uint32_t i, clg_tensor x)
{
    const clg_net *net = k->net;
    if (k->mode != CLG_NET_TRAIN) {
        return x;
    }
    if (i + 1u == net->plan.layer_count) {
        return shape_out(&net->plan.layer[i], clg__tensor_all(net->last), k->n);
    }
    return gradient_of(net, i, k->n);
}

static int check_pass(const clg_net *net, const char *what, clg_tensor x, uint32_t n,
                      uint32_t groups)
{
    uint64_t in = clg__layer_in(&net->plan.layer[0]);
    if (n == 0 || n > net->max_batch || groups == 0 || groups > CLG_GROUPS_MAX || n % groups != 0) {
        return clg__fail(CLG_E_INTERNAL, "%s of %s: %u images in %u groups, the net is for %u",
                         what, net->label, n, groups, net->max_batch);
    }
    if (clg__tensor_is(x) && clg__tensor_len(x) < n * in) {
        return clg__fail(CLG_E_INTERNAL, "%s of %s: %u images want %llu floats, x has %llu", what,
                         net->label, n, (unsigned long long)(n * in),
                         (unsigned long long)clg__tensor_len(x));
    }
    return CLG_OK;
}

int clg__net_run(clg_net *net, const clg_net_pass *pass, clg_tensor y[CLG_HEADS_MAX])
{
    clg_tensor x = pass->x;
    uint32_t n = pass->n, groups = pass->groups;
    enum clg_net_mode mode = pass->mode;
    int status = check_pass(net, "forward", x, n, groups);
    if (status == CLG_OK && mode == CLG_NET_TRAIN && !net->train) {
        status = clg__fail(CLG_E_INTERNAL, "%s was not made for training", net->label);
    }
    if (status != CLG_OK) {
        return status;
    }
    clg_walk k = { .net = net, .n = n, .groups = groups, .mode = mode };
    clg_tensor cur = x;
    for (uint32_t i = 0; i < net->plan.layer_count; i++) {
        const clg_layer *l = &net->plan.layer[i];
        clg_tensor out = saved_of(net, i, n);
        CLG_TRY(run_op(&k, i, shape_in(l, cur, n), out));
        cur = out;
        if (l->norm == CLG_NORM_BATCH) {
            CLG_TRY(take_statistics(&k, i, out));
            cur = normalised_of(&k, i, out);
            CLG_TRY(normalise(&k, i, out, cur));
        }
    }
    if (mode == CLG_NET_TRAIN && net->stats != NULL) {
        net->batches_tracked += groups;
    }
    *y = cur;
    return CLG_OK;
out:
    return clg__context(status, "forward of %s", net->label);
}

/* ---- backward ---- */

/* dy of the block's output becomes, in place, the gradient of its op's sum; biases and norm
 * parameters get theirs. */
static int pass_norm_and_act(const clg_walk *k, uint32_t i, clg_tensor dy)
{
    const clg_net *net = k->net;
    const clg_layer *l = &net->plan.layer[i];
    clg_tensor ws = clg__scratch_workspace(net->scratch);
    clg_tensor saved = saved_of(net, i, k->n);
    clg_bn b = bn_of(l, k->n, k->groups);
    int status = CLG_OK;
    if (l->norm == CLG_NORM_BATCH) {
        clg_tensor dw = clg__net_part(net, CLG_NET_GRAD, i, CLG_PART_NORM_W);
        clg_tensor db = clg__net_part(net, CLG_NET_GRAD, i, CLG_PART_NORM_B);
        status = clg__batchnorm_bwd(net->ops, &b, saved, batch_mean(net, i, &b),
                                    batch_invstd(net, i, &b),
                                    clg__net_part(net, CLG_NET_VALUE, i, CLG_PART_NORM_W),
                                    clg__net_part(net, CLG_NET_VALUE, i, CLG_PART_NORM_B), dy, dy,
                                    k->want_dw ? dw : CLG_NO_TENSOR,
                                    k->want_dw ? db : CLG_NO_TENSOR, ws);
    } else if (l->act != CLG_ACT_NONE) {
        status = clg__activation_bwd(net->ops, l->act, l->slope, saved, dy, dy);
    }
    if (status == CLG_OK && k->want_dw && l->bias) {
        status = clg__reduce_columns(net->ops, dy, b.n * b.pixels, b.c,
                                     clg__net_part(net, CLG_NET_GRAD, i, CLG_PART_B), ws);
    }
    return status;
}

static int pass_weight(const clg_walk *k, uint32_t i, clg_tensor x, clg_tensor dy)
{
    const clg_net *net = k->net;
    const clg_layer *l = &net->plan.layer[i];
    clg_tensor ws = clg__scratch_workspace(net->scratch);
    clg_tensor dw = clg__net_part(net, CLG_NET_GRAD, i, CLG_PART_W);
    if (l->op == CLG_LAYER_LINEAR) {
        return clg__linear_bwd_weight(net->ops, x, dy, dw, ws);
    }
    clg_conv g;
    int status = clg__layer_conv(l, k->n, &g);
    if (status != CLG_OK) {
        return status;
    }
    return l->op == CLG_LAYER_CONV2D ? clg__conv2d_bwd_weight(net->ops, &g, x, dy, dw, ws)
                                     : clg__deconv2d_bwd_weight(net->ops, &g, x, dy, dw, ws);
}

static int pass_data(const clg_walk *k, uint32_t i, clg_tensor dy, clg_tensor dx)
{
    const clg_net *net = k->net;
    const clg_layer *l = &net->plan.layer[i];
    clg_tensor ws = clg__scratch_workspace(net->scratch);
    clg_tensor w = clg__net_part(net, CLG_NET_VALUE, i, CLG_PART_W);
    if (l->op == CLG_LAYER_LINEAR) {
        return clg__linear_bwd_data(net->ops, dy, w, dx, ws);
    }
    clg_conv g;
    int status = clg__layer_conv(l, k->n, &g);
    if (status != CLG_OK) {
        return status;
    }
    return l->op == CLG_LAYER_CONV2D ? clg__conv2d_bwd_data(net->ops, &g, dy, w, dx, ws)
                                     : clg__deconv2d_bwd_data(net->ops, &g, dy, w, dx, ws);
}

/* The input of block i as its forward saw it. Behind a norm it is made again, in the buffer that
 * the data gradient of block i is about to overwrite. */
static int input_of(const clg_walk *k, uint32_t i, clg_tensor x, clg_tensor *out)
{
    const clg_net *net = k->net;
    int status = CLG_OK;
    clg_tensor t = x;
    if (i > 0) {
        t = saved_of(net, i - 1u, k->n);
        if (net->plan.layer[i - 1u].norm == CLG_NORM_BATCH) {
            clg_tensor y = gradient_of(net, i - 1u, k->n);
            status = normalise(k, i - 1u, t, y);
            t = y;
        }
    }
    *out = shape_in(&net->plan.layer[i], t, k->n);
    return status;
}

int clg__net_back(clg_net *net, const clg_net_pass *pass, const clg_net_back *back)
{
    clg_tensor x = pass->x, dy = back->dy[0], dx = back->dx;
    uint32_t n = pass->n, groups = pass->groups;
    bool want_dw = back->want_dw;
    int status = check_pass(net, "backward", want_dw ? x : CLG_NO_TENSOR, n, groups);
    if (status == CLG_OK && !net->train) {
        status = clg__fail(CLG_E_INTERNAL, "%s was not made for training", net->label);
    }
    if (status != CLG_OK) {
        return status;
    }
    clg_walk k = { .net = net, .n = n, .groups = groups, .mode = CLG_NET_TRAIN,
                   .want_dw = want_dw };
    clg_tensor cur = dy;
    for (uint32_t i = net->plan.layer_count; i-- > 0;) {
        const clg_layer *l = &net->plan.layer[i];
        cur = shape_out(l, cur, n);
        CLG_TRY(pass_norm_and_act(&k, i, cur));
        if (want_dw) {
            clg_tensor in;
            CLG_TRY(input_of(&k, i, x, &in));
            CLG_TRY(pass_weight(&k, i, in, cur));
        }
        if (i > 0) {
            clg_tensor down = gradient_of(net, i - 1u, n);
            CLG_TRY(pass_data(&k, i, cur, shape_in(l, down, n)));
            cur = down;
        } else if (clg__tensor_is(dx)) {
            CLG_TRY(pass_data(&k, i, cur, shape_in(l, dx, n)));
        }
    }
    return CLG_OK;
out:
    return clg__context(status, "backward of %s", net->label);
}

int clg__net_adam(clg_net *net, const clg_adam *a)
{
    return clg__adam_step(net->ops, a, clg__tensor_all(net->slab[CLG_NET_GRAD]),
                          clg__tensor_all(net->slab[CLG_NET_VALUE]),
                          clg__tensor_all(net->slab[CLG_NET_M]),
                          clg__tensor_all(net->slab[CLG_NET_V]));
}
