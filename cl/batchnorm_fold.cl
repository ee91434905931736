/* Batch norm with fixed statistics folded into the layer before it:
 *     weight (W x + b - mean) invstd + bias = (W scale) x + (bias + (b - mean) scale)
 * with scale = weight * invstd per output channel. Done once per set of parameters, so one scalar
 * text serves both families. */
#include "common.clh"

#define CHANNELS 16

/* folded_w[outer,c,inner] = w * scale[c]; folded_b[c]. get_global_id(0): index along outer,
 * get_global_id(1): block of CHANNELS channels. sum_bias: b, read if has_bias. */
__kernel void batchnorm_fold(__global const float *w, uint w_off, __global const float *mean,
                             uint mean_off, __global const float *invstd, uint invstd_off,
                             __global const float *weight, uint weight_off,
                             __global const float *bias, uint bias_off,
                             __global const float *sum_bias, uint sum_bias_off,
                             __global float *folded_w, uint folded_w_off,
                             __global float *folded_b, uint folded_b_off, uint outer, uint c,
                             uint inner, uint has_bias)
{
    const uint o = (uint)get_global_id(0), first = (uint)get_global_id(1) * CHANNELS;
    if (o >= outer) {
        return;
    }
    for (uint j = first; j < min(first + CHANNELS, c); ++j) {
        const float scale = weight[weight_off + j] * invstd[invstd_off + j];
        const size_t at = ((size_t)o * c + j) * inner;
        for (uint i = 0; i < inner; ++i) {
            folded_w[folded_w_off + at + i] = w[w_off + at + i] * scale;
        }
        if (o == 0) {
            const float b = has_bias != 0u ? sum_bias[sum_bias_off + j] : 0.0f;
            folded_b[folded_b_off + j] = bias[bias_off + j] + (b - mean[mean_off + j]) * scale;
        }
    }
}
