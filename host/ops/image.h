/* u8 <-> float images. */
#ifndef CLG_OPS_IMAGE_H
#define CLG_OPS_IMAGE_H

#include "ops/ops.h"

/* y = x * scale + shift (x bytes); [-1,1]: scale 2/255, shift -1. */
int clg__image_from_u8(const clg_ops *o, clg_tensor x, float scale, float shift, clg_tensor y);
/* y = round half up of clamp((x - shift) / scale, 0, 255). */
int clg__image_to_u8(const clg_ops *o, clg_tensor x, float scale, float shift, clg_tensor y);
#endif
