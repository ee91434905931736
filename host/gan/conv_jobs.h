/* The convolutions of a model as jobs to be measured (nn/conv_tune.h), and when a run measures them
 * by itself. */
#ifndef CLG_GAN_CONV_JOBS_H
#define CLG_GAN_CONV_JOBS_H

#include "base/model.h"
#include "ops/conv_choices.h"

typedef struct clg_conv_task {
    clg_conv g; /* with the rows that the training gives it */
    enum clg_conv_job job;
} clg_conv_task;
/* Whether it is that job of that layer, whatever the rows. */
bool clg__conv_task_is(const clg_conv_task *t, const clg_conv *g, enum clg_conv_job job);

/* Jobs of a model's convolutions that can be done in several ways, each once, the largest first;
 * not those in `known` (NULL: none), and none of less than `flops`. *tasks by clg__free. */
int clg__conv_jobs(const clg_ops *ops, const clg_model_desc *desc, const clg_model_plan *plan,
                   const clg_conv_list *known, double flops, clg_conv_task **tasks,
                   uint32_t *count);

/* A model's first use on a device: measures what `record` does not know, within 10 s, the
 * algorithms first and then, on the GPU family, three tile shapes of each; and keeps it there and
 * on disk. Only where that pays: in a run of CLG_CONV_FIRST_USE_STEPS steps or more, and jobs that
 * take some time. The shipped rules are meant to be near the best, so a short run is over before
 * measuring (four runs of each way, and up to 2 s to build an algorithm's kernels) has paid for
 * itself: at a gain of 5 % that takes about 100 steps warm and 500 with an empty cache. What goes
 * wrong is one warning: the shipped rules hold then. */
enum { CLG_CONV_FIRST_USE_STEPS = 500 };
void clg__conv_first_use(const clg_ops *ops, const clg_model_desc *desc, const clg_model_plan *plan,
                         uint64_t steps, clg_conv_list *record);

#endif
