/* Cases of sgd. step: in g w v, out w v, keys n lr momentum, skip=1 under a loss scale that lets
 * nothing change; decay: in w g, out g, keys n decay; clip: in w, out w, keys n limit. Outputs start
 * as their inputs. */
#include "ops/case_plan.h"
#include "ops/loss_scale.h"
#include "ops/sgd.h"

static const char *const KEYS[] = { "n", "lr", "momentum", "decay", "limit", "skip", NULL };
static const char *const CASES[] = {
    "sgd step n=1",
    "sgd step n=77 lr=0.01 momentum=0",
    "sgd step n=145 momentum=0.7",
    "sgd step n=39 momentum=0.7 skip=1",
    "sgd decay n=39 decay=0.5",
    "sgd decay n=1",
    "sgd clip n=83 limit=0.25",
    "sgd clip n=1",
    "sgd step n=100003 lr=0.3",
    "sgd decay n=12301 decay=0.0001",
    "sgd clip n=100003 limit=1",
    NULL
};

static int plan(const clg_case *c, clg_case_plan *out)
{
    uint32_t n;
    int status = CLG_OK;
    *out = (clg_case_plan){ 0 };
    CLG_TRY(clg__case_count(c, "n", &n));
    if (clg__case_is(c, "step")) {
        clg__plan_in(out, "g", n, CLG_FILL_NORMAL);
        clg__plan_in(out, "w", n, CLG_FILL_NORMAL);
        clg__plan_in(out, "v", n, CLG_FILL_NORMAL);
        clg__plan_inout(out, "w", n, CLG_CASE_RTOL, 1e-6);
        clg__plan_inout(out, "v", n, CLG_CASE_RTOL, 5e-7);
        out->flops = 4.0 * n;
        out->bytes = 20.0 * n;
    } else if (clg__case_is(c, "decay")) {
        clg__plan_in(out, "w", n, CLG_FILL_NORMAL);
        clg__plan_in(out, "g", n, CLG_FILL_NORMAL);
        clg__plan_inout(out, "g", n, CLG_CASE_RTOL, 5e-7);
        out->flops = 2.0 * n;
        out->bytes = 12.0 * n;
    } else if (clg__case_is(c, "clip")) {
        clg__plan_in(out, "w", n, CLG_FILL_NORMAL);
        clg__plan_inout(out, "w", n, 0.0, 0.0);
        out->flops = 2.0 * n;
        out->bytes = 8.0 * n;
    } else {
        return clg__case_no_pass(c);
    }
out:
    return status;
}

static int run_skipped(const clg_ops *o, const clg_sgd *s, clg_tensor g, const clg_tensor *out)
{
    const float state[CLG_LOSS_SCALE_LEN] = { [CLG_SCALE_SKIP] = 1.0f };
    clg_buffer *buf = NULL;
    int status = CLG_OK;
    CLG_TRY(clg__case_buffer(o->rt, CLG_F32, CLG_LOSS_SCALE_LEN, "case state", state, &buf));
    CLG_TRY(clg__sgd_step_scaled(o, s, g, out[0], out[1], clg__tensor_all(buf)));
    CLG_TRY(clg__rt_finish(o->rt));
out:
    clg__buffer_destroy(&buf);
    return status;
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    (void)ws;
    if (clg__case_is(c, "step")) {
        clg_sgd s = { .lr = clg__case_f32(c, "lr", 0.1),
                      .momentum = clg__case_f32(c, "momentum", 0.5) };
        return clg__case_u32(c, "skip", 0) != 0 ? run_skipped(o, &s, in[0], out)
                                                : clg__sgd_step(o, &s, in[0], out[0], out[1]);
    }
    if (clg__case_is(c, "decay")) {
        return clg__weight_decay(o, clg__case_f32(c, "decay", 0.01), in[0], out[0]);
    }
    return clg__weight_clip(o, clg__case_f32(c, "limit", 0.01), out[0]);
}

const clg_op clg__op_sgd = {
    .name = "sgd", .keys = KEYS, .cases = CASES, .quick = 8, .plan = plan, .run = run
};
