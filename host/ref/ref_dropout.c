/* Reference of inverted dropout; the masks are base/philox's words. */
#include <stddef.h>

#include "ref/ref_internal.h"

void ref_dropout(const clg_rng_key *key, double keep, uint32_t first, const double *x, double *y,
                 uint64_t n)
{
    uint32_t w[4];

    for (uint64_t i = 0; i < n; i++) {
        uint64_t word = first + i;
        clg__philox(key, word / 4, w);
        y[i] = (double)clg__philox_unit(w[word % 4]) < keep ? x[i] / keep : 0.0;
    }
}

/* apply: in x, out y. Keys n seed stream step lane keep first. */
int ref_case_dropout(const clg_case *c, const double *const *in, double *const *out)
{
    clg_rng_key key = clg__case_key(c);

    if (!ref__case_pass(c, "apply")) {
        return ref__case_unknown(c);
    }
    ref_dropout(&key, ref__case_f32(c, "keep", 0.5), clg__case_u32(c, "first", 0), in[0], out[0],
                clg__case_u32(c, "n", 1));
    return CLG_OK;
}
