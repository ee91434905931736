/* Dynamic loss scaling (cl/loss_scale.cl). */
#include "ops/loss_scale.h"

#include "ops/launch_shape.h"

static const float GROWTH_STEPS = 2000.0f, LARGEST = 16777216.0f;

int clg__loss_scale_update(const clg_ops *o, clg_tensor bad, clg_tensor lender, bool fresh,
                           clg_tensor state)
{
    static const char op[] = "loss_scale_update";
    int status = CLG_OK;
    clg_elementwise e;
    uint32_t is_lent = clg__tensor_is(lender), is_fresh = is_lent == 0 || fresh;
    CLG_TRY(clg__want(op, "bad", bad, CLG_U32, 1));
    CLG_TRY(clg__want_maybe(op, "lender", lender, CLG_F32, CLG_LOSS_SCALE_LEN));
    CLG_TRY(clg__want(op, "state", state, CLG_F32, CLG_LOSS_SCALE_LEN));
    CLG_TRY(clg__elementwise(o, "loss_scale", op, "", 1, 4.0, 40.0, &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, clg__grid(1, 1, 0, 0),
                        CLG_ARGS(CLG_ARG(bad), CLG_ARG(lender), CLG_ARG(state), CLG_ARG(is_lent),
                                 CLG_ARG(is_fresh), CLG_ARG(GROWTH_STEPS), CLG_ARG(LARGEST))));
out:
    return status;
}

int clg__loss_scale_apply(const clg_ops *o, clg_tensor state, clg_tensor g)
{
    static const char op[] = "loss_scale_apply";
    int status = CLG_OK;
    clg_elementwise e;
    uint64_t n = clg__tensor_len(g);
    CLG_TRY(clg__want(op, "state", state, CLG_F32, CLG_LOSS_SCALE_LEN));
    CLG_TRY(clg__want(op, "g", g, CLG_F32, n));
    CLG_TRY(clg__elementwise(o, "loss_scale", op, "", (uint32_t)n, 1.0, 8.0, &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(state), CLG_ARG(g), CLG_ARG((uint32_t)n))));
out:
    return status;
}
