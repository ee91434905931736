/* The one EXIF field that changes how an image looks: orientation (tag 0x0112 of IFD 0, TIFF 6.0
 * and EXIF 2.3), and the eight ways to turn an image. Every other tag is ignored. */
#include "io/image_internal.h"

#include <string.h>

#include "base/mem.h"

typedef struct tiff {
    const uint8_t *bytes;
    size_t n;
    bool big;
} tiff;

static uint32_t get16(const tiff *t, size_t at)
{
    const uint8_t *p = t->bytes + at;
    return t->big ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static uint32_t get32(const tiff *t, size_t at)
{
    return t->big ? get16(t, at) << 16 | get16(t, at + 2u) : get16(t, at + 2u) << 16 | get16(t, at);
}

unsigned clg__exif_orientation(const uint8_t *bytes, size_t n)
{
    if (n < 10u || (memcmp(bytes, "II*\0", 4) != 0 && memcmp(bytes, "MM\0*", 4) != 0)) {
        return 1;
    }
    tiff t = { .bytes = bytes, .n = n, .big = bytes[0] == 'M' };
    size_t at = get32(&t, 4);
    if (at > n - 2u) {
        return 1;
    }
    uint32_t entries = get16(&t, at);
    at += 2u;
    for (uint32_t i = 0; i < entries && n - at >= 12u; i++, at += 12u) {
        if (get16(&t, at) == 0x0112u) {
            uint32_t type = get16(&t, at + 2u), value = get16(&t, at + 8u);
            bool valid = type == 3u && get32(&t, at + 4u) == 1u && value >= 1u && value <= 8u;
            return valid ? value : 1u;
        }
    }
    return 1;
}

int clg__image_turn(clg_image *image, unsigned orientation)
{
    if (orientation < 2u || orientation > 8u) {
        return CLG_OK;
    }
    const uint32_t sw = image->w, sh = image->h, c = image->c;
    const bool swap = orientation >= 5u;
    const uint32_t w = swap ? sh : sw, h = swap ? sw : sh;
    uint8_t *dst = clg__alloc((size_t)w * h, c);
    if (dst == NULL) {
        return CLG_E_MEMORY;
    }
    for (uint32_t y = 0; y < h; y++) {
        for (uint32_t x = 0; x < w; x++) {
            /* Source pixel: (x,y) mirrored along either axis, after the swap of the axes. */
            uint32_t sx = swap ? y : x, sy = swap ? x : y;
            if (orientation == 2u || orientation == 3u || orientation == 7u || orientation == 8u) {
                sx = sw - 1u - sx;
            }
            if (orientation == 3u || orientation == 4u || orientation == 6u || orientation == 7u) {
                sy = sh - 1u - sy;
            }
            memcpy(dst + ((size_t)y * w + x) * c, image->pixels + ((size_t)sy * sw + sx) * c, c);
        }
    }
    clg__free(image->pixels);
    *image = (clg_image){ .w = w, .h = h, .c = c, .pixels = dst };
    return CLG_OK;
}
