/* clgan bench: the whole table or a part of it (bench_all.c), or one of step, sample, op. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/str.h"
#include "cli/bench.h"
#include "cli/case_runner.h"

enum { ROUNDS_DEFAULT = 7, SAMPLES_DEFAULT = 10000 };

static uint32_t rounds_of(const clg_cli *cli, uint32_t otherwise)
{
    return cli->has_rounds ? (uint32_t)cli->rounds : otherwise;
}

/* ---- bench step ---- */

static int print_step_json(const clg_session *s, const clg_model_desc *desc,
                           const clg_bench_step *r, const clg_peak *peak)
{
    clg_json *o = clg__json_begin(s->rt);
    clg__json_add_text(o, "model", desc->model.name);
    clg__json_add_integer(o, "batch", desc->train.batch);
    clg__json_add_integer(o, "size_px", desc->data.size);
    clg__json_add_integer(o, "rounds", r->time.rounds);
    clg__json_add_integer(o, "steps_per_round", r->time.runs_per_round);
    clg__json_add_number(o, "images_per_s", r->images_per_s);
    clg__json_add_number(o, "step_ms", r->time.median_s * 1e3);
    clg__json_add_number(o, "step_min_ms", r->time.min_s * 1e3);
    clg__json_add_number(o, "step_max_ms", r->time.max_s * 1e3);
    clg__json_add_number(o, "gflop_per_s", r->gflops);
    clg__json_add_number(o, "reference_mflop_per_image", r->facts.reference_flops_per_image * 1e-6);
    clg__json_add_number(o, "fma_peak_gflop_per_s", peak->fma_gflops);
    clg__json_add_number(o, "copy_bandwidth_gb_per_s", peak->bandwidth_gbs);
    clg__json_add_number(o, "share_of_fma_peak", r->gflops / peak->fma_gflops);
    clg__json_add_number(o, "first_step_s", r->first_step_s);
    clg__json_add_integer(o, "peak_rss_bytes", (int64_t)r->peak_rss_bytes);
    clg__json_add_integer(o, "device_bytes", (int64_t)r->device_bytes);
    clg__json_add_text(o, "gemm", clg__blas_name(s->blas));
    clg__json_add_text(o, "convolutions", r->convolutions);
    clg__json_add_number(o, "loss_d", r->losses.loss_d);
    clg__json_add_number(o, "loss_g", r->losses.loss_g);
    return clg__json_print(&o);
}

static void print_step(const clg_session *s, const clg_model_desc *desc, const clg_bench_step *r,
                       const clg_peak *peak)
{
    char a[32], b[32];
    char size[32] = "drawn data";
    if (desc->data.size != 0) {
        snprintf(size, sizeof size, "%ux%u", desc->data.size, desc->data.size);
    }
    printf("%s step, batch %u, %s: %.1f images/s, %.2f ms a step (%.2f .. %.2f, %u rounds)\n",
           desc->model.name, desc->train.batch, size, r->images_per_s, r->time.median_s * 1e3,
           r->time.min_s * 1e3, r->time.max_s * 1e3, r->time.rounds);
    printf("%.1f GFLOP/s on the reference count, %.0f %% of the FMA peak of %.0f GFLOP/s; "
           "copy bandwidth %.1f GB/s; GEMM %.0f GFLOP/s (%s)\n",
           r->gflops, 100.0 * r->gflops / peak->fma_gflops, peak->fma_gflops, peak->bandwidth_gbs,
           peak->gemm_gflops, clg__blas_name(s->blas));
    printf("first step enqueued %.2f s after start; peak memory %s, of it device buffers %s\n",
           r->first_step_s, clg__human_bytes(r->peak_rss_bytes, a),
           clg__human_bytes(r->device_bytes, b));
    printf("convolutions: %s\n", r->convolutions);
    printf("Loss_D %.4f Loss_G %.4f\n", r->losses.loss_d, r->losses.loss_g);
}

static int print_step_profile(void *user, const clg_trainer *t)
{
    int status = clg__print_profile(user);
    clg__print_algorithms(clg__trainer_algorithms(t));
    return status;
}

static int bench_step(const clg_cli *cli)
{
    int status = CLG_OK;
    clg_session s = { 0 };
    clg_bench_step r = { 0 };
    clg_peak peak;
    const clg_bench_limits limits = { .rounds = rounds_of(cli, ROUNDS_DEFAULT), .pack_s = 0.2 };
    clg_model_desc *desc = clg__alloc(1, sizeof *desc);
    CLG_TRY(desc != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(clg__cli_model(cli, cli->model != NULL ? cli->model : "dcgan", desc));
    CLG_TRY(clg__session_open(&s, cli, desc));
    CLG_TRY(clg__bench_step(&s, desc, &limits, cli->profile ? print_step_profile : NULL, s.rt, &r));
    CLG_TRY(clg__peak_measure(&s.ops, &peak));
    if (cli->json) {
        CLG_TRY(print_step_json(&s, desc, &r, &peak));
    } else {
        print_step(&s, desc, &r, &peak);
    }
out:
    clg__session_close(&s);
    clg__free(desc);
    return status;
}

/* ---- bench sample ---- */

static int bench_sample(const clg_cli *cli)
{
    int status = CLG_OK;
    clg_session s = { 0 };
    clg_bench_sample r = { 0 };
    char memory[32];
    uint32_t count = cli->has_count ? (uint32_t)cli->count : SAMPLES_DEFAULT;
    clg_model_desc *desc = clg__alloc(1, sizeof *desc);
    CLG_TRY(desc != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(clg__cli_model(cli, cli->model != NULL ? cli->model : "dcgan", desc));
    CLG_TRY(clg__session_open(&s, cli, desc));
    CLG_TRY(clg__bench_sample(&s, desc, count, rounds_of(cli, 1), &r));
    if (cli->profile) {
        CLG_TRY(clg__print_profile(s.rt));
    }
    if (cli->json) {
        clg_json *o = clg__json_begin(s.rt);
        clg__json_add_text(o, "model", desc->model.name);
        clg__json_add_integer(o, "count", count);
        clg__json_add_integer(o, "size_px", r.size);
        clg__json_add_integer(o, "rounds", r.time.rounds);
        clg__json_add_number(o, "images_per_s", r.images_per_s);
        clg__json_add_number(o, "time_s", r.time.median_s);
        clg__json_add_integer(o, "peak_rss_bytes", (int64_t)r.peak_rss_bytes);
        CLG_TRY(clg__json_print(&o));
    } else {
        printf("%u images of %s: %.1f images/s, %.2f s; peak memory %s\n", count, desc->model.name,
               r.images_per_s, r.time.median_s, clg__human_bytes(r.peak_rss_bytes, memory));
    }
out:
    clg__session_close(&s);
    clg__free(desc);
    return status;
}

/* ---- bench op ---- */

static int time_case(const clg_session *s, const clg_op *op, const char *line, uint32_t rounds,
                     clg_json *list)
{
    const clg_bench_limits limits = { .rounds = rounds, .pack_s = 0.005 };
    clg_bench_case r;
    int status = clg__bench_case(&s->ops, op, line, &limits, &r);
    if (status != CLG_OK) {
        return status;
    }
    double t = r.time.median_s;
    if (list != NULL) {
        clg_json *o = clg__json_add_object(list, NULL);
        clg__json_add_text(o, "case", line);
        clg__json_add_number(o, "time_ms", t * 1e3);
        clg__json_add_number(o, "gflop_per_s", r.flops / t * 1e-9);
        clg__json_add_number(o, "gb_per_s", r.bytes / t * 1e-9);
        clg__json_add_integer(o, "rounds", r.time.rounds);
        clg__json_add_integer(o, "runs_per_round", r.time.runs_per_round);
    } else {
        printf("%10.3f ms %9.1f GFLOP/s %8.1f GB/s  %s\n", t * 1e3, r.flops / t * 1e-9,
               r.bytes / t * 1e-9, line);
    }
    return CLG_OK;
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
    clg_model_desc *desc = NULL;
    const clg_op *op = cli->words < 2 ? NULL : clg__op_find(cli->word[1]);
    if (op == NULL) {
        return fail_op(cli->words < 2 ? "" : cli->word[1]);
    }
    uint32_t rounds = rounds_of(cli, ROUNDS_DEFAULT);
    desc = clg__alloc(1, sizeof *desc);
    CLG_TRY(desc != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(
        clg__cli_model(cli, cli->model != NULL ? cli->model : "dcgan", desc)); /* for runtime.* */
    CLG_TRY(clg__session_open(&s, cli, desc));
    root = cli->json ? clg__json_begin(s.rt) : NULL;
    list = cli->json ? clg__json_add_array(root, "cases") : NULL;
    if (cli->words > 2) {
        join_line(cli, &line);
        CLG_TRY(line.failed ? CLG_E_MEMORY : CLG_OK);
        CLG_TRY(time_case(&s, op, line.text, rounds, list));
    } else {
        for (size_t i = 0; op->cases[i] != NULL; i++) {
            if (clg__case_fits(&s.ops, op, op->cases[i])) {
                CLG_TRY(time_case(&s, op, op->cases[i], rounds, list));
            }
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
    clg__free(desc);
    return status;
}

/* pocl's threads sleep between launches, and a system that wakes one may leave two of them on one core for
 * seconds while another idles: a product of .1 to 3 ms, again and again, takes up to twice as long then, by
 * chance. With this, which pocl reads when it starts its threads, each stays on the core of its number.
 * Not for training and its steps: they have nothing of it (0.99 to 1.02 times), and two trainings at once
 * would meet on the same core. Not where that is not for us to say: a user who has chosen, or wants another
 * number of threads; and not where some cores are not ours: pocl counts from the first one, and ends the
 * process if it is not allowed there. */
static void keep_threads_apart(void)
{
    static const char *const names[] = { "POCL_MAX_PTHREAD_COUNT", "POCL_CPU_MAX_CU_COUNT",
                                         "POCL_MAX_COMPUTE_UNITS" }; /* as versions call it */
    bool all = clg__os_may_use_all_cpus();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *count = clg__os_env(names[i]);
        all = all && (count == NULL || strtoul(count, NULL, 10) == clg__os_cpu_count());
    }
    if (all) {
        (void)clg__os_setenv_default("POCL_AFFINITY", "1");
    }
}

int clg__cmd_bench(const clg_cli *cli)
{
    const char *what = cli->words > 0 ? cli->word[0] : "";
    if (strcmp(what, "op") == 0) {
        keep_threads_apart();
        return bench_op(cli);
    }
    if (strcmp(what, "step") == 0 && cli->words == 1) {
        return bench_step(cli);
    }
    if (strcmp(what, "sample") == 0 && cli->words == 1) {
        return bench_sample(cli);
    }
    if (cli->words == 0 || (cli->words == 1 && clg__bench_has_part(what))) {
        keep_threads_apart();
        return clg__bench_all(cli);
    }
    return clg__hint(clg__fail(CLG_E_USAGE, "bench: \"%s\" is not one of its parts", what),
                     "write clgan bench, or one of step, steps, sample, products, layers, op NAME");
}
