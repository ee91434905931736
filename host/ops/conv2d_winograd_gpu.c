/* Winograd convolution on GPU devices (cl/winograd_gpu.cl): forward, data gradient and weight
 * gradient of 4x4 filters with stride 2 and 3x3 filters with stride 1. Transforms, products and
 * what comes back pass through memory, a chunk of tiles at a time, so that the workspace does not
 * grow with the batch. Chunks are told from the geometry alone, and those of a weight gradient are
 * added in order.
 *
 * Workspace: U, the transformed filter (unused if the caller has it ready) or the weight gradient's
 * sums | V, the transformed source | P, the products (a map) or the transformed output gradient (a
 * weight gradient) | workspace of the products. Not here: CPUs (conv2d_winograd.c), products
 * (blas). */
#include <stdio.h>

#include "base/mem.h"
#include "ops/conv2d_winograd.h"
#include "rt/launch.h"

enum {
    ROOM = 16 << 20,  /* floats of V and P together: 64 MiB */
    TILES_MAX = 4096, /* of a chunk: enough for any GPU, and sums over them stay short */
    TILES_STEP = 64,  /* whole tiles of the products */
    GROUP = 128,      /* work-items */
    CHANNELS = 32,    /* of the output transform's groups, times */
    JOINED = 8        /* tiles, a part of batch norm's sums */
};

typedef struct gpu_plan {
    uint32_t m, points, phases;
    uint32_t maps, cin, oc; /* matrices of one map: [tiles,cin] x [cin,oc] */
    uint32_t th, tw;        /* tiles per image */
    uint32_t tiles, chunk;  /* in all, and of a chunk */
    uint32_t shape;         /* of the products' own tiles: clg_gemm.tile */
    uint64_t u_len, v_at, p_at, product_at, total;
} gpu_plan;

/* The products of `tiles` tiles of a map. */
static clg_gemm describe_map(const gpu_plan *p, enum clg_conv_way way, uint32_t tiles)
{
    const bool up = way == CLG_CONV_UP;
    return (clg_gemm){ .tb = up,
                       .m = tiles,
                       .n = p->oc,
                       .k = p->cin,
                       .lda = p->cin,
                       .ldb = up ? p->cin : p->oc,
                       .ldc = p->oc,
                       .alpha = 1.0f,
                       .batch = p->maps * p->points,
                       .stride_a = tiles * p->cin,
                       .stride_b = p->cin * p->oc,
                       .stride_c = tiles * p->oc,
                       .tile = p->shape,
                       .exact = p->m == 4 }; /* whose transforms make an error 50 times as large */
}

/* Those of a weight gradient, added to what is there unless it is the first chunk. */
static clg_gemm describe_wgrad(const gpu_plan *p, uint32_t tiles, bool first)
{
    return (clg_gemm){ .ta = true,
                       .m = p->cin,
                       .n = p->oc,
                       .k = tiles,
                       .lda = p->cin,
                       .ldb = p->oc,
                       .ldc = p->oc,
                       .alpha = 1.0f,
                       .beta = first ? 0.0f : 1.0f,
                       .batch = p->points,
                       .stride_a = tiles * p->cin,
                       .stride_b = tiles * p->oc,
                       .stride_c = p->cin * p->oc,
                       .tile = p->shape,
                       .exact = p->m == 4 };
}

/* The weight gradient's is the one of a map down, but for the products. */
static gpu_plan make_plan(const clg_conv *g, enum clg_conv_way way, enum clg_conv_algo algo)
{
    const bool down = way == CLG_CONV_DOWN;
    const uint32_t taps = g->r / g->stride;
    gpu_plan p = { .m = algo == CLG_CONV_WINOGRAD4 ? 4 : 2, .phases = g->stride * g->stride };
    p.points = (p.m + taps - 1) * (p.m + taps - 1);
    p.maps = down ? 1 : p.phases;
    p.cin = down ? p.phases * g->c : g->k;
    p.oc = clg__conv2d_maps(g, way).oc;
    p.th = clg__ceil_div(down ? g->p : clg__ceil_div(g->h, g->stride), p.m);
    p.tw = clg__ceil_div(down ? g->q : clg__ceil_div(g->w, g->stride), p.m);
    p.tiles = g->n * p.th * p.tw;
    const uint32_t each = p.maps * p.points * (p.cin + p.oc);
    uint32_t most = ROOM / each / TILES_STEP * TILES_STEP;
    most = most > TILES_MAX ? TILES_MAX : most < TILES_STEP ? TILES_STEP : most;
    p.chunk = p.tiles < most ? p.tiles : most;
    const uint64_t matrices = (uint64_t)p.maps * p.points;
    p.u_len = matrices * p.cin * p.oc;
    p.v_at = clg__round_up64(p.u_len, CLG_BATCH_ALIGN);
    p.p_at = p.v_at + clg__round_up64(matrices * p.chunk * p.cin, CLG_BATCH_ALIGN);
    p.product_at = p.p_at + clg__round_up64(matrices * p.chunk * p.oc, CLG_BATCH_ALIGN);
    return p;
}

static gpu_plan plan_map(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                         enum clg_conv_algo algo)
{
    gpu_plan p = make_plan(g, way, algo);
    p.shape = clg__conv_tile_pick(o, g, clg__conv2d_job_of(way), algo);
    const clg_gemm gemm = describe_map(&p, way, p.chunk);
    p.total = p.product_at + clg__gemm_workspace(o->blas, &gemm);
    return p;
}

static gpu_plan plan_wgrad(const clg_ops *o, const clg_conv *g, enum clg_conv_algo algo)
{
    gpu_plan p = make_plan(g, CLG_CONV_DOWN, algo);
    p.shape = clg__conv_tile_pick(o, g, CLG_CONV_JOB_WGRAD, algo);
    const clg_gemm gemm = describe_wgrad(&p, p.chunk, true);
    p.total = p.product_at + clg__gemm_workspace(o->blas, &gemm);
    return p;
}

clg_gemm clg__conv2d_winograd_gpu_gemm(const clg_ops *o, const clg_conv *g, enum clg_conv_job job,
                                       enum clg_conv_algo algo)
{
    const enum clg_conv_way way = clg__conv2d_way_of(job);
    const gpu_plan p =
        job == CLG_CONV_JOB_WGRAD ? plan_wgrad(o, g, algo) : plan_map(o, g, way, algo);
    return job == CLG_CONV_JOB_WGRAD ? describe_wgrad(&p, p.chunk, true)
                                     : describe_map(&p, way, p.chunk);
}

/* ---- launches ---- */

static int get_program_kernel(const clg_ops *o, const clg_conv *g, const gpu_plan *p,
                              enum clg_dtype dtype, const char *name, clg_kernel **k)
{
    const char *store = clg__store_option(dtype);
    char options[64];
    snprintf(options, sizeof options, "-DM=%u -DTAPS=%u%s%s", p->m, g->r / g->stride,
             store[0] ? " " : "", store);
    return clg__kernel_get(o->rt, "winograd_gpu", name, options, k);
}

/* Kernel `name` and its grid: an item for each of `count` elements of `layers` maps or phases. */
static int get_kernel(const clg_ops *o, const clg_conv *g, const gpu_plan *p, enum clg_dtype dtype,
                      const char *name, uint32_t count, uint32_t layers, clg_kernel **k,
                      clg_grid *grid)
{
    const int status = get_program_kernel(o, g, p, dtype, name, k);
    if (status != CLG_OK) {
        return status;
    }
    size_t local = GROUP;
    while (local > 1 && local > clg__kernel_max_work_group(*k)) {
        local /= 2;
    }
    *grid = clg__grid_local(2, (const size_t[3]){ (count + local - 1) / local, layers, 1 },
                            (const size_t[3]){ local, 1, 1 });
    return CLG_OK;
}

/* The output transform: an item for each channel and tile, groups of JOINED tiles. */
static int get_output_kernel(const clg_ops *o, const clg_conv *g, const gpu_plan *p,
                             enum clg_dtype dtype, uint32_t tiles, clg_kernel **k, clg_grid *grid)
{
    const int status = get_program_kernel(o, g, p, dtype, "winograd_gpu_output", k);
    if (status != CLG_OK) {
        return status;
    }
    const size_t most = clg__rt_device(o->rt)->max_work_item[0];
    size_t x = CHANNELS;
    while (x > 1 && (x * JOINED > clg__kernel_max_work_group(*k) || x > most || x / 2 >= p->oc)) {
        x /= 2;
    }
    *grid = clg__grid_local(
        3, (const size_t[3]){ (p->oc + x - 1) / x, clg__ceil_div(tiles, JOINED), p->maps },
        (const size_t[3]){ x, JOINED, 1 });
    return CLG_OK;
}

static int transform_filter(const clg_ops *o, const clg_conv *g, const gpu_plan *p,
                            enum clg_conv_way way, clg_tensor w, clg_tensor u)
{
    const uint32_t count = g->c * g->k;
    clg_kernel *k = NULL;
    clg_grid grid;
    int status = CLG_OK;
    CLG_TRY(get_kernel(o, g, p, w.dtype, "winograd_gpu_filter", count, p->phases, &k, &grid));
    grid.bytes = (double)clg__dtype_size(w.dtype) * (double)clg__conv_w_len(g) +
                 4.0 * (double)p->phases * p->points * count;
    CLG_TRY(clg__launch(o->rt, k, grid,
                        CLG_ARGS(CLG_ARG(w), CLG_ARG(u), CLG_ARG(count), CLG_ARG(g->pad),
                                 CLG_ARG((uint32_t)(way == CLG_CONV_UP)))));
out:
    return status;
}

/* Tiles first .. first + tiles of src to v. */
static int transform_source(const clg_ops *o, const clg_conv *g, const gpu_plan *p,
                            enum clg_conv_way way, clg_tensor src, uint32_t first, uint32_t tiles,
                            clg_tensor v)
{
    const clg_conv_maps m = clg__conv2d_maps(g, way);
    const uint32_t count = tiles * p->cin, up = way == CLG_CONV_UP;
    clg_kernel *k = NULL;
    clg_grid grid;
    int status = CLG_OK;
    CLG_TRY(get_kernel(o, g, p, src.dtype, "winograd_gpu_source", count, p->maps, &k, &grid));
    grid.bytes = (4.0 + (double)clg__dtype_size(src.dtype)) * p->maps * p->points * count;
    CLG_TRY(clg__launch(o->rt, k, grid,
                        CLG_ARGS(CLG_ARG(src), CLG_ARG(v), CLG_ARG(first), CLG_ARG(count),
                                 CLG_ARG(p->th), CLG_ARG(p->tw), CLG_ARG(m.sh), CLG_ARG(m.sw),
                                 CLG_ARG(m.sc), CLG_ARG(p->cin), CLG_ARG(g->pad), CLG_ARG(up))));
out:
    return status;
}

/* The same tiles of the products to dst. */
static int transform_output(const clg_ops *o, const clg_conv *g, const gpu_plan *p,
                            enum clg_conv_way way, clg_tensor products, const clg_epilogue *e,
                            uint32_t first, uint32_t tiles, clg_tensor dst)
{
    const bool up = way == CLG_CONV_UP;
    const clg_conv_maps m = clg__conv2d_maps(g, way);
    const clg_sums *sums = &e->sums;
    const uint32_t kind = clg__sums_kind(sums), has_bias = clg__tensor_is(e->bias);
    const bool back = kind == CLG_SUMS_OF_DY;
    const uint32_t split_tiles = kind == CLG_SUMS_NONE ? p->tiles : p->tiles / sums->groups;
    const double size = (double)clg__dtype_size(dst.dtype) * p->m * p->m;
    clg_kernel *k = NULL;
    clg_grid grid;
    int status = CLG_OK;
    CLG_TRY(get_output_kernel(o, g, p, dst.dtype, tiles, &k, &grid));
    grid.bytes = (4.0 * p->points + (back ? 2.0 : 1.0) * size) * p->maps * tiles * p->oc;
    CLG_TRY(clg__launch(
        o->rt, k, grid,
        CLG_ARGS(CLG_ARG(products), CLG_ARG(e->bias), CLG_ARG(dst), CLG_ARG(first), CLG_ARG(tiles),
                 CLG_ARG(p->th), CLG_ARG(p->tw), CLG_ARG(m.oh), CLG_ARG(m.ow), CLG_ARG(m.oc),
                 CLG_ARG(up ? g->stride : 1u), CLG_ARG(split_tiles), CLG_ARG(has_bias),
                 CLG_ARG((int32_t)(back ? sums->act : e->act)),
                 CLG_ARG(back ? sums->slope : e->slope), CLG_ARG(kind), CLG_ARG(sums->parts),
                 CLG_ARG(sums->x), CLG_ARG(sums->mean), CLG_ARG(sums->invstd),
                 CLG_ARG(sums->weight), CLG_ARG(sums->bias))));
out:
    return status;
}

static int transform_grad(const clg_ops *o, const clg_conv *g, const gpu_plan *p, clg_tensor dy,
                          uint32_t first, uint32_t tiles, clg_tensor w)
{
    const uint32_t count = tiles * g->k;
    clg_kernel *k = NULL;
    clg_grid grid;
    int status = CLG_OK;
    CLG_TRY(get_kernel(o, g, p, dy.dtype, "winograd_gpu_grad", count, 1, &k, &grid));
    grid.bytes = (4.0 * p->points + (double)clg__dtype_size(dy.dtype) * p->m * p->m) * count;
    CLG_TRY(clg__launch(o->rt, k, grid,
                        CLG_ARGS(CLG_ARG(dy), CLG_ARG(w), CLG_ARG(first), CLG_ARG(count),
                                 CLG_ARG(p->th), CLG_ARG(p->tw), CLG_ARG(g->p), CLG_ARG(g->q),
                                 CLG_ARG(g->k))));
out:
    return status;
}

/* dtype: of the weight gradient's operands, so that its three kernels are one program. */
static int transform_taps(const clg_ops *o, const clg_conv *g, const gpu_plan *p,
                          enum clg_dtype dtype, clg_tensor sums, clg_tensor dw)
{
    const uint32_t count = g->c * g->k;
    clg_kernel *k = NULL;
    clg_grid grid;
    int status = CLG_OK;
    CLG_TRY(get_kernel(o, g, p, dtype, "winograd_gpu_taps", count, p->phases, &k, &grid));
    grid.bytes = 4.0 * ((double)p->phases * p->points * count + (double)clg__conv_w_len(g));
    CLG_TRY(clg__launch(o->rt, k, grid, CLG_ARGS(CLG_ARG(sums), CLG_ARG(dw), CLG_ARG(count))));
out:
    return status;
}

/* ---- maps ---- */

uint64_t clg__conv2d_winograd_gpu_workspace(const clg_ops *o, const clg_conv *g,
                                            enum clg_conv_way way, enum clg_conv_algo algo)
{
    return plan_map(o, g, way, algo).total;
}

uint64_t clg__conv2d_winograd_gpu_ready_len(const clg_ops *o, const clg_conv *g,
                                            enum clg_conv_way way, enum clg_conv_algo algo)
{
    (void)o;
    return make_plan(g, way, algo).u_len;
}

int clg__conv2d_winograd_gpu_prepare(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                                     enum clg_conv_algo algo, clg_tensor w, clg_tensor ready)
{
    const gpu_plan p = make_plan(g, way, algo);
    return transform_filter(o, g, &p, way, w, ready);
}

/* A part is of one group's tiles, so those of more than one must be whole parts. */
uint32_t clg__conv2d_winograd_gpu_parts(const clg_conv *g, enum clg_conv_way way,
                                        enum clg_conv_algo algo, uint32_t groups)
{
    const gpu_plan p = make_plan(g, way, algo);
    const uint32_t tiles = p.tiles / groups;
    return groups == 1 || tiles % JOINED == 0 ? p.maps * clg__ceil_div(tiles, JOINED) : 0;
}

/* Parts of the workspace. */
typedef struct gpu_room {
    clg_tensor u, v, p, product;
} gpu_room;

static gpu_room divide(const gpu_plan *p, clg_tensor ws)
{
    const uint64_t product = p->total - p->product_at;
    return (gpu_room){ .u = clg__tensor_vec(ws, 0, (uint32_t)p->u_len),
                       .v = clg__tensor_vec(ws, p->v_at, (uint32_t)(p->p_at - p->v_at)),
                       .p = clg__tensor_vec(ws, p->p_at, (uint32_t)(p->product_at - p->p_at)),
                       .product = product > 0
                                      ? clg__tensor_vec(ws, p->product_at, (uint32_t)product)
                                      : CLG_NO_TENSOR };
}

/* ---- the larger map's transform, kept between two passes ---- */

uint64_t clg__conv2d_winograd_gpu_turned_len(const clg_conv *g, enum clg_conv_algo algo)
{
    const gpu_plan p = make_plan(g, CLG_CONV_DOWN, algo);
    return (uint64_t)p.points * p.tiles * p.cin;
}

/* Where the transform of a source goes: chunk by chunk to one place of the workspace, or one behind
 * the other to what is kept. */
typedef struct gpu_source {
    clg_tensor v;
    bool kept, made;
} gpu_source;

static gpu_source open_source(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                              clg_turned *turned, clg_tensor v)
{
    const uint64_t len = turned != NULL && way == CLG_CONV_DOWN ? clg__conv2d_turned_len(o, g) : 0;
    if (len == 0 || !clg__tensor_is(turned->v) || clg__tensor_len(turned->v) < len) {
        return (gpu_source){ .v = v };
    }
    const gpu_source s = { .v = turned->v, .kept = true, .made = turned->n == g->n };
    turned->n = g->n;
    return s;
}

/* Tiles first .. first + tiles of src, transformed now or before, to *v. */
static int take_source(const clg_ops *o, const clg_conv *g, const gpu_plan *p,
                       enum clg_conv_way way, const gpu_source *s, clg_tensor src, uint32_t first,
                       uint32_t tiles, clg_tensor *v)
{
    const uint32_t row = p->points * p->cin;
    *v = s->kept ? clg__tensor_vec(s->v, (uint64_t)first * row, tiles * row) : s->v;
    return s->made ? CLG_OK : transform_source(o, g, p, way, src, first, tiles, *v);
}

int clg__conv2d_winograd_gpu(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                             enum clg_conv_algo algo, clg_tensor src, clg_filter f,
                             const clg_epilogue *e, clg_tensor dst, clg_tensor ws)
{
    const clg_epilogue end = e != NULL ? *e : (clg_epilogue){ 0 };
    const gpu_plan p = plan_map(o, g, way, algo);
    gpu_room r = divide(&p, ws);
    const gpu_source s = open_source(o, g, way, f.big, r.v);
    int status = CLG_OK;
    if (clg__tensor_is(f.ready)) {
        r.u = f.ready;
    } else {
        CLG_TRY(transform_filter(o, g, &p, way, f.w, r.u));
    }
    for (uint32_t first = 0; first < p.tiles; first += p.chunk) {
        const uint32_t tiles = p.tiles - first < p.chunk ? p.tiles - first : p.chunk;
        const clg_gemm gemm = describe_map(&p, way, tiles);
        CLG_TRY(take_source(o, g, &p, way, &s, src, first, tiles, &r.v));
        CLG_TRY(clg__gemm(o->blas, &gemm, r.v, r.u, r.p, r.product));
        CLG_TRY(transform_output(o, g, &p, way, r.p, &end, first, tiles, dst));
    }
out:
    return status;
}

/* ---- weight gradient ---- */

uint64_t clg__conv2d_winograd_gpu_wgrad_workspace(const clg_ops *o, const clg_conv *g,
                                                  enum clg_conv_algo algo)
{
    return plan_wgrad(o, g, algo).total;
}

int clg__conv2d_winograd_gpu_wgrad(const clg_ops *o, const clg_conv *g, enum clg_conv_algo algo,
                                   clg_tensor big, clg_tensor small, clg_turned *turned,
                                   clg_tensor dw, clg_tensor ws)
{
    const gpu_plan p = plan_wgrad(o, g, algo);
    gpu_room r = divide(&p, ws);
    const gpu_source s = open_source(o, g, CLG_CONV_DOWN, turned, r.v);
    int status = CLG_OK;
    for (uint32_t first = 0; first < p.tiles; first += p.chunk) {
        const uint32_t tiles = p.tiles - first < p.chunk ? p.tiles - first : p.chunk;
        const clg_gemm gemm = describe_wgrad(&p, tiles, first == 0);
        CLG_TRY(take_source(o, g, &p, CLG_CONV_DOWN, &s, big, first, tiles, &r.v));
        CLG_TRY(transform_grad(o, g, &p, small, first, tiles, r.p));
        CLG_TRY(clg__gemm(o->blas, &gemm, r.v, r.p, r.u, r.product));
    }
    CLG_TRY(transform_taps(o, g, &p, big.dtype, r.u, dw));
out:
    return status;
}
