/* Transposed convolution: conv2d's jobs with the roles of the two maps swapped. */
#include "ops/deconv2d.h"

#include "ops/conv2d_internal.h"

static enum clg_conv_way way_of(enum clg_pass pass)
{
    return pass == CLG_FWD ? CLG_CONV_UP : CLG_CONV_DOWN;
}

uint64_t clg__deconv2d_workspace(const clg_ops *o, const clg_conv *g, enum clg_pass pass)
{
    if (pass == CLG_BWD_WEIGHT) {
        return clg__conv2d_wgrad_workspace(o, g);
    }
    return clg__conv2d_map_workspace(o, g, way_of(pass));
}

uint64_t clg__deconv2d_ready_len(const clg_ops *o, const clg_conv *g, enum clg_pass pass)
{
    return pass == CLG_BWD_WEIGHT ? 0 : clg__conv2d_map_ready_len(o, g, way_of(pass));
}

uint32_t clg__deconv2d_parts(const clg_ops *o, const clg_conv *g, enum clg_pass pass,
                             uint32_t groups)
{
    return pass == CLG_BWD_WEIGHT ? 0 : clg__conv2d_map_parts(o, g, way_of(pass), groups);
}

int clg__deconv2d_prepare(const clg_ops *o, const clg_conv *g, enum clg_pass pass, clg_tensor w,
                          clg_tensor ready)
{
    return clg__conv2d_map_prepare(o, g, way_of(pass), w, ready);
}

int clg__deconv2d_fwd(const clg_ops *o, const clg_conv *g, clg_tensor x, clg_filter w,
                      const clg_epilogue *e, clg_tensor y, clg_tensor ws)
{
    static const char op[] = "deconv2d_fwd";
    int status = CLG_OK;
    CLG_TRY(clg__conv2d_check(op, "x", x, g->n, g->p, g->q, g->k));
    CLG_TRY(clg__conv2d_check(op, "y", y, g->n, g->h, g->w, g->c));
    CLG_TRY(clg__conv2d_check_filter(op, g, x, w, clg__deconv2d_ready_len(o, g, CLG_FWD)));
    CLG_TRY(clg__conv2d_check_type(op, "y", x, y));
    CLG_TRY(clg__conv2d_check_bias(op, e, g->c));
    CLG_TRY(clg__conv2d_check_ws(op, ws, clg__deconv2d_workspace(o, g, CLG_FWD)));
    CLG_TRY(clg__conv2d_map(o, g, CLG_CONV_UP, x, w, e, y, ws));
out:
    return status;
}

int clg__deconv2d_bwd_data(const clg_ops *o, const clg_conv *g, clg_tensor dy, clg_filter w,
                           const clg_sums *sums, clg_tensor dx, clg_tensor ws)
{
    static const char op[] = "deconv2d_bwd_data";
    int status = CLG_OK;
    CLG_TRY(clg__conv2d_check(op, "dy", dy, g->n, g->h, g->w, g->c));
    CLG_TRY(clg__conv2d_check(op, "dx", dx, g->n, g->p, g->q, g->k));
    CLG_TRY(clg__conv2d_check_filter(op, g, dy, w, clg__deconv2d_ready_len(o, g, CLG_BWD_DATA)));
    CLG_TRY(clg__conv2d_check_type(op, "dx", dy, dx));
    CLG_TRY(clg__conv2d_check_ws(op, ws, clg__deconv2d_workspace(o, g, CLG_BWD_DATA)));
    CLG_TRY(clg__conv2d_gradient(o, g, CLG_CONV_DOWN, dy, w, sums, dx, ws));
out:
    return status;
}

int clg__deconv2d_bwd_weight(const clg_ops *o, const clg_conv *g, clg_tensor x, clg_tensor dy,
                             clg_turned *big, clg_tensor dw, clg_tensor ws)
{
    static const char op[] = "deconv2d_bwd_weight";
    int status = CLG_OK;
    CLG_TRY(clg__conv2d_check(op, "x", x, g->n, g->p, g->q, g->k));
    CLG_TRY(clg__conv2d_check(op, "dy", dy, g->n, g->h, g->w, g->c));
    CLG_TRY(clg__conv2d_check(op, "dw", dw, g->r, g->s, g->c, g->k));
    CLG_TRY(clg__conv2d_check_type(op, "dy", x, dy));
    CLG_TRY(clg__conv2d_check_float(op, "dw", dw));
    CLG_TRY(clg__conv2d_check_ws(op, ws, clg__deconv2d_workspace(o, g, CLG_BWD_WEIGHT)));
    CLG_TRY(clg__conv2d_wgrad(o, g, dy, x, big, dw, ws));
out:
    return status;
}
