/* Conversion of stored activations (cl/cast.cl). */
#include "ops/cast.h"

#include "ops/launch_shape.h"

int clg__cast(const clg_ops *o, clg_tensor x, clg_tensor y)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint64_t n = clg__tensor_len(x);
    bool from = y.dtype == CLG_F32;
    enum clg_dtype stored = from ? x.dtype : y.dtype;
    CLG_TRY(clg__want_store("cast", "x", x, from ? x.dtype : CLG_F32, n));
    CLG_TRY(clg__want_store("cast", "y", y, y.dtype, n));
    CLG_TRY(clg__elementwise(o, "cast", from ? "cast_from" : "cast_to", clg__store_option(stored),
                             (uint32_t)n, 0.0, 4.0 + clg__dtype_size(stored), &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(x), CLG_ARG(y), CLG_ARG((uint32_t)n))));
out:
    return status;
}
