/* Weight gradient on CPU devices (cl/conv2d_wgrad.cl). The batch is walked in chunks whose maps
 * stay in cache, one launch each, adding into dw in order; a filter too small to keep many cores
 * busy is split over the batch instead, in parts that stay in cache, with the partial sums added in
 * order. Chunks and splits depend on the geometry alone.
 *
 * Workspace: partial sums | padded copy of a few-channel big map. */
#include <stdio.h>

#include "base/mem.h"
#include "ops/conv2d_internal.h"
#include "rt/launch.h"

enum {
    PADDED_MAX = 4,        /* channels up to which a filter row is one run */
    CHUNK_BYTES = 3 << 19, /* both maps of a chunk: about an L2 cache */
    SPLIT_BYTES = 1 << 19, /* those of a split: half of one, as other cores' splits may share it */
    CHUNK_PIXELS = 256,    /* at least, so that loading and storing the tile is little */
    ITEMS_WANTED = 64,
    SUM_BLOCK = 64 /* in cl/conv2d_pack.cl */
};

typedef struct wgrad_plan {
    bool padded;
    uint32_t vw, mr, nv;
    uint32_t h, w, run, taps_r, taps_s, pad; /* the big map as the kernel sees it */
    uint32_t row_tiles, col_tiles;
    uint32_t splits, chunk;    /* chunk: images per launch when splits = 1 */
    uint64_t source_at, total; /* workspace, in floats */
} wgrad_plan;

/* Rows per tile with the least waste, from few sizes (each is a program to build), large first. */
static uint32_t choose_rows(uint32_t run, bool wide)
{
    static const uint32_t wide_rows[] = { 13, 12, 8, 4, 2, 1 }, rows[] = { 6, 5, 4, 2, 1 };
    const uint32_t *list = wide ? wide_rows : rows;
    uint32_t best = 1, best_cost = UINT32_MAX;
    for (uint32_t i = 0; i == 0 || list[i - 1] != 1; i++) {
        /* loads and pixel steps cost about a row */
        const uint32_t cost = clg__ceil_div(run, list[i]) * (list[i] + 1);
        if (list[i] <= run && cost < best_cost) {
            best = list[i];
            best_cost = cost;
        }
    }
    return best;
}

static void choose_tile(wgrad_plan *p, uint32_t k, uint32_t width)
{
    p->vw = width;
    while (p->vw > k) {
        p->vw /= 2;
    }
    const bool wide = width == 16;
    p->nv = k >= 2 * p->vw ? 2 : 1;
    p->mr = choose_rows(p->run, wide);
    if (p->mr <= (wide ? 4u : 2u) && k >= 4 * p->vw) {
        p->nv = 4;
    }
    p->row_tiles = clg__ceil_div(p->run, p->mr);
    p->col_tiles = clg__ceil_div(k, p->nv * p->vw);
}

/* Images whose maps take `bytes`. */
static uint32_t fit_images(const clg_conv *g, uint64_t bytes)
{
    const uint64_t image = 4ull * ((uint64_t)g->h * g->w * g->c + (uint64_t)g->p * g->q * g->k);
    const uint64_t fit = bytes / image, least = CHUNK_PIXELS / ((uint64_t)g->p * g->q);
    const uint64_t chunk = fit > least ? fit : least;
    return chunk < 1 ? 1 : chunk > g->n ? g->n : (uint32_t)chunk;
}

/* All tiles walk a split before the next one, so that it stays in cache too; but partial sums are
 * to take a quarter of the maps' room at most. */
static uint32_t count_splits(const clg_conv *g, uint32_t wanted)
{
    const uint64_t room = (clg__conv_x_len(g) + clg__conv_y_len(g)) / (4 * clg__conv_w_len(g));
    const uint32_t cached = clg__ceil_div(g->n, fit_images(g, SPLIT_BYTES));
    const uint64_t most = cached < room ? cached : room;
    const uint64_t splits = most > wanted ? most : wanted;
    return splits > g->n ? g->n : (uint32_t)splits;
}

static wgrad_plan make_plan(const clg_ops *o, const clg_conv *g)
{
    wgrad_plan p = {
        .h = g->h, .w = g->w, .run = g->c, .taps_r = g->r, .taps_s = g->s, .pad = g->pad
    };
    p.padded = g->c <= PADDED_MAX && g->s > 1;
    if (p.padded) {
        p.h = (g->p - 1) * g->stride + g->r;
        p.w = (g->q - 1) * g->stride + g->s;
        p.run = g->s * g->c;
        p.taps_s = 1;
        p.pad = 0;
    }
    choose_tile(&p, g->k, clg__rt_vector_width(o->rt));
    const uint32_t items = p.row_tiles * p.col_tiles * p.taps_r * p.taps_s;
    p.splits = items >= ITEMS_WANTED ? 1 : count_splits(g, clg__ceil_div(ITEMS_WANTED, items));
    p.chunk = fit_images(g, CHUNK_BYTES);
    p.source_at = p.splits > 1 ? clg__round_up64(p.splits * clg__conv_w_len(g), 16) : 0;
    p.total = p.source_at + (p.padded ? (uint64_t)g->n * p.h * p.w * g->c : 0);
    return p;
}

uint64_t clg__conv2d_wgrad_cpu_workspace(const clg_ops *o, const clg_conv *g)
{
    return make_plan(o, g).total;
}

int clg__conv2d_sum(const clg_ops *o, clg_tensor part, uint64_t len, uint32_t splits, clg_tensor y)
{
    clg_kernel *k = NULL;
    const int status = clg__kernel_get(o->rt, "conv2d_pack", "conv2d_sum", "", &k);
    if (status != CLG_OK) {
        return status;
    }
    clg_grid grid = clg__grid(1, (size_t)((len + SUM_BLOCK - 1) / SUM_BLOCK), 0, 0);
    grid.bytes = 4.0 * (double)len * (splits + 1.0);
    return clg__launch(
        o->rt, k, grid,
        CLG_ARGS(CLG_ARG(part), CLG_ARG(y), CLG_ARG((uint32_t)len), CLG_ARG(splits)));
}

/* Images n0 .. n1 in `splits` parts of `per`. */
typedef struct wgrad_part {
    uint32_t n0, n1, per, splits, first;
} wgrad_part;

static int launch_part(const clg_ops *o, const clg_conv *g, const wgrad_plan *p, clg_kernel *k,
                       clg_tensor big, clg_tensor small, clg_tensor dw, wgrad_part a)
{
    /* The last dimension is the one that long launches are sliced along. */
    clg_grid grid = clg__grid(a.splits > 1 ? 3 : 2, (size_t)p->row_tiles * p->col_tiles,
                              (size_t)p->taps_r * p->taps_s, a.splits);
    const double share = (double)(a.n1 - a.n0) / g->n;
    grid.flops = share * clg__conv_flops(g);
    grid.bytes =
        share * clg__dtype_size(big.dtype) * (double)(clg__conv_x_len(g) + clg__conv_y_len(g)) +
        4.0 * (double)clg__conv_w_len(g) * a.splits;
    return clg__launch(o->rt, k, grid,
                       CLG_ARGS(CLG_ARG(big), CLG_ARG(small), CLG_ARG(dw), CLG_ARG(a.n0),
                                CLG_ARG(a.n1), CLG_ARG(a.per), CLG_ARG(p->h), CLG_ARG(p->w),
                                CLG_ARG(g->c), CLG_ARG(p->run), CLG_ARG(g->p), CLG_ARG(g->q),
                                CLG_ARG(g->k), CLG_ARG(p->taps_r), CLG_ARG(p->taps_s),
                                CLG_ARG(g->stride), CLG_ARG(p->pad), CLG_ARG(p->row_tiles),
                                CLG_ARG(a.first)));
}

int clg__conv2d_wgrad_cpu(const clg_ops *o, const clg_conv *g, clg_tensor big, clg_tensor small,
                          clg_tensor dw, clg_tensor ws)
{
    const wgrad_plan p = make_plan(o, g);
    clg_kernel *k = NULL;
    char options[64];
    const char *store = clg__store_option(big.dtype);
    int status = CLG_OK;
    snprintf(options, sizeof options, "-DVW=%u -DMR=%u -DNV=%u%s%s", p.vw, p.mr, p.nv,
             store[0] ? " " : "", store);
    CLG_TRY(clg__kernel_get(o->rt, "conv2d_wgrad", "conv2d_wgrad", options, &k));
    if (p.padded) {
        const clg_tensor room = clg__tensor_vec(ws, p.source_at, g->n * p.h * p.w * g->c);
        const clg_tensor copy =
            clg__tensor_view(clg__tensor_as(room, big.dtype), 0, 4, g->n, p.h, p.w, g->c);
        CLG_TRY(clg__conv2d_pad_copy(o, g, big, p.h, p.w, copy));
        big = copy;
    }
    if (p.splits > 1) {
        const uint32_t per = clg__ceil_div(g->n, p.splits), splits = clg__ceil_div(g->n, per);
        const uint64_t len = clg__conv_w_len(g);
        const clg_tensor part = clg__tensor_vec(ws, 0, (uint32_t)(splits * len));
        CLG_TRY(launch_part(o, g, &p, k, big, small, part,
                            (wgrad_part){ .n1 = g->n, .per = per, .splits = splits, .first = 1 }));
        CLG_TRY(clg__conv2d_sum(o, part, len, splits, dw));
        goto out;
    }
    for (uint32_t n0 = 0; n0 < g->n; n0 += p.chunk) {
        const uint32_t n1 = g->n - n0 < p.chunk ? g->n : n0 + p.chunk;
        CLG_TRY(launch_part(
            o, g, &p, k, big, small, dw,
            (wgrad_part){ .n0 = n0, .n1 = n1, .per = n1 - n0, .splits = 1, .first = n0 == 0 }));
    }
out:
    return status;
}
