/* The watch for collapse, asked at each log line: do the fakes still differ from each other, has
 * D stopped to learn because it is always right, and are the losses out of all measure though
 * finite? And the way back to the last good checkpoint. A loss that is not finite is found by
 * clg__step_check. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/system.h"
#include "gan/trainer_internal.h"

enum { WATCHED = 8, LOW_LOGS = 3, LATE_LOGS = 20, SATURATED_LOGS = 5 };
/* A line with such losses counts 2, one without takes 1 back: three in a row are told, or every
 * other one for a while; again only after a long calm. */
enum { WILD_TOLD = 5, WILD_MOST = 10 };
/* Distance of fakes relative to that of real rows: below LOW they are nearly one and the same,
 * from HIGH on they were different once. At the start of a training all fakes are alike, which is no
 * collapse: it is one if they were different before, or still are not after LATE_LOGS. */
#define LOW 0.05
#define HIGH 0.2
/* Losses, per unit of weight, that no training comes back from. In nats: D is sure to 1 in e^1000.
 * The others have logits without a measure of their own, and least squares squares them. */
#define WILD_NATS 1e3
#define WILD_OTHER 1e6

/* Mean distance of all pairs of n rows. */
static double mean_distance(const float *x, uint32_t n, uint64_t len)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < i; j++) {
            double d = 0.0;
            for (uint64_t k = 0; k < len; k++) {
                double e = (double)x[i * len + k] - (double)x[j * len + k];
                d += e * e;
            }
            sum += sqrt(d);
        }
    }
    return n > 1u ? sum / (0.5 * n * (n - 1u)) : 0.0;
}

/* WATCHED rows of the data on the host, x [WATCHED, pixels]. */
static int read_real(clg_trainer *t, float *x)
{
    uint64_t len = clg__trainer_pixels(t);
    uint32_t index[WATCHED];
    float scale, shift;
    int status = CLG_OK;
    if (t->plan.system != CLG_SYSTEM_NONE) {
        clg_rng_key key = { .seed = t->desc.train.seed, .stream = CLG_STREAM_DATA };
        double *row = clg__alloc(len, sizeof *row);
        for (uint32_t i = 0; row != NULL && i < WATCHED; i++) {
            clg__system_row(t->plan.system, &key, i, row);
            for (uint64_t k = 0; k < len; k++) {
                x[i * len + k] = (float)row[k];
            }
        }
        status = row != NULL ? CLG_OK : CLG_E_MEMORY;
        clg__free(row);
        return status;
    }
    uint8_t *bytes = clg__alloc(WATCHED, len);
    if (bytes == NULL) {
        return CLG_E_MEMORY;
    }
    for (uint32_t i = 0; i < WATCHED; i++) {
        index[i] = (uint32_t)((uint64_t)i * t->facts.images / WATCHED);
    }
    clg__trainer_range(&t->desc, &scale, &shift);
    CLG_TRY(clg__dataset_read(t->ds, index, NULL, WATCHED, bytes));
    for (uint64_t k = 0; k < WATCHED * len; k++) {
        x[k] = (float)bytes[k] * scale + shift;
    }
out:
    clg__free(bytes);
    return status;
}

/* *ratio: how different the last step's fakes are, relative to real rows. */
static int measure(clg_trainer *t, double *ratio)
{
    uint64_t len = clg__trainer_pixels(t);
    uint32_t n = t->rows < WATCHED ? t->rows : WATCHED;
    int status = CLG_OK;
    *ratio = 1.0;
    float *x = clg__alloc(WATCHED * len, sizeof *x);
    if (x == NULL) {
        return CLG_E_MEMORY;
    }
    if (!(t->watch.real_distance > 0.0)) {
        CLG_TRY(read_real(t, x));
        t->watch.real_distance = mean_distance(x, WATCHED, len);
    }
    clg_tensor fakes = clg__tensor_vec(clg__tensor_all(t->images), CLG_GROUP_FAKE * t->rows * len,
                                       (uint32_t)(n * len));
    CLG_TRY(clg__rt_read_f32(t->ops->rt, fakes, x));
    if (t->watch.real_distance > 0.0 && n > 1u) {
        *ratio = mean_distance(x, n, len) / t->watch.real_distance;
    }
out:
    clg__free(x);
    return status;
}

bool clg__objective_is_probability(const clg_model_desc *desc)
{
    return desc->loss.objective == CLG_OBJECTIVE_NON_SATURATING ||
           desc->loss.objective == CLG_OBJECTIVE_SATURATING;
}

void clg__watch_note(clg_trainer *t, double loss_d, double loss_g)
{
    t->watch.worst = fmax(t->watch.worst, fmax(fabs(loss_d), fabs(loss_g)));
}

static bool is_wild(const clg_trainer *t)
{
    const clg_model_desc *desc = &t->desc;
    double d = (double)desc->loss.weight_real + (double)desc->loss.weight_fake;
    double weight = fmax(1.0, fmax(d, (double)desc->loss.weight_g));
    return t->watch.worst > weight * (clg__objective_is_probability(desc) ? WILD_NATS : WILD_OTHER);
}

int clg__watch_look(clg_trainer *t, const clg_progress *p, enum clg_collapse *what)
{
    clg_watch *w = &t->watch;
    double ratio;
    *what = CLG_COLLAPSE_NONE;
    if (t->desc.order.kind == CLG_ORDER_RECONSTRUCT || t->rows == 0 ||
        (t->ds == NULL && t->plan.system == CLG_SYSTEM_NONE)) {
        return CLG_OK;
    }
    int status = measure(t, &ratio);
    if (status != CLG_OK) {
        return status;
    }
    w->logs++;
    w->was_high = w->was_high || ratio >= HIGH;
    w->low = ratio < LOW && (w->was_high || w->logs > LATE_LOGS) ? w->low + 1u : 0;
    bool right = clg__objective_is_probability(&t->desc) && p->d_real > 0.99 && p->d_fake_after < 0.01;
    w->saturated = right ? w->saturated + 1u : 0;
    /* Between wild lines are some where D happens to be right and the loss is 0: these do not make
     * the others good. */
    bool exploded = false;
    if (!is_wild(t)) {
        w->wild -= w->wild > 0;
    } else {
        exploded = w->wild < WILD_TOLD && w->wild + 2u >= WILD_TOLD;
        w->wild = exploded || w->wild + 2u > WILD_MOST ? WILD_MOST : w->wild + 2u;
    }
    w->worst = 0.0;
    if (exploded) {
        *what = CLG_COLLAPSE_EXPLODED;
    } else if (w->low == LOW_LOGS) {
        *what = CLG_COLLAPSE_DIVERSITY;
    } else if (w->saturated == SATURATED_LOGS) {
        *what = CLG_COLLAPSE_SATURATED;
    }
    return CLG_OK;
}

bool clg__watch_is_calm(const clg_trainer *t)
{
    const clg_watch *w = &t->watch;
    return t->step == 0 ||
           (w->logs > 0 && w->low == 0 && w->saturated == 0 && w->wild == 0 && !is_wild(t));
}

void clg__watch_describe(enum clg_collapse what, const char **fault, const char **advice)
{
    if (what == CLG_COLLAPSE_DIVERSITY) {
        *fault = "the generator has collapsed: its samples hardly differ from each other";
        *advice = "try a lower optimizer_d.lr, loss.input_noise 0.1, discriminator.packing 2 (flat "
                  "nets), or another train.seed";
    } else if (what == CLG_COLLAPSE_EXPLODED) {
        *fault = "the losses have exploded: nothing is learnt from such values";
        *advice = "try lower optimizer_g.lr and optimizer_d.lr, or optimizer_d.clip";
    } else {
        *fault = "the discriminator is always right (D(x) > 0.99, D(G(z)) < 0.01): the generator "
                 "learns little from it";
        *advice = "try a lower optimizer_d.lr, loss.real_target 0.9, loss.input_noise 0.1, or "
                  "dropout in the discriminator";
    }
}

/* ---- rollback ---- */

/* Checkpoints after step t->step: a resume would take the newest. */
static int remove_newer(clg_trainer *t, const char *dir)
{
    char path[CLG_PATH_MAX_LEN];
    uint64_t step = 0;
    int status = CLG_OK;
    for (;;) {
        CLG_TRY(clg__run_find_checkpoint(dir, path, &step));
        if (step <= t->step) {
            return CLG_OK;
        }
        CLG_TRY(clg__os_remove(path));
    }
out:
    return status;
}

int clg__watch_rollback(clg_trainer *t, const char *checkpoint)
{
    uint32_t stream = t->noise_stream + 1u;
    bool other_device;
    char *dir = NULL;
    int status = CLG_OK;
    if (stream > CLG_ROLLBACKS_MAX) {
        return clg__hint(clg__fail(CLG_E_NUMERIC, "the training failed again after %d rollbacks",
                                   CLG_ROLLBACKS_MAX),
                         "change the model or its learning rates; the last good checkpoint is %s",
                         checkpoint);
    }
    CLG_TRY(clg__trainer_load(t, checkpoint, &other_device));
    t->noise_stream = stream;
    t->lr_factor = ldexp(1.0, -(int)stream);
    t->watch = (clg_watch){ .real_distance = t->watch.real_distance };
    dir = clg__strdup(clg__run_dir(t->run));
    CLG_TRY(dir != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(remove_newer(t, dir));
    clg__run_close(&t->run);
    CLG_TRY(clg__run_resume(&t->run, dir, t->step));
    CLG_TRY(clg__trainer_save(t, checkpoint)); /* so that a resume goes on from here alike */
out:
    clg__free(dir);
    return status;
}
