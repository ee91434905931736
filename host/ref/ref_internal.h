/* What the files of host/ref share: reading case lines, small scalar functions. */
#ifndef CLG_REF_INTERNAL_H
#define CLG_REF_INTERNAL_H

#include <stdbool.h>

#include "ref/ref.h"

/* Defaults of the case keys, the same as in host/ops/cases_<op>.c. */
#define REF_SLOPE 0.2
#define REF_BN_EPS 1e-5
#define REF_BN_MOMENTUM 0.1

bool ref__case_pass(const clg_case *c, const char *name);
int ref__case_unknown(const clg_case *c); /* CLG_E_USAGE: no such pass */
/* A value as the device sees it: rounded to float. */
double ref__case_f32(const clg_case *c, const char *key, double otherwise);
enum clg_act ref__case_act(const clg_case *c); /* key "act", a number of enum clg_act */

double ref__sigmoid(double x);
double ref__softplus(double x); /* ln(1 + e^x) without overflow */

/* ref_net.c for ref_gan.c: one update of every parameter (weight decay, the optimiser with this
 * learning rate and momentum, as its t-th step, clipping); lengths of one input and output row. */
void ref__net_update(ref_net *net, const clg_optim_desc *o, double lr, double momentum, uint64_t t);
uint32_t ref__net_heads(const ref_net *net);
uint32_t ref__net_classes(const ref_net *net);
uint64_t ref__net_in_len(const ref_net *net);
uint64_t ref__net_out_len(const ref_net *net);
uint32_t ref__net_max_batch(const ref_net *net);

/* y[i] += a * x[i]; the inner loop of everything here that accumulates into contiguous channels. */
static inline void ref__axpy(uint32_t n, double a, const double *restrict x, double *restrict y)
{
    for (uint32_t i = 0; i < n; i++) {
        y[i] += a * x[i];
    }
}

/* Sum of a[i] * b[i]; four running sums, so that it is not one long chain of additions. */
static inline double ref__dot(uint32_t n, const double *a, const double *b)
{
    double s[4] = { 0.0, 0.0, 0.0, 0.0 };
    uint32_t i = 0;

    for (; i + 4 <= n; i += 4) {
        for (uint32_t j = 0; j < 4; j++) {
            s[j] += a[i + j] * b[i + j];
        }
    }
    for (; i < n; i++) {
        s[0] += a[i] * b[i];
    }
    return (s[0] + s[1]) + (s[2] + s[3]);
}

#endif
