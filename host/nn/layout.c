/* Where the tensors of a net lie: a pure function of its plan. Nothing here touches a device. */
#include <string.h>

#include "base/mem.h"
#include "nn/net_internal.h"

int clg__layer_conv(const clg_layer *l, uint32_t n, clg_conv *g)
{
    if (l->op == CLG_LAYER_DECONV2D) {
        *g = (clg_conv){ .n = n, .p = l->in_h, .q = l->in_w, .k = l->in_c, .c = l->out_c,
                         .r = l->kernel, .s = l->kernel, .stride = l->stride, .pad = l->pad };
        int status = clg__deconv_make(g, l->out_pad);
        if (status != CLG_OK) {
            return clg__context(status, "layer %s", l->name);
        }
        if (g->h != l->out_h || g->w != l->out_w) {
            return clg__fail(CLG_E_INTERNAL, "layer %s: the plan says %ux%u, the op makes %ux%u",
                             l->name, l->out_h, l->out_w, g->h, g->w);
        }
        return CLG_OK;
    }
    *g = (clg_conv){ .n = n, .h = l->in_h, .w = l->in_w, .c = l->in_c, .k = l->out_c,
                     .r = l->kernel, .s = l->kernel, .stride = l->stride, .pad = l->pad };
    int status = clg__conv_make(g);
    if (status != CLG_OK) {
        return clg__context(status, "layer %s", l->name);
    }
    if (g->p != l->out_h || g->q != l->out_w) {
        return clg__fail(CLG_E_INTERNAL, "layer %s: the plan says %ux%u, the op makes %ux%u",
                         l->name, l->out_h, l->out_w, g->p, g->q);
    }
    return CLG_OK;
}

int clg__net_convs(const clg_net_plan *plan, uint32_t n, clg_conv out[CLG_LAYERS_MAX],
                   uint32_t *count)
{
    *count = 0;
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        const clg_layer *l = &plan->layer[i];
        if (l->op == CLG_LAYER_CONV2D || l->op == CLG_LAYER_DECONV2D) {
            int status = clg__layer_conv(l, n, &out[(*count)++]);
            if (status != CLG_OK) {
                return status;
            }
        }
    }
    return CLG_OK;
}

/* Reserves `len` floats at the end of a slab. */
static uint64_t reserve(uint64_t *slab, uint64_t len)
{
    uint64_t at = *slab;
    *slab += clg__round_up64(len, CLG_VIEW_FLOATS);
    return at;
}

static uint64_t weight_len(const clg_net_plan *plan, const clg_layer *l)
{
    switch (l->op) {
    case CLG_LAYER_LINEAR:
        return clg__layer_in(l) * clg__layer_out(l);
    case CLG_LAYER_CONV2D:
    case CLG_LAYER_DECONV2D:
        return (uint64_t)l->kernel * l->kernel * l->in_c * l->out_c;
    case CLG_LAYER_EMBEDDING:
        return plan->classes * clg__layer_out(l);
    default:
        return 0;
    }
}

int clg__net_layout_make(const clg_net_plan *plan, clg_net_layout *out)
{
    memset(out, 0, sizeof *out);
    int status = clg__net_graph_make(plan, &out->graph);
    if (status != CLG_OK) {
        return status;
    }
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        const clg_layer *l = &plan->layer[i];
        /* A bias and a norm are per channel; for a linear layer every feature is a channel. */
        uint64_t c = l->op == CLG_LAYER_LINEAR ? clg__layer_out(l) : l->out_c;
        bool norm = l->norm == CLG_NORM_BATCH;
        uint64_t len[CLG_PART_COUNT] = {
            [CLG_PART_W] = weight_len(plan, l),  [CLG_PART_B] = l->bias ? c : 0u,
            [CLG_PART_NORM_W] = norm ? c : 0u,   [CLG_PART_NORM_B] = norm ? c : 0u,
            [CLG_PART_MEAN] = norm ? c : 0u,     [CLG_PART_VAR] = norm ? c : 0u,
        };
        for (int p = 0; p < CLG_PART_COUNT; p++) {
            out->block[i].len[p] = len[p];
            out->block[i].at[p] = reserve(p < CLG_PART_MEAN ? &out->params : &out->stats, len[p]);
        }
        if (norm) {
            out->block[i].mean_at = reserve(&out->batch_stats, c * CLG_GROUPS_MAX);
            out->block[i].invstd_at = reserve(&out->batch_stats, c * CLG_GROUPS_MAX);
        }
        out->block[i].out = clg__layer_out(l);
    }
    if (out->params > UINT32_MAX) {
        return clg__fail(CLG_E_MODEL, "a net of %llu parameters does not fit one buffer of 2^32",
                         (unsigned long long)out->params);
    }
    return CLG_OK;
}
