/* PNG files: stb_image_write builds the file in memory (its own file output ignores write errors),
 * zlib compresses, and our checked atomic writer puts it on disk. Charts, which are mostly one
 * colour, take a shorter way. */
#include "io/image_file.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/str.h"

enum { SIDE_MAX = 32768, GRID_PAD = 2 };

/* stb's hook: a zlib stream in memory that stb frees. Its own compressor is slower and does not
 * survive a failed allocation. NULL: no memory. */
static unsigned char *compress_zlib(unsigned char *data, int n, int *out_n, int quality)
{
    uLongf bytes = compressBound((uLong)n);
    unsigned char *out = clg__alloc(bytes, 1);
    (void)quality;
    if (out == NULL) {
        return NULL;
    }
    if (compress2(out, &bytes, data, (uLong)n, 6) != Z_OK || bytes > INT_MAX) {
        clg__free(out);
        return NULL;
    }
    *out_n = (int)bytes;
    return out;
}

#define STBIW_MALLOC(n) clg__alloc((size_t)(n), 1)
#define STBIW_REALLOC(p, n) clg__realloc((p), (size_t)(n), 1)
#define STBIW_FREE(p) clg__free(p)
#define STBIW_ZLIB_COMPRESS compress_zlib
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>

static void collect(void *str, void *bytes, int n)
{
    clg__str_add_bytes(str, bytes, (size_t)n);
}

static int write_png(const char *path, const uint8_t *pixels, uint32_t w, uint32_t h, uint32_t c,
                     int (*write)(const char *path, const void *data, size_t size))
{
    clg_str png = { 0 };
    int status = CLG_OK;
    /* stb counts in int. */
    if (w == 0 || h == 0 || (c != 1 && c != 3) || w > SIDE_MAX || h > SIDE_MAX ||
        ((uint64_t)w * c + 1) * h > INT_MAX / 2) {
        return clg__hint(clg__fail(CLG_E_USAGE, "%s: a PNG of %ux%u pixels and %u channels cannot "
                                                "be written",
                                   path, w, h, c),
                         "ask for fewer images; more than %d pixels a side are not written",
                         SIDE_MAX);
    }
    if (!stbi_write_png_to_func(collect, &png, (int)w, (int)h, (int)c, pixels, (int)(w * c)) ||
        png.failed) {
        status = clg__fail(CLG_E_MEMORY, "out of host memory while writing %s", path);
    } else {
        status = write(path, png.text, png.len);
    }
    clg__str_free(&png);
    return status;
}

int clg__png_write(const char *path, const uint8_t *pixels, uint32_t w, uint32_t h, uint32_t c)
{
    return write_png(path, pixels, w, h, c, clg__os_write_atomic);
}

int clg__png_write_one_of_many(const char *path, const uint8_t *pixels, uint32_t w, uint32_t h,
                               uint32_t c)
{
    return write_png(path, pixels, w, h, c, clg__os_write_replace);
}

/* ---- charts ---- */

static void add_chunk(clg_str *png, const char *type, const uint8_t *data, uint32_t n)
{
    uint8_t word[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };
    uLong crc = crc32(crc32(0, (const Bytef *)type, 4), data, n);
    clg__str_add_bytes(png, word, 4);
    clg__str_add_bytes(png, type, 4);
    clg__str_add_bytes(png, data, n);
    for (int i = 0; i < 4; i++) {
        word[i] = (uint8_t)(crc >> (24 - 8 * i));
    }
    clg__str_add_bytes(png, word, 4);
}

/* PNG specification, second edition, sections 5, 11.2.2 (IHDR) and 9 (filter type 0). */
int clg__png_write_chart(const char *path, const uint8_t *rows, uint32_t w, uint32_t h)
{
    enum { DEPTH = 8, TRUECOLOUR = 2, QUICK = 1 };
    static const uint8_t signature[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    const uint8_t head[13] = { (uint8_t)(w >> 24), (uint8_t)(w >> 16), (uint8_t)(w >> 8),
                               (uint8_t)w, (uint8_t)(h >> 24), (uint8_t)(h >> 16),
                               (uint8_t)(h >> 8), (uint8_t)h, DEPTH, TRUECOLOUR };
    uLong raw = (uLong)h * (3u * w + 1u);
    uLongf bytes = compressBound(raw);
    clg_str png = { 0 };
    int status = CLG_OK;
    uint8_t *packed = clg__alloc(bytes, 1);
    if (packed == NULL) {
        return CLG_E_MEMORY;
    }
    if (compress2(packed, &bytes, rows, raw, QUICK) != Z_OK) {
        status = clg__fail(CLG_E_MEMORY, "out of host memory while writing %s", path);
        goto out;
    }
    clg__str_add_bytes(&png, signature, sizeof signature);
    add_chunk(&png, "IHDR", head, sizeof head);
    add_chunk(&png, "IDAT", packed, (uint32_t)bytes);
    add_chunk(&png, "IEND", (const uint8_t *)"", 0); /* zlib takes NULL for a new start */
    status = png.failed ? clg__fail(CLG_E_MEMORY, "out of host memory while writing %s", path)
                        : clg__os_write_replace(path, png.text, png.len);
out:
    clg__str_free(&png);
    clg__free(packed);
    return status;
}

/* ---- grids ---- */

static uint64_t grid_side(uint32_t n, uint32_t side)
{
    return (uint64_t)n * (side + GRID_PAD) + GRID_PAD;
}

int clg__png_check_grid(uint32_t rows, uint32_t cols, uint32_t h, uint32_t w, uint32_t c)
{
    uint64_t gw = grid_side(cols, w), gh = grid_side(rows, h);
    if (gw > SIDE_MAX || gh > SIDE_MAX || gw * gh * c > INT_MAX / 2) {
        return clg__hint(clg__fail(CLG_E_USAGE, "a grid of %ux%u images is %llux%llu pixels", rows,
                                   cols, (unsigned long long)gw, (unsigned long long)gh),
                         "ask for fewer rows or columns (sample --grid RxC; in a run --set "
                         "train.grid_rows=R and train.grid_cols=C)");
    }
    return CLG_OK;
}

int clg__png_write_grid(const char *path, const uint8_t *images, uint32_t n, uint32_t h, uint32_t w,
                        uint32_t c, uint32_t rows, uint32_t cols)
{
    uint64_t gw = grid_side(cols, w), gh = grid_side(rows, h);
    int status = clg__png_check_grid(rows, cols, h, w, c);
    if (status != CLG_OK) {
        return clg__context(status, "%s", path);
    }
    uint8_t *grid = clg__alloc((size_t)(gw * gh), c);
    if (grid == NULL) {
        return CLG_E_MEMORY;
    }
    for (uint32_t i = 0; i < n && i < rows * cols; i++) {
        size_t top = GRID_PAD + (size_t)(i / cols) * (h + GRID_PAD);
        size_t left = GRID_PAD + (size_t)(i % cols) * (w + GRID_PAD);
        const uint8_t *src = images + (size_t)i * h * w * c;
        for (uint32_t y = 0; y < h; y++) {
            memcpy(grid + ((top + y) * (size_t)gw + left) * c, src + (size_t)y * w * c,
                   (size_t)w * c);
        }
    }
    status = clg__png_write(path, grid, (uint32_t)gw, (uint32_t)gh, c);
    clg__free(grid);
    return status;
}
