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
    static const enum clg_net_kind kinds[] = { CLG_NET_VALUE, CLG_NET_M, CLG_NET_V };
    int status = CLG_OK;
    for (int i = 0; i < 3 && status == CLG_OK; i++) {
        if (clg__net_has(s->net, kinds[i])) {
            status = load_kind(s, kinds[i]);
        }
    }
    return status;
}

/* Both nan: G was never updated. */
static double loss_difference(double got, double want)
{
    if (isnan(got) && isnan(want)) {
        return 0.0;
    }
    double e = fabs(got - want) / (fabs(want) > 1e-3 ? fabs(want) : 1e-3);
    return isfinite(e) ? e : INFINITY;
}

/* What goes into a step. */
typedef struct replay_input {
    const clg_model_desc *desc;
    const clg_model_plan *plan;
    const uint8_t *images;
    const uint32_t *labels;
    uint64_t sample; /* values of one */
    double *real;    /* [batch, sample] */
} replay_input;

/* Real rows of the step that comes next, as floats hold them. */
static void make_real(const replay_input *in, uint64_t step)
{
    uint32_t n = in->desc->train.batch;
    bool unit = in->desc->data.range == CLG_RANGE_UNIT;
    if (in->plan->system != CLG_SYSTEM_NONE) {
        clg_rng_key key = { .seed = in->desc->train.seed, .stream = CLG_STREAM_DATA, .step = step };
        ref_system(in->plan->system, &key, n, in->real);
        return;
    }
    for (uint64_t i = 0; i < n * in->sample; i++) {
        float x = (float)in->images[i];
        in->real[i] = (double)(unit ? x * (1.0f / 255.0f) : x * (2.0f / 255.0f) - 1.0f);
    }
}

static int compare_nets(clg_trainer *t, side *g, side *d, const uint64_t done[2], uint32_t step,
                        clg_replay_result *out)
{
    side *const sides[2] = { g, d };
    int status = CLG_OK;
    for (int i = 1; i >= 0; i--) {
        enum clg_which_net which = i == 0 ? CLG_GENERATOR : CLG_DISCRIMINATOR;
        if (clg__trainer_updates(t, which) > done[i]) { /* else its gradients are old ones */
            CLG_TRY(compare_kind(sides[i], CLG_NET_GRAD, step, &out->gradient, out));
        }
        CLG_TRY(compare_kind(sides[i], CLG_NET_VALUE, step, &out->weight, out));
    }
out:
    return status;
}

static int replay_step(clg_trainer *t, const replay_input *in, side *g, side *d, uint32_t step,
                       clg_replay_result *out)
{
    uint32_t n = in->desc->train.batch;
    uint64_t number = clg__trainer_step_number(t) + 1u;
    const uint64_t done[2] = { clg__trainer_updates(t, CLG_GENERATOR),
                               clg__trainer_updates(t, CLG_DISCRIMINATOR) };
    clg_progress before, got;
    clg_trainer_facts facts;
    int status = CLG_OK;
    clg__trainer_facts(t, &facts);
    CLG_TRY(clg__trainer_losses(t, &before));
    CLG_TRY(load_side(g));
    CLG_TRY(load_side(d));
    clg__trainer_keep_gradients(t, true);
    CLG_TRY(in->plan->system != CLG_SYSTEM_NONE
                ? clg__trainer_step(t)
                : clg__trainer_step_on_labels(t, in->images, in->labels, n));
    CLG_TRY(clg__trainer_losses(t, &got));
    make_real(in, number);
    ref_gan_batch batch = { .real = in->real, .labels = in->labels, .n = n, .step = number,
                            .steps_per_epoch = facts.steps_per_epoch, .updates_g = done[0],
                            .updates_d = done[1] };
    /* A net that the step leaves alone keeps its losses; G has none before its first update. */
    ref_gan_result want = { .loss_d = before.loss_d,
                            .loss_g = done[0] > 0 ? before.loss_g : (double)NAN };
    CLG_TRY(ref_gan_step(in->desc, g->ref, d->ref, &batch, &want));
    out->loss = fmax(out->loss, fmax(loss_difference(got.loss_d, want.loss_d),
                                     loss_difference(got.loss_g, want.loss_g)));
    CLG_TRY(compare_nets(t, g, d, done, step, out));
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
                const uint8_t *images, const uint32_t *labels, uint32_t steps,
                clg_replay_result *out)
{
    enum { GROUPS_MOST = 3 }; /* of rows that D may see at once */
    int status = CLG_OK;
    side g = { 0 }, d = { 0 };
    uint32_t n = desc->train.batch;
    replay_input in = { .desc = desc, .plan = plan,
                        .sample = (uint64_t)plan->h * plan->w * plan->c };
    *out = (clg_replay_result){ 0 };
    in.real = clg__alloc(n * in.sample, sizeof(double));
    CLG_TRY(in.real != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(open_side(&g, t, CLG_GENERATOR, &plan->g, n, "netG"));
    CLG_TRY(open_side(&d, t, CLG_DISCRIMINATOR, &plan->d, GROUPS_MOST * n, "netD"));
    for (uint32_t i = 0; i < steps; i++) {
        in.images = images != NULL ? images + (size_t)i * n * in.sample : NULL;
        in.labels = labels != NULL ? labels + (size_t)i * n : NULL;
        CLG_TRY(replay_step(t, &in, &g, &d, i + 1u, out));
    }
out:
    ref_net_destroy(&g.ref);
    ref_net_destroy(&d.ref);
    clg__free(g.host);
    clg__free(d.host);
    clg__free(in.real);
    return status;
}
