/* Convolution on GPUs: the launches of cl/conv2d_tile.cl and cl/conv2d_wgrad_tile.cl, with tiles by
 * blas/tile.h. Reads filters in place; the only workspace is the weight gradient's partial sums. */
#include <stdio.h>

#include "base/mem.h"
#include "blas/tile.h"
#include "ops/conv2d_internal.h"
#include "ops/conv_algo.h"

/* May four neighbours be loaded at once where they start at multiples of `step` behind t? */
static bool is_wide(clg_tensor t, uint32_t step)
{
    return (t.off | step) % 4u == 0;
}

static const char *add_store(const char *options, enum clg_dtype dtype, char *dst, size_t cap)
{
    const char *store = clg__store_option(dtype);
    snprintf(dst, cap, "%s%s%s", options, store[0] ? " " : "", store);
    return dst;
}

/* Parts of a weight gradient's sum over pixels. */
static uint32_t count_parts(const clg_conv *g)
{
    return clg__tile_parts(g->r * g->s * g->c, g->k, g->n * g->p * g->q);
}

clg_tile_job clg__conv2d_tile_job(const clg_conv *g, enum clg_conv_job job)
{
    const bool down = job == CLG_CONV_JOB_DOWN;
    const uint32_t u = down ? 1 : g->stride; /* phases of a side; the first is the largest */
    if (job == CLG_CONV_JOB_WGRAD) {
        return (clg_tile_job){ .rows = g->r * g->s * g->c,
                               .cols = g->k,
                               .depth = g->n * g->p * g->q,
                               .count = count_parts(g) };
    }
    return (clg_tile_job){ .rows = g->n * clg__ceil_div(down ? g->p : g->h, u) *
                                   clg__ceil_div(down ? g->q : g->w, u),
                           .cols = down ? g->k : g->c,
                           .depth = down ? g->c : g->k,
                           .count = u * u };
}

/* With how its operands lie, and the shape that a record says. */
static clg_tile_job describe_job(const clg_ops *o, const clg_conv *g, enum clg_conv_job job,
                                 bool wide_rows, bool wide_cols)
{
    clg_tile_job j = clg__conv2d_tile_job(g, job);
    j.wide_rows = wide_rows;
    j.wide_cols = wide_cols;
    j.forced = clg__conv_tile_pick(o, g, job, CLG_CONV_DIRECT);
    return j;
}

/* ---- forward and data gradient ---- */

int clg__conv2d_tile(const clg_ops *o, const clg_conv *g, enum clg_conv_way way, clg_tensor src,
                     clg_tensor w, const clg_epilogue *e, clg_tensor dst)
{
    const bool down = way == CLG_CONV_DOWN;
    const uint32_t sh = down ? g->h : g->p, sw = down ? g->w : g->q, run = down ? g->c : g->k;
    const uint32_t oh = down ? g->p : g->h, ow = down ? g->q : g->w, oc = down ? g->k : g->c;
    const clg_tensor bias = e != NULL ? e->bias : CLG_NO_TENSOR;
    const uint32_t has_bias = clg__tensor_is(bias);
    const int32_t act = (int32_t)(e != NULL ? e->act : CLG_ACT_NONE);
    const float slope = e != NULL ? e->slope : 0.0f;
    const clg_tile_job job = describe_job(o, g, down ? CLG_CONV_JOB_DOWN : CLG_CONV_JOB_UP,
                                          is_wide(src, run), is_wide(w, down ? oc : run));
    char extra[32];
    clg_tile t;
    clg_kernel *k = NULL;
    int status = CLG_OK;
    CLG_TRY(clg__tile_kernel(
        o->rt, "conv2d_tile", &job,
        add_store(down ? " -DUP=0" : " -DUP=1", src.dtype, extra, sizeof extra), &t, &k));
    const uint32_t rows = clg__tile_rows(&t, &job), cols = clg__tile_cols(&t, &job);
    clg_grid grid = clg__tile_grid(&t, &job);
    grid.flops = clg__conv_flops(g);
    grid.bytes = clg__dtype_size(src.dtype) *
                 (double)(clg__tensor_len(src) + clg__conv_w_len(g) + clg__tensor_len(dst));
    CLG_TRY(clg__launch(o->rt, k, grid,
                        CLG_ARGS(CLG_ARG(src), CLG_ARG(w), CLG_ARG(bias), CLG_ARG(dst),
                                 CLG_ARG(g->n), CLG_ARG(sh), CLG_ARG(sw), CLG_ARG(run), CLG_ARG(oh),
                                 CLG_ARG(ow), CLG_ARG(oc), CLG_ARG(g->r), CLG_ARG(g->s),
                                 CLG_ARG(g->stride), CLG_ARG(g->pad), CLG_ARG(rows), CLG_ARG(cols),
                                 CLG_ARG(has_bias), CLG_ARG(act), CLG_ARG(slope))));
out:
    return status;
}

/* ---- weight gradient ---- */

uint64_t clg__conv2d_wgrad_tile_workspace(const clg_ops *o, const clg_conv *g)
{
    (void)o;
    const uint32_t parts = count_parts(g);
    return parts > 1 ? parts * clg__conv_w_len(g) : 0;
}

int clg__conv2d_wgrad_tile(const clg_ops *o, const clg_conv *g, clg_tensor big, clg_tensor small,
                           clg_tensor dw, clg_tensor ws)
{
    const uint32_t len = (uint32_t)clg__conv_w_len(g), pixels = g->n * g->p * g->q;
    const uint32_t parts = count_parts(g), per = clg__tile_part_depth(pixels, parts);
    const clg_tile_job job =
        describe_job(o, g, CLG_CONV_JOB_WGRAD, is_wide(big, g->c), is_wide(small, g->k));
    const clg_tensor to = parts > 1 ? clg__tensor_vec(ws, 0, parts * len) : dw;
    char extra[32];
    clg_tile t;
    clg_kernel *k = NULL;
    int status = CLG_OK;
    CLG_TRY(clg__tile_kernel(o->rt, "conv2d_wgrad_tile", &job,
                             add_store("", big.dtype, extra, sizeof extra), &t, &k));
    const uint32_t rows = clg__tile_rows(&t, &job), cols = clg__tile_cols(&t, &job);
    clg_grid grid = clg__tile_grid(&t, &job);
    grid.flops = clg__conv_flops(g);
    grid.bytes =
        (double)clg__dtype_size(big.dtype) * (double)(clg__conv_x_len(g) + clg__conv_y_len(g)) +
        4.0 * parts * len;
    CLG_TRY(clg__launch(o->rt, k, grid,
                        CLG_ARGS(CLG_ARG(big), CLG_ARG(small), CLG_ARG(to), CLG_ARG(pixels),
                                 CLG_ARG(per), CLG_ARG(g->h), CLG_ARG(g->w), CLG_ARG(g->c),
                                 CLG_ARG(g->p), CLG_ARG(g->q), CLG_ARG(g->k), CLG_ARG(g->r),
                                 CLG_ARG(g->s), CLG_ARG(g->stride), CLG_ARG(g->pad), CLG_ARG(rows),
                                 CLG_ARG(cols))));
    if (parts > 1) {
        CLG_TRY(clg__tile_sum(o->rt, to, len, parts, dw));
    }
out:
    return status;
}
