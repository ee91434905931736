/* Cases of conv2d and deconv2d: inputs, outputs, tolerances and the call. fwd: in x w [bias], out
 * y; bwd_data: in dy w, out dx; bwd_weight: in x dy, out dw. */
#include "ops/conv_case.h"

#include <math.h>

#include "ops/case_plan.h"
#include "ops/conv_algo.h"

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

/* algo=0|1|2 of the case: direct, winograd2, winograd4. */
static enum clg_conv_algo read_algo(const clg_case *c)
{
    const uint32_t algo = clg__case_u32(c, "algo", CLG_CONV_DIRECT);
    return algo < CLG_CONV_ALGO_COUNT ? (enum clg_conv_algo)algo : CLG_CONV_DIRECT;
}

/* What a sum over k terms may err; Winograd's limits are 4e-6 and 3e-5 of the largest value, here
 * four times the root mean square. */
static double sum_tolerance(const clg_case *c, double k)
{
    const double direct = clg__plan_sum_tolerance(k);
    switch (read_algo(c)) {
    case CLG_CONV_WINOGRAD2:
        return fmin(direct, 4 * 4e-6);
    case CLG_CONV_WINOGRAD4:
        return fmin(8 * direct, 4 * 3e-5);
    default:
        return direct;
    }
}

int clg__conv_case_plan(const clg_conv_case *op, const clg_case *c, clg_case_plan *out)
{
    clg_conv g;
    enum clg_pass pass = CLG_FWD;
    enum clg_act act;
    int status = CLG_OK;
    *out = (clg_case_plan){ 0 };
    CLG_TRY(op->read_shape(c, &g));
    CLG_TRY(read_pass(c, &pass));
    CLG_TRY(clg__case_act(c, &act));
    const bool exact = clg__case_u32(c, "exact", 0) != 0;
    const enum clg_case_fill fill = exact ? CLG_FILL_SMALL_INT : CLG_FILL_NORMAL;
    const uint64_t wide = clg__conv_x_len(&g), deep = clg__conv_y_len(&g);
    const uint64_t x = op->up ? deep : wide, y = op->up ? wide : deep, w = clg__conv_w_len(&g);
    const uint32_t from = op->up ? g.k : g.c, to = op->up ? g.c : g.k; /* channels */
    const double taps = (double)g.r * g.s;
    out->terms = pass == CLG_FWD        ? taps * from
                 : pass == CLG_BWD_DATA ? taps * to
                                        : (double)g.n * g.p * g.q;
    const double stol = exact ? 0.0 : sum_tolerance(c, out->terms);
    if (pass == CLG_FWD) {
        clg__plan_in(out, "x", x, fill);
        clg__plan_in(out, "w", w, fill);
        if (clg__case_u32(c, "bias", 0) != 0) {
            clg__plan_in(out, "bias", to, fill);
        }
        /* The activations' own error; after tanh or sigmoid the sum's error is no longer relative
         * to the size of the result. */
        const double atol = act >= CLG_ACT_TANH ? stol * sqrt(out->terms) : 0.0;
        clg__plan_out(out, "y", y, exact ? 0.0 : CLG_CASE_RTOL, atol, stol);
    } else if (pass == CLG_BWD_DATA) {
        clg__plan_in(out, "dy", y, fill);
        clg__plan_in(out, "w", w, fill);
        clg__plan_out(out, "dx", x, 0.0, 0.0, stol);
    } else {
        clg__plan_in(out, "x", x, fill);
        clg__plan_in(out, "dy", y, fill);
        clg__plan_out(out, "dw", w, 0.0, 0.0, stol);
    }
    clg__plan_stored(out, "x w y dx dy");
    out->flops = clg__conv_flops(&g);
    out->bytes = 4.0 * (double)(x + y + w);
out:
    return status;
}

uint64_t clg__conv_case_workspace(const clg_conv_case *op, const clg_ops *o, const clg_case *c)
{
    clg_conv g;
    enum clg_pass pass = CLG_FWD;
    if (op->read_shape(c, &g) != CLG_OK || read_pass(c, &pass) != CLG_OK) {
        return 0;
    }
    const clg_conv_choices forced = { .forced = read_algo(c),
                                      .tile = clg__case_u32(c, "tile", 0) };
    clg_ops with = *o;
    with.conv_choices = &forced;
    const bool ready = clg__case_u32(c, "ready", 0) != 0;
    return op->workspace(&with, &g, pass) + (ready ? op->ready_len(&with, &g, pass) : 0);
}

/* The map that the operator reads (x) or writes (y), as a tensor of four dimensions. */
static clg_tensor view_x(const clg_conv_case *op, const clg_conv *g, clg_tensor t)
{
    return op->up ? clg__tensor_view(t, 0, 4, g->n, g->p, g->q, g->k)
                  : clg__tensor_view(t, 0, 4, g->n, g->h, g->w, g->c);
}

static clg_tensor view_y(const clg_conv_case *op, const clg_conv *g, clg_tensor t)
{
    return op->up ? clg__tensor_view(t, 0, 4, g->n, g->h, g->w, g->c)
                  : clg__tensor_view(t, 0, 4, g->n, g->p, g->q, g->k);
}

static clg_tensor view_w(const clg_conv *g, clg_tensor t)
{
    return clg__tensor_view(t, 0, 4, g->r, g->s, g->c, g->k);
}

/* The filter of a case; with ready=1 made ready behind the pass's own workspace. */
static int make_filter(const clg_conv_case *op, const clg_ops *o, const clg_case *c,
                       const clg_conv *g, enum clg_pass pass, clg_tensor w, clg_tensor ws,
                       clg_filter *out)
{
    *out = (clg_filter){ .w = view_w(g, w) };
    const uint64_t len = op->ready_len(o, g, pass);
    if (clg__case_u32(c, "ready", 0) == 0 || len == 0) {
        return CLG_OK;
    }
    out->ready = clg__tensor_vec(ws, op->workspace(o, g, pass), (uint32_t)len);
    return op->prepare(o, g, pass, out->w, out->ready);
}

int clg__conv_case_run(const clg_conv_case *op, const clg_ops *o, const clg_case *c,
                       const clg_tensor *in, const clg_tensor *out, clg_tensor ws)
{
    clg_conv g;
    enum clg_pass pass = CLG_FWD;
    clg_epilogue e = { .slope = clg__case_f32(c, "slope", 0.2) };
    const clg_conv_choices forced = { .forced = read_algo(c),
                                      .tile = clg__case_u32(c, "tile", 0) };
    clg_ops with = *o;
    int status = CLG_OK;
    with.conv_choices = &forced;
    CLG_TRY(op->read_shape(c, &g));
    CLG_TRY(read_pass(c, &pass));
    CLG_TRY(clg__case_act(c, &e.act));
    clg_filter f;
    if (pass != CLG_BWD_WEIGHT) {
        CLG_TRY(make_filter(op, &with, c, &g, pass, in[1], ws, &f));
    }
    if (pass == CLG_FWD) {
        e.bias = clg__case_u32(c, "bias", 0) != 0 ? in[2] : CLG_NO_TENSOR;
        CLG_TRY(op->fwd(&with, &g, view_x(op, &g, in[0]), f, &e, view_y(op, &g, out[0]), ws));
    } else if (pass == CLG_BWD_DATA) {
        CLG_TRY(
            op->bwd_data(&with, &g, view_y(op, &g, in[0]), f, NULL, view_x(op, &g, out[0]), ws));
    } else {
        CLG_TRY(op->bwd_weight(&with, &g, view_x(op, &g, in[0]), view_y(op, &g, in[1]),
                               NULL, view_w(&g, out[0]), ws));
    }
out:
    return status;
}
