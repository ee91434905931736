/* Latents on the host: for grids and samples. Those of training steps are drawn on the device. */
#include <math.h>

#include "gan/trainer_internal.h"

/* Each row to the length sqrt(Z), as clg__random_sphere does. */
static void to_sphere(float *z, size_t n, size_t nz)
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0.0;
        for (size_t j = 0; j < nz; j++) {
            sum += (double)z[i * nz + j] * (double)z[i * nz + j];
        }
        double factor = sum > 0.0 ? sqrt((double)nz / sum) : 0.0;
        for (size_t j = 0; j < nz; j++) {
            z[i * nz + j] = (float)(z[i * nz + j] * factor);
        }
    }
}

void clg__latents_draw(const clg_model_desc *desc, const clg_rng_key *key, float *z, size_t n)
{
    size_t nz = desc->latent.size;
    if (desc->latent.kind == CLG_LATENT_UNIFORM) {
        clg__philox_uniform(key, desc->latent.lo, desc->latent.hi, z, n * nz);
        return;
    }
    clg__philox_normal(key, 0.0f, 1.0f, z, n * nz);
    if (desc->latent.kind == CLG_LATENT_SPHERICAL) {
        to_sphere(z, n, nz);
    }
}
