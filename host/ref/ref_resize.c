/* Reference of upsampling and average pooling. */
#include <stddef.h>

#include "ref/ref_internal.h"

/* Element of a large image [.., w*scale, c] that belongs to small row, column: its tap ty, tx. */
static size_t find_tap(uint32_t w, uint32_t c, uint32_t scale, uint64_t row, uint32_t column,
                       uint32_t ty, uint32_t tx)
{
    return ((row * scale + ty) * w * scale + (uint64_t)column * scale + tx) * c;
}

void ref_resize_up(uint64_t rows, uint32_t w, uint32_t c, uint32_t scale, double factor,
                   const double *x, double *y)
{
    for (uint64_t i = 0; i < rows * w; i++) {
        for (uint32_t tap = 0; tap < scale * scale; tap++) {
            double *to =
                y + find_tap(w, c, scale, i / w, (uint32_t)(i % w), tap / scale, tap % scale);
            for (uint32_t j = 0; j < c; j++) {
                to[j] = factor * x[i * c + j];
            }
        }
    }
}

void ref_resize_down(uint64_t rows, uint32_t w, uint32_t c, uint32_t scale, double factor,
                     const double *x, double *y)
{
    for (uint64_t i = 0; i < rows * w * c; i++) {
        y[i] = 0.0;
    }
    for (uint64_t i = 0; i < rows * w; i++) {
        for (uint32_t tap = 0; tap < scale * scale; tap++) {
            const double *from =
                x + find_tap(w, c, scale, i / w, (uint32_t)(i % w), tap / scale, tap % scale);
            ref__axpy(c, factor, from, y + i * c);
        }
    }
}

/* up: in x [n,h,w,c], out y [n,h*scale,w*scale,c]; down: the other way. Keys n h w c scale factor.
 */
int ref_case_resize(const clg_case *c, const double *const *in, double *const *out)
{
    uint64_t rows = (uint64_t)clg__case_u32(c, "n", 1) * clg__case_u32(c, "h", 1);
    uint32_t w = clg__case_u32(c, "w", 1), channels = clg__case_u32(c, "c", 1);
    uint32_t scale = clg__case_u32(c, "scale", 1);
    double factor = ref__case_f32(c, "factor", 1.0);

    if (ref__case_pass(c, "up")) {
        ref_resize_up(rows, w, channels, scale, factor, in[0], out[0]);
    } else if (ref__case_pass(c, "down")) {
        ref_resize_down(rows, w, channels, scale, factor, in[0], out[0]);
    } else {
        return ref__case_unknown(c);
    }
    return CLG_OK;
}
