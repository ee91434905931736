/* Concatenation on channels, and the sum of two gradients. */
#ifndef CLG_OPS_CONCAT_H
#define CLG_OPS_CONCAT_H

#include "ops/ops.h"

/* Shapes: clg_concat in base/geometry.h. Tensors of any rank; the lengths must fit. */
int clg__concat_fwd(const clg_ops *o, const clg_concat *c, clg_tensor a, clg_tensor b,
                    clg_tensor y);
/* da, db: CLG_NO_TENSOR where not wanted. Planes: db is the sum over the pixels, in their order. */
int clg__concat_bwd_data(const clg_ops *o, const clg_concat *c, clg_tensor dy, clg_tensor da,
                         clg_tensor db);
/* y += x. */
int clg__accumulate(const clg_ops *o, clg_tensor x, clg_tensor y);
#endif
