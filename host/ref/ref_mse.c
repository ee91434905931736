/* Reference of the mean squared error. */
#include <math.h>

#include "ref/ref_internal.h"

void ref_mse(const double *x, const double *y, uint64_t n, double scale, double out[2], double *dx)
{
    double sum = 0.0, size = 0.0;

    for (uint64_t i = 0; i < n; i++) {
        double d = x[i] - y[i];
        sum += d * d;
        size += fabs(x[i]);
        if (dx) {
            dx[i] = scale * 2.0 * d / (double)n;
        }
    }
    out[0] = sum / (double)n;
    out[1] = size / (double)n;
}

/* fwd: in x y, out out[2] dx. Keys n scale. */
int ref_case_mse(const clg_case *c, const double *const *in, double *const *out)
{
    if (!ref__case_pass(c, "fwd")) {
        return ref__case_unknown(c);
    }
    ref_mse(in[0], in[1], clg__case_u32(c, "n", 1), ref__case_f32(c, "scale", 1.0), out[0], out[1]);
    return CLG_OK;
}
