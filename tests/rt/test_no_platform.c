/* A machine without any OpenCL driver. The loader looks once per process, hence a program of its
 * own. drivers: none */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rt/rt.h"

static void without_drivers_the_packages_are_named(void **state)
{
    (void)state;
    clg_device_info *list = NULL;
    size_t n = 7;
    clg_rt *rt = NULL;
    assert_int_equal(clg__rt_devices(&list, &n), CLG_E_DEVICE);
    assert_null(list);
    assert_int_equal(n, 0);
    assert_int_equal(clg__rt_open(&rt, &(clg_rt_options){ .device = "gpu" }), CLG_E_DEVICE);
    assert_null(rt);
    assert_non_null(strstr(clg_message(), "no OpenCL platform found"));
    assert_non_null(strstr(clg_hint(), "apt install pocl-opencl-icd"));
    assert_non_null(strstr(clg_hint(), "mesa-opencl-icd"));
}

int main(void)
{
    setenv("OCL_ICD_VENDORS", "/nonexistent/vendors", 1);
    const struct CMUnitTest tests[] = { cmocka_unit_test(without_drivers_the_packages_are_named) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
