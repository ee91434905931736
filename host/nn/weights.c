/* The weights as the layers read them: in the type of the activations, and made ready for the
 * convolutions' algorithms. What is derived from the parameters remembers which version of them it
 * was made from; every writer of parameters or running statistics calls clg__net_touch. */
#include "nn/net_internal.h"
#include "ops/cast.h"
#include "ops/deconv2d.h"

void clg__net_touch(clg_net *net)
{
    net->version++;
}

clg_tensor clg__net_weight(const clg_net *net, uint32_t block)
{
    return net->work == NULL ? clg__net_part(net, CLG_NET_VALUE, block, CLG_PART_W)
                             : clg__net_part_in(net, net->work, block, CLG_PART_W);
}

int clg__net_refresh(clg_net *net)
{
    if (net->work == NULL || net->work_version == net->version) {
        return CLG_OK;
    }
    const int status =
        clg__cast(net->ops, clg__tensor_all(net->slab[CLG_NET_VALUE]), clg__tensor_all(net->work));
    net->work_version = status == CLG_OK ? net->version : 0;
    return status;
}

uint32_t clg__net_ready_passes(const clg_net_options *opt)
{
    return !opt->train ? 1u : opt->fixed ? CLG_READY_PASSES : 0u;
}

static uint64_t ready_len(const clg_ops *ops, const clg_layer *l, const clg_conv *g,
                          enum clg_pass pass)
{
    return l->op == CLG_LAYER_CONV2D ? clg__conv2d_ready_len(ops, g, pass)
                                     : clg__deconv2d_ready_len(ops, g, pass);
}

uint64_t clg__net_ready_len(const clg_ops *ops, const clg_layer *l, uint32_t n, enum clg_pass pass)
{
    clg_conv g;
    const bool is_conv = l->op == CLG_LAYER_CONV2D || l->op == CLG_LAYER_DECONV2D;
    return is_conv && clg__layer_conv(l, n, &g) == CLG_OK ? ready_len(ops, l, &g, pass) : 0;
}

int clg__net_filter(clg_net *net, uint32_t block, const clg_conv *g, enum clg_pass pass,
                    clg_tensor w, clg_filter *out)
{
    const clg_layer *l = &net->plan.layer[block];
    clg_ready *r = &net->ready[block][pass];
    *out = (clg_filter){ .w = w };
    const uint64_t len = r->buf != NULL ? ready_len(net->ops, l, g, pass) : 0;
    if (len == 0 || len > clg__tensor_len(clg__tensor_all(r->buf))) {
        return CLG_OK; /* not kept, or another algorithm since it was made */
    }
    out->ready = clg__tensor_vec(clg__tensor_all(r->buf), 0, (uint32_t)len);
    if (r->version == net->version && r->len == len && r->from == w.buf) {
        return CLG_OK;
    }
    const int status = l->op == CLG_LAYER_CONV2D
                           ? clg__conv2d_prepare(net->ops, g, pass, out->w, out->ready)
                           : clg__deconv2d_prepare(net->ops, g, pass, out->w, out->ready);
    r->version = status == CLG_OK ? net->version : 0;
    r->len = len;
    r->from = w.buf;
    return status;
}
