/* Which images a step sees: a pure function of the seed and the step's number, so that a resumed
 * run goes on as if it had never stopped. */
#include "base/mem.h"
#include "gan/trainer_internal.h"

int clg__schedule_make(clg_schedule *s, const clg_model_desc *desc, uint32_t images, bool norm)
{
    uint32_t batch = desc->train.batch, rest = images % batch;
    uint32_t packing = desc->discriminator.packing > 0 ? desc->discriminator.packing : 1u;
    rest -= rest % packing;
    *s = (clg_schedule){ .seed = desc->train.seed, .images = images, .batch = batch,
                         .packing = packing, .hflip = desc->data.hflip };
    s->dropped_one = rest / packing == 1u && norm;
    s->steps_per_epoch = images / batch + (rest > 0 && !s->dropped_one);
    if (s->steps_per_epoch == 0) {
        return clg__hint(clg__fail(CLG_E_DATA, "the data set has %u image%s, batch norm needs 2",
                                   images, images == 1u ? "" : "s"),
                         "give more images");
    }
    s->order = clg__alloc(images, sizeof *s->order);
    return s->order != NULL ? CLG_OK : CLG_E_MEMORY;
}

void clg__schedule_free(clg_schedule *s)
{
    clg__free(s->order);
    s->order = NULL;
}

uint32_t clg__schedule_plan(void *user, uint64_t batch, uint32_t *indices, uint8_t *flip)
{
    clg_schedule *s = user;
    uint64_t epoch = batch / s->steps_per_epoch;
    uint64_t first = batch % s->steps_per_epoch * s->batch;
    uint64_t left = s->images - first;
    left -= left < s->batch ? left % s->packing : 0;
    uint32_t n = left < s->batch ? (uint32_t)left : s->batch;
    if (s->order_of != epoch + 1u) {
        clg_rng_key key = { .seed = s->seed, .stream = CLG_STREAM_SHUFFLE, .step = epoch };
        clg__philox_permutation(&key, s->order, s->images);
        s->order_of = epoch + 1u;
    }
    clg_rng_key key = { .seed = s->seed, .stream = CLG_STREAM_HFLIP, .step = batch + 1u };
    for (uint32_t i = 0; i < n; i++) {
        uint32_t word[4] = { 0 };
        indices[i] = s->order[first + i];
        if (s->hflip) {
            clg__philox(&key, i / 4u, word);
        }
        flip[i] = (uint8_t)(word[i % 4u] >> 31);
    }
    return n;
}
