/* clgan eval: which checkpoint, which metrics, where to. The metrics: gan/evaluate.h. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/eval_report.h"
#include "gan/model.h"
#include "io/image_file.h"
#include "io/run_folder.h"

enum { METRICS_MAX = 16, SIDE_BY_SIDE = 16 };

typedef struct eval_job {
    clg_session session;
    clg_model_desc *model; /* of --model, or NULL */
    clg_eval_part part[2];
    uint32_t parts;
    const clg_metric *metric[METRICS_MAX];
    uint32_t metrics;
    bool named; /* metrics were named */
} eval_job;

/* ---- arguments ---- */

static int fail_usage(const char *what, const char *hint)
{
    return clg__hint(clg__fail(CLG_E_USAGE, "%s", what), "%s", hint);
}

static int check_arguments(const clg_cli *cli)
{
    if (cli->samples_from != NULL && strcmp(cli->samples_from, "train") != 0) {
        return clg__hint(clg__fail(CLG_E_USAGE, "--samples-from %s: not known", cli->samples_from),
                         "write --samples-from train, or leave it away for the generator's");
    }
    if (cli->words == 0 && cli->samples_from != NULL && cli->model != NULL) {
        return cli->against == NULL ? CLG_OK
                                    : fail_usage("--against needs a first checkpoint",
                                                 "write clgan eval RUN --against RUN");
    }
    if (cli->words != 1) {
        return clg__hint(
            clg__fail(CLG_E_USAGE, "eval: wants one run folder or checkpoint, got %u", cli->words),
            "write for example clgan eval runs/dcgan-1; a second one after --against");
    }
    if (cli->against != NULL && (cli->samples_from != NULL || cli->png != NULL)) {
        return fail_usage("--against excludes --samples-from and --png",
                          "evaluate one checkpoint for those");
    }
    if (cli->model == NULL && cli->sets > 0) {
        return fail_usage("eval: --set needs --model",
                          "they describe a checkpoint of another program; one of this program says "
                          "itself what it holds");
    }
    return CLG_OK;
}

static int fail_metric(const char *name)
{
    const char *names[METRICS_MAX];
    clg_str all = { 0 };
    size_t n = 0;
    for (const clg_metric *m = clg__metrics; m->name != NULL; m++) {
        names[n++] = m->name;
        clg__str_add(&all, "%s%s", n > 1 ? ", " : "", m->name);
    }
    const char *best = clg__nearest(name, names, n);
    int status = clg__fail(CLG_E_USAGE, "--metrics: there is no metric \"%s\"", name);
    status = best != NULL
                 ? clg__hint(status, "did you mean %s? All: %s", best, all.failed ? "" : all.text)
                 : clg__hint(status, "there are %s", all.failed ? "" : all.text);
    clg__str_free(&all);
    return status;
}

/* --metrics a,b, each once. */
static int read_metrics(const clg_cli *cli, eval_job *job)
{
    const char *p = cli->metrics;
    job->named = p != NULL;
    while (p != NULL) {
        char name[64];
        size_t n = strcspn(p, ",");
        (void)snprintf(name, sizeof name, "%.*s", (int)(n < 63 ? n : 63), p);
        const clg_metric *m = clg__metric_find(name);
        bool twice = false;
        for (uint32_t i = 0; i < job->metrics; i++) {
            twice |= job->metric[i] == m;
        }
        if (m == NULL) {
            return fail_metric(name);
        }
        if (!twice && job->metrics < METRICS_MAX) {
            job->metric[job->metrics++] = m;
        }
        p = p[n] == ',' ? p + n + 1 : NULL;
    }
    return CLG_OK;
}

/* Those that fit without being asked for; with --against also what takes long, if both fit. */
static int choose_metrics(const clg_cli *cli, eval_job *job)
{
    for (uint32_t i = 0; i < job->metrics; i++) {
        for (uint32_t k = 0; k < job->parts; k++) {
            if (!job->metric[i]->fits(job->part[k].subject)) {
                return clg__hint(
                    clg__fail(
                        CLG_E_USAGE, "--metrics: %s %s, not for %s%s", job->metric[i]->name,
                        clg__metric_wants(job->metric[i]), job->part[k].subject->desc.model.name,
                        job->part[k].subject->checkpoint == NULL ? " without checkpoint" : ""),
                    "clgan eval --help says what each metric is for");
            }
        }
    }
    if (job->named || cli->png != NULL) {
        return CLG_OK;
    }
    for (const clg_metric *m = clg__metrics; m->name != NULL; m++) {
        bool fits = true;
        for (uint32_t k = 0; k < job->parts; k++) {
            const clg_subject *s = job->part[k].subject;
            fits =
                fits && m->fits(s) && (m->by_default == NULL || m->by_default(s) || job->parts > 1);
        }
        if (fits) {
            job->metric[job->metrics++] = m;
        }
    }
    return CLG_OK;
}

/* ---- subjects ---- */

static int find_checkpoint(clg_eval_part *p)
{
    int status = CLG_OK;
    clg_checkpoint_info *info = clg__alloc(1, sizeof *info);
    CLG_TRY(info != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(clg__run_find_checkpoint(p->name, p->path, &p->step));
    if (clg__checkpoint_info(p->path, info) == CLG_OK) {
        p->step = info->step;
        p->has_step = true;
    }
out:
    clg__free(info);
    return status;
}

/* The folder for the pictures of part k: --out itself, or a and b in it. */
static int make_out(const clg_cli *cli, const eval_job *job, uint32_t k, char **dir)
{
    *dir = NULL;
    if (cli->out == NULL) {
        return CLG_OK;
    }
    *dir = job->parts > 1 ? clg__os_join(cli->out, k == 0 ? "a" : "b") : clg__strdup(cli->out);
    return *dir == NULL ? CLG_E_MEMORY : clg__os_mkdirs(*dir, 0777);
}

static int open_part(const clg_cli *cli, eval_job *job, uint32_t k, char **dir)
{
    clg_eval_part *p = &job->part[k];
    int status = CLG_OK;
    p->report = clg__alloc(1, sizeof *p->report);
    CLG_TRY(p->report != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(make_out(cli, job, k, dir));
    clg_subject_options opt = {
        .checkpoint = p->name != NULL ? p->path : NULL,
        .step = p->step,
        .model = job->model,
        .data = cli->data,
        .size = cli->has_size ? (uint32_t)cli->size : 0,
        .from_train = cli->samples_from != NULL,
        .count = cli->has_count ? cli->count : 0,
        .seed = cli->has_seed ? cli->seed : 1,
        .pictures = *dir,
    };
    CLG_TRY(clg__subject_open(&p->subject, &job->session.ops, &opt));
out:
    return status;
}

static int check_pair(const eval_job *job)
{
    const clg_model_plan *a = &job->part[0].subject->plan;
    if (job->parts < 2) {
        return CLG_OK;
    }
    const clg_model_plan *b = &job->part[1].subject->plan;
    if (a->system == b->system && a->h == b->h && a->w == b->w && a->c == b->c) {
        return CLG_OK;
    }
    return clg__hint(clg__fail(CLG_E_CHECKPOINT, "%s gives %ux%ux%u, %s gives %ux%ux%u",
                               job->part[0].name, a->h, a->w, a->c, job->part[1].name, b->h, b->w,
                               b->c),
                     "two that were trained on the same data can be compared");
}

/* ---- samples as PNG files ---- */

static int check_png(const clg_cli *cli, const clg_subject *s)
{
    char **names = NULL;
    size_t n = 0;
    if (cli->png == NULL) {
        return CLG_OK;
    }
    if (!clg__subject_is_image(s)) {
        return clg__hint(
            clg__fail(CLG_E_USAGE, "--png: %s gives vectors, not images", s->desc.model.name),
            "clgan sample --out rows.npy writes them");
    }
    if (!clg__os_stat(cli->png).is_dir) {
        return CLG_OK;
    }
    int status = clg__os_list(cli->png, &names, &n);
    clg__os_list_free(&names, n);
    return status != CLG_OK || n == 0
               ? status
               : clg__hint(clg__fail(CLG_E_USAGE, "--png %s: the folder is not empty", cli->png),
                           "choose another name, or empty it");
}

/* 000000.png and so on: 8 bits, [0,1] to 0 .. 255. */
static int write_pngs(const clg_cli *cli, clg_subject *s)
{
    int status = CLG_OK;
    uint8_t *bytes = clg__alloc(s->d, 1);
    char *path = NULL;
    CLG_TRY(bytes != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(clg__subject_samples(s));
    CLG_TRY(clg__os_mkdirs(cli->png, 0777));
    for (uint32_t i = 0; i < s->samples.n; i++) {
        char name[32];
        for (uint32_t j = 0; j < s->d; j++) {
            float v = floorf(s->samples.at[(size_t)i * s->d + j] * 255.0f + 0.5f);
            bytes[j] = v >= 255.0f ? 255u : v > 0.0f ? (uint8_t)v : 0u;
        }
        (void)snprintf(name, sizeof name, "%06u.png", i);
        clg__free(path);
        path = clg__os_join(cli->png, name);
        CLG_TRY(path != NULL ? CLG_OK : CLG_E_MEMORY);
        CLG_TRY(clg__png_write_one_of_many(path, bytes, s->plan.w, s->plan.h, s->plan.c));
    }
    fprintf(stderr, "%u PNG files in %s\n", s->samples.n, cli->png);
out:
    clg__free(bytes);
    clg__free(path);
    return status;
}

/* ---- side by side ---- */

/* against.png: test images, how A and B reconstruct them, and samples of both. */
static int draw_pair(const clg_cli *cli, eval_job *job)
{
    int status = CLG_OK;
    clg_subject *s[2] = { job->part[0].subject, job->part[1].subject };
    float *test = NULL, *recon[2] = { NULL, NULL };
    uint32_t labels[SIDE_BY_SIDE];
    char *path = NULL;
    if (cli->out == NULL || !clg__subject_is_image(s[0])) {
        return CLG_OK;
    }
    uint32_t n = SIDE_BY_SIDE;
    for (int k = 0; k < 2; k++) {
        CLG_TRY(clg__subject_data(s[k]));
        CLG_TRY(clg__subject_samples(s[k]));
        n = s[k]->samples.n < n ? s[k]->samples.n : n;
    }
    uint32_t all = s[0]->test_end - s[0]->test_first;
    n = all < n ? all : n;
    for (int k = 0; k < 2; k++) {
        clg__free(test);
        CLG_TRY(clg__subject_spread(s[k], s[0]->test, s[0]->test_first, s[0]->test_end, n, &test,
                                    labels));
        recon[k] = clg__alloc((size_t)n * s[k]->d, sizeof *recon[k]);
        CLG_TRY(recon[k] != NULL ? CLG_OK : CLG_E_MEMORY);
        CLG_TRY(clg__subject_reconstruct(s[k], test, labels, n, recon[k]));
    }
    const float *rows[5] = { test, recon[0], recon[1], s[0]->samples.at, s[1]->samples.at };
    path = clg__os_join(cli->out, "against.png");
    CLG_TRY(path != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(clg__subject_rows_picture(s[0], path, rows, 5, n));
    fprintf(stderr, "%s: test images, reconstructions by A and by B, samples of A and of B\n",
            path);
out:
    clg__free(test);
    clg__free(recon[0]);
    clg__free(recon[1]);
    clg__free(path);
    return status;
}

/* ---- the command ---- */

static int measure(const clg_cli *cli, eval_job *job)
{
    int status = CLG_OK;
    for (uint32_t i = 0; i < job->metrics; i++) {
        for (uint32_t k = 0; k < job->parts; k++) {
            double start = clg__os_now_s();
            CLG_TRY(job->metric[i]->run(job->part[k].subject, job->part[k].report));
            fprintf(stderr, "%s%s: %.1f s\n", job->metric[i]->name,
                    job->parts == 1 ? ""
                    : k == 0        ? " of A"
                                    : " of B",
                    clg__os_now_s() - start);
        }
    }
    for (uint32_t k = 0; k < job->parts; k++) {
        if (job->part[k].subject->test_is_trained) {
            clg__report_note(job->part[k].report, "there are no test images: images that were "
                                                  "trained on take their place");
        }
    }
    CLG_TRY(job->parts > 1 ? draw_pair(cli, job) : CLG_OK);
    CLG_TRY(cli->png != NULL ? write_pngs(cli, job->part[0].subject) : CLG_OK);
out:
    return status;
}

static int open_job(const clg_cli *cli, eval_job *job, char *dirs[2])
{
    int status = CLG_OK;
    CLG_TRY(check_arguments(cli));
    CLG_TRY(read_metrics(cli, job));
    job->parts = cli->against != NULL ? 2 : 1;
    job->part[0].name = cli->words > 0 ? cli->word[0] : NULL;
    job->part[1].name = cli->against;
    for (uint32_t k = 0; k < job->parts; k++) {
        CLG_TRY(job->part[k].name != NULL ? find_checkpoint(&job->part[k]) : CLG_OK);
    }
    if (cli->model != NULL) {
        job->model = clg__alloc(1, sizeof *job->model);
        CLG_TRY(job->model != NULL ? CLG_OK : CLG_E_MEMORY);
        CLG_TRY(clg__cli_model(cli, cli->model, job->model));
    }
    CLG_TRY(clg__session_open(&job->session, cli, job->model));
    for (uint32_t k = 0; k < job->parts; k++) {
        CLG_TRY(open_part(cli, job, k, &dirs[k]));
    }
    CLG_TRY(check_pair(job));
    CLG_TRY(check_png(cli, job->part[0].subject));
    CLG_TRY(choose_metrics(cli, job));
out:
    return status;
}

int clg__cmd_eval(const clg_cli *cli)
{
    int status = CLG_OK;
    char *dirs[2] = { NULL, NULL };
    eval_job *job = clg__alloc(1, sizeof *job);
    CLG_TRY(job != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(open_job(cli, job, dirs));
    CLG_TRY(measure(cli, job));
    if (cli->json) {
        CLG_TRY(clg__eval_print_json(job->session.rt, job->part, job->parts));
    } else {
        clg__eval_print_table(job->part, job->parts);
    }
out:
    for (uint32_t k = 0; job != NULL && k < 2; k++) {
        clg__subject_close(&job->part[k].subject);
        clg__free(job->part[k].report);
        clg__free(dirs[k]);
    }
    if (job != NULL) {
        clg__session_close(&job->session);
        clg__free(job->model);
    }
    clg__free(job);
    return status;
}
