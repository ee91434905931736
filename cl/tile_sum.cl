/* The parts of a product whose sums were cut (host/blas/tile.h), added in order, GPU family.
 * -D: STORE, C_FLOAT: of c. */
#include "gemm_end.clh"

/* c[i*ldc + j] = end(alpha * sum over z < parts of part[(z*m + i)*n + j] + beta * c), i < m, j < n,
 * with bias[j], and y as c. One work-item per element of C; the grid may exceed them. */
__kernel void tile_sum(__global const float *restrict part, uint part_off,
                       __global const float *bias, uint bias_off, __global const cstore *y,
                       uint y_off, __global cstore *c, uint c_off, uint m, uint n, uint ldc,
                       uint parts, uint ends, int act, float alpha, float beta, float slope)
{
    const uint at = (uint)get_global_id(0), len = m * n, i = at / n, j = rest_of(at, n, i);
    if (at < len) {
        __global cstore *to = c + (c_off + (size_t)i * ldc + j);
        float sum = part[part_off + at];
        for (uint z = 1; z < parts; ++z) {
            sum += part[part_off + (size_t)z * len + at];
        }
        float v = sum * alpha;
        if (beta != 0.0f) {
            v = MUL_ADD(C_LOAD(to, 0), beta, v);
        }
        v = end_element(v, ends, bias + bias_off + j, y + (y_off + (size_t)i * ldc + j), act, slope);
        C_SAVE(v, to, 0);
    }
}
