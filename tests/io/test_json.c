/* JSON answers: layout, escapes, and what is not finite or not UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>

#include <cmocka.h>

#include "base/mem.h"
#include "io/json.h"
#include "support/fault.h"

static int build(clg_str *out)
{
    clg_json *root = clg__json_object();
    clg__json_add_text(root, "name", "a \"b\"\n");
    clg__json_add_text(root, "driver", "bad \xff byte");
    clg__json_add_text(root, "none", NULL);
    clg__json_add_integer(root, "peak_rss_bytes", INT64_C(9007199254740993));
    clg__json_add_number(root, "images_per_s", 0.1);
    clg__json_add_number(root, "loss", (double)NAN);
    clg__json_add_bool(root, "ok", true);
    clg_json *list = clg__json_add_array(root, "devices");
    clg_json *device = clg__json_add_object(list, NULL);
    clg__json_add_integer(device, "index", 0);
    clg__json_add_integer(list, NULL, 5);
    return clg__json_finish(&root, out);
}

static void answers_are_indented_and_escaped(void **state)
{
    (void)state;
    clg_str s = { 0 };
    assert_ok(build(&s));
    assert_string_equal(s.text, "{\n"
                                "  \"name\": \"a \\\"b\\\"\\n\",\n"
                                "  \"driver\": \"bad ? byte\",\n"
                                "  \"none\": null,\n"
                                "  \"peak_rss_bytes\": 9007199254740993,\n"
                                "  \"images_per_s\": 0.1,\n"
                                "  \"loss\": null,\n"
                                "  \"ok\": true,\n"
                                "  \"devices\": [\n"
                                "    {\n"
                                "      \"index\": 0\n"
                                "    },\n"
                                "    5\n"
                                "  ]\n"
                                "}\n");
    clg__str_free(&s);
}

static void no_memory_is_told_at_the_end(void **state)
{
    (void)state;
    int status = CLG_E_MEMORY;
    for (long i = 1; status != CLG_OK; i++) {
        clg_str s = { 0 };
        clg__alloc_fail(i, false);
        status = build(&s);
        clg__alloc_fail(0, false);
        assert_true(status == CLG_OK || status == CLG_E_MEMORY);
        assert_true(i < 100);
        clg__str_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_indented_and_escaped),
        cmocka_unit_test(no_memory_is_told_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
