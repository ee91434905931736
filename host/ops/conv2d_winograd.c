/* Winograd convolution on CPU devices (cl/winograd_map.cl): forward and data gradient of 4x4
 * filters with stride 2 and 3x3 filters with stride 1. The result does not depend on the number of
 * compute units.
 *
 * Workspace: transformed filter (unused if the caller has it ready) | a row of zeros | a slot per
 * work-item, of transformed source and of its products. */
#include <stdio.h>

#include "base/mem.h"
#include "ops/conv2d_winograd.h"
#include "rt/launch.h"

enum {
    FILTER_BLOCK = 16, /* BLOCK in cl/winograd_map.cl */
    ROOM_LEAST = 16,   /* groups in work at a time, in as many work-items or fewer, */
    ROOM_EACH = 2,     /* but so many for each compute unit */
    SPAN_MOST = 4,     /* groups that a work-item does together */
    LEAD_EXTRA = 16,   /* floats after each tile, so that tiles do not share cache sets */
    NARROW_ROWS = 6,   /* of 16 registers 12 hold sums: a multiply-add takes up to 5 turns */
    GPU_CHANNELS = 4,  /* GPU family: they come in multiples of it */
    GPU_GROUP = 8      /* and groups have so many work-items at least */
};

/* How one map is computed. */
typedef struct map_plan {
    clg_winograd_tile t;
    clg_conv_maps map;
    uint32_t maps, cin, lead, panels;
    uint32_t splits;        /* equal parts of the batch, cut into groups of tiles each for itself */
    uint32_t th, tw, tiles; /* tiles per image, and of a split's map */
    uint32_t group, groups, span, works, slots, slot;
    uint64_t zeros_at, source_at, total;
} map_plan;

clg_winograd_tile clg__winograd_tile(const clg_ops *o, const clg_conv *g, enum clg_conv_algo algo,
                                     uint32_t columns)
{
    clg_winograd_tile t = { .m = algo == CLG_CONV_WINOGRAD4 ? 4 : 2,
                            .taps = g->r / g->stride,
                            .phases = g->stride * g->stride,
                            .vw = clg__rt_vector_width(o->rt) };
    t.points = (t.m + t.taps - 1) * (t.m + t.taps - 1);
    t.mr = t.vw == 16 ? 8 : 4;
    t.nv = columns % (2 * t.vw) == 0 ? 2 : 1;
    t.groups = 2;
    return t;
}

void clg__winograd_options(const clg_winograd_tile *t, enum clg_dtype dtype,
                           char dst[CLG_WINOGRAD_OPTIONS_MAX])
{
    const char *store = clg__store_option(dtype);
    snprintf(dst, CLG_WINOGRAD_OPTIONS_MAX, "-DM=%u -DVW=%u -DMR=%u -DNV=%u -DG=%u%s%s%s", t->m,
             t->vw, t->mr, t->nv, t->groups, t->taps == 3 ? " -DTAPS=3" : "",
             store[0] ? " " : "", store);
}

/* Drivers that take vectors apart gain nothing, and llvmpipe, one of them, silently ends the loops
 * of a work-item after 65,535 turns, which these work-items exceed. */
static bool keeps_vectors(const clg_ops *o)
{
    return clg__rt_device(o->rt)->vector_width_float >= 4;
}

bool clg__winograd_fits(const clg_ops *o, const clg_conv *g)
{
    const bool gpu = clg__rt_family(o->rt) == CLG_KERNELS_GPU;
    const uint32_t width = gpu ? GPU_CHANNELS : clg__rt_vector_width(o->rt);
    const bool strided = g->r == 4 && g->s == 4 && g->stride == 2;
    const bool plain = g->r == 3 && g->s == 3 && g->stride == 1;
    const clg_device_info *d = clg__rt_device(o->rt);
    const bool able =
        gpu ? d->max_work_group >= GPU_GROUP && d->max_work_item[1] >= GPU_GROUP : keeps_vectors(o);
    return able && (strided || plain) && !clg__conv2d_is_gemm(o, g, CLG_CONV_JOB_DOWN) && g->c % width == 0 &&
           g->k % width == 0;
}

/* Groups of tiles in work at a time: equally many for each compute unit. */
static uint32_t count_room(const clg_ops *o, const map_plan *p)
{
    const uint32_t all = p->maps * clg__ceil_div(p->tiles * p->splits, p->group); /* splits ask for no more */
    const uint32_t units = clg__rt_device(o->rt)->compute_units;
    const uint32_t each = clg__ceil_div(ROOM_LEAST, units);
    const uint32_t room = units * (each > ROOM_EACH ? each : ROOM_EACH);
    return all < room ? all : room;
}

/* Groups of tiles that read the transformed filter together, where a map's does not fit the second cache
 * and comes from the last one or from memory (Intel, four groups: 1.15 and 1.18 times with 13 and 19 MB of
 * it, 1.05 with 3, .9 with 1). Their products stay in the second cache, and there are two work-items a
 * core. */
static uint32_t pick_span(const clg_ops *o, const map_plan *p, uint32_t room)
{
    const uint64_t cache = clg__rt_second_cache_bytes(o->rt);
    const uint64_t columns = 4u * (uint64_t)p->t.points * p->panels * p->t.nv * p->t.vw; /* bytes */
    const uint32_t share = room / (2u * clg__rt_device(o->rt)->compute_units);
    uint64_t span = cache / (columns * p->group);
    if (columns * p->cin < cache) {
        return 1;
    }
    span = span < share ? span : share;
    span = span < p->groups ? span : p->groups;
    return span < 1u ? 1u : span < SPAN_MOST ? (uint32_t)span : SPAN_MOST;
}

static map_plan make_plan(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                          enum clg_conv_algo algo, uint32_t splits)
{
    const bool down = way == CLG_CONV_DOWN;
    map_plan p = { .map = clg__conv2d_maps(g, way),
                   .maps = down ? 1 : g->stride * g->stride,
                   .splits = splits };
    p.t = clg__winograd_tile(o, g, algo, p.map.oc);
    p.t.mr = p.t.vw == 16 ? p.t.mr : NARROW_ROWS;
    p.cin = down ? p.t.phases * p.map.sc : p.map.sc;
    p.lead = p.cin + LEAD_EXTRA;
    p.panels = clg__ceil_div(p.map.oc, p.t.nv * p.t.vw);
    p.th = clg__ceil_div(down ? p.map.oh : clg__ceil_div(p.map.oh, g->stride), p.t.m);
    p.tw = clg__ceil_div(down ? p.map.ow : clg__ceil_div(p.map.ow, g->stride), p.t.m);
    p.tiles = g->n / splits * p.th * p.tw;
    p.group = p.t.groups * p.t.mr;
    p.groups = clg__ceil_div(p.tiles, p.group);
    const uint32_t room = count_room(o, &p);
    p.span = pick_span(o, &p, room);
    p.slots = room / p.span;
    p.works = clg__ceil_div(p.groups, p.span) * p.splits * p.maps;
    const uint32_t one = p.group * p.t.points * (p.lead + p.panels * p.t.nv * p.t.vw);
    p.slot = p.span * one;
    p.zeros_at = (uint64_t)p.maps * p.t.points * p.panels * p.cin * p.t.nv * p.t.vw;
    p.source_at = clg__round_up64(p.zeros_at + p.map.sc, LEAD_EXTRA);
    p.total = p.source_at + (uint64_t)room * one;
    return p;
}

uint64_t clg__conv2d_winograd_workspace(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                                        enum clg_conv_algo algo)
{
    return make_plan(o, g, way, algo, 1).total;
}

/* Options of the program: the same for its two kernels, so that it is built once. */
static int get_kernel(const clg_ops *o, const map_plan *p, enum clg_dtype dtype, const char *name,
                      clg_kernel **k)
{
    char options[CLG_WINOGRAD_OPTIONS_MAX];
    clg__winograd_options(&p->t, dtype, options);
    return clg__kernel_get(o->rt, "winograd_map", name, options, k);
}

static int transform_filter(const clg_ops *o, const clg_conv *g, const map_plan *p,
                            enum clg_conv_way way, clg_tensor w, clg_tensor u)
{
    clg_kernel *k = NULL;
    const int status = get_kernel(o, p, w.dtype, "winograd_filter", &k);
    if (status != CLG_OK) {
        return status;
    }
    const bool down = way == CLG_CONV_DOWN;
    clg_grid grid = clg__grid(3, clg__ceil_div(p->map.sc, FILTER_BLOCK), p->panels, p->t.phases);
    grid.bytes = (double)clg__dtype_size(w.dtype) * (double)clg__conv_w_len(g) +
                 4.0 * (double)clg__tensor_len(u);
    const uint32_t sl = down ? g->k : 1, so = down ? 1 : g->k;
    return clg__launch(o->rt, k, grid,
                       CLG_ARGS(CLG_ARG(w), CLG_ARG(u), CLG_ARG(p->map.sc), CLG_ARG(p->map.oc),
                                CLG_ARG(p->panels), CLG_ARG(sl), CLG_ARG(so), CLG_ARG(g->pad),
                                CLG_ARG((uint32_t)!down)));
}

uint64_t clg__conv2d_winograd_ready_len(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                                        enum clg_conv_algo algo)
{
    return make_plan(o, g, way, algo, 1).zeros_at;
}

int clg__conv2d_winograd_prepare(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                                 enum clg_conv_algo algo, clg_tensor w, clg_tensor ready)
{
    const map_plan p = make_plan(o, g, way, algo, 1);
    return transform_filter(o, g, &p, way, w, ready);
}

uint32_t clg__conv2d_winograd_parts(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                                    enum clg_conv_algo algo, uint32_t groups)
{
    const map_plan p = make_plan(o, g, way, algo, groups);
    return p.maps * p.groups;
}

typedef struct map_io {
    clg_tensor src, dst, zeros, u, v;
    clg_epilogue end;
} map_io;

static int run_map(const clg_ops *o, const clg_conv *g, const map_plan *p, enum clg_conv_way way,
                   const map_io *io)
{
    clg_kernel *k = NULL;
    const int status = get_kernel(o, p, io->src.dtype, "winograd_map", &k);
    if (status != CLG_OK) {
        return status;
    }
    const clg_epilogue *e = &io->end;
    const clg_sums *sums = &e->sums;
    const uint32_t kind = clg__sums_kind(sums);
    const bool back = kind == CLG_SUMS_OF_DY;
    clg_grid grid = clg__grid(1, p->slots, 0, 0);
    grid.flops = 2.0 * p->t.points * p->maps * p->splits * p->tiles * p->cin * p->map.oc;
    grid.bytes = (double)clg__dtype_size(io->src.dtype) *
                     ((double)clg__tensor_len(io->src) +
                      (back ? 2.0 : 1.0) * (double)clg__tensor_len(io->dst)) +
                 4.0 * p->maps * p->t.points * p->cin * p->map.oc;
    return clg__launch(
        o->rt, k, grid,
        CLG_ARGS(
            CLG_ARG(io->src), CLG_ARG(io->zeros), CLG_ARG(io->u), CLG_ARG(e->bias), CLG_ARG(io->v),
            CLG_ARG(io->dst), CLG_ARG(p->tiles), CLG_ARG(p->th), CLG_ARG(p->tw), CLG_ARG(p->map.sh),
            CLG_ARG(p->map.sw), CLG_ARG(p->map.sc), CLG_ARG(g->pad), CLG_ARG(p->cin),
            CLG_ARG(p->lead), CLG_ARG(p->panels), CLG_ARG(p->map.oh), CLG_ARG(p->map.ow),
            CLG_ARG(p->map.oc), CLG_ARG(p->groups), CLG_ARG(p->splits), CLG_ARG(p->span),
            CLG_ARG(p->works), CLG_ARG(p->slots), CLG_ARG(p->slot),
            CLG_ARG((uint32_t)(way == CLG_CONV_UP)), CLG_ARG((uint32_t)clg__tensor_is(e->bias)),
            CLG_ARG((int32_t)(back ? sums->act : e->act)), CLG_ARG(back ? sums->slope : e->slope),
            CLG_ARG(kind), CLG_ARG(sums->parts), CLG_ARG(sums->x), CLG_ARG(sums->mean),
            CLG_ARG(sums->invstd), CLG_ARG(sums->weight), CLG_ARG(sums->bias)));
}

int clg__conv2d_winograd(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                         enum clg_conv_algo algo, clg_tensor src, clg_filter f,
                         const clg_epilogue *e, clg_tensor dst, clg_tensor ws)
{
    const clg_epilogue end = e != NULL ? *e : (clg_epilogue){ 0 };
    const map_plan p =
        make_plan(o, g, way, algo, clg__tensor_is(end.sums.parts) ? end.sums.groups : 1);
    const bool is_ready = clg__tensor_is(f.ready);
    const clg_tensor zeros = clg__tensor_vec(ws, p.zeros_at, p.map.sc);
    map_io io = { .src = src,
                  .dst = dst,
                  .zeros = clg__tensor_as(zeros, src.dtype),
                  .u = is_ready ? f.ready : clg__tensor_vec(ws, 0, (uint32_t)p.zeros_at),
                  .v = clg__tensor_vec(ws, p.source_at, (uint32_t)(p.total - p.source_at)),
                  .end = end };
    int status = CLG_OK;
    CLG_TRY(clg__rt_zero(o->rt, zeros));
    CLG_TRY(is_ready ? CLG_OK : transform_filter(o, g, &p, way, f.w, io.u));
    CLG_TRY(run_map(o, g, &p, way, &io));
out:
    return status;
}
