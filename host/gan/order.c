/* The table of update orders. Sources: d-then-g-*: Goodfellow et al., "Generative adversarial
 * nets", 2014, algorithm 1 (fresh fakes, d_steps = k), and Radford et al. 2016 for the same fakes;
 * simultaneous: the 2014 code's own form; alternate: one net per minibatch. */
#include "gan/order.h"

enum { D = CLG_STEPS_D, G = CLG_STEPS_G, BOTH = CLG_STEPS_D | CLG_STEPS_G, PHASES_MAX = 7 };

static const struct {
    uint32_t count;
    clg_order_phase phase[PHASES_MAX];
} orders[] = {
    [CLG_ORDER_SIMULTANEOUS] = { 6, { { CLG_PHASE_REAL, D, 0 },
                                      { CLG_PHASE_FAKES, BOTH, 0 },
                                      { CLG_PHASE_D_PASS, D, 0 },
                                      { CLG_PHASE_G_SAME_PASS, G, 0 },
                                      { CLG_PHASE_D_UPDATE, D, 0 },
                                      { CLG_PHASE_G_UPDATE, G, 0 } } },
    [CLG_ORDER_D_THEN_G_SAME_FAKES] = { 6, { { CLG_PHASE_REAL, D, 0 },
                                             { CLG_PHASE_FAKES, BOTH, 0 },
                                             { CLG_PHASE_D_PASS, D, 0 },
                                             { CLG_PHASE_D_UPDATE, D, 0 },
                                             { CLG_PHASE_G_PASS, G, 0 },
                                             { CLG_PHASE_G_UPDATE, G, 0 } } },
    [CLG_ORDER_D_THEN_G_FRESH_FAKES] = { 7, { { CLG_PHASE_REAL, D, 0 },
                                              { CLG_PHASE_FAKES, D, 0 },
                                              { CLG_PHASE_D_PASS, D, 0 },
                                              { CLG_PHASE_D_UPDATE, D, 0 },
                                              { CLG_PHASE_FAKES, G, 1 },
                                              { CLG_PHASE_G_PASS, G, 0 },
                                              { CLG_PHASE_G_UPDATE, G, 0 } } },
    [CLG_ORDER_G_THEN_D] = { 7, { { CLG_PHASE_FAKES, G, 0 },
                                  { CLG_PHASE_G_PASS, G, 0 },
                                  { CLG_PHASE_G_UPDATE, G, 0 },
                                  { CLG_PHASE_REAL, D, 0 },
                                  { CLG_PHASE_FAKES, D, 1 },
                                  { CLG_PHASE_D_PASS, D, 0 },
                                  { CLG_PHASE_D_UPDATE, D, 0 } } },
    /* D's phases in one minibatch, G's in another: clg__order_nets says which. */
    [CLG_ORDER_ALTERNATE] = { 6, { { CLG_PHASE_REAL, D, 0 },
                                   { CLG_PHASE_FAKES, BOTH, 0 },
                                   { CLG_PHASE_D_PASS, D, 0 },
                                   { CLG_PHASE_D_UPDATE, D, 0 },
                                   { CLG_PHASE_G_PASS, G, 0 },
                                   { CLG_PHASE_G_UPDATE, G, 0 } } },
    [CLG_ORDER_RECONSTRUCT] = { 4, { { CLG_PHASE_REAL, BOTH, 0 },
                                     { CLG_PHASE_RECONSTRUCT, BOTH, 0 },
                                     { CLG_PHASE_D_UPDATE, BOTH, 0 },
                                     { CLG_PHASE_G_UPDATE, BOTH, 0 } } },
};

const clg_order_phase *clg__order_phases(enum clg_order order, uint32_t *count)
{
    *count = orders[order].count;
    return orders[order].phase;
}

uint32_t clg__order_nets(const clg_model_desc *desc, uint64_t step, uint64_t steps_per_epoch)
{
    uint64_t epoch = steps_per_epoch > 0 ? (step - 1u) / steps_per_epoch : desc->order.g_start_epoch;
    bool g_may = epoch >= desc->order.g_start_epoch;
    bool g_due = g_may && step % clg__order_period(desc) == 0;
    if (desc->order.kind == CLG_ORDER_RECONSTRUCT) {
        return BOTH; /* one function of both nets: neither learns without the other */
    }
    if (desc->order.kind == CLG_ORDER_ALTERNATE) {
        return g_due ? G : D;
    }
    return g_due ? BOTH : D;
}

uint32_t clg__order_period(const clg_model_desc *desc)
{
    uint32_t k = desc->order.d_steps > 0 ? desc->order.d_steps : 1u;
    switch (desc->order.kind) {
    case CLG_ORDER_RECONSTRUCT:
        return 1u;
    case CLG_ORDER_ALTERNATE:
        return k + 1u;
    default:
        return k;
    }
}

bool clg__order_pauses(const clg_model_desc *desc)
{
    return clg__order_period(desc) > 1u ||
           (desc->order.g_start_epoch > 0 && desc->order.kind != CLG_ORDER_RECONSTRUCT);
}
