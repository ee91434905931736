/* Rows and samples go to the device in blocks; sums and nearest rows come back (ops/parzen.h). */
#include "gan/metrics_parzen.h"

#include <math.h>

#include "base/mem.h"
#include "ops/parzen.h"

enum { ROWS = 512, SAMPLES = 2048, BLOCK_FLOATS = 1 << 24, WIDTHS_MAX = 64 };

/* One block of rows and one of samples on the device, and what is kept for every row. */
typedef struct device_side {
    const clg_ops *ops;
    uint32_t d, row_block, sample_block;
    float *staging, *centred; /* [larger block, d]: rows as they are, and less the centre */
    float *centre;            /* [d]: taken from every row, so that distances lose less */
    clg_buffer *x, *s, *ws;
    clg_buffer *least, *result; /* [rows]; [rows, K] sums or [rows] numbers */
} device_side;

static void close_device(device_side *v)
{
    clg__free(v->staging);
    clg__free(v->centred);
    clg__free(v->centre);
    clg__buffer_destroy(&v->x);
    clg__buffer_destroy(&v->s);
    clg__buffer_destroy(&v->ws);
    clg__buffer_destroy(&v->least);
    clg__buffer_destroy(&v->result);
}

static uint32_t cut_block(uint32_t wanted, uint32_t n, uint32_t d)
{
    uint32_t fit = BLOCK_FLOATS / d;
    uint32_t block = wanted < fit ? wanted : fit > 0 ? fit : 1u;
    return block < n ? block : n;
}

/* Room for every size of block that occurs: the last ones are smaller, and the product may be
 * another one for them. */
static uint64_t find_workspace(const device_side *v, uint32_t rows, uint32_t samples)
{
    const uint32_t n[2] = { v->row_block, rows % v->row_block };
    const uint32_t m[2] = { v->sample_block, samples % v->sample_block };
    uint64_t most = 0;
    for (int i = 0; i < 4; i++) {
        clg_parzen p = { .n = n[i / 2], .m = m[i % 2], .d = v->d };
        uint64_t need = p.n > 0 && p.m > 0 ? clg__parzen_workspace(v->ops, &p) : 0;
        most = need > most ? need : most;
    }
    return most;
}

static int open_device(device_side *v, const clg_ops *ops, uint32_t d, uint32_t rows,
                       uint32_t samples, enum clg_dtype result, uint32_t result_width)
{
    int status = CLG_OK;
    clg_rt *rt = ops->rt;
    *v = (device_side){ .ops = ops,
                        .d = d,
                        .row_block = cut_block(ROWS, rows, d),
                        .sample_block = cut_block(SAMPLES, samples, d) };
    uint32_t larger = v->row_block > v->sample_block ? v->row_block : v->sample_block;
    v->staging = clg__alloc((size_t)larger * d, sizeof *v->staging);
    v->centred = clg__alloc((size_t)larger * d, sizeof *v->centred);
    v->centre = clg__alloc(d, sizeof *v->centre);
    CLG_TRY(v->staging != NULL && v->centred != NULL && v->centre != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(clg__buffer_create(rt, CLG_F32, (uint64_t)v->row_block * d, "rows", &v->x));
    CLG_TRY(clg__buffer_create(rt, CLG_F32, (uint64_t)v->sample_block * d, "samples", &v->s));
    CLG_TRY(clg__buffer_create(rt, CLG_F32, find_workspace(v, rows, samples), "distances", &v->ws));
    CLG_TRY(clg__buffer_create(rt, CLG_F32, v->row_block, "least distances", &v->least));
    CLG_TRY(clg__buffer_create(rt, result, (uint64_t)v->row_block * result_width,
                               "sums of distances", &v->result));
out:
    return status;
}

/* Rows to the device, centred. */
static int upload(device_side *v, clg_buffer *to, const float *rows, uint32_t n)
{
    for (size_t i = 0; i < (size_t)n * v->d; i += v->d) {
        for (uint32_t j = 0; j < v->d; j++) {
            v->centred[i + j] = rows[i + j] - v->centre[j];
        }
    }
    return clg__rt_write(v->ops->rt, clg__tensor_vec(clg__tensor_all(to), 0, n * v->d), v->centred);
}

static int upload_rows(device_side *v, clg_buffer *to, const clg_rows *rows, uint32_t first,
                       uint32_t n)
{
    return upload(v, to, rows->at + (size_t)first * v->d, n);
}

/* The mean of the rows. */
static int find_centre(const clg_rows *rows, float *centre)
{
    double *sum = clg__alloc(rows->d, sizeof *sum);
    if (sum == NULL) {
        return CLG_E_MEMORY;
    }
    for (size_t i = 0; i < rows->n; i++) {
        for (uint32_t j = 0; j < rows->d; j++) {
            sum[j] += (double)rows->at[i * rows->d + j];
        }
    }
    for (uint32_t j = 0; j < rows->d; j++) {
        centre[j] = (float)(sum[j] / rows->n);
    }
    clg__free(sum);
    return CLG_OK;
}

static uint32_t left(uint32_t n, uint32_t first, uint32_t block)
{
    return n - first < block ? n - first : block;
}

/* ---- log-likelihood ---- */

typedef struct window {
    device_side v;
    clg_buffer *h;      /* [count] */
    float *least, *sum; /* of one block of rows */
    const double *sigma;
    uint32_t count;
} window;

static int open_window(window *w, const clg_ops *ops, const clg_rows *samples, uint32_t rows)
{
    int status = CLG_OK;
    float h[WIDTHS_MAX];
    CLG_TRY(open_device(&w->v, ops, samples->d, rows, samples->n, CLG_F32, w->count));
    CLG_TRY(clg__buffer_create(ops->rt, CLG_F32, w->count, "widths", &w->h));
    w->least = clg__alloc(w->v.row_block, sizeof *w->least);
    w->sum = clg__alloc((size_t)w->v.row_block * w->count, sizeof *w->sum);
    CLG_TRY(w->least != NULL && w->sum != NULL ? CLG_OK : CLG_E_MEMORY);
    for (uint32_t k = 0; k < w->count; k++) {
        h[k] = (float)(0.5 / (w->sigma[k] * w->sigma[k]));
    }
    CLG_TRY(clg__rt_write(ops->rt, clg__tensor_all(w->h), h));
    CLG_TRY(find_centre(samples, w->v.centre));
out:
    return status;
}

/* log mean exp, with the Gaussians' own factor; the width is the one that the device had. */
static int finish_rows(const window *w, uint32_t samples, uint32_t n, double *ll)
{
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < w->count; k++) {
            double h = (double)(float)(0.5 / (w->sigma[k] * w->sigma[k]));
            double s = (double)w->sum[(size_t)i * w->count + k];
            double v = log(s / samples) - (double)w->least[i] * h -
                       w->v.d * (log(w->sigma[k]) + 0.91893853320467274);
            if (!isfinite(v)) {
                return clg__hint(clg__fail(CLG_E_NUMERIC, "samples are inf or nan: no likelihood"),
                                 "the training has diverged; evaluate an earlier checkpoint");
            }
            ll[(size_t)i * w->count + k] = v;
        }
    }
    return CLG_OK;
}

static int measure_block(window *w, const clg_rows *samples, const clg_rows *rows, uint32_t first,
                         uint32_t n, double *ll)
{
    int status = CLG_OK;
    device_side *v = &w->v;
    clg_tensor x = clg__tensor_vec(clg__tensor_all(v->x), 0, n * v->d);
    clg_tensor least = clg__tensor_vec(clg__tensor_all(v->least), 0, n);
    clg_tensor sum = clg__tensor_vec(clg__tensor_all(v->result), 0, n * w->count);
    CLG_TRY(upload_rows(v, v->x, rows, first, n));
    for (uint32_t at = 0; at < samples->n; at += v->sample_block) {
        clg_parzen p = {
            .n = n, .m = left(samples->n, at, v->sample_block), .d = v->d, .first = at == 0
        };
        CLG_TRY(upload_rows(v, v->s, samples, at, p.m));
        CLG_TRY(clg__parzen_sum(v->ops, &p, x, clg__tensor_vec(clg__tensor_all(v->s), 0, p.m * p.d),
                                clg__tensor_all(w->h), least, sum, clg__tensor_all(v->ws)));
    }
    CLG_TRY(clg__rt_read(v->ops->rt, least, w->least));
    CLG_TRY(clg__rt_read(v->ops->rt, sum, w->sum));
    CLG_TRY(finish_rows(w, samples->n, n, ll));
out:
    return status;
}

int clg__parzen_log(const clg_ops *ops, const clg_rows *samples, const clg_rows *rows,
                    const double *sigma, uint32_t count, double *ll)
{
    int status = CLG_OK;
    window w = { .sigma = sigma, .count = count };
    if (samples->n == 0 || samples->d == 0 || samples->d != rows->d || count == 0 ||
        count > WIDTHS_MAX) {
        return clg__fail(CLG_E_INTERNAL,
                         "parzen_log: %u samples of %u values, rows of %u, %u widths", samples->n,
                         samples->d, rows->d, count);
    }
    if (rows->n == 0) {
        return CLG_OK;
    }
    CLG_TRY(open_window(&w, ops, samples, rows->n));
    for (uint32_t first = 0; first < rows->n; first += w.v.row_block) {
        CLG_TRY(measure_block(&w, samples, rows, first, left(rows->n, first, w.v.row_block),
                              ll + (size_t)first * count));
    }
out:
    clg__buffer_destroy(&w.h);
    clg__free(w.least);
    clg__free(w.sum);
    close_device(&w.v);
    return status;
}

static double mean_of(const double *v, uint32_t n, uint32_t step)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += v[i * step];
    }
    return sum / n;
}

static double error_of(const double *v, uint32_t n, double mean)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += (v[i] - mean) * (v[i] - mean);
    }
    return n > 1 ? sqrt(sum / (n - 1.0) / n) : 0.0;
}

int clg__parzen_measure(const clg_ops *ops, const clg_rows *samples, const clg_rows *validation,
                        const clg_rows *test, clg_parzen_result *out)
{
    int status = CLG_OK;
    uint32_t best = 0;
    double *ll = NULL;
    *out = (clg_parzen_result){ .samples = samples->n,
                                .validation_rows = validation->n,
                                .test_rows = test->n };
    if (validation->n == 0 || test->n == 0) {
        return clg__fail(CLG_E_INTERNAL, "parzen_measure: no rows");
    }
    size_t swept = (size_t)validation->n * CLG_PARZEN_SIGMAS;
    ll = clg__alloc(swept > test->n ? swept : test->n, sizeof *ll);
    CLG_TRY(ll != NULL ? CLG_OK : CLG_E_MEMORY);
    for (int k = 0; k < CLG_PARZEN_SIGMAS; k++) {
        out->tried[k] = pow(10.0, -1.0 + (double)k / (CLG_PARZEN_SIGMAS - 1));
    }
    CLG_TRY(clg__parzen_log(ops, samples, validation, out->tried, CLG_PARZEN_SIGMAS, ll));
    for (uint32_t k = 0; k < CLG_PARZEN_SIGMAS; k++) {
        out->validation[k] = mean_of(ll + k, validation->n, CLG_PARZEN_SIGMAS);
        best = out->validation[k] > out->validation[best] ? k : best;
    }
    out->sigma = out->tried[best];
    out->at_end = best == 0 || best == CLG_PARZEN_SIGMAS - 1;
    CLG_TRY(clg__parzen_log(ops, samples, test, &out->sigma, 1, ll));
    out->mean = mean_of(ll, test->n, 1);
    out->standard_error = error_of(ll, test->n, out->mean);
out:
    clg__free(ll);
    return status;
}

/* ---- nearest rows ---- */

static double square_distance(const float *a, const float *b, uint32_t d)
{
    double sum = 0.0;
    for (uint32_t j = 0; j < d; j++) {
        double e = (double)a[j] - (double)b[j];
        sum += e * e;
    }
    return sum;
}

/* The candidates of one block of `among`, compared in double with the best so far. staging holds
 * the block as it was read. */
static int take_better(device_side *v, const clg_rows *rows, uint32_t start, uint32_t m,
                       uint32_t *at, uint32_t *nearest, double *square)
{
    int status = CLG_OK;
    CLG_TRY(clg__rt_read(v->ops->rt, clg__tensor_vec(clg__tensor_all(v->result), 0, rows->n), at));
    for (uint32_t i = 0; i < rows->n; i++) {
        if (at[i] < start || at[i] - start >= m) {
            continue; /* no finite distance */
        }
        double sq = square_distance(rows->at + (size_t)i * v->d,
                                    v->staging + (size_t)(at[i] - start) * v->d, v->d);
        if (sq < square[i]) {
            square[i] = sq;
            nearest[i] = at[i];
        }
    }
out:
    return status;
}

/* Rows of one block, which stay on the device, against all of `among`. */
static int search_block(device_side *v, const clg_rows *rows, uint32_t among, clg_rows_read read,
                        void *user, uint32_t *at, uint32_t *nearest, double *square)
{
    int status = CLG_OK;
    clg_tensor x = clg__tensor_vec(clg__tensor_all(v->x), 0, rows->n * v->d);
    clg_tensor least = clg__tensor_vec(clg__tensor_all(v->least), 0, rows->n);
    clg_tensor result = clg__tensor_vec(clg__tensor_all(v->result), 0, rows->n);
    CLG_TRY(upload_rows(v, v->x, rows, 0, rows->n));
    for (uint32_t first = 0; first < among; first += v->sample_block) {
        clg_parzen p = {
            .n = rows->n, .m = left(among, first, v->sample_block), .d = v->d, .first = true
        };
        clg_tensor s = clg__tensor_vec(clg__tensor_all(v->s), 0, p.m * p.d);
        CLG_TRY(read(user, first, p.m, v->staging));
        CLG_TRY(upload(v, v->s, v->staging, p.m));
        CLG_TRY(
            clg__parzen_nearest(v->ops, &p, x, s, first, least, result, clg__tensor_all(v->ws)));
        CLG_TRY(take_better(v, rows, first, p.m, at, nearest, square));
    }
out:
    return status;
}

int clg__nearest_rows(const clg_ops *ops, const clg_rows *rows, uint32_t among, clg_rows_read read,
                      void *user, uint32_t *nearest, double *square)
{
    int status = CLG_OK;
    device_side v = { 0 };
    uint32_t *at = NULL;
    if (rows->n == 0 || rows->d == 0 || among == 0) {
        return clg__fail(CLG_E_INTERNAL, "nearest_rows: %u rows of %u values among %u", rows->n,
                         rows->d, among);
    }
    CLG_TRY(open_device(&v, ops, rows->d, rows->n, among, CLG_U32, 1));
    at = clg__alloc(v.row_block, sizeof *at);
    CLG_TRY(at != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(find_centre(rows, v.centre));
    for (uint32_t first = 0; first < rows->n; first += v.row_block) {
        clg_rows part = { .at = rows->at + (size_t)first * rows->d,
                          .n = left(rows->n, first, v.row_block),
                          .d = rows->d };
        for (uint32_t i = 0; i < part.n; i++) {
            nearest[first + i] = 0;
            square[first + i] = (double)INFINITY;
        }
        CLG_TRY(search_block(&v, &part, among, read, user, at, nearest + first, square + first));
    }
out:
    clg__free(at);
    close_device(&v);
    return status;
}
