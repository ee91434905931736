/* The pictures of the drawn systems: curves, gauss1d, ring and grid. */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "gan/metrics_modes.h"
#include "gan/pictures_internal.h"
#include "io/plot.h"

static int write(const char *path, const clg_picture_facts *f, const char *title, const char *more,
                 uint32_t w, uint32_t h, const clg_plot_panel *panels, size_t count)
{
    clg_str facts = { 0 };
    char line[CLG_NAME_MAX + 160];
    (void)snprintf(line, sizeof line, "%s: %s", f->model, title);
    clg__picture_facts_text(f, &facts);
    clg__str_add(&facts, "%s", more);
    int status = facts.failed ? CLG_E_MEMORY
                              : clg__plot_write(path, &(clg_plot_figure){ .title = line,
                                                                          .subtitle = facts.text,
                                                                          .w = w,
                                                                          .h = h,
                                                                          .panel = panels,
                                                                          .panel_count = count });
    clg__str_free(&facts);
    return status;
}

/* ---- curves ---- */

enum { CURVE = 15, CURVES_SHOWN = 6, BOUND = 61 };

int clg__picture_curves(const char *path, const clg_picture_facts *f, const float *real,
                        size_t real_n, const float *fake, size_t fake_n)
{
    float x[CURVE], bx[BOUND], upper[BOUND], lower[BOUND];
    clg_plot_series series[3 + 2 * CURVES_SHOWN];
    size_t count = 0;
    for (int i = 0; i < CURVE; i++) {
        x[i] = (float)(-2.0 + 4.0 * i / (CURVE - 1));
    }
    for (int i = 0; i < BOUND; i++) { /* a x^2 + a - 1 with a = 1 and a = 3 */
        double t = -2.0 + 4.0 * i / (BOUND - 1);
        bx[i] = (float)t;
        lower[i] = (float)(t * t);
        upper[i] = (float)(3.0 * t * t + 2.0);
    }
    series[count++] = (clg_plot_series){ .name = "between x² and 3x² + 2",
                                         .mark = CLG_PLOT_AREA,
                                         .colour = CLG_PLOT_GREY,
                                         .alpha = 0.15,
                                         .n = BOUND,
                                         .x = bx,
                                         .y = upper,
                                         .y2 = lower };
    series[count++] = (clg_plot_series){
        .colour = CLG_PLOT_GREY, .dashed = true, .width = 1.2, .n = BOUND, .x = bx, .y = upper
    };
    series[count++] = (clg_plot_series){
        .colour = CLG_PLOT_GREY, .dashed = true, .width = 1.2, .n = BOUND, .x = bx, .y = lower
    };
    for (size_t i = 0; i < real_n && i < CURVES_SHOWN; i++) {
        series[count++] = (clg_plot_series){ .name = i == 0 ? "real" : NULL,
                                             .width = 1.4,
                                             .colour = CLG_PLOT_BLUE,
                                             .alpha = 0.75,
                                             .n = CURVE,
                                             .x = x,
                                             .y = real + i * CURVE };
    }
    for (size_t i = 0; i < fake_n && i < CURVES_SHOWN; i++) {
        series[count++] = (clg_plot_series){ .name = i == 0 ? "generated" : NULL,
                                             .width = 1.8,
                                             .colour = CLG_PLOT_VERMILION,
                                             .alpha = 0.9,
                                             .n = CURVE,
                                             .x = x,
                                             .y = fake + i * CURVE };
    }
    clg_plot_panel panel = { .x = { .label = "x", .lo = -2.0, .hi = 2.0 },
                             .y = { .label = "y", .lo = -2.0, .hi = 16.0 },
                             .series = series,
                             .series_count = count };
    return write(path, f, "real and generated curves", "", 700, 520, &panel, 1);
}

/* ---- ring and grid ---- */

/* Points [n, 2] to two arrays [n] in one block; NULL: no memory. */
static float *split(const float *points, size_t n)
{
    float *xy = clg__alloc(n, 2 * sizeof *xy);
    for (size_t i = 0; xy != NULL && i < n; i++) {
        xy[i] = points[2 * i];
        xy[n + i] = points[2 * i + 1];
    }
    return xy;
}

static size_t count_outside(const float *points, size_t n, double side)
{
    size_t outside = 0;
    for (size_t i = 0; i < n; i++) {
        outside +=
            !(fabs((double)points[2 * i]) <= side && fabs((double)points[2 * i + 1]) <= side);
    }
    return outside;
}

int clg__picture_modes(const char *path, const clg_picture_facts *f, enum clg_system system,
                       const float *real, size_t real_n, const float *fake, size_t fake_n)
{
    double side = system == CLG_SYSTEM_GRID ? 5.4 : 1.4;
    size_t outside = count_outside(fake, fake_n, side);
    float *r = split(real, real_n), *g = split(fake, fake_n);
    clg_modes modes;
    char title[96], more[64] = "";
    int status = r == NULL || g == NULL ? CLG_E_MEMORY : CLG_OK;
    CLG_TRY(status);
    clg__modes_count(system, fake, fake_n, &modes);
    (void)snprintf(title, sizeof title, "%u of %u modes, %.1f %% high quality", modes.covered,
                   modes.count, 100.0 * modes.high_quality);
    if (outside > 0) {
        (void)snprintf(more, sizeof more, "    %zu of %zu samples outside", outside, fake_n);
    }
    const clg_plot_series series[] = {
        { .name = "centres of the modes",
          .mark = CLG_PLOT_RINGS,
          .colour = CLG_PLOT_GREY,
          .width = 26.0,
          .n = modes.count,
          .x = modes.x,
          .y = modes.y },
        { .name = "real",
          .mark = CLG_PLOT_DOTS,
          .colour = CLG_PLOT_BLUE,
          .alpha = 0.3,
          .width = 6.4,
          .n = real_n,
          .x = r,
          .y = r + real_n },
        { .name = "generated",
          .mark = CLG_PLOT_DOTS,
          .colour = CLG_PLOT_VERMILION,
          .alpha = 0.6,
          .width = 3.0,
          .n = fake_n,
          .x = g,
          .y = g + fake_n },
    };
    clg_plot_panel panel = { .x = { .label = "x", .lo = -side, .hi = side },
                             .y = { .label = "y", .lo = -side, .hi = side },
                             .square = true,
                             .series = series,
                             .series_count = 3 };
    status = write(path, f, title, more, 640, 700, &panel, 1);
out:
    clg__free(r);
    clg__free(g);
    return status;
}

/* ---- gauss1d ---- */

enum { ARROWS_MAX = 25 };

/* Every arrow begins at its latent on the lower line, whose scale is the panel's, and ends at G(z)
 * on the upper line, whose scale is that of the axis above (beyond it: at its end). Returns their
 * number. */
static size_t make_arrows(const clg_plot_axis *above, const float *z, const float *x, size_t n,
                          double z_lo, double z_hi, float at[4][ARROWS_MAX])
{
    size_t count = 0, shown = n < ARROWS_MAX ? n : ARROWS_MAX;
    for (size_t i = 0; i < shown; i++) {
        size_t k = shown > 1u ? i * (n - 1u) / (shown - 1u) : 0;
        double place = ((double)x[k] - above->lo) / (above->hi - above->lo);
        if (!isfinite(x[k])) {
            continue;
        }
        place = fmin(fmax(place, 0.0), 1.0);
        at[0][count] = z[k];
        at[1][count] = 0.0f;
        at[2][count] = (float)(z_lo + (z_hi - z_lo) * place);
        at[3][count] = 1.0f;
        count++;
    }
    return count;
}

int clg__picture_gauss1d(const char *path, const clg_picture_facts *f, const clg_gauss1d *g,
                         const float *z, const float *x, size_t n, double z_lo, double z_hi)
{
    enum { N = CLG_GAUSS1D_POINTS };
    float at[4][ARROWS_MAX];
    char more[128] = "", title[128];
    double top = 1.04;
    for (int i = 0; i < N; i++) { /* a collapsed p_g is cut off */
        top = fmin(fmax(top, 1.04 * (double)g->p_g[i]), 3.0);
    }
    (void)snprintf(title, sizeof title, "-log 4 + 2 JSD = %.3f", g->bound);
    if (isfinite(g->value)) {
        (void)snprintf(title, sizeof title, "value %.3f, best D: -log 4 + 2 JSD = %.3f", g->value,
                       g->bound);
    }
    (void)snprintf(more, sizeof more, "    G(z): mean %.2f, std %.2f", g->mean, g->std);
    const clg_plot_series curves[] = {
        { .mark = CLG_PLOT_AREA,
          .colour = CLG_PLOT_BLUE,
          .alpha = 0.15,
          .n = N,
          .x = g->x,
          .y = g->p_data },
        { .mark = CLG_PLOT_AREA,
          .colour = CLG_PLOT_VERMILION,
          .alpha = 0.15,
          .n = N,
          .x = g->x,
          .y = g->p_g },
        { .name = "p_data", .colour = CLG_PLOT_BLUE, .n = N, .x = g->x, .y = g->p_data },
        { .name = "p_g", .colour = CLG_PLOT_VERMILION, .n = N, .x = g->x, .y = g->p_g },
        { .name = "best D* = p_data / (p_data + p_g)",
          .colour = CLG_PLOT_BLACK,
          .dashed = true,
          .width = 1.4,
          .n = N,
          .x = g->x,
          .y = g->best },
        { .name = f->probability ? "D(x)" : NULL,
          .colour = CLG_PLOT_GREEN,
          .width = 2.2,
          .n = f->probability ? N : 0,
          .x = g->x,
          .y = g->d },
    };
    clg_plot_panel panels[2] = {
        { .x = { .label = "x", .lo = -1.0, .hi = 9.0 },
          .y = { .label = "density; probability", .lo = 0.0, .hi = top },
          .height = 2.6,
          .series = curves,
          .series_count = sizeof curves / sizeof curves[0] },
    };
    bool with_z = z != NULL && z_lo < z_hi;
    size_t count = with_z ? make_arrows(&panels[0].x, z, x, n, z_lo, z_hi, at) : 0;
    const clg_plot_series arrows = { .mark = CLG_PLOT_ARROWS,
                                     .colour = CLG_PLOT_PURPLE,
                                     .width = 1.1,
                                     .n = count,
                                     .x = at[0],
                                     .y = at[1],
                                     .x2 = at[2],
                                     .y2 = at[3] };
    panels[1] = (clg_plot_panel){ .title = "from z (below) to x = G(z), on the axis above",
                                  .x = { .label = "z", .lo = z_lo, .hi = z_hi },
                                  .y = { .lo = 0.0, .hi = 1.0, .bare = true },
                                  .series = &arrows,
                                  .series_count = 1 };
    return write(path, f, title, more, 760, with_z ? 680 : 500, panels, with_z ? 2 : 1);
}
