/* The choice of a convolution's algorithm: names, what fits, the shipped rule, a run's table. */
#include "ops/conv_algo.h"

#include <string.h>

#include "base/mem.h"
#include "ops/conv2d_winograd.h"

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

clg_conv_choice clg__conv_choice_of(const clg_conv *g, enum clg_conv_job job,
                                    enum clg_conv_algo algo)
{
    return (clg_conv_choice){ .h = g->h,
                              .w = g->w,
                              .c = g->c,
                              .k = g->k,
                              .r = g->r,
                              .s = g->s,
                              .stride = g->stride,
                              .pad = g->pad,
                              .job = job,
                              .algo = algo };
}

clg_conv clg__conv_choice_geometry(const clg_conv_choice *c)
{
    clg_conv g = { .n = 1,
                   .h = c->h,
                   .w = c->w,
                   .c = c->c,
                   .k = c->k,
                   .r = c->r,
                   .s = c->s,
                   .stride = c->stride,
                   .pad = c->pad };
    (void)clg__conv_make(&g); /* a choice is of one that was made */
    return g;
}

/* At few rows a transformed filter costs more than it saves: what was measured with many does not
 * hold there. */
static bool near_rows(uint32_t a, uint32_t b)
{
    return a == 0 || b == 0 || (a / 2u <= b && b / 2u <= a);
}

bool clg__conv_same_job(const clg_conv_choice *a, const clg_conv_choice *b)
{
    return a->job == b->job && a->h == b->h && a->w == b->w && a->c == b->c && a->k == b->k &&
           a->r == b->r && a->s == b->s && a->stride == b->stride && a->pad == b->pad &&
           near_rows(a->rows, b->rows);
}

bool clg__conv_algo_fits(const clg_ops *o, const clg_conv *g, enum clg_conv_job job,
                         enum clg_conv_algo algo)
{
    if (algo == CLG_CONV_DIRECT) {
        return true;
    }
    (void)job;
    return clg__winograd_fits(o, g);
}

/* ---- the shipped rule: estimates, of which the smallest wins ---- */

/* CPU family. Cycles of a vector unit per source channel and 16 output channels of an image, fitted
 * to what a 2-core AVX-512 machine does. */
typedef struct win_cost {
    uint32_t m;
    double products; /* per tile */
    double transform,
        gradient;  /* per tile, of source and output: for a map; for a weight gradient */
    double filter; /* transform of the filter, once for all images of a pass: and of two that are as
                      fast, the one whose filter takes less memory */
    double efficiency, crowded; /* of the products; when a slot does not fit a core's cache */
} win_cost;

static const win_cost strided_costs[CLG_CONV_ALGO_COUNT] = {
    [CLG_CONV_WINOGRAD2] = { 2, 9, 40, 40, 280, 0.80, 0.80 },
    [CLG_CONV_WINOGRAD4] = { 4, 25, 110, 110, 1800, 0.72, 0.55 },
};
/* Without the stride's phases a weight gradient has a quarter of the rows to spread its transforms
 * over, which no longer stay in a core's cache. */
static const win_cost plain_costs[CLG_CONV_ALGO_COUNT] = {
    [CLG_CONV_WINOGRAD2] = { 2, 16, 150, 500, 1000, 0.92, 0.92 },
    [CLG_CONV_WINOGRAD4] = { 4, 36, 500, 1500, 1500, 0.72, 0.55 },
};
enum { CROWDED = 14000 }; /* products x channels; of 16 tiles they are 900 KB */
static const double DIRECT_EFFICIENCY = 0.95;

/* Pairs of a pixel and a tap along one side, without the taps in the padding. */
static double direct_pairs(const clg_conv *g, uint32_t big, uint32_t small)
{
    const double outside = g->pad < 2 ? 2.0 - g->pad : 0.0;
    return g->stride == 2 ? 2.0 * small - 1.0 : 3.0 * big - outside * (outside + 1.0);
}

static double estimate_cpu(const clg_conv *g, enum clg_conv_job job, enum clg_conv_algo algo)
{
    if (algo == CLG_CONV_DIRECT) {
        return direct_pairs(g, g->h, g->p) * direct_pairs(g, g->w, g->q) / DIRECT_EFFICIENCY;
    }
    const bool strided = g->stride == 2, up = job == CLG_CONV_JOB_UP;
    const win_cost *c = strided ? &strided_costs[algo] : &plain_costs[algo];
    const double phases = (double)g->stride * g->stride;
    const double from = up ? g->k : phases * g->c, to = up ? g->c : g->k;
    const bool big = up && !strided; /* tiles are of the big map */
    const double tiles =
        (double)clg__ceil_div(big ? g->h : g->p, c->m) * clg__ceil_div(big ? g->w : g->q, c->m);
    const bool map = job != CLG_CONV_JOB_WGRAD, crowded = map && c->products * from > CROWDED;
    return tiles * (c->products / (crowded ? c->crowded : c->efficiency) +
                    (map ? c->transform : c->gradient) * (1.0 / from + 1.0 / to)) +
           (map ? c->filter / g->n : 0.0);
}

/* GPU family. Floating-point operations of an image, a byte counted as GPU_BALANCE of them:
 * products run near the arithmetic's limit, transforms at the memory's. Not measured on a GPU:
 * between 13 (data centre) and 64 (games) operations of a GPU's data sheet go with a byte, 35 with
 * most; a product reaches about half of the former, a transform four fifths of the latter. GPU_GAIN
 * keeps the direct algorithm where the estimate is close; `clgan tune` measures. */
static const double GPU_BALANCE = 24.0, GPU_GAIN = 0.85;

static double estimate_gpu(const clg_conv *g, enum clg_conv_job job, enum clg_conv_algo algo)
{
    if (algo == CLG_CONV_DIRECT) {
        return GPU_GAIN * clg__conv_flops(g) / g->n;
    }
    const bool up = job == CLG_CONV_JOB_UP;
    const uint32_t m = algo == CLG_CONV_WINOGRAD4 ? 4 : 2, side = m + g->r / g->stride - 1;
    const double points = (double)side * side, pixels = (double)m * m;
    const double phases = (double)g->stride * g->stride, maps = up ? phases : 1.0;
    const double cin = up ? g->k : phases * g->c, oc = up ? g->c : g->k;
    const double tiles = maps * clg__ceil_div(up ? clg__ceil_div(g->h, g->stride) : g->p, m) *
                         clg__ceil_div(up ? clg__ceil_div(g->w, g->stride) : g->q, m);
    /* Of both matrices each element is written once and read once; the filter's too, but once for
     * all images, and there again is the filter itself. */
    const double moved =
        8.0 * tiles * points * (cin + oc) + 4.0 * tiles * (points * cin + pixels * oc);
    const double filter =
        (8.0 * maps * points * cin * oc + 4.0 * (double)clg__conv_w_len(g)) / g->n;
    const double flops = 2.0 * tiles * points * cin * oc;
    return flops + GPU_BALANCE * (moved + filter);
}

enum clg_conv_algo clg__conv_algo_rule(const clg_ops *o, const clg_conv *g, enum clg_conv_job job)
{
    const bool gpu = clg__rt_family(o->rt) == CLG_KERNELS_GPU;
    double (*const estimate)(const clg_conv *, enum clg_conv_job, enum clg_conv_algo) =
        gpu ? estimate_gpu : estimate_cpu;
    enum clg_conv_algo best = CLG_CONV_DIRECT;
    for (int i = 0; i < CLG_CONV_ALGO_COUNT && clg__winograd_fits(o, g); i++) {
        const enum clg_conv_algo algo = (enum clg_conv_algo)i;
        if (estimate(g, job, algo) < estimate(g, job, best)) {
            best = algo;
        }
    }
    return best;
}

/* The table's first entry for this job whose algorithm fits and, unless that is
 * CLG_CONV_ALGO_COUNT, is `algo`; NULL if there is none. */
static const clg_conv_choice *find_choice(const clg_ops *o, const clg_conv *g,
                                          enum clg_conv_job job, enum clg_conv_algo algo)
{
    const clg_conv_choices *t = o->conv_choices;
    clg_conv_choice asked = clg__conv_choice_of(g, job, CLG_CONV_DIRECT);
    asked.rows = g->n;
    for (uint32_t i = 0; t != NULL && i < t->count; i++) {
        const clg_conv_choice *c = &t->list[i];
        if ((algo == CLG_CONV_ALGO_COUNT || c->algo == algo) && clg__conv_same_job(c, &asked) &&
            clg__conv_algo_fits(o, g, job, c->algo)) {
            return c;
        }
    }
    return NULL;
}

enum clg_conv_algo clg__conv_algo_pick(const clg_ops *o, const clg_conv *g, enum clg_conv_job job)
{
    const clg_conv_choices *t = o->conv_choices;
    if (t != NULL && t->forced != CLG_CONV_ALGO_COUNT &&
        clg__conv_algo_fits(o, g, job, t->forced)) {
        return t->forced;
    }
    const clg_conv_choice *c = find_choice(o, g, job, CLG_CONV_ALGO_COUNT);
    return c != NULL ? c->algo : clg__conv_algo_rule(o, g, job);
}

uint32_t clg__conv_tile_pick(const clg_ops *o, const clg_conv *g, enum clg_conv_job job,
                             enum clg_conv_algo algo)
{
    const clg_conv_choices *t = o->conv_choices;
    if (t != NULL && t->tile > 0) {
        return t->tile;
    }
    const clg_conv_choice *c = find_choice(o, g, job, algo);
    return c != NULL ? c->tile : 0;
}
