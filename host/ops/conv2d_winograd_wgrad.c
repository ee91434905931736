/* Winograd weight gradient on CPU devices (cl/winograd_wgrad.cl). The batch is walked in chunks of
 * about TILES tiles, whose transforms stay in cache, or more where one row of them is short:
 * launches take their time too. Chunks are added in order and depend on the geometry alone.
 *
 * Workspace: a row of zeros | transformed source | transformed output gradient of a chunk. */
#include "base/mem.h"
#include "ops/conv2d_winograd.h"
#include "rt/launch.h"

enum {
    TILES = 256,
    PLANE = 65536 /* floats of one of the T*T products' operands, with stride 1 */
};

typedef struct wgrad_plan {
    clg_winograd_tile t;
    uint32_t th, tw, chunk; /* tiles per image; images per chunk */
    uint32_t rows, panels;
    uint64_t source_at, grad_at, total;
} wgrad_plan;

static wgrad_plan make_plan(const clg_ops *o, const clg_conv *g, enum clg_conv_algo algo)
{
    wgrad_plan p = { .t = clg__winograd_tile(o, g, algo, g->k) };
    p.rows = p.t.phases * g->c;
    const uint32_t nr = p.t.nv * p.t.vw;
    p.th = clg__ceil_div(g->p, p.t.m);
    p.tw = clg__ceil_div(g->q, p.t.m);
    p.panels = clg__ceil_div(g->k, nr);
    const uint32_t wide = PLANE / (p.rows + g->k);
    const uint32_t chunk = (g->stride == 1 && wide > TILES ? wide : TILES) / (p.th * p.tw);
    p.chunk = chunk < 1 ? 1 : chunk > g->n ? g->n : chunk;
    const uint64_t tiles = (uint64_t)p.chunk * p.th * p.tw;
    p.source_at = g->c > g->k ? g->c : g->k;
    p.grad_at = p.source_at + p.t.points * tiles * p.rows;
    p.total = p.grad_at + p.t.points * tiles * p.panels * nr;
    return p;
}

uint64_t clg__conv2d_winograd_wgrad_workspace(const clg_ops *o, const clg_conv *g,
                                              enum clg_conv_algo algo)
{
    return make_plan(o, g, algo).total;
}

static int get_kernel(const clg_ops *o, const wgrad_plan *p, enum clg_dtype dtype, const char *name,
                      clg_kernel **k)
{
    char options[CLG_WINOGRAD_OPTIONS_MAX];
    clg__winograd_options(&p->t, dtype, options);
    return clg__kernel_get(o->rt, "winograd_wgrad", name, options, k);
}

typedef struct wgrad_io {
    clg_tensor big, small, zeros, v, w, dw;
} wgrad_io;

/* Both transforms of images image0 .. . */
static int transform_chunk(const clg_ops *o, const clg_conv *g, const wgrad_plan *p,
                           const wgrad_io *io, uint32_t image0, uint32_t images)
{
    const uint32_t tiles = images * p->th * p->tw;
    const double stored = clg__dtype_size(io->big.dtype);
    clg_kernel *source = NULL, *grad = NULL;
    int status = CLG_OK;
    CLG_TRY(get_kernel(o, p, io->big.dtype, "winograd_source", &source));
    CLG_TRY(get_kernel(o, p, io->big.dtype, "winograd_grad", &grad));
    clg_grid grid = clg__grid(2, images * p->th, p->t.phases, 0);
    grid.bytes = 4.0 * p->t.points * tiles * p->rows + stored * images * g->h * g->w * g->c;
    CLG_TRY(clg__launch(o->rt, source, grid,
                        CLG_ARGS(CLG_ARG(io->big), CLG_ARG(io->zeros), CLG_ARG(io->v),
                                 CLG_ARG(image0), CLG_ARG(g->h), CLG_ARG(g->w), CLG_ARG(g->c),
                                 CLG_ARG(p->th), CLG_ARG(p->tw), CLG_ARG(g->pad), CLG_ARG(tiles))));
    grid = clg__grid(1, images * p->th, 0, 0);
    grid.bytes = 4.0 * p->t.points * tiles * g->k + stored * images * g->p * g->q * g->k;
    CLG_TRY(
        clg__launch(o->rt, grad, grid,
                    CLG_ARGS(CLG_ARG(io->small), CLG_ARG(io->zeros), CLG_ARG(io->w),
                             CLG_ARG(image0), CLG_ARG(g->p), CLG_ARG(g->q), CLG_ARG(g->k),
                             CLG_ARG(p->th), CLG_ARG(p->tw), CLG_ARG(p->panels), CLG_ARG(tiles))));
out:
    return status;
}

static int multiply_chunk(const clg_ops *o, const clg_conv *g, const wgrad_plan *p,
                          const wgrad_io *io, uint32_t images, bool first)
{
    const uint32_t tiles = images * p->th * p->tw;
    clg_kernel *k = NULL;
    const int status = get_kernel(o, p, io->big.dtype, "winograd_wgrad", &k);
    if (status != CLG_OK) {
        return status;
    }
    clg_grid grid = clg__grid(2, clg__ceil_div(p->rows, p->t.groups * p->t.mr), p->panels, 0);
    grid.flops = 2.0 * p->t.points * tiles * p->rows * g->k;
    grid.bytes = 4.0 * p->t.points * tiles * (p->rows + g->k) + 4.0 * (double)clg__conv_w_len(g);
    return clg__launch(o->rt, k, grid,
                       CLG_ARGS(CLG_ARG(io->v), CLG_ARG(io->w), CLG_ARG(io->dw), CLG_ARG(g->c),
                                CLG_ARG(g->k), CLG_ARG(tiles), CLG_ARG(p->panels),
                                CLG_ARG((uint32_t)first)));
}

int clg__conv2d_winograd_wgrad(const clg_ops *o, const clg_conv *g, enum clg_conv_algo algo,
                               clg_tensor big, clg_tensor small, clg_tensor dw, clg_tensor ws)
{
    const wgrad_plan p = make_plan(o, g, algo);
    const clg_tensor zeros = clg__tensor_vec(ws, 0, (uint32_t)p.source_at);
    const wgrad_io io = {
        .big = big,
        .small = small,
        .dw = dw,
        .zeros = clg__tensor_as(zeros, big.dtype),
        .v = clg__tensor_vec(ws, p.source_at, (uint32_t)(p.grad_at - p.source_at)),
        .w = clg__tensor_vec(ws, p.grad_at, (uint32_t)(p.total - p.grad_at)),
    };
    int status = CLG_OK;
    CLG_TRY(clg__rt_zero(o->rt, zeros));
    for (uint32_t n0 = 0; n0 < g->n; n0 += p.chunk) {
        const uint32_t images = g->n - n0 < p.chunk ? g->n - n0 : p.chunk;
        CLG_TRY(transform_chunk(o, g, &p, &io, n0, images));
        CLG_TRY(multiply_chunk(o, g, &p, &io, images, n0 == 0));
    }
out:
    return status;
}
