/* The public API of clgan/clgan.h over the rooms: opaque objects, checks of what comes from
 * outside, nothing else. */
#include "clgan/clgan.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "gan/model.h"
#include "gan/trainer.h"
#include "io/config.h"
#include "nn/conv_tune.h"

struct clg_context {
    clg_rt *rt;
    clg_blas *blas;
    clg_conv_choices conv; /* what the environment forces, else what the record says */
    clg_conv_list record;
    clg_ops ops;
};

struct clg_model {
    clg_model_desc desc;
};

const char *clg_version(void)
{
    return CLGAN_VERSION;
}

void clg_log_set(clg_log_sink sink, void *user)
{
    clg__log_set(sink, user);
}

static int check_pointer(const void *p, const char *what)
{
    return p != NULL ? CLG_OK : clg__fail(CLG_E_USAGE, "%s is NULL", what);
}

/* ---- device ---- */

static int find_word(const char *what, const char *word, const char *const words[3], int *out)
{
    *out = 0;
    for (int i = 0; word != NULL && i < 3; i++) {
        if (strcmp(word, words[i]) == 0) {
            *out = i;
            return CLG_OK;
        }
    }
    return word == NULL ? CLG_OK
                        : clg__fail(CLG_E_USAGE, "%s is \"%s\", not %s, %s or %s", what, word,
                                    words[0], words[1], words[2]);
}

int clg_context_open(clg_context **out, const clg_context_options *opt)
{
    static const char *const gemms[3] = { "auto", "clblast", "builtin" };
    static const char *const families[3] = { "auto", "cpu", "gpu" };
    static const clg_context_options defaults = { 0 };
    const clg_context_options *o = opt != NULL ? opt : &defaults;
    clg_rt_options rt = { .platform = o->platform,
                          .device = o->device,
                          .no_cache = o->no_cache != 0 };
    clg_blas_options blas = { .tune = o->tune != 0 };
    int status = CLG_OK;
    *out = NULL;
    clg_context *c = clg__alloc(1, sizeof *c);
    if (c == NULL) {
        return CLG_E_MEMORY;
    }
    CLG_TRY(find_word("gemm", o->gemm, gemms, &blas.choice));
    CLG_TRY(find_word("kernels", o->kernels, families, &rt.family));
    CLG_TRY(clg__rt_open(&c->rt, &rt));
    CLG_TRY(clg__blas_open(&c->blas, c->rt, &blas));
    CLG_TRY(clg__conv_forced_by_env(&c->conv.forced));
    if (blas.tune && clg__conv_record_read(c->rt, &c->record)) {
        c->conv.list = c->record.choice;
        c->conv.count = c->record.count;
    }
    c->ops = (clg_ops){ .rt = c->rt, .blas = c->blas, .conv_choices = &c->conv };
    *out = c;
    c = NULL;
out:
    clg_context_close(&c);
    return status;
}

void clg_context_close(clg_context **context)
{
    if (context == NULL || *context == NULL) {
        return;
    }
    clg__blas_close(&(*context)->blas);
    clg__rt_close(&(*context)->rt);
    clg__conv_list_free(&(*context)->record);
    clg__free(*context);
    *context = NULL;
}

const char *clg_context_device(const clg_context *context)
{
    return clg__rt_device(context->rt)->name;
}

/* ---- model ---- */

int clg_model_load(clg_model **out, const char *name_or_path)
{
    int status = CLG_OK;
    *out = NULL;
    clg_model *m = clg__alloc(1, sizeof *m);
    if (m == NULL) {
        return CLG_E_MEMORY;
    }
    CLG_TRY(check_pointer(name_or_path, "clg_model_load: the name"));
    CLG_TRY(clg__model_load(name_or_path, &m->desc));
    *out = m;
    m = NULL;
out:
    clg__free(m);
    return status;
}

void clg_model_free(clg_model **model)
{
    if (model != NULL) {
        clg__free(*model);
        *model = NULL;
    }
}

int clg_model_set(clg_model *model, const char *assignment)
{
    return clg__config_set(&model->desc, assignment);
}

/* ---- images ---- */

int clg_data_open(clg_data **out, const char *source, uint32_t size, uint32_t channels)
{
    clg_dataset_options opt = { .size = size, .channels = channels, .split = CLG_SPLIT_TRAIN };
    *out = NULL;
    int status = check_pointer(source, "clg_data_open: the source");
    return status == CLG_OK ? clg__dataset_open(out, source, &opt) : status;
}

int clg_data_from_memory(clg_data **out, const uint8_t *images, uint32_t count, uint32_t height,
                         uint32_t width, uint32_t channels, uint32_t size)
{
    clg_dataset_options opt = { .size = size, .channels = channels };
    *out = NULL;
    int status = check_pointer(images, "clg_data_from_memory: images");
    return status == CLG_OK
               ? clg__dataset_from_memory(out, images, count, height, width, channels, &opt)
               : status;
}

void clg_data_close(clg_data **data)
{
    clg__dataset_close(data);
}

uint32_t clg_data_count(const clg_data *data)
{
    return clg__dataset_info(data)->count;
}

/* ---- training ---- */

static int create_trainer(clg_trainer **out, clg_context *context, const clg_model *model,
                          clg_data *data, const clg_data_shape *shape)
{
    clg_trainer_options opt = { .version = CLGAN_VERSION, .no_run_folder = true };
    int status = CLG_OK;
    *out = NULL;
    clg_model_plan *plan = clg__alloc(1, sizeof *plan);
    if (plan == NULL) {
        return CLG_E_MEMORY;
    }
    CLG_TRY(check_pointer(context, "clg_trainer_create: the context"));
    CLG_TRY(check_pointer(model, "clg_trainer_create: the model"));
    if (model->desc.runtime.math == CLG_MATH_TF32) {
        status = clg__fail(CLG_E_USAGE, "runtime.math is tf32; contexts of the library multiply "
                                        "floats");
        status = clg__hint(status, "clg_model_set(model, \"runtime.math=fp32\")");
        goto out;
    }
    CLG_TRY(clg__model_expand(&model->desc, shape, plan));
    CLG_TRY(clg__trainer_create(out, &context->ops, &model->desc, plan, data, &opt));
out:
    clg__free(plan);
    return status;
}

int clg_trainer_create(clg_trainer **out, clg_context *context, const clg_model *model,
                       clg_data *data)
{
    *out = NULL;
    int status = check_pointer(model, "clg_trainer_create: the model");
    clg_data_shape shape = { 0 };
    if (status == CLG_OK) {
        shape.system = clg__system_find(model->desc.data.source);
    }
    if (status == CLG_OK && shape.system == CLG_SYSTEM_NONE) {
        status = check_pointer(data, "clg_trainer_create: the data");
    }
    if (status != CLG_OK) {
        return status;
    }
    if (data != NULL) {
        const clg_dataset_info *info = clg__dataset_info(data);
        shape = (clg_data_shape){ .size = info->size,
                                  .channels = info->channels,
                                  .classes = info->classes };
    }
    return create_trainer(out, context, model, data, &shape);
}

int clg_trainer_create_for(clg_trainer **out, clg_context *context, const clg_model *model,
                           uint32_t size, uint32_t channels)
{
    return clg_trainer_create_classes(out, context, model, size, channels, 0);
}

int clg_trainer_create_classes(clg_trainer **out, clg_context *context, const clg_model *model,
                               uint32_t size, uint32_t channels, uint32_t classes)
{
    const clg_data_shape shape = { .size = size, .channels = channels, .classes = classes };
    return create_trainer(out, context, model, NULL, &shape);
}

void clg_trainer_destroy(clg_trainer **trainer)
{
    clg__trainer_destroy(trainer);
}

int clg_trainer_step(clg_trainer *trainer)
{
    return clg__trainer_step(trainer);
}

int clg_trainer_step_on(clg_trainer *trainer, const uint8_t *images, uint32_t n)
{
    return clg__trainer_step_on(trainer, images, n);
}

int clg_trainer_step_on_labels(clg_trainer *trainer, const uint8_t *images, const uint32_t *labels,
                               uint32_t n)
{
    return clg__trainer_step_on_labels(trainer, images, labels, n);
}

int clg_trainer_losses(clg_trainer *trainer, clg_losses *out)
{
    clg_progress p;
    int status = clg__trainer_losses(trainer, &p);
    *out = (clg_losses){ .step = p.step,
                         .loss_d = p.loss_d,
                         .loss_g = p.loss_g,
                         .d_real = p.d_real,
                         .d_fake_before = p.d_fake_before,
                         .d_fake_after = p.d_fake_after };
    return status;
}

int clg_trainer_save(clg_trainer *trainer, const char *path)
{
    return clg__trainer_save(trainer, path);
}

int clg_trainer_load(clg_trainer *trainer, const char *path)
{
    bool other_device = false; /* a warning went to the log */
    return clg__trainer_load(trainer, path, &other_device);
}

/* ---- sampling ---- */

int clg_sampler_open(clg_sampler **out, clg_context *context, const char *checkpoint,
                     const clg_model *model)
{
    return clg__sampler_open(out, &context->ops, checkpoint, model != NULL ? &model->desc : NULL,
                             0);
}

void clg_sampler_close(clg_sampler **sampler)
{
    clg__sampler_close(sampler);
}

void clg_sampler_shape(const clg_sampler *sampler, uint32_t *size, uint32_t *channels,
                       uint32_t *latents)
{
    const clg_model_plan *plan = clg__sampler_plan(sampler);
    if (size != NULL) {
        *size = plan->size;
    }
    if (channels != NULL) {
        *channels = plan->channels;
    }
    if (latents != NULL) {
        *latents = clg__sampler_desc(sampler)->latent.size;
    }
}

int clg_sampler_latents(clg_sampler *sampler, uint64_t seed, uint32_t n, float *z)
{
    return clg__sampler_latents(sampler, seed, n, z);
}

int clg_sampler_draw(clg_sampler *sampler, const float *z, uint32_t n, float *images)
{
    return clg__sampler_draw(sampler, z, NULL, n, images);
}

int clg_sampler_draw_labels(clg_sampler *sampler, const float *z, const uint32_t *labels,
                            uint32_t n, float *images)
{
    return clg__sampler_draw(sampler, z, &(clg_sampler_labels){ .label = labels }, n, images);
}

uint32_t clg_sampler_classes(const clg_sampler *sampler)
{
    return clg__sampler_classes(sampler);
}

const char *clg_sampler_class(const clg_sampler *sampler, uint32_t label)
{
    return clg__sampler_class(sampler, label);
}
