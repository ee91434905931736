/* That a test under oclgrind can fail: a kernel reads behind its buffer, then another context is opened,
 * for which oclgrind empties its log. The test passes if the run tells of the read (tests/CMakeLists.txt).
 * drivers: oclgrind */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/os.h"
#include "rt/launch.h"
#include "support/rt_support.h"

static const char BEHIND[] = "__kernel void behind(__global float *y, uint y_off)\n"
                             "{\n"
                             "    y[y_off] = y[y_off + 16 + get_global_id(0)];\n"
                             "}\n";

static void a_read_behind_a_buffer_is_found(void **state)
{
    (void)state;
    const float zeros[16] = { 0 };
    char *folder = test_folder("clgan-test-behind");
    char *path = clg__os_join(folder, "behind.cl");
    TEST_OK(clg__os_write_atomic(path, BEHIND, strlen(BEHIND)));
    setenv("CLGAN_CL_DIR", folder, 1);
    clg_rt *rt = test_rt_open();
    assert_true(clg__rt_is_simulator(rt));
    clg_tensor y = test_upload(rt, zeros, 16);
    clg_kernel *k = NULL;
    TEST_OK(clg__kernel_get(rt, "behind", "behind", "", &k));
    TEST_OK(clg__launch(rt, k, clg__grid(1, 1, 0, 0), CLG_ARGS(CLG_ARG(y))));
    TEST_OK(clg__rt_finish(rt));
    test_release(&y);
    clg__rt_close(&rt);
    rt = test_rt_open();
    clg__rt_close(&rt);
    test_folder_remove(folder);
    clg__free(path);
    clg__free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_read_behind_a_buffer_is_found) };
    return cmocka_run_group_tests(tests, test_cache_open, test_cache_close);
}
