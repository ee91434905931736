/* Metrics of images; pixels in [0,1]. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "gan/eval_nets.h"
#include "gan/evaluate_internal.h"
#include "gan/metrics_images.h"
#include "io/image_file.h"
#include "io/plot.h"

enum { NEIGHBOURS = 64, SHARP = 1000, COLUMNS = 16, EVAL_ROWS = 50, SHOWN = 8 };

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Test images, at most `most`; *n of them. */
static int read_test(const clg_subject *s, uint32_t most, uint32_t *n, float **images,
                     uint32_t *labels)
{
    *n = least(s->test_end - s->test_first, most);
    return clg__subject_spread(s, s->test, s->test_first, s->test_end, *n, images, labels);
}

/* ---- pictures ---- */

static uint8_t to_byte(float v)
{
    float b = floorf(v * 255.0f + 0.5f);
    return b >= 255.0f ? 255u : b > 0.0f ? (uint8_t)b : 0u;
}

int clg__subject_rows_picture(const clg_subject *s, const char *path, const float *const *list,
                              uint32_t lists, uint32_t n)
{
    uint32_t columns = least(n, COLUMNS), bands = clg__ceil_div(n, columns);
    uint32_t total = bands * lists * columns;
    uint8_t *bytes = clg__alloc(total, s->d);
    if (bytes == NULL) {
        return CLG_E_MEMORY;
    }
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < lists; k++) {
            size_t to = ((size_t)(i / columns * lists + k) * columns + i % columns) * s->d;
            for (uint32_t j = 0; j < s->d; j++) {
                bytes[to + j] = to_byte(list[k][(size_t)i * s->d + j]);
            }
        }
    }
    int status = clg__png_write_grid(path, bytes, total, s->plan.h, s->plan.w, s->plan.c,
                                     bands * lists, columns);
    clg__free(bytes);
    return status;
}

/* ---- Parzen window ---- */

static int read_validation(const clg_subject *s, clg_rows *out, float **owned, clg_report *r)
{
    uint32_t n = s->valid_end - s->valid_first;
    if (s->valid_is_trained) {
        clg__report_note(r,
                         "the %u images that choose sigma were trained on: the model holds none "
                         "out (data.holdout)",
                         least(n, CLG_PARZEN_VALIDATION));
    }
    *out = (clg_rows){ .n = least(n, CLG_PARZEN_VALIDATION), .d = s->d };
    int status =
        clg__subject_spread(s, s->train, s->valid_first, s->valid_end, out->n, owned, NULL);
    out->at = *owned;
    return status;
}

static void add_parzen(clg_report *r, const clg_parzen_result *p)
{
    const clg_figure list[] = {
        { .key = "log_likelihood_nats",
          .label = "Parzen log-likelihood",
          .decimals = 1,
          .better = CLG_BETTER_HIGHER,
          .value = p->mean,
          .error = p->standard_error,
          .error_key = "log_likelihood_standard_error_nats",
          .meaning = "nats, mean over test images and its standard error" },
        { .key = "sigma",
          .label = "  its sigma",
          .decimals = 3,
          .value = p->sigma,
          .meaning = "of 10 values from 0.1 to 1, the best on validation images" },
        { .key = "sigma_at_end", .kind = CLG_FIGURE_YES_NO, .value = p->at_end },
        { .key = "samples", .kind = CLG_FIGURE_COUNT, .value = p->samples },
        { .key = "validation_images", .kind = CLG_FIGURE_COUNT, .value = p->validation_rows },
        { .key = "test_images", .kind = CLG_FIGURE_COUNT, .value = p->test_rows },
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        clg_figure f = list[i];
        f.metric = "parzen";
        clg__report_add(r, &f);
    }
    if (p->at_end) {
        clg__log(CLG_LOG_WARN,
                 "parzen: the best sigma, %.3g, is at the end of 0.1 .. 1: the true "
                 "best may lie beyond, and the log-likelihood be higher",
                 p->sigma);
        clg__report_note(r, "the best sigma is at the end of its range");
    }
}

static int draw_parzen(const clg_subject *s, const clg_parzen_result *p, const char *path)
{
    float x[CLG_PARZEN_SIGMAS], y[CLG_PARZEN_SIGMAS];
    char title[CLG_NAME_MAX + 96];
    for (int k = 0; k < CLG_PARZEN_SIGMAS; k++) {
        x[k] = (float)p->tried[k];
        y[k] = (float)p->validation[k];
    }
    const clg_plot_series series[2] = {
        { .colour = CLG_PLOT_BLUE, .n = CLG_PARZEN_SIGMAS, .x = x, .y = y },
        { .mark = CLG_PLOT_DOTS,
          .colour = CLG_PLOT_BLUE,
          .width = 7.0,
          .n = CLG_PARZEN_SIGMAS,
          .x = x,
          .y = y },
    };
    const clg_plot_panel panel = { .x = { .label = "sigma", .log = true },
                                   .y = { .label = "log-likelihood of validation images, nats" },
                                   .series = series,
                                   .series_count = 2 };
    (void)snprintf(title, sizeof title, "%s: Parzen window, test images %.1f ± %.1f at sigma %.3f",
                   s->desc.model.name, p->mean, p->standard_error, p->sigma);
    return clg__plot_write(
        path, &(clg_plot_figure){
                  .title = title, .w = 700, .h = 420, .panel = &panel, .panel_count = 1 });
}

int clg__evaluate_parzen(clg_subject *s, clg_report *r)
{
    int status = CLG_OK;
    clg_rows validation = { 0 }, test = { .d = s->d };
    float *validation_at = NULL, *test_at = NULL;
    clg_parzen_result p;
    char path[CLG_PATH_MAX_LEN];
    CLG_TRY(clg__subject_data(s));
    CLG_TRY(clg__subject_samples(s));
    CLG_TRY(read_validation(s, &validation, &validation_at, r));
    CLG_TRY(read_test(s, CLG_PARZEN_TEST, &test.n, &test_at, NULL));
    test.at = test_at;
    CLG_TRY(clg__parzen_measure(s->ops, &s->samples, &validation, &test, &p));
    add_parzen(r, &p);
    if (clg__report_picture(r, s, "parzen.png", path)) {
        CLG_TRY(draw_parzen(s, &p, path));
    }
out:
    clg__free(validation_at);
    clg__free(test_at);
    return status;
}

/* ---- sharpness ---- */

int clg__evaluate_sharpness(clg_subject *s, clg_report *r)
{
    int status = CLG_OK;
    float *test = NULL;
    CLG_TRY(clg__subject_data(s));
    CLG_TRY(clg__subject_samples(s));
    uint32_t n = 0, m = least(s->samples.n, SHARP);
    CLG_TRY(read_test(s, SHARP, &n, &test, NULL));
    double real = clg__sharpness(test, n, s->plan.h, s->plan.w, s->plan.c);
    double fake = clg__sharpness(s->samples.at, m, s->plan.h, s->plan.w, s->plan.c);
    clg__report_add(r,
                    &(clg_figure){ .metric = "sharpness",
                                   .key = "relative_to_test_images",
                                   .label = "sharpness",
                                   .decimals = 3,
                                   .value = real > 0.0 ? fake / real : (double)NAN,
                                   .meaning = "mean |Laplacian|, test images = 1; less is blurred, "
                                              "more is noisy" });
    clg__report_add(
        r, &(clg_figure){ .metric = "sharpness", .key = "mean_abs_laplacian", .value = fake });
    clg__report_add(
        r, &(clg_figure){ .metric = "sharpness", .key = "test_mean_abs_laplacian", .value = real });
out:
    clg__free(test);
    return status;
}

/* ---- reconstruction ---- */

/* Pixels in [0,1] to the net's own range, or back; in place. */
static void to_net(const clg_subject *s, float *x, size_t n, bool back)
{
    if (s->desc.data.range == CLG_RANGE_UNIT) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        x[i] = back ? 0.5f * x[i] + 0.5f : 2.0f * x[i] - 1.0f;
    }
}

static int encode(const clg_subject *s, const float *images, const uint32_t *labels, uint32_t n,
                  float *z)
{
    clg_eval_net *d = NULL;
    int status = CLG_OK;
    CLG_TRY(clg__eval_net_open(&d, s->ops, s->checkpoint, &s->plan, CLG_DISCRIMINATOR, EVAL_ROWS,
                               false));
    CLG_TRY(clg__eval_net_run(d, images, labels, n, z));
out:
    clg__eval_net_close(&d);
    return status;
}

int clg__subject_reconstruct(const clg_subject *s, const float *images, const uint32_t *labels,
                             uint32_t n, float *recon)
{
    int status = CLG_OK;
    bool codes = clg__subject_is_autoencoder(s);
    size_t len = (size_t)n * s->d;
    clg_eval_net *g = NULL;
    float *z = clg__alloc((size_t)n * s->desc.latent.size, sizeof *z);
    float *own = clg__alloc(len, sizeof *own);
    CLG_TRY(z != NULL && own != NULL ? CLG_OK : CLG_E_MEMORY);
    memcpy(own, images, len * sizeof *own);
    to_net(s, own, len, false);
    CLG_TRY(
        clg__eval_net_open(&g, s->ops, s->checkpoint, &s->plan, CLG_GENERATOR, EVAL_ROWS, !codes));
    if (codes) {
        CLG_TRY(encode(s, own, labels, n, z));
    } else {
        CLG_TRY(clg__sampler_latents(s->sampler, s->seed, n, z));
        CLG_TRY(clg__eval_net_search(g, own, labels, n, CLG_SEARCH_STEPS, z));
    }
    CLG_TRY(clg__eval_net_run(g, z, labels, n, recon));
    to_net(s, recon, len, true);
out:
    clg__eval_net_close(&g);
    clg__free(z);
    clg__free(own);
    return status;
}

int clg__evaluate_reconstruction(clg_subject *s, clg_report *r)
{
    int status = CLG_OK;
    float *test = NULL, *recon = NULL;
    char path[CLG_PATH_MAX_LEN];
    CLG_TRY(clg__subject_data(s));
    uint32_t labels[CLG_RECONSTRUCTED], n = CLG_RECONSTRUCTED;
    n = s->asked > 0 && s->asked < n ? (uint32_t)s->asked : n;
    CLG_TRY(read_test(s, n, &n, &test, labels));
    recon = clg__alloc((size_t)n * s->d, sizeof *recon);
    CLG_TRY(recon != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(clg__subject_reconstruct(s, test, labels, n, recon));
    clg__report_add(r, &(clg_figure){ .metric = "reconstruction",
                                      .key = "pixel_mse",
                                      .label = "pixel MSE",
                                      .decimals = 5,
                                      .better = CLG_BETTER_LOWER,
                                      .value = clg__mean_square(test, recon, (size_t)n * s->d),
                                      .meaning = "reconstructed test images, pixels in [0,1]" });
    clg__report_add(r, &(clg_figure){ .metric = "reconstruction",
                                      .key = "test_images",
                                      .kind = CLG_FIGURE_COUNT,
                                      .value = n });
    clg__report_add(
        r, &(clg_figure){ .metric = "reconstruction",
                          .key = "latent_search_steps",
                          .kind = CLG_FIGURE_COUNT,
                          .value = clg__subject_is_autoencoder(s) ? 0 : CLG_SEARCH_STEPS });
    if (clg__report_picture(r, s, "reconstruction.png", path)) {
        const float *rows[2] = { test, recon };
        CLG_TRY(clg__subject_rows_picture(s, path, rows, 2, least(n, 2 * SHOWN)));
    }
out:
    clg__free(test);
    clg__free(recon);
    return status;
}

/* ---- nearest training image ---- */

static int read_training(void *user, uint32_t first, uint32_t n, float *dst)
{
    const clg_subject *s = user;
    return clg__subject_read(s, s->train, NULL, first, n, dst);
}

/* Root mean square difference per pixel to the nearest training image, mean over the rows. */
static int mean_distance(clg_subject *s, const float *rows, uint32_t n, uint32_t *nearest,
                         double *mean)
{
    int status = CLG_OK;
    double square[NEIGHBOURS], sum = 0.0;
    CLG_TRY(clg__nearest_rows(s->ops, &(clg_rows){ .at = rows, .n = n, .d = s->d }, s->trained,
                              read_training, s, nearest, square));
    for (uint32_t i = 0; i < n; i++) {
        sum += sqrt(square[i] / s->d);
    }
    *mean = sum / n;
out:
    return status;
}

int clg__evaluate_nearest(clg_subject *s, clg_report *r)
{
    int status = CLG_OK;
    uint32_t at[NEIGHBOURS], other[NEIGHBOURS];
    double fake, real;
    float *test = NULL, *found = NULL;
    char path[CLG_PATH_MAX_LEN];
    CLG_TRY(clg__subject_data(s));
    CLG_TRY(clg__subject_samples(s));
    uint32_t n = least(s->samples.n, NEIGHBOURS), m = 0;
    CLG_TRY(read_test(s, NEIGHBOURS, &m, &test, NULL));
    CLG_TRY(mean_distance(s, s->samples.at, n, at, &fake));
    CLG_TRY(mean_distance(s, test, m, other, &real));
    const clg_figure list[] = {
        { .key = "rms_difference",
          .label = "nearest training image",
          .decimals = 4,
          .value = fake,
          .meaning = "rms pixel difference of samples; 0 is a copy" },
        { .key = "test_rms_difference",
          .label = "  of test images",
          .decimals = 4,
          .value = real,
          .meaning = "what an image that was not trained on has" },
        { .key = "samples", .kind = CLG_FIGURE_COUNT, .value = n },
        { .key = "training_images", .kind = CLG_FIGURE_COUNT, .value = s->trained },
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        clg_figure f = list[i];
        f.metric = "nearest";
        clg__report_add(r, &f);
    }
    if (clg__report_picture(r, s, "nearest.png", path)) {
        found = clg__alloc((size_t)n * s->d, sizeof *found);
        CLG_TRY(found != NULL ? CLG_OK : CLG_E_MEMORY);
        CLG_TRY(clg__subject_read(s, s->train, at, 0, n, found));
        const float *rows[2] = { s->samples.at, found };
        CLG_TRY(clg__subject_rows_picture(s, path, rows, 2, n));
    }
out:
    clg__free(test);
    clg__free(found);
    return status;
}
