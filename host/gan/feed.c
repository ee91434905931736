/* Images and their labels on their way to the device. Uploads are asynchronous; a slot of the loader
 * (or of the staging ring for images given by the caller) is used again only when its upload is
 * done, and that wait is what keeps the host from running more than a few steps ahead. */
#include <string.h>

#include "base/mem.h"
#include "gan/trainer_internal.h"

_Static_assert((int)CLG_FEED_SLOTS_MAX <= (int)CLG_LOADER_SLOTS_MAX, "the loader fills them all");

static int retire_oldest(clg_trainer *t)
{
    clg_feed *f = &t->feed;
    int status = CLG_OK;
    clg_event **events[2] = { &f->pending[f->first].event, &f->pending[f->first].label_event };
    for (int i = 0; i < 2; i++) {
        if (*events[i] != NULL) {
            int waited = clg__event_wait(*events[i]);
            status = status == CLG_OK ? waited : status;
            clg__event_free(events[i]);
        }
    }
    if (f->pending[f->first].from_loader) {
        clg__loader_release(f->loader);
    }
    f->first = (f->first + 1u) % f->slots;
    f->count--;
    return status;
}

/* One slot always stays free, so that the loader's worker has one to fill. */
static int make_room(clg_trainer *t)
{
    while (t->feed.count >= t->feed.slots - 1u) {
        int status = retire_oldest(t);
        if (status != CLG_OK) {
            return status;
        }
    }
    return CLG_OK;
}

/* Another class than c, from one random word: each of the other classes - 1 equally likely. */
static uint32_t wrong_label(uint32_t c, uint32_t word, uint32_t classes)
{
    return classes > 1u ? (c + 1u + word % (classes - 1u)) % classes : c;
}

/* The labels of every group of D's rows: right, right (the fakes'), wrong. */
static int fill_labels(clg_trainer *t, const uint32_t *right, uint32_t n, uint32_t *dst)
{
    clg_rng_key key = { .seed = t->desc.train.seed, .stream = CLG_STREAM_LABEL,
                        .step = t->step + 1u };
    uint32_t word[4] = { 0 };
    for (uint32_t i = 0; i < n; i++) {
        if (right[i] >= t->plan.classes) {
            return clg__hint(clg__fail(CLG_E_DATA, "row %u has label %u, the model knows %u classes",
                                       i, right[i], t->plan.classes),
                             "labels count from 0");
        }
        if (i % 4u == 0) {
            clg__philox(&key, i / 4u, word);
        }
        dst[i] = dst[n + i] = right[i];
        if (t->table.groups > CLG_GROUP_WRONG) {
            dst[2u * n + i] = wrong_label(right[i], word[i % 4u], t->plan.classes);
        }
    }
    return CLG_OK;
}

static int upload_labels(clg_trainer *t, const uint32_t *right, uint32_t n, uint32_t slot)
{
    clg_feed *f = &t->feed;
    size_t each = (size_t)t->table.groups * t->desc.train.batch;
    int status = CLG_OK;
    if (t->labels == NULL) {
        return CLG_OK;
    }
    if (f->labels == NULL) {
        f->labels = clg__alloc(f->slots * each, sizeof *f->labels);
        CLG_TRY(f->labels != NULL ? CLG_OK : CLG_E_MEMORY);
    }
    CLG_TRY(fill_labels(t, right, n, f->labels + slot * each));
    CLG_TRY(clg__rt_write_async(t->ops->rt,
                                clg__tensor_vec(clg__tensor_all(t->labels), 0, t->table.groups * n),
                                f->labels + slot * each, &f->pending[slot].label_event));
out:
    return status;
}

static int upload(clg_trainer *t, const uint8_t *images, const uint32_t *labels, uint32_t n,
                  bool from_loader)
{
    clg_feed *f = &t->feed;
    uint32_t slot = (f->first + f->count) % f->slots;
    f->place = clg__fused_place(&t->fused, clg__trainer_batch_bytes(t));
    clg_tensor dst = clg__tensor_vec(clg__tensor_all(t->bytes),
                                     (uint64_t)f->place * clg__trainer_batch_bytes(t),
                                     (uint32_t)(n * clg__trainer_pixels(t)));
    /* From here on the slot is pending, so that a fault behind it is waited for like any upload. */
    f->pending[slot].event = f->pending[slot].label_event = NULL;
    f->pending[slot].from_loader = from_loader;
    f->count++;
    int status = clg__rt_write_async(t->ops->rt, dst, images, &f->pending[slot].event);
    if (status == CLG_OK) {
        status = upload_labels(t, labels, n, slot);
    }
    f->uploads++;
    return status;
}

/* The labels of the batch that the loader handed out last; *labels by clg__free. */
static int read_labels(clg_trainer *t, uint32_t n, uint32_t **labels)
{
    const uint32_t *index = clg__loader_indices(t->feed.loader);
    *labels = NULL;
    if (t->labels == NULL) {
        return CLG_OK;
    }
    *labels = clg__alloc(n, sizeof **labels);
    for (uint32_t i = 0; *labels != NULL && i < n; i++) {
        (*labels)[i] = (uint32_t)clg__dataset_label(t->ds, index[i]);
    }
    return *labels != NULL ? CLG_OK : CLG_E_MEMORY;
}

int clg__feed_next(clg_trainer *t, uint32_t *n)
{
    clg_feed *f = &t->feed;
    const uint8_t *images = NULL;
    uint32_t *labels = NULL;
    int status = CLG_OK;
    *n = 0;
    if (t->ds == NULL) {
        return clg__fail(CLG_E_USAGE, "the trainer was made without a data set");
    }
    if (f->loader == NULL) {
        t->schedule.order_of = 0;
        CLG_TRY(clg__loader_start(&f->loader, t->ds, t->desc.train.batch, f->slots, t->step,
                                  clg__schedule_plan, &t->schedule));
    }
    CLG_TRY(make_room(t));
    CLG_TRY(clg__loader_next(f->loader, &images, n));
    if (*n > 0) {
        status = read_labels(t, *n, &labels);
        if (status != CLG_OK) {
            clg__loader_release(f->loader);
            goto out;
        }
        CLG_TRY(upload(t, images, labels, *n, true));
    }
out:
    clg__free(labels);
    return status;
}

int clg__feed_images(clg_trainer *t, const uint8_t *images, const uint32_t *labels, uint32_t n)
{
    clg_feed *f = &t->feed;
    size_t image = (size_t)clg__trainer_pixels(t), slot = image * t->desc.train.batch;
    int status = CLG_OK;
    if (f->loader != NULL) {
        clg__feed_stop(t);
    }
    if (f->staging == NULL) {
        f->staging = clg__alloc(f->slots * slot, 1);
        if (f->staging == NULL) {
            return CLG_E_MEMORY;
        }
    }
    CLG_TRY(make_room(t));
    uint8_t *copy = f->staging + f->uploads % f->slots * slot;
    memcpy(copy, images, n * image);
    CLG_TRY(upload(t, copy, labels, n, false));
out:
    return status;
}

void clg__feed_stop(clg_trainer *t)
{
    while (t->feed.count > 0) {
        (void)retire_oldest(t);
    }
    clg__loader_stop(&t->feed.loader);
}
