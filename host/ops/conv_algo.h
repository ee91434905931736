/* Which algorithm a convolution runs with. A layer has three jobs (the map down, the map up, the
 * weight gradient); conv2d and deconv2d share them. The algorithm of a job is, in this order:
 *   1. what the run's table says (clg_ops.conv_choices: from a resumed run, a tuning record, or a
 *      forced one), if that algorithm fits the layer,
 *   2. the shipped rule of clg__conv_algo_rule.
 * A run's table does not ask for the batch size, so a partial batch and a sampler compute as the
 * training step does; what was measured holds for about as many rows.
 *
 * On the GPU family a measured choice names the tile shape of its kernel or products too
 * (blas/tile.h). Every shape gives the same bits, so that is the record's alone: a checkpoint does
 * not keep it, and a resumed run takes whatever the record says by then. Not here: the algorithms
 * (conv2d_gather.c, conv2d_winograd.c, ...). */
#ifndef CLG_OPS_CONV_ALGO_H
#define CLG_OPS_CONV_ALGO_H

#include "ops/ops.h"

enum clg_conv_job {
    CLG_CONV_JOB_DOWN,  /* conv forward, deconv data gradient */
    CLG_CONV_JOB_UP,    /* conv data gradient, deconv forward */
    CLG_CONV_JOB_WGRAD, /* weight gradient of both */
    CLG_CONV_JOB_COUNT
};

/* Names as a record, a run's config and `--profile` write them. */
#define CLG_CONV_ALGO_LIST(X)                                                                      \
    X(CLG_CONV_DIRECT, "direct")       /* implicit GEMM; the most accurate */                      \
    X(CLG_CONV_WINOGRAD2, "winograd2") /* 9 of 16 multiplies (4x4 stride 2) or 16 of 36 (3x3) */   \
    X(CLG_CONV_WINOGRAD4, "winograd4") /* 25 of 64, or 36 of 144 */
enum clg_conv_algo {
#define CLG_X(id, text) id,
    CLG_CONV_ALGO_LIST(CLG_X)
#undef CLG_X
        CLG_CONV_ALGO_COUNT /* also: no choice made */
};

/* One decision. */
typedef struct clg_conv_choice {
    uint32_t h, w, c, k, r, s, stride, pad; /* of clg_conv */
    uint32_t rows; /* it was measured with, and holds for half to twice as many; 0: for any */
    enum clg_conv_job job;
    enum clg_conv_algo algo;
    uint32_t tile; /* GPU family: number of the measured shape for `algo`; 0: by its rule */
} clg_conv_choice;

/* What a run has decided. */
typedef struct clg_conv_choices {
    enum clg_conv_algo forced; /* for every job it fits; CLG_CONV_ALGO_COUNT: none */
    const clg_conv_choice *list;
    uint32_t count;
    uint32_t tile; /* GPU family: number of blas/tile.h's shape for all jobs; 0: by the list */
} clg_conv_choices;

/* "down", "up", "wgrad"; "direct", ... */
const char *clg__conv_job_name(enum clg_conv_job job);
const char *clg__conv_algo_name(enum clg_conv_algo algo);
/* CLG_CONV_ALGO_COUNT if there is no such name. */
enum clg_conv_algo clg__conv_algo_find(const char *name);

/* A choice from its layer, for any rows, and a choice's layer again, with one image. */
clg_conv_choice clg__conv_choice_of(const clg_conv *g, enum clg_conv_job job,
                                    enum clg_conv_algo algo);
clg_conv clg__conv_choice_geometry(const clg_conv_choice *c);
/* Whether two are of one job of one layer, at about the same rows, whatever they chose. */
bool clg__conv_same_job(const clg_conv_choice *a, const clg_conv_choice *b);

/* True if this device and build can run the job that way; direct always fits. An algorithm that
 * fits a layer fits all three of its jobs so far. */
bool clg__conv_algo_fits(const clg_ops *o, const clg_conv *g, enum clg_conv_job job,
                         enum clg_conv_algo algo);
/* The shipped rule, which always fits; g->n is the rows of a pass. */
enum clg_conv_algo clg__conv_algo_rule(const clg_ops *o, const clg_conv *g, enum clg_conv_job job);
/* The answer for this layer: table, then rule. */
enum clg_conv_algo clg__conv_algo_pick(const clg_ops *o, const clg_conv *g, enum clg_conv_job job);
/* The table's tile shape for a job that runs with `algo`; 0: by blas/tile.h's rule. */
uint32_t clg__conv_tile_pick(const clg_ops *o, const clg_conv *g, enum clg_conv_job job,
                             enum clg_conv_algo algo);

#endif
