/* Reference of the losses on logits. The objectives' functions are those of cl/objective_<name>.cl
 * themselves, compiled in double (objective.c.in): tests/ref holds their gradients against central
 * differences and their values against closed forms. */
#include <string.h>

#include "ref/ref_internal.h"

#define CLG_X(id, text) extern const ref_objective ref__##id;
CLG_OBJECTIVE_LIST(CLG_X)
#undef CLG_X

#define CLG_X(id, text) { text, &ref__##id },
static const struct {
    const char *name;
    const ref_objective *functions;
} objectives[] = { CLG_OBJECTIVE_LIST(CLG_X) };
#undef CLG_X

const ref_objective *ref_objective_get(enum clg_objective objective)
{
    return objectives[objective].functions;
}

/* A real row counts t as real and the rest as fake. */
static double mix_targets(double (*const f[])(double), enum clg_loss_role role, double t, double l)
{
    if (role != CLG_LOSS_OF_REAL || t >= 1.0) {
        return f[role](l);
    }
    return t * f[CLG_LOSS_OF_REAL](l) + (1.0 - t) * f[CLG_LOSS_OF_FAKE](l);
}

void ref_loss(enum clg_objective objective, enum clg_loss_role role, const double *l, uint32_t n,
              double t, double scale, double out[2], double *dl)
{
    const ref_objective *f = ref_objective_get(objective);
    double loss = 0.0, shown = 0.0;

    for (uint32_t i = 0; i < n; i++) {
        loss += mix_targets(f->loss, role, t, l[i]);
        shown += f->shown(l[i]);
        if (dl) {
            dl[i] = scale * mix_targets(f->grad, role, t, l[i]) / n;
        }
    }
    out[0] = loss / n;
    out[1] = shown / n;
}

/* The pass is the objective's name: in l, out out[2] dl. Keys n role t scale. */
int ref_case_loss(const clg_case *c, const double *const *in, double *const *out)
{
    for (uint32_t i = 0; i < CLG_OBJECTIVE_COUNT; i++) {
        uint32_t role = clg__case_u32(c, "role", CLG_LOSS_OF_REAL);
        if (ref__case_pass(c, objectives[i].name) && role <= CLG_LOSS_OF_G) {
            ref_loss((enum clg_objective)i, (enum clg_loss_role)role, in[0],
                     clg__case_u32(c, "n", 1), ref__case_f32(c, "t", 1.0),
                     ref__case_f32(c, "scale", 1.0), out[0], out[1]);
            return CLG_OK;
        }
    }
    return ref__case_unknown(c);
}
