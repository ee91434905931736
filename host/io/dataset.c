/* Data sets: finding the source, and reading images at the target size. How each kind of file is
 * read is in idx.c, cifar.c, image_folder.c. */
#include "io/dataset_internal.h"

#include <stdio.h>
#include <string.h>

#include <zlib.h>

#include "base/mem.h"
#include "base/str.h"

/* ---- classes and labels ---- */

static void free_classes(clg_dataset *ds)
{
    for (uint32_t i = 0; i < ds->info.classes && ds->class_name != NULL; i++) {
        clg__free(ds->class_name[i]);
    }
    clg__free(ds->class_name);
    ds->class_name = NULL;
    ds->info.classes = 0;
}

int clg__dataset_set_classes(clg_dataset *ds, const char *const *names, uint32_t n)
{
    free_classes(ds);
    if (n == 0u) {
        return CLG_OK;
    }
    ds->class_name = clg__alloc(n, sizeof *ds->class_name);
    if (ds->class_name == NULL) {
        return CLG_E_MEMORY;
    }
    ds->info.classes = n;
    for (uint32_t i = 0; i < n; i++) {
        ds->class_name[i] = clg__strdup(names[i]);
        if (ds->class_name[i] == NULL) {
            return CLG_E_MEMORY;
        }
    }
    return CLG_OK;
}

int clg__dataset_number_classes(clg_dataset *ds, uint32_t n)
{
    char text[256][4];
    const char *names[256];
    for (uint32_t i = 0; i < n && i < 256u; i++) {
        (void)snprintf(text[i], sizeof text[i], "%u", i % 256u);
        names[i] = text[i];
    }
    return clg__dataset_set_classes(ds, names, n < 256u ? n : 256u);
}

int clg__dataset_drop_empty_classes(clg_dataset *ds)
{
    uint32_t classes = ds->info.classes, kept = 0;
    if (ds->labels == NULL || classes == 0u) {
        return CLG_OK;
    }
    int32_t *place = clg__alloc(classes, sizeof *place); /* 1 + where a class goes */
    if (place == NULL) {
        return CLG_E_MEMORY;
    }
    for (uint32_t i = 0; i < ds->info.count; i++) {
        if (ds->labels[i] >= 0) {
            place[ds->labels[i]] = 1;
        }
    }
    for (uint32_t k = 0; k < classes; k++) {
        char *name = ds->class_name[k];
        ds->class_name[k] = NULL;
        if (place[k] != 0) {
            ds->class_name[kept++] = name;
            place[k] = (int32_t)kept;
        } else {
            clg__free(name);
        }
    }
    for (uint32_t i = 0; i < ds->info.count; i++) {
        ds->labels[i] = ds->labels[i] >= 0 ? place[ds->labels[i]] - 1 : -1;
    }
    clg__free(place);
    ds->info.classes = kept;
    ds->info.empty_classes = classes - kept;
    return CLG_OK;
}

uint64_t clg__dataset_hash_labels(const clg_dataset *ds, uint64_t hash)
{
    if (ds->labels == NULL) {
        return hash;
    }
    return clg__hash64(ds->labels, (size_t)ds->info.count * sizeof *ds->labels, hash);
}

const char *clg__dataset_class(const clg_dataset *ds, uint32_t label)
{
    return label < ds->info.classes ? ds->class_name[label] : "";
}

int32_t clg__dataset_label(const clg_dataset *ds, uint32_t index)
{
    return ds->labels != NULL && index < ds->info.count ? ds->labels[index] : -1;
}

const clg_dataset_info *clg__dataset_info(const clg_dataset *ds)
{
    return &ds->info;
}

/* ---- finding the source ---- */

typedef struct known_set {
    const char *name, *hint;
    const char *classes[10];
} known_set;

static const known_set KNOWN[] = {
    { .name = "fashion-mnist",
      .hint = "apt install dataset-fashion-mnist, or give a folder: --data PATH",
      .classes = { "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt",
                   "Sneaker", "Bag", "Ankle boot" } },
    { .name = "mnist",
      .hint = "put MNIST's four files (train-images-idx3-ubyte.gz ...) into ./data/mnist, or give "
              "a folder: --data PATH" },
    { .name = "cifar10",
      .hint = "put CIFAR-10's binary batches (data_batch_1.bin ...) into ./data/cifar10, or give a "
              "folder: --data PATH" },
};
enum { KNOWN_COUNT = sizeof KNOWN / sizeof KNOWN[0] };

static const known_set *find_known(const char *source)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if (strcmp(source, KNOWN[i].name) == 0) {
            return &KNOWN[i];
        }
    }
    return NULL;
}

/* A folder with something in it. */
static bool is_filled(const char *dir)
{
    char **names = NULL;
    size_t n = 0;
    bool filled = clg__os_stat(dir).is_dir && clg__os_list(dir, &names, &n) == CLG_OK && n > 0u;
    clg__os_list_free(&names, n);
    return filled;
}

/* The first home of a known set that holds something; the message lists the places looked at. */
static int find_home(const known_set *set, char path[1024])
{
    char home[5][1024], cache[1024] = "";
    clg_str looked = { 0 };
    const char *data = clg__os_env("CLGAN_DATA");
    (void)clg__os_cache_dir(cache, sizeof cache - 64u);
    (void)snprintf(home[0], sizeof home[0], "%.900s/%s", data != NULL ? data : "$CLGAN_DATA",
                   set->name);
    (void)snprintf(home[1], sizeof home[1], "./data/%s", set->name);
    (void)snprintf(home[2], sizeof home[2], "%.900s/datasets/%s", cache, set->name);
    (void)snprintf(home[3], sizeof home[3], "/usr/share/datasets/%s", set->name);
    (void)snprintf(home[4], sizeof home[4], "./%s", set->name);
    for (size_t i = 0; i < 5u; i++) {
        bool unset = i == 0u && data == NULL;
        if (!unset && is_filled(home[i])) {
            memcpy(path, home[i], sizeof home[i]);
            clg__str_free(&looked);
            return CLG_OK;
        }
        clg__str_add(&looked, "%s%s%s", i > 0u ? ", " : "", home[i], unset ? " (not set)" : "");
    }
    int status = clg__fail(CLG_E_DATA, "data set %s not found; looked in %s", set->name,
                           looked.text != NULL ? looked.text : "its homes");
    clg__str_free(&looked);
    return clg__hint(status, "%s", set->hint);
}

static int find_path(const char *source, char path[1024])
{
    const char *names[KNOWN_COUNT];
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        names[i] = KNOWN[i].name;
    }
    if (snprintf(path, 1024, "%s", source) >= 1024) {
        return clg__fail(CLG_E_DATA, "data path of %zu characters is too long", strlen(source));
    }
    clg_file_info info = clg__os_stat(path);
    if (info.is_dir) {
        return CLG_OK;
    }
    if (info.exists) {
        return clg__hint(clg__fail(CLG_E_DATA, "%s: is a file, not a folder", source),
                         "give the folder that holds it");
    }
    const char *near = clg__nearest(source, names, KNOWN_COUNT);
    int status = clg__fail(CLG_E_DATA, "%s: neither a folder nor a known data set", source);
    return near != NULL ? clg__hint(status, "did you mean %s?", near)
                        : clg__hint(status, "give a folder of IDX files, CIFAR-10 batches or "
                                            "images, or one of: fashion-mnist, mnist, cifar10");
}

static void cut_slashes(char *path)
{
    for (size_t n = strlen(path); n > 1u && path[n - 1u] == '/'; n--) {
        path[n - 1u] = '\0';
    }
}

static void set_name(clg_dataset *ds, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *last = slash != NULL && slash[1] != '\0' ? slash + 1 : path;
    (void)snprintf(ds->info.name, sizeof ds->info.name, "%.63s", last);
}

/* ---- opening ---- */

static int check_options(const clg_dataset_options *opt)
{
    if (opt->size > CLG_DATA_SIDE_MAX) {
        return clg__hint(clg__fail(CLG_E_USAGE, "image size %u is more than %d", opt->size,
                                   CLG_DATA_SIDE_MAX),
                         "choose a smaller --size");
    }
    if (opt->channels != 0u && opt->channels != 1u && opt->channels != 3u) {
        return clg__hint(clg__fail(CLG_E_USAGE, "%u image channels", opt->channels),
                         "data.channels is 1, 3, or 0 for what the data have");
    }
    return CLG_OK;
}

/* Target size and channels, and the resizer that leads there. */
static int set_target(clg_dataset *ds, const clg_dataset_options *opt)
{
    uint32_t own = ds->w < ds->h ? ds->w : ds->h;
    ds->info.size = opt->size != 0u ? opt->size : own;
    ds->info.channels = opt->channels != 0u ? opt->channels : ds->c;
    if (ds->info.size > CLG_DATA_SIDE_MAX) {
        return clg__hint(clg__fail(CLG_E_DATA, "%s: images of %ux%u pixels", ds->info.path, ds->w,
                                   ds->h),
                         "give a size of at most %d: --size PX", CLG_DATA_SIDE_MAX);
    }
    if (ds->w == ds->info.size && ds->h == ds->info.size) {
        return CLG_OK;
    }
    return clg__resizer_create_fit(&ds->resizer, ds->w, ds->h, ds->info.size);
}

static bool has_name(char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static int open_path(clg_dataset *ds, const clg_dataset_options *opt)
{
    static const char cifar_folder[] = "cifar-10-batches-bin"; /* as its archive unpacks */
    int status = CLG_OK;
    char **names = NULL;
    size_t n = 0;
    CLG_TRY(clg__os_list(ds->info.path, &names, &n));
    if (clg__dataset_is_idx(names, n)) {
        status = clg__dataset_open_idx(ds, ds->info.path, opt->split);
    } else if (clg__dataset_is_cifar(ds->info.path, names, n)) {
        status = clg__dataset_open_cifar(ds, ds->info.path, opt->split);
    } else if (has_name(names, n, cifar_folder) &&
               strlen(ds->info.path) + sizeof cifar_folder < sizeof ds->info.path) {
        (void)strcat(strcat(ds->info.path, "/"), cifar_folder);
        status = clg__dataset_open_cifar(ds, ds->info.path, opt->split);
    } else {
        status = clg__dataset_open_folder(ds, ds->info.path, opt);
    }
out:
    clg__os_list_free(&names, n);
    return status;
}

int clg__dataset_open(clg_dataset **out, const char *source, const clg_dataset_options *opt)
{
    const clg_dataset_options none = { 0 };
    int status = CLG_OK;
    *out = NULL;
    clg_dataset *ds = clg__alloc(1, sizeof *ds);
    if (ds == NULL) {
        return CLG_E_MEMORY;
    }
    opt = opt != NULL ? opt : &none;
    CLG_TRY(check_options(opt));
    if (source == NULL || source[0] == '\0') {
        CLG_TRY(clg__hint(clg__fail(CLG_E_DATA, "no data set given"),
                          "--data NAME or --data PATH"));
    }
    const known_set *known = find_known(source);
    CLG_TRY(known != NULL ? find_home(known, ds->info.path) : find_path(source, ds->info.path));
    cut_slashes(ds->info.path);
    set_name(ds, known != NULL ? known->name : ds->info.path);
    CLG_TRY(open_path(ds, opt));
    if (known != NULL && known->classes[0] != NULL && ds->info.classes <= 10u) {
        CLG_TRY(clg__dataset_set_classes(ds, known->classes, ds->info.classes));
    }
    CLG_TRY(clg__dataset_drop_empty_classes(ds));
    CLG_TRY(set_target(ds, opt));
    *out = ds;
    ds = NULL;
out:
    clg__dataset_close(&ds);
    return status;
}

/* The labels of images in memory. */
static int take_labels(clg_dataset *ds, const clg_dataset_options *opt)
{
    uint32_t n = ds->info.count;
    if (opt->labels == NULL) {
        return CLG_OK;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (opt->labels[i] < 0 || (uint32_t)opt->labels[i] >= opt->classes) {
            return clg__fail(CLG_E_DATA, "images in memory: label %d of image %u, there are %u "
                             "classes", (int)opt->labels[i], i, opt->classes);
        }
    }
    ds->labels = clg__alloc(n, sizeof *ds->labels);
    if (ds->labels == NULL) {
        return CLG_E_MEMORY;
    }
    memcpy(ds->labels, opt->labels, n * sizeof *ds->labels);
    return clg__dataset_number_classes(ds, opt->classes);
}

int clg__dataset_from_memory(clg_dataset **out, const uint8_t *images, uint32_t count, uint32_t h,
                             uint32_t w, uint32_t c, const clg_dataset_options *opt)
{
    const clg_dataset_options none = { 0 };
    int status = CLG_OK;
    size_t bytes = 0;
    *out = NULL;
    clg_dataset *ds = clg__alloc(1, sizeof *ds);
    if (ds == NULL) {
        return CLG_E_MEMORY;
    }
    opt = opt != NULL ? opt : &none;
    CLG_TRY(check_options(opt));
    if (count == 0u || h == 0u || w == 0u || (c != 1u && c != 3u) ||
        !clg__mul((size_t)h * w, (size_t)count * c, &bytes)) {
        CLG_TRY(clg__fail(CLG_E_DATA, "images in memory: [%u,%u,%u,%u] cannot be a data set", count,
                          h, w, c));
    }
    ds->owned = clg__alloc(bytes, 1);
    if (ds->owned == NULL) {
        status = CLG_E_MEMORY;
        goto out;
    }
    memcpy(ds->owned, images, bytes);
    ds->pixels = ds->owned;
    ds->w = w;
    ds->h = h;
    ds->c = c;
    ds->info.count = count;
    (void)snprintf(ds->info.name, sizeof ds->info.name, "memory");
    (void)snprintf(ds->info.kind, sizeof ds->info.kind, "memory");
    CLG_TRY(take_labels(ds, opt));
    uint32_t crc = (uint32_t)crc32_z(0, images, bytes);
    ds->info.fingerprint = clg__dataset_hash_labels(ds, clg__hash64(&crc, sizeof crc, 0));
    CLG_TRY(set_target(ds, opt));
    *out = ds;
    ds = NULL;
out:
    clg__dataset_close(&ds);
    return status;
}

const char *clg__dataset_skipped(const clg_dataset *ds)
{
    return ds->skipped.text != NULL ? ds->skipped.text : "";
}

void clg__dataset_close(clg_dataset **pds)
{
    clg_dataset *ds = *pds;
    if (ds == NULL) {
        return;
    }
    free_classes(ds);
    clg__str_free(&ds->skipped);
    clg__free(ds->owned);
    clg__os_unmap(&ds->map);
    clg__free(ds->labels);
    clg__free(ds->crc);
    clg__resizer_destroy(&ds->resizer);
    clg__free(ds);
    *pds = NULL;
}

/* ---- reading ---- */

static void mirror(uint8_t *image, uint32_t size, uint32_t c)
{
    for (uint32_t y = 0; y < size; y++) {
        uint8_t *row = image + (size_t)y * size * c;
        for (uint32_t a = 0, b = size - 1u; a < b; a++, b--) {
            for (uint32_t k = 0; k < c; k++) {
                uint8_t t = row[(size_t)a * c + k];
                row[(size_t)a * c + k] = row[(size_t)b * c + k];
                row[(size_t)b * c + k] = t;
            }
        }
    }
}

/* One stored image to the target size and channels; scratch: converted, then the resizer's. */
static void read_one(const clg_dataset *ds, const uint8_t *src, uint8_t *dst, uint8_t *scratch)
{
    const size_t pixels = (size_t)ds->w * ds->h;
    const uint32_t c = ds->info.channels;
    if (ds->resizer == NULL) {
        clg__image_channels(src, ds->c, dst, c, pixels);
        return;
    }
    if (ds->c != c) {
        clg__image_channels(src, ds->c, scratch, c, pixels);
        src = scratch;
        scratch += pixels * c;
    }
    clg__resizer_run(ds->resizer, src, c, dst, scratch);
}

static int check_stored(const clg_dataset *ds, uint32_t index, const uint8_t *src, size_t bytes)
{
    if (ds->crc == NULL || (uint32_t)crc32_z(0, src, bytes) == ds->crc[index]) {
        return CLG_OK;
    }
    return clg__hint(clg__fail(CLG_E_DATA, "%s: image %u of the decoded data cache is damaged",
                               ds->info.path, index),
                     "remove the cache (clgan cache --clear) and start again");
}

int clg__dataset_read(const clg_dataset *ds, const uint32_t *indices, const uint8_t *flip,
                      uint32_t n, uint8_t *dst)
{
    int status = CLG_OK;
    const size_t stored = (size_t)ds->w * ds->h * ds->c;
    const size_t image = (size_t)ds->info.size * ds->info.size * ds->info.channels;
    uint8_t *scratch = NULL;
    if (ds->resizer != NULL) {
        size_t converted = ds->c != ds->info.channels ? stored / ds->c * ds->info.channels : 0u;
        scratch = clg__alloc(converted + clg__resizer_scratch(ds->resizer, ds->info.channels), 1);
        if (scratch == NULL) {
            return CLG_E_MEMORY;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        if (indices[i] >= ds->info.count) {
            CLG_TRY(clg__fail(CLG_E_INTERNAL, "dataset %s: image %u of %u asked for", ds->info.name,
                              indices[i], ds->info.count));
        }
        const uint8_t *src = ds->pixels + indices[i] * stored;
        CLG_TRY(check_stored(ds, indices[i], src, stored));
        read_one(ds, src, dst + i * image, scratch);
        if (flip != NULL && flip[i] != 0u) {
            mirror(dst + i * image, ds->info.size, ds->info.channels);
        }
    }
out:
    clg__free(scratch);
    return status;
}
