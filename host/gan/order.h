/* Update orders as data: each order is a list of phases, and which nets a minibatch steps is a pure
 * function of the step's number. step.c walks the list; no order has code of its own. */
#ifndef CLG_GAN_ORDER_H
#define CLG_GAN_ORDER_H

#include "base/model.h"

enum clg_phase {
    CLG_PHASE_REAL,        /* real rows become D's input */
    CLG_PHASE_FAKES,       /* latents (`draw` tells draws of one step apart), G's forward; its
                              fakes become D's input */
    CLG_PHASE_D_PASS,      /* D over all rows, its losses, its gradients */
    CLG_PHASE_G_SAME_PASS, /* G's loss on the fakes of that pass, G's gradients through it */
    CLG_PHASE_G_PASS,      /* D as it is now over the fakes, G's loss, G's gradients */
    CLG_PHASE_RECONSTRUCT, /* code = D(x), y = G(code), squared error, gradients of both */
    CLG_PHASE_D_UPDATE,
    CLG_PHASE_G_UPDATE
};

/* Bits of a set of nets. */
enum { CLG_STEPS_D = 1, CLG_STEPS_G = 2 };

typedef struct clg_order_phase {
    enum clg_phase phase;
    uint32_t nets; /* done in a minibatch that steps one of these */
    uint32_t draw;
} clg_order_phase;

/* The phases of one minibatch, in order. */
const clg_order_phase *clg__order_phases(enum clg_order order, uint32_t *count);

/* The nets that minibatch `step` (from 1) steps. G: at every d_steps-th and not before
 * g_start_epoch (steps_per_epoch 0: there are no epochs, G is not held back); D: always. Alternate:
 * d_steps minibatches for D, then one for G, which is D's too while G is held back. */
uint32_t clg__order_nets(const clg_model_desc *desc, uint64_t step, uint64_t steps_per_epoch);
/* Within this many steps each net is stepped once (G once it has started). */
uint32_t clg__order_period(const clg_model_desc *desc);
/* Whether there are steps that leave one of the nets as it is. */
bool clg__order_pauses(const clg_model_desc *desc);

#endif
