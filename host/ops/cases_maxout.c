/* Cases of maxout. fwd: in x, out y; bwd_data: in x dy, out dx. Keys n (rows) k (units) pieces
 * ints. The largest value is copied, never computed: results must be equal. With ints=1 the input
 * holds -2 .. 2, so that several pieces reach the maximum and the first must win. */
#include "ops/maxout.h"
#include "ops/case_plan.h"

static const char *const KEYS[] = { "n", "k", "pieces", "ints", "store", NULL };
static const char *const CASES[] = { "maxout fwd n=1 k=1 pieces=1",
                                     "maxout fwd n=3 k=7 pieces=5",
                                     "maxout fwd n=2 k=24 pieces=4 ints=1",
                                     "maxout bwd_data n=1 k=1 pieces=1",
                                     "maxout bwd_data n=3 k=7 pieces=5",
                                     "maxout bwd_data n=2 k=24 pieces=4 ints=1",
                                     "maxout fwd n=3 k=13 pieces=5 store=1",
                                     "maxout bwd_data n=3 k=13 pieces=5 store=1",
                                     "maxout fwd n=200 k=240 pieces=5",
                                     "maxout fwd n=257 k=43 pieces=2",
                                     "maxout fwd n=31 k=130 pieces=17 ints=1",
                                     "maxout bwd_data n=200 k=240 pieces=5",
                                     "maxout bwd_data n=257 k=43 pieces=2 ints=1",
                                     "maxout bwd_data n=31 k=130 pieces=17 ints=1",
                                     NULL };

static int plan(const clg_case *c, clg_case_plan *out)
{
    uint32_t n, k, pieces;
    int status = CLG_OK;
    *out = (clg_case_plan){ 0 };
    CLG_TRY(clg__case_count(c, "n", &n));
    CLG_TRY(clg__case_count(c, "k", &k));
    CLG_TRY(clg__case_count(c, "pieces", &pieces));
    uint64_t units = (uint64_t)n * k, len = units * pieces;
    clg__plan_in(out, "x", len, clg__case_fill(c));
    if (clg__case_is(c, "fwd")) {
        clg__plan_out(out, "y", units, 0.0, 0.0, 0.0);
        out->bytes = 4.0 * (double)(len + units);
    } else if (clg__case_is(c, "bwd_data")) {
        clg__plan_in(out, "dy", units, CLG_FILL_NORMAL);
        clg__plan_out(out, "dx", len, 0.0, 0.0, 0.0);
        out->bytes = 4.0 * (double)(2 * len + units);
    } else {
        return clg__case_no_pass(c);
    }
    clg__plan_stored(out, "x y dy dx");
    out->flops = (double)len;
out:
    return status;
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    uint32_t pieces = clg__case_u32(c, "pieces", 1);
    (void)ws;
    return clg__case_is(c, "fwd") ? clg__maxout_fwd(o, in[0], pieces, out[0])
                                  : clg__maxout_bwd_data(o, in[0], pieces, in[1], out[0]);
}

const clg_op clg__op_maxout = {
    .name = "maxout", .keys = KEYS, .cases = CASES, .quick = 8, .plan = plan, .run = run
};
