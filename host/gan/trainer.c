/* Making and freeing a trainer. The loop is in run.c, the work of a step in step.c. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "gan/trainer_internal.h"

/* The first batch norm that has one value of an image per channel: it needs two images per batch. One
 * over maps of several pixels has a variance in a single image, as in PyTorch. */
static const clg_layer *find_norm(const clg_model_plan *plan, const char **which)
{
    const clg_net_plan *nets[2] = { &plan->g, &plan->d };
    for (int i = 0; i < 2; i++) {
        for (uint32_t j = 0; j < nets[i]->layer_count; j++) {
            const clg_layer *l = &nets[i]->layer[j];
            if (l->norm == CLG_NORM_BATCH && l->out_h * l->out_w == 1u) {
                *which = i == 0 ? "generator" : "discriminator";
                return l;
            }
        }
    }
    return NULL;
}

static uint64_t out_len(const clg_net_plan *p)
{
    return (uint64_t)p->out_h * p->out_w * p->out_c;
}

static int check_packing(const clg_trainer *t)
{
    uint32_t packing = t->desc.discriminator.packing, batch = t->desc.train.batch;
    if (batch % packing != 0) {
        return clg__hint(clg__fail(CLG_E_USAGE, "batch %u does not divide by the discriminator's "
                                   "packing of %u", batch, packing),
                         "give --batch %u", clg__round_up(batch, packing));
    }
    if (packing > 1u && t->plan.d.classes > 0) {
        return clg__hint(clg__fail(CLG_E_MODEL, "a discriminator that takes %u samples at once has "
                                   "no one label for them", packing),
                         "set discriminator.packing to 1, or take the label away");
    }
    return CLG_OK;
}

static int check_data(const clg_trainer *t)
{
    const clg_dataset_info *info = clg__dataset_info(t->ds);
    const clg_model_plan *plan = &t->plan;
    if (info->size != plan->size || info->channels != plan->channels) {
        return clg__fail(CLG_E_DATA, "%s: images are %ux%ux%u, the model wants %ux%ux%u",
                         info->name, info->size, info->size, info->channels, plan->size,
                         plan->size, plan->channels);
    }
    if (plan->classes > 0 && info->classes == 0) {
        return clg__hint(clg__fail(CLG_E_DATA, "%s: the images have no labels, and model %s learns "
                                   "by class", info->name, t->desc.model.name),
                         "sort the images into one sub-folder per class, give IDX label files, or "
                         "train a model without classes");
    }
    if (plan->classes > 0 && info->classes > plan->classes) {
        return clg__fail(CLG_E_DATA, "%s: images of %u classes, the model was made for %u",
                         info->name, info->classes, plan->classes);
    }
    return CLG_OK;
}

static int check_model(clg_trainer *t)
{
    const clg_model_plan *plan = &t->plan;
    const char *which = "";
    const clg_layer *norm = find_norm(plan, &which);
    uint64_t image = clg__trainer_pixels(t);
    uint64_t wanted = t->desc.order.kind == CLG_ORDER_RECONSTRUCT ? t->desc.latent.size : 1u;
    int status = CLG_OK;
    t->norm = norm != NULL;
    if (t->desc.train.batch == 0) {
        return clg__hint(clg__fail(CLG_E_USAGE, "train.batch is 0"), "give --batch 64");
    }
    if (t->desc.train.batch / t->desc.discriminator.packing <= 1u && norm != NULL) {
        return clg__hint(clg__fail(CLG_E_USAGE, "a batch of 1 under batch norm (%s, layer %s) has "
                                   "no variance", which, norm->norm_name),
                         "give --batch 2 or more, or a model without batch norm");
    }
    if (out_len(&plan->g) != image || out_len(&plan->d) != wanted) {
        return clg__fail(CLG_E_MODEL, "the generator gives %llu values and the discriminator %llu: "
                         "a sample has %llu, D's answer %llu", (unsigned long long)out_len(&plan->g),
                         (unsigned long long)out_len(&plan->d), (unsigned long long)image,
                         (unsigned long long)wanted);
    }
    CLG_TRY(check_packing(t));
    CLG_TRY(clg__monitor_check(&t->desc, plan));
    if (t->ds != NULL) {
        CLG_TRY(check_data(t));
    }
out:
    return status;
}

static int make_buffers(clg_trainer *t)
{
    uint32_t n = t->desc.train.batch, nz = t->desc.latent.size, groups = t->table.groups;
    uint64_t image = clg__trainer_pixels(t);
    uint64_t tensors = (uint64_t)clg__net_parameter_count(t->g) + clg__net_parameter_count(t->d);
    uint64_t answers = clg__facts_answers(&t->desc, &t->plan, groups, n);
    clg_rt *rt = t->ops->rt;
    int status = CLG_OK;
    enum clg_dtype store = clg__trainer_store(&t->desc);
    CLG_TRY(clg__buffer_create(rt, store, (uint64_t)n * nz, "latents", &t->z));
    CLG_TRY(clg__buffer_create(rt, store, groups * n * image, "images", &t->images));
    if (t->plan.system == CLG_SYSTEM_NONE) {
        CLG_TRY(clg__buffer_create(rt, CLG_U8, clg__fused_steps(&t->fused) * n * image, "image bytes",
                                   &t->bytes));
    }
    if (t->plan.classes > 0) {
        CLG_TRY(clg__buffer_create(rt, CLG_U32, (uint64_t)groups * n, "labels", &t->labels));
    }
    CLG_TRY(clg__buffer_create(rt, store, answers, "logit gradients", &t->dlogits));
    uint64_t sums = t->desc.order.kind == CLG_ORDER_RECONSTRUCT
                        ? clg__mse_workspace(t->ops, n * image) : 0;
    if (sums > 0) {
        CLG_TRY(clg__buffer_create(rt, CLG_F32, sums, "error sums", &t->loss_ws));
    }
    CLG_TRY(clg__buffer_create(rt, CLG_F32, (uint64_t)t->ring_len * CLG_LOSS_ROW, "losses",
                               &t->ring));
    CLG_TRY(clg__rt_zero(rt, clg__tensor_all(t->ring)));
    CLG_TRY(clg__buffer_create(rt, CLG_F32, 3u * tensors, "norms", &t->norms));
    CLG_TRY(clg__rt_zero(rt, clg__tensor_all(t->norms)));
out:
    return status;
}

static int make_nets(clg_trainer *t)
{
    const clg_net_plan *plans[2] = { &t->plan.g, &t->plan.d };
    uint64_t seed = t->desc.train.seed;
    uint32_t batches[2];
    clg_net_options opt[2];
    int status = CLG_OK;
    clg__facts_nets(&t->desc, &t->plan, t->desc.train.batch, opt);
    batches[0] = opt[0].max_batch;
    batches[1] = opt[1].max_batch;
    CLG_TRY(clg__scratch_create(&t->scratch, t->ops, plans, batches, 2, true,
                                       opt[0].store));
    CLG_TRY(clg__net_create(&t->g, t->ops, t->scratch, plans[0], &opt[0]));
    CLG_TRY(clg__net_create(&t->d, t->ops, t->scratch, plans[1], &opt[1]));
    CLG_TRY(clg__net_init(t->g, seed, CLG_STREAM_INIT_G));
    CLG_TRY(clg__net_init(t->d, seed, CLG_STREAM_INIT_D));
    CLG_TRY(clg__data_bias_init(t));
out:
    return status;
}

static uint64_t state_floats(const clg_net *net)
{
    uint64_t floats = 0;
    uint64_t each = clg__net_has(net, CLG_NET_V) ? 3u : 2u; /* value and moments */
    for (uint32_t i = 0; i < clg__net_tensor_count(net); i++) {
        const clg_net_tensor *x = clg__net_tensor_at(net, i);
        floats += x->is_buffer ? x->len : each * x->len;
    }
    return floats;
}

static int make_schedule(clg_trainer *t)
{
    const clg_model_desc *desc = &t->desc;
    t->facts.batch = desc->train.batch;
    t->facts.steps_total = desc->train.steps;
    if (t->plan.system != CLG_SYSTEM_NONE) {
        t->facts.images = desc->data.rows;
        t->facts.steps_per_epoch = desc->data.rows / desc->train.batch;
        t->facts.steps_per_epoch += t->facts.steps_per_epoch == 0;
        if (t->facts.steps_total == 0) {
            t->facts.steps_total = desc->train.epochs * t->facts.steps_per_epoch;
        }
        return CLG_OK;
    }
    if (t->ds == NULL) {
        return CLG_OK;
    }
    uint32_t count = clg__dataset_info(t->ds)->count;
    if (desc->data.holdout >= count) {
        return clg__hint(clg__fail(CLG_E_DATA, "%s has %u images, and data.holdout keeps %u of them "
                                   "from training", clg__dataset_info(t->ds)->name, count,
                                   desc->data.holdout),
                         "set data.holdout to less");
    }
    t->facts.images = count - desc->data.holdout;
    int status = clg__schedule_make(&t->schedule, desc, t->facts.images, t->norm);
    if (status != CLG_OK) {
        return status;
    }
    t->facts.steps_per_epoch = t->schedule.steps_per_epoch;
    if (t->facts.steps_total == 0) {
        t->facts.steps_total = desc->train.epochs * t->facts.steps_per_epoch;
    }
    if (t->schedule.dropped_one) {
        clg__log(CLG_LOG_INFO, "the last image of each epoch is left out: %u images in batches of "
                 "%u leave 1, and batch norm needs 2", t->facts.images, desc->train.batch);
    }
    return CLG_OK;
}

static int copy_options(clg_trainer *t, const clg_trainer_options *opt)
{
    snprintf(t->version, sizeof t->version, "%s", opt->version != NULL ? opt->version : "");
    t->trace_steps = opt->trace_steps;
    t->no_run_folder = opt->no_run_folder;
    if (opt->out_dir != NULL) {
        t->out_dir = clg__strdup(opt->out_dir);
        if (t->out_dir == NULL) {
            return CLG_E_MEMORY;
        }
    }
    return CLG_OK;
}

static void fill_facts(clg_trainer *t, const clg_bytes *need)
{
    enum { HEADER_ESTIMATE = 16384 };
    t->facts.parameters_g = t->plan.g.parameters;
    t->facts.parameters_d = t->plan.d.parameters;
    t->facts.device_bytes_needed = need->total;
    t->facts.device_bytes_available = clg__rt_device(t->ops->rt)->global_mem_bytes;
    t->facts.checkpoint_bytes = 4u * (state_floats(t->g) + state_floats(t->d)) + HEADER_ESTIMATE;
    t->facts.reference_flops_per_image = clg__facts_flops(&t->plan);
}

static int decide_algorithms(clg_trainer *t, const clg_ops *ops)
{
    const clg_net_plan *const plans[2] = { &t->plan.g, &t->plan.d };
    clg_net_options opt[2];
    clg__facts_nets(&t->desc, &t->plan, t->desc.train.batch, opt);
    uint32_t rows[2];
    for (int i = 0; i < 2; i++) { /* what more there is changes nothing, and may be beyond any size */
        bool many = opt[i].max_batch > CLG_ALGORITHMS_MANY_ROWS;
        rows[i] = many ? CLG_ALGORITHMS_MANY_ROWS : opt[i].max_batch;
    }
    return clg__algorithms_decide(&t->algorithms, ops, t->desc.runtime.conv, plans, rows, 2);
}

int clg__trainer_create(clg_trainer **out, const clg_ops *ops, const clg_model_desc *desc,
                        const clg_model_plan *plan, clg_dataset *ds,
                        const clg_trainer_options *opt)
{
    clg_bytes need;
    int status = CLG_OK;
    *out = NULL;
    clg_trainer *t = clg__alloc(1, sizeof *t);
    if (t == NULL) {
        return CLG_E_MEMORY;
    }
    t->ops = &t->algorithms.ops;
    t->desc = *desc;
    t->plan = *plan;
    t->ds = ds;
    t->ring_len = clg__trainer_ring_len(desc);
    t->lr_factor = 1.0;
    t->desc.discriminator.packing += desc->discriminator.packing == 0;
    clg__loss_table_make(&t->desc, plan, &t->table);
    CLG_TRY(copy_options(t, opt));
    CLG_TRY(check_model(t));
    CLG_TRY(make_schedule(t));
    CLG_TRY(decide_algorithms(t, ops));
    CLG_TRY(clg__facts_check_memory(t->ops, desc, plan, &need));
    clg__fused_decide(&t->fused, t->ops, &t->desc, plan, t->desc.train.batch);
    t->feed.slots = t->fused.on ? 2u * clg__fused_steps(&t->fused) : 4u;
    CLG_TRY(make_nets(t));
    CLG_TRY(make_buffers(t));
    CLG_TRY(clg__fused_make(&t->fused, t->ops, t->desc.train.batch));
    fill_facts(t, &need);
    *out = t;
    return CLG_OK;
out:
    clg__trainer_destroy(&t);
    return status;
}

void clg__trainer_destroy(clg_trainer **pt)
{
    if (pt == NULL || *pt == NULL) {
        return;
    }
    clg_trainer *t = *pt;
    clg__feed_stop(t);
    clg__free(t->feed.staging);
    clg__free(t->feed.labels);
    clg__schedule_free(&t->schedule);
    clg__fused_free(&t->fused);
    clg__net_destroy(&t->g);
    clg__net_destroy(&t->d);
    clg__scratch_destroy(&t->scratch);
    clg__buffer_destroy(&t->z);
    clg__buffer_destroy(&t->images);
    clg__buffer_destroy(&t->bytes);
    clg__buffer_destroy(&t->labels);
    clg__buffer_destroy(&t->dlogits);
    clg__buffer_destroy(&t->loss_ws);
    clg__buffer_destroy(&t->ring);
    clg__buffer_destroy(&t->norms);
    clg__pictures_destroy(&t->pictures);
    clg__run_close(&t->run);
    clg__free(t->out_dir);
    clg__algorithms_free(&t->algorithms);
    clg__free(t);
    *pt = NULL;
}

void clg__trainer_facts(const clg_trainer *t, clg_trainer_facts *out)
{
    *out = t->facts;
}

const clg_algorithms *clg__trainer_algorithms(const clg_trainer *t)
{
    return &t->algorithms;
}

int clg__trainer_recall(clg_trainer *t, const clg_st_file *f, const char *path)
{
    const clg_net_plan *plans[2] = { &t->plan.g, &t->plan.d };
    clg_net_options opt[2];
    clg_bytes need;
    int status = CLG_OK;
    clg__facts_nets(&t->desc, &t->plan, t->desc.train.batch, opt);
    const uint32_t batches[2] = { opt[0].max_batch, opt[1].max_batch };
    CLG_TRY(clg__algorithms_recall(&t->algorithms, f, path));
    CLG_TRY(clg__scratch_refit(t->scratch, plans, batches, 2, true, opt[0].store));
    CLG_TRY(clg__net_refit(t->g));
    CLG_TRY(clg__net_refit(t->d));
    CLG_TRY(clg__facts_need(t->ops, &t->desc, &t->plan, t->desc.train.batch, &need));
    t->facts.device_bytes_needed = need.total;
out:
    return status;
}

uint64_t clg__trainer_step_number(const clg_trainer *t)
{
    return t->step;
}

uint64_t clg__trainer_updates(const clg_trainer *t, enum clg_which_net which)
{
    return t->updates[which];
}

const char *clg__trainer_class(const clg_trainer *t, uint32_t class)
{
    return t->ds != NULL ? clg__dataset_class(t->ds, class) : "";
}

const char *clg__trainer_run_dir(const clg_trainer *t)
{
    return t->run != NULL ? clg__run_dir(t->run) : NULL;
}
