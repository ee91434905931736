/* Adam (Kingma, Ba 2015) as PyTorch writes it: w -= lr/(1-b1^t) * m / (sqrt(v)/sqrt(1-b2^t) + eps).
 */
#ifndef CLG_OPS_ADAM_H
#define CLG_OPS_ADAM_H

#include "ops/ops.h"

/* The kernel's arguments for step a->t, from 1: computed in double, as 1 - beta2^t has few digits left
 * in float at the first steps. */
typedef struct clg_adam_numbers {
    float beta1, rest1, beta2, rest2, step, root, eps;
} clg_adam_numbers;
clg_adam_numbers clg__adam_numbers(const clg_adam *a);

/* One launch over whole slabs of equal length; w, m, v are updated. */
int clg__adam_step(const clg_ops *o, const clg_adam *a, clg_tensor g, clg_tensor w, clg_tensor m,
                   clg_tensor v);
/* The same under a loss scale, whose state (ops/loss_scale.h) knows t and whether the step is done;
 * a->t is not used. */
int clg__adam_step_scaled(const clg_ops *o, const clg_adam *a, clg_tensor g, clg_tensor w,
                          clg_tensor m, clg_tensor v, clg_tensor scale);
#endif
