/* Nets that are more than a chain: branches, labels, heads, maxout, packing, encoders; and what is
 * said when they do not fit.
 * drivers: none */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gan/model.h"
#include "io/config.h"
#include "support/fault.h"
#include "support/expand.h"

#define HEAD "model: { name: t }\nlatent: { size: 8 }\n"
#define G_LINEAR "generator:\n  layers:\n    - { op: linear, out: pixels }\n"
#define G_LABEL                                                                                    \
    "generator:\n  layers:\n    - { op: concat, with: label }\n    - { op: linear, out: pixels "   \
    "}\n"
#define D "discriminator:\n  layers:\n"
#define D_LINEAR D "    - { op: linear, out: 1 }\n"
#define D_LABEL                                                                                    \
    D "    - { op: linear, out: 6, act: relu }\n    - { op: concat, with: label }\n"               \
      "    - { op: linear, out: 1 }\n"

static clg_model_desc desc; /* large, so not on the stack */
static clg_model_plan plan;

static int expand_on(const char *text, clg_data_shape shape)
{
    assert_ok(clg__config_parse(text, strlen(text), "m.yaml", &desc));
    return clg__model_expand(&desc, &shape, &plan);
}

static int expand(const char *text)
{
    return expand_on(text, (clg_data_shape){ .size = 8, .channels = 1, .classes = 3 });
}

static void a_label_becomes_one_vector_for_all_layers_that_take_it(void **state)
{
    (void)state;
    assert_ok(expand(HEAD G_LABEL D "    - { op: linear, out: 4, from: label, id: a }\n"
                                    "    - { op: linear, out: 5, from: label, id: b }\n"
                                    "    - { op: linear, out: 6, from: input }\n"
                                    "    - { op: concat, with: a }\n"
                                    "    - { op: concat, with: b }\n"
                                    "    - { op: linear, out: 1 }\n"));
    const clg_net_plan *d = &plan.d;
    assert_int_equal(d->layer_count, 7);
    assert_int_equal(d->layer[0].op, CLG_LAYER_ONEHOT);
    assert_int_equal(d->layer[0].from, CLG_FROM_LABEL);
    assert_int_equal(d->layer[0].out_c, 3);
    assert_int_equal(d->layer[1].from, 0);
    assert_int_equal(d->layer[1].in_c, 3);
    assert_int_equal(d->layer[2].from, 0);
    assert_int_equal(d->layer[3].from, CLG_FROM_INPUT);
    assert_int_equal(d->layer[3].in_c, 64);
    assert_int_equal(d->layer[4].op, CLG_LAYER_CONCAT);
    assert_int_equal(d->layer[4].from, 3);
    assert_int_equal(d->layer[4].with, 1);
    assert_int_equal(d->layer[4].out_c, 10);
    assert_int_equal(d->layer[5].with, 2);
    assert_int_equal(d->layer[5].out_c, 15);
    assert_int_equal(d->layer[6].in_c, 15);
    assert_string_equal(d->layer[1].name, "main.0"); /* the vector has no index */
    assert_string_equal(d->layer[6].name, "main.3"); /* nor has a concat */
    assert_string_equal(d->layer[5].name, "main.concat2");
    assert_int_equal(plan.classes, 3);
    assert_int_equal(plan.g.layer[1].from, CLG_FROM_INPUT);
    assert_int_equal(plan.g.layer[1].out_c, 11);
}

static void an_embedding_has_a_row_per_class(void **state)
{
    (void)state;
    assert_ok(expand(HEAD "generator:\n  layers:\n    - { op: embedding, out: 5, id: e }\n"
                          "    - { op: concat, from: input, with: e }\n"
                          "    - { op: linear, out: pixels }\n" D_LABEL));
    assert_int_equal(plan.g.layer[0].from, CLG_FROM_LABEL);
    assert_int_equal(plan.g.layer[0].in_c, 3);
    assert_int_equal(plan.g.layer[0].out_c, 5);
    assert_string_equal(plan.g.layer[2].name, "main.1");
    assert_int_equal(plan.g.parameters, 3 * 5 + 13 * 64 + 64);
}

static void maxout_is_a_linear_layer_and_a_maximum(void **state)
{
    (void)state;
    assert_ok(expand(HEAD G_LINEAR D "    - { op: maxout, out: 10, pieces: 4, norm: batch }\n"
                                     "    - { op: maxout, out: 3, pieces: 2, name: m }\n"
                                     "    - { op: linear, out: 1 }\n"));
    const clg_layer *l = plan.d.layer;
    assert_int_equal(plan.d.layer_count, 5);
    assert_int_equal(l[0].op, CLG_LAYER_LINEAR);
    assert_int_equal(l[0].out_c, 40);
    assert_string_equal(l[0].norm_name, "main.1");
    assert_int_equal(l[1].op, CLG_LAYER_MAXOUT);
    assert_int_equal(l[1].pieces, 4);
    assert_int_equal(l[1].in_c, 40);
    assert_int_equal(l[1].out_c, 10);
    assert_false(l[1].bias);
    assert_string_equal(l[1].name, "main.2");
    assert_string_equal(l[2].name, "m");
    assert_string_equal(l[4].name, "main.5");
    assert_int_equal(plan.d.parameters, 64 * 40 + 40 + 80 + 10 * 6 + 6 + 3 + 1);
}

static void heads_stand_in_the_order_realness_match(void **state)
{
    (void)state;
    assert_ok(expand(HEAD G_LABEL D "    - { op: linear, out: 6, id: f }\n"
                                    "    - { op: concat, with: label }\n"
                                    "    - { op: linear, out: 1, head: match, name: match }\n"
                                    "    - { op: linear, out: 1, head: realness, from: f }\n"));
    assert_int_equal(plan.d.head_count, 2);
    assert_string_equal(plan.d.layer[plan.d.head[0]].name, "main.2");
    assert_string_equal(plan.d.layer[plan.d.head[1]].name, "match");
    assert_int_equal(plan.d.out_c, 1);
}

static void a_repeated_layer_hands_on_its_last_copy_or_its_input(void **state)
{
    (void)state;
    static const char text[] =
        HEAD G_LABEL D "    - { op: conv2d, out: stage, kernel: 4, stride: 2, pad: 1 }\n"
                       "    - { op: conv2d, out: stage, kernel: 4, stride: 2, pad: 1, "
                       "repeat: stages, id: last }\n"
                       "    - { op: concat, from: last, with: label }\n"
                       "    - { op: conv2d, out: 1, kernel: base }\n";
    assert_ok(expand_on(text, (clg_data_shape){ .size = 32, .channels = 3, .classes = 2 }));
    assert_int_equal(plan.d.layer_count, 6);
    assert_int_equal(plan.d.layer[4].from, 2); /* three stages: copies 1 and 2 */
    assert_int_equal(plan.d.layer[4].out_c, 256 + 2);
    assert_ok(expand_on(text, (clg_data_shape){ .size = 8, .channels = 3, .classes = 2 }));
    assert_int_equal(plan.d.layer_count, 4); /* one stage: nothing is left to repeat */
    assert_int_equal(plan.d.layer[2].from, 0);
}

static void maps_are_resized_and_dropped_values_keep_the_shape(void **state)
{
    (void)state;
    assert_ok(expand(HEAD "generator:\n  layers:\n"
                          "    - { op: deconv2d, out: 4, kernel: 4 }\n"
                          "    - { op: dropout, keep: 0.25 }\n"
                          "    - { op: upsample, scale: 2 }\n"
                          "    - { op: conv2d, out: channels, kernel: 3, pad: 1 }\n" D
                          "    - { op: avgpool, scale: 8 }\n    - { op: linear, out: 1 }\n"));
    assert_true(plan.g.layer[1].keep == 0.25f);
    assert_int_equal(plan.g.layer[1].out_h, 4);
    assert_int_equal(plan.g.layer[2].out_h, 8);
    assert_int_equal(plan.g.layer[2].out_c, 4);
    assert_string_equal(plan.g.layer[3].name, "main.3");
    assert_int_equal(plan.d.layer[0].out_w, 1);
}

static void packing_widens_the_input_of_d(void **state)
{
    (void)state;
    static const clg_data_shape grey = { .size = 8, .channels = 1 };
    assert_ok(clg__model_load("ring", &desc));
    assert_ok(clg__config_set(&desc, "discriminator.packing=4"));
    assert_ok(test_expand(&desc, 0, 0, &plan));
    assert_int_equal(plan.d.in_c, 8);
    assert_int_equal(plan.c, 2);
    assert_ok(clg__config_set(&desc, "discriminator.packing=3"));
    assert_fault(test_expand(&desc, 0, 0, &plan), CLG_E_MODEL,
                 "a batch of 100 is no multiple of discriminator.packing 3", "--batch 102");
    assert_ok(clg__model_load("mnist-mlp", &desc));
    assert_ok(clg__config_set(&desc, "discriminator.packing=2"));
    assert_ok(clg__model_expand(&desc, &grey, &plan));
    assert_int_equal(plan.d.in_c, 128);
    assert_int_equal(plan.d.in_h, 1);
    assert_fault(test_expand(&desc, 8, 3, &plan), CLG_E_MODEL, "for grey images", "1");
    assert_ok(clg__model_load("dcgan", &desc));
    assert_ok(clg__config_set(&desc, "discriminator.packing=2"));
    assert_fault(test_expand(&desc, 64, 1, &plan), CLG_E_MODEL, "packing 2 is for vectors",
                 "set it to 1");
    assert_fault(expand(HEAD G_LABEL D_LABEL "  packing: 2\n"), CLG_E_MODEL,
                 "packing 2 is not for models with labels", "");
}

static void models_with_labels_need_labels(void **state)
{
    (void)state;
    assert_ok(clg__model_load("cgan-mlp", &desc));
    assert_fault(test_expand(&desc, 28, 1, &plan), CLG_E_DATA,
                 "model cgan-mlp learns from class labels, but the data have none",
                 "one sub-folder per class");
    clg_data_shape shape = { .size = 28, .channels = 1, .classes = 1 };
    assert_fault(clg__model_expand(&desc, &shape, &plan), CLG_E_DATA,
                 "but the data have one class only", "");
    shape = (clg_data_shape){ .system = CLG_SYSTEM_RING, .classes = 10 };
    assert_fault(clg__model_expand(&desc, &shape, &plan), CLG_E_DATA, "have none", "");
    assert_fault(expand(HEAD G_LABEL D_LINEAR), CLG_E_MODEL,
                 "the generator takes the label, the discriminator does not", "cannot see");
    assert_fault(expand(HEAD G_LINEAR D_LABEL), CLG_E_MODEL,
                 "the discriminator takes the label, the generator does not", "cannot know");
}

#define G_END(layer) HEAD "generator:\n  layers:\n    - " layer "\n" D_LINEAR
#define UNIT "data: { range: unit }\n"
#define ENCODER "order: { kind: reconstruct }\n"

static void what_does_not_fit_is_refused_with_layer_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what, *hint;
    } bad[] = {
        { G_END("{ op: linear, out: pixels, act: sigmoid }"),
          "generator layer 1 (main.0, line 5): its act is sigmoid, with values in 0..1, but "
          "data.range is symmetric",
          "set data.range=unit" },
        { G_END("{ op: linear, out: pixels, act: tanh }") UNIT,
          "its act is tanh, with values in -1..1, but data.range is unit", "act: sigmoid" },
        { G_END("{ op: linear, out: pixels, bias_init: data-logit }"),
          "generator layer 1 (main.0, line 5): bias_init: data-logit is for the last layer", "" },
        { HEAD G_LINEAR D "    - { op: linear, out: 1, bias_init: data-logit }\n",
          "discriminator layer 1 (main.0, line 8): bias_init: data-logit", "zero" },
        { HEAD G_LABEL D "    - { op: linear, out: 2, head: realness, id: r }\n"
                         "    - { op: concat, with: label }\n"
                         "    - { op: linear, out: 1, head: match }\n",
          "discriminator layer 1 (main.0, line 9): its output is [1,1,2], the discriminator must "
          "end with 1 value",
          "" },
        { HEAD G_LABEL D "    - { op: linear, out: 1, head: realness, id: r }\n"
                         "    - { op: concat, with: label }\n"
                         "    - { op: linear, out: 1, head: match, act: sigmoid }\n",
          "discriminator layer 3 (main.1, line 11): its act is sigmoid, but the losses", "" },
        { HEAD G_LINEAR D "    - { op: linear, out: 4, id: v }\n"
                          "    - { op: concat, from: v, with: input }\n"
                          "    - { op: linear, out: 1 }\n",
          "discriminator layer 2 (main.concat, line 9): concat: [1,1,4] and [8,8,1] have different "
          "sides",
          "exchange from and with" },
        { HEAD G_LINEAR D "    - { op: conv2d, out: 4, kernel: 4, stride: 2, pad: 1 }\n"
                          "    - { op: concat, with: input }\n"
                          "    - { op: linear, out: 1 }\n",
          "concat: [4,4,4] and [8,8,1] have different sides", "maps of one size" },
        { HEAD G_LINEAR D "    - { op: avgpool, scale: 3 }\n    - { op: linear, out: 1 }\n",
          "discriminator layer 1 (main.0, line 8): avgpool: 8x8 is not a multiple of scale 3",
          "divides" },
        { HEAD G_LINEAR D "    - { op: upsample, scale: 64 }\n    - { op: upsample, scale: 64 }\n"
                          "    - { op: linear, out: 1 }\n",
          "discriminator layer 2 (main.1, line 9): upsample: 512x512x1 times 64 is more than", "" },
        { HEAD G_LINEAR D_LINEAR ENCODER,
          "discriminator layer 1 (main.0, line 8): its output is [1,1,1], the discriminator must "
          "end with the code [1,1,8] (order reconstruct)",
          "out: latent" },
        { HEAD G_LINEAR D "    - { op: linear, out: latent, head: realness }\n" ENCODER,
          "order reconstruct makes the discriminator an encoder, which has no heads",
          "remove head" },
        { HEAD G_LINEAR D "    - { op: conv2d, out: stage, kernel: 4, repeat: stages }\n"
                          "    - { op: conv2d, out: stage, kernel: 1, repeat: stages }\n",
          "discriminator layer 2 (main.0, line 9): its output is [5,5,64]", "" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_fault(expand(bad[i].text), CLG_E_MODEL, bad[i].what, bad[i].hint);
    }
    assert_fault(expand_on(G_END("{ op: linear, out: stage }"),
                           (clg_data_shape){ .system = CLG_SYSTEM_RING }),
                 CLG_E_MODEL, "'out: stage' needs images, the data are vectors of 2 values",
                 "--data");
    assert_fault(
        expand_on(G_END("{ op: linear, out: 3 }"), (clg_data_shape){ .system = CLG_SYSTEM_RING }),
        CLG_E_MODEL, "its output is [1,1,3], the generator must end with 2 values", "out: pixels");
    assert_fault(expand_on(G_END("{ op: deconv2d, out: stage, kernel: 4, repeat: stages }"),
                           (clg_data_shape){ .size = 8, .channels = 1 }),
                 CLG_E_MODEL, "its output is [4,4,64]", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_label_becomes_one_vector_for_all_layers_that_take_it),
        cmocka_unit_test(an_embedding_has_a_row_per_class),
        cmocka_unit_test(maxout_is_a_linear_layer_and_a_maximum),
        cmocka_unit_test(heads_stand_in_the_order_realness_match),
        cmocka_unit_test(a_repeated_layer_hands_on_its_last_copy_or_its_input),
        cmocka_unit_test(maps_are_resized_and_dropped_values_keep_the_shape),
        cmocka_unit_test(packing_widens_the_input_of_d),
        cmocka_unit_test(models_with_labels_need_labels),
        cmocka_unit_test(what_does_not_fit_is_refused_with_layer_and_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
