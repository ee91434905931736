/* What the data set files of this room share: the data set itself, the readers of each kind, and
 * the cache of decoded folders. Not for other rooms. */
#ifndef CLG_IO_DATASET_INTERNAL_H
#define CLG_IO_DATASET_INTERNAL_H

#include "base/os.h"
#include "base/str.h"
#include "io/dataset.h"
#include "io/image_internal.h"

enum {
    CLG_DATA_SIDE_MAX = 4096,     /* target size */
    CLG_DATA_SIDE_DEFAULT = 64,   /* folders */
    CLG_DATA_CLASSES_MAX = 65536
};

/* Images as they lie, all of one size; resized while reading. */
struct clg_dataset {
    clg_dataset_info info;
    const uint8_t *pixels; /* [info.count,h,w,c], in `owned` or in `map` */
    uint32_t w, h, c;
    uint8_t *owned;
    clg_map map;
    int32_t *labels;       /* [info.count]; NULL: none */
    uint32_t *crc;         /* [info.count] CRC-32 of each stored image; NULL: not kept */
    char **class_name;     /* [info.classes] */
    clg_str skipped;       /* messages about broken images, each NUL-ended */
    clg_resizer *resizer;  /* NULL: the stored size is the target size */
};

/* The readers fill images, labels, class names, info.kind/count/classes/skipped/fingerprint of a
 * zeroed data set; what they leave behind on failure goes with clg__dataset_close. Size and channels
 * of the result are set by the caller, except for folders, which are stored at the target size. */
bool clg__dataset_is_idx(char *const *names, size_t n);
int clg__dataset_open_idx(clg_dataset *ds, const char *dir, enum clg_split split);
bool clg__dataset_is_cifar(const char *dir, char *const *names, size_t n);
int clg__dataset_open_cifar(clg_dataset *ds, const char *dir, enum clg_split split);
int clg__dataset_open_folder(clg_dataset *ds, const char *dir, const clg_dataset_options *opt);

/* Copies `n` names; info.classes is set. */
int clg__dataset_set_classes(clg_dataset *ds, const char *const *names, uint32_t n);
/* "0" .. "n-1". */
int clg__dataset_number_classes(clg_dataset *ds, uint32_t n);
/* Classes without images go, the others move up and keep their names. */
int clg__dataset_drop_empty_classes(clg_dataset *ds);
/* What the labels are, for the fingerprint. */
uint64_t clg__dataset_hash_labels(const clg_dataset *ds, uint64_t hash);

/* ---- readers of bytes (also entry points of the fuzzers) ---- */
typedef struct clg_idx {
    uint32_t rank, dim[4];
    const uint8_t *data; /* product of dim bytes: in the given bytes, or `owned` */
    size_t size;
    uint8_t *owned;      /* NULL for a plain file; clg__free */
    uint32_t crc;        /* CRC-32 of the plain file, so gz and plain agree */
} clg_idx;

/* An IDX file of unsigned bytes, rank 1, 3 or 4, plain or gzip (told by its first bytes). CLG_E_DATA
 * if it is cut, empty, longer than its header declares, or of another type. Memory taken is what the
 * header declares, and never more than the compressed bytes could hold. */
int clg__idx_parse(const uint8_t *bytes, size_t n, const char *name, clg_idx *out);

enum { CLG_CIFAR_SIDE = 32, CLG_CIFAR_PIXELS = 3 * 32 * 32, CLG_CIFAR_RECORD = 1 + 3 * 32 * 32 };
/* A CIFAR-10 batch: n records. images [n,32,32,3] and labels [n] may be NULL: only checked. */
int clg__cifar_parse(const uint8_t *bytes, size_t n, const char *name, uint8_t *images,
                     int32_t *labels);

/* ---- cache files of decoded folders ---- */
/* "<cache dir>/data/<key>.u8"; clg__free it. The folder is made. */
int clg__data_cache_path(uint64_t key, char **path);
/* Fills pixels (mapped), labels, crc, class names and info of `ds`. False: absent or damaged,
 * build it again. */
bool clg__data_cache_load(clg_dataset *ds, const char *path, uint64_t key);

typedef struct clg_data_cache_writer clg_data_cache_writer;
int clg__data_cache_begin(clg_data_cache_writer **out, const char *path, uint64_t key,
                          uint32_t size, uint32_t channels);
int clg__data_cache_append(clg_data_cache_writer *w, const uint8_t *image);
/* labels, crc, class names, count, skipped and fingerprint from `ds`. */
int clg__data_cache_commit(clg_data_cache_writer **w, const clg_dataset *ds);
void clg__data_cache_abort(clg_data_cache_writer **w);

#endif
