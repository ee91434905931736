/* A whole net in double precision: the same blocks (op, batch norm, activation) as nn/net, run with
 * the reference operators. Nothing here is shared with the device side but clg_net_plan. */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "ref/ref_internal.h"

enum { SLOT_WEIGHT, SLOT_BIAS, SLOT_NORM_WEIGHT, SLOT_NORM_BIAS, SLOT_MEAN, SLOT_VAR, SLOT_COUNT };
enum { KINDS = 4 }; /* enum ref_kind */

typedef struct block {
    uint64_t in_len, out_len; /* of one row of the batch */
    uint64_t slot_len[SLOT_COUNT];
    double *slot[KINDS][SLOT_COUNT];
    double *mean, *invstd; /* [groups, c] of the last forward */
    double *op_out;        /* [n, out]: before the norm; only with one */
    double *out;           /* [n, out]: after the activation */
} block;

struct ref_net {
    clg_net_plan plan;
    uint32_t max_batch;
    block block[CLG_LAYERS_MAX];
    double *grad_out, *grad_in; /* of one block's output and input, as long as the longest */
};

static void measure_block(const clg_layer *l, block *b)
{
    uint64_t taps = l->op == CLG_LAYER_LINEAR ? 1 : (uint64_t)l->kernel * l->kernel;
    uint64_t c = l->norm == CLG_NORM_BATCH ? l->out_c : 0;

    b->in_len = (uint64_t)l->in_h * l->in_w * l->in_c;
    b->out_len = (uint64_t)l->out_h * l->out_w * l->out_c;
    b->slot_len[SLOT_WEIGHT] = taps * l->in_c * l->out_c;
    b->slot_len[SLOT_BIAS] = l->bias ? l->out_c : 0;
    for (int s = SLOT_NORM_WEIGHT; s <= SLOT_VAR; s++) {
        b->slot_len[s] = c;
    }
}

static bool slot_has(int slot, int kind)
{
    return kind == REF_VALUE || (slot != SLOT_MEAN && slot != SLOT_VAR);
}

static int create_block(ref_net *net, uint32_t i)
{
    const clg_layer *l = &net->plan.layer[i];
    block *b = &net->block[i];
    bool norm = l->norm == CLG_NORM_BATCH;

    measure_block(l, b);
    for (int kind = 0; kind < KINDS; kind++) {
        for (int s = 0; s < SLOT_COUNT; s++) {
            if (b->slot_len[s] == 0 || !slot_has(s, kind)) {
                continue;
            }
            b->slot[kind][s] = clg__alloc(b->slot_len[s], sizeof(double));
            if (!b->slot[kind][s]) {
                return CLG_E_MEMORY;
            }
        }
    }
    b->out = clg__alloc(b->out_len * net->max_batch, sizeof *b->out);
    if (!b->out) {
        return CLG_E_MEMORY;
    }
    if (norm) {
        b->op_out = clg__alloc(b->out_len * net->max_batch, sizeof *b->op_out);
        /* as many groups as rows at most */
        b->mean = clg__alloc((size_t)l->out_c * net->max_batch, sizeof *b->mean);
        b->invstd = clg__alloc((size_t)l->out_c * net->max_batch, sizeof *b->invstd);
        if (!b->op_out || !b->mean || !b->invstd) {
            return CLG_E_MEMORY;
        }
        for (uint32_t c = 0; c < l->out_c; c++) {
            b->slot[REF_VALUE][SLOT_NORM_WEIGHT][c] = 1.0;
            b->slot[REF_VALUE][SLOT_VAR][c] = 1.0;
        }
    }
    return CLG_OK;
}

int ref_net_create(ref_net **out, const clg_net_plan *plan, uint32_t max_batch)
{
    ref_net *net = clg__alloc(1, sizeof *net);
    uint64_t longest = 0;
    int status = CLG_OK;

    *out = NULL;
    if (!net) {
        return CLG_E_MEMORY;
    }
    net->plan = *plan;
    net->max_batch = max_batch;
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        const block *b = &net->block[i];
        CLG_TRY(create_block(net, i));
        longest = b->in_len > longest ? b->in_len : longest;
        longest = b->out_len > longest ? b->out_len : longest;
    }
    net->grad_out = clg__alloc(longest * max_batch, sizeof(double));
    net->grad_in = clg__alloc(longest * max_batch, sizeof(double));
    if (!net->grad_out || !net->grad_in) {
        CLG_TRY(CLG_E_MEMORY);
    }
    *out = net;
    net = NULL;
out:
    ref_net_destroy(&net);
    return status;
}

void ref_net_destroy(ref_net **p)
{
    ref_net *net = *p;

    if (!net) {
        return;
    }
    for (uint32_t i = 0; i < net->plan.layer_count; i++) {
        block *b = &net->block[i];
        for (int kind = 0; kind < KINDS; kind++) {
            for (int s = 0; s < SLOT_COUNT; s++) {
                clg__free(b->slot[kind][s]);
            }
        }
        clg__free(b->mean);
        clg__free(b->invstd);
        clg__free(b->op_out);
        clg__free(b->out);
    }
    clg__free(net->grad_out);
    clg__free(net->grad_in);
    clg__free(net);
    *p = NULL;
}

double *ref_net_tensor(ref_net *net, const char *name, enum ref_kind kind, uint64_t *len)
{
    static const char *const suffix[SLOT_COUNT] = { "weight", "bias",         "weight",
                                                    "bias",   "running_mean", "running_var" };
    const char *dot = strrchr(name, '.');

    for (uint32_t i = 0; dot && i < net->plan.layer_count; i++) {
        const clg_layer *l = &net->plan.layer[i];
        for (int s = 0; s < SLOT_COUNT; s++) {
            const char *module = s <= SLOT_BIAS ? l->name : l->norm_name;
            size_t n = (size_t)(dot - name);
            if (net->block[i].slot[kind][s] && strlen(module) == n &&
                memcmp(module, name, n) == 0 && strcmp(dot + 1, suffix[s]) == 0) {
                if (len) {
                    *len = net->block[i].slot_len[s];
                }
                return net->block[i].slot[kind][s];
            }
        }
    }
    return NULL;
}

/* ---- one block ---- */

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

static clg_bn norm_of(const clg_layer *l, uint32_t n, uint32_t groups)
{
    return (clg_bn){ .n = n, .pixels = l->out_h * l->out_w, .c = l->out_c, .groups = groups,
                     .eps = (float)REF_BN_EPS, .momentum = (float)REF_BN_MOMENTUM,
                     .act = l->act, .slope = l->slope };
}

static void forward_op(const clg_layer *l, const block *b, const double *x, uint32_t n, double *y)
{
    const double *w = b->slot[REF_VALUE][SLOT_WEIGHT], *bias = b->slot[REF_VALUE][SLOT_BIAS];
    clg_conv g = conv_of(l, n);

    switch (l->op) {
    case CLG_LAYER_CONV2D:
        ref_conv2d_fwd(&g, x, w, bias, y);
        break;
    case CLG_LAYER_DECONV2D:
        ref_deconv2d_fwd(&g, x, w, bias, y);
        break;
    default:
        ref_linear_fwd(n, l->in_c, l->out_c, x, w, bias, y);
        break;
    }
}

static void backward_op(const clg_layer *l, block *b, const double *x, const double *dy, uint32_t n,
                        bool want_dw, double *dx)
{
    const double *w = b->slot[REF_VALUE][SLOT_WEIGHT];
    double *dw = b->slot[REF_GRAD][SLOT_WEIGHT], *db = b->slot[REF_GRAD][SLOT_BIAS];
    clg_conv g = conv_of(l, n);
    bool conv = l->op == CLG_LAYER_CONV2D, deconv = l->op == CLG_LAYER_DECONV2D;

    if (want_dw) {
        if (conv) {
            ref_conv2d_bwd_weight(&g, x, dy, dw);
        } else if (deconv) {
            ref_deconv2d_bwd_weight(&g, x, dy, dw);
        } else {
            ref_linear_bwd_weight(n, l->in_c, l->out_c, x, dy, dw);
        }
        if (db) {
            ref_reduce_columns(dy, n * l->out_h * l->out_w, l->out_c, db);
        }
    }
    if (dx) {
        if (conv) {
            ref_conv2d_bwd_data(&g, dy, w, dx);
        } else if (deconv) {
            ref_deconv2d_bwd_data(&g, dy, w, dx);
        } else {
            ref_linear_bwd_data(n, l->in_c, l->out_c, dy, w, dx);
        }
    }
}

/* ---- the net ---- */

const double *ref_net_forward(ref_net *net, const double *x, uint32_t n, uint32_t groups,
                              bool train)
{
    for (uint32_t i = 0; i < net->plan.layer_count; i++) {
        const clg_layer *l = &net->plan.layer[i];
        block *b = &net->block[i];
        double **value = b->slot[REF_VALUE];

        forward_op(l, b, x, n, b->op_out ? b->op_out : b->out);
        if (l->norm == CLG_NORM_BATCH) {
            clg_bn bn = norm_of(l, n, groups);
            if (train) {
                ref_batchnorm_stats(&bn, b->op_out, b->mean, b->invstd, value[SLOT_MEAN],
                                    value[SLOT_VAR]);
            } else {
                ref_batchnorm_running(&bn, value[SLOT_MEAN], value[SLOT_VAR], b->mean, b->invstd);
            }
            ref_batchnorm_fwd(&bn, b->op_out, b->mean, b->invstd, value[SLOT_NORM_WEIGHT],
                              value[SLOT_NORM_BIAS], b->out);
        } else {
            ref_activation_fwd(l->act, l->slope, b->out, b->out, b->out_len * n);
        }
        x = b->out;
    }
    return x;
}

void ref_net_backward(ref_net *net, const double *x, const double *dy, uint32_t n, uint32_t groups,
                      bool want_dw, double *dx)
{
    for (uint32_t i = net->plan.layer_count; i-- > 0;) {
        const clg_layer *l = &net->plan.layer[i];
        block *b = &net->block[i];
        double **grad = b->slot[REF_GRAD];
        /* where the gradient of this block's input goes; the first block's to the caller */
        double *to = i == 0 ? dx : net->grad_in;

        if (l->norm == CLG_NORM_BATCH) {
            clg_bn bn = norm_of(l, n, groups);
            ref_batchnorm_bwd(&bn, b->op_out, b->mean, b->invstd,
                              b->slot[REF_VALUE][SLOT_NORM_WEIGHT],
                              b->slot[REF_VALUE][SLOT_NORM_BIAS], dy, net->grad_out,
                              want_dw ? grad[SLOT_NORM_WEIGHT] : NULL,
                              want_dw ? grad[SLOT_NORM_BIAS] : NULL);
        } else {
            ref_activation_bwd(l->act, l->slope, b->out, dy, net->grad_out, b->out_len * n);
        }
        backward_op(l, b, i == 0 ? x : net->block[i - 1].out, net->grad_out, n, want_dw, to);
        dy = net->grad_in;
    }
}

void ref__net_adam(ref_net *net, const clg_adam *a)
{
    for (uint32_t i = 0; i < net->plan.layer_count; i++) {
        block *b = &net->block[i];
        for (int s = 0; s < SLOT_MEAN; s++) {
            if (b->slot_len[s] != 0) {
                ref_adam_step(a, b->slot_len[s], b->slot[REF_GRAD][s], b->slot[REF_VALUE][s],
                              b->slot[REF_M][s], b->slot[REF_V][s]);
            }
        }
    }
}

uint64_t ref__net_in_len(const ref_net *net)
{
    return net->block[0].in_len;
}

uint64_t ref__net_out_len(const ref_net *net)
{
    return net->block[net->plan.layer_count - 1].out_len;
}

uint32_t ref__net_max_batch(const ref_net *net)
{
    return net->max_batch;
}
