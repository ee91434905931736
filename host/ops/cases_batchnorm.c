/* Cases of batchnorm. stats: in x running_mean running_var, out mean invstd running_mean
 * running_var (the last two start as their inputs); running: in running_mean running_var, out mean
 * invstd; fold: in w mean invstd weight bias [sum_bias], out folded_w folded_b (w is [n,c,pixels];
 * sum=1: with sum_bias); fwd: in x mean invstd weight bias, out y; bwd: in x mean invstd weight bias dy, out dx dw
 * db. Keys n pixels c groups act slope store. */
#include "ops/batchnorm.h"
#include "ops/case_plan.h"

static const char *const KEYS[] = { "n", "pixels", "c", "groups", "act", "slope", "store", "sum",
                                    NULL };
static const char *const CASES[] = {
    "batchnorm stats n=4 pixels=3 c=3",
    "batchnorm stats n=6 pixels=5 c=17 groups=2",
    "batchnorm running c=19 groups=2 n=2",
    "batchnorm fwd n=3 pixels=4 c=7 act=1",
    "batchnorm fwd n=4 pixels=2 c=33 groups=2 act=2 slope=0.2",
    "batchnorm bwd n=5 pixels=3 c=5 act=1",
    "batchnorm bwd n=4 pixels=3 c=21 groups=2 act=2 slope=0.2",
    "batchnorm stats n=6 pixels=5 c=37 groups=2 store=1",
    "batchnorm fwd n=4 pixels=2 c=37 act=2 slope=0.2 store=1",
    "batchnorm bwd n=5 pixels=3 c=37 act=1 store=1",
    "batchnorm bwd n=4 pixels=3 c=21 groups=2 act=2 store=2",
    "batchnorm stats n=4 pixels=3 c=21 store=2",
    "batchnorm fwd n=4 pixels=2 c=21 act=2 store=2",
    "batchnorm fold n=3 pixels=5 c=7",
    "batchnorm fold n=4 pixels=1 c=19 sum=1",
    "batchnorm stats n=2 pixels=2 c=1",
    "batchnorm fwd n=1 pixels=1 c=1",
    "batchnorm bwd n=7 pixels=1 c=1",
    "batchnorm stats n=64 pixels=16 c=512",
    "batchnorm stats n=128 pixels=64 c=64 groups=2",
    "batchnorm stats n=21 pixels=49 c=127 groups=3",
    "batchnorm stats n=3 pixels=3001 c=20",
    "batchnorm running c=512",
    "batchnorm fold n=16 pixels=128 c=64",
    "batchnorm fold n=1024 pixels=1 c=130 sum=1",
    "batchnorm fwd n=16 pixels=64 c=128 groups=2 act=2 slope=0.2",
    "batchnorm fwd n=5 pixels=77 c=131 act=3",
    "batchnorm fwd n=3 pixels=333 c=3 act=4",
    "batchnorm fwd n=64 pixels=1 c=784 act=0",
    "batchnorm bwd n=128 pixels=16 c=512 groups=2 act=2 slope=0.2",
    "batchnorm bwd n=8 pixels=256 c=64 act=1",
    "batchnorm bwd n=15 pixels=49 c=37 groups=3 act=3",
    "batchnorm bwd n=2 pixels=4099 c=3 act=4",
    "batchnorm bwd n=64 pixels=1 c=100 act=0",
    "batchnorm stats n=2 pixels=33000 c=3",
    "batchnorm bwd n=2 pixels=33001 c=3 act=2 slope=0.2",
    NULL
};

static int read_shape(const clg_case *c, clg_bn *b)
{
    int status = CLG_OK;
    *b = (clg_bn){ .eps = 1e-5f, .momentum = 0.1f, .slope = clg__case_f32(c, "slope", 0.2) };
    CLG_TRY(clg__case_count(c, "n", &b->n));
    CLG_TRY(clg__case_count(c, "pixels", &b->pixels));
    CLG_TRY(clg__case_count(c, "c", &b->c));
    CLG_TRY(clg__case_count(c, "groups", &b->groups));
    CLG_TRY(clg__case_act(c, &b->act));
    if (b->n % b->groups != 0) {
        return clg__fail(CLG_E_USAGE, "batchnorm: n=%u does not divide by groups=%u", b->n,
                         b->groups);
    }
out:
    return status;
}

static void plan_stats(const clg_bn *b, uint64_t len, uint64_t stats, clg_case_plan *out)
{
    clg__plan_in(out, "x", len, CLG_FILL_NORMAL);
    clg__plan_in(out, "running_mean", b->c, CLG_FILL_NORMAL);
    clg__plan_in(out, "running_var", b->c, CLG_FILL_POSITIVE);
    clg__plan_out(out, "mean", stats, 0.0, 4.0 * CLG_CASE_EPS, 0.0);
    /* Few rows may lie close together: their distance has fewer good digits than they have. */
    bool few = (uint64_t)b->n * b->pixels / b->groups < 8;
    clg__plan_out(out, "invstd", stats, few ? 5e-5 : CLG_CASE_RTOL, 0.0, 0.0);
    clg__plan_inout(out, "running_mean", b->c, CLG_CASE_RTOL, 4.0 * CLG_CASE_EPS);
    clg__plan_inout(out, "running_var", b->c, CLG_CASE_RTOL, 4.0 * CLG_CASE_EPS);
    out->flops = 4.0 * (double)len;
    out->bytes = 4.0 * (double)len;
}

static void plan_layer_inputs(const clg_bn *b, uint64_t len, uint64_t stats, clg_case_plan *out)
{
    clg__plan_in(out, "x", len, CLG_FILL_NORMAL);
    clg__plan_in(out, "mean", stats, CLG_FILL_NORMAL);
    clg__plan_in(out, "invstd", stats, CLG_FILL_POSITIVE);
    clg__plan_in(out, "weight", b->c, CLG_FILL_NORMAL);
    clg__plan_in(out, "bias", b->c, CLG_FILL_NORMAL);
}

static int plan(const clg_case *c, clg_case_plan *out)
{
    clg_bn b;
    int status = CLG_OK;
    *out = (clg_case_plan){ 0 };
    CLG_TRY(read_shape(c, &b));
    uint64_t rows = (uint64_t)b.n * b.pixels, len = rows * b.c, stats = (uint64_t)b.groups * b.c;
    if (clg__case_is(c, "stats")) {
        plan_stats(&b, len, stats, out);
    } else if (clg__case_is(c, "running")) {
        clg__plan_in(out, "running_mean", b.c, CLG_FILL_NORMAL);
        clg__plan_in(out, "running_var", b.c, CLG_FILL_POSITIVE);
        clg__plan_out(out, "mean", stats, 0.0, 0.0, 0.0);
        clg__plan_out(out, "invstd", stats, CLG_CASE_RTOL, 0.0, 0.0);
        out->bytes = 8.0 * (double)(b.c + stats);
    } else if (clg__case_is(c, "fold")) {
        plan_layer_inputs(&b, len, b.c, out);
        if (clg__case_u32(c, "sum", 0) != 0) {
            clg__plan_in(out, "sum_bias", b.c, CLG_FILL_NORMAL);
        }
        clg__plan_out(out, "folded_w", len, CLG_CASE_RTOL, 0.0, 0.0);
        /* bias may cancel against mean * scale */
        clg__plan_out(out, "folded_b", b.c, CLG_CASE_RTOL, 2e-6, 0.0);
        out->flops = (double)len;
        out->bytes = 8.0 * (double)len;
    } else if (clg__case_is(c, "fwd")) {
        plan_layer_inputs(&b, len, stats, out);
        /* weight * (x - mean) * invstd may cancel against bias. */
        clg__plan_out(out, "y", len, CLG_CASE_RTOL, 2e-6, 0.0);
        out->flops = 4.0 * (double)len;
        out->bytes = 8.0 * (double)len;
    } else if (clg__case_is(c, "bwd")) {
        plan_layer_inputs(&b, len, stats, out);
        clg__plan_in(out, "dy", len, CLG_FILL_NORMAL);
        clg__plan_out(out, "dx", len, CLG_CASE_RTOL, 0.0, 4e-6);
        clg__plan_out(out, "dw", b.c, CLG_CASE_RTOL, 0.0, clg__plan_sum_tolerance((double)rows));
        clg__plan_out(out, "db", b.c, CLG_CASE_RTOL, 0.0, clg__plan_sum_tolerance((double)rows));
        out->flops = 17.0 * (double)len;
        out->bytes = 20.0 * (double)len; /* x and dy twice, dx once */
    } else {
        return clg__case_no_pass(c);
    }
    clg__plan_stored(out, "x y dy dx");
out:
    return status;
}

static uint64_t workspace(const clg_ops *o, const clg_case *c)
{
    clg_bn b;
    return read_shape(c, &b) == CLG_OK ? clg__batchnorm_workspace(o, &b) : 0;
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    clg_bn b;
    int status = read_shape(c, &b);
    if (status != CLG_OK) {
        return status;
    }
    if (clg__case_is(c, "stats")) {
        return clg__batchnorm_stats(o, &b, in[0], CLG_NO_TENSOR, out[0], out[1], out[2], out[3],
                                    ws);
    }
    if (clg__case_is(c, "running")) {
        return clg__batchnorm_running(o, &b, in[0], in[1], out[0], out[1]);
    }
    if (clg__case_is(c, "fold")) {
        clg_tensor sum = clg__case_u32(c, "sum", 0) != 0 ? in[5] : CLG_NO_TENSOR;
        return clg__batchnorm_fold(o, &b, in[0], in[1], in[2], in[3], in[4], sum, out[0], out[1]);
    }
    if (clg__case_is(c, "fwd")) {
        return clg__batchnorm_fwd(o, &b, in[0], in[1], in[2], in[3], in[4], out[0]);
    }
    return clg__batchnorm_bwd(o, &b, in[0], in[1], in[2], in[3], in[4], in[5], CLG_NO_TENSOR,
                              out[0], out[1], out[2], ws);
}

const clg_op clg__op_batchnorm = { .name = "batchnorm", .keys = KEYS, .cases = CASES, .quick = 18,
                                   .plan = plan, .workspace = workspace, .run = run };
