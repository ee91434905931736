/* PNG and JPEG files, told apart by their first bytes. The decoders are in png_decode.c and
 * jpeg_decode.c, writing in png_write.c. */
#include "io/image_internal.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static bool ends_with_nocase(const char *name, const char *suffix)
{
    size_t n = strlen(name), m = strlen(suffix);
    return n > m && clg__equals_nocase(name + n - m, suffix);
}

bool clg__image_is_file_name(const char *name)
{
    return name[0] != '.' && (ends_with_nocase(name, ".png") || ends_with_nocase(name, ".jpg") ||
                              ends_with_nocase(name, ".jpeg"));
}

int clg__image_decode(const uint8_t *bytes, size_t n, const char *name, clg_image *out)
{
    static const uint8_t png[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    static const uint8_t jpeg[3] = { 0xff, 0xd8, 0xff };
    int status = CLG_OK;
    unsigned orientation = 1;
    *out = (clg_image){ 0 };
    if (n == 0u) {
        return clg__hint(clg__fail(CLG_E_DATA, "%s: the file is empty", name),
                         "remove the file or get it again");
    }
    if (n >= sizeof png && memcmp(bytes, png, sizeof png) == 0) {
        CLG_TRY(clg__png_decode(bytes, n, name, out, &orientation));
    } else if (n >= sizeof jpeg && memcmp(bytes, jpeg, sizeof jpeg) == 0) {
        CLG_TRY(clg__jpeg_decode(bytes, n, name, out, &orientation));
    } else {
        CLG_TRY(clg__hint(clg__fail(CLG_E_DATA, "%s: neither a PNG nor a JPEG file", name),
                          "convert it to PNG or JPEG, or remove it"));
    }
    CLG_TRY(clg__image_turn(out, orientation));
out:
    if (status != CLG_OK) {
        clg__free(out->pixels);
        *out = (clg_image){ 0 };
    }
    return status;
}
