/* Reference of the elementwise activations and their derivatives from the output. */
#include "ref/ref.h"

#include <math.h>

#include "ref/ref_internal.h"

/* A NaN goes through every branch unchanged: a trainer must see it. */
double ref_act(enum clg_act act, double slope, double x)
{
    switch (act) {
    case CLG_ACT_RELU:
        return x < 0.0 ? 0.0 : x;
    case CLG_ACT_LRELU:
        return x > 0.0 ? x : slope * x;
    case CLG_ACT_TANH:
        return tanh(x);
    case CLG_ACT_SIGMOID:
        return ref__sigmoid(x);
    case CLG_ACT_NONE:
    case CLG_ACT_COUNT:
        break;
    }
    return x;
}

double ref_act_grad(enum clg_act act, double slope, double y)
{
    switch (act) {
    case CLG_ACT_RELU:
        return y > 0.0 ? 1.0 : 0.0;
    case CLG_ACT_LRELU:
        return y > 0.0 ? 1.0 : slope;
    case CLG_ACT_TANH:
        return 1.0 - y * y;
    case CLG_ACT_SIGMOID:
        return y * (1.0 - y);
    case CLG_ACT_NONE:
    case CLG_ACT_COUNT:
        break;
    }
    return 1.0;
}

void ref_activation_fwd(enum clg_act act, double slope, const double *x, double *y, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        y[i] = ref_act(act, slope, x[i]);
    }
}

void ref_activation_bwd(enum clg_act act, double slope, const double *y, const double *dy,
                        double *dx, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        dx[i] = dy[i] * ref_act_grad(act, slope, y[i]);
    }
}

/* fwd: in x, out y; bwd: in y dy, out dx. Keys n act slope. */
int ref_case_activation(const clg_case *c, const double *const *in, double *const *out)
{
    uint64_t n = clg__case_u32(c, "n", 1);
    enum clg_act act = ref__case_act(c);
    double slope = ref__case_f32(c, "slope", REF_SLOPE);

    if (ref__case_pass(c, "fwd")) {
        ref_activation_fwd(act, slope, in[0], out[0], n);
    } else if (ref__case_pass(c, "bwd")) {
        ref_activation_bwd(act, slope, in[0], in[1], out[0], n);
    } else {
        return ref__case_unknown(c);
    }
    return CLG_OK;
}
