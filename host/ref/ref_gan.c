/* One training step of a GAN in double precision: the order, the losses and the optimisers of the
 * model description, written out order by order (gan/step.c walks a table instead). Everything that
 * a step draws is drawn here again from its seed.
 * Sources: Goodfellow et al. 2014, algorithm 1; Radford et al. 2016 for the same fakes; Mirza,
 * Osindero 2014 and Reed et al. 2016 (wrong labels) for the conditional losses. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "ref/ref_internal.h"

enum { REAL, FAKE, WRONG }; /* groups of rows in a D pass */
enum { PASS_D, PASS_D_OF_G, PASS_G };

typedef struct gan {
    const clg_model_desc *desc;
    const ref_gan_batch *b;
    ref_net *g, *d;
    ref_gan_result *out;
    uint32_t n, m, groups, heads; /* rows; rows as D takes them; groups in D's pass */
    bool with_d, with_g;
    size_t sample;
    double w;          /* weight of wrong labels */
    double *rows;      /* [groups, n, sample]: D's input */
    double *z;         /* [n, Z] of the fakes that are there */
    double *dfake;     /* [n, sample] */
    double *dl[CLG_HEADS_MAX]; /* [groups, m] */
    uint32_t *labels;  /* [groups, n], or NULL */
    ref_pass d_pass, g_pass;
    const double *y[CLG_HEADS_MAX]; /* D's logits of its last pass */
} gan;

static clg_rng_key key_of(const gan *k, enum clg_stream stream, uint32_t lane)
{
    return (clg_rng_key){ .seed = k->desc->train.seed, .stream = (uint32_t)stream,
                          .step = k->b->step, .lane = lane };
}

/* ---- draws ---- */

static int draw_z(gan *k, uint32_t draw)
{
    size_t nz = k->desc->latent.size, len = k->n * nz;
    clg_rng_key key = key_of(k, CLG_STREAM_Z, (k->b->noise_stream << 4) + draw);
    float *z = clg__alloc(len, sizeof *z);

    if (!z) {
        return CLG_E_MEMORY;
    }
    if (k->desc->latent.kind == CLG_LATENT_UNIFORM) {
        clg__philox_uniform(&key, k->desc->latent.lo, k->desc->latent.hi, z, len);
    } else {
        clg__philox_normal(&key, 0.0f, 1.0f, z, len);
    }
    for (size_t i = 0; i < len; i++) {
        k->z[i] = k->b->z && draw == 0 ? k->b->z[i] : (double)z[i];
    }
    for (size_t i = 0; k->desc->latent.kind == CLG_LATENT_SPHERICAL && i < k->n; i++) {
        double sum = 0.0;
        for (size_t j = 0; j < nz; j++) {
            sum += k->z[i * nz + j] * k->z[i * nz + j];
        }
        for (size_t j = 0; j < nz; j++) {
            k->z[i * nz + j] *= sqrt((double)nz / sum);
        }
    }
    clg__free(z);
    return CLG_OK;
}

static int add_noise(gan *k, uint32_t group, uint32_t lane)
{
    size_t len = k->n * k->sample;
    clg_rng_key key = key_of(k, CLG_STREAM_NOISE, lane);
    double std = k->desc->loss.input_noise;
    float *noise;

    if (!(std > 0.0)) {
        return CLG_OK;
    }
    noise = clg__alloc(len, sizeof *noise);
    if (!noise) {
        return CLG_E_MEMORY;
    }
    clg__philox_normal(&key, 0.0f, 1.0f, noise, len);
    for (size_t i = 0; i < len; i++) {
        k->rows[group * len + i] += std * (double)noise[i];
    }
    clg__free(noise);
    return CLG_OK;
}

static void fill_labels(gan *k)
{
    uint32_t classes = ref__net_classes(k->d), word[4];
    clg_rng_key key = key_of(k, CLG_STREAM_LABEL, 0);

    if (classes == 0) { /* of G then, if of any */
        classes = ref__net_classes(k->g);
    }
    for (uint32_t i = 0; k->labels && i < k->n; i++) {
        uint32_t c = k->b->labels[i];
        clg__philox(&key, i / 4u, word);
        k->labels[i] = k->labels[k->n + i] = c;
        if (k->groups > WRONG) {
            k->labels[2u * k->n + i] = (c + 1u + word[i % 4u] % (classes - 1u)) % classes;
        }
    }
}

static int fill_real(gan *k)
{
    size_t len = k->n * k->sample;
    int status = CLG_OK;

    memcpy(k->rows, k->b->real, len * sizeof *k->rows);
    CLG_TRY(add_noise(k, REAL, 0));
    if (k->groups > WRONG) {
        memcpy(k->rows + WRONG * len, k->rows, len * sizeof *k->rows);
    }
out:
    return status;
}

/* ---- passes ---- */

static int make_fakes(gan *k, uint32_t draw)
{
    const double *y[CLG_HEADS_MAX];
    size_t len = k->n * k->sample;
    int status = CLG_OK;

    CLG_TRY(draw_z(k, draw));
    k->g_pass = (ref_pass){ .x = k->z, .labels = k->labels, .n = k->n, .groups = 1, .train = true,
                            .dropout = key_of(k, CLG_STREAM_DROPOUT, (PASS_G + draw) << 8) };
    ref_net_run(k->g, &k->g_pass, y);
    memcpy(k->rows + FAKE * len, y[0], len * sizeof *k->rows);
    CLG_TRY(add_noise(k, FAKE, 1u + draw));
out:
    return status;
}

static void run_d(gan *k, uint32_t group, uint32_t groups, uint32_t pass)
{
    k->d_pass = (ref_pass){ .x = k->rows + group * k->n * k->sample,
                            .labels = k->labels ? k->labels + group * k->n : NULL,
                            .n = groups * k->m, .groups = groups, .train = true,
                            .dropout = key_of(k, CLG_STREAM_DROPOUT, pass << 8) };
    ref_net_run(k->d, &k->d_pass, k->y);
}

/* weight * loss of a head's logits from row `first` on; its gradient goes to the same rows of dl,
 * or from 0 on. *shown: mean D(x). */
static double learn(gan *k, uint32_t head, uint32_t first, enum clg_loss_role role, double weight,
                    double *dl, double *shown)
{
    double out[2];

    ref_loss(k->desc->loss.objective, role, k->y[head] + first, k->m,
             (double)k->desc->loss.real_target, weight, out, dl);
    if (shown) {
        *shown = out[1];
    }
    return weight * out[0];
}

static void d_gradients(gan *k)
{
    double real = k->desc->loss.weight_real, fake = k->desc->loss.weight_fake, loss = 0.0;
    uint32_t judge = k->heads - 1u; /* the head that sees labels, or the only one */
    ref_way_back back = { .want_dw = true };

    run_d(k, REAL, k->groups, PASS_D);
    for (uint32_t h = 0; h < k->heads; h++) {
        double share = h == judge ? 1.0 - k->w : 1.0;
        memset(k->dl[h], 0, (size_t)k->groups * k->m * sizeof *k->dl[h]);
        loss += learn(k, h, REAL * k->m, CLG_LOSS_OF_REAL, real, k->dl[h],
                      h == 0 ? &k->out->d_real : NULL);
        loss += learn(k, h, FAKE * k->m, CLG_LOSS_OF_FAKE, fake * share, k->dl[h] + FAKE * k->m,
                      h == 0 ? &k->out->d_fake_before : NULL);
        back.dy[h] = k->dl[h];
    }
    if (k->groups > WRONG) {
        loss += learn(k, judge, WRONG * k->m, CLG_LOSS_OF_FAKE, fake * k->w,
                      k->dl[judge] + WRONG * k->m, NULL);
    }
    k->out->loss_d = loss;
    ref_net_back(k->d, &k->d_pass, &back);
}

/* Through D's last pass, in which the fakes are group `group`. */
static void g_gradients(gan *k, uint32_t group)
{
    ref_way_back through = { .first = group, .groups = 1, .dx = k->dfake };

    k->out->loss_g = 0.0;
    for (uint32_t h = 0; h < k->heads; h++) {
        k->out->loss_g += learn(k, h, group * k->m, CLG_LOSS_OF_G,
                                (double)k->desc->loss.weight_g, k->dl[h],
                                h == 0 ? &k->out->d_fake_after : NULL);
        through.dy[h] = k->dl[h];
    }
    ref_net_back(k->d, &k->d_pass, &through);
    ref_net_back(k->g, &k->g_pass, &(ref_way_back){ .want_dw = true, .dy = { k->dfake } });
}

/* ---- updates ---- */

static double momentum_of(const clg_optim_desc *o, const ref_gan_batch *b)
{
    double epoch = b->steps_per_epoch > 0 ? 1.0 + (double)((b->step - 1) / b->steps_per_epoch) : 1.0;
    double span = (double)o->momentum_epochs - 1.0;

    if (o->momentum_epochs == 0) {
        return o->momentum;
    }
    if (epoch >= o->momentum_epochs) {
        return o->momentum_end;
    }
    return o->momentum + (epoch - 1.0) / span * ((double)o->momentum_end - o->momentum);
}

static void update(const gan *k, ref_net *net)
{
    bool is_d = net == k->d;
    const clg_optim_desc *o = is_d ? &k->desc->optimizer_d : &k->desc->optimizer_g;
    uint64_t done = is_d ? k->b->updates_d : k->b->updates_g;
    double lr = o->lr;

    for (uint64_t i = 0; i < done && o->lr_divisor > 1.0f; i++) {
        lr /= o->lr_divisor;
    }
    if (o->lr_divisor > 1.0f && lr < o->lr_floor) {
        lr = o->lr_floor;
    }
    for (uint32_t i = 0; i < k->b->noise_stream; i++) { /* a rollback halves it */
        lr *= 0.5;
    }
    ref__net_update(net, o, lr, momentum_of(o, k->b), done + 1u);
}

/* ---- orders ---- */

static int d_step(gan *k, uint32_t draw)
{
    int status = CLG_OK;

    CLG_TRY(fill_real(k));
    CLG_TRY(make_fakes(k, draw));
    d_gradients(k);
out:
    return status;
}

static void g_pass_and_update(gan *k)
{
    run_d(k, FAKE, 1, PASS_D_OF_G);
    g_gradients(k, 0);
    update(k, k->g);
}

static int run_order(gan *k)
{
    int status = CLG_OK;

    switch (k->desc->order.kind) {
    case CLG_ORDER_SIMULTANEOUS:
        CLG_TRY(d_step(k, 0));
        if (k->with_g) {
            g_gradients(k, FAKE);
        }
        update(k, k->d);
        if (k->with_g) {
            update(k, k->g);
        }
        break;
    case CLG_ORDER_G_THEN_D:
        if (k->with_g) {
            CLG_TRY(make_fakes(k, 0));
            g_pass_and_update(k);
        }
        CLG_TRY(d_step(k, 1));
        update(k, k->d);
        break;
    default: /* D first, if it is D's turn; then G */
        if (k->with_d) {
            CLG_TRY(d_step(k, 0));
            update(k, k->d);
        }
        if (k->with_g && k->desc->order.kind == CLG_ORDER_D_THEN_G_FRESH_FAKES) {
            CLG_TRY(make_fakes(k, 1));
        } else if (k->with_g && !k->with_d) {
            CLG_TRY(make_fakes(k, 0));
        }
        if (k->with_g) {
            g_pass_and_update(k);
        }
        break;
    }
out:
    return status;
}

static int reconstruct(gan *k)
{
    ref_pass encode = { .x = k->b->real, .labels = k->labels, .n = k->n, .groups = 1,
                        .train = true, .dropout = key_of(k, CLG_STREAM_DROPOUT, PASS_D << 8) };
    ref_pass decode = { .labels = k->labels, .n = k->n, .groups = 1, .train = true,
                        .dropout = key_of(k, CLG_STREAM_DROPOUT, PASS_G << 8) };
    const double *code[CLG_HEADS_MAX], *y[CLG_HEADS_MAX];
    double error[2];

    ref_net_run(k->d, &encode, code);
    decode.x = code[0];
    ref_net_run(k->g, &decode, y);
    ref_mse(y[0], k->b->real, k->n * k->sample, 1.0, error, k->dfake);
    ref_net_back(k->g, &decode,
                 &(ref_way_back){ .want_dw = true, .dy = { k->dfake }, .dx = k->z });
    ref_net_back(k->d, &encode, &(ref_way_back){ .want_dw = true, .dy = { k->z } });
    *k->out = (ref_gan_result){ .loss_d = error[0], .loss_g = error[0] };
    update(k, k->d);
    update(k, k->g);
    return CLG_OK;
}

/* ---- the step ---- */

static int check(const gan *k, const clg_model_desc *desc)
{
    bool codes = desc->order.kind == CLG_ORDER_RECONSTRUCT;
    uint64_t wanted = codes ? desc->latent.size : 1u, packing = k->n / k->m;

    if (ref__net_max_batch(k->g) < k->n ||
        ref__net_max_batch(k->d) < (codes ? 1u : k->groups) * k->m) {
        return clg__fail(CLG_E_INTERNAL,
                         "ref_gan_step: batch %u, but netG was made for %u, netD for %u", k->n,
                         ref__net_max_batch(k->g), ref__net_max_batch(k->d));
    }
    if (packing * ref__net_out_len(k->g) != ref__net_in_len(k->d) ||
        ref__net_out_len(k->d) != wanted) {
        return clg__fail(CLG_E_INTERNAL,
                         "ref_gan_step: netG gives %llu, netD takes %llu, gives %llu",
                         (unsigned long long)ref__net_out_len(k->g),
                         (unsigned long long)ref__net_in_len(k->d),
                         (unsigned long long)ref__net_out_len(k->d));
    }
    return CLG_OK;
}

/* Which nets learn at this step. */
static void choose_nets(gan *k)
{
    bool alternate = k->desc->order.kind == CLG_ORDER_ALTERNATE;
    uint64_t steps = k->desc->order.d_steps > 1 ? k->desc->order.d_steps : 1u;
    uint64_t epochs = k->b->steps_per_epoch;
    bool late = epochs > 0 && (k->b->step - 1) / epochs < k->desc->order.g_start_epoch;

    k->with_g = !late && k->b->step % (steps + alternate) == 0;
    k->with_d = !(alternate && k->with_g);
}

static int make(gan *k)
{
    size_t rows = (size_t)k->groups * k->n;

    k->rows = clg__alloc(rows * k->sample, sizeof *k->rows);
    k->z = clg__alloc((size_t)k->n * k->desc->latent.size, sizeof *k->z);
    k->dfake = clg__alloc((size_t)k->n * k->sample, sizeof *k->dfake);
    k->labels = k->b->labels ? clg__alloc(rows, sizeof *k->labels) : NULL;
    for (uint32_t h = 0; h < k->heads; h++) {
        k->dl[h] = clg__alloc(rows, sizeof *k->dl[h]);
        if (!k->dl[h]) {
            return CLG_E_MEMORY;
        }
    }
    return k->rows && k->z && k->dfake && (k->labels || !k->b->labels) ? CLG_OK : CLG_E_MEMORY;
}

int ref_gan_step(const clg_model_desc *desc, ref_net *g, ref_net *d, const ref_gan_batch *b,
                 ref_gan_result *out)
{
    int status = CLG_OK;
    uint32_t packing = desc->discriminator.packing > 1 ? desc->discriminator.packing : 1u;
    double w = ref__net_classes(d) > 0 ? (double)desc->loss.wrong_label_weight : 0.0;
    gan k = { .desc = desc, .b = b, .g = g, .d = d, .out = out, .n = b->n, .m = b->n / packing,
              .groups = w > 0.0 ? 3u : 2u, .heads = ref__net_heads(d), .w = w,
              .sample = ref__net_out_len(g) };

    if (k.m == 0) {
        return clg__fail(CLG_E_INTERNAL, "ref_gan_step: %u rows", b->n);
    }
    CLG_TRY(check(&k, desc));
    CLG_TRY(make(&k));
    choose_nets(&k);
    fill_labels(&k);
    CLG_TRY(desc->order.kind == CLG_ORDER_RECONSTRUCT ? reconstruct(&k) : run_order(&k));
out:
    clg__free(k.rows);
    clg__free(k.z);
    clg__free(k.dfake);
    clg__free(k.labels);
    for (uint32_t h = 0; h < CLG_HEADS_MAX; h++) {
        clg__free(k.dl[h]);
    }
    return status;
}
