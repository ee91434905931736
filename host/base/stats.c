/* Order statistics of measured times. */
#include "base/stats.h"

#include <stdlib.h>

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double clg__median(double *v, uint32_t n)
{
    qsort(v, n, sizeof *v, compare_doubles);
    return n % 2 == 1 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}
