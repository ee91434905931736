/* Running operator cases: inputs from Philox, guard words around every tensor, comparison with the
 * reference. Which cases there are is the business of host/ops/cases_<op>.c; printing is not done
 * here. */
#include "cli/case_runner.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/half.h"
#include "base/mem.h"
#include "base/philox.h"
#include "base/str.h"
#include "blas/tile.h"
#include "ops/case_plan.h"
#include "ops/conv_algo.h"
#include "ref/ref.h"

/* Words that no kernel writes by accident. The floats are NaNs, so that a value read from outside
 * a tensor, or never written, shows in the results. The 16-bit ones are NaNs of both types. */
static const uint32_t GUARD_WORD = 0x7fc5a5a5u, POISON_WORD = 0x7fc0badfu;
enum { GUARD_HALF = 0x7fda, POISON_HALF = 0x7fcb, GUARD_BYTE = 0xa5, POISON_BYTE = 0x5a,
       VIEW_ALIGN = 64,
       WORKSPACE_UNITS = 64 }; /* CLG_BATCH_ALIGN floats: with fewer CLBlast would not be asked */

/* One tensor: a buffer of its own, [guard | body | guard], and a host copy of the whole. On a simulator,
 * which tells of what lies outside of buffers, nothing behind the body: a guard hides who only reads it. */
typedef struct slot {
    clg_buffer *buf;
    clg_tensor view; /* the body */
    enum clg_dtype dtype;
    size_t first, len, total; /* elements: where the body starts, its length, the whole */
    size_t size;              /* of an element */
    uint8_t *host;
} slot;

struct clg_case_job {
    const clg_ops *ops;
    const clg_op *op;
    clg_case c;
    clg_case_plan plan;
    char line[CLG_CASE_LINE];
    slot in[CLG_CASE_TENSORS], out[CLG_CASE_TENSORS], ws;
    double *in_value[CLG_CASE_TENSORS];
};

/* ---- tensors ---- */

/* The view starts `units` times VIEW_ALIGN into the buffer. */
static int open_slot(const clg_ops *ops, slot *s, uint32_t units, uint64_t len,
                     enum clg_dtype dtype, const char *name)
{
    s->dtype = dtype;
    s->size = clg__dtype_size(dtype);
    size_t unit = VIEW_ALIGN / s->size;
    if (len == 0 || len > UINT32_MAX - 64u * unit) {
        return clg__fail(CLG_E_USAGE, "tensor %s would have %" PRIu64 " elements", name, len);
    }
    s->first = units * unit;
    s->len = (size_t)len;
    s->total = s->first + s->len + (clg__rt_is_simulator(ops->rt) ? 0u : 2u * unit);
    s->host = clg__alloc(s->total, s->size);
    if (s->host == NULL) {
        return CLG_E_MEMORY;
    }
    int status = clg__buffer_create(ops->rt, dtype, s->total, "case", &s->buf);
    if (status == CLG_OK) {
        s->view = clg__tensor_vec(clg__tensor_all(s->buf), s->first, (uint32_t)len);
    }
    return status;
}

static void close_slot(slot *s)
{
    clg__buffer_destroy(&s->buf);
    clg__free(s->host);
    s->host = NULL;
}

static void set_words(slot *s, size_t first, size_t end, bool guard)
{
    const uint32_t word = guard ? GUARD_WORD : POISON_WORD;
    const uint16_t half = guard ? GUARD_HALF : POISON_HALF;
    for (size_t i = first; i < end; i++) {
        if (s->size == 1) {
            s->host[i] = guard ? GUARD_BYTE : POISON_BYTE;
        } else if (s->size == 2) {
            memcpy(s->host + i * sizeof half, &half, sizeof half);
        } else {
            memcpy(s->host + i * sizeof word, &word, sizeof word);
        }
    }
}

/* Guards on both sides, poison between. */
static void clear_slot(slot *s)
{
    set_words(s, 0, s->total, true);
    set_words(s, s->first, s->first + s->len, false);
}

static uint16_t get_half(const slot *s, size_t at)
{
    uint16_t h;
    memcpy(&h, s->host + at * sizeof h, sizeof h);
    return h;
}

static double get_value(const slot *s, size_t i)
{
    float f;
    if (s->dtype == CLG_U8) {
        return s->host[s->first + i];
    }
    if (s->size == 2) {
        const uint16_t h = get_half(s, s->first + i);
        return (double)(s->dtype == CLG_F16 ? clg__half_to_f32(h) : clg__bf16_to_f32(h));
    }
    memcpy(&f, s->host + (s->first + i) * sizeof f, sizeof f);
    return (double)f;
}

/* Stores element i; the value that the device will see. */
static double set_value(slot *s, size_t i, float f)
{
    if (s->dtype == CLG_U8) {
        s->host[s->first + i] = (uint8_t)f;
    } else if (s->size == 2) {
        const uint16_t h = s->dtype == CLG_F16 ? clg__half_from_f32(f) : clg__bf16_from_f32(f);
        memcpy(s->host + (s->first + i) * sizeof h, &h, sizeof h);
    } else {
        memcpy(s->host + (s->first + i) * sizeof f, &f, sizeof f);
    }
    return get_value(s, i);
}

/* Index of the first overwritten guard element, relative to the body; false if all are intact. */
static bool find_broken_guard(const slot *s, int64_t *where)
{
    for (size_t i = 0; i < s->total; i++) {
        if (i == s->first && (i += s->len) == s->total) {
            break;
        }
        uint32_t word = GUARD_WORD;
        if (s->size == 4) {
            memcpy(&word, s->host + i * sizeof word, sizeof word);
        }
        if (s->size == 1   ? s->host[i] != GUARD_BYTE
            : s->size == 2 ? get_half(s, i) != GUARD_HALF
                           : word != GUARD_WORD) {
            *where = (int64_t)i - (int64_t)s->first;
            return true;
        }
    }
    return false;
}

/* ---- inputs ---- */

static void fill_floats(const clg_rng_key *key, enum clg_case_fill fill, float *dst, size_t n)
{
    switch (fill) {
    case CLG_FILL_NORMAL:
        clg__philox_normal(key, 0.0f, 1.0f, dst, n);
        break;
    case CLG_FILL_POSITIVE:
        clg__philox_uniform(key, 0.5f, 1.5f, dst, n);
        break;
    case CLG_FILL_UNIT:
        clg__philox_uniform(key, -0.95f, 0.95f, dst, n);
        break;
    case CLG_FILL_SMALL_INT:
        clg__philox_uniform(key, 0.0f, 5.0f, dst, n);
        for (size_t i = 0; i < n; i++) {
            dst[i] = floorf(fminf(dst[i], 4.5f)) - 2.0f;
        }
        break;
    case CLG_FILL_U8:
        clg__philox_uniform(key, 0.0f, 256.0f, dst, n);
        for (size_t i = 0; i < n; i++) {
            dst[i] = floorf(fminf(dst[i], 255.5f));
        }
        break;
    }
}

static int make_input(clg_case_job *job, uint32_t i)
{
    slot *s = &job->in[i];
    clg_rng_key key = { .seed = clg__hash64(job->line, strlen(job->line), 0),
                        .stream = CLG_STREAM_TEST, .step = i };
    float *tmp = clg__alloc(s->len, sizeof *tmp);

    job->in_value[i] = clg__alloc(s->len, sizeof(double));
    if (tmp == NULL || job->in_value[i] == NULL) {
        clg__free(tmp);
        return CLG_E_MEMORY;
    }
    fill_floats(&key, s->dtype == CLG_U8 ? CLG_FILL_U8 : job->plan.in[i].fill, tmp, s->len);
    clear_slot(s);
    for (size_t e = 0; e < s->len; e++) {
        job->in_value[i][e] = set_value(s, e, tmp[e]);
    }
    clg__free(tmp);
    return clg__rt_write(job->ops->rt, clg__tensor_all(s->buf), s->host);
}

/* Input with the name of output `o`; inputs if there is none. */
static uint32_t find_source(const clg_case_job *job, uint32_t o)
{
    uint32_t i = 0;
    while (i < job->plan.inputs && strcmp(job->plan.in[i].name, job->plan.out[o].name) != 0) {
        i++;
    }
    return i;
}

static int make_output(clg_case_job *job, uint32_t o)
{
    slot *s = &job->out[o];
    clear_slot(s);
    if (job->plan.out[o].inout) {
        uint32_t i = find_source(job, o);
        if (i == job->plan.inputs || job->in[i].len != s->len || job->in[i].dtype != s->dtype) {
            return clg__fail(CLG_E_INTERNAL, "%s: inout output %s has no input like it", job->line,
                             job->plan.out[o].name);
        }
        memcpy(s->host + s->first * s->size, job->in[i].host + job->in[i].first * s->size,
               s->len * s->size);
    }
    return clg__rt_write(job->ops->rt, clg__tensor_all(s->buf), s->host);
}

/* ---- job ---- */

static int parse_line(clg_case_job *job, const char *line)
{
    if (strlen(line) >= sizeof job->line) {
        return clg__fail(CLG_E_USAGE, "case \"%.40s...\" is longer than %d characters", line,
                         CLG_CASE_LINE - 1);
    }
    strcpy(job->line, line);
    int status = clg__case_parse(&job->c, line, job->op ? job->op->keys : NULL);
    if (status != CLG_OK) {
        return status;
    }
    if (job->op == NULL) {
        job->op = clg__op_find(job->c.op);
        if (job->op == NULL) {
            return clg__fail(CLG_E_USAGE, "case \"%s\": there is no operator \"%s\"", line,
                             job->c.op);
        }
        status = clg__case_parse(&job->c, line, job->op->keys);
    }
    if (status == CLG_OK && strcmp(job->c.op, job->op->name) != 0) {
        status = clg__fail(CLG_E_USAGE, "case \"%s\" is not one of %s", line, job->op->name);
    }
    return status;
}

/* Type of a tensor of the plan; key `store` names that of stored ones. */
static enum clg_dtype pick_dtype(const clg_case_job *job, bool is_u8, bool is_stored)
{
    static const enum clg_dtype stores[] = { CLG_F32, CLG_F16, CLG_BF16 };
    return is_u8 ? CLG_U8 : is_stored ? stores[clg__case_u32(&job->c, "store", 0)] : CLG_F32;
}

/* Keys that choose one of a few, of any operator. */
static int check_choices(const clg_case_job *job)
{
    uint32_t value;
    const clg_case_key keys[] = {
        { "store", 0, 2, 0, &value },
        { "algo", 0, CLG_CONV_ALGO_COUNT - 1, 0, &value },
        { "tile", 0, CLG_TILE_COUNT, 0, &value },
        { "ta", 0, 1, 0, &value },
        { "tb", 0, 1, 0, &value },
        { NULL, 0, 0, 0, NULL },
    };
    return clg__case_keys(&job->c, keys);
}

static int open_tensors(clg_case_job *job)
{
    const clg_case_plan *plan = &job->plan;
    const clg_ops *ops = job->ops;
    uint32_t units = 1;
    int status = CLG_OK;

    CLG_TRY(check_choices(job));
    for (uint32_t i = 0; i < plan->inputs; i++) {
        CLG_TRY(open_slot(ops, &job->in[i], units, plan->in[i].len,
                          pick_dtype(job, plan->in[i].is_u8, plan->in[i].is_stored),
                          plan->in[i].name));
        CLG_TRY(make_input(job, i));
        units += 2u;
    }
    for (uint32_t o = 0; o < plan->outputs; o++) {
        CLG_TRY(open_slot(ops, &job->out[o], units, plan->out[o].len,
                          pick_dtype(job, plan->out[o].is_u8, plan->out[o].is_stored),
                          plan->out[o].name));
        CLG_TRY(make_output(job, o));
        units += 2u;
    }
    uint64_t floats = job->op->workspace ? job->op->workspace(ops, &job->c) : 0;
    if (floats != 0) {
        CLG_TRY(open_slot(ops, &job->ws, WORKSPACE_UNITS, floats, CLG_F32, "workspace"));
        clear_slot(&job->ws);
        CLG_TRY(clg__rt_write(ops->rt, clg__tensor_all(job->ws.buf), job->ws.host));
    }
out:
    return status;
}

int clg__case_open(clg_case_job **out, const clg_ops *ops, const clg_op *op, const char *line)
{
    int status = CLG_OK;
    *out = NULL;
    clg_case_job *job = clg__alloc(1, sizeof *job);
    if (job == NULL) {
        return CLG_E_MEMORY;
    }
    job->ops = ops;
    job->op = op;
    CLG_TRY(parse_line(job, line));
    CLG_TRY(job->op->plan(&job->c, &job->plan));
    CLG_TRY(open_tensors(job));
    *out = job;
    job = NULL;
out:
    clg__case_close(&job);
    return status;
}

void clg__case_close(clg_case_job **p)
{
    clg_case_job *job = *p;
    if (job == NULL) {
        return;
    }
    for (uint32_t i = 0; i < CLG_CASE_TENSORS; i++) {
        close_slot(&job->in[i]);
        close_slot(&job->out[i]);
        clg__free(job->in_value[i]);
    }
    close_slot(&job->ws);
    clg__free(job);
    *p = NULL;
}

const clg_case_plan *clg__case_plan(const clg_case_job *job)
{
    return &job->plan;
}

int clg__case_enqueue(clg_case_job *job)
{
    clg_tensor in[CLG_CASE_TENSORS], out[CLG_CASE_TENSORS];
    for (uint32_t i = 0; i < CLG_CASE_TENSORS; i++) {
        in[i] = job->in[i].view;
        out[i] = job->out[i].view;
    }
    return job->op->run(job->ops, &job->c, in, out, job->ws.view);
}

/* ---- comparison ---- */

static void note_value(clg_case_result *res, double ratio, const char *name, size_t i, double got,
                       double want, double tolerance)
{
    if (res->tensor != NULL && !(ratio > res->worst)) {
        return;
    }
    res->worst = ratio;
    res->tensor = name;
    res->index = i;
    res->got = got;
    res->want = want;
    res->tolerance = tolerance;
}

/* The storage's own rounding of `want`: half a unit in the last place, or half its smallest step. */
static double storage_error(const slot *s, double want)
{
    return s->dtype == CLG_F16    ? fmax(fabs(want) * 0x1p-11, 0x1p-25)
           : s->dtype == CLG_BF16 ? fabs(want) * 0x1p-8
                                  : 0.0;
}

/* How much more sums of products of tf32 may be off, whose operands have 11 bits: 1e-3 of the largest
 * value, here four times the root mean square. Small integers stay exact. */
static double tf32_factor(const clg_case_job *job)
{
    const bool tf32 = clg__multiplies_tf32(clg__blas_multiply(job->ops->blas));
    return tf32 && job->plan.terms > 0.0 ? 4e-3 / clg__plan_sum_tolerance(job->plan.terms) : 1.0;
}

static void compare_output(const clg_case_job *job, uint32_t o, const double *want,
                           clg_case_result *res)
{
    const slot *s = &job->out[o];
    double square = 0.0, off = 0.0;

    for (size_t i = 0; i < s->len; i++) {
        square += want[i] * want[i];
    }
    const double factor = tf32_factor(job), rms = sqrt(square / (double)s->len);
    for (size_t i = 0; i < s->len; i++) {
        double got = get_value(s, i);
        double tolerance = job->plan.out[o].rtol * fabs(want[i]) +
                           factor * (job->plan.out[o].atol + job->plan.out[o].stol * rms);
        tolerance += storage_error(s, fabs(want[i]) + tolerance);
        double d = got == want[i] ? 0.0 : fabs(got - want[i]);
        double ratio = d <= 0.0 ? 0.0 : d / tolerance; /* tolerance 0: infinite */
        off += d * d;
        note_value(res, isnan(ratio) ? (double)INFINITY : ratio, job->plan.out[o].name, i, got,
                   want[i], tolerance);
    }
    double rel = off <= 0.0 ? 0.0 : square > 0.0 ? sqrt(off / square) : (double)INFINITY;
    if (!(rel <= res->worst_rel)) {
        res->worst_rel = isnan(rel) ? (double)INFINITY : rel;
    }
    res->elements += s->len;
}

static int compute_want(const clg_case_job *job, double **want)
{
    ref_case_fn fn = ref_case_find(job->op->name);
    if (fn == NULL) {
        return clg__fail(CLG_E_INTERNAL, "%s has no reference", job->op->name);
    }
    for (uint32_t o = 0; o < job->plan.outputs; o++) {
        want[o] = clg__alloc(job->out[o].len, sizeof(double));
        if (want[o] == NULL) {
            return CLG_E_MEMORY;
        }
        if (job->plan.out[o].inout) {
            memcpy(want[o], job->in_value[find_source(job, o)], job->out[o].len * sizeof(double));
        }
    }
    return fn(&job->c, (const double *const *)job->in_value, want);
}

static int read_slot(const clg_case_job *job, slot *s)
{
    return s->buf ? clg__rt_read(job->ops->rt, clg__tensor_all(s->buf), s->host) : CLG_OK;
}

/* An operator must leave its inputs as they are. */
static void check_input(const clg_case_job *job, uint32_t i, clg_case_result *res)
{
    for (size_t e = 0; e < job->in[i].len; e++) {
        if (res->text[0] == '\0' && get_value(&job->in[i], e) != job->in_value[i][e]) {
            res->passed = false;
            snprintf(res->text, sizeof res->text, "input %s[%zu] was changed from %.9g to %.9g",
                     job->plan.in[i].name, e, job->in_value[i][e], get_value(&job->in[i], e));
        }
    }
}

static void check_guard(const slot *s, const char *name, clg_case_result *res)
{
    int64_t where;
    if (s->buf != NULL && res->text[0] == '\0' && find_broken_guard(s, &where)) {
        res->passed = false;
        snprintf(res->text, sizeof res->text,
                 "%s[%" PRId64 "] was written, but %s has %zu elements", name, where, name, s->len);
    }
}

int clg__case_check(clg_case_job *job, clg_case_result *res)
{
    double *want[CLG_CASE_TENSORS] = { NULL };
    int status = CLG_OK;

    *res = (clg_case_result){ .passed = true, .flops = job->plan.flops, .bytes = job->plan.bytes };
    strcpy(res->line, job->line);
    CLG_TRY(compute_want(job, want));
    for (uint32_t i = 0; i < job->plan.inputs; i++) {
        CLG_TRY(read_slot(job, &job->in[i]));
        check_guard(&job->in[i], job->plan.in[i].name, res);
        check_input(job, i, res);
    }
    for (uint32_t o = 0; o < job->plan.outputs; o++) {
        CLG_TRY(read_slot(job, &job->out[o]));
        check_guard(&job->out[o], job->plan.out[o].name, res);
        compare_output(job, o, want[o], res);
    }
    CLG_TRY(read_slot(job, &job->ws));
    check_guard(&job->ws, "workspace", res);
    if (res->passed && !(res->worst <= 1.0)) {
        res->passed = false;
        snprintf(res->text, sizeof res->text,
                 "%s[%" PRIu64 "] is %.9g, the reference has %.9g: %.3g times the tolerance %.3g",
                 res->tensor, res->index, res->got, res->want, res->worst, res->tolerance);
    }
    if (!res->passed) {
        status = clg__fail(CLG_E_MISMATCH, "%s: %s", res->line, res->text);
    }
out:
    for (uint32_t o = 0; o < CLG_CASE_TENSORS; o++) {
        clg__free(want[o]);
    }
    if (status != CLG_OK && status != CLG_E_MISMATCH) {
        res->passed = false;
        snprintf(res->text, sizeof res->text, "%s", clg_message());
    }
    return status;
}

bool clg__case_fits(const clg_ops *ops, const clg_op *op, const char *line)
{
    clg_case c;
    return op->fits == NULL || clg__case_parse(&c, line, op->keys) != CLG_OK || op->fits(ops, &c);
}

int clg__case_run(const clg_ops *ops, const clg_op *op, const char *line, clg_case_result *res)
{
    clg_case_job *job = NULL;
    int status = CLG_OK;

    *res = (clg_case_result){ .passed = false };
    snprintf(res->line, sizeof res->line, "%s", line);
    CLG_TRY(clg__case_open(&job, ops, op, line));
    CLG_TRY(clg__case_enqueue(job));
    status = clg__case_check(job, res);
out:
    if (status != CLG_OK && res->text[0] == '\0') {
        snprintf(res->text, sizeof res->text, "%s", clg_message());
    }
    clg__case_close(&job);
    return status;
}
