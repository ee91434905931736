/* Stochastic gradient descent, weight decay and clipping (cl/sgd.cl). */
#include "ops/sgd.h"

#include "ops/launch_shape.h"
#include "ops/loss_scale.h"

int clg__sgd_step(const clg_ops *o, const clg_sgd *s, clg_tensor g, clg_tensor w, clg_tensor v)
{
    return clg__sgd_step_scaled(o, s, g, w, v, CLG_NO_TENSOR);
}

int clg__sgd_step_scaled(const clg_ops *o, const clg_sgd *s, clg_tensor g, clg_tensor w,
                         clg_tensor v, clg_tensor scale)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint64_t n = clg__tensor_len(g);
    CLG_TRY(clg__want("sgd_step", "g", g, CLG_F32, n));
    CLG_TRY(clg__want("sgd_step", "w", w, CLG_F32, n));
    CLG_TRY(clg__want("sgd_step", "v", v, CLG_F32, n));
    CLG_TRY(clg__want_maybe("sgd_step", "scale", scale, CLG_F32, CLG_LOSS_SCALE_LEN));
    uint32_t is_scaled = clg__tensor_is(scale);
    CLG_TRY(clg__elementwise(o, "sgd", "sgd_step", "", (uint32_t)n, 4.0, 20.0, &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(g), CLG_ARG(w), CLG_ARG(v), CLG_ARG((uint32_t)n),
                                 CLG_ARG(s->lr), CLG_ARG(s->momentum), CLG_ARG(scale),
                                 CLG_ARG(is_scaled))));
out:
    return status;
}

int clg__weight_decay(const clg_ops *o, float decay, clg_tensor w, clg_tensor g)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint64_t n = clg__tensor_len(w);
    CLG_TRY(clg__want("weight_decay", "w", w, CLG_F32, n));
    CLG_TRY(clg__want("weight_decay", "g", g, CLG_F32, n));
    CLG_TRY(clg__elementwise(o, "sgd", "weight_decay", "", (uint32_t)n, 2.0, 12.0, &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(w), CLG_ARG(g), CLG_ARG((uint32_t)n), CLG_ARG(decay))));
out:
    return status;
}

int clg__weight_clip(const clg_ops *o, float limit, clg_tensor w)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint64_t n = clg__tensor_len(w);
    CLG_TRY(clg__want("weight_clip", "w", w, CLG_F32, n));
    CLG_TRY(clg__elementwise(o, "sgd", "weight_clip", "", (uint32_t)n, 2.0, 8.0, &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(w), CLG_ARG((uint32_t)n), CLG_ARG(limit))));
out:
    return status;
}
