/* The autoencoder's latents: a Gaussian with the mean and the covariance of the codes of training
 * images, so that codes can be drawn that the decoder knows. */
#include <math.h>

#include "base/mem.h"
#include "gan/trainer_internal.h"
#include "ops/image.h"

enum { CODES_MAX = 10000, CODES_PER_LATENT = 4 };

typedef struct clg_code_sums {
    double *mean, *second; /* [Z], [Z,Z]: sums of z and of z z^T */
    uint32_t count;
} clg_code_sums;

/* Codes of images index[0..n) with running statistics, added to the sums. */
static int add_rows(clg_trainer *t, const uint32_t *index, uint32_t n, uint8_t *rows, float *code,
                    clg_code_sums *s)
{
    uint32_t nz = t->desc.latent.size, len = (uint32_t)(n * clg__trainer_pixels(t));
    clg_tensor bytes = clg__tensor_vec(clg__tensor_all(t->bytes), 0, len);
    clg_net_pass pass = { .x = clg__tensor_vec(clg__tensor_all(t->images), 0, len), .n = n,
                          .groups = 1, .mode = CLG_NET_EVAL };
    clg_tensor heads[CLG_HEADS_MAX];
    float scale, shift;
    int status = CLG_OK;
    clg__trainer_range(&t->desc, &scale, &shift);
    CLG_TRY(clg__dataset_read(t->ds, index, NULL, n, rows));
    CLG_TRY(clg__rt_write(t->ops->rt, bytes, rows));
    CLG_TRY(clg__image_from_u8(t->ops, bytes, scale, shift, pass.x));
    CLG_TRY(clg__net_run(t->d, &pass, heads));
    CLG_TRY(clg__rt_read_f32(t->ops->rt, clg__tensor_vec(heads[0], 0, n * nz), code));
    for (uint32_t i = 0; i < n; i++) {
        const float *z = code + (size_t)i * nz;
        for (uint32_t j = 0; j < nz; j++) {
            s->mean[j] += z[j];
            for (uint32_t k = 0; k <= j; k++) {
                s->second[(size_t)j * nz + k] += (double)z[j] * (double)z[k];
            }
        }
    }
    s->count += n;
out:
    return status;
}

/* Sums to mean and covariance (lower half), then L with L L^T = covariance in its place. A direction
 * in which codes do not vary gets a small variance, so that the factor exists. */
static void factorise(clg_code_sums *s, uint32_t nz)
{
    double trace = 0.0, least, n = s->count;
    double *a = s->second;
    for (uint32_t j = 0; j < nz; j++) {
        s->mean[j] /= n;
    }
    for (uint32_t j = 0; j < nz; j++) {
        for (uint32_t k = 0; k <= j; k++) {
            double c = a[(size_t)j * nz + k] / n - s->mean[j] * s->mean[k];
            a[(size_t)j * nz + k] = n > 1.0 ? c * n / (n - 1.0) : 0.0;
        }
        trace += a[(size_t)j * nz + j];
    }
    least = 1e-8 * trace / nz + 1e-20;
    for (uint32_t j = 0; j < nz; j++) {
        for (uint32_t k = 0; k <= j; k++) {
            double sum = a[(size_t)j * nz + k];
            for (uint32_t i = 0; i < k; i++) {
                sum -= a[(size_t)j * nz + i] * a[(size_t)k * nz + i];
            }
            a[(size_t)j * nz + k] = j == k ? sqrt(sum > least ? sum : least)
                                           : sum / a[(size_t)k * nz + k];
        }
    }
}

static int copy_out(const clg_code_sums *s, uint32_t nz, float **mean, float **cholesky)
{
    *mean = clg__alloc(nz, sizeof **mean);
    *cholesky = clg__alloc((size_t)nz * nz, sizeof **cholesky);
    if (*mean == NULL || *cholesky == NULL) {
        return CLG_E_MEMORY;
    }
    for (uint32_t j = 0; j < nz; j++) {
        (*mean)[j] = (float)s->mean[j];
        for (uint32_t k = 0; k <= j; k++) {
            (*cholesky)[(size_t)j * nz + k] = (float)s->second[(size_t)j * nz + k];
        }
    }
    return CLG_OK;
}

uint32_t clg__codes_count(uint32_t images, uint32_t latents, uint64_t seen)
{
    uint64_t least = (uint64_t)CODES_PER_LATENT * latents;
    uint64_t count = seen > least ? seen : least;
    count = count < CODES_MAX ? count : CODES_MAX;
    return count < images ? (uint32_t)count : images;
}

int clg__codes_fit(clg_trainer *t, float **mean, float **cholesky)
{
    uint32_t nz = t->desc.latent.size, batch = t->desc.train.batch, all = t->facts.images;
    uint32_t count = clg__codes_count(all, nz, t->step * batch);
    size_t image = (size_t)clg__trainer_pixels(t);
    uint32_t *index = clg__alloc(batch, sizeof *index);
    uint8_t *rows = clg__alloc(batch, image);
    float *code = clg__alloc((size_t)batch * nz, sizeof *code);
    clg_code_sums s = { .mean = clg__alloc(nz, sizeof(double)),
                        .second = clg__alloc((size_t)nz * nz, sizeof(double)) };
    int status = CLG_OK;
    if (index == NULL || rows == NULL || code == NULL || s.mean == NULL || s.second == NULL) {
        CLG_TRY(CLG_E_MEMORY);
    }
    for (uint32_t first = 0; first < count; first += batch) {
        uint32_t n = count - first < batch ? count - first : batch;
        for (uint32_t i = 0; i < n; i++) { /* spread over the set: folders come class by class */
            index[i] = (uint32_t)((uint64_t)(first + i) * all / count);
        }
        CLG_TRY(add_rows(t, index, n, rows, code, &s));
    }
    factorise(&s, nz);
    CLG_TRY(copy_out(&s, nz, mean, cholesky));
out:
    clg__free(index);
    clg__free(rows);
    clg__free(code);
    clg__free(s.mean);
    clg__free(s.second);
    return status;
}
