/* Reference of conversions: values pass unchanged; the rounding is the storage's. */
#include <string.h>

#include "ref/ref_internal.h"

/* to, from: in x, out y. Key n. */
int ref_case_cast(const clg_case *c, const double *const *in, double *const *out)
{
    if (!ref__case_pass(c, "to") && !ref__case_pass(c, "from")) {
        return ref__case_unknown(c);
    }
    memcpy(out[0], in[0], clg__case_u32(c, "n", 1) * sizeof(double));
    return CLG_OK;
}
