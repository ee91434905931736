/* The shapes of cl/gpu_tile.clh's tiles and the rule that chooses between them. */
#include "blas/tile.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "blas/blas_internal.h"

/* Every shape that multiplies floats gives the same bits; tests/ops/test_tiles.c runs each. Items
 * have 4 rows side by side, and tiles a multiple of 32 rows: the parts of cl/conv2d_tile.cl's sums.
 *
 * What ptxas 13 (sm_90) makes of a step of KS = 8 with loads of 4, from the PTX of clang 15: 512
 * multiply-adds of 598 to 651 instructions for items of 8x8 sums, 256 of 357 to 390 for 8x4, 128 of
 * 198 to 210 for 4x4, the reads of local memory (4, 3 and 2 per term, of 16 bytes) among them; 128
 * to 163 registers for 8x8, 94 to 99 for 8x4, 64 to 72 for 4x4, and none is spilled. (4x4 tiles
 * with scalar reads: 256 of 537 to 600, 128 of them reads, which bound it.) LLVM 15 for gfx90a: 256
 * packed multiply-adds of 356 to 371, 118 to 145 registers; for gfx1030 512 of 597 to 702, 109 to
 * 142. So two to six groups are resident on a unit, but for 128 x 128 on NVIDIA one of 8 warps,
 * whose 64 independent sums each hide the latencies.
 *
 * Intel's GPUs have 128 registers of 32 bytes for the lanes of a thread: with 8x8 sums an item the
 * compiler (IGC 1.0.12504 for skl, tgllp and dg2) spills 4 to 7 KB, and gives up and keeps the sums
 * in memory. Items of 8x4 take 32 of the registers with 8 lanes, and their loop spills nothing
 * (conv2d_tile's end does, up to 2.8 KB). On pvc, whose registers are twice as large, 16 lanes spill
 * up to 4 KB in conv2d_tile and .5 KB in the others.
 *
 * On tensor cores (cl/gpu_tile_mma.clh) a step of 16 terms is 32 mma.sync of each warp; 170
 * registers for 128x128, 250 to 255 for conv2d_tile and for 64x32, on sm_80 and sm_90, and none is
 * spilled. */
#define SHAPE(x, y, m, n, k)                                                                       \
    {                                                                                              \
        .tx = (x), .ty = (y), .rm = (m), .rn = (n), .ks = (k)                                      \
    }
static const clg_tile shapes[CLG_TILE_COUNT] = {
    SHAPE(16, 16, 8, 8, 8), /* 128 rows x 128 columns */
    SHAPE(8, 16, 8, 8, 8),  /* 128 x 64 */
    SHAPE(16, 8, 8, 8, 8),  /* 64 x 128 */
    SHAPE(8, 8, 8, 8, 8),   /* 64 x 64 */
    SHAPE(8, 8, 8, 4, 8),   /* 64 x 32 */
    SHAPE(8, 8, 4, 4, 8),   /* 32 x 32 */
    SHAPE(2, 32, 4, 4, 8),  /* 128 x 8: few channels */
    SHAPE(1, 64, 4, 4, 8),  /* 256 x 4: colours */
    SHAPE(4, 4, 8, 4, 8),   /* 32 x 16: little local memory, small groups */
    SHAPE(1, 1, 32, 4, 4),  /* 32 x 4: anything */
};

enum {
    FULL = 256,       /* work-items that keep a compute unit busy */
    LOAD_COST = 8,    /* a float from global memory, in multiply-adds of a compute unit's lanes */
    EUS_PER_UNIT = 8, /* Intel counts execution units, of which so many share local memory */
    INTEL_SUMS = 32,
    MMA_DEPTH = 16,   /* terms of a step of tensor cores: two of their blocks between barriers */
    MMA_GAIN = 4, /* how much faster they are taken to be: 8 times in data centres, 1 to 2 in PCs */
    PART_MAX = 64,
    GROUPS_WANTED = 256,  /* that fill a large GPU */
    PART_DEPTH = 256,     /* terms of a part, at least */
    PART_FLOATS = 4 << 20 /* of all parts together */
};

/* What each way needs: lanes of a sub-group, local memory of each item beside the tiles. */
static const struct {
    uint32_t lanes, item_floats;
    const char *options;
} ways[CLG_MULTIPLY_COUNT] = {
    [CLG_MULTIPLY_PLAIN] = { 0, 0, "" },
    [CLG_MULTIPLY_MMA] = { 0, 0, " -DMMA=1" },
    [CLG_MULTIPLY_MMA_PORTABLE] = { 0, 6, " -DMMA=2" },
    [CLG_MULTIPLY_LANES8] = { 8, 0, " -DSUB_LANES=8" },
    [CLG_MULTIPLY_LANES16] = { 16, 0, " -DSUB_LANES=16" },
    [CLG_MULTIPLY_LANES8_PORTABLE] = { 8, 1, " -DSUB_LANES=8 -DSUB_PORTABLE" },
    [CLG_MULTIPLY_LANES16_PORTABLE] = { 16, 1, " -DSUB_LANES=16 -DSUB_PORTABLE" },
};

static uint64_t local_bytes(const clg_tile *t)
{
    return 8ull * t->ks * (t->tx * t->rn + t->ty * t->rm + 8u) +
           4ull * t->tx * t->ty * ways[t->multiply].item_floats;
}

static bool is_intel(const clg_device_info *d)
{
    return d->type == CLG_DEVICE_GPU && strstr(d->vendor, "Intel") != NULL;
}

/* Shape i as this device and job have it. On Intel's GPUs, and with sub-groups, items have at most
 * INTEL_SUMS sums. Sub-groups lie along a tile's columns. cl/gpu_tile_mma.clh takes shapes of 64 rows
 * and more, by items of 8x8 sums, so that 64 x 32 is one warp. */
static clg_tile get_shape(const clg_device_info *d, uint32_t i, const clg_tile_job *j)
{
    clg_tile t = shapes[i];
    const uint32_t lanes = ways[j->multiply].lanes, sums = t.rm * t.rn;
    if (clg__multiplies_tf32(j->multiply)) {
        if (t.ty >= 8 && t.rm == 8 && j->depth >= t.ks) {
            t.multiply = j->multiply;
            t.tx = t.tx * t.rn / 8u;
            t.rn = 8;
            t.ks = MMA_DEPTH;
        }
        return t;
    }
    if ((is_intel(d) || lanes > 0) && sums > INTEL_SUMS && t.tx > 1) {
        t.tx *= sums / INTEL_SUMS;
        t.rn /= sums / INTEL_SUMS;
    }
    if (lanes > 0 && t.tx % lanes == 0) {
        t.multiply = j->multiply;
    }
    return t;
}

/* In the local memory of steps of ks terms the items of cl/conv2d_tile.cl leave two float4 each. */
static bool has_room(const clg_tile *t, uint32_t ks)
{
    return 4 * t->tx * t->ty <= ks * (t->tx * t->rn + t->ty * t->rm + 8u);
}

static bool allows(const clg_device_info *d, const clg_tile *t)
{
    const size_t items = (size_t)t->tx * t->ty;
    return items <= d->max_work_group && items <= d->max_work_item[0] &&
           local_bytes(t) <= d->local_mem_bytes;
}

uint32_t clg__tile_rows(const clg_tile *t, const clg_tile_job *j)
{
    return clg__ceil_div(j->rows, t->ty * t->rm);
}

uint32_t clg__tile_cols(const clg_tile *t, const clg_tile_job *j)
{
    return clg__ceil_div(j->cols, t->tx * t->rn);
}

/* Time of a job per unit of depth, in multiply-adds of one lane of each compute unit. An item's
 * rm*rn multiply-adds come with rm + rn reads of local memory (rm of them shared by a sub-group's
 * lanes), a group's with loads of its edges.
 * Units take groups in turns; one with fewer than FULL items in flight waits for latencies as if it
 * had FULL. Not measured on a GPU: FULL and LOAD_COST are of data sheets. */
static double estimate(const clg_tile *t, const clg_tile_job *j, uint32_t units)
{
    const double groups = (double)clg__tile_rows(t, j) * clg__tile_cols(t, j) * j->count;
    const uint32_t lanes = ways[t->multiply].lanes;
    const double gain = clg__multiplies_tf32(t->multiply) ? MMA_GAIN : 1.0;
    const double reads = t->rn + (double)t->rm / (lanes > 0 ? lanes : 1);
    const double item = (t->rm * t->rn + reads) / gain;
    const double group = t->tx * t->ty * item + LOAD_COST * (t->tx * t->rn + t->ty * t->rm);
    const double turns = (double)(uint64_t)((groups + units - 1.0) / units);
    const double alone = FULL * item;
    return turns * group > alone ? turns * group : alone;
}

/* The order is by cost and, between equals, by place in the table; the smallest is last. */
uint32_t clg__tile_order(const clg_device_info *d, const clg_tile_job *j,
                         clg_tile order[CLG_TILE_COUNT])
{
    const uint32_t counted = is_intel(d) ? d->compute_units / EUS_PER_UNIT : d->compute_units;
    const uint32_t units = counted > 0 ? counted : 1;
    double cost[CLG_TILE_COUNT];
    uint32_t n = 0;

    for (uint32_t i = 0; i + 1 < CLG_TILE_COUNT; i++) {
        const clg_tile t = get_shape(d, i, j);
        if (!allows(d, &t) || (j->forced > 0 && j->forced != i + 1)) {
            continue;
        }
        const double mine = estimate(&t, j, units);
        uint32_t at = n++;
        for (; at > 0 && cost[at - 1] > mine; at--) {
            cost[at] = cost[at - 1];
            order[at] = order[at - 1];
        }
        cost[at] = mine;
        order[at] = t;
    }
    order[n++] = shapes[CLG_TILE_COUNT - 1];
    for (uint32_t i = 0; i < n && j->depth <= 4; i++) {
        order[i].ks = has_room(&order[i], 4) ? 4 : order[i].ks;
    }
    return n;
}

uint32_t clg__tile_find(uint32_t rows, uint32_t cols)
{
    uint32_t i = 0;
    while (i < CLG_TILE_COUNT &&
           (shapes[i].ty * shapes[i].rm != rows || shapes[i].tx * shapes[i].rn != cols)) {
        i++;
    }
    return i < CLG_TILE_COUNT ? i + 1u : 0;
}

const char *clg__tile_name(uint32_t number, char dst[CLG_TILE_NAME_LEN])
{
    const clg_tile *t = &shapes[number - 1u];
    (void)snprintf(dst, CLG_TILE_NAME_LEN, "tile%ux%u", t->ty * t->rm, t->tx * t->rn);
    return dst;
}

bool clg__tile_allowed(const clg_device_info *d, uint32_t number)
{
    const clg_tile_job plain = { .multiply = CLG_MULTIPLY_PLAIN };
    if (number == 0 || number > CLG_TILE_COUNT) {
        return false;
    }
    const clg_tile t = get_shape(d, number - 1u, &plain);
    return number == CLG_TILE_COUNT || allows(d, &t);
}

uint32_t clg__tile_numbers(const clg_device_info *d, const clg_tile_job *j,
                           uint32_t number[CLG_TILE_COUNT])
{
    clg_tile order[CLG_TILE_COUNT];
    const uint32_t n = clg__tile_order(d, j, order);
    for (uint32_t i = 0; i < n; i++) {
        number[i] = clg__tile_find(order[i].ty * order[i].rm, order[i].tx * order[i].rn);
    }
    return n;
}

int clg__tile_kernel(clg_rt *rt, const char *name, const clg_tile_job *j, const char *extra,
                     clg_tile *tile, clg_kernel **out)
{
    clg_tile order[CLG_TILE_COUNT];
    const uint32_t n = clg__tile_order(clg__rt_device(rt), j, order);
    size_t most = SIZE_MAX; /* work-items: a refused build tells what the next ones may have */

    for (uint32_t i = 0; i < n; i++) {
        const clg_tile *t = &order[i];
        const size_t items = (size_t)t->tx * t->ty;
        char options[192];
        if (items > most) {
            continue;
        }
        snprintf(options, sizeof options,
                 "-DTX=%u -DTY=%u -DRM=%u -DRN=%u -DKS=%u -DRW=%d -DCW=%d%s%s", t->tx, t->ty, t->rm,
                 t->rn, t->ks, j->wide_rows ? 4 : 1, j->wide_cols ? 4 : 1,
                 ways[t->multiply].options, extra);
        const int status = clg__kernel_get(rt, name, name, options, out);
        if (status != CLG_OK) {
            return status;
        }
        most = clg__kernel_max_work_group(*out);
        if (items <= most) {
            *tile = *t;
            return CLG_OK;
        }
    }
    return clg__fail(CLG_E_DEVICE,
                     "%s: %s cannot run a work-group of one item with %u bytes of "
                     "local memory",
                     name, clg__rt_device(rt)->name,
                     (unsigned)local_bytes(&shapes[CLG_TILE_COUNT - 1]));
}

clg_grid clg__tile_grid(const clg_tile *t, const clg_tile_job *j)
{
    const size_t groups = (size_t)clg__tile_rows(t, j) * clg__tile_cols(t, j) * j->count;
    return clg__grid_local(1, (const size_t[3]){ groups, 1, 1 },
                           (const size_t[3]){ (size_t)t->tx * t->ty, 1, 1 });
}

/* ---- parts ---- */

uint32_t clg__tile_parts(uint32_t rows, uint32_t cols, uint32_t depth)
{
    const uint64_t tiles = (uint64_t)clg__ceil_div(rows, 64) * clg__ceil_div(cols, 64);
    const uint64_t most = depth / PART_DEPTH, room = PART_FLOATS / ((uint64_t)rows * cols);
    uint64_t parts = (GROUPS_WANTED + tiles - 1) / tiles;
    parts = parts > most ? most : parts;
    parts = parts > room ? room : parts;
    parts = parts > PART_MAX ? PART_MAX : parts < 1 ? 1 : parts;
    return clg__ceil_div(depth, clg__tile_part_depth(depth, (uint32_t)parts));
}

/* parts <= GROUPS_WANTED / tiles + 1, and tiles >= rows*cols / 64^2. */
uint64_t clg__tile_parts_most(uint32_t rows, uint32_t cols, uint32_t depth)
{
    const uint64_t len = (uint64_t)rows * cols, most = depth / PART_DEPTH;
    const uint64_t by_tiles = len + cols + GROUPS_WANTED * 64ull * 65ull;
    const uint64_t by_depth = (len + cols) * (most < PART_MAX ? most : PART_MAX);
    return most < 2 ? 0 : by_depth < by_tiles ? by_depth : by_tiles;
}

uint32_t clg__tile_part_depth(uint32_t depth, uint32_t parts)
{
    return clg__ceil_div(clg__ceil_div(depth, parts), 16) * 16;
}

int clg__tile_end(clg_rt *rt, const clg_product *p, clg_tensor part, uint32_t parts)
{
    enum { LOCAL = 64 };
    const clg_gemm *g = &p->g;
    const uint32_t ends = clg__builtin_ends(p), len = g->m * g->n;
    clg_kernel *k = NULL;
    int status = CLG_OK;
    CLG_TRY(clg__kernel_get(rt, "tile_sum", "tile_sum",
                            p->c.dtype == CLG_F16    ? "-DSTORE=1"
                            : p->c.dtype == CLG_BF16 ? "-DSTORE=2"
                                                     : "",
                            &k));
    const size_t local = clg__kernel_max_work_group(k) < LOCAL ? 1 : LOCAL;
    clg_grid grid = clg__grid_local(1, (const size_t[3]){ (len + local - 1) / local, 1, 1 },
                                    (const size_t[3]){ local, 1, 1 });
    grid.bytes = 4.0 * len * (parts + 1.0);
    CLG_TRY(clg__launch(rt, k, grid,
                        CLG_ARGS(CLG_ARG(part), CLG_ARG(p->end.bias), CLG_ARG(p->end.y),
                                 CLG_ARG(p->c), CLG_ARG(g->m), CLG_ARG(g->n), CLG_ARG(g->ldc),
                                 CLG_ARG(parts), CLG_ARG(ends), CLG_ARG((int32_t)p->end.act),
                                 CLG_ARG(g->alpha), CLG_ARG(g->beta), CLG_ARG(p->end.slope))));
out:
    return status;
}

int clg__tile_sum(clg_rt *rt, clg_tensor part, uint32_t len, uint32_t parts, clg_tensor y)
{
    const clg_product p = { .g = { .m = 1, .n = len, .ldc = len, .alpha = 1.0f }, .c = y };
    return clg__tile_end(rt, &p, part, parts);
}
