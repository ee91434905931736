/* Launch shapes of the memory-bound operators. */
#include "ops/launch_shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum {
    CPU_VECTOR = 16,
    CPU_SLICE_VECTORS = 4,
    SMALL_VECTOR = 4, /* for CPU drivers that take vectors apart: less code, same speed */
    CPU_ITEM = 4096,  /* elements per work-item: 16 KiB, enough to forget the cost of an item */
    ITEM_TURNS = 16384, /* of loops in a work-item */
    GPU_VECTOR = 4,
    GPU_GROUP = 256,
    GPU_COLUMNS = 32, /* 128 bytes side by side */
    GPU_FEW_COLUMNS = 4,
    CHUNK_ROWS_SMALL = 128,
    CHUNK_ROWS = 256,
    MANY_ROWS = 8192,
    MAX_CHUNKS = 1024
};

static bool is_gpu(const clg_ops *o)
{
    return clg__rt_family(o->rt) == CLG_KERNELS_GPU;
}

/* Floats per vector of the CPU family. */
static uint32_t cpu_vector(const clg_ops *o)
{
    return clg__rt_device(o->rt)->vector_width_float >= 4 ? CPU_VECTOR : SMALL_VECTOR;
}

/* Kernel `name` with work-items that own `per_item` elements. */
static int get_elementwise(const clg_ops *o, const char *file, const char *name, const char *extra,
                           uint32_t n, uint32_t per_item, clg_elementwise *out)
{
    bool gpu = is_gpu(o);
    uint32_t vector = gpu ? GPU_VECTOR : cpu_vector(o), items = gpu ? 1 : CPU_ITEM / vector;
    char options[96];
    snprintf(options, sizeof options, "-DVW=%u -DITEMS=%u%s%s", vector, items, extra[0] ? " " : "",
             extra);
    int status = clg__kernel_get(o->rt, file, name, options, &out->kernel);
    if (status != CLG_OK) {
        return status;
    }
    size_t work = clg__ceil_div(n, per_item);
    if (gpu) {
        size_t local = 1, most = clg__kernel_max_work_group(out->kernel);
        while (local < GPU_GROUP && local * 2 <= most) {
            local *= 2;
        }
        const size_t groups[3] = { (work + local - 1) / local, 1, 1 };
        out->grid = clg__grid_local(1, groups, (const size_t[3]){ local, 1, 1 });
    } else {
        out->grid = clg__grid(1, work, 0, 0);
    }
    out->per_item = per_item;
    return CLG_OK;
}

int clg__elementwise(const clg_ops *o, const char *file, const char *name, const char *extra,
                     uint32_t n, double flops_each, double bytes_each, clg_elementwise *out)
{
    int status = get_elementwise(o, file, name, extra, n, is_gpu(o) ? GPU_VECTOR : CPU_ITEM, out);
    out->grid.flops = flops_each * n;
    out->grid.bytes = bytes_each * n;
    return status;
}

int clg__elementwise_loops(const clg_ops *o, const char *file, const char *name, const char *extra,
                           uint32_t n, uint32_t turns, double flops_each, double bytes_each,
                           clg_elementwise *out)
{
    uint32_t vector = is_gpu(o) ? GPU_VECTOR : cpu_vector(o);
    uint32_t per_item = ITEM_TURNS / (turns > 0 ? turns : 1) / vector * vector;
    uint32_t most = is_gpu(o) ? GPU_VECTOR : CPU_ITEM;
    per_item = per_item < vector ? vector : per_item > most ? most : per_item;
    int status = get_elementwise(o, file, name, extra, n, per_item, out);
    out->grid.flops = flops_each * n;
    out->grid.bytes = bytes_each * n;
    return status;
}

/* The widest group for `cols` columns that the device allows. Only three shapes, as some drivers
 * compile again for each. */
static void choose_group(const clg_device_info *d, uint32_t cols, clg_row_kernel *k)
{
    k->x = cols == 1 ? 1 : cols <= GPU_FEW_COLUMNS ? GPU_FEW_COLUMNS : GPU_COLUMNS;
    while (k->x > 1 && (k->x > d->max_work_item[0] || k->x > d->max_work_group)) {
        k->x /= 2;
    }
    k->y = GPU_GROUP / k->x;
    while (k->y > 1 &&
           (k->y > d->max_work_item[1] || (size_t)k->x * k->y > d->max_work_group)) {
        k->y /= 2;
    }
}

/* A kernel may allow less than the device does: then the group is cut to what this one allows. */
static int get_group_kernel(const clg_ops *o, const char *file, const char *name, const char *extra,
                            clg_row_kernel *k)
{
    for (;;) {
        char options[96];
        snprintf(options, sizeof options, "-DVW=1 -DSV=1 -DRED_X=%" PRIu32 " -DRED_Y=%" PRIu32
                 "%s%s", k->x, k->y, extra[0] ? " " : "", extra);
        int status = clg__kernel_get(o->rt, file, name, options, &k->kernel);
        if (status != CLG_OK) {
            return status;
        }
        size_t most = clg__kernel_max_work_group(k->kernel);
        if ((size_t)k->x * k->y <= most) {
            return CLG_OK;
        }
        if (most == 0) {
            return clg__fail(CLG_E_DEVICE, "%s: the device takes no work-group of one item", name);
        }
        while (k->y > 1 && (size_t)k->x * k->y > most) {
            k->y /= 2;
        }
        while (k->x > most) {
            k->x /= 2;
        }
    }
}

int clg__row_kernel(const clg_ops *o, const char *file, const char *name, const char *extra,
                    uint32_t cols, clg_row_kernel *out)
{
    if (is_gpu(o)) {
        *out = (clg_row_kernel){ 0 };
        choose_group(clg__rt_device(o->rt), cols, out);
        int status = get_group_kernel(o, file, name, extra, out);
        out->columns = out->x;
        out->vector = out->x;
        return status;
    }
    uint32_t vector = cpu_vector(o), slice = vector == CPU_VECTOR ? CPU_SLICE_VECTORS : 1;
    *out = (clg_row_kernel){ .columns = vector * slice, .vector = vector };
    char options[96];
    snprintf(options, sizeof options, "-DVW=%" PRIu32 " -DSV=%" PRIu32 "%s%s", vector, slice,
             extra[0] ? " " : "", extra);
    return clg__kernel_get(o->rt, file, name, options, &out->kernel);
}

clg_grid clg__row_grid(const clg_row_kernel *k, size_t slices, size_t last, double flops,
                       double bytes)
{
    clg_grid grid;
    if (k->x == 0) {
        grid = clg__grid(3, slices, 1, last);
    } else {
        grid = clg__grid_local(3, (const size_t[3]){ slices, 1, last },
                               (const size_t[3]){ k->x, k->y, 1 });
    }
    grid.flops = flops;
    grid.bytes = bytes;
    return grid;
}

clg_chunks clg__row_chunks(uint32_t rows)
{
    uint32_t chunk = rows;
    if (rows > CHUNK_ROWS) {
        chunk = rows <= MANY_ROWS ? CHUNK_ROWS_SMALL : CHUNK_ROWS;
        uint32_t least = clg__ceil_div(rows, MAX_CHUNKS);
        chunk = chunk > least ? chunk : least;
    }
    return (clg_chunks){ .count = clg__ceil_div(rows, chunk), .rows = chunk };
}

int clg__want(const char *op, const char *name, clg_tensor t, enum clg_dtype dtype, uint64_t len)
{
    static const char *const types[] = { "float", "uchar", "uint", "half", "bfloat16" };
    if (!clg__tensor_is(t)) {
        return clg__fail(CLG_E_INTERNAL, "%s: %s is missing", op, name);
    }
    if (t.dtype != dtype) {
        return clg__fail(CLG_E_INTERNAL, "%s: %s is %s, wants %s", op, name, types[t.dtype],
                         types[dtype]);
    }
    if (clg__tensor_len(t) != len) {
        return clg__fail(CLG_E_INTERNAL, "%s: %s has %" PRIu64 " elements, wants %" PRIu64, op, name,
                         clg__tensor_len(t), len);
    }
    return CLG_OK;
}

int clg__want_maybe(const char *op, const char *name, clg_tensor t, enum clg_dtype dtype,
                    uint64_t len)
{
    return clg__tensor_is(t) ? clg__want(op, name, t, dtype, len) : CLG_OK;
}

int clg__want_store(const char *op, const char *name, clg_tensor t, enum clg_dtype dtype,
                    uint64_t len)
{
    if (dtype == CLG_U8 || dtype == CLG_U32) {
        return clg__fail(CLG_E_INTERNAL, "%s: %s is %s, wants float, half or bfloat16", op, name,
                         dtype == CLG_U8 ? "uchar" : "uint");
    }
    return clg__want(op, name, t, dtype, len);
}

int clg__want_ws(const char *op, clg_tensor ws, uint64_t len)
{
    uint64_t have = clg__tensor_is(ws) ? clg__tensor_len(ws) : 0;
    if (have < len || (len != 0 && ws.dtype != CLG_F32)) {
        return clg__fail(CLG_E_INTERNAL, "%s: workspace has %" PRIu64 " floats, wants %" PRIu64, op,
                         have, len);
    }
    return CLG_OK;
}
