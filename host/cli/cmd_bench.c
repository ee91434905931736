/* clgan bench step | op. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/str.h"
#include "cli/case_runner.h"
#include "cli/cli.h"
#include "cli/peak.h"
#include "gan/model.h"
#include "gan/trainer.h"

enum { ROUNDS_DEFAULT = 7, ROUNDS_MAX = 1000, STEPS_WARM = 2, BENCH_IMAGES = 1024 };

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, uint32_t n)
{
    qsort(v, n, sizeof *v, compare_doubles);
    return n % 2 == 1 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}

/* ---- bench step ---- */

typedef struct step_result {
    double seconds[ROUNDS_MAX]; /* of one step */
    uint32_t rounds, steps_per_round;
    double first_step_s, median_s;
    clg_trainer_facts facts;
    clg_progress losses;
} step_result;

/* What the model is timed on: drawn systems as they are; else images of the size and channels that
 * the model or the command says, in colour from 32x32 on. */
static clg_data_shape shape_of(const clg_model_desc *desc)
{
    clg_data_shape shape = clg__model_data_shape(desc);
    if (desc->data.channels == 0) {
        shape.channels = shape.size >= 32 ? 3u : 1u;
    }
    return shape;
}

/* Images of noise in all classes: the time of a step does not depend on what they show. */
static int make_data(const clg_model_desc *desc, const clg_data_shape *shape, clg_dataset **ds)
{
    uint32_t size = shape->size, c = shape->channels;
    uint32_t count = desc->train.batch > BENCH_IMAGES ? desc->train.batch : BENCH_IMAGES;
    count -= count % desc->train.batch;
    size_t len = (size_t)size * size * c;
    int status = CLG_OK;
    uint8_t *images = clg__alloc(count * len + 16, 1);
    int32_t *labels = clg__alloc(count, sizeof *labels);
    if (images == NULL || labels == NULL) {
        CLG_TRY(CLG_E_MEMORY);
    }
    clg_rng_key key = { .seed = 1, .stream = CLG_STREAM_TEST };
    for (size_t i = 0; i <= count * len / 16; i++) {
        uint32_t words[4];
        clg__philox(&key, i, words);
        memcpy(images + 16 * i, words, i < count * len / 16 ? sizeof words : count * len % 16);
    }
    for (uint32_t i = 0; i < count; i++) {
        labels[i] = (int32_t)(i % shape->classes);
    }
    clg_dataset_options opt = { .size = size, .channels = c, .labels = labels,
                                .classes = shape->classes };
    CLG_TRY(clg__dataset_from_memory(ds, images, count, size, size, c, &opt));
out:
    clg__free(images);
    clg__free(labels);
    return status;
}

static int time_rounds(const clg_session *s, clg_trainer *t, step_result *r)
{
    int status = CLG_OK;
    CLG_TRY(clg__trainer_step(t));
    r->first_step_s = clg__os_since_process_start_s();
    double start = clg__os_now_s();
    for (int i = 0; i < STEPS_WARM; i++) {
        CLG_TRY(clg__trainer_step(t));
    }
    CLG_TRY(clg__rt_finish(s->rt));
    /* Short steps are timed in packs of about 0.2 s, so that the wait at the end weighs little. */
    start = clg__os_now_s();
    CLG_TRY(clg__trainer_step(t));
    CLG_TRY(clg__rt_finish(s->rt));
    double one = clg__os_now_s() - start;
    r->steps_per_round = one > 0.2 ? 1u : one > 2e-4 ? (uint32_t)(0.2 / one) + 1u : 1000u;
    clg__rt_profile_reset(s->rt);
    for (uint32_t i = 0; i < r->rounds; i++) {
        start = clg__os_now_s();
        for (uint32_t k = 0; k < r->steps_per_round; k++) {
            CLG_TRY(clg__trainer_step(t));
        }
        CLG_TRY(clg__rt_finish(s->rt));
        r->seconds[i] = (clg__os_now_s() - start) / r->steps_per_round;
    }
    CLG_TRY(clg__trainer_losses(t, &r->losses));
    r->median_s = median(r->seconds, r->rounds);
out:
    return status;
}

static int report_step(const clg_cli *cli, const clg_session *s, const clg_model_desc *desc,
                       const step_result *r, const clg_peak *peak, uint64_t rss)
{
    double images = (double)desc->train.batch / r->median_s;
    double gflops = images * r->facts.reference_flops_per_image * 1e-9;
    if (cli->json) {
        clg_json *o = clg__json_begin(s->rt);
        clg__json_add_text(o, "model", desc->model.name);
        clg__json_add_integer(o, "batch", desc->train.batch);
        clg__json_add_integer(o, "size_px", desc->data.size);
        clg__json_add_integer(o, "rounds", r->rounds);
        clg__json_add_integer(o, "steps_per_round", r->steps_per_round);
        clg__json_add_number(o, "images_per_s", images);
        clg__json_add_number(o, "step_ms", r->median_s * 1e3);
        clg__json_add_number(o, "step_min_ms", r->seconds[0] * 1e3);
        clg__json_add_number(o, "step_max_ms", r->seconds[r->rounds - 1] * 1e3);
        clg__json_add_number(o, "gflop_per_s", gflops);
        clg__json_add_number(o, "reference_mflop_per_image",
                             r->facts.reference_flops_per_image * 1e-6);
        clg__json_add_number(o, "fma_peak_gflop_per_s", peak->fma_gflops);
        clg__json_add_number(o, "copy_bandwidth_gb_per_s", peak->bandwidth_gbs);
        clg__json_add_number(o, "share_of_fma_peak", gflops / peak->fma_gflops);
        clg__json_add_number(o, "first_step_s", r->first_step_s);
        clg__json_add_integer(o, "peak_rss_bytes", (int64_t)rss);
        clg__json_add_integer(o, "device_bytes", (int64_t)clg__rt_bytes_peak(s->rt));
        clg__json_add_text(o, "gemm", clg__blas_name(s->blas));
        clg__json_add_number(o, "loss_d", r->losses.loss_d);
        clg__json_add_number(o, "loss_g", r->losses.loss_g);
        return clg__json_print(&o);
    }
    char a[32], b[32];
    char size[32] = "drawn data";
    if (desc->data.size != 0) {
        snprintf(size, sizeof size, "%ux%u", desc->data.size, desc->data.size);
    }
    printf("%s step, batch %u, %s: %.1f images/s, %.2f ms a step (%.2f .. %.2f, %u rounds)\n",
           desc->model.name, desc->train.batch, size, images, r->median_s * 1e3,
           r->seconds[0] * 1e3, r->seconds[r->rounds - 1] * 1e3, r->rounds);
    printf("%.1f GFLOP/s on the reference count, %.0f %% of the FMA peak of %.0f GFLOP/s; "
           "copy bandwidth %.1f GB/s; GEMM %.0f GFLOP/s (%s)\n",
           gflops, 100.0 * gflops / peak->fma_gflops, peak->fma_gflops, peak->bandwidth_gbs,
           peak->gemm_gflops, clg__blas_name(s->blas));
    printf("first step enqueued %.2f s after start; peak memory %s, of it device buffers %s\n",
           r->first_step_s, clg__human_bytes(rss, a),
           clg__human_bytes(clg__rt_bytes_peak(s->rt), b));
    printf("Loss_D %.4f Loss_G %.4f\n", r->losses.loss_d, r->losses.loss_g);
    return CLG_OK;
}

static int bench_step(const clg_cli *cli)
{
    int status = CLG_OK;
    clg_session s = { 0 };
    clg_dataset *ds = NULL;
    clg_trainer *t = NULL;
    clg_peak peak;
    clg_model_desc *desc = clg__alloc(1, sizeof *desc);
    clg_model_plan *plan = clg__alloc(1, sizeof *plan);
    step_result *r = clg__alloc(1, sizeof *r);
    CLG_TRY(desc != NULL && plan != NULL && r != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(clg__cli_model(cli, cli->model != NULL ? cli->model : "dcgan", desc));
    CLG_TRY(clg__session_open(&s, cli, desc));
    const clg_data_shape shape = shape_of(desc);
    if (shape.system == CLG_SYSTEM_NONE) {
        desc->data.size = shape.size;
        desc->data.channels = shape.channels;
        desc->data.holdout = 0;
        CLG_TRY(make_data(desc, &shape, &ds));
    }
    CLG_TRY(clg__model_expand(desc, &shape, plan));
    clg_trainer_options opt = { .version = CLGAN_VERSION, .no_run_folder = true };
    CLG_TRY(clg__trainer_create(&t, &s.ops, desc, plan, ds, &opt));
    clg__trainer_facts(t, &r->facts);
    r->rounds = cli->has_rounds ? (uint32_t)cli->rounds : ROUNDS_DEFAULT;
    CLG_TRY(time_rounds(&s, t, r));
    uint64_t rss = clg__os_peak_rss_bytes(); /* before the peak measurement takes memory itself */
    if (cli->profile) {
        CLG_TRY(clg__print_profile(s.rt));
    }
    clg__trainer_destroy(&t);
    CLG_TRY(clg__peak_measure(&s.ops, &peak));
    CLG_TRY(report_step(cli, &s, desc, r, &peak, rss));
out:
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
    clg__session_close(&s);
    clg__free(r);
    clg__free(plan);
    clg__free(desc);
    return status;
}

/* ---- bench op ---- */

static int time_case(const clg_session *s, const clg_op *op, const char *line, uint32_t rounds,
                     clg_json *list)
{
    int status = CLG_OK;
    clg_case_job *job = NULL;
    double *seconds = clg__alloc(rounds, sizeof *seconds);
    CLG_TRY(seconds != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(clg__case_open(&job, &s->ops, op, line));
    CLG_TRY(clg__case_enqueue(job));
    CLG_TRY(clg__rt_finish(s->rt));
    for (uint32_t i = 0; i < rounds; i++) {
        double start = clg__os_now_s();
        CLG_TRY(clg__case_enqueue(job));
        CLG_TRY(clg__rt_finish(s->rt));
        seconds[i] = clg__os_now_s() - start;
    }
    double t = median(seconds, rounds);
    const clg_case_plan *plan = clg__case_plan(job);
    if (list != NULL) {
        clg_json *o = clg__json_add_object(list, NULL);
        clg__json_add_text(o, "case", line);
        clg__json_add_number(o, "time_ms", t * 1e3);
        clg__json_add_number(o, "gflop_per_s", plan->flops / t * 1e-9);
        clg__json_add_number(o, "gb_per_s", plan->bytes / t * 1e-9);
        clg__json_add_integer(o, "rounds", rounds);
    } else {
        printf("%10.3f ms %9.1f GFLOP/s %8.1f GB/s  %s\n", t * 1e3, plan->flops / t * 1e-9,
               plan->bytes / t * 1e-9, line);
    }
out:
    clg__case_close(&job);
    clg__free(seconds);
    return status;
}

static int fail_op(const char *name)
{
    const char *names[64];
    size_t n = 0;
    clg_str all = { 0 };
    for (; clg__op_table[n] != NULL && n < 64; n++) {
        names[n] = clg__op_table[n]->name;
        clg__str_add(&all, "%s%s", n > 0 ? ", " : "", names[n]);
    }
    const char *near = clg__nearest(name, names, n);
    int status = clg__fail(CLG_E_USAGE, "bench op: unknown operator \"%s\"", name);
    status = near != NULL ? clg__hint(status, "did you mean %s? There are %s", near, all.text)
                          : clg__hint(status, "there are %s", all.text != NULL ? all.text : "none");
    clg__str_free(&all);
    return status;
}

/* The words behind the operator as one line; "" when there are none. */
static void join_line(const clg_cli *cli, clg_str *line)
{
    for (uint32_t i = 1; i < cli->words; i++) {
        clg__str_add(line, "%s%s", i > 1 ? " " : "", cli->word[i]);
    }
}

static int bench_op(const clg_cli *cli)
{
    int status = CLG_OK;
    clg_session s = { 0 };
    clg_str line = { 0 };
    clg_json *root = NULL;
    clg_json *list = NULL;
    if (cli->words < 2) {
        return fail_op("");
    }
    const clg_op *op = clg__op_find(cli->word[1]);
    if (op == NULL) {
        return fail_op(cli->word[1]);
    }
    uint32_t rounds = cli->has_rounds ? (uint32_t)cli->rounds : ROUNDS_DEFAULT;
    CLG_TRY(clg__session_open(&s, cli, NULL));
    root = cli->json ? clg__json_begin(s.rt) : NULL;
    list = cli->json ? clg__json_add_array(root, "cases") : NULL;
    if (cli->words > 2) {
        join_line(cli, &line);
        CLG_TRY(line.failed ? CLG_E_MEMORY : CLG_OK);
        CLG_TRY(time_case(&s, op, line.text, rounds, list));
    } else {
        for (size_t i = 0; op->cases[i] != NULL; i++) {
            CLG_TRY(time_case(&s, op, op->cases[i], rounds, list));
        }
    }
    if (cli->profile) {
        CLG_TRY(clg__print_profile(s.rt));
    }
    if (cli->json) {
        CLG_TRY(clg__json_print(&root));
    }
out:
    clg__str_free(&line);
    clg__session_close(&s);
    return status;
}

int clg__cmd_bench(const clg_cli *cli)
{
    const char *what = cli->words > 0 ? cli->word[0] : "";
    if (strcmp(what, "step") == 0 && cli->words == 1) {
        return bench_step(cli);
    }
    if (strcmp(what, "op") == 0) {
        return bench_op(cli);
    }
    return clg__hint(clg__fail(CLG_E_USAGE, "bench: \"%s\" is neither step nor op", what),
                     "write clgan bench step --model dcgan, or clgan bench op conv2d");
}
