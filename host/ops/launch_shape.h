/* Launch shapes of the memory-bound operators: which -D a kernel file gets per family, and the grid
 * that goes with it. Two forms: element-wise kernels, and kernels that sum over the rows of a
 * matrix (common.clh: VW, ITEMS, SV, RED_X, RED_Y). Not here: conv and gemm tiles. */
#ifndef CLG_OPS_LAUNCH_SHAPE_H
#define CLG_OPS_LAUNCH_SHAPE_H

#include "ops/ops.h"
#include "rt/launch.h"

/* ---- element-wise: work-item i owns elements i*per_item .. +per_item ---- */
typedef struct clg_elementwise {
    clg_kernel *kernel;
    clg_grid grid;
    uint32_t per_item; /* elements of a work-item */
} clg_elementwise;

/* Kernel `name` of `file` for n > 0 elements of `bytes_each` moved and `flops_each` done; `extra`
 * (more -D, or "") is added to the options. */
int clg__elementwise(const clg_ops *o, const char *file, const char *name, const char *extra,
                     uint32_t n, double flops_each, double bytes_each, clg_elementwise *out);

/* The same for kernels that take per_item as their last argument: an element costs `turns` turns of
 * a loop (1 for copies), and a work-item gets the fewer elements the more they cost. Beside balance,
 * one driver wants this: llvmpipe ends all loops of a work-item, without a word, when they have made
 * 65,535 turns together. */
int clg__elementwise_loops(const clg_ops *o, const char *file, const char *name, const char *extra,
                           uint32_t n, uint32_t turns, double flops_each, double bytes_each,
                           clg_elementwise *out);

/* ---- sums over rows: groups of RED_X columns and RED_Y lanes on GPUs, items of 64 columns on CPUs
 * ---- */
typedef struct clg_row_kernel {
    clg_kernel *kernel;
    uint32_t x, y;    /* GPU family: RED_X, RED_Y; 0 for the CPU family */
    uint32_t columns; /* of one item (CPU) or group (GPU): SV*VW or RED_X */
    uint32_t vector;  /* of one item or group in kernels that finish sums: VW or RED_X */
} clg_row_kernel;

/* Kernel `name` of `file` for matrices of `cols` columns, with as wide a group as kernel and device
 * allow, at most 256; `extra` (more -D, or "") is added to the options. */
int clg__row_kernel(const clg_ops *o, const char *file, const char *name, const char *extra,
                    uint32_t cols, clg_row_kernel *out);
/* `slices` items or groups along the columns, `last` along dimension 2. */
clg_grid clg__row_grid(const clg_row_kernel *k, size_t slices, size_t last, double flops,
                       double bytes);

/* How `rows` rows are cut into chunks for partial sums: by the shape alone. */
typedef struct clg_chunks {
    uint32_t count, rows; /* chunks, rows of each but the last, which may have fewer */
} clg_chunks;
clg_chunks clg__row_chunks(uint32_t rows);

/* ---- checks ---- */
/* CLG_E_INTERNAL "op: name has 3 elements, wants 4" unless t is a tensor of that type and length. */
int clg__want(const char *op, const char *name, clg_tensor t, enum clg_dtype dtype, uint64_t len);
/* The same, but "no tensor" is fine too. */
int clg__want_maybe(const char *op, const char *name, clg_tensor t, enum clg_dtype dtype,
                    uint64_t len);
/* The same for a tensor of activations, gradients of them or working weights: dtype, which all such
 * tensors of one call share, is CLG_F32, CLG_F16 or CLG_BF16. */
int clg__want_store(const char *op, const char *name, clg_tensor t, enum clg_dtype dtype,
                    uint64_t len);
/* At least `len` floats of workspace. */
int clg__want_ws(const char *op, clg_tensor ws, uint64_t len);

#endif
