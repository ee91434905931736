/* The presets against their sheets: parameters, tensor names, losses, orders, optimisers, data.
 * drivers: none */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gan/model.h"
#include "support/fault.h"
#include "support/expand.h"

static clg_model_desc desc; /* large, so not on the stack */
static clg_model_plan plan;

static void load(const char *name)
{
    assert_ok(clg__model_load(name, &desc));
    clg_data_shape shape = clg__model_data_shape(&desc);
    assert_ok(clg__model_expand(&desc, &shape, &plan));
}

static void every_preset_has_a_summary_of_one_line_and_expands_for_its_data(void **state)
{
    (void)state;
    int count = 0;
    for (const clg_preset *p = clg__presets; p->name != NULL; p++, count++) {
        load(p->name);
        if (desc.model.summary[0] == '\0' || strlen(desc.model.summary) > 90) {
            fail_msg("preset %s: its summary has %zu characters, wanted 1 to 90", p->name,
                     strlen(desc.model.summary));
        }
        assert_true(desc.data.source[0] != '\0');
        assert_true(p->text[0] == '#'); /* begins with what it is */
    }
    assert_true(count >= 15);
}

static void parameters_are_those_of_the_sheets(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t g, d;
    } sheet[] = {
        { "curves", 2703, 2177 },
        { "gauss1d", 4353, 4353 },
        { "goodfellow-mnist", 2503984, 1231441 },
        { "mnist-mlp", 114064, 100609 },
        { "dcgan32", 3449475, 663745 },
        { "dcgan32-wide", 3449475, 2760385 },
        { "cgan-mlp", 2413984, 1224351 },
        { "cgan-mlp-two-head", 2413984, 1224351 + 241 },
        { "ring", 486402, 405201 },
        { "grid", 486402, 405201 },
    };
    for (size_t i = 0; i < sizeof sheet / sizeof sheet[0]; i++) {
        load(sheet[i].name);
        if (plan.g.parameters != sheet[i].g || plan.d.parameters != sheet[i].d) {
            fail_msg("%s: G %llu and D %llu parameters, the sheet has %u and %u", sheet[i].name,
                     (unsigned long long)plan.g.parameters, (unsigned long long)plan.d.parameters,
                     sheet[i].g, sheet[i].d);
        }
    }
}

/* Names of the layers with parameters, and of their norms, one after another. */
static void check_names(const clg_net_plan *net, const char *wanted)
{
    char text[512] = "";
    size_t n = 0;
    for (uint32_t i = 0; i < net->layer_count; i++) {
        const clg_layer *l = &net->layer[i];
        bool has = l->op == CLG_LAYER_LINEAR || l->op == CLG_LAYER_CONV2D ||
                   l->op == CLG_LAYER_DECONV2D || l->op == CLG_LAYER_EMBEDDING;
        if (has) {
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s%s%s", n != 0 ? " " : "", l->name,
                                  l->norm_name[0] != '\0' ? "+" : "", l->norm_name);
        }
    }
    assert_string_equal(text, wanted);
}

static void tensors_are_named_as_in_pytorch(void **state)
{
    (void)state;
    static const struct {
        const char *name, *g, *d;
    } sheet[] = {
        { "curves", "fc1 fc2", "fc1 fc2" },
        { "mnist-mlp", "model.0 model.2", "model.0 model.2" },
        { "autoencoder-mlp", "model.0 model.2", "model.0 model.2" },
        { "dcgan32", "main.0+main.1 main.3+main.4 main.6+main.7 main.9",
          "main.0 main.2+main.3 main.5+main.6 main.8" },
        { "dcgan32-wide", "main.0+main.1 main.3+main.4 main.6+main.7 main.9",
          "main.0 main.2+main.3 main.5+main.6 main.8+main.9 main.11" },
        { "goodfellow-mnist", "main.0 main.2 main.4", "main.1 main.4 main.7" },
        { "ring", "main.0+main.1 main.3+main.4 main.6+main.7 main.9+main.10 main.12",
          "main.0 main.2 main.4 main.6" },
        { "cgan-mlp", "main.0 main.2 main.5 main.8", "main.0 main.2 main.5 main.8" },
        { "cgan-mlp-two-head", "main.0 main.2 main.5 main.8",
          "main.0 main.3 main.4 main.7 main.10" },
        { "cgan-dcgan", "main.0+main.1 main.3+main.4 main.6",
          "main.0 main.2+main.3 main.5+main.6 main.8" },
        { "cgan-dcgan-two-head", "main.0+main.1 main.3+main.4 main.6",
          "main.0 main.2+main.3 main.5 main.6+main.7 main.9" },
    };
    for (size_t i = 0; i < sizeof sheet / sizeof sheet[0]; i++) {
        load(sheet[i].name);
        check_names(&plan.g, sheet[i].g);
        check_names(&plan.d, sheet[i].d);
    }
}

static void objectives_and_orders_are_those_of_the_sheets(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum clg_objective objective;
        enum clg_order order;
        uint32_t d_steps;
    } sheet[] = {
        { "curves", CLG_OBJECTIVE_SATURATING, CLG_ORDER_SIMULTANEOUS, 1 },
        { "gauss1d", CLG_OBJECTIVE_NON_SATURATING, CLG_ORDER_D_THEN_G_FRESH_FAKES, 5 },
        { "goodfellow-mnist", CLG_OBJECTIVE_NON_SATURATING, CLG_ORDER_SIMULTANEOUS, 1 },
        { "mnist-mlp", CLG_OBJECTIVE_NON_SATURATING, CLG_ORDER_D_THEN_G_SAME_FAKES, 1 },
        { "dcgan", CLG_OBJECTIVE_NON_SATURATING, CLG_ORDER_D_THEN_G_SAME_FAKES, 1 },
        { "dcgan32", CLG_OBJECTIVE_NON_SATURATING, CLG_ORDER_D_THEN_G_SAME_FAKES, 1 },
        { "dcgan32-wide", CLG_OBJECTIVE_NON_SATURATING, CLG_ORDER_D_THEN_G_SAME_FAKES, 1 },
        { "cgan-mlp", CLG_OBJECTIVE_NON_SATURATING, CLG_ORDER_D_THEN_G_FRESH_FAKES, 1 },
        { "cgan-mlp-two-head", CLG_OBJECTIVE_NON_SATURATING, CLG_ORDER_D_THEN_G_FRESH_FAKES, 1 },
        { "cgan-dcgan", CLG_OBJECTIVE_NON_SATURATING, CLG_ORDER_D_THEN_G_FRESH_FAKES, 1 },
        { "cgan-dcgan-two-head", CLG_OBJECTIVE_NON_SATURATING, CLG_ORDER_D_THEN_G_FRESH_FAKES, 1 },
        { "autoencoder", CLG_OBJECTIVE_NON_SATURATING, CLG_ORDER_RECONSTRUCT, 1 },
        { "autoencoder-mlp", CLG_OBJECTIVE_NON_SATURATING, CLG_ORDER_RECONSTRUCT, 1 },
    };
    for (size_t i = 0; i < sizeof sheet / sizeof sheet[0]; i++) {
        load(sheet[i].name);
        assert_int_equal(desc.loss.objective, sheet[i].objective);
        assert_int_equal(desc.order.kind, sheet[i].order);
        assert_int_equal(desc.order.d_steps, sheet[i].d_steps);
    }
}

static void check_adam(const clg_optim_desc *o, float lr, float beta1)
{
    assert_int_equal(o->kind, CLG_OPTIMIZER_ADAM);
    assert_true(o->lr == lr && o->beta1 == beta1 && o->beta2 == 0.999f && o->eps == 1e-8f);
    assert_true(o->weight_decay == 0 && o->clip == 0 && o->lr_divisor == 1);
}

static void optimisers_and_batches_are_those_of_the_sheets(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        float lr, beta1;
        uint32_t batch;
        uint64_t steps;
        uint32_t epochs;
    } adam[] = {
        { "curves", 1e-4f, 0.9f, 64, 2000, 0 },   { "gauss1d", 1e-3f, 0.5f, 512, 25000, 0 },
        { "mnist-mlp", 2e-4f, 0.9f, 64, 0, 100 }, { "autoencoder-mlp", 2e-4f, 0.9f, 64, 0, 100 },
        { "dcgan", 2e-4f, 0.5f, 64, 0, 25 },      { "autoencoder", 2e-4f, 0.5f, 64, 0, 25 },
        { "dcgan32", 2e-4f, 0.5f, 64, 0, 25 },    { "dcgan32-wide", 2e-4f, 0.5f, 64, 0, 25 },
        { "cgan-dcgan", 2e-4f, 0.5f, 64, 0, 25 }, { "cgan-dcgan-two-head", 2e-4f, 0.5f, 64, 0, 25 },
        { "ring", 1e-4f, 0.8f, 100, 0, 400 },     { "grid", 1e-4f, 0.8f, 100, 0, 400 },
    };
    for (size_t i = 0; i < sizeof adam / sizeof adam[0]; i++) {
        load(adam[i].name);
        check_adam(&desc.optimizer_g, adam[i].lr, adam[i].beta1);
        check_adam(&desc.optimizer_d, adam[i].lr, adam[i].beta1);
        assert_int_equal(desc.train.batch, adam[i].batch);
        assert_int_equal(desc.train.steps, adam[i].steps);
        assert_true(adam[i].steps != 0 || desc.train.epochs == adam[i].epochs);
    }
    static const struct {
        const char *name;
        float divisor;
    } sgd[] = { { "goodfellow-mnist", 1.000004f },
                { "cgan-mlp", 1.00004f },
                { "cgan-mlp-two-head", 1.00004f } };
    for (size_t i = 0; i < sizeof sgd / sizeof sgd[0]; i++) {
        load(sgd[i].name);
        const clg_optim_desc *o = &desc.optimizer_g;
        assert_int_equal(o->kind, CLG_OPTIMIZER_SGD);
        assert_true(o->lr == 0.1f && o->momentum == 0.5f && o->momentum_end == 0.7f);
        assert_true(o->lr_divisor == sgd[i].divisor && o->lr_floor == 1e-6f);
        assert_int_equal(o->momentum_epochs, 250);
        assert_memory_equal(o, &desc.optimizer_d, sizeof *o);
        assert_int_equal(desc.train.batch, 100);
        assert_int_equal(desc.data.range, CLG_RANGE_UNIT);
    }
}

static void the_2014_gan_has_its_dropout_pieces_and_initial_values(void **state)
{
    (void)state;
    static const enum clg_layer_op ops[] = { CLG_LAYER_DROPOUT, CLG_LAYER_LINEAR, CLG_LAYER_MAXOUT,
                                             CLG_LAYER_DROPOUT, CLG_LAYER_LINEAR, CLG_LAYER_MAXOUT,
                                             CLG_LAYER_DROPOUT, CLG_LAYER_LINEAR };
    load("goodfellow-mnist");
    assert_int_equal(plan.d.layer_count, 8);
    for (uint32_t i = 0; i < 8; i++) {
        const clg_layer *l = &plan.d.layer[i];
        assert_int_equal(l->op, ops[i]);
        assert_int_equal(l->from, (int32_t)i - 1);
        assert_true(l->op != CLG_LAYER_DROPOUT || l->keep == (i == 0 ? 0.8f : 0.5f));
        assert_true(l->op != CLG_LAYER_MAXOUT || l->pieces == 5);
    }
    assert_true(desc.latent.lo == -1.7320508f && desc.latent.hi == 1.7320508f);
    assert_int_equal(desc.latent.kind, CLG_LATENT_UNIFORM);
    assert_int_equal(plan.g.init.kind, CLG_INIT_UNIFORM);
    assert_true(plan.g.init.std == 0.05f && plan.d.init.std == 0.005f && plan.d.init.bias_zero);
    assert_int_equal(plan.g.layer[1].bias_init, CLG_BIAS_ZERO);
    assert_int_equal(plan.g.layer[2].bias_init, CLG_BIAS_DATA);
    assert_true(desc.loss.weight_real == 0.5f && desc.loss.weight_fake == 0.5f);
    assert_int_equal(desc.data.holdout, 10000);
}

static void drawn_systems_are_vectors_without_size(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum clg_system system;
        uint32_t dim;
    } drawn[] = { { "curves", CLG_SYSTEM_CURVES, 15 },
                  { "gauss1d", CLG_SYSTEM_GAUSS1D, 1 },
                  { "ring", CLG_SYSTEM_RING, 2 },
                  { "grid", CLG_SYSTEM_GRID, 2 } };
    for (size_t i = 0; i < sizeof drawn / sizeof drawn[0]; i++) {
        assert_ok(clg__model_load(drawn[i].name, &desc));
        assert_ok(test_expand(&desc, 0, 0, &plan)); /* the shape follows from the system */
        assert_int_equal(plan.system, drawn[i].system);
        assert_int_equal(plan.size, 0);
        assert_int_equal(plan.h * plan.w, 1);
        assert_int_equal(plan.c, drawn[i].dim);
        assert_int_equal(plan.g.out_c, drawn[i].dim);
        assert_int_equal(plan.d.in_c, drawn[i].dim);
    }
}

static void conditional_presets_share_one_label_vector_per_net(void **state)
{
    (void)state;
    static const char *const names[] = { "cgan-mlp", "cgan-mlp-two-head", "cgan-dcgan",
                                         "cgan-dcgan-two-head" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const clg_net_plan *nets[2] = { &plan.g, &plan.d };
        load(names[i]);
        assert_int_equal(plan.classes, 10);
        assert_true(desc.loss.wrong_label_weight == 0.5f);
        assert_int_equal(desc.train.grid_rows, 10);
        assert_int_equal(plan.d.head_count, i % 2 + 1);
        for (int n = 0; n < 2; n++) {
            uint32_t vectors = 0;
            assert_int_equal(nets[n]->classes, 10);
            for (uint32_t j = 0; j < nets[n]->layer_count; j++) {
                vectors += nets[n]->layer[j].op == CLG_LAYER_ONEHOT;
                assert_true(nets[n]->layer[j].from < (int32_t)j); /* made before it is used */
                assert_true(nets[n]->layer[j].with < (int32_t)j);
            }
            assert_int_equal(vectors, 1);
        }
    }
}

static void an_autoencoder_has_the_nets_of_the_gan_that_it_is_compared_with(void **state)
{
    (void)state;
    static clg_model_plan gan;
    static const char *const pairs[][2] = { { "dcgan", "autoencoder" },
                                            { "mnist-mlp", "autoencoder-mlp" } };
    for (int i = 0; i < 2; i++) {
        load(pairs[i][0]);
        gan = plan;
        load(pairs[i][1]);
        uint32_t last = plan.d.layer_count - 1;
        assert_memory_equal(&plan.g, &gan.g, sizeof gan.g);
        assert_memory_equal(plan.d.layer, gan.d.layer, last * sizeof gan.d.layer[0]);
        assert_int_equal(plan.d.layer_count, gan.d.layer_count);
        assert_int_equal(plan.d.layer[last].act, CLG_ACT_NONE);
        assert_int_equal(plan.d.out_c, desc.latent.size);
        assert_int_equal(plan.d.out_h, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_preset_has_a_summary_of_one_line_and_expands_for_its_data),
        cmocka_unit_test(parameters_are_those_of_the_sheets),
        cmocka_unit_test(tensors_are_named_as_in_pytorch),
        cmocka_unit_test(objectives_and_orders_are_those_of_the_sheets),
        cmocka_unit_test(optimisers_and_batches_are_those_of_the_sheets),
        cmocka_unit_test(the_2014_gan_has_its_dropout_pieces_and_initial_values),
        cmocka_unit_test(drawn_systems_are_vectors_without_size),
        cmocka_unit_test(conditional_presets_share_one_label_vector_per_net),
        cmocka_unit_test(an_autoencoder_has_the_nets_of_the_gan_that_it_is_compared_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
