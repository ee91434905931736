/* PNG writing: libpng reads back the same pixels; grids have torchvision's layout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/os.h"
#include "io/image_file.h"
#include "support/fault.h"
#include "support/tmp.h"

static char dir[64];
static char *path;

static int make_dir(void **state)
{
    (void)state;
    test_tmp_make(dir);
    path = clg__os_join(dir, "x.png");
    return 0;
}

static int drop_dir(void **state)
{
    (void)state;
    clg__free(path);
    test_tmp_remove(dir);
    return 0;
}

static clg_image read_back(void)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    clg_image image = { 0 };
    assert_ok(clg__os_read_file(path, 1 << 24, &bytes, &n));
    assert_ok(clg__image_decode(bytes, n, path, &image));
    clg__free(bytes);
    return image;
}

static void pixels_read_back_the_same(void **state)
{
    (void)state;
    static const uint32_t sizes[][3] = { { 1, 1, 1 }, { 3, 2, 3 }, { 64, 33, 3 }, { 257, 5, 1 } };
    for (int i = 0; i < 4; i++) {
        uint32_t w = sizes[i][0];
        uint32_t h = sizes[i][1];
        uint32_t c = sizes[i][2];
        size_t n = (size_t)w * h * c;
        uint8_t *pixels = malloc(n);
        for (size_t j = 0; j < n; j++) {
            pixels[j] = (uint8_t)(j * 37 + j / 7);
        }
        assert_ok(clg__png_write(path, pixels, w, h, c));
        clg_image image = read_back();
        assert_int_equal(image.w, w);
        assert_int_equal(image.h, h);
        assert_int_equal(image.c, c);
        assert_memory_equal(image.pixels, pixels, n);
        clg__free(image.pixels);
        free(pixels);
    }
}

static void a_grid_has_two_black_pixels_around_each_image(void **state)
{
    (void)state;
    uint8_t images[3 * 2 * 2];
    for (int i = 0; i < 12; i++) {
        images[i] = (uint8_t)(i + 1);
    }
    assert_ok(clg__png_write_grid(path, images, 3, 2, 2, 1, 2, 2));
    clg_image image = read_back();
    assert_int_equal(image.w, 10);
    assert_int_equal(image.h, 10);
    for (uint32_t y = 0; y < 10; y++) {
        for (uint32_t x = 0; x < 10; x++) {
            uint32_t row = y / 4;
            uint32_t col = x / 4;
            bool inside = y % 4 >= 2 && x % 4 >= 2 && row * 2 + col < 3 && row < 2 && col < 2;
            uint32_t want = inside ? (row * 2 + col) * 4 + (y % 4 - 2) * 2 + (x % 4 - 2) + 1 : 0;
            assert_int_equal(image.pixels[y * 10 + x], want);
        }
    }
    clg__free(image.pixels);
}

static void impossible_sizes_and_places_are_refused(void **state)
{
    (void)state;
    static const uint8_t pixel[3] = { 0 };
    assert_fault(clg__png_write(path, pixel, 0, 1, 1), CLG_E_USAGE, "0x1 pixels", "fewer");
    assert_fault(clg__png_write(path, pixel, 1, 1, 2), CLG_E_USAGE, "2 channels", "");
    assert_fault(clg__png_write(path, pixel, 40000, 1, 1), CLG_E_USAGE, "40000x1", "32768");
    assert_fault(clg__png_write_grid(path, pixel, 1, 64, 64, 3, 1000, 1), CLG_E_USAGE,
                 "a grid of 1000x1 images is 68x66002 pixels", "fewer rows");
    assert_fault(clg__png_write("no/such/x.png", pixel, 1, 1, 1), CLG_E_IO, "no/such/x.png", "");
    assert_false(clg__os_stat(path).exists);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, drop_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pixels_read_back_the_same),
        TEST(a_grid_has_two_black_pixels_around_each_image),
        TEST(impossible_sizes_and_places_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
