/* Binary cross-entropy on logits (cl/bce.cl): one launch of one work-item or work-group, as the
 * logits are one per image. */
#include "ops/bce.h"

#include "ops/launch_shape.h"

int clg__bce(const clg_ops *o, clg_tensor l, float t, float scale, clg_tensor out, clg_tensor dl)
{
    int status = CLG_OK;
    clg_row_kernel k;
    uint64_t n = clg__tensor_len(l);
    CLG_TRY(clg__want("bce", "l", l, CLG_F32, n));
    CLG_TRY(clg__want("bce", "out", out, CLG_F32, 2));
    CLG_TRY(clg__want_maybe("bce", "dl", dl, CLG_F32, n));
    CLG_TRY(clg__row_kernel(o, "bce", "bce", "", 1, &k));
    uint32_t has_dl = clg__tensor_is(dl);
    float per_row = (float)((double)scale / (double)n);
    CLG_TRY(clg__launch(o->rt, k.kernel,
                        clg__row_grid(&k, 1, 1, 30.0 * (double)n, (has_dl ? 8.0 : 4.0) * (double)n),
                        CLG_ARGS(CLG_ARG(l), CLG_ARG(out), CLG_ARG(dl), CLG_ARG((uint32_t)n),
                                 CLG_ARG(t), CLG_ARG(per_row), CLG_ARG(has_dl))));
out:
    return status;
}
