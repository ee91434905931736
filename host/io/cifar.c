/* CIFAR-10's binary batches: records of one label byte and 3x32x32 planar bytes (red, green, blue
 * planes, row by row). Any *.bin of whole records is a batch; those whose name starts with "test"
 * are held out. Not here: the Python pickles, CIFAR-100. */
#include "io/dataset_internal.h"

#include <stdio.h>
#include <string.h>

#include <zlib.h>

#include "base/mem.h"
#include "base/str.h"

enum { CLASSES = 10, META_BYTES_MAX = 1 << 16 };

int clg__cifar_parse(const uint8_t *bytes, size_t n, const char *name, uint8_t *images,
                     int32_t *labels)
{
    if (n == 0u) {
        return clg__hint(clg__fail(CLG_E_DATA, "%s: the file is empty", name),
                         "get the file again");
    }
    if (n % CLG_CIFAR_RECORD != 0u) {
        return clg__hint(clg__fail(CLG_E_DATA, "%s: %zu bytes are not whole records of %d: the "
                                               "file is cut or no CIFAR-10 batch",
                                   name, n, CLG_CIFAR_RECORD),
                         "get the file again (the binary version of CIFAR-10)");
    }
    for (size_t i = 0; i < n / CLG_CIFAR_RECORD; i++) {
        const uint8_t *record = bytes + i * CLG_CIFAR_RECORD;
        if (record[0] >= CLASSES) {
            return clg__hint(clg__fail(CLG_E_DATA, "%s: record %zu has label %u, wanted 0..9", name,
                                       i, record[0]),
                             "the file is damaged or no CIFAR-10 batch: get it again");
        }
        if (labels != NULL) {
            labels[i] = record[0];
        }
        if (images == NULL) {
            continue;
        }
        uint8_t *dst = images + i * CLG_CIFAR_PIXELS;
        for (size_t p = 0; p < CLG_CIFAR_PIXELS / 3; p++) {
            for (size_t k = 0; k < 3u; k++) {
                dst[3u * p + k] = record[1u + k * (CLG_CIFAR_PIXELS / 3) + p];
            }
        }
    }
    return CLG_OK;
}

static bool is_batch_name(const char *name)
{
    return name[0] != '.' && clg__ends_with(name, ".bin");
}

/* A batch of whole records decides. With broken ones only, the folder is still meant as CIFAR-10
 * unless it holds images or sub-folders, beside which a *.bin is a foreign file. */
bool clg__dataset_is_cifar(const char *dir, char *const *names, size_t n)
{
    bool whole = false, any = false, other = false;
    for (size_t i = 0; i < n && !whole; i++) {
        char *path = names[i][0] != '.' ? clg__os_join(dir, names[i]) : NULL;
        clg_file_info info = path != NULL ? clg__os_stat(path) : (clg_file_info){ 0 };
        bool batch = info.is_file && is_batch_name(names[i]);
        any = any || batch;
        whole = batch && info.size > 0u && info.size % CLG_CIFAR_RECORD == 0u;
        other = other || info.is_dir || clg__image_is_file_name(names[i]);
        clg__free(path);
    }
    return whole || (any && !other);
}

static bool in_split(const char *name, enum clg_split split)
{
    return is_batch_name(name) && (strncmp(name, "test", 4) == 0) == (split == CLG_SPLIT_TEST);
}

/* Number of records in the split's files, by their sizes. */
static int count_records(const char *dir, char *const *names, size_t n, enum clg_split split,
                         size_t *records)
{
    *records = 0;
    for (size_t i = 0; i < n; i++) {
        if (in_split(names[i], split)) {
            char *path = clg__os_join(dir, names[i]);
            if (path == NULL) {
                return CLG_E_MEMORY;
            }
            *records += (size_t)(clg__os_stat(path).size / CLG_CIFAR_RECORD);
            clg__free(path);
        }
    }
    return CLG_OK;
}

/* Appends one file at record *at; its number of records must still be what was counted. */
static int take_batch(clg_dataset *ds, const char *dir, const char *name, size_t room, size_t *at,
                      uint32_t *crc)
{
    int status = CLG_OK;
    clg_map map = { 0 };
    char *path = clg__os_join(dir, name);
    if (path == NULL) {
        return CLG_E_MEMORY;
    }
    CLG_TRY(clg__os_map_file(path, &map));
    if (map.size / CLG_CIFAR_RECORD > room - *at) {
        CLG_TRY(clg__fail(CLG_E_DATA, "%s: the file grew while it was read", path));
    }
    CLG_TRY(clg__cifar_parse(map.data, map.size, path, ds->owned + *at * CLG_CIFAR_PIXELS,
                             ds->labels + *at));
    *at += map.size / CLG_CIFAR_RECORD;
    *crc = (uint32_t)crc32_z(*crc, map.data, map.size);
out:
    clg__os_unmap(&map);
    clg__free(path);
    return status;
}

/* Class names from batches.meta.txt (one per line), else CIFAR-10's. */
static int take_classes(clg_dataset *ds, const char *dir)
{
    const char *name[CLASSES] = { "airplane", "automobile", "bird",  "cat",  "deer",
                                  "dog",      "frog",       "horse", "ship", "truck" };
    uint8_t *text = NULL;
    size_t size = 0;
    char *path = clg__os_join(dir, "batches.meta.txt");
    if (path == NULL) {
        return CLG_E_MEMORY;
    }
    if (clg__os_stat(path).is_file &&
        clg__os_read_file(path, META_BYTES_MAX, &text, &size) == CLG_OK) {
        char *line = (char *)text;
        for (size_t i = 0; i < CLASSES && *line != '\0'; i++) {
            size_t len = strcspn(line, "\r\n");
            char *next = line + len + strspn(line + len, "\r\n");
            line[len] = '\0';
            name[i] = line;
            line = next;
        }
    }
    int status = clg__dataset_set_classes(ds, name, CLASSES);
    clg__free(text);
    clg__free(path);
    return status;
}

int clg__dataset_open_cifar(clg_dataset *ds, const char *dir, enum clg_split split)
{
    int status = CLG_OK;
    char **names = NULL;
    size_t n = 0, records = 0, at = 0, pixels = 0;
    uint32_t crc = 0, batches = 0;
    CLG_TRY(clg__os_list(dir, &names, &n));
    CLG_TRY(count_records(dir, names, n, split, &records));
    if (records > UINT32_MAX || !clg__mul(records, CLG_CIFAR_PIXELS, &pixels)) {
        CLG_TRY(clg__fail(CLG_E_DATA, "%s: %zu records are too many", dir, records));
    }
    (void)snprintf(ds->info.kind, sizeof ds->info.kind, "cifar10");
    /* At least one byte each, so that an empty file still reaches the parser's message. */
    ds->owned = clg__alloc(pixels + 1u, 1);
    ds->labels = clg__alloc(records + 1u, sizeof *ds->labels);
    if (ds->owned == NULL || ds->labels == NULL) {
        status = CLG_E_MEMORY;
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        if (in_split(names[i], split)) {
            batches++;
            CLG_TRY(take_batch(ds, dir, names[i], records, &at, &crc));
        }
    }
    if (batches == 0u) {
        CLG_TRY(clg__hint(clg__fail(CLG_E_DATA, "%s: no CIFAR-10 batch for %s", dir,
                                    split == CLG_SPLIT_TEST ? "testing (test*.bin)" : "training"),
                          "put data_batch_1.bin ... or test_batch.bin there"));
    }
    ds->pixels = ds->owned;
    ds->info.count = (uint32_t)at;
    ds->w = ds->h = CLG_CIFAR_SIDE;
    ds->c = 3;
    ds->info.fingerprint = clg__hash64(&crc, sizeof crc, 0);
    CLG_TRY(take_classes(ds, dir));
out:
    clg__os_list_free(&names, n);
    return status;
}
