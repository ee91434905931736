/* A look into a running trainer, for the self-test and the comparison with other engines. */
#include "gan/trainer_internal.h"

clg_net *clg__trainer_net(clg_trainer *t, enum clg_which_net which)
{
    return which == CLG_GENERATOR ? t->g : t->d;
}

int clg__trainer_read_latents(clg_trainer *t, uint32_t n, float *z)
{
    clg_tensor rows = clg__tensor_view(clg__tensor_all(t->z), 0, 2, n, t->desc.latent.size, 0, 0);
    return clg__rt_read_f32(t->ops->rt, rows, z);
}
