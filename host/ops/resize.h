/* Nearest-neighbour upsampling and average pooling by a whole number; each is, up to a factor, the
 * other's way back. */
#ifndef CLG_OPS_RESIZE_H
#define CLG_OPS_RESIZE_H

#include "ops/ops.h"

/* x [n,h,w,c] -> y [n, h*scale, w*scale, c], y = factor * x of the pixel it lies in.
 * Forward of upsample: factor 1; way back of avgpool: factor 1/scale^2. */
int clg__resize_up(const clg_ops *o, clg_tensor x, uint32_t scale, float factor, clg_tensor y);
/* x [n, h*scale, w*scale, c] -> y [n,h,w,c], factor * sum over the scale x scale pixels.
 * Forward of avgpool: factor 1/scale^2; way back of upsample: factor 1. */
int clg__resize_down(const clg_ops *o, clg_tensor x, uint32_t scale, float factor, clg_tensor y);
#endif
