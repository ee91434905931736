/* The builtin back end on CPU devices: which variant of cl/gemm.cl a product gets, and how many
 * work-items. None of these choices changes a bit of the result, but for products one row or
 * column wide, which gemm_dot sums by vectors. The GPU family is in builtin_gpu.c. */
#include <stdio.h>

#include "base/mem.h"
#include "blas/blas_internal.h"

/* A tile of gemm_cpu, one program each, and how the operands lie and are read. */
typedef struct variant {
    uint32_t mr, nv, form;
} variant;

/* Bits of a form: cl/gemm.cl. */
enum { FORM_TA = 1, FORM_TB = 2, FORM_PLACE = 4, FORM_ACROSS = 8, FORM_AHEAD = 16 };

/* A work-item has at most so many rows, so that its part of A stays in a core's cache. */
enum { ROWS_MAX = 512 };
/* And fewer when it keeps the sums of a C of 16 bits: CT in cl/gemm.cl. */
enum { ROWS_KEPT = 128 };
/* Less work than this is not worth a work-item of its own (about a microsecond). */
static const double ITEM_FLOPS = 1e5;
/* Packing a panel pays when so many tiles read it, and it has so many rows: those of B lie far apart. With
 * panels of several cache lines only from more tiles on (Intel, 2 cores, vectors of 16: up to 24 tiles 1.02
 * to 1.1 times as fast in place), unless the rows lie a multiple of ALIAS floats apart, in the same few
 * lines of the first cache (8 tiles of rows 6 KB apart 1.03 times as fast packed, 8 KB 1.7 times). */
enum { PACK_TILES = 8, PACK_TILES_WIDE = 24, ALIAS = 512, PACK_K = 48 };
/* Floats of A from which on it is streamed, columns up to which it is, and rows of a group then, at
 * least. */
enum { STREAM_LEAST = 1 << 20, STREAM_K = 2048, STREAM_ROWS = 64 };
/* Floats of such a group: half of a core's second cache (from 1 MB of it to 2, 1.05 to 1.1 times), between
 * these. */
enum { PART_LEAST = 1 << 16, PART_MOST = 1 << 18 };

/* Rows of a tile of nv vectors. Accumulators, vectors of B and one of A take 28 or 29 of 32 registers
 * with 8 x 3 or 6 x 4 vectors, 19 with 8 x 2; with 16 registers 15 of them with 6 x 2 vectors of 8. */
static uint32_t tile_rows(const clg_builtin *b, uint32_t nv)
{
    return nv > 3 ? 6 : b->vw == 16 ? 8 : b->vw == 8 ? 6 : 4;
}

int clg__builtin_open(clg_builtin *b, clg_rt *rt)
{
    const clg_device_info *d = clg__rt_device(rt);
    *b = (clg_builtin){ .rt = rt,
                        .gpu = clg__rt_family(rt) == CLG_KERNELS_GPU,
                        .units = d->compute_units };
    if (b->gpu) {
        return CLG_OK;
    }
    const uint64_t part = clg__rt_second_cache_bytes(rt) / 2u / sizeof(float);
    b->part = part < PART_LEAST  ? PART_LEAST
              : part > PART_MOST ? PART_MOST
                                 : (uint32_t)part;
    b->vw = clg__rt_vector_width(rt);
    return CLG_OK;
}

enum clg_storage clg__builtin_storage(const clg_product *p)
{
#define CLG_X(id, ab, result, options)                                                             \
    if (p->a.dtype == (ab) && p->b.dtype == (ab) && p->c.dtype == (result)) {                      \
        return id;                                                                                 \
    }
    CLG_STORAGE_LIST(CLG_X)
#undef CLG_X
    return CLG_STORAGE_COUNT;
}

const char *clg__builtin_storage_options(enum clg_storage s)
{
    static const char *const text[CLG_STORAGE_COUNT] = {
#define CLG_X(id, ab, c, options) options,
        CLG_STORAGE_LIST(CLG_X)
#undef CLG_X
    };
    return text[s];
}

uint32_t clg__builtin_ends(const clg_product *p)
{
    return (clg__tensor_is(p->end.bias) ? ENDS_BIAS : 0u) |
           (clg__tensor_is(p->end.y) ? ENDS_GRAD : 0u) |
           (clg__tensor_is(p->end.sums) ? ENDS_SUMS : 0u);
}

/* Compute units do not start together, and drivers hand out items as units come: with 24 each the last
 * to end is late by little, with 8 (or 4 of many units) in larger products, whose panels are packed once
 * for each group of rows (1.02 to 1.05 times, 2 cores). */
static uint32_t wanted_items(const clg_builtin *b, const clg_gemm *g)
{
    const double large = 1e8;
    bool is_large = 2.0 * g->m * g->n * g->k * g->batch > large;
    uint32_t few = 4 * b->units, many = (is_large ? 8 : 24) * b->units;
    return many < 16 ? 16 : many <= 256 ? many : few > 256 ? few : 256;
}

static const char *tile_options(const clg_builtin *b, uint32_t mr, uint32_t nv, enum clg_storage s,
                                char *dst, size_t cap)
{
    snprintf(dst, cap, "-DVW=%u -DNV=%u -DMR=%u%s", b->vw, nv, mr, clg__builtin_storage_options(s));
    return dst;
}

static int find_tile(clg_builtin *b, const variant *v, enum clg_storage s, clg_kernel **out)
{
    clg_kernel **slot = &b->tile[s][v->mr > 1][v->nv - 1u];
    int status = CLG_OK;

    if (*slot == NULL) {
        char options[96];
        CLG_TRY(clg__kernel_get(b->rt, "gemm", "gemm_cpu",
                                tile_options(b, v->mr, v->nv, s, options, sizeof options), slot));
    }
    *out = *slot;
out:
    return status;
}

/* Groups of row tiles, each a work-item per panel: enough items to fill the device, few enough to
 * be worth it. The kernel makes them equal to within a tile. */
static uint32_t pick_groups(const clg_gemm *g, uint32_t mr, uint32_t nr, uint32_t items,
                            uint32_t rows_max)
{
    uint32_t all = clg__ceil_div(g->m, mr);
    uint64_t panels = (uint64_t)clg__ceil_div(g->n, nr) * g->batch;
    uint32_t groups = panels >= items ? 1 : clg__ceil_div(items, (uint32_t)panels);
    uint32_t least = clg__ceil_div(all, rows_max / mr);
    double worth = ITEM_FLOPS / (2.0 * mr * nr * g->k); /* tiles */

    if (groups * worth > all) {
        groups = (uint32_t)(all / worth);
    }
    groups = groups < least ? least : groups;
    return groups > all ? all : groups < 1 ? 1 : groups;
}

/* Is A so large that each panel would fetch it from memory again? Then the panels of a group of its
 * rows are neighbours, and the group is small enough to stay in a core's cache meanwhile. Not where
 * so few rows would be left of it that the panels' packing, once for each group, counts. */
static bool is_streamed(const clg_builtin *b, const clg_gemm *g)
{
    return !g->ta && g->k <= STREAM_K && g->k <= b->part / STREAM_ROWS &&
           (uint64_t)g->m * g->k > STREAM_LEAST;
}

/* Multiplies that tiles of nv vectors make of a matrix, those beyond its edges too. */
static double tile_cost(const clg_builtin *b, const clg_gemm *g, uint32_t nv)
{
    return (double)clg__round_up(g->m, tile_rows(b, nv)) * clg__round_up(g->n, nv * b->vw);
}

/* Three or four vectors where there are 32 registers: two, which load more for each multiply, are 1.03 to
 * 1.1 times as slow (Intel). Three where they save enough: each tile is a program that a new device has to
 * build, for one second, so there is none of its own for few rows (1.2 to 1.4 times as fast, of some 50
 * us), but where the usual one cannot read them. */
static uint32_t pick_vectors(const clg_builtin *b, const clg_gemm *g)
{
    const double gain = 1.035, four = tile_cost(b, g, 4);
    double least = gain * tile_cost(b, g, 2);
    uint32_t best = 2;
    if (g->n < 2 * b->vw) {
        return 1;
    }
    if (b->vw < 16) {
        return 2;
    }
    if (g->n >= 4 * b->vw && four <= least) {
        best = 4;
        least = four;
    }
    return g->n >= 3 * b->vw && gain * tile_cost(b, g, 3) <= least ? 3 : best;
}

static bool is_packed(const clg_builtin *b, const clg_gemm *g, const variant *v, uint32_t groups)
{
    const bool aliased = g->ldb > ALIAS && g->ldb % ALIAS == 0;
    const uint32_t tiles = b->vw < 16 || aliased ? PACK_TILES : PACK_TILES_WIDE;
    return v->mr > 1 && g->k >= PACK_K && g->m >= groups * v->mr * tiles;
}

static variant pick_variant(const clg_builtin *b, const clg_gemm *g, uint32_t rows_max,
                            uint32_t *groups)
{
    const uint32_t nv = pick_vectors(b, g), mr = tile_rows(b, nv);
    const bool short_columns = g->ta && g->m < mr; /* the kernel reads mr of each column of A */
    variant v = { .mr = short_columns ? 1 : mr,
                  .nv = short_columns ? g->n < 4 * b->vw ? 1 : 4 : nv,
                  .form = (g->ta ? FORM_TA : 0) | (g->tb ? FORM_TB : 0) };

    if (g->tb) {
        /* Each group of rows turns the panel again: few groups. */
        *groups = pick_groups(g, v.mr, v.nv * b->vw, 4u * b->units, rows_max);
        return v;
    }
    *groups = pick_groups(g, v.mr, v.nv * b->vw, wanted_items(b, g), rows_max);
    if (is_streamed(b, g)) {
        const uint32_t least = clg__ceil_div(g->m, b->part / g->k);
        *groups = *groups < least ? least : *groups;
        v.form |= FORM_ACROSS;
    }
    if (v.nv > 1 && !is_packed(b, g, &v, *groups)) {
        v.form |= FORM_PLACE;
    }
    if (*groups == 1 && !(v.form & FORM_ACROSS) && (uint64_t)g->k * g->n > b->part) {
        v.form |= FORM_AHEAD;
    }
    return v;
}

/* more: further ENDS_... */
static int run_tiles(clg_builtin *b, const clg_product *p, uint32_t more)
{
    const clg_gemm *g = &p->g;
    uint32_t groups = 1, ends = clg__builtin_ends(p) | more;
    const uint32_t rows_max = p->c.dtype == CLG_F32 ? ROWS_MAX : ROWS_KEPT;
    variant v = pick_variant(b, g, rows_max, &groups);
    clg_kernel *k = NULL;
    int status = CLG_OK;

    CLG_TRY(find_tile(b, &v, clg__builtin_storage(p), &k));
    const uint32_t panels = clg__ceil_div(g->n, v.nv * b->vw);
    const bool across = (v.form & FORM_ACROSS) != 0;
    clg_grid grid = clg__grid(g->batch > 1 ? 3 : 2, across ? panels : groups,
                              across ? groups : panels, g->batch);
    grid.flops = 2.0 * g->m * g->n * g->k * g->batch;
    grid.bytes =
        4.0 * g->batch *
        ((double)g->m * g->k + (double)g->k * g->n + (g->beta != 0.0f ? 2.0 : 1.0) * g->m * g->n);
    CLG_TRY(clg__launch(b->rt, k, grid,
                        CLG_ARGS(CLG_ARG(p->a), CLG_ARG(p->b), CLG_ARG(p->end.bias),
                                 CLG_ARG(p->end.y), CLG_ARG(p->end.sums), CLG_ARG(p->c),
                                 CLG_ARG(g->m), CLG_ARG(g->n), CLG_ARG(g->k), CLG_ARG(g->lda),
                                 CLG_ARG(g->ldb), CLG_ARG(g->ldc), CLG_ARG(groups),
                                 CLG_ARG(g->stride_a), CLG_ARG(g->stride_b), CLG_ARG(g->stride_c),
                                 CLG_ARG(v.form), CLG_ARG(ends), CLG_ARG((int32_t)p->end.act),
                                 CLG_ARG(g->alpha), CLG_ARG(g->beta), CLG_ARG(p->end.slope))));
out:
    return status;
}

/* `m` contiguous rows of p->a times the contiguous vector p->b. */
static int run_dot(clg_builtin *b, const clg_product *p, uint32_t m, uint32_t c_step,
                   uint32_t bias_step)
{
    const clg_gemm *g = &p->g;
    uint32_t ends = clg__builtin_ends(p), rows = clg__ceil_div(m, wanted_items(b, g));
    double worth = ITEM_FLOPS / 8.0 / (2.0 * g->k);
    int status = CLG_OK;

    if (worth > rows) {
        rows = worth > m ? m : (uint32_t)worth;
    }
    clg_kernel **dot = &b->dot[clg__builtin_storage(p)];
    if (*dot == NULL) {
        char options[96]; /* of the most usual tile: it is in the same program */
        const uint32_t nv = b->vw < 16 ? 2 : 4;
        CLG_TRY(clg__kernel_get(
            b->rt, "gemm", "gemm_dot",
            tile_options(b, tile_rows(b, nv), nv, clg__builtin_storage(p), options, sizeof options),
            dot));
    }
    clg_grid grid = clg__grid(g->batch > 1 ? 2 : 1, clg__ceil_div(m, rows), g->batch, 0);
    grid.flops = 2.0 * m * g->k * g->batch;
    grid.bytes = 4.0 * g->batch * ((double)m * g->k + g->k + m);
    CLG_TRY(clg__launch(b->rt, *dot, grid,
                        CLG_ARGS(CLG_ARG(p->a), CLG_ARG(p->b), CLG_ARG(p->end.bias),
                                 CLG_ARG(p->end.y), CLG_ARG(p->c), CLG_ARG(m), CLG_ARG(g->k),
                                 CLG_ARG(g->lda), CLG_ARG(c_step), CLG_ARG(bias_step),
                                 CLG_ARG(rows), CLG_ARG(g->stride_a), CLG_ARG(g->stride_b),
                                 CLG_ARG(g->stride_c), CLG_ARG(ends), CLG_ARG((int32_t)p->end.act),
                                 CLG_ARG(g->alpha), CLG_ARG(g->beta), CLG_ARG(p->end.slope))));
out:
    return status;
}

/* A column stored tight is a row. */
static void lay_flat(clg_gemm *g)
{
    if (g->m == 1 && g->ta && g->lda == 1) {
        g->ta = false;
        g->lda = g->k;
    }
    if (g->k == 1 && g->tb && g->ldb == 1) {
        g->tb = false;
        g->ldb = g->n;
    }
}

/* The product of the transposed matrices, C' = op(B)' op(A)', for a C of one row or column. */
static clg_product transposed(const clg_product *p)
{
    clg_product t = *p;
    t.a = p->b;
    t.b = p->a;
    t.g.ta = !p->g.tb;
    t.g.tb = !p->g.ta;
    t.g.m = p->g.n;
    t.g.n = p->g.m;
    t.g.lda = p->g.ldb;
    t.g.ldb = p->g.lda;
    t.g.stride_a = p->g.stride_b;
    t.g.stride_b = p->g.stride_a;
    return t;
}

int clg__builtin_run(clg_builtin *b, const clg_product *given, clg_tensor ws)
{
    clg_product p = *given;
    clg_gemm *g = &p.g;

    if (b->gpu) {
        return clg__builtin_gpu_run(b, given, ws);
    }
    if (g->n == 1 && !g->ta && (g->tb || g->ldb == 1)) {
        return run_dot(b, &p, g->m, g->ldc, 0);
    }
    if (g->m == 1 && g->tb && (!g->ta || g->lda == 1)) {
        clg_product t = transposed(&p);
        return run_dot(b, &t, g->n, 1, 1);
    }
    if (g->n == 1 && g->ta && g->ldc == 1 && !clg__tensor_is(p.end.bias)) {
        clg_product t = transposed(&p); /* a row that is contiguous, instead of a column */
        t.g.ldc = t.g.n;
        lay_flat(&t.g);
        return run_tiles(b, &t, ENDS_TURNED);
    }
    lay_flat(g);
    return run_tiles(b, &p, 0);
}
