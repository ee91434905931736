/* See the header. Rows lie column by column: steps, the losses, one column per layer. */
#include "io/run_history.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "io/run_folder_internal.h"

enum { LINE_MAX_BYTES = 1 << 20, END_BYTES = 64, FIRST_LAYER = 1 + CLG_HISTORY_COLUMNS };

struct clg_history {
    char **layers;
    size_t layer_count;
    float *values; /* [columns, CLG_HISTORY_MAX] */
    size_t rows;
    uint64_t per_row; /* log rows that a row stands for: a power of two */
    uint64_t in_last; /* of them, those in the last row so far */
    uint64_t last_step;
    uint64_t bytes;      /* of the log, read so far */
    char end[END_BYTES]; /* the last bytes of what was read, to notice another log in its place */
};

/* ---- life ---- */

int clg__history_create(clg_history **out, const char *const *layers, size_t layer_count)
{
    *out = NULL;
    clg_history *h = clg__alloc(1, sizeof *h);
    if (h == NULL) {
        return CLG_E_MEMORY;
    }
    h->per_row = 1;
    h->layers = clg__alloc(layer_count, sizeof *h->layers);
    h->values = clg__alloc(FIRST_LAYER + layer_count, CLG_HISTORY_MAX * sizeof *h->values);
    bool whole = h->layers != NULL && h->values != NULL;
    for (size_t i = 0; whole && i < layer_count; i++) {
        h->layers[i] = clg__strdup(layers[i]);
        h->layer_count++;
        whole = h->layers[i] != NULL;
    }
    if (!whole) {
        clg__history_destroy(&h);
        return CLG_E_MEMORY;
    }
    *out = h;
    return CLG_OK;
}

void clg__history_destroy(clg_history **h)
{
    if (*h == NULL) {
        return;
    }
    for (size_t i = 0; i < (*h)->layer_count; i++) {
        clg__free((*h)->layers[i]);
    }
    clg__free((*h)->layers);
    clg__free((*h)->values);
    clg__free(*h);
    *h = NULL;
}

static void forget(clg_history *h)
{
    h->rows = 0;
    h->per_row = 1;
    h->in_last = 0;
    h->last_step = 0;
    h->bytes = 0;
}

/* ---- rows ---- */

static float *column(const clg_history *h, size_t i)
{
    return h->values + i * CLG_HISTORY_MAX;
}

/* Mean of `a`, which stands for `rows` values, and one that stands for `more`. What is missing on
 * one side is taken from the other. */
static float merged(float a, double rows, float b, double more)
{
    if (!isfinite(a) || !isfinite(b)) {
        return isfinite(a) ? a : b;
    }
    return (float)((double)a + ((double)b - (double)a) * (more / (rows + more)));
}

static void halve(clg_history *h)
{
    for (size_t i = 0; i < FIRST_LAYER + h->layer_count; i++) {
        float *v = column(h, i);
        for (size_t k = 0; k < CLG_HISTORY_MAX / 2; k++) {
            v[k] = merged(v[2u * k], 1.0, v[2u * k + 1u], 1.0);
        }
    }
    h->rows = CLG_HISTORY_MAX / 2;
    h->per_row *= 2u;
    h->in_last = h->per_row;
}

static float number(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    double x = json_is_number(v) ? json_number_value(v) : (double)NAN;
    return fabs(x) <= 3e38 ? (float)x : NAN;
}

/* Column i of the log's row. */
static float row_value(const clg_history *h, const json_t *row, const json_t *layers, size_t i)
{
    static const char *const keys[CLG_HISTORY_COLUMNS] = {
        [CLG_HISTORY_LOSS_D] = "loss_d",
        [CLG_HISTORY_LOSS_G] = "loss_g",
        [CLG_HISTORY_D_REAL] = "d_real",
        [CLG_HISTORY_D_FAKE_BEFORE] = "d_fake_before",
        [CLG_HISTORY_D_FAKE_AFTER] = "d_fake_after",
        [CLG_HISTORY_PARZEN] = "parzen_ll",
        [CLG_HISTORY_REAL_BELOW] = "real_below_half",
        [CLG_HISTORY_FAKE_ABOVE] = "fake_above_half",
    };
    if (i < FIRST_LAYER) {
        return number(row, i == 0 ? "step" : keys[i - 1u]);
    }
    return number(json_object_get(layers, h->layers[i - FIRST_LAYER]), "relative_update");
}

static void add_row(clg_history *h, const json_t *row)
{
    const json_t *step = json_object_get(row, "step"), *layers = json_object_get(row, "layers");
    json_int_t s = json_is_integer(step) ? json_integer_value(step) : 0;
    if (s <= 0 || (uint64_t)s <= h->last_step) {
        return;
    }
    bool starts = h->rows == 0 || h->in_last == h->per_row;
    if (starts && h->rows == CLG_HISTORY_MAX) {
        halve(h);
    }
    size_t at = starts ? h->rows : h->rows - 1u;
    h->in_last = starts ? 0 : h->in_last;
    for (size_t i = 0; i < FIRST_LAYER + h->layer_count; i++) {
        float *v = column(h, i) + at, x = row_value(h, row, layers, i);
        *v = h->in_last == 0 ? x : merged(*v, (double)h->in_last, x, 1.0);
    }
    h->in_last++;
    h->rows = at + 1u;
    h->last_step = (uint64_t)s;
}

size_t clg__history_add(clg_history *h, const char *text, size_t n)
{
    size_t used = 0;
    while (used < n) {
        const char *end = memchr(text + used, '\n', n - used);
        if (end == NULL) {
            break;
        }
        size_t length = (size_t)(end - text) - used;
        json_t *row = length <= LINE_MAX_BYTES ? json_loadb(text + used, length, 0, NULL) : NULL;
        if (json_is_object(row)) {
            add_row(h, row);
        }
        json_decref(row);
        used += length + 1u;
    }
    return used;
}

/* ---- the file ---- */

/* Whether the log still begins with what was read: it may have been cut back, and grown since. */
static bool goes_on(const clg_history *h, const clg_map *log)
{
    size_t n = h->bytes < END_BYTES ? (size_t)h->bytes : END_BYTES;
    return log->size >= h->bytes && (n == 0 || memcmp(log->data + h->bytes - n, h->end, n) == 0);
}

int clg__history_read(clg_history *h, const char *run_dir)
{
    char path[CLG_PATH_MAX_LEN];
    clg_map log = { 0 };
    int status = clg__run_path(path, run_dir, "log.jsonl");
    if (status == CLG_OK && clg__os_stat(path).exists) {
        status = clg__os_map_file(path, &log);
    }
    if (status != CLG_OK) {
        return status;
    }
    if (!goes_on(h, &log)) {
        forget(h);
    }
    if (log.size > h->bytes) {
        h->bytes +=
            clg__history_add(h, (const char *)log.data + h->bytes, log.size - (size_t)h->bytes);
        size_t n = h->bytes < END_BYTES ? (size_t)h->bytes : END_BYTES;
        memcpy(h->end, log.data + h->bytes - n, n);
    }
    clg__os_unmap(&log);
    return CLG_OK;
}

/* ---- what is there ---- */

size_t clg__history_rows(const clg_history *h)
{
    return h->rows;
}

const float *clg__history_steps(const clg_history *h)
{
    return column(h, 0);
}

const float *clg__history_column(const clg_history *h, enum clg_history_column i)
{
    return column(h, 1u + (size_t)i);
}

const float *clg__history_layer(const clg_history *h, size_t i)
{
    return column(h, FIRST_LAYER + i);
}

uint64_t clg__history_last_step(const clg_history *h)
{
    return h->last_step;
}
