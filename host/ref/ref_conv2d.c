/* Reference of the 2-d convolution (struct clg_conv in base/geometry.h). Every pass is the same
 * walk over (output pixel, filter tap) with a different sum inside; taps in the padding are
 * skipped. The activation behind it is ref_activation_fwd. */
#include <stddef.h>
#include <string.h>

#include "ref/ref_internal.h"

/* Element offset of the input pixel that tap `t` (t = r*S + s) of output pixel `o` (o = (n*P + p)*Q
 * + q) reads; false if it lies in the padding. */
static bool find_x(const clg_conv *g, size_t o, uint32_t t, size_t *offset)
{
    uint32_t q = (uint32_t)(o % g->q), p = (uint32_t)(o / g->q % g->p);
    size_t n = o / g->q / g->p;
    int64_t h = (int64_t)p * g->stride + t / g->s - g->pad;
    int64_t w = (int64_t)q * g->stride + t % g->s - g->pad;

    if (h < 0 || h >= g->h || w < 0 || w >= g->w) {
        return false;
    }
    *offset = ((n * g->h + (size_t)h) * g->w + (size_t)w) * g->c;
    return true;
}

void ref_conv2d_fwd(const clg_conv *g, const double *x, const double *w, const double *bias,
                    double *y)
{
    size_t pixels = (size_t)g->n * g->p * g->q, at;

    for (size_t o = 0; o < pixels; o++, y += g->k) {
        for (uint32_t k = 0; k < g->k; k++) {
            y[k] = bias ? bias[k] : 0.0;
        }
        for (uint32_t t = 0; t < g->r * g->s; t++) {
            if (!find_x(g, o, t, &at)) {
                continue;
            }
            for (uint32_t c = 0; c < g->c; c++) {
                ref__axpy(g->k, x[at + c], w + ((size_t)t * g->c + c) * g->k, y);
            }
        }
    }
}

void ref_conv2d_bwd_data(const clg_conv *g, const double *dy, const double *w, double *dx)
{
    size_t pixels = (size_t)g->n * g->p * g->q, at;

    memset(dx, 0, clg__conv_x_len(g) * sizeof *dx);
    for (size_t o = 0; o < pixels; o++, dy += g->k) {
        for (uint32_t t = 0; t < g->r * g->s; t++) {
            if (!find_x(g, o, t, &at)) {
                continue;
            }
            for (uint32_t c = 0; c < g->c; c++) {
                dx[at + c] += ref__dot(g->k, dy, w + ((size_t)t * g->c + c) * g->k);
            }
        }
    }
}

void ref_conv2d_bwd_weight(const clg_conv *g, const double *x, const double *dy, double *dw)
{
    size_t pixels = (size_t)g->n * g->p * g->q, at;

    memset(dw, 0, clg__conv_w_len(g) * sizeof *dw);
    for (size_t o = 0; o < pixels; o++, dy += g->k) {
        for (uint32_t t = 0; t < g->r * g->s; t++) {
            if (!find_x(g, o, t, &at)) {
                continue;
            }
            for (uint32_t c = 0; c < g->c; c++) {
                ref__axpy(g->k, x[at + c], dy, dw + ((size_t)t * g->c + c) * g->k);
            }
        }
    }
}

/* fwd: in x w [bias], out y; bwd_data: in dy w, out dx; bwd_weight: in x dy, out dw.
 * Keys n h w c k r s stride pad bias act slope. */
int ref_case_conv2d(const clg_case *c, const double *const *in, double *const *out)
{
    clg_conv g = { .n = clg__case_u32(c, "n", 1), .h = clg__case_u32(c, "h", 1),
                   .w = clg__case_u32(c, "w", 1), .c = clg__case_u32(c, "c", 1),
                   .k = clg__case_u32(c, "k", 1), .r = clg__case_u32(c, "r", 1),
                   .s = clg__case_u32(c, "s", 1), .stride = clg__case_u32(c, "stride", 1),
                   .pad = clg__case_u32(c, "pad", 0) };
    int status = clg__conv_make(&g);

    if (status != CLG_OK) {
        return status;
    }
    if (ref__case_pass(c, "fwd")) {
        bool bias = clg__case_u32(c, "bias", 0) != 0;
        ref_conv2d_fwd(&g, in[0], in[1], bias ? in[2] : NULL, out[0]);
        ref_activation_fwd(ref__case_act(c), ref__case_f32(c, "slope", REF_SLOPE), out[0], out[0],
                           clg__conv_y_len(&g));
    } else if (ref__case_pass(c, "bwd_data")) {
        ref_conv2d_bwd_data(&g, in[0], in[1], out[0]);
    } else if (ref__case_pass(c, "bwd_weight")) {
        ref_conv2d_bwd_weight(&g, in[0], in[1], out[0]);
    } else {
        return ref__case_unknown(c);
    }
    return CLG_OK;
}
