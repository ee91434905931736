/* Cases of deconv2d. fwd: in x w [bias], out y; bwd_data: in dy w, out dx; bwd_weight: in x dy, out
 * dw; x is [N,P,Q,K], y [N,H,W,C]. Keys n p q k c r s stride pad out_pad bias act slope; exact=1:
 * small integers, no error allowed. */
#include "ops/case_plan.h"
#include "ops/deconv2d.h"

static const char *const KEYS[] = { "n",    "p",   "q",      "k",     "c",
                                    "r",    "s",   "stride", "pad",   "out_pad",
                                    "bias", "act", "slope",  "exact", NULL };
enum { QUICK = 9 };
static const char *const CASES[] = {
    "deconv2d fwd n=1 p=1 q=1 k=1 c=1 r=1 s=1 exact=1",
    "deconv2d bwd_data n=1 p=1 q=1 k=1 c=1 r=1 s=1 exact=1",
    "deconv2d bwd_weight n=1 p=1 q=1 k=1 c=1 r=1 s=1 exact=1",
    "deconv2d fwd n=2 p=3 q=3 k=16 c=3 r=4 s=4 stride=2 pad=1 bias=1 act=3",
    "deconv2d bwd_data n=2 p=3 q=3 k=5 c=3 r=4 s=4 stride=2 pad=1",
    "deconv2d bwd_weight n=2 p=3 q=3 k=5 c=3 r=4 s=4 stride=2 pad=1",
    "deconv2d fwd n=3 p=1 q=1 k=7 c=5 r=3 s=3 bias=1 act=1",
    "deconv2d bwd_data n=3 p=1 q=1 k=7 c=5 r=3 s=3",
    "deconv2d bwd_weight n=3 p=1 q=1 k=7 c=5 r=3 s=3",
    /* kernels, strides, output padding */
    "deconv2d fwd n=8 p=5 q=4 k=33 c=34 r=3 s=3 stride=2 pad=1 out_pad=1 exact=1",
    "deconv2d bwd_data n=8 p=5 q=4 k=33 c=34 r=3 s=3 stride=2 pad=1 out_pad=1 exact=1",
    "deconv2d bwd_weight n=8 p=5 q=4 k=33 c=34 r=3 s=3 stride=2 pad=1 out_pad=1 exact=1",
    "deconv2d fwd n=3 p=4 q=6 k=20 c=2 r=5 s=5 stride=3 pad=1 out_pad=2 bias=1 exact=1",
    "deconv2d bwd_data n=3 p=4 q=6 k=20 c=2 r=5 s=5 stride=3 pad=1 out_pad=2 exact=1",
    "deconv2d bwd_weight n=3 p=4 q=6 k=20 c=2 r=5 s=5 stride=3 pad=1 out_pad=2 exact=1",
    "deconv2d fwd n=2 p=3 q=3 k=6 c=18 r=1 s=2 stride=4 out_pad=3 bias=1 act=2 slope=0.5 exact=1",
    "deconv2d bwd_data n=2 p=5 q=3 k=70 c=1 r=7 s=6 stride=4 pad=2 exact=1",
    "deconv2d bwd_weight n=16 p=5 q=3 k=1 c=70 r=6 s=7 stride=1 pad=3 exact=1",
    "deconv2d fwd n=7 p=6 q=5 k=13 c=29 r=2 s=2 stride=1 act=4",
    "deconv2d fwd n=5 p=7 q=7 k=64 c=4 r=3 s=3 stride=1 pad=1 act=3 bias=1",
    /* DCGAN-64 and -28, small batches */
    "deconv2d fwd n=5 p=1 q=1 k=100 c=128 r=4 s=4",
    "deconv2d bwd_data n=5 p=1 q=1 k=100 c=128 r=4 s=4",
    "deconv2d bwd_weight n=5 p=1 q=1 k=100 c=128 r=4 s=4",
    "deconv2d fwd n=16 p=4 q=4 k=96 c=64 r=4 s=4 stride=2 pad=1",
    "deconv2d bwd_data n=9 p=4 q=4 k=96 c=64 r=4 s=4 stride=2 pad=1",
    "deconv2d bwd_weight n=20 p=4 q=4 k=96 c=64 r=4 s=4 stride=2 pad=1",
    "deconv2d fwd n=2 p=16 q=16 k=128 c=64 r=4 s=4 stride=2 pad=1",
    "deconv2d fwd n=8 p=32 q=32 k=64 c=3 r=4 s=4 stride=2 pad=1 act=3",
    "deconv2d bwd_data n=2 p=32 q=32 k=64 c=3 r=4 s=4 stride=2 pad=1",
    "deconv2d bwd_weight n=3 p=32 q=32 k=64 c=3 r=4 s=4 stride=2 pad=1",
    "deconv2d fwd n=2 p=14 q=14 k=64 c=1 r=4 s=4 stride=2 pad=1 act=3",
    "deconv2d bwd_weight n=2 p=14 q=14 k=64 c=1 r=4 s=4 stride=2 pad=1", NULL
};

static int read_shape(const clg_case *c, clg_conv *g)
{
    *g = (clg_conv){ .n = clg__case_u32(c, "n", 1),
                     .p = clg__case_u32(c, "p", 1),
                     .q = clg__case_u32(c, "q", 1),
                     .k = clg__case_u32(c, "k", 1),
                     .c = clg__case_u32(c, "c", 1),
                     .r = clg__case_u32(c, "r", 1),
                     .s = clg__case_u32(c, "s", 1),
                     .stride = clg__case_u32(c, "stride", 1),
                     .pad = clg__case_u32(c, "pad", 0) };
    if (g->n == 0 || g->p == 0 || g->q == 0 || g->c == 0 || g->k == 0 || g->stride == 0) {
        return clg__fail(CLG_E_USAGE, "deconv2d: one of n p q k c stride is 0");
    }
    return clg__deconv_make(g, clg__case_u32(c, "out_pad", 0));
}

static int read_pass(const clg_case *c, enum clg_pass *pass)
{
    if (clg__case_is(c, "fwd")) {
        *pass = CLG_FWD;
    } else if (clg__case_is(c, "bwd_data")) {
        *pass = CLG_BWD_DATA;
    } else if (clg__case_is(c, "bwd_weight")) {
        *pass = CLG_BWD_WEIGHT;
    } else {
        return clg__case_no_pass(c);
    }
    return CLG_OK;
}

static int plan(const clg_case *c, clg_case_plan *out)
{
    clg_conv g;
    enum clg_pass pass = CLG_FWD;
    enum clg_act act;
    int status = CLG_OK;
    *out = (clg_case_plan){ 0 };
    CLG_TRY(read_shape(c, &g));
    CLG_TRY(read_pass(c, &pass));
    CLG_TRY(clg__case_act(c, &act));
    const bool exact = clg__case_u32(c, "exact", 0) != 0;
    const enum clg_case_fill fill = exact ? CLG_FILL_SMALL_INT : CLG_FILL_NORMAL;
    const double taps = (double)g.r * g.s;
    const uint64_t x = clg__conv_x_len(&g), y = clg__conv_y_len(&g), w = clg__conv_w_len(&g);
    if (pass == CLG_FWD) {
        const double stol = exact ? 0.0 : clg__plan_sum_tolerance(taps * g.k);
        clg__plan_in(out, "x", y, fill);
        clg__plan_in(out, "w", w, fill);
        if (clg__case_u32(c, "bias", 0) != 0) {
            clg__plan_in(out, "bias", g.c, fill);
        }
        /* The activations' own error; after tanh or sigmoid the sum's error is no longer relative
         * to the size of the result. */
        const double atol = act >= CLG_ACT_TANH ? stol * sqrt(taps * g.k) : 0.0;
        clg__plan_out(out, "y", x, exact ? 0.0 : CLG_CASE_RTOL, atol, stol);
    } else if (pass == CLG_BWD_DATA) {
        clg__plan_in(out, "dy", x, fill);
        clg__plan_in(out, "w", w, fill);
        clg__plan_out(out, "dx", y, 0.0, 0.0, exact ? 0.0 : clg__plan_sum_tolerance(taps * g.c));
    } else {
        clg__plan_in(out, "x", y, fill);
        clg__plan_in(out, "dy", x, fill);
        clg__plan_out(out, "dw", w, 0.0, 0.0,
                      exact ? 0.0 : clg__plan_sum_tolerance((double)g.n * g.p * g.q));
    }
    out->flops = clg__conv_flops(&g);
    out->bytes = 4.0 * (double)(x + y + w);
out:
    return status;
}

static uint64_t workspace(const clg_ops *o, const clg_case *c)
{
    clg_conv g;
    enum clg_pass pass = CLG_FWD;
    if (read_shape(c, &g) != CLG_OK || read_pass(c, &pass) != CLG_OK) {
        return 0;
    }
    return clg__deconv2d_workspace(o, &g, pass);
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    clg_conv g;
    enum clg_pass pass = CLG_FWD;
    clg_epilogue e = { .slope = clg__case_f32(c, "slope", 0.2) };
    int status = CLG_OK;
    CLG_TRY(read_shape(c, &g));
    CLG_TRY(read_pass(c, &pass));
    CLG_TRY(clg__case_act(c, &e.act));
    if (pass == CLG_FWD) {
        e.bias = clg__case_u32(c, "bias", 0) != 0 ? in[2] : CLG_NO_TENSOR;
        CLG_TRY(clg__deconv2d_fwd(o, &g, clg__tensor_view(in[0], 0, 4, g.n, g.p, g.q, g.k),
                                  clg__tensor_view(in[1], 0, 4, g.r, g.s, g.c, g.k), &e,
                                  clg__tensor_view(out[0], 0, 4, g.n, g.h, g.w, g.c), ws));
    } else if (pass == CLG_BWD_DATA) {
        CLG_TRY(clg__deconv2d_bwd_data(o, &g, clg__tensor_view(in[0], 0, 4, g.n, g.h, g.w, g.c),
                                       clg__tensor_view(in[1], 0, 4, g.r, g.s, g.c, g.k),
                                       clg__tensor_view(out[0], 0, 4, g.n, g.p, g.q, g.k), ws));
    } else {
        CLG_TRY(clg__deconv2d_bwd_weight(o, &g, clg__tensor_view(in[0], 0, 4, g.n, g.p, g.q, g.k),
                                         clg__tensor_view(in[1], 0, 4, g.n, g.h, g.w, g.c),
                                         clg__tensor_view(out[0], 0, 4, g.r, g.s, g.c, g.k), ws));
    }
out:
    return status;
}

const clg_op clg__op_deconv2d = { .name = "deconv2d",
                                  .keys = KEYS,
                                  .cases = CASES,
                                  .quick = QUICK,
                                  .plan = plan,
                                  .workspace = workspace,
                                  .run = run };
