/* Elementwise activations (cl/activation.cl). */
#include "ops/activation.h"

#include "ops/launch_shape.h"

static int start(const clg_ops *o, const char *name, uint32_t n, double bytes,
                 clg_elementwise *e)
{
    return clg__elementwise(o, "activation", name, "", n, 2.0, bytes, e);
}

int clg__activation_fwd(const clg_ops *o, enum clg_act act, float slope, clg_tensor x, clg_tensor y)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint64_t n = clg__tensor_len(x);
    CLG_TRY(clg__want("activation_fwd", "x", x, CLG_F32, n));
    CLG_TRY(clg__want("activation_fwd", "y", y, CLG_F32, n));
    CLG_TRY(start(o, "activation_fwd", (uint32_t)n, 8.0, &e));
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
    CLG_TRY(clg__want("activation_bwd", "y", y, CLG_F32, n));
    CLG_TRY(clg__want("activation_bwd", "dy", dy, CLG_F32, n));
    CLG_TRY(clg__want("activation_bwd", "dx", dx, CLG_F32, n));
    CLG_TRY(start(o, "activation_bwd", (uint32_t)n, 12.0, &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(y), CLG_ARG(dy), CLG_ARG(dx), CLG_ARG((uint32_t)n),
                                 CLG_ARG((int32_t)act),
                                 CLG_ARG(slope))));
out:
    return status;
}
