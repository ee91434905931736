/* The pictures of a run in training: numbers from the device and from the log to pictures.c.
 * Nothing here can stop a training: what goes wrong is one warning. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/os.h"
#include "gan/metrics_modes.h"
#include "gan/pictures.h"
#include "gan/trainer_internal.h"
#include "ops/system.h"

enum { GAUSS_SAMPLES = 4096, CURVES = 64 };
/* Redrawing the courses takes at most this share of the time; a grid that comes sooner leaves them
 * as they are, the end of the run never does. */
static const double share_of_time = 0.05;

struct clg_pictures {
    clg_history *history;
    clg_picture_layers layers;
    clg_buffer *rows; /* f32: real rows */
    bool warned, asked, probability;
    double drawn_s, cost_s; /* when the courses were drawn last, and how long that took */
};

void clg__pictures_destroy(clg_pictures **p)
{
    if (*p != NULL) {
        clg__history_destroy(&(*p)->history);
        clg__buffer_destroy(&(*p)->rows);
        clg__free(*p);
        *p = NULL;
    }
}

static void warn(clg_trainer *t, int status)
{
    char line[512];
    if (status == CLG_OK || (t->pictures != NULL && t->pictures->warned)) {
        return;
    }
    (void)snprintf(line, sizeof line, "pictures are left out, training goes on: %s", clg_message());
    clg__log(CLG_LOG_WARN, "%s", line);
    (void)clg__run_message(t->run, line);
    if (t->pictures != NULL) {
        t->pictures->warned = true;
    }
}

static int open_pictures(clg_trainer *t)
{
    const char *names[CLG_PICTURE_LAYERS_MAX];
    if (t->pictures != NULL) {
        return CLG_OK;
    }
    clg_pictures *p = clg__alloc(1, sizeof *p);
    if (p == NULL) {
        return CLG_E_MEMORY;
    }
    clg__picture_layers(&t->plan, &p->layers);
    for (size_t i = 0; i < p->layers.count; i++) {
        names[i] = p->layers.name[i];
    }
    int status = clg__history_create(&p->history, names, p->layers.count);
    if (status != CLG_OK) {
        clg__pictures_destroy(&p);
        return status;
    }
    t->pictures = p;
    return CLG_OK;
}

/* ---- from the device ---- */

/* Room for n floats; what was there is lost. */
static int need_rows(clg_trainer *t, uint64_t n)
{
    clg_pictures *p = t->pictures;
    if (p->rows != NULL && clg__tensor_len(clg__tensor_all(p->rows)) >= n) {
        return CLG_OK;
    }
    clg__buffer_destroy(&p->rows);
    return clg__buffer_create(t->ops->rt, CLG_F32, n, "rows of pictures", &p->rows);
}

/* Whether D's answers are shown as probabilities: then 0 is shown as one half. */
static int ask_probability(clg_trainer *t)
{
    clg_pictures *p = t->pictures;
    float zero = 0.0f, out[2];
    int status = CLG_OK;
    if (p->asked || t->desc.order.kind == CLG_ORDER_RECONSTRUCT) {
        return CLG_OK;
    }
    CLG_TRY(need_rows(t, 48));
    clg_tensor all = clg__tensor_all(p->rows), l = clg__tensor_vec(all, 0, 1);
    clg_tensor mean = clg__tensor_vec(all, 16, 2);
    CLG_TRY(clg__rt_write(t->ops->rt, l, &zero));
    CLG_TRY(clg__loss(t->ops, t->desc.loss.objective, CLG_LOSS_OF_REAL, l, 1.0f, 1.0f, mean,
                      CLG_NO_TENSOR));
    CLG_TRY(clg__rt_read(t->ops->rt, mean, out));
    p->probability = out[1] == 0.5f;
    p->asked = true;
out:
    return status;
}

static int draw_real(clg_trainer *t, uint32_t n, float *rows)
{
    uint32_t dim = clg__system_dim(t->plan.system);
    /* The rows of no step: training draws those of steps from 1 on. */
    clg_rng_key key = { .seed = t->desc.train.seed, .stream = CLG_STREAM_DATA };
    int status = CLG_OK;
    CLG_TRY(need_rows(t, (uint64_t)n * dim));
    clg_tensor y = clg__tensor_view(clg__tensor_all(t->pictures->rows), 0, 2, n, dim, 0, 0);
    CLG_TRY(clg__system_draw(t->ops, t->plan.system, &key, y));
    CLG_TRY(clg__rt_read(t->ops->rt, y, rows));
out:
    return status;
}

/* D's logits of n values x, each alone (with packing: beside copies of itself). D's input between
 * steps is free to use. */
static int ask_discriminator(clg_trainer *t, const float *x, uint32_t n, float *logits)
{
    uint32_t packing = t->plan.d.in_c, most = t->desc.train.batch / packing;
    float *copies = clg__alloc((size_t)n * packing, sizeof *copies);
    int status = copies == NULL ? CLG_E_MEMORY : CLG_OK;
    CLG_TRY(status);
    for (uint32_t i = 0; i < n * packing; i++) {
        copies[i] = x[i / packing];
    }
    for (uint32_t first = 0; first < n; first += most) {
        uint32_t rows = n - first < most ? n - first : most;
        clg_tensor in = clg__tensor_view(clg__tensor_all(t->images), 0, 2, rows, packing, 0, 0);
        clg_net_pass pass = { .x = in, .n = rows, .groups = 1, .mode = CLG_NET_EVAL };
        clg_tensor heads[CLG_HEADS_MAX];
        CLG_TRY(clg__rt_write_f32(t->ops->rt, in, copies + (size_t)first * packing));
        CLG_TRY(clg__net_run(t->d, &pass, heads));
        CLG_TRY(clg__rt_read_f32(t->ops->rt, clg__tensor_vec(heads[0], 0, rows), logits + first));
    }
out:
    clg__free(copies);
    return status;
}

/* ---- one picture per drawn system ---- */

static int draw_points(clg_trainer *t, const clg_picture_facts *f, const char *path)
{
    enum clg_system system = t->plan.system;
    uint32_t n = system == CLG_SYSTEM_CURVES ? CURVES : CLG_MODES_SAMPLES;
    size_t dim = clg__system_dim(system);
    float *real = clg__alloc(n * dim, sizeof *real), *fake = clg__alloc(n * dim, sizeof *fake);
    int status = real == NULL || fake == NULL ? CLG_E_MEMORY : CLG_OK;
    CLG_TRY(status);
    CLG_TRY(draw_real(t, n, real));
    CLG_TRY(clg__grid_samples(t, n, fake));
    status = system == CLG_SYSTEM_CURVES ? clg__picture_curves(path, f, real, n, fake, n)
                                         : clg__picture_modes(path, f, system, real, n, fake, n);
out:
    clg__free(real);
    clg__free(fake);
    return status;
}

typedef struct pair {
    float z, x;
} pair;

static int compare_pairs(const void *a, const void *b)
{
    float x = ((const pair *)a)->z, y = ((const pair *)b)->z;
    return x < y ? -1 : x > y;
}

/* z and x = G(z) by growing z. */
static void sort_by_latent(float *z, float *x, size_t n, pair *pairs)
{
    for (size_t i = 0; i < n; i++) {
        pairs[i] = (pair){ z[i], x[i] };
    }
    qsort(pairs, n, sizeof *pairs, compare_pairs);
    for (size_t i = 0; i < n; i++) {
        z[i] = pairs[i].z;
        x[i] = pairs[i].x;
    }
}

static void say_value(clg_trainer *t, const clg_gauss1d *g, bool judged)
{
    char line[200], value[64] = "";
    if (judged) {
        (void)snprintf(value, sizeof value, "value of the game %.4f, ", g->value);
    }
    (void)snprintf(line, sizeof line,
                   "step %llu: %swith the best D -log 4 + 2 JSD = %.4f (JSD %.4f), "
                   "G(z) mean %.3f, std %.3f",
                   (unsigned long long)t->step, value, g->bound, g->jsd, g->mean, g->std);
    (void)clg__run_message(t->run, line);
}

static int draw_gauss1d(clg_trainer *t, const clg_picture_facts *f, const char *path)
{
    enum { N = GAUSS_SAMPLES };
    uint32_t nz = t->desc.latent.size;
    bool uniform = t->desc.latent.kind == CLG_LATENT_UNIFORM;
    clg_rng_key key = { .seed = t->desc.train.seed, .stream = CLG_STREAM_Z_GRID };
    clg_gauss1d *g = clg__alloc(1, sizeof *g);
    pair *pairs = clg__alloc(N, sizeof *pairs);
    float *z = clg__alloc((size_t)N * nz, sizeof *z), *x = clg__alloc(N, sizeof *x);
    float *logits = clg__alloc(CLG_GAUSS1D_POINTS, sizeof *logits);
    bool whole = g != NULL && pairs != NULL && z != NULL && x != NULL && logits != NULL;
    int status = whole ? CLG_OK : CLG_E_MEMORY;
    CLG_TRY(status);
    clg__latents_draw(&t->desc, &key, z, N); /* those of clg__grid_samples */
    CLG_TRY(clg__grid_samples(t, N, x));
    clg__gauss1d_measure(x, N, g);
    if (f->probability) {
        CLG_TRY(ask_discriminator(t, g->x, CLG_GAUSS1D_POINTS, logits));
        clg__gauss1d_judge(logits, g);
    }
    say_value(t, g, f->probability);
    if (nz == 1u) {
        sort_by_latent(z, x, N, pairs);
    }
    CLG_TRY(clg__picture_gauss1d(path, f, g, nz == 1u ? z : NULL, x, N,
                                 uniform ? (double)t->desc.latent.lo : (double)z[0],
                                 uniform ? (double)t->desc.latent.hi : (double)z[N - 1]));
out:
    clg__free(g);
    clg__free(pairs);
    clg__free(z);
    clg__free(x);
    clg__free(logits);
    return status;
}

bool clg__pictures_sample(clg_trainer *t, char path[CLG_PATH_MAX_LEN])
{
    clg_progress p;
    int status = CLG_OK;
    CLG_TRY(open_pictures(t));
    CLG_TRY(clg__trainer_losses(t, &p));
    CLG_TRY(ask_probability(t));
    clg_picture_facts f = { .model = t->desc.model.name,
                            .step = t->step,
                            .loss_d = p.loss_d,
                            .loss_g = p.loss_g,
                            .d_real = p.d_real,
                            .d_fake = p.d_fake_after,
                            .probability = t->pictures->probability };
    clg__run_grid_path(t->run, t->step, path);
    status =
        t->plan.system == CLG_SYSTEM_GAUSS1D ? draw_gauss1d(t, &f, path) : draw_points(t, &f, path);
out:
    warn(t, status);
    return status == CLG_OK;
}

/* ---- the courses ---- */

static int draw_courses(clg_trainer *t)
{
    clg_pictures *p = t->pictures;
    clg_picture_facts f = { .model = t->desc.model.name, .step = t->step };
    char path[CLG_PATH_MAX_LEN];
    int status = CLG_OK;
    CLG_TRY(clg__history_read(p->history, clg__run_dir(t->run)));
    CLG_TRY(ask_probability(t));
    f.probability = p->probability;
    clg__run_plot_path(t->run, "loss", path);
    CLG_TRY(clg__picture_losses(path, &f, p->history));
    clg__run_plot_path(t->run, "d", path);
    CLG_TRY(clg__picture_judgement(path, &f, p->history));
    clg__run_plot_path(t->run, "monitors", path);
    CLG_TRY(clg__picture_monitors(path, &f, p->history));
    clg__run_plot_path(t->run, "weights", path);
    CLG_TRY(clg__picture_weights(path, &f, p->history, &p->layers));
out:
    return status;
}

void clg__pictures_courses(clg_trainer *t, bool last)
{
    double now = clg__os_now_s();
    int status = open_pictures(t);
    if (status == CLG_OK) {
        clg_pictures *p = t->pictures;
        if (!last && p->cost_s > share_of_time * (now - p->drawn_s)) {
            return;
        }
        status = draw_courses(t);
        p->drawn_s = clg__os_now_s();
        p->cost_s = p->drawn_s - now;
    }
    warn(t, status);
}
