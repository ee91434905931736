/* NumPy .npy files, version 1 to 3 of the format: one array of float32 or float64, C order,
 * little-endian. Source: NumPy's "A simple file format for NumPy arrays" (NEP 1). */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/str.h"
#include "io/io_internal.h"

typedef struct npy_header {
    bool has_descr, has_order, has_shape;
    size_t element; /* 4 or 8 */
    uint64_t dim[8];
    uint32_t rank;
} npy_header;

static int fail_npy(const char *name, const char *what)
{
    return clg__hint(clg__fail(CLG_E_DATA, "%s: %s", name, what),
                     "write it with numpy.save(name, array.astype('float32'))");
}

static const char *skip_spaces(const char *p)
{
    while (*p == ' ' || *p == '\t' || *p == '\n') {
        p++;
    }
    return p;
}

/* If `p` begins with `word` (after spaces), the place behind it, else NULL. */
static const char *take(const char *p, const char *word)
{
    p = skip_spaces(p);
    size_t n = strlen(word);
    return strncmp(p, word, n) == 0 ? p + n : NULL;
}

/* "(3, 100)", "(3,)", "()". NULL if it is none. */
static const char *take_shape(const char *p, npy_header *h)
{
    p = take(p, "(");
    while (p != NULL) {
        p = skip_spaces(p);
        if (*p == ')') {
            return p + 1;
        }
        if (*p < '0' || *p > '9' || h->rank == 8) {
            return NULL;
        }
        uint64_t v = 0;
        for (; *p >= '0' && *p <= '9'; p++) {
            if (v > (UINT64_MAX - 9) / 10) {
                return NULL;
            }
            v = v * 10 + (uint64_t)(*p - '0');
        }
        h->dim[h->rank++] = v;
        const char *comma = take(p, ",");
        p = comma != NULL ? comma : skip_spaces(p);
        if (comma == NULL && *p != ')') {
            return NULL;
        }
    }
    return NULL;
}

/* One "'key': value" of the header; NULL with *why set if it is wrong. */
static const char *take_entry(const char *p, npy_header *h, const char **why)
{
    const char *q = NULL;
    *why = "its header is no NumPy header";
    if ((q = take(p, "'descr':")) != NULL && !h->has_descr) {
        h->has_descr = true;
        const char *f4 = take(q, "'<f4'");
        const char *f8 = take(q, "'<f8'");
        h->element = f4 != NULL ? 4 : 8;
        *why = "its numbers are not float32 or float64 (little-endian)";
        return f4 != NULL ? f4 : f8;
    }
    if ((q = take(p, "'fortran_order':")) != NULL && !h->has_order) {
        h->has_order = true;
        *why = "it is in Fortran order, not in C order";
        return take(q, "False");
    }
    if ((q = take(p, "'shape':")) != NULL && !h->has_shape) {
        h->has_shape = true;
        *why = "its shape is not readable, or has more than 8 dimensions";
        return take_shape(q, h);
    }
    return NULL;
}

static int read_header(const char *text, const char *name, npy_header *h)
{
    const char *why = "its header is no NumPy header";
    const char *p = take(text, "{");
    while (p != NULL && take(p, "}") == NULL) {
        p = take_entry(p, h, &why);
        if (p == NULL) {
            return fail_npy(name, why);
        }
        const char *comma = take(p, ",");
        if (comma == NULL && take(p, "}") == NULL) {
            return fail_npy(name, "its header is no NumPy header");
        }
        p = comma != NULL ? comma : p;
    }
    if (p == NULL || *skip_spaces(take(p, "}")) != '\0' || !h->has_descr || !h->has_order ||
        !h->has_shape) {
        return fail_npy(name, "its header is no NumPy header");
    }
    return CLG_OK;
}

/* Copies the header to a NUL-ended buffer and finds where the data begin. */
static int find_header(const uint8_t *b, size_t n, const char *name, char **text, size_t *data_at)
{
    enum { LENGTH_MAX = 65536 };
    if (n < 12 || memcmp(b, "\x93NUMPY", 6) != 0 || b[6] < 1 || b[6] > 3) {
        return fail_npy(name, n < 12 ? "it is too short for a .npy file" : "it is no .npy file");
    }
    size_t begin = b[6] == 1 ? 10 : 12;
    size_t length = (size_t)b[8] | (size_t)b[9] << 8;
    if (b[6] != 1) {
        length |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
    }
    if (length > n - begin || length > LENGTH_MAX) {
        return fail_npy(name, "its header is longer than the file");
    }
    char *copy = clg__alloc(length + 1, 1);
    if (copy == NULL) {
        return CLG_E_MEMORY;
    }
    memcpy(copy, b + begin, length);
    *text = copy;
    *data_at = begin + length;
    return CLG_OK;
}

int clg__npy_parse(const uint8_t *bytes, size_t n, const char *name, float **data, uint64_t dim[8],
                   uint32_t *rank)
{
    int status = CLG_OK;
    char *text = NULL;
    size_t at = 0;
    npy_header h = { 0 };
    *data = NULL;
    CLG_TRY(find_header(bytes, n, name, &text, &at));
    CLG_TRY(read_header(text, name, &h));
    size_t count = 1;
    size_t want = 0;
    bool fits = true;
    for (uint32_t i = 0; i < h.rank; i++) {
        fits = fits && h.dim[i] <= SIZE_MAX && clg__mul(count, (size_t)h.dim[i], &count);
    }
    if (!fits || !clg__mul(count, h.element, &want) || want != n - at) {
        CLG_TRY(fail_npy(name, "its size is not what its shape says: it was cut or changed"));
    }
    float *out = clg__alloc(count, sizeof *out);
    if (out == NULL) {
        CLG_TRY(CLG_E_MEMORY);
    }
    if (h.element == sizeof(float) && count != 0) {
        memcpy(out, bytes + at, want);
    }
    for (size_t i = 0; i < count && h.element == sizeof(double); i++) {
        double d = 0;
        memcpy(&d, bytes + at + i * sizeof d, sizeof d);
        out[i] = (float)d;
    }
    memcpy(dim, h.dim, sizeof h.dim);
    *rank = h.rank;
    *data = out;
out:
    clg__free(text);
    return status;
}

int clg__npy_read(const char *path, float **data, uint64_t dim[8], uint32_t *rank)
{
    clg_map map = { 0 };
    *data = NULL;
    int status = clg__os_map_file(path, &map);
    if (status == CLG_OK) {
        status = clg__npy_parse(map.data, map.size, path, data, dim, rank);
        clg__os_unmap(&map);
    }
    return status;
}

int clg__npy_write(const char *path, const float *data, const uint64_t *dim, uint32_t rank)
{
    int status = CLG_OK;
    clg_str s = { 0 };
    clg_atomic_file *file = NULL;
    size_t bytes = sizeof *data;
    bool fits = rank <= 8;
    clg__str_add_bytes(&s, "\x93NUMPY\x01\x00\x00\x00", 10);
    clg__str_add(&s, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (uint32_t i = 0; i < rank && fits; i++) {
        fits = dim[i] <= SIZE_MAX && clg__mul(bytes, (size_t)dim[i], &bytes);
        clg__str_add(&s, "%llu,%s", (unsigned long long)dim[i], i + 1 < rank ? " " : "");
    }
    clg__str_add(&s, "), }");
    while (!s.failed && (s.len + 1) % 64 != 0) {
        clg__str_add_bytes(&s, " ", 1);
    }
    clg__str_add(&s, "\n");
    if (s.failed || !fits) {
        CLG_TRY(clg__fail(s.failed ? CLG_E_MEMORY : CLG_E_INTERNAL,
                          "%s: cannot write an array of %u dimensions", path, rank));
    }
    s.text[8] = (char)((s.len - 10) & 0xff);
    s.text[9] = (char)((s.len - 10) >> 8);
    CLG_TRY(clg__os_atomic_open(&file, path));
    CLG_TRY(clg__os_atomic_write(file, s.text, s.len));
    CLG_TRY(clg__os_atomic_write(file, data, bytes));
    CLG_TRY(clg__os_atomic_commit(&file));
out:
    clg__os_atomic_abort(&file);
    clg__str_free(&s);
    return status;
}
