/* Adam (Kingma, Ba 2015) as PyTorch writes it: w -= lr/(1-b1^t) * m / (sqrt(v)/sqrt(1-b2^t) + eps).
 */
#ifndef CLG_OPS_ADAM_H
#define CLG_OPS_ADAM_H

#include "ops/ops.h"

/* One launch over whole slabs of equal length; w, m, v are updated. */
int clg__adam_step(const clg_ops *o, const clg_adam *a, clg_tensor g, clg_tensor w, clg_tensor m,
                   clg_tensor v);
/* The same under a loss scale, whose state (ops/loss_scale.h) knows t and whether the step is done;
 * a->t is not used. */
int clg__adam_step_scaled(const clg_ops *o, const clg_adam *a, clg_tensor g, clg_tensor w,
                          clg_tensor m, clg_tensor v, clg_tensor scale);
#endif
