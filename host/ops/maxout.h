/* Maxout (Goodfellow et al., "Maxout networks", 2013): y[n,j] = max over p of x[n, j*pieces + p]. */
#ifndef CLG_OPS_MAXOUT_H
#define CLG_OPS_MAXOUT_H

#include "ops/ops.h"

/* x [n, k*pieces], y [n, k]. */
int clg__maxout_fwd(const clg_ops *o, clg_tensor x, uint32_t pieces, clg_tensor y);
/* dx[n, j*pieces + p] = dy[n,j] where p is the first piece that reaches the maximum, else 0. */
int clg__maxout_bwd_data(const clg_ops *o, clg_tensor x, uint32_t pieces, clg_tensor dy,
                         clg_tensor dx);
#endif
