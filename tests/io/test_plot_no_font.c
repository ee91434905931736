/* Charts on a machine without a single font. A program of its own: fonts are looked up once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/os.h"
#include "io/image_file.h"
#include "io/plot.h"
#include "support/fault.h"
#include "support/tmp.h"

static void titles_are_drawn_in_cairos_own_font(void **state)
{
    (void)state;
    char dir[64], name[96], config[512], place[1200];
    const char *build = clg__os_env("CLGAN_BUILD_DIR"); /* ctest runs this in its folder "tests" */
    uint8_t *bytes = NULL;
    size_t n = 0, dark = 0;
    clg_image image = { 0 };
    test_tmp_make(dir);
    (void)snprintf(config, sizeof config,
                   "<?xml version=\"1.0\"?><!DOCTYPE fontconfig SYSTEM \"fonts.dtd\"><fontconfig>"
                   "<dir>%s</dir><cachedir>%s</cachedir></fontconfig>",
                   dir, dir);
    (void)snprintf(name, sizeof name, "%s/fonts.conf", dir);
    assert_ok(clg__os_write_atomic(name, config, strlen(config)));
    (void)snprintf(place, sizeof place, "%s/tests/%s", build != NULL ? build : "..", name);
    assert_ok(clg__os_setenv_default("FONTCONFIG_FILE", place));
    (void)snprintf(name, sizeof name, "%s/x.png", dir);
    clg_plot_panel p = { .x = { .label = "step" } };
    assert_ok(clg__plot_write(
        name, &(clg_plot_figure){
                  .title = "losses", .w = 300, .h = 200, .panel = &p, .panel_count = 1 }));
    assert_ok(clg__os_read_file(name, 1 << 20, &bytes, &n));
    assert_ok(clg__image_decode(bytes, n, name, &image));
    for (size_t i = 0; i < (size_t)image.w * 34u; i++) { /* the title's rows */
        dark += image.pixels[3u * i] < 128;
    }
    assert_true(dark > 50);
    clg__free(image.pixels);
    clg__free(bytes);
    test_tmp_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(titles_are_drawn_in_cairos_own_font),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
