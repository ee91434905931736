/* Losses on logits by objective (cl/objective_<name>.cl), and the mean squared error. */
#ifndef CLG_OPS_LOSS_H
#define CLG_OPS_LOSS_H

#include <stddef.h>

#include "base/model.h"
#include "ops/ops.h"

/* Name of an objective's program, cl/<name>.cl. */
void clg__loss_program(enum clg_objective objective, char *dst, size_t cap);

/* logits l[n]; with f = the objective's function of that role:
 *     out[0] = mean f(l), out[1] = mean shown(l) (D(x) for the cross-entropy ones, l for others);
 *     dl[n] (or CLG_NO_TENSOR) = scale * f'(l) / n.
 * target t in [0,1]: role real counts t real(l) + (1 - t) fake(l); others ignore it. Any n >= 1;
 * fixed summation order. l and dl may be F16 or BF16. */
int clg__loss(const clg_ops *o, enum clg_objective objective, enum clg_loss_role role, clg_tensor l,
              float target, float scale, clg_tensor out, clg_tensor dl);
/* The same with dl multiplied by factor[0] too (f32, or CLG_NO_TENSOR): a loss scale. */
int clg__loss_scaled(const clg_ops *o, enum clg_objective objective, enum clg_loss_role role,
                     clg_tensor l, float target, float scale, clg_tensor factor, clg_tensor out,
                     clg_tensor dl);

/* x, y of n rows: out[0] = mean over all elements of (x - y)^2, out[1] = mean |x|;
 * dx (or CLG_NO_TENSOR; may be x) = scale * 2 (x - y) / elements. ws: clg__mse_workspace floats. */
int clg__mse(const clg_ops *o, clg_tensor x, clg_tensor y, float scale, clg_tensor out,
             clg_tensor dx, clg_tensor ws);
int clg__mse_scaled(const clg_ops *o, clg_tensor x, clg_tensor y, float scale, clg_tensor factor,
                    clg_tensor out, clg_tensor dx, clg_tensor ws); /* dx times factor[0] */
uint64_t clg__mse_workspace(const clg_ops *o, uint64_t elements);
#endif
