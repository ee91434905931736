/* Cases of dropout. apply: in x, out y, keys n seed stream step lane keep first store. Numbers
 * above 2^32 in seed and step exercise the high words; `first` those words that belong to earlier
 * elements. */
#include "ops/dropout.h"
#include "ops/case_plan.h"

static const char *const KEYS[] = { "n",    "seed",  "stream", "step", "lane",
                                    "keep", "first", "store",  NULL };
static const char *const CASES[] = {
    "dropout apply n=1",
    "dropout apply n=1 first=3 keep=1",
    "dropout apply n=131 seed=7 stream=8 step=3 lane=513 keep=0.8",
    "dropout apply n=150 seed=7 stream=8 step=3 lane=513 keep=0.8 first=67",
    "dropout apply n=66 seed=1311768467463790 step=6442450947 lane=16777215 keep=0.3 "
    "first=4000000001",
    "dropout apply n=64 keep=1",
    "dropout apply n=131 seed=7 keep=0.8 first=5 store=1",
    "dropout apply n=131 seed=7 keep=0.8 first=5 store=1",
    "dropout apply n=240000 seed=42 stream=8 step=17 lane=258",
    "dropout apply n=120001 seed=42 stream=8 step=17 lane=258 keep=0.8 first=119999",
    "dropout apply n=4097 keep=0.1 first=4094",
    "dropout apply n=8192 keep=0.999 first=2",
    NULL
};

static int plan(const clg_case *c, clg_case_plan *out)
{
    uint32_t n;
    int status = CLG_OK;
    *out = (clg_case_plan){ 0 };
    CLG_TRY(clg__case_count(c, "n", &n));
    if (!clg__case_is(c, "apply")) {
        return clg__case_no_pass(c);
    }
    clg__plan_in(out, "x", n, CLG_FILL_NORMAL);
    clg__plan_out(out, "y", n, CLG_CASE_RTOL, 0.0, 0.0);
    clg__plan_stored(out, "x y");
    out->flops = 30.0 * n;
    out->bytes = 8.0 * n;
out:
    return status;
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    clg_rng_key key = clg__case_key(c);
    (void)ws;
    return clg__dropout(o, &key, clg__case_f32(c, "keep", 0.5), clg__case_u32(c, "first", 0), in[0],
                        out[0]);
}

const clg_op clg__op_dropout = {
    .name = "dropout", .keys = KEYS, .cases = CASES, .quick = 8, .plan = plan, .run = run
};
