/* Tiles of the GPU family's products (cl/gpu_tile.clh): which shape a job gets on a device, how
 * many parts its sums are cut into, and adding those parts. For gemm and the convolutions. Not
 * here: CPU devices' tiles (builtin.c, ops/conv2d_gather.c). */
#ifndef CLG_BLAS_TILE_H
#define CLG_BLAS_TILE_H

#include "rt/launch.h"

/* How tiles multiply. The portable ways are the ones before them written out for any device: to test
 * what is around. */
enum clg_multiply {
    CLG_MULTIPLY_PLAIN,
    CLG_MULTIPLY_MMA, /* tf32, by the tensor cores of an NVIDIA GPU: cl/mma.clh */
    CLG_MULTIPLY_MMA_PORTABLE,
    CLG_MULTIPLY_LANES8, /* floats, with sub-groups of 8 lanes: cl/gpu_tile_lanes.clh; same bits */
    CLG_MULTIPLY_LANES16,
    CLG_MULTIPLY_LANES8_PORTABLE,
    CLG_MULTIPLY_LANES16_PORTABLE,
    CLG_MULTIPLY_COUNT
};
static inline bool clg__multiplies_tf32(enum clg_multiply how)
{
    return how == CLG_MULTIPLY_MMA || how == CLG_MULTIPLY_MMA_PORTABLE;
}

/* A work-group of tx*ty items computes ty*rm rows by tx*rn columns, ks terms at a time. */
typedef struct clg_tile {
    uint32_t tx, ty, rm, rn, ks;
    enum clg_multiply multiply;
} clg_tile;
/* Shapes have numbers from 1 on, and names after the sums that they compute: "tile64x32". */
enum { CLG_TILE_COUNT = 10, CLG_TILE_NAME_LEN = 16 };

typedef struct clg_tile_job {
    uint32_t rows, cols, depth; /* of one product */
    uint32_t count;             /* such products in one launch: a batch, phases or parts */
    bool wide_rows, wide_cols;  /* 4 neighbours of that operand may be loaded at once */
    uint32_t forced;            /* number of the shape to take whatever the rule says; 0: none */
    enum clg_multiply multiply; /* of the shapes that can so; the others do it plainly */
} clg_tile_job;

/* The shapes that the device allows, best first; returns how many, at least one. Shape
 * CLG_TILE_COUNT is of one work-item and always among them. */
uint32_t clg__tile_order(const clg_device_info *d, const clg_tile_job *j,
                         clg_tile order[CLG_TILE_COUNT]);
/* The numbers of the same shapes. */
uint32_t clg__tile_numbers(const clg_device_info *d, const clg_tile_job *j,
                           uint32_t number[CLG_TILE_COUNT]);
/* Does the device allow the shape of that number? */
bool clg__tile_allowed(const clg_device_info *d, uint32_t number);
const char *clg__tile_name(uint32_t number, char dst[CLG_TILE_NAME_LEN]);
/* The number of the shape that computes rows x cols sums; 0 if there is none. */
uint32_t clg__tile_find(uint32_t rows, uint32_t cols);
/* Kernel `name` of cl/<name>.cl in the first of those shapes that its build allows too. `extra`:
 * further -D's with a space before, or "". */
int clg__tile_kernel(clg_rt *rt, const char *name, const clg_tile_job *j, const char *extra,
                     clg_tile *tile, clg_kernel **out);
/* Tiles of one product. */
uint32_t clg__tile_rows(const clg_tile *t, const clg_tile_job *j);
uint32_t clg__tile_cols(const clg_tile *t, const clg_tile_job *j);
/* One-dimensional, so that it can be sliced between any two work-groups. */
clg_grid clg__tile_grid(const clg_tile *t, const clg_tile_job *j);

/* Into how many parts a sum of `depth` terms is cut so that there are enough work-groups, from the
 * shape alone: the same on every device, as are the result's bits. */
uint32_t clg__tile_parts(uint32_t rows, uint32_t cols, uint32_t depth);
/* Floats that the parts of [rows][cols] sums, and of another row of `cols` sums, take at most; it
 * grows with `rows`, which the parts of a product need not. */
uint64_t clg__tile_parts_most(uint32_t rows, uint32_t cols, uint32_t depth);
/* Terms of each part but the last, a multiple of every tile's depth. */
uint32_t clg__tile_part_depth(uint32_t depth, uint32_t parts);
/* y[len] = the sum of `parts` times len floats, in order. */
int clg__tile_sum(clg_rt *rt, clg_tensor part, uint32_t len, uint32_t parts, clg_tensor y);

#endif
