/* Reference of stochastic gradient descent with momentum, weight decay and weight clipping. */
#include "ref/ref_internal.h"

void ref_sgd_step(double lr, double momentum, uint64_t n, const double *g, double *w, double *v)
{
    for (uint64_t i = 0; i < n; i++) {
        v[i] = momentum * v[i] - lr * g[i];
        w[i] += v[i];
    }
}

void ref_weight_decay(double decay, uint64_t n, const double *w, double *g)
{
    ref__axpy((uint32_t)n, decay, w, g);
}

void ref_weight_clip(double limit, uint64_t n, double *w)
{
    for (uint64_t i = 0; i < n; i++) {
        w[i] = w[i] > limit ? limit : w[i] < -limit ? -limit : w[i];
    }
}

/* step: in g w v, out w v, keys n lr momentum skip; decay: in w g, out g, keys n decay; clip: in w, out
 * w, keys n limit. All out are inout. */
int ref_case_sgd(const clg_case *c, const double *const *in, double *const *out)
{
    uint64_t n = clg__case_u32(c, "n", 1);

    if (clg__case_u32(c, "skip", 0) != 0) {
        return CLG_OK;
    }
    if (ref__case_pass(c, "step")) {
        ref_sgd_step(ref__case_f32(c, "lr", 0.1), ref__case_f32(c, "momentum", 0.5), n, in[0],
                     out[0], out[1]);
    } else if (ref__case_pass(c, "decay")) {
        ref_weight_decay(ref__case_f32(c, "decay", 0.01), n, in[0], out[0]);
    } else if (ref__case_pass(c, "clip")) {
        ref_weight_clip(ref__case_f32(c, "limit", 0.01), n, out[0]);
    } else {
        return ref__case_unknown(c);
    }
    return CLG_OK;
}
