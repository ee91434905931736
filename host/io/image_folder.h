/* The images of a folder as a list, between the scan (image_folder.c) and the decoding
 * (folder_decode.c). Internal to this room. */
#ifndef CLG_IO_IMAGE_FOLDER_H
#define CLG_IO_IMAGE_FOLDER_H

#include "io/dataset_internal.h"

typedef struct clg_image_entry {
    char *name;     /* relative to the folder: "train/cat/1.png" */
    uint64_t size;
    int64_t mtime_ns;
    int32_t label;  /* -1: lies in no class folder */
} clg_image_entry;

typedef struct clg_image_list {
    const char *dir;
    clg_image_entry *entry;
    size_t n, cap;
    char **class_name; /* sorted */
    size_t classes, classes_cap;
} clg_image_list;

/* Decodes every image of the list to size x size x channels (0: one channel if all are grey, else
 * three) into a cache file (path != NULL: pixels of ds are not set, load it) or into memory. Fills
 * labels, crc, classes, count, skipped, fingerprint of ds. CLG_E_DATA when more than 1 % are broken;
 * CLG_E_IO when the cache cannot be written. */
int clg__folder_decode(clg_dataset *ds, const clg_image_list *list, uint32_t size,
                       uint32_t channels, const char *path, uint64_t key);

#endif
