/* Cases of concat. fwd: in a b, out y; bwd_data: in dy, out [da] [db]; keys n pixels ca cb ints
 * store, planes=1 for b [n,cb], da=0 and db=0 where not wanted. accumulate: in x y, inout y, keys n
 * ints store. Copies must be equal, and so must sums of small integers (ints=1). */
#include "ops/concat.h"
#include "ops/case_plan.h"

static const char *const KEYS[] = { "n",  "pixels", "ca",   "cb",    "planes",
                                    "da", "db",     "ints", "store", NULL };
static const char *const CASES[] = {
    "concat fwd n=1 ca=1 cb=1",
    "concat fwd n=3 ca=21 cb=10",
    "concat fwd n=2 pixels=6 ca=5 cb=19",
    "concat fwd n=2 pixels=6 ca=5 cb=19 planes=1",
    "concat bwd_data n=3 ca=21 cb=10",
    "concat bwd_data n=2 pixels=6 ca=5 cb=19 planes=1",
    "concat bwd_data n=2 pixels=5 ca=18 cb=7 planes=1 ints=1",
    "concat bwd_data n=4 pixels=3 ca=18 cb=7 da=0",
    "concat bwd_data n=4 pixels=3 ca=18 cb=7 db=0",
    "concat accumulate n=1",
    "concat accumulate n=103",
    "concat fwd n=2 pixels=6 ca=5 cb=19 planes=1 store=1",
    "concat bwd_data n=2 pixels=6 ca=5 cb=19 planes=1 store=1",
    "concat accumulate n=37 store=1",
    "concat accumulate n=37 store=1",
    "concat fwd n=200 ca=200 cb=1000",
    "concat fwd n=64 pixels=16 ca=512 cb=10 planes=1",
    "concat fwd n=5 pixels=1031 ca=3 cb=2",
    "concat fwd n=131 ca=100 cb=10",
    "concat bwd_data n=200 ca=200 cb=1000",
    "concat bwd_data n=64 pixels=16 ca=512 cb=10 planes=1",
    "concat bwd_data n=64 pixels=16 ca=512 cb=67 planes=1 ints=1 da=0",
    "concat bwd_data n=3 pixels=4099 ca=1 cb=10 planes=1 ints=1",
    "concat bwd_data n=500 pixels=16 ca=3 cb=9 planes=1 ints=1 da=0",
    "concat bwd_data n=131 ca=100 cb=10 da=0",
    "concat accumulate n=100003",
    NULL
};

static int plan_concat(const clg_case *c, enum clg_case_fill fill, clg_case_plan *out)
{
    uint32_t n, pixels, ca, cb;
    int status = CLG_OK;
    bool planes = clg__case_u32(c, "planes", 0) != 0;
    CLG_TRY(clg__case_count(c, "n", &n));
    CLG_TRY(clg__case_count(c, "pixels", &pixels));
    CLG_TRY(clg__case_count(c, "ca", &ca));
    CLG_TRY(clg__case_count(c, "cb", &cb));
    uint64_t rows = (uint64_t)n * pixels, rows_b = planes ? n : rows;
    out->bytes = 8.0 * (double)rows * (ca + cb);
    if (clg__case_is(c, "fwd")) {
        clg__plan_in(out, "a", rows * ca, fill);
        clg__plan_in(out, "b", rows_b * cb, fill);
        clg__plan_out(out, "y", rows * (ca + cb), 0.0, 0.0, 0.0);
        clg__plan_stored(out, "a b y");
        return CLG_OK;
    }
    clg__plan_in(out, "dy", rows * (ca + cb), fill);
    if (clg__case_u32(c, "da", 1) != 0) {
        clg__plan_out(out, "da", rows * ca, 0.0, 0.0, 0.0);
    }
    if (clg__case_u32(c, "db", 1) != 0) {
        bool exact = !planes || fill == CLG_FILL_SMALL_INT;
        clg__plan_out(out, "db", rows_b * cb, 0.0,
                      exact ? 0.0 : clg__plan_sum_tolerance(pixels) * sqrt(pixels), 0.0);
        out->flops = planes ? (double)rows * cb : 0.0;
    }
    clg__plan_stored(out, "dy da db");
out:
    return status;
}

static int plan(const clg_case *c, clg_case_plan *out)
{
    uint32_t n;
    int status = CLG_OK;
    enum clg_case_fill fill = clg__case_fill(c);
    *out = (clg_case_plan){ 0 };
    if (clg__case_is(c, "fwd") || clg__case_is(c, "bwd_data")) {
        return plan_concat(c, fill, out);
    }
    if (!clg__case_is(c, "accumulate")) {
        return clg__case_no_pass(c);
    }
    CLG_TRY(clg__case_count(c, "n", &n));
    clg__plan_in(out, "x", n, fill);
    clg__plan_in(out, "y", n, fill);
    clg__plan_inout(out, "y", n, CLG_CASE_RTOL, 0.0);
    clg__plan_stored(out, "x y");
    out->flops = n;
    out->bytes = 12.0 * n;
out:
    return status;
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    clg_concat s = { .n = clg__case_u32(c, "n", 1),
                     .pixels = clg__case_u32(c, "pixels", 1),
                     .ca = clg__case_u32(c, "ca", 1),
                     .cb = clg__case_u32(c, "cb", 1) };
    bool da = clg__case_u32(c, "da", 1) != 0, db = clg__case_u32(c, "db", 1) != 0;
    (void)ws;
    s.b_pixels = clg__case_u32(c, "planes", 0) != 0 ? 1 : s.pixels;
    if (clg__case_is(c, "accumulate")) {
        return clg__accumulate(o, in[0], out[0]);
    }
    if (clg__case_is(c, "fwd")) {
        return clg__concat_fwd(o, &s, in[0], in[1], out[0]);
    }
    return clg__concat_bwd_data(o, &s, in[0], da ? out[0] : CLG_NO_TENSOR,
                                db ? out[da ? 1 : 0] : CLG_NO_TENSOR);
}

const clg_op clg__op_concat = {
    .name = "concat", .keys = KEYS, .cases = CASES, .quick = 15, .plan = plan, .run = run
};
