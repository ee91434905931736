/* Cases of activation. fwd: in x, out y; bwd: in y dy, out dx. Keys n act slope store. */
#include "ops/activation.h"
#include "ops/case_plan.h"

static const char *const KEYS[] = { "n", "act", "slope", "store", NULL };
static const char *const CASES[] = {
    "activation fwd n=1 act=1",
    "activation fwd n=37 act=0",
    "activation fwd n=97 act=2 slope=0.2",
    "activation bwd n=97 act=1",
    "activation bwd n=33 act=3",
    "activation bwd n=17 act=4",
    "activation fwd n=37 act=2 slope=0.2 store=1",
    "activation bwd n=35 act=3 store=1",
    "activation fwd n=37 act=3 store=2",
    "activation bwd n=35 act=2 store=2",
    "activation fwd n=64 act=3",
    "activation fwd n=211 act=4",
    "activation bwd n=1 act=2 slope=0.2",
    "activation bwd n=130 act=0",
    "activation fwd n=100003 act=1",
    "activation fwd n=16384 act=2 slope=0.01",
    "activation fwd n=40961 act=3",
    "activation fwd n=8191 act=4",
    "activation bwd n=100003 act=1",
    "activation bwd n=12289 act=2 slope=0.01",
    "activation bwd n=40961 act=3",
    "activation bwd n=4097 act=4",
    NULL
};

static int plan(const clg_case *c, clg_case_plan *out)
{
    uint32_t n;
    enum clg_act act;
    int status = CLG_OK;
    *out = (clg_case_plan){ 0 };
    CLG_TRY(clg__case_count(c, "n", &n));
    CLG_TRY(clg__case_act(c, &act));
    if (clg__case_is(c, "fwd")) {
        clg__plan_in(out, "x", n, CLG_FILL_NORMAL);
        clg__plan_out(out, "y", n, CLG_CASE_RTOL, 1e-7, 0.0);
    } else if (clg__case_is(c, "bwd")) {
        clg__plan_in(out, "y", n, CLG_FILL_UNIT);
        clg__plan_in(out, "dy", n, CLG_FILL_NORMAL);
        clg__plan_out(out, "dx", n, CLG_CASE_RTOL, 1e-7, 0.0);
    } else {
        return clg__case_no_pass(c);
    }
    clg__plan_stored(out, "x y dy dx");
    out->flops = 2.0 * n;
    out->bytes = 4.0 * n * (out->inputs + 1);
out:
    return status;
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    enum clg_act act;
    float slope = clg__case_f32(c, "slope", 0.2);
    int status = clg__case_act(c, &act);
    (void)ws;
    if (status != CLG_OK) {
        return status;
    }
    return clg__case_is(c, "fwd") ? clg__activation_fwd(o, act, slope, in[0], out[0])
                                  : clg__activation_bwd(o, act, slope, in[0], in[1], out[0]);
}

const clg_op clg__op_activation = { .name = "activation", .keys = KEYS, .cases = CASES, .quick = 12,
                                    .plan = plan, .run = run };
