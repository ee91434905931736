/* Cases of loss. The pass is the objective's name, so that every file cl/objective_<name>.cl brings
 * its cases with it: in l, out out[2] dl. Keys n role t scale store. */
#include "ops/case_plan.h"
#include "ops/loss.h"

static const char *const KEYS[] = { "n", "role", "t", "scale", "store", NULL };

/* clang-format off */
#define CLG_X_SMALL(id, text)                      \
    "loss " text " role=0 n=1",                    \
    "loss " text " role=0 n=33 t=0.9 scale=0.5",   \
    "loss " text " role=1 n=17 scale=2",           \
    "loss " text " role=2 n=7",
#define CLG_X_LARGE(id, text)                      \
    "loss " text " role=0 n=128 scale=2",          \
    "loss " text " role=0 n=257 t=0.1",            \
    "loss " text " role=1 n=1000",                 \
    "loss " text " role=2 n=5003",                 \
    "loss " text " role=0 n=67 t=0.8 store=1",     \
    "loss " text " role=1 n=35 scale=32 store=1",
/* clang-format on */
static const char *const CASES[] = { CLG_OBJECTIVE_LIST(CLG_X_SMALL)
                                     CLG_OBJECTIVE_LIST(CLG_X_LARGE) NULL };
enum { SMALL_EACH = 4 };

static bool find_objective(const clg_case *c, enum clg_objective *out)
{
#define CLG_X(id, text) text,
    static const char *const names[] = { CLG_OBJECTIVE_LIST(CLG_X) };
#undef CLG_X
    for (uint32_t i = 0; i < CLG_OBJECTIVE_COUNT; i++) {
        if (clg__case_is(c, names[i])) {
            *out = (enum clg_objective)i;
            return true;
        }
    }
    return false;
}

static int plan(const clg_case *c, clg_case_plan *out)
{
    uint32_t n;
    int status = CLG_OK;
    enum clg_objective objective;
    *out = (clg_case_plan){ 0 };
    if (!find_objective(c, &objective)) {
        return clg__case_no_pass(c);
    }
    if (clg__case_u32(c, "role", CLG_LOSS_OF_REAL) > CLG_LOSS_OF_G) {
        return clg__fail(CLG_E_USAGE, "loss: role is 0 (real), 1 (fake) or 2 (G)");
    }
    CLG_TRY(clg__case_count(c, "n", &n));
    double each = fabs(clg__case_get(c, "scale", 1.0)) / n;
    clg__plan_in(out, "l", n, CLG_FILL_NORMAL);
    /* Means of terms of both signs: what cancels has the size of the terms, which is about 1. */
    clg__plan_out(out, "out", 2, 2e-6, clg__plan_sum_tolerance(n) / n, 0.0);
    /* A mixture of real and fake, and l - 1 near 1, have no relative accuracy. */
    clg__plan_out(out, "dl", n, 2e-6, 2.0 * CLG_CASE_EPS * each, 0.0);
    clg__plan_stored(out, "l dl");
    out->flops = 60.0 * n;
    out->bytes = 8.0 * n;
out:
    return status;
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    enum clg_objective objective;
    (void)ws;
    if (!find_objective(c, &objective)) {
        return clg__case_no_pass(c);
    }
    return clg__loss(o, objective, (enum clg_loss_role)clg__case_u32(c, "role", CLG_LOSS_OF_REAL),
                     in[0], clg__case_f32(c, "t", 1.0), clg__case_f32(c, "scale", 1.0), out[0],
                     out[1]);
}

const clg_op clg__op_loss = { .name = "loss",
                              .keys = KEYS,
                              .cases = CASES,
                              .quick = SMALL_EACH * CLG_OBJECTIVE_COUNT,
                              .plan = plan,
                              .run = run };
