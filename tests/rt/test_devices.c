/* Listing and choosing devices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/model.h"
#include "rt/rt.h"
#include "support/rt_support.h"

/* What a machine with much installed looks like. */
static const clg_device_info LIST[] = {
    { .platform_index = 0,
      .device_index = 0,
      .platform = "Portable Computing Language",
      .name = "pthread-AMD EPYC",
      .type = CLG_DEVICE_CPU,
      .usable = true },
    { .platform_index = 1,
      .device_index = 0,
      .platform = "Clover",
      .why_not = "the platform (OpenCL 1.1 Mesa 22.3.6) has no device" },
    { .platform_index = 2,
      .device_index = 0,
      .platform = "AMD Accelerated Parallel Processing",
      .name = "gfx1030",
      .type = CLG_DEVICE_GPU,
      .usable = true },
    { .platform_index = 2,
      .device_index = 1,
      .platform = "AMD Accelerated Parallel Processing",
      .name = "gfx906",
      .type = CLG_DEVICE_GPU,
      .usable = true },
    { .platform_index = 3,
      .device_index = 0,
      .platform = "Old",
      .name = "Radeon HD 5450",
      .type = CLG_DEVICE_GPU,
      .why_not = "OpenCL 1.1: OpenCL 1.2 is needed" },
    { .platform_index = 4,
      .device_index = 0,
      .platform = "FPGA",
      .name = "pac_a10",
      .type = CLG_DEVICE_OTHER,
      .usable = true },
};
enum { COUNT = sizeof LIST / sizeof LIST[0] };

static size_t pick(const char *platform, const char *device)
{
    size_t at = 99;
    TEST_OK(clg__rt_pick(LIST, COUNT, platform, device, &at));
    return at;
}

static void a_device_is_picked_by_index_name_or_type(void **state)
{
    (void)state;
    assert_int_equal(pick(NULL, NULL), 2); /* first GPU */
    assert_int_equal(pick("", ""), 2);
    assert_int_equal(pick("0", NULL), 0);
    assert_int_equal(pick("2", "1"), 3);
    assert_int_equal(pick(NULL, "1"), 3);
    assert_int_equal(pick("cpu", NULL), 0);
    assert_int_equal(pick(NULL, "CPU"), 0);
    assert_int_equal(pick(NULL, "gpu"), 2);
    assert_int_equal(pick("portable", NULL), 0);
    assert_int_equal(pick("amd", "GFX906"), 3);
    assert_int_equal(pick(NULL, "epyc"), 0);
    assert_int_equal(pick("fpga", NULL), 5);
}

static void expect_refusal(const char *platform, const char *device, const char *message,
                           const char *hint)
{
    size_t at = 99;
    assert_int_equal(clg__rt_pick(LIST, COUNT, platform, device, &at), CLG_E_DEVICE);
    if (strstr(clg_message(), message) == NULL || strstr(clg_hint(), hint) == NULL) {
        fail_msg("message \"%s\", hint \"%s\"", clg_message(), clg_hint());
    }
}

static void a_wrong_index_or_name_lists_what_there_is(void **state)
{
    (void)state;
    expect_refusal(
        "9", NULL, "no OpenCL device for platform '9', device 'any'",
        "there is: platform 0 device 0: Portable Computing Language / "
        "pthread-AMD EPYC (cpu); platform 1 Clover without devices; platform 2 device 0");
    expect_refusal("2", "2", "platform '2', device '2'", "platform 2 device 1");
    expect_refusal(NULL, "geforce", "device 'geforce'", "gfx1030");
    expect_refusal("0", "gpu", "platform '0', device 'gpu'", "(cpu)");
}

static void an_unusable_device_says_why(void **state)
{
    (void)state;
    expect_refusal("clover", NULL,
                   "platform 1 (Clover) is not usable: the platform (OpenCL 1.1 "
                   "Mesa 22.3.6) has no device",
                   "there is: platform 0");
    expect_refusal("3", "0", "Radeon HD 5450 is not usable: OpenCL 1.1: OpenCL 1.2 is needed",
                   "not usable");
}

static void the_device_under_test_is_listed_with_its_properties(void **state)
{
    (void)state;
    clg_device_info *list = NULL;
    size_t n = 0;
    TEST_OK(clg__rt_devices(&list, &n));
    assert_true(n >= 1);
    const clg_device_info *d = clg__rt_device(test_rt());
    bool found = false;
    for (size_t i = 0; i < n; i++) {
        found = found ||
                (list[i].platform_index == d->platform_index &&
                 list[i].device_index == d->device_index && strcmp(list[i].name, d->name) == 0);
    }
    assert_true(found);
    assert_true(d->usable && d->cl_major >= 1 && d->compute_units > 0);
    assert_true(d->global_mem_bytes >= d->max_alloc_bytes && d->max_alloc_bytes > 0);
    assert_true(d->max_work_group >= 1 && d->max_work_item[0] >= 1);
    assert_true(d->name[0] && d->vendor[0] && d->driver[0] && d->version[0]);
    clg__free(list);
}

static void the_environment_chooses_platform_device_and_family(void **state)
{
    (void)state;
    clg_rt *rt = NULL;
    setenv("CLGAN_PLATFORM", "77", 1);
    assert_int_equal(clg__rt_open(&rt, &(clg_rt_options){ 0 }), CLG_E_DEVICE);
    assert_null(rt);
    assert_non_null(strstr(clg_message(), "platform '77'"));
    TEST_OK(clg__rt_open(&rt, &(clg_rt_options){ .platform = "0" })); /* the option wins */
    clg__rt_close(&rt);
    unsetenv("CLGAN_PLATFORM");
    setenv("CLGAN_DEVICE", "no such device", 1);
    assert_int_equal(clg__rt_open(&rt, &(clg_rt_options){ 0 }), CLG_E_DEVICE);
    unsetenv("CLGAN_DEVICE");

    setenv("CLGAN_KERNELS", "gpu", 1);
    TEST_OK(clg__rt_open(&rt, &(clg_rt_options){ 0 }));
    assert_int_equal(clg__rt_family(rt), CLG_KERNELS_GPU);
    clg__rt_close(&rt);
    TEST_OK(clg__rt_open(&rt, &(clg_rt_options){ .family = CLG_FAMILY_CPU }));
    assert_int_equal(clg__rt_family(rt), CLG_KERNELS_CPU);
    clg__rt_close(&rt);
    setenv("CLGAN_KERNELS", "tpu", 1);
    assert_int_equal(clg__rt_open(&rt, &(clg_rt_options){ 0 }), CLG_E_USAGE);
    assert_non_null(strstr(clg_message(), "CLGAN_KERNELS is 'tpu'"));
    unsetenv("CLGAN_KERNELS");

    setenv("CLGAN_VECTOR", "8", 1);
    TEST_OK(clg__rt_open(&rt, &(clg_rt_options){ 0 }));
    assert_int_equal(clg__rt_device(rt)->vector_width_float, 8);
    clg__rt_close(&rt);
    setenv("CLGAN_VECTOR", "12", 1);
    assert_int_equal(clg__rt_open(&rt, &(clg_rt_options){ 0 }), CLG_E_USAGE);
    assert_non_null(strstr(clg_message(), "CLGAN_VECTOR is '12'"));
    unsetenv("CLGAN_VECTOR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_picked_by_index_name_or_type),
        cmocka_unit_test(a_wrong_index_or_name_lists_what_there_is),
        cmocka_unit_test(an_unusable_device_says_why),
        cmocka_unit_test(the_device_under_test_is_listed_with_its_properties),
        cmocka_unit_test(the_environment_chooses_platform_device_and_family),
    };
    return cmocka_run_group_tests(tests, NULL, test_rt_done);
}
