/* What the case tables cannot say about batch norm and the element-wise operators: outputs that are
 * inputs, optional tensors, NaN, one row per group, two groups against two calls. Both families. */
#include <math.h>

#include "base/mem.h"
#include "base/model.h"
#include "ops/activation.h"
#include "ops/adam.h"
#include "ops/batchnorm.h"
#include "ops/image.h"
#include "ops/loss.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "support/family.h"
#include "support/rt_support.h"

static clg_tensor upload_normal(clg_rt *rt, uint64_t seed, size_t n)
{
    clg_rng_key key = { .seed = seed, .stream = CLG_STREAM_TEST };
    float *v = clg__alloc(n, sizeof *v);
    assert_non_null(v);
    clg__philox_normal(&key, 0.0f, 1.0f, v, n);
    clg_tensor t = test_upload(rt, v, n);
    clg__free(v);
    return t;
}

static void assert_same_bits(clg_tensor a, clg_tensor b)
{
    size_t n = (size_t)clg__tensor_len(a);
    float *x = test_download_new(a), *y = test_download_new(b);
    assert_int_equal(n, clg__tensor_len(b));
    assert_memory_equal(x, y, n * sizeof *x);
    clg__free(x);
    clg__free(y);
}

/* One batch-norm layer with all its tensors. */
typedef struct layer {
    clg_bn bn;
    clg_tensor x, mean, invstd, weight, bias, y, dy, dx, dw, db, ws;
} layer;

static void open_layer(const clg_ops *o, layer *l)
{
    size_t c = l->bn.c, len = (size_t)l->bn.n * l->bn.pixels * c, stats = l->bn.groups * c;
    l->x = upload_normal(o->rt, 1, len);
    l->dy = upload_normal(o->rt, 2, len);
    l->weight = upload_normal(o->rt, 3, c);
    l->bias = upload_normal(o->rt, 4, c);
    l->mean = test_buffer(o->rt, CLG_F32, stats);
    l->invstd = test_buffer(o->rt, CLG_F32, stats);
    l->y = test_buffer(o->rt, CLG_F32, len);
    l->dx = test_buffer(o->rt, CLG_F32, len);
    l->dw = test_buffer(o->rt, CLG_F32, c);
    l->db = test_buffer(o->rt, CLG_F32, c);
    l->ws = test_buffer(o->rt, CLG_F32, (size_t)clg__batchnorm_workspace(o, &l->bn));
}

static void close_layer(layer *l)
{
    clg_tensor *all[] = { &l->x, &l->mean, &l->invstd, &l->weight, &l->bias, &l->y,
                          &l->dy, &l->dx, &l->dw, &l->db, &l->ws };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        test_release(all[i]);
    }
}

static clg_bn make_bn(uint32_t n, uint32_t pixels, uint32_t c, uint32_t groups)
{
    return (clg_bn){ .n = n, .pixels = pixels, .c = c, .groups = groups, .eps = 1e-5f,
                     .momentum = 0.1f, .act = CLG_ACT_LRELU, .slope = 0.2f };
}

static void run_stats(const clg_ops *o, layer *l)
{
    TEST_OK(clg__batchnorm_stats(o, &l->bn, l->x, CLG_NO_TENSOR, l->mean, l->invstd, CLG_NO_TENSOR,
                                 CLG_NO_TENSOR, l->ws));
}

static void run_bwd(const clg_ops *o, layer *l, clg_tensor dx, clg_tensor dw, clg_tensor db)
{
    TEST_OK(clg__batchnorm_bwd(o, &l->bn, l->x, l->mean, l->invstd, l->weight, l->bias, l->dy,
                               CLG_NO_TENSOR, dx, dw, db, l->ws));
}

static void batchnorm_in_place_gives_the_same_bits(void **state)
{
    const clg_ops *o = *state;
    layer l = { .bn = make_bn(6, 50, 37, 2) };
    open_layer(o, &l);
    run_stats(o, &l);
    run_bwd(o, &l, l.dx, l.dw, l.db);
    run_bwd(o, &l, l.dy, CLG_NO_TENSOR, CLG_NO_TENSOR);
    assert_same_bits(l.dx, l.dy);
    TEST_OK(clg__batchnorm_fwd(o, &l.bn, l.x, l.mean, l.invstd, l.weight, l.bias, l.y));
    TEST_OK(clg__batchnorm_fwd(o, &l.bn, l.x, l.mean, l.invstd, l.weight, l.bias, l.x));
    assert_same_bits(l.y, l.x);
    close_layer(&l);
}

static void two_groups_have_the_bits_of_two_calls(void **state)
{
    const clg_ops *o = *state;
    layer l = { .bn = make_bn(4, 91, 67, 2) };
    open_layer(o, &l);
    run_stats(o, &l);
    clg_bn half = make_bn(2, 91, 67, 1);
    clg_tensor mean = test_buffer(o->rt, CLG_F32, 67), invstd = test_buffer(o->rt, CLG_F32, 67);
    for (uint32_t g = 0; g < 2; g++) {
        clg_tensor x = clg__tensor_vec(l.x, g * 182u * 67u, 182u * 67u);
        TEST_OK(clg__batchnorm_stats(o, &half, x, CLG_NO_TENSOR, mean, invstd, CLG_NO_TENSOR,
                                     CLG_NO_TENSOR, l.ws));
        assert_same_bits(mean, clg__tensor_vec(l.mean, g * 67u, 67));
        assert_same_bits(invstd, clg__tensor_vec(l.invstd, g * 67u, 67));
    }
    test_release(&mean);
    test_release(&invstd);
    close_layer(&l);
}

static void one_row_per_group_stays_finite(void **state)
{
    const clg_ops *o = *state;
    layer l = { .bn = make_bn(2, 1, 5, 2) };
    float zero[5] = { 0 }, one[5] = { 1, 1, 1, 1, 1 }, var[5], x[10], mean[10];
    open_layer(o, &l);
    clg_tensor rm = test_upload(o->rt, zero, 5), rv = test_upload(o->rt, one, 5);
    TEST_OK(clg__batchnorm_stats(o, &l.bn, l.x, CLG_NO_TENSOR, l.mean, l.invstd, rm, rv, l.ws));
    test_download(l.x, x);
    test_download(l.mean, mean);
    test_download(rv, var);
    for (int i = 0; i < 5; i++) {
        assert_true(x[i] == mean[i] && x[5 + i] == mean[5 + i]);
        assert_true(fabsf(var[i] - 0.81f) < 1e-6f); /* (1 - momentum)^2 of 1, no variance added */
    }
    test_release(&rm);
    test_release(&rv);
    close_layer(&l);
}

/* The mean is a thousand standard deviations: E[x^2] - E[x]^2 would have no digit left. */
static void variance_survives_a_large_mean(void **state)
{
    const clg_ops *o = *state;
    enum { ROWS = 1500, C = 18 };
    layer l = { .bn = make_bn(ROWS, 1, C, 1) };
    float invstd[C];
    open_layer(o, &l);
    float *x = test_download_new(l.x);
    for (int c = 0; c < C; c++) {
        double mean = 0.0, sum = 0.0;
        for (int r = 0; r < ROWS; r++) {
            x[r * C + c] += 1000.0f;
            mean += (double)x[r * C + c] / ROWS;
        }
        for (int r = 0; r < ROWS; r++) {
            sum += ((double)x[r * C + c] - mean) * ((double)x[r * C + c] - mean);
        }
        invstd[c] = (float)(1.0 / sqrt(sum / ROWS + 1e-5));
    }
    TEST_OK(clg__rt_write(o->rt, l.x, x));
    run_stats(o, &l);
    clg__free(x);
    float *got = test_download_new(l.invstd);
    for (int c = 0; c < C; c++) {
        assert_true(fabsf(got[c] - invstd[c]) < 1e-5f * invstd[c]);
    }
    clg__free(got);
    close_layer(&l);
}

static void nan_passes_every_activation(void **state)
{
    const clg_ops *o = *state;
    float x[37], y[37];
    for (int i = 0; i < 37; i++) {
        x[i] = i % 3 == 0 ? NAN : (float)i - 18.0f;
    }
    clg_tensor tx = test_upload(o->rt, x, 37), ty = test_buffer(o->rt, CLG_F32, 37);
    for (int act = 0; act < CLG_ACT_COUNT; act++) {
        TEST_OK(clg__activation_fwd(o, (enum clg_act)act, 0.2f, tx, ty));
        test_download(ty, y);
        for (int i = 0; i < 37; i++) {
            assert_int_equal(isnan(y[i]) != 0, i % 3 == 0);
        }
    }
    test_release(&tx);
    test_release(&ty);
}

static void nan_reaches_the_loss_and_the_count(void **state)
{
    const clg_ops *o = *state;
    float l[40] = { 0 }, out[2], dl[40];
    uint32_t count = 0;
    l[35] = NAN;
    clg_tensor tl = test_upload(o->rt, l, 40), tout = test_buffer(o->rt, CLG_F32, 2);
    clg_tensor tdl = test_buffer(o->rt, CLG_F32, 40), tn = test_buffer(o->rt, CLG_U32, 1);
    clg_tensor ws = test_buffer(o->rt, CLG_F32, (size_t)clg__reduce_workspace(o, 1, 40));
    TEST_OK(clg__loss(o, CLG_OBJECTIVE_NON_SATURATING, CLG_LOSS_OF_REAL, tl, 1.0f, 1.0f, tout, tdl));
    test_download(tout, out);
    test_download(tdl, dl);
    assert_true(isnan(out[0]) && isnan(out[1]) && isnan(dl[35]));
    assert_true(dl[34] == -0.5f / 40.0f);
    TEST_OK(clg__reduce_nonfinite(o, tl, tn, ws));
    TEST_OK(clg__rt_read(o->rt, tn, &count));
    assert_int_equal(count, 1);
    clg_tensor *all[] = { &tl, &tout, &tdl, &tn, &ws };
    for (size_t i = 0; i < 5; i++) {
        test_release(all[i]);
    }
}

static void bytes_come_back_and_nan_is_black(void **state)
{
    const clg_ops *o = *state;
    uint8_t in[256], back[256];
    float y[256];
    for (int i = 0; i < 256; i++) {
        in[i] = (uint8_t)i;
    }
    clg_tensor tb = test_buffer(o->rt, CLG_U8, 256), ty = test_buffer(o->rt, CLG_F32, 256);
    TEST_OK(clg__rt_write(o->rt, tb, in));
    TEST_OK(clg__image_from_u8(o, tb, 2.0f / 255.0f, -1.0f, ty));
    TEST_OK(clg__image_to_u8(o, ty, 2.0f / 255.0f, -1.0f, tb));
    TEST_OK(clg__rt_read(o->rt, tb, back));
    assert_memory_equal(in, back, 256);
    for (int i = 0; i < 256; i++) {
        y[i] = i % 2 ? NAN : 5.0f;
    }
    TEST_OK(clg__rt_write(o->rt, ty, y));
    TEST_OK(clg__image_to_u8(o, ty, 2.0f / 255.0f, -1.0f, tb));
    TEST_OK(clg__rt_read(o->rt, tb, back));
    for (int i = 0; i < 256; i++) {
        assert_int_equal(back[i], i % 2 ? 0 : 255);
    }
    test_release(&tb);
    test_release(&ty);
}

static void a_number_does_not_depend_on_how_many_are_drawn(void **state)
{
    const clg_ops *o = *state;
    clg_rng_key key = { .seed = 9, .stream = CLG_STREAM_TEST, .step = 2 };
    clg_tensor many = test_buffer(o->rt, CLG_F32, 5000), few = test_buffer(o->rt, CLG_F32, 4135);
    TEST_OK(clg__random_normal(o, &key, 0.0f, 1.0f, many));
    TEST_OK(clg__random_normal(o, &key, 0.0f, 1.0f, few));
    assert_same_bits(few, clg__tensor_vec(many, 0, 4135));
    test_release(&many);
    test_release(&few);
}

static void wrong_lengths_are_named(void **state)
{
    const clg_ops *o = *state;
    clg_tensor a = test_buffer(o->rt, CLG_F32, 8), b = test_buffer(o->rt, CLG_F32, 7);
    assert_int_equal(clg__activation_fwd(o, CLG_ACT_RELU, 0.0f, a, b), CLG_E_INTERNAL);
    assert_string_equal(clg_message(), "activation_fwd: y has 7 elements, wants 8");
    clg_adam adam = { .lr = 1.0f, .t = 0 };
    assert_int_equal(clg__adam_step(o, &adam, a, a, a, a), CLG_E_INTERNAL);
    test_release(&a);
    test_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batchnorm_in_place_gives_the_same_bits),
        cmocka_unit_test(two_groups_have_the_bits_of_two_calls),
        cmocka_unit_test(one_row_per_group_stays_finite),
        cmocka_unit_test(variance_survives_a_large_mean),
        cmocka_unit_test(nan_passes_every_activation),
        cmocka_unit_test(nan_reaches_the_loss_and_the_count),
        cmocka_unit_test(bytes_come_back_and_nan_is_black),
        cmocka_unit_test(a_number_does_not_depend_on_how_many_are_drawn),
        cmocka_unit_test(wrong_lengths_are_named),
    };
    return test_both_families(tests, sizeof tests / sizeof tests[0]);
}
