/* safetensors files: 8 bytes header length, JSON header, data. Written with a checksum in the
 * metadata; read with every size checked first. */
#ifndef CLG_IO_SAFETENSORS_H
#define CLG_IO_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum clg_st_dtype {
    CLG_ST_F32,
    CLG_ST_F64,
    CLG_ST_F16,
    CLG_ST_BF16,
    CLG_ST_I64,
    CLG_ST_I32,
    CLG_ST_U8,
    CLG_ST_U32,
    CLG_ST_OTHER
};

typedef struct clg_st_tensor {
    const char *name;
    enum clg_st_dtype dtype;
    uint32_t rank;      /* 0 .. 8 */
    uint64_t dim[8];
    uint64_t bytes;
    const void *data;   /* little-endian, not necessarily aligned when read from a file */
} clg_st_tensor;

typedef struct clg_st_meta {
    const char *key, *value;
} clg_st_meta;

/* Atomic (clg__os_write_atomic's recipe), tensors in the given order, each start aligned to 8
 * bytes within the file by padding the header. Adds "format":"pt" and the checksum. */
int clg__st_write(const char *path, const clg_st_tensor *tensors, size_t n, const clg_st_meta *meta,
                  size_t meta_n);

typedef struct clg_st_file clg_st_file;
/* CLG_E_CHECKPOINT if it is cut, changed (a wrong checksum) or malformed: header <= 1 MiB, <= 4096
 * tensors, rank <= 8, no duplicate names, offsets cover the data exactly. A foreign file without
 * checksum is fine. Keeps the file mapped. */
int clg__st_open(clg_st_file **out, const char *path);
void clg__st_close(clg_st_file **f);
size_t clg__st_count(const clg_st_file *f);
const clg_st_tensor *clg__st_at(const clg_st_file *f, size_t i);
const clg_st_tensor *clg__st_find(const clg_st_file *f, const char *name); /* NULL */
const char *clg__st_meta_find(const clg_st_file *f, const char *key);      /* NULL */
/* Copies as float (F32, F64, F16, BF16); CLG_E_CHECKPOINT with name and both lengths if not `len`
 * elements or another type. */
int clg__st_read_f32(const clg_st_file *f, const char *name, float *dst, uint64_t len);

/* NumPy .npy: float32, C order, little-endian (float64 is read and rounded). *data by clg__free. */
int clg__npy_read(const char *path, float **data, uint64_t dim[8], uint32_t *rank);
int clg__npy_write(const char *path, const float *data, const uint64_t *dim, uint32_t rank);
#endif
