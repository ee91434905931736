/* One training step of a GAN in double precision, the order and the losses of the model description
 * (Goodfellow et al. 2014, algorithm 1; Radford et al. 2016 for the order on the same fakes). */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "ref/ref_internal.h"

static clg_adam adam_of(const clg_optim_desc *d, uint64_t t)
{
    return (clg_adam){ .lr = d->lr, .beta1 = d->beta1, .beta2 = d->beta2, .eps = d->eps, .t = t };
}

static int check(const clg_model_desc *desc, const ref_net *g, const ref_net *d, uint32_t n)
{
    if (desc->loss.objective != CLG_OBJECTIVE_NON_SATURATING ||
        desc->order.kind != CLG_ORDER_D_THEN_G_SAME_FAKES) {
        return clg__fail(CLG_E_INTERNAL, "ref_gan_step: objective %d, order %d are not known",
                         (int)desc->loss.objective, (int)desc->order.kind);
    }
    if (n == 0 || ref__net_max_batch(g) < n || ref__net_max_batch(d) < 2u * n) {
        return clg__fail(CLG_E_INTERNAL,
                         "ref_gan_step: batch %u, but netG was made for %u, netD for %u", n,
                         ref__net_max_batch(g), ref__net_max_batch(d));
    }
    if (ref__net_out_len(g) != ref__net_in_len(d) || ref__net_out_len(d) != 1) {
        return clg__fail(CLG_E_INTERNAL,
                         "ref_gan_step: netG gives %llu, netD takes %llu, gives %llu",
                         (unsigned long long)ref__net_out_len(g),
                         (unsigned long long)ref__net_in_len(d),
                         (unsigned long long)ref__net_out_len(d));
    }
    return CLG_OK;
}

int ref_gan_step(const clg_model_desc *desc, ref_net *g, ref_net *d, const double *real,
                 const double *z, uint32_t n, uint64_t t, ref_gan_result *out)
{
    int status = check(desc, g, d, n);
    double *both = NULL, *dl = NULL, *dfake = NULL, bce[2];
    const double *l;
    size_t image;
    clg_adam adam_d = adam_of(&desc->optimizer_d, t), adam_g = adam_of(&desc->optimizer_g, t);

    if (status != CLG_OK) {
        return status;
    }
    image = (size_t)ref__net_in_len(d);
    both = clg__alloc(2u * (size_t)n * image, sizeof *both); /* real rows, then fake rows */
    dl = clg__alloc(2u * (size_t)n, sizeof *dl);
    dfake = clg__alloc((size_t)n * image, sizeof *dfake);
    if (!both || !dl || !dfake) {
        CLG_TRY(CLG_E_MEMORY);
    }
    memcpy(both, real, (size_t)n * image * sizeof *both);
    memcpy(both + (size_t)n * image, ref_net_forward(g, z, n, 1, true),
           (size_t)n * image * sizeof *both);

    /* D: real to 1, fake to 0, statistics per half */
    l = ref_net_forward(d, both, 2u * n, 2, true);
    ref_bce(l, n, 1.0, 1.0, bce, dl);
    out->loss_d = bce[0];
    out->d_real = bce[1];
    ref_bce(l + n, n, 0.0, 1.0, bce, dl + n);
    out->loss_d += bce[0];
    out->d_fake_before = bce[1];
    ref_net_backward(d, both, dl, 2u * n, 2, true, NULL);
    ref__net_adam(d, &adam_d);

    /* G: the same fakes to 1 through the updated D; D's gradients stay those of its own step */
    l = ref_net_forward(d, both + (size_t)n * image, n, 1, true);
    ref_bce(l, n, 1.0, 1.0, bce, dl);
    out->loss_g = bce[0];
    out->d_fake_after = bce[1];
    ref_net_backward(d, both + (size_t)n * image, dl, n, 1, false, dfake);
    ref_net_backward(g, z, dfake, n, 1, true, NULL);
    ref__net_adam(g, &adam_g);
out:
    clg__free(both);
    clg__free(dl);
    clg__free(dfake);
    return status;
}
