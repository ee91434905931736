/* Reference of dynamic loss scaling: Micikevicius et al., "Mixed precision training", 2018. */
#include <math.h>
#include <string.h>

#include "ref/ref_internal.h"

enum { SCALE, CLEAN, SKIP, UNSCALE, STEPS, SKIPPED, LEN = 8 };

static void update(const clg_case *c, double *state, double *lender)
{
    double scale = clg__case_get(c, "scale", 65536.0), clean = clg__case_get(c, "clean", 0.0);
    bool lent = clg__case_u32(c, "lent", 0) != 0, bad = clg__case_u32(c, "bad", 0) != 0;
    bool fresh = !lent || clg__case_u32(c, "fresh", 0) != 0;
    const double before[LEN] = { scale, clean, 0.0, 2.0 / scale, 7.0, 2.0 };
    double *owner = lent ? lender : state;
    memcpy(state, before, sizeof before);
    memcpy(lender, before, sizeof before);
    state[SKIP] = bad;
    state[UNSCALE] = fresh ? 1.0 / scale : before[UNSCALE];
    state[bad ? SKIPPED : STEPS] += 1.0;
    if (bad) {
        owner[SCALE] = fmax(scale / 2.0, 1.0);
        owner[CLEAN] = 0.0;
    } else if (!lent) {
        bool grows = clean + 1.0 >= 2000.0;
        state[CLEAN] = grows ? 0.0 : clean + 1.0;
        state[SCALE] = grows ? fmin(2.0 * scale, 16777216.0) : scale;
    }
}

/* update: out state lender, keys scale clean bad lent fresh; apply: out g (inout), keys n scale bad.
 */
int ref_case_loss_scale(const clg_case *c, const double *const *in, double *const *out)
{
    (void)in;
    if (ref__case_pass(c, "update")) {
        update(c, out[0], out[1]);
        return CLG_OK;
    }
    if (!ref__case_pass(c, "apply")) {
        return ref__case_unknown(c);
    }
    for (uint64_t i = 0; i < clg__case_u32(c, "n", 1); i++) {
        out[0][i] = clg__case_u32(c, "bad", 0) != 0
                        ? 0.0
                        : out[0][i] / ref__case_f32(c, "scale", 65536.0);
    }
    return CLG_OK;
}
