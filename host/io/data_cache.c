/* Cache files of decoded image folders: "<cache dir>/data/<key>.u8".
 *
 *     head 64 bytes | pixels [count,size,size,channels] | 0..7 zeros | labels i32 [count]
 *     | CRC-32 of each image u32 [count] | class names, messages about skipped images, each
 *     NUL-ended | foot 64 bytes
 *
 * in the machine's own byte order. The foot comes last because how many images are good is known
 * last; its hash covers everything but the pixels, which each image's CRC covers when it is read. A
 * file that does not fit together is built again, never trusted. */
#include "io/dataset_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/cache.h"
#include "base/mem.h"
#include "base/str.h"

enum { CACHE_VERSION = 2 };
static const char MAGIC[8] = { 'c', 'l', 'g', 'd', 'a', 't', 'a', '\n' };

typedef struct cache_head {
    char magic[8];
    uint32_t version, order; /* order: 0x01020304 */
    uint64_t key;
    uint32_t size, channels;
    uint64_t zero[4];
} cache_head;

typedef struct cache_foot {
    uint64_t hash; /* of head, tables, and this struct with hash = 0 */
    uint64_t key, names_bytes, fingerprint;
    uint32_t count, classes, skipped, labelled;
    uint64_t zero;
    char magic[8];
} cache_foot;

_Static_assert(sizeof(cache_head) == 64 && sizeof(cache_foot) == 64, "layout of the cache file");

static cache_head make_head(uint64_t key, uint32_t size, uint32_t channels)
{
    cache_head head = { .version = CACHE_VERSION,
                        .order = 0x01020304u,
                        .key = key,
                        .size = size,
                        .channels = channels };
    memcpy(head.magic, MAGIC, sizeof MAGIC);
    return head;
}

int clg__data_cache_path(uint64_t key, char **path)
{
    int status = CLG_OK;
    char dir[1024], name[32];
    *path = NULL;
    CLG_TRY(clg__cache_dir("data", dir));
    CLG_TRY(clg__os_mkdirs(dir, 0700));
    (void)snprintf(name, sizeof name, "%016llx.u8", (unsigned long long)key);
    *path = clg__os_join(dir, name);
    status = *path != NULL ? CLG_OK : CLG_E_MEMORY;
out:
    return status;
}

/* ---- reading ---- */

typedef struct cache_layout {
    size_t pixels, labels, crc, names, foot; /* offsets */
} cache_layout;

/* Where everything lies in a file of these counts; false if that overflows or is not `size`. */
static bool lay_out(const cache_head *head, const cache_foot *foot, size_t size, cache_layout *at)
{
    size_t image, pixels, table, end;
    if (!clg__mul((size_t)head->size * head->size, head->channels, &image) ||
        !clg__mul(image, foot->count, &pixels) || pixels > SIZE_MAX / 2u ||
        foot->names_bytes > SIZE_MAX / 2u) {
        return false;
    }
    at->pixels = sizeof *head;
    at->labels = (size_t)clg__round_up64(at->pixels + pixels, 8);
    table = (size_t)foot->count * sizeof(uint32_t);
    at->crc = at->labels + table;
    at->names = at->crc + table;
    return clg__add(at->names, (size_t)foot->names_bytes, &at->foot) &&
           clg__add(at->foot, sizeof *foot, &end) && end == size;
}

static uint64_t hash_tables(const cache_head *head, const cache_foot *foot, const void *labels,
                            const void *crc, const void *names)
{
    cache_foot plain = *foot;
    size_t table = (size_t)foot->count * sizeof(uint32_t);
    plain.hash = 0;
    uint64_t hash = clg__hash64(head, sizeof *head, 0);
    hash = clg__hash64(labels, table, hash);
    hash = clg__hash64(crc, table, hash);
    hash = clg__hash64(names, (size_t)foot->names_bytes, hash);
    return clg__hash64(&plain, sizeof plain, hash);
}

static bool check(const clg_map *map, uint64_t key, cache_head *head, cache_foot *foot,
                  cache_layout *at)
{
    if (map->size < sizeof *head + sizeof *foot) {
        return false;
    }
    memcpy(head, map->data, sizeof *head);
    memcpy(foot, map->data + map->size - sizeof *foot, sizeof *foot);
    cache_head want = make_head(key, head->size, head->channels);
    if (memcmp(head, &want, sizeof want) != 0 || foot->key != key ||
        memcmp(foot->magic, MAGIC, sizeof MAGIC) != 0) {
        return false;
    }
    if (head->size == 0u || head->size > CLG_DATA_SIDE_MAX || foot->count == 0u ||
        (head->channels != 1u && head->channels != 3u) || foot->classes > CLG_DATA_CLASSES_MAX) {
        return false;
    }
    return lay_out(head, foot, map->size, at) &&
           hash_tables(head, foot, map->data + at->labels, map->data + at->crc,
                       map->data + at->names) == foot->hash;
}

static bool load_names(clg_dataset *ds, const char *names, size_t n, uint32_t classes)
{
    const char **list = clg__alloc((size_t)classes + 1u, sizeof *list);
    bool ok = list != NULL;
    for (uint32_t i = 0; i < classes && ok; i++) {
        const char *end = n > 0u ? memchr(names, 0, n) : NULL;
        ok = end != NULL;
        if (ok) {
            list[i] = names;
            n -= (size_t)(end + 1 - names);
            names = end + 1;
        }
    }
    if (ok && n > 0u && names[n - 1u] == '\0') {
        clg__str_add_bytes(&ds->skipped, names, n);
    }
    ok = ok && clg__dataset_set_classes(ds, list, classes) == CLG_OK;
    clg__free(list);
    return ok;
}

static bool load_tables(clg_dataset *ds, const cache_foot *foot, const cache_layout *at)
{
    size_t table = (size_t)foot->count * sizeof(uint32_t);
    ds->crc = clg__alloc(foot->count, sizeof *ds->crc);
    if (ds->crc == NULL) {
        return false;
    }
    memcpy(ds->crc, ds->map.data + at->crc, table);
    if (foot->labelled != 0u) {
        ds->labels = clg__alloc(foot->count, sizeof *ds->labels);
        if (ds->labels == NULL) {
            return false;
        }
        memcpy(ds->labels, ds->map.data + at->labels, table);
    }
    return load_names(ds, (const char *)ds->map.data + at->names, (size_t)foot->names_bytes,
                      foot->classes);
}

bool clg__data_cache_load(clg_dataset *ds, const char *path, uint64_t key)
{
    cache_head head;
    cache_foot foot;
    cache_layout at;
    if (!clg__os_stat(path).is_file || clg__os_map_file(path, &ds->map) != CLG_OK) {
        return false;
    }
    if (!check(&ds->map, key, &head, &foot, &at) || !load_tables(ds, &foot, &at)) {
        clg__free(ds->crc);
        clg__free(ds->labels);
        ds->crc = NULL;
        ds->labels = NULL;
        (void)clg__dataset_set_classes(ds, NULL, 0);
        clg__str_free(&ds->skipped);
        clg__os_unmap(&ds->map);
        return false;
    }
    ds->pixels = ds->map.data + at.pixels;
    ds->w = ds->h = head.size;
    ds->c = head.channels;
    ds->info.count = foot.count;
    ds->info.skipped = foot.skipped;
    ds->info.fingerprint = foot.fingerprint;
    return true;
}

/* ---- writing ---- */

struct clg_data_cache_writer {
    clg_atomic_file *file;
    cache_head head;
    size_t image;
};

int clg__data_cache_begin(clg_data_cache_writer **out, const char *path, uint64_t key,
                          uint32_t size, uint32_t channels)
{
    int status = CLG_OK;
    clg_data_cache_writer *w = clg__alloc(1, sizeof *w);
    *out = NULL;
    if (w == NULL) {
        return CLG_E_MEMORY;
    }
    w->head = make_head(key, size, channels);
    w->image = (size_t)size * size * channels;
    CLG_TRY(clg__os_atomic_open(&w->file, path));
    CLG_TRY(clg__os_atomic_write(w->file, &w->head, sizeof w->head));
    *out = w;
    w = NULL;
out:
    clg__data_cache_abort(&w);
    return status;
}

int clg__data_cache_append(clg_data_cache_writer *w, const uint8_t *image)
{
    return clg__os_atomic_write(w->file, image, w->image);
}

int clg__data_cache_commit(clg_data_cache_writer **pw, const clg_dataset *ds)
{
    static const char zeros[8] = { 0 };
    clg_data_cache_writer *w = *pw;
    int status = CLG_OK;
    int32_t *labels = NULL;
    clg_str names = { 0 };
    const size_t table = (size_t)ds->info.count * sizeof(uint32_t);
    const size_t pixels = w->image * ds->info.count;
    cache_foot foot = { .key = w->head.key,
                        .fingerprint = ds->info.fingerprint,
                        .count = ds->info.count,
                        .classes = ds->info.classes,
                        .skipped = ds->info.skipped,
                        .labelled = ds->labels != NULL };
    memcpy(foot.magic, MAGIC, sizeof MAGIC);
    for (uint32_t i = 0; i < ds->info.classes; i++) {
        clg__str_add_bytes(&names, ds->class_name[i], strlen(ds->class_name[i]) + 1u);
    }
    if (ds->skipped.len > 0u) {
        clg__str_add_bytes(&names, ds->skipped.text, ds->skipped.len);
    }
    foot.names_bytes = names.len;
    labels = clg__alloc(ds->info.count, sizeof *labels);
    if (labels == NULL || names.failed) {
        status = CLG_E_MEMORY;
        goto out;
    }
    if (ds->labels != NULL) {
        memcpy(labels, ds->labels, table);
    }
    foot.hash = hash_tables(&w->head, &foot, labels, ds->crc, names.text);
    CLG_TRY(clg__os_atomic_write(w->file, zeros, (size_t)clg__round_up64(pixels, 8) - pixels));
    CLG_TRY(clg__os_atomic_write(w->file, labels, table));
    CLG_TRY(clg__os_atomic_write(w->file, ds->crc, table));
    CLG_TRY(clg__os_atomic_write(w->file, names.text, names.len));
    CLG_TRY(clg__os_atomic_write(w->file, &foot, sizeof foot));
    CLG_TRY(clg__os_atomic_commit(&w->file));
out:
    clg__free(labels);
    clg__str_free(&names);
    clg__data_cache_abort(pw);
    return status;
}

void clg__data_cache_abort(clg_data_cache_writer **w)
{
    if (*w == NULL) {
        return;
    }
    clg__os_atomic_abort(&(*w)->file);
    clg__free(*w);
    *w = NULL;
}
