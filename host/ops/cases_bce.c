/* Cases of bce. fwd: in l, out out[2] dl. Keys n t scale. */
#include "ops/bce.h"
#include "ops/case_plan.h"

static const char *const KEYS[] = { "n", "t", "scale", NULL };
static const char *const CASES[] = {
    "bce fwd n=1 t=1",
    "bce fwd n=7 t=0",
    "bce fwd n=64 t=1",
    "bce fwd n=33 t=0.9 scale=0.5",
    "bce fwd n=16 t=0",
    "bce fwd n=128 t=1 scale=2",
    "bce fwd n=257 t=0.1",
    "bce fwd n=1000 t=0",
    "bce fwd n=5003 t=1",
    NULL
};

static int plan(const clg_case *c, clg_case_plan *out)
{
    uint32_t n;
    int status = CLG_OK;
    *out = (clg_case_plan){ 0 };
    if (!clg__case_is(c, "fwd")) {
        return clg__case_no_pass(c);
    }
    CLG_TRY(clg__case_count(c, "n", &n));
    clg__plan_in(out, "l", n, CLG_FILL_NORMAL);
    clg__plan_out(out, "out", 2, 2e-6, 0.0, 0.0);
    /* sigmoid - t has no relative accuracy for t between 0 and 1. */
    clg__plan_out(out, "dl", n, 2e-6, 1e-7 * fabs(clg__case_get(c, "scale", 1.0)) / n, 0.0);
    out->flops = 30.0 * n;
    out->bytes = 8.0 * n;
out:
    return status;
}

static uint64_t workspace(const clg_ops *o, const clg_case *c)
{
    (void)o;
    (void)c;
    return 0;
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    (void)ws;
    return clg__bce(o, in[0], clg__case_f32(c, "t", 0.0), clg__case_f32(c, "scale", 1.0), out[0],
                    out[1]);
}

const clg_op clg__op_bce = { .name = "bce", .keys = KEYS, .cases = CASES, .quick = 5, .plan = plan,
                             .workspace = workspace, .run = run };
