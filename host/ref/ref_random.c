/* Reference of the random numbers: base/philox itself, widened. */
#include "base/mem.h"
#include "base/philox.h"
#include "ref/ref_internal.h"

/* uniform: out y, keys n seed stream step lo hi; normal: out y, keys n seed stream step mean std.
 */
int ref_case_random(const clg_case *c, const double *const *in, double *const *out)
{
    uint32_t n = clg__case_u32(c, "n", 1);
    clg_rng_key key = { .seed = (uint64_t)clg__case_get(c, "seed", 1.0),
                        .stream = clg__case_u32(c, "stream", CLG_STREAM_TEST),
                        .step = (uint64_t)clg__case_get(c, "step", 0.0) };
    bool uniform = ref__case_pass(c, "uniform");
    float *tmp;

    (void)in;
    if (!uniform && !ref__case_pass(c, "normal")) {
        return ref__case_unknown(c);
    }
    tmp = clg__alloc(n, sizeof *tmp);
    if (!tmp) {
        return CLG_E_MEMORY;
    }
    if (uniform) {
        clg__philox_uniform(&key, (float)clg__case_get(c, "lo", 0.0),
                            (float)clg__case_get(c, "hi", 1.0), tmp, n);
    } else {
        clg__philox_normal(&key, (float)clg__case_get(c, "mean", 0.0),
                           (float)clg__case_get(c, "std", 1.0), tmp, n);
    }
    for (uint32_t i = 0; i < n; i++) {
        out[0][i] = (double)tmp[i];
    }
    clg__free(tmp);
    return CLG_OK;
}
