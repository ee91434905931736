/* Reference of the random numbers: base/philox itself, widened. */
#include <math.h>

#include "base/mem.h"
#include "base/philox.h"
#include "ref/ref_internal.h"

static void scale_row(const float *v, uint32_t c, double *y)
{
    double square = 0.0;

    for (uint32_t j = 0; j < c; j++) {
        square += (double)v[j] * (double)v[j];
    }
    double scale = square > 0.0 ? sqrt(c / square) : 0.0;
    for (uint32_t j = 0; j < c; j++) {
        y[j] = scale * (double)v[j];
    }
}

/* All with keys n seed stream step lane. uniform: out y, keys lo hi; normal: out y, keys mean std;
 * add_normal: out y (inout), key std; sphere: out y [n,c], key c. */
int ref_case_random(const clg_case *c, const double *const *in, double *const *out)
{
    bool uniform = ref__case_pass(c, "uniform"), add = ref__case_pass(c, "add_normal");
    bool sphere = ref__case_pass(c, "sphere");
    uint32_t n = clg__case_u32(c, "n", 1), cols = sphere ? clg__case_u32(c, "c", 1) : 1;
    size_t len = (size_t)n * cols;
    clg_rng_key key = clg__case_key(c);
    float *tmp;

    (void)in;
    if (!uniform && !add && !sphere && !ref__case_pass(c, "normal")) {
        return ref__case_unknown(c);
    }
    tmp = clg__alloc(len, sizeof *tmp);
    if (!tmp) {
        return CLG_E_MEMORY;
    }
    if (uniform) {
        clg__philox_uniform(&key, (float)clg__case_get(c, "lo", 0.0),
                            (float)clg__case_get(c, "hi", 1.0), tmp, len);
    } else {
        clg__philox_normal(&key, (float)clg__case_get(c, "mean", 0.0),
                           (float)clg__case_get(c, "std", 1.0), tmp, len);
    }
    for (size_t i = 0; i < len && !sphere; i++) {
        out[0][i] = (add ? out[0][i] : 0.0) + (double)tmp[i];
    }
    for (size_t i = 0; i < n && sphere; i++) {
        scale_row(tmp + i * cols, cols, out[0] + i * cols);
    }
    clg__free(tmp);
    return CLG_OK;
}
