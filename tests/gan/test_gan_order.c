/* Update orders, losses and optimisers as data: which nets a step moves, which terms D learns, which
 * learning rate and momentum an update has. Pure functions, no device.
 * drivers: none */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gan/trainer_internal.h"

static clg_model_desc desc_of(enum clg_order order, uint32_t d_steps)
{
    clg_model_desc d = { .order = { .kind = order, .d_steps = d_steps },
                         .loss = { .weight_real = 1, .weight_fake = 1, .weight_g = 1 } };
    return d;
}

/* The nets of steps 1 .. n as letters: b both, d, g. */
static void assert_steps(const clg_model_desc *d, uint64_t per_epoch, const char *wanted)
{
    static const char letter[4] = { '-', 'd', 'g', 'b' };
    for (uint64_t step = 1; wanted[step - 1] != '\0'; step++) {
        uint32_t nets = clg__order_nets(d, step, per_epoch);
        assert_true(nets >= 1 && nets <= 3);
        assert_int_equal(letter[nets], wanted[step - 1]);
    }
}

static void both_nets_move_at_every_step_by_default(void **state)
{
    (void)state;
    static const enum clg_order orders[] = { CLG_ORDER_SIMULTANEOUS, CLG_ORDER_D_THEN_G_SAME_FAKES,
                                             CLG_ORDER_D_THEN_G_FRESH_FAKES, CLG_ORDER_G_THEN_D,
                                             CLG_ORDER_RECONSTRUCT };
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        clg_model_desc d = desc_of(orders[i], 1);
        assert_steps(&d, 10, "bbbb");
        assert_int_equal(clg__order_period(&d), 1);
        assert_false(clg__order_pauses(&d));
    }
}

static void g_moves_at_every_kth_minibatch(void **state)
{
    (void)state;
    clg_model_desc d = desc_of(CLG_ORDER_D_THEN_G_FRESH_FAKES, 5);
    assert_steps(&d, 10, "ddddbddddb");
    assert_int_equal(clg__order_period(&d), 5);
    assert_true(clg__order_pauses(&d));
}

static void alternate_moves_one_net_per_minibatch(void **state)
{
    (void)state;
    clg_model_desc d = desc_of(CLG_ORDER_ALTERNATE, 1);
    assert_steps(&d, 10, "dgdgdg");
    d.order.d_steps = 2;
    assert_steps(&d, 10, "ddgddg");
    assert_int_equal(clg__order_period(&d), 3);
}

static void g_starts_with_its_epoch(void **state)
{
    (void)state;
    clg_model_desc d = desc_of(CLG_ORDER_SIMULTANEOUS, 1);
    d.order.g_start_epoch = 2;
    assert_steps(&d, 3, "ddddddbbb");
    assert_true(clg__order_pauses(&d));
    assert_steps(&d, 0, "bb"); /* no epochs: not held back */
    d = desc_of(CLG_ORDER_ALTERNATE, 1);
    d.order.g_start_epoch = 1;
    assert_steps(&d, 3, "dddgdg");
}

static void each_order_has_its_phases_in_its_order(void **state)
{
    (void)state;
    /* R real, F fakes (f: second draw), D pass, S G through the same pass, G pass, A reconstruct,
     * d, g updates */
    static const char *const wanted[] = {
        [CLG_ORDER_SIMULTANEOUS] = "RFDSdg",
        [CLG_ORDER_D_THEN_G_SAME_FAKES] = "RFDdGg",
        [CLG_ORDER_D_THEN_G_FRESH_FAKES] = "RFDdfGg",
        [CLG_ORDER_G_THEN_D] = "FGgRfDd",
        [CLG_ORDER_ALTERNATE] = "RFDdGg",
        [CLG_ORDER_RECONSTRUCT] = "RAdg",
    };
    static const char letter[] = { [CLG_PHASE_REAL] = 'R', [CLG_PHASE_FAKES] = 'F',
                                   [CLG_PHASE_D_PASS] = 'D', [CLG_PHASE_G_SAME_PASS] = 'S',
                                   [CLG_PHASE_G_PASS] = 'G', [CLG_PHASE_RECONSTRUCT] = 'A',
                                   [CLG_PHASE_D_UPDATE] = 'd', [CLG_PHASE_G_UPDATE] = 'g' };
    for (int order = 0; order <= CLG_ORDER_RECONSTRUCT; order++) {
        uint32_t n = 0;
        const clg_order_phase *p = clg__order_phases((enum clg_order)order, &n);
        assert_int_equal(n, strlen(wanted[order]));
        for (uint32_t i = 0; i < n; i++) {
            char c = letter[p[i].phase];
            assert_int_equal(p[i].draw > 0 ? c + ('f' - 'F') : c, wanted[order][i]);
        }
    }
}

/* ---- losses ---- */

static void assert_term(const clg_loss_term *t, uint32_t group, uint32_t head,
                        enum clg_loss_role role, double weight, uint32_t slot)
{
    assert_int_equal(t->group, group);
    assert_int_equal(t->head, head);
    assert_int_equal(t->role, role);
    assert_float_equal(t->weight, weight, 1e-7);
    assert_int_equal(t->slot, slot);
}

static clg_loss_table table_of(float w, uint32_t classes, uint32_t heads)
{
    clg_loss_table t;
    clg_model_desc d = desc_of(CLG_ORDER_D_THEN_G_FRESH_FAKES, 1);
    clg_model_plan *plan = clg__alloc(1, sizeof *plan);
    assert_non_null(plan);
    d.loss.wrong_label_weight = w;
    plan->classes = plan->d.classes = classes;
    plan->d.head_count = heads;
    clg__loss_table_make(&d, plan, &t);
    clg__free(plan);
    return t;
}

static void a_plain_d_learns_real_and_fake(void **state)
{
    (void)state;
    clg_loss_table t = table_of(0.5f, 0, 1);
    assert_int_equal(t.groups, 2);
    assert_int_equal(t.d_count, 2);
    assert_int_equal(t.g_count, 1);
    assert_term(&t.d[0], CLG_GROUP_REAL, 0, CLG_LOSS_OF_REAL, 1, 0);
    assert_term(&t.d[1], CLG_GROUP_FAKE, 0, CLG_LOSS_OF_FAKE, 1, 1);
    assert_term(&t.g[0], CLG_GROUP_FAKE, 0, CLG_LOSS_OF_G, 1, 2);
}

static void a_conditional_d_learns_three_kinds_of_pair(void **state)
{
    (void)state;
    clg_loss_table t = table_of(0.25f, 10, 1);
    assert_int_equal(t.groups, 3);
    assert_int_equal(t.d_count, 3);
    assert_term(&t.d[0], CLG_GROUP_REAL, 0, CLG_LOSS_OF_REAL, 1, 0);
    assert_term(&t.d[1], CLG_GROUP_FAKE, 0, CLG_LOSS_OF_FAKE, 0.75, 1);
    assert_term(&t.d[2], CLG_GROUP_WRONG, 0, CLG_LOSS_OF_FAKE, 0.25, 2);
    assert_term(&t.g[0], CLG_GROUP_FAKE, 0, CLG_LOSS_OF_G, 1, 3);
    t = table_of(0.0f, 10, 1);
    assert_int_equal(t.groups, 2);
    assert_int_equal(t.d_count, 2);
    assert_term(&t.d[1], CLG_GROUP_FAKE, 0, CLG_LOSS_OF_FAKE, 1, 1);
}

static void two_heads_follow_the_sheet(void **state)
{
    (void)state;
    clg_loss_table t = table_of(0.5f, 10, 2);
    assert_int_equal(t.groups, 3);
    assert_int_equal(t.d_count, 5);
    assert_int_equal(t.g_count, 2);
    assert_term(&t.d[0], CLG_GROUP_REAL, 0, CLG_LOSS_OF_REAL, 1, 0);   /* r(x) */
    assert_term(&t.d[1], CLG_GROUP_FAKE, 0, CLG_LOSS_OF_FAKE, 1, 1);   /* r(G) */
    assert_term(&t.d[2], CLG_GROUP_REAL, 1, CLG_LOSS_OF_REAL, 1, 2);   /* m(x, c) */
    assert_term(&t.d[3], CLG_GROUP_FAKE, 1, CLG_LOSS_OF_FAKE, 0.5, 3); /* m(G, c) */
    assert_term(&t.d[4], CLG_GROUP_WRONG, 1, CLG_LOSS_OF_FAKE, 0.5, 4);
    assert_term(&t.g[0], CLG_GROUP_FAKE, 0, CLG_LOSS_OF_G, 1, 5);
    assert_term(&t.g[1], CLG_GROUP_FAKE, 1, CLG_LOSS_OF_G, 1, 6);
    assert_true(2u * (t.d_count + t.g_count) <= CLG_LOSS_ROW);
    const float row[CLG_LOSS_ROW] = { 1, 0, 2, 0, 4, 0, 8, 0, 16, 0, 32, 0, 64, 0 };
    assert_true(clg__loss_sum(t.d, t.d_count, row) == 1 + 2 + 4 + 4 + 8);
    assert_true(clg__loss_sum(t.g, t.g_count, row) == 96);
}

/* ---- optimisers ---- */

static void the_learning_rate_falls_to_its_floor(void **state)
{
    (void)state;
    clg_optim_desc o = { .lr = 0.1f, .lr_divisor = 1.00004f, .lr_floor = 1e-6f };
    double lr = 0.1f;
    for (uint64_t done = 0; done < 1000; done++) {
        assert_float_equal(clg__optim_lr(&o, done, 1.0), lr, 1e-8);
        lr /= (double)1.00004f;
    }
    assert_true(clg__optim_lr(&o, 10000000, 1.0) == 1e-6f);
    assert_true(clg__optim_lr(&o, 0, 0.25) == 0.25f * 0.1f);
    o.lr_divisor = 1.0f;
    assert_true(clg__optim_lr(&o, 10000000, 1.0) == 0.1f);
}

static void momentum_rises_by_epochs(void **state)
{
    (void)state;
    clg_optim_desc o = { .momentum = 0.5f, .momentum_end = 0.7f, .momentum_epochs = 250 };
    assert_true(clg__optim_momentum(&o, 1, 500) == 0.5f);
    assert_true(clg__optim_momentum(&o, 500, 500) == 0.5f); /* all of epoch 1 */
    assert_float_equal(clg__optim_momentum(&o, 501, 500), 0.5f + 0.2f / 249, 1e-6f);
    assert_float_equal(clg__optim_momentum(&o, 125 * 500, 500), 0.5f + 0.2f * 124 / 249, 1e-6f);
    assert_true(clg__optim_momentum(&o, 249 * 500 + 1, 500) == 0.7f);
    assert_true(clg__optim_momentum(&o, 300 * 500, 500) == 0.7f);
    o.momentum_epochs = 0;
    assert_true(clg__optim_momentum(&o, 300 * 500, 500) == 0.5f);
}

/* A checkpoint of an autoencoder encodes training images: as many as the run has seen, not more. */
static void codes_of_a_young_run_are_few(void **state)
{
    (void)state;
    assert_int_equal(clg__codes_count(60000, 100, 48), 400); /* enough for a covariance of 100 */
    assert_int_equal(clg__codes_count(60000, 100, 6400), 6400);
    assert_int_equal(clg__codes_count(60000, 100, 600000), 10000);
    assert_int_equal(clg__codes_count(300, 100, 600000), 300);
    assert_int_equal(clg__codes_count(60000, 8192, 0), 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_nets_move_at_every_step_by_default),
        cmocka_unit_test(g_moves_at_every_kth_minibatch),
        cmocka_unit_test(alternate_moves_one_net_per_minibatch),
        cmocka_unit_test(g_starts_with_its_epoch),
        cmocka_unit_test(each_order_has_its_phases_in_its_order),
        cmocka_unit_test(a_plain_d_learns_real_and_fake),
        cmocka_unit_test(a_conditional_d_learns_three_kinds_of_pair),
        cmocka_unit_test(two_heads_follow_the_sheet),
        cmocka_unit_test(the_learning_rate_falls_to_its_floor),
        cmocka_unit_test(momentum_rises_by_epochs),
        cmocka_unit_test(codes_of_a_young_run_are_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
