/* Losses and weight clipping beyond their case tables: what has no reference value. */
#include <math.h>
#include <string.h>

#include "ops/fill.h"
#include "ops/loss.h"
#include "ops/sgd.h"
#include "support/family.h"
#include "support/rt_support.h"

static void nan_reaches_loss_shown_and_gradient_of_every_objective(void **state)
{
    const clg_ops *o = *state;
    float l[40] = { 0 }, out[2], dl[40];
    l[35] = NAN;
    clg_tensor tl = test_upload(o->rt, l, 40), tout = test_buffer(o->rt, CLG_F32, 2);
    clg_tensor tdl = test_buffer(o->rt, CLG_F32, 40);
    for (uint32_t i = 0; i < CLG_OBJECTIVE_COUNT * 3u; i++) {
        TEST_OK(clg__loss(o, (enum clg_objective)(i / 3), (enum clg_loss_role)(i % 3), tl, 1.0f,
                          1.0f, tout, tdl));
        test_download(tout, out);
        test_download(tdl, dl);
        assert_true(isnan(out[0]) && isnan(out[1]) && isnan(dl[35]) && !isnan(dl[34]));
    }
    test_release(&tl);
    test_release(&tout);
    test_release(&tdl);
}

static void huge_logits_are_exact_and_the_gradient_may_be_left_out(void **state)
{
    const clg_ops *o = *state;
    const float l[3] = { 80.0f, 90.0f, 100.0f };
    float out[2];
    clg_tensor tl = test_upload(o->rt, l, 3), tout = test_buffer(o->rt, CLG_F32, 2);
    TEST_OK(clg__loss(o, CLG_OBJECTIVE_NON_SATURATING, CLG_LOSS_OF_FAKE, tl, 1.0f, 1.0f, tout,
                      CLG_NO_TENSOR));
    test_download(tout, out);
    assert_true(out[0] == 90.0f && out[1] == 1.0f);
    TEST_OK(clg__loss(o, CLG_OBJECTIVE_NON_SATURATING, CLG_LOSS_OF_REAL, tl, 1.0f, 1.0f, tout,
                      CLG_NO_TENSOR));
    test_download(tout, out);
    assert_true(out[0] >= 0.0f && out[0] < 1e-30f);
    test_release(&tl);
    test_release(&tout);
}

/* 1, -2, 0.5, 3 in both formats: least squares has exact gradients there. */
static void half_width_logits_give_half_width_gradients(void **state)
{
    const clg_ops *o = *state;
    static const struct {
        enum clg_dtype dtype;
        uint16_t l[4], dl[4]; /* (l - 1) / 4: 0, -.75, -.125, .5 */
    } form[] = {
        { CLG_F16, { 0x3c00, 0xc000, 0x3800, 0x4200 }, { 0x0000, 0xba00, 0xb000, 0x3800 } },
        { CLG_BF16, { 0x3f80, 0xc000, 0x3f00, 0x4040 }, { 0x0000, 0xbf40, 0xbe00, 0x3f00 } },
    };
    clg_tensor tout = test_buffer(o->rt, CLG_F32, 2);
    for (int i = 0; i < 2; i++) {
        clg_tensor tl = test_buffer(o->rt, form[i].dtype, 4);
        clg_tensor tdl = test_buffer(o->rt, form[i].dtype, 4);
        float out[2];
        uint16_t dl[4];
        TEST_OK(clg__rt_write(o->rt, tl, form[i].l));
        TEST_OK(
            clg__loss(o, CLG_OBJECTIVE_LEAST_SQUARES, CLG_LOSS_OF_REAL, tl, 1.0f, 1.0f, tout, tdl));
        test_download(tout, out);
        TEST_OK(clg__rt_read(o->rt, tdl, dl));
        assert_memory_equal(dl, form[i].dl, sizeof dl);
        assert_true(out[0] == 13.25f / 8.0f && out[1] == 0.625f);
        test_release(&tl);
        test_release(&tdl);
    }
    test_release(&tout);
}

static void mse_gradient_may_take_the_place_of_x(void **state)
{
    const clg_ops *o = *state;
    enum { N = 20001 };
    float x[N], y[N], dx[N], out[2];
    for (int i = 0; i < N; i++) {
        x[i] = (float)(i % 7) - 3.0f;
        y[i] = (float)(i % 5) - 2.0f;
    }
    clg_tensor tx = test_upload(o->rt, x, N), ty = test_upload(o->rt, y, N);
    clg_tensor tout = test_buffer(o->rt, CLG_F32, 2);
    clg_tensor ws = test_buffer(o->rt, CLG_F32, (size_t)clg__mse_workspace(o, N));
    TEST_OK(clg__mse(o, tx, ty, (float)N / 2.0f, tout, tx, ws));
    test_download(tx, dx);
    test_download(tout, out);
    double sum = 0.0;
    for (int i = 0; i < N; i++) {
        assert_true(dx[i] == x[i] - y[i]);
        sum += (double)dx[i] * (double)dx[i] / N;
    }
    assert_true(fabs((double)out[0] - sum) < 1e-6 * sum);
    TEST_OK(clg__mse(o, ty, ty, 1.0f, tout, CLG_NO_TENSOR, ws));
    test_download(tout, out);
    assert_true(out[0] == 0.0f && out[1] > 1.0f);
    clg_tensor *all[] = { &tx, &ty, &tout, &ws };
    for (size_t i = 0; i < 4; i++) {
        test_release(all[i]);
    }
}

/* Several work-groups on several threads, again and again: each has its own local memory. */
static void sums_of_many_groups_have_the_same_bits_every_time(void **state)
{
    const clg_ops *o = *state;
    enum { N = 131072, RUNS = 300 };
    float first[2], out[2];
    clg_tensor x = test_buffer(o->rt, CLG_F32, N), y = test_buffer(o->rt, CLG_F32, N);
    clg_tensor tout = test_buffer(o->rt, CLG_F32, 2);
    clg_tensor ws = test_buffer(o->rt, CLG_F32, (size_t)clg__mse_workspace(o, N));
    TEST_OK(clg__fill(o, x, 3.0f));
    TEST_OK(clg__fill(o, y, 0.7f));
    for (int i = 0; i < RUNS; i++) {
        TEST_OK(clg__mse(o, x, y, 1.0f, tout, CLG_NO_TENSOR, ws));
        test_download(tout, out);
        if (i == 0) {
            memcpy(first, out, sizeof first);
        }
        assert_memory_equal(out, first, sizeof first);
    }
    clg_tensor *all[] = { &x, &y, &tout, &ws };
    for (size_t i = 0; i < 4; i++) {
        test_release(all[i]);
    }
}

static void clipping_leaves_nan_for_the_watcher(void **state)
{
    const clg_ops *o = *state;
    float w[37];
    for (int i = 0; i < 37; i++) {
        w[i] = i % 3 == 0 ? NAN : (float)i - 18.0f;
    }
    clg_tensor tw = test_upload(o->rt, w, 37);
    TEST_OK(clg__weight_clip(o, 2.0f, tw));
    test_download(tw, w);
    for (int i = 0; i < 37; i++) {
        assert_int_equal(isnan(w[i]) != 0, i % 3 == 0);
        assert_true(i % 3 == 0 || fabsf(w[i]) <= 2.0f);
    }
    test_release(&tw);
}

static void wrong_tensors_are_named(void **state)
{
    const clg_ops *o = *state;
    clg_tensor l = test_buffer(o->rt, CLG_F32, 8), out = test_buffer(o->rt, CLG_F32, 2);
    clg_tensor bytes = test_buffer(o->rt, CLG_U8, 8);
    assert_int_equal(clg__loss(o, CLG_OBJECTIVE_HINGE, CLG_LOSS_OF_G, l, 1.0f, 1.0f, l, l),
                     CLG_E_INTERNAL);
    assert_string_equal(clg_message(), "loss: out has 8 elements, wants 2");
    assert_int_equal(clg__loss(o, CLG_OBJECTIVE_HINGE, CLG_LOSS_OF_G, bytes, 1.0f, 1.0f, out, l),
                     CLG_E_INTERNAL);
    test_release(&l);
    test_release(&out);
    test_release(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nan_reaches_loss_shown_and_gradient_of_every_objective),
        cmocka_unit_test(huge_logits_are_exact_and_the_gradient_may_be_left_out),
        cmocka_unit_test(half_width_logits_give_half_width_gradients),
        cmocka_unit_test(mse_gradient_may_take_the_place_of_x),
        cmocka_unit_test(sums_of_many_groups_have_the_same_bits_every_time),
        cmocka_unit_test(clipping_leaves_nan_for_the_watcher),
        cmocka_unit_test(wrong_tensors_are_named),
    };
    return test_both_families(tests, sizeof tests / sizeof tests[0]);
}
