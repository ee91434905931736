/* Nets that are a chain of linear layers, as the fused pass takes them. */
#include "nn/net_internal.h"

static bool is_link(const clg_net_plan *plan, uint32_t i)
{
    const clg_layer *l = &plan->layer[i];
    return l->op == CLG_LAYER_LINEAR && l->norm == CLG_NORM_NONE &&
           l->from == (i == 0 ? CLG_FROM_INPUT : (int32_t)i - 1);
}

bool clg__net_chain(const clg_net_plan *plan, clg_mlp_chain *out)
{
    clg_net_layout layout;
    bool fits = plan->layer_count > 0 && plan->layer_count <= CLG_MLP_LAYERS_MAX &&
                plan->head_count == 1u && plan->head[0] == plan->layer_count - 1u;
    for (uint32_t i = 0; fits && i < plan->layer_count; i++) {
        fits = is_link(plan, i);
    }
    if (!fits || clg__net_layout_make(plan, &layout) != CLG_OK) {
        return false;
    }
    *out = (clg_mlp_chain){ .count = plan->layer_count, .slab = (uint32_t)layout.params };
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        const clg_layer *l = &plan->layer[i];
        out->layer[i] = (clg_mlp_layer){ .in = (uint32_t)clg__layer_in(l),
                                         .out = (uint32_t)clg__layer_out(l),
                                         .w = (uint32_t)layout.block[i].at[CLG_PART_W],
                                         .b = (uint32_t)layout.block[i].at[CLG_PART_B],
                                         .bias = l->bias,
                                         .act = l->act,
                                         .slope = l->slope };
    }
    return true;
}

clg_tensor clg__net_slab(const clg_net *net, enum clg_net_kind kind)
{
    return clg__tensor_all(net->slab[kind]);
}
