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

enum { PART_ROWS = 32 }; /* of cl/conv2d_tile.cl */

/* The map that is made: phases of a side, images of a split, and the split's rows of the largest
 * phase, which is the first. */
typedef struct tile_map {
    clg_conv_maps of;
    uint32_t u, n, splits, rows;
} tile_map;

static tile_map describe_map(const clg_conv *g, enum clg_conv_way way, uint32_t splits)
{
    tile_map m = { .of = clg__conv2d_maps(g, way),
                   .u = way == CLG_CONV_DOWN ? 1 : g->stride,
                   .n = g->n / splits,
                   .splits = splits };
    m.rows = m.n * clg__ceil_div(m.of.oh, m.u) * clg__ceil_div(m.of.ow, m.u);
    return m;
}

static clg_tile_job tiles_of(const tile_map *m)
{
    return (clg_tile_job){
        .rows = m->rows, .cols = m->of.oc, .depth = m->of.sc, .count = m->splits * m->u * m->u
    };
}

clg_tile_job clg__conv2d_tile_job(const clg_conv *g, enum clg_conv_job job)
{
    if (job == CLG_CONV_JOB_WGRAD) {
        return (clg_tile_job){ .rows = g->r * g->s * g->c,
                               .cols = g->k,
                               .depth = g->n * g->p * g->q,
                               .count = count_parts(g) };
    }
    const tile_map m = describe_map(g, clg__conv2d_way_of(job), 1);
    return tiles_of(&m);
}

/* ---- forward and data gradient ---- */

/* Parts of sums in a phase of a split. */
static uint32_t count_phase_parts(const tile_map *m)
{
    return clg__ceil_div(m->rows, PART_ROWS);
}

uint32_t clg__conv2d_tile_parts(const clg_conv *g, enum clg_conv_way way, uint32_t groups)
{
    const tile_map m = describe_map(g, way, groups);
    return m.u * m.u * count_phase_parts(&m);
}

int clg__conv2d_tile(const clg_ops *o, const clg_conv *g, enum clg_conv_way way, clg_tensor src,
                     clg_tensor w, const clg_epilogue *e, clg_tensor dst)
{
    const bool down = way == CLG_CONV_DOWN;
    const clg_epilogue end = e != NULL ? *e : (clg_epilogue){ 0 };
    const clg_sums *sums = &end.sums;
    const uint32_t kind = clg__sums_kind(sums), has_bias = clg__tensor_is(end.bias);
    const bool back = kind == CLG_SUMS_OF_DY;
    const tile_map m = describe_map(g, way, kind == CLG_SUMS_NONE ? 1 : sums->groups);
    clg_tile_job job = tiles_of(&m);
    job.wide_rows = is_wide(src, m.of.sc);
    job.wide_cols = is_wide(w, down ? m.of.oc : m.of.sc);
    job.multiply = clg__blas_multiply(o->blas);
    job.forced = clg__conv_tile_pick(o, g, clg__conv2d_job_of(way), CLG_CONV_DIRECT);
    char extra[32];
    clg_tile t;
    clg_kernel *k = NULL;
    int status = CLG_OK;
    CLG_TRY(clg__tile_kernel(
        o->rt, "conv2d_tile", &job,
        add_store(down ? " -DUP=0" : " -DUP=1", src.dtype, extra, sizeof extra), &t, &k));
    const uint32_t rows = clg__tile_rows(&t, &job), cols = clg__tile_cols(&t, &job);
    const uint32_t phase_parts = count_phase_parts(&m);
    clg_grid grid = clg__tile_grid(&t, &job);
    grid.flops = clg__conv_flops(g);
    grid.bytes = clg__dtype_size(src.dtype) * ((double)(clg__tensor_len(src) + clg__conv_w_len(g)) +
                                               (back ? 2.0 : 1.0) * (double)clg__tensor_len(dst));
    CLG_TRY(clg__launch(
        o->rt, k, grid,
        CLG_ARGS(
            CLG_ARG(src), CLG_ARG(w), CLG_ARG(end.bias), CLG_ARG(dst), CLG_ARG(m.n),
            CLG_ARG(m.of.sh), CLG_ARG(m.of.sw), CLG_ARG(m.of.sc), CLG_ARG(m.of.oh),
            CLG_ARG(m.of.ow), CLG_ARG(m.of.oc), CLG_ARG(g->r), CLG_ARG(g->s), CLG_ARG(g->stride),
            CLG_ARG(g->pad), CLG_ARG(rows), CLG_ARG(cols), CLG_ARG(phase_parts), CLG_ARG(has_bias),
            CLG_ARG((int32_t)(back ? sums->act : end.act)), CLG_ARG(back ? sums->slope : end.slope),
            CLG_ARG(kind), CLG_ARG(sums->parts), CLG_ARG(sums->x), CLG_ARG(sums->mean),
            CLG_ARG(sums->invstd), CLG_ARG(sums->weight), CLG_ARG(sums->bias))));
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
    clg_tile_job job = clg__conv2d_tile_job(g, CLG_CONV_JOB_WGRAD);
    job.wide_rows = is_wide(big, g->c);
    job.wide_cols = is_wide(small, g->k);
    job.multiply = clg__blas_multiply(o->blas);
    job.forced = clg__conv_tile_pick(o, g, CLG_CONV_JOB_WGRAD, CLG_CONV_DIRECT);
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
