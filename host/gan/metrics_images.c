#include "gan/metrics_images.h"

#include <math.h>
#include <stdbool.h>

/* ---- images ---- */

static double clamp_unit(float v)
{
    return v < 0.0f ? 0.0 : v > 1.0f ? 1.0 : (double)v;
}

static double laplacian(const float *p, size_t row, size_t pixel)
{
    return fabs(4.0 * clamp_unit(p[0]) - clamp_unit(p[pixel]) - clamp_unit(*(p - pixel)) -
                clamp_unit(p[row]) - clamp_unit(*(p - row)));
}

double clg__sharpness(const float *x, size_t n, uint32_t h, uint32_t w, uint32_t c)
{
    double sum = 0.0;
    size_t row = (size_t)w * c, image = h * row;
    if (n == 0 || h < 3 || w < 3) {
        return 0.0;
    }
    for (size_t i = 0; i < n; i++) {
        double part = 0.0;
        for (size_t r = 1; r + 1 < h; r++) {
            for (size_t k = c; k + c < row; k++) {
                part += laplacian(x + i * image + r * row + k, row, c);
            }
        }
        sum += part;
    }
    return sum / ((double)n * (h - 2.0) * (w - 2.0) * c);
}

double clg__mean_square(const float *x, const float *y, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)x[i] - (double)y[i];
        sum += d * d;
    }
    return n > 0 ? sum / (double)n : 0.0;
}

/* ---- curves ---- */

enum { POINTS = 15 };

static double place(int k)
{
    return -2.0 + 4.0 * k / (POINTS - 1);
}

static bool is_within(const float *y)
{
    for (int k = 0; k < POINTS; k++) {
        double xx = place(k) * place(k), v = (double)y[k];
        if (!(v >= xx && v <= 3.0 * xx + 2.0)) { /* NaN is outside */
            return false;
        }
    }
    return true;
}

void clg__curve_stats(const float *y, size_t n, clg_curve_stats *out)
{
    double left = 0.0, within = 0.0, sum = 0.0;
    out->a_min = (double)INFINITY;
    out->a_max = -(double)INFINITY;
    for (size_t i = 0; i < n; i++) {
        const float *row = y + i * POINTS;
        double top = 0.0, bottom = 0.0; /* y + 1 = a (x^2 + 1) */
        for (int k = 0; k < POINTS; k++) {
            double u = place(k) * place(k) + 1.0;
            top += ((double)row[k] + 1.0) * u;
            bottom += u * u;
        }
        double a = top / bottom;
        for (int k = 0; k < POINTS; k++) {
            double e = (double)row[k] + 1.0 - a * (place(k) * place(k) + 1.0);
            left += e * e;
        }
        out->a_min = a < out->a_min || isnan(a) ? a : out->a_min;
        out->a_max = a > out->a_max || isnan(a) ? a : out->a_max;
        sum += a;
        within += is_within(row);
    }
    out->a_mean = sum / (double)n;
    out->residual = sqrt(left / ((double)n * POINTS));
    out->within = within / (double)n;
}
