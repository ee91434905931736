/* Fully connected layer: y[N,K] = act(x[N,C] w[C,K] + bias[K]). w is PyTorch's weight transposed. */
#ifndef CLG_OPS_LINEAR_H
#define CLG_OPS_LINEAR_H

#include "ops/conv2d.h"

uint64_t clg__linear_workspace(const clg_ops *o, uint32_t n, uint32_t c, uint32_t k,
                               enum clg_pass pass);
int clg__linear_fwd(const clg_ops *o, clg_tensor x, clg_tensor w, const clg_epilogue *e,
                    clg_tensor y, clg_tensor ws);
/* The gate spares a clg__activation_bwd on dx: the same numbers, one rounding fewer in 16 bits. */
int clg__linear_bwd_data(const clg_ops *o, clg_tensor dy, clg_tensor w, clg_tensor dx,
                         const clg_gate *gate, clg_tensor ws);
/* db[K]: the sums of dy's columns, or CLG_NO_TENSOR. They ride in the product where the back end
 * can (terms in rising order), else they are clg__reduce_columns (its order). */
int clg__linear_bwd_weight(const clg_ops *o, clg_tensor x, clg_tensor dy, clg_tensor dw,
                           clg_tensor db, clg_tensor ws);
#endif
