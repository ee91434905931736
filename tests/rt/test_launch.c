/* Launching kernels, from sources in a folder of the test's own. */
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
#include "rt/launch.h"
#include "support/rt_support.h"

static const char KERNELS[] =
    "#include \"shared.clh\"\n"
    "__kernel void axpy(__global const float *x, uint x_off, __global float *y, uint y_off,\n"
    "                   uint n, float a)\n"
    "{\n"
    "    uint i = get_global_id(0);\n"
    "    if (i < n) y[y_off + i] = a * x[x_off + i] + SHIFT;\n"
    "}\n"
    "__kernel void place(__global uint *y, uint y_off, int row)\n"
    "{\n"
    "    uint i = get_global_id(1) * row + get_global_id(0);\n"
    "    y[y_off + i] += 1000u * get_global_id(1) + get_global_id(0) + 7u * get_local_id(1);\n"
    "}\n"
    "__kernel __attribute__((reqd_work_group_size(4, 1, 1)))\n"
    "void fixed4(__global uint *y, uint y_off) { y[y_off + get_global_id(0)] = 1; }\n";

static const char SHARED[] = "#ifndef SHIFT\n#define SHIFT 0.0f\n#endif\n";

static char *folder;

static int open_group(void **state)
{
    (void)state;
    folder = test_folder("clgan-test-launch");
    char *kernels = clg__os_join(folder, "t.cl"), *common = clg__os_join(folder, "shared.clh");
    TEST_OK(clg__os_write_atomic(kernels, KERNELS, strlen(KERNELS)));
    TEST_OK(clg__os_write_atomic(common, SHARED, strlen(SHARED)));
    clg__free(kernels);
    clg__free(common);
    return setenv("CLGAN_CL_DIR", folder, 1);
}

static int close_group(void **state)
{
    test_rt_done(state);
    test_folder_remove(folder);
    clg__free(folder);
    return 0;
}

static clg_kernel *get(const char *name, const char *options)
{
    clg_kernel *k = NULL;
    TEST_OK(clg__kernel_get(test_rt(), "t", name, options, &k));
    return k;
}

static void expect_error(int status, int wanted, const char *part)
{
    assert_int_equal(status, wanted);
    if (strstr(clg_message(), part) == NULL) {
        fail_msg("message \"%s\" does not hold \"%s\"", clg_message(), part);
    }
}

static void kernel_reads_and_writes_views_at_their_offsets(void **state)
{
    (void)state;
    clg_rt *rt = test_rt();
    float x[40], y[40];
    for (int i = 0; i < 40; i++) {
        x[i] = (float)i;
        y[i] = -1;
    }
    clg_tensor tx = test_upload(rt, x, 40), ty = test_upload(rt, y, 40);
    clg_tensor from = clg__tensor_vec(tx, 16, 8), to = clg__tensor_vec(ty, 32, 8);
    TEST_OK(clg__launch(rt, get("axpy", ""), clg__grid(1, 20, 0, 0),
                        CLG_ARGS(CLG_ARG(from), CLG_ARG(to), CLG_ARG((uint32_t)8), CLG_ARG(2.0f))));
    test_download(ty, y);
    for (int i = 0; i < 40; i++) {
        assert_float_equal(y[i], i < 32 ? -1.0f : 2.0f * (float)(i - 16), 0);
    }
    test_release(&tx);
    test_release(&ty);
}

static void options_make_another_program(void **state)
{
    (void)state;
    clg_rt *rt = test_rt();
    clg_kernel *a = get("axpy", ""), *b = get("axpy", "-DSHIFT=5.0f");
    assert_ptr_not_equal(a, b);
    assert_ptr_equal(a, get("axpy", ""));
    float x = 1, y = 0;
    clg_tensor tx = test_upload(rt, &x, 1), ty = test_upload(rt, &y, 1);
    TEST_OK(clg__launch(rt, b, clg__grid(1, 1, 0, 0),
                        CLG_ARGS(CLG_ARG(tx), CLG_ARG(ty), CLG_ARG((uint32_t)1), CLG_ARG(1.0f))));
    test_download(ty, &y);
    assert_float_equal(y, 6.0f, 0);
    test_release(&tx);
    test_release(&ty);
}

static void a_buffer_at_the_address_of_a_freed_one_is_bound_again(void **state)
{
    (void)state;
    clg_rt *rt = test_rt();
    for (int round = 0; round < 8; round++) {
        float x[4] = { (float)round, 1, 2, 3 }, y[4] = { 0 };
        clg_tensor tx = test_upload(rt, x, 4), ty = test_upload(rt, y, 4);
        TEST_OK(
            clg__launch(rt, get("axpy", ""), clg__grid(1, 4, 0, 0),
                        CLG_ARGS(CLG_ARG(tx), CLG_ARG(ty), CLG_ARG((uint32_t)4), CLG_ARG(1.0f))));
        test_download(ty, y);
        assert_memory_equal(x, y, sizeof x);
        test_release(&tx);
        test_release(&ty);
    }
}

static void wrong_number_or_type_of_arguments_is_refused(void **state)
{
    (void)state;
    clg_rt *rt = test_rt();
    clg_kernel *k = get("axpy", "");
    clg_tensor x = test_buffer(rt, CLG_F32, 4), u = test_buffer(rt, CLG_U32, 4);
    clg_grid g = clg__grid(1, 4, 0, 0);
    uint32_t n = 4;
    int32_t s = 4;
    expect_error(clg__launch(rt, k, g, CLG_ARGS(CLG_ARG(x), CLG_ARG(x), CLG_ARG(n))),
                 CLG_E_INTERNAL, "axpy: 5 arguments given, the kernel takes 6");
    expect_error(
        clg__launch(rt, k, g,
                    CLG_ARGS(CLG_ARG(x), CLG_ARG(x), CLG_ARG(n), CLG_ARG(1.0f), CLG_ARG(1.0f))),
        CLG_E_INTERNAL, "axpy: 7 arguments given");
    expect_error(clg__launch(rt, k, g, CLG_ARGS(CLG_ARG(x), CLG_ARG(x), CLG_ARG(s), CLG_ARG(1.0f))),
                 CLG_E_INTERNAL, "argument 4 is a int, the kernel wants uint");
    expect_error(clg__launch(rt, k, g, CLG_ARGS(CLG_ARG(x), CLG_ARG(x), CLG_ARG(n), CLG_ARG(n))),
                 CLG_E_INTERNAL, "argument 5 is a uint, the kernel wants float");
    expect_error(clg__launch(rt, k, g, CLG_ARGS(CLG_ARG(x), CLG_ARG(u), CLG_ARG(n), CLG_ARG(1.0f))),
                 CLG_E_INTERNAL, "argument 2 is a uint buffer, the kernel wants float buffer");
    expect_error(
        clg__launch(rt, k, g,
                    CLG_ARGS(CLG_ARG(n), CLG_ARG(n), CLG_ARG(x), CLG_ARG(n), CLG_ARG(1.0f))),
        CLG_E_INTERNAL, "argument 0 is a uint, the kernel wants float buffer");
    test_release(&x);
    test_release(&u);
}

static void wrong_group_sizes_are_refused(void **state)
{
    (void)state;
    clg_rt *rt = test_rt();
    clg_tensor u = test_buffer(rt, CLG_U32, 64);
    clg_kernel *place = get("place", ""), *fixed = get("fixed4", "");
    clg_args args = CLG_ARGS(CLG_ARG(u), CLG_ARG((int32_t)4)), one = CLG_ARGS(CLG_ARG(u));
    clg_grid g = clg__grid(1, 10, 0, 0);
    g.local[0] = 4;
    expect_error(clg__launch(rt, place, g, args), CLG_E_INTERNAL, "10 items in groups of 4");
    expect_error(clg__launch(rt, place, clg__grid(1, 0, 0, 0), args), CLG_E_INTERNAL, "0 items");
    size_t huge = clg__kernel_max_work_group(place) * 2;
    const size_t groups[3] = { 1, 1, 1 }, local[3] = { huge, 1, 1 };
    expect_error(clg__launch(rt, place, clg__grid_local(1, groups, local), args), CLG_E_INTERNAL,
                 "place: group of");
    expect_error(clg__launch(rt, fixed, clg__grid(1, 8, 0, 0), one), CLG_E_INTERNAL,
                 "may be only 4");
    const size_t four[3] = { 4, 1, 1 };
    TEST_OK(clg__launch(rt, fixed, clg__grid_local(1, groups, four), one));
    test_release(&u);
}

/* The same launches, said to be so long that they must be sliced: the first into single groups,
 * the others by their measured time. */
static void slices_give_the_same_result_as_one_launch(void **state)
{
    (void)state;
    clg_rt *rt = test_rt();
    const size_t groups[3] = { 5, 11, 1 }, local[3] = { 2, 3, 1 };
    enum { COUNT = 5 * 2 * 11 * 3 };
    uint32_t got[2][COUNT];
    for (int sliced = 0; sliced < 2; sliced++) {
        clg_tensor u = test_buffer(rt, CLG_U32, COUNT);
        TEST_OK(clg__rt_zero(rt, u));
        clg_grid g = clg__grid_local(2, groups, local);
        g.flops = sliced ? 1e15 : 1;
        for (int i = 0; i < 5; i++) {
            TEST_OK(clg__launch(rt, get("place", sliced ? "-DSLICED" : ""), g,
                                CLG_ARGS(CLG_ARG(u), CLG_ARG((int32_t)10))));
        }
        TEST_OK(clg__rt_read(rt, u, got[sliced]));
        test_release(&u);
    }
    assert_memory_equal(got[0], got[1], sizeof got[0]);
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t x = i % 10, y = i / 10;
        assert_int_equal(got[1][i], 5 * (1000 * y + x + 7 * (y % 3)));
    }
}

static void no_tensor_binds_a_dummy(void **state)
{
    (void)state;
    clg_rt *rt = test_rt();
    float y = 3;
    clg_tensor none = CLG_NO_TENSOR, ty = test_upload(rt, &y, 1);
    TEST_OK(clg__launch(rt, get("axpy", ""), clg__grid(1, 1, 0, 0),
                        CLG_ARGS(CLG_ARG(none), CLG_ARG(ty), CLG_ARG((uint32_t)0), CLG_ARG(1.0f))));
    test_download(ty, &y);
    assert_float_equal(y, 3, 0);
    test_release(&ty);
}

static void launches_cost_microseconds(void **state)
{
    (void)state;
    clg_rt *rt = test_rt();
    clg_tensor x = test_buffer(rt, CLG_F32, 4), y = test_buffer(rt, CLG_F32, 4);
    enum { LAUNCHES = 2000 };
    double begun = 0;
    for (int i = -10; i < LAUNCHES; i++) {
        if (i == 0) {
            TEST_OK(clg__rt_finish(rt));
            begun = clg__os_now_s();
        }
        clg_kernel *k = get("axpy", "");
        TEST_OK(
            clg__launch(rt, k, clg__grid(1, 4, 0, 0),
                        CLG_ARGS(CLG_ARG(x), CLG_ARG(y), CLG_ARG((uint32_t)4), CLG_ARG((float)i))));
    }
    double us = 1e6 * (clg__os_now_s() - begun) / LAUNCHES;
    print_message("%.2f us per launch\n", us);
    TEST_OK(clg__rt_finish(rt));
    assert_true(us < 500); /* loose: shared machines */
    test_release(&x);
    test_release(&y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernel_reads_and_writes_views_at_their_offsets),
        cmocka_unit_test(options_make_another_program),
        cmocka_unit_test(a_buffer_at_the_address_of_a_freed_one_is_bound_again),
        cmocka_unit_test(wrong_number_or_type_of_arguments_is_refused),
        cmocka_unit_test(wrong_group_sizes_are_refused),
        cmocka_unit_test(slices_give_the_same_result_as_one_launch),
        cmocka_unit_test(no_tensor_binds_a_dummy),
        cmocka_unit_test(launches_cost_microseconds),
    };
    return cmocka_run_group_tests(tests, open_group, close_group);
}
