/* Which convolutions of a model are measured, and when. */
#include "gan/conv_jobs.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/os.h"
#include "gan/trainer_internal.h"
#include "nn/conv_tune.h"

static const double FIRST_USE_S = 10.0;
static const double FIRST_USE_FLOPS = 2e8; /* of a job: about 1 ms of a laptop's CPU */
static const double CPU_WORK = 2e9;        /* FLOP of one timed run */
enum { FIRST_USE_REPEATS = 3, FIRST_USE_TILES = 3 };

static int compare_work(const void *a, const void *b)
{
    double x = clg__conv_flops(&((const clg_conv_task *)a)->g);
    double y = clg__conv_flops(&((const clg_conv_task *)b)->g);
    return (x < y) - (x > y);
}

bool clg__conv_task_is(const clg_conv_task *t, const clg_conv *g, enum clg_conv_job job)
{
    const clg_conv_choice a = clg__conv_choice_of(&t->g, t->job, CLG_CONV_DIRECT);
    const clg_conv_choice b = clg__conv_choice_of(g, job, CLG_CONV_DIRECT);
    return clg__conv_same_job(&a, &b);
}

static bool is_listed(const clg_conv_task *list, uint32_t n, const clg_conv *g,
                      enum clg_conv_job job)
{
    uint32_t i = 0;
    while (i < n && !clg__conv_task_is(&list[i], g, job)) {
        i++;
    }
    return i < n;
}

int clg__conv_jobs(const clg_ops *ops, const clg_model_desc *desc, const clg_model_plan *plan,
                   const clg_conv_list *known, double flops, clg_conv_task **tasks, uint32_t *count)
{
    const clg_net_plan *const plans[2] = { &plan->g, &plan->d };
    clg_net_options opt[2];
    clg_conv *conv = clg__alloc(CLG_LAYERS_MAX, sizeof *conv);
    int status = CLG_OK;
    *count = 0;
    *tasks = clg__alloc(2u * CLG_LAYERS_MAX * CLG_CONV_JOB_COUNT, sizeof **tasks);
    CLG_TRY(conv != NULL && *tasks != NULL ? CLG_OK : CLG_E_MEMORY);
    clg__facts_nets(desc, plan, desc->train.batch, opt);
    for (int i = 0; i < 2; i++) {
        uint32_t convs = 0;
        CLG_TRY(clg__net_convs(plans[i], opt[i].max_batch, conv, &convs));
        for (uint32_t k = 0; k < convs * CLG_CONV_JOB_COUNT; k++) {
            const clg_conv *g = &conv[k / CLG_CONV_JOB_COUNT];
            enum clg_conv_job job = (enum clg_conv_job)(k % CLG_CONV_JOB_COUNT);
            bool is_known = known != NULL && clg__conv_list_find(known, g, job) < known->count;
            if (!is_known && clg__conv_flops(g) >= flops && !is_listed(*tasks, *count, g, job) &&
                clg__conv_tune_candidates(ops, g, job, CLG_TILE_COUNT) > 1u) {
                (*tasks)[(*count)++] = (clg_conv_task){ .g = *g, .job = job };
            }
        }
    }
    qsort(*tasks, *count, sizeof **tasks, compare_work);
out:
    clg__free(conv);
    if (status != CLG_OK) {
        clg__free(*tasks);
        *tasks = NULL;
    }
    return status;
}

/* Is there more to compare than one way, or than what a pass without shapes has compared? */
static bool is_due(const clg_ops *ops, const clg_conv_task *t, uint32_t tiles)
{
    const uint32_t least = tiles > 1 ? clg__conv_tune_candidates(ops, &t->g, t->job, 1) : 1;
    return clg__conv_tune_candidates(ops, &t->g, t->job, tiles) > least;
}

/* *done: of the jobs, in their order, until the time is up. */
static int measure(const clg_ops *ops, const clg_conv_task *task, uint32_t count,
                   clg_conv_tune_how *how, clg_conv_list *record, uint32_t *done)
{
    int status = CLG_OK;
    *done = 0;
    for (bool more = true; *done < count && more; *done += more) {
        const clg_conv_task *t = &task[*done];
        uint32_t n = 0;
        if (is_due(ops, t, how->tiles)) {
            CLG_TRY(clg__conv_tune(ops, &t->g, t->job, how, record, &n, &more));
        }
    }
out:
    return status;
}

/* First the algorithms of all jobs; then, in the time that is left, tile shapes. */
static int measure_all(const clg_ops *ops, const clg_conv_task *task, uint32_t count,
                       clg_conv_list *record)
{
    const clg_device_info *d = clg__rt_device(ops->rt);
    clg_conv_tune_how how = { .repeats = FIRST_USE_REPEATS,
                              .tiles = 1,
                              .limit_s = FIRST_USE_S,
                              .start_s = clg__os_now_s(),
                              .work = d->type == CLG_DEVICE_CPU ? CPU_WORK : 0.0 };
    uint32_t done = 0, shaped = 0;
    int status = CLG_OK;
    clg__log(CLG_LOG_INFO,
             "convolutions: measuring which algorithms are fastest for %u jobs of "
             "this model on %s (once per device and batch size, at most %.0f s)",
             count, d->name, FIRST_USE_S);
    CLG_TRY(measure(ops, task, count, &how, record, &done));
    how.tiles = FIRST_USE_TILES;
    how.longest_s = how.longest_first_s; /* few of their programs are not yet built */
    CLG_TRY(measure(ops, task, done, &how, record, &shaped));
    clg__log(CLG_LOG_DEBUG, "convolutions: measured %u of %u jobs, shapes of %u in %.1f s", done,
             count, shaped, clg__os_now_s() - how.start_s);
    CLG_TRY(clg__conv_record_write(ops->rt, record));
out:
    return status;
}

void clg__conv_first_use(const clg_ops *ops, const clg_model_desc *desc, const clg_model_plan *plan,
                         uint64_t steps, clg_conv_list *record)
{
    clg_conv_task *task = NULL;
    uint32_t count = 0;
    if (steps < CLG_CONV_FIRST_USE_STEPS) {
        return;
    }
    int status = clg__conv_jobs(ops, desc, plan, record, FIRST_USE_FLOPS, &task, &count);
    if (status == CLG_OK && count > 0) {
        status = measure_all(ops, task, count, record);
    }
    if (status != CLG_OK) {
        clg__log(CLG_LOG_WARN, "convolutions: not all were measured: %s", clg_message());
    }
    clg__free(task);
}
