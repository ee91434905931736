/* Fills and scaled sums (cl/fill.cl). */
#include "ops/fill.h"

#include "ops/launch_shape.h"

int clg__fill(const clg_ops *o, clg_tensor y, float value)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint64_t n = clg__tensor_len(y);
    CLG_TRY(clg__want_store("fill", "y", y, y.dtype, n));
    CLG_TRY(clg__elementwise(o, "fill", "fill", clg__store_option(y.dtype), (uint32_t)n, 0.0,
                             clg__dtype_size(y.dtype), &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(y), CLG_ARG((uint32_t)n), CLG_ARG(value))));
out:
    return status;
}

int clg__fill_axpby(const clg_ops *o, float a, clg_tensor x, float b, clg_tensor y)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint64_t n = clg__tensor_len(x);
    CLG_TRY(clg__want_store("fill_axpby", "x", x, x.dtype, n));
    CLG_TRY(clg__want_store("fill_axpby", "y", y, x.dtype, n));
    CLG_TRY(clg__elementwise(o, "fill", "fill_axpby", clg__store_option(x.dtype), (uint32_t)n, 3.0,
                             3.0 * clg__dtype_size(x.dtype), &e));
    CLG_TRY(clg__launch(
        o->rt, e.kernel, e.grid,
        CLG_ARGS(CLG_ARG(x), CLG_ARG(y), CLG_ARG((uint32_t)n), CLG_ARG(a), CLG_ARG(b))));
out:
    return status;
}
