/* Reference of Adam (Kingma, Ba 2015, algorithm 1) with epsilon outside the bias-corrected root, as
 * PyTorch has it. The float settings are taken as they are and widened. */
#include <math.h>

#include "ref/ref_internal.h"

void ref_adam_step(const clg_adam *a, uint64_t n, const double *g, double *w, double *m, double *v)
{
    double b1 = a->beta1, b2 = a->beta2;
    double c1 = 1.0 - pow(b1, (double)a->t), c2 = 1.0 - pow(b2, (double)a->t);

    for (uint64_t i = 0; i < n; i++) {
        m[i] = b1 * m[i] + (1.0 - b1) * g[i];
        v[i] = b2 * v[i] + (1.0 - b2) * g[i] * g[i];
        w[i] -= (double)a->lr / c1 * m[i] / (sqrt(v[i]) / sqrt(c2) + (double)a->eps);
    }
}

/* step: in g w m v, out w m v (inout). Keys n lr beta1 beta2 eps t skip. */
int ref_case_adam(const clg_case *c, const double *const *in, double *const *out)
{
    clg_adam a = { .lr = (float)clg__case_get(c, "lr", 2e-4),
                   .beta1 = (float)clg__case_get(c, "beta1", 0.5),
                   .beta2 = (float)clg__case_get(c, "beta2", 0.999),
                   .eps = (float)clg__case_get(c, "eps", 1e-8),
                   .t = clg__case_u32(c, "t", 1) };

    if (!ref__case_pass(c, "step")) {
        return ref__case_unknown(c);
    }
    if (clg__case_u32(c, "skip", 0) != 0) {
        return CLG_OK;
    }
    ref_adam_step(&a, clg__case_u32(c, "n", 1), in[0], out[0], out[1], out[2]);
    return CLG_OK;
}
