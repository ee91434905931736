/* A whole net in double precision: the same graph of blocks as nn/net, run with the reference
 * operators. Nothing here is shared with the device side but clg_net_plan, which is taken as sound.
 * Here: its tensors and optimiser; forward and backward are in ref_net_pass.c. */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "ref/ref_net_internal.h"

static uint64_t weight_len(const clg_net_plan *plan, const clg_layer *l)
{
    switch (l->op) {
    case CLG_LAYER_LINEAR:
        return (uint64_t)l->in_c * l->out_c;
    case CLG_LAYER_CONV2D:
    case CLG_LAYER_DECONV2D:
        return (uint64_t)l->kernel * l->kernel * l->in_c * l->out_c;
    case CLG_LAYER_EMBEDDING:
        return (uint64_t)plan->classes * l->out_c;
    default:
        return 0;
    }
}

static void measure_block(const clg_net_plan *plan, const clg_layer *l, ref_block *b)
{
    uint64_t c = l->norm == CLG_NORM_BATCH ? l->out_c : 0;

    b->out_len = (uint64_t)l->out_h * l->out_w * l->out_c;
    b->slot_len[SLOT_WEIGHT] = weight_len(plan, l);
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
    ref_block *b = &net->block[i];
    bool norm = l->norm == CLG_NORM_BATCH;

    measure_block(&net->plan, l, b);
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
    b->grad = clg__alloc(b->out_len * net->max_batch, sizeof *b->grad);
    if (!b->out || !b->grad) {
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
    uint64_t longest = (uint64_t)plan->in_h * plan->in_w * plan->in_c;
    int status = CLG_OK;

    *out = NULL;
    if (!net) {
        return CLG_E_MEMORY;
    }
    net->plan = *plan;
    net->max_batch = max_batch;
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        const ref_block *b = &net->block[i];
        CLG_TRY(create_block(net, i));
        longest = b->out_len > longest ? b->out_len : longest;
    }
    net->sum = clg__alloc(longest * max_batch, sizeof(double));
    net->part[0] = clg__alloc(longest * max_batch, sizeof(double));
    net->part[1] = clg__alloc(longest * max_batch, sizeof(double));
    if (!net->sum || !net->part[0] || !net->part[1]) {
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
        ref_block *b = &net->block[i];
        for (int kind = 0; kind < KINDS; kind++) {
            for (int s = 0; s < SLOT_COUNT; s++) {
                clg__free(b->slot[kind][s]);
            }
        }
        clg__free(b->mean);
        clg__free(b->invstd);
        clg__free(b->op_out);
        clg__free(b->out);
        clg__free(b->grad);
    }
    clg__free(net->sum);
    clg__free(net->part[0]);
    clg__free(net->part[1]);
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

static void update_slot(ref_block *b, int s, const clg_optim_desc *o, double lr, double momentum,
                        uint64_t t)
{
    uint64_t n = b->slot_len[s];
    double *w = b->slot[REF_VALUE][s], *g = b->slot[REF_GRAD][s], *m = b->slot[REF_M][s];
    clg_adam adam = { .lr = (float)lr, .beta1 = o->beta1, .beta2 = o->beta2, .eps = o->eps, .t = t };

    if (s == SLOT_WEIGHT && o->weight_decay > 0.0f) {
        ref_weight_decay(o->weight_decay, n, w, g);
    }
    if (o->kind == CLG_OPTIMIZER_SGD) {
        ref_sgd_step(lr, momentum, n, g, w, m);
    } else {
        ref_adam_step(&adam, n, g, w, m, b->slot[REF_V][s]);
    }
    if (o->clip > 0.0f) {
        ref_weight_clip(o->clip, n, w);
    }
}

void ref__net_update(ref_net *net, const clg_optim_desc *o, double lr, double momentum, uint64_t t)
{
    for (uint32_t i = 0; i < net->plan.layer_count; i++) {
        for (int s = 0; s < SLOT_MEAN; s++) {
            if (net->block[i].slot_len[s] != 0) {
                update_slot(&net->block[i], s, o, lr, momentum, t);
            }
        }
    }
}

uint32_t ref__net_heads(const ref_net *net)
{
    return net->plan.head_count > 1u ? 2u : 1u;
}

uint32_t ref__net_classes(const ref_net *net)
{
    return net->plan.classes;
}

uint64_t ref__net_in_len(const ref_net *net)
{
    return (uint64_t)net->plan.in_h * net->plan.in_w * net->plan.in_c;
}

uint64_t ref__net_out_len(const ref_net *net)
{
    return net->block[net->plan.head[0]].out_len;
}

uint32_t ref__net_max_batch(const ref_net *net)
{
    return net->max_batch;
}
