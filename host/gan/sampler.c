/* Drawing from a checkpoint's generator with its running statistics. An image depends on its
 * latents and its place alone, not on how many are asked for: every pass runs the same number of
 * rows, the last one padded, so that no algorithm can depend on the count. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "gan/model.h"
#include "gan/trainer_internal.h"

/* Rows of a pass: many share what a pass reads of the filters, as long as the largest activation
 * stays small. */
enum { ROWS_MIN = 32, ROWS_MAX = 128 };
static const uint64_t ACTIVATION_BYTES = 32u << 20;

struct clg_sampler {
    const clg_ops *ops; /* of `algorithms` */
    clg_algorithms algorithms;
    clg_model_desc desc;
    clg_model_plan plan;
    clg_scratch *scratch;
    clg_net *g;
    clg_buffer *z, *labels;
    float *z_host, *images_host; /* one pass */
    float *shares;               /* [rows, classes]: 1 at the class, or of two */
    float *mean, *cholesky;      /* [Z], [Z,Z] of an autoencoder's codes, or NULL */
    char *names;                 /* of the classes, one after another with their NULs, or NULL */
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
        if (!flat && !back && l->op != CLG_LAYER_CONV2D) {
            if (l->op != CLG_LAYER_EMBEDDING) {
                continue; /* has no weights */
            }
            const uint64_t table[2] = { plan->classes, l->out_c };
            if (!has_shape(f, l->name, "weight", 2, table)) {
                return false;
            }
            weights++;
            continue;
        }
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

/* How many classes the file's generator may take: 0, or what some layer has as inputs, with or
 * without the latents beside them. */
enum { GUESSES_MAX = 64 };
static uint32_t guess_classes(const clg_st_file *f, const clg_model_desc *desc,
                              uint32_t guess[GUESSES_MAX])
{
    uint32_t n = 1;
    guess[0] = 0;
    for (size_t i = 0; i < clg__st_count(f); i++) {
        const clg_st_tensor *t = clg__st_at(f, i);
        for (uint32_t k = 0; k < 4u && t->rank >= 2u && strncmp(t->name, "netG.", 5) == 0; k++) {
            uint64_t d = k / 2u < t->rank ? t->dim[k / 2u] : 0;
            d = k % 2u == 0 ? d : d > desc->latent.size ? d - desc->latent.size : 0;
            bool known = d < 2u || d > 65536u || n == GUESSES_MAX;
            for (uint32_t j = 0; j < n && !known; j++) {
                known = guess[j] == d;
            }
            if (!known) {
                guess[n++] = (uint32_t)d;
            }
        }
    }
    return n;
}

static int guess_plan(const clg_st_file *f, const char *path, const clg_model_desc *desc,
                      clg_model_plan *out)
{
    enum { SIZE_MAX_GUESS = 512 };
    uint32_t guess[GUESSES_MAX], guesses = guess_classes(f, desc, guess);
    clg_data_shape shape = { .system = clg__system_find(desc->data.source) };
    for (uint32_t size = 4; size <= SIZE_MAX_GUESS; size++) {
        for (uint32_t channels = 1; channels <= 3u; channels += 2u) {
            if ((desc->data.size != 0 && desc->data.size != size) ||
                (desc->data.channels != 0 && desc->data.channels != channels)) {
                continue;
            }
            shape.size = size;
            shape.channels = channels;
            for (uint32_t k = 0; k < guesses; k++) {
                shape.classes = guess[k];
                bool fits = clg__model_expand(desc, &shape, out) == CLG_OK;
                if (fits && matches(f, &out->g)) {
                    return CLG_OK;
                }
                if (fits && k == 0) {
                    break; /* the model takes no labels */
                }
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
    const clg_data_shape shape = clg__checkpoint_shape(info);
    CLG_TRY(clg__model_expand(&s->desc, &shape, &s->plan));
out:
    clg__free(info);
    return status;
}

static size_t sample_len(const clg_sampler *s)
{
    return (size_t)s->plan.h * s->plan.w * s->plan.c;
}

/* The Gaussian of an autoencoder's codes; a file without it (never saved by a training with data)
 * draws from N(0,1). */
static int read_codes(clg_sampler *s, const clg_st_file *f)
{
    size_t nz = s->desc.latent.size;
    int status = CLG_OK;
    if (s->desc.order.kind != CLG_ORDER_RECONSTRUCT ||
        clg__st_find(f, "latent.mean") == NULL) {
        return CLG_OK;
    }
    s->mean = clg__alloc(nz, sizeof *s->mean);
    s->cholesky = clg__alloc(nz * nz, sizeof *s->cholesky);
    CLG_TRY(s->mean != NULL && s->cholesky != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(clg__st_read_f32(f, "latent.mean", s->mean, nz));
    CLG_TRY(clg__st_read_f32(f, "latent.cholesky", s->cholesky, nz * nz));
out:
    return status;
}

static int read_names(clg_sampler *s, const clg_st_file *f)
{
    const char *names = clg__st_meta_find(f, "class_names");
    if (names == NULL || s->plan.classes == 0) {
        return CLG_OK;
    }
    size_t n = strlen(names);
    s->names = clg__alloc(n + 2u, 1); /* ends with an empty name */
    if (s->names == NULL) {
        return CLG_E_MEMORY;
    }
    for (size_t i = 0; i < n; i++) {
        s->names[i] = (char)(names[i] == '\n' ? '\0' : names[i]);
    }
    return CLG_OK;
}

static int make_device_side(clg_sampler *s)
{
    const clg_net_plan *plans[1] = { &s->plan.g };
    clg_net_options opt = { .max_batch = s->rows, .label = "netG" };
    uint64_t image = sample_len(s);
    uint32_t nz = s->desc.latent.size;
    int status = CLG_OK;
    CLG_TRY(clg__scratch_create(&s->scratch, s->ops, plans, &s->rows, 1, false, CLG_F32));
    CLG_TRY(clg__net_create(&s->g, s->ops, s->scratch, &s->plan.g, &opt));
    CLG_TRY(clg__buffer_create(s->ops->rt, CLG_F32, (uint64_t)s->rows * nz, "latents", &s->z));
    s->z_host = clg__alloc((size_t)s->rows * nz, sizeof *s->z_host);
    s->images_host = clg__alloc((size_t)s->rows * image, sizeof *s->images_host);
    s->shares = clg__alloc((size_t)s->rows * s->plan.classes + 1u, sizeof *s->shares);
    if (s->z_host == NULL || s->images_host == NULL || s->shares == NULL) {
        status = CLG_E_MEMORY;
        goto out;
    }
    if (s->plan.classes > 0) {
        CLG_TRY(clg__buffer_create(s->ops->rt, CLG_F32, (uint64_t)s->rows * s->plan.classes,
                                   "labels", &s->labels));
    }
out:
    return status;
}

/* As the training computed, unless `ops` force another algorithm. */
static int choose_algorithms(clg_sampler *s, const clg_ops *ops, const clg_st_file *f,
                             const char *path)
{
    const clg_net_plan *const plans[1] = { &s->plan.g };
    const uint32_t rows = CLG_ALGORITHMS_MANY_ROWS;
    bool ours = clg__st_meta_find(f, "config") != NULL;
    int status = clg__algorithms_decide(&s->algorithms, ops,
                                        ours ? CLG_CONV_WISH_AUTO : s->desc.runtime.conv, plans,
                                        &rows, 1);
    return status == CLG_OK ? clg__algorithms_recall(&s->algorithms, f, path) : status;
}

/* A function of the model alone, unless the caller wants fewer. */
static uint32_t choose_rows(const clg_net_plan *g, uint32_t max_batch)
{
    uint64_t largest = 1;
    for (uint32_t i = 0; i < g->layer_count; i++) {
        const clg_layer *l = &g->layer[i];
        const uint64_t len = (uint64_t)l->out_h * l->out_w * l->out_c;
        largest = len > largest ? len : largest;
    }
    uint32_t rows = ROWS_MAX;
    while (rows > ROWS_MIN && sizeof(float) * largest * rows > ACTIVATION_BYTES) {
        rows /= 2u;
    }
    return max_batch == 0 || max_batch > rows ? rows : max_batch;
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
    s->ops = &s->algorithms.ops;
    CLG_TRY(clg__st_open(&f, checkpoint));
    CLG_TRY(find_plan(s, f, checkpoint, desc_or_null));
    s->rows = choose_rows(&s->plan.g, max_batch);
    CLG_TRY(choose_algorithms(s, ops, f, checkpoint));
    CLG_TRY(make_device_side(s));
    CLG_TRY(clg__tensor_list_read_net(f, checkpoint, s->g, CLG_NET_VALUE, "netG.", true));
    CLG_TRY(read_codes(s, f));
    CLG_TRY(read_names(s, f));
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
    clg__buffer_destroy(&s->labels);
    clg__free(s->z_host);
    clg__free(s->images_host);
    clg__free(s->shares);
    clg__free(s->mean);
    clg__free(s->cholesky);
    clg__free(s->names);
    clg__algorithms_free(&s->algorithms);
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

uint32_t clg__sampler_classes(const clg_sampler *s)
{
    return s->plan.g.classes;
}

const char *clg__sampler_class(const clg_sampler *s, uint32_t class)
{
    const char *name = s->names != NULL ? s->names : "";
    for (uint32_t i = 0; i < class && *name != '\0'; i++) {
        name += strlen(name) + 1u;
    }
    return name;
}

/* ---- draw ---- */

/* One pass over s->rows rows of which the first n count. */
static int draw_pass(clg_sampler *s)
{
    clg_tensor y[CLG_HEADS_MAX];
    clg_net_pass pass = { .n = s->rows, .groups = 1, .mode = CLG_NET_EVAL };
    int status = CLG_OK;
    pass.x = clg__tensor_view(clg__tensor_all(s->z), 0, 2, s->rows, s->desc.latent.size, 0, 0);
    CLG_TRY(clg__rt_write(s->ops->rt, pass.x, s->z_host));
    if (s->labels != NULL) {
        pass.labels = clg__tensor_all(s->labels);
        CLG_TRY(clg__rt_write(s->ops->rt, pass.labels, s->shares));
    }
    CLG_TRY(clg__net_run(s->g, &pass, y));
    CLG_TRY(clg__rt_read(s->ops->rt,
                         clg__tensor_vec(y[0], 0, (uint32_t)(s->rows * sample_len(s))),
                         s->images_host));
out:
    return status;
}

static int add_share(clg_sampler *s, uint32_t row, uint32_t class, float share)
{
    if (class >= s->plan.classes) {
        return clg__fail(CLG_E_USAGE, "label %u of a generator that knows %u classes", class,
                         s->plan.classes);
    }
    s->shares[(size_t)row * s->plan.classes + class] += share;
    return CLG_OK;
}

static int fill_shares(clg_sampler *s, const clg_sampler_labels *labels, uint32_t first, uint32_t n)
{
    uint32_t classes = s->plan.classes;
    bool given = labels != NULL && labels->label != NULL;
    int status = CLG_OK;
    memset(s->shares, 0, (size_t)s->rows * classes * sizeof *s->shares);
    for (uint32_t i = 0; i < n && classes > 0; i++) {
        float mix = given && labels->to != NULL ? labels->mix[first + i] : 0.0f;
        CLG_TRY(add_share(s, i, given ? labels->label[first + i] : (first + i) % classes,
                          1.0f - mix));
        if (mix > 0.0f) {
            CLG_TRY(add_share(s, i, labels->to[first + i], mix));
        }
    }
out:
    return status;
}

int clg__sampler_draw(clg_sampler *s, const float *z, const clg_sampler_labels *labels, uint32_t n,
                      float *images)
{
    size_t nz = s->desc.latent.size, image = sample_len(s);
    bool unit = s->desc.data.range == CLG_RANGE_UNIT && s->plan.system == CLG_SYSTEM_NONE;
    int status = CLG_OK;
    for (uint32_t first = 0; first < n; first += s->rows) {
        uint32_t rows = n - first < s->rows ? n - first : s->rows;
        memset(s->z_host, 0, s->rows * nz * sizeof *s->z_host);
        memcpy(s->z_host, z + first * nz, rows * nz * sizeof *s->z_host);
        CLG_TRY(fill_shares(s, labels, first, rows));
        CLG_TRY(draw_pass(s));
        for (size_t i = 0; i < rows * image; i++) {
            float y = s->images_host[i];
            images[first * image + i] = unit ? 2.0f * y - 1.0f : y;
        }
    }
out:
    return status;
}

/* z = mean + L eps for each row of eps, in place: row j of L needs eps up to j. */
static void shape_codes(const clg_sampler *s, uint32_t n, float *z)
{
    size_t nz = s->desc.latent.size;
    for (size_t i = 0; i < n; i++) {
        float *row = z + i * nz;
        for (size_t j = nz; j-- > 0;) {
            double sum = s->mean[j];
            for (size_t k = 0; k <= j; k++) {
                sum += (double)s->cholesky[j * nz + k] * (double)row[k];
            }
            row[j] = (float)sum;
        }
    }
}

int clg__sampler_latents(clg_sampler *s, uint64_t seed, uint32_t n, float *z)
{
    clg_rng_key key = { .seed = seed, .stream = CLG_STREAM_Z_SAMPLE };
    if (s->mean != NULL) {
        clg__philox_normal(&key, 0.0f, 1.0f, z, (size_t)n * s->desc.latent.size);
        shape_codes(s, n, z);
        return CLG_OK;
    }
    clg__latents_draw(&s->desc, &key, z, n);
    return CLG_OK;
}
