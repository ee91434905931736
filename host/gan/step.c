/* One training step, as a list of enqueued work: D on real and fake images in one pass with batch
 * statistics per half, then G through the updated D on the same fakes (Goodfellow et al. 2014,
 * algorithm 1 with k = 1 and the non-saturating loss; the order of Radford et al. 2016). The losses
 * go to a ring on the device, which is read once per log interval. */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "gan/trainer_internal.h"
#include "ops/bce.h"
#include "ops/image.h"
#include "ops/random.h"

uint64_t clg__trainer_pixels(const clg_trainer *t)
{
    return (uint64_t)t->plan.size * t->plan.size * t->plan.channels;
}

static clg_tensor image_rows(const clg_trainer *t, uint32_t first, uint32_t n)
{
    uint64_t image = clg__trainer_pixels(t);
    return clg__tensor_view(clg__tensor_all(t->images), first * image, 4, n, t->plan.size,
                            t->plan.size, t->plan.channels);
}

static clg_tensor loss_slot(const clg_trainer *t, uint64_t step, uint32_t at)
{
    return clg__tensor_vec(clg__tensor_all(t->ring), step % t->ring_len * CLG_LOSS_ROW + at, 2);
}

static clg_tensor latent_rows(const clg_trainer *t, uint32_t n)
{
    return clg__tensor_view(clg__tensor_all(t->z), 0, 2, n, t->desc.latent.size, 0, 0);
}

static int draw_latents(clg_trainer *t, uint64_t step, uint32_t n)
{
    clg_rng_key key = { .seed = t->desc.train.seed, .stream = CLG_STREAM_Z, .step = step };
    clg_tensor z = latent_rows(t, n);
    if (t->desc.latent.kind == CLG_LATENT_UNIFORM) {
        return clg__random_uniform(t->ops, &key, t->desc.latent.lo, t->desc.latent.hi, z);
    }
    return clg__random_normal(t->ops, &key, 0.0f, 1.0f, z);
}

/* Adam on one net; with `norms` the sums of squares of weights, gradients and the update go to
 * t->norms from `first` on. */
static int update(clg_trainer *t, clg_net *net, const clg_optim_desc *a, uint64_t step, bool norms,
                  uint32_t first)
{
    clg_adam adam = { .lr = a->lr, .beta1 = a->beta1, .beta2 = a->beta2, .eps = a->eps, .t = step };
    uint32_t n = clg__net_parameter_count(net);
    int status = CLG_OK;
    if (!norms) {
        return clg__net_adam(net, &adam);
    }
    clg_tensor all = clg__tensor_all(t->norms);
    CLG_TRY(clg__net_sumsq(net, CLG_NET_VALUE, clg__tensor_vec(all, first, n)));
    CLG_TRY(clg__net_sumsq(net, CLG_NET_GRAD, clg__tensor_vec(all, first + n, n)));
    CLG_TRY(clg__net_snapshot(net));
    CLG_TRY(clg__net_adam(net, &adam));
    CLG_TRY(clg__net_sumsq_update(net, clg__tensor_vec(all, first + 2u * n, n)));
out:
    return status;
}

static int step_discriminator(clg_trainer *t, uint64_t step, uint32_t n, bool norms)
{
    clg_tensor both = image_rows(t, 0, 2u * n), logits;
    clg_tensor dl = clg__tensor_vec(clg__tensor_all(t->dlogits), 0, 2u * n);
    int status = CLG_OK;
    CLG_TRY(clg__net_forward(t->d, both, 2u * n, 2, CLG_NET_TRAIN, &logits));
    CLG_TRY(clg__bce(t->ops, clg__tensor_vec(logits, 0, n), 1.0f, 1.0f,
                     loss_slot(t, step, CLG_LOSS_REAL), clg__tensor_vec(dl, 0, n)));
    CLG_TRY(clg__bce(t->ops, clg__tensor_vec(logits, n, n), 0.0f, 1.0f,
                     loss_slot(t, step, CLG_LOSS_FAKE), clg__tensor_vec(dl, n, n)));
    CLG_TRY(clg__net_backward(t->d, both, dl, 2u * n, 2, true, CLG_NO_TENSOR));
    CLG_TRY(update(t, t->d, &t->desc.optimizer_d, step, norms,
                   3u * clg__net_parameter_count(t->g)));
out:
    return status;
}

static int step_generator(clg_trainer *t, uint64_t step, uint32_t n, bool norms)
{
    /* The real images are not needed any more: their place takes the gradient of the fakes. */
    clg_tensor fake = image_rows(t, n, n), dfake = image_rows(t, 0, n), logits;
    clg_tensor dl = clg__tensor_vec(clg__tensor_all(t->dlogits), 0, n);
    int status = CLG_OK;
    CLG_TRY(clg__net_forward(t->d, fake, n, 1, CLG_NET_TRAIN, &logits));
    CLG_TRY(clg__bce(t->ops, clg__tensor_vec(logits, 0, n), 1.0f, 1.0f,
                     loss_slot(t, step, CLG_LOSS_G), dl));
    CLG_TRY(clg__net_backward(t->d, fake, dl, n, 1, false, dfake));
    CLG_TRY(clg__net_backward(t->g, latent_rows(t, n), dfake, n, 1, true, CLG_NO_TENSOR));
    CLG_TRY(update(t, t->g, &t->desc.optimizer_g, step, norms, 0));
out:
    return status;
}

int clg__step_enqueue(clg_trainer *t, uint32_t n, const clg_step_wish *wish)
{
    uint64_t step = t->step + 1u;
    clg_tensor fake, real = image_rows(t, 0, n);
    clg_tensor bytes = clg__tensor_vec(clg__tensor_all(t->bytes), 0,
                                       (uint32_t)(n * clg__trainer_pixels(t)));
    int status = CLG_OK;
    CLG_TRY(clg__image_from_u8(t->ops, bytes, 2.0f / 255.0f, -1.0f, real));
    if (wish->real != NULL) {
        CLG_TRY(clg__rt_read(t->ops->rt, real, wish->real));
    }
    CLG_TRY(draw_latents(t, step, n));
    CLG_TRY(clg__net_forward(t->g, latent_rows(t, n), n, 1, CLG_NET_TRAIN, &fake));
    CLG_TRY(clg__rt_copy(t->ops->rt, clg__tensor_vec(fake, 0, (uint32_t)clg__tensor_len(real)),
                         clg__tensor_vec(clg__tensor_all(t->images), clg__tensor_len(real),
                                         (uint32_t)clg__tensor_len(real))));
    CLG_TRY(step_discriminator(t, step, n, wish->norms));
    CLG_TRY(step_generator(t, step, n, wish->norms));
    CLG_TRY(clg__rt_flush(t->ops->rt));
    t->step = step;
    return CLG_OK;
out:
    return clg__context(status, "step %llu", (unsigned long long)step);
}

int clg__step_next(clg_trainer *t, const clg_step_wish *wish, uint32_t *n)
{
    int status = clg__feed_next(t, n);
    if (status == CLG_OK && *n == 0) {
        status = clg__fail(CLG_E_INTERNAL, "the loader ended before the training");
    }
    return status == CLG_OK ? clg__step_enqueue(t, *n, wish) : status;
}

int clg__trainer_step(clg_trainer *t)
{
    uint32_t n;
    return clg__step_next(t, &(clg_step_wish){ 0 }, &n);
}

int clg__trainer_step_on(clg_trainer *t, const uint8_t *images, uint32_t n)
{
    if (n == 0 || n > t->desc.train.batch) {
        return clg__hint(clg__fail(CLG_E_USAGE, "a step on %u images, the trainer was made for %u",
                                   n, t->desc.train.batch),
                         "set train.batch to the largest number of images of a step");
    }
    if (n == 1u && t->norm) {
        return clg__hint(clg__fail(CLG_E_USAGE, "a step on 1 image under batch norm"),
                         "give 2 images or more");
    }
    int status = clg__feed_images(t, images, n);
    return status == CLG_OK ? clg__step_enqueue(t, n, &(clg_step_wish){ 0 }) : status;
}

/* ---- losses ---- */

static void read_row(const clg_trainer *t, const float *row, uint64_t step, clg_progress *p)
{
    *p = (clg_progress){ .step = step, .steps_total = t->facts.steps_total };
    if (t->facts.steps_per_epoch > 0) {
        p->epoch = (double)step / (double)t->facts.steps_per_epoch;
    }
    p->loss_d = (double)row[CLG_LOSS_REAL] + (double)row[CLG_LOSS_FAKE];
    p->loss_g = row[CLG_LOSS_G];
    p->d_real = row[CLG_D_REAL];
    p->d_fake_before = row[CLG_D_FAKE_BEFORE];
    p->d_fake_after = row[CLG_D_FAKE_AFTER];
}

static int check_row(const clg_progress *p)
{
    if (isfinite(p->loss_d) && isfinite(p->loss_g)) {
        return CLG_OK;
    }
    const char *which = isfinite(p->loss_d) ? "loss_g" : "loss_d";
    return clg__hint(clg__fail(CLG_E_NUMERIC, "%s is %f at step %llu", which,
                               isfinite(p->loss_d) ? p->loss_g : p->loss_d,
                               (unsigned long long)p->step),
                     "lower optimizer_g.lr and optimizer_d.lr");
}

int clg__step_check(clg_trainer *t, clg_progress *last)
{
    int status = CLG_OK;
    *last = (clg_progress){ .step = t->step, .steps_total = t->facts.steps_total };
    if (t->step == 0) {
        return CLG_OK;
    }
    size_t len = (size_t)t->ring_len * CLG_LOSS_ROW;
    float *ring = clg__alloc(len, sizeof *ring);
    if (ring == NULL) {
        return CLG_E_MEMORY;
    }
    CLG_TRY(clg__rt_read(t->ops->rt, clg__tensor_all(t->ring), ring));
    uint64_t oldest = t->step > t->ring_len ? t->step - t->ring_len : 0;
    for (uint64_t s = (t->checked > oldest ? t->checked : oldest) + 1u; s <= t->step; s++) {
        read_row(t, ring + s % t->ring_len * CLG_LOSS_ROW, s, last);
        CLG_TRY(check_row(last));
    }
    read_row(t, ring + t->step % t->ring_len * CLG_LOSS_ROW, t->step, last);
    t->checked = t->step;
out:
    clg__free(ring);
    return status;
}

int clg__trainer_losses(clg_trainer *t, clg_progress *out)
{
    float row[CLG_LOSS_ROW];
    *out = (clg_progress){ .step = t->step, .steps_total = t->facts.steps_total };
    if (t->step == 0) {
        return CLG_OK;
    }
    int status = clg__rt_read(t->ops->rt,
                              clg__tensor_vec(clg__tensor_all(t->ring),
                                              t->step % t->ring_len * CLG_LOSS_ROW, CLG_LOSS_ROW),
                              row);
    if (status != CLG_OK) {
        return status;
    }
    read_row(t, row, t->step, out);
    return check_row(out);
}

/* ---- norms ---- */

static void fill_rows(const clg_net *net, const char *prefix, const float *sums,
                      clg_layer_stat *rows, char *names, size_t name_len)
{
    uint32_t n = clg__net_parameter_count(net);
    for (uint32_t i = 0; i < n; i++) {
        char *name = names + i * name_len;
        double weight = sqrt((double)sums[i]);
        snprintf(name, name_len, "%s%s", prefix, clg__net_parameter_name(net, i));
        rows[i] = (clg_layer_stat){ .name = name, .weight_norm = weight,
                                    .grad_norm = sqrt((double)sums[n + i]) };
        rows[i].relative_update = weight > 0.0 ? sqrt((double)sums[2u * n + i]) / weight : 0.0;
    }
}

int clg__step_norms(clg_trainer *t, clg_layer_stat **rows, char **names, size_t *count)
{
    enum { NAME = 4 * CLG_NAME_MAX };
    uint32_t ng = clg__net_parameter_count(t->g), nd = clg__net_parameter_count(t->d);
    int status = CLG_OK;
    *count = ng + nd;
    float *sums = clg__alloc(3u * *count, sizeof *sums);
    *rows = clg__alloc(*count, sizeof **rows);
    *names = clg__alloc(*count, NAME);
    if (sums == NULL || *rows == NULL || *names == NULL) {
        status = CLG_E_MEMORY;
        goto out;
    }
    CLG_TRY(clg__rt_read(t->ops->rt, clg__tensor_all(t->norms), sums));
    fill_rows(t->g, "netG.", sums, *rows, *names, NAME);
    fill_rows(t->d, "netD.", sums + 3u * ng, *rows + ng, *names + (size_t)ng * NAME, NAME);
out:
    clg__free(sums);
    return status;
}
