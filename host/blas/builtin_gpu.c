/* The builtin back end on GPU devices: work-group sizes by what device and kernel allow, and the
 * launches of cl/gemm_gpu.cl. */
#include <stdio.h>

#include "base/mem.h"
#include "blas/blas_internal.h"

enum { TILE_DEPTH = 16 };

static bool group_fits(const clg_device_info *d, uint32_t x, uint32_t y)
{
    return (size_t)x * y <= d->max_work_group && x <= d->max_work_item[0] &&
           y <= d->max_work_item[1];
}

static void tile_options(const clg_builtin_gpu *u, enum clg_storage s, char *dst, size_t cap)
{
    snprintf(dst, cap, "-DLX=%u -DLY=%u -DWM=%u -DWN=%u -DTK=%d -DLANES=%u%s", u->lx, u->ly, u->wm,
             u->wn, TILE_DEPTH, u->lanes, clg__builtin_storage_options(s));
}

int clg__builtin_gpu_open(clg_builtin *b, enum clg_storage s)
{
    clg_builtin_gpu *u = &b->gpu_kernels[s];
    static const uint32_t sides[] = { 16, 8, 4, 1 };
    const clg_device_info *d = clg__rt_device(b->rt);
    int status = CLG_OK;

    if (u->tile != NULL) {
        return CLG_OK;
    }
    u->wm = u->wn = 4;
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        uint32_t side = sides[i], edge = side * 4 + 1;
        uint64_t local = 4ull * TILE_DEPTH * 2 * edge;
        char options[128];
        clg_kernel *dot = NULL, *tile = NULL;
        u->lx = u->ly = side;
        u->lanes = side * side > 64 ? 64 : side * side;
        if (!group_fits(d, side, side) || !group_fits(d, u->lanes, 1) ||
            local > d->local_mem_bytes) {
            continue;
        }
        tile_options(u, s, options, sizeof options);
        CLG_TRY(clg__kernel_get(b->rt, "gemm_gpu", "gemm_gpu", options, &tile));
        CLG_TRY(clg__kernel_get(b->rt, "gemm_gpu", "gemv_gpu", options, &dot));
        if (clg__kernel_max_work_group(tile) >= (size_t)side * side &&
            clg__kernel_max_work_group(dot) >= u->lanes) {
            u->tile = tile;
            u->dot = dot;
            return CLG_OK;
        }
    }
    return clg__fail(CLG_E_DEVICE,
                     "gemm: %s cannot run a work-group of one item with %d bytes of "
                     "local memory",
                     d->name, 4 * TILE_DEPTH * 2 * 5);
out:
    return status;
}

/* `rows` rows times a vector; strides of p's struct are those of matrix and vector. */
static int run_gemv(clg_rt *rt, const clg_builtin_gpu *u, const clg_product *p, uint32_t rows,
                    uint32_t a_row, uint32_t x_step, uint32_t c_step, uint32_t bias_step)
{
    const clg_gemm *g = &p->g;
    uint32_t ends = clg__builtin_ends(p), a_col = 1;
    const size_t groups[3] = { 1, rows, g->batch }, local[3] = { u->lanes, 1, 1 };
    clg_grid grid = clg__grid_local(g->batch > 1 ? 3 : 2, groups, local);

    grid.flops = 2.0 * rows * g->k * g->batch;
    grid.bytes = 4.0 * g->batch * ((double)rows * g->k + g->k + rows);
    return clg__launch(rt, u->dot, grid,
                       CLG_ARGS(CLG_ARG(p->a), CLG_ARG(p->b), CLG_ARG(p->end.bias),
                                CLG_ARG(p->end.y), CLG_ARG(p->c), CLG_ARG(g->k), CLG_ARG(a_row),
                                CLG_ARG(a_col), CLG_ARG(x_step), CLG_ARG(c_step),
                                CLG_ARG(bias_step), CLG_ARG(g->stride_a), CLG_ARG(g->stride_b),
                                CLG_ARG(g->stride_c), CLG_ARG(ends), CLG_ARG((int32_t)p->end.act),
                                CLG_ARG(g->alpha), CLG_ARG(g->beta), CLG_ARG(p->end.slope)));
}

int clg__builtin_gpu_run(clg_builtin *b, const clg_product *p)
{
    const clg_gemm *g = &p->g;
    uint32_t ends = clg__builtin_ends(p), ta = g->ta, tb = g->tb;
    const enum clg_storage s = clg__builtin_storage(p);
    const clg_builtin_gpu *u = &b->gpu_kernels[s];
    int status = clg__builtin_gpu_open(b, s);

    if (status != CLG_OK) {
        return status;
    }
    if (g->n == 1 && !g->ta) {
        return run_gemv(b->rt, u, p, g->m, g->lda, g->tb ? 1 : g->ldb, g->ldc, 0);
    }
    if (g->m == 1 && g->tb) {
        clg_product t = *p;
        t.a = p->b;
        t.b = p->a;
        t.g.stride_a = g->stride_b;
        t.g.stride_b = g->stride_a;
        return run_gemv(b->rt, u, &t, g->n, g->ldb, g->ta ? g->lda : 1, 1, 1);
    }
    const size_t local[3] = { u->lx, u->ly, 1 };
    const size_t groups[3] = { clg__ceil_div(g->n, u->lx * u->wn),
                               clg__ceil_div(g->m, u->ly * u->wm), g->batch };
    clg_grid grid = clg__grid_local(g->batch > 1 ? 3 : 2, groups, local);
    grid.flops = 2.0 * g->m * g->n * g->k * g->batch;
    grid.bytes = 4.0 * g->batch * ((double)g->m * g->k + (double)g->k * g->n + (double)g->m * g->n);
    return clg__launch(b->rt, u->tile, grid,
                       CLG_ARGS(CLG_ARG(p->a), CLG_ARG(p->b), CLG_ARG(p->end.bias),
                                CLG_ARG(p->end.y), CLG_ARG(p->end.sums), CLG_ARG(p->c),
                                CLG_ARG(g->m), CLG_ARG(g->n), CLG_ARG(g->k), CLG_ARG(g->lda),
                                CLG_ARG(g->ldb), CLG_ARG(g->ldc), CLG_ARG(ta), CLG_ARG(tb),
                                CLG_ARG(g->stride_a), CLG_ARG(g->stride_b), CLG_ARG(g->stride_c),
                                CLG_ARG(ends), CLG_ARG((int32_t)p->end.act), CLG_ARG(g->alpha),
                                CLG_ARG(g->beta), CLG_ARG(p->end.slope)));
}

int clg__builtin_end(clg_rt *rt, const clg_product *p)
{
    const clg_gemm *g = &p->g;
    bool gpu = clg__rt_family(rt) == CLG_KERNELS_GPU;
    uint32_t ends = clg__builtin_ends(p), cols = gpu ? 1 : 1024;
    clg_kernel *k = NULL;
    int status = CLG_OK;

    /* Sizes that every device can have: this kernel uses none of them. */
    CLG_TRY(clg__kernel_get(rt, "gemm_gpu", "gemm_end", "-DLX=1 -DLY=1 -DLANES=1", &k));
    const size_t local[3] = { gpu && clg__kernel_max_work_group(k) >= 64 ? 64 : 1, 1, 1 };
    const size_t groups[3] = { clg__ceil_div(g->n, cols * (uint32_t)local[0]), g->m, g->batch };
    clg_grid grid = clg__grid_local(g->batch > 1 ? 3 : 2, groups, local);
    grid.bytes = (clg__tensor_is(p->end.y) ? 12.0 : 8.0) * g->m * g->n * g->batch;
    grid.flops = 2.0 * g->m * g->n * g->batch;
    CLG_TRY(
        clg__launch(rt, k, grid,
                    CLG_ARGS(CLG_ARG(p->end.bias), CLG_ARG(p->end.y), CLG_ARG(p->c), CLG_ARG(g->n),
                             CLG_ARG(g->ldc), CLG_ARG(cols), CLG_ARG(g->stride_c), CLG_ARG(ends),
                             CLG_ARG((int32_t)p->end.act), CLG_ARG(p->end.slope))));
out:
    return status;
}
