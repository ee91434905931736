/* Sample grids: the fixed latents through G with batch statistics, nothing moved. */
#include "base/mem.h"
#include "gan/trainer_internal.h"
#include "ops/image.h"

static void make_latents(const clg_trainer *t, float *z, size_t n)
{
    clg_rng_key key = { .seed = t->desc.train.seed, .stream = CLG_STREAM_Z_GRID };
    if (t->desc.latent.kind == CLG_LATENT_UNIFORM) {
        clg__philox_uniform(&key, t->desc.latent.lo, t->desc.latent.hi, z, n);
    } else {
        clg__philox_normal(&key, 0.0f, 1.0f, z, n);
    }
}

static int draw_rows(clg_trainer *t, const float *z, uint32_t n, uint8_t *dst)
{
    uint32_t len = (uint32_t)(n * clg__trainer_pixels(t));
    clg_tensor latents = clg__tensor_view(clg__tensor_all(t->z), 0, 2, n, t->desc.latent.size,
                                          0, 0);
    clg_tensor bytes = clg__tensor_vec(clg__tensor_all(t->bytes), 0, len), y;
    int status = CLG_OK;
    CLG_TRY(clg__rt_write(t->ops->rt, latents, z));
    CLG_TRY(clg__net_forward(t->g, latents, n, 1, CLG_NET_DRAW, &y));
    CLG_TRY(clg__image_to_u8(t->ops, clg__tensor_vec(y, 0, len), 2.0f / 255.0f, -1.0f, bytes));
    CLG_TRY(clg__rt_read(t->ops->rt, bytes, dst));
out:
    return status;
}

int clg__grid_draw(clg_trainer *t, uint8_t **images)
{
    uint32_t n = t->desc.train.grid_rows * t->desc.train.grid_cols, nz = t->desc.latent.size;
    size_t image = (size_t)clg__trainer_pixels(t);
    int status = CLG_OK;
    float *z = clg__alloc((size_t)n * nz, sizeof *z);
    *images = clg__alloc(n, image);
    if (z == NULL || *images == NULL) {
        status = CLG_E_MEMORY;
        goto out;
    }
    make_latents(t, z, (size_t)n * nz);
    for (uint32_t first = 0; first < n; first += t->desc.train.batch) {
        uint32_t left = n - first;
        uint32_t rows = left < t->desc.train.batch ? left : t->desc.train.batch;
        CLG_TRY(draw_rows(t, z + (size_t)first * nz, rows, *images + first * image));
    }
out:
    clg__free(z);
    if (status != CLG_OK) {
        clg__free(*images);
        *images = NULL;
    }
    return status;
}
