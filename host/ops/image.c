/* u8 <-> float images (cl/image.cl). */
#include "ops/image.h"

#include "ops/launch_shape.h"

static int convert(const clg_ops *o, const char *name, clg_tensor x, enum clg_dtype from,
                   float scale, float shift, clg_tensor y, enum clg_dtype to)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint64_t n = clg__tensor_len(x);
    CLG_TRY(clg__want(name, "x", x, from, n));
    CLG_TRY(clg__want(name, "y", y, to, n));
    CLG_TRY(clg__elementwise(o, "image", name, "", (uint32_t)n, 2.0, 5.0, &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(x), CLG_ARG(y), CLG_ARG((uint32_t)n), CLG_ARG(scale),
                                 CLG_ARG(shift))));
out:
    return status;
}

int clg__image_from_u8(const clg_ops *o, clg_tensor x, float scale, float shift, clg_tensor y)
{
    return convert(o, "image_from_u8", x, CLG_U8, scale, shift, y, CLG_F32);
}

int clg__image_to_u8(const clg_ops *o, clg_tensor x, float scale, float shift, clg_tensor y)
{
    return convert(o, "image_to_u8", x, CLG_F32, scale, shift, y, CLG_U8);
}
