/* Convolution forward and data gradient on CPU devices: chooses tiles, packs the filter into
 * panels where it is read often, and launches cl/conv2d_gather.cl once per phase. Tiles depend on
 * the geometry and the vector width only, and no result depends on the tiles: every output is one
 * sum in tap order.
 *
 * Workspace: packed filter | a row of zeros | padded copy of a few-channel source. */
#include <stdio.h>

#include "base/mem.h"
#include "ops/conv2d_internal.h"
#include "rt/launch.h"

enum {
    PACK_ROWS = 16,     /* BLOCK in cl/conv2d_pack.cl */
    NARROW_MAX = 4,     /* output channels up to which vectors run along the source channels */
    PADDED_MAX = 4,     /* source channels up to which a filter row is read as one run */
    GROUP_MAX = 16,     /* tiles per work-item: one panel stays in L2 over them */
    ITEMS_WANTED = 128, /* work-items wanted before tiles are grouped */
    PACK_PASSES = 8     /* over a panel, from which on packing it pays */
};

/* How one map is computed. */
typedef struct gather_plan {
    bool narrow, padded, interleave;
    uint32_t vw, nv, mr;
    clg_conv_maps map;   /* as the kernel sees them: the source's size where it is a padded copy */
    uint32_t run;        /* floats of a tap: of a pixel, or of a filter row of a padded copy */
    uint32_t panels, nr; /* of the packed filter */
    uint64_t zeros_at, source_at, total; /* workspace, in floats */
} gather_plan;

/* ---- geometry ---- */

uint32_t clg__conv2d_phases(const clg_conv *g, enum clg_conv_way way)
{
    return way == CLG_CONV_DOWN ? 1 : g->stride * g->stride;
}

clg_conv_phase clg__conv2d_phase(const clg_conv *g, enum clg_conv_way way, uint32_t i)
{
    if (way == CLG_CONV_DOWN) {
        return (clg_conv_phase){ .na = g->p,
                                 .nb = g->q,
                                 .tr = g->r,
                                 .ts = g->s,
                                 .su = g->stride,
                                 .ou = 1,
                                 .dh0 = -(int32_t)g->pad,
                                 .dw0 = -(int32_t)g->pad,
                                 .dstep = 1,
                                 .rstep = 1 };
    }
    /* Row a*u + ph is reached by taps r with (ph + pad - r) divisible by u: r = r0 + i*u, from
     * row a + (ph + pad - r0)/u - i of the small map. */
    const uint32_t u = g->stride, ph = i / u, pw = i % u;
    const uint32_t r0 = (ph + g->pad) % u, s0 = (pw + g->pad) % u;
    return (clg_conv_phase){ .na = ph < g->h ? clg__ceil_div(g->h - ph, u) : 0,
                             .nb = pw < g->w ? clg__ceil_div(g->w - pw, u) : 0,
                             .tr = r0 < g->r ? (g->r - 1 - r0) / u + 1 : 0,
                             .ts = s0 < g->s ? (g->s - 1 - s0) / u + 1 : 0,
                             .su = 1,
                             .ou = u,
                             .oh0 = ph,
                             .ow0 = pw,
                             .dh0 = (int32_t)((ph + g->pad) / u),
                             .dw0 = (int32_t)((pw + g->pad) / u),
                             .dstep = -1,
                             .r0 = r0,
                             .s0 = s0,
                             .rstep = u };
}

static uint32_t floor_power_of_two(uint32_t v, uint32_t max)
{
    uint32_t p = 1;
    while (p * 2 <= v && p * 2 <= max) {
        p *= 2;
    }
    return p;
}

/* Largest of 16, 8, 4 (up to width) that divides run; 1: none. */
static uint32_t dividing_width(uint32_t run, uint32_t width)
{
    while (width >= 4 && run % width != 0) {
        width /= 2;
    }
    return width >= 4 ? width : 1;
}

static void choose_tile(gather_plan *p, uint32_t width)
{
    const uint32_t registers = width == 16 ? 24 : 12; /* for accumulators */
    p->vw = dividing_width(p->run, width);
    p->narrow = p->map.oc <= NARROW_MAX && p->run >= 16 && p->vw > 1;
    if (p->narrow) {
        const uint32_t rows = registers / p->map.oc;
        p->mr = rows > 8 ? 8 : rows < 1 ? 1 : rows;
        p->nv = 1;
        p->nr = p->vw;
        p->panels = p->run / p->vw;
        return;
    }
    p->vw = p->map.oc >= width ? width : floor_power_of_two(2 * p->map.oc - 1, width);
    p->vw = p->vw < 4 ? 4 : p->vw;
    p->nv = p->map.oc > p->vw ? 2 : 1;
    p->mr = width == 16 ? 8 : 6;
    p->nr = p->nv * p->vw;
    p->panels = clg__ceil_div(p->map.oc, p->nr);
}

static uint64_t packed_floats(const clg_conv *g, const gather_plan *p)
{
    const uint64_t filter = (uint64_t)g->r * g->s * (p->padded ? g->c : p->run);
    return filter * (p->narrow ? p->map.oc : (uint64_t)p->panels * p->nr);
}

static gather_plan make_plan(const clg_ops *o, const clg_conv *g, enum clg_conv_way way)
{
    gather_plan p = { .map = clg__conv2d_maps(g, way) };
    p.run = p.map.sc;
    p.padded = way == CLG_CONV_DOWN && g->c <= PADDED_MAX && g->s > 1;
    if (p.padded) {
        p.map.sh = (g->p - 1) * g->stride + g->r;
        p.map.sw = (g->q - 1) * g->stride + g->s;
        p.run = g->s * g->c;
    }
    choose_tile(&p, clg__rt_vector_width(o->rt));
    /* Images side by side in a tile let it skip padding; not for batches that fill tiles badly. */
    p.interleave = clg__round_up(g->n, p.mr) * 14u <= g->n * 15u;
    p.zeros_at = clg__round_up64(packed_floats(g, &p), 16);
    p.source_at = p.zeros_at + clg__round_up64(p.run, 16);
    p.total = p.source_at + (p.padded ? (uint64_t)g->n * p.map.sh * p.map.sw * g->c : 0);
    return p;
}

uint64_t clg__conv2d_gather_workspace(const clg_ops *o, const clg_conv *g, enum clg_conv_way way)
{
    return make_plan(o, g, way).total;
}

/* ---- copies ---- */

int clg__conv2d_pad_copy(const clg_ops *o, const clg_conv *g, clg_tensor x, uint32_t yh,
                         uint32_t yw, clg_tensor y)
{
    clg_kernel *k = NULL;
    const int status =
        clg__kernel_get(o->rt, "conv2d_pack", "conv2d_pad", clg__store_option(x.dtype), &k);
    if (status != CLG_OK) {
        return status;
    }
    clg_grid grid = clg__grid(2, yh, g->n, 0);
    grid.bytes = 2.0 * clg__dtype_size(x.dtype) * g->n * yh * yw * g->c;
    return clg__launch(o->rt, k, grid,
                       CLG_ARGS(CLG_ARG(x), CLG_ARG(y), CLG_ARG(g->h), CLG_ARG(g->w), CLG_ARG(g->c),
                                CLG_ARG(yh), CLG_ARG(yw), CLG_ARG(g->pad)));
}

/* Packs the taps of one phase to `to`, which holds *floats of them. */
static int pack_phase(const clg_ops *o, const clg_conv *g, const gather_plan *p,
                      enum clg_conv_way way, const clg_conv_phase *f, clg_tensor w, clg_tensor to)
{
    clg_kernel *k = NULL;
    const int status =
        clg__kernel_get(o->rt, "conv2d_pack", "conv2d_pack", clg__store_option(w.dtype), &k);
    if (status != CLG_OK) {
        return status;
    }
    const uint32_t tap = g->c * g->k;
    const uint32_t base = (f->r0 * g->s + f->s0) * tap;
    const uint32_t si = f->rstep * g->s * tap, sj = f->rstep * tap;
    uint32_t rows = p->run, columns = p->map.oc; /* l and o of the kernel */
    uint32_t sl = way == CLG_CONV_DOWN ? g->k : 1, so = way == CLG_CONV_DOWN ? 1 : g->k;
    if (p->narrow) {
        rows = p->map.oc;
        columns = p->run;
        const uint32_t swap = sl;
        sl = so;
        so = swap;
    }
    clg_grid grid =
        clg__grid(2, clg__ceil_div(rows, PACK_ROWS), (size_t)p->panels * f->tr * f->ts, 0);
    grid.bytes = (4.0 + clg__dtype_size(w.dtype)) * f->tr * f->ts * p->run * p->map.oc;
    return clg__launch(o->rt, k, grid,
                       CLG_ARGS(CLG_ARG(w), CLG_ARG(to), CLG_ARG(f->tr), CLG_ARG(f->ts),
                                CLG_ARG(rows), CLG_ARG(columns), CLG_ARG(base), CLG_ARG(si),
                                CLG_ARG(sj), CLG_ARG(sl), CLG_ARG(so), CLG_ARG(p->nr)));
}

/* ---- launch ---- */

static int get_kernel(const clg_ops *o, const gather_plan *p, enum clg_dtype dtype, clg_kernel **k)
{
    char options[96];
    const char *store = clg__store_option(dtype);
    const int n = snprintf(options, sizeof options, "-DVW=%u -DMR=%u -DNV=%u%s%s", p->vw, p->mr,
                           p->nv, store[0] ? " " : "", store);
    if (p->narrow) {
        snprintf(options + n, sizeof options - (size_t)n, " -DNARROW=%u", p->map.oc);
    }
    return clg__kernel_get(o->rt, "conv2d_gather",
                           p->narrow ? "conv2d_gather_narrow" : "conv2d_gather", options, k);
}

typedef struct gather_io {
    clg_tensor src, weights, zeros, bias, dst;
    uint32_t row, panel; /* from a row, and a panel, of the weights to the next */
    int32_t act;
    float slope;
} gather_io;

/* The tiles of a phase, and how they are dealt to work-items. */
typedef struct tiling {
    uint32_t tiles, group, groups;
} tiling;

static tiling tile_phase(const clg_conv *g, const gather_plan *p, const clg_conv_phase *f)
{
    const uint32_t positions = f->na * f->nb;
    tiling t = { .tiles = p->interleave ? clg__ceil_div(g->n, p->mr) * positions
                                        : clg__ceil_div(g->n * positions, p->mr) };
    t.group = (uint32_t)((uint64_t)t.tiles * (p->narrow ? 1 : p->panels) / ITEMS_WANTED);
    t.group = t.group < 1 ? 1 : t.group > GROUP_MAX ? GROUP_MAX : t.group;
    t.groups = clg__ceil_div(t.tiles, t.group);
    return t;
}

/* A forward's filter has its rows of output channels as the kernel wants them, only apart. Read so
 * few times it is not worth a copy. */
static bool reads_in_place(const gather_plan *p, enum clg_conv_way way, const tiling *t,
                           enum clg_dtype dtype)
{
    return way == CLG_CONV_DOWN && !p->narrow && p->map.oc % p->nr == 0 && dtype == CLG_F32 &&
           t->groups <= PACK_PASSES;
}

static int launch_phase(const clg_ops *o, const clg_conv *g, const gather_plan *p,
                        const clg_conv_phase *f, const tiling *t, clg_kernel *k,
                        const gather_io *io)
{
    clg_grid grid =
        p->narrow ? clg__grid(1, t->groups, 0, 0) : clg__grid(2, p->panels, t->groups, 0);
    const double pixels = (double)g->n * f->na * f->nb;
    grid.flops = 2.0 * pixels * f->tr * f->ts * p->run * p->map.oc;
    grid.bytes =
        clg__dtype_size(io->src.dtype) * (pixels * p->map.oc + (double)clg__tensor_len(io->src)) +
        4.0 * f->tr * f->ts * p->run * p->map.oc;
    return clg__launch(
        o->rt, k, grid,
        CLG_ARGS(CLG_ARG(io->src), CLG_ARG(io->weights), CLG_ARG(io->zeros), CLG_ARG(io->bias),
                 CLG_ARG(io->dst), CLG_ARG(g->n), CLG_ARG(f->na), CLG_ARG(f->nb),
                 CLG_ARG(p->map.sh), CLG_ARG(p->map.sw), CLG_ARG(p->map.sc), CLG_ARG(p->run),
                 CLG_ARG(p->map.oh), CLG_ARG(p->map.ow), CLG_ARG(p->map.oc), CLG_ARG(f->su),
                 CLG_ARG(f->ou), CLG_ARG(f->oh0), CLG_ARG(f->ow0), CLG_ARG(f->tr), CLG_ARG(f->ts),
                 CLG_ARG(f->dh0), CLG_ARG(f->dw0), CLG_ARG(f->dstep),
                 CLG_ARG((uint32_t)p->interleave), CLG_ARG(t->tiles), CLG_ARG(t->group),
                 CLG_ARG(io->row), CLG_ARG(io->panel), CLG_ARG((uint32_t)clg__tensor_is(io->bias)),
                 CLG_ARG(io->act), CLG_ARG(io->slope)));
}

/* The weights of a phase, packed to `at` of the workspace where they do not serve as they lie;
 * *floats: how much of it they took. */
static int place_weights(const clg_ops *o, const clg_conv *g, const gather_plan *p,
                         enum clg_conv_way way, const clg_conv_phase *f, const tiling *t,
                         clg_tensor w, clg_tensor ws, uint64_t at, gather_io *io, uint64_t *floats)
{
    const uint32_t rows = f->tr * f->ts * p->run;
    *floats = 0;
    if (rows != 0 && reads_in_place(p, way, t, w.dtype)) {
        io->weights = w;
        io->row = p->map.oc;
        io->panel = p->nr;
        return CLG_OK;
    }
    *floats = (uint64_t)rows * (p->narrow ? p->map.oc : (uint64_t)p->panels * p->nr);
    io->weights = clg__tensor_vec(ws, *floats != 0 ? at : 0, *floats != 0 ? (uint32_t)*floats : 1);
    io->row = p->nr;
    io->panel = rows * p->nr;
    return *floats != 0 ? pack_phase(o, g, p, way, f, w, io->weights) : CLG_OK;
}

int clg__conv2d_gather(const clg_ops *o, const clg_conv *g, enum clg_conv_way way, clg_tensor src,
                       clg_tensor w, const clg_epilogue *e, clg_tensor dst, clg_tensor ws)
{
    const gather_plan p = make_plan(o, g, way);
    gather_io io = { .src = src,
                     .dst = dst,
                     .bias = e != NULL ? e->bias : CLG_NO_TENSOR,
                     .act = (int32_t)(e != NULL ? e->act : CLG_ACT_NONE),
                     .slope = e != NULL ? e->slope : 0.0f };
    clg_kernel *k = NULL;
    int status = CLG_OK;
    const clg_tensor zeros = clg__tensor_vec(ws, p.zeros_at, p.run);
    CLG_TRY(get_kernel(o, &p, src.dtype, &k));
    CLG_TRY(clg__rt_zero(o->rt, zeros));
    io.zeros = clg__tensor_as(zeros, src.dtype);
    if (p.padded) {
        const uint32_t len = g->n * p.map.sh * p.map.sw * g->c;
        io.src = clg__tensor_view(clg__tensor_as(clg__tensor_vec(ws, p.source_at, len), src.dtype),
                                  0, 4, g->n, p.map.sh, p.map.sw, g->c);
        CLG_TRY(clg__conv2d_pad_copy(o, g, src, p.map.sh, p.map.sw, io.src));
    }
    uint64_t at = 0;
    for (uint32_t i = 0; i < clg__conv2d_phases(g, way); i++) {
        clg_conv_phase f = clg__conv2d_phase(g, way, i);
        if (f.na == 0 || f.nb == 0) {
            continue;
        }
        if (p.padded) { /* a filter row is one tap of S*C floats */
            f.ts = 1;
            f.dh0 = 0;
            f.dw0 = 0;
        }
        const tiling t = tile_phase(g, &p, &f);
        uint64_t floats = 0;
        CLG_TRY(place_weights(o, g, &p, way, &f, &t, w, ws, at, &io, &floats));
        CLG_TRY(launch_phase(o, g, &p, &f, &t, k, &io));
        at += floats;
    }
out:
    return status;
}
