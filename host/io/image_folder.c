/* A folder of PNG and JPEG files as a data set: which files, which split, which class; and the choice
 * between the cache file and memory. Rules: sub-folders train/ and test/ are splits; other
 * sub-folders that hold images are classes, numbered in byte order over both splits; files below a
 * class folder belong to it at any depth. Hidden files and files of other kinds are ignored. */
#include "io/image_folder.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

enum { DEPTH_MAX = 8 };

static void free_list(clg_image_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        clg__free(list->entry[i].name);
    }
    clg__free(list->entry);
    for (size_t i = 0; i < list->classes; i++) {
        clg__free(list->class_name[i]);
    }
    clg__free(list->class_name);
    *list = (clg_image_list){ 0 };
}

/* Doubles an array when it is full. */
static int grow(void *array, size_t n, size_t *cap, size_t size)
{
    void *old = NULL;
    if (n < *cap) {
        return CLG_OK;
    }
    memcpy(&old, array, sizeof old);
    size_t wanted = *cap != 0u ? 2u * *cap : 64u;
    void *p = clg__realloc(old, wanted, size);
    if (p == NULL) {
        return CLG_E_MEMORY;
    }
    memcpy(array, &p, sizeof p);
    *cap = wanted;
    return CLG_OK;
}

/* ---- the scan ---- */

/* Takes `name` over, also on failure. */
static int add_entry(clg_image_list *list, char *name, const clg_file_info *info, int32_t label)
{
    int status = grow(&list->entry, list->n, &list->cap, sizeof *list->entry);
    if (status != CLG_OK) {
        clg__free(name);
        return status;
    }
    list->entry[list->n++] = (clg_image_entry){
        .name = name, .size = info->size, .mtime_ns = info->mtime_ns, .label = label
    };
    return CLG_OK;
}

/* Position of a class, added at the end if it is new. */
static int find_class(clg_image_list *list, const char *name, int32_t *label)
{
    int status = CLG_OK;
    for (size_t i = 0; i < list->classes; i++) {
        if (strcmp(list->class_name[i], name) == 0) {
            *label = (int32_t)i;
            return CLG_OK;
        }
    }
    if (list->classes == CLG_DATA_CLASSES_MAX) {
        return clg__hint(clg__fail(CLG_E_DATA, "%s: more than %d sub-folders with images",
                                   list->dir, CLG_DATA_CLASSES_MAX),
                         "put the images into fewer folders, or into one");
    }
    CLG_TRY(grow(&list->class_name, list->classes, &list->classes_cap, sizeof *list->class_name));
    list->class_name[list->classes] = clg__strdup(name);
    if (list->class_name[list->classes] == NULL) {
        status = CLG_E_MEMORY;
        goto out;
    }
    *label = (int32_t)list->classes++;
out:
    return status;
}

static char *join_relative(const char *base, const char *name)
{
    return base[0] != '\0' ? clg__os_join(base, name) : clg__strdup(name);
}

static int scan(clg_image_list *list, const char *base, const char *skip, int32_t label,
                unsigned depth);

/* One name in base: an image, a folder to go into, or nothing of ours. */
static int scan_name(clg_image_list *list, const char *base, const char *name, int32_t label,
                     unsigned depth)
{
    int status = CLG_OK;
    char *relative = join_relative(base, name);
    char *path = relative != NULL ? clg__os_join(list->dir, relative) : NULL;
    if (path == NULL) {
        clg__free(relative);
        return CLG_E_MEMORY;
    }
    clg_file_info info = clg__os_stat(path);
    if (info.is_file && clg__image_is_file_name(name)) {
        status = add_entry(list, relative, &info, label);
        relative = NULL;
    } else if (info.is_dir && depth < DEPTH_MAX) {
        size_t before = list->n;
        status = scan(list, relative, NULL, label, depth + 1u);
        if (status == CLG_OK && depth == 0u && list->n > before) { /* a class: it holds images */
            status = find_class(list, name, &label);
            for (size_t i = before; i < list->n; i++) {
                list->entry[i].label = label;
            }
        }
    }
    clg__free(relative);
    clg__free(path);
    return status;
}

/* Everything below dir/base but names starting with '.' and, when given, `skip`. */
static int scan(clg_image_list *list, const char *base, const char *skip, int32_t label,
                unsigned depth)
{
    int status = CLG_OK;
    char **names = NULL;
    size_t n = 0;
    char *path = base[0] != '\0' ? clg__os_join(list->dir, base) : clg__strdup(list->dir);
    if (path == NULL) {
        return CLG_E_MEMORY;
    }
    CLG_TRY(clg__os_list(path, &names, &n));
    for (size_t i = 0; i < n; i++) {
        if (names[i][0] != '.' && (skip == NULL || strcmp(names[i], skip) != 0)) {
            CLG_TRY(scan_name(list, base, names[i], label, depth));
        }
    }
out:
    clg__os_list_free(&names, n);
    clg__free(path);
    return status;
}

/* Renumbers the classes in byte order (insertion sort: folders come sorted already, so only what the
 * second split adds moves). */
static int sort_classes(clg_image_list *list)
{
    size_t n = list->classes;
    int32_t *label_of = clg__alloc(n + 1u, sizeof *label_of); /* of the class in place i */
    int32_t *place_of = clg__alloc(n + 1u, sizeof *place_of);
    if (label_of == NULL || place_of == NULL) {
        clg__free(label_of);
        clg__free(place_of);
        return CLG_E_MEMORY;
    }
    for (size_t i = 0; i < n; i++) {
        char *name = list->class_name[i];
        size_t at = i;
        for (; at > 0u && strcmp(list->class_name[at - 1u], name) > 0; at--) {
            list->class_name[at] = list->class_name[at - 1u];
            label_of[at] = label_of[at - 1u];
        }
        list->class_name[at] = name;
        label_of[at] = (int32_t)i;
    }
    for (size_t i = 0; i < n; i++) {
        place_of[label_of[i]] = (int32_t)i;
    }
    for (size_t i = 0; i < list->n; i++) {
        if (list->entry[i].label >= 0) {
            list->entry[i].label = place_of[list->entry[i].label];
        }
    }
    clg__free(label_of);
    clg__free(place_of);
    return CLG_OK;
}

static bool has_folder(const char *dir, const char *name)
{
    char *path = clg__os_join(dir, name);
    bool is = path != NULL && clg__os_stat(path).is_dir;
    clg__free(path);
    return is;
}

/* Drops the entries that are not of [from, to). */
static void keep_range(clg_image_list *list, size_t from, size_t to)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->n; i++) {
        if (i >= from && i < to) {
            list->entry[kept++] = list->entry[i];
        } else {
            clg__free(list->entry[i].name);
        }
    }
    list->n = kept;
}

static int fail_empty(const char *dir, enum clg_split split, bool has_split)
{
    if (split == CLG_SPLIT_TEST && !has_split) {
        return clg__hint(clg__fail(CLG_E_DATA, "%s: no test images", dir),
                         "put held-out images into %s/test", dir);
    }
    const char *below = !has_split ? "" : split == CLG_SPLIT_TEST ? "/test" : "/train";
    return clg__hint(clg__fail(CLG_E_DATA, "%s%s: no PNG or JPEG image, IDX file or CIFAR-10 batch",
                               dir, below),
                     "the folder should hold *.png or *.jpg files (or sub-folders of them, one per "
                     "class), train-images-idx3-ubyte[.gz], or data_batch_*.bin");
}

/* The list of one split; class numbers are those of both splits together. */
static int scan_split(clg_image_list *list, enum clg_split split)
{
    int status = CLG_OK;
    const bool train = has_folder(list->dir, "train"), test = has_folder(list->dir, "test");
    CLG_TRY(train ? scan(list, "train", NULL, -1, 0) : scan(list, "", "test", -1, 0));
    size_t middle = list->n;
    if (test) {
        CLG_TRY(scan(list, "test", NULL, -1, 0));
    }
    CLG_TRY(sort_classes(list));
    if (split == CLG_SPLIT_TEST) {
        keep_range(list, middle, list->n);
    } else {
        keep_range(list, 0, middle);
    }
    if (list->n == 0u) {
        CLG_TRY(fail_empty(list->dir, split, split == CLG_SPLIT_TEST ? test : train));
    }
    if (list->n > INT32_MAX) {
        CLG_TRY(clg__fail(CLG_E_DATA, "%s: %zu images are too many", list->dir, list->n));
    }
    size_t loose = 0;
    for (size_t i = 0; i < list->n; i++) {
        loose += list->entry[i].label < 0;
    }
    if (loose > 0u && loose < list->n) {
        clg__log(CLG_LOG_WARN, "%s: %zu of %zu images lie beside the class folders: all are used, "
                               "without labels", list->dir, loose, list->n);
    }
    if (loose > 0u) {
        for (size_t i = 0; i < list->classes; i++) {
            clg__free(list->class_name[i]);
        }
        list->classes = 0;
    }
out:
    return status;
}

/* ---- opening ---- */

static uint64_t make_key(const clg_image_list *list, uint32_t size, uint32_t channels,
                         enum clg_split split)
{
    uint64_t number[4] = { size, channels, (uint64_t)split, list->n };
    uint64_t key = clg__hash64(list->dir, strlen(list->dir) + 1u, 0);
    key = clg__hash64(number, sizeof number, key);
    for (size_t i = 0; i < list->n; i++) {
        const clg_image_entry *e = &list->entry[i];
        uint64_t of[3] = { e->size, (uint64_t)e->mtime_ns, (uint64_t)(int64_t)e->label };
        key = clg__hash64(e->name, strlen(e->name) + 1u, key);
        key = clg__hash64(of, sizeof of, key);
    }
    for (size_t i = 0; i < list->classes; i++) {
        key = clg__hash64(list->class_name[i], strlen(list->class_name[i]) + 1u, key);
    }
    return key;
}

/* Cache file: the old one, or a new one. CLG_E_IO: there can be none here. */
static int open_cached(clg_dataset *ds, const clg_image_list *list, uint32_t size,
                       uint32_t channels, enum clg_split split)
{
    int status = CLG_OK;
    char *path = NULL;
    const uint64_t key = make_key(list, size, channels, split);
    CLG_TRY(clg__data_cache_path(key, &path));
    if (clg__data_cache_load(ds, path, key)) {
        clg__log(CLG_LOG_DEBUG, "%s: decoded images taken from %s", list->dir, path);
        goto out;
    }
    if (clg__os_stat(path).exists) {
        clg__log(CLG_LOG_WARN, "%s: the cache file is damaged and is made again", path);
    }
    CLG_TRY(clg__folder_decode(ds, list, size, channels, path, key));
    if (!clg__data_cache_load(ds, path, key)) {
        CLG_TRY(clg__fail(CLG_E_IO, "%s: cannot be read back", path));
    }
out:
    clg__free(path);
    return status;
}

/* Half of the machine's memory is left to the training. */
static bool fits_in_memory(size_t n, uint32_t size)
{
    uint64_t memory = clg__os_physical_memory_bytes();
    return memory == 0u || (uint64_t)n <= memory / 2u / (3u * (uint64_t)size * size);
}

int clg__dataset_open_folder(clg_dataset *ds, const char *dir, const clg_dataset_options *opt)
{
    int status = CLG_OK;
    clg_image_list list = { .dir = dir };
    const uint32_t size = opt->size != 0u ? opt->size : CLG_DATA_SIDE_DEFAULT;
    CLG_TRY(scan_split(&list, opt->split));
    (void)snprintf(ds->info.kind, sizeof ds->info.kind, "folder");
    if (!opt->no_cache) {
        status = open_cached(ds, &list, size, opt->channels, opt->split);
        if (status != CLG_E_IO || !fits_in_memory(list.n, size)) {
            goto out;
        }
        clg__log(CLG_LOG_WARN, "no data cache (%s): the images are decoded into memory",
                 clg_message());
    }
    CLG_TRY(clg__folder_decode(ds, &list, size, opt->channels, NULL, 0));
out:
    free_list(&list);
    return status;
}
