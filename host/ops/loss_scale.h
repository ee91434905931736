/* Dynamic loss scaling of a net on the device. Nothing is waited for: whether an update is skipped
 * is decided there. */
#ifndef CLG_OPS_LOSS_SCALE_H
#define CLG_OPS_LOSS_SCALE_H

#include "ops/ops.h"

/* The state: CLG_LOSS_SCALE_LEN floats. */
enum {
    CLG_LOSS_SCALE,    /* factor of the next loss; a power of two */
    CLG_SCALE_CLEAN,   /* updates since it last changed */
    CLG_SCALE_SKIP,    /* 1: the last way back left inf or nan, its update changes nothing */
    CLG_SCALE_UNSCALE, /* factor of the last gradients: 1 / scale */
    CLG_SCALE_STEPS,   /* updates that were not skipped: Adam's t */
    CLG_SCALE_SKIPPED, /* updates that were */
    CLG_LOSS_SCALE_LEN = 8
};
static const float CLG_LOSS_SCALE_START[CLG_LOSS_SCALE_LEN] = { 65536.0f, 0.0f, 0.0f,
                                                                1.0f / 65536.0f };

/* After the backward, before the step: bad u32 [1] is the number of inf and nan in the gradients.
 * None: after 2,000 updates without any the scale doubles (up to 2^24). Some: it halves (down to
 * 1). lender: CLG_NO_TENSOR, or the state of the net whose scale the loss carried; fresh: that net
 * has not yet done this for the same backward. */
int clg__loss_scale_update(const clg_ops *o, clg_tensor bad, clg_tensor lender, bool fresh,
                           clg_tensor state);
/* g[i] = g[i] * unscale, or 0 when the update is to be skipped. */
int clg__loss_scale_apply(const clg_ops *o, clg_tensor state, clg_tensor g);
#endif
