/* Fuzzes model files and --set. What is accepted must write, and read back as the same bytes. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "io/config.h"

static void forget_lines(clg_model_desc *d)
{
    for (int i = 0; i < CLG_LAYERS_MAX; i++) {
        d->generator.layer[i].line = d->discriminator.layer[i].line = 0;
    }
}

static void check_round_trip(clg_model_desc *d)
{
    static clg_model_desc again;
    clg_str s = { 0 };
    FUZZ_CHECK(clg__config_write(d, &s) == CLG_OK);
    FUZZ_CHECK(clg__config_parse(s.text, s.len, "again", &again) == CLG_OK);
    forget_lines(d);
    forget_lines(&again);
    FUZZ_CHECK(memcmp(d, &again, sizeof again) == 0);
    clg__str_free(&s);
}

static void check_message(int status, int wanted)
{
    FUZZ_CHECK(status == wanted);
    FUZZ_CHECK(clg_message()[0] != '\0' && strchr(clg_message(), '\n') == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static clg_model_desc d;
    int status = clg__config_parse((const char *)bytes, n, "fuzz", &d);
    if (status == CLG_OK) {
        check_round_trip(&d);
    } else {
        check_message(status, CLG_E_MODEL);
    }
    /* The first line as an assignment. */
    char line[256];
    size_t length = n < sizeof line - 1u ? n : sizeof line - 1u;
    memcpy(line, bytes, length);
    line[length] = '\0';
    line[strcspn(line, "\n")] = '\0';
    status = clg__config_set(&d, line);
    if (status != CLG_OK) {
        check_message(status, CLG_E_USAGE);
    }
    return 0;
}

size_t fuzz_seed(unsigned i, uint8_t *dst)
{
#define NETS                                                                                       \
    "generator:\n  prefix: main\n  width: 8\n  init: { kind: normal, std: 0.02 }\n  layers:\n"     \
    "    - { op: deconv2d, out: stage, kernel: base, bias: false, norm: batch, act: relu }\n"      \
    "    - { op: deconv2d, out: channels, kernel: 4, stride: 2, pad: 1, act: tanh }\n"             \
    "discriminator:\n  layers:\n    - op: linear\n      out: 1\n      name: fc\n"
    static const char *const seeds[] = {
        "model: { name: a, summary: \"b \\\"c\\\" \\u00e4\" }\nlatent: { size: 4 }\n" NETS,
        "model: { name: a }\nlatent: { kind: uniform, lo: -1, hi: 1.5 }\n" NETS,
        "model: {name: a}\nlatent: {}\n" NETS
        "loss: { objective: non-saturating }\norder: { kind: d-then-g-same-fakes }\n"
        "optimizer_g: { lr: 2e-4, beta1: 0.5, beta2: 0.999, eps: 1e-8 }\n"
        "data: { source: /a b/c, size: 64, channels: 3, hflip: yes }\n"
        "train: { batch: 64, epochs: 2, steps: 0, seed: 18446744073709551615, keep_every: 7 }\n"
        "runtime: { gemm: clblast, kernels: gpu, tune: off }\n",
        "model: {name: a}\nlatent: { kind: spherical }\ngenerator:\n  layers:\n"
        "    - { op: embedding, out: 3, id: e }\n    - { op: concat, from: input, with: e }\n"
        "    - { op: linear, out: pixels, act: sigmoid, bias_init: data-logit }\n"
        "discriminator:\n  packing: 1\n  layers:\n"
        "    - { op: maxout, out: 5, pieces: 3, bias_init: constant, bias_value: 0.5, id: x }\n"
        "    - { op: linear, out: 1, head: realness }\n"
        "    - { op: concat, from: x, with: label }\n    - { op: dropout, keep: 0.8 }\n"
        "    - { op: linear, out: 1, head: match }\n"
        "loss: { objective: hinge, weight_real: 0.5, wrong_label_weight: 0.5 }\n"
        "order: { kind: simultaneous, d_steps: 5 }\noptimizer_g: { kind: sgd, lr_floor: 1e-6 }\n"
        "data: { range: unit, rows: 9 }\ntrain: { on_collapse: stop }\n",
        "data.source=a\n",
        "optimizer_d.beta1=0.5\n",
        "generator.init.std=1e-3\n",
        "a: &b [*b, !c 'd']\n---\n- ? e\n",
    };
    if (i >= sizeof seeds / sizeof seeds[0]) {
        return 0;
    }
    memcpy(dst, seeds[i], strlen(seeds[i]));
    return strlen(seeds[i]);
}

void fuzz_mend(uint8_t *bytes, size_t n)
{
    (void)bytes;
    (void)n;
}
