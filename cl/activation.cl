/* Elementwise activations over n floats in a row.
 *
 * Work-item i owns elements i*ITEMS*VW .. +ITEMS*VW; the last one ends with scalars. One text for
 * both families: CPU -DVW=16 -DITEMS=256 (a long run per item), GPU -DVW=4 -DITEMS=1 (coalesced).
 * No local memory. */
#include "common.clh"

/* y[i] = act(x[i]); y may be x. */
#define ACT_FWD_ARGS __global const store *x, uint x_off, __global store *y, uint y_off, uint n, \
    int act, float slope
BODY void act_fwd_item(const uint id0, ACT_FWD_ARGS)
{
    size_t i = (size_t)id0 * (ITEMS * VW);
    const size_t end = min((size_t)n, i + ITEMS * VW);
    x += x_off;
    y += y_off;
    for (; i + VW <= end; i += VW) {
        SSAVE(ACT_APPLY(act, slope, SLOAD(x + i)), y + i);
    }
    for (; i < end; ++i) {
        save(act_apply(act, slope, load(x, i)), y, i);
    }
}

__kernel void activation_fwd(ACT_FWD_ARGS)
{
    act_fwd_item((uint)get_global_id(0), x, x_off, y, y_off, n, act, slope);
}

/* dx[i] = dy[i] * act'(at output y[i]); dx may be dy. */
#define ACT_BWD_ARGS __global const store *y, uint y_off, __global const store *dy, uint dy_off, \
    __global store *dx, uint dx_off, uint n, int act, float slope
BODY void act_bwd_item(const uint id0, ACT_BWD_ARGS)
{
    size_t i = (size_t)id0 * (ITEMS * VW);
    const size_t end = min((size_t)n, i + ITEMS * VW);
    y += y_off;
    dy += dy_off;
    dx += dx_off;
    for (; i + VW <= end; i += VW) {
        SSAVE(ACT_GRAD(act, slope, SLOAD(y + i), SLOAD(dy + i)), dx + i);
    }
    for (; i < end; ++i) {
        save(act_grad_from_output(act, slope, load(y, i), load(dy, i)), dx, i);
    }
}

__kernel void activation_bwd(ACT_BWD_ARGS)
{
    act_bwd_item((uint)get_global_id(0), y, y_off, dy, dy_off, dx, dx_off, n, act, slope);
}
