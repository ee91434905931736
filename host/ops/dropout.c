/* Inverted dropout (cl/dropout.cl). */
#include "ops/dropout.h"

#include <inttypes.h>
#include <math.h>

#include "ops/launch_shape.h"
#include "ops/random.h"

/* unit(word) < keep, as a comparison of the word's upper 24 bits with an integer: unit is those
 * bits times 2^-24, and an integer is below a number when it is below that number rounded up. */
static uint32_t make_threshold(float keep)
{
    return (uint32_t)ceil((double)keep * 0x1p24);
}

int clg__dropout(const clg_ops *o, const clg_rng_key *key, float keep, uint32_t first, clg_tensor x,
                 clg_tensor y)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint64_t n = clg__tensor_len(x);
    uint32_t skip = first % 4; /* the grid covers whole blocks of words */
    CLG_TRY(clg__want_store("dropout", "x", x, x.dtype, n));
    CLG_TRY(clg__want_store("dropout", "y", y, x.dtype, n));
    if (!(keep > 0.0f && keep <= 1.0f) || first + n > UINT32_MAX) {
        return clg__fail(CLG_E_INTERNAL,
                         "dropout: keep is %g, elements %" PRIu32 " .. %" PRIu64
                         " of the masked tensor",
                         (double)keep, first, first + n);
    }
    CLG_TRY(clg__elementwise(o, "dropout", "dropout", clg__store_option(x.dtype),
                             (uint32_t)n + skip, 30.0, 2.0 * clg__dtype_size(x.dtype), &e));
    CLG_TRY(clg__launch(
        o->rt, e.kernel, e.grid,
        CLG_ARGS(CLG_ARG(x), CLG_ARG(y), CLG_ARG((uint32_t)n), CLG_ARG(first),
                 CLG_KEY_ARGS(key),
                 CLG_ARG(make_threshold(keep)), CLG_ARG(1.0f / keep))));
out:
    return status;
}
