/* Text of charts by cairo's toy interface: one family, upright and bold. What is not Latin is drawn
 * as well as the machine's fonts can. */
#include <string.h>

#include "io/plot_internal.h"

static const double raised_size = 0.72, raised_by = 0.42; /* in parts of the font's size */

void clg__plot_font(cairo_t *c, double size, bool bold)
{
    /* Debian's cairo depends on this font or one of a few others, which fontconfig then takes. */
    cairo_select_font_face(c, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL,
                           bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(c, size);
}

static double font_size(cairo_t *c)
{
    cairo_matrix_t m;
    cairo_get_font_matrix(c, &m);
    return m.xx;
}

static double plain_width(cairo_t *c, const char *text)
{
    cairo_text_extents_t e;
    cairo_text_extents(c, text, &e);
    return e.x_advance;
}

/* "10^-4" to "10" and "-4"; NULL when nothing is raised. Only ticks begin with "10^". */
static const char *split(const char *text, char base[3])
{
    if (strncmp(text, "10^", 3) != 0) {
        return NULL;
    }
    memcpy(base, "10", 3);
    return text + 3;
}

double clg__plot_text_width(cairo_t *c, const char *text)
{
    char base[3];
    const char *power = split(text, base);
    if (power == NULL) {
        return plain_width(c, text);
    }
    double size = font_size(c), w = plain_width(c, base);
    cairo_set_font_size(c, size * raised_size);
    w += plain_width(c, power);
    cairo_set_font_size(c, size);
    return w;
}

void clg__plot_text(cairo_t *c, double x, double y, double align, const char *text)
{
    char base[3];
    const char *power = split(text, base);
    cairo_move_to(c, x - align * clg__plot_text_width(c, text), y);
    if (power == NULL) {
        cairo_show_text(c, text);
        return;
    }
    double size = font_size(c);
    cairo_show_text(c, base);
    cairo_rel_move_to(c, 0.0, -raised_by * size);
    cairo_set_font_size(c, size * raised_size);
    cairo_show_text(c, power);
    cairo_set_font_size(c, size);
}

void clg__plot_text_up(cairo_t *c, double x, double y, const char *text)
{
    cairo_save(c);
    cairo_translate(c, x, y);
    cairo_rotate(c, -1.57079632679489662);
    clg__plot_text(c, 0.0, 0.0, 0.5, text);
    cairo_restore(c);
}
