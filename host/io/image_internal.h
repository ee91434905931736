/* What the image and data set files of this room share: the decoders behind image_file.h and the
 * resizer with its weights computed once. Not for other rooms. */
#ifndef CLG_IO_IMAGE_INTERNAL_H
#define CLG_IO_IMAGE_INTERNAL_H

#include "io/image_file.h"

#define CLG_IMAGE_PIXELS_MAX ((uint64_t)1 << 26)

/* Each decodes a whole file into out->pixels (1 or 3 channels, not yet turned) and says how EXIF
 * wants it turned (1..8). CLG_E_DATA; out is left empty then. */
int clg__png_decode(const uint8_t *bytes, size_t n, const char *name, clg_image *out,
                    unsigned *orientation);
int clg__jpeg_decode(const uint8_t *bytes, size_t n, const char *name, clg_image *out,
                     unsigned *orientation);

/* Orientation 1..8 from a TIFF block (what follows "Exif\0\0"); 1 if there is none or it is
 * malformed. */
unsigned clg__exif_orientation(const uint8_t *tiff, size_t n);
/* Turns the image as EXIF orientation 2..8 asks; 1 and unknown numbers leave it alone. */
int clg__image_turn(clg_image *image, unsigned orientation);

/* dst [pixels,to] from src [pixels,from]; from, to are 1 or 3. dst and src do not overlap. */
void clg__image_channels(const uint8_t *src, uint32_t from, uint8_t *dst, uint32_t to,
                         size_t pixels);

/* ---- resizing: weights for one source and target size, used for any number of images ---- */
typedef struct clg_resize_axis {
    uint32_t in;         /* source length */
    uint32_t n;          /* outputs computed: the whole length or the window of a crop */
    uint32_t first;      /* without weights: output i is source first + i */
    uint32_t taps;       /* weights per output */
    uint32_t *start;     /* [n] first source index, NULL when the axis is only cut */
    uint32_t *len;       /* [n] weights used, <= taps */
    uint32_t *weight;    /* [n,taps] in units of 2^-22 */
} clg_resize_axis;

typedef struct clg_resizer {
    clg_resize_axis x, y;
    uint32_t row0, rows; /* source rows that the vertical pass reads */
    bool copy;           /* target equals source */
} clg_resizer;

/* The middle w x h of the image at full_w x full_h. CLG_E_INTERNAL for an empty side. */
int clg__resizer_create(clg_resizer **out, uint32_t sw, uint32_t sh, uint64_t full_w,
                        uint64_t full_h, uint32_t w, uint32_t h);
/* Short side to `size`, centre crop: only the window of the crop is ever computed. */
int clg__resizer_create_fit(clg_resizer **out, uint32_t sw, uint32_t sh, uint32_t size);
void clg__resizer_destroy(clg_resizer **r);
/* Bytes of scratch for clg__resizer_run with c channels. */
size_t clg__resizer_scratch(const clg_resizer *r, uint32_t c);
void clg__resizer_run(const clg_resizer *r, const uint8_t *src, uint32_t c, uint8_t *dst,
                      uint8_t *scratch);

#endif
