/* Dynamic loss scaling, without the host: gradients of 16 bits lose what is small, so the loss is
 * multiplied by a scale, and the parameters' gradients are divided by it. The state of a net is 8
 * floats (host/ops/loss_scale.h). Micikevicius et al., "Mixed precision training", 2018, section
 * 3.2. */
#include "common.clh"

#define SCALE 0
#define CLEAN 1
#define SKIP 2
#define UNSCALE 3
#define STEPS 4
#define SKIPPED 5

/* After a way back that left `bad[0]` inf and nan in the gradients: what to divide by, whether to
 * skip the update, and the next scale. With is_lent the loss carried another net's scale (`lender`,
 * whose own update came before this one when !is_fresh); inf and nan then lower that one. One
 * work-item. */
__kernel void loss_scale_update(__global const uint *bad, uint bad_off, __global float *lender,
                                uint lender_off, __global float *state, uint state_off,
                                uint is_lent, uint is_fresh, float growth_steps, float largest)
{
    __global float *s = state + state_off;
    __global float *from = is_lent != 0u ? lender + lender_off : s;
    const float used = is_fresh != 0u ? from[SCALE] : 1.0f / from[UNSCALE];
    const bool skip = bad[bad_off] != 0u;
    s[UNSCALE] = 1.0f / used; /* exact: scales are powers of two */
    s[SKIP] = skip ? 1.0f : 0.0f;
    if (skip) {
        s[SKIPPED] += 1.0f;
        from[SCALE] = max(0.5f * from[SCALE], 1.0f);
        from[CLEAN] = 0.0f;
        return;
    }
    s[STEPS] += 1.0f; /* stays at 2^24, where no bias is left to correct */
    if (is_lent == 0u) {
        s[CLEAN] += 1.0f;
        if (s[CLEAN] >= growth_steps) {
            s[CLEAN] = 0.0f;
            s[SCALE] = min(2.0f * s[SCALE], largest);
        }
    }
}

/* g[i] divided by the scale, or 0 when the update is skipped. Work-item i owns elements
 * i*ITEMS*VW .. +ITEMS*VW. CPU -DVW=16 -DITEMS=256, GPU -DVW=4 -DITEMS=1. */
__kernel void loss_scale_apply(__global const float *state, uint state_off, __global float *g,
                               uint g_off, uint n)
{
    size_t i = (size_t)get_global_id(0) * (ITEMS * VW);
    const size_t end = min((size_t)n, i + ITEMS * VW);
    const float factor = state[state_off + UNSCALE];
    const bool skip = state[state_off + SKIP] != 0.0f;
    g += g_off;
    for (; i + VW <= end; i += VW) {
        VSTORE(skip ? (fvec)(0.0f) : VLOAD(g + i) * factor, g + i);
    }
    for (; i < end; ++i) {
        g[i] = skip ? 0.0f : g[i] * factor;
    }
}
