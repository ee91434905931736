/* Reference of fills and scaled sums. */
#include "ref/ref_internal.h"

/* fill: out y, keys n value; axpby: in x y, out y (inout), y = a*x + b*y, keys n a b. */
int ref_case_fill(const clg_case *c, const double *const *in, double *const *out)
{
    uint64_t n = clg__case_u32(c, "n", 1);

    if (ref__case_pass(c, "fill")) {
        double value = ref__case_f32(c, "value", 0.0);
        for (uint64_t i = 0; i < n; i++) {
            out[0][i] = value;
        }
    } else if (ref__case_pass(c, "axpby")) {
        double a = ref__case_f32(c, "a", 1.0), b = ref__case_f32(c, "b", 1.0);
        for (uint64_t i = 0; i < n; i++) {
            out[0][i] = a * in[0][i] + b * out[0][i];
        }
    } else {
        return ref__case_unknown(c);
    }
    return CLG_OK;
}
