/* Cases of cast. to: in x (float), out y; from: in x, out y (float). Keys n store. Most other
 * operators test one of the two types: all read and write through the same functions. */
#include "ops/case_plan.h"
#include "ops/cast.h"

static const char *const KEYS[] = { "n", "store", NULL };
static const char *const CASES[] = {
    "cast to n=77 store=1",
    "cast from n=77 store=1",
    "cast to n=77 store=2",
    "cast from n=77 store=2",
    "cast to n=100003 store=1",
    "cast from n=100003 store=1",
    "cast to n=100003 store=2",
    "cast from n=100003 store=2",
    "cast to n=37",
    "cast from n=5",
    NULL
};

static int plan(const clg_case *c, clg_case_plan *out)
{
    uint32_t n;
    int status = CLG_OK;
    *out = (clg_case_plan){ 0 };
    CLG_TRY(clg__case_count(c, "n", &n));
    if (!clg__case_is(c, "to") && !clg__case_is(c, "from")) {
        return clg__case_no_pass(c);
    }
    clg__plan_in(out, "x", n, CLG_FILL_NORMAL);
    clg__plan_out(out, "y", n, 0.0, 0.0, 0.0);
    clg__plan_stored(out, clg__case_is(c, "to") ? "y" : "x");
    out->bytes = 6.0 * n;
out:
    return status;
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    (void)c;
    (void)ws;
    return clg__cast(o, in[0], out[0]);
}

const clg_op clg__op_cast = { .name = "cast", .keys = KEYS, .cases = CASES, .quick = 4,
                              .plan = plan, .run = run };
