/* clgan tune. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/os.h"
#include "cli/bench.h"
#include "gan/conv_jobs.h"
#include "nn/conv_tune.h"

enum { REPEATS = 5, REPEATS_THOROUGH = 15, TILES = 3 };
static const double CPU_WORK = 4e9; /* FLOP of one timed run, unless it is thorough */

typedef struct tuner {
    const clg_cli *cli;
    clg_session s;
    clg_conv_list found; /* in this call */
    clg_json *list;
    uint32_t shown;
} tuner;

static void show_head(tuner *t)
{
    if (t->list == NULL && t->shown++ == 0) {
        printf("%-46s %s\n%-46s", "", "GFLOP/s on the direct count", "convolution");
        for (int i = 0; i < CLG_CONV_ALGO_COUNT; i++) {
            printf(" %10s", clg__conv_algo_name((enum clg_conv_algo)i));
        }
        printf("  chosen\n");
    }
}

/* What was measured last, on n images. */
static void show(tuner *t, const clg_conv_task *task, uint32_t n)
{
    uint32_t at = clg__conv_list_find(&t->found, &task->g, task->job);
    const clg_conv_choice *c = &t->found.choice[at];
    const clg_conv_times *times = &t->found.times[at];
    clg_conv g = task->g;
    char layer[96], way[CLG_CONV_WAY_LEN];
    g.n = n;
    clg__conv_describe(c, layer, sizeof layer);
    show_head(t);
    clg_json *o = t->list != NULL ? clg__json_add_object(t->list, NULL) : NULL;
    clg__json_add_text(o, "convolution", layer);
    clg__json_add_integer(o, "images", n);
    if (o == NULL) {
        printf("%-46s", layer);
    }
    for (int i = 0; i < CLG_CONV_ALGO_COUNT; i++) {
        double gflops = times->ms[i] > 0.0 ? clg__conv_flops(&g) / times->ms[i] * 1e-6 : 0.0;
        const char *name = clg__conv_algo_name((enum clg_conv_algo)i);
        if (o != NULL && gflops > 0.0) {
            char key[48];
            (void)snprintf(key, sizeof key, "%s_gflop_per_s", name);
            clg__json_add_number(o, key, gflops);
        } else if (o == NULL && gflops > 0.0) {
            printf(" %10.1f", gflops);
        } else if (o == NULL) {
            printf(" %10s", "-");
        }
    }
    clg__json_add_text(o, "chosen", clg__conv_algo_name(c->algo));
    clg__json_add_text(o, "tile", c->tile > 0 ? clg__tile_name(c->tile, way) : NULL);
    if (o == NULL) {
        printf("  %s\n", clg__conv_way_name(c->algo, c->tile, way));
        (void)fflush(stdout);
    }
}

/* Every job that this call has not yet measured; what was found is kept model by model. */
static int tune_model(tuner *t, clg_model_desc *desc)
{
    int status = CLG_OK;
    clg_conv_task *task = NULL;
    uint32_t count = 0;
    clg_data_shape shape;
    clg_model_plan *plan = NULL;
    bool cpu = clg__rt_device(t->s.rt)->type == CLG_DEVICE_CPU;
    clg_conv_tune_how how = { .repeats = t->cli->thorough ? REPEATS_THOROUGH : REPEATS,
                              .tiles = t->cli->thorough ? CLG_TILE_COUNT : TILES,
                              .work = cpu && !t->cli->thorough ? CPU_WORK : 0.0 };
    CLG_TRY(clg__bench_expand(desc, &shape, &plan));
    CLG_TRY(clg__conv_jobs(&t->s.ops, desc, plan, &t->found, 0.0, &task, &count));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t n = 0;
        bool done = false;
        CLG_TRY(clg__conv_tune(&t->s.ops, &task[i].g, task[i].job, &how, &t->found, &n, &done));
        show(t, &task[i], n);
    }
    if (count > 0) {
        CLG_TRY(clg__conv_record_write(t->s.rt, &t->found));
    }
out:
    clg__free(task);
    clg__free(plan);
    return status;
}

static int tune_presets(tuner *t, clg_model_desc *desc)
{
    int status = CLG_OK;
    for (const clg_preset *p = clg__presets; p->name != NULL; p++) {
        CLG_TRY(clg__cli_model(t->cli, p->name, desc));
        CLG_TRY(tune_model(t, desc));
    }
out:
    return status;
}

/* On CPUs CLBlast is slower and takes long to build: only when asked to be thorough. */
static void tune_products(tuner *t, clg_json *root)
{
    clg_blas_speeds speed;
    if (!t->cli->thorough && clg__rt_device(t->s.rt)->type == CLG_DEVICE_CPU) {
        return;
    }
    if (clg__blas_tune(t->s.blas, &speed) != CLG_OK) {
        clg__log(CLG_LOG_WARN, "matrix products: %s", clg_message());
        return;
    }
    if (root != NULL) {
        clg_json *o = clg__json_add_object(root, "products");
        clg__json_add_number(o, "builtin_gflop_per_s", speed.builtin_gflop_per_s);
        clg__json_add_number(o, "clblast_gflop_per_s", speed.clblast_gflop_per_s);
        clg__json_add_text(o, "chosen", clg__blas_name(t->s.blas));
    } else {
        printf("matrix products: builtin %.1f, clblast %.1f GFLOP/s: %s\n",
               speed.builtin_gflop_per_s, speed.clblast_gflop_per_s, clg__blas_name(t->s.blas));
    }
}

static int finish(tuner *t, clg_json **root, double seconds)
{
    int status = CLG_OK;
    char path[1200] = "";
    CLG_TRY(clg__conv_record_path(t->s.rt, path, sizeof path));
    if (*root != NULL) {
        clg__json_add_text(*root, "record", t->found.count > 0 ? path : NULL);
        clg__json_add_number(*root, "time_s", seconds);
        CLG_TRY(clg__json_print(root));
    } else if (t->found.count > 0) {
        printf("%u jobs in %.1f s, kept in %s\n", t->found.count, seconds, path);
    } else {
        printf("nothing to choose: each convolution has one way to run on this device\n");
    }
out:
    return status;
}

int clg__cmd_tune(const clg_cli *cli)
{
    int status = CLG_OK;
    tuner t = { .cli = cli };
    clg_json *root = NULL;
    double start = clg__os_now_s();
    clg_model_desc *desc = clg__alloc(1, sizeof *desc);
    CLG_TRY(desc != NULL ? CLG_OK : CLG_E_MEMORY);
    if (cli->words > 0) {
        CLG_TRY(clg__hint(clg__fail(CLG_E_USAGE, "tune: unexpected argument \"%s\"", cli->word[0]),
                          "write clgan tune, or clgan tune --model %s", cli->word[0]));
    }
    CLG_TRY(clg__cli_model(cli, cli->model != NULL ? cli->model : "dcgan", desc));
    if (desc->runtime.math == CLG_MATH_TF32) { /* and the records are of floats */
        CLG_TRY(clg__hint(clg__fail(CLG_E_USAGE, "tune: in tf32 every convolution is the direct one, "
                                                 "there is nothing to choose"),
                          "leave runtime.math at fp32"));
    }
    CLG_TRY(clg__session_open(&t.s, cli, desc));
    root = cli->json ? clg__json_begin(t.s.rt) : NULL;
    t.list = cli->json ? clg__json_add_array(root, "convolutions") : NULL;
    CLG_TRY(cli->model != NULL ? tune_model(&t, desc) : tune_presets(&t, desc));
    tune_products(&t, root);
    CLG_TRY(finish(&t, &root, clg__os_now_s() - start));
out:
    clg__conv_list_free(&t.found);
    clg__session_close(&t.s);
    clg__free(desc);
    return status;
}
