/* Cases of resize. up: in x [n,h,w,c], out y [n,h*scale,w*scale,c]; down: the other way. Keys n h w
 * c (of the small image) scale factor ints store. Copies by factor 1 must be equal, and so must
 * sums of small integers (ints=1) by a power of two. */
#include "ops/resize.h"
#include "ops/case_plan.h"

static const char *const KEYS[] = { "n", "h", "w", "c", "scale", "factor", "ints", "store", NULL };
static const char *const CASES[] = {
    "resize up c=1 scale=1",
    "resize up n=2 h=3 w=2 c=3 scale=2",
    "resize up n=1 h=2 w=3 c=19 scale=3 factor=0.25",
    "resize up n=1 h=2 w=3 c=21 scale=2 store=1",
    "resize down c=1 scale=1",
    "resize down n=2 h=3 w=2 c=3 scale=2 factor=0.25 ints=1",
    "resize down n=1 h=2 w=3 c=19 scale=3 factor=0.1111111111111111",
    "resize down n=1 h=2 w=3 c=21 scale=2 store=1 factor=0.25",
    "resize up n=8 h=16 w=16 c=64 scale=2",
    "resize up n=5 h=7 w=11 c=3 scale=4 factor=0.0625",
    "resize up n=3 h=31 w=29 c=1 scale=2",
    "resize down n=8 h=16 w=16 c=64 scale=2 factor=0.25",
    "resize down n=5 h=7 w=11 c=3 scale=4 ints=1",
    "resize down n=3 h=31 w=29 c=1 scale=2 ints=1 factor=0.25",
    "resize down n=4 h=32 w=33 c=1 scale=5 ints=1",
    "resize down n=2 h=1 w=1 c=130 scale=7 factor=0.02040816326530612",
    NULL
};

static int plan(const clg_case *c, clg_case_plan *out)
{
    uint32_t n, h, w, channels, scale;
    int status = CLG_OK;
    enum clg_case_fill fill = clg__case_fill(c);
    bool ints = fill == CLG_FILL_SMALL_INT;
    *out = (clg_case_plan){ 0 };
    CLG_TRY(clg__case_count(c, "n", &n));
    CLG_TRY(clg__case_count(c, "h", &h));
    CLG_TRY(clg__case_count(c, "w", &w));
    CLG_TRY(clg__case_count(c, "c", &channels));
    CLG_TRY(clg__case_count(c, "scale", &scale));
    double factor = clg__case_get(c, "factor", 1.0), area = (double)scale * scale;
    uint64_t small = (uint64_t)n * h * w * channels, large = small * scale * scale;
    if (clg__case_is(c, "up")) {
        clg__plan_in(out, "x", small, fill);
        clg__plan_out(out, "y", large, factor < 1.0 ? CLG_CASE_EPS : 0.0, 0.0, 0.0);
    } else if (clg__case_is(c, "down")) {
        clg__plan_in(out, "x", large, fill);
        clg__plan_out(out, "y", small, 0.0,
                      ints ? 0.0 : fabs(factor) * clg__plan_sum_tolerance(area) * sqrt(area), 0.0);
    } else {
        return clg__case_no_pass(c);
    }
    clg__plan_stored(out, "x y");
    out->flops = (double)large;
    out->bytes = 4.0 * (double)(small + large);
out:
    return status;
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    uint32_t n = clg__case_u32(c, "n", 1), h = clg__case_u32(c, "h", 1);
    uint32_t w = clg__case_u32(c, "w", 1), channels = clg__case_u32(c, "c", 1);
    uint32_t scale = clg__case_u32(c, "scale", 1);
    float factor = clg__case_f32(c, "factor", 1.0);
    (void)ws;
    if (clg__case_is(c, "up")) {
        return clg__resize_up(o, clg__tensor_view(in[0], 0, 4, n, h, w, channels), scale, factor,
                              out[0]);
    }
    return clg__resize_down(o, in[0], scale, factor,
                            clg__tensor_view(out[0], 0, 4, n, h, w, channels));
}

const clg_op clg__op_resize = {
    .name = "resize", .keys = KEYS, .cases = CASES, .quick = 8, .plan = plan, .run = run
};
