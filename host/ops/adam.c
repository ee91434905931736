/* Adam over whole slabs (cl/adam.cl). */
#include "ops/adam.h"

#include <math.h>

#include "ops/launch_shape.h"

int clg__adam_step(const clg_ops *o, const clg_adam *a, clg_tensor g, clg_tensor w, clg_tensor m,
                   clg_tensor v)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint64_t n = clg__tensor_len(g);
    if (a->t == 0) {
        return clg__fail(CLG_E_INTERNAL, "adam_step: t is 0, the first step is 1");
    }
    CLG_TRY(clg__want("adam_step", "g", g, CLG_F32, n));
    CLG_TRY(clg__want("adam_step", "w", w, CLG_F32, n));
    CLG_TRY(clg__want("adam_step", "m", m, CLG_F32, n));
    CLG_TRY(clg__want("adam_step", "v", v, CLG_F32, n));
    CLG_TRY(clg__elementwise(o, "adam", "adam_step", "", (uint32_t)n, 14.0, 28.0, &e));
    /* In double: 1 - beta2^t has few digits left in float at the first steps. */
    double t = (double)a->t;
    float step = (float)((double)a->lr / (1.0 - pow((double)a->beta1, t)));
    float root = (float)(1.0 / sqrt(1.0 - pow((double)a->beta2, t)));
    float rest1 = (float)(1.0 - (double)a->beta1), rest2 = (float)(1.0 - (double)a->beta2);
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(g), CLG_ARG(w), CLG_ARG(m), CLG_ARG(v),
                                 CLG_ARG((uint32_t)n), CLG_ARG(a->beta1), CLG_ARG(rest1),
                                 CLG_ARG(a->beta2), CLG_ARG(rest2), CLG_ARG(step), CLG_ARG(root),
                                 CLG_ARG(a->eps))));
out:
    return status;
}
