/* 2-d convolution, its data and weight gradients (struct clg_conv in base/geometry.h). */
#ifndef CLG_OPS_CONV2D_H
#define CLG_OPS_CONV2D_H

#include "ops/ops.h"

enum clg_pass { CLG_FWD, CLG_BWD_DATA, CLG_BWD_WEIGHT };

/* Floats of workspace for this pass. */
uint64_t clg__conv2d_workspace(const clg_ops *o, const clg_conv *g, enum clg_pass pass);

/* y[N,P,Q,K] = act(x[N,H,W,C] * w[R,S,C,K] + bias). */
int clg__conv2d_fwd(const clg_ops *o, const clg_conv *g, clg_tensor x, clg_tensor w,
                    const clg_epilogue *e, clg_tensor y, clg_tensor ws);
/* dx[N,H,W,C] from dy[N,P,Q,K] and w; every element of dx is written. */
int clg__conv2d_bwd_data(const clg_ops *o, const clg_conv *g, clg_tensor dy, clg_tensor w,
                         clg_tensor dx, clg_tensor ws);
/* dw[R,S,C,K] from x and dy; overwritten, not accumulated. */
int clg__conv2d_bwd_weight(const clg_ops *o, const clg_conv *g, clg_tensor x, clg_tensor dy,
                           clg_tensor dw, clg_tensor ws);
#endif
