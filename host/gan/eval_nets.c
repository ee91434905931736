#include "gan/eval_nets.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "gan/trainer_internal.h"
#include "ops/adam.h"
#include "ops/loss.h"

static const clg_adam SEARCH = { .lr = 0.1f, .beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-8f };

struct clg_eval_net {
    const clg_ops *ops; /* of `algorithms` */
    clg_algorithms algorithms;
    clg_net_plan plan;
    clg_scratch *scratch;
    clg_net *net;
    uint32_t rows, in, out;
    clg_buffer *x, *labels; /* one pass */
    float *x_host, *y_host;
    /* Search: */
    clg_buffer *target, *dy, *dx, *m, *v, *loss, *ws;
};

/* ---- folding a batch norm into the layer before it ---- */

/* Which output channel the element `at` of a weight belongs to, in PyTorch's layout: [out,in,...],
 * [in,out,kh,kw] of a transposed convolution. */
static uint32_t channel_of(const clg_layer *l, const clg_net_tensor *w, uint64_t at)
{
    uint64_t taps = w->rank == 4 ? w->dim[2] * w->dim[3] : 1;
    return l->op == CLG_LAYER_DECONV2D ? (uint32_t)(at / taps % w->dim[1])
                                       : (uint32_t)(at / (taps * w->dim[1]));
}

/* A tensor of the file; NULL (and what) when there is none of that length. */
static float *read_tensor(const clg_st_file *f, const char *prefix, const char *module,
                          const char *leaf, uint64_t len, int *status)
{
    char name[4 * CLG_NAME_MAX];
    float *v = clg__alloc((size_t)len, sizeof *v);
    (void)snprintf(name, sizeof name, "%s%s.%s", prefix, module, leaf);
    *status = v == NULL ? CLG_E_MEMORY : clg__st_read_f32(f, name, v, len);
    if (*status != CLG_OK) {
        clg__free(v);
        return NULL;
    }
    return v;
}

/* scale[k] and shift[k] of the norm on running statistics: y = scale x + shift. */
static int read_norm(const clg_st_file *f, const char *prefix, const clg_layer *l, uint32_t n,
                     double *scale, double *shift)
{
    static const char *const leaf[4] = { "weight", "bias", "running_mean", "running_var" };
    float *part[4] = { NULL };
    int status = CLG_OK;
    for (int i = 0; i < 4; i++) {
        part[i] = read_tensor(f, prefix, l->norm_name, leaf[i], n, &status);
        CLG_TRY(status);
    }
    for (uint32_t k = 0; k < n; k++) {
        scale[k] = (double)part[0][k] / sqrt((double)part[3][k] + 1e-5);
        shift[k] = (double)part[1][k] - scale[k] * (double)part[2][k];
    }
out:
    for (int i = 0; i < 4; i++) {
        clg__free(part[i]);
    }
    return status;
}

/* Number of the net's tensor module.leaf; UINT32_MAX if there is none. */
static uint32_t find_tensor(const clg_net *net, const char *module, const char *leaf)
{
    char name[3 * CLG_NAME_MAX];
    (void)snprintf(name, sizeof name, "%s.%s", module, leaf);
    for (uint32_t i = 0; i < clg__net_tensor_count(net); i++) {
        if (strcmp(clg__net_tensor_at(net, i)->name, name) == 0) {
            return i;
        }
    }
    return UINT32_MAX;
}

/* Weight and bias of a layer of `plan` (the checkpoint's) to the net without norms. */
static int fold_layer(clg_eval_net *e, const clg_st_file *f, const char *prefix, const clg_layer *l)
{
    uint32_t wi = find_tensor(e->net, l->name, "weight");
    uint32_t bi = find_tensor(e->net, l->name, "bias");
    float *w = NULL, *b = NULL;
    double *scale = NULL, *shift = NULL;
    int status = CLG_OK;
    if (wi == UINT32_MAX) {
        return CLG_OK; /* nothing to learn in it */
    }
    const clg_net_tensor *t = clg__net_tensor_at(e->net, wi);
    w = read_tensor(f, prefix, l->name, "weight", t->len, &status);
    CLG_TRY(status);
    if (bi != UINT32_MAX) {
        uint32_t n = (uint32_t)clg__net_tensor_at(e->net, bi)->len;
        b = l->bias ? read_tensor(f, prefix, l->name, "bias", n, &status)
                    : clg__alloc(n, sizeof *b);
        CLG_TRY(status);
        scale = clg__alloc(n, sizeof *scale);
        shift = clg__alloc(n, sizeof *shift);
        CLG_TRY(b != NULL && scale != NULL && shift != NULL ? CLG_OK : CLG_E_MEMORY);
        if (l->norm == CLG_NORM_BATCH) {
            CLG_TRY(read_norm(f, prefix, l, n, scale, shift));
            for (uint64_t i = 0; i < t->len; i++) {
                w[i] = (float)(scale[channel_of(l, t, i)] * (double)w[i]);
            }
            for (uint32_t k = 0; k < n; k++) {
                b[k] = (float)(scale[k] * (double)b[k] + shift[k]);
            }
        }
        CLG_TRY(clg__net_write_tensor(e->net, bi, b));
    }
    CLG_TRY(clg__net_write_tensor(e->net, wi, w));
out:
    clg__free(w);
    clg__free(b);
    clg__free(scale);
    clg__free(shift);
    return status;
}

static void drop_norms(clg_net_plan *plan)
{
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        clg_layer *l = &plan->layer[i];
        l->bias |= l->norm == CLG_NORM_BATCH;
        l->norm = CLG_NORM_NONE;
        l->keep = l->op == CLG_LAYER_DROPOUT ? 1.0f : l->keep; /* as in use, not in training */
    }
}

/* ---- open, close ---- */

static int open_search(clg_eval_net *e)
{
    int status = CLG_OK;
    clg_rt *rt = e->ops->rt;
    uint64_t z = (uint64_t)e->rows * e->in, y = (uint64_t)e->rows * e->out;
    uint64_t ws = clg__mse_workspace(e->ops, y);
    CLG_TRY(clg__buffer_create(rt, CLG_F32, y, "searched images", &e->target));
    CLG_TRY(clg__buffer_create(rt, CLG_F32, y, "search gradient", &e->dy));
    CLG_TRY(clg__buffer_create(rt, CLG_F32, z, "search gradient", &e->dx));
    CLG_TRY(clg__buffer_create(rt, CLG_F32, z, "search moments", &e->m));
    CLG_TRY(clg__buffer_create(rt, CLG_F32, z, "search moments", &e->v));
    CLG_TRY(clg__buffer_create(rt, CLG_F32, 2, "search loss", &e->loss));
    CLG_TRY(clg__buffer_create(rt, CLG_F32, ws > 0 ? ws : 1, "search workspace", &e->ws));
out:
    return status;
}

static int read_weights(clg_eval_net *e, const clg_st_file *f, const char *path,
                        const clg_net_plan *plan, const char *prefix, bool searched)
{
    int status = CLG_OK;
    if (!searched) {
        CLG_TRY(clg__tensor_list_read_net(f, path, e->net, CLG_NET_VALUE, prefix, true));
    }
    for (uint32_t i = 0; searched && i < plan->layer_count; i++) {
        CLG_TRY(fold_layer(e, f, prefix, &plan->layer[i]));
    }
out:
    return status;
}

int clg__eval_net_open(clg_eval_net **out, const clg_ops *ops, const char *checkpoint,
                       const clg_model_plan *plan, enum clg_which_net which, uint32_t rows,
                       bool searched)
{
    int status = CLG_OK;
    const clg_net_plan *p = which == CLG_GENERATOR ? &plan->g : &plan->d;
    const char *label = which == CLG_GENERATOR ? "netG" : "netD";
    clg_st_file *f = NULL;
    *out = NULL;
    clg_eval_net *e = clg__alloc(1, sizeof *e);
    if (e == NULL) {
        return CLG_E_MEMORY;
    }
    *e = (clg_eval_net){ .ops = &e->algorithms.ops,
                         .plan = *p,
                         .rows = rows,
                         .in = p->in_h * p->in_w * p->in_c,
                         .out = p->out_h * p->out_w * p->out_c };
    if (searched) {
        drop_norms(&e->plan);
    }
    const clg_net_plan *plans[1] = { &e->plan };
    clg_net_options opt = { .max_batch = rows, .train = searched, .fixed = true, .label = label };
    CLG_TRY(clg__st_open(&f, checkpoint));
    const uint32_t many = CLG_ALGORITHMS_MANY_ROWS;
    CLG_TRY(clg__algorithms_decide(&e->algorithms, ops, CLG_CONV_WISH_AUTO, plans, &many, 1));
    CLG_TRY(clg__algorithms_recall(&e->algorithms, f, checkpoint));
    CLG_TRY(clg__scratch_create(&e->scratch, e->ops, plans, &rows, 1, searched, CLG_F32));
    CLG_TRY(clg__net_create(&e->net, e->ops, e->scratch, &e->plan, &opt));
    CLG_TRY(clg__buffer_create(ops->rt, CLG_F32, (uint64_t)rows * e->in, "net input", &e->x));
    CLG_TRY(clg__buffer_create(ops->rt, CLG_U32, rows, "labels", &e->labels));
    e->x_host = clg__alloc((size_t)rows * e->in, sizeof *e->x_host);
    e->y_host = clg__alloc((size_t)rows * e->out, sizeof *e->y_host);
    CLG_TRY(e->x_host != NULL && e->y_host != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(searched ? open_search(e) : CLG_OK);
    CLG_TRY(read_weights(e, f, checkpoint, p, which == CLG_GENERATOR ? "netG." : "netD.",
                         searched));
    *out = e;
    e = NULL;
out:
    clg__st_close(&f);
    clg__eval_net_close(&e);
    return status;
}

void clg__eval_net_close(clg_eval_net **pe)
{
    if (pe == NULL || *pe == NULL) {
        return;
    }
    clg_eval_net *e = *pe;
    clg_buffer **const buffers[] = { &e->x, &e->labels, &e->target, &e->dy, &e->dx,
                                     &e->m, &e->v,      &e->loss,   &e->ws };
    clg__net_destroy(&e->net);
    clg__scratch_destroy(&e->scratch);
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        clg__buffer_destroy(buffers[i]);
    }
    clg__free(e->x_host);
    clg__free(e->y_host);
    clg__algorithms_free(&e->algorithms);
    clg__free(e);
    *pe = NULL;
}

/* ---- use ---- */

/* Input rows first .. first + n of x to the device; always e->rows of them, the rest 0. */
static int begin_pass(clg_eval_net *e, const float *x, const uint32_t *labels, uint32_t first,
                      uint32_t n, enum clg_net_mode mode, clg_net_pass *pass)
{
    int status = CLG_OK;
    size_t in = e->in;
    *pass = (clg_net_pass){ .x = clg__tensor_all(e->x), .n = e->rows, .groups = 1, .mode = mode };
    memset(e->x_host, 0, e->rows * in * sizeof *e->x_host);
    memcpy(e->x_host, x + first * in, n * in * sizeof *e->x_host);
    CLG_TRY(clg__rt_write(e->ops->rt, pass->x, e->x_host));
    pass->labels = clg__tensor_all(e->labels);
    CLG_TRY(clg__rt_zero(e->ops->rt, pass->labels));
    if (labels != NULL) {
        CLG_TRY(clg__rt_write(e->ops->rt, clg__tensor_vec(pass->labels, 0, n), labels + first));
    }
out:
    return status;
}

int clg__eval_net_run(clg_eval_net *e, const float *x, const uint32_t *labels, uint32_t n, float *y)
{
    int status = CLG_OK;
    for (uint32_t first = 0; first < n; first += e->rows) {
        uint32_t rows = n - first < e->rows ? n - first : e->rows;
        clg_tensor heads[CLG_HEADS_MAX];
        clg_net_pass pass;
        CLG_TRY(begin_pass(e, x, labels, first, rows, CLG_NET_EVAL, &pass));
        CLG_TRY(clg__net_run(e->net, &pass, heads));
        CLG_TRY(
            clg__rt_read(e->ops->rt, clg__tensor_vec(heads[0], 0, e->rows * e->out), e->y_host));
        memcpy(y + (size_t)first * e->out, e->y_host, (size_t)rows * e->out * sizeof *y);
    }
out:
    return status;
}

static int search_pass(clg_eval_net *e, const clg_net_pass *pass, uint32_t steps)
{
    int status = CLG_OK;
    const clg_ops *o = e->ops;
    clg_net_back back = { .dx = clg__tensor_all(e->dx) };
    CLG_TRY(clg__rt_zero(o->rt, clg__tensor_all(e->m)));
    CLG_TRY(clg__rt_zero(o->rt, clg__tensor_all(e->v)));
    for (uint32_t t = 1; t <= steps; t++) {
        clg_tensor heads[CLG_HEADS_MAX];
        clg_adam adam = SEARCH;
        adam.t = t;
        CLG_TRY(clg__net_run(e->net, pass, heads));
        /* Mean over rows and pixels, times rows: each image's own error. */
        clg_tensor y = clg__tensor_vec(heads[0], 0, e->rows * e->out);
        CLG_TRY(clg__mse(o, y, clg__tensor_all(e->target), (float)e->rows, clg__tensor_all(e->loss),
                         clg__tensor_all(e->dy), clg__tensor_all(e->ws)));
        back.dy[0] = clg__tensor_all(e->dy);
        CLG_TRY(clg__net_back(e->net, pass, &back));
        CLG_TRY(clg__adam_step(o, &adam, back.dx, clg__tensor_all(e->x), clg__tensor_all(e->m),
                               clg__tensor_all(e->v)));
    }
    CLG_TRY(clg__rt_read(o->rt, clg__tensor_all(e->x), e->x_host));
out:
    return status;
}

int clg__eval_net_search(clg_eval_net *e, const float *images, const uint32_t *labels, uint32_t n,
                         uint32_t steps, float *z)
{
    int status = CLG_OK;
    if (e->target == NULL) {
        return clg__fail(CLG_E_INTERNAL, "eval_net_search: the net was not opened for it");
    }
    for (uint32_t first = 0; first < n; first += e->rows) {
        uint32_t rows = n - first < e->rows ? n - first : e->rows;
        size_t len = (size_t)rows * e->out;
        clg_net_pass pass;
        memset(e->y_host, 0, (size_t)e->rows * e->out * sizeof *e->y_host);
        memcpy(e->y_host, images + (size_t)first * e->out, len * sizeof *e->y_host);
        CLG_TRY(clg__rt_write(e->ops->rt, clg__tensor_all(e->target), e->y_host));
        CLG_TRY(begin_pass(e, z, labels, first, rows, CLG_NET_TRAIN, &pass));
        CLG_TRY(search_pass(e, &pass, steps));
        memcpy(z + (size_t)first * e->in, e->x_host, (size_t)rows * e->in * sizeof *z);
    }
out:
    return status;
}
