/* Concatenation on channels (cl/concat.cl), and the sum of two gradients. */
#include "ops/concat.h"

#include <inttypes.h>

#include "ops/fill.h"
#include "ops/launch_shape.h"

static int check_shape(const char *op, const clg_concat *c)
{
    bool b_fits = c->b_pixels == c->pixels || c->b_pixels == 1;
    if (c->n == 0 || c->pixels == 0 || c->ca == 0 || c->cb == 0 || !b_fits) {
        return clg__fail(CLG_E_INTERNAL,
                         "%s: a is [%" PRIu32 ",%" PRIu32 ",%" PRIu32 "], b [%" PRIu32 ",%" PRIu32
                         ",%" PRIu32 "]",
                         op, c->n, c->pixels, c->ca, c->n, c->b_pixels, c->cb);
    }
    return CLG_OK;
}

static uint64_t count(const clg_concat *c, uint32_t pixels, uint32_t channels)
{
    return (uint64_t)c->n * pixels * channels;
}

int clg__concat_fwd(const clg_ops *o, const clg_concat *c, clg_tensor a, clg_tensor b, clg_tensor y)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint32_t share = c->b_pixels == 1 ? c->pixels : 1; /* rows of y that take one row of b */
    uint64_t n = count(c, c->pixels, c->ca + c->cb);
    CLG_TRY(check_shape("concat_fwd", c));
    CLG_TRY(clg__want_store("concat_fwd", "a", a, y.dtype, count(c, c->pixels, c->ca)));
    CLG_TRY(clg__want_store("concat_fwd", "b", b, y.dtype, count(c, c->b_pixels, c->cb)));
    CLG_TRY(clg__want_store("concat_fwd", "y", y, y.dtype, n));
    CLG_TRY(clg__elementwise_loops(o, "concat", "concat_fwd", clg__store_option(y.dtype),
                                   (uint32_t)n, 1, 0.0, 2.0 * clg__dtype_size(y.dtype), &e));
    CLG_TRY(
        clg__launch(o->rt, e.kernel, e.grid,
                    CLG_ARGS(CLG_ARG(a), CLG_ARG(b), CLG_ARG(y), CLG_ARG((uint32_t)n),
                             CLG_ARG(c->ca), CLG_ARG(c->cb), CLG_ARG(share), CLG_ARG(e.per_item))));
out:
    return status;
}

/* dx [n*pixels, width] = columns `first` .. + width of dy. */
static int take_columns(const clg_ops *o, const clg_concat *c, clg_tensor dy, uint32_t first,
                        uint32_t width, clg_tensor dx)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint32_t n = (uint32_t)count(c, c->pixels, width);
    CLG_TRY(clg__elementwise_loops(o, "concat", "concat_take", clg__store_option(dy.dtype), n, 1,
                                   0.0, 2.0 * clg__dtype_size(dy.dtype), &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(dy), CLG_ARG(dx), CLG_ARG(n), CLG_ARG(width),
                                 CLG_ARG(c->ca + c->cb), CLG_ARG(first), CLG_ARG(e.per_item))));
out:
    return status;
}

/* db [n, cb] = sum over the pixels of b's columns of dy. */
static int sum_planes(const clg_ops *o, const clg_concat *c, clg_tensor dy, clg_tensor db)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint32_t n = c->n * c->cb;
    CLG_TRY(clg__elementwise_loops(o, "concat", "concat_take_sum", clg__store_option(dy.dtype), n,
                                   c->pixels, c->pixels,
                                   clg__dtype_size(dy.dtype) * (c->pixels + 1.0), &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(dy), CLG_ARG(db), CLG_ARG(n), CLG_ARG(c->cb),
                                 CLG_ARG(c->ca + c->cb), CLG_ARG(c->ca), CLG_ARG(c->pixels),
                                 CLG_ARG(e.per_item))));
out:
    return status;
}

int clg__concat_bwd_data(const clg_ops *o, const clg_concat *c, clg_tensor dy, clg_tensor da,
                         clg_tensor db)
{
    int status = CLG_OK;
    CLG_TRY(check_shape("concat_bwd_data", c));
    CLG_TRY(
        clg__want_store("concat_bwd_data", "dy", dy, dy.dtype, count(c, c->pixels, c->ca + c->cb)));
    CLG_TRY(clg__want_maybe("concat_bwd_data", "da", da, dy.dtype, count(c, c->pixels, c->ca)));
    CLG_TRY(clg__want_maybe("concat_bwd_data", "db", db, dy.dtype, count(c, c->b_pixels, c->cb)));
    if (clg__tensor_is(da)) {
        CLG_TRY(take_columns(o, c, dy, 0, c->ca, da));
    }
    if (clg__tensor_is(db)) {
        CLG_TRY(c->b_pixels == c->pixels ? take_columns(o, c, dy, c->ca, c->cb, db)
                                         : sum_planes(o, c, dy, db));
    }
out:
    return status;
}

int clg__accumulate(const clg_ops *o, clg_tensor x, clg_tensor y)
{
    return clg__fill_axpby(o, 1.0f, x, 1.0f, y);
}
