/* Images on their way to the device. Uploads are asynchronous; a slot of the loader (or of the
 * staging ring for images given by the caller) is used again only when its upload is done, and
 * that wait is what keeps the host from running more than a few steps ahead. */
#include <string.h>

#include "base/mem.h"
#include "gan/trainer_internal.h"

static int retire_oldest(clg_trainer *t)
{
    clg_feed *f = &t->feed;
    int status = clg__event_wait(f->pending[f->first].event);
    clg__event_free(&f->pending[f->first].event);
    if (f->pending[f->first].from_loader) {
        clg__loader_release(f->loader);
    }
    f->first = (f->first + 1u) % CLG_FEED_SLOTS;
    f->count--;
    return status;
}

/* One slot always stays free, so that the loader's worker has one to fill. */
static int make_room(clg_trainer *t)
{
    while (t->feed.count >= CLG_FEED_SLOTS - 1u) {
        int status = retire_oldest(t);
        if (status != CLG_OK) {
            return status;
        }
    }
    return CLG_OK;
}

static int upload(clg_trainer *t, const uint8_t *images, uint32_t n, bool from_loader)
{
    clg_feed *f = &t->feed;
    uint32_t slot = (f->first + f->count) % CLG_FEED_SLOTS;
    clg_tensor dst = clg__tensor_vec(clg__tensor_all(t->bytes), 0,
                                     (uint32_t)(n * clg__trainer_pixels(t)));
    int status = clg__rt_write_async(t->ops->rt, dst, images, &f->pending[slot].event);
    if (status != CLG_OK) {
        if (from_loader) {
            clg__loader_release(f->loader);
        }
        return status;
    }
    f->pending[slot].from_loader = from_loader;
    f->count++;
    f->uploads++;
    return CLG_OK;
}

int clg__feed_next(clg_trainer *t, uint32_t *n)
{
    clg_feed *f = &t->feed;
    const uint8_t *images = NULL;
    int status = CLG_OK;
    *n = 0;
    if (t->ds == NULL) {
        return clg__fail(CLG_E_USAGE, "the trainer was made without a data set");
    }
    if (f->loader == NULL) {
        t->schedule.order_of = 0;
        CLG_TRY(clg__loader_start(&f->loader, t->ds, t->desc.train.batch, CLG_FEED_SLOTS, t->step,
                                  clg__schedule_plan, &t->schedule));
    }
    CLG_TRY(make_room(t));
    CLG_TRY(clg__loader_next(f->loader, &images, n));
    if (*n > 0) {
        CLG_TRY(upload(t, images, *n, true));
    }
out:
    return status;
}

int clg__feed_images(clg_trainer *t, const uint8_t *images, uint32_t n)
{
    clg_feed *f = &t->feed;
    size_t image = (size_t)clg__trainer_pixels(t), slot = image * t->desc.train.batch;
    int status = CLG_OK;
    if (f->loader != NULL) {
        clg__feed_stop(t);
    }
    if (f->staging == NULL) {
        f->staging = clg__alloc(CLG_FEED_SLOTS * slot, 1);
        if (f->staging == NULL) {
            return CLG_E_MEMORY;
        }
    }
    CLG_TRY(make_room(t));
    uint8_t *copy = f->staging + f->uploads % CLG_FEED_SLOTS * slot;
    memcpy(copy, images, n * image);
    CLG_TRY(upload(t, copy, n, false));
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
