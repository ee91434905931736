/* Distances between rows, for metrics: sums of a Parzen window, and nearest neighbours. Both go
 * over the samples in blocks that the caller chooses and carry a state per row, so that any number
 * of samples fits; the order of the sums depends on the shapes alone. */
#ifndef CLG_OPS_PARZEN_H
#define CLG_OPS_PARZEN_H

#include "ops/ops.h"

/* One block: rows x [n,d] against samples s [m,d]; floats. Distances err by a few eps of the
 * squared lengths of the rows, so rows should be centred when their mean is large. */
typedef struct clg_parzen {
    uint32_t n, m, d;
    bool first; /* no block of samples came before: the state is begun, else carried on */
} clg_parzen;

uint64_t clg__parzen_workspace(const clg_ops *o, const clg_parzen *p);

/* With D_ij = |x_i - s_j|^2 over the samples of all blocks so far, and widths h[k] = 1/(2 sigma^2):
 *     least[i] = min_j D_ij,  sum[i,k] = sum_j exp((least[i] - D_ij) h[k])
 * so that log sum_j exp(-D_ij h[k]) = log sum[i,k] - least[i] h[k]. Shapes: h [K], least [n],
 * sum [n,K]. A NaN among the samples makes every sum NaN. (Breuleux, Bengio, Vincent 2011, as used
 * in Goodfellow et al. 2014.) */
int clg__parzen_sum(const clg_ops *o, const clg_parzen *p, clg_tensor x, clg_tensor s, clg_tensor h,
                    clg_tensor least, clg_tensor sum, clg_tensor ws);

/* least[i] = min_j D_ij, at[i] (u32) = which sample, numbered over all blocks, s[0] of this one
 * being number `start`; the lowest of equal ones, 2^32 - 1 when no distance is finite. */
int clg__parzen_nearest(const clg_ops *o, const clg_parzen *p, clg_tensor x, clg_tensor s,
                        uint32_t start, clg_tensor least, clg_tensor at, clg_tensor ws);
#endif
