/* Philox numbers on the device: the same words as base/philox.h. */
#ifndef CLG_OPS_RANDOM_H
#define CLG_OPS_RANDOM_H

#include "ops/ops.h"

/* y[i] as clg__philox_uniform / clg__philox_normal define it (normal: in float on the device, so
 * equal within a few ulp to the host's, and bit-equal from run to run on one device). */
int clg__random_uniform(const clg_ops *o, const clg_rng_key *key, float lo, float hi, clg_tensor y);
int clg__random_normal(const clg_ops *o, const clg_rng_key *key, float mean, float std, clg_tensor y);
#endif
