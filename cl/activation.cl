/* Elementwise activations over n floats in a row.
 *
 * Work-item i owns elements i*ITEMS*VW .. +ITEMS*VW; the last one ends with scalars. One text for
 * both families: CPU -DVW=16 -DITEMS=256 (a long run per item), GPU -DVW=4 -DITEMS=1 (coalesced).
 * No local memory. */
#include "common.clh"


/* y[i] = act(x[i]); y may be x. */
__kernel void activation_fwd(__global const float *x, uint x_off, __global float *y, uint y_off,
                             uint n, int act, float slope)
{
    size_t i = (size_t)get_global_id(0) * (ITEMS * VW);
    const size_t end = min((size_t)n, i + ITEMS * VW);
    x += x_off;
    y += y_off;
    for (; i + VW <= end; i += VW) {
        VSTORE(ACT_APPLY(act, slope, VLOAD(x + i)), y + i);
    }
    for (; i < end; ++i) {
        y[i] = act_apply(act, slope, x[i]);
    }
}

/* dx[i] = dy[i] * act'(at output y[i]); dx may be dy. */
__kernel void activation_bwd(__global const float *y, uint y_off, __global const float *dy,
                             uint dy_off, __global float *dx, uint dx_off, uint n, int act,
                             float slope)
{
    size_t i = (size_t)get_global_id(0) * (ITEMS * VW);
    const size_t end = min((size_t)n, i + ITEMS * VW);
    y += y_off;
    dy += dy_off;
    dx += dx_off;
    for (; i + VW <= end; i += VW) {
        VSTORE(ACT_GRAD(act, slope, VLOAD(y + i), VLOAD(dy + i)), dx + i);
    }
    for (; i < end; ++i) {
        dx[i] = act_grad_from_output(act, slope, y[i], dy[i]);
    }
}
