/* Convolution shapes and the names of activations. */
#include "base/geometry.h"

#include <stddef.h>

static int check_limits(const clg_conv *g, const char *what)
{
    if (g->r < 1 || g->r > 7 || g->s < 1 || g->s > 7) {
        return clg__fail(CLG_E_MODEL, "%s: kernel %ux%u is outside 1..7", what, g->r, g->s);
    }
    if (g->stride < 1 || g->stride > 4) {
        return clg__fail(CLG_E_MODEL, "%s: stride %u is outside 1..4", what, g->stride);
    }
    if (clg__conv_x_len(g) >> 32 != 0 || clg__conv_y_len(g) >> 32 != 0 ||
        clg__conv_w_len(g) >> 32 != 0) {
        return clg__hint(clg__fail(CLG_E_MODEL,
                                   "%s: [%u,%u,%u,%u] -> [%u,%u,%u,%u] has a tensor of 2^32 "
                                   "elements or more",
                                   what, g->n, g->h, g->w, g->c, g->n, g->p, g->q, g->k),
                         "take a smaller batch, size or width");
    }
    return CLG_OK;
}

int clg__conv_make(clg_conv *g)
{
    if (g->stride == 0 || g->h + 2 * g->pad < g->r || g->w + 2 * g->pad < g->s) {
        return clg__fail(CLG_E_MODEL,
                         "conv2d: a %ux%u kernel with padding %u does not fit an input of %ux%ux%u",
                         g->r, g->s, g->pad, g->h, g->w, g->c);
    }
    g->p = (g->h + 2 * g->pad - g->r) / g->stride + 1;
    g->q = (g->w + 2 * g->pad - g->s) / g->stride + 1;
    return check_limits(g, "conv2d");
}

int clg__deconv_make(clg_conv *g, uint32_t out_pad)
{
    if (g->p == 0 || g->q == 0) {
        return clg__fail(CLG_E_MODEL, "deconv2d: the input is %ux%ux%u", g->p, g->q, g->k);
    }
    if (out_pad >= g->stride) {
        return clg__fail(CLG_E_MODEL, "deconv2d: output padding %u must be below the stride %u",
                         out_pad, g->stride);
    }
    uint32_t h = (g->p - 1) * g->stride + g->r + out_pad;
    uint32_t w = (g->q - 1) * g->stride + g->s + out_pad;
    if (h <= 2 * g->pad || w <= 2 * g->pad) {
        return clg__fail(CLG_E_MODEL,
                         "deconv2d: padding %u leaves nothing of an input of %ux%ux%u under a "
                         "%ux%u kernel with stride %u",
                         g->pad, g->p, g->q, g->k, g->r, g->s, g->stride);
    }
    g->h = h - 2 * g->pad;
    g->w = w - 2 * g->pad;
    return check_limits(g, "deconv2d");
}

const char *clg__act_name(enum clg_act act)
{
    static const char *const names[] = {
#define CLG_X(id, text) [id] = text,
        CLG_ACT_LIST(CLG_X)
#undef CLG_X
    };
    return (unsigned)act < CLG_ACT_COUNT ? names[act] : "?";
}
