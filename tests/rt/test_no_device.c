/* A driver without a device: Mesa's Clover, which reports OpenCL 1.1. The loader looks once per
 * process, hence a program of its own. drivers: none */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "rt/rt.h"
#include "support/rt_support.h"

/* Clover is unloaded at exit and leaves 128 bytes behind, in frames that no suppression can name.
 */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

static void a_platform_without_devices_is_listed_as_unusable(void **state)
{
    (void)state;
    clg_device_info *list = NULL;
    size_t n = 0;
    TEST_OK(clg__rt_devices(&list, &n));
    assert_int_equal(n, 1);
    assert_string_equal(list[0].platform, "Clover");
    assert_string_equal(list[0].name, "");
    assert_false(list[0].usable);
    assert_non_null(strstr(list[0].why_not, "OpenCL 1.1"));
    assert_non_null(strstr(list[0].why_not, "has no device"));
    clg__free(list);
}

static void opening_it_says_so(void **state)
{
    (void)state;
    clg_rt *rt = NULL;
    assert_int_equal(clg__rt_open(&rt, &(clg_rt_options){ 0 }), CLG_E_DEVICE);
    assert_non_null(strstr(clg_message(), "Clover"));
    assert_non_null(strstr(clg_message(), "OpenCL 1.1"));
    assert_int_equal(clg__rt_open(&rt, &(clg_rt_options){ .platform = "0", .device = "0" }),
                     CLG_E_DEVICE);
    assert_null(rt);
}

int main(void)
{
    setenv("OCL_ICD_VENDORS", "/etc/OpenCL/vendors/mesa.icd", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_platform_without_devices_is_listed_as_unusable),
        cmocka_unit_test(opening_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
