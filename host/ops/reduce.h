/* Reductions in a fixed order (never dependent on the number of compute units). */
#ifndef CLG_OPS_REDUCE_H
#define CLG_OPS_REDUCE_H

#include "ops/ops.h"

uint64_t clg__reduce_workspace(const clg_ops *o, uint32_t rows, uint32_t cols);
/* y[cols] = sum over rows of x[rows,cols] (bias gradients). */
int clg__reduce_columns(const clg_ops *o, clg_tensor x, uint32_t rows, uint32_t cols, clg_tensor y,
                        clg_tensor ws);
/* out[i] = sum over segment i of (x - minus)^2, minus = CLG_NO_TENSOR for plain x. segments: u32
 * tensor [n,2] of (first element in x, length). One work-group or item per segment. */
int clg__reduce_sumsq(const clg_ops *o, clg_tensor x, clg_tensor minus, clg_tensor segments,
                      clg_tensor out);
/* out[0] (u32 tensor) = number of elements that are inf or nan, saturating is fine. */
int clg__reduce_nonfinite(const clg_ops *o, clg_tensor x, clg_tensor out, clg_tensor ws);
#endif
