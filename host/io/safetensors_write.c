/* Writing safetensors files: header built in memory, checksum over header and data, then one atomic
 * write in pieces, so that tensors are never copied. */
#include "io/safetensors.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/str.h"
#include "io/io_internal.h"

static int fail_memory(const char *path)
{
    return clg__fail(CLG_E_MEMORY, "out of host memory while writing %s", path);
}

/* The bytes that dtype and shape say, which must be those given. */
static bool has_right_bytes(const clg_st_tensor *t)
{
    uint64_t bytes = clg__st_dtype_size(t->dtype);
    if (bytes == 0 || t->rank > CLG_ST_RANK_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < t->rank; i++) {
        if (t->dim[i] != 0 && bytes > UINT64_MAX / t->dim[i]) {
            return false;
        }
        bytes *= t->dim[i];
    }
    return bytes == t->bytes;
}

static json_t *make_entry(const clg_st_tensor *t, uint64_t begin)
{
    json_t *shape = json_array();
    for (uint32_t i = 0; i < t->rank; i++) {
        (void)json_array_append_new(shape, json_integer((json_int_t)t->dim[i]));
    }
    /* pack takes over `shape`, and frees it when it fails. */
    return json_pack("{s:s, s:o, s:[I,I]}", "dtype", clg__st_dtype_name(t->dtype), "shape", shape,
                     "data_offsets", (json_int_t)begin, (json_int_t)(begin + t->bytes));
}

static int add_text(json_t *object, const char *path, const char *key, const char *value)
{
    if (json_object_set_new(object, key, json_string(value)) != 0) {
        return clg__fail(CLG_E_IO, "%s: metadata '%s' is no UTF-8 text", path, key);
    }
    return CLG_OK;
}

static int add_meta(json_t *root, const char *path, const clg_st_meta *meta, size_t n)
{
    int status = CLG_OK;
    json_t *object = json_object();
    if (json_object_set_new(root, "__metadata__", object) != 0) {
        return fail_memory(path);
    }
    CLG_TRY(add_text(object, path, CLG_ST_SUM_KEY, CLG_ST_SUM_TEXT "00000000"));
    CLG_TRY(add_text(object, path, "format", "pt"));
    for (size_t i = 0; i < n; i++) {
        if (json_object_get(object, meta[i].key) != NULL ||
            strcmp(meta[i].key, CLG_ST_MARK_KEY) == 0) {
            return clg__fail(CLG_E_INTERNAL, "%s: metadata '%s' given twice", path, meta[i].key);
        }
        CLG_TRY(add_text(object, path, meta[i].key, meta[i].value));
    }
    CLG_TRY(add_text(object, path, CLG_ST_MARK_KEY, CLG_ST_MARK_VALUE));
out:
    return status;
}

static int add_tensors(json_t *root, const char *path, const clg_st_tensor *t, size_t n)
{
    uint64_t at = 0;
    if (n > CLG_ST_TENSORS_MAX) {
        return clg__fail(CLG_E_INTERNAL, "%s: %zu tensors, at most %d fit", path, n,
                         CLG_ST_TENSORS_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        if (!has_right_bytes(&t[i]) || t[i].bytes > INT64_MAX - at ||
            json_object_get(root, t[i].name) != NULL) {
            return clg__fail(CLG_E_INTERNAL, "%s: tensor '%s' is there twice, or has %llu bytes "
                                             "that its type and shape do not give",
                             path, t[i].name, (unsigned long long)t[i].bytes);
        }
        if (json_object_set_new(root, t[i].name, make_entry(&t[i], at)) != 0) {
            return fail_memory(path);
        }
        at += t[i].bytes;
    }
    return CLG_OK;
}

static int collect(const char *buffer, size_t size, void *str)
{
    clg__str_add_bytes(str, buffer, size);
    return ((clg_str *)str)->failed ? -1 : 0;
}

/* Length, header, and spaces up to a multiple of 8. */
static int make_header(const char *path, const clg_st_tensor *t, size_t n, const clg_st_meta *meta,
                       size_t meta_n, clg_str *out)
{
    int status = CLG_OK;
    json_t *root = json_object();
    CLG_TRY(add_meta(root, path, meta, meta_n));
    CLG_TRY(add_tensors(root, path, t, n));
    uint8_t length[8] = { 0 };
    clg__str_add_bytes(out, length, sizeof length);
    if (json_dump_callback(root, collect, out, JSON_COMPACT) != 0) {
        CLG_TRY(fail_memory(path));
    }
    while (out->len % 8 != 0 && !out->failed) {
        clg__str_add_bytes(out, " ", 1);
    }
    if (out->failed) {
        CLG_TRY(fail_memory(path));
    }
    if (out->len - 8 > CLG_ST_HEADER_MAX) {
        CLG_TRY(clg__fail(CLG_E_INTERNAL, "%s: a header of %zu bytes is over 1 MiB", path,
                          out->len - 8));
    }
    for (int i = 0; i < 8; i++) {
        out->text[i] = (char)((uint64_t)(out->len - 8) >> (8 * i) & 0xff);
    }
out:
    json_decref(root);
    return status;
}

/* Puts the checksum of the whole file into the header. */
static int seal(const char *path, clg_str *header, const clg_st_tensor *t, size_t n)
{
    char digits[CLG_ST_SUM_DIGITS + 1];
    size_t at = clg__st_find_digits(header->text + 8, header->len - 8);
    if (at == 0) {
        return clg__fail(CLG_E_INTERNAL, "%s: no place for the checksum", path);
    }
    uLong crc = crc32_z(0, (const Bytef *)header->text, header->len);
    for (size_t i = 0; i < n; i++) {
        if (t[i].bytes != 0) { /* zlib takes a NULL buffer as the request for a start value */
            crc = crc32_z(crc, t[i].data, (size_t)t[i].bytes);
        }
    }
    (void)snprintf(digits, sizeof digits, "%08lx", (unsigned long)(crc & 0xffffffffu));
    memcpy(header->text + 8 + at, digits, CLG_ST_SUM_DIGITS);
    return CLG_OK;
}

int clg__st_write(const char *path, const clg_st_tensor *tensors, size_t n, const clg_st_meta *meta,
                  size_t meta_n)
{
    int status = CLG_OK;
    clg_str header = { 0 };
    clg_atomic_file *file = NULL;
    CLG_TRY(make_header(path, tensors, n, meta, meta_n, &header));
    CLG_TRY(seal(path, &header, tensors, n));
    CLG_TRY(clg__os_atomic_open(&file, path));
    CLG_TRY(clg__os_atomic_write(file, header.text, header.len));
    for (size_t i = 0; i < n; i++) {
        CLG_TRY(clg__os_atomic_write(file, tensors[i].data, (size_t)tensors[i].bytes));
    }
    CLG_TRY(clg__os_atomic_commit(&file));
out:
    clg__os_atomic_abort(&file);
    clg__str_free(&header);
    return status;
}
