/* The objectives (cl/objective_<name>.cl as C in double): derivatives of every one against central
 * differences, values of the known ones against the formulas of their papers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ref/ref.h"
#include "support/grad_check.h"

static const char *const NAMES[] = {
#define CLG_X(id, text) text,
    CLG_OBJECTIVE_LIST(CLG_X)
#undef CLG_X
};

typedef struct loss_state {
    enum clg_objective objective;
    enum clg_loss_role role;
    double target;
    double *l;
} loss_state;
enum { ROWS = 29 };
static const double SCALE = 2.5;

static double scaled_loss(void *ctx)
{
    loss_state *s = ctx;
    double out[2];
    ref_loss(s->objective, s->role, s->l, ROWS, s->target, 1.0, out, NULL);
    return SCALE * out[0];
}

static void every_objective_has_the_gradients_of_its_losses(void **state)
{
    static const double targets[] = { 1.0, 0.9, 0.3, 0.0 };
    (void)state;
    for (uint32_t i = 0; i < CLG_OBJECTIVE_COUNT * 3u * 4u; i++) {
        loss_state s = { .objective = (enum clg_objective)(i / 12u),
                         .role = (enum clg_loss_role)(i / 4u % 3u),
                         .target = targets[i % 4u],
                         .l = grad_random(ROWS, 71 + i) };
        double out[2], dl[ROWS];
        char what[96];
        snprintf(what, sizeof what, "%s, role %d, target %g", NAMES[s.objective], (int)s.role,
                 s.target);
        ref_loss(s.objective, s.role, s.l, ROWS, s.target, SCALE, out, dl);
        grad_check(what, scaled_loss, &s, s.l, dl, ROWS, ROWS);
        free(s.l);
    }
}

/* ---- values ---- */

/* D(x) as written in the papers: fine for the moderate logits tried here. */
static double d_of(double l)
{
    return 1.0 / (1.0 + exp(-l));
}

static double log_real(double l)
{
    return -log(d_of(l));
}
static double log_fake(double l)
{
    return -log(1.0 - d_of(l));
}
static double log_g(double l)
{
    return log(1.0 - d_of(l));
}
static double square_real(double l)
{
    return (l - 1.0) * (l - 1.0) / 2.0;
}
static double square_fake(double l)
{
    return l * l / 2.0;
}
static double minus(double l)
{
    return -l;
}
static double same(double l)
{
    return l;
}
static double hinge_real(double l)
{
    return fmax(0.0, 1.0 - l);
}
static double hinge_fake(double l)
{
    return fmax(0.0, 1.0 + l);
}

static void known_objectives_are_the_formulas_of_their_papers(void **state)
{
    static const struct {
        const char *name;
        enum clg_objective objective;
        double (*f[3])(double), (*shown)(double);
    } known[] = {
        { "non-saturating", CLG_OBJECTIVE_NON_SATURATING, { log_real, log_fake, log_real }, d_of },
        { "saturating", CLG_OBJECTIVE_SATURATING, { log_real, log_fake, log_g }, d_of },
        { "least-squares",
          CLG_OBJECTIVE_LEAST_SQUARES,
          { square_real, square_fake, square_real },
          same },
        { "wasserstein", CLG_OBJECTIVE_WASSERSTEIN, { minus, same, minus }, same },
        { "hinge", CLG_OBJECTIVE_HINGE, { hinge_real, hinge_fake, minus }, same },
    };
    (void)state;
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
        const ref_objective *f = ref_objective_get(known[k].objective);
        assert_string_equal(NAMES[known[k].objective], known[k].name);
        for (double l = -6.0; l <= 6.0; l += 0.25) {
            for (int role = 0; role < 3; role++) {
                if (!(fabs(f->loss[role](l) - known[k].f[role](l)) <= 1e-12)) {
                    fail_msg("%s, role %d at %g: %.15g, the paper has %.15g", known[k].name, role,
                             l, f->loss[role](l), known[k].f[role](l));
                }
            }
            assert_true(fabs(f->shown(l) - known[k].shown(l)) <= 1e-14);
        }
    }
}

static void a_soft_target_counts_a_real_row_partly_as_fake(void **state)
{
    const double l = 0.75;
    double out[2], dl;
    (void)state;
    ref_loss(CLG_OBJECTIVE_NON_SATURATING, CLG_LOSS_OF_REAL, &l, 1, 0.9, 1.0, out, &dl);
    assert_true(fabs(out[0] + 0.9 * log(d_of(l)) + 0.1 * log(1.0 - d_of(l))) < 1e-14);
    assert_true(fabs(dl - (d_of(l) - 0.9)) < 1e-14); /* cross-entropy: D - t */
    ref_loss(CLG_OBJECTIVE_NON_SATURATING, CLG_LOSS_OF_FAKE, &l, 1, 0.9, 1.0, out, &dl);
    assert_true(fabs(dl - d_of(l)) < 1e-14); /* fakes and G know no target */
}

static void losses_at_huge_logits_are_exact_and_nan_stays_nan(void **state)
{
    (void)state;
    const ref_objective *f = ref_objective_get(CLG_OBJECTIVE_NON_SATURATING);
    assert_true(f->loss[CLG_LOSS_OF_FAKE](900.0) == 900.0 &&
                f->loss[CLG_LOSS_OF_FAKE](-900.0) == 0.0);
    assert_true(f->loss[CLG_LOSS_OF_REAL](-900.0) == 900.0 &&
                f->grad[CLG_LOSS_OF_REAL](900.0) == 0.0);
    assert_true(f->grad[CLG_LOSS_OF_FAKE](900.0) == 1.0);
    for (uint32_t i = 0; i < CLG_OBJECTIVE_COUNT; i++) {
        for (int role = 0; role < 3; role++) {
            assert_true(isnan(ref_objective_get((enum clg_objective)i)->loss[role](NAN)));
        }
    }
}

/* ---- mean squared error ---- */

typedef struct mse_state {
    double *x, *y;
} mse_state;

static double scaled_mse(void *ctx)
{
    mse_state *s = ctx;
    double out[2];
    ref_mse(s->x, s->y, ROWS, 1.0, out, NULL);
    return SCALE * out[0];
}

static void mse_has_its_value_and_its_gradient(void **state)
{
    static const double x[3] = { 1.0, -2.0, 0.5 }, y[3] = { 0.0, 1.0, 0.5 };
    mse_state s = { .x = grad_random(ROWS, 91), .y = grad_random(ROWS, 92) };
    double out[2], dx[ROWS];
    (void)state;
    ref_mse(s.x, s.y, ROWS, SCALE, out, dx);
    grad_check("mse dx", scaled_mse, &s, s.x, dx, ROWS, ROWS);
    ref_mse(x, y, 3, 1.0, out, NULL);
    assert_true(fabs(out[0] - 10.0 / 3.0) < 1e-15 && fabs(out[1] - 3.5 / 3.0) < 1e-15);
    free(s.x);
    free(s.y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_objective_has_the_gradients_of_its_losses),
        cmocka_unit_test(known_objectives_are_the_formulas_of_their_papers),
        cmocka_unit_test(a_soft_target_counts_a_real_row_partly_as_fake),
        cmocka_unit_test(losses_at_huge_logits_are_exact_and_nan_stays_nan),
        cmocka_unit_test(mse_has_its_value_and_its_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
