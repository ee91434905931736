/* PNG and JPEG files. */
#ifndef CLG_IO_IMAGE_FILE_H
#define CLG_IO_IMAGE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct clg_image {
    uint32_t w, h, c; /* c: 1 or 3 */
    uint8_t *pixels;  /* [h,w,c]; clg__free */
} clg_image;

/* From the bytes of a PNG or JPEG file (`name` for messages): grey stays 1 channel, palette, CMYK
 * and alpha (over black) become 3 or 1, 16 bit becomes 8, EXIF rotation applied. At most 2^26
 * pixels. CLG_E_DATA if cut, empty or lying about its size. */
int clg__image_decode(const uint8_t *bytes, size_t n, const char *name, clg_image *out);
bool clg__image_is_file_name(const char *name); /* .png .jpg .jpeg, not hidden */
/* Antialiased bilinear as PIL's Image.resize(BILINEAR), within 1/255: short side to `size`, centre
 * crop to size x size (torchvision's Resize + CenterCrop); channels converted to `c` (grey by PIL's
 * L: 299/587/114). */
int clg__image_fit(const clg_image *src, uint32_t size, uint32_t c, uint8_t *dst);
/* PNG through stb_image_write's memory callback and the atomic file writer. c 1 or 3. */
int clg__png_write(const char *path, const uint8_t *pixels, uint32_t w, uint32_t h, uint32_t c);
/* The same without waiting for the disk: for folders of thousands that can be made again. */
int clg__png_write_one_of_many(const char *path, const uint8_t *pixels, uint32_t w, uint32_t h,
                               uint32_t c);
/* PNG of a chart, quickly and without waiting for the disk. rows: h times a 0 byte and w RGB pixels;
 * w, h at most 8192. */
int clg__png_write_chart(const char *path, const uint8_t *rows, uint32_t w, uint32_t h);
/* images u8 [n,h,w,c] as a grid of rows x cols with 2 black pixels around each, as torchvision's
 * make_grid; missing ones stay black. */
int clg__png_write_grid(const char *path, const uint8_t *images, uint32_t n, uint32_t h, uint32_t w,
                        uint32_t c, uint32_t rows, uint32_t cols);
/* Whether such a grid can be written. CLG_E_USAGE with its size in pixels. */
int clg__png_check_grid(uint32_t rows, uint32_t cols, uint32_t h, uint32_t w, uint32_t c);
#endif
