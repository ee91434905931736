/* Shapes that every room shares. Letters: N batch, C in-channels, K out-channels, H W input,
 * P Q output, R S filter, Z latent. Activations are [N,H,W,C], filters [R,S,C,K] (channels last).
 */
#ifndef CLG_BASE_GEOMETRY_H
#define CLG_BASE_GEOMETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* A 2-d convolution x[N,H,W,C] * w[R,S,C,K] -> y[N,P,Q,K] (cross-correlation, as in PyTorch):
 *     y[n,p,q,k] = sum over r,s,c of x[n, p*stride - pad + r, q*stride - pad + s, c] * w[r,s,c,k]
 * with P = (H + 2 pad - R) / stride + 1 (rounded down), Q alike.
 *
 * A transposed convolution is the same struct read backwards: its input is y's place [N,P,Q,K],
 * its output x's place [N,H,W,C]; its filter, [in,out,kh,kw] in PyTorch, is again [R,S,C,K] here. */
typedef struct clg_conv {
    uint32_t n, h, w, c;
    uint32_t p, q, k;
    uint32_t r, s;
    uint32_t stride, pad;
} clg_conv;

/* Fills p and q from the rest. CLG_E_MODEL with both shapes if the filter does not fit, if kernel
 * is not 1..7, stride not 1..4, or a tensor would have 2^32 elements or more. */
int clg__conv_make(clg_conv *g);
/* For a transposed conv: n, p, q, k, c, r, s, stride, pad given; h = (p-1)*stride - 2 pad + r +
 * out_pad, w alike; out_pad < stride. */
int clg__deconv_make(clg_conv *g, uint32_t out_pad);

static inline uint64_t clg__conv_x_len(const clg_conv *g) { return (uint64_t)g->n * g->h * g->w * g->c; }
static inline uint64_t clg__conv_y_len(const clg_conv *g) { return (uint64_t)g->n * g->p * g->q * g->k; }
static inline uint64_t clg__conv_w_len(const clg_conv *g) { return (uint64_t)g->r * g->s * g->c * g->k; }
/* 2 * multiply-adds of one pass, padding taps counted (the reference count of every report). */
static inline double clg__conv_flops(const clg_conv *g)
{
    return 2.0 * (double)clg__conv_y_len(g) * g->r * g->s * g->c;
}

/* Activations. Each one's derivative is a function of its *output* y, so only y is kept. */
#define CLG_ACT_LIST(X)                                   \
    X(CLG_ACT_NONE, "none")                               \
    X(CLG_ACT_RELU, "relu")       /* max(x, 0) */         \
    X(CLG_ACT_LRELU, "lrelu")     /* x > 0 ? x : a x */   \
    X(CLG_ACT_TANH, "tanh")                               \
    X(CLG_ACT_SIGMOID, "sigmoid")
enum clg_act {
#define CLG_X(id, text) id,
    CLG_ACT_LIST(CLG_X)
#undef CLG_X
    CLG_ACT_COUNT
};
const char *clg__act_name(enum clg_act act);

/* Batch norm over the rows of x[n*pixels, c], separately for each of `groups` equal parts of the
 * batch (n divides by groups). eps 1e-5, momentum .1 as in PyTorch: normalisation with the biased
 * variance, running variance unbiased. */
typedef struct clg_bn {
    uint32_t n, pixels, c, groups;
    float eps, momentum;
    enum clg_act act; /* applied after the normalisation */
    float slope;      /* of lrelu */
} clg_bn;

/* C[m,n] = alpha * op(A) op(B) + beta * C, row-major; op(A) is [m,k], op(B) is [k,n]. lda is the
 * row length of A as stored: k, or m when ta. batch >= 1 equal products, strides in elements.
 * tile: number of the GPU family's tile shape to use, 0: by its rule (blas/tile.h). */
typedef struct clg_gemm {
    bool ta, tb;
    uint32_t m, n, k;
    uint32_t lda, ldb, ldc;
    float alpha, beta;
    uint32_t batch, stride_a, stride_b, stride_c;
    uint32_t tile;
    bool exact; /* of floats where others are of tf32 */
} clg_gemm;

/* Concatenation on channels: a [n,pixels,ca], b [n,pixels,cb], or [n,cb] that becomes planes of
 * constant value (b_pixels 1) -> y [n,pixels,ca+cb]. */
typedef struct clg_concat {
    uint32_t n, pixels, ca, cb;
    uint32_t b_pixels; /* pixels, or 1 */
} clg_concat;

typedef struct clg_adam {
    float lr, beta1, beta2, eps;
    uint64_t t; /* 1 at the first step */
} clg_adam;

#endif
