/* u8 <-> float images (cl/image.cl), the floats stored in any type of activations. */
#include "ops/image.h"

#include "ops/launch_shape.h"

static int convert(const clg_ops *o, const char *name, clg_tensor x, enum clg_dtype from,
                   float scale, float shift, clg_tensor y, enum clg_dtype to)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint64_t n = clg__tensor_len(x);
    enum clg_dtype store = from == CLG_U8 ? to : from;
    CLG_TRY(from == CLG_U8 ? clg__want(name, "x", x, from, n)
                           : clg__want_store(name, "x", x, from, n));
    CLG_TRY(to == CLG_U8 ? clg__want(name, "y", y, to, n) : clg__want_store(name, "y", y, to, n));
    CLG_TRY(clg__elementwise(o, "step", name, clg__store_option(store), (uint32_t)n, 2.0,
                             1.0 + clg__dtype_size(store), &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(x), CLG_ARG(y), CLG_ARG((uint32_t)n), CLG_ARG(scale),
                                 CLG_ARG(shift))));
out:
    return status;
}

int clg__image_from_u8(const clg_ops *o, clg_tensor x, float scale, float shift, clg_tensor y)
{
    return convert(o, "image_from_u8", x, CLG_U8, scale, shift, y, y.dtype);
}

int clg__image_to_u8(const clg_ops *o, clg_tensor x, float scale, float shift, clg_tensor y)
{
    return convert(o, "image_to_u8", x, x.dtype, scale, shift, y, CLG_U8);
}
