/* The fused end (gemm_end.clh) by itself, for a product made by another library. Any family. */
#include "gemm_end.clh"

/* In place: the end of c[i*ldc + j], i < m, j < n, with bias[j] and y as c.
 * Work-item (`cols` columns, row i, z); batch z starts at z*stride_c. */
__kernel void gemm_end(__global const float *bias, uint bias_off, __global const cstore *y,
                       uint y_off, __global cstore *c, uint c_off, uint n, uint ldc, uint cols,
                       uint stride_c, uint ends, int act, float slope)
{
    const uint first = get_global_id(0) * cols, end = min(first + cols, n);
    const size_t at = (size_t)get_global_id(2) * stride_c + get_global_id(1) * (size_t)ldc;
    c += c_off + at;
    y += y_off + at;
    for (uint j = first; j < end; ++j) {
        C_SAVE(end_element(C_LOAD(c, j), ends, bias + bias_off + j, y + j, act, slope), c, j);
    }
}