/* Model files: what is refused, with which message; --set; writing that reads back the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/os.h"
#include "io/config.h"
#include "support/fault.h"
#include "support/tmp.h"

#define HEAD "model: { name: t }\nlatent: { size: 4 }\n"
#define NET "  layers:\n    - { op: linear, out: 1 }\n"
#define GOOD HEAD "generator:\n" NET "discriminator:\n" NET
/* A file that is good but for its second generator layer, on line 6. */
#define WITH_LAYER(layer)                                                                  \
    HEAD "generator:\n  layers:\n    - { op: linear, out: 2 }\n    - " layer                \
         "\ndiscriminator:\n" NET

static clg_model_desc desc; /* large, so not on the stack */
static clg_model_desc other;

static int parse(const char *text)
{
    return clg__config_parse(text, strlen(text), "m.yaml", &desc);
}

static void a_minimal_file_gets_the_defaults(void **state)
{
    (void)state;
    assert_ok(parse(GOOD));
    assert_string_equal(desc.model.name, "t");
    assert_int_equal(desc.latent.size, 4);
    assert_int_equal(desc.train.batch, 64);
    assert_int_equal(desc.train.log_every, 50);
    assert_int_equal(desc.train.grid_every, 500);
    assert_int_equal(desc.train.checkpoint_minutes, 5);
    assert_int_equal(desc.train.keep, 3);
    assert_true(desc.runtime.tune);
    assert_true(desc.optimizer_g.beta1 == 0.9f && desc.optimizer_d.beta2 == 0.999f);
    assert_int_equal(desc.generator.layer_count, 1);
    assert_true(desc.generator.layer[0].bias);
    assert_int_equal(desc.generator.layer[0].line, 5);
    assert_true(desc.generator.layer[0].slope == 0.2f);
}

static void every_kind_of_value_is_read(void **state)
{
    (void)state;
    assert_ok(parse(WITH_LAYER(
        "{ op: deconv2d, out: stage, kernel: base, stride: 2, pad: 1, out_pad: 1, bias: no, "
        "norm: batch, act: lrelu, slope: 0.125, repeat: stages }")));
    const clg_layer_desc *l = &desc.generator.layer[1];
    assert_int_equal(l->op, CLG_LAYER_DECONV2D);
    assert_int_equal(l->out.kind, CLG_DIM_STAGE);
    assert_int_equal(l->kernel.kind, CLG_DIM_BASE);
    assert_int_equal(l->stride, 2);
    assert_int_equal(l->pad, 1);
    assert_int_equal(l->out_pad, 1);
    assert_false(l->bias);
    assert_int_equal(l->norm, CLG_NORM_BATCH);
    assert_int_equal(l->act, CLG_ACT_LRELU);
    assert_true(l->slope == 0.125f && l->repeat_stages && l->line == 6);
}

static void every_section_of_a_family_model_is_read(void **state)
{
    (void)state;
    assert_ok(parse(HEAD "generator:\n" NET "discriminator:\n  packing: 2\n" NET
                    "loss: { objective: hinge, weight_real: 0.5, weight_fake: 0.25, weight_g: 2, "
                    "wrong_label_weight: 0, real_target: 0.9, input_noise: 0.1 }\n"
                    "order: { kind: simultaneous, d_steps: 5, g_start_epoch: 3 }\n"
                    "optimizer_g: { kind: sgd, lr: 0.1, momentum: 0.25, momentum_end: 0.75, "
                    "momentum_epochs: 250, lr_divisor: 1.00004, lr_floor: 1e-6 }\n"
                    "optimizer_d: { weight_decay: 0.001, clip: 0.01 }\n"
                    "data: { range: unit, rows: 7, holdout: 10000 }\n"
                    "train: { on_collapse: rollback }\n"
                    "runtime: { precision: bf16 }\n"));
    assert_int_equal(desc.generator.packing, 1);
    assert_int_equal(desc.discriminator.packing, 2);
    assert_int_equal(desc.loss.objective, CLG_OBJECTIVE_HINGE);
    assert_true(desc.loss.weight_real == 0.5f && desc.loss.weight_fake == 0.25f);
    assert_true(desc.loss.weight_g == 2 && desc.loss.wrong_label_weight == 0);
    assert_true(desc.loss.real_target == 0.9f && desc.loss.input_noise == 0.1f);
    assert_int_equal(desc.order.kind, CLG_ORDER_SIMULTANEOUS);
    assert_int_equal(desc.order.d_steps, 5);
    assert_int_equal(desc.order.g_start_epoch, 3);
    assert_int_equal(desc.optimizer_g.kind, CLG_OPTIMIZER_SGD);
    assert_true(desc.optimizer_g.momentum == 0.25f && desc.optimizer_g.momentum_end == 0.75f);
    assert_int_equal(desc.optimizer_g.momentum_epochs, 250);
    assert_true(desc.optimizer_g.lr_divisor == 1.00004f && desc.optimizer_g.lr_floor == 1e-6f);
    assert_int_equal(desc.optimizer_d.kind, CLG_OPTIMIZER_ADAM);
    assert_true(desc.optimizer_d.weight_decay == 0.001f && desc.optimizer_d.clip == 0.01f);
    assert_int_equal(desc.data.range, CLG_RANGE_UNIT);
    assert_int_equal(desc.data.rows, 7);
    assert_int_equal(desc.data.holdout, 10000);
    assert_int_equal(desc.train.on_collapse, CLG_COLLAPSE_ROLLBACK);
    assert_int_equal(desc.runtime.precision, CLG_PRECISION_BF16);
}

static void a_file_of_an_older_version_means_what_it_meant(void **state)
{
    (void)state;
    assert_ok(parse(GOOD "loss: { objective: non-saturating }\n"
                         "order: { kind: d-then-g-same-fakes }\n"
                         "optimizer_g: { lr: 2e-4, beta1: 0.5, beta2: 0.999, eps: 1e-8 }\n"));
    assert_true(desc.loss.weight_real == 1 && desc.loss.weight_fake == 1 && desc.loss.weight_g == 1);
    assert_true(desc.loss.real_target == 1 && desc.loss.input_noise == 0);
    assert_int_equal(desc.order.d_steps, 1);
    assert_int_equal(desc.order.g_start_epoch, 0);
    assert_int_equal(desc.optimizer_g.kind, CLG_OPTIMIZER_ADAM);
    assert_true(desc.optimizer_g.lr_divisor == 1 && desc.optimizer_g.clip == 0);
    assert_int_equal(desc.discriminator.packing, 1);
    assert_int_equal(desc.data.range, CLG_RANGE_SYMMETRIC);
    assert_int_equal(desc.data.holdout, 0);
    assert_int_equal(desc.runtime.precision, CLG_PRECISION_FP32);
}

/* Two heads, every op, every key of a layer. Line 6 is the first layer of G, line 14 that of D. */
#define FAMILY                                                                               \
    HEAD "generator:\n  prefix: ''\n  layers:\n"                                             \
         "    - { op: linear, out: 9, from: input, id: z, name: fc }\n"                       \
         "    - { op: embedding, out: 3, from: label, id: e }\n"                              \
         "    - { op: concat, from: z, with: e }\n"                                           \
         "    - { op: upsample, scale: 2 }\n"                                                 \
         "    - { op: linear, out: pixels, act: sigmoid, bias_init: data-logit }\n"           \
         "discriminator:\n  init: { kind: constant, std: 0.25 }\n  layers:\n"               \
         "    - { op: avgpool, scale: 4 }\n"                                                  \
         "    - { op: maxout, out: 5, pieces: 3, bias_init: constant, bias_value: 0.5 }\n"     \
         "    - { op: dropout, keep: 0.5, id: x }\n"                                          \
         "    - { op: linear, out: 1, head: realness }\n"                                     \
         "    - { op: onehot, id: c }\n"                                                      \
         "    - { op: concat, from: x, with: c }\n"                                           \
         "    - { op: linear, out: 1, head: match }\n"

static void branches_heads_and_every_op_are_read(void **state)
{
    (void)state;
    assert_ok(parse(FAMILY));
    const clg_layer_desc *g = desc.generator.layer, *d = desc.discriminator.layer;
    assert_string_equal(g[0].id, "z");
    assert_string_equal(g[0].from, "input");
    assert_int_equal(g[1].op, CLG_LAYER_EMBEDDING);
    assert_string_equal(g[2].with, "e");
    assert_int_equal(g[3].scale, 2);
    assert_int_equal(g[4].bias_init, CLG_BIAS_DATA);
    assert_int_equal(desc.discriminator.init.kind, CLG_INIT_CONSTANT);
    assert_int_equal(d[0].scale, 4);
    assert_int_equal(d[1].pieces, 3);
    assert_int_equal(d[1].bias_init, CLG_BIAS_CONSTANT);
    assert_true(d[1].bias_value == 0.5f && d[2].keep == 0.5f);
    assert_int_equal(d[2].op, CLG_LAYER_DROPOUT);
    assert_string_equal(d[3].head, "realness");
    assert_int_equal(d[4].op, CLG_LAYER_ONEHOT);
    assert_string_equal(d[6].head, "match");
}

static const struct {
    const char *text, *what, *hint;
} refused[] = {
    { "", "m.yaml:1: the file is empty", "models show" },
    { "# nothing\n", "m.yaml:1: the file is empty", "" },
    { "- 1\n", "m.yaml:1: a model file wants a map of keys, not a list", "" },
    { "hello\n", "m.yaml:1: a model file wants a map of keys, not a single value", "" },
    { "model: { name: 'x\n", "not YAML", "quotes" },
    { "model:\n\tname: x\n", "m.yaml:2: not YAML", "indentation" },
    { "model: \xff\n", "not YAML", "" },
    { GOOD "trian: { batch: 1 }\n", "m.yaml:9: unknown section 'trian'", "did you mean 'train'" },
    { GOOD "train: { batsh: 1 }\n", "m.yaml:9: unknown key 'batsh' in train",
      "did you mean 'batch'" },
    { GOOD "train: { gemm: auto }\n", "unknown key 'gemm' in train", "'gemm' is a key of runtime" },
    { GOOD "train: { batch: 1, batch: 2 }\n", "m.yaml:9: key 'batch' is there twice", "remove" },
    { GOOD "model: { name: t }\n", "m.yaml:9: key 'model' is there twice", "" },
    { GOOD "train: { batch: many }\n",
      "m.yaml:9: train.batch wants a whole number from 1 to 65536, not 'many'", "number" },
    { GOOD "train: { batch: 0 }\n", "train.batch wants a whole number from 1 to 65536, not '0'",
      "" },
    { GOOD "train: { batch: -1 }\n", "not '-1'", "" },
    { GOOD "train: { batch: 1.5 }\n", "not '1.5'", "" },
    { GOOD "train: { batch: '64' }\n", "not '64'", "" },
    { GOOD "train: { batch: 99999999999999999999 }\n", "not '99999999999999999999'", "" },
    { GOOD "train: { batch: }\n", "not ''", "" },
    { GOOD "train: { batch: [1] }\n", "m.yaml:9: batch wants a single value, not a list", "" },
    { GOOD "train: { batch: {a: 1} }\n", "batch wants a single value, not a map", "" },
    { GOOD "train: 5\n", "m.yaml:9: train wants a map of keys, not a single value", "indented" },
    { GOOD "train: { [a]: 1 }\n", "train wants `key: value`", "" },
    { GOOD "optimizer_g: { beta1: 1 }\n",
      "optimizer_g.beta1 wants a number from 0 to below 1, not '1'", "" },
    { GOOD "optimizer_g: { beta1: 0.99999999999 }\n", "from 0 to below 1", "" },
    { GOOD "optimizer_g: { lr: nan }\n", "optimizer_g.lr wants a number", "" },
    { GOOD "optimizer_d: { lr: .inf }\n", "optimizer_d.lr wants a number", "" },
    { GOOD "optimizer_d: { eps: 0 }\n", "optimizer_d.eps wants a number", "" },
    { GOOD "runtime: { gemm: clblas }\n",
      "runtime.gemm wants 'auto', 'clblast' or 'builtin', not 'clblas'", "did you mean 'clblast'" },
    { GOOD "data: { hflip: maybe }\n", "data.hflip wants 'false' or 'true', not 'maybe'", "" },
    { GOOD "data: { source: \"a\\nb\" }\n", "data.source has a control character: 'a?b'", "" },
    { GOOD "data: { source: \"a\\0b\" }\n", "m.yaml:9: a value has a NUL", "" },
    { GOOD "loss: { objective: cross-entropy }\n", "'non-saturating'", "" },
    { GOOD "order: { kind: g-first }\n", "order.kind wants 'simultaneous', 'd-then-g-same-fakes'", "" },
    { GOOD "data: &a { size: 1 }\n", "m.yaml:9: a model file may not have an anchor", "" },
    { GOOD "data: { size: &a 1 }\n", "may not have an anchor", "" },
    { GOOD "data: *a\n", "m.yaml:9: a model file may not have an alias", "write the values out" },
    { GOOD "data: { size: !!int 1 }\n", "may not have a tag", "" },
    { GOOD "data: { <<: 1 }\n", "unknown key '<<' in data", "" },
    { GOOD "--- \nmodel: { name: u }\n", "m.yaml:9: a second document", "one model" },
    { "model: { name: t }\n", "section 'latent' is missing", "generator" },
    { HEAD "generator:\n" NET, "section 'discriminator' is missing", "" },
    { HEAD "generator: { width: 8 }\n", "m.yaml:3: generator has no layers", "layers:" },
    { HEAD "generator: { layers: [] }\n", "generator has no layers", "" },
    { HEAD "generator: { layers: 5 }\n", "layers wants a list, not a single value", "" },
    { HEAD "generator: { init: 5 }\n", "init wants a map of keys", "" },
    { HEAD "generator: { init: { sdt: 1 } }\n", "unknown key 'sdt' in generator.init",
      "did you mean 'std'" },
    { HEAD "generator: { init: {}, init: {} }\n", "key 'init' is there twice", "" },
    { HEAD "generator: { layer: 5 }\n", "unknown key 'layer' in generator", "mean 'layers'" },
    { "model: { summary: x }\n", "m.yaml:1: model.name is missing", "" },
    { "model: { name: a/b }\n", "model.name may have letters, digits", "" },
    { "model: { name: .. }\n", "model.name may not start with '.'", "" },
    { "model: { name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa }\n",
      "model.name is too long: 'aaaa", "at most 63 bytes" },
    { "model: { aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 1 }\n",
      "unknown key 'aaaaaaaaaaaaaaa", "" },
    { "model: { name: t }\nlatent: { kind: uniform, lo: 1, hi: 1 }\n",
      "m.yaml:2: latent.lo 1 is not below latent.hi 1", "" },
    { WITH_LAYER("5"), "m.yaml:6: a layer wants a map of keys, not a single value", "op: conv2d" },
    { WITH_LAYER("{ out: 3 }"), "m.yaml:6: generator layer 2: key 'op' is missing", "linear" },
    { WITH_LAYER("{ op: linear }"), "m.yaml:6: generator layer 2: key 'out' is missing", "" },
    { WITH_LAYER("{ op: conv2d, out: 3 }"), "generator layer 2: key 'kernel' is missing", "" },
    { WITH_LAYER("{ op: conv3d, out: 3 }"),
      "'upsample' or 'avgpool', not 'conv3d'",
      "did you mean 'conv2d'" },
    { WITH_LAYER("{ op: conv2d, out: 3, kernal: 3 }"), "unknown key 'kernal' in a layer",
      "did you mean 'kernel'" },
    { WITH_LAYER("{ op: conv2d, out: stages, kernel: 3 }"),
      "out wants a whole number from 1 to 16777216 or 'channels' or 'pixels' or 'stage'",
      "did you mean 'stage'" },
    { WITH_LAYER("{ op: conv2d, out: 3, kernel: 8 }"),
      "kernel wants a whole number from 1 to 7 or 'base', not '8'", "" },
    { WITH_LAYER("{ op: conv2d, out: 3, kernel: 3, stride: 5 }"), "stride wants a whole number",
      "" },
    { WITH_LAYER("{ op: conv2d, out: 3, kernel: 3, out_pad: 1 }"),
      "generator layer 2: conv2d layers have no key 'out_pad'", "" },
    { WITH_LAYER("{ op: linear, out: 3, kernel: 3 }"), "linear layers have no key 'kernel'", "" },
    { WITH_LAYER("{ op: linear, out: 3, act: gelu }"), "act wants 'none', 'relu'", "" },
    { WITH_LAYER("{ op: linear, out: 3, act: relu, act: tanh }"),
      "m.yaml:6: generator layer 2: key 'act' is there twice", "" },
    { WITH_LAYER("{ op: linear, out: 3, repeat: stages }"),
      "'repeat: stages' needs 'out: stage'", "" },
    { WITH_LAYER("{ op: linear, out: 3, repeat: twice }"),
      "repeat wants 'none' or 'stages', not 'twice'", "" },
};

/* Branches on lines 6 and 7 of the generator. */
#define TWO(a, b) \
    HEAD "generator:\n  layers:\n    - " a "\n    - " b "\ndiscriminator:\n" NET
/* A discriminator from line 7 on. */
#define HEADS(layers) HEAD "generator:\n" NET "discriminator:\n  layers:\n" layers

static const struct {
    const char *text, *what, *hint;
} refused_graphs[] = {
    { TWO("{ op: linear, out: 2, id: first }", "{ op: linear, out: 2, from: frist }"),
      "m.yaml:6: generator layer 2: from: there is no layer with id 'frist'",
      "did you mean 'first'? known here: input label first" },
    { TWO("{ op: linear, out: 2, id: a }", "{ op: concat, with: labl }"),
      "with: there is no layer with id 'labl'", "did you mean 'label'?" },
    { TWO("{ op: linear, out: 2, id: a, from: a }", "{ op: linear, out: 2 }"),
      "m.yaml:5: generator layer 1: from: 'a' is this layer itself; a net has no cycles",
      "layers above it" },
    { TWO("{ op: linear, out: 2, from: b }", "{ op: linear, out: 2, id: b }"),
      "m.yaml:5: generator layer 1: from: 'b' is a layer further down; a net has no cycles", "" },
    { TWO("{ op: concat, with: b }", "{ op: linear, out: 2, id: b }"),
      "with: 'b' is a layer further down", "" },
    { TWO("{ op: linear, out: 2, id: a }", "{ op: linear, out: 2, id: a }"),
      "m.yaml:6: generator layer 2: id 'a' is that of layer 1 already", "another id" },
    { TWO("{ op: linear, out: 2, id: label }", "{ op: linear, out: 2 }"),
      "id 'label' has a meaning of its own", "" },
    { TWO("{ op: linear, out: 2 }", "{ op: linear, out: 2, from: input }"),
      "m.yaml:5: generator layer 1: no layer takes its output", "give it an id" },
    { TWO("{ op: linear, out: 2, from: label }", "{ op: linear, out: 2 }"),
      "m.yaml:5: generator layer 1: no layer takes the net's input", "from: input" },
    { TWO("{ op: embedding, out: 2, from: input }", "{ op: linear, out: 2 }"),
      "it takes the label and nothing else", "remove from" },
    { TWO("{ op: linear, out: 2, head: realness }", "{ op: linear, out: 2 }"),
      "a generator has no heads", "remove head" },
    { HEADS("    - { op: linear, out: 1, head: realnes }\n"),
      "m.yaml:8: discriminator layer 1: head wants 'realness' or 'match', not 'realnes'",
      "did you mean 'realness'?" },
    { HEADS("    - { op: linear, out: 1, head: match }\n"),
      "head 'match' judges the label, but no label reaches it", "with: label" },
    { HEADS("    - { op: concat, with: label }\n    - { op: linear, out: 1, head: match }\n"),
      "the net has a head 'match', but none 'realness'", "" },
    { HEADS("    - { op: linear, out: 1, head: realness, id: a }\n"
            "    - { op: linear, out: 1, head: realness }\n"),
      "m.yaml:9: discriminator layer 2: head 'realness' is layer 1 already", "" },
    { HEADS("    - { op: linear, out: 1, head: realness }\n    - { op: linear, out: 1 }\n"),
      "m.yaml:9: discriminator layer 2: no layer takes its output", "" },
    { HEADS("    - { op: linear, out: stage, repeat: stages, head: realness }\n"),
      "a repeated layer cannot be a head", "" },
    { WITH_LAYER("{ op: concat }"), "m.yaml:6: generator layer 2: key 'with' is missing",
      "{ op: concat, with: label }" },
    { WITH_LAYER("{ op: linear, out: 2, with: label }"), "linear layers have no key 'with'", "" },
    { WITH_LAYER("{ op: maxout, out: 2 }"), "key 'pieces' is missing", "pieces: 5" },
    { WITH_LAYER("{ op: maxout, out: 2, pieces: 1 }"), "pieces wants a whole number from 2 to 64",
      "" },
    { WITH_LAYER("{ op: maxout, out: 2, pieces: 2, act: relu }"),
      "maxout layers have no key 'act'", "maxout takes op out" },
    { WITH_LAYER("{ op: dropout }"), "key 'keep' is missing", "keep: 0.5" },
    { WITH_LAYER("{ op: dropout, keep: 0 }"), "keep wants a number from above 0 to 1, not '0'",
      "" },
    { WITH_LAYER("{ op: dropout, keep: 1e-60 }"), "keep wants a number from above 0 to 1", "" },
    { WITH_LAYER("{ op: dropout, keep: 1.1 }"), "keep wants a number from above 0 to 1", "" },
    { WITH_LAYER("{ op: dropout, out: 3, keep: 0.5 }"), "dropout layers have no key 'out'", "" },
    { WITH_LAYER("{ op: embedding }"), "key 'out' is missing", "" },
    { WITH_LAYER("{ op: upsample, scale: 1 }"), "scale wants a whole number from 2 to 64", "" },
    { WITH_LAYER("{ op: linear, out: 3, bias: false, bias_init: zero }"),
      "key 'bias_init', but bias is false", "" },
    { WITH_LAYER("{ op: linear, out: 3, bias_value: 2 }"),
      "'bias_value' needs 'bias_init: constant'", "" },
    { GOOD "order: { d_steps: 0 }\n",
      "m.yaml:9: order.d_steps wants a whole number from 1 to 1000000, not '0'", "" },
    { GOOD "order: { k: 5 }\n", "unknown key 'k' in order", "keys of order: kind d_steps" },
    { GOOD "loss: { objective: wassertein }\n", "loss.objective wants 'hinge'",
      "did you mean 'wasserstein'?" },
    { GOOD "loss: { objective: wgan }\n", "not 'wgan'", "did you mean 'wasserstein'?" },
    { GOOD "loss: { objective: LSGAN }\n", "not 'LSGAN'", "did you mean 'least-squares'?" },
    { GOOD "loss: { objective: vanilla }\n", "", "did you mean 'non-saturating'?" },
    { GOOD "loss: { objective: bce }\n", "", "did you mean 'non-saturating'?" },
    { GOOD "loss: { objective: minimax }\n", "", "did you mean 'saturating'?" },
    { GOOD "loss: { objective: xyz }\n", "not 'xyz'",
      "use 'hinge', 'least-squares', 'non-saturating', 'saturating' or 'wasserstein'" },
    { GOOD "optimizer_g: { kind: wgan }\n", "not 'wgan'", "use 'adam' or 'sgd'" },
    { GOOD "loss: { real_target: 1.5 }\n", "loss.real_target wants a number from 0 to 1", "" },
    { GOOD "optimizer_g: { kind: adma }\n", "optimizer_g.kind wants 'adam' or 'sgd', not 'adma'",
      "did you mean 'adam'?" },
    { GOOD "optimizer_g: { momentun: 0.5 }\n", "unknown key 'momentun' in optimizer_g",
      "did you mean 'momentum'?" },
    { GOOD "optimizer_d: { lr_divisor: 0.5 }\n", "lr_divisor wants a number from 1 to 1000", "" },
    { GOOD "data: { range: units }\n", "data.range wants 'symmetric' or 'unit', not 'units'",
      "did you mean 'unit'?" },
    { GOOD "train: { on_collapse: rolback }\n", "train.on_collapse wants 'warn', 'stop' or",
      "did you mean 'rollback'?" },
    { GOOD "runtime: { precision: fp8 }\n", "runtime.precision wants 'fp32', 'fp16' or 'bf16'",
      "" },
    { HEAD "generator:\n  packing: 2\n" NET, "unknown key 'packing' in generator",
      "'packing' is a key of discriminator" },
};

static void graphs_that_do_not_hold_together_name_the_line_and_the_nearest_id(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused_graphs / sizeof refused_graphs[0]; i++) {
        assert_fault(parse(refused_graphs[i].text), CLG_E_MODEL, refused_graphs[i].what,
                     refused_graphs[i].hint);
    }
}

static void faults_name_line_and_what_to_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_fault(parse(refused[i].text), CLG_E_MODEL, refused[i].what, refused[i].hint);
    }
}

static void too_many_layers_are_refused(void **state)
{
    (void)state;
    clg_str s = { 0 };
    clg__str_add(&s, HEAD "generator:\n  layers:\n");
    for (int i = 0; i < CLG_LAYERS_MAX + 1; i++) {
        clg__str_add(&s, "    - { op: linear, out: 1 }\n");
    }
    assert_fault(parse(s.text), CLG_E_MODEL, "generator has more than 64 layers", "");
    clg__str_free(&s);
}

static void deep_nesting_is_refused_quickly(void **state)
{
    (void)state;
    size_t n = 1 << 20;
    char *text = malloc(n);
    memset(text, '[', n);
    assert_fault(clg__config_parse(text, n, "m.yaml", &desc), CLG_E_MODEL, "m.yaml:1: ", "");
    free(text);
}

static void files_over_one_mebibyte_are_refused(void **state)
{
    (void)state;
    char dir[64];
    test_tmp_make(dir);
    char *path = clg__os_join(dir, "big.yaml");
    size_t n = (1 << 20) + 1;
    char *text = malloc(n);
    memset(text, ' ', n);
    memcpy(text, GOOD, strlen(GOOD));
    assert_fault(clg__config_parse(text, n, "m.yaml", &desc), CLG_E_MODEL,
                 "the file has 1048577 bytes, at most 1048576", "");
    assert_ok(clg__os_write_atomic(path, text, n));
    assert_fault(clg__config_load(path, &desc), CLG_E_MODEL, "at most 1048576", "");
    text[n - 2] = '\n';
    assert_ok(clg__os_write_atomic(path, text, n - 1));
    assert_ok(clg__config_load(path, &desc));
    free(text);
    clg__free(path);
    test_tmp_remove(dir);
}

static void a_missing_file_is_an_io_fault(void **state)
{
    (void)state;
    assert_fault(clg__config_load("no/such.yaml", &desc), CLG_E_IO, "no/such.yaml", "check");
}

static void set_changes_one_value(void **state)
{
    (void)state;
    assert_ok(parse(GOOD));
    assert_ok(clg__config_set(&desc, "train.batch=32"));
    assert_ok(clg__config_set(&desc, "runtime.gemm=clblast"));
    assert_ok(clg__config_set(&desc, "runtime.tune=off"));
    assert_ok(clg__config_set(&desc, "data.hflip=true"));
    assert_ok(clg__config_set(&desc, "data.source=/a/b=c d.e"));
    assert_ok(clg__config_set(&desc, "optimizer_g.lr=1e-4"));
    assert_ok(clg__config_set(&desc, "generator.width=128"));
    assert_ok(clg__config_set(&desc, "discriminator.init.std=0.5"));
    assert_ok(clg__config_set(&desc, "train.seed=18446744073709551615"));
    assert_int_equal(desc.train.batch, 32);
    assert_int_equal(desc.runtime.gemm, CLG_GEMM_CLBLAST);
    assert_false(desc.runtime.tune);
    assert_true(desc.data.hflip);
    assert_string_equal(desc.data.source, "/a/b=c d.e");
    assert_true(desc.optimizer_g.lr == 1e-4f);
    assert_int_equal(desc.generator.width, 128);
    assert_true(desc.discriminator.init.std == 0.5f);
    assert_true(desc.train.seed == UINT64_MAX);
}

static void set_refuses_with_the_nearest_key(void **state)
{
    (void)state;
    static const struct {
        const char *assignment, *what, *hint;
    } bad[] = {
        { "train.batch", "--set train.batch: not of the form section.key=value", "train.batch=32" },
        { "=3", "not of the form", "" },
        { "train.batsh=3", "unknown key 'batsh' in train", "did you mean 'batch'" },
        { "trian.batch=3", "unknown section 'trian'", "did you mean train.batch=" },
        { "batch=3", "the section is missing", "did you mean train.batch=" },
        { "train.batch=x", "train.batch wants a whole number from 1 to 65536, not 'x'", "" },
        { "train.batch=", "not ''", "" },
        { "data.source=\xff", "data.source is not UTF-8", "" },
        { "model.name=../x", "model.name may", "" },
        { "generator.layers=3", "layers cannot be set", "models show" },
        { "layer.out=3", "unknown section 'layer'", "" },
        { "generator.init=3", "unknown key 'init'", "" },
    };
    assert_ok(parse(GOOD));
    memcpy(&other, &desc, sizeof desc);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_fault(clg__config_set(&desc, bad[i].assignment), CLG_E_USAGE, bad[i].what,
                     bad[i].hint);
    }
    assert_memory_equal(&desc, &other, sizeof desc);
}

/* Lines differ between the two files; all else must be the same bytes. */
static void forget_lines(clg_model_desc *d)
{
    for (int i = 0; i < CLG_LAYERS_MAX; i++) {
        d->generator.layer[i].line = d->discriminator.layer[i].line = 0;
    }
}

static void a_written_config_reads_back_as_the_same_bytes(void **state)
{
    (void)state;
    assert_ok(parse(WITH_LAYER("{ op: deconv2d, out: stage, kernel: base, stride: 2, pad: 3, "
                               "out_pad: 1, bias: false, norm: batch, act: lrelu, slope: 0.3, "
                               "repeat: stages }")));
    static const char *const sets[] = {
        "optimizer_g.lr=0.1",       "optimizer_g.beta1=0.33333334", "optimizer_d.eps=1.1754944e-30",
        "optimizer_d.lr=123456.79", "latent.lo=-0.70710677",        "latent.hi=1.7320508",
        "latent.kind=uniform",      "train.seed=18446744073709551615",
        "train.steps=1000000000000", "model.summary=\"quoted\" \\ and: # { more",
        "data.source=true",         "discriminator.prefix=",        "runtime.kernels=gpu",
        "data.source=/data/\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 x\xc2\x85 \xef\xbb\xbf'",
    };
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        clg_str s = { 0 };
        assert_ok(clg__config_set(&desc, sets[i]));
        assert_ok(clg__config_write(&desc, &s));
        assert_ok(clg__config_parse(s.text, s.len, "again.yaml", &other));
        forget_lines(&desc);
        forget_lines(&other);
        assert_memory_equal(&desc, &other, sizeof desc);
        clg__str_free(&s);
    }
}

static void a_written_graph_reads_back_as_the_same_bytes(void **state)
{
    (void)state;
    static const char *const sets[] = {
        "optimizer_g.kind=sgd", "optimizer_d.lr_divisor=1.000004", "loss.objective=least-squares",
        "order.kind=reconstruct", "latent.kind=spherical", "discriminator.packing=8",
        "runtime.precision=fp16", "runtime.math=tf32", "runtime.memory=fast", "train.on_collapse=stop",
        "data.range=unit",
    };
    assert_ok(parse(FAMILY));
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        clg_str s = { 0 };
        assert_ok(clg__config_set(&desc, sets[i]));
        assert_ok(clg__config_write(&desc, &s));
        assert_ok(clg__config_parse(s.text, s.len, "again.yaml", &other));
        forget_lines(&desc);
        forget_lines(&other);
        assert_memory_equal(&desc, &other, sizeof desc);
        clg__str_free(&s);
    }
}

static void floats_of_all_sizes_read_back_exactly(void **state)
{
    (void)state;
    assert_ok(parse(GOOD));
    uint32_t bits = 12345;
    for (int i = 0; i < 300; i++) {
        clg_str s = { 0 };
        bits = bits * 1664525u + 1013904223u;
        uint32_t pattern = 0x30000000u + (bits >> 5); /* 4.7e-10 .. 32 */
        memcpy(&desc.optimizer_g.lr, &pattern, sizeof pattern);
        assert_ok(clg__config_write(&desc, &s));
        assert_ok(clg__config_parse(s.text, s.len, "again.yaml", &other));
        assert_memory_equal(&desc.optimizer_g.lr, &other.optimizer_g.lr, sizeof(float));
        clg__str_free(&s);
    }
}

static void text_that_is_no_utf8_is_not_written(void **state)
{
    (void)state;
    clg_str s = { 0 };
    assert_ok(parse(GOOD));
    memcpy(desc.data.source, "\xff", 2);
    assert_fault(clg__config_write(&desc, &s), CLG_E_USAGE, "section data", "rename");
    clg__str_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_minimal_file_gets_the_defaults),
        cmocka_unit_test(every_kind_of_value_is_read),
        cmocka_unit_test(every_section_of_a_family_model_is_read),
        cmocka_unit_test(a_file_of_an_older_version_means_what_it_meant),
        cmocka_unit_test(branches_heads_and_every_op_are_read),
        cmocka_unit_test(faults_name_line_and_what_to_do),
        cmocka_unit_test(graphs_that_do_not_hold_together_name_the_line_and_the_nearest_id),
        cmocka_unit_test(a_written_graph_reads_back_as_the_same_bytes),
        cmocka_unit_test(too_many_layers_are_refused),
        cmocka_unit_test(deep_nesting_is_refused_quickly),
        cmocka_unit_test(files_over_one_mebibyte_are_refused),
        cmocka_unit_test(a_missing_file_is_an_io_fault),
        cmocka_unit_test(set_changes_one_value),
        cmocka_unit_test(set_refuses_with_the_nearest_key),
        cmocka_unit_test(a_written_config_reads_back_as_the_same_bytes),
        cmocka_unit_test(floats_of_all_sizes_read_back_exactly),
        cmocka_unit_test(text_that_is_no_utf8_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
