/* Cases of random, all with keys n seed stream step lane store. uniform: out y, keys lo hi; normal:
 * out y, keys mean std; add_normal: in y, out y (starts as its input), key std; sphere: out y [n,c],
 * key c. Numbers above 2^32 in seed and step exercise the high words. */
#include "ops/random.h"
#include "ops/case_plan.h"

static const char *const KEYS[] = { "n", "seed", "stream", "step", "lane", "lo", "hi", "mean", "std",
                                    "c", "store", NULL };
static const char *const CASES[] = {
    "random uniform n=1 seed=1",
    "random uniform n=66 seed=7 stream=4 step=3",
    "random normal n=1 seed=1",
    "random normal n=103 seed=7 stream=4 step=3",
    "random uniform n=40 seed=1311768467463790 stream=255 step=6442450947 lo=-2 hi=3",
    "random normal n=39 seed=1311768467463790 stream=9 step=6442450947 mean=1 std=0.02",
    "random uniform n=81 seed=3 lane=16777215 stream=255",
    "random normal n=45 seed=3 lane=513 stream=8",
    "random add_normal n=1 seed=9 std=0.1",
    "random add_normal n=107 seed=9 stream=9 step=6442450947 lane=3 std=0.5",
    "random sphere n=1 c=2",
    "random sphere n=5 c=13 seed=1311768467463790 stream=4 step=6442450947 lane=3",
    "random sphere n=3 c=100 seed=7",
    "random uniform n=83 seed=7 lo=-1 store=1",
    "random normal n=70 seed=7 store=1",
    "random add_normal n=71 seed=7 store=1",
    "random sphere n=3 c=21 store=1",
    "random uniform n=100003 seed=5 lo=-1 hi=1",
    "random normal n=100003 seed=5",
    "random normal n=6400 seed=42 stream=4 step=17 mean=-3 std=2",
    "random add_normal n=100003 seed=5 std=0.1",
    "random add_normal n=50003 seed=5 lane=1 std=2 store=1",
    "random normal n=50003 seed=5 lane=1 store=1",
    "random sphere n=100 c=100 seed=42 stream=4 step=17",
    "random sphere n=3 c=4099 seed=42 lane=5",
    "random sphere n=257 c=1",
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
    } else if (clg__case_is(c, "add_normal")) {
        clg__plan_in(out, "y", n, CLG_FILL_NORMAL);
        clg__plan_inout(out, "y", n, CLG_CASE_RTOL,
                        CLG_CASE_EPS * (4.0 + 4.0 * fabs(clg__case_get(c, "std", 1.0))));
        out->flops = 61.0 * n;
    } else if (clg__case_is(c, "sphere")) {
        uint32_t cols;
        CLG_TRY(clg__case_count(c, "c", &cols));
        clg__plan_out(out, "y", (uint64_t)n * cols, 2.0 * CLG_CASE_RTOL, 4.0 * CLG_CASE_EPS, 0.0);
        out->flops = 120.0 * n * cols;
        n *= cols;
    } else {
        return clg__case_no_pass(c);
    }
    clg__plan_stored(out, "y");
    out->bytes = 4.0 * n;
out:
    return status;
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    clg_rng_key key = clg__case_key(c);
    (void)in;
    (void)ws;
    if (clg__case_is(c, "uniform")) {
        return clg__random_uniform(o, &key, clg__case_f32(c, "lo", 0.0),
                                   clg__case_f32(c, "hi", 1.0), out[0]);
    }
    if (clg__case_is(c, "add_normal")) {
        return clg__random_add_normal(o, &key, clg__case_f32(c, "std", 1.0), out[0]);
    }
    if (clg__case_is(c, "sphere")) {
        return clg__random_sphere(o, &key,
                                  clg__tensor_view(out[0], 0, 2, clg__case_u32(c, "n", 1),
                                                   clg__case_u32(c, "c", 1), 0, 0));
    }
    return clg__random_normal(o, &key, clg__case_f32(c, "mean", 0.0), clg__case_f32(c, "std", 1.0),
                              out[0]);
}

const clg_op clg__op_random = { .name = "random", .keys = KEYS, .cases = CASES, .quick = 17,
                                .plan = plan, .run = run };
