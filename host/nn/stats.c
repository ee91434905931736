/* Norms and checks over the slabs of a net. */
#include "base/mem.h"
#include "nn/net_internal.h"
#include "ops/reduce.h"

static clg_tensor segments_of(const clg_net *net)
{
    return clg__tensor_view(clg__tensor_all(net->segments), 0, 2, net->parameters, 2, 0, 0);
}

int clg__net_sumsq(clg_net *net, enum clg_net_kind kind, clg_tensor out)
{
    int status = kind == CLG_NET_GRAD ? clg__net_unscale(net) : CLG_OK;
    return status == CLG_OK ? clg__reduce_sumsq(net->ops, clg__tensor_all(net->slab[kind]),
                                                CLG_NO_TENSOR, segments_of(net), out)
                            : status;
}

static clg_tensor snapshot_of(const clg_net *net)
{
    const clg_scratch *s = net->scratch;
    return clg__tensor_vec(clg__tensor_all(net->store == CLG_F32 ? s->gradient[1] : s->workspace),
                           0, (uint32_t)net->layout.params);
}

int clg__net_snapshot(clg_net *net)
{
    return clg__rt_copy(net->ops->rt, clg__tensor_all(net->slab[CLG_NET_VALUE]), snapshot_of(net));
}

int clg__net_sumsq_update(clg_net *net, clg_tensor out)
{
    return clg__reduce_sumsq(net->ops, clg__tensor_all(net->slab[CLG_NET_VALUE]), snapshot_of(net),
                             segments_of(net), out);
}

int clg__net_nonfinite(clg_net *net, uint32_t *count)
{
    clg_buffer *const slabs[4] = { net->slab[CLG_NET_VALUE], net->slab[CLG_NET_M],
                                   net->slab[CLG_NET_V], net->stats };
    uint64_t first = clg__round_up64(2u * (uint64_t)net->parameters, CLG_VIEW_FLOATS);
    clg_tensor counters = clg__tensor_vec(clg__tensor_all(net->segments), first, 4);
    uint32_t host[4] = { 0 };
    int status = CLG_OK;
    CLG_TRY(clg__rt_zero(net->ops->rt, counters));
    for (uint32_t i = 0; i < 4u; i++) {
        if (slabs[i] != NULL) {
            CLG_TRY(clg__reduce_nonfinite(net->ops, clg__tensor_all(slabs[i]),
                                          clg__tensor_vec(counters, i, 1),
                                          clg__scratch_workspace(net->scratch)));
        }
    }
    CLG_TRY(clg__rt_read(net->ops->rt, counters, host));
    *count = 0;
    for (int i = 0; i < 4; i++) {
        *count = host[i] > UINT32_MAX - *count ? UINT32_MAX : *count + host[i];
    }
out:
    return status;
}
