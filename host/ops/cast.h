/* Conversion between float and the 16-bit types of stored activations. */
#ifndef CLG_OPS_CAST_H
#define CLG_OPS_CAST_H

#include "ops/ops.h"

/* y[i] = x[i], same length; one of the two is CLG_F32, the other CLG_F16, CLG_BF16 or CLG_F32.
 * To 16 bits: rounded to nearest even, NaN stays NaN, too large becomes inf. */
int clg__cast(const clg_ops *o, clg_tensor x, clg_tensor y);
#endif
