/* Steps of the optimisers over the slabs of a net, and what comes before and after them: loss scale,
 * weight decay, clipping. */
#include <string.h>

#include "base/mem.h"
#include "nn/net_internal.h"
#include "ops/adam.h"
#include "ops/loss_scale.h"
#include "ops/reduce.h"
#include "ops/sgd.h"

static int check_slabs(const clg_net *net, enum clg_net_kind last)
{
    return clg__net_has(net, last)
               ? CLG_OK
               : clg__fail(CLG_E_INTERNAL, "%s was not made for this optimiser", net->label);
}

/* ---- 16-bit storage ---- */

static clg_tensor scale_of(const clg_net *net)
{
    return net->scale != NULL ? clg__tensor_all(net->scale) : CLG_NO_TENSOR;
}

clg_tensor clg__net_loss_scale(const clg_net *net)
{
    return net->scale != NULL ? clg__tensor_vec(scale_of(net), CLG_LOSS_SCALE, 1) : CLG_NO_TENSOR;
}

int clg__net_unscale(clg_net *net)
{
    const clg_net *by = net->scaled_by;
    if (by == NULL) {
        return CLG_OK;
    }
    uint64_t at = clg__round_up64(2u * (uint64_t)net->parameters, CLG_VIEW_FLOATS);
    clg_tensor bad = clg__tensor_vec(clg__tensor_all(net->segments), at, 1);
    int status = CLG_OK;
    CLG_TRY(clg__reduce_nonfinite(net->ops, clg__net_slab(net, CLG_NET_GRAD), bad,
                                  clg__scratch_workspace(net->scratch)));
    CLG_TRY(clg__loss_scale_update(net->ops, bad, by != net ? scale_of(by) : CLG_NO_TENSOR,
                                   by->scaled_by != NULL, scale_of(net)));
    CLG_TRY(clg__loss_scale_apply(net->ops, scale_of(net), clg__net_slab(net, CLG_NET_GRAD)));
    net->scaled_by = NULL;
out:
    return status;
}

static int check_scale(const clg_net *net)
{
    return net->scale != NULL ? CLG_OK
                              : clg__fail(CLG_E_INTERNAL, "%s has no loss scale", net->label);
}

int clg__net_scale_read(clg_net *net, float state[CLG_NET_SCALE_LEN])
{
    int status = check_scale(net);
    return status == CLG_OK ? clg__rt_read(net->ops->rt, scale_of(net), state) : status;
}

int clg__net_scale_write(clg_net *net, const float state[CLG_NET_SCALE_LEN])
{
    int status = check_scale(net);
    return status == CLG_OK ? clg__rt_write(net->ops->rt, scale_of(net), state) : status;
}

void clg__net_scale_start(float state[CLG_NET_SCALE_LEN], uint64_t updates)
{
    memcpy(state, CLG_LOSS_SCALE_START, sizeof CLG_LOSS_SCALE_START);
    state[CLG_SCALE_STEPS] = (float)(updates < 1u << 24 ? updates : 1u << 24);
}

/* ---- steps ---- */

/* Before a step: slabs, gradients as they are meant. */
static int begin_step(clg_net *net, enum clg_net_kind last)
{
    int status = check_slabs(net, last);
    clg__net_touch(net);
    return status == CLG_OK ? clg__net_unscale(net) : status;
}

int clg__net_adam(clg_net *net, const clg_adam *a)
{
    int status = begin_step(net, CLG_NET_V);
    if (status != CLG_OK) {
        return status;
    }
    clg_tensor g = clg__net_slab(net, CLG_NET_GRAD), w = clg__net_slab(net, CLG_NET_VALUE);
    clg_tensor m = clg__net_slab(net, CLG_NET_M), v = clg__net_slab(net, CLG_NET_V);
    return net->scale != NULL ? clg__adam_step_scaled(net->ops, a, g, w, m, v, scale_of(net))
                              : clg__adam_step(net->ops, a, g, w, m, v);
}

int clg__net_sgd(clg_net *net, const clg_sgd *s)
{
    int status = begin_step(net, CLG_NET_M);
    return status != CLG_OK ? status
                            : clg__sgd_step_scaled(net->ops, s, clg__net_slab(net, CLG_NET_GRAD),
                                                   clg__net_slab(net, CLG_NET_VALUE),
                                                   clg__net_slab(net, CLG_NET_M), scale_of(net));
}

int clg__net_weight_decay(clg_net *net, float decay)
{
    int status = begin_step(net, CLG_NET_GRAD);
    for (uint32_t i = 0; status == CLG_OK && i < net->plan.layer_count; i++) {
        clg_tensor w = clg__net_part(net, CLG_NET_VALUE, i, CLG_PART_W);
        if (clg__tensor_is(w)) {
            uint32_t len = (uint32_t)clg__tensor_len(w);
            clg_tensor g = clg__net_part(net, CLG_NET_GRAD, i, CLG_PART_W);
            status = clg__weight_decay(net->ops, decay, clg__tensor_vec(w, 0, len),
                                       clg__tensor_vec(g, 0, len));
        }
    }
    return status;
}

int clg__net_weight_clip(clg_net *net, float limit)
{
    clg__net_touch(net);
    return clg__weight_clip(net->ops, limit, clg__net_slab(net, CLG_NET_VALUE));
}
