/* Which algorithm, and on the GPU family which tile shape of its products (blas/tile.h), is the
 * fastest for each job of a convolution on this device: measured, and kept in a record per device,
 * driver, clgan version and kernel family (rt/record.h; lines of ops/conv_choices.h). Not here:
 * which layers are worth it (gan/algorithms.c). */
#ifndef CLG_NN_CONV_TUNE_H
#define CLG_NN_CONV_TUNE_H

#include "ops/conv_choices.h"

enum { CLG_CONV_REPEATS_MAX = 32 };

/* How to measure. The ways to do a job, algorithms and shapes, take turns, so that a clock that
 * changes meanwhile is fair to all. */
typedef struct clg_conv_tune_how {
    uint32_t repeats; /* 1 .. CLG_CONV_REPEATS_MAX, of each way */
    uint32_t tiles; /* shapes of each algorithm, the first ones by the rule; 0, 1: its own alone */
    double work;    /* FLOP (direct count) of one timed run: the batch is cut to that; 0: whole */
    double limit_s; /* a job is begun only if, as long as the longest before, or as the list knows
                       of it, it ends by then; 0: no limit. Counted from start_s. */
    double start_s; /* clg__os_now_s of the first one */
    double longest_s;       /* in, out: of a job, without its further shapes */
    double longest_first_s; /* in, out: of a first run, builds and all. A further shape is begun
                               only if, as long as that, it ends by limit_s. */
} clg_conv_tune_how;

/* In how many ways the job can be done, up to `tiles` shapes of each algorithm that fits: with one
 * there is nothing to measure. */
uint32_t clg__conv_tune_candidates(const clg_ops *ops, const clg_conv *g, enum clg_conv_job job,
                                   uint32_t tiles);

/* Times every way on random data of g->n images (or fewer, as `how` says), leaves out those whose
 * result is not that of the direct one, and sets the decision in `list`: the
 * shipped rules' algorithm and shape, unless another's median is 5 % below its least time. Times
 * are the least ones, of the images timed, *n of them. *done is false when the time was up. Waits.
 */
int clg__conv_tune(const clg_ops *ops, const clg_conv *g, enum clg_conv_job job,
                   clg_conv_tune_how *how, clg_conv_list *list, uint32_t *n, bool *done);

/* The record of this device; false: absent, or not to be trusted (a WARN line says why): then *list
 * is empty. Every line must be one that this version writes, with a time of its algorithm and, if
 * any, a shape that the device allows. */
bool clg__conv_record_read(const clg_rt *rt, clg_conv_list *list);
/* The decisions of `list`, and those in the record that are not in it. */
int clg__conv_record_write(const clg_rt *rt, const clg_conv_list *list);
int clg__conv_record_path(const clg_rt *rt, char *dst, size_t cap);

#endif
