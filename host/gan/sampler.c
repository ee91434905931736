/* Drawing from a checkpoint's generator with its running statistics. An image depends on its
 * latents and its place alone, not on how many are asked for: every pass runs the same number of
 * rows, the last one padded, so that no algorithm can depend on the count. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "gan/model.h"
#include "gan/trainer_internal.h"

enum { SAMPLER_ROWS = 32 };

struct clg_sampler {
    const clg_ops *ops;
    clg_model_desc desc;
    clg_model_plan plan;
    clg_scratch *scratch;
    clg_net *g;
    clg_buffer *z;
    float *z_host, *images_host; /* one pass */
    uint32_t rows;
};

/* ---- which image size a file without metadata was made for ---- */

static bool has_shape(const clg_st_file *f, const char *module, const char *leaf, uint32_t rank,
                      const uint64_t *dim)
{
    char name[4 * CLG_NAME_MAX];
    snprintf(name, sizeof name, "netG.%s.%s", module, leaf);
    const clg_st_tensor *t = clg__st_find(f, name);
    bool same = t != NULL && t->rank == rank;
    for (uint32_t i = 0; same && i < rank; i++) {
        same = t->dim[i] == dim[i];
    }
    return same;
}

static bool matches(const clg_st_file *f, const clg_net_plan *plan)
{
    uint32_t weights = 0, found = 0;
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        const clg_layer *l = &plan->layer[i];
        bool back = l->op == CLG_LAYER_DECONV2D, flat = l->op == CLG_LAYER_LINEAR;
        uint64_t in = flat ? (uint64_t)l->in_h * l->in_w * l->in_c : l->in_c;
        uint64_t out = flat ? (uint64_t)l->out_h * l->out_w * l->out_c : l->out_c;
        uint64_t dim[4] = { back ? in : out, back ? out : in, l->kernel, l->kernel };
        if (!has_shape(f, l->name, "weight", flat ? 2u : 4u, dim)) {
            return false;
        }
        weights++;
    }
    for (size_t i = 0; i < clg__st_count(f); i++) { /* no layers beyond those of the plan */
        const clg_st_tensor *t = clg__st_at(f, i);
        found += strncmp(t->name, "netG.", 5) == 0 && t->rank >= 2u;
    }
    return found == weights;
}

static int guess_plan(const clg_st_file *f, const char *path, const clg_model_desc *desc,
                      clg_model_plan *out)
{
    enum { SIZE_MAX_GUESS = 512 };
    for (uint32_t size = 4; size <= SIZE_MAX_GUESS; size++) {
        for (uint32_t channels = 1; channels <= 3u; channels += 2u) {
            if ((desc->data.size != 0 && desc->data.size != size) ||
                (desc->data.channels != 0 && desc->data.channels != channels)) {
                continue;
            }
            if (clg__model_expand(desc, size, channels, out) == CLG_OK && matches(f, &out->g)) {
                return CLG_OK;
            }
        }
    }
    return clg__hint(clg__fail(CLG_E_CHECKPOINT, "%s: its netG tensors are not those of model %s "
                               "at any size", path, desc->model.name),
                     "give the model file and width that it was trained with");
}

/* ---- open, close ---- */

static int find_plan(clg_sampler *s, const clg_st_file *f, const char *path,
                     const clg_model_desc *desc_or_null)
{
    clg_checkpoint_info *info = NULL;
    int status = CLG_OK;
    if (desc_or_null != NULL && clg__st_meta_find(f, "config") == NULL) {
        s->desc = *desc_or_null;
        return guess_plan(f, path, &s->desc, &s->plan);
    }
    info = clg__alloc(1, sizeof *info);
    if (info == NULL) {
        return CLG_E_MEMORY;
    }
    CLG_TRY(clg__checkpoint_info(path, info));
    s->desc = info->desc;
    CLG_TRY(clg__model_expand(&s->desc, info->size, info->channels, &s->plan));
out:
    clg__free(info);
    return status;
}

static int make_device_side(clg_sampler *s)
{
    const clg_net_plan *plans[1] = { &s->plan.g };
    clg_net_options opt = { .max_batch = s->rows, .label = "netG" };
    uint64_t image = (uint64_t)s->plan.size * s->plan.size * s->plan.channels;
    uint32_t nz = s->desc.latent.size;
    int status = CLG_OK;
    CLG_TRY(clg__scratch_create(&s->scratch, s->ops, plans, &s->rows, 1, false));
    CLG_TRY(clg__net_create(&s->g, s->ops, s->scratch, &s->plan.g, &opt));
    CLG_TRY(clg__buffer_create(s->ops->rt, CLG_F32, (uint64_t)s->rows * nz, "latents", &s->z));
    s->z_host = clg__alloc((size_t)s->rows * nz, sizeof *s->z_host);
    s->images_host = clg__alloc((size_t)s->rows * image, sizeof *s->images_host);
    if (s->z_host == NULL || s->images_host == NULL) {
        status = CLG_E_MEMORY;
    }
out:
    return status;
}

int clg__sampler_open(clg_sampler **out, const clg_ops *ops, const char *checkpoint,
                      const clg_model_desc *desc_or_null, uint32_t max_batch)
{
    clg_st_file *f = NULL;
    int status = CLG_OK;
    *out = NULL;
    clg_sampler *s = clg__alloc(1, sizeof *s);
    if (s == NULL) {
        return CLG_E_MEMORY;
    }
    s->ops = ops;
    s->rows = max_batch < 1u ? 1u : max_batch > SAMPLER_ROWS ? SAMPLER_ROWS : max_batch;
    CLG_TRY(clg__st_open(&f, checkpoint));
    CLG_TRY(find_plan(s, f, checkpoint, desc_or_null));
    CLG_TRY(make_device_side(s));
    CLG_TRY(clg__tensor_list_read_net(f, checkpoint, s->g, CLG_NET_VALUE, "netG.", true));
    *out = s;
    s = NULL;
out:
    clg__st_close(&f);
    clg__sampler_close(&s);
    return status;
}

void clg__sampler_close(clg_sampler **ps)
{
    if (ps == NULL || *ps == NULL) {
        return;
    }
    clg_sampler *s = *ps;
    clg__net_destroy(&s->g);
    clg__scratch_destroy(&s->scratch);
    clg__buffer_destroy(&s->z);
    clg__free(s->z_host);
    clg__free(s->images_host);
    clg__free(s);
    *ps = NULL;
}

const clg_model_desc *clg__sampler_desc(const clg_sampler *s)
{
    return &s->desc;
}

const clg_model_plan *clg__sampler_plan(const clg_sampler *s)
{
    return &s->plan;
}

/* ---- draw ---- */

int clg__sampler_draw(clg_sampler *s, const float *z, uint32_t n, float *images)
{
    size_t nz = s->desc.latent.size;
    size_t image = (size_t)s->plan.size * s->plan.size * s->plan.channels;
    clg_tensor latents = clg__tensor_view(clg__tensor_all(s->z), 0, 2, s->rows, (uint32_t)nz, 0, 0);
    clg_tensor y;
    int status = CLG_OK;
    for (uint32_t first = 0; first < n; first += s->rows) {
        uint32_t rows = n - first < s->rows ? n - first : s->rows;
        memset(s->z_host, 0, s->rows * nz * sizeof *s->z_host);
        memcpy(s->z_host, z + first * nz, rows * nz * sizeof *s->z_host);
        CLG_TRY(clg__rt_write(s->ops->rt, latents, s->z_host));
        CLG_TRY(clg__net_forward(s->g, latents, s->rows, 1, CLG_NET_EVAL, &y));
        CLG_TRY(clg__rt_read(s->ops->rt, y, s->images_host));
        memcpy(images + first * image, s->images_host, rows * image * sizeof *images);
    }
out:
    return status;
}

int clg__sampler_latents(clg_sampler *s, uint64_t seed, uint32_t n, float *z)
{
    clg_rng_key key = { .seed = seed, .stream = CLG_STREAM_Z_SAMPLE };
    size_t len = (size_t)n * s->desc.latent.size;
    if (s->desc.latent.kind == CLG_LATENT_UNIFORM) {
        clg__philox_uniform(&key, s->desc.latent.lo, s->desc.latent.hi, z, len);
    } else {
        clg__philox_normal(&key, 0.0f, 1.0f, z, len);
    }
    return CLG_OK;
}
