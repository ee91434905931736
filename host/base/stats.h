/* Order statistics of measured times. */
#ifndef CLG_BASE_STATS_H
#define CLG_BASE_STATS_H

#include <stdint.h>

/* Median of v[0..n), n >= 1; of an even number the mean of the middle two. Leaves v sorted, the
 * least first. NaN is not expected. */
double clg__median(double *v, uint32_t n);

#endif
