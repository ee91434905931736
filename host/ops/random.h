/* Philox numbers on the device: the same words as base/philox.h. */
#ifndef CLG_OPS_RANDOM_H
#define CLG_OPS_RANDOM_H

#include "ops/ops.h"

/* A key as kernels take it: seed low, seed high, lane + (stream << 24), step low, step high. The
 * second counter word has no index in it: elements are fewer than 2^32. */
#define CLG_KEY_ARGS(key)                                                                       \
    CLG_ARG((uint32_t)((key)->seed & UINT32_MAX)), CLG_ARG((uint32_t)((key)->seed >> 32)),      \
        CLG_ARG(clg__rng_use((key)->stream, (key)->lane)),                                      \
        CLG_ARG((uint32_t)((key)->step & UINT32_MAX)), CLG_ARG((uint32_t)((key)->step >> 32))

/* In all of them y may be F32, F16 or BF16: what is stored is the number rounded once. */
/* y[i] as clg__philox_uniform / clg__philox_normal define it (normal: in float on the device, so
 * equal within a few ulp to the host's, and bit-equal from run to run on one device). */
int clg__random_uniform(const clg_ops *o, const clg_rng_key *key, float lo, float hi, clg_tensor y);
int clg__random_normal(const clg_ops *o, const clg_rng_key *key, float mean, float std, clg_tensor y);
/* y[i] += std * N(0,1)_i, the same normals. */
int clg__random_add_normal(const clg_ops *o, const clg_rng_key *key, float std, clg_tensor y);
/* y [n,c]: rows of normals, scaled to the length sqrt(c): the sphere that a Gaussian's mass lies
 * near. */
int clg__random_sphere(const clg_ops *o, const clg_rng_key *key, clg_tensor y);
#endif
