/* What the Winograd convolutions share: conv2d_winograd.c (maps) and conv2d_winograd_wgrad.c
 * (weight gradient) on CPUs, conv2d_winograd_gpu.c on GPUs. The method is described in
 * cl/winograd.clh. */
#ifndef CLG_OPS_CONV2D_WINOGRAD_H
#define CLG_OPS_CONV2D_WINOGRAD_H

#include "ops/conv2d_internal.h"
#include "ops/conv_algo.h"

/* Tile sizes of the CPU's kernels: -DM, -DVW, -DMR, -DNV, -DG. */
typedef struct clg_winograd_tile {
    uint32_t m, taps, points; /* F(m x m, taps x taps) has (m + taps - 1)^2 products */
    uint32_t phases;          /* stride * stride */
    uint32_t vw, mr, nv, groups;
} clg_winograd_tile;

enum { CLG_WINOGRAD_OPTIONS_MAX = 128 };

/* For products whose rows are `columns` wide. */
clg_winograd_tile clg__winograd_tile(const clg_ops *o, const clg_conv *g, enum clg_conv_algo algo,
                                     uint32_t columns);
/* Those sizes as options of a program. */
void clg__winograd_options(const clg_winograd_tile *t, enum clg_dtype dtype,
                           char dst[CLG_WINOGRAD_OPTIONS_MAX]);
/* True for layers that the kernels can run: a filter of 4x4 with stride 2 or of 3x3 with stride 1,
 * and channels in whole vectors (CPU) or whole fours (GPU: rows of matrices), on devices that can
 * have work-groups of 8. */
bool clg__winograd_fits(const clg_ops *o, const clg_conv *g);

/* ---- CPU family ---- */
/* As clg__conv2d_gather and clg__conv2d_wgrad_cpu, by algo winograd2 or winograd4. */
uint64_t clg__conv2d_winograd_workspace(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                                        enum clg_conv_algo algo);
int clg__conv2d_winograd(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                         enum clg_conv_algo algo, clg_tensor src, clg_filter f,
                         const clg_epilogue *e, clg_tensor dst, clg_tensor ws);
uint32_t clg__conv2d_winograd_parts(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                                    enum clg_conv_algo algo, uint32_t groups);
/* The transformed filter, which f.ready may bring along. */
uint64_t clg__conv2d_winograd_ready_len(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                                        enum clg_conv_algo algo);
int clg__conv2d_winograd_prepare(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                                 enum clg_conv_algo algo, clg_tensor w, clg_tensor ready);
uint64_t clg__conv2d_winograd_wgrad_workspace(const clg_ops *o, const clg_conv *g,
                                              enum clg_conv_algo algo);
int clg__conv2d_winograd_wgrad(const clg_ops *o, const clg_conv *g, enum clg_conv_algo algo,
                               clg_tensor big, clg_tensor small, clg_tensor dw, clg_tensor ws);

/* ---- GPU family: the same, over products of o->blas ---- */
uint64_t clg__conv2d_winograd_gpu_workspace(const clg_ops *o, const clg_conv *g,
                                            enum clg_conv_way way, enum clg_conv_algo algo);
int clg__conv2d_winograd_gpu(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                             enum clg_conv_algo algo, clg_tensor src, clg_filter f,
                             const clg_epilogue *e, clg_tensor dst, clg_tensor ws);
uint32_t clg__conv2d_winograd_gpu_parts(const clg_conv *g, enum clg_conv_way way,
                                        enum clg_conv_algo algo, uint32_t groups);
uint64_t clg__conv2d_winograd_gpu_ready_len(const clg_ops *o, const clg_conv *g,
                                            enum clg_conv_way way, enum clg_conv_algo algo);
int clg__conv2d_winograd_gpu_prepare(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                                     enum clg_conv_algo algo, clg_tensor w, clg_tensor ready);
/* The products of a whole chunk of the job. */
clg_gemm clg__conv2d_winograd_gpu_gemm(const clg_ops *o, const clg_conv *g, enum clg_conv_job job,
                                       enum clg_conv_algo algo);
uint64_t clg__conv2d_winograd_gpu_wgrad_workspace(const clg_ops *o, const clg_conv *g,
                                                  enum clg_conv_algo algo);
int clg__conv2d_winograd_gpu_wgrad(const clg_ops *o, const clg_conv *g, enum clg_conv_algo algo,
                                   clg_tensor big, clg_tensor small, clg_turned *turned,
                                   clg_tensor dw, clg_tensor ws);
uint64_t clg__conv2d_winograd_gpu_turned_len(const clg_conv *g, enum clg_conv_algo algo);

#endif
