/* Cases of random. uniform: out y, keys n seed stream step lo hi; normal: out y, keys n seed stream
 * step mean std. Numbers above 2^32 in seed and step exercise the high words. */
#include "ops/random.h"
#include "ops/case_plan.h"

static const char *const KEYS[] = { "n", "seed", "stream", "step", "lo", "hi", "mean", "std", NULL };
static const char *const CASES[] = {
    "random uniform n=1 seed=1",
    "random uniform n=66 seed=7 stream=4 step=3",
    "random normal n=1 seed=1",
    "random normal n=103 seed=7 stream=4 step=3",
    "random uniform n=40 seed=1311768467463790 stream=255 step=6442450947 lo=-2 hi=3",
    "random normal n=39 seed=1311768467463790 stream=9 step=6442450947 mean=1 std=0.02",
    "random uniform n=100003 seed=5 lo=-1 hi=1",
    "random normal n=100003 seed=5",
    "random normal n=6400 seed=42 stream=4 step=17 mean=-3 std=2",
    NULL
};

static int plan(const clg_case *c, clg_case_plan *out)
{
    uint32_t n;
    int status = CLG_OK;
    *out = (clg_case_plan){ 0 };
    CLG_TRY(clg__case_count(c, "n", &n));
    if (clg__case_is(c, "uniform")) {
        double lo = clg__case_get(c, "lo", 0.0), hi = clg__case_get(c, "hi", 1.0);
        clg__plan_out(out, "y", n, 0.0, CLG_CASE_EPS * (fabs(lo) + fabs(hi)), 0.0);
        out->flops = 30.0 * n;
    } else if (clg__case_is(c, "normal")) {
        double mean = clg__case_get(c, "mean", 0.0), std = clg__case_get(c, "std", 1.0);
        clg__plan_out(out, "y", n, CLG_CASE_RTOL, CLG_CASE_EPS * (fabs(mean) + 4.0 * fabs(std)),
                      0.0);
        out->flops = 60.0 * n;
    } else {
        return clg__case_no_pass(c);
    }
    out->bytes = 4.0 * n;
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
    clg_rng_key key = { .seed = (uint64_t)clg__case_get(c, "seed", 1.0),
                        .stream = clg__case_u32(c, "stream", CLG_STREAM_TEST),
                        .step = (uint64_t)clg__case_get(c, "step", 0.0) };
    (void)in;
    (void)ws;
    if (clg__case_is(c, "uniform")) {
        return clg__random_uniform(o, &key, clg__case_f32(c, "lo", 0.0),
                                   clg__case_f32(c, "hi", 1.0), out[0]);
    }
    return clg__random_normal(o, &key, clg__case_f32(c, "mean", 0.0), clg__case_f32(c, "std", 1.0),
                              out[0]);
}

const clg_op clg__op_random = { .name = "random", .keys = KEYS, .cases = CASES, .quick = 6,
                                .plan = plan, .workspace = workspace, .run = run };
