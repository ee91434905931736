/* Random numbers and drawn systems beyond their case tables: exact words, and that an element or a
 * row does not depend on how many are drawn. */
#include <math.h>

#include "base/mem.h"
#include "ops/random.h"
#include "ops/system.h"
#include "support/family.h"
#include "support/rt_support.h"

static const clg_rng_key KEY = { .seed = 0x123456789abcdef0u,
                                 .stream = CLG_STREAM_NOISE,
                                 .step = 0x200000003u,
                                 .lane = 0x00c0ffeeu };

/* U[0,1) is exact on both sides: equal numbers are equal words. */
static void words_with_a_lane_are_the_hosts_bit_by_bit(void **state)
{
    const clg_ops *o = *state;
    enum { N = 4999 };
    float want[N], got[N], plain[N];
    clg_rng_key no_lane = KEY;
    no_lane.lane = 0;
    clg_tensor y = test_buffer(o->rt, CLG_F32, N);
    TEST_OK(clg__random_uniform(o, &KEY, 0.0f, 1.0f, y));
    test_download(y, got);
    clg__philox_uniform(&KEY, 0.0f, 1.0f, want, N);
    assert_memory_equal(got, want, sizeof want);
    TEST_OK(clg__random_uniform(o, &no_lane, 0.0f, 1.0f, y));
    test_download(y, plain);
    uint32_t same = 0;
    for (int i = 0; i < N; i++) {
        same += plain[i] == got[i];
    }
    assert_true(same <= 2);
    test_release(&y);
}

static void added_noise_is_the_normals_of_the_same_key(void **state)
{
    const clg_ops *o = *state;
    enum { N = 1111 };
    float noise[N], sum[N];
    clg_tensor y = test_buffer(o->rt, CLG_F32, N);
    TEST_OK(clg__random_normal(o, &KEY, 0.0f, 0.25f, y));
    test_download(y, noise);
    TEST_OK(clg__random_add_normal(o, &KEY, 0.25f, y));
    test_download(y, sum);
    for (int i = 0; i < N; i++) {
        assert_true(fabsf(sum[i] - 2.0f * noise[i]) <= 2e-7f * fabsf(noise[i]));
    }
    test_release(&y);
}

static void sphere_rows_have_the_length_of_a_gaussians_shell(void **state)
{
    const clg_ops *o = *state;
    enum { N = 33, C = 101 };
    clg_tensor y = test_buffer(o->rt, CLG_F32, N * C), z = test_buffer(o->rt, CLG_F32, N * C);
    TEST_OK(clg__random_sphere(o, &KEY, clg__tensor_view(y, 0, 2, N, C, 0, 0)));
    TEST_OK(clg__random_normal(o, &KEY, 0.0f, 1.0f, z));
    float *got = test_download_new(y), *normal = test_download_new(z);
    for (int r = 0; r < N; r++) {
        double square = 0.0, dot = 0.0, normal_square = 0.0;
        for (int j = 0; j < C; j++) {
            square += (double)got[r * C + j] * (double)got[r * C + j];
            dot += (double)got[r * C + j] * (double)normal[r * C + j];
            normal_square += (double)normal[r * C + j] * (double)normal[r * C + j];
        }
        assert_true(fabs(square - C) < 1e-5 * C);
        assert_true(fabs(dot / sqrt(square * normal_square) - 1.0) < 1e-6);
    }
    assert_int_equal(clg__random_sphere(o, &KEY, y), CLG_E_INTERNAL);
    clg__free(got);
    clg__free(normal);
    test_release(&y);
    test_release(&z);
}

static void a_row_does_not_depend_on_how_many_are_drawn(void **state)
{
    const clg_ops *o = *state;
    enum { MANY = 5000, FEW = 4117 };
    for (int s = CLG_SYSTEM_NONE + 1; s < CLG_SYSTEM_COUNT; s++) {
        uint32_t dim = clg__system_dim((enum clg_system)s);
        clg_tensor many = test_buffer(o->rt, CLG_F32, MANY * dim);
        clg_tensor few = test_buffer(o->rt, CLG_F32, FEW * dim);
        TEST_OK(clg__system_draw(o, (enum clg_system)s, &KEY, many));
        TEST_OK(clg__system_draw(o, (enum clg_system)s, &KEY, few));
        float *a = test_download_new(many), *b = test_download_new(few);
        assert_memory_equal(a, b, FEW * dim * sizeof *b);
        clg__free(a);
        clg__free(b);
        test_release(&many);
        test_release(&few);
    }
}

static void what_is_no_system_is_refused(void **state)
{
    const clg_ops *o = *state;
    clg_tensor y = test_buffer(o->rt, CLG_F32, 8);
    assert_int_equal(clg__system_draw(o, CLG_SYSTEM_NONE, &KEY, y), CLG_E_INTERNAL);
    assert_string_equal(clg_message(), "system_draw: there is no system 0");
    assert_int_equal(clg__system_draw(o, CLG_SYSTEM_CURVES, &KEY, y), CLG_E_INTERNAL);
    test_release(&y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_with_a_lane_are_the_hosts_bit_by_bit),
        cmocka_unit_test(added_noise_is_the_normals_of_the_same_key),
        cmocka_unit_test(sphere_rows_have_the_length_of_a_gaussians_shell),
        cmocka_unit_test(a_row_does_not_depend_on_how_many_are_drawn),
        cmocka_unit_test(what_is_no_system_is_refused),
    };
    return test_both_families(tests, sizeof tests / sizeof tests[0]);
}
