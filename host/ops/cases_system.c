/* Cases of system. The pass is the system's name: out y [n, dim]. Keys n seed stream step lane
 * store. Numbers above 2^32 in seed and step exercise the high words. */
#include "ops/case_plan.h"
#include "ops/system.h"

static const char *const KEYS[] = { "n", "seed", "stream", "step", "lane", "store", NULL };
static const char *const CASES[] = {
    "system curves n=1",
    "system curves n=19 seed=7 step=3",
    "system gauss1d n=1",
    "system gauss1d n=37 seed=7 step=3",
    "system ring n=1",
    "system ring n=53 seed=1311768467463790 stream=11 step=6442450947 lane=77",
    "system grid n=1",
    "system grid n=41 seed=1311768467463790 stream=11 step=6442450947 lane=77",
    "system curves n=23 store=1",
    "system ring n=21 store=1",
    "system curves n=64 stream=11",
    "system gauss1d n=10007 stream=11",
    "system ring n=10007 stream=11",
    "system grid n=10007 stream=11",
    "system curves n=5003 stream=11",
    NULL
};

static int plan(const clg_case *c, clg_case_plan *out)
{
    uint32_t n;
    int status = CLG_OK;
    enum clg_system system = clg__system_find(c->pass);
    *out = (clg_case_plan){ 0 };
    if (system == CLG_SYSTEM_NONE) {
        return clg__case_no_pass(c);
    }
    CLG_TRY(clg__case_count(c, "n", &n));
    /* Sums of a few terms: the largest coordinates are about 14 (curves) and 6 (the others). */
    clg__plan_out(out, "y", (uint64_t)n * clg__system_dim(system), CLG_CASE_RTOL,
                  CLG_CASE_EPS * (system == CLG_SYSTEM_CURVES ? 4.0 : 6.0), 0.0);
    clg__plan_stored(out, "y");
    out->flops = 100.0 * n;
    out->bytes = 4.0 * n * clg__system_dim(system);
out:
    return status;
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    clg_rng_key key = clg__case_key(c);
    (void)in;
    (void)ws;
    return clg__system_draw(o, clg__system_find(c->pass), &key, out[0]);
}

const clg_op clg__op_system = {
    .name = "system", .keys = KEYS, .cases = CASES, .quick = 10, .plan = plan, .run = run
};
