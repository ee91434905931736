/* What nets with clg_net_options.fast keep of the larger maps of their convolutions (clg_turned): a
 * conv2d's input from the forward pass to its weight gradient, a deconv2d's dy from its weight gradient
 * to its data gradient, which comes next. */
#include "nn/net_internal.h"

static uint64_t measure(const clg_ops *ops, const clg_layer *l, uint32_t n)
{
    clg_conv g;
    return clg__layer_conv(l, n, &g) == CLG_OK ? clg__conv2d_turned_len(ops, &g) : 0;
}

uint64_t clg__net_turned_len(const clg_ops *ops, const clg_layer *l, uint32_t n)
{
    return l->op == CLG_LAYER_CONV2D ? measure(ops, l, n) : 0;
}

uint64_t clg__net_back_len(const clg_ops *ops, const clg_net_plan *plan, uint32_t n)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        const clg_layer *l = &plan->layer[i];
        const uint64_t len = l->op == CLG_LAYER_DECONV2D ? measure(ops, l, n) : 0;
        most = len > most ? len : most;
    }
    return most;
}

/* Whatever was kept is gone. */
static int replace(const clg_net *net, uint64_t len, clg_turned *map)
{
    clg_buffer *buf = NULL;
    int status = CLG_OK;
    clg__buffer_destroy(&map->v.buf);
    *map = (clg_turned){ 0 };
    if (net->fast && len > 0) {
        CLG_TRY(clg__buffer_create(net->ops->rt, CLG_F32, len, "transformed inputs", &buf));
        map->v = clg__tensor_all(buf);
    }
out:
    return status;
}

int clg__net_refit(clg_net *net)
{
    int status = CLG_OK;
    for (uint32_t i = 0; i < net->plan.layer_count; i++) {
        CLG_TRY(replace(net, clg__net_turned_len(net->ops, &net->plan.layer[i], net->max_batch),
                        &net->turned[i]));
    }
    CLG_TRY(replace(net, clg__net_back_len(net->ops, &net->plan, net->max_batch), &net->back));
out:
    return status;
}

void clg__net_turned_free(clg_net *net)
{
    for (uint32_t i = 0; i < CLG_LAYERS_MAX; i++) {
        clg__buffer_destroy(&net->turned[i].v.buf);
    }
    clg__buffer_destroy(&net->back.v.buf);
}

clg_turned *clg__block_turned(const clg_walk *k, uint32_t i, enum clg_pass pass)
{
    clg_net *net = k->net;
    const bool down = net->plan.layer[i].op == CLG_LAYER_CONV2D;
    clg_turned *map = down ? &net->turned[i] : &net->back;
    /* A conv2d's is of all rows; a deconv2d's way back begins with the weight gradient. */
    const bool first = pass == (down ? CLG_FWD : CLG_BWD_WEIGHT);
    const bool second = pass == (down ? CLG_BWD_WEIGHT : CLG_BWD_DATA);
    if (!(first || second) || !(down ? k->first == 0 : k->want_dw)) {
        return NULL;
    }
    map->n = first ? 0 : map->n;
    return map;
}
