/* Metrics of the drawn systems: their truth is known. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/system.h"
#include "gan/eval_nets.h"
#include "gan/evaluate_internal.h"
#include "gan/metrics_images.h"
#include "gan/metrics_modes.h"
#include "gan/pictures.h"
#include "ops/loss.h"

enum { JUDGED = 10000, JUDGE_ROWS = 256 };

/* Real rows of the system; [n,d], clg__free. */
static float *draw_real(const clg_subject *s, uint32_t n)
{
    clg_rng_key key = { .seed = s->seed, .stream = CLG_STREAM_EVAL, .lane = 1 };
    float *rows = clg__alloc((size_t)n * s->d, sizeof *rows);
    double y[32];
    for (uint32_t i = 0; rows != NULL && i < n; i++) {
        clg__system_row(s->plan.system, &key, i, y);
        for (uint32_t j = 0; j < s->d; j++) {
            rows[(size_t)i * s->d + j] = (float)y[j];
        }
    }
    return rows;
}

/* ---- what D says ---- */

typedef struct judge {
    const clg_subject *s;
    clg_eval_net *d;
    bool probability; /* D(x) is one: losses of the cross-entropy kind */
} judge;

/* out[0] mean loss, out[1] mean of what is shown for logits l. */
static int show(const clg_subject *s, const float *logits, uint32_t n, float out[2])
{
    int status = CLG_OK;
    clg_rt *rt = s->ops->rt;
    clg_buffer *l = NULL, *mean = NULL;
    CLG_TRY(clg__buffer_create(rt, CLG_F32, n, "logits", &l));
    CLG_TRY(clg__buffer_create(rt, CLG_F32, 2, "mean D", &mean));
    CLG_TRY(clg__rt_write(rt, clg__tensor_all(l), logits));
    CLG_TRY(clg__loss(s->ops, s->desc.loss.objective, CLG_LOSS_OF_REAL, clg__tensor_all(l), 1.0f,
                      1.0f, clg__tensor_all(mean), CLG_NO_TENSOR));
    CLG_TRY(clg__rt_read(rt, clg__tensor_all(mean), out));
out:
    clg__buffer_destroy(&l);
    clg__buffer_destroy(&mean);
    return status;
}

/* Without d (NULL) for a discriminator that judges several samples at once, or a missing one. */
static int open_judge(judge *j, const clg_subject *s)
{
    float zero = 0.0f, out[2];
    int status = CLG_OK;
    *j = (judge){ .s = s };
    if (s->desc.discriminator.packing > 1 || clg__subject_is_autoencoder(s)) {
        return CLG_OK;
    }
    CLG_TRY(clg__eval_net_open(&j->d, s->ops, s->checkpoint, &s->plan, CLG_DISCRIMINATOR,
                               JUDGE_ROWS, false));
    CLG_TRY(show(s, &zero, 1, out));
    j->probability = out[1] == 0.5f;
out:
    return status;
}

/* Mean D(x) over rows [n,d]; NaN without a judge. */
static int mean_d(const judge *j, const float *rows, uint32_t n, double *mean)
{
    int status = CLG_OK;
    float out[2], *logits = NULL;
    *mean = (double)NAN;
    if (j->d == NULL) {
        return CLG_OK;
    }
    logits = clg__alloc(n, sizeof *logits);
    CLG_TRY(logits != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(clg__eval_net_run(j->d, rows, NULL, n, logits));
    CLG_TRY(show(j->s, logits, n, out));
    *mean = (double)out[1];
out:
    clg__free(logits);
    return status;
}

static clg_picture_facts make_facts(const clg_subject *s, const judge *j)
{
    return (clg_picture_facts){ .model = s->desc.model.name,
                                .step = s->step,
                                .loss_d = (double)NAN,
                                .loss_g = (double)NAN,
                                .d_real = (double)NAN,
                                .d_fake = (double)NAN,
                                .probability = j != NULL && j->probability };
}

/* ---- ring, grid ---- */

int clg__evaluate_modes(clg_subject *s, clg_report *r)
{
    enum { SHOWN = 2500 };
    int status = CLG_OK;
    clg_modes m;
    float *real = NULL;
    char path[CLG_PATH_MAX_LEN];
    CLG_TRY(clg__subject_samples(s));
    clg__modes_count(s->plan.system, s->samples.at, s->samples.n, &m);
    const clg_figure list[] = {
        { .metric = "modes",
          .key = "modes_covered",
          .label = "modes covered",
          .kind = CLG_FIGURE_COUNT,
          .better = CLG_BETTER_HIGHER,
          .value = m.covered,
          .meaning = s->plan.system == CLG_SYSTEM_RING ? "of 8 Gaussians" : "of 25 Gaussians" },
        { .metric = "modes", .key = "modes_total", .kind = CLG_FIGURE_COUNT, .value = m.count },
        { .metric = "modes",
          .key = "high_quality_share",
          .label = "high quality",
          .better = CLG_BETTER_HIGHER,
          .decimals = 4,
          .value = m.high_quality,
          .meaning = "share of samples within 3 std of a mode" },
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        clg__report_add(r, &list[i]);
    }
    if (clg__report_picture(r, s, "modes.png", path)) {
        uint32_t shown = s->samples.n < SHOWN ? s->samples.n : SHOWN;
        clg_picture_facts f = make_facts(s, NULL);
        real = draw_real(s, shown);
        CLG_TRY(real != NULL ? CLG_OK : CLG_E_MEMORY);
        CLG_TRY(clg__picture_modes(path, &f, s->plan.system, real, shown, s->samples.at, shown));
    }
out:
    clg__free(real);
    return status;
}

/* ---- curves ---- */

static void add_curves(clg_report *r, const clg_curve_stats *c, double d_real, double d_fake)
{
    const clg_figure list[] = {
        { .key = "a_min",
          .label = "recovered a, least",
          .decimals = 3,
          .value = c->a_min,
          .meaning = "fitted to each curve; real ones begin at 1" },
        { .key = "a_max",
          .label = "recovered a, greatest",
          .decimals = 3,
          .value = c->a_max,
          .meaning = "real ones end at 3" },
        { .key = "a_mean",
          .label = "recovered a, mean",
          .decimals = 3,
          .value = c->a_mean,
          .meaning = "2 for real ones" },
        { .key = "residual_rms",
          .label = "residual",
          .decimals = 4,
          .value = c->residual,
          .better = CLG_BETTER_LOWER,
          .meaning = "root mean square distance from the fitted curve" },
        { .key = "within_bounds_share",
          .label = "within the bounds",
          .decimals = 4,
          .value = c->within,
          .better = CLG_BETTER_HIGHER,
          .meaning = "share of curves between x^2 and 3 x^2 + 2" },
        { .key = "d_real_mean",
          .label = "mean D(x)",
          .decimals = 4,
          .value = d_real,
          .meaning = "on real curves; 0.5 when D cannot tell" },
        { .key = "d_fake_mean",
          .label = "mean D(G(z))",
          .decimals = 4,
          .value = d_fake,
          .meaning = "on generated curves; 0.5 when D cannot tell" },
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        clg_figure f = list[i];
        f.metric = "curves";
        clg__report_add(r, &f);
    }
}

int clg__evaluate_curves(clg_subject *s, clg_report *r)
{
    int status = CLG_OK;
    judge j = { 0 };
    clg_curve_stats c;
    double d_real, d_fake;
    float *real = NULL;
    char path[CLG_PATH_MAX_LEN];
    CLG_TRY(clg__subject_samples(s));
    clg__curve_stats(s->samples.at, s->samples.n, &c);
    uint32_t n = s->samples.n < JUDGED ? s->samples.n : JUDGED;
    real = draw_real(s, n);
    CLG_TRY(real != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(open_judge(&j, s));
    CLG_TRY(mean_d(&j, real, n, &d_real));
    CLG_TRY(mean_d(&j, s->samples.at, n, &d_fake));
    add_curves(r, &c, d_real, d_fake);
    if (clg__report_picture(r, s, "curves.png", path)) {
        clg_picture_facts f = make_facts(s, &j);
        f.d_real = d_real;
        f.d_fake = d_fake;
        CLG_TRY(clg__picture_curves(path, &f, real, n, s->samples.at, n));
    }
out:
    clg__eval_net_close(&j.d);
    clg__free(real);
    return status;
}

/* ---- gauss1d ---- */

static void add_gauss1d(clg_report *r, const clg_gauss1d *g)
{
    const clg_figure list[] = {
        { .key = "mean",
          .label = "mean of G(z)",
          .decimals = 3,
          .value = g->mean,
          .meaning = "4 for the data" },
        { .key = "std",
          .label = "std of G(z)",
          .decimals = 3,
          .value = g->std,
          .meaning = "0.5 for the data" },
        { .key = "jsd_nats",
          .label = "divergence",
          .decimals = 4,
          .value = g->jsd,
          .better = CLG_BETTER_LOWER,
          .meaning = "Jensen-Shannon, nats, 0 .. 0.693" },
        { .key = "value_with_best_d_nats",
          .label = "value, best D",
          .decimals = 4,
          .value = g->bound,
          .meaning = "-log 4 + 2 JSD: theory; -1.386 at the optimum" },
        { .key = "value_nats",
          .label = "value, D as trained",
          .decimals = 4,
          .value = g->value,
          .meaning = "measured; at most the value of the best D" },
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        clg_figure f = list[i];
        f.metric = "gauss1d";
        clg__report_add(r, &f);
    }
}

int clg__evaluate_gauss1d(clg_subject *s, clg_report *r)
{
    int status = CLG_OK;
    judge j = { 0 };
    char path[CLG_PATH_MAX_LEN];
    float *logits = clg__alloc(CLG_GAUSS1D_POINTS, sizeof *logits);
    clg_gauss1d *g = clg__alloc(1, sizeof *g);
    CLG_TRY(logits != NULL && g != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(clg__subject_samples(s));
    if (s->samples.n < 2) {
        CLG_TRY(clg__hint(clg__fail(CLG_E_USAGE, "gauss1d: one sample has no density"),
                          "give --count 2 or more"));
    }
    clg__gauss1d_measure(s->samples.at, s->samples.n, g);
    g->value = (double)NAN;
    CLG_TRY(open_judge(&j, s));
    if (j.d != NULL && j.probability) {
        CLG_TRY(clg__eval_net_run(j.d, g->x, NULL, CLG_GAUSS1D_POINTS, logits));
        clg__gauss1d_judge(logits, g);
    }
    add_gauss1d(r, g);
    if (clg__report_picture(r, s, "gauss1d.png", path)) {
        clg_picture_facts f = make_facts(s, &j);
        CLG_TRY(clg__picture_gauss1d(path, &f, g, NULL, s->samples.at, s->samples.n, 0.0, 1.0));
    }
out:
    clg__eval_net_close(&j.d);
    clg__free(logits);
    clg__free(g);
    return status;
}
