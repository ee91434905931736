/* One worker thread that reads batches ahead of the trainer into a ring of slots. Order is that of
 * the batch numbers, whatever the timing, so a run repeats exactly. A fault on the worker waits its
 * turn behind the good batches before it and is then passed on with its message. */
#include "io/dataset_internal.h"

#include <stdio.h>

#include "base/mem.h"

enum { SLOTS_MIN = 2, TEXT_MAX = 1200 };

typedef struct loader_slot {
    uint8_t *images;   /* [max_batch,size,size,channels] */
    uint32_t *indices; /* [max_batch] */
    uint32_t n;
} loader_slot;

struct clg_loader {
    const clg_dataset *ds;
    clg_loader_plan plan;
    void *user;
    uint32_t max_batch, slots;
    uint64_t first;
    uint8_t *flip; /* [max_batch], of the worker */
    loader_slot slot[CLG_LOADER_SLOTS_MAX];
    clg_thread *thread;
    clg_mutex *mutex;
    clg_cond *changed;
    /* Under the mutex: batches made, handed out, given back (counted from `first`; batch b lies in
     * slot b % slots; released <= taken <= made <= released + slots). */
    uint64_t made, taken, released;
    bool ended, stop;
    int status; /* of the worker, valid once `ended` */
    char message[TEXT_MAX], hint[TEXT_MAX];
};

/* ---- the worker ---- */

static int make_batch(clg_loader *l, uint64_t at, uint32_t *n)
{
    loader_slot *slot = &l->slot[at % l->slots];
    for (uint32_t i = 0; i < l->max_batch; i++) {
        l->flip[i] = 0;
    }
    *n = l->plan(l->user, l->first + at, slot->indices, l->flip);
    if (*n > l->max_batch) {
        return clg__fail(CLG_E_INTERNAL, "loader: batch %llu has %u images, at most %u fit",
                         (unsigned long long)(l->first + at), *n, l->max_batch);
    }
    slot->n = *n;
    return clg__dataset_read(l->ds, slot->indices, l->flip, *n, slot->images);
}

/* Waits for a free slot; false: stop. */
static bool wait_slot(clg_loader *l)
{
    clg__mutex_lock(l->mutex);
    while (!l->stop && l->made - l->released >= l->slots) {
        clg__cond_wait(l->changed, l->mutex);
    }
    bool go_on = !l->stop;
    clg__mutex_unlock(l->mutex);
    return go_on;
}

static void work(void *arg)
{
    clg_loader *l = arg;
    for (uint64_t at = 0; wait_slot(l); at++) {
        uint32_t n = 0;
        int status = make_batch(l, at, &n);
        bool last = status != CLG_OK || n == 0u;
        clg__mutex_lock(l->mutex);
        if (last) {
            l->ended = true;
            l->status = status;
            if (status != CLG_OK) {
                (void)snprintf(l->message, sizeof l->message, "%s", clg_message());
                (void)snprintf(l->hint, sizeof l->hint, "%s", clg_hint());
            }
        } else {
            l->made++;
        }
        clg__cond_signal_all(l->changed);
        clg__mutex_unlock(l->mutex);
        if (last) {
            return;
        }
    }
}

/* ---- the consumer's side ---- */

static int make_loader(clg_loader *l)
{
    int status = CLG_OK;
    const clg_dataset_info *info = clg__dataset_info(l->ds);
    size_t image = (size_t)info->size * info->size * info->channels;
    l->flip = clg__alloc(l->max_batch, sizeof *l->flip);
    if (l->flip == NULL) {
        return CLG_E_MEMORY;
    }
    for (uint32_t i = 0; i < l->slots; i++) {
        l->slot[i].images = clg__alloc(l->max_batch, image);
        l->slot[i].indices = clg__alloc(l->max_batch, sizeof *l->slot[i].indices);
        if (l->slot[i].images == NULL || l->slot[i].indices == NULL) {
            return CLG_E_MEMORY;
        }
    }
    CLG_TRY(clg__mutex_create(&l->mutex));
    CLG_TRY(clg__cond_create(&l->changed));
    CLG_TRY(clg__thread_start(&l->thread, work, l));
out:
    return status;
}

int clg__loader_start(clg_loader **out, const clg_dataset *ds, uint32_t max_batch, uint32_t slots,
                      uint64_t first, clg_loader_plan plan, void *user)
{
    *out = NULL;
    if (max_batch == 0u || slots < SLOTS_MIN || slots > CLG_LOADER_SLOTS_MAX) {
        return clg__fail(CLG_E_INTERNAL, "loader: %u slots of %u images; %u..%u slots of at least 1",
                         slots, max_batch, SLOTS_MIN, CLG_LOADER_SLOTS_MAX);
    }
    clg_loader *l = clg__alloc(1, sizeof *l);
    if (l == NULL) {
        return CLG_E_MEMORY;
    }
    l->ds = ds;
    l->plan = plan;
    l->user = user;
    l->max_batch = max_batch;
    l->slots = slots;
    l->first = first;
    int status = make_loader(l);
    if (status != CLG_OK) {
        clg__loader_stop(&l);
        return status;
    }
    *out = l;
    return CLG_OK;
}

int clg__loader_next(clg_loader *l, const uint8_t **images, uint32_t *n)
{
    int status = CLG_OK;
    *images = NULL;
    *n = 0;
    clg__mutex_lock(l->mutex);
    if (l->taken - l->released >= l->slots) { /* waiting would be for ever */
        clg__mutex_unlock(l->mutex);
        return clg__fail(CLG_E_INTERNAL, "loader: all %u slots are taken, release one first",
                         l->slots);
    }
    while (l->made == l->taken && !l->ended) {
        clg__cond_wait(l->changed, l->mutex);
    }
    if (l->made > l->taken) {
        const loader_slot *slot = &l->slot[l->taken % l->slots];
        *images = slot->images;
        *n = slot->n;
        l->taken++;
    } else if (l->status != CLG_OK) {
        status = clg__fail(l->status, "%s", l->message);
        if (l->hint[0] != '\0') {
            (void)clg__hint(status, "%s", l->hint);
        }
    }
    clg__mutex_unlock(l->mutex);
    return status;
}

/* The worker leaves a slot alone between its next and its release, so no lock is needed. */
const uint32_t *clg__loader_indices(const clg_loader *l)
{
    return l->slot[(l->taken - 1u) % l->slots].indices;
}

void clg__loader_release(clg_loader *l)
{
    clg__mutex_lock(l->mutex);
    if (l->released < l->taken) {
        l->released++;
        clg__cond_signal_all(l->changed);
    }
    clg__mutex_unlock(l->mutex);
}

void clg__loader_stop(clg_loader **pl)
{
    clg_loader *l = *pl;
    if (l == NULL) {
        return;
    }
    if (l->thread != NULL) {
        clg__mutex_lock(l->mutex);
        l->stop = true;
        clg__cond_signal_all(l->changed);
        clg__mutex_unlock(l->mutex);
        clg__thread_join(&l->thread);
    }
    if (l->changed != NULL) {
        clg__cond_destroy(&l->changed);
    }
    if (l->mutex != NULL) {
        clg__mutex_destroy(&l->mutex);
    }
    for (uint32_t i = 0; i < CLG_LOADER_SLOTS_MAX; i++) {
        clg__free(l->slot[i].images);
        clg__free(l->slot[i].indices);
    }
    clg__free(l->flip);
    clg__free(l);
    *pl = NULL;
}
