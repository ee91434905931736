/* Maxout (cl/maxout.cl). */
#include "ops/maxout.h"

#include <inttypes.h>

#include "ops/launch_shape.h"

/* x has `pieces` elements for each unit of the other tensors; *units is their number. */
static int count_units(const char *op, clg_tensor x, uint32_t pieces, uint32_t *units)
{
    uint64_t n = clg__tensor_len(x);
    int status = clg__want_store(op, "x", x, x.dtype, n);
    if (status == CLG_OK && (pieces == 0 || n % pieces != 0)) {
        return clg__fail(CLG_E_INTERNAL, "%s: x has %" PRIu64 " elements, in pieces of %" PRIu32,
                         op, n, pieces);
    }
    if (status == CLG_OK) {
        *units = (uint32_t)(n / pieces);
    }
    return status;
}

int clg__maxout_fwd(const clg_ops *o, clg_tensor x, uint32_t pieces, clg_tensor y)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint32_t n = 0;
    CLG_TRY(count_units("maxout_fwd", x, pieces, &n));
    CLG_TRY(clg__want_store("maxout_fwd", "y", y, x.dtype, n));
    CLG_TRY(clg__elementwise_loops(o, "maxout", "maxout_fwd", clg__store_option(x.dtype), n, pieces,
                                   pieces, clg__dtype_size(x.dtype) * (pieces + 1.0), &e));
    CLG_TRY(clg__launch(
        o->rt, e.kernel, e.grid,
        CLG_ARGS(CLG_ARG(x), CLG_ARG(y), CLG_ARG(n), CLG_ARG(pieces), CLG_ARG(e.per_item))));
out:
    return status;
}

int clg__maxout_bwd_data(const clg_ops *o, clg_tensor x, uint32_t pieces, clg_tensor dy,
                         clg_tensor dx)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint32_t n = 0;
    CLG_TRY(count_units("maxout_bwd_data", x, pieces, &n));
    CLG_TRY(clg__want_store("maxout_bwd_data", "dy", dy, x.dtype, n));
    CLG_TRY(clg__want_store("maxout_bwd_data", "dx", dx, x.dtype, (uint64_t)n * pieces));
    CLG_TRY(clg__elementwise_loops(o, "maxout", "maxout_bwd_data", clg__store_option(x.dtype), n,
                                   pieces, pieces, clg__dtype_size(x.dtype) * (2.0 * pieces + 1.0),
                                   &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(x), CLG_ARG(dy), CLG_ARG(dx), CLG_ARG(n), CLG_ARG(pieces),
                                 CLG_ARG(e.per_item))));
out:
    return status;
}
