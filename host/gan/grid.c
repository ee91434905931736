/* Sample grids: the fixed latents through G with batch statistics, nothing moved. A model with
 * classes shows one class per row; an autoencoder shows images of the data set (even rows) above its
 * reconstructions of them. */
#include <string.h>

#include "base/mem.h"
#include "gan/trainer_internal.h"
#include "ops/image.h"

static void make_latents(const clg_trainer *t, float *z, size_t n)
{
    clg_rng_key key = { .seed = t->desc.train.seed, .stream = CLG_STREAM_Z_GRID };
    clg__latents_draw(&t->desc, &key, z, n);
}

/* The class of each row's samples; rows over the classes start again. */
void clg__grid_labels(const clg_trainer *t, uint32_t first, uint32_t n, uint32_t *label)
{
    for (uint32_t i = 0; i < n && t->plan.classes > 0; i++) {
        label[i] = (first + i) / t->desc.train.grid_cols % t->plan.classes;
    }
}

static int bring_labels(clg_trainer *t, uint32_t first, uint32_t n, clg_tensor *rows)
{
    *rows = CLG_NO_TENSOR;
    if (t->labels == NULL) {
        return CLG_OK;
    }
    uint32_t *label = clg__alloc(n, sizeof *label);
    if (label == NULL) {
        return CLG_E_MEMORY;
    }
    clg__grid_labels(t, first, n, label);
    *rows = clg__tensor_vec(clg__tensor_all(t->labels), 0, n);
    int status = clg__rt_write(t->ops->rt, *rows, label);
    clg__free(label);
    return status;
}

/* Samples first .. first+n of those that z's rows [n, Z] begin; y is G's own output. */
static int draw_rows(clg_trainer *t, const float *z, uint32_t first, uint32_t n, clg_tensor *y)
{
    clg_tensor heads[CLG_HEADS_MAX];
    clg_net_pass pass = { .n = n, .groups = 1, .mode = CLG_NET_DRAW };
    int status = CLG_OK;
    pass.x = clg__tensor_view(clg__tensor_all(t->z), 0, 2, n, t->desc.latent.size, 0, 0);
    CLG_TRY(bring_labels(t, first, n, &pass.labels));
    CLG_TRY(clg__rt_write_f32(t->ops->rt, pass.x, z));
    CLG_TRY(clg__net_run(t->g, &pass, heads));
    *y = clg__tensor_vec(heads[0], 0, (uint32_t)(n * clg__trainer_pixels(t)));
out:
    return status;
}

static int read_bytes(clg_trainer *t, clg_tensor y, uint8_t *dst)
{
    clg_tensor bytes = clg__tensor_vec(clg__tensor_all(t->bytes), 0, (uint32_t)clg__tensor_len(y));
    float scale, shift;
    int status = CLG_OK;
    clg__trainer_range(&t->desc, &scale, &shift);
    CLG_TRY(clg__image_to_u8(t->ops, y, scale, shift, bytes));
    CLG_TRY(clg__rt_read(t->ops->rt, bytes, dst));
out:
    return status;
}

/* n images of the data set in t->bytes through D's trunk and G. */
static int reconstruct_rows(clg_trainer *t, const uint8_t *images, uint32_t n, uint8_t *dst)
{
    uint32_t len = (uint32_t)(n * clg__trainer_pixels(t));
    clg_tensor bytes = clg__tensor_vec(clg__tensor_all(t->bytes), 0, len);
    clg_tensor x = clg__tensor_vec(clg__tensor_all(t->images), 0, len);
    clg_tensor heads[CLG_HEADS_MAX];
    float scale, shift;
    int status = CLG_OK;
    clg__trainer_range(&t->desc, &scale, &shift);
    CLG_TRY(clg__rt_write(t->ops->rt, bytes, images));
    CLG_TRY(clg__image_from_u8(t->ops, bytes, scale, shift, x));
    clg_net_pass pass = { .x = x, .n = n, .groups = 1, .mode = CLG_NET_DRAW };
    CLG_TRY(bring_labels(t, 0, n, &pass.labels));
    CLG_TRY(clg__net_run(t->d, &pass, heads));
    pass.x = clg__tensor_view(heads[0], 0, 2, n, t->desc.latent.size, 0, 0);
    CLG_TRY(clg__net_run(t->g, &pass, heads));
    CLG_TRY(read_bytes(t, clg__tensor_vec(heads[0], 0, len), dst));
out:
    return status;
}

static int draw_pairs(clg_trainer *t, uint8_t *images)
{
    uint32_t cols = t->desc.train.grid_cols, pairs = t->desc.train.grid_rows / 2u;
    uint32_t count = clg__dataset_info(t->ds)->count, batch = t->desc.train.batch;
    size_t image = (size_t)clg__trainer_pixels(t);
    uint32_t *index = clg__alloc(cols, sizeof *index);
    int status = index != NULL ? CLG_OK : CLG_E_MEMORY;
    for (uint32_t row = 0; row < pairs && status == CLG_OK; row++) {
        uint8_t *above = images + (size_t)2u * row * cols * image, *below = above + cols * image;
        for (uint32_t i = 0; i < cols; i++) {
            index[i] = (row * cols + i) % count;
        }
        status = clg__dataset_read(t->ds, index, NULL, cols, above);
        for (uint32_t first = 0; first < cols && status == CLG_OK; first += batch) {
            uint32_t n = cols - first < batch ? cols - first : batch;
            status = reconstruct_rows(t, above + first * image, n, below + first * image);
        }
    }
    clg__free(index);
    return status;
}

/* n samples of the fixed latents, batch by batch, to the one of both that is not NULL: floats as G
 * gives them, or bytes. */
static int draw_all(clg_trainer *t, uint32_t n, float *samples, uint8_t *images)
{
    uint32_t nz = t->desc.latent.size, batch = t->desc.train.batch;
    size_t image = (size_t)clg__trainer_pixels(t);
    int status = CLG_OK;
    float *z = clg__alloc((size_t)n * nz, sizeof *z);
    if (z == NULL) {
        return CLG_E_MEMORY;
    }
    make_latents(t, z, n);
    for (uint32_t first = 0; first < n; first += batch) {
        uint32_t rows = n - first < batch ? n - first : batch;
        clg_tensor y;
        CLG_TRY(draw_rows(t, z + (size_t)first * nz, first, rows, &y));
        CLG_TRY(samples != NULL ? clg__rt_read_f32(t->ops->rt, y, samples + first * image)
                                : read_bytes(t, y, images + first * image));
    }
out:
    clg__free(z);
    return status;
}

int clg__grid_samples(clg_trainer *t, uint32_t n, float *samples)
{
    return draw_all(t, n, samples, NULL);
}

int clg__grid_draw(clg_trainer *t, uint8_t **images)
{
    uint32_t n = t->desc.train.grid_rows * t->desc.train.grid_cols;
    bool pairs = t->desc.order.kind == CLG_ORDER_RECONSTRUCT && t->ds != NULL;
    *images = clg__alloc(n, (size_t)clg__trainer_pixels(t));
    if (*images == NULL) {
        return CLG_E_MEMORY;
    }
    int status = pairs ? draw_pairs(t, *images) : draw_all(t, n, NULL, *images);
    if (status != CLG_OK) {
        clg__free(*images);
        *images = NULL;
    }
    return status;
}
