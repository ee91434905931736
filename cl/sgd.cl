/* Stochastic gradient descent with momentum, and what some models do to gradients and weights around
 * it, over n floats in a row: L2 weight decay, weight clipping.
 *
 * Work-item i owns elements i*ITEMS*VW .. +ITEMS*VW; the last one ends with scalars. One text for
 * both families: CPU -DVW=16 -DITEMS=256, GPU -DVW=4 -DITEMS=1. No local memory. */
#include "common.clh"

/* v = momentum * v - lr * g; w = w + v; nothing when is_scaled and the loss scale's state says so
 * (cl/loss_scale.cl). Goodfellow et al., "Generative adversarial nets", 2014. */
__kernel void sgd_step(__global const float *g, uint g_off, __global float *w, uint w_off,
                       __global float *v, uint v_off, uint n, float lr, float momentum,
                       __global const float *scale, uint scale_off, uint is_scaled)
{
    size_t i = (size_t)get_global_id(0) * (ITEMS * VW);
    const size_t end = min((size_t)n, i + ITEMS * VW);
    g += g_off;
    w += w_off;
    v += v_off;
    if (is_scaled != 0u && scale[scale_off + 2u] != 0.0f) {
        return;
    }
    for (; i + VW <= end; i += VW) {
        const fvec vi = momentum * VLOAD(v + i) - lr * VLOAD(g + i);
        VSTORE(vi, v + i);
        VSTORE(VLOAD(w + i) + vi, w + i);
    }
    for (; i < end; ++i) {
        const float vi = momentum * v[i] - lr * g[i];
        v[i] = vi;
        w[i] += vi;
    }
}

/* g = g + decay * w. */
__kernel void weight_decay(__global const float *w, uint w_off, __global float *g, uint g_off,
                           uint n, float decay)
{
    size_t i = (size_t)get_global_id(0) * (ITEMS * VW);
    const size_t end = min((size_t)n, i + ITEMS * VW);
    w += w_off;
    g += g_off;
    for (; i + VW <= end; i += VW) {
        VSTORE(VLOAD(g + i) + decay * VLOAD(w + i), g + i);
    }
    for (; i < end; ++i) {
        g[i] += decay * w[i];
    }
}

/* w cut to [-limit, limit]; NaN stays NaN (both comparisons are false), which clamp would lose.
 * Arjovsky, Chintala, Bottou, "Wasserstein GAN", 2017, algorithm 1. */
__kernel void weight_clip(__global float *w, uint w_off, uint n, float limit)
{
    size_t i = (size_t)get_global_id(0) * (ITEMS * VW);
    const size_t end = min((size_t)n, i + ITEMS * VW);
    w += w_off;
    for (; i + VW <= end; i += VW) {
        const fvec a = VLOAD(w + i);
        const fvec b = a > limit ? (fvec)(limit) : a;
        VSTORE(b < -limit ? (fvec)(-limit) : b, w + i);
    }
    for (; i < end; ++i) {
        const float a = w[i];
        w[i] = a > limit ? limit : a < -limit ? -limit : a;
    }
}
