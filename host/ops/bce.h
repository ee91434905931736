/* Binary cross-entropy on logits, with one target for all rows. */
#ifndef CLG_OPS_BCE_H
#define CLG_OPS_BCE_H

#include "ops/ops.h"

/* logits l[n], target t in [0,1]: out[0] = mean of softplus(l) - t*l, out[1] = mean sigmoid(l);
 * dl[n] (or CLG_NO_TENSOR) = scale * (sigmoid(l) - t) / n. Any n >= 1; fixed summation order. */
int clg__bce(const clg_ops *o, clg_tensor l, float t, float scale, clg_tensor out, clg_tensor dl);
#endif
