/* Series on the canvas. Long lines are drawn by pixel column, so that the time depends on the size
 * of the picture and not on the number of points. */
#include <math.h>

#include "io/plot_internal.h"

enum { CHUNK = 128 }; /* points per stroke: cairo's time grows faster than the length of a path */
static const double full_turn = 6.28318530717958648;

uint32_t clg__plot_ramp(double at)
{
    static const uint32_t stops[] = { 0x440154u, 0x482878u, 0x3E4989u, 0x31688Eu,
                                      0x26828Eu, 0x1F9E89u, 0x35B779u, 0x6DCD59u };
    enum { LAST = sizeof stops / sizeof stops[0] - 1 };
    uint32_t rgb = 0;
    double place = fmin(fmax(isnan(at) ? 0.0 : at, 0.0), 1.0) * LAST;
    int i = place >= LAST ? LAST - 1 : (int)place;
    for (unsigned shift = 0; shift <= 16u; shift += 8u) {
        double a = stops[i] >> shift & 255u, b = stops[i + 1] >> shift & 255u;
        rgb |= (uint32_t)(a + (b - a) * (place - i) + 0.5) << shift;
    }
    return rgb;
}

void clg__plot_colour(cairo_t *c, uint32_t rgb, double alpha)
{
    cairo_set_source_rgba(c, (rgb >> 16 & 255u) / 255.0, (rgb >> 8 & 255u) / 255.0,
                          (rgb & 255u) / 255.0, alpha == 0.0 ? 1.0 : alpha);
}

static double or_default(double v, double otherwise)
{
    return v > 0.0 ? v : otherwise;
}

static void set_pen(cairo_t *c, const clg_plot_series *s)
{
    clg__plot_colour(c, s->colour, s->alpha);
    cairo_set_line_width(c, or_default(s->width, 1.8));
    cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(c, CAIRO_LINE_CAP_BUTT);
    cairo_set_dash(c, (const double[]){ 6.0, 4.0 }, s->dashed ? 2 : 0, 0.0);
}

static void dot(cairo_t *c, double x, double y, double diameter)
{
    cairo_new_sub_path(c);
    cairo_arc(c, x, y, 0.5 * diameter, 0.0, full_turn);
    cairo_fill(c);
}

/* ---- lines ---- */

static void thin_line(cairo_t *c, const clg_plot_series *s, const clg_plot_scale *x,
                      const clg_plot_scale *y)
{
    size_t run = 0; /* points since the last gap */
    double px = 0.0, py = 0.0;
    for (size_t i = 0; i <= s->n; i++) {
        double qx = i < s->n ? clg__plot_place(x, (double)s->x[i]) : (double)NAN;
        double qy = i < s->n ? clg__plot_place(y, (double)s->y[i]) : (double)NAN;
        if (isnan(qx) || isnan(qy)) {
            if (run == 1u) { /* a value between two gaps */
                cairo_new_path(c);
                dot(c, px, py, 2.0 * or_default(s->width, 1.8));
            }
            cairo_stroke(c);
            run = 0;
            continue;
        }
        cairo_line_to(c, qx, qy);
        if (++run % CHUNK == 0 && !s->dashed) {
            cairo_stroke(c);
            cairo_move_to(c, qx, qy);
        }
        px = qx;
        py = qy;
    }
}

/* One bar per pixel column, from the lowest to the highest point in it and on to the last point of
 * the column before: what a fine pen would cover. */
static void dense_line(cairo_t *c, const clg_plot_series *s, const clg_plot_scale *x,
                       const clg_plot_scale *y)
{
    double half = 0.5 * or_default(s->width, 1.8), column = (double)NAN, lo = 0.0, hi = 0.0;
    double last = (double)NAN;
    for (size_t i = 0; i <= s->n; i++) {
        double qx = i < s->n ? clg__plot_place(x, (double)s->x[i]) : (double)NAN;
        double qy = i < s->n ? clg__plot_place(y, (double)s->y[i]) : (double)NAN;
        bool gap = isnan(qx) || isnan(qy);
        if (!gap && floor(qx) == column) {
            lo = fmin(lo, qy);
            hi = fmax(hi, qy);
            last = qy;
            continue;
        }
        if (!isnan(column)) {
            cairo_rectangle(c, column, lo - half, 1.0, hi - lo + 2.0 * half);
        }
        column = gap ? (double)NAN : floor(qx);
        lo = gap ? 0.0 : fmin(qy, isnan(last) ? qy : last);
        hi = gap ? 0.0 : fmax(qy, isnan(last) ? qy : last);
        last = gap ? (double)NAN : qy;
    }
    cairo_fill(c);
}

static void line(cairo_t *c, const clg_plot_series *s, const clg_plot_scale *x,
                 const clg_plot_scale *y)
{
    bool grows = true;
    for (size_t i = 1; i < s->n && grows; i++) {
        grows = !(s->x[i] < s->x[i - 1]);
    }
    if (grows && (double)s->n > 1.5 * fabs(x->to - x->from)) {
        dense_line(c, s, x, y);
    } else {
        thin_line(c, s, x, y);
    }
}

/* ---- the others ---- */

/* Dots are stamped: one small mask, many places. */
static void dots(cairo_t *c, const clg_plot_series *s, const clg_plot_scale *x,
                 const clg_plot_scale *y)
{
    double d = or_default(s->width, 4.0), middle = ceil(0.5 * d) + 1.0;
    cairo_surface_t *mask =
        cairo_image_surface_create(CAIRO_FORMAT_A8, (int)(2.0 * middle), (int)(2.0 * middle));
    cairo_t *m = cairo_create(mask);
    dot(m, middle, middle, d);
    cairo_destroy(m);
    for (size_t i = 0; i < s->n; i++) {
        double qx = clg__plot_place(x, (double)s->x[i]), qy = clg__plot_place(y, (double)s->y[i]);
        if (!isnan(qx) && !isnan(qy)) {
            cairo_mask_surface(c, mask, round(qx - middle), round(qy - middle));
        }
    }
    cairo_surface_destroy(mask);
}

static void rings(cairo_t *c, const clg_plot_series *s, const clg_plot_scale *x,
                  const clg_plot_scale *y)
{
    cairo_set_line_width(c, 1.4);
    for (size_t i = 0; i < s->n; i++) {
        double qx = clg__plot_place(x, (double)s->x[i]), qy = clg__plot_place(y, (double)s->y[i]);
        if (!isnan(qx) && !isnan(qy)) {
            cairo_new_sub_path(c);
            cairo_arc(c, qx, qy, 0.5 * or_default(s->width, 10.0), 0.0, full_turn);
            cairo_stroke(c);
        }
    }
}

static void close_area(cairo_t *c, const clg_plot_series *s, const clg_plot_scale *x,
                       const clg_plot_scale *y, size_t first, size_t end)
{
    for (size_t i = end; i > first; i--) {
        double floor_at = s->y2 != NULL ? (double)s->y2[i - 1] : y->log ? y->lo : 0.0;
        double qy = clg__plot_place(y, floor_at);
        cairo_line_to(c, clg__plot_place(x, (double)s->x[i - 1]), isnan(qy) ? y->from : qy);
    }
    cairo_close_path(c);
    cairo_fill(c);
}

static void area(cairo_t *c, const clg_plot_series *s, const clg_plot_scale *x,
                 const clg_plot_scale *y)
{
    size_t first = 0;
    cairo_new_path(c);
    for (size_t i = 0; i <= s->n; i++) {
        double qx = i < s->n ? clg__plot_place(x, (double)s->x[i]) : (double)NAN;
        double qy = i < s->n ? clg__plot_place(y, (double)s->y[i]) : (double)NAN;
        if (!isnan(qx) && !isnan(qy)) {
            cairo_line_to(c, qx, qy);
            continue;
        }
        if (i > first) {
            close_area(c, s, x, y, first, i);
        }
        first = i + 1u;
    }
}

static void arrow(cairo_t *c, double x, double y, double x2, double y2)
{
    static const double head = 7.0, half = 2.6;
    double dx = x2 - x, dy = y2 - y, length = sqrt(dx * dx + dy * dy);
    if (!(length > head)) { /* NaN too */
        return;
    }
    dx /= length;
    dy /= length;
    double bx = x2 - head * dx, by = y2 - head * dy;
    cairo_move_to(c, x, y);
    cairo_line_to(c, bx, by);
    cairo_stroke(c);
    cairo_move_to(c, x2, y2);
    cairo_line_to(c, bx - half * dy, by + half * dx);
    cairo_line_to(c, bx + half * dy, by - half * dx);
    cairo_close_path(c);
    cairo_fill(c);
}

static void arrows(cairo_t *c, const clg_plot_series *s, const clg_plot_scale *x,
                   const clg_plot_scale *y)
{
    for (size_t i = 0; s->x2 != NULL && s->y2 != NULL && i < s->n; i++) {
        arrow(c, clg__plot_place(x, (double)s->x[i]), clg__plot_place(y, (double)s->y[i]),
              clg__plot_place(x, (double)s->x2[i]), clg__plot_place(y, (double)s->y2[i]));
    }
}

void clg__plot_marks(cairo_t *c, const clg_plot_series *s, const clg_plot_scale *x,
                     const clg_plot_scale *y)
{
    static void (*const draw[])(cairo_t *, const clg_plot_series *, const clg_plot_scale *,
                                const clg_plot_scale *) = {
        [CLG_PLOT_LINE] = line, [CLG_PLOT_DOTS] = dots,     [CLG_PLOT_RINGS] = rings,
        [CLG_PLOT_AREA] = area, [CLG_PLOT_ARROWS] = arrows,
    };
    cairo_new_path(c);
    set_pen(c, s);
    if (s->n > 0 && s->x != NULL && s->y != NULL) {
        draw[s->mark](c, s, x, y);
    }
}

void clg__plot_sample(cairo_t *c, const clg_plot_series *s, double x, double y, double w)
{
    cairo_new_path(c);
    set_pen(c, s);
    if (s->mark == CLG_PLOT_DOTS) {
        clg__plot_colour(c, s->colour, 1.0);
        dot(c, x + 0.5 * w, y, fmax(or_default(s->width, 4.0), 5.0));
    } else if (s->mark == CLG_PLOT_RINGS) {
        cairo_set_line_width(c, 1.4);
        cairo_arc(c, x + 0.5 * w, y, 0.5 * fmin(or_default(s->width, 10.0), 10.0), 0.0, full_turn);
        cairo_stroke(c);
    } else if (s->mark == CLG_PLOT_AREA) {
        cairo_rectangle(c, x, y - 5.0, w, 10.0);
        cairo_fill(c);
    } else if (s->mark == CLG_PLOT_ARROWS) {
        arrow(c, x, y, x + w, y);
    } else {
        cairo_move_to(c, x, y);
        cairo_line_to(c, x + w, y);
        cairo_stroke(c);
    }
}

void clg__plot_smooth(const float *y, size_t n, size_t half, float *out)
{
    for (size_t i = 0; i < n; i++) {
        size_t end = half < n - i ? i + half + 1u : n;
        double sum = 0.0;
        size_t count = 0;
        /* Summed anew for each: in a running sum one huge value would spoil all that follow. */
        for (size_t k = i > half ? i - half : 0; k < end; k++) {
            bool there = isfinite(y[k]);
            sum += there ? (double)y[k] : 0.0;
            count += there;
        }
        out[i] = isfinite(y[i]) ? (float)(sum / (double)count) : y[i];
    }
}
