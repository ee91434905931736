/* Resizing as PIL's Image.resize(BILINEAR) does it: a triangle filter whose support grows with the
 * reduction (antialiasing), a horizontal pass rounded to 8 bits, then a vertical one, weights in
 * fixed point with 22 fractional bits. Also channel conversion and the fit (short side, centre
 * crop). Not here: other filters, alpha. */
#include "io/image_internal.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

enum { FRACTION_BITS = 22 };

/* ---- weights ---- */

static void free_axis(clg_resize_axis *a)
{
    clg__free(a->start);
    clg__free(a->len);
    clg__free(a->weight);
    *a = (clg_resize_axis){ 0 };
}

/* Weights of output `i` of `out` in all: the triangle of half width max(1, in/out) source pixels
 * around the output pixel's centre, normalised to 1 over the pixels that exist. */
static void fill_weights(clg_resize_axis *a, uint32_t i, double center, double half, double *tmp)
{
    int64_t lo = (int64_t)(center - half + 0.5), hi = (int64_t)(center + half + 0.5);
    if (lo < 0) {
        lo = 0;
    }
    if (hi > (int64_t)a->in) {
        hi = (int64_t)a->in;
    }
    uint32_t len = (uint32_t)(hi - lo);
    double sum = 0.0;
    for (uint32_t t = 0; t < len; t++) {
        double d = fabs(((double)(lo + (int64_t)t) - center + 0.5) * (1.0 / half));
        tmp[t] = d < 1.0 ? 1.0 - d : 0.0;
        sum += tmp[t];
    }
    uint32_t *weight = a->weight + (size_t)i * a->taps;
    for (uint32_t t = 0; t < len; t++) {
        double w = sum != 0.0 ? tmp[t] / sum : 0.0;
        weight[t] = (uint32_t)(0.5 + w * (double)(1u << FRACTION_BITS));
    }
    a->start[i] = (uint32_t)lo;
    a->len[i] = len;
}

/* Outputs first .. first+n-1 of an axis resized from `in` to `out`. */
static int make_axis(clg_resize_axis *a, uint32_t in, uint64_t out, uint64_t first, uint32_t n)
{
    *a = (clg_resize_axis){ .in = in, .n = n };
    if (out == in) { /* PIL skips the pass */
        a->first = (uint32_t)first;
        return CLG_OK;
    }
    int status = CLG_OK;
    double *tmp = NULL;
    double scale = (double)in / (double)out, half = scale < 1.0 ? 1.0 : scale;
    a->taps = 2u * (uint32_t)ceil(half) + 1u;
    size_t weights;
    if (!clg__mul(n, a->taps, &weights)) {
        return clg__fail(CLG_E_MEMORY, "resize: %u to %llu pixels is too large", in,
                         (unsigned long long)out);
    }
    a->start = clg__alloc(n, sizeof *a->start);
    a->len = clg__alloc(n, sizeof *a->len);
    a->weight = clg__alloc(weights, sizeof *a->weight);
    tmp = clg__alloc(a->taps, sizeof *tmp);
    if (a->start == NULL || a->len == NULL || a->weight == NULL || tmp == NULL) {
        status = CLG_E_MEMORY;
        free_axis(a);
        goto out;
    }
    for (uint32_t i = 0; i < n; i++) {
        fill_weights(a, i, ((double)(first + i) + 0.5) * scale, half, tmp);
    }
out:
    clg__free(tmp);
    return status;
}

/* Half to even, as Python's round: where torchvision's CenterCrop starts. */
static uint64_t crop_start(uint64_t length, uint32_t size)
{
    uint64_t d = length - size, half = d / 2u;
    return d % 2u != 0u ? half + half % 2u : half;
}

int clg__resizer_create(clg_resizer **out, uint32_t sw, uint32_t sh, uint64_t full_w,
                        uint64_t full_h, uint32_t w, uint32_t h)
{
    *out = NULL;
    int status = CLG_OK;
    if (sw == 0u || sh == 0u || w == 0u || h == 0u) {
        return clg__fail(CLG_E_INTERNAL, "resize: %ux%u to %ux%u has an empty side", sw, sh, w, h);
    }
    clg_resizer *r = clg__alloc(1, sizeof *r);
    if (r == NULL) {
        return CLG_E_MEMORY;
    }
    CLG_TRY(make_axis(&r->x, sw, full_w, crop_start(full_w, w), w));
    CLG_TRY(make_axis(&r->y, sh, full_h, crop_start(full_h, h), h));
    if (r->y.start == NULL) {
        r->row0 = r->y.first;
        r->rows = h;
    } else {
        r->row0 = r->y.start[0];
        r->rows = r->y.start[h - 1u] + r->y.len[h - 1u] - r->row0;
    }
    r->copy = r->x.start == NULL && r->y.start == NULL && w == sw && h == sh;
    *out = r;
    r = NULL;
out:
    clg__resizer_destroy(&r);
    return status;
}

int clg__resizer_create_fit(clg_resizer **out, uint32_t sw, uint32_t sh, uint32_t size)
{
    uint64_t full_w = sw <= sh || sh == 0u ? size : (uint64_t)size * sw / sh;
    uint64_t full_h = sw <= sh && sw > 0u ? (uint64_t)size * sh / sw : size;
    return clg__resizer_create(out, sw, sh, full_w, full_h, size, size);
}

void clg__resizer_destroy(clg_resizer **r)
{
    if (*r == NULL) {
        return;
    }
    free_axis(&(*r)->x);
    free_axis(&(*r)->y);
    clg__free(*r);
    *r = NULL;
}

/* ---- the two passes ---- */

size_t clg__resizer_scratch(const clg_resizer *r, uint32_t c)
{
    return r->x.start != NULL && r->y.start != NULL ? (size_t)r->rows * r->x.n * c : 1u;
}

/* Sums stay below 2^31 + 2^21: the weights of one output add up to at most twice 2^22. */
static uint8_t round_sum(uint32_t sum)
{
    uint32_t v = sum >> FRACTION_BITS;
    return (uint8_t)(v > 255u ? 255u : v);
}

/* One row: dst [n,c] from src [in,c]. */
static void resize_row(const clg_resize_axis *a, const uint8_t *src, uint32_t c, uint8_t *dst)
{
    for (uint32_t i = 0; i < a->n; i++) {
        const uint32_t *weight = a->weight + (size_t)i * a->taps;
        const uint8_t *from = src + (size_t)a->start[i] * c;
        for (uint32_t k = 0; k < c; k++) {
            uint32_t sum = 1u << (FRACTION_BITS - 1);
            for (uint32_t t = 0; t < a->len[i]; t++) {
                sum += from[(size_t)t * c + k] * weight[t];
            }
            dst[(size_t)i * c + k] = round_sum(sum);
        }
    }
}

/* All rows: dst [n,row] from src, whose row `row0` is at src and whose rows are `pitch` apart. */
static void resize_columns(const clg_resize_axis *a, const uint8_t *src, size_t pitch,
                           uint32_t row0, size_t row, uint8_t *dst)
{
    for (uint32_t i = 0; i < a->n; i++) {
        const uint32_t *weight = a->weight + (size_t)i * a->taps;
        const uint8_t *from = src + (size_t)(a->start[i] - row0) * pitch;
        for (size_t x = 0; x < row; x++) {
            uint32_t sum = 1u << (FRACTION_BITS - 1);
            for (uint32_t t = 0; t < a->len[i]; t++) {
                sum += from[(size_t)t * pitch + x] * weight[t];
            }
            dst[(size_t)i * row + x] = round_sum(sum);
        }
    }
}

void clg__resizer_run(const clg_resizer *r, const uint8_t *src, uint32_t c, uint8_t *dst,
                      uint8_t *scratch)
{
    size_t pitch = (size_t)r->x.in * c, row = (size_t)r->x.n * c;
    const uint8_t *first = src + (size_t)r->row0 * pitch;
    if (r->copy) {
        memcpy(dst, src, pitch * r->y.in);
        return;
    }
    if (r->x.start == NULL) { /* columns are only cut */
        first += (size_t)r->x.first * c;
        if (r->y.start != NULL) {
            resize_columns(&r->y, first, pitch, r->row0, row, dst);
            return;
        }
        for (uint32_t y = 0; y < r->rows; y++) {
            memcpy(dst + y * row, first + y * pitch, row);
        }
        return;
    }
    uint8_t *rows = r->y.start != NULL ? scratch : dst;
    for (uint32_t y = 0; y < r->rows; y++) {
        resize_row(&r->x, first + y * pitch, c, rows + y * row);
    }
    if (r->y.start != NULL) {
        resize_columns(&r->y, rows, row, r->row0, row, dst);
    }
}

/* ---- whole images ---- */

void clg__image_channels(const uint8_t *src, uint32_t from, uint8_t *dst, uint32_t to,
                         size_t pixels)
{
    if (from == to) {
        memcpy(dst, src, pixels * from);
        return;
    }
    for (size_t i = 0; i < pixels; i++) {
        if (to == 3u) {
            memset(dst + 3u * i, src[i], 3);
        } else { /* ITU-R 601 luma, as PIL's mode L */
            const uint8_t *p = src + 3u * i;
            dst[i] = (uint8_t)((p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 0x8000u) >> 16);
        }
    }
}

int clg__image_fit(const clg_image *src, uint32_t size, uint32_t c, uint8_t *dst)
{
    int status = CLG_OK;
    clg_resizer *r = NULL;
    uint8_t *scratch = NULL, *converted = NULL;
    const uint8_t *pixels = src->pixels;
    CLG_TRY(clg__resizer_create_fit(&r, src->w, src->h, size));
    if (src->c != c) {
        converted = clg__alloc((size_t)src->w * src->h, c);
        if (converted == NULL) {
            status = CLG_E_MEMORY;
            goto out;
        }
        clg__image_channels(pixels, src->c, converted, c, (size_t)src->w * src->h);
        pixels = converted;
    }
    scratch = clg__alloc(clg__resizer_scratch(r, c), 1);
    if (scratch == NULL) {
        status = CLG_E_MEMORY;
        goto out;
    }
    clg__resizer_run(r, pixels, c, dst, scratch);
out:
    clg__free(scratch);
    clg__free(converted);
    clg__resizer_destroy(&r);
    return status;
}
