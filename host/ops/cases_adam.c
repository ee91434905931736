/* Cases of adam. step: in g w m v, out w m v (each starts as its input). Keys n lr beta1 beta2 eps
 * t. */
#include "ops/adam.h"
#include "ops/case_plan.h"

static const char *const KEYS[] = { "n", "lr", "beta1", "beta2", "eps", "t", NULL };
static const char *const CASES[] = {
    "adam step n=1 t=1",
    "adam step n=67 t=1 lr=0.1",
    "adam step n=160 t=3 beta1=0.9",
    "adam step n=31 t=1000 lr=0.01 eps=0.001",
    "adam step n=4096 t=2 lr=0.01",
    "adam step n=100003 t=10 beta1=0.9 lr=0.001",
    "adam step n=12301 t=100000 lr=0.05 eps=0.1",
    NULL
};

static int plan(const clg_case *c, clg_case_plan *out)
{
    uint32_t n;
    int status = CLG_OK;
    *out = (clg_case_plan){ 0 };
    if (!clg__case_is(c, "step")) {
        return clg__case_no_pass(c);
    }
    CLG_TRY(clg__case_count(c, "n", &n));
    clg__plan_in(out, "g", n, CLG_FILL_NORMAL);
    clg__plan_in(out, "w", n, CLG_FILL_NORMAL);
    clg__plan_in(out, "m", n, CLG_FILL_NORMAL);
    clg__plan_in(out, "v", n, CLG_FILL_POSITIVE);
    clg__plan_inout(out, "w", n, CLG_CASE_RTOL, 5e-7);
    clg__plan_inout(out, "m", n, CLG_CASE_RTOL, 5e-7);
    clg__plan_inout(out, "v", n, CLG_CASE_RTOL, 0.0);
    out->flops = 14.0 * n;
    out->bytes = 28.0 * n;
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
    clg_adam a = { .lr = clg__case_f32(c, "lr", 2e-4), .beta1 = clg__case_f32(c, "beta1", 0.5),
                   .beta2 = clg__case_f32(c, "beta2", 0.999), .eps = clg__case_f32(c, "eps", 1e-8),
                   .t = clg__case_u32(c, "t", 1) };
    (void)ws;
    return clg__adam_step(o, &a, in[0], out[0], out[1], out[2]);
}

const clg_op clg__op_adam = { .name = "adam", .keys = KEYS, .cases = CASES, .quick = 4,
                              .plan = plan, .workspace = workspace, .run = run };
