/* Entry points below the file system: the same readers on bytes in memory. The file readers call
 * these, and so do the fuzzers. */
#ifndef CLG_IO_IO_INTERNAL_H
#define CLG_IO_IO_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "io/safetensors.h"

/* As clg__st_open on bytes that must outlive the file object. `name` is for messages. */
int clg__st_open_bytes(clg_st_file **out, const uint8_t *bytes, size_t n, const char *name);
/* As clg__npy_read. */
int clg__npy_parse(const uint8_t *bytes, size_t n, const char *name, float **data, uint64_t dim[8],
                   uint32_t *rank);

/* ---- shared by the safetensors reader and writer ---- */
enum { CLG_ST_HEADER_MAX = 1 << 20, CLG_ST_TENSORS_MAX = 4096, CLG_ST_RANK_MAX = 8 };

/* The checksum is a CRC-32 of the whole file with its own eight digits read as '0'. It stands first
 * in the metadata and the format mark last, so that no single damaged byte can hide both: a file
 * with the mark but without the checksum is broken, not foreign. */
#define CLG_ST_SUM_KEY "clgan_checksum"
#define CLG_ST_SUM_TEXT "crc32:"
#define CLG_ST_MARK_KEY "clgan_format"
#define CLG_ST_MARK_VALUE "1"
enum { CLG_ST_SUM_DIGITS = 8 };

/* "F32" and its bytes per element; NULL and 0 for CLG_ST_OTHER. */
const char *clg__st_dtype_name(enum clg_st_dtype dtype);
size_t clg__st_dtype_size(enum clg_st_dtype dtype);
/* Start of the eight digits in a header, or 0 if it has no checksum. */
size_t clg__st_find_digits(const char *header, size_t n);
/* The checksum of a whole file whose eight digits begin at byte `digits`. */
uint32_t clg__st_sum(const uint8_t *bytes, size_t n, size_t digits);

#endif
