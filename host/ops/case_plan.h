/* Small helpers for the case tables: adding tensors to a plan, the usual keys and tolerances. */
#ifndef CLG_OPS_CASE_PLAN_H
#define CLG_OPS_CASE_PLAN_H

#include <math.h>
#include <string.h>

#include "base/geometry.h"
#include "base/op_case.h"
#include "rt/rt.h"

#define CLG_CASE_EPS 1.1920929e-7 /* one unit in the last place of 1.0f */
#define CLG_CASE_RTOL 1.3e-6      /* element-wise results, as PyTorch's tests have it */

static inline void clg__plan_in(clg_case_plan *p, const char *name, uint64_t len,
                                enum clg_case_fill fill)
{
    p->in[p->inputs].name = name;
    p->in[p->inputs].len = len;
    p->in[p->inputs].fill = fill;
    p->in[p->inputs].is_u8 = fill == CLG_FILL_U8;
    p->inputs++;
}

static inline void clg__plan_out(clg_case_plan *p, const char *name, uint64_t len, double rtol,
                                 double atol, double stol)
{
    p->out[p->outputs].name = name;
    p->out[p->outputs].len = len;
    p->out[p->outputs].rtol = rtol;
    p->out[p->outputs].atol = atol;
    p->out[p->outputs].stol = stol;
    p->outputs++;
}

static inline void clg__plan_inout(clg_case_plan *p, const char *name, uint64_t len, double rtol,
                                   double atol)
{
    clg__plan_out(p, name, len, rtol, atol, 0.0);
    p->out[p->outputs - 1].inout = true;
}

/* Marks the tensors with these names ("x y dx") as ones of the type that key `store` names. */
static inline void clg__plan_stored(clg_case_plan *p, const char *names)
{
    while (*names != '\0') {
        size_t len = strcspn(names, " ");
        for (uint32_t i = 0; i < p->inputs; i++) {
            p->in[i].is_stored |= strlen(p->in[i].name) == len &&
                                  strncmp(p->in[i].name, names, len) == 0;
        }
        for (uint32_t i = 0; i < p->outputs; i++) {
            p->out[i].is_stored |= strlen(p->out[i].name) == len &&
                                   strncmp(p->out[i].name, names, len) == 0;
        }
        names += len + (names[len] == ' ');
    }
}

/* A float sum of k terms may err by 4 sqrt(k) eps times their norm. */
static inline double clg__plan_sum_tolerance(double k)
{
    return 4.0 * sqrt(k) * CLG_CASE_EPS;
}

static inline bool clg__case_is(const clg_case *c, const char *pass)
{
    return strcmp(c->pass, pass) == 0;
}

static inline int clg__case_no_pass(const clg_case *c)
{
    return clg__fail(CLG_E_USAGE, "%s has no pass \"%s\"", c->op, c->pass);
}

/* A whole number from `least` to `most`: else CLG_E_USAGE. */
static inline int clg__case_whole(const clg_case *c, const char *key, uint32_t least, uint32_t most,
                                  uint32_t otherwise, uint32_t *out)
{
    const double given = clg__case_get(c, key, otherwise);
    *out = clg__case_u32(c, key, otherwise);
    if (given == (double)*out && *out >= least && *out <= most) {
        return CLG_OK;
    }
    return clg__fail(CLG_E_USAGE, "%s: %s is %.11g, it may be a whole number from %u to %u", c->op, key,
                     given, least, most);
}

/* A number of elements. */
static inline int clg__case_count(const clg_case *c, const char *key, uint32_t *out)
{
    return clg__case_whole(c, key, 1, UINT32_MAX, 1, out);
}

/* Keys that are whole numbers, up to one without a name: CLG_E_USAGE for the first that is not. */
typedef struct clg_case_key {
    const char *key;
    uint32_t least, most, otherwise, *at;
} clg_case_key;
static inline int clg__case_keys(const clg_case *c, const clg_case_key *k)
{
    int status = CLG_OK;
    for (; k->key != NULL && status == CLG_OK; k++) {
        status = clg__case_whole(c, k->key, k->least, k->most, k->otherwise, k->at);
    }
    return status;
}

/* Key "act" as a number of enum clg_act. */
static inline int clg__case_act(const clg_case *c, enum clg_act *out)
{
    uint32_t act = CLG_ACT_NONE;
    const int status = clg__case_whole(c, "act", 0, CLG_ACT_COUNT - 1, CLG_ACT_NONE, &act);
    *out = (enum clg_act)act;
    return status;
}

static inline float clg__case_f32(const clg_case *c, const char *key, double otherwise)
{
    return (float)clg__case_get(c, key, otherwise);
}

/* Key "ints": small integers, whose sums must be equal, or N(0,1). */
static inline enum clg_case_fill clg__case_fill(const clg_case *c)
{
    return clg__case_u32(c, "ints", 0) != 0 ? CLG_FILL_SMALL_INT : CLG_FILL_NORMAL;
}

/* What an operator takes beside the case's tensors: a new buffer with these values. `label` is
 * static. The caller destroys *out, after an error too. */
static inline int clg__case_buffer(clg_rt *rt, enum clg_dtype dtype, uint64_t len,
                                   const char *label, const void *values, clg_buffer **out)
{
    int status = clg__buffer_create(rt, dtype, len, label, out);
    return status == CLG_OK ? clg__rt_write(rt, clg__tensor_all(*out), values) : status;
}

#endif
