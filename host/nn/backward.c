/* The way back through a net: from the last block to the first, each taking the gradient of its
 * output to its parameters and inputs. Where several blocks read one activation, their gradients
 * are added in falling order of the blocks, always the same. Everything is enqueued; nothing is
 * waited for. */
#include "nn/net_internal.h"
#include "ops/concat.h"

typedef struct clg_way {
    clg_walk k;
    const clg_net_back *back;
    bool x_has;                       /* something is in dx already */
    clg_tensor grad[CLG_LAYERS_MAX];  /* of each block's output; "no tensor" until there is one */
} clg_way;

/* Does this call need the gradient of what the source gives? */
static bool is_wanted(const clg_way *w, int32_t source)
{
    bool dx = clg__tensor_is(w->back->dx);
    if (source < 0) {
        return source == CLG_FROM_INPUT && dx;
    }
    const clg_net_graph *g = &w->k.net->layout.graph;
    return (w->k.want_dw && g->node[source].trained) || (dx && g->node[source].sees_x);
}

/* Where one input of a block gets its gradient, and the sum that it has to be added to. */
typedef struct clg_place {
    clg_tensor to;  /* "no tensor": not wanted */
    clg_tensor sum; /* "no tensor": `to` is the first and becomes the sum */
} clg_place;

static clg_place open_place(clg_way *w, uint32_t i, uint32_t slot)
{
    const clg_net *net = w->k.net;
    const clg_net_graph *g = &net->layout.graph;
    int32_t source = clg__layer_source(&net->plan.layer[i], slot);
    clg_place p = { 0 };
    if (!is_wanted(w, source)) {
        return p;
    }
    clg_tensor *grad = source >= 0 ? &w->grad[source] : NULL;
    uint8_t spare = g->node[i].spare[slot];
    if (source >= 0 ? clg__tensor_is(*grad) : w->x_has) {
        /* Only a head's gradient can be there before its first reader's: it is the caller's, so
         * its own buffer is free. */
        uint8_t buf = spare != CLG_NO_SLOT ? spare : g->node[source].gradient;
        p.to = clg__tensor_all(net->scratch->gradient[buf]);
        p.sum = source >= 0 ? *grad : w->back->dx;
    } else if (source >= 0) {
        p.to = *grad = clg__block_gradient(&w->k, (uint32_t)source);
    } else {
        p.to = w->back->dx;
        w->x_has = true;
    }
    p.to = clg__block_shape_in(&w->k, i, slot, p.to, 0);
    return p;
}

static int close_place(const clg_way *w, const clg_place *p)
{
    if (!clg__tensor_is(p->sum)) {
        return CLG_OK;
    }
    uint32_t len = (uint32_t)clg__tensor_len(p->to);
    return clg__accumulate(w->k.net->ops, clg__tensor_vec(p->to, 0, len),
                           clg__tensor_vec(p->sum, 0, len));
}

/* The first input of block i as its forward saw it. Behind a norm it is made again, in the place
 * that the data gradient of block i is about to overwrite. */
static int input_of(const clg_way *w, uint32_t i, clg_tensor place, clg_tensor *out)
{
    const clg_walk *k = &w->k;
    const clg_net *net = k->net;
    int32_t source = net->plan.layer[i].from;
    int status = CLG_OK;
    if (source < 0) {
        *out = clg__block_shape_in(k, i, 0,
                                   source == CLG_FROM_INPUT ? k->pass->x : CLG_NO_TENSOR,
                                   k->first);
        return CLG_OK;
    }
    uint32_t from = (uint32_t)source;
    clg_tensor t = clg__block_saved(k, from);
    if (net->kept[from] != NULL) {
        t = clg__block_shape_out(k, from, clg__tensor_all(net->kept[from]), k->first);
    } else if (net->plan.layer[from].norm == CLG_NORM_BATCH) {
        clg_tensor y = clg__block_shape_out(k, from, place, 0);
        status = clg__block_normalise(k, from, t, y);
        t = y;
    }
    *out = clg__block_shape_in(k, i, 0, t, 0);
    return status;
}

/* A block that no gradient reaches: its parameters' are zero. */
static int clear_gradients(const clg_way *w, uint32_t i)
{
    int status = CLG_OK;
    for (int part = 0; w->k.want_dw && part < CLG_PART_MEAN; part++) {
        clg_tensor t = clg__net_part(w->k.net, CLG_NET_GRAD, i, (enum clg_part)part);
        if (status == CLG_OK && clg__tensor_is(t)) {
            status = clg__rt_zero(w->k.net->ops->rt, t);
        }
    }
    return status;
}

static int back_block(clg_way *w, uint32_t i)
{
    const clg_walk *k = &w->k;
    const clg_layer *l = &k->net->plan.layer[i];
    clg_tensor dy = clg__block_shape_out(k, i, w->grad[i], 0), x = CLG_NO_TENSOR;
    clg_tensor dx[CLG_INPUTS];
    clg_place place[CLG_INPUTS];
    bool sum = clg__layer_is_sum(l), weights = k->want_dw && (sum || l->op == CLG_LAYER_EMBEDDING);
    int status = CLG_OK;
    if (sum) {
        CLG_TRY(clg__block_back_end(k, i, dy));
    }
    for (uint32_t slot = 0; slot < CLG_INPUTS; slot++) {
        place[slot] = open_place(w, i, slot);
        dx[slot] = place[slot].to;
    }
    if (weights || l->op == CLG_LAYER_MAXOUT) {
        CLG_TRY(input_of(w, i, dx[0], &x));
    }
    if (weights) {
        CLG_TRY(clg__block_back_weight(k, i, x, dy));
    }
    if (clg__tensor_is(dx[0]) || clg__tensor_is(dx[1])) {
        CLG_TRY(clg__block_back_data(k, i, x, dy, dx));
    }
    for (uint32_t slot = 0; slot < CLG_INPUTS; slot++) {
        CLG_TRY(close_place(w, &place[slot]));
    }
out:
    return status;
}

/* ---- the net ---- */

static int check_len(const clg_net *net, const char *what, clg_tensor t, uint64_t want)
{
    if (clg__tensor_is(t) && clg__tensor_len(t) < want) {
        return clg__fail(CLG_E_INTERNAL, "backward of %s: %s has %llu floats, wants %llu",
                         net->label, what, (unsigned long long)clg__tensor_len(t),
                         (unsigned long long)want);
    }
    return CLG_OK;
}

static int begin(clg_way *w, clg_net *net, const clg_net_pass *pass, const clg_net_back *back)
{
    const clg_net_plan *plan = &net->plan;
    uint32_t groups = back->groups > 0 ? back->groups : pass->groups - back->first;
    int status = CLG_OK;
    bool given = false;
    CLG_TRY(clg__net_check_pass(net, "backward", pass, back->want_dw));
    if (pass->mode != CLG_NET_TRAIN || back->first >= pass->groups ||
        groups > pass->groups - back->first) {
        return clg__fail(CLG_E_INTERNAL, "backward of %s: groups %u and %u more of %u, mode %d",
                         net->label, back->first, groups, pass->groups, (int)pass->mode);
    }
    uint32_t rows = pass->n / pass->groups;
    *w = (clg_way){ .k = { .net = net, .pass = pass, .first = rows * back->first,
                           .n = rows * groups, .first_group = back->first, .groups = groups,
                           .mode = CLG_NET_TRAIN, .want_dw = back->want_dw, .gate = back->gate,
                           .gated = back->gated },
                    .back = back };
    for (uint32_t h = 0; h < plan->head_count; h++) {
        uint64_t len = w->k.n * clg__layer_out(&plan->layer[plan->head[h]]);
        CLG_TRY(check_len(net, "dy", back->dy[h], len));
        w->grad[plan->head[h]] = back->dy[h];
        given |= clg__tensor_is(back->dy[h]);
    }
    CLG_TRY(check_len(net, "dx", back->dx, w->k.n * clg__source_len(plan, CLG_FROM_INPUT)));
    if (back->gate.act != CLG_ACT_NONE && !net->layout.graph.x_rides) {
        return clg__fail(CLG_E_INTERNAL, "backward of %s: a gate, and its first layer takes none",
                         net->label);
    }
    if (!given) {
        status = clg__fail(CLG_E_INTERNAL, "backward of %s: no gradient given", net->label);
    }
out:
    return status;
}

clg_gate clg__net_gate(clg_net *net, const clg_net_pass *pass, const clg_net *reader)
{
    uint32_t i = net->plan.head[0];
    const clg_layer *l = &net->plan.layer[i];
    const clg_walk k = { .net = net, .pass = pass, .n = pass->n };
    bool rides = net->plan.head_count == 1 && !net->layout.graph.node[i].has_readers &&
                 l->norm == CLG_NORM_NONE && reader->layout.graph.x_rides;
    if (!rides || l->act == CLG_ACT_NONE) {
        return (clg_gate){ .act = CLG_ACT_NONE };
    }
    return (clg_gate){ .y = clg__block_saved(&k, i), .act = l->act, .slope = l->slope };
}

int clg__net_back(clg_net *net, const clg_net_pass *pass, const clg_net_back *back)
{
    clg_way w;
    int status = begin(&w, net, pass, back);
    if (status != CLG_OK) {
        return status;
    }
    CLG_TRY(clg__net_refresh(net));
    for (uint32_t i = net->plan.layer_count; i-- > 0;) {
        if (!clg__tensor_is(w.grad[i])) {
            CLG_TRY(clear_gradients(&w, i));
        } else if (is_wanted(&w, (int32_t)i)) {
            CLG_TRY(back_block(&w, i));
        }
    }
    if (clg__tensor_is(back->dx) && !w.x_has) {
        uint64_t len = w.k.n * clg__source_len(&net->plan, CLG_FROM_INPUT);
        CLG_TRY(clg__rt_zero(net->ops->rt, clg__tensor_vec(back->dx, 0, (uint32_t)len)));
    }
    if (back->want_dw && net->scale != NULL) {
        net->scaled_by = back->scaled_by != NULL ? back->scaled_by : net;
    }
    return CLG_OK;
out:
    return clg__context(status, "backward of %s", net->label);
}
