/* Reading safetensors files. Nothing is believed before it is checked against the file's size; the
 * data stay in the mapping. Writing is in safetensors_write.c. */
#include "io/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/os.h"
#include "io/io_internal.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file format is little-endian");

struct clg_st_file {
    clg_map map; /* data NULL when opened on the caller's bytes */
    json_t *header;
    json_t *meta; /* borrowed from header; NULL if there is none */
    clg_st_tensor *tensor;
    size_t count;
};

/* A file while it is being checked. */
typedef struct st_reader {
    const char *name;
    const uint8_t *data; /* behind the header */
    uint64_t size;       /* of data */
} st_reader;

static const struct {
    const char *name;
    enum clg_st_dtype dtype;
    size_t size;
} dtypes[] = {
    { "F32", CLG_ST_F32, 4 },        { "F64", CLG_ST_F64, 8 },   { "F16", CLG_ST_F16, 2 },
    { "BF16", CLG_ST_BF16, 2 },      { "I64", CLG_ST_I64, 8 },   { "I32", CLG_ST_I32, 4 },
    { "U8", CLG_ST_U8, 1 },          { "U32", CLG_ST_U32, 4 },   { "BOOL", CLG_ST_OTHER, 1 },
    { "I8", CLG_ST_OTHER, 1 },       { "I16", CLG_ST_OTHER, 2 }, { "U16", CLG_ST_OTHER, 2 },
    { "U64", CLG_ST_OTHER, 8 },      { "F8_E4M3", CLG_ST_OTHER, 1 },
    { "F8_E5M2", CLG_ST_OTHER, 1 },
};
enum { DTYPES = sizeof dtypes / sizeof dtypes[0] };

const char *clg__st_dtype_name(enum clg_st_dtype dtype)
{
    for (size_t i = 0; i < DTYPES && dtype != CLG_ST_OTHER; i++) {
        if (dtypes[i].dtype == dtype) {
            return dtypes[i].name;
        }
    }
    return NULL;
}

size_t clg__st_dtype_size(enum clg_st_dtype dtype)
{
    for (size_t i = 0; i < DTYPES && dtype != CLG_ST_OTHER; i++) {
        if (dtypes[i].dtype == dtype) {
            return dtypes[i].size;
        }
    }
    return 0;
}

static int fail_broken(const st_reader *r, const char *what)
{
    return clg__hint(clg__fail(CLG_E_CHECKPOINT, "%s: broken checkpoint: %s", r->name, what),
                     "use another checkpoint of the run; the file was cut, changed, or is no "
                     "safetensors file");
}

static int fail_tensor(const st_reader *r, const char *tensor, const char *what)
{
    return clg__hint(clg__fail(CLG_E_CHECKPOINT, "%s: broken checkpoint: tensor '%.100s' %s",
                               r->name, tensor, what),
                     "use another checkpoint of the run; the file was cut or changed");
}

/* ---- the header ---- */

/* A whole number >= 0. */
static bool read_count(const json_t *j, uint64_t *out)
{
    if (!json_is_integer(j) || json_integer_value(j) < 0) {
        return false;
    }
    *out = (uint64_t)json_integer_value(j);
    return true;
}

static bool multiply(uint64_t a, uint64_t b, uint64_t *out)
{
    if (b != 0 && a > UINT64_MAX / b) {
        return false;
    }
    *out = a * b;
    return true;
}

/* Shape times element size; the caller compares it with the offsets. */
static int read_shape(const st_reader *r, const char *name, const json_t *shape, size_t element,
                      clg_st_tensor *t)
{
    if (!json_is_array(shape) || json_array_size(shape) > CLG_ST_RANK_MAX) {
        return fail_tensor(r, name, "has no shape of at most 8 dimensions");
    }
    t->rank = (uint32_t)json_array_size(shape);
    t->bytes = element;
    for (uint32_t i = 0; i < t->rank; i++) {
        if (!read_count(json_array_get(shape, i), &t->dim[i]) ||
            !multiply(t->bytes, t->dim[i], &t->bytes)) {
            return fail_tensor(r, name, "has an impossible shape");
        }
    }
    return CLG_OK;
}

static int read_tensor(const st_reader *r, const char *name, const json_t *entry, clg_st_tensor *t)
{
    if (!json_is_object(entry)) {
        return fail_tensor(r, name, "is not described by an object");
    }
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    const json_t *offsets = json_object_get(entry, "data_offsets");
    uint64_t begin = 0;
    uint64_t end = 0;
    size_t i = 0;
    while (i < DTYPES && (dtype == NULL || strcmp(dtypes[i].name, dtype) != 0)) {
        i++;
    }
    if (i == DTYPES || json_object_size(entry) != 3) {
        return fail_tensor(r, name, "has an unknown element type");
    }
    t->name = name;
    t->dtype = dtypes[i].dtype;
    int status = read_shape(r, name, json_object_get(entry, "shape"), dtypes[i].size, t);
    if (status != CLG_OK) {
        return status;
    }
    if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
        !read_count(json_array_get(offsets, 0), &begin) ||
        !read_count(json_array_get(offsets, 1), &end) || begin > end || end > r->size) {
        return fail_tensor(r, name, "lies outside the file");
    }
    if (end - begin != t->bytes) {
        return fail_tensor(r, name, "has another size than its shape says");
    }
    t->data = r->data + begin;
    return CLG_OK;
}

static int compare_places(const void *a, const void *b)
{
    const clg_st_tensor *x = *(const clg_st_tensor *const *)a;
    const clg_st_tensor *y = *(const clg_st_tensor *const *)b;
    if (x->data != y->data) {
        return (const uint8_t *)x->data < (const uint8_t *)y->data ? -1 : 1;
    }
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

/* Tensors must lie one behind the other without holes or overlap, from first to last byte. */
static int check_cover(const st_reader *r, const clg_st_file *f)
{
    const clg_st_tensor **order = clg__alloc(f->count, sizeof *order);
    if (order == NULL) {
        return CLG_E_MEMORY;
    }
    for (size_t i = 0; i < f->count; i++) {
        order[i] = &f->tensor[i];
    }
    if (f->count > 1) {
        qsort(order, f->count, sizeof *order, compare_places);
    }
    const uint8_t *at = r->data;
    const clg_st_tensor *bad = NULL;
    for (size_t i = 0; i < f->count && bad == NULL; i++) {
        bad = order[i]->data != at ? order[i] : NULL;
        at = (const uint8_t *)order[i]->data + order[i]->bytes;
    }
    clg__free(order);
    if (bad != NULL) {
        return fail_tensor(r, bad->name, "does not begin where the one before it ends");
    }
    if ((uint64_t)(at - r->data) != r->size) {
        return fail_broken(r, "its tensors do not fill the file");
    }
    return CLG_OK;
}

static int read_meta(const st_reader *r, clg_st_file *f)
{
    const char *key = NULL;
    json_t *value = NULL;
    f->meta = json_object_get(f->header, "__metadata__");
    if (f->meta == NULL) {
        return CLG_OK;
    }
    if (!json_is_object(f->meta)) {
        return fail_broken(r, "its metadata are no object");
    }
    json_object_foreach (f->meta, key, value) {
        if (!json_is_string(value)) {
            return fail_broken(r, "its metadata have a value that is no text");
        }
    }
    return CLG_OK;
}

static int read_tensors(const st_reader *r, clg_st_file *f)
{
    const char *key = NULL;
    json_t *entry = NULL;
    size_t count = json_object_size(f->header) - (f->meta != NULL);
    if (count > CLG_ST_TENSORS_MAX) {
        return fail_broken(r, "it has more than 4096 tensors");
    }
    f->tensor = clg__alloc(count, sizeof *f->tensor);
    if (f->tensor == NULL) {
        return CLG_E_MEMORY;
    }
    json_object_foreach (f->header, key, entry) {
        if (entry == f->meta) {
            continue;
        }
        int status = read_tensor(r, key, entry, &f->tensor[f->count]);
        if (status != CLG_OK) {
            return status;
        }
        f->count++;
    }
    return check_cover(r, f);
}

/* ---- the checksum ---- */

size_t clg__st_find_digits(const char *header, size_t n)
{
    /* With its quotes and colon this text can only be a key of an object whose value is a string,
     * and only the metadata have such: quotes inside JSON strings are escaped. */
    static const char key[] = "\"" CLG_ST_SUM_KEY "\":\"" CLG_ST_SUM_TEXT;
    size_t length = sizeof key - 1;
    for (size_t i = 0; i + length + CLG_ST_SUM_DIGITS <= n; i++) {
        if (header[i] == '"' && memcmp(header + i, key, length) == 0) {
            return i + length;
        }
    }
    return 0;
}

uint32_t clg__st_sum(const uint8_t *bytes, size_t n, size_t digits)
{
    static const uint8_t zeros[] = "00000000";
    uLong crc = crc32_z(0, bytes, digits);
    crc = crc32_z(crc, zeros, CLG_ST_SUM_DIGITS);
    crc = crc32_z(crc, bytes + digits + CLG_ST_SUM_DIGITS, n - digits - CLG_ST_SUM_DIGITS);
    return (uint32_t)crc;
}

/* Eight lower-case hexadecimal digits. */
static bool read_digits(const char *text, uint32_t *out)
{
    static const char hex[] = "0123456789abcdef";
    uint32_t v = 0;
    for (int i = 0; i < CLG_ST_SUM_DIGITS; i++) {
        const char *digit = text[i] == '\0' ? NULL : strchr(hex, text[i]);
        if (digit == NULL) {
            return false;
        }
        v = v << 4 | (uint32_t)(digit - hex);
    }
    *out = v;
    return true;
}

static int check_sum(const st_reader *r, const clg_st_file *f, const uint8_t *bytes, size_t n,
                     size_t header_length)
{
    const char *stored = clg__st_meta_find(f, CLG_ST_SUM_KEY);
    if (stored == NULL) {
        return clg__st_meta_find(f, CLG_ST_MARK_KEY) == NULL
                   ? CLG_OK
                   : fail_broken(r, "its checksum is missing");
    }
    size_t prefix = strlen(CLG_ST_SUM_TEXT);
    uint32_t want = 0;
    size_t digits = clg__st_find_digits((const char *)bytes + 8, header_length);
    if (digits == 0 || strncmp(stored, CLG_ST_SUM_TEXT, prefix) != 0 ||
        strlen(stored) != prefix + CLG_ST_SUM_DIGITS || !read_digits(stored + prefix, &want) ||
        clg__st_sum(bytes, n, 8 + digits) != want) {
        return fail_broken(r, "its checksum does not hold");
    }
    return CLG_OK;
}

/* ---- open and look ---- */

static int read_file(clg_st_file *f, const uint8_t *bytes, size_t n, const char *name)
{
    st_reader r = { .name = name };
    json_error_t error;
    uint64_t length = 0;
    if (n < 8) {
        return fail_broken(&r, "it is shorter than its header");
    }
    for (int i = 7; i >= 0; i--) {
        length = length << 8 | bytes[i];
    }
    if (length > CLG_ST_HEADER_MAX || length > n - 8) {
        return fail_broken(&r, length > n - 8 ? "its header is longer than the file"
                                              : "its header is longer than 1 MiB");
    }
    const char *text = (const char *)bytes + 8;
    r.data = bytes + 8 + length;
    r.size = n - 8 - length;
    if (length == 0 || text[0] != '{') {
        return fail_broken(&r, "its header is no JSON object");
    }
    f->header = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    if (f->header == NULL) {
        if (json_error_code(&error) == json_error_out_of_memory) {
            return clg__fail(CLG_E_MEMORY, "out of host memory while reading %s", name);
        }
        return fail_broken(&r, error.text);
    }
    int status = CLG_OK;
    CLG_TRY(read_meta(&r, f));
    CLG_TRY(read_tensors(&r, f));
    CLG_TRY(check_sum(&r, f, bytes, n, (size_t)length));
out:
    return status;
}

int clg__st_open_bytes(clg_st_file **out, const uint8_t *bytes, size_t n, const char *name)
{
    *out = NULL;
    clg_st_file *f = clg__alloc(1, sizeof *f);
    if (f == NULL) {
        return CLG_E_MEMORY;
    }
    int status = read_file(f, bytes, n, name);
    if (status != CLG_OK) {
        clg__st_close(&f);
        return status;
    }
    *out = f;
    return CLG_OK;
}

int clg__st_open(clg_st_file **out, const char *path)
{
    *out = NULL;
    clg_map map = { 0 };
    int status = clg__os_map_file(path, &map);
    if (status != CLG_OK) {
        return status;
    }
    status = clg__st_open_bytes(out, map.data, map.size, path);
    if (status != CLG_OK) {
        clg__os_unmap(&map);
        return status;
    }
    (*out)->map = map;
    return CLG_OK;
}

void clg__st_close(clg_st_file **pf)
{
    clg_st_file *f = *pf;
    if (f == NULL) {
        return;
    }
    json_decref(f->header);
    clg__free(f->tensor);
    if (f->map.data != NULL) {
        clg__os_unmap(&f->map);
    }
    clg__free(f);
    *pf = NULL;
}

size_t clg__st_count(const clg_st_file *f)
{
    return f->count;
}

const clg_st_tensor *clg__st_at(const clg_st_file *f, size_t i)
{
    return i < f->count ? &f->tensor[i] : NULL;
}

const clg_st_tensor *clg__st_find(const clg_st_file *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->tensor[i].name, name) == 0) {
            return &f->tensor[i];
        }
    }
    return NULL;
}

const char *clg__st_meta_find(const clg_st_file *f, const char *key)
{
    return f->meta == NULL ? NULL : json_string_value(json_object_get(f->meta, key));
}

/* ---- values ---- */

static float widen_half(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    uint32_t exponent = h >> 10 & 0x1fu;
    uint32_t mantissa = h & 0x3ffu;
    uint32_t bits = 0;
    float f = 0;
    if (exponent == 0) {
        f = (float)mantissa * 0x1p-24f; /* zero and subnormal: exact */
        return sign != 0 ? -f : f;
    }
    bits = sign | (exponent == 31 ? 0xffu : exponent + 112u) << 23 | mantissa << 13;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static float widen_bf16(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    float f = 0;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static void copy_floats(const clg_st_tensor *t, float *dst, uint64_t len)
{
    const uint8_t *p = t->data;
    if (t->dtype == CLG_ST_F32) {
        memcpy(dst, p, (size_t)len * sizeof *dst);
        return;
    }
    for (uint64_t i = 0; i < len; i++) {
        if (t->dtype == CLG_ST_F64) {
            double d = 0;
            memcpy(&d, p + i * sizeof d, sizeof d);
            dst[i] = (float)d;
        } else {
            uint16_t h = 0;
            memcpy(&h, p + i * sizeof h, sizeof h);
            dst[i] = t->dtype == CLG_ST_F16 ? widen_half(h) : widen_bf16(h);
        }
    }
}

int clg__st_read_f32(const clg_st_file *f, const char *name, float *dst, uint64_t len)
{
    const clg_st_tensor *t = clg__st_find(f, name);
    if (t == NULL) {
        return clg__hint(clg__fail(CLG_E_CHECKPOINT, "tensor '%s' is missing", name),
                         "the checkpoint belongs to another model; `clgan info` lists its tensors");
    }
    if (t->dtype != CLG_ST_F32 && t->dtype != CLG_ST_F64 && t->dtype != CLG_ST_F16 &&
        t->dtype != CLG_ST_BF16) {
        return clg__fail(CLG_E_CHECKPOINT, "tensor '%s' does not hold floats", name);
    }
    uint64_t have = t->bytes / clg__st_dtype_size(t->dtype);
    if (have != len) {
        return clg__hint(clg__fail(CLG_E_CHECKPOINT, "tensor '%s' has %llu elements, the model "
                                                     "wants %llu",
                                   name, (unsigned long long)have, (unsigned long long)len),
                         "the checkpoint belongs to another model; `clgan info` lists its tensors");
    }
    if (len != 0) {
        copy_floats(t, dst, len);
    }
    return CLG_OK;
}
