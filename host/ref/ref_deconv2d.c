/* Reference of the transposed convolution: the convolution `g` read backwards, so its input is y's
 * place [N,P,Q,K] and its output x's place [N,H,W,C]. */
#include <stddef.h>

#include "ref/ref_internal.h"

void ref_deconv2d_fwd(const clg_conv *g, const double *x, const double *w, const double *bias,
                      double *y)
{
    uint64_t pixels = (uint64_t)g->n * g->h * g->w;

    ref_conv2d_bwd_data(g, x, w, y);
    for (uint64_t i = 0; bias && i < pixels; i++) {
        for (uint32_t c = 0; c < g->c; c++) {
            y[i * g->c + c] += bias[c];
        }
    }
}

void ref_deconv2d_bwd_data(const clg_conv *g, const double *dy, const double *w, double *dx)
{
    ref_conv2d_fwd(g, dy, w, NULL, dx);
}

/* y(h) = sum of x(p) w: dw is bilinear in (y's gradient, x), the conv's weight gradient with dy in
 * the place of the conv's input. */
void ref_deconv2d_bwd_weight(const clg_conv *g, const double *x, const double *dy, double *dw)
{
    ref_conv2d_bwd_weight(g, dy, x, dw);
}

/* fwd: in x w [bias], out y; bwd_data: in dy w, out dx; bwd_weight: in x dy, out dw.
 * Keys n p q k c r s stride pad out_pad bias act slope. */
int ref_case_deconv2d(const clg_case *c, const double *const *in, double *const *out)
{
    clg_conv g = { .n = clg__case_u32(c, "n", 1), .p = clg__case_u32(c, "p", 1),
                   .q = clg__case_u32(c, "q", 1), .k = clg__case_u32(c, "k", 1),
                   .c = clg__case_u32(c, "c", 1), .r = clg__case_u32(c, "r", 1),
                   .s = clg__case_u32(c, "s", 1), .stride = clg__case_u32(c, "stride", 1),
                   .pad = clg__case_u32(c, "pad", 0) };
    int status = clg__deconv_make(&g, clg__case_u32(c, "out_pad", 0));

    if (status != CLG_OK) {
        return status;
    }
    if (ref__case_pass(c, "fwd")) {
        bool bias = clg__case_u32(c, "bias", 0) != 0;
        ref_deconv2d_fwd(&g, in[0], in[1], bias ? in[2] : NULL, out[0]);
        ref_activation_fwd(ref__case_act(c), ref__case_f32(c, "slope", REF_SLOPE), out[0], out[0],
                           clg__conv_x_len(&g));
    } else if (ref__case_pass(c, "bwd_data")) {
        ref_deconv2d_bwd_data(&g, in[0], in[1], out[0]);
    } else if (ref__case_pass(c, "bwd_weight")) {
        ref_deconv2d_bwd_weight(&g, in[0], in[1], out[0]);
    } else {
        return ref__case_unknown(c);
    }
    return CLG_OK;
}
