/* What several commands share: opening a device, the model with its options, JSON heads, text. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "gan/conv_jobs.h"
#include "gan/model.h"
#include "io/config.h"
#include "nn/conv_tune.h"

/* The words of --math as runtime keys; fast is the default. */
typedef struct math_word {
    const char *word;
    enum clg_conv_wish conv;
    enum clg_math math;
} math_word;

/* *out: NULL when nothing is asked for. */
static int read_math(const clg_cli *cli, const math_word **out)
{
    static const math_word all[] = { { "exact", CLG_CONV_WISH_DIRECT, CLG_MATH_FP32 },
                                     { "fast", CLG_CONV_WISH_AUTO, CLG_MATH_FP32 },
                                     { "tf32", CLG_CONV_WISH_AUTO, CLG_MATH_TF32 } };
    enum { WORDS = sizeof all / sizeof all[0] };
    const char *words[WORDS];
    *out = NULL;
    for (int i = 0; i < WORDS && cli->math != NULL; i++) {
        words[i] = all[i].word;
        *out = strcmp(cli->math, all[i].word) == 0 ? &all[i] : *out;
    }
    if (cli->math == NULL || *out != NULL) {
        return CLG_OK;
    }
    const char *near = clg__nearest(cli->math, words, WORDS);
    int status = clg__fail(CLG_E_USAGE, "--math %.40s: not exact, fast or tf32", cli->math);
    return near != NULL ? clg__hint(status, "did you mean --math %s?", near)
                        : clg__hint(status, "exact computes convolutions as written, fast with "
                                            "fewer multiplies where that is faster, tf32 with 10 "
                                            "bits on the tensor cores of NVIDIA GPUs");
}

/* The algorithm for every convolution that the command asks for: the model's runtime.conv (which --math
 * has been applied to), without a model --math, the environment. In tf32 it is the direct one: products
 * are cheap there, Winograd's transforms are not and make the rounding worse, and the record and the
 * shipped rule are of floats. */
static int choose_conv(enum clg_conv_wish wish, enum clg_math math, enum clg_conv_algo *out)
{
    int status = CLG_OK;
    *out = CLG_CONV_ALGO_COUNT;
    if (wish != CLG_CONV_WISH_AUTO) {
        *out = (enum clg_conv_algo)((int)wish - 1);
    } else {
        CLG_TRY(clg__conv_forced_by_env(out));
        if (math == CLG_MATH_TF32 && *out == CLG_CONV_ALGO_COUNT) {
            *out = CLG_CONV_DIRECT;
        }
    }
out:
    return status;
}

static void use_record(clg_session *s)
{
    s->conv.list = s->record.choice;
    s->conv.count = s->record.count;
}

void clg__session_tune(clg_session *s, const clg_model_desc *desc, const clg_model_plan *plan,
                       uint64_t steps)
{
    if (desc->runtime.tune && s->conv.forced == CLG_CONV_ALGO_COUNT) {
        clg__conv_first_use(&s->ops, desc, plan, steps, &s->record);
        use_record(s);
    }
}

int clg__session_open(clg_session *s, const clg_cli *cli, const clg_model_desc *runtime)
{
    const math_word *asked = NULL;
    enum clg_conv_wish conv = CLG_CONV_WISH_AUTO;
    enum clg_math math = CLG_MATH_FP32;
    int status = CLG_OK;
    *s = (clg_session){ 0 };
    clg_rt_options rt = { .platform = cli->platform, .device = cli->device,
                          .profile = cli->profile };
    clg_blas_options blas = { .tune = true };
    if (runtime != NULL) {
        rt.family = (int)runtime->runtime.kernels;
        blas.choice = (int)runtime->runtime.gemm;
        blas.tune = runtime->runtime.tune;
    }
    CLG_TRY(read_math(cli, &asked));
    if (runtime != NULL) {
        conv = runtime->runtime.conv;
        math = runtime->runtime.math;
    } else if (asked != NULL) {
        conv = asked->conv;
        math = asked->math;
    }
    blas.tf32 = math == CLG_MATH_TF32;
    CLG_TRY(choose_conv(conv, math, &s->conv.forced));
    CLG_TRY(clg__rt_open(&s->rt, &rt));
    const clg_device_info *d = clg__rt_device(s->rt);
    fprintf(stderr, "device: %s (%s, platform %u device %u, driver %s), %s kernels\n", d->name,
            d->platform, d->platform_index, d->device_index, d->driver,
            clg__rt_family(s->rt) == CLG_KERNELS_CPU ? "CPU" : "GPU");
    CLG_TRY(clg__blas_open(&s->blas, s->rt, &blas));
    if (blas.tune && s->conv.forced == CLG_CONV_ALGO_COUNT) {
        (void)clg__conv_record_read(s->rt, &s->record);
        use_record(s);
    }
    s->ops = (clg_ops){ .rt = s->rt, .blas = s->blas, .conv_choices = &s->conv };
out:
    if (status != CLG_OK) {
        clg__session_close(s);
    }
    return status;
}

void clg__session_tell_builds(const clg_session *s)
{
    uint32_t kernels = 0;
    double seconds = 0.0;
    char time[32];
    if (s->rt != NULL && clg__rt_took_builds(s->rt, &kernels, &seconds)) {
        fprintf(stderr, "%u kernels built in %s\n", kernels, clg__human_time(seconds, time));
    }
}

void clg__session_close(clg_session *s)
{
    clg__session_tell_builds(s);
    clg__blas_close(&s->blas);
    clg__rt_close(&s->rt);
    clg__conv_list_free(&s->record);
}

int clg__cli_apply(const clg_cli *cli, clg_model_desc *desc)
{
    if (cli->data != NULL) {
        if (strlen(cli->data) >= sizeof desc->data.source) {
            return clg__fail(CLG_E_USAGE, "--data: the name has more than %zu bytes",
                             sizeof desc->data.source - 1);
        }
        memcpy(desc->data.source, cli->data, strlen(cli->data) + 1);
    }
    if (cli->has_batch) {
        desc->train.batch = (uint32_t)cli->batch;
    }
    if (cli->has_size) {
        desc->data.size = (uint32_t)cli->size;
    }
    if (cli->has_seed) {
        desc->train.seed = cli->seed;
    }
    if (cli->precision != NULL) {
        int status = clg__config_set_option(desc, "--precision", "runtime", "precision",
                                            cli->precision);
        if (status != CLG_OK) {
            return status;
        }
    }
    const math_word *math = NULL;
    int faulty = read_math(cli, &math);
    if (faulty != CLG_OK) {
        return faulty;
    }
    if (math != NULL) {
        desc->runtime.conv = math->conv;
        desc->runtime.math = math->math;
    }
    if (cli->has_epochs && cli->has_steps) {
        return clg__hint(clg__fail(CLG_E_USAGE, "--epochs and --steps exclude each other"),
                         "give one of them");
    }
    if (cli->has_epochs) {
        desc->train.epochs = (uint32_t)cli->epochs;
        desc->train.steps = 0;
    }
    if (cli->has_steps) {
        desc->train.steps = cli->steps;
    }
    if (cli->on_collapse != NULL) {
        int status = clg__config_set_option(desc, "--on-collapse", "train", "on_collapse",
                                            cli->on_collapse);
        if (status != CLG_OK) {
            return status;
        }
    }
    for (uint32_t i = 0; i < cli->sets; i++) {
        int status = clg__config_set(desc, cli->set[i]);
        if (status != CLG_OK) {
            return status;
        }
    }
    return CLG_OK;
}

int clg__cli_model(const clg_cli *cli, const char *name, clg_model_desc *out)
{
    if (name == NULL) {
        return clg__hint(clg__fail(CLG_E_USAGE, "%s: --model is missing", cli->command),
                         "clgan models list shows the presets; try --model dcgan");
    }
    int status = clg__model_load(name, out);
    return status == CLG_OK ? clg__cli_apply(cli, out) : status;
}

clg_json *clg__json_begin(const clg_rt *rt)
{
    clg_json *root = clg__json_object();
    clg__json_add_text(root, "version", CLGAN_VERSION);
    const clg_device_info *d = rt != NULL ? clg__rt_device(rt) : NULL;
    clg__json_add_text(root, "platform", d != NULL ? d->platform : NULL);
    clg__json_add_text(root, "device", d != NULL ? d->name : NULL);
    clg__json_add_text(root, "driver", d != NULL ? d->driver : NULL);
    return root;
}

int clg__json_print(clg_json **root)
{
    clg_str text = { 0 };
    int status = clg__json_finish(root, &text);
    if (status == CLG_OK) {
        printf("%s\n", text.text);
    }
    clg__str_free(&text);
    return status;
}

const char *clg__human_bytes(uint64_t bytes, char buf[32])
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
    double v = (double)bytes;
    size_t u = 0;
    while (v >= 1000.0 && u + 1 < sizeof units / sizeof units[0]) {
        v /= 1000.0;
        u++;
    }
    (void)snprintf(buf, 32, u == 0 || v >= 100.0 ? "%.0f %s" : "%.1f %s", v, units[u]);
    return buf;
}

const char *clg__human_time(double s, char buf[32])
{
    if (s < 10.0) {
        (void)snprintf(buf, 32, "%.1f s", s);
    } else if (s < 120.0) {
        (void)snprintf(buf, 32, "%.0f s", s);
    } else if (s < 7200.0) {
        (void)snprintf(buf, 32, "%.0f min %.0f s", (double)(int)(s / 60.0),
                       s - 60.0 * (double)(int)(s / 60.0));
    } else {
        (void)snprintf(buf, 32, "%.1f h", s / 3600.0);
    }
    return buf;
}

int clg__print_profile(clg_rt *rt)
{
    clg_profile_row *rows = NULL;
    size_t n = 0;
    int status = clg__rt_profile(rt, &rows, &n);
    if (status != CLG_OK) {
        return status;
    }
    double total = 0.0;
    for (size_t i = 0; i < n; i++) {
        total += rows[i].total_ms;
    }
    fprintf(stderr, "%-40s %9s %11s %9s %8s %6s\n", "kernel", "calls", "total ms", "GFLOP/s",
            "GB/s", "share");
    for (size_t i = 0; i < n; i++) {
        double ms = rows[i].total_ms > 0.0 ? rows[i].total_ms : 1e-9;
        fprintf(stderr, "%-40s %9llu %11.2f %9.1f %8.1f %5.1f%%\n", rows[i].kernel,
                (unsigned long long)rows[i].calls, rows[i].total_ms, rows[i].flops / ms * 1e-6,
                rows[i].bytes / ms * 1e-6, 100.0 * rows[i].total_ms / (total > 0.0 ? total : 1.0));
    }
    clg__free(rows);
    return CLG_OK;
}

void clg__print_algorithms(const clg_algorithms *a)
{
    for (uint32_t i = 0; i < a->list.count; i++) {
        const clg_conv_choice *c = &a->list.choice[i];
        char layer[96], way[CLG_CONV_WAY_LEN];
        clg__conv_describe(c, layer, sizeof layer);
        if (i == 0) {
            fprintf(stderr, "%-50s %s\n", "convolution", "algorithm");
        }
        fprintf(stderr, "%-50s %s\n", layer, clg__conv_way_name(c->algo, c->tile, way));
    }
}

int clg__print_buffers(const clg_rt *rt)
{
    static const char *const types[] = { "float", "uchar", "uint", "half", "bfloat16" };
    clg_buffer_row *rows = NULL;
    size_t n = 0;
    char size[32];
    int status = clg__rt_buffers(rt, &rows, &n);
    if (status != CLG_OK) {
        return status;
    }
    fprintf(stderr, "%-28s %-9s %8s %12s\n", "device memory", "type", "buffers", "size");
    for (size_t i = 0; i < n; i++) {
        fprintf(stderr, "%-28s %-9s %8llu %12s\n", rows[i].label, types[rows[i].dtype],
                (unsigned long long)rows[i].buffers, clg__human_bytes(rows[i].bytes, size));
    }
    fprintf(stderr, "%-28s %-9s %8s %12s\n", "at most", "", "",
            clg__human_bytes(clg__rt_bytes_peak(rt), size));
    clg__free(rows);
    return CLG_OK;
}

int clg__parse_grid(const char *text, uint32_t *rows, uint32_t *cols)
{
    char *end = NULL;
    unsigned long r = strtoul(text, &end, 10);
    unsigned long c = 0;
    if (end != text && (*end == 'x' || *end == 'X')) {
        const char *second = end + 1;
        c = strtoul(second, &end, 10);
    }
    if (r < 1 || r > 64 || c < 1 || c > 64 || *end != '\0') {
        return clg__hint(clg__fail(CLG_E_USAGE, "--grid %s: not rows x columns of 1..64", text),
                         "write for example --grid 8x8");
    }
    *rows = (uint32_t)r;
    *cols = (uint32_t)c;
    return CLG_OK;
}
