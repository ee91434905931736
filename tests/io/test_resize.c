/* Resizing against PIL's results (tests/golden/resize.bin, made by make_resize.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/os.h"
#include "io/image_internal.h"

enum { CASES = 18 };

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int resize_image(const uint8_t *src, uint32_t sw, uint32_t sh, uint32_t c, uint8_t *dst,
                        uint32_t w, uint32_t h)
{
    int status = CLG_OK;
    clg_resizer *r = NULL;
    uint8_t *scratch = NULL;
    CLG_TRY(clg__resizer_create(&r, sw, sh, w, h, w, h));
    scratch = clg__alloc(clg__resizer_scratch(r, c), 1);
    if (scratch == NULL) {
        status = CLG_E_MEMORY;
        goto out;
    }
    clg__resizer_run(r, src, c, dst, scratch);
out:
    clg__free(scratch);
    clg__resizer_destroy(&r);
    return status;
}

static void check_case(unsigned number, const uint32_t of[7], const uint8_t *src,
                       const uint8_t *want, uint8_t *got)
{
    const size_t n = (size_t)of[4] * of[5] * of[6];
    if (of[0] == 0u) {
        assert_int_equal(resize_image(src, of[1], of[2], of[3], got, of[4], of[5]), CLG_OK);
    } else {
        clg_image image = { .w = of[1], .h = of[2], .c = of[3], .pixels = (uint8_t *)(uintptr_t)src };
        assert_int_equal(clg__image_fit(&image, of[4], of[6], got), CLG_OK);
    }
    for (size_t i = 0; i < n; i++) {
        if (abs((int)got[i] - (int)want[i]) > 1) {
            fail_msg("case %u: byte %zu is %u, PIL has %u", number, i, got[i], want[i]);
        }
    }
}

static void resizing_equals_pil_within_one_level(void **state)
{
    (void)state;
    const char *root = clg__os_env("CLGAN_SOURCE_DIR");
    char path[1024];
    uint8_t *file = NULL;
    size_t size = 0;
    (void)snprintf(path, sizeof path, "%s/tests/golden/resize.bin", root != NULL ? root : ".");
    assert_int_equal(clg__os_read_file(path, 1u << 20, &file, &size), CLG_OK);
    const uint8_t *p = file + 4, *end = file + size;
    assert_int_equal(get32(file), CASES);
    uint8_t *got = clg__alloc(1u << 16, 1);
    for (unsigned i = 0; i < CASES; i++) {
        uint32_t of[7];
        assert_true(end - p >= 28);
        for (unsigned k = 0; k < 7u; k++, p += 4) {
            of[k] = get32(p);
        }
        size_t from = (size_t)of[1] * of[2] * of[3], to = (size_t)of[4] * of[5] * of[6];
        assert_true((size_t)(end - p) >= from + to);
        check_case(i, of, p, p + from, got);
        p += from + to;
    }
    assert_ptr_equal(p, end);
    clg__free(got);
    clg__free(file);
}

/* 1 x 200,000 pixels to 8 x 8: the whole picture at that width would take 1,600,000 rows. */
static void only_the_window_of_the_crop_is_computed(void **state)
{
    (void)state;
    const uint32_t h = 200000;
    clg_image image = { .w = 1, .h = h, .c = 1, .pixels = clg__alloc(h, 1) };
    uint8_t got[64];
    for (uint32_t y = 0; y < h; y++) {
        image.pixels[y] = y < h / 2u ? 10 : 200;
    }
    assert_int_equal(clg__image_fit(&image, 8, 1, got), CLG_OK);
    /* 8 rows per source row around the edge in the middle: row y blends by (y + .5) / 8. */
    for (unsigned i = 0; i < 64u; i++) {
        double want = 10.0 + 190.0 * ((double)(i / 8u) + 0.5) / 8.0;
        assert_true(got[i] >= want - 1.0 && got[i] <= want + 1.0);
    }
    clg__free(image.pixels);
}

static void an_empty_side_is_refused(void **state)
{
    (void)state;
    uint8_t pixel = 0;
    assert_int_equal(resize_image(&pixel, 1, 0, 1, &pixel, 1, 1), CLG_E_INTERNAL);
    assert_string_equal(clg_message(), "resize: 1x0 to 1x1 has an empty side");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resizing_equals_pil_within_one_level),
        cmocka_unit_test(only_the_window_of_the_crop_is_computed),
        cmocka_unit_test(an_empty_side_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
