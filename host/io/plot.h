/* Charts as PNG files, drawn with cairo. A figure is data: panels with axes, panels hold series,
 * series are plain arrays; nothing is kept between calls. Which picture a run gets: gan/pictures.h.
 *
 * Values that are not finite, or not positive on a logarithmic axis, are left out: a line has a gap
 * there. No points at all give empty axes. Colours are told apart by colour-blind readers too
 * (Okabe and Ito, "Color universal design", 2008). */
#ifndef CLG_IO_PLOT_H
#define CLG_IO_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Colours are 0xRRGGBB. */
#define CLG_PLOT_BLUE 0x0072B2u
#define CLG_PLOT_VERMILION 0xD55E00u
#define CLG_PLOT_GREEN 0x009E73u
#define CLG_PLOT_PURPLE 0xB2588Cu
#define CLG_PLOT_ORANGE 0xE69F00u
#define CLG_PLOT_SKY 0x56B4E9u
#define CLG_PLOT_GREY 0x777777u
#define CLG_PLOT_BLACK 0x222222u

/* For things that have an order, at = 0 .. 1: dark blue to green (a part of matplotlib's viridis,
 * whose lightness grows evenly). */
uint32_t clg__plot_ramp(double at);

enum clg_plot_mark {
    CLG_PLOT_LINE,  /* through (x, y) in their order */
    CLG_PLOT_DOTS,  /* at (x, y) */
    CLG_PLOT_RINGS, /* circles around (x, y) */
    CLG_PLOT_AREA,  /* between y and y2 (NULL: 0); x grows */
    CLG_PLOT_ARROWS /* from (x, y) to (x2, y2) */
};

typedef struct clg_plot_series {
    const char *name; /* in the legend; NULL: not there */
    enum clg_plot_mark mark;
    uint32_t colour;
    double alpha; /* 0 counts as 1 */
    double width; /* of lines, diameter of dots and rings, pixels; 0: 1.8, 4 and 10 */
    bool dashed;
    size_t n;
    const float *x, *y, *x2, *y2; /* [n]; x2, y2 as the mark wants them */
} clg_plot_series;

typedef struct clg_plot_axis {
    const char *label;
    double lo, hi; /* lo < hi: the range; else it follows from the points */
    bool log;
    bool bare; /* no ticks */
} clg_plot_axis;

typedef struct clg_plot_panel {
    const char *title;
    clg_plot_axis x, y;
    double height; /* share of the figure's height; 0 counts as 1 */
    bool square;   /* one unit is as long in x as in y: a range is widened where needed */
    size_t series_count;
    const clg_plot_series *series; /* the first lies lowest */
} clg_plot_panel;

typedef struct clg_plot_figure {
    const char *title, *subtitle; /* or NULL */
    uint32_t w, h;                /* pixels, 160 to 8192 */
    size_t panel_count;
    const clg_plot_panel *panel; /* below each other */
} clg_plot_figure;

/* One file, replaced as a whole (the disk is not waited for). CLG_E_USAGE (size), CLG_E_MEMORY,
 * CLG_E_IO. On a machine without any font cairo's own line font is used. */
int clg__plot_write(const char *path, const clg_plot_figure *f);

/* ---- parts that are useful alone ---- */
enum { CLG_PLOT_TICKS_MAX = 32 };
/* Round values 1, 2 or 5 times a power of ten in [lo, hi], at most `most` (2 .. CLG_PLOT_TICKS_MAX)
 * and as many as fit under that; exact: 3 steps of .1 are .3. 0 for a range that is no range. */
size_t clg__plot_ticks(double lo, double hi, size_t most, double ticks[CLG_PLOT_TICKS_MAX]);
/* The same for a logarithmic axis (0 < lo < hi): powers of ten; 1, 2 and 5 times those when the
 * range is short; round values when it is shorter still. */
size_t clg__plot_log_ticks(double lo, double hi, size_t most, double ticks[CLG_PLOT_TICKS_MAX]);
/* y smoothed by the mean of 2 half + 1 neighbours (fewer at the ends); what is not finite stays so
 * and counts for nobody. */
void clg__plot_smooth(const float *y, size_t n, size_t half, float *out);

#endif
