/* The builtin back end on GPU devices: the launches of cl/gemm_gpu.cl, with tiles and parts by
 * tile.h, and of cl/gemv_gpu.cl. */
#include <stdio.h>

#include "base/mem.h"
#include "blas/blas_internal.h"
#include "blas/tile.h"

/* ---- one row or one column ---- */

static int find_gemv(clg_rt *rt, enum clg_storage s, uint32_t *lanes, clg_kernel **k)
{
    const clg_device_info *d = clg__rt_device(rt);
    int status = CLG_OK;
    for (*lanes = 64; *lanes > 0; *lanes /= 4) {
        char options[64];
        if (*lanes > d->max_work_group || *lanes > d->max_work_item[0]) {
            continue;
        }
        snprintf(options, sizeof options, "-DLANES=%u%s", *lanes, clg__builtin_storage_options(s));
        CLG_TRY(clg__kernel_get(rt, "gemv_gpu", "gemv_gpu", options, k));
        if (*lanes <= clg__kernel_max_work_group(*k)) {
            return CLG_OK;
        }
    }
    status = clg__fail(CLG_E_DEVICE, "gemm: %s cannot run a work-group of one item", d->name);
out:
    return status;
}

/* `rows` rows times a vector; strides of p's struct are those of matrix and vector. */
static int run_gemv(clg_rt *rt, const clg_product *p, uint32_t rows, uint32_t a_row,
                    uint32_t x_step, uint32_t c_step, uint32_t bias_step)
{
    const clg_gemm *g = &p->g;
    uint32_t ends = clg__builtin_ends(p), a_col = 1, lanes = 1;
    clg_kernel *dot = NULL;
    int status = CLG_OK;

    CLG_TRY(find_gemv(rt, clg__builtin_storage(p), &lanes, &dot));
    const size_t groups[3] = { 1, rows, g->batch }, local[3] = { lanes, 1, 1 };
    clg_grid grid = clg__grid_local(g->batch > 1 ? 3 : 2, groups, local);

    grid.flops = 2.0 * rows * g->k * g->batch;
    grid.bytes = 4.0 * g->batch * ((double)rows * g->k + g->k + rows);
    CLG_TRY(clg__launch(rt, dot, grid,
                        CLG_ARGS(CLG_ARG(p->a), CLG_ARG(p->b), CLG_ARG(p->end.bias),
                                 CLG_ARG(p->end.y), CLG_ARG(p->c), CLG_ARG(g->k), CLG_ARG(a_row),
                                 CLG_ARG(a_col), CLG_ARG(x_step), CLG_ARG(c_step),
                                 CLG_ARG(bias_step), CLG_ARG(g->stride_a), CLG_ARG(g->stride_b),
                                 CLG_ARG(g->stride_c), CLG_ARG(ends), CLG_ARG((int32_t)p->end.act),
                                 CLG_ARG(g->alpha), CLG_ARG(g->beta), CLG_ARG(p->end.slope))));
out:
    return status;
}

/* ---- tiles ---- */

/* Parts of each of g's sums; a batch has work-groups enough. */
static uint32_t count_parts(const clg_gemm *g)
{
    return g->batch > 1 ? 1 : clg__tile_parts(g->m, g->n, g->k);
}

uint64_t clg__builtin_workspace(const clg_builtin *b, const clg_gemm *g)
{
    return !b->gpu || g->batch > 1 ? 0 : clg__tile_parts_most(g->m, g->n, g->k);
}

/* The tiles of `count` products, or parts of one, of `depth` terms; not how the matrices lie. */
static clg_tile_job describe_tiles(const clg_builtin *b, const clg_gemm *g, uint32_t count,
                                   uint32_t depth)
{
    return (clg_tile_job){
        .rows = g->m,
        .cols = g->n,
        .depth = depth,
        .count = count,
        .forced = g->tile,
        .multiply =
            g->exact && clg__multiplies_tf32(b->multiply) ? CLG_MULTIPLY_PLAIN : b->multiply,
    };
}

/* By columns alone, or rows: gemv_gpu.cl's. */
static bool is_rows_gemv(const clg_gemm *g)
{
    return g->n == 1 && !g->ta;
}

static bool is_cols_gemv(const clg_gemm *g)
{
    return g->m == 1 && g->tb;
}

uint32_t clg__builtin_tiles(const clg_builtin *b, const clg_gemm *g,
                            uint32_t number[CLG_TILE_COUNT])
{
    const uint32_t parts = count_parts(g);
    const clg_tile_job job =
        describe_tiles(b, g, parts > 1 ? parts : g->batch, clg__tile_part_depth(g->k, parts));
    return !b->gpu || is_rows_gemv(g) || is_cols_gemv(g)
               ? 0
               : clg__tile_numbers(clg__rt_device(b->rt), &job, number);
}

/* p's sums of up to `depth` terms each, `count` of them or a batch. */
static int run_tiles(const clg_builtin *b, const clg_product *p, uint32_t count, uint32_t part,
                     uint32_t depth)
{
    const clg_gemm *g = &p->g;
    const uint32_t ends = clg__builtin_ends(p), ta = g->ta, tb = g->tb;
    const uint32_t starts_a =
        p->a.off | g->lda | (g->batch > 1 ? g->stride_a : 0) | (ta ? g->m : g->k);
    const uint32_t starts_b =
        p->b.off | g->ldb | (g->batch > 1 ? g->stride_b : 0) | (tb ? g->k : g->n);
    clg_tile_job job = describe_tiles(b, g, count, depth);
    clg_tile t;
    clg_kernel *k = NULL;
    int status = CLG_OK;
    job.wide_rows = starts_a % 4u == 0;
    job.wide_cols = starts_b % 4u == 0;
    CLG_TRY(clg__tile_kernel(b->rt, "gemm_gpu", &job,
                             clg__builtin_storage_options(clg__builtin_storage(p)), &t, &k));
    const uint32_t rows = clg__tile_rows(&t, &job), cols = clg__tile_cols(&t, &job);
    clg_grid grid = clg__tile_grid(&t, &job);
    grid.flops = 2.0 * g->m * g->n * g->k * g->batch;
    grid.bytes = 4.0 * g->batch * ((double)g->m * g->k + (double)g->k * g->n + (double)g->m * g->n);
    CLG_TRY(
        clg__launch(b->rt, k, grid,
                    CLG_ARGS(CLG_ARG(p->a), CLG_ARG(p->b), CLG_ARG(p->end.bias), CLG_ARG(p->end.y),
                             CLG_ARG(p->end.sums), CLG_ARG(p->c), CLG_ARG(g->m), CLG_ARG(g->n),
                             CLG_ARG(g->k), CLG_ARG(g->lda), CLG_ARG(g->ldb), CLG_ARG(g->ldc),
                             CLG_ARG(ta), CLG_ARG(tb), CLG_ARG(g->stride_a), CLG_ARG(g->stride_b),
                             CLG_ARG(g->stride_c), CLG_ARG(part), CLG_ARG(depth), CLG_ARG(rows),
                             CLG_ARG(cols), CLG_ARG(ends), CLG_ARG((int32_t)p->end.act),
                             CLG_ARG(g->alpha), CLG_ARG(g->beta), CLG_ARG(p->end.slope))));
out:
    return status;
}

/* The parts [m][n] into ws, and behind them those of the columns' sums; then their sums and p's
 * end. */
static int run_parts(const clg_builtin *b, const clg_product *p, uint32_t parts, clg_tensor ws)
{
    const uint32_t len = p->g.m * p->g.n, depth = clg__tile_part_depth(p->g.k, parts);
    const bool sums = clg__tensor_is(p->end.sums);
    const uint64_t need = (uint64_t)parts * len + (sums ? (uint64_t)parts * p->g.n : 0);
    int status = CLG_OK;

    if (clg__tensor_len(ws) < need) {
        return clg__fail(CLG_E_INTERNAL, "gemm: workspace of %llu floats, %u parts want %llu",
                         (unsigned long long)clg__tensor_len(ws), parts, (unsigned long long)need);
    }
    clg_product q = { .g = p->g, .a = p->a, .b = p->b, .c = clg__tensor_vec(ws, 0, parts * len) };
    q.g.alpha = 1.0f;
    q.g.beta = 0.0f;
    q.g.ldc = p->g.n;
    q.g.stride_a = q.g.stride_b = 0;
    q.g.stride_c = len;
    if (sums) {
        q.end.sums = clg__tensor_vec(ws, (uint64_t)parts * len, parts * p->g.n);
    }
    CLG_TRY(run_tiles(b, &q, parts, depth, depth));
    CLG_TRY(clg__tile_end(b->rt, p, q.c, parts));
    if (sums) {
        CLG_TRY(clg__tile_sum(b->rt, q.end.sums, p->g.n, parts, p->end.sums));
    }
out:
    return status;
}

int clg__builtin_gpu_run(const clg_builtin *b, const clg_product *p, clg_tensor ws)
{
    const clg_gemm *g = &p->g;

    if (is_rows_gemv(g)) {
        return run_gemv(b->rt, p, g->m, g->lda, g->tb ? 1 : g->ldb, g->ldc, 0);
    }
    if (is_cols_gemv(g)) {
        clg_product t = *p;
        t.a = p->b;
        t.b = p->a;
        t.g.stride_a = g->stride_b;
        t.g.stride_b = g->stride_a;
        return run_gemv(b->rt, &t, g->n, g->ldb, g->ta ? g->lda : 1, 1, 1);
    }
    const uint32_t parts = count_parts(g);
    return parts > 1 ? run_parts(b, p, parts, ws) : run_tiles(b, p, g->batch, 0, g->k);
}

int clg__builtin_end(clg_rt *rt, const clg_product *p)
{
    const clg_gemm *g = &p->g;
    bool gpu = clg__rt_family(rt) == CLG_KERNELS_GPU;
    uint32_t ends = clg__builtin_ends(p), cols = gpu ? 1 : 1024;
    clg_kernel *k = NULL;
    int status = CLG_OK;

    CLG_TRY(clg__kernel_get(rt, "gemm_end", "gemm_end", "", &k));
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
