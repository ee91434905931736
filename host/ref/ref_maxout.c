/* Reference of maxout. */
#include <math.h>
#include <stddef.h>

#include "ref/ref_internal.h"

/* The first piece that reaches the maximum; a NaN is above every number. */
static uint32_t find_largest(const double *x, uint32_t pieces)
{
    uint32_t at = 0;

    for (uint32_t p = 1; p < pieces; p++) {
        if (x[p] > x[at] || isnan(x[p])) {
            at = p;
        }
    }
    return at;
}

void ref_maxout_fwd(const double *x, uint32_t pieces, double *y, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        const double *unit = x + i * pieces;
        y[i] = unit[find_largest(unit, pieces)];
    }
}

void ref_maxout_bwd_data(const double *x, uint32_t pieces, const double *dy, double *dx, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        uint32_t largest = find_largest(x + i * pieces, pieces);
        for (uint32_t p = 0; p < pieces; p++) {
            dx[i * pieces + p] = p == largest ? dy[i] : 0.0;
        }
    }
}

/* fwd: in x, out y; bwd_data: in x dy, out dx. Keys n (rows) k pieces. */
int ref_case_maxout(const clg_case *c, const double *const *in, double *const *out)
{
    uint64_t n = (uint64_t)clg__case_u32(c, "n", 1) * clg__case_u32(c, "k", 1);
    uint32_t pieces = clg__case_u32(c, "pieces", 1);

    if (ref__case_pass(c, "fwd")) {
        ref_maxout_fwd(in[0], pieces, out[0], n);
    } else if (ref__case_pass(c, "bwd_data")) {
        ref_maxout_bwd_data(in[0], pieces, in[1], out[0], n);
    } else {
        return ref__case_unknown(c);
    }
    return CLG_OK;
}
