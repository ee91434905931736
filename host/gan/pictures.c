/* The pictures over the steps of a run. Those of the drawn systems: pictures_systems.c. */
#include "gan/pictures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "gan/pictures_internal.h"
#include "io/plot.h"

enum { WIDTH = 860 };

/* ---- titles ---- */

static void add(clg_str *s, const char *what, double v)
{
    if (isfinite(v)) {
        clg__str_add(s, "%s%s %.*f", s->len > 0 ? "    " : "", what,
                     fabs(v) < 0.0995 ? 4
                     : fabs(v) < 9.95 ? 3
                                      : 1,
                     v);
    }
}

void clg__picture_facts_text(const clg_picture_facts *f, clg_str *out)
{
    clg__str_add(out, "step %llu", (unsigned long long)f->step);
    add(out, "loss D", f->loss_d);
    add(out, "loss G", f->loss_g);
    add(out, "mean D(x)", f->d_real);
    add(out, "mean D(G(z))", f->d_fake);
}

/* ---- series over the steps ---- */

/* Two series of a column: the values themselves, pale, and their running mean, which is what an eye
 * can follow. Short columns are drawn as they are. */
typedef struct course {
    clg_plot_series pale, mean;
    float *smooth;
} course;

static bool any_finite(const float *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (isfinite(v[i])) {
            return true;
        }
    }
    return false;
}

static int make_course(course *c, const char *name, uint32_t colour, const clg_history *h,
                       const float *values)
{
    size_t n = clg__history_rows(h);
    c->mean = (clg_plot_series){
        .name = name, .colour = colour, .n = n, .x = clg__history_steps(h), .y = values
    };
    c->pale = (clg_plot_series){ 0 };
    c->smooth = NULL;
    if (n < 80u) {
        return CLG_OK;
    }
    c->smooth = clg__alloc(n, sizeof *c->smooth);
    if (c->smooth == NULL) {
        return CLG_E_MEMORY;
    }
    clg__plot_smooth(values, n, n / 80u, c->smooth);
    c->pale = c->mean;
    c->pale.name = NULL;
    c->pale.alpha = 0.28;
    c->pale.width = 1.0;
    c->mean.y = c->smooth;
    return CLG_OK;
}

/* All pale lines lie below all means. */
static void lay(const course *c, size_t n, clg_plot_series *series)
{
    for (size_t i = 0; i < n; i++) {
        series[i] = c[i].pale;
        series[n + i] = c[i].mean;
    }
}

static void free_courses(course *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        clg__free(c[i].smooth);
    }
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

/* Whether values want a logarithmic axis: all positive, and the largest beyond 10 times the median.
 * scratch: [n]. */
static bool is_wild(const float *v, size_t n, float *scratch)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(v[i])) {
            scratch[count++] = v[i];
        }
    }
    if (count == 0) {
        return false;
    }
    qsort(scratch, count, sizeof *scratch, compare_floats);
    return scratch[0] > 0.0f && scratch[count - 1] > 10.0f * scratch[count / 2];
}

static bool want_log(const clg_history *h, bool *out)
{
    size_t n = clg__history_rows(h);
    float *scratch = clg__alloc(n, sizeof *scratch);
    *out = false;
    if (scratch == NULL) {
        return false;
    }
    const float *d = clg__history_column(h, CLG_HISTORY_LOSS_D);
    const float *g = clg__history_column(h, CLG_HISTORY_LOSS_G);
    bool positive = true;
    for (size_t i = 0; i < n; i++) {
        positive = positive && !(d[i] <= 0.0f) && !(g[i] <= 0.0f);
    }
    *out = positive && (is_wild(d, n, scratch) || is_wild(g, n, scratch));
    clg__free(scratch);
    return true;
}

/* From 0 to the last step. */
static clg_plot_axis steps_axis(const clg_history *h, const char *label)
{
    return (clg_plot_axis){ .label = label, .hi = (double)clg__history_last_step(h) };
}

static int write(const char *path, const clg_picture_facts *f, const char *title, uint32_t height,
                 const clg_plot_panel *panels, size_t count)
{
    char line[CLG_NAME_MAX + 96];
    (void)snprintf(line, sizeof line, "%s: %s", f->model, title);
    return clg__plot_write(
        path, &(clg_plot_figure){
                  .title = line, .w = WIDTH, .h = height, .panel = panels, .panel_count = count });
}

int clg__picture_losses(const char *path, const clg_picture_facts *f, const clg_history *h)
{
    course c[2] = { 0 };
    clg_plot_series series[4];
    size_t rows = clg__history_rows(h), n = 0;
    /* Both losses of an autoencoder are the one error. */
    bool judged = rows == 0 || any_finite(clg__history_column(h, CLG_HISTORY_D_REAL), rows), log;
    int status = want_log(h, &log) ? CLG_OK : CLG_E_MEMORY;
    CLG_TRY(status);
    if (judged) {
        CLG_TRY(make_course(&c[n++], "loss of D", CLG_PLOT_BLUE, h,
                            clg__history_column(h, CLG_HISTORY_LOSS_D)));
    }
    CLG_TRY(make_course(&c[n++], judged ? "loss of G" : "mean squared error", CLG_PLOT_VERMILION,
                        h, clg__history_column(h, CLG_HISTORY_LOSS_G)));
    lay(c, n, series);
    clg_plot_panel panel = { .x = steps_axis(h, "step"),
                             .y = { .label = log ? "loss (log scale)" : "loss", .log = log },
                             .series = series,
                             .series_count = 2u * n };
    status = write(path, f, "losses", 420, &panel, 1);
out:
    free_courses(c, 2);
    return status;
}

int clg__picture_judgement(const char *path, const clg_picture_facts *f, const clg_history *h)
{
    static const struct {
        enum clg_history_column column;
        const char *name;
        uint32_t colour;
    } lines[] = { { CLG_HISTORY_D_REAL, "D(x), real", CLG_PLOT_BLUE },
                  { CLG_HISTORY_D_FAKE_BEFORE, "D(G(z)) before D's step", CLG_PLOT_VERMILION },
                  { CLG_HISTORY_D_FAKE_AFTER, "D(G(z)) after it", CLG_PLOT_GREEN } };
    course c[3] = { 0 };
    clg_plot_series series[7];
    size_t n = clg__history_rows(h);
    const float *steps = clg__history_steps(h);
    bool any = false;
    int status = CLG_OK;
    for (int i = 0; i < 3; i++) {
        const float *v = clg__history_column(h, lines[i].column);
        any = any || any_finite(v, n);
        CLG_TRY(make_course(&c[i], lines[i].name, lines[i].colour, h, v));
    }
    if (n > 0 && !any) {
        goto out;
    }
    lay(c, 3, series);
    /* Where D cannot tell: one half. */
    float ends[2] = { n > 0 ? steps[0] : 0.0f, n > 0 ? steps[n - 1] : 0.0f };
    series[6] = (clg_plot_series){ .colour = CLG_PLOT_GREY,
                                   .dashed = true,
                                   .width = 1.0,
                                   .n = f->probability && n > 1u ? 2 : 0,
                                   .x = ends,
                                   .y = (const float[]){ 0.5f, 0.5f } };
    clg_plot_panel panel = { .x = steps_axis(h, "step"),
                             .y = { .label = f->probability ? "mean D, 1 = taken for real"
                                                            : "mean output of D" },
                             .series = series,
                             .series_count = 7 };
    if (f->probability) {
        panel.y.lo = -0.02;
        panel.y.hi = 1.02;
    }
    status = write(path, f, "what D thinks of real and generated samples", 420, &panel, 1);
out:
    free_courses(c, 3);
    return status;
}

/* ---- monitors ---- */

/* The rows of a column that have a number: x and y [rows] of the series. */
static void gather(const clg_history *h, enum clg_history_column column, clg_plot_series *s,
                   float *x, float *y)
{
    const float *steps = clg__history_steps(h), *v = clg__history_column(h, column);
    s->n = 0;
    for (size_t i = 0; i < clg__history_rows(h); i++) {
        if (isfinite(v[i])) {
            x[s->n] = steps[i];
            y[s->n++] = v[i];
        }
    }
    s->x = x;
    s->y = y;
}

int clg__picture_monitors(const char *path, const clg_picture_facts *f, const clg_history *h)
{
    enum { LINES = 3 };
    size_t n = clg__history_rows(h);
    float *at = clg__alloc(2u * LINES * n, sizeof *at);
    clg_plot_series series[LINES] = {
        { .name = NULL, .colour = CLG_PLOT_BLUE },
        { .name = "real with D < 1/2", .colour = CLG_PLOT_BLUE },
        { .name = "generated with D > 1/2", .colour = CLG_PLOT_VERMILION },
    };
    int status = at != NULL ? CLG_OK : CLG_E_MEMORY;
    CLG_TRY(status);
    for (size_t i = 0; i < LINES; i++) {
        gather(h, (enum clg_history_column)(CLG_HISTORY_PARZEN + i), &series[i],
               at + 2u * i * n, at + (2u * i + 1u) * n);
    }
    if (series[0].n == 0) {
        goto out;
    }
    const clg_plot_panel panels[2] = {
        { .x = steps_axis(h, NULL),
          .y = { .label = "log-likelihood, nats" },
          .series = series,
          .series_count = 1 },
        { .x = steps_axis(h, "step"),
          .y = { .label = "share of D's mistakes", .lo = -0.02, .hi = 1.02 },
          .series = series + 1,
          .series_count = 2 },
    };
    status = write(path, f, "Parzen window of 100 samples, and D's mistakes", 600, panels, 2);
out:
    clg__free(at);
    return status;
}

/* ---- weights ---- */

static void add_layer(clg_picture_layers *out, const char *net, const clg_layer *l, const char *op)
{
    (void)snprintf(out->name[out->count], sizeof out->name[0], "%s.%s.weight", net, l->name);
    (void)snprintf(out->label[out->count], sizeof out->label[0], "%s %s", l->name, op);
    out->count++;
}

static void add_net(clg_picture_layers *out, const char *net, const clg_net_plan *plan)
{
    static const char *const ops[CLG_LAYER_COUNT] = {
        /* those that have weights */
        [CLG_LAYER_LINEAR] = "linear",
        [CLG_LAYER_CONV2D] = "conv2d",
        [CLG_LAYER_DECONV2D] = "deconv2d",
        [CLG_LAYER_EMBEDDING] = "embedding",
    };
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        if (ops[plan->layer[i].op] != NULL) {
            add_layer(out, net, &plan->layer[i], ops[plan->layer[i].op]);
        }
    }
}

void clg__picture_layers(const clg_model_plan *plan, clg_picture_layers *out)
{
    out->count = 0;
    add_net(out, "netG", &plan->g);
    out->g_count = out->count;
    add_net(out, "netD", &plan->d);
}

int clg__picture_weights(const char *path, const clg_picture_facts *f, const clg_history *h,
                         const clg_picture_layers *layers)
{
    size_t n = layers->count, ng = layers->g_count, nd = n - ng;
    course *c = clg__alloc(n, sizeof *c);
    clg_plot_series *series = clg__alloc(2u * n, sizeof *series);
    int status = c == NULL || series == NULL ? CLG_E_MEMORY : CLG_OK;
    CLG_TRY(status);
    for (size_t i = 0; i < n; i++) {
        size_t at = i < ng ? i : i - ng, of = i < ng ? ng : nd;
        double depth = of > 1u ? (double)at / (double)(of - 1u) : 0.0;
        CLG_TRY(make_course(&c[i], layers->label[i], clg__plot_ramp(depth), h,
                            clg__history_layer(h, i)));
    }
    lay(c, ng, series);
    lay(c + ng, nd, series + 2u * ng);
    const clg_plot_panel panels[2] = {
        { .title = "Generator",
          .x = steps_axis(h, NULL),
          .y = { .label = "|change| / |weights|", .log = true },
          .series = series,
          .series_count = 2u * ng },
        { .title = "Discriminator",
          .x = steps_axis(h, "step"),
          .y = { .label = "|change| / |weights|", .log = true },
          .series = series + 2u * ng,
          .series_count = 2u * nd },
    };
    status = write(path, f, "change of each layer's weights in one step", 700, panels, 2);
out:
    if (c != NULL) {
        free_courses(c, n);
    }
    clg__free(c);
    clg__free(series);
    return status;
}
