/* Training on the device against host/ref, see replay.h. */
#include "cli/replay.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ref/ref.h"

typedef struct side {
    clg_net *net;
    ref_net *ref;
    const char *label;
    float *host; /* clg__net_host_len */
} side;

static enum ref_kind ref_kind_of(enum clg_net_kind kind)
{
    static const enum ref_kind map[] = { [CLG_NET_VALUE] = REF_VALUE, [CLG_NET_GRAD] = REF_GRAD,
                                         [CLG_NET_M] = REF_M, [CLG_NET_V] = REF_V };
    return map[kind];
}

static int load_kind(side *s, enum clg_net_kind kind)
{
    int status = clg__net_read(s->net, kind, s->host);
    for (uint32_t i = 0; status == CLG_OK && i < clg__net_tensor_count(s->net); i++) {
        const clg_net_tensor *t = clg__net_tensor_at(s->net, i);
        if (t->is_buffer && kind != CLG_NET_VALUE) {
            continue;
        }
        uint64_t len = 0;
        double *dst = ref_net_tensor(s->ref, t->name, ref_kind_of(kind), &len);
        if (dst == NULL || len != t->len) {
            return clg__fail(CLG_E_INTERNAL, "replay: the reference has no %s.%s", s->label, t->name);
        }
        const float *src = s->host + clg__net_host_offset(s->net, i);
        for (uint64_t k = 0; k < len; k++) {
            dst[clg__net_device_index(s->net, i, k)] = (double)src[k];
        }
    }
    return status;
}

/* Relative L2 difference. A gradient that vanishes by construction (a bias before batch norm) is
 * compared on the scale `floor`. */
static double relative_l2(const clg_net *net, uint32_t i, const float *got, const double *want)
{
    double diff = 0.0, norm = 0.0;
    for (uint64_t k = 0; k < clg__net_tensor_at(net, i)->len; k++) {
        double w = want[clg__net_device_index(net, i, k)];
        double e = (double)got[k] - w;
        diff += e * e;
        norm += w * w;
    }
    if (!isfinite(diff)) {
        return INFINITY;
    }
    return diff > 0.0 ? sqrt(diff / (norm > 1e-24 ? norm : 1e-24)) : 0.0;
}

static int compare_kind(side *s, enum clg_net_kind kind, uint32_t step, double *worst,
                        clg_replay_result *out)
{
    int status = clg__net_read(s->net, kind, s->host);
    for (uint32_t i = 0; status == CLG_OK && i < clg__net_tensor_count(s->net); i++) {
        const clg_net_tensor *t = clg__net_tensor_at(s->net, i);
        if (t->is_buffer && kind != CLG_NET_VALUE) {
            continue;
        }
        uint64_t len = 0;
        const double *want = ref_net_tensor(s->ref, t->name, ref_kind_of(kind), &len);
        double e = relative_l2(s->net, i, s->host + clg__net_host_offset(s->net, i), want);
        out->tensors++;
        if (e > *worst) {
            *worst = e;
            (void)snprintf(out->worst, sizeof out->worst, "%s%s.%s at step %u",
                           kind == CLG_NET_GRAD ? "grad." : "", s->label, t->name, step);
        }
    }
    return status;
}

static int load_side(side *s)
{
    int status = CLG_OK;
    CLG_TRY(load_kind(s, CLG_NET_VALUE));
    CLG_TRY(load_kind(s, CLG_NET_M));
    CLG_TRY(load_kind(s, CLG_NET_V));
out:
    return status;
}

static double loss_difference(double got, double want)
{
    double e = fabs(got - want) / (fabs(want) > 1e-3 ? fabs(want) : 1e-3);
    return isfinite(e) ? e : INFINITY;
}

typedef struct replay_buffers {
    float *z;
    double *real, *zd;
} replay_buffers;

static int replay_step(clg_trainer *t, const clg_model_desc *desc, side *g, side *d,
                       const uint8_t *images, uint64_t pixels, uint32_t step, replay_buffers *b,
                       clg_replay_result *out)
{
    int status = CLG_OK;
    uint32_t n = desc->train.batch;
    clg_progress got;
    ref_gan_result want;
    CLG_TRY(load_side(g));
    CLG_TRY(load_side(d));
    CLG_TRY(clg__trainer_step_on(t, images, n));
    CLG_TRY(clg__trainer_losses(t, &got));
    CLG_TRY(clg__trainer_read_latents(t, n, b->z));
    for (uint64_t i = 0; i < n * pixels; i++) {
        b->real[i] = (double)((float)images[i] * (2.0f / 255.0f) - 1.0f);
    }
    for (uint64_t i = 0; i < (uint64_t)n * desc->latent.size; i++) {
        b->zd[i] = (double)b->z[i];
    }
    CLG_TRY(ref_gan_step(desc, g->ref, d->ref, b->real, b->zd, n, clg__trainer_step_number(t),
                         &want));
    double e = fmax(loss_difference(got.loss_d, want.loss_d),
                    loss_difference(got.loss_g, want.loss_g));
    out->loss = fmax(out->loss, e);
    CLG_TRY(compare_kind(d, CLG_NET_GRAD, step, &out->gradient, out));
    CLG_TRY(compare_kind(g, CLG_NET_GRAD, step, &out->gradient, out));
    CLG_TRY(compare_kind(d, CLG_NET_VALUE, step, &out->weight, out));
    CLG_TRY(compare_kind(g, CLG_NET_VALUE, step, &out->weight, out));
    out->steps++;
out:
    return status;
}

static int open_side(side *s, clg_trainer *t, enum clg_which_net which, const clg_net_plan *plan,
                     uint32_t max_batch, const char *label)
{
    s->label = label;
    s->net = clg__trainer_net(t, which);
    s->host = clg__alloc(clg__net_host_len(s->net), sizeof *s->host);
    return s->host != NULL ? ref_net_create(&s->ref, plan, max_batch) : CLG_E_MEMORY;
}

int clg__replay(clg_trainer *t, const clg_model_desc *desc, const clg_model_plan *plan,
                const uint8_t *images, uint32_t steps, clg_replay_result *out)
{
    int status = CLG_OK;
    side g = { 0 }, d = { 0 };
    uint32_t n = desc->train.batch;
    uint64_t pixels = (uint64_t)plan->size * plan->size * plan->channels;
    replay_buffers b = { .z = clg__alloc((size_t)n * desc->latent.size, sizeof(float)),
                         .zd = clg__alloc((size_t)n * desc->latent.size, sizeof(double)),
                         .real = clg__alloc(n * pixels, sizeof(double)) };
    *out = (clg_replay_result){ 0 };
    CLG_TRY(b.z != NULL && b.zd != NULL && b.real != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(open_side(&g, t, CLG_GENERATOR, &plan->g, n, "netG"));
    CLG_TRY(open_side(&d, t, CLG_DISCRIMINATOR, &plan->d, 2 * n, "netD"));
    for (uint32_t i = 0; i < steps; i++) {
        CLG_TRY(replay_step(t, desc, &g, &d, images + (size_t)i * n * pixels, pixels, i + 1, &b,
                            out));
    }
out:
    ref_net_destroy(&g.ref);
    ref_net_destroy(&d.ref);
    clg__free(g.host);
    clg__free(d.host);
    clg__free(b.z);
    clg__free(b.zd);
    clg__free(b.real);
    return status;
}
