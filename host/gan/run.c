/* The training loop: steps, and what is written between them. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/str.h"
#include "gan/trainer_internal.h"
#include "io/config.h"
#include "io/image_file.h"

/* One call of clg__trainer_run. */
typedef struct clg_loop {
    clg_trainer *t;
    const clg_trainer_events *events;
    double start_s, mark_s;   /* of the run; of the last log line */
    double paused_s;          /* spent on grids and checkpoints since then */
    double saved_s;           /* of the last checkpoint */
    double images_per_s;
    clg_progress last;        /* of the last log line */
    uint64_t images;          /* since the last log line */
    uint64_t logged, drawn, saved; /* steps of the last ones */
    char last_checkpoint[CLG_PATH_MAX_LEN];
    char good_checkpoint[CLG_PATH_MAX_LEN]; /* the last one without signs of collapse */
} clg_loop;

/* What is due after a step. */
typedef struct clg_due {
    bool log, grid, checkpoint;
} clg_due;

static void say(clg_trainer *t, const char *fmt, ...) CLG_PRINTF(2, 3);
static void say(clg_trainer *t, const char *fmt, ...)
{
    char line[1400];
    va_list args;
    if (t->run == NULL) {
        return;
    }
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    (void)clg__run_message(t->run, line);
}

static bool divides(uint64_t step, uint64_t every)
{
    return every > 0 && step % every == 0;
}

static bool has_line(const clg_trainer *t, uint64_t step)
{
    return divides(step, t->desc.train.log_every) || step >= t->facts.steps_total ||
           clg__monitor_due(t, step);
}

/* Norms are wanted at a log line, and before one at the last step that moves a net which the line's
 * own step leaves alone. */
static bool norms_wanted(const clg_trainer *t, uint64_t step)
{
    uint32_t period = clg__order_period(&t->desc);
    for (uint64_t s = step; t->run != NULL && s < step + period; s++) {
        if (has_line(t, s)) {
            return true;
        }
    }
    return false;
}

static clg_due due_after(const clg_trainer *t, uint64_t step)
{
    bool last = step >= t->facts.steps_total;
    return (clg_due){ .log = has_line(t, step),
                      .grid = last || divides(step, t->desc.train.grid_every),
                      .checkpoint = last || divides(step, t->facts.steps_per_epoch) };
}

static void tell_saved(const clg_loop *l, const char *what, const char *path)
{
    if (l->events->saved != NULL) {
        l->events->saved(l->events->user, what, path);
    }
}

/* ---- log line ---- */

static int write_row(clg_loop *l, const clg_progress *p, bool norms)
{
    clg_trainer *t = l->t;
    clg_layer_stat *rows = NULL;
    char *names = NULL;
    size_t count = 0;
    int status = CLG_OK;
    if (t->run == NULL) {
        return CLG_OK;
    }
    if (norms) {
        CLG_TRY(clg__step_norms(t, &rows, &names, &count));
    }
    clg_log_row row = { .step = p->step, .epoch = p->epoch, .loss_d = p->loss_d,
                        .loss_g = p->loss_g, .d_real = p->d_real,
                        .d_fake_before = p->d_fake_before, .d_fake_after = p->d_fake_after,
                        .images_per_s = p->images_per_s,
                        .elapsed_s = clg__os_now_s() - l->start_s,
                        .parzen_ll = p->monitor.parzen_ll,
                        .real_below_half = p->monitor.real_below_half,
                        .fake_above_half = p->monitor.fake_above_half,
                        .layers = rows, .layer_count = count };
    CLG_TRY(clg__run_log(t->run, &row));
out:
    clg__free(rows);
    clg__free(names);
    return status;
}

/* Reads the losses (which waits for the device), so time and images are exact here. */
static int log_line(clg_loop *l, bool norms)
{
    clg_trainer *t = l->t;
    clg_progress p;
    int status = clg__step_check(t, &p);
    if (status != CLG_OK) {
        return status;
    }
    double now = clg__os_now_s(), busy = now - l->mark_s - l->paused_s;
    if (l->images > 0 && busy > 0.0) {
        l->images_per_s = (double)l->images / busy;
    }
    p.images_per_s = l->images_per_s;
    if (l->images_per_s > 0.0 && t->facts.steps_total > t->step) {
        p.eta_s = (double)(t->facts.steps_total - t->step) * t->desc.train.batch / l->images_per_s;
    }
    if (clg__monitor_due(t, t->step)) {
        CLG_TRY(clg__monitor_measure(t, &p.monitor));
    }
    l->mark_s = now;
    l->paused_s = clg__os_now_s() - now;
    l->images = 0;
    l->logged = t->step;
    l->last = p;
    status = write_row(l, &p, norms);
    if (status == CLG_OK && l->events->progress != NULL) {
        l->events->progress(l->events->user, &p);
    }
out:
    return status;
}

/* ---- grid and checkpoint ---- */

static int save_images(clg_trainer *t, char path[CLG_PATH_MAX_LEN])
{
    const clg_model_desc *desc = &t->desc;
    uint8_t *images = NULL;
    int status = CLG_OK;
    CLG_TRY(clg__grid_draw(t, &images));
    CLG_TRY(clg__run_grid(t->run, t->step, images, desc->train.grid_rows * desc->train.grid_cols,
                          t->plan.size, t->plan.size, t->plan.channels, desc->train.grid_rows,
                          desc->train.grid_cols));
    clg__run_grid_path(t->run, t->step, path);
out:
    clg__free(images);
    return status;
}

/* Images of the fixed latents, or a drawn system's chart; and the charts of the run so far. */
static int save_grid(clg_loop *l)
{
    clg_trainer *t = l->t;
    char path[CLG_PATH_MAX_LEN];
    bool saved = true;
    int status = CLG_OK;
    l->drawn = t->step;
    if (t->run == NULL) {
        return CLG_OK;
    }
    if (t->plan.system != CLG_SYSTEM_NONE) {
        saved = clg__pictures_sample(t, path);
    } else {
        CLG_TRY(save_images(t, path));
    }
    if (saved) {
        tell_saved(l, "grid", path);
    }
    clg__pictures_courses(t, t->step >= t->facts.steps_total);
out:
    return status;
}

static bool rolls_back(const clg_trainer *t)
{
    return t->desc.train.on_collapse == CLG_COLLAPSE_ROLLBACK;
}

static int save_checkpoint(clg_loop *l)
{
    clg_trainer *t = l->t;
    char path[CLG_PATH_MAX_LEN];
    int status = CLG_OK;
    l->saved = t->step;
    l->saved_s = clg__os_now_s();
    if (t->run == NULL) {
        return CLG_OK;
    }
    clg__run_checkpoint_path(t->run, t->step, path);
    status = clg__trainer_save(t, path);
    if (status == CLG_E_IO && l->last_checkpoint[0] != '\0') {
        say(t, "%s", clg_message());
        return clg__hint(status, "make room, then go on from %s: clgan train --resume %s",
                         l->last_checkpoint, clg__run_dir(t->run));
    }
    CLG_TRY(status);
    memcpy(l->last_checkpoint, path, sizeof path);
    if (clg__watch_is_calm(t)) {
        memcpy(l->good_checkpoint, path, sizeof path);
    }
    CLG_TRY(clg__run_prune(t->run, t->desc.train.keep, t->desc.train.keep_every,
                           rolls_back(t) ? l->good_checkpoint : ""));
    tell_saved(l, "checkpoint", path);
out:
    return status;
}

/* ---- the loop ---- */

static int open_run(clg_trainer *t)
{
    clg_str config = { 0 };
    int status = CLG_OK;
    if (t->no_run_folder || t->run != NULL) {
        return CLG_OK;
    }
    CLG_TRY(clg__config_write(&t->desc, &config));
    if (t->plan.system == CLG_SYSTEM_NONE) {
        CLG_TRY(clg__png_check_grid(t->desc.train.grid_rows, t->desc.train.grid_cols,
                                    t->plan.size, t->plan.size, t->plan.channels));
    }
    CLG_TRY(clg__run_create(&t->run, t->out_dir, t->desc.model.name, config.text));
out:
    clg__str_free(&config);
    return status;
}

static void say_data(clg_trainer *t)
{
    if (t->ds == NULL) {
        say(t, "data drawn: %s, %u rows an epoch", t->desc.data.source, t->facts.images);
        return;
    }
    const clg_dataset_info *data = clg__dataset_info(t->ds);
    say(t, "data %s: %u images, %u skipped", data->name, data->count, data->skipped);
    for (const char *name = clg__dataset_skipped(t->ds); *name != '\0'; name += strlen(name) + 1) {
        say(t, "skipped a broken image: %s", name);
    }
}

static void say_start(clg_trainer *t)
{
    const clg_device_info *dev = clg__rt_device(t->ops->rt);
    say(t, "%s on %s (driver %s), from step %llu to %llu, batch %u, seed %llu",
        t->desc.model.name, dev->name, dev->driver, (unsigned long long)t->step,
        (unsigned long long)t->facts.steps_total, t->desc.train.batch,
        (unsigned long long)t->desc.train.seed);
    char conv[128];
    clg__algorithms_summary(&t->algorithms, conv, sizeof conv);
    if (t->algorithms.list.count > 0) {
        say(t, "convolutions: %s", conv);
    }
    say_data(t);
    if (t->schedule.dropped_one) {
        say(t, "the last image of each epoch is left out: batch norm needs 2 in a batch");
    }
}

static int one_step(clg_loop *l, bool norms)
{
    clg_trainer *t = l->t;
    bool traced = t->run != NULL && t->step < t->trace_steps;
    size_t image = (size_t)clg__trainer_pixels(t);
    clg_step_wish wish = { .norms = norms, .gradients = traced };
    uint32_t n = 0;
    int status = CLG_OK;
    if (traced) {
        wish.real = clg__alloc(t->desc.train.batch * image, sizeof(float));
        if (wish.real == NULL) {
            return CLG_E_MEMORY;
        }
    }
    CLG_TRY(clg__step_next(t, &wish, &n));
    l->images += n;
    if (traced) {
        CLG_TRY(clg__trace_write(t, n, wish.real));
    }
out:
    clg__free(wish.real);
    return status;
}

/* ---- collapse ---- */

static int roll_back(clg_loop *l, const char *why)
{
    clg_trainer *t = l->t;
    char reason[600];
    const char *to = clg__os_stat(l->good_checkpoint).is_file ? l->good_checkpoint
                                                              : l->last_checkpoint;
    uint64_t from = t->step;
    snprintf(reason, sizeof reason, "%s", why);
    if (t->noise_stream >= CLG_ROLLBACKS_MAX) {
        return clg__hint(clg__fail(CLG_E_NUMERIC, "%s", reason),
                         "change the model or its learning rates");
    }
    if (to[0] == '\0') {
        return clg__hint(clg__fail(CLG_E_NUMERIC, "%s; there is no checkpoint to go back to",
                                   reason),
                         "lower optimizer_g.lr and optimizer_d.lr, or set "
                         "train.checkpoint_minutes");
    }
    int status = clg__watch_rollback(t, to);
    if (status != CLG_OK) {
        return status;
    }
    if (to != l->last_checkpoint) { /* newer ones are gone */
        memcpy(l->last_checkpoint, to, sizeof l->last_checkpoint);
    }
    l->logged = l->drawn = l->saved = t->step;
    l->images = 0;
    l->mark_s = clg__os_now_s();
    l->paused_s = 0.0;
    say(t, "%s at step %llu: rolled back to step %llu (rollback %u of %d), learning rates halved, "
        "other latents", reason, (unsigned long long)from, (unsigned long long)t->step,
        t->noise_stream, CLG_ROLLBACKS_MAX);
    clg__log(CLG_LOG_WARN, "%s at step %llu: rolled back to step %llu, learning rates halved", reason,
             (unsigned long long)from, (unsigned long long)t->step);
    return CLG_OK;
}

static int look_for_collapse(clg_loop *l)
{
    clg_trainer *t = l->t;
    enum clg_collapse what;
    const char *fault, *advice;
    int status = clg__watch_look(t, &l->last, &what);
    if (status != CLG_OK || what == CLG_COLLAPSE_NONE) {
        return status;
    }
    clg__watch_describe(what, &fault, &advice);
    switch (t->desc.train.on_collapse) {
    case CLG_COLLAPSE_STOP:
        return clg__hint(clg__fail(CLG_E_NUMERIC, "%s (step %llu)", fault,
                                   (unsigned long long)t->step), "%s", advice);
    case CLG_COLLAPSE_ROLLBACK:
        return roll_back(l, fault);
    default:
        say(t, "%s; %s", fault, advice);
        clg__log(CLG_LOG_WARN, "step %llu: %s; %s", (unsigned long long)t->step, fault, advice);
        return CLG_OK;
    }
}

static int between_steps(clg_loop *l, clg_due due, bool norms)
{
    clg_trainer *t = l->t;
    clg_progress p;
    int status = CLG_OK;
    uint32_t minutes = t->desc.train.checkpoint_minutes;
    if (minutes > 0 && clg__os_now_s() - l->saved_s >= 60.0 * minutes) {
        due.checkpoint = true;
    }
    if (due.log) {
        uint64_t step = t->step;
        CLG_TRY(log_line(l, norms));
        CLG_TRY(look_for_collapse(l));
        if (t->step != step) { /* rolled back: nothing of this step is kept */
            return CLG_OK;
        }
    } else if (due.grid || due.checkpoint || t->step - t->checked >= t->ring_len) {
        CLG_TRY(clg__step_check(t, &p));
    }
    double before = clg__os_now_s();
    if (due.checkpoint) { /* first: a picture that cannot be written must not cost the work */
        CLG_TRY(save_checkpoint(l));
    }
    if (due.grid) {
        CLG_TRY(save_grid(l));
    }
    l->paused_s += clg__os_now_s() - before;
out:
    return status;
}

/* After a signal: everything that this step has not yet written. */
static int stop_here(clg_loop *l, int signal)
{
    clg_trainer *t = l->t;
    clg_due due = { .log = l->logged != t->step, .grid = l->drawn != t->step,
                    .checkpoint = l->saved != t->step };
    int status = between_steps(l, due, false);
    if (status != CLG_OK) {
        return status;
    }
    if (t->run != NULL) {
        clg__pictures_courses(t, true);
    }
    say(t, "stopped by signal %d after step %llu", signal, (unsigned long long)t->step);
    status = clg__fail(CLG_E_INTERRUPTED, "stopped by signal %d after step %llu of %llu", signal,
                       (unsigned long long)t->step, (unsigned long long)t->facts.steps_total);
    return t->run != NULL ? clg__hint(status, "go on with: clgan train --resume %s",
                                      clg__run_dir(t->run))
                          : status;
}

static int train_until_done(clg_loop *l)
{
    clg_trainer *t = l->t;
    bool first = true;
    int status = CLG_OK;
    while (t->step < t->facts.steps_total) {
        clg_due due = due_after(t, t->step + 1u);
        bool norms = due.log && t->run != NULL;
        CLG_TRY(one_step(l, norms_wanted(t, t->step + 1u)));
        if (first && l->events->first_step != NULL) {
            l->events->first_step(l->events->user);
        }
        first = false;
        status = between_steps(l, due, norms);
        if (status == CLG_E_NUMERIC && rolls_back(t) && l->last_checkpoint[0] != '\0' &&
            t->noise_stream < CLG_ROLLBACKS_MAX) {
            status = roll_back(l, clg_message());
        }
        CLG_TRY(status);
        int sig = l->events->stop_signal != NULL ? l->events->stop_signal(l->events->user) : 0;
        if (sig != 0) {
            CLG_TRY(stop_here(l, sig));
        }
    }
out:
    return status;
}

static int explain_divergence(clg_loop *l, int status)
{
    char message[512], advice[512], rollbacks[40] = "";
    if (status != CLG_E_NUMERIC) {
        return status;
    }
    if (l->t->noise_stream > 0) {
        (void)snprintf(rollbacks, sizeof rollbacks, ", after %u rollbacks", l->t->noise_stream);
    }
    (void)snprintf(message, sizeof message, "%.450s%s", clg_message(), rollbacks);
    (void)snprintf(advice, sizeof advice, "%s", clg_hint());
    say(l->t, "%s", message);
    if (l->t->run != NULL) {
        clg__pictures_courses(l->t, true); /* how it came about */
    }
    (void)clg__fail(status, "%s", message);
    if (l->last_checkpoint[0] != '\0') {
        return clg__hint(status, "%s; the last finite checkpoint is %s", advice,
                         l->last_checkpoint);
    }
    return clg__hint(status, "%s; no checkpoint was written by this run", advice);
}

int clg__trainer_run(clg_trainer *t, const clg_trainer_events *events)
{
    static const clg_trainer_events nobody = { 0 };
    double now = clg__os_now_s();
    clg_loop *l = clg__alloc(1, sizeof *l);
    int status = CLG_OK;
    if (l == NULL) {
        return CLG_E_MEMORY;
    }
    *l = (clg_loop){ .t = t, .events = events != NULL ? events : &nobody, .start_s = now,
                     .mark_s = now, .saved_s = now, .logged = t->step, .drawn = t->step,
                     .saved = t->step };
    memcpy(l->last_checkpoint, t->resumed_from, sizeof l->last_checkpoint);
    memcpy(l->good_checkpoint, t->resumed_from, sizeof l->good_checkpoint);
    if (t->ds == NULL && t->plan.system == CLG_SYSTEM_NONE) {
        status = clg__fail(CLG_E_USAGE, "the trainer was made without a data set");
        goto out;
    }
    CLG_TRY(open_run(t));
    say_start(t);
    if (t->trace_steps > 0 && t->step == 0 && t->run != NULL) {
        CLG_TRY(clg__trace_write(t, 0, NULL));
    }
    if (rolls_back(t) && t->run != NULL && l->last_checkpoint[0] == '\0') {
        CLG_TRY(save_checkpoint(l)); /* a training may fail before its first epoch ends */
    }
    status = explain_divergence(l, train_until_done(l));
    if (status == CLG_OK) {
        say(t, "done at step %llu", (unsigned long long)t->step);
    }
out:
    clg__free(l);
    return status;
}

/* ---- resume ---- */

int clg__trainer_resume(clg_trainer *t, const char *run_dir, bool *other_device)
{
    char *path = clg__alloc(1, CLG_PATH_MAX_LEN);
    uint64_t step = 0;
    int status = CLG_OK;
    *other_device = false;
    if (path == NULL) {
        return CLG_E_MEMORY;
    }
    if (!clg__os_stat(run_dir).is_dir) {
        status = clg__hint(clg__fail(CLG_E_USAGE, "%s is not a run folder", run_dir),
                           "give the folder that holds config.yaml and checkpoints/; a single "
                           "checkpoint starts a new run with --init-from");
        goto out;
    }
    CLG_TRY(clg__run_find_checkpoint(run_dir, path, &step));
    CLG_TRY(clg__trainer_load(t, path, other_device));
    if (t->facts.steps_total < t->step) {
        status = clg__hint(clg__fail(CLG_E_USAGE, "%s is at step %llu already, beyond the %llu "
                                     "asked for", run_dir, (unsigned long long)t->step,
                                     (unsigned long long)t->facts.steps_total),
                           "--steps counts from the start of the run: give more than %llu",
                           (unsigned long long)t->step);
        goto out;
    }
    clg__run_close(&t->run);
    CLG_TRY(clg__run_resume(&t->run, run_dir, t->step));
    say(t, "resumed from %s", path);
    memcpy(t->resumed_from, path, sizeof t->resumed_from);
out:
    clg__free(path);
    return status;
}
