/* Elementwise activations; the derivative is taken from the output. */
#ifndef CLG_OPS_ACTIVATION_H
#define CLG_OPS_ACTIVATION_H

#include "ops/ops.h"

/* y = act(x); y may be x. */
int clg__activation_fwd(const clg_ops *o, enum clg_act act, float slope, clg_tensor x, clg_tensor y);
/* dx = dy * act'(at the output y); dx may be dy. */
int clg__activation_bwd(const clg_ops *o, enum clg_act act, float slope, clg_tensor y,
                        clg_tensor dy, clg_tensor dx);
#endif
