/* Training equals PyTorch: ten steps from the golden files of tests/golden/make_golden.py (PyTorch,
 * float64), with every combination of kernel family and GEMM back end. Compared are the latents,
 * all activations and gradients of step 1, the losses of every step, and the state after steps 1
 * and 10, each tensor by its relative L2 difference.
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
#include "gan/trainer.h"
#include "io/config.h"
#include "io/safetensors.h"
#include "nn/net_internal.h"
#include "support/rt_support.h"

enum { STEPS = 10, NAME = 4 * CLG_NAME_MAX };

static const char *const files[] = { "dcgan_16", "dcgan_28", "mnist_mlp_7", "mlp_rgb_6" };
enum { FILES = sizeof files / sizeof files[0] };

/* What is compared, with the largest relative L2 difference allowed for one tensor. In the second
 * moments 1.3e-5 is the difference of 1 - 0.999 in float and in double. */
enum kind { LATENTS, ACTIVATION, GRADIENT, LOSS_1, LOSS_10, STATE_1, STATE_10, M_10, V_10, KINDS };
static const struct {
    const char *name;
    double limit;
} kinds[KINDS] = {
    [LATENTS] = { "latents", 1e-6 },
    [ACTIVATION] = { "activations of step 1", 3e-5 },
    [GRADIENT] = { "gradients of step 1", 3e-5 },
    [LOSS_1] = { "losses of step 1", 1e-5 },
    [LOSS_10] = { "losses of steps 2-10", 1e-3 },
    [STATE_1] = { "state after step 1", 5e-6 },
    [STATE_10] = { "state after step 10", 2e-5 },
    [M_10] = { "first moments after step 10", 3e-5 },
    [V_10] = { "second moments after step 10", 6e-5 },
};

typedef struct fixture {
    const char *file;
    char path[1024];
    clg_ops ops;
    clg_st_file *st;
    clg_model_desc desc;
    clg_model_plan plan;
    clg_trainer *trainer;
    int32_t count[STEPS];      /* images per step */
    double losses[STEPS][5];
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

static void read_exactly(const char *name, void *dst, size_t bytes)
{
    const clg_st_tensor *t = find(name);
    assert_int_equal(t->bytes, bytes);
    memcpy(dst, t->data, bytes);
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
    TEST_OK(clg__model_expand(&fx.desc, fx.desc.data.size, fx.desc.data.channels, &fx.plan));
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
    read_exactly("counts", fx.count, sizeof fx.count);
    read_exactly("losses", fx.losses, sizeof fx.losses);
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

static void compare(enum kind kind, const char *name, const float *got, const float *want,
                    uint64_t n)
{
    double diff = 0.0, norm = 0.0;
    for (uint64_t i = 0; i < n; i++) {
        double e = (double)got[i] - (double)want[i];
        diff += e * e;
        norm += (double)want[i] * (double)want[i];
    }
    record(kind, name, sqrt(diff / (norm > 1e-24 ? norm : 1e-24)));
}

static void compare_file(enum kind kind, const char *name, const float *got, uint64_t n)
{
    uint64_t len;
    float *want = read_floats(name, &len);
    if (len != n) {
        fail_msg("%s: %llu values in the golden file, %llu here", name, (unsigned long long)len,
                 (unsigned long long)n);
    }
    compare(kind, name, got, want, n);
    clg__free(want);
}

/* Every tensor of one kind of a net against `prefix` + its name. */
static void compare_net(enum kind kind, enum clg_which_net which, enum clg_net_kind tensors,
                        const char *prefix)
{
    clg_net *net = clg__trainer_net(fx.trainer, which);
    float *host = clg__alloc(clg__net_host_len(net), sizeof *host);
    char name[NAME];
    assert_non_null(host);
    TEST_OK(clg__net_read(net, tensors, host));
    for (uint32_t i = 0; i < clg__net_tensor_count(net); i++) {
        const clg_net_tensor *t = clg__net_tensor_at(net, i);
        if (t->is_buffer && tensors != CLG_NET_VALUE) {
            continue;
        }
        snprintf(name, sizeof name, "%s%s", prefix, t->name);
        compare_file(kind, name, host + clg__net_host_offset(net, i), t->len);
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
        if (sums && l->norm == CLG_NORM_NONE) {
            continue; /* its output is the same in both modes */
        }
        uint64_t len = n * clg__layer_out(l);
        float *got = clg__alloc(len, sizeof *got);
        TEST_OK(clg__rt_read(fx.ops.rt,
                             clg__tensor_vec(clg__tensor_all(net->saved[i]), 0, (uint32_t)len),
                             got));
        snprintf(name, sizeof name, "act.%s.%u.%s", which == CLG_GENERATOR ? "netG" : "netD", i,
                 sums ? "sum" : "out");
        compare_file(ACTIVATION, name, got, len);
        clg__free(got);
    }
}

static void compare_forward(enum clg_net_mode mode)
{
    clg_rt *rt = fx.ops.rt;
    uint32_t n = (uint32_t)fx.count[0];
    uint64_t pixels = (uint64_t)fx.plan.size * fx.plan.size * fx.plan.channels, len;
    const clg_st_tensor *images = find("images");
    float *z = read_floats("z", &len), *both = clg__alloc(2u * n * pixels, sizeof *both);
    clg_tensor y;
    for (uint64_t i = 0; i < n * pixels; i++) {
        both[i] = (float)((double)((const uint8_t *)images->data)[i] * (2.0 / 255.0) - 1.0);
    }
    clg_tensor tz = test_upload(rt, z, (size_t)n * fx.desc.latent.size);
    TEST_OK(clg__net_forward(clg__trainer_net(fx.trainer, CLG_GENERATOR), tz, n, 1, mode, &y));
    compare_blocks(CLG_GENERATOR, n, mode == CLG_NET_TRAIN);
    TEST_OK(clg__rt_read(rt, clg__tensor_vec(y, 0, (uint32_t)(n * pixels)), both + n * pixels));
    clg_tensor tb = test_upload(rt, both, 2u * n * pixels);
    TEST_OK(clg__net_forward(clg__trainer_net(fx.trainer, CLG_DISCRIMINATOR), tb, 2u * n, 2, mode,
                             &y));
    compare_blocks(CLG_DISCRIMINATOR, 2u * n, mode == CLG_NET_TRAIN);
    test_release(&tz);
    test_release(&tb);
    clg__free(z);
    clg__free(both);
}

static void compare_latents(uint32_t step, const float *want, uint32_t n)
{
    uint64_t len = (uint64_t)n * fx.desc.latent.size;
    float *z = clg__alloc(len, sizeof *z);
    clg_rng_key key = { .seed = fx.desc.train.seed, .stream = CLG_STREAM_Z, .step = step };
    TEST_OK(clg__trainer_read_latents(fx.trainer, n, z));
    compare(LATENTS, "z on the device", z, want, len);
    clg__philox_normal(&key, 0.0f, 1.0f, z, len);
    compare(LATENTS, "z on the host", z, want, len);
    clg__free(z);
}

static void compare_losses(uint32_t step)
{
    clg_progress p;
    char name[32];
    TEST_OK(clg__trainer_losses(fx.trainer, &p));
    const double got[5] = { p.loss_d, p.loss_g, p.d_real, p.d_fake_before, p.d_fake_after };
    snprintf(name, sizeof name, "step %u", step);
    for (int i = 0; i < 5; i++) {
        double want = fx.losses[step - 1u][i];
        record(step == 1 ? LOSS_1 : LOSS_10, name, fabs(got[i] - want) / fabs(want));
    }
}

static void compare_training(void)
{
    uint64_t pixels = (uint64_t)fx.plan.size * fx.plan.size * fx.plan.channels, len;
    const uint8_t *images = find("images")->data;
    float *latents = read_floats("z", &len), *z = latents;
    for (uint32_t step = 1; step <= STEPS; step++) {
        uint32_t n = (uint32_t)fx.count[step - 1u];
        TEST_OK(clg__trainer_step_on(fx.trainer, images, n));
        compare_latents(step, z, n);
        compare_losses(step);
        if (step == 1) {
            compare_net(GRADIENT, CLG_GENERATOR, CLG_NET_GRAD, "grad.netG.");
            compare_net(GRADIENT, CLG_DISCRIMINATOR, CLG_NET_GRAD, "grad.netD.");
            compare_state(STATE_1, "after1.");
        }
        images += n * pixels;
        z += (uint64_t)n * fx.desc.latent.size;
    }
    compare_state(STATE_10, "after10.");
    compare_net(M_10, CLG_GENERATOR, CLG_NET_M, "after10.optG.m.");
    compare_net(M_10, CLG_DISCRIMINATOR, CLG_NET_M, "after10.optD.m.");
    compare_net(V_10, CLG_GENERATOR, CLG_NET_V, "after10.optG.v.");
    compare_net(V_10, CLG_DISCRIMINATOR, CLG_NET_V, "after10.optD.v.");
    clg__free(latents);
}

static unsigned report(void)
{
    unsigned bad = 0;
    for (int k = 0; k < KINDS; k++) {
        bool ok = fx.worst[k] <= kinds[k].limit;
        print_message("%-12s %-28s %.1e of %.0e  %s%s\n", fx.file, kinds[k].name, fx.worst[k],
                      kinds[k].limit, fx.worst_name[k], ok ? "" : "  TOO MUCH");
        bad += !ok;
    }
    return bad;
}

static void train_all(enum clg_family_choice family, enum clg_gemm_choice gemm)
{
    clg_ops ops = { .rt = test_rt_open_with(&(clg_rt_options){ .family = (int)family }) };
    unsigned bad = 0;
    TEST_OK(clg__blas_open(&ops.blas, ops.rt, &(clg_blas_options){ .choice = (int)gemm }));
    for (int i = 0; i < FILES; i++) {
        open_fixture(files[i], &ops);
        compare_forward(CLG_NET_TRAIN);
        compare_forward(CLG_NET_DRAW);
        TEST_OK(clg__trainer_init_from(fx.trainer, fx.path)); /* running statistics as before */
        compare_training();
        bad += report();
        close_fixture();
    }
    clg__blas_close(&ops.blas);
    clg__rt_close(&ops.rt);
    assert_int_equal(bad, 0);
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
        cmocka_unit_test(cpu_kernels_with_clblast_train_as_pytorch),
        cmocka_unit_test(gpu_kernels_with_builtin_gemm_train_as_pytorch),
        cmocka_unit_test(gpu_kernels_with_clblast_train_as_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
