/* Elementwise activations (cl/activation.cl). */
#include "ops/activation.h"

#include "ops/launch_shape.h"

/* `tensors` of them pass by, all of one type. */
static int start(const clg_ops *o, const char *name, enum clg_dtype dtype, uint32_t n,
                 double tensors, clg_elementwise *e)
{
    return clg__elementwise(o, "step", name, clg__store_option(dtype), n, 2.0,
                            tensors * clg__dtype_size(dtype), e);
}

int clg__activation_fwd(const clg_ops *o, enum clg_act act, float slope, clg_tensor x, clg_tensor y)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint64_t n = clg__tensor_len(x);
    CLG_TRY(clg__want_store("activation_fwd", "x", x, x.dtype, n));
    CLG_TRY(clg__want_store("activation_fwd", "y", y, x.dtype, n));
    CLG_TRY(start(o, "activation_fwd", x.dtype, (uint32_t)n, 2.0, &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(x), CLG_ARG(y), CLG_ARG((uint32_t)n), CLG_ARG((int32_t)act),
                                 CLG_ARG(slope))));
out:
    return status;
}

int clg__activation_bwd(const clg_ops *o, enum clg_act act, float slope, clg_tensor y,
                        clg_tensor dy, clg_tensor dx)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint64_t n = clg__tensor_len(y);
    CLG_TRY(clg__want_store("activation_bwd", "y", y, y.dtype, n));
    CLG_TRY(clg__want_store("activation_bwd", "dy", dy, y.dtype, n));
    CLG_TRY(clg__want_store("activation_bwd", "dx", dx, y.dtype, n));
    CLG_TRY(start(o, "activation_bwd", y.dtype, (uint32_t)n, 3.0, &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(y), CLG_ARG(dy), CLG_ARG(dx), CLG_ARG((uint32_t)n),
                                 CLG_ARG((int32_t)act),
                                 CLG_ARG(slope))));
out:
    return status;
}
