/* Stochastic gradient descent, weight decay and clipping against numbers worked out by hand and
 * against what they are the gradient of. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ref/ref.h"
#include "support/grad_check.h"

static void a_step_adds_the_momentum_of_the_step_before(void **state)
{
    const double g[2] = { 1.0, -2.0 };
    double w[2] = { 10.0, 20.0 }, v[2] = { 0.0, 0.0 };
    (void)state;
    ref_sgd_step(0.5, 0.25, 2, g, w, v);
    assert_true(v[0] == -0.5 && v[1] == 1.0 && w[0] == 9.5 && w[1] == 21.0);
    ref_sgd_step(0.5, 0.25, 2, g, w, v);
    assert_true(v[0] == -0.625 && v[1] == 1.25 && w[0] == 8.875 && w[1] == 22.25);
}

/* PyTorch keeps b <- m b + g and steps w <- w - lr b: the same path while lr is constant. */
static void a_constant_rate_walks_the_path_of_pytorchs_form(void **state)
{
    enum { N = 9, STEPS = 20 };
    double *g = grad_random(N * STEPS, 5), *w = grad_random(N, 6), v[N] = { 0.0 };
    double other[N], b[N] = { 0.0 };
    (void)state;
    for (int i = 0; i < N; i++) {
        other[i] = w[i];
    }
    for (int t = 0; t < STEPS; t++) {
        ref_sgd_step(0.1, 0.7, N, g + t * N, w, v);
        for (int i = 0; i < N; i++) {
            b[i] = 0.7 * b[i] + g[t * N + i];
            other[i] -= 0.1 * b[i];
            assert_true(fabs(w[i] - other[i]) < 1e-13);
        }
    }
    free(g);
    free(w);
}

enum { DECAYED = 12 };

static double half_squared_norm(void *ctx)
{
    const double *w = ctx;
    return 0.3 / 2.0 * grad_dot(w, w, DECAYED);
}

static void decay_is_the_gradient_of_the_squared_norm(void **state)
{
    double *w = grad_random(DECAYED, 7), g[DECAYED] = { 0.0 };
    (void)state;
    ref_weight_decay(0.3, DECAYED, w, g);
    grad_check("weight decay", half_squared_norm, w, w, g, DECAYED, DECAYED);
    free(w);
}

static void clipping_moves_only_what_is_outside(void **state)
{
    double w[6] = { -3.0, -0.5, -0.1, 0.2, 0.5, (double)INFINITY };
    static const double want[6] = { -0.5, -0.5, -0.1, 0.2, 0.5, 0.5 };
    (void)state;
    ref_weight_clip(0.5, 6, w);
    for (int i = 0; i < 6; i++) {
        assert_true(w[i] == want[i]);
    }
    w[0] = NAN;
    ref_weight_clip(0.5, 1, w);
    assert_true(isnan(w[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_adds_the_momentum_of_the_step_before),
        cmocka_unit_test(a_constant_rate_walks_the_path_of_pytorchs_form),
        cmocka_unit_test(decay_is_the_gradient_of_the_squared_norm),
        cmocka_unit_test(clipping_moves_only_what_is_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
