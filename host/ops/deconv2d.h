/* Transposed convolution: a conv read backwards. `g` is the conv whose data gradient it is:
 * input x[N,P,Q,K], output y[N,H,W,C], filter w[R,S,C,K]. */
#ifndef CLG_OPS_DECONV2D_H
#define CLG_OPS_DECONV2D_H

#include "ops/conv2d.h"

uint64_t clg__deconv2d_workspace(const clg_ops *o, const clg_conv *g, enum clg_pass pass);
/* As clg__conv2d_ready_len and clg__conv2d_prepare. */
uint64_t clg__deconv2d_ready_len(const clg_ops *o, const clg_conv *g, enum clg_pass pass);
int clg__deconv2d_prepare(const clg_ops *o, const clg_conv *g, enum clg_pass pass, clg_tensor w,
                          clg_tensor ready);
/* As clg__conv2d_parts. */
uint32_t clg__deconv2d_parts(const clg_ops *o, const clg_conv *g, enum clg_pass pass,
                             uint32_t groups);

/* y[N,H,W,C] = act(deconv(x[N,P,Q,K], w) + bias[C]). */
int clg__deconv2d_fwd(const clg_ops *o, const clg_conv *g, clg_tensor x, clg_filter w,
                      const clg_epilogue *e, clg_tensor y, clg_tensor ws);
/* dx[N,P,Q,K] from dy[N,H,W,C]. sums: of dx, or NULL. */
int clg__deconv2d_bwd_data(const clg_ops *o, const clg_conv *g, clg_tensor dy, clg_filter w,
                           const clg_sums *sums, clg_tensor dx, clg_tensor ws);
/* dw[R,S,C,K] from x[N,P,Q,K] and dy[N,H,W,C]; overwritten. */
int clg__deconv2d_bwd_weight(const clg_ops *o, const clg_conv *g, clg_tensor x, clg_tensor dy,
                             clg_turned *big, clg_tensor dw, clg_tensor ws);
#endif
