/* Reference of the drawn systems: base/system itself, whose rows are double. */
#include "base/system.h"
#include "ref/ref_internal.h"

void ref_system(enum clg_system system, const clg_rng_key *key, uint32_t n, double *y)
{
    for (uint32_t i = 0; i < n; i++) {
        clg__system_row(system, key, i, y + (uint64_t)i * clg__system_dim(system));
    }
}

/* The pass is the system's name: out y. Keys n seed stream step lane. */
int ref_case_system(const clg_case *c, const double *const *in, double *const *out)
{
    enum clg_system system = clg__system_find(c->pass);
    clg_rng_key key = clg__case_key(c);

    (void)in;
    if (system == CLG_SYSTEM_NONE) {
        return ref__case_unknown(c);
    }
    ref_system(system, &key, clg__case_u32(c, "n", 1), out[0]);
    return CLG_OK;
}
