/* Reference of the binary cross-entropy on logits with one target for all rows. */
#include "ref/ref_internal.h"

void ref_bce(const double *l, uint32_t n, double t, double scale, double out[2], double *dl)
{
    double loss = 0.0, mean = 0.0;

    for (uint32_t i = 0; i < n; i++) {
        double p = ref__sigmoid(l[i]);
        loss += ref__softplus(l[i]) - t * l[i];
        mean += p;
        if (dl) {
            dl[i] = scale * (p - t) / n;
        }
    }
    out[0] = loss / n;
    out[1] = mean / n;
}

/* fwd: in l, out out[2] dl. Keys n t scale. */
int ref_case_bce(const clg_case *c, const double *const *in, double *const *out)
{
    if (!ref__case_pass(c, "fwd")) {
        return ref__case_unknown(c);
    }
    ref_bce(in[0], clg__case_u32(c, "n", 1), ref__case_f32(c, "t", 0.0),
            ref__case_f32(c, "scale", 1.0), out[0], out[1]);
    return CLG_OK;
}
