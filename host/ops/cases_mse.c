/* Cases of mse. fwd: in x y, out out[2] dx. Keys n scale store. */
#include "ops/case_plan.h"
#include "ops/loss.h"

static const char *const KEYS[] = { "n", "scale", "store", NULL };
static const char *const CASES[] = {
    "mse fwd n=1",
    "mse fwd n=37 scale=2",
    "mse fwd n=320",
    "mse fwd n=67 store=1",
    "mse fwd n=35 scale=8 store=1",
    "mse fwd n=16391",
    "mse fwd n=50176 scale=0.5",
    "mse fwd n=100003 scale=4096 store=1",
    "mse fwd n=40001 store=1",
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
    clg__plan_in(out, "x", n, CLG_FILL_NORMAL);
    clg__plan_in(out, "y", n, CLG_FILL_NORMAL);
    clg__plan_out(out, "out", 2, 2e-6, 0.0, 0.0);
    clg__plan_out(out, "dx", n, CLG_CASE_RTOL, 0.0, 0.0);
    clg__plan_stored(out, "x y dx");
    out->flops = 5.0 * n;
    out->bytes = 12.0 * n;
out:
    return status;
}

static uint64_t workspace(const clg_ops *o, const clg_case *c)
{
    return clg__mse_workspace(o, clg__case_u32(c, "n", 1));
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    return clg__mse(o, in[0], in[1], clg__case_f32(c, "scale", 1.0), out[0], out[1], ws);
}

const clg_op clg__op_mse = { .name = "mse", .keys = KEYS, .cases = CASES, .quick = 6, .plan = plan,
                             .workspace = workspace, .run = run };
