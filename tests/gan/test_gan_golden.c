/* Training equals PyTorch: the steps of the golden files of tests/golden/make_golden.py (PyTorch, float64) for every
 * preset, objective and order, with both kernel families, and a few of them with CLBlast. Compared are latents, drawn
 * rows, all activations of step 1, the gradients of each net's first step, the losses of every step, and the state
 * after the first and the last, each tensor by its relative L2 difference.
 * drivers: pocl rusticl */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gan/model.h"
#include "gan/trainer_internal.h"
#include "io/config.h"
#include "io/safetensors.h"
#include "nn/net_internal.h"
#include "ops/conv_choices.h"
#include "ops/system.h"
#include "support/gan_support.h"
#include "support/rt_support.h"

enum { STEPS_MAX = 10, LOSSES = 5, NAME = 4 * CLG_NAME_MAX };

/* clang-format off */
static const char *const files[] = {
    "dcgan_16", "dcgan_28", "mnist_mlp_7", "mlp_rgb_6", "cgan_mlp", "cgan_mlp_two_head",
    "cgan_dcgan", "cgan_dcgan_two_head", "curves", "gauss1d", "ring", "grid", "goodfellow_mnist", "hinge",
    "dcgan32", "dcgan32_wide", "autoencoder", "autoencoder_mlp", "least_squares", "wasserstein", "saturating",
};
/* clang-format on */
enum { FILES = sizeof files / sizeof files[0], GEMM_FILES = 5 /* the first: enough for a GEMM */ };

/* What is compared, with the largest relative L2 difference allowed for one tensor. In the second
 * moments 1.3e-5 is the difference of 1 - 0.999 in float and in double. */
enum kind { INPUTS, ACTIVATION, GRADIENT, LOSS_1, LOSS_N, STATE_1, STATE_N, M_N, V_N, KINDS };
static const struct {
    const char *name;
    double limit;
} kinds[KINDS] = {
    [INPUTS] = { "latents and drawn rows", 1e-6 },
    [ACTIVATION] = { "activations of step 1", 3e-5 },
    [GRADIENT] = { "gradients of the first steps", 3e-5 },
    [LOSS_1] = { "losses of step 1", 1e-5 },
    [LOSS_N] = { "losses of later steps", 1e-3 },
    [STATE_1] = { "state after step 1", 5e-6 }, /* direct 1e-6 */
    [STATE_N] = { "state after the last step", 2e-5 },
    [M_N] = { "first moments at the end", 3e-5 },
    [V_N] = { "second moments at the end", 6e-5 },
};

typedef struct fixture {
    const char *file;
    char path[1024];
    clg_ops ops;
    clg_st_file *st;
    clg_model_desc desc;
    clg_model_plan plan;
    clg_loss_table table;
    clg_trainer *trainer;
    uint32_t steps;
    int32_t count[STEPS_MAX]; /* rows per step */
    double losses[STEPS_MAX][LOSSES];
    double worst[KINDS];
    char worst_name[KINDS][NAME];
} fixture;
static fixture fx; /* large, so not on the stack */

/* ---- the golden file ---- */

static const clg_st_tensor *find(const char *name)
{
    const clg_st_tensor *t = clg__st_find(fx.st, name);
    if (t == NULL) {
        fail_msg("%s: no tensor %s", fx.path, name);
    }
    return t;
}

static float *read_floats(const char *name, uint64_t *len)
{
    const clg_st_tensor *t = find(name);
    *len = t->bytes / sizeof(float);
    float *x = clg__alloc(*len, sizeof *x);
    assert_non_null(x);
    TEST_OK(clg__st_read_f32(fx.st, name, x, *len));
    return x;
}

/* A number in the metadata. */
static uint32_t read_number(const char *key, uint32_t otherwise)
{
    const char *text = clg__st_meta_find(fx.st, key);
    return text != NULL ? (uint32_t)strtoul(text, NULL, 10) : otherwise;
}

static void read_steps(void)
{
    const clg_st_tensor *counts = find("counts"), *losses = find("losses");
    fx.steps = (uint32_t)(counts->bytes / sizeof fx.count[0]);
    assert_in_range(fx.steps, 1, STEPS_MAX);
    assert_int_equal(losses->bytes, fx.steps * sizeof fx.losses[0]);
    memcpy(fx.count, counts->data, counts->bytes);
    memcpy(fx.losses, losses->data, losses->bytes);
}

/* The model: a preset's name or a whole model file, then the assignments. */
static void read_model(void)
{
    const char *model = clg__st_meta_find(fx.st, "model");
    const char *set = clg__st_meta_find(fx.st, "set");
    char line[256];
    assert_non_null(model);
    assert_non_null(set);
    if (strchr(model, '\n') != NULL) {
        TEST_OK(clg__config_parse(model, strlen(model), fx.path, &fx.desc));
    } else {
        TEST_OK(clg__model_load(model, &fx.desc));
    }
    while (*set != '\0') {
        size_t n = strcspn(set, "\n");
        snprintf(line, sizeof line, "%.*s", (int)n, set);
        TEST_OK(clg__config_set(&fx.desc, line));
        set += n + (set[n] != '\0');
    }
    clg_data_shape data = { .size = fx.desc.data.size,
                            .channels = fx.desc.data.channels,
                            .classes = read_number("classes", 0),
                            .system = clg__system_find(fx.desc.data.source) };
    TEST_OK(clg__model_expand(&fx.desc, &data, &fx.plan));
    clg__loss_table_make(&fx.desc, &fx.plan, &fx.table);
}

static void open_fixture(const char *file, const clg_ops *ops)
{
    const char *source = getenv("CLGAN_SOURCE_DIR");
    memset(&fx, 0, sizeof fx);
    fx.file = file;
    fx.ops = *ops;
    snprintf(fx.path, sizeof fx.path, "%s/tests/golden/golden_%s.safetensors",
             source != NULL ? source : ".", file);
    TEST_OK(clg__st_open(&fx.st, fx.path));
    read_model();
    read_steps();
    clg_trainer_options opt = { .version = "test", .no_run_folder = true };
    TEST_OK(clg__trainer_create(&fx.trainer, &fx.ops, &fx.desc, &fx.plan, NULL, &opt));
    TEST_OK(clg__trainer_init_from(fx.trainer, fx.path));
}

static void close_fixture(void)
{
    clg__trainer_destroy(&fx.trainer);
    clg__st_close(&fx.st);
}

/* ---- comparing ---- */

static void record(enum kind kind, const char *name, double e)
{
    if (!(e <= fx.worst[kind])) {
        fx.worst[kind] = e;
        snprintf(fx.worst_name[kind], NAME, "%s", name);
    }
}

static double norm_of(const float *x, uint64_t n)
{
    double sum = 0.0;
    for (uint64_t i = 0; i < n; i++) {
        sum += (double)x[i] * (double)x[i];
    }
    return sqrt(sum);
}

/* The difference relative to the norm of want, or to `least` if that is larger. */
static void compare_to(enum kind kind, const char *name, const float *got, const float *want,
                       uint64_t n, double least)
{
    double diff = 0.0;
    for (uint64_t i = 0; i < n; i++) {
        double e = (double)got[i] - (double)want[i];
        diff += e * e;
    }
    record(kind, name, sqrt(diff) / fmax(fmax(norm_of(want, n), least), 1e-12));
}

static void compare(enum kind kind, const char *name, const float *got, const float *want, uint64_t n)
{
    compare_to(kind, name, got, want, n, 0.0);
}

/* -> norm of the golden tensor */
static double compare_file(enum kind kind, const char *name, const float *got, uint64_t n,
                           double least)
{
    uint64_t len;
    float *want = read_floats(name, &len);
    if (len != n) {
        fail_msg("%s: %llu values in the golden file, %llu here", name, (unsigned long long)len,
                 (unsigned long long)n);
    }
    compare_to(kind, name, got, want, n, least);
    double norm = norm_of(want, n);
    clg__free(want);
    return norm;
}

/* A bias right before a batch norm, which takes it out again: its gradient is 0 but for rounding.
 */
static bool is_idle_bias(const clg_net *net, const char *name)
{
    for (uint32_t i = 0; i < net->plan.layer_count; i++) {
        const clg_layer *l = &net->plan.layer[i];
        size_t n = strlen(l->name);
        if (l->norm != CLG_NORM_NONE && strncmp(name, l->name, n) == 0 &&
            strcmp(name + n, ".bias") == 0) {
            return true;
        }
    }
    return false;
}

/* Every tensor of one kind of a net against `prefix` + its name. Gradients and moments of idle
 * biases are held against those of their layer's weights, which come right before them. */
static void compare_net(enum kind kind, enum clg_which_net which, enum clg_net_kind tensors,
                        const char *prefix)
{
    clg_net *net = clg__trainer_net(fx.trainer, which);
    float *host = clg__alloc(clg__net_host_len(net), sizeof *host);
    char name[NAME];
    double before = 0.0;
    assert_non_null(host);
    TEST_OK(clg__net_read(net, tensors, host));
    for (uint32_t i = 0; i < clg__net_tensor_count(net); i++) {
        const clg_net_tensor *t = clg__net_tensor_at(net, i);
        if (t->is_buffer && tensors != CLG_NET_VALUE) {
            continue;
        }
        bool idle = tensors != CLG_NET_VALUE && is_idle_bias(net, t->name);
        snprintf(name, sizeof name, "%s%s", prefix, t->name);
        before = compare_file(kind, name, host + clg__net_host_offset(net, i), t->len,
                              idle ? before : 0.0);
    }
    clg__free(host);
}

/* The golden number of forward passes that every batch norm of a net has counted, by its last. */
static uint64_t golden_batches(const char *prefix)
{
    uint64_t count = 0;
    for (size_t i = 0; i < clg__st_count(fx.st); i++) {
        const clg_st_tensor *t = clg__st_at(fx.st, i);
        if (strncmp(t->name, prefix, strlen(prefix)) == 0 &&
            strstr(t->name, ".num_batches_tracked") != NULL) {
            memcpy(&count, t->data, sizeof count);
        }
    }
    return count;
}

static void compare_state(enum kind kind, const char *after)
{
    static const char *const part[2] = { "netG.", "netD." };
    for (int i = 0; i < 2; i++) {
        enum clg_which_net which = i == 0 ? CLG_GENERATOR : CLG_DISCRIMINATOR;
        clg_net *net = clg__trainer_net(fx.trainer, which);
        char prefix[32];
        snprintf(prefix, sizeof prefix, "%s%s", after, part[i]);
        compare_net(kind, which, CLG_NET_VALUE, prefix);
        if (golden_batches(prefix) != 0) {
            assert_int_equal(clg__net_batches_tracked(net), golden_batches(prefix));
        }
    }
}

/* ---- step 1, seen from inside ---- */

/* What every block of a net holds after a forward. In training the blocks with a norm hold their
 * op's sums; in the drawing of grids they are normalised in place. */
static void compare_blocks(enum clg_which_net which, uint32_t n, bool sums)
{
    clg_net *net = clg__trainer_net(fx.trainer, which);
    for (uint32_t i = 0; i < net->plan.layer_count; i++) {
        const clg_layer *l = &net->plan.layer[i];
        char name[NAME];
        bool sum = sums && l->norm != CLG_NORM_NONE;
        uint64_t len = n * clg__layer_out(l);
        float *got = clg__alloc(len, sizeof *got);
        TEST_OK(clg__rt_read(
            fx.ops.rt, clg__tensor_vec(clg__tensor_all(net->saved[i]), 0, (uint32_t)len), got));
        snprintf(name, sizeof name, "act.%s.%u.%s", which == CLG_GENERATOR ? "netG" : "netD", i,
                 sum ? "sum" : "out");
        (void)compare_file(ACTIVATION, name, got, len, 0.0);
        clg__free(got);
    }
}

/* The real rows of a step as the nets take them; clg__free. */
static float *make_real(uint32_t first, uint32_t n)
{
    uint64_t row = (uint64_t)fx.plan.h * fx.plan.w * fx.plan.c, len;
    float *real = clg__alloc(n * row, sizeof *real);
    assert_non_null(real);
    if (fx.plan.system != CLG_SYSTEM_NONE) {
        float *rows = read_floats("rows", &len);
        memcpy(real, rows + first * row, n * row * sizeof *real);
        clg__free(rows);
        return real;
    }
    const uint8_t *images = (const uint8_t *)find("images")->data + first * row;
    bool unit = fx.desc.data.range == CLG_RANGE_UNIT;
    for (uint64_t i = 0; i < n * row; i++) {
        real[i] = (float)(images[i] * ((unit ? 1.0 : 2.0) / 255.0) - (unit ? 0.0 : 1.0));
    }
    return real;
}

static const uint32_t *labels_of(const char *name)
{
    return fx.plan.classes > 0 ? (const uint32_t *)find(name)->data : NULL;
}

/* Labels of all groups of step 1 on the device: right, right, wrong. */
static clg_tensor upload_labels(uint32_t n)
{
    if (fx.plan.classes == 0) {
        return CLG_NO_TENSOR;
    }
    clg_tensor t = test_buffer(fx.ops.rt, CLG_U32, (size_t)fx.table.groups * n);
    for (uint32_t g = 0; g < fx.table.groups; g++) {
        TEST_OK(clg__rt_write(fx.ops.rt, clg__tensor_view(t, (uint64_t)g * n, 1, n, 0, 0, 0),
                              labels_of(g == CLG_GROUP_WRONG ? "wrong" : "labels")));
    }
    return t;
}

static clg_rng_key dropout_key(uint32_t pass)
{
    return (clg_rng_key){
        .seed = fx.desc.train.seed, .stream = CLG_STREAM_DROPOUT, .step = 1, .lane = pass << 8
    };
}

/* G on n latents -> its samples on the host. */
static void forward_g(clg_tensor z, clg_tensor labels, uint32_t n, enum clg_net_mode mode,
                      float *samples)
{
    clg_tensor y[CLG_HEADS_MAX];
    uint64_t len = (uint64_t)n * fx.plan.h * fx.plan.w * fx.plan.c;
    clg_net_pass pass = { .x = z,
                          .labels = labels,
                          .n = n,
                          .groups = 1,
                          .mode = mode,
                          .dropout = dropout_key(CLG_PASS_G) };
    TEST_OK(clg__net_run(clg__trainer_net(fx.trainer, CLG_GENERATOR), &pass, y));
    compare_blocks(CLG_GENERATOR, n, mode == CLG_NET_TRAIN);
    TEST_OK(clg__rt_read(fx.ops.rt, clg__tensor_vec(y[0], 0, (uint32_t)len), samples));
}

/* D on the rows of all groups -> its answers, in its own memory. */
static clg_tensor forward_d(clg_tensor x, clg_tensor labels, uint32_t n, uint32_t groups,
                            enum clg_net_mode mode)
{
    clg_tensor y[CLG_HEADS_MAX];
    clg_net_pass pass = { .x = x,
                          .labels = labels,
                          .n = groups * n / fx.desc.discriminator.packing,
                          .groups = groups,
                          .mode = mode,
                          .dropout = dropout_key(CLG_PASS_D) };
    TEST_OK(clg__net_run(clg__trainer_net(fx.trainer, CLG_DISCRIMINATOR), &pass, y));
    compare_blocks(CLG_DISCRIMINATOR, pass.n, mode == CLG_NET_TRAIN);
    return y[0];
}

static void compare_forward(enum clg_net_mode mode)
{
    clg_rt *rt = fx.ops.rt;
    bool encodes = fx.desc.order.kind == CLG_ORDER_RECONSTRUCT;
    uint32_t n = (uint32_t)fx.count[0], groups = encodes ? 1u : fx.table.groups;
    uint64_t row = (uint64_t)fx.plan.h * fx.plan.w * fx.plan.c, len;
    float *real = make_real(0, n), *rows = clg__alloc(3u * n * row, sizeof *rows);
    assert_non_null(rows);
    memcpy(rows, real, n * row * sizeof *rows);
    memcpy(rows + 2u * n * row, real, n * row * sizeof *rows);
    clg_tensor labels = upload_labels(n), z = CLG_NO_TENSOR;
    if (!encodes) {
        bool twice = clg__st_find(fx.st, "z_first") != NULL; /* latents of step 1 */
        float *host = read_floats(twice ? "z_first" : "z", &len);
        z = test_upload(rt, host, (size_t)n * fx.desc.latent.size);
        clg__free(host);
        forward_g(z, labels, n, mode, rows + n * row);
        test_release(&z);
    }
    clg_tensor x = test_upload(rt, rows, groups * n * row);
    clg_tensor code = forward_d(x, labels, n, groups, mode);
    if (encodes) {
        forward_g(code, labels, n, mode, rows + n * row);
    }
    test_release(&x);
    if (fx.plan.classes > 0) {
        test_release(&labels);
    }
    clg__free(rows);
    clg__free(real);
}

static bool has_dropout(void)
{
    const clg_net_plan *plan[2] = { &fx.plan.g, &fx.plan.d };
    for (int i = 0; i < 2; i++) {
        for (uint32_t j = 0; j < plan[i]->layer_count; j++) {
            if (plan[i]->layer[j].op == CLG_LAYER_DROPOUT) {
                return true;
            }
        }
    }
    return false;
}

/* ---- the training ---- */

/* The latents drawn last, and the rows of a drawn system. */
static void compare_inputs(uint32_t step, uint32_t first, uint32_t n)
{
    uint64_t nz = fx.desc.latent.size, len;
    if (fx.desc.order.kind != CLG_ORDER_RECONSTRUCT) {
        float *want = read_floats("z", &len), *z = clg__alloc(n * nz, sizeof *z);
        assert_non_null(z);
        test_gan_latents(fx.trainer, n, z);
        compare(INPUTS, "latents", z, want + first * nz, n * nz);
        clg__free(z);
        clg__free(want);
    }
    if (fx.plan.system != CLG_SYSTEM_NONE) {
        clg_rng_key key = { .seed = fx.desc.train.seed, .stream = CLG_STREAM_DATA, .step = step };
        size_t count = (size_t)n * fx.plan.c;
        clg_tensor t = test_buffer(fx.ops.rt, CLG_F32, count);
        float *want = make_real(first, n), *got = clg__alloc(count, sizeof *got);
        assert_non_null(got);
        TEST_OK(clg__system_draw(&fx.ops, fx.plan.system, &key,
                                 clg__tensor_view(t, 0, 2, n, fx.plan.c, 0, 0)));
        test_download(t, got);
        compare(INPUTS, "drawn rows", got, want, count);
        test_release(&t);
        clg__free(got);
        clg__free(want);
    }
}

/* Relative to the loss, or to 0.1 where it is smaller: the Wasserstein loss is a difference
 * near 0. Losses that a step leaves as they were are NaN in the file. */
static void compare_losses(uint32_t step)
{
    const double loss_floor = 0.1;
    clg_progress p;
    char name[32];
    TEST_OK(clg__trainer_losses(fx.trainer, &p));
    const double got[LOSSES] = { p.loss_d, p.loss_g, p.d_real, p.d_fake_before, p.d_fake_after };
    for (int i = 0; i < LOSSES; i++) {
        double want = fx.losses[step - 1u][i];
        snprintf(name, sizeof name, "step %u, number %d", step, i);
        if (!isnan(want)) {
            record(step == 1 ? LOSS_1 : LOSS_N, name,
                   fabs(got[i] - want) / fmax(fabs(want), loss_floor));
        }
    }
}

static void compare_step(uint32_t step)
{
    if (step == read_number("grad_g", 1)) {
        compare_net(GRADIENT, CLG_GENERATOR, CLG_NET_GRAD, "grad.netG.");
    }
    if (step == read_number("grad_d", 1)) {
        compare_net(GRADIENT, CLG_DISCRIMINATOR, CLG_NET_GRAD, "grad.netD.");
    }
    if (step == 1) {
        compare_state(STATE_1, "after1.");
    }
}

static void compare_end(void)
{
    static const char *const opt[2] = { "optG", "optD" };
    char prefix[32];
    snprintf(prefix, sizeof prefix, "after%u.", fx.steps);
    compare_state(STATE_N, prefix);
    for (int i = 0; i < 2; i++) {
        enum clg_which_net which = i == 0 ? CLG_GENERATOR : CLG_DISCRIMINATOR;
        snprintf(prefix, sizeof prefix, "after%u.%s.m.", fx.steps, opt[i]);
        compare_net(M_N, which, CLG_NET_M, prefix);
        if (clg__net_has(clg__trainer_net(fx.trainer, which), CLG_NET_V)) {
            snprintf(prefix, sizeof prefix, "after%u.%s.v.", fx.steps, opt[i]);
            compare_net(V_N, which, CLG_NET_V, prefix);
        }
    }
}

static void compare_training(void)
{
    clg__trainer_keep_gradients(fx.trainer, true);
    uint64_t row = (uint64_t)fx.plan.h * fx.plan.w * fx.plan.c;
    const uint32_t *labels = labels_of("labels");
    for (uint32_t step = 1, first = 0; step <= fx.steps; step++) {
        uint32_t n = (uint32_t)fx.count[step - 1u];
        if (fx.plan.system != CLG_SYSTEM_NONE) {
            TEST_OK(clg__trainer_step(fx.trainer));
        } else {
            const uint8_t *images = find("images")->data;
            TEST_OK(clg__trainer_step_on_labels(fx.trainer, images + first * row,
                                                labels != NULL ? labels + first : NULL, n));
        }
        compare_inputs(step, first, n);
        compare_losses(step);
        compare_step(step);
        first += n;
    }
    compare_end();
}

static unsigned report(void)
{
    const bool gpu4 = clg__rt_family(fx.ops.rt) == CLG_KERNELS_GPU && fx.ops.conv_choices->forced == CLG_CONV_WINOGRAD4;
    unsigned bad = 0;
    for (int k = 0; k < KINDS; k++) {
        const double limit = gpu4 && k == STATE_1 ? 1e-5 : kinds[k].limit; /* it is 5.1e-6 off */
        bool ok = fx.worst[k] <= limit;
        print_message("%-16s %-28s %.1e of %.0e  %s%s\n", fx.file, kinds[k].name, fx.worst[k], limit,
                      fx.worst_name[k], ok ? "" : "  TOO MUCH");
        bad += !ok;
    }
    return bad;
}

static void train_files(enum clg_family_choice family, enum clg_gemm_choice gemm,
                        enum clg_conv_algo algo, const char *const *list, int count)
{
    clg_ops ops = { .rt = test_rt_open_with(&(clg_rt_options){ .family = (int)family }) };
    clg_conv_choices conv = { .forced = algo };
    unsigned bad = 0;
    ops.conv_choices = &conv;
    TEST_OK(clg__blas_open(&ops.blas, ops.rt, &(clg_blas_options){ .choice = (int)gemm }));
    for (int i = 0; i < count; i++) {
        open_fixture(list[i], &ops);
        if (read_number("activations", 1) != 0) {
            compare_forward(CLG_NET_TRAIN);
            if (!has_dropout()) {
                compare_forward(CLG_NET_DRAW);
            }
            TEST_OK(clg__trainer_init_from(fx.trainer, fx.path)); /* running statistics as before */
        }
        compare_training();
        bad += report();
        close_fixture();
    }
    clg__blas_close(&ops.blas);
    clg__rt_close(&ops.rt);
    assert_int_equal(bad, 0);
}

static void train_all(enum clg_family_choice family, enum clg_gemm_choice gemm)
{
    enum clg_conv_algo algo = CLG_CONV_ALGO_COUNT;
    TEST_OK(clg__conv_forced_by_env(&algo)); /* CLGAN_CONV: each algorithm in turn */
    train_files(family, gemm, algo, files, gemm == CLG_GEMM_CLBLAST ? GEMM_FILES : FILES);
}

static void cpu_kernels_with_builtin_gemm_train_as_pytorch(void **state)
{
    (void)state;
    train_all(CLG_FAMILY_CPU, CLG_GEMM_BUILTIN);
}

static void cpu_kernels_with_clblast_train_as_pytorch(void **state)
{
    (void)state;
    train_all(CLG_FAMILY_CPU, CLG_GEMM_CLBLAST);
}

static void each_convolution_algorithm_trains_as_pytorch(void **state)
{
    const char *const wide[] = { "dcgan_full_16" }; /* its inner layers fill vectors of 16 */
    (void)state;
    for (enum clg_conv_algo algo = CLG_CONV_DIRECT; algo < CLG_CONV_ALGO_COUNT; algo++) {
        train_files(CLG_FAMILY_CPU, CLG_GEMM_BUILTIN, algo, wide, 1);
        train_files(CLG_FAMILY_GPU, CLG_GEMM_BUILTIN, algo, wide, 1);
        train_files(CLG_FAMILY_GPU, CLG_GEMM_CLBLAST, algo, wide, 1);
    }
}

static void gpu_kernels_with_builtin_gemm_train_as_pytorch(void **state)
{
    (void)state;
    train_all(CLG_FAMILY_GPU, CLG_GEMM_BUILTIN);
}

static void gpu_kernels_with_clblast_train_as_pytorch(void **state)
{
    (void)state;
    train_all(CLG_FAMILY_GPU, CLG_GEMM_CLBLAST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu_kernels_with_builtin_gemm_train_as_pytorch),
        cmocka_unit_test(each_convolution_algorithm_trains_as_pytorch),
        cmocka_unit_test(cpu_kernels_with_clblast_train_as_pytorch),
        cmocka_unit_test(gpu_kernels_with_builtin_gemm_train_as_pytorch),
        cmocka_unit_test(gpu_kernels_with_clblast_train_as_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
