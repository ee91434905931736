/* clgan bench without further words, or with products, layers or steps for that part: one table
 * that compares devices, and the same as JSON for bench/results. What stands in it: the device, its
 * measured peaks, matrix products of the sizes that the models need, every convolution of a model
 * in its three passes, and a training step of each preset. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/str.h"
#include "cli/bench.h"
#include "ops/conv_algo.h"

enum { OP_ROUNDS = 5, STEP_ROUNDS = 3 };

/* Products of DCGAN's convolutions at batch 64 as matrices (rows of output pixels, columns of
 * output channels) and of the perceptrons; the last is what other tools quote. */
static const char *const PRODUCTS[] = {
    "gemm mul m=64 n=784 k=128",         /* mnist-mlp: G's last layer */
    "gemm mul m=128 n=128 k=784",        /* D's first, on real and fake */
    "gemm mul m=784 n=128 k=128 ta=1",   /* its weight gradient */
    "gemm mul m=100 n=1200 k=1200",      /* goodfellow-mnist: G */
    "gemm mul m=1200 n=1200 k=100 ta=1", /* its weight gradient */
    "gemm mul m=200 n=1200 k=784",       /* D's first maxout */
    "gemm mul m=200 n=240 k=1200 tb=1",  /* data gradient of the second */
    "gemm mul m=64 n=8192 k=100",        /* dcgan: G1 */
    "gemm mul m=4096 n=128 k=1024",      /* D2, a quarter of its pixels */
    "gemm mul m=4096 n=256 k=2048",      /* D3 */
    "gemm mul m=1024 n=512 k=4096",      /* D4 */
    "gemm mul m=1024 n=1024 k=1024",     NULL
};

typedef struct table {
    const clg_cli *cli;
    clg_session s;
    clg_peak peak;
    clg_json *root; /* always filled */
    FILE *to;       /* where the text goes; NULL: nowhere */
} table;

#define PUT(t, ...)                                                                                \
    do {                                                                                           \
        if ((t)->to != NULL) {                                                                     \
            fprintf((t)->to, __VA_ARGS__);                                                         \
        }                                                                                          \
    } while (0)

/* GFLOP/s that the roofline allows at so many operations per byte. */
static double roof(const clg_peak *p, double flops, double bytes)
{
    double by_memory = bytes > 0.0 ? flops / bytes * p->bandwidth_gbs : p->fma_gflops;
    return by_memory < p->fma_gflops ? by_memory : p->fma_gflops;
}

/* ---- head ---- */

static const char *show_date(char text[32])
{
    time_t now = (time_t)clg__os_wall_s();
    const struct tm *utc = gmtime(&now);
    if (utc == NULL || strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", utc) == 0) {
        text[0] = '\0';
    }
    return text;
}

static int put_head(table *t)
{
    const clg_device_info *d = clg__rt_device(t->s.rt);
    const char *family = clg__rt_family(t->s.rt) == CLG_KERNELS_CPU ? "cpu" : "gpu";
    char date[32], memory[32];
    int status = CLG_OK;
    fprintf(stderr, "bench: peaks\n");
    CLG_TRY(clg__peak_measure(&t->s.ops, &t->peak));
    clg__json_add_text(t->root, "date", show_date(date));
    clg__json_add_text(t->root, "opencl", d->version);
    clg__json_add_text(t->root, "kernels", family);
    clg__json_add_text(t->root, "gemm_backend", clg__blas_name(t->s.blas));
    clg__json_add_integer(t->root, "compute_units", d->compute_units);
    clg__json_add_integer(t->root, "clock_mhz", d->clock_mhz);
    clg__json_add_integer(t->root, "global_mem_bytes", (int64_t)d->global_mem_bytes);
    clg__json_add_number(t->root, "fma_peak_gflop_per_s", t->peak.fma_gflops);
    clg__json_add_number(t->root, "copy_bandwidth_gb_per_s", t->peak.bandwidth_gbs);
    PUT(t, "clgan %s, %s\n%s: %s, driver %s\n", CLGAN_VERSION, date, d->name, d->platform,
        d->driver);
    PUT(t, "%u compute units, %s, %s kernels, GEMM %s\n", d->compute_units,
        clg__human_bytes(d->global_mem_bytes, memory), family, clg__blas_name(t->s.blas));
    PUT(t, "FMA peak %.0f GFLOP/s, copy bandwidth %.1f GB/s; roof: what these two allow\n",
        t->peak.fma_gflops, t->peak.bandwidth_gbs);
out:
    return status;
}

/* ---- operators ---- */

/* Times a case, adds it to `list` and returns GFLOP/s and the share of the roof. */
static int time_line(table *t, const char *line, clg_json *o, double *gflops, double *share)
{
    const clg_bench_limits limits = { .rounds =
                                          t->cli->has_rounds ? (uint32_t)t->cli->rounds : OP_ROUNDS,
                                      .pack_s = 0.005,
                                      .limit_s = 3.0 };
    char name[32] = { 0 };
    clg_bench_case r;
    memcpy(name, line, strcspn(line, " "));
    int status = clg__bench_case(&t->s.ops, clg__op_find(name), line, &limits, &r);
    if (status == CLG_OK) {
        *gflops = r.flops / r.time.median_s * 1e-9;
        *share = *gflops / roof(&t->peak, r.flops, r.bytes);
        clg__json_add_text(o, "case", line);
        clg__json_add_number(o, "time_ms", r.time.median_s * 1e3);
        clg__json_add_number(o, "gflop_per_s", *gflops);
        clg__json_add_number(o, "gb_per_s", r.bytes / r.time.median_s * 1e-9);
        clg__json_add_number(o, "share_of_roof", *share);
    }
    return status;
}

static int put_products(table *t, clg_model_desc *desc)
{
    int status = CLG_OK;
    (void)desc;
    clg_json *list = clg__json_add_array(t->root, "products");
    fprintf(stderr, "bench: matrix products\n");
    PUT(t, "\n%-40s %9s %6s\n", "product", "GFLOP/s", "roof");
    for (size_t i = 0; PRODUCTS[i] != NULL; i++) {
        double gflops = 0.0, share = 0.0;
        CLG_TRY(time_line(t, PRODUCTS[i], clg__json_add_object(list, NULL), &gflops, &share));
        PUT(t, "%-40s %9.1f %5.0f%%\n", PRODUCTS[i] + strlen("gemm mul "), gflops, 100.0 * share);
    }
out:
    return status;
}

/* One convolution of a net. */
typedef struct conv_layer {
    char name[16];
    bool back; /* a deconv2d: g read backwards */
    uint32_t out_pad;
    clg_conv g;
} conv_layer;

/* The case line of one pass, by an algorithm and a tile shape: a case is direct and by the rule
 * unless it says otherwise. */
static void write_line(char line[256], const conv_layer *l, const char *pass,
                       enum clg_conv_algo algo, uint32_t tile)
{
    const clg_conv *g = &l->g;
    char more[32] = "";
    if (l->back && l->out_pad != 0) {
        (void)snprintf(more, sizeof more, " out_pad=%u", l->out_pad);
    }
    (void)snprintf(line, 256,
                   l->back
                       ? "deconv2d %s n=%u p=%u q=%u k=%u c=%u r=%u s=%u stride=%u pad=%u%s algo=%u "
                         "tile=%u"
                       : "conv2d %s n=%u h=%u w=%u c=%u k=%u r=%u s=%u stride=%u pad=%u%s algo=%u "
                         "tile=%u",
                   pass, g->n, l->back ? g->p : g->h, l->back ? g->q : g->w, l->back ? g->k : g->c,
                   l->back ? g->c : g->k, g->r, g->s, g->stride, g->pad, more, (unsigned)algo, tile);
}

/* Of a column of algorithms, on the GPU family with tile shapes. */
static int way_width(const table *t)
{
    return clg__rt_family(t->s.rt) == CLG_KERNELS_GPU ? 21 : 9;
}

static int put_layer(table *t, const conv_layer *l, clg_json *list)
{
    static const struct {
        const char *name;
        enum clg_conv_job job, job_back;
    } passes[] = { { "fwd", CLG_CONV_JOB_DOWN, CLG_CONV_JOB_UP },
                   { "bwd_data", CLG_CONV_JOB_UP, CLG_CONV_JOB_DOWN },
                   { "bwd_weight", CLG_CONV_JOB_WGRAD, CLG_CONV_JOB_WGRAD } };
    const clg_conv *g = &l->g;
    char line[256], big[40], small[40], way[CLG_CONV_WAY_LEN];
    int status = CLG_OK;
    (void)snprintf(big, sizeof big, "%ux%ux%u", g->h, g->w, g->c);
    (void)snprintf(small, sizeof small, "%ux%ux%u", g->p, g->q, g->k);
    (void)snprintf(line, sizeof line, "%s -> %s", l->back ? small : big, l->back ? big : small);
    PUT(t, "%-4s %-26s", l->name, line);
    for (size_t i = 0; i < 3; i++) {
        double gflops = 0.0, share = 0.0;
        const enum clg_conv_job job = l->back ? passes[i].job_back : passes[i].job;
        const enum clg_conv_algo algo = clg__conv_algo_pick(&t->s.ops, g, job);
        const uint32_t tile = clg__conv_tile_pick(&t->s.ops, g, job, algo);
        write_line(line, l, passes[i].name, algo, tile);
        clg_json *o = clg__json_add_object(list, NULL);
        clg__json_add_text(o, "layer", l->name);
        clg__json_add_text(o, "pass", passes[i].name);
        clg__json_add_text(o, "algorithm", clg__conv_algo_name(algo));
        clg__json_add_text(o, "tile", tile > 0 ? clg__tile_name(tile, way) : NULL);
        CLG_TRY(time_line(t, line, o, &gflops, &share));
        PUT(t, " %7.1f %4.0f%% %-*s", gflops, 100.0 * share, way_width(t),
            clg__conv_way_name(algo, tile, way));
    }
out:
    PUT(t, "\n");
    return status;
}

static int put_layers_of(table *t, char net, const clg_net_plan *plan, uint32_t n, clg_json *list)
{
    int status = CLG_OK;
    uint32_t number = 0, count = 0;
    clg_conv *conv = clg__alloc(CLG_LAYERS_MAX, sizeof *conv);
    CLG_TRY(conv != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(clg__net_convs(plan, n, conv, &count));
    for (uint32_t i = 0; i < plan->layer_count && number < count; i++) {
        const clg_layer *l = &plan->layer[i];
        if (l->op == CLG_LAYER_CONV2D || l->op == CLG_LAYER_DECONV2D) {
            conv_layer c = { .back = l->op == CLG_LAYER_DECONV2D,
                             .out_pad = l->out_pad,
                             .g = conv[number++] };
            (void)snprintf(c.name, sizeof c.name, "%c%u", net, number);
            CLG_TRY(put_layer(t, &c, list));
        }
    }
out:
    clg__free(conv);
    return status;
}

static int put_layers(table *t, clg_model_desc *desc)
{
    int status = CLG_OK;
    char title[80];
    clg_json *list = clg__json_add_array(t->root, "layers");
    clg_model_plan *plan = NULL;
    clg_data_shape shape;
    CLG_TRY(clg__bench_expand(desc, &shape, &plan));
    fprintf(stderr, "bench: layers of %s\n", desc->model.name);
    snprintf(title, sizeof title, "layers of %.40s, batch %u", desc->model.name, desc->train.batch);
    const int width = way_width(t) + 14;
    PUT(t, "\n%-40s GFLOP/s on the direct count\n%-31s %13s %*s %*s\n", title, "",
        "forward  roof", width, "data  roof", width, "weight  roof");
    CLG_TRY(put_layers_of(t, 'G', &plan->g, desc->train.batch, list));
    CLG_TRY(put_layers_of(t, 'D', &plan->d, desc->train.batch, list));
out:
    clg__free(plan);
    return status;
}

/* ---- steps ---- */

static int put_step(table *t, clg_model_desc *desc, clg_json *list)
{
    const clg_bench_limits limits = { .rounds = t->cli->has_rounds ? (uint32_t)t->cli->rounds
                                                                   : STEP_ROUNDS,
                                      .pack_s = 0.1,
                                      .limit_s = 8.0 };
    char memory[32];
    clg_bench_step r = { 0 };
    clg_json *o = clg__json_add_object(list, NULL);
    fprintf(stderr, "bench: step of %s\n", desc->model.name);
    int status = clg__bench_step(&t->s, desc, &limits, NULL, NULL, &r);
    clg__json_add_text(o, "model", desc->model.name);
    clg__json_add_integer(o, "batch", desc->train.batch);
    clg__json_add_integer(o, "size_px", desc->data.size);
    if (status == CLG_E_DEVICE_MEMORY) { /* a small device still gets the rest of its table */
        clg__json_add_text(o, "failed", clg_message());
        PUT(t, "%-20s %6u %5u  %s\n", desc->model.name, desc->train.batch, desc->data.size,
            "does not fit into the device's memory");
        return CLG_OK;
    }
    if (status != CLG_OK) {
        return status;
    }
    clg__json_add_number(o, "images_per_s", r.images_per_s);
    clg__json_add_number(o, "step_ms", r.time.median_s * 1e3);
    clg__json_add_number(o, "gflop_per_s", r.gflops);
    clg__json_add_number(o, "share_of_fma_peak", r.gflops / t->peak.fma_gflops);
    clg__json_add_integer(o, "device_bytes", (int64_t)r.facts.device_bytes_needed);
    clg__json_add_integer(o, "rounds", r.time.rounds);
    PUT(t, "%-20s %6u %5u %11.1f %10.3f %9.1f %5.0f%% %10s\n", desc->model.name, desc->train.batch,
        desc->data.size, r.images_per_s, r.time.median_s * 1e3, r.gflops,
        100.0 * r.gflops / t->peak.fma_gflops,
        clg__human_bytes(r.facts.device_bytes_needed, memory));
    return CLG_OK;
}

static int put_steps(table *t, clg_model_desc *desc)
{
    int status = CLG_OK;
    clg_json *list = clg__json_add_array(t->root, "steps");
    PUT(t, "\n%-20s %6s %5s %11s %10s %9s %6s %10s\n", "training step", "batch", "px", "images/s",
        "ms", "GFLOP/s", "peak", "memory");
    if (t->cli->model != NULL) {
        CLG_TRY(put_step(t, desc, list));
    }
    for (const clg_preset *p = clg__presets; t->cli->model == NULL && p->name != NULL; p++) {
        CLG_TRY(clg__cli_model(t->cli, p->name, desc));
        CLG_TRY(put_step(t, desc, list));
    }
    PUT(t,
        "GFLOP/s of a step are on the reference count: padding taps and the gradients that only\n"
        "other frameworks compute count, so that saved work shows.\n");
out:
    return status;
}

/* ---- all ---- */

static const struct {
    const char *name;
    int (*put)(table *t, clg_model_desc *desc); /* desc: of --model, or dcgan's */
} PARTS[] = { { "products", put_products }, { "layers", put_layers }, { "steps", put_steps } };
enum { PART_COUNT = sizeof PARTS / sizeof PARTS[0] };

bool clg__bench_has_part(const char *name)
{
    bool found = false;
    for (size_t i = 0; i < PART_COUNT; i++) {
        found = found || strcmp(name, PARTS[i].name) == 0;
    }
    return found;
}

static int write_answer(table *t)
{
    int status = CLG_OK;
    clg_str text = { 0 };
    if (t->cli->out == NULL) {
        return t->cli->json ? clg__json_print(&t->root) : CLG_OK;
    }
    CLG_TRY(clg__json_finish(&t->root, &text));
    CLG_TRY(clg__os_write_atomic(t->cli->out, text.text, text.len));
    if (t->cli->json) {
        fputs(text.text, stdout);
    }
out:
    clg__str_free(&text);
    return status;
}

int clg__bench_all(const clg_cli *cli)
{
    int status = CLG_OK;
    table t = { .cli = cli, .to = cli->json ? NULL : stdout };
    double start = clg__os_now_s();
    clg_str drop = { 0 };
    clg_model_desc *desc = clg__alloc(1, sizeof *desc);
    CLG_TRY(desc != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(clg__cli_model(cli, cli->model != NULL ? cli->model : "dcgan", desc));
    CLG_TRY(clg__session_open(&t.s, cli, desc));
    t.root = clg__json_begin(t.s.rt);
    CLG_TRY(put_head(&t));
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (cli->words == 0 || strcmp(cli->word[0], PARTS[i].name) == 0) {
            CLG_TRY(PARTS[i].put(&t, desc));
        }
    }
    clg__json_add_number(t.root, "time_s", clg__os_now_s() - start);
    fprintf(stderr, "bench: %.0f s in all\n", clg__os_now_s() - start);
    if (cli->profile) {
        CLG_TRY(clg__print_profile(t.s.rt));
    }
    CLG_TRY(write_answer(&t));
out:
    if (t.root != NULL) {
        (void)clg__json_finish(&t.root, &drop); /* an error left it, or nobody wanted it */
    }
    clg__str_free(&drop);
    clg__session_close(&t.s);
    clg__free(desc);
    return status;
}
