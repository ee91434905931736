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

static int replace(const clg_net *net, uint64_t len, clg_buffer **buf)
{
    clg__buffer_destroy(buf);
    return len == 0 ? CLG_OK
                    : clg__buffer_create(net->ops->rt, CLG_F32, len, "transformed inputs", buf);
}

int clg__net_turned_make(clg_net *net)
{
    int status = CLG_OK;
    for (uint32_t i = 0; i < net->plan.layer_count; i++) {
        net->turned[i].map = (clg_turned){ 0 };
        CLG_TRY(replace(net,
                        net->fast ? clg__net_turned_len(net->ops, &net->plan.layer[i],
                                                        net->max_batch)
                                  : 0,
                        &net->turned[i].buf));
    }
    net->back = (clg_turned){ 0 };
    CLG_TRY(replace(net, net->fast ? clg__net_back_len(net->ops, &net->plan, net->max_batch) : 0,
                    &net->back_buf));
out:
    return status;
}

clg_turned *clg__block_turned(const clg_walk *k, uint32_t i, enum clg_pass pass)
{
    clg_net *net = k->net;
    const bool down = net->plan.layer[i].op == CLG_LAYER_CONV2D;
    if (down && net->turned[i].buf != NULL && pass != CLG_BWD_DATA) {
        if (pass == CLG_FWD) {
            net->turned[i].map = (clg_turned){ .v = clg__tensor_all(net->turned[i].buf) };
        }
        return k->first == 0 ? &net->turned[i].map : NULL;
    }
    if (!down && net->back_buf != NULL && pass != CLG_FWD && k->want_dw) {
        if (pass == CLG_BWD_WEIGHT) {
            net->back = (clg_turned){ .v = clg__tensor_all(net->back_buf) };
        }
        return &net->back;
    }
    return NULL;
}
