/* Losses on logits: one launch of one work-item or work-group (cl/objective_kernel.clh), as there
 * are as many logits as rows. */
#include "ops/loss.h"

#include <stdio.h>

#include "ops/launch_shape.h"

/* "non-saturating" lives in cl/objective_non_saturating.cl. */
void clg__loss_program(enum clg_objective objective, char *dst, size_t cap)
{
#define CLG_X(id, text) text,
    static const char *const names[] = { CLG_OBJECTIVE_LIST(CLG_X) };
#undef CLG_X
    snprintf(dst, cap, "objective_%s", names[objective]);
    for (char *p = dst; *p != '\0'; p++) {
        *p = *p == '-' ? '_' : *p;
    }
}

int clg__loss(const clg_ops *o, enum clg_objective objective, enum clg_loss_role role, clg_tensor l,
              float target, float scale, clg_tensor out, clg_tensor dl)
{
    return clg__loss_scaled(o, objective, role, l, target, scale, CLG_NO_TENSOR, out, dl);
}

int clg__loss_scaled(const clg_ops *o, enum clg_objective objective, enum clg_loss_role role,
                     clg_tensor l, float target, float scale, clg_tensor factor, clg_tensor out,
                     clg_tensor dl)
{
    int status = CLG_OK;
    clg_row_kernel k;
    char program[64];
    uint64_t n = clg__tensor_len(l);
    CLG_TRY(clg__want_store("loss", "l", l, l.dtype, n));
    CLG_TRY(clg__want("loss", "out", out, CLG_F32, 2));
    CLG_TRY(clg__want_maybe("loss", "dl", dl, l.dtype, n));
    CLG_TRY(clg__want_maybe("loss", "factor", factor, CLG_F32, 1));
    clg__loss_program(objective, program, sizeof program);
    CLG_TRY(clg__row_kernel(o, program, "loss", clg__store_option(l.dtype), 1, &k));
    uint32_t has_dl = clg__tensor_is(dl), has_factor = clg__tensor_is(factor);
    float per_row = (float)((double)scale / (double)n);
    double bytes = (double)clg__dtype_size(l.dtype) * (has_dl ? 2.0 : 1.0);
    CLG_TRY(clg__launch(
        o->rt, k.kernel, clg__row_grid(&k, 1, 1, 60.0 * (double)n, bytes * (double)n),
        CLG_ARGS(CLG_ARG(l), CLG_ARG(out), CLG_ARG(dl), CLG_ARG((uint32_t)n),
                 CLG_ARG((uint32_t)role), CLG_ARG(target), CLG_ARG(per_row), CLG_ARG(has_dl),
                 CLG_ARG(factor), CLG_ARG(has_factor))));
out:
    return status;
}
