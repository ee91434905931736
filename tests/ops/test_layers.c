/* What the case tables cannot say about linear, maxout, dropout, concat, embedding and resize:
 * fused ends against separate kernels, the words of the masks, NaN, results over their inputs, wrong
 * shapes. Both families. */
#include <math.h>

#include "base/mem.h"
#include "base/model.h"
#include "ops/activation.h"
#include "ops/concat.h"
#include "ops/dropout.h"
#include "ops/embedding.h"
#include "ops/linear.h"
#include "ops/maxout.h"
#include "ops/reduce.h"
#include "ops/resize.h"
#include "support/family.h"
#include "support/rt_support.h"

/* The whole mask, word for word, from clg__philox, and the same words for a part of the rows. */
static void dropout_draws_the_hosts_words_at_any_place(void **state)
{
    const clg_ops *o = *state;
    enum { N = 9001, FIRST = 1234567 };
    static const uint32_t skip[] = { 0, 1, 63, 4097, 8999 };
    clg_rng_key key = { .seed = 0x123456789abcdef0u,
                        .stream = CLG_STREAM_DROPOUT,
                        .step = 0x500000007u,
                        .lane = 0xabcdefu };
    float one[N], got[N];
    uint32_t kept = 0;
    for (int i = 0; i < N; i++) {
        one[i] = 1.0f;
    }
    clg_tensor x = test_upload(o->rt, one, N), y = test_buffer(o->rt, CLG_F32, N);
    for (size_t part = 0; part < sizeof skip / sizeof skip[0]; part++) {
        uint32_t len = N - skip[part];
        TEST_OK(clg__dropout(o, &key, 0.8f, FIRST + skip[part], clg__tensor_vec(x, 0, len),
                             clg__tensor_vec(y, 0, len)));
        test_download(clg__tensor_vec(y, 0, len), got);
        for (uint32_t i = 0; i < len; i++) {
            uint64_t word = FIRST + skip[part] + i;
            uint32_t w[4];
            clg__philox(&key, word / 4, w);
            bool keep = clg__philox_unit(w[word % 4]) < 0.8f;
            assert_true(got[i] == (keep ? 1.25f : 0.0f));
            kept += keep;
        }
    }
    assert_in_range(kept, 7 * (5 * N - 13160) / 10, 9 * (5 * N - 13160) / 10);
    test_release(&x);
    test_release(&y);
}

static void dropout_in_place_stops_inf_and_passes_nan(void **state)
{
    const clg_ops *o = *state;
    enum { N = 300 };
    clg_rng_key key = { .seed = 4, .stream = CLG_STREAM_TEST };
    float x[N], y[N], mask[N];
    for (int i = 0; i < N; i++) {
        x[i] = i % 2 ? NAN : INFINITY;
    }
    clg__philox_uniform(&key, 0.0f, 1.0f, mask, N);
    clg_tensor t = test_upload(o->rt, x, N);
    TEST_OK(clg__dropout(o, &key, 0.5f, 0, t, t));
    test_download(t, y);
    for (int i = 0; i < N; i++) {
        assert_true(mask[i] < 0.5f ? !isfinite(y[i]) && isnan(y[i]) == isnan(x[i]) : y[i] == 0.0f);
    }
    test_release(&t);
}

static void maxout_lets_nan_win_at_every_place(void **state)
{
    const clg_ops *o = *state;
    enum { UNITS = 37, PIECES = 6, N = UNITS * PIECES };
    float x[N], y[UNITS];
    for (int i = 0; i < N; i++) {
        int unit = i / PIECES, piece = i % PIECES;
        x[i] = unit % 7 == piece ? NAN : (float)(unit - piece);
    }
    clg_tensor tx = test_upload(o->rt, x, N), ty = test_buffer(o->rt, CLG_F32, UNITS);
    TEST_OK(clg__maxout_fwd(o, tx, PIECES, ty));
    test_download(ty, y);
    for (int i = 0; i < UNITS; i++) {
        assert_true(i % 7 < PIECES ? isnan(y[i]) : y[i] == (float)i);
    }
    test_release(&tx);
    test_release(&ty);
}

/* The same ops with our own products. */
static clg_ops open_products(const clg_ops *o)
{
    clg_ops with = *o;
    TEST_OK(clg__blas_open(&with.blas, o->rt, &(clg_blas_options){ .choice = CLG_GEMM_BUILTIN }));
    return with;
}

static clg_tensor matrix_of(const clg_ops *o, uint64_t step, uint32_t rows, uint32_t cols)
{
    clg_rng_key key = { .seed = 9, .stream = CLG_STREAM_TEST, .step = step };
    float *x = clg__alloc((size_t)rows * cols, sizeof *x);
    assert_non_null(x);
    clg__philox_uniform(&key, -0.9f, 0.9f, x, (size_t)rows * cols);
    clg_tensor t = test_upload(o->rt, x, (size_t)rows * cols);
    clg__free(x);
    return clg__tensor_view(t, 0, 2, rows, cols, 0, 0);
}

static const uint32_t shapes[][3] = { /* n c k */
    { 5, 37, 3 }, { 1, 35, 4 }, { 13, 33, 1 }, { 1, 1, 1 }, { 65, 131, 40 }, { 64, 1, 7 },
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* The unfused twin: clg__activation_bwd over the plain product. */
static void linear_goes_back_through_the_activation_in_front_to_the_same_bits(void **state)
{
    clg_ops with = open_products(*state);
    const clg_ops *o = &with;
    for (size_t s = 0; s < SHAPES; s++) {
        uint32_t n = shapes[s][0], c = shapes[s][1], k = shapes[s][2];
        clg_tensor dy = matrix_of(o, 1, n, k), w = matrix_of(o, 2, c, k), y = matrix_of(o, 3, n, c);
        clg_tensor one = matrix_of(o, 4, n, c), two = matrix_of(o, 5, n, c);
        for (int act = CLG_ACT_RELU; act <= CLG_ACT_SIGMOID; act++) {
            clg_gate gate = { .y = y, .act = (enum clg_act)act, .slope = 0.2f };
            TEST_OK(clg__linear_bwd_data(o, dy, w, one, &gate, CLG_NO_TENSOR));
            TEST_OK(clg__linear_bwd_data(o, dy, w, two, &(clg_gate){ 0 }, CLG_NO_TENSOR));
            TEST_OK(clg__activation_bwd(o, gate.act, 0.2f, y, two, two));
            float *got = test_download_new(one), *want = test_download_new(two);
            assert_memory_equal(got, want, sizeof(float) * n * c);
            clg__free(got);
            clg__free(want);
        }
        test_release(&dy);
        test_release(&w);
        test_release(&y);
        test_release(&one);
        test_release(&two);
    }
    clg__blas_close(&with.blas);
}

/* The unfused twin: clg__reduce_columns. */
static void linear_sums_the_biases_gradient_beside_the_weights(void **state)
{
    clg_ops with = open_products(*state);
    const clg_ops *o = &with;
    for (size_t s = 0; s < SHAPES; s++) {
        uint32_t n = shapes[s][0], c = shapes[s][1], k = shapes[s][2];
        clg_tensor x = matrix_of(o, 1, n, c), dy = matrix_of(o, 2, n, k);
        clg_tensor dw = matrix_of(o, 3, c, k), two = matrix_of(o, 4, c, k);
        clg_tensor db = matrix_of(o, 5, 1, k), sums = matrix_of(o, 6, 1, k);
        TEST_OK(clg__linear_bwd_weight(o, x, dy, dw, db, CLG_NO_TENSOR));
        TEST_OK(clg__linear_bwd_weight(o, x, dy, two, CLG_NO_TENSOR, CLG_NO_TENSOR));
        TEST_OK(clg__reduce_columns(o, dy, n, k, sums, CLG_NO_TENSOR));
        float *got = test_download_new(dw), *want = test_download_new(two);
        assert_memory_equal(got, want, sizeof(float) * c * k);
        float *b = test_download_new(db), *b_want = test_download_new(sums);
        for (uint32_t j = 0; j < k; j++) {
            assert_float_equal(b[j], b_want[j], 1e-5f);
        }
        clg__free(got);
        clg__free(want);
        clg__free(b);
        clg__free(b_want);
        clg_tensor all[] = { x, dy, dw, two, db, sums };
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
            test_release(&all[i]);
        }
    }
    clg__blas_close(&with.blas);
}

static void wrong_shapes_are_named(void **state)
{
    const clg_ops *o = *state;
    clg_tensor a = test_buffer(o->rt, CLG_F32, 12), b = test_buffer(o->rt, CLG_F32, 7);
    clg_rng_key key = { .stream = CLG_STREAM_TEST };
    assert_int_equal(clg__maxout_fwd(o, a, 5, b), CLG_E_INTERNAL);
    assert_string_equal(clg_message(), "maxout_fwd: x has 12 elements, in pieces of 5");
    assert_int_equal(clg__dropout(o, &key, 0.0f, 8, a, a), CLG_E_INTERNAL);
    assert_string_equal(clg_message(), "dropout: keep is 0, elements 8 .. 20 of the masked tensor");
    assert_int_equal(clg__dropout(o, &key, 0.5f, UINT32_MAX - 11, a, a), CLG_E_INTERNAL);
    clg_concat c = { .n = 2, .pixels = 4, .ca = 1, .cb = 1, .b_pixels = 2 };
    assert_int_equal(clg__concat_fwd(o, &c, a, b, a), CLG_E_INTERNAL);
    assert_string_equal(clg_message(), "concat_fwd: a is [2,4,1], b [2,2,1]");
    clg_tensor labels = test_buffer(o->rt, CLG_U32, 5);
    assert_int_equal(clg__onehot(o, labels, a), CLG_E_INTERNAL);
    assert_string_equal(clg_message(), "onehot: y has 12 elements in 5 rows");
    assert_int_equal(clg__onehot(o, a, a), CLG_E_INTERNAL);
    assert_string_equal(clg_message(), "onehot: labels is float, wants uint");
    assert_int_equal(clg__resize_up(o, a, 2, 1.0f, b), CLG_E_INTERNAL);
    assert_string_equal(clg_message(), "resize_up: an image of rank 1 by 2");
    assert_int_equal(clg__resize_up(o, clg__tensor_view(a, 0, 4, 1, 1, 4, 1), 2, 1.0f, b),
                     CLG_E_INTERNAL);
    assert_string_equal(clg_message(), "resize_up: large image has 7 elements, wants 16");
    test_release(&labels);
    test_release(&a);
    test_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dropout_draws_the_hosts_words_at_any_place),
        cmocka_unit_test(dropout_in_place_stops_inf_and_passes_nan),
        cmocka_unit_test(maxout_lets_nan_win_at_every_place),
        cmocka_unit_test(linear_goes_back_through_the_activation_in_front_to_the_same_bits),
        cmocka_unit_test(linear_sums_the_biases_gradient_beside_the_weights),
        cmocka_unit_test(wrong_shapes_are_named),
    };
    return test_both_families(tests, sizeof tests / sizeof tests[0]);
}
