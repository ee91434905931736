/* What conv2d.c and deconv2d.c share. A transposed conv is a conv read backwards, so both need the
 * same three jobs: gather (conv forward or data gradient), weight gradient, and the case of a 1x1
 * map or filter, which is a plain matrix product. Shapes are checked by the callers. */
#ifndef CLG_OPS_CONV2D_INTERNAL_H
#define CLG_OPS_CONV2D_INTERNAL_H

#include "ops/conv2d.h"
#include "ops/conv_algo.h"

/* Which way the filter is read. */
enum clg_conv_way {
    CLG_CONV_DOWN, /* [N,H,W,C] -> [N,P,Q,K]: conv forward, deconv data gradient */
    CLG_CONV_UP    /* [N,P,Q,K] -> [N,H,W,C]: conv data gradient, deconv forward */
};

static inline enum clg_conv_job clg__conv2d_job_of(enum clg_conv_way way)
{
    return way == CLG_CONV_DOWN ? CLG_CONV_JOB_DOWN : CLG_CONV_JOB_UP;
}

/* Of a weight gradient: down, as its source is the big map. */
static inline enum clg_conv_way clg__conv2d_way_of(enum clg_conv_job job)
{
    return job == CLG_CONV_JOB_UP ? CLG_CONV_UP : CLG_CONV_DOWN;
}

/* Height, width and channels of the map that is read, and of the one that is made. */
typedef struct clg_conv_maps {
    uint32_t sh, sw, sc, oh, ow, oc;
} clg_conv_maps;

static inline clg_conv_maps clg__conv2d_maps(const clg_conv *g, enum clg_conv_way way)
{
    if (way == CLG_CONV_DOWN) {
        return (clg_conv_maps){ g->h, g->w, g->c, g->p, g->q, g->k };
    }
    return (clg_conv_maps){ g->p, g->q, g->k, g->h, g->w, g->c };
}

/* True if this job of the convolution is a matrix product: the whole map is one filter position (P = Q = 1, no
 * padding, R = H, S = W), or, for maps on CPUs, the filter is one pixel (R = S = 1, no padding, stride 1). */
bool clg__conv2d_is_gemm(const clg_ops *o, const clg_conv *g, enum clg_conv_job job);

/* src -> dst with bias and activation. */
uint64_t clg__conv2d_map_workspace(const clg_ops *o, const clg_conv *g, enum clg_conv_way way);
int clg__conv2d_map(const clg_ops *o, const clg_conv *g, enum clg_conv_way way, clg_tensor src,
                    clg_filter w, const clg_epilogue *e, clg_tensor dst, clg_tensor ws);
/* The same for a data gradient, which ends in nothing but sums (NULL: none). */
int clg__conv2d_gradient(const clg_ops *o, const clg_conv *g, enum clg_conv_way way, clg_tensor src,
                         clg_filter w, const clg_sums *sums, clg_tensor dst, clg_tensor ws);
uint32_t clg__conv2d_map_parts(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                               uint32_t groups);
uint64_t clg__conv2d_map_ready_len(const clg_ops *o, const clg_conv *g, enum clg_conv_way way);
int clg__conv2d_map_prepare(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                            clg_tensor w, clg_tensor ready);

/* SUMS_... of cl/batchnorm_sums.clh. */
enum { CLG_SUMS_NONE, CLG_SUMS_OF_Y, CLG_SUMS_OF_DY };
static inline uint32_t clg__sums_kind(const clg_sums *s)
{
    return !clg__tensor_is(s->parts) ? CLG_SUMS_NONE
           : clg__tensor_is(s->x)    ? CLG_SUMS_OF_DY
                                     : CLG_SUMS_OF_Y;
}

/* dw[R,S,C,K] from big [N,H,W,C] and small [N,P,Q,K]. */
uint64_t clg__conv2d_wgrad_workspace(const clg_ops *o, const clg_conv *g);
int clg__conv2d_wgrad(const clg_ops *o, const clg_conv *g, clg_tensor big, clg_tensor small,
                      clg_turned *turned, clg_tensor dw, clg_tensor ws);

/* ---- the families behind them ---- */
uint64_t clg__conv2d_gather_workspace(const clg_ops *o, const clg_conv *g, enum clg_conv_way way);
int clg__conv2d_gather(const clg_ops *o, const clg_conv *g, enum clg_conv_way way, clg_tensor src,
                       clg_tensor w, const clg_epilogue *e, clg_tensor dst, clg_tensor ws);
uint64_t clg__conv2d_wgrad_cpu_workspace(const clg_ops *o, const clg_conv *g);
int clg__conv2d_wgrad_cpu(const clg_ops *o, const clg_conv *g, clg_tensor big, clg_tensor small,
                          clg_tensor dw, clg_tensor ws);
int clg__conv2d_tile(const clg_ops *o, const clg_conv *g, enum clg_conv_way way, clg_tensor src,
                     clg_tensor w, const clg_epilogue *e, clg_tensor dst);
/* The job's tiles; not how its operands lie, nor which shape is asked for. */
clg_tile_job clg__conv2d_tile_job(const clg_conv *g, enum clg_conv_job job);
uint32_t clg__conv2d_tile_parts(const clg_conv *g, enum clg_conv_way way, uint32_t groups);
uint64_t clg__conv2d_wgrad_tile_workspace(const clg_ops *o, const clg_conv *g);
int clg__conv2d_wgrad_tile(const clg_ops *o, const clg_conv *g, clg_tensor big, clg_tensor small,
                           clg_tensor dw, clg_tensor ws);

/* The phases of a map: going down there is one, going up one per residue of the output position.
 * Source pixel of output (a, b), tap (i, j): (a*su + dh0 + i*dstep, b*su + dw0 + j*dstep); its
 * filter tap is (r0 + i*rstep, s0 + j*rstep); output pixel (a*ou + oh0, b*ou + ow0). */
typedef struct clg_conv_phase {
    uint32_t na, nb; /* output pixels of the phase; 0: nothing to do */
    uint32_t tr, ts; /* taps; 0: only the bias */
    uint32_t su, ou, oh0, ow0;
    int32_t dh0, dw0, dstep;
    uint32_t r0, s0, rstep;
} clg_conv_phase;
uint32_t clg__conv2d_phases(const clg_conv *g, enum clg_conv_way way); /* how many */
clg_conv_phase clg__conv2d_phase(const clg_conv *g, enum clg_conv_way way, uint32_t i);

/* Source of the few-channel kernels: x [N,H,W,C] with `pad` zeros around, [N,yh,yw,C]. */
int clg__conv2d_pad_copy(const clg_ops *o, const clg_conv *g, clg_tensor x, uint32_t yh,
                         uint32_t yw, clg_tensor y);
/* dw[len] = sum of `splits` partial sums in order. */
int clg__conv2d_sum(const clg_ops *o, clg_tensor part, uint64_t len, uint32_t splits, clg_tensor y);

/* ---- checks and the case tables' common part (conv2d_case.c) ---- */
/* `t` has exactly the shape [d0,d1,d2,d3] (or, as a vector of the case runner, its length). */
int clg__conv2d_check(const char *op, const char *name, clg_tensor t, uint32_t d0, uint32_t d1,
                      uint32_t d2, uint32_t d3);
/* `b` is of a's type, one of stored activations. */
int clg__conv2d_check_type(const char *op, const char *name, clg_tensor a, clg_tensor b);
/* `dw` is float, as are all weight gradients. */
int clg__conv2d_check_float(const char *op, const char *name, clg_tensor dw);
int clg__conv2d_check_ws(const char *op, clg_tensor ws, uint64_t need);
/* The filter: w as a tensor of x's type, and what is ready of it (need: ready_len). */
int clg__conv2d_check_filter(const char *op, const clg_conv *g, clg_tensor x, clg_filter f,
                             uint64_t need);
int clg__conv2d_check_bias(const char *op, const clg_epilogue *e, uint32_t channels);

#endif
