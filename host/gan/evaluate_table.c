/* The table of metrics, and the report that they fill. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gan/evaluate_internal.h"

static bool is_modes(const clg_subject *s)
{
    return s->plan.system == CLG_SYSTEM_RING || s->plan.system == CLG_SYSTEM_GRID;
}

static bool is_curves(const clg_subject *s)
{
    return s->plan.system == CLG_SYSTEM_CURVES;
}

static bool is_gauss1d(const clg_subject *s)
{
    return s->plan.system == CLG_SYSTEM_GAUSS1D;
}

static bool can_reconstruct(const clg_subject *s)
{
    return clg__subject_is_image(s) && s->checkpoint != NULL;
}

const clg_metric clg__metrics[] = {
    { .name = "parzen",
      .summary = "log-likelihood of test images under Gaussians around the samples",
      .fits = clg__subject_is_image,
      .run = clg__evaluate_parzen },
    { .name = "sharpness",
      .summary = "strength of edges, relative to test images",
      .fits = clg__subject_is_image,
      .run = clg__evaluate_sharpness },
    { .name = "nearest",
      .summary = "nearest training image of each of 64 samples: does it copy?",
      .fits = clg__subject_is_image,
      .run = clg__evaluate_nearest },
    { .name = "reconstruction",
      .summary = "how near the model comes to test images (a GAN: 200 steps on z each)",
      .fits = can_reconstruct,
      .by_default = clg__subject_is_autoencoder,
      .run = clg__evaluate_reconstruction },
    { .name = "modes",
      .summary = "modes covered, samples of high quality (ring, grid)",
      .fits = is_modes,
      .run = clg__evaluate_modes },
    { .name = "curves",
      .summary = "the a recovered from generated curves (curves)",
      .fits = is_curves,
      .run = clg__evaluate_curves },
    { .name = "gauss1d",
      .summary = "divergence and value of the game against theory (gauss1d)",
      .fits = is_gauss1d,
      .run = clg__evaluate_gauss1d },
    { .name = NULL },
};

const clg_metric *clg__metric_find(const char *name)
{
    for (const clg_metric *m = clg__metrics; m->name != NULL; m++) {
        if (strcmp(m->name, name) == 0) {
            return m;
        }
    }
    return NULL;
}

const char *clg__metric_wants(const clg_metric *m)
{
    if (m->fits == can_reconstruct) {
        return "is for checkpoints of image models";
    }
    return m->fits == clg__subject_is_image ? "is for images"
           : m->fits == is_modes            ? "is for ring and grid"
           : m->fits == is_curves           ? "is for curves"
                                            : "is for gauss1d";
}

/* ---- the report ---- */

void clg__report_add(clg_report *r, const clg_figure *f)
{
    if (r->figures < CLG_FIGURES_MAX) {
        r->figure[r->figures++] = *f;
    }
}

void clg__report_note(clg_report *r, const char *fmt, ...)
{
    va_list args;
    if (r->notes == CLG_REPORT_LINES) {
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(r->note[r->notes++], sizeof r->note[0], fmt, args);
    va_end(args);
}

bool clg__report_picture(clg_report *r, const clg_subject *s, const char *name, char *path)
{
    if (s->pictures == NULL || r->pictures == CLG_REPORT_LINES) {
        return false;
    }
    int n = snprintf(path, CLG_PATH_MAX_LEN, "%s/%s", s->pictures, name);
    if (n < 0 || n >= CLG_PATH_MAX_LEN) {
        return false;
    }
    memcpy(r->picture[r->pictures++], path, (size_t)n + 1u);
    return true;
}
