/* The reference's side of the case table: look-up by operator name, and reading of case keys. */
#include <math.h>
#include <string.h>

#include "ref/ref_internal.h"

ref_case_fn ref_case_find(const char *op)
{
    static const struct {
        const char *name;
        ref_case_fn fn;
    } table[] = {
#define CLG_X(op) { #op, ref_case_##op },
        CLG_OP_LIST(CLG_X)
#undef CLG_X
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].name, op) == 0) {
            return table[i].fn;
        }
    }
    return NULL;
}

bool ref__case_pass(const clg_case *c, const char *name)
{
    return strcmp(c->pass, name) == 0;
}

int ref__case_unknown(const clg_case *c)
{
    return clg__fail(CLG_E_USAGE, "%s: the reference has no pass \"%s\"", c->op, c->pass);
}

double ref__case_f32(const clg_case *c, const char *key, double otherwise)
{
    return (double)(float)clg__case_get(c, key, otherwise);
}

enum clg_act ref__case_act(const clg_case *c)
{
    uint32_t act = clg__case_u32(c, "act", CLG_ACT_NONE);

    return act < CLG_ACT_COUNT ? (enum clg_act)act : CLG_ACT_NONE;
}

double ref__sigmoid(double x)
{
    double e = exp(-fabs(x));

    return x < 0.0 ? e / (1.0 + e) : 1.0 / (1.0 + e);
}

double ref__softplus(double x)
{
    return (x < 0.0 ? 0.0 : x) + log1p(exp(-fabs(x)));
}
