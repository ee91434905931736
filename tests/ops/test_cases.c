/* Every case of every operator against the reference, in both kernel families, and the products
 * with both GEMM back ends; on a CPU with vectors of 16 floats what has tiles for those of 8 too.
 * One test per operator and setup; each prints how many cases ran.
 *
 * drivers: pocl rusticl oclgrind
 * CLGAN_CASES=quick runs only the first, small ones of each table (for oclgrind);
 * CLGAN_TESTS=concat* only the tests that match. */
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/model.h"
#include "base/os.h"
#include "cli/case_runner.h"
#include "ops/conv_choices.h"

typedef struct setup {
    const char *name;
    enum clg_family_choice family;
    enum clg_gemm_choice gemm;
    clg_ops ops;
    unsigned width; /* of the device's vectors, in floats */
    clg_conv_choices conv;
} setup;

static bool is_quick(void)
{
    const char *which = clg__os_env("CLGAN_CASES");
    return which != NULL && strcmp(which, "quick") == 0;
}

static int open_setup(setup *s)
{
    clg_rt_options rt = { .family = s->family };
    clg_blas_options blas = { .choice = s->gemm };
    int status = CLG_OK;
    CLG_TRY(clg__conv_forced_by_env(&s->conv.forced));
    s->ops.conv_choices = &s->conv;
    CLG_TRY(clg__rt_open(&s->ops.rt, &rt));
    CLG_TRY(clg__blas_open(&s->ops.blas, s->ops.rt, &blas));
    s->width = clg__rt_device(s->ops.rt)->vector_width_float;
    print_message("cases on %s, %s kernels, %s products\n", clg__rt_device(s->ops.rt)->name,
                  clg__rt_family(s->ops.rt) == CLG_KERNELS_GPU ? "gpu" : "cpu",
                  clg__blas_name(s->ops.blas));
    /* What was asked for is what runs: no silent fall back to another family or back end. */
    bool gpu = clg__rt_family(s->ops.rt) == CLG_KERNELS_GPU;
    const char *products = s->gemm == CLG_GEMM_CLBLAST ? "clblast" : "builtin";
    if ((s->family != CLG_FAMILY_AUTO && gpu != (s->family == CLG_FAMILY_GPU)) ||
        strcmp(clg__blas_name(s->ops.blas), products) != 0) {
        status = clg__fail(CLG_E_INTERNAL, "another kernel family or back end was opened");
    }
out:
    if (status != CLG_OK) {
        print_error("%s: %s\n", s->name, clg_message());
    }
    return status;
}

static void run_op(setup *s, const clg_op *op)
{
    uint32_t ran = 0, failed = 0, total = 0;
    double worst = 0.0;
    char worst_line[CLG_CASE_LINE] = "";

    while (op->cases[total] != NULL) {
        total++;
    }
    assert_true(total > 0);
    assert_in_range(op->quick, 1, total);
    for (uint32_t i = 0; i < (is_quick() ? op->quick : total); i++) {
        clg_case_result res;
        if (!clg__case_fits(&s->ops, op, op->cases[i])) {
            continue;
        }
        int status = clg__case_run(&s->ops, op, op->cases[i], &res);
        ran++;
        if (status != CLG_OK || !res.passed) {
            failed++;
            print_error("%s, %s: %s: %s\n", s->name, clg_status_name(status), res.line, res.text);
        } else if (res.worst > worst) {
            worst = res.worst;
            memcpy(worst_line, res.line, sizeof worst_line);
        }
    }
    print_message("%s: %s: %u of %u cases ran, worst at %.2f of its tolerance%s%s\n", s->name,
                  op->name, ran, total, worst, worst_line[0] ? ": " : "", worst_line);
    if (failed != 0) {
        fail_msg("%s: %u of %u cases of %s failed", s->name, failed, ran, op->name);
    }
}

#define CLG_X(op)                                                                                  \
    static void op##_equals_its_reference(void **state)                                            \
    {                                                                                              \
        run_op(*state, &clg__op_##op);                                                             \
    }
CLG_OP_LIST(CLG_X)
#undef CLG_X

/* Opens the setup, runs the tests, closes; the number of failures. */
static int run_group(setup *s, const struct CMUnitTest *tests, size_t n)
{
    struct CMUnitTest own[32];
    assert(n <= sizeof own / sizeof own[0]);
    if (open_setup(s) != CLG_OK) {
        clg__blas_close(&s->ops.blas);
        clg__rt_close(&s->ops.rt);
        return 1;
    }
    for (size_t i = 0; i < n; i++) {
        own[i] = tests[i];
        own[i].initial_state = s;
    }
    int failed = _cmocka_run_group_tests(s->name, own, n, NULL, NULL);
    clg__blas_close(&s->ops.blas);
    clg__rt_close(&s->ops.rt);
    return failed;
}

int main(void)
{
    static const struct CMUnitTest all[] = {
#define CLG_X(op) cmocka_unit_test(op##_equals_its_reference),
        CLG_OP_LIST(CLG_X)
#undef CLG_X
    };
    /* What has tiles for each width of vectors. */
    static const struct CMUnitTest tiled[] = {
        cmocka_unit_test(gemm_equals_its_reference),
        cmocka_unit_test(linear_equals_its_reference),
        cmocka_unit_test(conv2d_equals_its_reference),
        cmocka_unit_test(deconv2d_equals_its_reference),
        cmocka_unit_test(mlp_equals_its_reference),
    };
    static const struct CMUnitTest products[] = {
        cmocka_unit_test(gemm_equals_its_reference),
        cmocka_unit_test(linear_equals_its_reference),
    };
    /* What the GPU family makes of strided batches of products. */
    static const struct CMUnitTest batches[] = {
        cmocka_unit_test(conv2d_equals_its_reference),
        cmocka_unit_test(deconv2d_equals_its_reference),
    };
    setup cpu = { .name = "cpu family", .family = CLG_FAMILY_CPU, .gemm = CLG_GEMM_BUILTIN };
    setup gpu = { .name = "gpu family", .family = CLG_FAMILY_GPU, .gemm = CLG_GEMM_BUILTIN };
    setup narrow = { .name = "vectors of 8", .family = CLG_FAMILY_CPU, .gemm = CLG_GEMM_BUILTIN };
    setup clblast = { .name = "clblast", .gemm = CLG_GEMM_CLBLAST };
    setup gpu_clblast = { .name = "gpu family, clblast",
                          .family = CLG_FAMILY_GPU,
                          .gemm = CLG_GEMM_CLBLAST };
    cmocka_set_test_filter(clg__os_env("CLGAN_TESTS"));
    int failed = run_group(&cpu, all, sizeof all / sizeof all[0]);

    failed += run_group(&gpu, all, sizeof all / sizeof all[0]);
    if (!is_quick()) { /* its kernels take minutes under oclgrind */
        failed += run_group(&clblast, products, sizeof products / sizeof products[0]);
        failed += run_group(&gpu_clblast, batches, sizeof batches / sizeof batches[0]);
    }
    if (!is_quick() && cpu.width >= 16) { /* as on a CPU with vectors of 8 floats */
        setenv("CLGAN_VECTOR", "8", 1);
        failed += run_group(&narrow, tiled, sizeof tiled / sizeof tiled[0]);
    }
    return failed;
}
