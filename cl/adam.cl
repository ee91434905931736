/* Adam (Kingma, Ba 2015) over whole slabs, in PyTorch's form: epsilon outside the bias-corrected
 * root.
 *
 * Work-item i owns elements i*ITEMS*VW .. +ITEMS*VW; the last one ends with scalars. One text for
 * both families: CPU -DVW=16 -DITEMS=256, GPU -DVW=4 -DITEMS=1. No local memory. */
#include "adam.clh"
#include "common.clh"

/* 1 - beta^t without loss of digits, from ln(beta). */
static inline float less_power(float log_beta, float t)
{
    return -expm1(t * log_beta);
}

/* m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2; w -= step * m / (sqrt(v) * root + eps), where the
 * host gives step = lr / (1 - b1^t) and root = 1 / sqrt(1 - b2^t), computed in double. With is_scaled
 * only the device knows t and whether to step at all (cl/loss_scale.cl): then step is lr alone, and
 * log1, log2 are the logarithms of b1, b2. */
#define ADAM_ARGS __global const float *g, uint g_off, __global float *w, uint w_off,            \
    __global float *m, uint m_off, __global float *v, uint v_off, uint n, float beta1,           \
    float one_less_beta1, float beta2, float one_less_beta2, float step, float root, float eps,  \
    __global const float *scale, uint scale_off, uint is_scaled, float log1, float log2
BODY void adam_item(const uint id0, ADAM_ARGS)
{
    const size_t i = (size_t)id0 * (ITEMS * VW), end = min((size_t)n, i + ITEMS * VW);
    g += g_off;
    w += w_off;
    m += m_off;
    v += v_off;
    if (is_scaled != 0u) {
        if (scale[scale_off + 2u] != 0.0f) { /* skip */
            return;
        }
        const float t = scale[scale_off + 4u]; /* steps */
        step /= less_power(log1, t);
        root = 1.0f / sqrt(less_power(log2, t));
    }
    adam_range(g, w, m, v, i, end, beta1, one_less_beta1, beta2, one_less_beta2, step, root, eps);
}

__kernel void adam_step(ADAM_ARGS)
{
    adam_item((uint)get_global_id(0), g, g_off, w, w_off, m, m_off, v, v_off, n, beta1,
        one_less_beta1, beta2, one_less_beta2, step, root, eps, scale, scale_off, is_scaled, log1,
        log2);
}
