/* Fuzzes the PNG and JPEG decoders, EXIF and the fit that follows. */
#include "fuzz/fuzz.h"

#include <zlib.h>

#include "base/mem.h"
#include "io/image_internal.h"
#include "io/image_samples.h" /* tests/io */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    clg_image image;
    uint8_t fitted[13 * 13 * 3];
    int status = clg__image_decode(bytes, n, "fuzz", &image);
    if (status != CLG_OK) {
        FUZZ_CHECK(status == CLG_E_DATA && image.pixels == NULL);
        FUZZ_CHECK(clg_message()[0] != '\0' && strchr(clg_message(), '\n') == NULL);
        return 0;
    }
    FUZZ_CHECK(image.w > 0u && image.h > 0u && (image.c == 1u || image.c == 3u));
    FUZZ_CHECK((uint64_t)image.w * image.h <= CLG_IMAGE_PIXELS_MAX);
    FUZZ_CHECK(clg__image_fit(&image, 13, n % 2u == 0u ? 1 : 3, fitted) == CLG_OK);
    clg__free(image.pixels);
    (void)clg__exif_orientation(bytes + n / 2u, n - n / 2u);
    return 0;
}

static sample_file make_png_seed(unsigned i, const uint8_t *pixels)
{
    static const png_color palette[4] = { { 1, 2, 3 }, { 4, 5, 6 }, { 7, 8, 9 }, { 0, 0, 0 } };
    static const png_byte alpha[4] = { 0, 80, 160, 255 };
    static const png_color_16 key = { .gray = 3, .red = 3, .green = 2, .blue = 1 };
    static const int type[5] = { PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_PALETTE,
                                 PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB_ALPHA };
    static const unsigned channels[5] = { 1, 3, 1, 2, 4 };
    uint8_t exif[32];
    sample_exif(exif, 1u + i % 8u, i % 2u == 0u);
    sample_png p = { .w = 9, .h = 7, .type = type[i % 5u], .rows = pixels };
    p.depth = p.type == PNG_COLOR_TYPE_PALETTE ? 2 : i % 3u == 0u ? 16 : 8;
    p.row_bytes = p.type == PNG_COLOR_TYPE_PALETTE ? 3u : 9u * channels[i % 5u] *
                                                              (unsigned)p.depth / 8u;
    p.interlaced = i % 2u == 1u;
    p.exif = i % 3u == 1u ? exif + 6 : NULL;
    p.exif_n = 26;
    p.palette = p.type == PNG_COLOR_TYPE_PALETTE ? palette : NULL;
    p.palette_count = 4;
    p.palette_alpha = p.palette != NULL && i > 4u ? alpha : NULL;
    p.transparent = p.type <= PNG_COLOR_TYPE_RGB && i > 4u ? &key : NULL;
    return sample_make_png(&p);
}

static sample_file make_jpeg_seed(unsigned i, const uint8_t *pixels)
{
    static const uint32_t channels[3] = { 1, 3, 4 };
    uint8_t exif[32];
    sample_exif(exif, 1u + i % 8u, i % 2u == 0u);
    return sample_make_jpeg(&(sample_jpeg){ .w = 19, .h = 11, .c = channels[i % 3u],
                                            .ycck = i % 6u == 5u, .progressive = i >= 6u,
                                            .app1 = exif, .app1_n = 32, .pixels = pixels });
}

size_t fuzz_seed(unsigned i, uint8_t *dst)
{
    uint8_t pixels[2048];
    for (unsigned k = 0; k < sizeof pixels; k++) {
        pixels[k] = (uint8_t)(k * 11u + (k >> 4) * i);
    }
    if (i >= 22u) {
        return 0;
    }
    sample_file f = i < 10u ? make_png_seed(i, pixels) : make_jpeg_seed(i - 10u, pixels);
    FUZZ_CHECK(f.n <= FUZZ_INPUT_MAX);
    memcpy(dst, f.bytes, f.n);
    free(f.bytes);
    return f.n;
}

/* The CRC of every chunk of a PNG. */
void fuzz_mend(uint8_t *bytes, size_t n)
{
    if (n < 8u || bytes[0] != 0x89u) {
        return;
    }
    for (size_t at = 8; n - at >= 12u;) {
        uint8_t *p = bytes + at;
        size_t len = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
        if (len > n - at - 12u) {
            return;
        }
        uint32_t crc = (uint32_t)crc32_z(0, p + 4, len + 4u);
        for (unsigned k = 0; k < 4u; k++) {
            p[8u + len + k] = (uint8_t)(crc >> (24u - 8u * k));
        }
        at += 12u + len;
    }
}
