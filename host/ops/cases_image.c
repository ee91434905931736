/* Cases of image. from_u8: in x (bytes), out y; to_u8: in x, out y (bytes). Keys n scale shift
 * ints store. With ints=1 the input holds -2 .. 2, so that with a scale of a power of two all is exact,
 * halves included; otherwise a byte may differ by one where float and double round apart. */
#include "ops/image.h"
#include "ops/case_plan.h"

static const char *const KEYS[] = { "n", "scale", "shift", "ints", "store", NULL };
static const char *const CASES[] = {
    "image from_u8 n=1",
    "image from_u8 n=103",
    "image to_u8 n=1",
    "image to_u8 n=103",
    "image to_u8 n=203 ints=1 scale=0.0078125 shift=-1.00390625",
    "image from_u8 n=103 store=1",
    "image to_u8 n=203 ints=1 scale=0.0078125 shift=-1.00390625 store=1",
    "image from_u8 n=100003 scale=0.00392156862745098 shift=0",
    "image from_u8 n=49152",
    "image to_u8 n=100003",
    "image to_u8 n=4109 ints=1 scale=0.015625 shift=-1",
    NULL
};

static int plan(const clg_case *c, clg_case_plan *out)
{
    uint32_t n;
    int status = CLG_OK;
    *out = (clg_case_plan){ 0 };
    CLG_TRY(clg__case_count(c, "n", &n));
    if (clg__case_is(c, "from_u8")) {
        clg__plan_in(out, "x", n, CLG_FILL_U8);
        clg__plan_out(out, "y", n, 0.0, 2.0 * CLG_CASE_EPS, 0.0);
    } else if (clg__case_is(c, "to_u8")) {
        enum clg_case_fill fill = clg__case_fill(c);
        clg__plan_in(out, "x", n, fill);
        clg__plan_out(out, "y", n, 0.0, fill == CLG_FILL_SMALL_INT ? 0.0 : 1.0, 0.0);
        out->out[0].is_u8 = true;
    } else {
        return clg__case_no_pass(c);
    }
    clg__plan_stored(out, "x y");
    out->flops = 2.0 * n;
    out->bytes = 5.0 * n;
out:
    return status;
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    float scale = clg__case_f32(c, "scale", 2.0 / 255.0), shift = clg__case_f32(c, "shift", -1.0);
    (void)ws;
    return clg__case_is(c, "from_u8") ? clg__image_from_u8(o, in[0], scale, shift, out[0])
                                      : clg__image_to_u8(o, in[0], scale, shift, out[0]);
}

const clg_op clg__op_image = { .name = "image", .keys = KEYS, .cases = CASES, .quick = 7,
                               .plan = plan, .run = run };
