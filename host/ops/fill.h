/* Fills and scaled sums. */
#ifndef CLG_OPS_FILL_H
#define CLG_OPS_FILL_H

#include "ops/ops.h"

int clg__fill(const clg_ops *o, clg_tensor y, float value);
/* y = a*x + b*y. */
int clg__fill_axpby(const clg_ops *o, float a, clg_tensor x, float b, clg_tensor y);
#endif
