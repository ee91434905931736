/* Products and convolutions of the GPU family that must have the same bits however their tiles are
 * cut: operands, and a result that is compared with the first one. */
#ifndef CLG_TESTS_SUPPORT_TILE_SUPPORT_H
#define CLG_TESTS_SUPPORT_TILE_SUPPORT_H

#include "ops/conv2d.h"
#include "ops/conv_algo.h"

typedef struct tile_bench {
    clg_ops ops; /* direct convolutions; its blas is opened by the test */
    clg_conv_choices choices;
    clg_tensor a, b, c; /* vectors of `len`: two operands, and what a way leaves in c */
    uint32_t len;
    float *first, *got;
} tile_bench;

void tile_bench_open(tile_bench *b, uint32_t len);
void tile_bench_close(tile_bench *b);

/* c to NaN; then, after the job, c to the first result, or compared with that: whatever lies behind
 * a result is NaN in all. */
void tile_bench_clear(tile_bench *b);
void tile_bench_compare(tile_bench *b, bool is_first);

/* One of the passes of g, from a and b to c; e: of a map down, or NULL. */
void tile_bench_convolve(tile_bench *b, const clg_conv *g, enum clg_conv_job job,
                         const clg_epilogue *e);

#endif
