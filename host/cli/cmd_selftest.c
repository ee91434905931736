/* clgan selftest: every kernel that the device would use, and a short training, against double
 * precision. */
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "cli/case_runner.h"
#include "cli/cli.h"
#include "cli/replay.h"
#include "gan/model.h"
#include "io/config.h"

/* Small trainings: one of each kind of order, loss, layer and data; quick: the first alone. */
enum { REPLAY_BATCH = 8, REPLAY_SIZE = 16, REPLAY_CLASSES = 5 };
static const struct replay {
    const char *model;
    uint32_t steps;
} replays[] = { { "dcgan", 20 },    { "goodfellow-mnist", 3 }, { "cgan-dcgan-two-head", 3 },
                { "cgan-mlp", 3 },  { "autoencoder-mlp", 3 },  { "curves", 3 },
                { "gauss1d", 10 } };

/* What a training's step may differ by. In tf32 some sums near zero have the other sign, and an activation
 * of that sign passes or stops what belongs to it: the gradients' error is the root of their share. */
typedef struct limits {
    double loss, gradient, weight;
} limits;
static const limits float_limits = { CLG_REPLAY_TOL_LOSS, CLG_REPLAY_TOL_GRADIENT,
                                     CLG_REPLAY_TOL_WEIGHT };
static const limits tf32_limits = { 2e-3, 0.3, 2e-2 };

typedef struct selftest {
    const clg_cli *cli;
    const clg_ops *ops;
    clg_json *list; /* NULL: a table on standard output */
    enum clg_precision precision; /* cases of its storage run beside those of float */
    uint32_t run, failed;
} selftest;

static void report_op(selftest *t, const char *name, uint32_t cases, uint32_t failed, double worst,
                      double worst_rel, double seconds)
{
    if (t->list != NULL) {
        clg_json *o = clg__json_add_object(t->list, NULL);
        clg__json_add_text(o, "name", name);
        clg__json_add_integer(o, "cases", cases);
        clg__json_add_integer(o, "failed", failed);
        clg__json_add_number(o, "worst_share_of_tolerance", worst);
        clg__json_add_number(o, "worst_relative_l2", worst_rel);
        clg__json_add_number(o, "time_s", seconds);
    } else {
        printf("%-12s %5u cases %8.1f %% of the tolerance  relative L2 %9.2e %7.2f s  %s\n", name,
               cases, 100.0 * worst, worst_rel, seconds, failed == 0 ? "ok" : "FAILED");
    }
}

/* A training in float runs no kernel of 16-bit storage, and their programs take as long to build
 * as all the others: they are tested when asked for. `store` counts as enum clg_precision does. */
static bool is_wanted(const selftest *t, const char *line)
{
    const char *store = strstr(line, " store=");
    int number = store != NULL ? store[strlen(" store=")] - '0' : 0;
    return number == 0 || number == (int)t->precision;
}

static int run_operator(selftest *t, const clg_op *op)
{
    double worst = 0.0, worst_rel = 0.0;
    uint32_t cases = 0, failed = 0;
    double start = clg__os_now_s();
    for (uint32_t i = 0; op->cases[i] != NULL && (!t->cli->quick || i < op->quick); i++) {
        if (!is_wanted(t, op->cases[i]) || !clg__case_fits(t->ops, op, op->cases[i])) {
            continue;
        }
        clg_case_result r;
        int status = clg__case_run(t->ops, op, op->cases[i], &r);
        cases++;
        if (status == CLG_E_MISMATCH) {
            failed++;
            fprintf(stderr, "clgan: selftest: %s\n", r.text);
        } else if (status != CLG_OK) {
            return status;
        }
        worst = r.worst > worst ? r.worst : worst;
        worst_rel = r.worst_rel > worst_rel ? r.worst_rel : worst_rel;
    }
    if (cases > 0) {
        report_op(t, op->name, cases, failed, worst, worst_rel, clg__os_now_s() - start);
    }
    t->run += cases;
    t->failed += failed;
    return CLG_OK;
}

static void shrink(clg_model_desc *desc)
{
    desc->data.size = REPLAY_SIZE;
    desc->data.channels = 3;
    desc->generator.width = 8;
    desc->discriminator.width = 8;
    desc->latent.size = desc->latent.size > 16u ? 16u : desc->latent.size;
    if (desc->discriminator.init.std < 0.02f) { /* so small that the gradients of real and fake rows */
        desc->discriminator.init.std = 0.05f;   /* would cancel down to their rounding */
    }
    desc->train.batch = REPLAY_BATCH;
    desc->train.seed = 7;
}

static void report_replay(selftest *t, const char *model, const clg_replay_result *r,
                          double seconds)
{
    char name[80];
    const bool tf32 = clg__multiplies_tf32(clg__blas_multiply(t->ops->blas));
    const limits *most = tf32 ? &tf32_limits : &float_limits;
    double worst = r->gradient / most->gradient;
    worst = r->weight / most->weight > worst ? r->weight / most->weight : worst;
    worst = r->loss / most->loss > worst ? r->loss / most->loss : worst;
    bool bad = !(worst <= 1.0);
    t->run += r->steps;
    t->failed += bad;
    bool first = strcmp(model, replays[0].model) == 0;
    snprintf(name, sizeof name, "%s%s", first ? "training" : "training of ", first ? "" : model);
    report_op(t, name, r->steps, bad, worst, r->gradient > r->weight ? r->gradient : r->weight,
              seconds);
    if (t->list == NULL) {
        printf("             %u steps of a small %s, %u tensors: losses %.1e (%.0e allowed), "
               "gradients %.1e (%.0e), weights %.1e (%.0e)\n",
               r->steps, model, r->tensors, r->loss, most->loss, r->gradient,
               most->gradient, r->weight, most->weight);
    }
    if (bad) {
        fprintf(stderr, "clgan: selftest: training differs from double precision, the most in %s\n",
                r->worst);
    }
}

static int run_training(selftest *t, const struct replay *which)
{
    int status = CLG_OK;
    uint32_t steps = t->cli->quick ? 1u : which->steps, n = steps * REPLAY_BATCH;
    double start = clg__os_now_s();
    clg_trainer *trainer = NULL;
    clg_replay_result r;
    clg_rng_key key = { .seed = 5, .stream = CLG_STREAM_TEST };
    clg_data_shape shape = { .size = REPLAY_SIZE, .channels = 3, .classes = REPLAY_CLASSES };
    size_t bytes = (size_t)n * REPLAY_SIZE * REPLAY_SIZE * 3;
    clg_model_desc *desc = clg__alloc(1, sizeof *desc);
    clg_model_plan *plan = clg__alloc(1, sizeof *plan);
    uint8_t *images = clg__alloc(bytes / 16 + 1, 16);
    uint32_t *labels = clg__alloc(n, sizeof *labels);
    if (desc == NULL || plan == NULL || images == NULL || labels == NULL) {
        CLG_TRY(CLG_E_MEMORY);
    }
    for (size_t i = 0; i < bytes / 16; i++) {
        uint32_t w[4];
        clg__philox(&key, i, w);
        memcpy(images + 16 * i, w, 16);
    }
    for (uint32_t i = 0; i < n; i++) {
        labels[i] = images[i] % REPLAY_CLASSES;
    }
    CLG_TRY(clg__model_load(which->model, desc));
    shrink(desc);
    shape.system = clg__system_find(desc->data.source);
    CLG_TRY(clg__model_expand(desc, &shape, plan));
    clg_trainer_options opt = { .version = CLGAN_VERSION, .no_run_folder = true };
    CLG_TRY(clg__trainer_create(&trainer, t->ops, desc, plan, NULL, &opt));
    CLG_TRY(clg__replay(trainer, desc, plan, images, plan->classes > 0 ? labels : NULL, steps, &r));
    report_replay(t, which->model, &r, clg__os_now_s() - start);
out:
    clg__trainer_destroy(&trainer);
    clg__free(images);
    clg__free(labels);
    clg__free(plan);
    clg__free(desc);
    return status;
}

/* Which kernels ran: 100 % of a family's is the promise, and CI counts them. */
static int report_kernels(selftest *t, const clg_session *s, clg_json *root)
{
    clg_profile_row *rows = NULL;
    size_t n = 0;
    int status = clg__rt_profile(s->rt, &rows, &n);
    if (status == CLG_OK && t->list != NULL) {
        clg_json *list = clg__json_add_array(root, "kernels");
        for (size_t i = 0; i < n; i++) {
            clg__json_add_text(list, NULL, rows[i].kernel);
        }
    } else if (status == CLG_OK) {
        printf("%zu different kernels ran\n", n);
    }
    clg__free(rows);
    return status;
}

static int finish(selftest *t, const clg_session *s, clg_json **root, double seconds)
{
    int status = CLG_OK;
    if (t->list != NULL) {
        clg__json_add_integer(*root, "run", t->run);
        clg__json_add_integer(*root, "failed", t->failed);
        clg__json_add_number(*root, "time_s", seconds);
        status = clg__json_print(root);
    } else {
        printf("%u checks, %u failed, %.1f s on %s\n", t->run, t->failed, seconds,
               clg__rt_device(s->rt)->name);
    }
    if (status == CLG_OK && t->failed > 0) {
        status = clg__hint(clg__fail(CLG_E_MISMATCH, "selftest: %u of %u checks failed on %s",
                                     t->failed, t->run, clg__rt_device(s->rt)->name),
                           "do not trust this device with its present driver; try another one "
                           "(clgan devices) or CLGAN_KERNELS=gpu or cpu");
    }
    return status;
}

int clg__cmd_selftest(const clg_cli *cli)
{
    int status = CLG_OK;
    clg_session s = { 0 };
    clg_json *root = NULL;
    double start = clg__os_now_s();
    clg_model_desc *desc = clg__alloc(1, sizeof *desc); /* for --set runtime.… */
    if (cli->words > 0) {
        clg__free(desc);
        return clg__hint(clg__fail(CLG_E_USAGE, "selftest: unexpected argument \"%s\"",
                                   cli->word[0]),
                         "see clgan selftest --help");
    }
    clg_cli profiled = *cli;
    profiled.profile = true;
    CLG_TRY(desc != NULL ? CLG_OK : CLG_E_MEMORY);
    clg__config_defaults(desc);
    CLG_TRY(clg__cli_apply(cli, desc));
    CLG_TRY(clg__session_open(&s, &profiled, desc));
    root = cli->json ? clg__json_begin(s.rt) : NULL;
    selftest t = { .cli = cli, .ops = &s.ops, .precision = desc->runtime.precision,
                   .list = cli->json ? clg__json_add_array(root, "operators") : NULL };
    for (size_t i = 0; clg__op_table[i] != NULL; i++) {
        CLG_TRY(run_operator(&t, clg__op_table[i]));
    }
    size_t trainings = cli->quick ? 1u : sizeof replays / sizeof replays[0];
    for (size_t i = 0; i < trainings; i++) {
        CLG_TRY(run_training(&t, &replays[i]));
    }
    CLG_TRY(report_kernels(&t, &s, root));
    CLG_TRY(finish(&t, &s, &root, clg__os_now_s() - start));
out:
    clg__free(desc);
    clg__session_close(&s);
    return status;
}
