/* Timing of the algorithms of convolutions and of their tile shapes, and the record of what was
 * found. */
#include "nn/conv_tune.h"

#include <math.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/stats.h"
#include "ops/conv2d.h"
#include "ops/random.h"
#include "rt/record.h"

/* Winograd's results differ from the direct ones by less than 3e-5 of the largest; a kernel that a
 * driver compiles wrongly is off by far more. */
static const double WRONG = 1e-3;
static const double CLEARLY = 0.95;
static const double MS_LEAST = 0.001; /* as the record's digits show */
/* A timed run is as many of the job as take about so long, so that a GPU's start and the wait for
 * it are little of it. */
static const double PACK_MS = 1.0, PACK_MAX = 64.0;
enum { RECORD_MAX = 1 << 20, ABOUT_LEN = 96 };

/* ---- one job on the device ---- */

typedef struct bench {
    clg_conv g;
    enum clg_conv_job job;
    clg_buffer *big, *small, *filter, *ws;
    float *want, *got; /* results on the host */
    uint64_t len;      /* of the result */
} bench;

static clg_tensor shape4(clg_buffer *b, uint32_t d0, uint32_t d1, uint32_t d2, uint32_t d3)
{
    return clg__tensor_view(clg__tensor_all(b), 0, 4, d0, d1, d2, d3);
}

static enum clg_pass pass_of(enum clg_conv_job job)
{
    return job == CLG_CONV_JOB_DOWN ? CLG_FWD
           : job == CLG_CONV_JOB_UP ? CLG_BWD_DATA
                                    : CLG_BWD_WEIGHT;
}

static clg_tensor result_of(const bench *b)
{
    return clg__tensor_all(b->job == CLG_CONV_JOB_DOWN ? b->small
                           : b->job == CLG_CONV_JOB_UP ? b->big
                                                       : b->filter);
}

static int run_job(const clg_ops *ops, const bench *b)
{
    const clg_conv *g = &b->g;
    clg_tensor x = shape4(b->big, g->n, g->h, g->w, g->c);
    clg_tensor y = shape4(b->small, g->n, g->p, g->q, g->k);
    clg_tensor w = shape4(b->filter, g->r, g->s, g->c, g->k);
    clg_tensor ws = b->ws != NULL ? clg__tensor_all(b->ws) : CLG_NO_TENSOR;
    switch (b->job) {
    case CLG_CONV_JOB_DOWN:
        return clg__conv2d_fwd(ops, g, x, (clg_filter){ .w = w }, NULL, y, ws);
    case CLG_CONV_JOB_UP:
        return clg__conv2d_bwd_data(ops, g, y, (clg_filter){ .w = w }, NULL, x, ws);
    default:
        return clg__conv2d_bwd_weight(ops, g, x, y, NULL, w, ws);
    }
}

static int fill(const clg_ops *ops, clg_buffer *b, uint64_t lane)
{
    const clg_rng_key key = { .seed = 7, .stream = CLG_STREAM_TEST, .lane = (uint32_t)lane };
    return clg__random_normal(ops, &key, 0.0f, 1.0f, clg__tensor_all(b));
}

static int open_bench(bench *b, const clg_ops *ops, uint64_t ws)
{
    clg_rt *rt = ops->rt;
    int status = CLG_OK;
    CLG_TRY(clg__buffer_create(rt, CLG_F32, clg__conv_x_len(&b->g), "tuning", &b->big));
    CLG_TRY(clg__buffer_create(rt, CLG_F32, clg__conv_y_len(&b->g), "tuning", &b->small));
    CLG_TRY(clg__buffer_create(rt, CLG_F32, clg__conv_w_len(&b->g), "tuning", &b->filter));
    if (ws > 0) {
        CLG_TRY(clg__buffer_create(rt, CLG_F32, ws, "tuning", &b->ws));
    }
    CLG_TRY(fill(ops, b->big, 0));
    CLG_TRY(fill(ops, b->small, 1));
    CLG_TRY(fill(ops, b->filter, 2));
    b->len = clg__tensor_len(result_of(b));
    b->want = clg__alloc((size_t)b->len, sizeof *b->want);
    b->got = clg__alloc((size_t)b->len, sizeof *b->got);
    CLG_TRY(b->want != NULL && b->got != NULL ? CLG_OK : CLG_E_MEMORY);
out:
    return status;
}

static void close_bench(bench *b)
{
    clg__buffer_destroy(&b->big);
    clg__buffer_destroy(&b->small);
    clg__buffer_destroy(&b->filter);
    clg__buffer_destroy(&b->ws);
    clg__free(b->want);
    clg__free(b->got);
}

/* ---- measuring ---- */

/* One way to do the job. */
typedef struct variant {
    enum clg_conv_algo algo;
    uint32_t tile;        /* number of its shape; 0: none to choose, or by the rule */
    double least, middle; /* ms; least < 0: left out */
} variant;
enum { VARIANTS_MAX = CLG_CONV_ALGO_COUNT * CLG_TILE_COUNT };

/* The ops with one variant for everything. */
typedef struct forced_ops {
    clg_ops ops;
    clg_conv_choices choices;
} forced_ops;

static void force(forced_ops *f, const clg_ops *ops, const variant *v)
{
    f->choices = (clg_conv_choices){ .forced = v->algo, .tile = v->tile };
    f->ops = *ops;
    f->ops.conv_choices = &f->choices;
}

/* Each algorithm that fits, direct first, with its first `tiles` shapes, the rule's first. */
static uint32_t list_variants(const clg_ops *ops, const clg_conv *g, enum clg_conv_job job,
                              uint32_t tiles, variant v[VARIANTS_MAX])
{
    uint32_t n = 0;
    for (int i = 0; i < CLG_CONV_ALGO_COUNT; i++) {
        const enum clg_conv_algo algo = (enum clg_conv_algo)i;
        uint32_t number[CLG_TILE_COUNT] = { 0 };
        forced_ops f; /* without the list: its shapes hide no other, and it may be growing */
        force(&f, ops, &(variant){ .algo = algo });
        if (clg__conv_algo_fits(ops, g, job, algo)) {
            const uint32_t allowed = clg__conv2d_tiles(&f.ops, g, job, algo, number);
            const uint32_t shapes = allowed < tiles ? allowed : tiles;
            v[n++] = (variant){ .algo = algo, .tile = shapes > 1 ? number[0] : 0 };
            for (uint32_t k = 1; k < shapes; k++) {
                v[n++] = (variant){ .algo = algo, .tile = number[k] };
            }
        }
    }
    return n;
}

uint32_t clg__conv_tune_candidates(const clg_ops *ops, const clg_conv *g, enum clg_conv_job job,
                                   uint32_t tiles)
{
    variant v[VARIANTS_MAX];
    return list_variants(ops, g, job, tiles, v);
}

/* Is it the same as the one before but for its shape? Those are measured if time is left. */
static bool is_extra(const variant *v, uint32_t i)
{
    return i > 0 && v[i].algo == v[i - 1].algo;
}

/* Largest difference of the results, in parts of the largest value. */
static double difference(const float *want, const float *got, uint64_t n)
{
    double most = 0.0, off = 0.0;
    for (uint64_t i = 0; i < n; i++) {
        double d = fabs((double)want[i] - (double)got[i]);
        most = fmax(most, fabs((double)want[i]));
        off = d > off || isnan(d) ? d : off;
    }
    return isnan(off) ? INFINITY : off / fmax(most, 1e-30);
}

/* First run: kernels are built, caches warmed, the result compared with that of the first variant,
 * which must run. One that does not, or computes wrong, is left out. */
static int check_one(const clg_ops *ops, bench *b, variant *v, bool first)
{
    forced_ops f;
    force(&f, ops, v);
    int ran = run_job(&f.ops, b);
    ran = ran == CLG_OK ? clg__rt_read(ops->rt, result_of(b), first ? b->want : b->got) : ran;
    if (first) {
        return ran;
    }
    const double off = ran == CLG_OK ? difference(b->want, b->got, b->len) : INFINITY;
    if (!(off < WRONG)) {
        char way[CLG_CONV_WAY_LEN];
        clg__log(CLG_LOG_WARN, "convolution %s is left out on this device: %s",
                 clg__conv_way_name(v->algo, v->tile, way),
                 ran != CLG_OK ? clg_message() : "its results are wrong");
        v->least = -1.0;
    }
    return CLG_OK;
}

static bool has_time(const clg_conv_tune_how *how, double now, double seconds)
{
    return how->limit_s <= 0.0 || now - how->start_s + seconds <= how->limit_s;
}

/* *extra: seconds for further shapes, each of which looks at the time itself. */
static int check_all(const clg_ops *ops, bench *b, clg_conv_tune_how *how, variant *v, uint32_t n,
                     double *extra)
{
    int status = CLG_OK;
    for (uint32_t i = 0; i < n; i++) {
        const double begun = clg__os_now_s();
        if (is_extra(v, i) && !has_time(how, begun, how->longest_first_s)) {
            v[i].least = -1.0;
            continue;
        }
        CLG_TRY(check_one(ops, b, &v[i], i == 0));
        const double took = clg__os_now_s() - begun;
        how->longest_first_s = fmax(how->longest_first_s, took);
        *extra += is_extra(v, i) ? took : 0.0;
    }
out:
    return status;
}

/* `runs` of them, enqueued one behind the other: milliseconds of each. Ends with a read, which
 * waits on every driver; rusticl of Mesa 22.3 was seen to come back from a finish at once. */
static int time_one(const clg_ops *ops, const bench *b, const variant *v, uint32_t runs, double *ms)
{
    int status = CLG_OK;
    forced_ops f;
    force(&f, ops, v);
    const double start = clg__os_now_s();
    for (uint32_t i = 0; i < runs; i++) {
        CLG_TRY(run_job(&f.ops, b));
    }
    CLG_TRY(clg__rt_read(ops->rt, clg__tensor_vec(result_of(b), 0, 1), b->got));
    *ms = fmax(1e3 * (clg__os_now_s() - start) / runs, MS_LEAST);
out:
    return status;
}

/* Each is timed as often as its own speed allows; further shapes only if the time holds them. */
static int time_all(const clg_ops *ops, const bench *b, const clg_conv_tune_how *how,
                    uint32_t repeats, variant *v, uint32_t n)
{
    double ms[VARIANTS_MAX][CLG_CONV_REPEATS_MAX], one = 0.0;
    uint32_t runs[VARIANTS_MAX] = { 0 };
    int status = CLG_OK;
    for (uint32_t i = 0; i < n; i++) {
        if (v[i].least < 0.0) {
            continue;
        }
        CLG_TRY(time_one(ops, b, &v[i], 1, &one));
        runs[i] = one < PACK_MS ? (uint32_t)fmin(PACK_MS / one + 1.0, PACK_MAX) : 1u;
        if (is_extra(v, i) && !has_time(how, clg__os_now_s(), 1e-3 * one * runs[i] * repeats)) {
            v[i].least = -1.0;
        }
    }
    for (uint32_t k = 0; k < repeats; k++) {
        for (uint32_t i = 0; i < n; i++) {
            if (v[i].least >= 0.0) {
                CLG_TRY(time_one(ops, b, &v[i], runs[i], &ms[i][k]));
            }
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        if (v[i].least >= 0.0) {
            v[i].middle = clg__median(ms[i], repeats); /* sorts */
            v[i].least = ms[i][0];
        }
    }
out:
    return status;
}

/* The shipped rules', unless another one's usual time is clearly below its least: what else the
 * machine does meanwhile must not decide. */
static uint32_t choose(enum clg_conv_algo rule, const variant *v, uint32_t n)
{
    uint32_t usual = 0;
    while (usual + 1u < n && v[usual].algo != rule) {
        usual++;
    }
    usual = v[usual].algo == rule && v[usual].least > 0.0 ? usual : 0;
    uint32_t best = usual;
    for (uint32_t i = 0; i < n; i++) {
        if (v[i].least > 0.0 && v[i].middle < CLEARLY * v[usual].least &&
            v[i].least < v[best].least) {
            best = i;
        }
    }
    return best;
}

/* The decision, and the times of the algorithms: each by its fastest shape, the chosen one by its
 * own. A shape is named only if it was compared with others. */
static clg_conv_choice conclude(const clg_ops *ops, const clg_conv *g, enum clg_conv_job job,
                                const variant *v, uint32_t n, clg_conv_times *times)
{
    const variant *won = &v[choose(clg__conv_algo_rule(ops, g, job), v, n)];
    clg_conv_choice c = clg__conv_choice_of(g, job, won->algo);
    uint32_t shapes = 0;
    c.rows = g->n;
    for (uint32_t i = 0; i < n; i++) {
        double *ms = &times->ms[v[i].algo];
        if (v[i].least > 0.0 && (*ms <= 0.0 || v[i].least < *ms)) {
            *ms = v[i].least;
        }
        shapes += v[i].least > 0.0 && v[i].algo == won->algo;
    }
    times->ms[won->algo] = won->least;
    c.tile = shapes > 1 ? won->tile : 0;
    return c;
}

/* Workspace for whichever algorithm. */
static uint64_t most_workspace(const clg_ops *ops, const clg_conv *g, enum clg_conv_job job)
{
    uint64_t most = 0;
    for (int i = 0; i < CLG_CONV_ALGO_COUNT; i++) {
        forced_ops f;
        force(&f, ops, &(variant){ .algo = (enum clg_conv_algo)i });
        uint64_t ws = clg__conv2d_workspace(&f.ops, g, pass_of(job));
        most = ws > most ? ws : most;
    }
    return most;
}

static uint32_t cut_batch(const clg_conv *g, double work)
{
    clg_conv one = *g;
    one.n = 1;
    double most = work / clg__conv_flops(&one);
    return !(work > 0.0) || most >= g->n ? g->n : most < 1.0 ? 1u : (uint32_t)most;
}

/* Seconds of runs, by what the list knows of the job; 0 if it does not. */
static double expect(const clg_conv_list *list, const clg_conv *g, enum clg_conv_job job,
                     const clg_conv_tune_how *how)
{
    const uint32_t at = clg__conv_list_find(list, g, job);
    const double each = 1e-3 * (how->repeats + 1u) * (how->tiles > 1 ? how->tiles : 1u);
    double sum = 0.0;
    for (int i = 0; i < CLG_CONV_ALGO_COUNT && at < list->count; i++) {
        const double ms = list->times[at].ms[i];
        sum += ms > 0.0 ? fmax(ms, 2.0 * PACK_MS) * each : 0.0;
    }
    return sum;
}

int clg__conv_tune(const clg_ops *ops, const clg_conv *g, enum clg_conv_job job,
                   clg_conv_tune_how *how, clg_conv_list *list, uint32_t *n, bool *done)
{
    clg_conv_times times = { { 0.0 } };
    variant v[VARIANTS_MAX];
    const uint32_t repeats =
        how->repeats < CLG_CONV_REPEATS_MAX ? how->repeats : CLG_CONV_REPEATS_MAX;
    bench b = { .g = *g, .job = job };
    double begun = clg__os_now_s(), extra = 0.0;
    int status = CLG_OK;
    *done = has_time(how, begun, fmax(how->longest_s, expect(list, g, job, how)));
    if (!*done) {
        return CLG_OK;
    }
    *n = b.g.n = cut_batch(g, how->work);
    const uint32_t count = list_variants(ops, g, job, how->tiles, v);
    CLG_TRY(open_bench(&b, ops, most_workspace(ops, &b.g, job)));
    CLG_TRY(check_all(ops, &b, how, v, count, &extra));
    CLG_TRY(time_all(ops, &b, how, repeats, v, count));
    const clg_conv_choice c = conclude(ops, g, job, v, count, &times);
    CLG_TRY(clg__conv_list_set(list, &c, &times));
    how->longest_s = fmax(how->longest_s, clg__os_now_s() - begun - extra);
out:
    close_bench(&b);
    return status;
}

/* ---- the record ---- */

static clg_record_kind record_kind(const clg_rt *rt, char about[ABOUT_LEN])
{
    (void)snprintf(about, ABOUT_LEN, "clgan: %s\nkernels: %s\n", CLGAN_VERSION,
                   clg__rt_family(rt) == CLG_KERNELS_CPU ? "cpu" : "gpu");
    return (clg_record_kind){ .title = "clgan convolution record 2",
                              .about = about,
                              .max = RECORD_MAX };
}

int clg__conv_record_path(const clg_rt *rt, char *dst, size_t cap)
{
    char about[ABOUT_LEN];
    const clg_record_kind kind = record_kind(rt, about);
    return clg__record_path(clg__rt_device(rt), &kind, dst, cap);
}

/* Is every line measured, with a shape that the device may have? */
static bool is_usable(const clg_rt *rt, const clg_conv_list *list)
{
    const bool gpu = clg__rt_family(rt) == CLG_KERNELS_GPU;
    bool good = true;
    for (uint32_t i = 0; i < list->count; i++) {
        const clg_conv_choice *c = &list->choice[i];
        good = good && c->rows > 0 && list->times[i].ms[c->algo] > 0.0 &&
               (c->tile == 0 || (gpu && clg__tile_allowed(clg__rt_device(rt), c->tile)));
    }
    return good;
}

bool clg__conv_record_read(const clg_rt *rt, clg_conv_list *list)
{
    char about[ABOUT_LEN], *body = NULL;
    const clg_record_kind kind = record_kind(rt, about);
    uint32_t bad = 0;
    *list = (clg_conv_list){ 0 };
    if (!clg__record_read(clg__rt_device(rt), &kind, &body)) {
        return false;
    }
    int status = clg__conv_list_parse(body, list, &bad);
    clg__free(body);
    if (status == CLG_OK && bad == 0 && is_usable(rt, list)) {
        return true;
    }
    clg__record_ignore(clg__rt_device(rt), &kind, "not understood");
    clg__conv_list_free(list);
    return false;
}

int clg__conv_record_write(const clg_rt *rt, const clg_conv_list *list)
{
    char about[ABOUT_LEN];
    const clg_record_kind kind = record_kind(rt, about);
    clg_conv_list all;
    clg_str text = { 0 };
    int status = CLG_OK;
    (void)clg__conv_record_read(rt, &all); /* another process may have added some */
    for (uint32_t i = 0; i < list->count; i++) {
        CLG_TRY(clg__conv_list_set(&all, &list->choice[i], &list->times[i]));
    }
    clg__conv_list_format(&all, &text);
    CLG_TRY(text.failed ? CLG_E_MEMORY : CLG_OK);
    CLG_TRY(clg__record_write(clg__rt_device(rt), &kind, text.text));
out:
    clg__str_free(&text);
    clg__conv_list_free(&all);
    return status;
}
