/* clgan train. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "cli/cli.h"
#include "cli/peak.h"
#include "gan/model.h"
#include "gan/trainer.h"
#include "io/config.h"
#include "io/run_folder.h"

typedef struct train_view {
    const clg_session *session;
    bool terminal, line_open;
} train_view;

static void end_line(train_view *v)
{
    if (v->line_open) {
        fputc('\n', stderr);
        v->line_open = false;
    }
}

/* Four decimals, or four digits of a loss that has exploded; "-" where nothing is known yet. */
static const char *show_number(double v, char text[32])
{
    if (isnan(v)) {
        return "-";
    }
    (void)snprintf(text, 32, fabs(v) < 1e6 ? "%.4f" : "%.3e", v);
    return text;
}

/* "" at most lines. */
static void show_monitor(const clg_monitor *m, char text[96])
{
    size_t n = 0;
    text[0] = '\0';
    if (!isnan(m->parzen_ll)) {
        n = (size_t)snprintf(text, 96, "  Parzen %.1f", m->parzen_ll);
    }
    if (!isnan(m->real_below_half)) {
        (void)snprintf(text + n, 96 - n, "  D wrong: %.0f%% of real, %.0f%% of fakes",
                       100.0 * m->real_below_half, 100.0 * m->fake_above_half);
    }
}

static void show_progress(void *user, const clg_progress *p)
{
    train_view *v = user;
    char eta[32], d[32], g[32], after[32];
    char losses[160], monitor[96], line[400];
    if (isnan(p->d_real)) { /* an autoencoder */
        (void)snprintf(losses, sizeof losses, "Loss %s", show_number(p->loss_g, g));
    } else {
        (void)snprintf(losses, sizeof losses,
                       "Loss_D %s Loss_G %s D(x) %.4f D(G(z)) %.4f / %s",
                       show_number(p->loss_d, d), show_number(p->loss_g, g), p->d_real,
                       p->d_fake_before, show_number(p->d_fake_after, after));
    }
    show_monitor(&p->monitor, monitor);
    (void)snprintf(line, sizeof line,
                   "epoch %.2f step %" PRIu64 "/%" PRIu64 "  %s%s  %.1f images/s  ETA %s", p->epoch,
                   p->step, p->steps_total, losses, monitor, p->images_per_s,
                   clg__human_time(p->eta_s, eta));
    if (v->terminal) {
        fprintf(stderr, "\r%s\033[K", line);
        (void)fflush(stderr);
        v->line_open = true;
    } else {
        fprintf(stderr, "%s\n", line);
    }
}

static void show_saved(void *user, const char *what, const char *path)
{
    train_view *v = user;
    if (!v->terminal) {
        fprintf(stderr, "%s: %s\n", what, path);
    }
}

static void show_first_step(void *user)
{
    const train_view *v = user;
    end_line(user);
    clg__session_tell_builds(v->session);
    fprintf(stderr, "first step enqueued %.2f s after start\n", clg__os_since_process_start_s());
}

static int ask_signal(void *user)
{
    (void)user;
    return clg__os_signal_seen();
}

/* A resumed run computes as it did: "gemm=builtin kernels=cpu tune=on" become the runtime keys. */
static int apply_choices(const char *choices, clg_model_desc *desc)
{
    int status = CLG_OK;
    for (const char *p = choices; *p != '\0' && status == CLG_OK; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        char key[128];
        (void)snprintf(key, sizeof key, "runtime.%.*s", (int)n, p);
        status = clg__config_set(desc, key);
        p += n;
    }
    return status;
}

/* Whether the options pick the device of this name; choices of another one would not fit. */
static bool will_run_on(const clg_cli *cli, const char *device)
{
    clg_device_info *list = NULL;
    size_t n = 0, at = 0;
    bool same = clg__rt_devices(&list, &n) == CLG_OK &&
                clg__rt_pick(list, n, cli->platform, cli->device, &at) == CLG_OK &&
                strcmp(list[at].name, device) == 0;
    clg__free(list);
    return same;
}

/* The model: from --model, or from the run that is resumed. */
static int load_model(const clg_cli *cli, clg_model_desc *desc)
{
    if (cli->resume == NULL) {
        return clg__cli_model(cli, cli->model, desc);
    }
    char path[CLG_PATH_MAX_LEN];
    uint64_t step = 0;
    clg_checkpoint_info *info = clg__alloc(1, sizeof *info);
    clg_model_desc *asked = clg__alloc(1, sizeof *asked);
    int status = info != NULL && asked != NULL ? CLG_OK : CLG_E_MEMORY;
    if (status == CLG_OK) {
        status = clg__run_find_checkpoint(cli->resume, path, &step);
    }
    if (status == CLG_OK) {
        status = clg__checkpoint_info(path, info);
    }
    if (status == CLG_OK && cli->model != NULL) {
        status = clg__model_load(cli->model, asked);
        if (status == CLG_OK && strcmp(asked->model.name, info->desc.model.name) != 0) {
            status = clg__hint(clg__fail(CLG_E_CHECKPOINT, "%s holds model %s, not %s", cli->resume,
                                         info->desc.model.name, asked->model.name),
                               "leave --model away, or train anew without --resume");
        }
    }
    if (status == CLG_OK) {
        *desc = info->desc;
        status = will_run_on(cli, info->device) ? apply_choices(info->choices, desc) : CLG_OK;
    }
    if (status == CLG_OK) {
        status = clg__cli_apply(cli, desc);
    }
    clg__free(info);
    clg__free(asked);
    return status;
}

static int check_arguments(const clg_cli *cli)
{
    if (cli->words > 0) {
        return clg__hint(clg__fail(CLG_E_USAGE, "train: unexpected argument \"%s\"", cli->word[0]),
                         "options start with --, see clgan train --help");
    }
    if (cli->resume != NULL && (cli->out != NULL || cli->init_from != NULL)) {
        return clg__hint(clg__fail(CLG_E_USAGE, "--resume excludes --out and --init-from"),
                         "a resumed run goes on in its own folder");
    }
    /* Asked before images are decoded and kernels built, though the folder is made later. */
    return cli->out != NULL ? clg__run_check_out(cli->out) : CLG_OK;
}

/* shape: what the model has to know of the data; *ds stays NULL when they are drawn. */
static int open_data(clg_model_desc *desc, clg_dataset **ds, clg_data_shape *shape)
{
    clg_dataset_options opt = { .size = desc->data.size, .channels = desc->data.channels };
    *shape = (clg_data_shape){ .system = clg__system_find(desc->data.source) };
    if (shape->system != CLG_SYSTEM_NONE) {
        fprintf(stderr, "data: %s, drawn: %u rows an epoch\n", desc->data.source, desc->data.rows);
        return CLG_OK;
    }
    int status = clg__dataset_open(ds, desc->data.source, &opt);
    if (status == CLG_OK) {
        const clg_dataset_info *info = clg__dataset_info(*ds);
        desc->data.size = info->size;
        desc->data.channels = info->channels;
        *shape = (clg_data_shape){ .size = info->size, .channels = info->channels,
                                   .classes = info->classes };
        fprintf(stderr, "data: %s (%s), %u images of %ux%ux%u", info->name, info->path, info->count,
                info->size, info->size, info->channels);
        if (desc->data.holdout > 0) {
            fprintf(stderr, ", the last %u held out", desc->data.holdout);
        }
        if (info->empty_classes > 0) {
            fprintf(stderr, ", %u classes (%u without images left out)", info->classes,
                    info->empty_classes);
        }
        if (info->skipped > 0) {
            fprintf(stderr, ", %u broken ones left out", info->skipped);
        }
        fputc('\n', stderr);
    }
    return status;
}

static void show_facts(const clg_trainer *t, const clg_model_desc *desc, double gflops)
{
    clg_trainer_facts f;
    char need[32], have[32], file[32], time[32];
    clg__trainer_facts(t, &f);
    static const char *const stored[] = { "", ", stored in fp16", ", stored in bf16" };
    fprintf(stderr, "model: %s, parameters G %" PRIu64 " D %" PRIu64 ", batch %u, seed %" PRIu64
            "%s%s\n", desc->model.name, f.parameters_g, f.parameters_d, f.batch, desc->train.seed,
            stored[desc->runtime.precision],
            desc->runtime.math == CLG_MATH_TF32 ? ", products in tf32" : "");
    fprintf(stderr, "memory: %s needed, %s on the device; a checkpoint takes %s\n",
            clg__human_bytes(f.device_bytes_needed, need),
            clg__human_bytes(f.device_bytes_available, have),
            clg__human_bytes(f.checkpoint_bytes, file));
    char conv[128];
    clg__algorithms_summary(clg__trainer_algorithms(t), conv, sizeof conv);
    if (clg__trainer_algorithms(t)->list.count > 0) {
        fprintf(stderr, "convolutions: %s\n", conv);
    }
    uint64_t left = f.steps_total - clg__trainer_step_number(t);
    double seconds = (double)left * f.batch * f.reference_flops_per_image / (gflops * 1e9);
    fprintf(stderr, "steps: %" PRIu64 " (%" PRIu64 " an epoch), expected time about %s\n",
            f.steps_total, f.steps_per_epoch, clg__human_time(seconds, time));
}

static int prepare(const clg_cli *cli, clg_trainer *t)
{
    bool other_device = false;
    int status = CLG_OK;
    if (cli->resume != NULL) {
        status = clg__trainer_resume(t, cli->resume, &other_device);
        if (status == CLG_OK) {
            fprintf(stderr, "resumed: %s at step %" PRIu64 "\n", cli->resume,
                    clg__trainer_step_number(t));
        }
    } else if (cli->init_from != NULL) {
        char path[CLG_PATH_MAX_LEN];
        uint64_t step = 0;
        status = clg__run_find_checkpoint(cli->init_from, path, &step);
        if (status == CLG_OK) {
            status = clg__trainer_init_from(t, path);
        }
    }
    return status;
}

static int run_training(const clg_cli *cli, const clg_session *s, const clg_model_desc *desc,
                        clg_trainer *t)
{
    int status = CLG_OK;
    double gflops = 0.0;
    char time[32];
    CLG_TRY(prepare(cli, t));
    CLG_TRY(clg__expected_gflops(&s->ops, &gflops));
    show_facts(t, desc, gflops);
    clg_rt *rt = s->rt;
    train_view view = { .session = s, .terminal = clg__os_is_terminal(2) };
    clg__os_signals_install();
    clg_trainer_events events = { .user = &view, .progress = show_progress, .saved = show_saved,
                                  .first_step = show_first_step, .stop_signal = ask_signal };
    clg__rt_profile_reset(rt);
    double start = clg__os_now_s();
    status = clg__trainer_run(t, &events);
    end_line(&view);
    if (status == CLG_OK || status == CLG_E_INTERRUPTED) {
        const char *dir = clg__trainer_run_dir(t);
        fprintf(stderr, "%s at step %" PRIu64 " after %s: %s\n",
                status == CLG_OK ? "finished" : "stopped by a signal", clg__trainer_step_number(t),
                clg__human_time(clg__os_now_s() - start, time), dir);
        if (status == CLG_E_INTERRUPTED) {
            fprintf(stderr, "go on: clgan train --resume %s\n", dir);
        }
        printf("%s\n", dir);
    }
out:
    return status;
}

static uint64_t expected_steps(const clg_model_desc *desc, const clg_dataset *ds)
{
    uint64_t rows = ds != NULL ? clg__dataset_info(ds)->count : desc->data.rows;
    uint32_t batch = desc->train.batch > 0 ? desc->train.batch : 1u;
    return desc->train.steps > 0 ? desc->train.steps : desc->train.epochs * rows / batch;
}

int clg__cmd_train(const clg_cli *cli)
{
    int status = CLG_OK;
    clg_session s = { 0 };
    clg_dataset *ds = NULL;
    clg_trainer *t = NULL;
    clg_model_desc *desc = clg__alloc(1, sizeof *desc);
    clg_model_plan *plan = clg__alloc(1, sizeof *plan);
    if (desc == NULL || plan == NULL) {
        CLG_TRY(CLG_E_MEMORY);
    }
    CLG_TRY(check_arguments(cli));
    CLG_TRY(load_model(cli, desc));
    if (cli->has_size && clg__system_find(desc->data.source) != CLG_SYSTEM_NONE) {
        CLG_TRY(clg__hint(clg__fail(CLG_E_USAGE, "--size %" PRIu64 ": data %s are drawn vectors, "
                                    "not images", (uint64_t)cli->size, desc->data.source),
                          "leave --size away"));
    }
    CLG_TRY(clg__session_open(&s, cli, desc));
    clg_data_shape shape;
    CLG_TRY(open_data(desc, &ds, &shape));
    CLG_TRY(clg__model_expand(desc, &shape, plan));
    if (cli->resume == NULL) { /* a resumed run has its algorithms from its checkpoint */
        clg__session_tune(&s, desc, plan, expected_steps(desc, ds));
    }
    clg_trainer_options opt = { .version = CLGAN_VERSION, .trace_steps = cli->trace,
                                .out_dir = cli->out };
    CLG_TRY(clg__trainer_create(&t, &s.ops, desc, plan, ds, &opt));
    status = run_training(cli, &s, desc, t);
    if (cli->profile && status == CLG_OK) {
        status = clg__print_profile(s.rt);
        status = status == CLG_OK ? clg__print_buffers(s.rt) : status;
        clg__print_algorithms(clg__trainer_algorithms(t));
    }
out:
    clg__trainer_destroy(&t);
    clg__dataset_close(&ds);
    clg__session_close(&s);
    clg__free(plan);
    clg__free(desc);
    return status;
}
