/* Cases of loss_scale. update: out state lender, keys scale clean bad lent fresh: what both states
 * hold before, and the number of inf and nan; apply: in g, out g (starts as its input), keys n scale
 * bad. */
#include "ops/case_plan.h"
#include "ops/loss_scale.h"

static const char *const KEYS[] = { "n", "scale", "clean", "bad", "lent", "fresh", NULL };
static const char *const CASES[] = {
    "loss_scale update scale=65536",
    "loss_scale update scale=65536 bad=3",
    "loss_scale update scale=1024 clean=1999",
    "loss_scale update scale=16777216 clean=1999",
    "loss_scale update scale=1 clean=7 bad=1",
    "loss_scale update scale=256 clean=1999 lent=1 fresh=1",
    "loss_scale update scale=256 clean=5 lent=1 fresh=0 bad=1",
    "loss_scale apply n=77 scale=4096",
    "loss_scale apply n=45 scale=4096 bad=1",
    "loss_scale apply n=100003 scale=0.5",
    NULL
};

static int plan(const clg_case *c, clg_case_plan *out)
{
    uint32_t n;
    int status = CLG_OK;
    *out = (clg_case_plan){ 0 };
    if (clg__case_is(c, "update")) {
        clg__plan_out(out, "state", CLG_LOSS_SCALE_LEN, 0.0, 0.0, 0.0);
        clg__plan_out(out, "lender", CLG_LOSS_SCALE_LEN, 0.0, 0.0, 0.0);
        return CLG_OK;
    }
    if (!clg__case_is(c, "apply")) {
        return clg__case_no_pass(c);
    }
    CLG_TRY(clg__case_count(c, "n", &n));
    clg__plan_in(out, "g", n, CLG_FILL_NORMAL);
    clg__plan_inout(out, "g", n, CLG_CASE_RTOL, 0.0);
    out->flops = n;
    out->bytes = 8.0 * n;
out:
    return status;
}

static int run_update(const clg_ops *o, const clg_case *c, clg_tensor state, clg_tensor lender)
{
    const float scale = clg__case_f32(c, "scale", 65536.0);
    const float before[CLG_LOSS_SCALE_LEN] = { scale, clg__case_f32(c, "clean", 0.0), 0.0f,
                                               2.0f / scale, 7.0f, 2.0f };
    const uint32_t count = clg__case_u32(c, "bad", 0);
    clg_buffer *buf = NULL;
    int status = CLG_OK;
    CLG_TRY(clg__case_buffer(o->rt, CLG_U32, 1, "case count", &count, &buf));
    CLG_TRY(clg__rt_write(o->rt, state, before));
    CLG_TRY(clg__rt_write(o->rt, lender, before));
    CLG_TRY(clg__loss_scale_update(o, clg__tensor_all(buf),
                                   clg__case_u32(c, "lent", 0) != 0 ? lender : CLG_NO_TENSOR,
                                   clg__case_u32(c, "fresh", 0) != 0, state));
    CLG_TRY(clg__rt_finish(o->rt));
out:
    clg__buffer_destroy(&buf);
    return status;
}

static int run_apply(const clg_ops *o, const clg_case *c, clg_tensor g)
{
    const float state[CLG_LOSS_SCALE_LEN] = {
        [CLG_SCALE_SKIP] = clg__case_f32(c, "bad", 0.0),
        [CLG_SCALE_UNSCALE] = 1.0f / clg__case_f32(c, "scale", 65536.0)
    };
    clg_buffer *buf = NULL;
    int status = CLG_OK;
    CLG_TRY(clg__case_buffer(o->rt, CLG_F32, CLG_LOSS_SCALE_LEN, "case state", state, &buf));
    CLG_TRY(clg__loss_scale_apply(o, clg__tensor_all(buf), g));
    CLG_TRY(clg__rt_finish(o->rt));
out:
    clg__buffer_destroy(&buf);
    return status;
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    (void)in;
    (void)ws;
    return clg__case_is(c, "update") ? run_update(o, c, out[0], out[1]) : run_apply(o, c, out[0]);
}

const clg_op clg__op_loss_scale = {
    .name = "loss_scale", .keys = KEYS, .cases = CASES, .quick = 9, .plan = plan, .run = run
};
