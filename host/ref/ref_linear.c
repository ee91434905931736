/* Reference of the fully connected layer: y[N,K] = x[N,C] w[C,K] + bias[K]. The activation behind
 * it is ref_activation_fwd. */
#include <stddef.h>

#include "ref/ref_internal.h"

void ref_linear_fwd(uint32_t n, uint32_t c, uint32_t k, const double *x, const double *w,
                    const double *bias, double *y)
{
    for (uint32_t i = 0; i < n; i++) {
        double *row = y + (size_t)i * k;
        for (uint32_t j = 0; j < k; j++) {
            row[j] = bias ? bias[j] : 0.0;
        }
        for (uint32_t p = 0; p < c; p++) {
            ref__axpy(k, x[(size_t)i * c + p], w + (size_t)p * k, row);
        }
    }
}

void ref_linear_bwd_data(uint32_t n, uint32_t c, uint32_t k, const double *dy, const double *w,
                         double *dx)
{
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t p = 0; p < c; p++) {
            dx[(size_t)i * c + p] = ref__dot(k, dy + (size_t)i * k, w + (size_t)p * k);
        }
    }
}

void ref_linear_bwd_weight(uint32_t n, uint32_t c, uint32_t k, const double *x, const double *dy,
                           double *dw)
{
    for (size_t j = 0; j < (size_t)c * k; j++) {
        dw[j] = 0.0;
    }
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t p = 0; p < c; p++) {
            ref__axpy(k, x[(size_t)i * c + p], dy + (size_t)i * k, dw + (size_t)p * k);
        }
    }
}

/* fwd: in x w [bias], out y; bwd_data: in dy w [y], out dx, with act also back through the activation
 * whose output is y; bwd_weight: in x dy, out dw [db]. Keys n c k bias act slope. */
int ref_case_linear(const clg_case *cs, const double *const *in, double *const *out)
{
    uint32_t n = clg__case_u32(cs, "n", 1), c = clg__case_u32(cs, "c", 1);
    uint32_t k = clg__case_u32(cs, "k", 1);

    if (ref__case_pass(cs, "fwd")) {
        bool bias = clg__case_u32(cs, "bias", 0) != 0;
        ref_linear_fwd(n, c, k, in[0], in[1], bias ? in[2] : NULL, out[0]);
        ref_activation_fwd(ref__case_act(cs), ref__case_f32(cs, "slope", REF_SLOPE), out[0], out[0],
                           (uint64_t)n * k);
    } else if (ref__case_pass(cs, "bwd_data")) {
        enum clg_act act = ref__case_act(cs);
        ref_linear_bwd_data(n, c, k, in[0], in[1], out[0]);
        if (act != CLG_ACT_NONE) {
            ref_activation_bwd(act, ref__case_f32(cs, "slope", REF_SLOPE), in[2], out[0], out[0],
                               (uint64_t)n * c);
        }
    } else if (ref__case_pass(cs, "bwd_weight")) {
        ref_linear_bwd_weight(n, c, k, in[0], in[1], out[0]);
        if (clg__case_u32(cs, "bias", 0) != 0) {
            ref_reduce_columns(in[1], n, k, out[1]);
        }
    } else {
        return ref__case_unknown(cs);
    }
    return CLG_OK;
}
