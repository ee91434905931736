/* Decodes the images of a folder once, in order, a chunk at a time with a few threads, into a cache
 * file or into memory. Broken files are skipped, counted and named in the log, up to 1 %. */
#include "io/image_folder.h"

#include <stdio.h>
#include <string.h>

#include <zlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/parallel.h"
#include "base/str.h"

enum { CHUNK_MAX = 64, CHUNK_BYTES = 16 << 20, BROKEN_ONE_IN = 100 };
#define FILE_BYTES_MAX ((size_t)256 << 20)
static const double REPORT_EVERY_S = 5.0;

typedef struct decode_result {
    int status;
    bool needs_colour; /* a colour image, while the target was still thought to be grey */
    char message[512];
} decode_result;

/* One chunk. Share `t` of `shares` has images t, t + shares, ...: results and pixels of different
 * images never overlap. */
typedef struct decode_chunk {
    const clg_image_list *list;
    size_t first;
    uint32_t n, size, channels;
    bool may_widen; /* channels is 1 by hope only */
    uint8_t *pixels;       /* [n,size,size,channels] */
    decode_result *result; /* [n] */
} decode_chunk;

typedef struct decode_run {
    clg_dataset *ds;
    const clg_image_list *list;
    uint32_t size, channels;
    bool may_widen, widen;        /* widen: found colour, start again with 3 channels */
    clg_data_cache_writer *cache; /* NULL: into ds->owned */
    size_t stride;
    size_t named;                 /* images before this one have been named in the log */
    double reported_s;
    decode_chunk chunk;
} decode_run;

/* ---- one image, on any thread ---- */

static int decode_image(const decode_chunk *chunk, size_t index, uint8_t *dst, bool *needs_colour)
{
    int status = CLG_OK;
    uint8_t *bytes = NULL;
    size_t n = 0;
    clg_image image = { 0 };
    char *path = clg__os_join(chunk->list->dir, chunk->list->entry[index].name);
    if (path == NULL) {
        return CLG_E_MEMORY;
    }
    CLG_TRY(clg__os_read_file(path, FILE_BYTES_MAX, &bytes, &n));
    CLG_TRY(clg__image_decode(bytes, n, path, &image));
    *needs_colour = chunk->may_widen && image.c == 3u;
    if (!*needs_colour) {
        CLG_TRY(clg__image_fit(&image, chunk->size, chunk->channels, dst));
    }
out:
    clg__free(image.pixels);
    clg__free(bytes);
    clg__free(path);
    return status;
}

static void decode_share(void *arg, unsigned share, unsigned shares)
{
    const decode_chunk *chunk = arg;
    const size_t stride = (size_t)chunk->size * chunk->size * chunk->channels;
    for (uint32_t i = share; i < chunk->n; i += shares) {
        decode_result *r = &chunk->result[i];
        r->needs_colour = false;
        r->status = decode_image(chunk, chunk->first + i, chunk->pixels + i * stride,
                                 &r->needs_colour);
        if (r->status != CLG_OK) { /* the message belongs to this thread: carry it over */
            (void)snprintf(r->message, sizeof r->message, "%.500s", clg_message());
        }
    }
}

/* ---- results, in order, on the caller's thread ---- */

static int skip_broken(decode_run *run, size_t index, const decode_result *r)
{
    clg_dataset_info *info = &run->ds->info;
    const size_t total = run->list->n;
    info->skipped++;
    if (index >= run->named) {
        clg__log(CLG_LOG_WARN, "skipped a broken image: %s", r->message);
        run->named = index + 1u;
    }
    clg__str_add_bytes(&run->ds->skipped, r->message, strlen(r->message) + 1u);
    if (info->skipped <= total / BROKEN_ONE_IN) {
        return CLG_OK;
    }
    return clg__hint(clg__fail(CLG_E_DATA, "%s: %u broken among the first %zu of %zu images, more "
                                           "than 1 %%: %s",
                               run->list->dir, info->skipped, index + 1u, total, r->message),
                     "remove or replace the broken files; each is named in the log");
}

static int keep_image(decode_run *run, size_t index, const uint8_t *pixels)
{
    clg_dataset *ds = run->ds;
    const uint32_t at = ds->info.count;
    ds->crc[at] = (uint32_t)crc32_z(0, pixels, run->stride);
    if (ds->labels != NULL) {
        ds->labels[at] = run->list->entry[index].label;
    }
    ds->info.count++;
    if (run->cache != NULL) {
        return clg__data_cache_append(run->cache, pixels);
    }
    memcpy(ds->owned + at * run->stride, pixels, run->stride);
    return CLG_OK;
}

static int take_chunk(decode_run *run)
{
    const decode_chunk *chunk = &run->chunk;
    for (uint32_t i = 0; i < chunk->n; i++) {
        const decode_result *r = &chunk->result[i];
        int status = CLG_OK;
        if (r->status == CLG_E_DATA || r->status == CLG_E_IO) {
            status = skip_broken(run, chunk->first + i, r);
        } else if (r->status != CLG_OK) {
            status = clg__fail(r->status, "%s", r->message);
        } else if (r->needs_colour) {
            run->widen = true;
            return CLG_OK;
        } else {
            status = keep_image(run, chunk->first + i, chunk->pixels + i * run->stride);
        }
        if (status != CLG_OK) {
            return status;
        }
    }
    return CLG_OK;
}

static void report(decode_run *run, size_t done)
{
    double now = clg__os_now_s();
    if (now - run->reported_s > REPORT_EVERY_S) {
        clg__log(CLG_LOG_INFO, "%s: %zu of %zu images decoded", run->list->dir, done,
                 run->list->n);
        run->reported_s = now;
    }
}

/* ---- the whole folder ---- */

static void free_arrays(clg_dataset *ds)
{
    clg__free(ds->owned);
    clg__free(ds->labels);
    clg__free(ds->crc);
    ds->owned = NULL;
    ds->labels = NULL;
    ds->crc = NULL;
    clg__str_free(&ds->skipped);
    ds->info.count = ds->info.skipped = 0;
}

static int make_arrays(decode_run *run)
{
    clg_dataset *ds = run->ds;
    const size_t n = run->list->n;
    uint32_t per_chunk = (uint32_t)(CHUNK_BYTES / run->stride);
    free_arrays(ds);
    run->chunk = (decode_chunk){ .list = run->list,
                                 .size = run->size,
                                 .channels = run->channels,
                                 .may_widen = run->may_widen };
    per_chunk = per_chunk > CHUNK_MAX ? CHUNK_MAX : per_chunk;
    per_chunk = per_chunk < clg__shares() ? clg__shares() : per_chunk;
    run->chunk.n = per_chunk;
    run->chunk.pixels = clg__alloc(per_chunk, run->stride);
    run->chunk.result = clg__alloc(per_chunk, sizeof *run->chunk.result);
    ds->crc = clg__alloc(n, sizeof *ds->crc);
    if (run->list->classes > 0u) {
        ds->labels = clg__alloc(n, sizeof *ds->labels);
    }
    if (run->cache == NULL) {
        ds->owned = clg__alloc(n, run->stride);
    }
    bool failed = run->chunk.pixels == NULL || run->chunk.result == NULL || ds->crc == NULL ||
                  (run->list->classes > 0u && ds->labels == NULL) ||
                  (run->cache == NULL && ds->owned == NULL);
    return failed ? CLG_E_MEMORY : CLG_OK;
}

/* One attempt with run->channels; ends early with run->widen set when that was too few. */
static int decode_folder(decode_run *run)
{
    int status = CLG_OK;
    const uint32_t per_chunk = run->chunk.n;
    for (size_t i = 0; i < run->list->n && !run->widen; i += per_chunk) {
        size_t left = run->list->n - i;
        run->chunk.first = i;
        run->chunk.n = left < per_chunk ? (uint32_t)left : per_chunk;
        clg__parallel(decode_share, &run->chunk, clg__shares());
        CLG_TRY(take_chunk(run));
        report(run, i + run->chunk.n);
    }
out:
    return status;
}

/* Same pictures, labels and size: the same number. */
static uint64_t make_fingerprint(const decode_run *run)
{
    const clg_dataset *ds = run->ds;
    uint32_t of[2] = { run->size, run->channels };
    uint64_t hash = clg__hash64(of, sizeof of, 0);
    hash = clg__hash64(ds->crc, ds->info.count * sizeof *ds->crc, hash);
    return clg__dataset_hash_labels(ds, hash);
}

static int attempt(decode_run *run, const char *path, uint64_t key)
{
    int status = CLG_OK;
    clg_dataset *ds = run->ds;
    run->stride = (size_t)run->size * run->size * run->channels;
    run->widen = false;
    if (path != NULL) {
        CLG_TRY(clg__data_cache_begin(&run->cache, path, key, run->size, run->channels));
    }
    CLG_TRY(make_arrays(run));
    CLG_TRY(decode_folder(run));
    if (run->widen) {
        goto out;
    }
    CLG_TRY(clg__dataset_set_classes(ds, (const char *const *)run->list->class_name,
                                     (uint32_t)run->list->classes));
    ds->info.fingerprint = make_fingerprint(run);
    ds->pixels = ds->owned;
    ds->w = ds->h = run->size;
    ds->c = run->channels;
    if (path != NULL) {
        CLG_TRY(clg__data_cache_commit(&run->cache, ds));
        free_arrays(ds);
    }
out:
    clg__free(run->chunk.pixels);
    clg__free(run->chunk.result);
    run->chunk = (decode_chunk){ 0 };
    clg__data_cache_abort(&run->cache);
    return status;
}

int clg__folder_decode(clg_dataset *ds, const clg_image_list *list, uint32_t size,
                       uint32_t channels, const char *path, uint64_t key)
{
    int status = CLG_OK;
    const double start = clg__os_now_s();
    decode_run run = { .ds = ds,
                       .list = list,
                       .size = size,
                       .channels = channels != 0u ? channels : 1u,
                       .may_widen = channels == 0u,
                       .reported_s = start };
    clg__log(CLG_LOG_INFO, "%s: decoding %zu images to %ux%u%s%s", list->dir, list->n, size, size,
             path != NULL ? ", once, into " : " in memory", path != NULL ? path : "");
    CLG_TRY(attempt(&run, path, key));
    if (run.widen) {
        run.channels = 3;
        run.may_widen = false;
        CLG_TRY(attempt(&run, path, key));
    }
    clg__log(CLG_LOG_INFO, "%s: decoded in %.1f s", list->dir, clg__os_now_s() - start);
out:
    if (status != CLG_OK) {
        free_arrays(ds);
    }
    return status;
}
