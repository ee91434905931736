/* Batch normalisation (Ioffe, Szegedy 2015, algorithms 1 and 2) with the following activation
 * fused, over x[n*pixels, c], statistics per group (struct clg_bn in base/geometry.h). */
#ifndef CLG_OPS_BATCHNORM_H
#define CLG_OPS_BATCHNORM_H

#include "ops/ops.h"

uint64_t clg__batchnorm_workspace(const clg_ops *o, const clg_bn *b); /* for every pass below;
                                                          with parts given 2*groups*c do */
/* mean, invstd [groups,c] of x. parts: sums that the convolution left that made x (struct
 * clg_sums); CLG_NO_TENSOR: they are made from x. With running_mean/var [c] given they are moved
 * once per group, in order: r = (1-momentum) r + momentum * (mean; var * rows/(rows-1)). */
int clg__batchnorm_stats(const clg_ops *o, const clg_bn *b, clg_tensor x, clg_tensor parts,
                         clg_tensor mean, clg_tensor invstd, clg_tensor running_mean,
                         clg_tensor running_var, clg_tensor ws);
/* Inference: mean = running_mean, invstd = 1/sqrt(running_var + eps), written for each group. */
int clg__batchnorm_running(const clg_ops *o, const clg_bn *b, clg_tensor running_mean,
                           clg_tensor running_var, clg_tensor mean, clg_tensor invstd);
/* Fixed statistics (mean, invstd [c], one group) folded into the weights w[n,c,pixels] of the layer
 * before and its bias sum_bias [c] or CLG_NO_TENSOR: folded_w as w, folded_b [c]. */
int clg__batchnorm_fold(const clg_ops *o, const clg_bn *b, clg_tensor w, clg_tensor mean,
                        clg_tensor invstd, clg_tensor weight, clg_tensor bias, clg_tensor sum_bias,
                        clg_tensor folded_w, clg_tensor folded_b);
/* y = act(weight * (x - mean) * invstd + bias); y may be x. */
int clg__batchnorm_fwd(const clg_ops *o, const clg_bn *b, clg_tensor x, clg_tensor mean,
                       clg_tensor invstd, clg_tensor weight, clg_tensor bias, clg_tensor y);
/* Through act and batch norm: dx from x (the forward's input) and dy; dx may be dy. parts: as
 * in stats, of the convolution that made dy, or from x and dy. dw, db [c] summed over groups and
 * overwritten; CLG_NO_TENSOR when not wanted. */
int clg__batchnorm_bwd(const clg_ops *o, const clg_bn *b, clg_tensor x, clg_tensor mean,
                       clg_tensor invstd, clg_tensor weight, clg_tensor bias, clg_tensor dy,
                       clg_tensor parts, clg_tensor dx, clg_tensor dw, clg_tensor db,
                       clg_tensor ws);
#endif
