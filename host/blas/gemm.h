/* GEMM behind one interface, row-major (struct clg_gemm in base/geometry.h). Back ends: CLBlast
 * with our own tile parameters, and our kernels in cl/gemm.cl (CPU) and cl/gemm_gpu.cl (GPU). */
#ifndef CLG_BLAS_GEMM_H
#define CLG_BLAS_GEMM_H

#include "base/geometry.h"
#include "blas/tile.h"

typedef struct clg_blas clg_blas;

typedef struct clg_blas_options {
    int choice; /* enum clg_gemm_choice of base/model.h; auto: the faster correct one */
    bool tune;  /* look for tile parameters on a new device (seconds, kept on disk) */
    bool tf32;  /* builtin products of floats rounded to tf32, on tensor cores */
} clg_blas_options;

/* Runs the self-check (small products against plain C); a back end that fails it is not used, and
 * CLG_E_DEVICE is returned if the forced one or both fail, or the device has no tensor cores for tf32,
 * or a small product on them is not what it must be. The environment's CLGAN_MMA=portable takes
 * CLG_MULTIPLY_MMA_PORTABLE in place of tensor cores. CLGAN_SUBGROUPS: see blas/lanes.c. */
int clg__blas_open(clg_blas **out, clg_rt *rt, const clg_blas_options *opt);
void clg__blas_close(clg_blas **blas);
const char *clg__blas_name(const clg_blas *blas); /* "clblast" or "builtin" */
/* How the GPU family's tiles multiply; NULL: plainly. */
enum clg_multiply clg__blas_multiply(const clg_blas *blas);


typedef struct clg_blas_speeds {
    double builtin_gflop_per_s, clblast_gflop_per_s; /* of a product of 1024x512x1024 */
} clg_blas_speeds;
/* Searches CLBlast's parameters without regard to time (up to minutes), times both back ends, and
 * keeps the record that later openings with `tune` read. CLG_E_DEVICE when CLBlast does not work. */
int clg__blas_tune(clg_blas *blas, clg_blas_speeds *out);

/* Floats of workspace that clg__gemm needs for this product on this back end. */
uint64_t clg__gemm_workspace(const clg_blas *blas, const clg_gemm *g);
/* Enqueues the product. c must not overlap a, b or ws. a and b are both float, half or bfloat16, c as
 * they are or float; sums are floats, rounded once. 16-bit products are always the builtin ones. */
int clg__gemm(clg_blas *blas, const clg_gemm *g, clg_tensor a, clg_tensor b, clg_tensor c,
              clg_tensor ws);
/* Numbers of the tile shapes that the product may have here, in the rule's order (blas/tile.h);
 * none, 0, where it has no tiles to choose: on CPUs, for a vector, by CLBlast. */
uint32_t clg__gemm_tiles(const clg_blas *blas, const clg_gemm *g, uint32_t number[CLG_TILE_COUNT]);
/* Strided batches of matrices that begin at multiples of this many elements, and whose rows and
 * matrices follow each other without gaps, may be multiplied by CLBlast, all others are not. */
enum { CLG_BATCH_ALIGN = 1024 };
/* Floats of device memory that the library behind a product takes for itself until that is done; 0
 * but for strided batches by CLBlast, which copies its matrices, filled up to whole tiles, and knows
 * no workspace for that. Only one such product is under way at a time: clg__gemm waits for the one
 * before, else as many copies would lie in the queue as the host is ahead of the device. */
uint64_t clg__gemm_foreign(const clg_blas *blas, const clg_gemm *g);
/* What is fused to a product. Zeroed: nothing. */
typedef struct clg_gemm_end {
    clg_tensor bias;  /* [n], added to every row, or CLG_NO_TENSOR */
    enum clg_act act; /* C = act(alpha * op(A) op(B) + beta * C + bias) ... */
    float slope;      /* of CLG_ACT_LRELU */
    clg_tensor y;     /* ... or, where given, that sum times act's derivative, which is told from
                         this output of it: the way back through an activation. Like C. */
    clg_tensor sums;  /* [n] floats: where the sums of op(B)'s columns go, or CLG_NO_TENSOR. Of one
                         product with A transposed, B not, on a back end that clg__gemm_sums. */
} clg_gemm_end;
/* The same with a fused end; same workspace. */
int clg__gemm_epilogue(clg_blas *blas, const clg_gemm *g, clg_tensor a, clg_tensor b, clg_tensor c,
                       const clg_gemm_end *end, clg_tensor ws);
/* Do products of matrices of this type give column sums? Else they are a reduction of their own. */
bool clg__gemm_sums(const clg_blas *blas, enum clg_dtype dtype);

#endif
