/* The links between the blocks of a net: are they sound, and which buffers do they need. A pure
 * function of the plan; nothing here touches a device. */
#include <string.h>

#include "nn/net_internal.h"

uint64_t clg__source_len(const clg_net_plan *plan, int32_t source)
{
    if (source == CLG_FROM_INPUT) {
        return (uint64_t)plan->in_h * plan->in_w * plan->in_c;
    }
    return source >= 0 ? clg__layer_out(&plan->layer[source]) : 0u;
}

/* ---- is the plan sound? ---- */

static int fail_shape(const clg_layer *l, const char *what)
{
    return clg__fail(CLG_E_MODEL, "layer %s: [%u,%u,%u] -> [%u,%u,%u], %s", l->name, l->in_h,
                     l->in_w, l->in_c, l->out_h, l->out_w, l->out_c, what);
}

static int check_concat(const clg_net_plan *plan, const clg_layer *l)
{
    uint64_t pixels = (uint64_t)l->out_h * l->out_w;
    uint64_t a = clg__source_len(plan, l->from), b = clg__source_len(plan, l->with);
    uint64_t ca = pixels > 0 ? a / pixels : 0u;
    if (pixels == 0 || a == 0 || b == 0 || a % pixels != 0 || ca >= l->out_c ||
        (b != l->out_c - ca && b != pixels * (l->out_c - ca))) {
        return clg__fail(CLG_E_MODEL, "layer %s: inputs of %llu and %llu values do not make "
                         "[%u,%u,%u]", l->name, (unsigned long long)a, (unsigned long long)b,
                         l->out_h, l->out_w, l->out_c);
    }
    return CLG_OK;
}

static int check_shape(const clg_net_plan *plan, const clg_layer *l)
{
    bool same_area = l->in_h == l->out_h && l->in_w == l->out_w;
    uint64_t s = l->scale;
    if (clg__layer_out(l) == 0) {
        return fail_shape(l, "an output of nothing");
    }
    switch (l->op) {
    case CLG_LAYER_CONCAT:
        return check_concat(plan, l);
    case CLG_LAYER_EMBEDDING:
        return plan->classes > 0 ? CLG_OK : fail_shape(l, "but the net takes no label");
    case CLG_LAYER_ONEHOT:
        return plan->classes > 0 && clg__layer_out(l) == plan->classes
                   ? CLG_OK
                   : fail_shape(l, "which is not the number of classes");
    case CLG_LAYER_MAXOUT:
        return same_area && l->pieces > 0 && l->in_c == (uint64_t)l->out_c * l->pieces
                   ? CLG_OK
                   : fail_shape(l, "which does not fit its pieces");
    case CLG_LAYER_DROPOUT:
        return clg__layer_in(l) == clg__layer_out(l) && l->keep > 0.0f && l->keep <= 1.0f
                   ? CLG_OK
                   : fail_shape(l, "a dropout keeps the shape and a share in (0, 1]");
    case CLG_LAYER_UPSAMPLE:
        return s > 0 && l->out_h == l->in_h * s && l->out_w == l->in_w * s && l->out_c == l->in_c
                   ? CLG_OK
                   : fail_shape(l, "which does not fit its scale");
    case CLG_LAYER_AVGPOOL:
        return s > 0 && l->in_h == l->out_h * s && l->in_w == l->out_w * s && l->out_c == l->in_c
                   ? CLG_OK
                   : fail_shape(l, "which does not fit its scale");
    default:
        return CLG_OK;
    }
}

static int check_source(const clg_net_plan *plan, uint32_t i, uint32_t slot)
{
    const clg_layer *l = &plan->layer[i];
    int32_t source = clg__layer_source(l, slot);
    bool label = l->op == CLG_LAYER_ONEHOT || l->op == CLG_LAYER_EMBEDDING;
    bool known = label ? source == CLG_FROM_LABEL
                       : source == CLG_FROM_INPUT || (source >= 0 && source < (int32_t)i);
    if (!known) {
        return clg__fail(CLG_E_MODEL, "layer %s (number %u) cannot read source %d", l->name, i,
                         (int)source);
    }
    if (!label && l->op != CLG_LAYER_CONCAT && clg__source_len(plan, source) != clg__layer_in(l)) {
        return clg__fail(CLG_E_MODEL, "layer %s: takes %llu values, its input has %llu", l->name,
                         (unsigned long long)clg__layer_in(l),
                         (unsigned long long)clg__source_len(plan, source));
    }
    return CLG_OK;
}

static int check_layer(const clg_net_plan *plan, uint32_t i)
{
    const clg_layer *l = &plan->layer[i];
    int status = CLG_OK;
    if (!clg__layer_is_sum(l) &&
        (l->norm != CLG_NORM_NONE || l->act != CLG_ACT_NONE || l->bias)) {
        return clg__fail(CLG_E_MODEL, "layer %s: a bias, norm or act follows only linear, conv2d "
                         "and deconv2d", l->name);
    }
    CLG_TRY(check_shape(plan, l));
    CLG_TRY(check_source(plan, i, 0));
    if (l->op == CLG_LAYER_CONCAT) {
        CLG_TRY(check_source(plan, i, 1));
    }
out:
    return status;
}

/* ---- who reads whom ---- */

static int find_readers(const clg_net_plan *plan, clg_net_graph *g)
{
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        g->node[i].head = -1;
        for (uint32_t slot = 0; slot < CLG_INPUTS; slot++) {
            int32_t source = clg__layer_source(&plan->layer[i], slot);
            if (source >= 0) {
                g->node[source].has_readers = true;
                g->node[source].last = i;
            }
        }
    }
    for (uint32_t h = 0; h < plan->head_count; h++) {
        uint32_t at = plan->head[h];
        if (at >= plan->layer_count || g->node[at].head >= 0) {
            return clg__fail(CLG_E_MODEL, "output %u of the net is layer %u of %u", h, at,
                             plan->layer_count);
        }
        g->node[at].head = (int32_t)h;
        g->node[at].last = plan->layer_count;
    }
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        if (!g->node[i].has_readers && g->node[i].head < 0) {
            return clg__fail(CLG_E_MODEL, "layer %s: nothing reads its output",
                             plan->layer[i].name);
        }
    }
    return CLG_OK;
}

static void mark_reach(const clg_net_plan *plan, clg_net_graph *g)
{
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        const clg_layer *l = &plan->layer[i];
        g->node[i].trained = clg__layer_is_sum(l) || l->op == CLG_LAYER_EMBEDDING;
        g->node[i].keeps = l->norm != CLG_NORM_NONE && g->node[i].head >= 0;
        for (uint32_t slot = 0; slot < CLG_INPUTS; slot++) {
            int32_t source = clg__layer_source(l, slot);
            if (source == CLG_FROM_INPUT) {
                g->node[i].sees_x = true;
            } else if (source >= 0) {
                g->node[i].trained |= g->node[source].trained;
                g->node[i].sees_x |= g->node[source].sees_x;
                g->node[source].keeps |= l->op == CLG_LAYER_MAXOUT &&
                                         plan->layer[source].norm != CLG_NORM_NONE;
            }
        }
    }
}

/* Linear layers take the activation in front of them along in their data gradient, if nothing else
 * adds to that: they are its only reader, and no norm lies between sum and activation. Convolutions
 * sum theirs for a norm in front of them, on the same condition; no other block may come between,
 * as the sums lie in the workspace. */
static void mark_rides(const clg_net_plan *plan, clg_net_graph *g)
{
    uint32_t readers[CLG_LAYERS_MAX] = { 0 }, of_x = 0;
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        const clg_layer *l = &plan->layer[i];
        bool takes = l->op == CLG_LAYER_LINEAR;
        for (uint32_t slot = 0; slot < CLG_INPUTS; slot++) {
            int32_t source = clg__layer_source(l, slot);
            if (source == CLG_FROM_INPUT) {
                g->x_rides = ++of_x == 1 && takes;
            } else if (source >= 0) {
                const clg_layer *s = &plan->layer[source];
                g->node[source].rides = ++readers[source] == 1 && takes &&
                                        g->node[source].head < 0 && s->act != CLG_ACT_NONE &&
                                        s->norm == CLG_NORM_NONE;
                g->node[source].summed = readers[source] == 1 && clg__layer_is_conv(l) &&
                                         g->node[source].head < 0 && source + 1 == (int32_t)i &&
                                         s->norm == CLG_NORM_BATCH && clg__sums_pass(s->act);
            }
        }
    }
}

/* ---- buffers ---- */

typedef struct clg_pool_use {
    clg_pool *pool;
    bool busy[CLG_POOL_MAX];
} clg_pool_use;

/* The free buffer that has to grow least, the first of them; a new one if none is free. */
static int take(clg_pool_use *u, uint64_t len, uint8_t *out)
{
    clg_pool *p = u->pool;
    uint32_t best = CLG_POOL_MAX;
    for (uint32_t i = 0; i < p->count; i++) {
        bool better = best == CLG_POOL_MAX || (p->len[best] < len && p->len[i] > p->len[best]);
        if (!u->busy[i] && better) {
            best = i;
        }
    }
    if (best == CLG_POOL_MAX) {
        if (p->count == CLG_POOL_MAX) {
            return clg__fail(CLG_E_MODEL, "more than %d branches at a time", CLG_POOL_MAX);
        }
        best = p->count++;
    }
    p->len[best] = len > p->len[best] ? len : p->len[best];
    u->busy[best] = true;
    *out = (uint8_t)best;
    return CLG_OK;
}

static void give(clg_pool_use *u, uint8_t slot)
{
    if (slot != CLG_NO_SLOT) {
        u->busy[slot] = false;
    }
}

/* Walks the way back: the first block to give an activation a gradient opens its buffer, further
 * ones need room beside it for theirs. */
static int place_gradients(const clg_net_plan *plan, clg_net_graph *g)
{
    clg_pool_use use = { .pool = &g->gradients };
    bool x_has = false;
    int status = CLG_OK;
    for (uint32_t i = plan->layer_count; i-- > 0;) {
        for (uint32_t slot = 0; slot < CLG_INPUTS; slot++) {
            int32_t source = clg__layer_source(&plan->layer[i], slot);
            uint64_t len = clg__source_len(plan, source);
            bool wanted = source == CLG_FROM_INPUT ||
                          (source >= 0 && (g->node[source].trained || g->node[source].sees_x));
            if (!wanted) {
                continue;
            }
            if (source == CLG_FROM_INPUT ? x_has : g->node[source].gradient != CLG_NO_SLOT) {
                CLG_TRY(take(&use, len, &g->node[i].spare[slot]));
            } else if (source == CLG_FROM_INPUT) {
                x_has = true; /* the caller's dx */
            } else {
                CLG_TRY(take(&use, len, &g->node[source].gradient));
            }
        }
        give(&use, g->node[i].spare[0]);
        give(&use, g->node[i].spare[1]);
        give(&use, g->node[i].gradient);
    }
out:
    return status;
}

/* The block whose buffer holds the output of block i when it is not for training: a dropout hands
 * its input on. May be CLG_FROM_INPUT. */
static int32_t holder_of(const clg_net_plan *plan, int32_t i)
{
    while (i >= 0 && plan->layer[i].op == CLG_LAYER_DROPOUT) {
        i = plan->layer[i].from;
    }
    return i;
}

static int place_activations(const clg_net_plan *plan, clg_net_graph *g)
{
    uint32_t last[CLG_LAYERS_MAX] = { 0 };
    clg_pool_use use = { .pool = &g->activations };
    int status = CLG_OK;
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        int32_t holder = holder_of(plan, (int32_t)i);
        if (holder >= 0 && g->node[i].last > last[holder]) {
            last[holder] = g->node[i].last;
        }
    }
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        if (plan->layer[i].op != CLG_LAYER_DROPOUT) {
            CLG_TRY(take(&use, clg__layer_out(&plan->layer[i]), &g->node[i].activation));
        }
        for (uint32_t j = 0; j < i; j++) {
            if (last[j] == i) {
                give(&use, g->node[j].activation);
            }
        }
    }
out:
    return status;
}

int clg__net_graph_make(const clg_net_plan *plan, clg_net_graph *out)
{
    int status = CLG_OK;
    memset(out, 0, sizeof *out);
    if (plan->layer_count == 0 || plan->layer_count > CLG_LAYERS_MAX || plan->head_count == 0 ||
        plan->head_count > CLG_HEADS_MAX) {
        return clg__fail(CLG_E_MODEL, "a net has 1 to %d layers and 1 to %d outputs, not %u and %u",
                         CLG_LAYERS_MAX, CLG_HEADS_MAX, plan->layer_count, plan->head_count);
    }
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        out->node[i].gradient = out->node[i].activation = CLG_NO_SLOT;
        out->node[i].spare[0] = out->node[i].spare[1] = CLG_NO_SLOT;
        CLG_TRY(check_layer(plan, i));
    }
    CLG_TRY(find_readers(plan, out));
    mark_reach(plan, out);
    mark_rides(plan, out);
    CLG_TRY(place_gradients(plan, out));
    CLG_TRY(place_activations(plan, out));
out:
    return status;
}
