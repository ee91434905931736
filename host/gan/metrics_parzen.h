/* Parzen window log-likelihood: a Gaussian of width sigma around each generated sample, and how
 * likely these make rows of the data. Breuleux, Bengio, Vincent 2011; the protocol is that of
 * Goodfellow et al. 2014, section 5: sigma is chosen on validation rows, the figure is the mean
 * over the test rows. Also the nearest of many rows, which the same distances give.
 *
 * The measure has a high variance and is no good judge of pictures in many dimensions (Theis, van
 * den Oord, Bethge 2016); it is here because that is what was published. */
#ifndef CLG_GAN_METRICS_PARZEN_H
#define CLG_GAN_METRICS_PARZEN_H

#include <stdbool.h>
#include <stdint.h>

#include "ops/ops.h"

/* The 2014 protocol. */
enum {
    CLG_PARZEN_SIGMAS = 10, /* 10^-1 .. 10^0, evenly in the exponent */
    CLG_PARZEN_SAMPLES = 10000,
    CLG_PARZEN_VALIDATION = 1000,
    CLG_PARZEN_TEST = 10000
};

/* Rows of equal length on the host. */
typedef struct clg_rows {
    const float *at; /* [n, d] */
    uint32_t n, d;
} clg_rows;

/* ll[i*count + k] = log of the mean over samples s of N(row i; s, sigma[k]^2 I), nats. Distances in
 * float on the device, the rest in double. count at most 64. CLG_E_NUMERIC when samples are not
 * finite. */
int clg__parzen_log(const clg_ops *ops, const clg_rows *samples, const clg_rows *rows,
                    const double *sigma, uint32_t count, double *ll);

typedef struct clg_parzen_result {
    double sigma;                /* the best on the validation rows */
    double mean, standard_error; /* over the test rows, nats */
    bool at_end;                 /* sigma is the first or the last that was tried */
    double tried[CLG_PARZEN_SIGMAS], validation[CLG_PARZEN_SIGMAS]; /* mean for each sigma */
    uint32_t samples, validation_rows, test_rows;
} clg_parzen_result;
int clg__parzen_measure(const clg_ops *ops, const clg_rows *samples, const clg_rows *validation,
                        const clg_rows *test, clg_parzen_result *out);

/* For each row the nearest one of `among`, of equal ones the lowest; square[i] its squared
 * distance, in double. Rows of `among` come through `read`, which fills dst with `n` of them from
 * `first` on, so that a whole training set need not lie in memory as floats. Candidates are found
 * in float on the device, one per block, and compared in double. */
typedef int (*clg_rows_read)(void *user, uint32_t first, uint32_t n, float *dst);
int clg__nearest_rows(const clg_ops *ops, const clg_rows *rows, uint32_t among, clg_rows_read read,
                      void *user, uint32_t *nearest, double *square);
#endif
