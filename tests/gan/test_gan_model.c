/* Presets and their expansion: sizes, names, parameters, and what the shape checker says.
 * drivers: none */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "gan/model.h"
#include "io/config.h"
#include "support/fault.h"
#include "support/expand.h"

static clg_model_desc desc; /* large, so not on the stack */
static clg_model_desc other;
static clg_model_plan plan;

static void forget_lines(clg_model_desc *d)
{
    for (int i = 0; i < CLG_LAYERS_MAX; i++) {
        d->generator.layer[i].line = d->discriminator.layer[i].line = 0;
    }
}

static void presets_write_and_read_back_as_the_same_bytes(void **state)
{
    (void)state;
    int count = 0;
    for (const clg_preset *p = clg__presets; p->name != NULL; p++, count++) {
        clg_str s = { 0 };
        assert_int_equal(strlen(p->text), p->size);
        assert_ok(clg__model_load(p->name, &desc));
        assert_string_equal(desc.model.name, p->name);
        assert_ok(clg__config_write(&desc, &s));
        assert_ok(clg__config_parse(s.text, s.len, "again.yaml", &other));
        forget_lines(&desc);
        forget_lines(&other);
        assert_memory_equal(&desc, &other, sizeof desc);
        clg__str_free(&s);
    }
    assert_true(count >= 15);
}

static void check_net(const clg_net_plan *net, const char *const *names, const uint32_t *widths,
                      uint32_t n)
{
    assert_int_equal(net->layer_count, n);
    for (uint32_t i = 0; i < n; i++) {
        assert_string_equal(net->layer[i].name, names[2 * i]);
        assert_string_equal(net->layer[i].norm_name, names[2 * i + 1]);
        assert_int_equal(net->layer[i].out_c, widths[i]);
    }
}

static void dcgan_has_the_names_and_parameters_of_the_pytorch_example(void **state)
{
    (void)state;
    assert_ok(clg__model_load("dcgan", &desc));
    assert_true(desc.optimizer_g.lr == 2e-4f && desc.optimizer_g.beta1 == 0.5f);
    assert_true(desc.optimizer_d.beta2 == 0.999f && desc.optimizer_d.eps == 1e-8f);
    assert_int_equal(desc.train.batch, 64);
    assert_int_equal(desc.train.epochs, 25);
    assert_int_equal(desc.data.size, 64);
    assert_string_equal(desc.data.source, "fashion-mnist");
    assert_ok(test_expand(&desc, 64, 3, &plan));
    assert_int_equal(plan.g.parameters, 3576704);
    assert_int_equal(plan.d.parameters, 2765568);
    check_net(&plan.g,
              (const char *[]){ "main.0", "main.1", "main.3", "main.4", "main.6", "main.7",
                                "main.9", "main.10", "main.12", "" },
              (const uint32_t[]){ 512, 256, 128, 64, 3 }, 5);
    check_net(&plan.d,
              (const char *[]){ "main.0", "", "main.2", "main.3", "main.5", "main.6", "main.8",
                                "main.9", "main.11", "" },
              (const uint32_t[]){ 64, 128, 256, 512, 1 }, 5);
    assert_int_equal(plan.g.layer[0].kernel, 4);
    assert_int_equal(plan.g.layer[0].in_c, 100);
    assert_int_equal(plan.g.layer[0].out_h, 4);
    assert_int_equal(plan.g.layer[4].act, CLG_ACT_TANH);
    assert_int_equal(plan.d.layer[4].in_h, 4);
    assert_int_equal(plan.d.layer[4].act, CLG_ACT_NONE);
    assert_int_equal(plan.g.init.kind, CLG_INIT_NORMAL);
    assert_true(plan.d.init.norm_std == 0.02f && plan.d.init.norm_mean == 1.0f);
    assert_int_equal(plan.g.out_h, 64);
    assert_int_equal(plan.g.out_c, 3);
    assert_int_equal(plan.d.in_w, 64);
    assert_int_equal(plan.d.out_c, 1);
}

static void mnist_mlp_has_the_names_and_parameters_of_the_sheet(void **state)
{
    (void)state;
    assert_ok(clg__model_load("mnist-mlp", &desc));
    assert_true(desc.optimizer_g.lr == 2e-4f && desc.optimizer_g.beta1 == 0.9f);
    assert_int_equal(desc.train.epochs, 100);
    assert_int_equal(desc.train.log_every, 100);
    assert_ok(test_expand(&desc, 28, 1, &plan));
    assert_int_equal(plan.g.parameters, 114064);
    assert_int_equal(plan.d.parameters, 100609);
    check_net(&plan.g, (const char *[]){ "model.0", "", "model.2", "" },
              (const uint32_t[]){ 128, 784 }, 2);
    check_net(&plan.d, (const char *[]){ "model.0", "", "model.2", "" },
              (const uint32_t[]){ 128, 1 }, 2);
    assert_int_equal(plan.d.layer[0].in_c, 784);
    assert_int_equal(plan.d.layer[0].in_h, 1);
    assert_true(plan.d.layer[0].slope == 0.2f);
    /* One channel: rows and pixels are in PyTorch's order already. */
    assert_int_equal(plan.d.layer[0].image_in_c, 0);
    assert_int_equal(plan.g.layer[1].image_out_c, 0);
}

static void linear_layers_on_colour_images_know_the_image_shape(void **state)
{
    (void)state;
    assert_ok(clg__model_load("mnist-mlp", &desc));
    assert_ok(test_expand(&desc, 20, 3, &plan));
    assert_int_equal(plan.g.layer[1].out_c, 1200);
    assert_int_equal(plan.g.layer[1].image_out_h, 20);
    assert_int_equal(plan.g.layer[1].image_out_c, 3);
    assert_int_equal(plan.g.layer[0].image_out_c, 0);
    assert_int_equal(plan.d.layer[0].image_in_w, 20);
    assert_int_equal(plan.d.layer[0].image_in_c, 3);
    assert_int_equal(plan.d.layer[1].image_in_c, 0);
}

static void every_size_of_the_rule_expands_and_all_others_are_refused(void **state)
{
    (void)state;
    assert_ok(clg__model_load("dcgan", &desc));
    for (uint32_t size = 1; size <= 260; size++) {
        uint32_t m = size;
        uint32_t s = 0;
        for (; m > 7 && m % 2 == 0; m /= 2) {
            s++;
        }
        int status = test_expand(&desc, size, 1, &plan);
        if (m >= 4 && m <= 7 && s >= 1) {
            assert_ok(status);
            assert_int_equal(plan.g.layer_count, s + 1);
            assert_int_equal(plan.d.layer_count, s + 1);
            assert_int_equal(plan.g.layer[0].kernel, m);
            assert_int_equal(plan.d.layer[s].kernel, m);
            assert_int_equal(plan.g.layer[s - 1].out_c, 64);
            assert_int_equal(plan.g.layer[0].out_c, s > 3 ? 512 : 64u << (s - 1));
        } else {
            assert_int_equal(status, CLG_E_MODEL);
        }
    }
}

static void refused_sizes_name_the_nearest_that_work(void **state)
{
    (void)state;
    assert_ok(clg__model_load("dcgan", &desc));
    assert_fault(test_expand(&desc, 50, 1, &plan), CLG_E_MODEL,
                 "an image size of 50 is not m * 2^s", "nearest sizes that work are 48 and 56");
    assert_fault(test_expand(&desc, 5, 1, &plan), CLG_E_MODEL, "an image size of 5 ",
                 "nearest size that works is 8");
    assert_fault(test_expand(&desc, 0, 1, &plan), CLG_E_MODEL, "image size of 0", "--size");
    assert_fault(test_expand(&desc, 64, 2, &plan), CLG_E_MODEL,
                 "images have 1 or 3 channels, not 2", "data.channels");
}

static void width_scales_every_stage_and_is_capped(void **state)
{
    (void)state;
    assert_ok(clg__model_load("dcgan", &desc));
    assert_ok(clg__config_set(&desc, "generator.width=10"));
    assert_ok(test_expand(&desc, 256, 1, &plan));
    const uint32_t want[] = { 80, 80, 80, 40, 20, 10, 1 };
    assert_int_equal(plan.g.layer_count, 7);
    for (uint32_t i = 0; i < 7; i++) {
        assert_int_equal(plan.g.layer[i].out_c, want[i]);
    }
}

#define HEAD "model: { name: t }\nlatent: { size: 8 }\n"
#define G_LINEAR "generator:\n  layers:\n    - { op: linear, out: pixels }\n"
#define D_LINEAR "discriminator:\n  layers:\n    - { op: linear, out: 1 }\n"
#define CONV(out) "    - { op: conv2d, out: " #out ", kernel: 4, stride: 2, pad: 1 }\n"

static int expand(const char *text, uint32_t size, uint32_t channels)
{
    assert_ok(clg__config_parse(text, strlen(text), "m.yaml", &desc));
    return test_expand(&desc, size, channels, &plan);
}

static void shape_faults_name_layer_line_and_both_shapes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what, *hint;
    } bad[] = {
        /* The classic mistake: five blocks on 32x32 leave a 2x2 map for the last 4x4 kernel. */
        { HEAD G_LINEAR "discriminator:\n  layers:\n" CONV(64) CONV(128) CONV(256) CONV(512)
          "    - { op: conv2d, out: 1, kernel: 4 }\n",
          "discriminator layer 5 (main.4, line 12): conv2d: a 4x4 kernel with padding 0 does not "
          "fit an input of 2x2x512",
          "remove a stride-2 layer" },
        { HEAD G_LINEAR "discriminator:\n  layers:\n" CONV(64) CONV(1),
          "discriminator layer 2 (main.1, line 9): its output is [8,8,1], the discriminator must "
          "end with 1 value",
          "kernel: base" },
        { HEAD "generator:\n  layers:\n    - { op: deconv2d, out: 3, kernel: 4 }\n" D_LINEAR,
          "generator layer 1 (main.0, line 5): its output is [4,4,3], the generator must end with "
          "the image [32,32,3]",
          "doubles the side" },
        { HEAD "generator:\n  layers:\n    - { op: linear, out: 784 }\n" D_LINEAR,
          "its output is [1,1,784], the generator must end with the image [32,32,3]",
          "out: pixels" },
        { HEAD "generator:\n  layers:\n"
               "    - { op: deconv2d, out: 3, kernel: 2, pad: 1 }\n" D_LINEAR,
          "generator layer 1 (main.0, line 5): deconv2d: padding 1 leaves nothing", "out_pad" },
        { HEAD "generator:\n  layers:\n"
               "    - { op: deconv2d, out: 3, kernel: 2, out_pad: 1 }\n" D_LINEAR,
          "output padding 1 must be below the stride 1", "" },
        { HEAD "generator:\n  layers:\n"
               "    - { op: linear, out: 8, name: fc }\n"
               "    - { op: linear, out: pixels, name: fc }\n" D_LINEAR,
          "generator layer 2 (fc, line 6): the module name 'fc' is used twice", "another name" },
        { HEAD G_LINEAR "discriminator:\n  layers:\n    - { op: linear, out: 1, act: sigmoid }\n",
          "discriminator layer 1 (main.0, line 8): its act is sigmoid, but the losses work on "
          "logits",
          "remove act" },
        { HEAD G_LINEAR "discriminator:\n  layers:\n" CONV(stage) CONV(stage) CONV(stage)
          CONV(stage) "    - { op: linear, out: 1 }\n",
          "discriminator layer 4 (main.3, line 11): all 3 stage widths of size 32 are used up",
          "repeat: stages" },
        { HEAD "generator:\n  layers:\n    - { op: linear, out: 16777216 }\n"
               "    - { op: linear, out: 16777216 }\n" D_LINEAR,
          "generator layer 2 (main.1, line 6): linear: 16777216 inputs x 16777216 outputs", "" },
        { HEAD "generator:\n  layers:\n"
               "    - { op: deconv2d, out: 16777216, kernel: 7 }\n"
               "    - { op: deconv2d, out: 16777216, kernel: 7 }\n" D_LINEAR,
          "2^32 elements or more", "smaller" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_fault(expand(bad[i].text, 32, 3), CLG_E_MODEL, bad[i].what, bad[i].hint);
    }
}

static void four_blocks_on_32_pixels_work(void **state)
{
    (void)state;
    assert_ok(expand(HEAD G_LINEAR "discriminator:\n  layers:\n" CONV(64) CONV(128) CONV(256)
                     "    - { op: conv2d, out: 1, kernel: 4 }\n",
                     32, 3));
    /* presets.md: the CIFAR discriminator has 663,745 parameters with biases, without the two
     * batch norms' 768. */
    assert_int_equal(plan.d.parameters, 663745 - 2 * (128 + 256));
}

static void too_many_copies_are_refused(void **state)
{
    (void)state;
    clg_str s = { 0 };
    clg__str_add(&s, HEAD G_LINEAR "discriminator:\n  layers:\n");
    for (int i = 0; i < CLG_LAYERS_MAX - 1; i++) {
        clg__str_add(&s, "    - { op: conv2d, out: 1, kernel: 1 }\n");
    }
    clg__str_add(&s, "    - { op: conv2d, out: stage, kernel: 1, repeat: stages }\n");
    assert_fault(expand(s.text, 32, 1), CLG_E_MODEL, "discriminator: more than 64 layers", "");
    clg__str_free(&s);
}

static void a_uniform_latent_needs_lo_below_hi(void **state)
{
    (void)state;
    assert_ok(clg__model_load("dcgan", &desc));
    assert_ok(clg__config_set(&desc, "latent.kind=uniform"));
    assert_ok(clg__config_set(&desc, "latent.lo=2"));
    assert_fault(test_expand(&desc, 64, 1, &plan), CLG_E_MODEL,
                 "latent.lo 2 is not below latent.hi 1", "");
}

static void unknown_models_get_the_nearest_name(void **state)
{
    (void)state;
    assert_fault(clg__model_load("dcgn", &desc), CLG_E_USAGE, "unknown model 'dcgn'",
                 "did you mean 'dcgan'?");
    assert_fault(clg__model_load("zzzzzzzzzzzzzzzzzzzz", &desc), CLG_E_USAGE, "unknown model",
                 "models list");
    assert_fault(clg__model_load("no-such.yaml", &desc), CLG_E_IO, "no-such.yaml", "");
}

static void the_description_has_one_line_per_layer(void **state)
{
    (void)state;
    char text[4096];
    size_t lines = 0;
    assert_ok(clg__model_load("dcgan", &desc));
    assert_ok(test_expand(&desc, 64, 3, &plan));
    assert_ok(clg__model_describe(&plan, text, sizeof text));
    for (const char *p = text; *p != '\0'; p++) {
        lines += *p == '\n';
    }
    assert_int_equal(lines, 12);
    assert_non_null(strstr(text, "generator [100] -> [64,64,3], 3,576,704 parameters\n"));
    assert_non_null(strstr(text, "discriminator [64,64,3] -> [1], 2,765,568 parameters\n"));
    assert_non_null(strstr(text, "  main.0      deconv2d 4x4 s1 p0"));
    assert_non_null(strstr(text, "[4,4,512]"));
    assert_fault(clg__model_describe(&plan, text, 100), CLG_E_INTERNAL, "there are 100", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_write_and_read_back_as_the_same_bytes),
        cmocka_unit_test(dcgan_has_the_names_and_parameters_of_the_pytorch_example),
        cmocka_unit_test(mnist_mlp_has_the_names_and_parameters_of_the_sheet),
        cmocka_unit_test(linear_layers_on_colour_images_know_the_image_shape),
        cmocka_unit_test(every_size_of_the_rule_expands_and_all_others_are_refused),
        cmocka_unit_test(refused_sizes_name_the_nearest_that_work),
        cmocka_unit_test(width_scales_every_stage_and_is_capped),
        cmocka_unit_test(shape_faults_name_layer_line_and_both_shapes),
        cmocka_unit_test(four_blocks_on_32_pixels_work),
        cmocka_unit_test(too_many_copies_are_refused),
        cmocka_unit_test(a_uniform_latent_needs_lo_below_hi),
        cmocka_unit_test(unknown_models_get_the_nearest_name),
        cmocka_unit_test(the_description_has_one_line_per_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
