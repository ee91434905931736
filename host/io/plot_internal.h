/* What the files of the plotting layer share: plot.c layout, plot_axis.c scales and ticks,
 * plot_marks.c series, plot_text.c text. */
#ifndef CLG_IO_PLOT_INTERNAL_H
#define CLG_IO_PLOT_INTERNAL_H

#include <cairo.h>

#include "io/plot.h"

/* Values to pixels. */
typedef struct clg_plot_scale {
    double lo, hi; /* lo < hi; log: 0 < lo */
    bool log;
    double from, to; /* where lo and hi lie */
} clg_plot_scale;

/* Range of an axis: as fixed, or from the points of all series. along_y: of their y and y2. */
void clg__plot_range(const clg_plot_panel *panel, bool along_y, clg_plot_scale *out);
/* Pixel of v, at most some thousand pixels beyond the ends; NaN for what has no place. */
double clg__plot_place(const clg_plot_scale *s, double v);
size_t clg__plot_scale_ticks(const clg_plot_scale *s, size_t most, double *ticks);
/* The label of tick i: "0.05", "1.5M", "10^-4" (what follows ^ is drawn raised). */
void clg__plot_tick_text(const clg_plot_scale *s, const double *ticks, size_t n, size_t i,
                         char dst[32]);

void clg__plot_colour(cairo_t *c, uint32_t rgb, double alpha);
/* Draws the series; clipping is the caller's. */
void clg__plot_marks(cairo_t *c, const clg_plot_series *s, const clg_plot_scale *x,
                     const clg_plot_scale *y);
/* A sample of it, w pixels wide, around height y. */
void clg__plot_sample(cairo_t *c, const clg_plot_series *s, double x, double y, double w);

/* UTF-8; x is the left end (align 0), middle (.5) or right end (1), y the baseline. */
void clg__plot_font(cairo_t *c, double size, bool bold);
double clg__plot_text_width(cairo_t *c, const char *text);
void clg__plot_text(cairo_t *c, double x, double y, double align, const char *text);
/* The same turned a quarter to the left; (x, y) is the middle of its baseline. */
void clg__plot_text_up(cairo_t *c, double x, double y, const char *text);

#endif
