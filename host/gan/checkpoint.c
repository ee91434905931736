/* Checkpoints: one safetensors file with both state dicts in PyTorch's names and layouts, the
 * optimiser's moments (optG.m., optG.v., ...), and in the metadata what is needed to go on. Random
 * numbers need no state but seed and step. Which checkpoints are kept is the run folder's work. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "blas/gemm.h"
#include "gan/model.h"
#include "gan/trainer_internal.h"
#include "io/config.h"

/* SGD has no second moments. */
uint32_t clg__checkpoint_groups(clg_trainer *t, clg_state_group out[CLG_STATE_GROUPS_MAX])
{
    const clg_state_group all[CLG_STATE_GROUPS_MAX] = {
        { t->g, CLG_NET_VALUE, "netG." },   { t->d, CLG_NET_VALUE, "netD." },
        { t->g, CLG_NET_M, "optG.m." },     { t->g, CLG_NET_V, "optG.v." },
        { t->d, CLG_NET_M, "optD.m." },     { t->d, CLG_NET_V, "optD.v." },
    };
    uint32_t n = 0;
    for (uint32_t i = 0; i < CLG_STATE_GROUPS_MAX; i++) {
        if (clg__net_has(all[i].net, all[i].kind)) {
            out[n++] = all[i];
        }
    }
    return n;
}

/* ---- writing ---- */

static void format_choices(const clg_trainer *t, char *dst, size_t cap)
{
    static const char *const precision[] = { "", " precision=fp16", " precision=bf16" };
    snprintf(dst, cap, "gemm=%s kernels=%s tune=%s%s%s", clg__blas_name(t->ops->blas),
             clg__rt_family(t->ops->rt) == CLG_KERNELS_CPU ? "cpu" : "gpu",
             t->desc.runtime.tune ? "on" : "off", precision[t->desc.runtime.precision],
             clg__multiplies_tf32(clg__blas_multiply(t->ops->blas)) ? " math=tf32" : "");
}

typedef struct clg_meta_text {
    char step[24], seed[24], batch[16], size[16], channels[16], data[1100], fingerprint[24],
        choices[256], rng[96], updates_d[24], updates_g[24], noise_stream[16], watch[64], worst[32],
        class_count[16];
    clg_str config, classes, conv;
} clg_meta_text;

enum { META_MAX = 26 };

/* Names of the classes, one a line. */
static void list_classes(const clg_trainer *t, clg_meta_text *m)
{
    clg__str_add(&m->classes, "%s", "");
    for (uint32_t i = 0; i < t->plan.classes; i++) {
        char name[256];
        snprintf(name, sizeof name, "%s", clg__trainer_class(t, i));
        for (char *p = name; *p != '\0'; p++) {
            *p = (char)(*p == '\n' ? ' ' : *p);
        }
        clg__str_add(&m->classes, "%s%s", i > 0 ? "\n" : "", name);
    }
}

static int fill_meta(clg_trainer *t, clg_meta_text *m, clg_st_meta out[META_MAX], size_t *n)
{
    const clg_device_info *dev = clg__rt_device(t->ops->rt);
    const clg_dataset_info *data = t->ds != NULL ? clg__dataset_info(t->ds) : NULL;
    snprintf(m->step, sizeof m->step, "%" PRIu64, t->step);
    snprintf(m->seed, sizeof m->seed, "%" PRIu64, t->desc.train.seed);
    snprintf(m->batch, sizeof m->batch, "%" PRIu32, t->desc.train.batch);
    snprintf(m->size, sizeof m->size, "%" PRIu32, t->plan.size);
    snprintf(m->channels, sizeof m->channels, "%" PRIu32, t->plan.channels);
    snprintf(m->data, sizeof m->data, "%s", data != NULL ? data->name : "");
    snprintf(m->fingerprint, sizeof m->fingerprint, "%016" PRIx64,
             data != NULL ? data->fingerprint : 0);
    snprintf(m->rng, sizeof m->rng, "philox4x32-10 seed=%" PRIu64 " step=%" PRIu64,
             t->desc.train.seed, t->step);
    format_choices(t, m->choices, sizeof m->choices);
    snprintf(m->updates_d, sizeof m->updates_d, "%" PRIu64, t->updates[CLG_DISCRIMINATOR]);
    snprintf(m->updates_g, sizeof m->updates_g, "%" PRIu64, t->updates[CLG_GENERATOR]);
    snprintf(m->noise_stream, sizeof m->noise_stream, "%" PRIu32, t->noise_stream);
    snprintf(m->watch, sizeof m->watch, "%u %u %u %d %u", t->watch.logs, t->watch.low,
             t->watch.saturated, t->watch.was_high, t->watch.wild);
    clg__format_f32(m->worst, (float)fmin(t->watch.worst, 3e38));
    snprintf(m->class_count, sizeof m->class_count, "%" PRIu32, t->plan.classes);
    list_classes(t, m);
    clg__conv_list_format(&t->algorithms.list, &m->conv);
    int status = m->conv.failed ? CLG_E_MEMORY : clg__config_write(&t->desc, &m->config);
    const clg_st_meta rows[] = {
        { "clgan", t->version },        { "model", t->desc.model.name },
        { "step", m->step },            { "updates_d", m->updates_d },
        { "updates_g", m->updates_g },  { "noise_stream", m->noise_stream },
        { "watch", m->watch },          { "watch_worst", m->worst },
        { "classes", m->class_count },
        { "class_names", m->classes.text != NULL ? m->classes.text : "" },
        { "seed", m->seed },            { "batch", m->batch },
        { "size", m->size },            { "channels", m->channels },
        { "data", m->data },            { "data_fingerprint", m->fingerprint },
        { "platform", dev->platform },  { "device", dev->name },
        { "driver", dev->driver },      { "choices", m->choices },
        { "conv", m->conv.text != NULL ? m->conv.text : "" },
        { "rng", m->rng },              { "config", m->config.text != NULL ? m->config.text : "" },
    };
    *n = sizeof rows / sizeof rows[0];
    memcpy(out, rows, sizeof rows);
    return status;
}

int clg__checkpoint_check_finite(clg_trainer *t)
{
    clg_net *const nets[2] = { t->g, t->d };
    for (int i = 0; i < 2; i++) {
        uint32_t bad = 0;
        int status = clg__net_nonfinite(nets[i], &bad);
        if (status != CLG_OK) {
            return status;
        }
        if (bad > 0) {
            return clg__hint(clg__fail(CLG_E_NUMERIC, "%s has %" PRIu32 " weights, moments or "
                                       "statistics that are inf or nan at step %" PRIu64,
                                       i == 0 ? "netG" : "netD", bad, t->step),
                             "lower optimizer_g.lr and optimizer_d.lr");
        }
    }
    return CLG_OK;
}

/* ---- what some models need besides ---- */

enum { EXTRA_TENSORS = 5 };
typedef struct clg_extra {
    float losses[CLG_LOSS_ROW], scale[2][CLG_NET_SCALE_LEN];
    float *mean, *cholesky;
} clg_extra;

/* Orders that leave a net alone for some steps repeat its last losses in the log: the last row goes
 * along, so that a resumed log is the same. */
static int add_losses(clg_trainer *t, clg_tensor_list *list, clg_extra *extra)
{
    const uint64_t dim = CLG_LOSS_ROW;
    int status = CLG_OK;
    if (!clg__order_pauses(&t->desc)) {
        return CLG_OK;
    }
    CLG_TRY(clg__rt_read(t->ops->rt, clg__losses_row(t, t->step), extra->losses));
    CLG_TRY(clg__tensor_list_add(list, CLG_ST_F32, 1, &dim, extra->losses, "", "trainer.losses"));
out:
    return status;
}

static const char *const scale_names[2] = { "loss_scale.netG", "loss_scale.netD" };

static int add_scales(clg_trainer *t, clg_tensor_list *list, clg_extra *extra)
{
    clg_net *const nets[2] = { t->g, t->d };
    const uint64_t dim = CLG_NET_SCALE_LEN;
    int status = CLG_OK;
    for (int i = 0; i < 2; i++) {
        if (clg__tensor_is(clg__net_loss_scale(nets[i]))) {
            CLG_TRY(clg__net_scale_read(nets[i], extra->scale[i]));
            CLG_TRY(clg__tensor_list_add(list, CLG_ST_F32, 1, &dim, extra->scale[i], "",
                                         scale_names[i]));
        }
    }
out:
    return status;
}

/* An autoencoder's samples are decoded from a Gaussian fitted to the codes of training images. */
static int add_codes(clg_trainer *t, clg_tensor_list *list, clg_extra *extra)
{
    const uint64_t dim[2] = { t->desc.latent.size, t->desc.latent.size };
    int status = CLG_OK;
    if (t->desc.order.kind != CLG_ORDER_RECONSTRUCT || t->ds == NULL) {
        return CLG_OK;
    }
    CLG_TRY(clg__codes_fit(t, &extra->mean, &extra->cholesky));
    CLG_TRY(clg__tensor_list_add(list, CLG_ST_F32, 1, dim, extra->mean, "", "latent.mean"));
    CLG_TRY(clg__tensor_list_add(list, CLG_ST_F32, 2, dim, extra->cholesky, "",
                                 "latent.cholesky"));
out:
    return status;
}

int clg__trainer_save(clg_trainer *t, const char *path)
{
    clg_tensor_list list = { 0 };
    clg_meta_text *text = clg__alloc(1, sizeof *text);
    clg_st_meta meta[META_MAX];
    size_t metas = 0;
    clg_state_group group[CLG_STATE_GROUPS_MAX];
    clg_extra extra = { .mean = NULL };
    clg_progress last;
    int status = CLG_OK;
    if (text == NULL) {
        return CLG_E_MEMORY;
    }
    CLG_TRY(clg__step_check(t, &last));
    CLG_TRY(clg__checkpoint_check_finite(t));
    CLG_TRY(clg__tensor_list_make(&list, 3u * (clg__tensor_list_room(t->g) +
                                               clg__tensor_list_room(t->d)) + EXTRA_TENSORS));
    uint32_t groups = clg__checkpoint_groups(t, group);
    for (uint32_t i = 0; i < groups; i++) {
        CLG_TRY(clg__tensor_list_add_net(&list, group[i].net, group[i].kind, group[i].prefix));
    }
    CLG_TRY(add_losses(t, &list, &extra));
    CLG_TRY(add_scales(t, &list, &extra));
    CLG_TRY(add_codes(t, &list, &extra));
    CLG_TRY(fill_meta(t, text, meta, &metas));
    CLG_TRY(clg__st_write(path, list.tensor, list.count, meta, metas));
out:
    clg__tensor_list_free(&list);
    clg__str_free(&text->config);
    clg__str_free(&text->classes);
    clg__str_free(&text->conv);
    clg__free(text);
    clg__free(extra.mean);
    clg__free(extra.cholesky);
    return status;
}

/* ---- reading ---- */

static int read_number(const clg_st_file *f, const char *path, const char *key, uint64_t most,
                       uint64_t *out)
{
    const char *text = clg__st_meta_find(f, key);
    if (text == NULL || !clg__parse_u64(text, out) || *out > most) {
        return clg__fail(CLG_E_CHECKPOINT, "%s: metadata has %s \"%s\"", path, key,
                         text != NULL ? text : "");
    }
    return CLG_OK;
}

static void copy_text(const clg_st_file *f, const char *key, char *dst, size_t cap)
{
    const char *text = clg__st_meta_find(f, key);
    snprintf(dst, cap, "%s", text != NULL ? text : "");
}

static int read_info(const clg_st_file *f, const char *path, clg_checkpoint_info *out)
{
    const char *config = clg__st_meta_find(f, "config");
    uint64_t size, channels, classes = 0;
    int status = CLG_OK;
    memset(out, 0, sizeof *out);
    if (config == NULL) {
        return clg__hint(clg__fail(CLG_E_CHECKPOINT, "%s: no model description in its metadata",
                                   path),
                         "a file of another program: give --model NAME too");
    }
    CLG_TRY(clg__config_parse(config, strlen(config), path, &out->desc));
    CLG_TRY(read_number(f, path, "step", UINT64_MAX, &out->step));
    CLG_TRY(read_number(f, path, "size", 65535, &size));
    CLG_TRY(read_number(f, path, "channels", 65535, &channels));
    out->size = (uint32_t)size;
    out->channels = (uint32_t)channels;
    if (clg__st_meta_find(f, "classes") != NULL) {
        CLG_TRY(read_number(f, path, "classes", 65535, &classes));
    }
    out->classes = (uint32_t)classes;
    copy_text(f, "clgan", out->version, sizeof out->version);
    copy_text(f, "device", out->device, sizeof out->device);
    copy_text(f, "driver", out->driver, sizeof out->driver);
    copy_text(f, "data", out->data, sizeof out->data);
    copy_text(f, "choices", out->choices, sizeof out->choices);
    const char *conv = clg__st_meta_find(f, "conv");
    if (conv != NULL) {
        clg__algorithms_summary_of(conv, out->conv, sizeof out->conv);
    }
out:
    return status;
}

clg_data_shape clg__checkpoint_shape(const clg_checkpoint_info *info)
{
    return (clg_data_shape){ .size = info->size, .channels = info->channels,
                             .classes = info->classes,
                             .system = clg__system_find(info->desc.data.source) };
}

int clg__checkpoint_info(const char *path, clg_checkpoint_info *out)
{
    clg_st_file *f = NULL;
    int status = clg__st_open(&f, path);
    if (status == CLG_OK) {
        status = read_info(f, path, out);
    }
    clg__st_close(&f);
    return status;
}

static int refuse(const char *path, const char *what, uint64_t theirs, uint64_t ours)
{
    return clg__hint(clg__fail(CLG_E_CHECKPOINT,
                               "%s: written with %s %" PRIu64 ", this run has %s %" PRIu64, path,
                               what, theirs, what, ours),
                     "resume with the same %s, or start a new run with --init-from", what);
}

static bool same_layer(const clg_layer *a, const clg_layer *b)
{
    return a->op == b->op && a->in_h == b->in_h && a->in_w == b->in_w && a->in_c == b->in_c &&
           a->out_h == b->out_h && a->out_w == b->out_w && a->out_c == b->out_c &&
           a->kernel == b->kernel && a->stride == b->stride && a->pad == b->pad &&
           a->bias == b->bias && a->norm == b->norm && a->act == b->act &&
           !(a->slope < b->slope) && !(a->slope > b->slope) && strcmp(a->name, b->name) == 0;
}

static int check_net(const char *path, const char *which, const clg_net_plan *theirs,
                     const clg_net_plan *ours)
{
    if (theirs->layer_count != ours->layer_count) {
        return clg__hint(clg__fail(CLG_E_CHECKPOINT, "%s: its %s has %u layers, this model's has "
                                   "%u", path, which, theirs->layer_count, ours->layer_count),
                         "resume with the nets as they are, or start a new run");
    }
    for (uint32_t i = 0; i < ours->layer_count; i++) {
        if (!same_layer(&theirs->layer[i], &ours->layer[i])) {
            return clg__hint(clg__fail(CLG_E_CHECKPOINT, "%s: layer %s of its %s differs from this "
                                       "model's %s", path, theirs->layer[i].name, which,
                                       ours->layer[i].name),
                             "resume with the nets as they are, or start a new run");
        }
    }
    return CLG_OK;
}

static int check_same_run(clg_trainer *t, const clg_checkpoint_info *info, const char *path)
{
    const clg_model_desc *a = &info->desc, *b = &t->desc;
    clg_model_plan *plan = NULL;
    int status = CLG_OK;
    if (strcmp(a->model.name, b->model.name) != 0) {
        return clg__hint(clg__fail(CLG_E_CHECKPOINT, "%s: written with model %s, this run has %s",
                                   path, a->model.name, b->model.name),
                         "resume with --model %s", a->model.name);
    }
    if (a->train.seed != b->train.seed) {
        return refuse(path, "seed", a->train.seed, b->train.seed);
    }
    if (a->train.batch != b->train.batch) {
        return refuse(path, "batch", a->train.batch, b->train.batch);
    }
    if (info->size != t->plan.size) {
        return refuse(path, "image size", info->size, t->plan.size);
    }
    if (info->channels != t->plan.channels) {
        return refuse(path, "image channels", info->channels, t->plan.channels);
    }
    plan = clg__alloc(1, sizeof *plan);
    if (plan == NULL) {
        return CLG_E_MEMORY;
    }
    if (info->classes != t->plan.classes) {
        CLG_TRY(refuse(path, "classes", info->classes, t->plan.classes));
    }
    const clg_data_shape shape = clg__checkpoint_shape(info);
    CLG_TRY(clg__model_expand(a, &shape, plan));
    CLG_TRY(check_net(path, "generator", &plan->g, &t->plan.g));
    CLG_TRY(check_net(path, "discriminator", &plan->d, &t->plan.d));
out:
    clg__free(plan);
    return status;
}

/* The numbers that a run is stored in are part of what it computes: another training goes on. */
static bool warn_of_precision(const clg_model_desc *theirs, const clg_model_desc *ours)
{
    static const char *const name[] = { "fp32", "fp16", "bf16" };
    enum clg_precision a = theirs->runtime.precision, b = ours->runtime.precision;
    if (a == b) {
        return false;
    }
    clg__log(CLG_LOG_WARN,
             "the checkpoint was trained with --precision %s, and goes on with %s: "
             "this is not the same run any more. Weights and moments carry over, activations and "
             "working weights are stored in %s from here on%s; losses and weights will differ from "
             "a run that stays with %s, in the first digits before long",
             name[a], name[b], name[b],
             b == CLG_PRECISION_FP16   ? ", with loss scales that start anew"
             : a == CLG_PRECISION_FP16 ? ", without loss scales"
                                       : "",
             name[a]);
    return true;
}

/* What does not forbid to go on, but changes the bits. */
static bool warn_of_changes(clg_trainer *t, const clg_st_file *f, const clg_checkpoint_info *info)
{
    const clg_device_info *dev = clg__rt_device(t->ops->rt);
    char choices[256], fingerprint[24];
    bool other = strcmp(info->device, dev->name) != 0 || strcmp(info->driver, dev->driver) != 0;
    format_choices(t, choices, sizeof choices);
    if (other) {
        clg__log(CLG_LOG_WARN, "checkpoint was written on %s (driver %s), this is %s (driver %s): "
                 "results will differ in the last bits", info->device, info->driver, dev->name,
                 dev->driver);
    } else if (strcmp(info->choices, choices) != 0 &&
               info->desc.runtime.precision == t->desc.runtime.precision) {
        other = true;
        clg__log(CLG_LOG_WARN, "checkpoint was written with %s, this run has %s: results will "
                 "differ %s", info->choices, choices,
                 info->desc.runtime.math != t->desc.runtime.math ? "from the fourth digit on"
                                                                 : "in the last bits");
    }
    other = warn_of_precision(&info->desc, &t->desc) || other;
    if (t->ds != NULL) {
        const char *theirs = clg__st_meta_find(f, "data_fingerprint");
        const clg_dataset_info *data = clg__dataset_info(t->ds);
        snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, data->fingerprint);
        if (theirs != NULL && strcmp(theirs, fingerprint) != 0) {
            clg__log(CLG_LOG_WARN, "checkpoint was trained on %s, and these images (%s) are others",
                     info->data, data->name);
        }
    }
    return other;
}

/* A file from before these were kept: one update of each net per step. */
static int read_counts(clg_trainer *t, const clg_st_file *f, const char *path)
{
    uint64_t noise = 0;
    int status = CLG_OK;
    t->updates[CLG_GENERATOR] = t->updates[CLG_DISCRIMINATOR] = t->step;
    t->noise_stream = 0;
    t->lr_factor = 1.0;
    if (clg__st_meta_find(f, "updates_d") == NULL) {
        return CLG_OK;
    }
    CLG_TRY(read_number(f, path, "updates_d", UINT64_MAX, &t->updates[CLG_DISCRIMINATOR]));
    CLG_TRY(read_number(f, path, "updates_g", UINT64_MAX, &t->updates[CLG_GENERATOR]));
    CLG_TRY(read_number(f, path, "noise_stream", CLG_ROLLBACKS_MAX, &noise));
    t->noise_stream = (uint32_t)noise;
    for (uint32_t i = 0; i < t->noise_stream; i++) {
        t->lr_factor *= 0.5;
    }
out:
    return status;
}

/* What the watch has seen so far; a run that goes on warns when an unbroken one would. */
static void read_watch(clg_trainer *t, const clg_st_file *f)
{
    const char *text = clg__st_meta_find(f, "watch");
    const char *worst = clg__st_meta_find(f, "watch_worst");
    unsigned logs, low, saturated, high, wild = 0;
    t->watch = (clg_watch){ .real_distance = t->watch.real_distance };
    if (text != NULL &&
        sscanf(text, "%9u %9u %9u %1u %9u", &logs, &low, &saturated, &high, &wild) >= 4) {
        t->watch.logs = logs;
        t->watch.low = low;
        t->watch.saturated = saturated;
        t->watch.was_high = high != 0;
        t->watch.wild = wild;
    }
    if (worst != NULL && !clg__parse_f64(worst, &t->watch.worst)) {
        t->watch.worst = 0.0;
    }
}

static int read_losses(clg_trainer *t, const clg_st_file *f)
{
    float row[CLG_LOSS_ROW] = { 0 };
    if (clg__st_find(f, "trainer.losses") == NULL) {
        return CLG_OK;
    }
    int status = clg__st_read_f32(f, "trainer.losses", row, CLG_LOSS_ROW);
    return status == CLG_OK ? clg__rt_write(t->ops->rt, clg__losses_row(t, t->step), row) : status;
}

/* A file of a training with floats has no scales: they start anew, but for Adam's t. */
static int read_scales(clg_trainer *t, const clg_st_file *f)
{
    clg_net *const nets[2] = { t->g, t->d };
    const uint64_t updates[2] = { t->updates[CLG_GENERATOR], t->updates[CLG_DISCRIMINATOR] };
    int status = CLG_OK;
    for (int i = 0; i < 2; i++) {
        float state[CLG_NET_SCALE_LEN];
        if (!clg__tensor_is(clg__net_loss_scale(nets[i]))) {
            continue;
        }
        if (clg__st_find(f, scale_names[i]) != NULL) {
            CLG_TRY(clg__st_read_f32(f, scale_names[i], state, CLG_NET_SCALE_LEN));
        } else {
            clg__net_scale_start(state, updates[i]);
        }
        CLG_TRY(clg__net_scale_write(nets[i], state));
    }
out:
    return status;
}

int clg__trainer_load(clg_trainer *t, const char *path, bool *other_device)
{
    clg_checkpoint_info *info = clg__alloc(1, sizeof *info);
    clg_st_file *f = NULL;
    clg_state_group group[CLG_STATE_GROUPS_MAX];
    int status = CLG_OK;
    *other_device = false;
    if (info == NULL) {
        return CLG_E_MEMORY;
    }
    CLG_TRY(clg__st_open(&f, path));
    CLG_TRY(read_info(f, path, info));
    CLG_TRY(check_same_run(t, info, path));
    *other_device = warn_of_changes(t, f, info);
    CLG_TRY(clg__trainer_recall(t, f, path));
    clg__feed_stop(t);
    uint32_t groups = clg__checkpoint_groups(t, group);
    for (uint32_t i = 0; i < groups; i++) {
        CLG_TRY(clg__tensor_list_read_net(f, path, group[i].net, group[i].kind, group[i].prefix,
                                          true));
    }
    t->step = info->step;
    CLG_TRY(read_counts(t, f, path));
    CLG_TRY(read_losses(t, f));
    read_watch(t, f);
    CLG_TRY(read_scales(t, f));
    t->checked = info->step;
    clg__fused_restart(&t->fused);
out:
    clg__st_close(&f);
    clg__free(info);
    return status;
}

int clg__trainer_init_from(clg_trainer *t, const char *path)
{
    clg_st_file *f = NULL;
    int status = CLG_OK;
    CLG_TRY(clg__st_open(&f, path));
    CLG_TRY(clg__tensor_list_read_net(f, path, t->g, CLG_NET_VALUE, "netG.", true));
    CLG_TRY(clg__tensor_list_read_net(f, path, t->d, CLG_NET_VALUE, "netD.", true));
out:
    clg__st_close(&f);
    return status;
}
