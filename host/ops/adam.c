/* Adam over whole slabs (cl/adam.cl). */
#include "ops/adam.h"

#include <math.h>

#include "ops/launch_shape.h"
#include "ops/loss_scale.h"

clg_adam_numbers clg__adam_numbers(const clg_adam *a)
{
    double t = (double)a->t, beta1 = (double)a->beta1, beta2 = (double)a->beta2;
    return (clg_adam_numbers){ .beta1 = a->beta1,
                               .rest1 = (float)(1.0 - beta1),
                               .beta2 = a->beta2,
                               .rest2 = (float)(1.0 - beta2),
                               .step = (float)((double)a->lr / (1.0 - pow(beta1, t))),
                               .root = (float)(1.0 / sqrt(1.0 - pow(beta2, t))),
                               .eps = a->eps };
}

int clg__adam_step(const clg_ops *o, const clg_adam *a, clg_tensor g, clg_tensor w, clg_tensor m,
                   clg_tensor v)
{
    return a->t == 0 ? clg__fail(CLG_E_INTERNAL, "adam_step: t is 0, the first step is 1")
                     : clg__adam_step_scaled(o, a, g, w, m, v, CLG_NO_TENSOR);
}

int clg__adam_step_scaled(const clg_ops *o, const clg_adam *a, clg_tensor g, clg_tensor w,
                          clg_tensor m, clg_tensor v, clg_tensor scale)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint64_t n = clg__tensor_len(g);
    CLG_TRY(clg__want("adam_step", "g", g, CLG_F32, n));
    CLG_TRY(clg__want("adam_step", "w", w, CLG_F32, n));
    CLG_TRY(clg__want("adam_step", "m", m, CLG_F32, n));
    CLG_TRY(clg__want("adam_step", "v", v, CLG_F32, n));
    CLG_TRY(clg__want_maybe("adam_step", "scale", scale, CLG_F32, CLG_LOSS_SCALE_LEN));
    CLG_TRY(clg__elementwise(o, "step", "adam_step", "", (uint32_t)n, 14.0, 28.0, &e));
    clg_adam_numbers a1 = clg__adam_numbers(a);
    uint32_t is_scaled = clg__tensor_is(scale);
    float step = is_scaled ? a->lr : a1.step, root = is_scaled ? 1.0f : a1.root;
    float log1 = is_scaled ? (float)log((double)a->beta1) : 0.0f;
    float log2 = is_scaled ? (float)log((double)a->beta2) : 0.0f;
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(g), CLG_ARG(w), CLG_ARG(m), CLG_ARG(v),
                                 CLG_ARG((uint32_t)n), CLG_ARG(a1.beta1), CLG_ARG(a1.rest1),
                                 CLG_ARG(a1.beta2), CLG_ARG(a1.rest2), CLG_ARG(step), CLG_ARG(root),
                                 CLG_ARG(a1.eps), CLG_ARG(scale), CLG_ARG(is_scaled), CLG_ARG(log1),
                                 CLG_ARG(log2))));
out:
    return status;
}
