/* PNG from memory with libpng: every colour type and bit depth, interlaced or not, becomes 8-bit
 * grey or RGB; transparency is laid over black. Sizes are checked against the limits and against
 * what the file's bytes could inflate to before memory is taken. Gamma and profiles are ignored, as
 * the usual training tools do. */
#include "io/image_internal.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Deflate cannot expand by more than this (RFC 1951: 258 bytes from 2 bits, rounded up). */
enum { DEFLATE_RATIO_MAX = 1032 };

typedef struct png_state {
    png_structp png;
    png_infop info;
    const uint8_t *bytes;
    size_t n, at;
    uint32_t w, h, channels; /* channels as read: 1..4 */
    bool grey_palette;       /* a palette of greys only: one channel is enough */
    unsigned orientation;
    uint8_t *pixels;         /* [h,w,channels] */
    png_bytep *rows;
    char fault[96];
} png_state;

/* ---- libpng's callbacks ---- */

static void on_error(png_structp png, png_const_charp text)
{
    png_state *s = png_get_error_ptr(png);
    (void)snprintf(s->fault, sizeof s->fault, "%s", text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void on_read(png_structp png, png_bytep dst, size_t n)
{
    png_state *s = png_get_io_ptr(png);
    if (n > s->n - s->at) {
        png_error(png, "the file is cut");
    }
    memcpy(dst, s->bytes + s->at, n);
    s->at += n;
}

/* ---- the steps; each runs under guard() and may leave by longjmp ---- */

static bool is_grey_palette(const png_state *s)
{
    png_colorp entry = NULL;
    int count = 0;
    if (png_get_PLTE(s->png, s->info, &entry, &count) == 0) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (entry[i].red != entry[i].green || entry[i].red != entry[i].blue) {
            return false;
        }
    }
    return true;
}

static void read_header(png_state *s)
{
    png_set_read_fn(s->png, s, on_read);
    png_set_user_limits(s->png, (png_uint_32)CLG_IMAGE_PIXELS_MAX,
                        (png_uint_32)CLG_IMAGE_PIXELS_MAX);
    png_set_chunk_malloc_max(s->png, 8u << 20);
    png_set_chunk_cache_max(s->png, 128);
    png_read_info(s->png, s->info);
    int type = png_get_color_type(s->png, s->info);
    s->w = png_get_image_width(s->png, s->info);
    s->h = png_get_image_height(s->png, s->info);
    s->grey_palette = type == PNG_COLOR_TYPE_PALETTE && is_grey_palette(s);
    if ((uint64_t)s->w * s->h > CLG_IMAGE_PIXELS_MAX) {
        png_error(s->png, "more than 2^26 pixels");
    }
    /* Adam7 adds filter bytes and padding, but never makes the data smaller than one bit per
     * sample and one filter byte per row of the plain order allows. */
    uint64_t raw = (uint64_t)s->h * png_get_rowbytes(s->png, s->info);
    if (raw > (uint64_t)DEFLATE_RATIO_MAX * s->n) {
        png_error(s->png, "the header declares more pixels than the file can hold");
    }
    png_set_scale_16(s->png);
    png_set_expand(s->png); /* palette to RGB, 1, 2, 4 bit to 8, tRNS to alpha */
    (void)png_set_interlace_handling(s->png);
    png_read_update_info(s->png, s->info);
    s->channels = png_get_channels(s->png, s->info);
}

static void read_pixels(png_state *s)
{
    png_read_image(s->png, s->rows);
    png_read_end(s->png, s->info);
#ifdef PNG_eXIf_SUPPORTED
    png_bytep exif = NULL;
    png_uint_32 n = 0;
    if (png_get_eXIf_1(s->png, s->info, &n, &exif) != 0) {
        s->orientation = clg__exif_orientation(exif, n);
    }
#endif
}

/* False when libpng left through on_error. No local of this frame changes after setjmp. */
static bool guard(png_state *s, void (*step)(png_state *s))
{
    if (setjmp(png_jmpbuf(s->png)) != 0) {
        return false;
    }
    step(s);
    return true;
}

/* In place: alpha over black, greys of a palette to one channel. Returns the channels left. */
static uint32_t flatten(png_state *s)
{
    const bool alpha = s->channels == 2u || s->channels == 4u;
    const uint32_t colours = s->channels - (alpha ? 1u : 0u);
    const uint32_t c = s->grey_palette ? 1u : colours;
    const size_t pixels = (size_t)s->w * s->h;
    if (c == s->channels) {
        return c;
    }
    uint8_t *dst = s->pixels;
    for (size_t i = 0; i < pixels; i++) {
        const uint8_t *p = s->pixels + i * s->channels;
        uint32_t a = alpha ? p[colours] : 255u;
        for (uint32_t k = 0; k < c; k++) {
            *dst++ = (uint8_t)((p[k] * a + 127u) / 255u);
        }
    }
    return c;
}

static int decode(png_state *s, const char *name, clg_image *out)
{
    if (!guard(s, read_header)) {
        return clg__fail(CLG_E_DATA, "%s: broken PNG: %s", name, s->fault);
    }
    if (s->channels < 1u || s->channels > 4u ||
        png_get_rowbytes(s->png, s->info) != (size_t)s->w * s->channels) {
        return clg__fail(CLG_E_DATA, "%s: broken PNG: %u channels", name, s->channels);
    }
    s->pixels = clg__alloc((size_t)s->w * s->h, s->channels);
    s->rows = clg__alloc(s->h, sizeof *s->rows);
    if (s->pixels == NULL || s->rows == NULL) {
        return CLG_E_MEMORY;
    }
    for (uint32_t y = 0; y < s->h; y++) {
        s->rows[y] = s->pixels + (size_t)y * s->w * s->channels;
    }
    if (!guard(s, read_pixels)) {
        return clg__fail(CLG_E_DATA, "%s: broken PNG: %s", name, s->fault);
    }
    *out = (clg_image){ .w = s->w, .h = s->h, .c = flatten(s), .pixels = s->pixels };
    s->pixels = NULL;
    return CLG_OK;
}

int clg__png_decode(const uint8_t *bytes, size_t n, const char *name, clg_image *out,
                    unsigned *orientation)
{
    int status = CLG_OK;
    png_state s = { .bytes = bytes, .n = n, .orientation = 1 };
    *out = (clg_image){ 0 };
    s.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &s, on_error, on_warning);
    s.info = s.png != NULL ? png_create_info_struct(s.png) : NULL;
    if (s.info == NULL) {
        CLG_TRY(clg__fail(CLG_E_MEMORY, "%s: libpng found no memory", name));
    }
    status = decode(&s, name, out);
    if (status == CLG_E_DATA) {
        (void)clg__hint(status, "remove the file or get it again");
    }
    *orientation = s.orientation;
out:
    png_destroy_read_struct(&s.png, &s.info, NULL);
    clg__free(s.pixels);
    clg__free(s.rows);
    return status;
}
