/* Small measures of images and of the drawn curves, on host arrays. */
#ifndef CLG_GAN_METRICS_IMAGES_H
#define CLG_GAN_METRICS_IMAGES_H

#include <stddef.h>
#include <stdint.h>

/* Mean absolute Laplacian |4 p - left - right - above - below| over the inner pixels, channels and
 * images of x [n,h,w,c]: large where edges are sharp, and for noise. Values outside [0,1] count as
 * the end of the range that they are beyond, as in a picture. 0 for images without inner pixels. */
double clg__sharpness(const float *x, size_t n, uint32_t h, uint32_t w, uint32_t c);

/* Mean of (x - y)^2 over n values. */
double clg__mean_square(const float *x, const float *y, size_t n);

/* What generated rows of the system `curves` are: y = a x^2 + a - 1 at 15 points in [-2,2], a in
 * [1,3], fitted by least squares for each row. */
typedef struct clg_curve_stats {
    double a_min, a_max, a_mean; /* fitted a: real rows fill 1 .. 3, mean 2 */
    double residual;             /* root mean square of what the fit leaves, over all points */
    double within;               /* share of rows whose points all lie between x^2 and 3 x^2 + 2 */
} clg_curve_stats;
/* y [n,15], n >= 1. What is not finite makes the figures NaN and lies outside the bounds. */
void clg__curve_stats(const float *y, size_t n, clg_curve_stats *out);
#endif
