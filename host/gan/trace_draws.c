/* What a step drew, for its trace: labels, dropout masks, noise. Labels are read from the device;
 * masks and noise are pure functions of the seed and made here again.
 *
 *   labels, labels_wrong      u32 [n]
 *   mask.netD.<pass>.<layer>  u8 [rows, h, w, c], 1 = kept: pass 0 D's own step (all its groups of
 *                             rows), 1 D's in the G step; mask.netG: pass 2, and 3 for second fakes
 *   noise.<lane>              f32 [n, h, w, c]: 0 real rows, 1 fakes, 2 second fakes */
#include <stdio.h>

#include "base/mem.h"
#include "gan/trainer_internal.h"

enum { PASSES_MAX = 4, LABELS = 2, NOISES = 3 };

static uint32_t count_dropouts(const clg_net_plan *plan)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        n += plan->layer[i].op == CLG_LAYER_DROPOUT;
    }
    return n;
}

size_t clg__trace_draws_room(const clg_trainer *t)
{
    return LABELS + NOISES +
           PASSES_MAX / 2u * (size_t)(count_dropouts(&t->plan.g) + count_dropouts(&t->plan.d));
}

static int add_labels(clg_trainer *t, clg_tensor_list *list, uint32_t n)
{
    static const char *const name[LABELS] = { "labels", "labels_wrong" };
    uint32_t groups = t->table.groups > CLG_GROUP_WRONG ? 2u : 1u;
    uint64_t dim = n;
    for (uint32_t i = 0; i < groups; i++) {
        uint32_t *label = clg__tensor_list_own(list, n, sizeof *label);
        if (label == NULL) {
            return CLG_E_MEMORY;
        }
        clg_tensor src = clg__tensor_vec(clg__tensor_all(t->labels),
                                         i == 0 ? 0 : (uint64_t)CLG_GROUP_WRONG * n, n);
        int status = clg__rt_read(t->ops->rt, src, label);
        if (status == CLG_OK) {
            status = clg__tensor_list_add(list, CLG_ST_U32, 1, &dim, label, "", name[i]);
        }
        if (status != CLG_OK) {
            return status;
        }
    }
    return CLG_OK;
}

static int add_mask(clg_trainer *t, clg_tensor_list *list, const clg_layer *l, const char *net,
                    uint32_t pass, uint32_t layer, uint32_t rows)
{
    uint64_t dim[4] = { rows, l->out_h, l->out_w, l->out_c };
    uint64_t len = dim[0] * dim[1] * dim[2] * dim[3];
    clg_rng_key key = { .seed = t->desc.train.seed, .stream = CLG_STREAM_DROPOUT, .step = t->step,
                        .lane = (pass << 8) + layer };
    char name[64];
    uint32_t word[4] = { 0 };
    uint8_t *mask = clg__tensor_list_own(list, len, 1);
    if (mask == NULL) {
        return CLG_E_MEMORY;
    }
    for (uint64_t i = 0; i < len; i++) {
        if (i % 4u == 0) {
            clg__philox(&key, i / 4u, word);
        }
        mask[i] = clg__philox_unit(word[i % 4u]) < l->keep;
    }
    snprintf(name, sizeof name, "mask.%s.%u.%u", net, pass, layer);
    return clg__tensor_list_add(list, CLG_ST_U8, 4, dim, mask, "", name);
}

static int add_masks(clg_trainer *t, clg_tensor_list *list, const clg_net_plan *plan,
                     const char *net, uint32_t pass, uint32_t rows)
{
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        if (plan->layer[i].op == CLG_LAYER_DROPOUT) {
            int status = add_mask(t, list, &plan->layer[i], net, pass, i, rows);
            if (status != CLG_OK) {
                return status;
            }
        }
    }
    return CLG_OK;
}

static int add_noise(clg_trainer *t, clg_tensor_list *list, uint32_t lane, uint32_t n)
{
    uint64_t dim[4] = { n, t->plan.h, t->plan.w, t->plan.c };
    clg_rng_key key = { .seed = t->desc.train.seed, .stream = CLG_STREAM_NOISE, .step = t->step,
                        .lane = lane };
    char name[32];
    if (!(t->desc.loss.input_noise > 0.0f)) {
        return CLG_OK;
    }
    float *noise = clg__tensor_list_own(list, n * clg__trainer_pixels(t), sizeof *noise);
    if (noise == NULL) {
        return CLG_E_MEMORY;
    }
    clg__philox_normal(&key, 0.0f, t->desc.loss.input_noise, noise, n * clg__trainer_pixels(t));
    snprintf(name, sizeof name, "noise.%u", lane);
    return clg__tensor_list_add(list, CLG_ST_F32, 4, dim, noise, "", name);
}

/* The passes of a phase, with the number of rows that D takes at once counted as one. */
static int add_phase(clg_trainer *t, clg_tensor_list *list, const clg_order_phase *p, uint32_t n)
{
    uint32_t packed = n / t->desc.discriminator.packing;
    int status = CLG_OK;
    switch (p->phase) {
    case CLG_PHASE_REAL:
        return add_noise(t, list, 0, n);
    case CLG_PHASE_FAKES:
        CLG_TRY(add_masks(t, list, &t->plan.g, "netG", CLG_PASS_G + p->draw, n));
        return add_noise(t, list, 1u + p->draw, n);
    case CLG_PHASE_D_PASS:
        return add_masks(t, list, &t->plan.d, "netD", CLG_PASS_D, t->table.groups * packed);
    case CLG_PHASE_G_PASS:
        return add_masks(t, list, &t->plan.d, "netD", CLG_PASS_D_OF_G, packed);
    case CLG_PHASE_RECONSTRUCT:
        CLG_TRY(add_masks(t, list, &t->plan.d, "netD", CLG_PASS_D, packed));
        return add_masks(t, list, &t->plan.g, "netG", CLG_PASS_G, n);
    default:
        return CLG_OK;
    }
out:
    return status;
}

int clg__trace_draws(clg_trainer *t, clg_tensor_list *list, uint32_t n)
{
    uint32_t nets = clg__order_nets(&t->desc, t->step, t->facts.steps_per_epoch), count;
    const clg_order_phase *phase = clg__order_phases(t->desc.order.kind, &count);
    int status = CLG_OK;
    if (t->labels != NULL) {
        CLG_TRY(add_labels(t, list, n));
    }
    for (uint32_t i = 0; i < count; i++) {
        if ((phase[i].nets & nets) != 0) {
            CLG_TRY(add_phase(t, list, &phase[i], n));
        }
    }
out:
    return status;
}
