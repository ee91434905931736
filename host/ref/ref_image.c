/* Reference of the image conversions u8 <-> float. */
#include <math.h>

#include "ref/ref_internal.h"

/* from_u8: in x (bytes), out y = x*scale + shift; to_u8: in x, out y = round half up of
 * clamp((x - shift) / scale, 0, 255). Keys n scale shift. */
int ref_case_image(const clg_case *c, const double *const *in, double *const *out)
{
    uint64_t n = clg__case_u32(c, "n", 1);
    double scale = ref__case_f32(c, "scale", 2.0 / 255.0);
    double shift = ref__case_f32(c, "shift", -1.0);

    if (ref__case_pass(c, "from_u8")) {
        for (uint64_t i = 0; i < n; i++) {
            out[0][i] = in[0][i] * scale + shift;
        }
    } else if (ref__case_pass(c, "to_u8")) {
        for (uint64_t i = 0; i < n; i++) {
            double v = (in[0][i] - shift) / scale;
            out[0][i] = floor(fmin(fmax(v, 0.0), 255.0) + 0.5);
        }
    } else {
        return ref__case_unknown(c);
    }
    return CLG_OK;
}
