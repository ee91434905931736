/* Image data sets: IDX (gz or plain), CIFAR-10 binary batches, folders of PNG/JPEG. Every image
 * comes out as u8 [H,W,C] at the target size: short side resized (antialiased bilinear as PIL's),
 * centre crop. */
#ifndef CLG_IO_DATASET_H
#define CLG_IO_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef struct clg_dataset clg_dataset;

enum clg_split { CLG_SPLIT_TRAIN, CLG_SPLIT_TEST };

typedef struct clg_dataset_options {
    uint32_t size;     /* target side; 0: the data's own (folders: 64) */
    uint32_t channels; /* 1 or 3; 0: the data's own (a folder is grey only if all images are) */
    enum clg_split split;
    bool no_cache;     /* decode folders into memory instead of the cache file */
    const int32_t *labels; /* images in memory: one each, copied, 0 .. classes-1; or NULL */
    uint32_t classes;      /* of these labels; their names are "0", "1", ... */
} clg_dataset_options;

/* `source`: "fashion-mnist", "mnist", "cifar10" (known homes and $CLGAN_DATA/<name> are searched)
 * or a path to a folder. CLG_E_DATA with what, where and which package or folder would serve. */
int clg__dataset_open(clg_dataset **out, const char *source, const clg_dataset_options *opt);
/* Images already in memory: u8 [count,h,w,c], copied. */
int clg__dataset_from_memory(clg_dataset **out, const uint8_t *images, uint32_t count, uint32_t h,
                             uint32_t w, uint32_t c, const clg_dataset_options *opt);
void clg__dataset_close(clg_dataset **ds);

typedef struct clg_dataset_info {
    char name[64];       /* "fashion-mnist" or the folder's last part */
    char path[1024], kind[32]; /* "idx", "cifar10", "folder", "memory" */
    uint32_t count, size, channels;
    uint32_t skipped;    /* broken images left out */
    uint32_t classes;    /* that have images; 0 = no labels */
    uint32_t empty_classes; /* left out because they have none */
    uint64_t fingerprint;/* of the content's identity: same data, same number */
} clg_dataset_info;
const clg_dataset_info *clg__dataset_info(const clg_dataset *ds);
/* One NUL-ended message after another for the broken images left out; "" ends them. */
const char *clg__dataset_skipped(const clg_dataset *ds);
const char *clg__dataset_class(const clg_dataset *ds, uint32_t label); /* its name */
/* -1 without labels. */
int32_t clg__dataset_label(const clg_dataset *ds, uint32_t index);

/* Writes images indices[0..n) to dst [n,size,size,channels]; flip may be NULL, else flip[i] != 0
 * mirrors image i. Thread-safe for several readers. */
int clg__dataset_read(const clg_dataset *ds, const uint32_t *indices, const uint8_t *flip,
                      uint32_t n, uint8_t *dst);

/* ---- one worker thread that prepares batches ahead of the trainer ---- */
typedef struct clg_loader clg_loader;
enum { CLG_LOADER_SLOTS_MAX = 8 };
/* Called on the worker for batch number `batch` (0, 1, ...): writes the image indices and flips
 * (arrays of max_batch), returns how many (0: no more). */
typedef uint32_t (*clg_loader_plan)(void *user, uint64_t batch, uint32_t *indices, uint8_t *flip);
/* `slots` batches (2..CLG_LOADER_SLOTS_MAX) are held ready. Starts at batch `first`. ds must outlive the loader. */
int clg__loader_start(clg_loader **out, const clg_dataset *ds, uint32_t max_batch, uint32_t slots,
                      uint64_t first, clg_loader_plan plan, void *user);
/* Waits for the next batch in order. *images stays valid until it is given back by release (once
 * for each next, in the same order), which may be several batches later. *n = 0 at the end. */
int clg__loader_next(clg_loader *l, const uint8_t **images, uint32_t *n);
/* Indices of the images of the batch that next handed out last; valid until its release. */
const uint32_t *clg__loader_indices(const clg_loader *l);
void clg__loader_release(clg_loader *l);
void clg__loader_stop(clg_loader **l);

#endif
