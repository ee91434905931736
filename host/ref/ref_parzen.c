/* Reference of the distances between rows: sums of a Parzen window, nearest samples. */
#include <math.h>

#include "ref/ref_internal.h"

static double square_distance(const double *x, const double *s, uint32_t d)
{
    double sum = 0.0;

    for (uint32_t j = 0; j < d; j++) {
        sum += (x[j] - s[j]) * (x[j] - s[j]);
    }
    return sum;
}

void ref_parzen_nearest(const double *x, const double *s, uint32_t n, uint32_t m, uint32_t d,
                        double *least, double *at)
{
    for (uint32_t i = 0; i < n; i++) {
        least[i] = (double)INFINITY;
        at[i] = 0.0;
        for (uint32_t j = 0; j < m; j++) {
            double dist = square_distance(x + (size_t)i * d, s + (size_t)j * d, d);
            if (dist < least[i]) {
                least[i] = dist;
                at[i] = j;
            }
        }
    }
}

void ref_parzen_sum(const double *x, const double *s, uint32_t n, uint32_t m, uint32_t d,
                    const double *h, uint32_t widths, double *least, double *sum)
{
    for (uint32_t i = 0; i < n; i++) {
        const double *row = x + (size_t)i * d;
        double *to = sum + (size_t)i * widths, at;

        ref_parzen_nearest(row, s, 1, m, d, &least[i], &at);
        for (uint32_t k = 0; k < widths; k++) {
            to[k] = 0.0;
        }
        for (uint32_t j = 0; j < m; j++) {
            double dist = square_distance(row, s + (size_t)j * d, d);
            for (uint32_t k = 0; k < widths; k++) {
                to[k] += exp((least[i] - dist) * h[k]);
            }
        }
    }
}

/* sum: in x s h, out least sum, keys n m d widths; nearest: in x s, out least at, keys n m d. */
int ref_case_parzen(const clg_case *c, const double *const *in, double *const *out)
{
    uint32_t n = clg__case_u32(c, "n", 1), m = clg__case_u32(c, "m", 1);
    uint32_t d = clg__case_u32(c, "d", 1);

    if (ref__case_pass(c, "sum")) {
        ref_parzen_sum(in[0], in[1], n, m, d, in[2], clg__case_u32(c, "widths", 1), out[0], out[1]);
        return CLG_OK;
    }
    if (ref__case_pass(c, "nearest")) {
        ref_parzen_nearest(in[0], in[1], n, m, d, out[0], out[1]);
        return CLG_OK;
    }
    return ref__case_unknown(c);
}
