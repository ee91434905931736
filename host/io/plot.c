/* Layout of a figure: titles, panels, axes, legends beside the data and never over them, and the
 * PNG file. Ranges and ticks: plot_axis.c; series: plot_marks.c. */
#include "io/plot.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "io/image_file.h"
#include "io/plot_internal.h"

enum { SIDE_MIN = 160, SIDE_MAX = 8192 };

/* Sizes in pixels. */
static const double margin = 14.0, title_size = 15.0, text_size = 12.0, tick_size = 11.0;
static const double title_row = 22.0, text_row = 18.0, tick_length = 4.0, sample_width = 22.0;
static const double label_gap = 6.0, legend_gap = 18.0, tick_room_x = 80.0, tick_room_y = 38.0;

typedef struct box {
    double x, y, w, h;
} box;

/* One panel laid out. */
typedef struct frame {
    const clg_plot_panel *panel;
    box cell, plot; /* all of it; inside the axes */
    clg_plot_scale x, y;
    size_t x_count, y_count;
    double x_tick[CLG_PLOT_TICKS_MAX], y_tick[CLG_PLOT_TICKS_MAX];
} frame;

static size_t ticks_for(double pixels, double room)
{
    double n = floor(pixels / room);
    return n < 2.0 ? 2u : n > CLG_PLOT_TICKS_MAX ? CLG_PLOT_TICKS_MAX : (size_t)n;
}

/* ---- legend ---- */

/* Names in rows of at most `width` pixels, drawn (or only measured: draw = false) from (x, y) on.
 * Returns the height. */
static double legend(cairo_t *c, const clg_plot_panel *p, double x, double y, double width,
                     bool draw)
{
    double at = 0.0, row = 0.0;
    bool any = false;
    clg__plot_font(c, text_size, false);
    for (size_t i = 0; i < p->series_count; i++) {
        const clg_plot_series *s = &p->series[i];
        if (s->name == NULL) {
            continue;
        }
        double w = sample_width + label_gap + clg__plot_text_width(c, s->name);
        if (any && at + w > width) {
            at = 0.0;
            row += text_row;
        }
        if (draw) {
            double base = y + row + 0.72 * text_row;
            clg__plot_sample(c, s, x + at, base - 0.35 * text_size, sample_width);
            clg__plot_colour(c, CLG_PLOT_BLACK, 1.0);
            clg__plot_text(c, x + at + sample_width + label_gap, base, 0.0, s->name);
        }
        at += w + legend_gap;
        any = true;
    }
    return any ? row + text_row : 0.0;
}

/* ---- places ---- */

/* Width that the labels of the y axis take. */
static double label_width(cairo_t *c, const frame *f)
{
    double widest = 0.0;
    char text[32];
    clg__plot_font(c, tick_size, false);
    for (size_t i = 0; i < f->y_count; i++) {
        clg__plot_tick_text(&f->y, f->y_tick, f->y_count, i, text);
        widest = fmax(widest, clg__plot_text_width(c, text));
    }
    return widest + tick_length + label_gap + (f->panel->y.label != NULL ? text_row : 0.0);
}

/* Widens a range by `factor` around its middle. */
static void widen_scale(clg_plot_scale *s, double factor)
{
    double middle = 0.5 * (s->lo + s->hi), half = 0.5 * (s->hi - s->lo) * factor;
    s->lo = middle - half;
    s->hi = middle + half;
}

static void make_square(frame *f)
{
    double ux = (f->x.hi - f->x.lo) / f->plot.w, uy = (f->y.hi - f->y.lo) / f->plot.h;
    if (f->x.log || f->y.log) {
        return;
    }
    if (ux < uy) {
        widen_scale(&f->x, uy / ux);
    } else {
        widen_scale(&f->y, ux / uy);
    }
}

/* Height first: its ticks decide about the width of the labels. */
static void place_height(cairo_t *c, frame *f)
{
    const clg_plot_panel *p = f->panel;
    double top = f->cell.y + (p->title != NULL ? text_row + 2.0 : 0.0);
    double bottom = f->cell.y + f->cell.h;
    top += legend(c, p, 0.0, 0.0, f->cell.w, false) + label_gap;
    bottom -= (p->x.bare ? 0.0 : tick_length + text_row) + (p->x.label != NULL ? text_row : 0.0);
    f->plot.y = top;
    f->plot.h = fmax(bottom - top, 20.0);
    clg__plot_range(p, false, &f->x);
    clg__plot_range(p, true, &f->y);
    f->y_count =
        p->y.bare ? 0 : clg__plot_scale_ticks(&f->y, ticks_for(f->plot.h, tick_room_y), f->y_tick);
}

static void place_width(frame *f, double left)
{
    const clg_plot_panel *p = f->panel;
    f->plot.x = f->cell.x + left;
    f->plot.w = fmax(f->cell.w - left, 20.0);
    if (p->square) {
        make_square(f);
        f->y_count =
            p->y.bare ? 0
                      : clg__plot_scale_ticks(&f->y, ticks_for(f->plot.h, tick_room_y), f->y_tick);
    }
    f->x.from = f->plot.x;
    f->x.to = f->plot.x + f->plot.w;
    f->y.from = f->plot.y + f->plot.h;
    f->y.to = f->plot.y;
    f->x_count =
        p->x.bare ? 0 : clg__plot_scale_ticks(&f->x, ticks_for(f->plot.w, tick_room_x), f->x_tick);
}

/* ---- drawing ---- */

static void straight(cairo_t *c, double x, double y, double x2, double y2)
{
    cairo_move_to(c, round(x) + 0.5, round(y) + 0.5);
    cairo_line_to(c, round(x2) + 0.5, round(y2) + 0.5);
    cairo_stroke(c);
}

static void draw_grid(cairo_t *c, const frame *f)
{
    cairo_set_dash(c, NULL, 0, 0.0);
    cairo_set_line_width(c, 1.0);
    clg__plot_colour(c, 0xE8E8E8u, 1.0);
    for (size_t i = 0; i < f->x_count; i++) {
        double x = clg__plot_place(&f->x, f->x_tick[i]);
        straight(c, x, f->plot.y, x, f->plot.y + f->plot.h);
    }
    for (size_t i = 0; i < f->y_count; i++) {
        double y = clg__plot_place(&f->y, f->y_tick[i]);
        straight(c, f->plot.x, y, f->plot.x + f->plot.w, y);
    }
}

static void draw_axes(cairo_t *c, const frame *f)
{
    const box *b = &f->plot;
    char text[32];
    double bottom = b->y + b->h;
    cairo_set_dash(c, NULL, 0, 0.0);
    cairo_set_line_width(c, 1.0);
    clg__plot_colour(c, 0x555555u, 1.0);
    straight(c, b->x, bottom, b->x + b->w, bottom);
    straight(c, b->x, b->y, b->x, bottom);
    clg__plot_font(c, tick_size, false);
    clg__plot_colour(c, CLG_PLOT_BLACK, 1.0);
    for (size_t i = 0; i < f->x_count; i++) {
        double x = clg__plot_place(&f->x, f->x_tick[i]);
        straight(c, x, bottom, x, bottom + tick_length);
        clg__plot_tick_text(&f->x, f->x_tick, f->x_count, i, text);
        /* A label at the end of the axis stays inside the picture. */
        double half = 0.5 * clg__plot_text_width(c, text), edge = f->cell.x + f->cell.w + margin;
        clg__plot_text(c, fmin(x, edge - half - 2.0), bottom + tick_length + tick_size + 1.0, 0.5,
                       text);
    }
    for (size_t i = 0; i < f->y_count; i++) {
        double y = clg__plot_place(&f->y, f->y_tick[i]);
        straight(c, b->x - tick_length, y, b->x, y);
        clg__plot_tick_text(&f->y, f->y_tick, f->y_count, i, text);
        clg__plot_text(c, b->x - tick_length - 3.0, y + 0.36 * tick_size, 1.0, text);
    }
    clg__plot_font(c, text_size, false);
    if (f->panel->x.label != NULL) {
        clg__plot_text(c, b->x + 0.5 * b->w, f->cell.y + f->cell.h - 4.0, 0.5, f->panel->x.label);
    }
    if (f->panel->y.label != NULL) {
        clg__plot_text_up(c, f->cell.x + 0.8 * text_size, b->y + 0.5 * b->h, f->panel->y.label);
    }
}

static void draw_panel(cairo_t *c, const frame *f)
{
    const clg_plot_panel *p = f->panel;
    double y = f->cell.y;
    bool any = false;
    if (p->title != NULL) {
        clg__plot_font(c, text_size, true);
        clg__plot_colour(c, CLG_PLOT_BLACK, 1.0);
        clg__plot_text(c, f->plot.x, y + text_size, 0.0, p->title);
        y += text_row + 2.0;
    }
    (void)legend(c, p, f->plot.x, y, f->plot.w, true);
    draw_grid(c, f);
    cairo_save(c);
    cairo_rectangle(c, f->plot.x, f->plot.y - 1.0, f->plot.w + 1.0, f->plot.h + 2.0);
    cairo_clip(c);
    for (size_t i = 0; i < p->series_count; i++) {
        clg__plot_marks(c, &p->series[i], &f->x, &f->y);
        any = any || p->series[i].n > 0;
    }
    cairo_restore(c);
    draw_axes(c, f);
    if (!any) {
        clg__plot_colour(c, CLG_PLOT_GREY, 1.0);
        clg__plot_text(c, f->plot.x + 0.5 * f->plot.w, f->plot.y + 0.5 * f->plot.h, 0.5,
                       "nothing to show yet");
    }
}

/* A line from the left margin on, in a smaller size when it would not fit. */
static void draw_title(cairo_t *c, const clg_plot_figure *fig, double y, double size, bool bold,
                       const char *text)
{
    double room = fig->w - 2.0 * margin;
    clg__plot_font(c, size, bold);
    double w = clg__plot_text_width(c, text);
    if (w > room) {
        clg__plot_font(c, fmax(floor(size * room / w * 4.0) / 4.0, 6.0), bold);
    }
    clg__plot_text(c, margin, y + size - 2.0, 0.0, text);
}

/* Titles; returns the height that they take. */
static double draw_head(cairo_t *c, const clg_plot_figure *fig)
{
    double y = margin;
    clg__plot_colour(c, CLG_PLOT_BLACK, 1.0);
    if (fig->title != NULL) {
        draw_title(c, fig, y, title_size, true, fig->title);
        y += title_row;
    }
    if (fig->subtitle != NULL) {
        clg__plot_colour(c, 0x555555u, 1.0);
        draw_title(c, fig, y + 1.0, text_size, false, fig->subtitle);
        y += text_row;
    }
    return y + (fig->title != NULL || fig->subtitle != NULL ? 6.0 : 0.0);
}

static void draw_figure(cairo_t *c, const clg_plot_figure *fig, frame *frames)
{
    double y = draw_head(c, fig), shares = 0.0, left = 0.0, gap = 12.0;
    double height = fig->h - y - margin - gap * (double)(fig->panel_count - 1u);
    for (size_t i = 0; i < fig->panel_count; i++) {
        shares += fig->panel[i].height > 0.0 ? fig->panel[i].height : 1.0;
    }
    for (size_t i = 0; i < fig->panel_count; i++) {
        frame *f = &frames[i];
        f->panel = &fig->panel[i];
        double share = f->panel->height > 0.0 ? f->panel->height : 1.0;
        f->cell = (box){ margin, y, fig->w - 2.0 * margin, height * share / shares };
        y += f->cell.h + gap;
        place_height(c, f);
        left = fmax(left, label_width(c, f)); /* all panels begin at the same place */
    }
    for (size_t i = 0; i < fig->panel_count; i++) {
        place_width(&frames[i], left);
        draw_panel(c, &frames[i]);
    }
}

/* cairo's native-endian 0xXXRRGGBB words to the rows of a PNG, then the file. */
static int write_surface(const char *path, cairo_surface_t *surface, uint32_t w, uint32_t h)
{
    uint8_t *rows = clg__alloc(h, 3u * (size_t)w + 1u);
    if (rows == NULL) {
        return CLG_E_MEMORY;
    }
    cairo_surface_flush(surface);
    const unsigned char *data = cairo_image_surface_get_data(surface);
    size_t stride = (size_t)cairo_image_surface_get_stride(surface);
    uint8_t *dst = rows;
    for (uint32_t y = 0; y < h; y++) {
        *dst++ = 0; /* filter "none" */
        for (uint32_t x = 0; x < w; x++, dst += 3) {
            uint32_t word;
            memcpy(&word, data + y * stride + (size_t)x * 4u, 4);
            dst[0] = (uint8_t)(word >> 16);
            dst[1] = (uint8_t)(word >> 8);
            dst[2] = (uint8_t)word;
        }
    }
    int status = clg__png_write_chart(path, rows, w, h);
    clg__free(rows);
    return status;
}

int clg__plot_write(const char *path, const clg_plot_figure *f)
{
    int status = CLG_OK;
    if (f->w < SIDE_MIN || f->w > SIDE_MAX || f->h < SIDE_MIN || f->h > SIDE_MAX ||
        f->panel_count == 0) {
        return clg__fail(CLG_E_USAGE, "%s: a chart of %zu panels and %ux%u pixels cannot be drawn",
                         path, f->panel_count, f->w, f->h);
    }
    frame *frames = clg__alloc(f->panel_count, sizeof *frames);
    if (frames == NULL) {
        return CLG_E_MEMORY;
    }
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)f->w, (int)f->h);
    cairo_t *c = cairo_create(surface);
    clg__plot_colour(c, 0xFFFFFFu, 1.0);
    cairo_paint(c);
    draw_figure(c, f, frames);
    cairo_status_t drawn = cairo_status(c);
    if (drawn != CAIRO_STATUS_SUCCESS) {
        status = clg__fail(drawn == CAIRO_STATUS_NO_MEMORY ? CLG_E_MEMORY : CLG_E_INTERNAL,
                           "%s: cairo cannot draw it: %s", path, cairo_status_to_string(drawn));
    } else {
        status = write_surface(path, surface, f->w, f->h);
    }
    cairo_destroy(c);
    cairo_surface_destroy(surface);
    clg__free(frames);
    return status;
}
