/* Cases of fill. fill: out y, keys n value store; axpby: in x y, out y (starts as its input), keys
 * n a b store. */
#include "ops/fill.h"
#include "ops/case_plan.h"

static const char *const KEYS[] = { "n", "value", "a", "b", "store", NULL };
static const char *const CASES[] = {
    "fill fill n=1 value=3",
    "fill fill n=77 value=-0.5",
    "fill axpby n=1 a=2 b=-1",
    "fill axpby n=45 a=0.5 b=0.25",
    "fill axpby n=83 a=3 b=0",
    "fill fill n=37 value=-0.5 store=1",
    "fill axpby n=45 a=0.5 b=0.25 store=1",
    "fill fill n=100003",
    "fill axpby n=100003 a=-1.5 b=0.75",
    "fill axpby n=8192 a=1 b=1",
    NULL
};

static int plan(const clg_case *c, clg_case_plan *out)
{
    uint32_t n;
    int status = CLG_OK;
    *out = (clg_case_plan){ 0 };
    CLG_TRY(clg__case_count(c, "n", &n));
    if (clg__case_is(c, "fill")) {
        clg__plan_out(out, "y", n, 0.0, 0.0, 0.0);
        out->bytes = 4.0 * n;
    } else if (clg__case_is(c, "axpby")) {
        clg__plan_in(out, "x", n, CLG_FILL_NORMAL);
        clg__plan_in(out, "y", n, CLG_FILL_NORMAL);
        clg__plan_inout(out, "y", n, CLG_CASE_RTOL, 2e-6);
        out->flops = 3.0 * n;
        out->bytes = 12.0 * n;
    } else {
        return clg__case_no_pass(c);
    }
    clg__plan_stored(out, "x y");
out:
    return status;
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    (void)ws;
    if (clg__case_is(c, "fill")) {
        return clg__fill(o, out[0], clg__case_f32(c, "value", 0.0));
    }
    return clg__fill_axpby(o, clg__case_f32(c, "a", 1.0), in[0], clg__case_f32(c, "b", 1.0),
                           out[0]);
}

const clg_op clg__op_fill = { .name = "fill", .keys = KEYS, .cases = CASES, .quick = 7,
                              .plan = plan, .run = run };
