/* Decoding PNG and JPEG of every kind, and refusing files that are cut, empty or lying. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "io/image_file.h"
#include "io/image_samples.h"

/* Decodes and frees the file; the caller frees the pixels. */
static clg_image decode(sample_file f)
{
    clg_image image;
    int status = clg__image_decode(f.bytes, f.n, "test.img", &image);
    if (status != CLG_OK) {
        fail_msg("%s", clg_message());
    }
    free(f.bytes);
    return image;
}

static void expect_pixels(sample_file f, uint32_t w, uint32_t h, uint32_t c, const uint8_t *want,
                          int tolerance)
{
    clg_image image = decode(f);
    assert_int_equal(image.w, w);
    assert_int_equal(image.h, h);
    assert_int_equal(image.c, c);
    for (size_t i = 0; i < (size_t)w * h * c; i++) {
        if (abs((int)image.pixels[i] - (int)want[i]) > tolerance) {
            fail_msg("byte %zu is %u, wanted %u", i, image.pixels[i], want[i]);
        }
    }
    clg__free(image.pixels);
}

/* ---- PNG ---- */

static void png_grey_of_every_depth_becomes_8_bit(void **state)
{
    (void)state;
    const uint8_t one[1] = { 0xa0 };                 /* 1 0 1 */
    const uint8_t two[1] = { 0x1b };                 /* 0 1 2 3 */
    const uint8_t four[2] = { 0x0f, 0x70 };          /* 0 15 7 */
    const uint8_t sixteen[6] = { 0, 0, 0x80, 0x80, 0xff, 0xff };
    sample_png p = { .h = 1, .type = PNG_COLOR_TYPE_GRAY, .w = 3, .depth = 1, .rows = one };
    expect_pixels(sample_make_png(&p), 3, 1, 1, (const uint8_t[]){ 255, 0, 255 }, 0);
    p = (sample_png){ .h = 1, .type = PNG_COLOR_TYPE_GRAY, .w = 4, .depth = 2, .rows = two };
    expect_pixels(sample_make_png(&p), 4, 1, 1, (const uint8_t[]){ 0, 85, 170, 255 }, 0);
    p = (sample_png){ .h = 1, .type = PNG_COLOR_TYPE_GRAY, .w = 3, .depth = 4, .rows = four };
    expect_pixels(sample_make_png(&p), 3, 1, 1, (const uint8_t[]){ 0, 255, 119 }, 0);
    p = (sample_png){ .h = 1, .type = PNG_COLOR_TYPE_GRAY, .w = 3, .depth = 16, .rows = sixteen };
    expect_pixels(sample_make_png(&p), 3, 1, 1, (const uint8_t[]){ 0, 128, 255 }, 0);
}

static void png_16_bit_colour_becomes_8_bit(void **state)
{
    (void)state;
    const uint8_t rows[6] = { 0x12, 0x12, 0x00, 0x00, 0xfe, 0xfe };
    sample_png p = { .w = 1, .h = 1, .type = PNG_COLOR_TYPE_RGB, .depth = 16, .rows = rows };
    expect_pixels(sample_make_png(&p), 1, 1, 3, (const uint8_t[]){ 0x12, 0, 0xfe }, 0);
}

static void png_palette_becomes_colour_or_grey(void **state)
{
    (void)state;
    const png_color colours[2] = { { 255, 0, 0 }, { 0, 0, 9 } };
    const png_color greys[2] = { { 7, 7, 7 }, { 200, 200, 200 } };
    const png_byte alpha[2] = { 255, 0 };
    const uint8_t rows[1] = { 0x40 }; /* 0 1 */
    sample_png p = { .w = 2, .h = 1, .type = PNG_COLOR_TYPE_PALETTE, .depth = 1, .rows = rows,
                     .palette = colours, .palette_count = 2 };
    expect_pixels(sample_make_png(&p), 2, 1, 3, (const uint8_t[]){ 255, 0, 0, 0, 0, 9 }, 0);
    p.palette_alpha = alpha;
    expect_pixels(sample_make_png(&p), 2, 1, 3, (const uint8_t[]){ 255, 0, 0, 0, 0, 0 }, 0);
    p.palette_alpha = NULL;
    p.palette = greys;
    expect_pixels(sample_make_png(&p), 2, 1, 1, (const uint8_t[]){ 7, 200 }, 0);
}

static void png_alpha_is_laid_over_black(void **state)
{
    (void)state;
    const uint8_t rgba[8] = { 200, 100, 50, 128, 255, 255, 255, 0 };
    const uint8_t grey_alpha[4] = { 90, 255, 200, 51 };
    expect_pixels(sample_png8(rgba, 2, 1, 4), 2, 1, 3, (const uint8_t[]){ 100, 50, 25, 0, 0, 0 },
                  0);
    expect_pixels(sample_png8(grey_alpha, 2, 1, 2), 2, 1, 1, (const uint8_t[]){ 90, 40 }, 0);
}

static void png_transparent_colour_becomes_black(void **state)
{
    (void)state;
    const uint8_t grey[2] = { 40, 41 };
    const uint8_t rgb[6] = { 1, 2, 3, 4, 5, 6 };
    const png_color_16 key = { .gray = 41, .red = 1, .green = 2, .blue = 3 };
    sample_png p = { .w = 2, .h = 1, .type = PNG_COLOR_TYPE_GRAY, .depth = 8, .rows = grey,
                     .transparent = &key };
    expect_pixels(sample_make_png(&p), 2, 1, 1, (const uint8_t[]){ 40, 0 }, 0);
    p.type = PNG_COLOR_TYPE_RGB;
    p.rows = rgb;
    expect_pixels(sample_make_png(&p), 2, 1, 3, (const uint8_t[]){ 0, 0, 0, 4, 5, 6 }, 0);
}

static void png_interlaced_equals_plain(void **state)
{
    (void)state;
    uint8_t rgb[11 * 9 * 3];
    for (size_t i = 0; i < sizeof rgb; i++) {
        rgb[i] = (uint8_t)(i * 37u % 251u);
    }
    sample_png p = { .w = 11, .h = 9, .type = PNG_COLOR_TYPE_RGB, .depth = 8, .rows = rgb,
                     .row_bytes = 33, .interlaced = true };
    expect_pixels(sample_make_png(&p), 11, 9, 3, rgb, 0);
}

/* ---- JPEG ---- */

static void fill_smooth(uint8_t *pixels, uint32_t w, uint32_t h, uint32_t c)
{
    for (uint32_t y = 0; y < h; y++) {
        for (uint32_t x = 0; x < w; x++) {
            for (uint32_t k = 0; k < c; k++) {
                pixels[(y * w + x) * c + k] = (uint8_t)(40u + 8u * x + 5u * y + 30u * k);
            }
        }
    }
}

static void jpeg_grey_and_colour_keep_their_channels(void **state)
{
    (void)state;
    uint8_t pixels[12 * 10 * 3];
    fill_smooth(pixels, 12, 10, 1);
    sample_jpeg p = { .w = 12, .h = 10, .c = 1, .pixels = pixels };
    expect_pixels(sample_make_jpeg(&p), 12, 10, 1, pixels, 2);
    fill_smooth(pixels, 12, 10, 3);
    p.c = 3;
    expect_pixels(sample_make_jpeg(&p), 12, 10, 3, pixels, 3);
    p.progressive = true;
    expect_pixels(sample_make_jpeg(&p), 12, 10, 3, pixels, 3);
}

/* Adobe's files hold 255 - ink, so a pixel's red is (255 - cyan) x (255 - black) / 255. */
static void jpeg_cmyk_and_ycck_become_rgb(void **state)
{
    (void)state;
    uint8_t cmyk[8 * 8 * 4], want[8 * 8 * 3];
    for (size_t i = 0; i < 64u; i++) {
        const uint8_t of[4] = { (uint8_t)(2u * i), 200, 90, 153 }; /* inverted */
        memcpy(cmyk + 4u * i, of, 4);
        for (size_t k = 0; k < 3u; k++) {
            want[3u * i + k] = (uint8_t)((of[k] * 153u + 127u) / 255u);
        }
    }
    sample_jpeg p = { .w = 8, .h = 8, .c = 4, .pixels = cmyk };
    expect_pixels(sample_make_jpeg(&p), 8, 8, 3, want, 3);
    p.ycck = true;
    expect_pixels(sample_make_jpeg(&p), 8, 8, 3, want, 4);
}

/* ---- EXIF ---- */

/* 24x16 with a light upper left 8x8 block when shown right; each orientation stores it elsewhere. */
static void expect_upright(const clg_image *image, unsigned orientation)
{
    bool swapped = orientation >= 5u;
    assert_int_equal(image->w, swapped ? 16 : 24);
    assert_int_equal(image->h, swapped ? 24 : 16);
    for (uint32_t y = 0; y < image->h; y++) {
        for (uint32_t x = 0; x < image->w; x++) {
            uint8_t v = image->pixels[y * image->w + x];
            bool light = x < 8u && y < 8u;
            if (light ? v < 240u : v > 15u) {
                fail_msg("orientation %u: pixel %u,%u is %u", orientation, x, y, v);
            }
        }
    }
}

static void fill_corner(uint8_t pixels[24 * 16], unsigned orientation)
{
    /* Where the displayed upper left corner lies in the stored image (EXIF 2.3, table of tag 274). */
    static const bool right[9] = { 0, 0, 1, 1, 0, 0, 0, 1, 1 };
    static const bool bottom[9] = { 0, 0, 0, 1, 1, 0, 1, 1, 0 };
    for (uint32_t i = 0; i < 24u * 16u; i++) {
        uint32_t x = i % 24u, y = i / 24u;
        bool in_x = right[orientation] ? x >= 16u : x < 8u;
        bool in_y = bottom[orientation] ? y >= 8u : y < 8u;
        pixels[i] = in_x && in_y ? 255 : 0;
    }
}

static void every_exif_orientation_is_turned_upright(void **state)
{
    (void)state;
    uint8_t pixels[24 * 16], exif[32];
    for (unsigned orientation = 1; orientation <= 8u; orientation++) {
        fill_corner(pixels, orientation);
        sample_exif(exif, orientation, orientation % 2u == 0u);
        sample_jpeg j = { .w = 24, .h = 16, .c = 1, .pixels = pixels, .app1 = exif, .app1_n = 32 };
        clg_image image = decode(sample_make_jpeg(&j));
        expect_upright(&image, orientation);
        clg__free(image.pixels);
        sample_png p = { .w = 24, .h = 16, .type = PNG_COLOR_TYPE_GRAY, .depth = 8, .rows = pixels,
                         .row_bytes = 24, .exif = exif + 6, .exif_n = 26 };
        image = decode(sample_make_png(&p));
        expect_upright(&image, orientation);
        clg__free(image.pixels);
    }
}

/* Mirrored pairs differ only along an axis that the corner cannot tell; three pixels can. */
static void orientations_5_to_8_are_not_confused(void **state)
{
    (void)state;
    const uint8_t grey[6] = { 1, 2, 3, 4, 5, 6 }; /* 3 x 2 */
    const uint8_t want[9][6] = { { 0 },
                                 { 1, 2, 3, 4, 5, 6 },
                                 { 3, 2, 1, 6, 5, 4 },
                                 { 6, 5, 4, 3, 2, 1 },
                                 { 4, 5, 6, 1, 2, 3 },
                                 { 1, 4, 2, 5, 3, 6 },
                                 { 4, 1, 5, 2, 6, 3 },
                                 { 6, 3, 5, 2, 4, 1 },
                                 { 3, 6, 2, 5, 1, 4 } };
    for (unsigned o = 1; o <= 8u; o++) {
        uint8_t exif[32];
        sample_exif(exif, o, false);
        sample_png p = { .w = 3, .h = 2, .type = PNG_COLOR_TYPE_GRAY, .depth = 8, .rows = grey,
                         .row_bytes = 3, .exif = exif + 6, .exif_n = 26 };
        expect_pixels(sample_make_png(&p), o >= 5u ? 2 : 3, o >= 5u ? 3 : 2, 1, want[o], 0);
    }
}

static void a_broken_exif_block_is_ignored(void **state)
{
    (void)state;
    const uint8_t grey[2] = { 1, 2 };
    uint8_t exif[32];
    for (uint32_t cut = 7; cut < 32u; cut++) {
        sample_exif(exif, cut < 31u ? 3 : 99, true);
        exif[13] = cut % 3u == 0u ? 0xff : 8; /* an IFD far outside */
        sample_jpeg j = { .w = 2, .h = 1, .c = 1, .pixels = grey, .app1 = exif, .app1_n = cut };
        clg_image image = decode(sample_make_jpeg(&j));
        assert_int_equal(image.w, 2);
        clg__free(image.pixels);
    }
}

/* ---- bad files ---- */

static void expect_fault(const uint8_t *bytes, size_t n, const char *message)
{
    clg_image image = { .w = 1 };
    /* An own copy of exactly n bytes, so that a sanitizer sees any read beyond. */
    uint8_t *copy = malloc(n + (n == 0u));
    memcpy(copy, bytes, n);
    assert_int_equal(clg__image_decode(copy, n, "a.img", &image), CLG_E_DATA);
    free(copy);
    assert_null(image.pixels);
    if (message != NULL) {
        assert_string_equal(clg_message(), message);
    }
    assert_string_not_equal(clg_hint(), "");
    assert_null(strchr(clg_message(), '\n'));
}

static void an_empty_file_is_named(void **state)
{
    (void)state;
    expect_fault((const uint8_t *)"", 0, "a.img: the file is empty");
    assert_string_equal(clg_hint(), "remove the file or get it again");
}

static void a_file_of_another_kind_is_named(void **state)
{
    (void)state;
    expect_fault((const uint8_t *)"GIF89a....", 10, "a.img: neither a PNG nor a JPEG file");
}

static void a_png_cut_anywhere_is_refused(void **state)
{
    (void)state;
    uint8_t pixels[6 * 5 * 3];
    fill_smooth(pixels, 6, 5, 3);
    sample_file f = sample_png8(pixels, 6, 5, 3);
    for (size_t n = 0; n < f.n; n++) {
        expect_fault(f.bytes, n, n > 8u ? "a.img: broken PNG: the file is cut" : NULL);
    }
    free(f.bytes);
}

static void a_jpeg_cut_anywhere_is_refused(void **state)
{
    (void)state;
    uint8_t pixels[24 * 20 * 3];
    fill_smooth(pixels, 24, 20, 3);
    for (unsigned progressive = 0; progressive < 2u; progressive++) {
        sample_jpeg j = { .w = 24, .h = 20, .c = 3, .pixels = pixels, .progressive = progressive };
        sample_file f = sample_make_jpeg(&j);
        for (size_t n = 0; n < f.n - 1u; n++) {
            expect_fault(f.bytes, n, NULL);
        }
        expect_fault(f.bytes, f.n / 2u, NULL);
        assert_non_null(strstr(clg_message(), "a.img: broken JPEG: "));
        free(f.bytes);
    }
}

static void a_png_that_lies_about_its_size_is_refused_before_memory_is_taken(void **state)
{
    (void)state;
    uint8_t pixels[16] = { 0 };
    sample_file f = sample_png8(pixels, 4, 4, 1);
    uint8_t header[17] = { 'I', 'H', 'D', 'R', 0, 0, 0x1f, 0, 0, 0, 0x1f, 0, 8, 0, 0, 0, 0 };
    memcpy(f.bytes + 12, header, sizeof header); /* 7936 x 7936 */
    uint32_t crc = 0xffffffffu;
    for (size_t i = 12; i < 29u; i++) {
        crc ^= f.bytes[i];
        for (int k = 0; k < 8; k++) {
            crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1u)));
        }
    }
    for (size_t i = 0; i < 4u; i++) {
        f.bytes[29u + i] = (uint8_t)(~crc >> (24u - 8u * i));
    }
    expect_fault(f.bytes, f.n, "a.img: broken PNG: the header declares more pixels than the file "
                               "can hold");
    free(f.bytes);
}

static void a_jpeg_that_lies_about_its_size_is_refused_before_memory_is_taken(void **state)
{
    (void)state;
    uint8_t pixels[64] = { 0 };
    sample_jpeg j = { .w = 8, .h = 8, .c = 1, .pixels = pixels };
    sample_file f = sample_make_jpeg(&j);
    for (size_t i = 0; i + 9u < f.n; i++) {
        if (f.bytes[i] == 0xffu && f.bytes[i + 1u] == 0xc0u) { /* SOF0: height, width */
            const uint8_t big[4] = { 0x1f, 0, 0x1f, 0 };
            memcpy(f.bytes + i + 5u, big, 4);
            break;
        }
    }
    expect_fault(f.bytes, f.n, "a.img: broken JPEG: the header declares more pixels than the file "
                               "can hold");
    free(f.bytes);
}

static void file_names_are_told_apart(void **state)
{
    (void)state;
    assert_true(clg__image_is_file_name("a.png"));
    assert_true(clg__image_is_file_name("B.JPG"));
    assert_true(clg__image_is_file_name("c.d.jpeg"));
    assert_false(clg__image_is_file_name(".png"));
    assert_false(clg__image_is_file_name("._a.png"));
    assert_false(clg__image_is_file_name("a.gif"));
    assert_false(clg__image_is_file_name("png"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_grey_of_every_depth_becomes_8_bit),
        cmocka_unit_test(png_16_bit_colour_becomes_8_bit),
        cmocka_unit_test(png_palette_becomes_colour_or_grey),
        cmocka_unit_test(png_alpha_is_laid_over_black),
        cmocka_unit_test(png_transparent_colour_becomes_black),
        cmocka_unit_test(png_interlaced_equals_plain),
        cmocka_unit_test(jpeg_grey_and_colour_keep_their_channels),
        cmocka_unit_test(jpeg_cmyk_and_ycck_become_rgb),
        cmocka_unit_test(every_exif_orientation_is_turned_upright),
        cmocka_unit_test(orientations_5_to_8_are_not_confused),
        cmocka_unit_test(a_broken_exif_block_is_ignored),
        cmocka_unit_test(an_empty_file_is_named),
        cmocka_unit_test(a_file_of_another_kind_is_named),
        cmocka_unit_test(a_png_cut_anywhere_is_refused),
        cmocka_unit_test(a_jpeg_cut_anywhere_is_refused),
        cmocka_unit_test(a_png_that_lies_about_its_size_is_refused_before_memory_is_taken),
        cmocka_unit_test(a_jpeg_that_lies_about_its_size_is_refused_before_memory_is_taken),
        cmocka_unit_test(file_names_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
