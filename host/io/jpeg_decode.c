/* JPEG from memory with libjpeg: grey stays grey, YCbCr becomes RGB, CMYK and YCCK (stored inverted,
 * as Adobe does and all readers assume) become RGB. What libjpeg calls a warning but means lost
 * pixels (cut file, bad code) is an error here. Sizes are checked before memory is taken. */
#include "io/image_internal.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "base/mem.h"

enum {
    PIXELS_PER_BYTE_MAX = 512,   /* Huffman: at least one bit per 8x8 block */
    PIXELS_PER_BYTE_ARITH = 32 * PIXELS_PER_BYTE_MAX,
    SCANS_MAX = 200              /* a progressive file has about ten */
};

typedef struct jpeg_state {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr error;
    struct jpeg_progress_mgr progress;
    jmp_buf leave;
    const uint8_t *bytes;
    size_t n;
    bool cmyk;
    unsigned orientation;
    uint8_t *pixels; /* [h,w,output_components] */
    char fault[JMSG_LENGTH_MAX];
} jpeg_state;

/* ---- libjpeg's callbacks ---- */

static _Noreturn void leave(j_common_ptr info, const char *text)
{
    jpeg_state *s = info->client_data;
    if (text != NULL) {
        (void)snprintf(s->fault, sizeof s->fault, "%s", text);
    } else {
        info->err->format_message(info, s->fault);
    }
    longjmp(s->leave, 1);
}

static _Noreturn void on_error(j_common_ptr info)
{
    leave(info, NULL);
}

static void on_message(j_common_ptr info, int level)
{
    if (level >= 0) {
        return;
    }
    switch (info->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
        leave(info, NULL);
    default:
        break; /* no pixel is lost: stray bytes between markers, odd Adobe numbers */
    }
}

static void on_output(j_common_ptr info)
{
    (void)info;
}

static void on_progress(j_common_ptr info)
{
    if (((j_decompress_ptr)info)->input_scan_number > SCANS_MAX) {
        leave(info, "too many scans");
    }
}

/* ---- the steps; each runs under guard() and may leave by longjmp ---- */

static void read_orientation(jpeg_state *s)
{
    for (jpeg_saved_marker_ptr m = s->info.marker_list; m != NULL; m = m->next) {
        if (m->marker == JPEG_APP0 + 1 && m->data_length > 6u &&
            memcmp(m->data, "Exif\0\0", 6) == 0) {
            s->orientation = clg__exif_orientation(m->data + 6, m->data_length - 6u);
            return;
        }
    }
}

static void read_header(jpeg_state *s)
{
    j_common_ptr common = (j_common_ptr)&s->info;
    jpeg_create_decompress(&s->info);
    s->info.progress = &s->progress;
    s->info.mem->max_memory_to_use = 1L << 30;
    jpeg_save_markers(&s->info, JPEG_APP0 + 1, 0xffff);
    jpeg_mem_src(&s->info, s->bytes, (unsigned long)s->n);
    (void)jpeg_read_header(&s->info, TRUE);
    uint64_t pixels = (uint64_t)s->info.image_width * s->info.image_height;
    uint64_t ratio = s->info.arith_code ? PIXELS_PER_BYTE_ARITH : PIXELS_PER_BYTE_MAX;
    if (pixels > CLG_IMAGE_PIXELS_MAX) {
        leave(common, "more than 2^26 pixels");
    }
    if (pixels > ratio * s->n) {
        leave(common, "the header declares more pixels than the file can hold");
    }
    switch (s->info.jpeg_color_space) {
    case JCS_GRAYSCALE:
        s->info.out_color_space = JCS_GRAYSCALE;
        break;
    case JCS_RGB:
    case JCS_YCbCr:
        s->info.out_color_space = JCS_RGB;
        break;
    case JCS_CMYK:
    case JCS_YCCK:
        s->info.out_color_space = JCS_CMYK;
        s->cmyk = true;
        break;
    default:
        leave(common, "unknown colour space");
    }
    read_orientation(s);
    jpeg_calc_output_dimensions(&s->info);
}

static void read_pixels(jpeg_state *s)
{
    size_t row = (size_t)s->info.output_width * (size_t)s->info.output_components;
    (void)jpeg_start_decompress(&s->info);
    while (s->info.output_scanline < s->info.output_height) {
        JSAMPROW dst = s->pixels + s->info.output_scanline * row;
        (void)jpeg_read_scanlines(&s->info, &dst, 1);
    }
    (void)jpeg_finish_decompress(&s->info);
}

/* False when libjpeg left through leave(). No local of this frame changes after setjmp. */
static bool guard(jpeg_state *s, void (*step)(jpeg_state *s))
{
    if (setjmp(s->leave) != 0) {
        return false;
    }
    step(s);
    return true;
}

/* a * b / 255, rounded. */
static uint32_t mul255(uint32_t a, uint32_t b)
{
    uint32_t t = a * b + 128u;
    return ((t >> 8) + t) >> 8;
}

/* In place: [pixels,4] inverted CMYK to [pixels,3] RGB. */
static void convert_cmyk(uint8_t *p, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++) {
        uint32_t light = p[4u * i + 3u];
        for (size_t k = 0; k < 3u; k++) {
            p[3u * i + k] = (uint8_t)(light - mul255(255u - p[4u * i + k], light));
        }
    }
}

static int decode(jpeg_state *s, const char *name, clg_image *out)
{
    if (!guard(s, read_header)) {
        return clg__fail(CLG_E_DATA, "%s: broken JPEG: %s", name, s->fault);
    }
    size_t pixels = (size_t)s->info.output_width * s->info.output_height;
    s->pixels = clg__alloc(pixels, (size_t)s->info.output_components);
    if (s->pixels == NULL) {
        return CLG_E_MEMORY;
    }
    if (!guard(s, read_pixels)) {
        return clg__fail(CLG_E_DATA, "%s: broken JPEG: %s", name, s->fault);
    }
    if (s->cmyk) {
        convert_cmyk(s->pixels, pixels);
    }
    *out = (clg_image){ .w = s->info.output_width,
                        .h = s->info.output_height,
                        .c = s->info.output_components == 1 ? 1u : 3u,
                        .pixels = s->pixels };
    s->pixels = NULL;
    return CLG_OK;
}

int clg__jpeg_decode(const uint8_t *bytes, size_t n, const char *name, clg_image *out,
                     unsigned *orientation)
{
    *out = (clg_image){ 0 };
    jpeg_state *s = clg__alloc(1, sizeof *s);
    if (s == NULL) {
        return CLG_E_MEMORY;
    }
    s->bytes = bytes;
    s->n = n;
    s->orientation = 1;
    s->info.err = jpeg_std_error(&s->error);
    s->error.error_exit = on_error;
    s->error.emit_message = on_message;
    s->error.output_message = on_output;
    s->progress.progress_monitor = on_progress;
    s->info.client_data = s;
    int status = decode(s, name, out);
    if (status == CLG_E_DATA) {
        (void)clg__hint(status, "remove the file or get it again");
    }
    *orientation = s->orientation;
    jpeg_destroy_decompress(&s->info); /* fine on a struct that was never created: mem is NULL */
    clg__free(s->pixels);
    clg__free(s);
    return status;
}
