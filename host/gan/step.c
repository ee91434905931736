/* One training step, as a list of enqueued work. What is done in which order is data: the phases of
 * order.c, the terms of loss_table.c. D sees all its groups of rows (real, fake, real with a wrong
 * label) in one pass with batch statistics of their own. The losses go to a ring on the device,
 * which is read once per log interval (losses.c). */
#include "gan/trainer_internal.h"
#include "ops/image.h"
#include "ops/random.h"
#include "ops/system.h"

/* A step under way. */
typedef struct clg_walk {
    clg_trainer *t;
    uint64_t step;
    uint32_t n;                 /* rows of one group */
    uint32_t nets;              /* that this step steps, CLG_STEPS_... */
    const clg_step_wish *wish;
    uint32_t draw;              /* of the fakes that are in D's input */
    bool fused_fakes;           /* a fused pass has made them, and G is as it was */
    clg_net_pass d_pass;        /* D's last pass over all groups */
    clg_tensor logits[CLG_HEADS_MAX];
} clg_walk;

uint64_t clg__trainer_pixels(const clg_trainer *t)
{
    return (uint64_t)t->plan.h * t->plan.w * t->plan.c;
}

uint32_t clg__trainer_batch_bytes(const clg_trainer *t)
{
    return (uint32_t)(t->desc.train.batch * clg__trainer_pixels(t));
}

void clg__trainer_range(const clg_model_desc *desc, float *scale, float *shift)
{
    bool unit = desc->data.range == CLG_RANGE_UNIT;
    *scale = unit ? 1.0f / 255.0f : 2.0f / 255.0f;
    *shift = unit ? 0.0f : -1.0f;
}

/* ---- views ---- */

/* Rows of one group or of several; D takes `packing` of them as one. */
static clg_tensor image_rows(const clg_walk *k, uint32_t group, uint32_t groups)
{
    const clg_trainer *t = k->t;
    uint64_t first = (uint64_t)group * k->n * clg__trainer_pixels(t);
    return clg__tensor_view(clg__tensor_all(t->images), first, 4, groups * k->n, t->plan.h,
                            t->plan.w, t->plan.c);
}

static uint32_t packed(const clg_walk *k, uint32_t groups)
{
    return groups * k->n / k->t->desc.discriminator.packing;
}

static clg_tensor packed_rows(const clg_walk *k, uint32_t group, uint32_t groups)
{
    const clg_trainer *t = k->t;
    uint64_t first = (uint64_t)group * k->n * clg__trainer_pixels(t);
    return clg__tensor_view(clg__tensor_all(t->images), first, 4, packed(k, groups), t->plan.h,
                            t->plan.w, t->desc.discriminator.packing * t->plan.c);
}

/* `floats` of this step's row of the ring, from a slot on. */
static clg_tensor loss_slots(const clg_walk *k, uint32_t slot, uint32_t floats)
{
    const clg_trainer *t = k->t;
    return clg__tensor_vec(clg__tensor_all(t->ring),
                           k->step % t->ring_len * CLG_LOSS_ROW + 2u * slot, floats);
}

static clg_tensor loss_slot(const clg_walk *k, uint32_t slot)
{
    return loss_slots(k, slot, 2);
}

static clg_tensor latent_rows(const clg_walk *k)
{
    return clg__tensor_view(clg__tensor_all(k->t->z), 0, 2, k->n, k->t->desc.latent.size, 0, 0);
}

static clg_tensor label_rows(const clg_walk *k, uint32_t group, uint32_t groups)
{
    return k->t->labels == NULL
               ? CLG_NO_TENSOR
               : clg__tensor_vec(clg__tensor_all(k->t->labels), group * k->n, groups * k->n);
}

/* Gradient of a head's logits, for the rows from a group on. */
static clg_tensor dlogits(const clg_walk *k, uint32_t head, uint32_t group, uint32_t groups)
{
    uint64_t most = (uint64_t)k->t->table.groups * k->t->desc.train.batch;
    return clg__tensor_vec(clg__tensor_all(k->t->dlogits), head * most + packed(k, group),
                           packed(k, groups));
}

static clg_rng_key key_of(const clg_walk *k, enum clg_stream stream, uint32_t lane)
{
    return (clg_rng_key){ .seed = k->t->desc.train.seed, .stream = (uint32_t)stream,
                          .step = k->step, .lane = lane };
}

static clg_net_pass g_pass(const clg_walk *k)
{
    return (clg_net_pass){ .x = latent_rows(k), .labels = label_rows(k, CLG_GROUP_REAL, 1),
                           .n = k->n, .groups = 1, .mode = CLG_NET_TRAIN,
                           .dropout = key_of(k, CLG_STREAM_DROPOUT, (CLG_PASS_G + k->draw) << 8) };
}

/* That of the fakes. They go straight to D's input where nothing will be added to them there. */
static clg_net_pass fakes_pass(const clg_walk *k)
{
    clg_net_pass pass = g_pass(k);
    if (k->t->desc.loss.input_noise <= 0.0f && clg__net_writes_to(k->t->g)) {
        pass.y = image_rows(k, CLG_GROUP_FAKE, 1);
    }
    return pass;
}

static clg_net_pass d_pass(const clg_walk *k, uint32_t group, uint32_t groups, uint32_t pass)
{
    return (clg_net_pass){ .x = packed_rows(k, group, groups),
                           .labels = label_rows(k, group, groups), .n = packed(k, groups),
                           .groups = groups, .mode = CLG_NET_TRAIN,
                           .dropout = key_of(k, CLG_STREAM_DROPOUT, pass << 8) };
}

static int copy_rows(clg_walk *k, clg_tensor src, uint32_t group)
{
    uint32_t len = (uint32_t)(k->n * clg__trainer_pixels(k->t));
    clg_tensor all = clg__tensor_all(k->t->images);
    return clg__rt_copy(k->t->ops->rt, clg__tensor_vec(src, 0, len),
                        clg__tensor_vec(all, (uint64_t)group * len, len));
}

/* ---- D's input ---- */

/* Noise on the rows of a group: lane 0 the real ones, 1 + draw the fakes. */
static int add_noise(clg_walk *k, uint32_t group, uint32_t lane)
{
    float std = k->t->desc.loss.input_noise;
    clg_rng_key key = key_of(k, CLG_STREAM_NOISE, lane);
    return std > 0.0f ? clg__random_add_normal(k->t->ops, &key, std, image_rows(k, group, 1))
                      : CLG_OK;
}

/* The images of the step as bytes. */
static clg_tensor byte_rows(const clg_walk *k)
{
    const clg_trainer *t = k->t;
    return clg__tensor_vec(clg__tensor_all(t->bytes), (uint64_t)t->feed.place * clg__trainer_batch_bytes(t),
                           (uint32_t)(k->n * clg__trainer_pixels(t)));
}

static int bring_real(clg_walk *k)
{
    clg_trainer *t = k->t;
    clg_tensor real = image_rows(k, CLG_GROUP_REAL, 1);
    float scale, shift;
    int status = CLG_OK;
    if (t->plan.system != CLG_SYSTEM_NONE) {
        clg_rng_key key = key_of(k, CLG_STREAM_DATA, 0);
        CLG_TRY(clg__system_draw(t->ops, t->plan.system, &key,
                                 clg__tensor_view(real, 0, 2, k->n, t->plan.c, 0, 0)));
    } else {
        clg__trainer_range(&t->desc, &scale, &shift);
        CLG_TRY(clg__image_from_u8(t->ops, byte_rows(k), scale, shift, real));
    }
    if (k->wish->real != NULL) {
        CLG_TRY(clg__rt_read_f32(t->ops->rt, real, k->wish->real));
    }
    CLG_TRY(add_noise(k, CLG_GROUP_REAL, 0));
    if (t->table.groups > CLG_GROUP_WRONG) {
        CLG_TRY(copy_rows(k, real, CLG_GROUP_WRONG));
    }
out:
    return status;
}

clg_rng_key clg__step_latent_key(const clg_trainer *t, uint64_t step, uint32_t draw)
{
    return (clg_rng_key){ .seed = t->desc.train.seed, .stream = CLG_STREAM_Z, .step = step,
                          .lane = (t->noise_stream << 4) + draw };
}

static int draw_latents(clg_walk *k)
{
    clg_trainer *t = k->t;
    clg_rng_key key = clg__step_latent_key(t, k->step, k->draw);
    clg_tensor z = latent_rows(k);
    switch (t->desc.latent.kind) {
    case CLG_LATENT_UNIFORM:
        return clg__random_uniform(t->ops, &key, t->desc.latent.lo, t->desc.latent.hi, z);
    case CLG_LATENT_SPHERICAL:
        return clg__random_sphere(t->ops, &key, z);
    default:
        return clg__random_normal(t->ops, &key, 0.0f, 1.0f, z);
    }
}

static int make_fakes(clg_walk *k, uint32_t draw)
{
    clg_tensor y[CLG_HEADS_MAX];
    int status = CLG_OK;
    k->draw = draw;
    clg_net_pass pass = fakes_pass(k);
    CLG_TRY(draw_latents(k));
    CLG_TRY(clg__net_run(k->t->g, &pass, y));
    if (!clg__tensor_is(pass.y)) {
        CLG_TRY(copy_rows(k, y[0], CLG_GROUP_FAKE));
    }
    CLG_TRY(add_noise(k, CLG_GROUP_FAKE, 1u + draw));
out:
    return status;
}

/* ---- D ---- */

static const clg_loss_term *find_term(const clg_loss_table *table, uint32_t group, uint32_t head)
{
    for (uint32_t i = 0; i < table->d_count; i++) {
        if (table->d[i].group == group && table->d[i].head == head) {
            return &table->d[i];
        }
    }
    return NULL;
}

/* Loss and gradient of the logits of one group at one head; 0 where no term asks for any. */
static int d_term(clg_walk *k, uint32_t group, uint32_t head)
{
    clg_trainer *t = k->t;
    const clg_loss_term *term = find_term(&t->table, group, head);
    clg_tensor dl = dlogits(k, head, group, 1);
    if (term == NULL) {
        return clg__rt_zero(t->ops->rt, dl);
    }
    return clg__loss_scaled(t->ops, t->desc.loss.objective, term->role,
                            clg__tensor_vec(k->logits[head], packed(k, group), packed(k, 1)),
                            t->desc.loss.real_target, term->weight, clg__net_loss_scale(t->d),
                            loss_slot(k, term->slot), dl);
}

static int pass_d(clg_walk *k)
{
    clg_trainer *t = k->t;
    uint32_t groups = t->table.groups;
    clg_net_back back = { .want_dw = true };
    int status = CLG_OK;
    k->d_pass = d_pass(k, 0, groups, CLG_PASS_D);
    CLG_TRY(clg__net_run(t->d, &k->d_pass, k->logits));
    for (uint32_t head = 0; head < t->plan.d.head_count; head++) {
        for (uint32_t group = 0; group < groups; group++) {
            CLG_TRY(d_term(k, group, head));
        }
        back.dy[head] = dlogits(k, head, 0, groups);
    }
    CLG_TRY(clg__net_back(t->d, &k->d_pass, &back));
out:
    return status;
}

/* ---- G ---- */

/* From the logits of the fakes to G's gradients. `pass` is D's; the fakes are its group `group`,
 * logits its rows. */
static int learn_g(clg_walk *k, const clg_net_pass *pass, uint32_t group)
{
    clg_trainer *t = k->t;
    uint32_t first = packed(k, group), n = packed(k, 1);
    /* The real images are not needed any more: their place takes the gradient of the fakes. */
    clg_tensor dfake = packed_rows(k, CLG_GROUP_REAL, 1);
    clg_net_back through = { .first = group, .groups = 1, .dx = dfake };
    clg_net_pass gp = fakes_pass(k);
    int status = CLG_OK;
    through.gate = clg__net_gate(t->g, &gp, t->d);
    for (uint32_t i = 0; i < t->table.g_count; i++) {
        const clg_loss_term *term = &t->table.g[i];
        through.dy[term->head] = dlogits(k, term->head, 0, 1);
        CLG_TRY(clg__loss_scaled(t->ops, t->desc.loss.objective, CLG_LOSS_OF_G,
                                 clg__tensor_vec(k->logits[term->head], first, n), 1.0f,
                                 term->weight, clg__net_loss_scale(t->g),
                                 loss_slot(k, term->slot), through.dy[term->head]));
    }
    CLG_TRY(clg__net_back(t->d, pass, &through));
    CLG_TRY(clg__net_back(t->g, &gp,
                          &(clg_net_back){ .want_dw = true,
                                           .gated = through.gate.act != CLG_ACT_NONE,
                                           .dy = { image_rows(k, CLG_GROUP_REAL, 1) } }));
out:
    return status;
}

static int pass_g(clg_walk *k)
{
    clg_net_pass pass = d_pass(k, CLG_GROUP_FAKE, 1, CLG_PASS_D_OF_G);
    int status = CLG_OK;
    pass.labels = label_rows(k, CLG_GROUP_FAKE, 1);
    CLG_TRY(clg__net_run(k->t->d, &pass, k->logits));
    CLG_TRY(learn_g(k, &pass, 0));
out:
    return status;
}

/* ---- small nets: passes in one launch ---- */

/* Where Adam keeps its means of a net; other optimisers have not both of them. */
static clg_mlp_update update_of(const clg_net *net, const clg_optim_desc *o)
{
    return o->kind != CLG_OPTIMIZER_ADAM
               ? (clg_mlp_update){ .m = CLG_NO_TENSOR, .v = CLG_NO_TENSOR }
               : (clg_mlp_update){ .m = clg__net_slab(net, CLG_NET_M),
                                   .v = clg__net_slab(net, CLG_NET_V) };
}

/* Do the passes make the real rows, and draw the latents? */
static bool feeds_real(const clg_walk *k)
{
    return k->wish->real == NULL;
}

static bool feeds_latents(const clg_walk *k)
{
    return k->t->desc.latent.kind != CLG_LATENT_SPHERICAL;
}

static clg_mlp_latents latents_of(const clg_walk *k)
{
    const clg_model_desc *d = &k->t->desc;
    const bool uniform = d->latent.kind == CLG_LATENT_UNIFORM;
    return (clg_mlp_latents){ .draw = !feeds_latents(k) ? CLG_MLP_DRAW_NONE
                                      : uniform         ? CLG_MLP_DRAW_UNIFORM
                                                        : CLG_MLP_DRAW_NORMAL,
                              .key = clg__step_latent_key(k->t, k->step, k->draw),
                              .a = uniform ? d->latent.lo : 0.0f,
                              .b = uniform ? d->latent.hi : 1.0f };
}

/* G's forward, D's passes and the way back to the gradients of `nets` (CLG_MLP_OF_...). */
static int pass_fused(clg_walk *k, uint32_t nets)
{
    clg_trainer *t = k->t;
    const enum clg_system drawn = t->plan.system;
    clg_mlp_passes p = {
        .n = k->n, .keep_gradients = t->keep_gradients || k->wish->gradients,
        .z = latent_rows(k), .latents = latents_of(k),
        .fake = image_rows(k, CLG_GROUP_FAKE, 1), .real = image_rows(k, CLG_GROUP_REAL, 1),
        .bytes = feeds_real(k) && drawn == CLG_SYSTEM_NONE ? byte_rows(k) : CLG_NO_TENSOR,
        .system = feeds_real(k) ? drawn : CLG_SYSTEM_NONE,
        .system_use = clg__rng_use(CLG_STREAM_DATA, 0),
        .g = clg__net_slab(t->g, CLG_NET_VALUE), .dg = clg__net_slab(t->g, CLG_NET_GRAD),
        .d = clg__net_slab(t->d, CLG_NET_VALUE), .dd = clg__net_slab(t->d, CLG_NET_GRAD),
        .bytes_apart = clg__trainer_batch_bytes(t),
        .losses = loss_slots(k, 0, CLG_LOSS_ROW), .losses_apart = CLG_LOSS_ROW,
        .update_g = update_of(t->g, &t->desc.optimizer_g),
        .update_d = update_of(t->d, &t->desc.optimizer_d)
    };
    clg__trainer_range(&t->desc, &p.scale, &p.shift);
    int status = clg__fused_add(&t->fused, &p, nets, k->fused_fakes);
    k->fused_fakes = status == CLG_OK;
    return status;
}

/* The update of a net, in the pass that gave its gradients if it is Adam's step alone. */
static int update_fused(clg_walk *k, enum clg_which_net which)
{
    clg_trainer *t = k->t;
    bool is_g = which == CLG_GENERATOR;
    clg_adam adam;
    int status = CLG_OK;
    if (!k->wish->norms && clg__update_is_adam(t, which, &adam) &&
        clg__fused_step(&t->fused, is_g ? CLG_MLP_OF_G : CLG_MLP_OF_D, &adam)) {
        clg__net_touch(is_g ? t->g : t->d);
        t->updates[which]++;
    } else {
        CLG_TRY(clg__fused_flush(&t->fused));
        CLG_TRY(clg__update_net(t, which, k->wish->norms));
    }
    k->fused_fakes = k->fused_fakes && !is_g;
out:
    return status;
}

/* ---- the autoencoder: D encodes, G decodes ---- */

static int reconstruct(clg_walk *k)
{
    clg_trainer *t = k->t;
    clg_tensor code[CLG_HEADS_MAX], y[CLG_HEADS_MAX], z = latent_rows(k);
    clg_tensor real = image_rows(k, CLG_GROUP_REAL, 1), dy = image_rows(k, CLG_GROUP_FAKE, 1);
    clg_tensor dcode = clg__tensor_view(clg__tensor_all(t->dlogits), 0, 2, k->n,
                                        t->desc.latent.size, 0, 0);
    clg_tensor ws = t->loss_ws != NULL ? clg__tensor_all(t->loss_ws) : CLG_NO_TENSOR;
    clg_net_pass encode = d_pass(k, CLG_GROUP_REAL, 1, CLG_PASS_D), decode = g_pass(k);
    int status = CLG_OK;
    CLG_TRY(clg__net_run(t->d, &encode, code));
    CLG_TRY(clg__rt_copy(t->ops->rt,
                         clg__tensor_vec(code[0], 0, (uint32_t)clg__tensor_len(z)), z));
    CLG_TRY(clg__net_run(t->g, &decode, y));
    CLG_TRY(clg__mse_scaled(
        t->ops, clg__tensor_vec(y[0], 0, (uint32_t)clg__tensor_len(real)), real, 1.0f,
        clg__net_loss_scale(t->g), loss_slot(k, t->table.d[0].slot), dy, ws));
    CLG_TRY(clg__net_back(t->g, &decode,
                          &(clg_net_back){ .want_dw = true, .dy = { dy }, .dx = dcode }));
    CLG_TRY(clg__net_back(t->d, &encode, &(clg_net_back){ .want_dw = true, .dy = { dcode },
                                                       .scaled_by = t->g }));
out:
    return status;
}

/* ---- the walk ---- */

static bool has_phase(enum clg_order order, enum clg_phase wanted)
{
    uint32_t count;
    const clg_order_phase *phase = clg__order_phases(order, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (phase[i].phase == wanted) {
            return true;
        }
    }
    return false;
}

/* The phases that small nets do otherwise; false: this one they do as all nets. The fakes are made
 * by the first pass that needs them, and where G learns from D's pass, both nets' passes are one.
 * Passes wait for more of them; what is enqueued at once comes behind them. */
static bool do_fused(clg_walk *k, const clg_order_phase *p, int *status)
{
    clg_trainer *t = k->t;
    bool same = has_phase(t->desc.order.kind, CLG_PHASE_G_SAME_PASS);
    switch (p->phase) {
    case CLG_PHASE_D_PASS:
        *status = pass_fused(k, CLG_STEPS_D | (same ? k->nets & CLG_STEPS_G : 0u));
        return true;
    case CLG_PHASE_G_SAME_PASS:
        return true;
    case CLG_PHASE_G_PASS:
        *status = pass_fused(k, CLG_STEPS_G);
        return true;
    case CLG_PHASE_D_UPDATE:
        *status = update_fused(k, CLG_DISCRIMINATOR);
        return true;
    case CLG_PHASE_G_UPDATE:
        *status = update_fused(k, CLG_GENERATOR);
        return true;
    default:
        *status = t->fused.now.count > 0 ? clg__fused_flush(&t->fused) : CLG_OK;
        k->fused_fakes = false;
        if (p->phase == CLG_PHASE_FAKES && *status == CLG_OK) {
            k->draw = p->draw;
            *status = feeds_latents(k) ? CLG_OK : draw_latents(k);
        }
        return p->phase == CLG_PHASE_FAKES || *status != CLG_OK ||
               (p->phase == CLG_PHASE_REAL && feeds_real(k));
    }
}

static int do_phase(clg_walk *k, const clg_order_phase *p)
{
    int status = CLG_OK;
    if (k->t->fused.on && do_fused(k, p, &status)) {
        return status;
    }
    switch (p->phase) {
    case CLG_PHASE_REAL:
        return bring_real(k);
    case CLG_PHASE_FAKES:
        return make_fakes(k, p->draw);
    case CLG_PHASE_D_PASS:
        return pass_d(k);
    case CLG_PHASE_G_SAME_PASS:
        return learn_g(k, &k->d_pass, CLG_GROUP_FAKE);
    case CLG_PHASE_G_PASS:
        return pass_g(k);
    case CLG_PHASE_RECONSTRUCT:
        return reconstruct(k);
    case CLG_PHASE_D_UPDATE:
        return clg__update_net(k->t, CLG_DISCRIMINATOR, k->wish->norms);
    case CLG_PHASE_G_UPDATE:
        return clg__update_net(k->t, CLG_GENERATOR, k->wish->norms);
    }
    return clg__fail(CLG_E_INTERNAL, "phase %d", (int)p->phase);
}

/* A net that this step leaves as it is keeps its last losses, so that logs stay complete. */
static int keep_losses(clg_walk *k, const clg_loss_term *first, uint32_t count)
{
    clg_trainer *t = k->t;
    uint64_t from = (k->step - 1u) % t->ring_len, to = k->step % t->ring_len;
    uint64_t at = 2u * first->slot;
    clg_tensor ring = clg__tensor_all(t->ring);
    return from == to ? CLG_OK
                      : clg__rt_copy(t->ops->rt,
                                     clg__tensor_vec(ring, from * CLG_LOSS_ROW + at, 2u * count),
                                     clg__tensor_vec(ring, to * CLG_LOSS_ROW + at, 2u * count));
}

int clg__step_enqueue(clg_trainer *t, uint32_t n, const clg_step_wish *wish)
{
    uint32_t nets = clg__order_nets(&t->desc, t->step + 1u, t->facts.steps_per_epoch), count;
    clg_walk k = { .t = t, .step = t->step + 1u, .n = n, .nets = nets, .wish = wish };
    const clg_order_phase *phase = clg__order_phases(t->desc.order.kind, &count);
    int status = CLG_OK;
    /* a paused net's losses are copied first */
    CLG_TRY(clg__fused_begin_step(&t->fused, nets == (CLG_STEPS_D | CLG_STEPS_G)));
    if ((nets & CLG_STEPS_D) == 0) {
        CLG_TRY(keep_losses(&k, t->table.d, t->table.d_count));
    }
    if ((nets & CLG_STEPS_G) == 0) {
        CLG_TRY(keep_losses(&k, t->table.g, t->table.g_count));
    }
    for (uint32_t i = 0; i < count; i++) {
        bool wanted = phase[i].phase == CLG_PHASE_REAL && wish->real != NULL;
        if (wanted || (phase[i].nets & nets) != 0) {
            CLG_TRY(do_phase(&k, &phase[i]));
        }
    }
    CLG_TRY(t->fused.on ? clg__fused_end_step(&t->fused) : CLG_OK);
    CLG_TRY(clg__rt_flush(t->ops->rt));
    t->step = k.step;
    t->rows = n;
    return CLG_OK;
out:
    clg__fused_drop(&t->fused);
    return clg__context(status, "step %llu", (unsigned long long)k.step);
}

int clg__step_next(clg_trainer *t, const clg_step_wish *wish, uint32_t *n)
{
    int status = CLG_OK;
    *n = t->desc.train.batch;
    if (t->plan.system == CLG_SYSTEM_NONE) {
        status = clg__feed_next(t, n);
        if (status == CLG_OK && *n == 0) {
            status = clg__fail(CLG_E_INTERNAL, "the loader ended before the training");
        }
    }
    return status == CLG_OK ? clg__step_enqueue(t, *n, wish) : status;
}

int clg__trainer_step(clg_trainer *t)
{
    uint32_t n;
    return clg__step_next(t, &(clg_step_wish){ 0 }, &n);
}

static int check_rows(const clg_trainer *t, uint32_t n)
{
    uint32_t packing = t->desc.discriminator.packing;
    if (t->plan.system != CLG_SYSTEM_NONE) {
        return clg__hint(clg__fail(CLG_E_USAGE, "model %s draws its data itself",
                                   t->desc.model.name), "make steps without giving images");
    }
    if (n == 0 || n > t->desc.train.batch) {
        return clg__hint(clg__fail(CLG_E_USAGE, "a step on %u images, the trainer was made for %u",
                                   n, t->desc.train.batch),
                         "set train.batch to the largest number of images of a step");
    }
    if (n == 1u && t->norm) {
        return clg__hint(clg__fail(CLG_E_USAGE, "a step on 1 image under batch norm"),
                         "give 2 images or more");
    }
    if (n % packing != 0) {
        return clg__hint(clg__fail(CLG_E_USAGE, "a step on %u images, the discriminator takes %u "
                                   "at once", n, packing), "give a multiple of %u", packing);
    }
    return CLG_OK;
}

int clg__trainer_step_on_labels(clg_trainer *t, const uint8_t *images, const uint32_t *labels,
                                uint32_t n)
{
    int status = check_rows(t, n);
    if (status == CLG_OK && t->plan.classes > 0 && labels == NULL) {
        status = clg__hint(clg__fail(CLG_E_USAGE, "model %s learns %u classes, and the images come "
                                     "without labels", t->desc.model.name, t->plan.classes),
                           "give one label per image");
    }
    if (status == CLG_OK) {
        status = clg__feed_images(t, images, labels, n);
    }
    return status == CLG_OK ? clg__step_enqueue(t, n, &(clg_step_wish){ 0 }) : status;
}

int clg__trainer_step_on(clg_trainer *t, const uint8_t *images, uint32_t n)
{
    return clg__trainer_step_on_labels(t, images, NULL, n);
}
