/* Convolution on GPUs: picks a tile that the device can run and launches cl/conv2d_tile.cl (one
 * launch per phase) and cl/conv2d_wgrad_tile.cl. Reads filters in place; the only workspace is the
 * weight gradient's partial sums. */
#include <stdio.h>

#include "base/mem.h"
#include "ops/conv2d_internal.h"
#include "rt/launch.h"

enum {
    SPLIT_MAX = 64,      /* of the pixels of a weight gradient */
    GROUPS_WANTED = 256, /* work-groups that fill a large GPU */
    SPLIT_PIXELS = 256,  /* at least per split */
    PART_MAX = 4 << 20,  /* floats of partial sums */
    SUM_LOCAL = 64
};

typedef struct tile_shape {
    uint32_t tx, ty, rm, rn;
} tile_shape;

/* Preferred first; the last ones run everywhere. */
static const tile_shape wide_tiles[] = {
    { 16, 16, 4, 4 }, { 8, 8, 4, 4 }, { 4, 4, 4, 4 }, { 1, 1, 4, 4 }
};
static const tile_shape narrow_tiles[] = { /* up to 8 channels */
                                           { 2, 32, 4, 4 },
                                           { 2, 8, 4, 4 },
                                           { 2, 2, 4, 4 },
                                           { 1, 1, 4, 4 }
};
enum { TILE_COUNT = 4, NARROW_MAX = 8 };

static uint64_t local_bytes(const tile_shape *t, uint32_t ks)
{
    const uint64_t tm = (uint64_t)t->ty * t->rm, tn = (uint64_t)t->tx * t->rn;
    return 4u * (ks * (tm + 1) + ks * (tn + 1) + 4 * tm + 3 * ks);
}

/* First shape whose work-group and local memory the device and the built kernel allow. */
static int pick_tile(const clg_ops *o, const char *name, uint32_t channels, uint32_t ks,
                     const char *extra, tile_shape *tile, clg_kernel **k)
{
    const clg_device_info *d = clg__rt_device(o->rt);
    const tile_shape *list = channels <= NARROW_MAX ? narrow_tiles : wide_tiles;
    for (uint32_t i = 0; i < TILE_COUNT; i++) {
        const tile_shape t = list[i];
        const size_t items = (size_t)t.tx * t.ty;
        const bool last = i + 1 == TILE_COUNT;
        if (!last && (items > d->max_work_group || t.tx > d->max_work_item[0] ||
                      t.ty > d->max_work_item[1] || local_bytes(&t, ks) > d->local_mem_bytes)) {
            continue;
        }
        char options[128];
        snprintf(options, sizeof options, "-DTX=%u -DTY=%u -DRM=%u -DRN=%u -DKS=%u%s", t.tx, t.ty,
                 t.rm, t.rn, ks, extra);
        const int status = clg__kernel_get(o->rt, name, name, options, k);
        if (status != CLG_OK) {
            return status;
        }
        if (last || items <= clg__kernel_max_work_group(*k)) {
            *tile = t;
            return CLG_OK;
        }
    }
    return clg__fail(CLG_E_INTERNAL, "%s: no tile", name);
}

/* ---- forward and data gradient ---- */

static int launch_phase(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                        const clg_conv_phase *f, const tile_shape *t, clg_kernel *k, clg_tensor src,
                        clg_tensor w, const clg_epilogue *e, clg_tensor dst)
{
    const bool down = way == CLG_CONV_DOWN;
    const uint32_t sh = down ? g->h : g->p, sw = down ? g->w : g->q, run = down ? g->c : g->k;
    const uint32_t oh = down ? g->p : g->h, ow = down ? g->q : g->w, oc = down ? g->k : g->c;
    const clg_tensor bias = e != NULL ? e->bias : CLG_NO_TENSOR;
    const uint32_t has_bias = clg__tensor_is(bias);
    const int32_t act = (int32_t)(e != NULL ? e->act : CLG_ACT_NONE);
    const float slope = e != NULL ? e->slope : 0.0f;
    const uint32_t pixels = g->n * f->na * f->nb;
    clg_grid grid = clg__grid_local(2,
                                    (const size_t[3]){ clg__ceil_div(oc, t->tx * t->rn),
                                                       clg__ceil_div(pixels, t->ty * t->rm), 1 },
                                    (const size_t[3]){ t->tx, t->ty, 1 });
    grid.flops = 2.0 * pixels * f->tr * f->ts * run * oc;
    grid.bytes = clg__dtype_size(src.dtype) *
                 ((double)pixels * oc + (double)clg__tensor_len(src) +
                        (double)f->tr * f->ts * run * oc);
    return clg__launch(
        o->rt, k, grid,
        CLG_ARGS(CLG_ARG(src), CLG_ARG(w), CLG_ARG(bias), CLG_ARG(dst), CLG_ARG(g->n),
                 CLG_ARG(f->na), CLG_ARG(f->nb), CLG_ARG(sh), CLG_ARG(sw), CLG_ARG(run),
                 CLG_ARG(oh), CLG_ARG(ow), CLG_ARG(oc), CLG_ARG(f->su), CLG_ARG(f->ou),
                 CLG_ARG(f->oh0), CLG_ARG(f->ow0), CLG_ARG(f->tr), CLG_ARG(f->ts), CLG_ARG(f->dh0),
                 CLG_ARG(f->dw0), CLG_ARG(f->dstep), CLG_ARG(f->r0), CLG_ARG(f->s0),
                 CLG_ARG(f->rstep), CLG_ARG(g->s), CLG_ARG(has_bias), CLG_ARG(act),
                 CLG_ARG(slope)));
}

int clg__conv2d_tile(const clg_ops *o, const clg_conv *g, enum clg_conv_way way, clg_tensor src,
                     clg_tensor w, const clg_epilogue *e, clg_tensor dst)
{
    const uint32_t run = way == CLG_CONV_DOWN ? g->c : g->k,
                   oc = way == CLG_CONV_DOWN ? g->k : g->c;
    const uint32_t ks = run <= 4 ? 4 : run <= 8 ? 8 : 16;
    char extra[32];
    const char *store = clg__store_option(src.dtype);
    snprintf(extra, sizeof extra, " -DUP=%d%s%s", way == CLG_CONV_UP, store[0] ? " " : "", store);
    tile_shape t;
    clg_kernel *k = NULL;
    int status = pick_tile(o, "conv2d_tile", oc, ks, extra, &t, &k);
    for (uint32_t i = 0; status == CLG_OK && i < clg__conv2d_phases(g, way); i++) {
        const clg_conv_phase f = clg__conv2d_phase(g, way, i);
        if (f.na != 0 && f.nb != 0) {
            status = launch_phase(o, g, way, &f, &t, k, src, w, e, dst);
        }
    }
    return status;
}

/* ---- weight gradient ---- */

/* Parts of the pixels, from the geometry alone (as if every device took the first tile). */
static uint32_t count_splits(const clg_conv *g)
{
    const uint64_t len = clg__conv_w_len(g), pixels = (uint64_t)g->n * g->p * g->q;
    const uint32_t tiles = clg__ceil_div(g->r * g->s * g->c, 64) * clg__ceil_div(g->k, 64);
    uint64_t splits = clg__ceil_div(GROUPS_WANTED, tiles);
    const uint64_t most = pixels / SPLIT_PIXELS, room = PART_MAX / len;
    splits = splits > most ? most : splits;
    splits = splits > room ? room : splits;
    return splits < 1 ? 1 : splits > SPLIT_MAX ? SPLIT_MAX : (uint32_t)splits;
}

uint64_t clg__conv2d_wgrad_tile_workspace(const clg_ops *o, const clg_conv *g)
{
    (void)o;
    const uint32_t splits = count_splits(g);
    return splits > 1 ? splits * clg__conv_w_len(g) : 0;
}

static int add_parts(const clg_ops *o, clg_tensor part, uint32_t len, uint32_t splits,
                     const char *options, clg_tensor dw)
{
    clg_kernel *k = NULL;
    const int status = clg__kernel_get(o->rt, "conv2d_wgrad_tile", "conv2d_wgrad_sum", options, &k);
    if (status != CLG_OK) {
        return status;
    }
    const size_t max = clg__kernel_max_work_group(k), local = max < SUM_LOCAL ? 1 : SUM_LOCAL;
    clg_grid grid = clg__grid_local(1, (const size_t[3]){ (len + local - 1) / local, 1, 1 },
                                    (const size_t[3]){ local, 1, 1 });
    grid.bytes = 4.0 * len * (splits + 1.0);
    return clg__launch(o->rt, k, grid,
                       CLG_ARGS(CLG_ARG(part), CLG_ARG(dw), CLG_ARG(len), CLG_ARG(splits)));
}

int clg__conv2d_wgrad_tile(const clg_ops *o, const clg_conv *g, clg_tensor big, clg_tensor small,
                           clg_tensor dw, clg_tensor ws)
{
    const uint32_t ks = 16, len = (uint32_t)clg__conv_w_len(g), pixels = g->n * g->p * g->q;
    const uint32_t per = clg__ceil_div(pixels, count_splits(g)),
                   splits = clg__ceil_div(pixels, per);
    tile_shape t;
    clg_kernel *k = NULL;
    int status = CLG_OK;
    char extra[32];
    const char *store = clg__store_option(big.dtype);
    snprintf(extra, sizeof extra, "%s%s", store[0] ? " " : "", store);
    CLG_TRY(pick_tile(o, "conv2d_wgrad_tile", g->k, ks, extra, &t, &k));
    const clg_tensor to = splits > 1 ? clg__tensor_vec(ws, 0, splits * len) : dw;
    const size_t groups[3] = { clg__ceil_div(g->k, t.tx * t.rn),
                               clg__ceil_div(g->r * g->s * g->c, t.ty * t.rm), splits };
    clg_grid grid = clg__grid_local(splits > 1 ? 3 : 2, groups, (const size_t[3]){ t.tx, t.ty, 1 });
    grid.flops = clg__conv_flops(g);
    grid.bytes = (double)clg__dtype_size(big.dtype) *
                     (double)(clg__conv_x_len(g) + clg__conv_y_len(g)) +
                 4.0 * splits * len;
    CLG_TRY(clg__launch(o->rt, k, grid,
                        CLG_ARGS(CLG_ARG(big), CLG_ARG(small), CLG_ARG(to), CLG_ARG(pixels),
                                 CLG_ARG(per), CLG_ARG(g->h), CLG_ARG(g->w), CLG_ARG(g->c),
                                 CLG_ARG(g->p), CLG_ARG(g->q), CLG_ARG(g->k), CLG_ARG(g->r),
                                 CLG_ARG(g->s), CLG_ARG(g->stride), CLG_ARG(g->pad))));
    if (splits > 1) {
        char options[96];
        snprintf(options, sizeof options, "-DTX=%u -DTY=%u -DRM=%u -DRN=%u -DKS=%u%s", t.tx, t.ty,
                 t.rm, t.rn, ks, extra);
        CLG_TRY(add_parts(o, to, len, splits, options, dw));
    }
out:
    return status;
}
