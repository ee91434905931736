/* The choice of a convolution's algorithm: names, what fits, the shipped rule, a run's table. */
#include "ops/conv_algo.h"

#include <string.h>

#include "ops/conv2d_internal.h"

static const char *const job_names[CLG_CONV_JOB_COUNT] = { "down", "up", "wgrad" };
static const char *const algo_names[CLG_CONV_ALGO_COUNT] = {
#define CLG_X(id, text) text,
    CLG_CONV_ALGO_LIST(CLG_X)
#undef CLG_X
};

const char *clg__conv_job_name(enum clg_conv_job job)
{
    return job_names[job];
}

const char *clg__conv_algo_name(enum clg_conv_algo algo)
{
    return algo_names[algo];
}

enum clg_conv_algo clg__conv_algo_find(const char *name)
{
    for (int i = 0; i < CLG_CONV_ALGO_COUNT; i++) {
        if (strcmp(name, algo_names[i]) == 0) {
            return (enum clg_conv_algo)i;
        }
    }
    return CLG_CONV_ALGO_COUNT;
}

bool clg__conv_algo_fits(const clg_ops *o, const clg_conv *g, enum clg_conv_job job,
                         enum clg_conv_algo algo)
{
    (void)o;
    (void)g;
    (void)job;
    return algo == CLG_CONV_DIRECT;
}

enum clg_conv_algo clg__conv_algo_rule(const clg_ops *o, const clg_conv *g, enum clg_conv_job job)
{
    (void)o;
    (void)g;
    (void)job;
    return CLG_CONV_DIRECT;
}

static bool is_layer(const clg_conv_choice *c, const clg_conv *g)
{
    return c->h == g->h && c->w == g->w && c->c == g->c && c->k == g->k && c->r == g->r &&
           c->s == g->s && c->stride == g->stride && c->pad == g->pad;
}

enum clg_conv_algo clg__conv_algo_pick(const clg_ops *o, const clg_conv *g, enum clg_conv_job job)
{
    const clg_conv_choices *t = o->conv_choices;
    if (t != NULL && t->forced != CLG_CONV_ALGO_COUNT && clg__conv_algo_fits(o, g, job, t->forced)) {
        return t->forced;
    }
    for (uint32_t i = 0; t != NULL && i < t->count; i++) {
        const clg_conv_choice *c = &t->list[i];
        if (c->job == job && is_layer(c, g) && clg__conv_algo_fits(o, g, job, c->algo)) {
            return c->algo;
        }
    }
    return clg__conv_algo_rule(o, g, job);
}
