/* 2-d convolution, its data and weight gradients (struct clg_conv in base/geometry.h). */
#ifndef CLG_OPS_CONV2D_H
#define CLG_OPS_CONV2D_H

#include "blas/tile.h"
#include "ops/conv_algo.h"

enum clg_pass { CLG_FWD, CLG_BWD_DATA, CLG_BWD_WEIGHT };

/* Floats of workspace for this pass. */
uint64_t clg__conv2d_workspace(const clg_ops *o, const clg_conv *g, enum clg_pass pass);

/* Floats that a product library takes beside all workspace, at most, in any of the three passes, of
 * this and of the transposed convolution (clg__gemm_foreign). */
uint64_t clg__conv2d_foreign(const clg_ops *o, const clg_conv *g);

/* Numbers of the tile shapes that the job may have on this device when it runs with `algo`, in the
 * rule's order (blas/tile.h); none, 0, where there is nothing to choose (CPUs, CLBlast). */
uint32_t clg__conv2d_tiles(const clg_ops *o, const clg_conv *g, enum clg_conv_job job,
                           enum clg_conv_algo algo, uint32_t number[CLG_TILE_COUNT]);

/* The larger map of a layer as Winograd's products on GPUs read it. Two of its passes make that: the
 * forward and the weight gradient of conv2d, the weight gradient and the data gradient of deconv2d.
 * Who keeps it between them spares the second the making. The result has the same bits. */
typedef struct clg_turned {
    clg_tensor v; /* turned_len floats, or CLG_NO_TENSOR: nothing is kept */
    uint32_t n;   /* images of the map that it was made of; 0: none yet. A pass of another number of
                     images makes it anew */
} clg_turned;
/* 0: both passes do not share it, as with different algorithms, direct ones, and on CPUs, where it is
 * made tile by tile and never leaves the cache. */
uint64_t clg__conv2d_turned_len(const clg_ops *o, const clg_conv *g);

/* The weights of a convolution for one pass. Winograd reads a transform of w; who keeps that while
 * w stays the same spares every call but the first the making of it. */
typedef struct clg_filter {
    clg_tensor w;     /* [R,S,C,K] */
    clg_tensor ready; /* what prepare made of this w for this pass (at least ready_len floats), or
                         CLG_NO_TENSOR: the pass makes it for itself in its workspace */
    clg_turned *big; /* of the larger map, of which this pass may be the first or the second; NULL:
                        it is not kept */
} clg_filter;

/* Floats that prepare writes for a forward or data gradient, whatever the batch size is; 0: the
 * pass reads w alone. Algorithms differ in it. */
uint64_t clg__conv2d_ready_len(const clg_ops *o, const clg_conv *g, enum clg_pass pass);
int clg__conv2d_prepare(const clg_ops *o, const clg_conv *g, enum clg_pass pass, clg_tensor w,
                        clg_tensor ready);

/* Into how many parts a forward or data gradient cuts each of `groups` equal parts of the batch for
 * its sums (struct clg_sums); 0: it can leave none. */
uint32_t clg__conv2d_parts(const clg_ops *o, const clg_conv *g, enum clg_pass pass,
                           uint32_t groups);

/* y[N,P,Q,K] = act(x[N,H,W,C] * w[R,S,C,K] + bias). */
int clg__conv2d_fwd(const clg_ops *o, const clg_conv *g, clg_tensor x, clg_filter w,
                    const clg_epilogue *e, clg_tensor y, clg_tensor ws);
/* dx[N,H,W,C] from dy[N,P,Q,K] and w; every element of dx is written. sums: of dx, or NULL. */
int clg__conv2d_bwd_data(const clg_ops *o, const clg_conv *g, clg_tensor dy, clg_filter w,
                         const clg_sums *sums, clg_tensor dx, clg_tensor ws);
/* dw[R,S,C,K] from x and dy; overwritten, not accumulated. big: of x, or NULL. */
int clg__conv2d_bwd_weight(const clg_ops *o, const clg_conv *g, clg_tensor x, clg_tensor dy,
                           clg_turned *big, clg_tensor dw, clg_tensor ws);
#endif
