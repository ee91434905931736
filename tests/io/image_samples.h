/* Small PNG and JPEG files made in memory, in every kind that the decoder takes, for the tests of
 * io and the seeds of its fuzzers. Only what libpng and libjpeg write; header-only because tests
 * link no common file with these libraries. */
#ifndef CLG_TESTS_IO_IMAGE_SAMPLES_H
#define CLG_TESTS_IO_IMAGE_SAMPLES_H

#include <png.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

typedef struct sample_file {
    uint8_t *bytes; /* free() it */
    size_t n;
} sample_file;

typedef struct sample_png {
    uint32_t w, h;
    int type, depth;           /* PNG_COLOR_TYPE_..., bits */
    bool interlaced;
    const png_color *palette;
    int palette_count;
    const png_byte *palette_alpha; /* palette_count of them */
    const png_color_16 *transparent;
    const uint8_t *exif;       /* a TIFF block */
    uint32_t exif_n;
    const uint8_t *rows;       /* packed as PNG stores them */
    size_t row_bytes;
} sample_png;

static inline void sample_png_write(png_structp png, png_bytep bytes, size_t n)
{
    sample_file *f = png_get_io_ptr(png);
    f->bytes = realloc(f->bytes, f->n + n);
    if (f->bytes == NULL) {
        abort();
    }
    memcpy(f->bytes + f->n, bytes, n);
    f->n += n;
}

static inline void sample_png_flush(png_structp png)
{
    (void)png;
}

static inline sample_file sample_make_png(const sample_png *p)
{
    sample_file f = { 0 };
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &f, sample_png_write, sample_png_flush);
    png_set_IHDR(png, info, p->w, p->h, p->depth, p->type,
                 p->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE,
                 PNG_FILTER_TYPE_BASE);
    if (p->palette != NULL) {
        png_set_PLTE(png, info, p->palette, p->palette_count);
    }
    if (p->palette_alpha != NULL || p->transparent != NULL) {
        png_set_tRNS(png, info, p->palette_alpha, p->palette_alpha != NULL ? p->palette_count : 0,
                     p->transparent);
    }
    png_byte *exif = NULL;
    if (p->exif != NULL) {
        exif = malloc(p->exif_n);
        if (exif == NULL) {
            abort();
        }
        memcpy(exif, p->exif, p->exif_n);
        png_set_eXIf_1(png, info, p->exif_n, exif);
    }
    png_write_info(png, info);
    png_byte **row = malloc(p->h * sizeof *row);
    if (row == NULL) {
        abort();
    }
    for (uint32_t y = 0; y < p->h; y++) {
        row[y] = (png_byte *)(uintptr_t)(p->rows + y * p->row_bytes);
    }
    png_write_image(png, row);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    free(row);
    free(exif);
    return f;
}

/* 8-bit grey (c 1), grey + alpha (2), RGB (3) or RGBA (4). */
static inline sample_file sample_png8(const uint8_t *pixels, uint32_t w, uint32_t h, uint32_t c)
{
    static const int type[5] = { 0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA,
                                 PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA };
    return sample_make_png(&(sample_png){ .w = w, .h = h, .type = type[c], .depth = 8,
                                          .rows = pixels, .row_bytes = (size_t)w * c });
}

typedef struct sample_jpeg {
    uint32_t w, h, c;     /* c: 1 grey, 3 RGB, 4 CMYK as given (Adobe: inverted) */
    bool ycck, progressive;
    const uint8_t *app1;  /* a whole APP1 payload */
    uint32_t app1_n;
    const uint8_t *pixels;
} sample_jpeg;

static inline sample_file sample_make_jpeg(const sample_jpeg *p)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr error;
    unsigned char *bytes = NULL;
    unsigned long n = 0;
    info.err = jpeg_std_error(&error);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &bytes, &n);
    info.image_width = p->w;
    info.image_height = p->h;
    info.input_components = (int)p->c;
    info.in_color_space = p->c == 1u ? JCS_GRAYSCALE : p->c == 3u ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&info);
    if (p->ycck) {
        jpeg_set_colorspace(&info, JCS_YCCK);
    }
    jpeg_set_quality(&info, 100, TRUE);
    for (int i = 0; i < info.num_components; i++) {
        info.comp_info[i].h_samp_factor = info.comp_info[i].v_samp_factor = 1;
    }
    if (p->progressive) {
        jpeg_simple_progression(&info);
    }
    jpeg_start_compress(&info, TRUE);
    if (p->app1 != NULL) {
        jpeg_write_marker(&info, JPEG_APP0 + 1, p->app1, p->app1_n);
    }
    while (info.next_scanline < info.image_height) {
        JSAMPROW row = (JSAMPROW)(uintptr_t)(p->pixels + info.next_scanline * (size_t)p->w * p->c);
        (void)jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    return (sample_file){ .bytes = bytes, .n = n };
}

/* "Exif\0\0" + a TIFF block of one IFD with the orientation, in either byte order. 32 bytes. */
static inline void sample_exif(uint8_t dst[32], unsigned orientation, bool big)
{
    static const uint8_t little_endian[32] = {
        'E', 'x', 'i', 'f', 0, 0, 'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0
    };
    static const uint8_t big_endian[32] = {
        'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, '*', 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1
    };
    memcpy(dst, big ? big_endian : little_endian, 32);
    dst[big ? 25 : 24] = (uint8_t)orientation;
}

#endif
