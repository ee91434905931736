/* Steps of the optimisers over the slabs of a net, and what comes before and after them. */
#include "nn/net_internal.h"
#include "ops/adam.h"
#include "ops/sgd.h"

static clg_tensor slab_of(const clg_net *net, enum clg_net_kind kind)
{
    return clg__tensor_all(net->slab[kind]);
}

static int check_slabs(const clg_net *net, enum clg_net_kind last)
{
    return clg__net_has(net, last)
               ? CLG_OK
               : clg__fail(CLG_E_INTERNAL, "%s was not made for this optimiser", net->label);
}

int clg__net_adam(clg_net *net, const clg_adam *a)
{
    int status = check_slabs(net, CLG_NET_V);
    return status != CLG_OK ? status
                            : clg__adam_step(net->ops, a, slab_of(net, CLG_NET_GRAD),
                                             slab_of(net, CLG_NET_VALUE), slab_of(net, CLG_NET_M),
                                             slab_of(net, CLG_NET_V));
}

int clg__net_sgd(clg_net *net, const clg_sgd *s)
{
    int status = check_slabs(net, CLG_NET_M);
    return status != CLG_OK ? status
                            : clg__sgd_step(net->ops, s, slab_of(net, CLG_NET_GRAD),
                                            slab_of(net, CLG_NET_VALUE), slab_of(net, CLG_NET_M));
}

int clg__net_weight_decay(clg_net *net, float decay)
{
    int status = check_slabs(net, CLG_NET_GRAD);
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
    return clg__weight_clip(net->ops, limit, slab_of(net, CLG_NET_VALUE));
}
