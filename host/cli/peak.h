/* What a device can do at most: measured, in a fraction of a second. */
#ifndef CLG_CLI_PEAK_H
#define CLG_CLI_PEAK_H

#include "ops/ops.h"

typedef struct clg_peak {
    double fma_gflops;   /* single-precision multiply-adds, all compute units */
    double bandwidth_gbs;/* read + write of a copy far larger than the caches */
    double gemm_gflops;  /* 768^3 product through the chosen back end */
} clg_peak;

/* About 0.3 s on a CPU; takes up to 128 MB of device memory for the moment. */
int clg__peak_measure(const clg_ops *o, clg_peak *out);
/* Three quarters of the GEMM rate of a 512^3 product: what a training step may be expected to reach.
 * About ten milliseconds on a CPU. */
int clg__expected_gflops(const clg_ops *o, double *gflops);

#endif
