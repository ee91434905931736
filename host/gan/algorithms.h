/* Which algorithm every convolution of a run, a sampler or an eval net uses: decided once, for all
 * its layers, when it is made, and written into its checkpoints, so that a resume computes the same
 * whatever a tuning record says by then. In this order:
 *   1. what is asked for now: runtime.conv, --math exact, the environment's CLGAN_CONV,
 *   2. what the checkpoint says that is read, on the device that wrote it; a job that it does not
 *      tell of was direct,
 *   3. the tuning record, then the shipped rule (ops/conv_algo.h).
 * A tile shape, which changes no bit, is the record's where that has it for the same algorithm.
 * Not here: measuring (nn/conv_tune.h), the record's file. */
#ifndef CLG_GAN_ALGORITHMS_H
#define CLG_GAN_ALGORITHMS_H

#include "base/model.h"
#include "io/safetensors.h"
#include "ops/conv_choices.h"

/* Zero it to start. `ops` points into it: it must not move while in use. */
typedef struct clg_algorithms {
    clg_ops ops;        /* those given, with the choices below */
    clg_conv_list list; /* every job of every convolution */
    clg_conv_choices choices;
    bool asked, recalled; /* 1; 2 */
    bool tuned;           /* some job is not as the shipped rule says */
} clg_algorithms;

/* Without a checkpoint, for plans with as many rows in a pass. wish: runtime.conv of the model;
 * CLG_CONV_WISH_AUTO: as ops say. */
int clg__algorithms_decide(clg_algorithms *a, const clg_ops *ops, enum clg_conv_wish wish,
                           const clg_net_plan *const *plans, const uint32_t *rows, uint32_t n);
/* The rows of nets that keep their transformed filters, so that a pass's rows do not matter. */
enum { CLG_ALGORITHMS_MANY_ROWS = 1024 };
/* Then, for a checkpoint of clgan: takes over what it says. Warns of what cannot be done, and of
 * what is asked for now and was not then. */
int clg__algorithms_recall(clg_algorithms *a, const clg_st_file *f, const char *path);
void clg__algorithms_free(clg_algorithms *a);

/* "winograd2 14, direct 4 (shipped rule)"; "none" without convolutions. */
void clg__algorithms_summary(const clg_algorithms *a, char *dst, size_t cap);
/* Of the text in a checkpoint: "winograd2 14, direct 4". */
void clg__algorithms_summary_of(const char *text, char *dst, size_t cap);

#endif
