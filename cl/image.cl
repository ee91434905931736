/* Bytes to floats and back over n elements in a row.
 *
 * Work-item i owns elements i*ITEMS*VW .. +ITEMS*VW; the last one ends with scalars. One text for
 * both families: CPU -DVW=16 -DITEMS=256, GPU -DVW=4 -DITEMS=1. No local memory. */
#include "common.clh"

/* y[i] = x[i] * scale + shift. */
__kernel void image_from_u8(__global const uchar *x, uint x_off, __global store *y, uint y_off,
                            uint n, float scale, float shift)
{
    size_t i = (size_t)get_global_id(0) * (ITEMS * VW);
    const size_t end = min((size_t)n, i + ITEMS * VW);
    x += x_off;
    y += y_off;
    for (; i + VW <= end; i += VW) {
        SSAVE(CLG_CAT(convert_float, VW)(VLOAD(x + i)) * scale + shift, y + i);
    }
    for (; i < end; ++i) {
        save((float)x[i] * scale + shift, y, i);
    }
}

/* y[i] = floor(clamp((x[i] - shift) / scale, 0, 255) + 0.5); NaN gives 0. */
__kernel void image_to_u8(__global const store *x, uint x_off, __global uchar *y, uint y_off,
                          uint n, float scale, float shift)
{
    size_t i = (size_t)get_global_id(0) * (ITEMS * VW);
    const size_t end = min((size_t)n, i + ITEMS * VW);
    x += x_off;
    y += y_off;
    for (; i + VW <= end; i += VW) {
        const fvec v = (SLOAD(x + i) - shift) / scale;
        const fvec byte = v > 0.0f ? fmin(v, 255.0f) : (fvec)(0.0f); /* false for NaN */
        VSTORE(CLG_CAT(convert_uchar, VW)(floor(byte + 0.5f)), y + i);
    }
    for (; i < end; ++i) {
        const float v = (load(x, i) - shift) / scale;
        y[i] = v > 0.0f ? (uchar)floor(fmin(v, 255.0f) + 0.5f) : (uchar)0;
    }
}
