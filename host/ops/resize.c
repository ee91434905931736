/* Nearest-neighbour upsampling and average pooling (cl/resize.cl). */
#include "ops/resize.h"

#include "ops/launch_shape.h"

/* `small` and `large` are x and y, or y and x. */
static int resize(const clg_ops *o, const char *name, clg_tensor x, clg_tensor y, clg_tensor small,
                  clg_tensor large, uint32_t scale, float factor)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint64_t n = clg__tensor_len(small), area = (uint64_t)scale * scale;
    double each = clg__tensor_is(y) ? (double)clg__tensor_len(x) / (double)clg__tensor_len(y) : 0.0;
    if (small.rank != 4 || scale == 0 || scale > UINT16_MAX) {
        return clg__fail(CLG_E_INTERNAL, "%s: an image of rank %u by %u", name, small.rank, scale);
    }
    CLG_TRY(clg__want_store(name, "small image", small, x.dtype, n));
    CLG_TRY(clg__want_store(name, "large image", large, x.dtype, n * area));
    CLG_TRY(clg__elementwise_loops(o, "resize", name, clg__store_option(x.dtype),
                                   (uint32_t)clg__tensor_len(y), (uint32_t)each, each,
                                   clg__dtype_size(x.dtype) * (1.0 + each), &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(x), CLG_ARG(y), CLG_ARG((uint32_t)clg__tensor_len(y)),
                                 CLG_ARG(small.dim[2]), CLG_ARG(small.dim[3]), CLG_ARG(scale),
                                 CLG_ARG(factor), CLG_ARG(e.per_item))));
out:
    return status;
}

int clg__resize_up(const clg_ops *o, clg_tensor x, uint32_t scale, float factor, clg_tensor y)
{
    return resize(o, "resize_up", x, y, x, y, scale, factor);
}

int clg__resize_down(const clg_ops *o, clg_tensor x, uint32_t scale, float factor, clg_tensor y)
{
    return resize(o, "resize_down", x, y, y, x, scale, factor);
}
