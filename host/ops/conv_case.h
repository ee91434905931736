/* What the case tables of conv2d and deconv2d share: a transposed convolution is the same geometry
 * with input and output maps exchanged. */
#ifndef CLG_OPS_CONV_CASE_H
#define CLG_OPS_CONV_CASE_H

#include "ops/conv2d.h"

typedef struct clg_conv_case {
    bool up; /* transposed: reads [N,P,Q,K], writes [N,H,W,C] */
    int (*read_shape)(const clg_case *c, clg_conv *g);
    uint64_t (*workspace)(const clg_ops *o, const clg_conv *g, enum clg_pass pass);
    uint64_t (*ready_len)(const clg_ops *o, const clg_conv *g, enum clg_pass pass);
    int (*prepare)(const clg_ops *o, const clg_conv *g, enum clg_pass pass, clg_tensor w,
                   clg_tensor ready);
    int (*fwd)(const clg_ops *o, const clg_conv *g, clg_tensor x, clg_filter w,
               const clg_epilogue *e, clg_tensor y, clg_tensor ws);
    int (*bwd_data)(const clg_ops *o, const clg_conv *g, clg_tensor dy, clg_filter w,
                    const clg_sums *sums, clg_tensor dx, clg_tensor ws);
    int (*bwd_weight)(const clg_ops *o, const clg_conv *g, clg_tensor x, clg_tensor dy,
                      clg_turned *big, clg_tensor dw, clg_tensor ws);
} clg_conv_case;

/* plan, workspace and run of struct clg_op for such an operator. */
int clg__conv_case_plan(const clg_conv_case *op, const clg_case *c, clg_case_plan *out);
uint64_t clg__conv_case_workspace(const clg_conv_case *op, const clg_ops *o, const clg_case *c);
int clg__conv_case_run(const clg_conv_case *op, const clg_ops *o, const clg_case *c,
                       const clg_tensor *in, const clg_tensor *out, clg_tensor ws);

#endif
