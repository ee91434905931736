/* Matrix times vector, GPU family, with the fused end (gemm_end.clh). Not here: other products
 * (gemm_gpu.cl). A sum's order is by lanes, then a fixed tree. */
#include "gemm_end.clh"

#ifndef LANES
#define LANES 64 /* work-items per row, a power of two */
#endif

/* Rows of a[i*a_row + p*a_col] times x[p*x_step], p < k: c[i*c_step] = end(alpha * sum + beta * c),
 * with bias[i*bias_step] and y[i*c_step]. One work-group per row i and batch z: (lanes, i, z). Local memory 4*LANES
 * bytes. -D LANES=64. */
__kernel __attribute__((reqd_work_group_size(LANES, 1, 1)))
void gemv_gpu(__global const store *a, uint a_off, __global const store *x, uint x_off,
              __global const float *bias, uint bias_off, __global const cstore *y, uint y_off,
              __global cstore *c, uint c_off, uint k, uint a_row, uint a_col, uint x_step,
              uint c_step, uint bias_step, uint stride_a, uint stride_x, uint stride_c, uint ends,
              int act, float alpha, float beta, float slope)
{
    __local float part[LANES];
    const uint lane = get_local_id(0), i = get_global_id(1), z = get_global_id(2);
    a += a_off + (size_t)z * stride_a + (size_t)i * a_row;
    x += x_off + (size_t)z * stride_x;
    float s = 0.0f;
    for (uint p = lane; p < k; p += LANES) {
        s = MUL_ADD(load(a, (size_t)p * a_col), load(x, (size_t)p * x_step), s);
    }
    part[lane] = s;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint w = LANES / 2; w > 0; w /= 2) {
        if (lane < w) {
            part[lane] += part[lane + w];
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    if (lane == 0) {
        const size_t at = (size_t)z * stride_c + (size_t)i * c_step;
        __global cstore *to = c + c_off + at;
        float v = part[0] * alpha;
        if (beta != 0.0f) {
            v = MUL_ADD(C_LOAD(to, 0), beta, v);
        }
        v = end_element(v, ends, bias + bias_off + i * bias_step, y + y_off + at, act, slope);
        C_SAVE(v, to, 0);
    }
}
