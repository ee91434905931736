/* Stochastic gradient descent with momentum: v <- momentum v - lr g; w <- w + v (Goodfellow et al.
 * 2014's form; with a constant lr the same steps as PyTorch's). */
#ifndef CLG_OPS_SGD_H
#define CLG_OPS_SGD_H

#include "ops/ops.h"

typedef struct clg_sgd {
    float lr, momentum;
} clg_sgd;

/* One launch over whole slabs of equal length; w and v are updated. */
int clg__sgd_step(const clg_ops *o, const clg_sgd *s, clg_tensor g, clg_tensor w, clg_tensor v);
/* The same under a loss scale, whose state (ops/loss_scale.h) says whether the step is done. */
int clg__sgd_step_scaled(const clg_ops *o, const clg_sgd *s, clg_tensor g, clg_tensor w,
                         clg_tensor v, clg_tensor scale);
/* g += decay * w (L2 weight decay, before the optimiser). */
int clg__weight_decay(const clg_ops *o, float decay, clg_tensor w, clg_tensor g);
/* w cut to [-limit, limit] (Arjovsky, Chintala, Bottou, "Wasserstein GAN", 2017, algorithm 1). */
int clg__weight_clip(const clg_ops *o, float limit, clg_tensor w);
#endif
