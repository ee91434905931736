/* Cases of adam. step: in g w m v, out w m v (each starts as its input). Keys n lr beta1 beta2 eps
 * t; scaled=1: t is the device's, from the state of a loss scale; skip=1: which lets nothing change.
 */
#include "ops/adam.h"
#include "ops/case_plan.h"
#include "ops/loss_scale.h"

static const char *const KEYS[] = { "n", "lr", "beta1", "beta2", "eps", "t", "scaled", "skip", NULL };
static const char *const CASES[] = {
    "adam step n=1 t=1",
    "adam step n=67 t=1 lr=0.1",
    "adam step n=160 t=3 beta1=0.9",
    "adam step n=31 t=1000 lr=0.01 eps=0.001",
    "adam step n=67 t=1 lr=0.01 beta1=0 scaled=1",
    "adam step n=45 t=3 lr=0.01 scaled=1 skip=1",
    "adam step n=4096 t=2 lr=0.01",
    "adam step n=100003 t=10 beta1=0.9 lr=0.001",
    "adam step n=4099 t=500 lr=0.01 beta1=0.9 scaled=1",
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

static int run_scaled(const clg_ops *o, const clg_case *c, const clg_adam *a, clg_tensor g,
                      const clg_tensor *out)
{
    const float state[CLG_LOSS_SCALE_LEN] = { [CLG_SCALE_SKIP] = clg__case_f32(c, "skip", 0.0),
                                              [CLG_SCALE_STEPS] = (float)a->t };
    clg_buffer *buf = NULL;
    int status = CLG_OK;
    CLG_TRY(clg__case_buffer(o->rt, CLG_F32, CLG_LOSS_SCALE_LEN, "case state", state, &buf));
    CLG_TRY(clg__adam_step_scaled(o, a, g, out[0], out[1], out[2], clg__tensor_all(buf)));
    CLG_TRY(clg__rt_finish(o->rt));
out:
    clg__buffer_destroy(&buf);
    return status;
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    clg_adam a = { .lr = clg__case_f32(c, "lr", 2e-4), .beta1 = clg__case_f32(c, "beta1", 0.5),
                   .beta2 = clg__case_f32(c, "beta2", 0.999), .eps = clg__case_f32(c, "eps", 1e-8),
                   .t = clg__case_u32(c, "t", 1) };
    (void)ws;
    if (clg__case_u32(c, "scaled", 0) != 0) {
        return run_scaled(o, c, &a, in[0], out);
    }
    return clg__adam_step(o, &a, in[0], out[0], out[1], out[2]);
}

const clg_op clg__op_adam = { .name = "adam", .keys = KEYS, .cases = CASES, .quick = 6,
                              .plan = plan, .run = run };
