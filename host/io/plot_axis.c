/* Ranges, round ticks and their labels. No drawing here. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/plot_internal.h"

/* ---- ticks ---- */

/* mantissa * 10^exponent, the double nearest to the decimal number for the exponents of charts. */
static double decimal(double mantissa, int exponent)
{
    return exponent < 0 ? mantissa / pow(10.0, -exponent) : mantissa * pow(10.0, exponent);
}

static size_t count_steps(double lo, double hi, double step)
{
    return (size_t)(floor(hi / step + 1e-9) - ceil(lo / step - 1e-9)) + 1u;
}

size_t clg__plot_ticks(double lo, double hi, size_t most, double ticks[CLG_PLOT_TICKS_MAX])
{
    static const double factors[] = { 1.0, 2.0, 5.0 };
    most = most < 2u ? 2u : most > CLG_PLOT_TICKS_MAX ? CLG_PLOT_TICKS_MAX : most;
    if (!isfinite(hi - lo) || hi - lo <= 1e-12 * fmax(fabs(lo), fabs(hi))) {
        return 0;
    }
    /* The first step from below that gives few enough. */
    int exponent = (int)floor(log10((hi - lo) / (double)most)) - 1;
    for (int i = 0; i < 12; i++) {
        double factor = factors[i % 3];
        int e = exponent + i / 3;
        double step = decimal(factor, e);
        if (hi / step > 1e15 || lo / step < -1e15 || count_steps(lo, hi, step) > most) {
            continue;
        }
        size_t n = 0;
        double last = floor(hi / step + 1e-9);
        for (double k = ceil(lo / step - 1e-9); k <= last && n < most; k++) {
            ticks[n++] = decimal(k * factor, e) + 0.0; /* no -0 */
        }
        return n;
    }
    return 0;
}

size_t clg__plot_log_ticks(double lo, double hi, size_t most, double ticks[CLG_PLOT_TICKS_MAX])
{
    static const double factors[] = { 1.0, 2.0, 5.0 };
    most = most < 2u ? 2u : most > CLG_PLOT_TICKS_MAX ? CLG_PLOT_TICKS_MAX : most;
    if (!(lo > 0.0) || !isfinite(hi) || hi <= lo) {
        return 0;
    }
    int first = (int)ceil(log10(lo) - 1e-9), last = (int)floor(log10(hi) + 1e-9);
    size_t n = 0, decades = last >= first ? (size_t)(last - first) + 1u : 0;
    if (decades >= 3u || decades > most) {
        int stride = (int)((decades + most - 1u) / most);
        for (int e = first; e <= last && n < most; e += stride) {
            ticks[n++] = decimal(1.0, e);
        }
        return n;
    }
    for (int e = first - 1; e <= last; e++) {
        for (int f = 0; f < 3; f++) {
            double v = decimal(factors[f], e);
            if (v >= lo * (1.0 - 1e-9) && v <= hi * (1.0 + 1e-9) && n < most) {
                ticks[n++] = v;
            }
        }
    }
    return n >= 3u ? n : clg__plot_ticks(lo, hi, most, ticks);
}

size_t clg__plot_scale_ticks(const clg_plot_scale *s, size_t most, double *ticks)
{
    return s->log ? clg__plot_log_ticks(s->lo, s->hi, most, ticks)
                  : clg__plot_ticks(s->lo, s->hi, most, ticks);
}

/* ---- labels ---- */

static void point_not_comma(char *text)
{
    char *comma = strchr(text, ','); /* an application may have set a locale */
    if (comma != NULL) {
        *comma = '.';
    }
}

/* Digits after the point that write `v` exactly, at most 9. */
static int decimals(double v)
{
    int n = 0;
    for (double x = fabs(v); n < 9 && fabs(x - round(x)) > 1e-6 * fmax(1.0, x); x *= 10.0) {
        n++;
    }
    return n;
}

void clg__plot_tick_text(const clg_plot_scale *s, const double *ticks, size_t n, size_t i,
                         char dst[32])
{
    double v = ticks[i], largest = fmax(fabs(ticks[0]), fabs(ticks[n - 1u]));
    int digits = 0;
    if (s->log && n > 1u && ticks[n - 1u] / ticks[0] >= 99.0) {
        double e = round(log10(v));
        bool power = fabs(v / pow(10.0, e) - 1.0) < 1e-9;
        if (power && (largest > 9999.0 || ticks[0] < 0.00099)) {
            (void)snprintf(dst, 32, "10^%d", (int)e);
            return;
        }
    }
    if (v == 0.0 && largest >= 1e4) {
        (void)snprintf(dst, 32, "0");
        return;
    }
    double unit = largest >= 1e6 ? 1e6 : largest >= 1e4 ? 1e3 : 1.0;
    if (largest >= 1e9 || largest < 1e-4) {
        (void)snprintf(dst, 32, "%.6g", v);
        point_not_comma(dst);
        return;
    }
    for (size_t k = 0; k < n && !s->log; k++) { /* the same for all, but on a logarithmic axis */
        int d = decimals(ticks[k] / unit);
        digits = d > digits ? d : digits;
    }
    digits = s->log ? decimals(v / unit) : digits;
    (void)snprintf(dst, 32, "%.*f%s", digits, v / unit, unit > 1e3 ? "M" : unit > 1.0 ? "k" : "");
    point_not_comma(dst);
}

/* ---- ranges ---- */

typedef struct extent {
    double lo, hi;
} extent;

static void widen(extent *e, const float *v, size_t n, bool log)
{
    for (size_t i = 0; v != NULL && i < n; i++) {
        double x = (double)v[i];
        if (isfinite(x) && (!log || x > 0.0)) {
            e->lo = fmin(e->lo, x);
            e->hi = fmax(e->hi, x);
        }
    }
}

/* Margins beside the points, so that none lies on the frame; a single value gets a range. */
static void pad(extent *e, bool log, double share)
{
    if (e->lo > e->hi) {
        *e = log ? (extent){ 0.1, 10.0 } : (extent){ 0.0, 1.0 };
        return;
    }
    if (log) {
        double by = e->hi / e->lo < 1.2 ? 1.5 : pow(e->hi / e->lo, share);
        *e = (extent){ e->lo / by, e->hi * by };
        return;
    }
    double size = fmax(fabs(e->lo), fabs(e->hi)), by = (e->hi - e->lo) * share;
    if (e->hi - e->lo <= 1e-6 * size || size == 0.0) {
        by = size == 0.0 ? 0.5 : 0.1 * size;
    }
    *e = (extent){ e->lo - by, e->hi + by };
}

void clg__plot_range(const clg_plot_panel *panel, bool along_y, clg_plot_scale *out)
{
    const clg_plot_axis *axis = along_y ? &panel->y : &panel->x;
    extent e = { (double)INFINITY, -(double)INFINITY };
    bool fixed =
        axis->lo < axis->hi && isfinite(axis->hi - axis->lo) && (!axis->log || axis->lo > 0.0);
    bool lines = true;
    *out = (clg_plot_scale){ .lo = axis->lo, .hi = axis->hi, .log = axis->log };
    if (fixed) {
        return;
    }
    for (size_t i = 0; i < panel->series_count; i++) {
        const clg_plot_series *s = &panel->series[i];
        widen(&e, along_y ? s->y : s->x, s->n, axis->log);
        widen(&e, along_y ? s->y2 : s->x2, s->n, axis->log);
        if (along_y && s->mark == CLG_PLOT_AREA && s->y2 == NULL && s->n > 0) {
            widen(&e, &(float){ 0.0f }, 1, axis->log);
        }
        lines = lines && (s->mark == CLG_PLOT_LINE || s->mark == CLG_PLOT_AREA);
    }
    pad(&e, axis->log, along_y || !lines ? 0.05 : 0.0);
    out->lo = e.lo;
    out->hi = e.hi;
}

double clg__plot_place(const clg_plot_scale *s, double v)
{
    static const double beyond = 5000.0; /* far outside; cairo's coordinates have 24 bits */
    double at = s->log ? (v > 0.0 ? log(v / s->lo) / log(s->hi / s->lo) : (double)NAN)
                       : (v - s->lo) / (s->hi - s->lo);
    if (!isfinite(v) || isnan(at)) {
        return (double)NAN;
    }
    double lowest = fmin(s->from, s->to) - beyond, highest = fmax(s->from, s->to) + beyond;
    return fmin(fmax(s->from + at * (s->to - s->from), lowest), highest);
}
