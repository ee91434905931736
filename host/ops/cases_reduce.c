/* Cases of reduce. columns: in x, out y, keys rows cols ints store; sumsq: in x [minus], out out[segments],
 * keys n segments minus ints, segment i = [i*n/segments, (i+1)*n/segments); nonfinite: in x, out
 * count as a float, keys n bad: elements (i*7919) % n, i < bad, of a copy of x are made infinite.
 * With ints=1 the input holds -2 .. 2 and sums must be exact. */
#include "ops/reduce.h"

#include "base/mem.h"
#include "ops/case_plan.h"

static const char *const KEYS[] = { "rows", "cols", "n", "segments", "minus", "bad", "ints", "store", NULL };
static const char *const CASES[] = {
    "reduce columns rows=1 cols=1",
    "reduce columns rows=37 cols=3 ints=1",
    "reduce columns rows=13 cols=83",
    "reduce sumsq n=1700 segments=3",
    "reduce sumsq n=77 segments=1 minus=1",
    "reduce nonfinite n=100 bad=3",
    "reduce nonfinite n=1 bad=0",
    "reduce columns rows=13 cols=83 store=1",
    "reduce columns rows=37 cols=3 ints=1 store=1",
    "reduce columns rows=300 cols=17 ints=1",
    "reduce columns rows=64 cols=784",
    "reduce columns rows=256 cols=64",
    "reduce columns rows=1031 cols=512 ints=1",
    "reduce columns rows=1031 cols=67 ints=1 store=1",
    "reduce columns rows=20011 cols=3",
    "reduce columns rows=8193 cols=67",
    "reduce columns rows=4096 cols=1",
    "reduce sumsq n=7 segments=7 ints=1",
    "reduce sumsq n=200003 segments=5",
    "reduce sumsq n=50021 segments=2 minus=1 ints=1",
    "reduce sumsq n=400009 segments=1 ints=1",
    "reduce nonfinite n=65537 bad=129",
    "reduce nonfinite n=40000 bad=0",
    NULL
};

static int plan_columns(const clg_case *c, enum clg_case_fill fill, clg_case_plan *out)
{
    uint32_t rows, cols;
    int status = CLG_OK;
    CLG_TRY(clg__case_count(c, "rows", &rows));
    CLG_TRY(clg__case_count(c, "cols", &cols));
    double len = (double)rows * cols;
    clg__plan_in(out, "x", (uint64_t)rows * cols, fill);
    /* The sum of `rows` normal numbers has their norm as its own size, about. */
    clg__plan_out(out, "y", cols, 0.0,
                  fill == CLG_FILL_SMALL_INT ? 0.0 : clg__plan_sum_tolerance(rows) * sqrt(rows),
                  0.0);
    clg__plan_stored(out, "x");
    out->flops = len;
    out->bytes = 4.0 * len;
out:
    return status;
}

static int plan(const clg_case *c, clg_case_plan *out)
{
    uint32_t n, segments;
    int status = CLG_OK;
    enum clg_case_fill fill = clg__case_fill(c);
    bool ints = fill == CLG_FILL_SMALL_INT, minus = clg__case_u32(c, "minus", 0) != 0;
    *out = (clg_case_plan){ 0 };
    if (clg__case_is(c, "columns")) {
        return plan_columns(c, fill, out);
    }
    CLG_TRY(clg__case_count(c, "n", &n));
    CLG_TRY(clg__case_count(c, "segments", &segments));
    clg__plan_in(out, "x", n, fill);
    if (clg__case_is(c, "sumsq")) {
        if (minus) {
            clg__plan_in(out, "minus", n, fill);
        }
        clg__plan_out(out, "out", segments,
                      ints ? 0.0 : clg__plan_sum_tolerance((double)n / segments + 1.0), 0.0, 0.0);
    } else if (clg__case_is(c, "nonfinite")) {
        clg__plan_out(out, "out", 1, 0.0, 0.0, 0.0);
    } else {
        return clg__case_no_pass(c);
    }
    out->flops = 2.0 * n;
    out->bytes = 4.0 * n * out->inputs;
out:
    return status;
}

static uint64_t workspace(const clg_ops *o, const clg_case *c)
{
    uint32_t n = clg__case_u32(c, "n", 1);
    if (clg__case_is(c, "columns")) {
        return clg__reduce_workspace(o, clg__case_u32(c, "rows", 1), clg__case_u32(c, "cols", 1));
    }
    /* nonfinite: the spoilt copy, on a multiple of 64 bytes, then its own workspace. */
    return clg__case_is(c, "nonfinite") ? clg__round_up64(n, 16) + clg__reduce_workspace(o, 1, n)
                                        : 0;
}

static int run_sumsq(const clg_ops *o, const clg_case *c, const clg_tensor *in, clg_tensor out)
{
    int status = CLG_OK;
    clg_buffer *buf = NULL;
    uint64_t n = clg__case_u32(c, "n", 1), count = clg__case_u32(c, "segments", 1);
    uint32_t *table = clg__alloc(2 * count, sizeof *table);
    if (table == NULL) {
        return CLG_E_MEMORY;
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t first = i * n / count;
        table[2 * i] = (uint32_t)first;
        table[2 * i + 1] = (uint32_t)((i + 1) * n / count - first);
    }
    CLG_TRY(clg__case_buffer(o->rt, CLG_U32, 2 * count, "case segments", table, &buf));
    CLG_TRY(clg__reduce_sumsq(o, in[0], clg__case_u32(c, "minus", 0) != 0 ? in[1] : CLG_NO_TENSOR,
                              clg__tensor_all(buf), out));
    CLG_TRY(clg__rt_finish(o->rt));
out:
    clg__buffer_destroy(&buf);
    clg__free(table);
    return status;
}

/* dst = x with infinities at (i*7919) % n, i < bad. */
static int spoil(const clg_ops *o, uint32_t bad, clg_tensor x, clg_tensor dst)
{
    int status = CLG_OK;
    uint64_t n = clg__tensor_len(x);
    float *values = clg__alloc((size_t)n, sizeof *values);
    if (values == NULL) {
        return CLG_E_MEMORY;
    }
    CLG_TRY(clg__rt_read(o->rt, x, values));
    for (uint64_t i = 0; i < bad; i++) {
        values[i * 7919u % n] = (float)INFINITY;
    }
    CLG_TRY(clg__rt_write(o->rt, dst, values));
out:
    clg__free(values);
    return status;
}

static int run_nonfinite(const clg_ops *o, const clg_case *c, clg_tensor x, clg_tensor out,
                         clg_tensor ws)
{
    int status = CLG_OK;
    clg_buffer *buf = NULL;
    uint32_t n = (uint32_t)clg__tensor_len(x), found = 0;
    uint64_t rest = clg__round_up64(n, 16);
    clg_tensor copy = clg__tensor_vec(ws, 0, n);
    CLG_TRY(clg__buffer_create(o->rt, CLG_U32, 1, "case count", &buf));
    CLG_TRY(spoil(o, clg__case_u32(c, "bad", 0), x, copy));
    CLG_TRY(clg__reduce_nonfinite(o, copy, clg__tensor_all(buf),
                                  clg__tensor_vec(ws, rest,
                                                  (uint32_t)clg__reduce_workspace(o, 1, n))));
    CLG_TRY(clg__rt_read(o->rt, clg__tensor_all(buf), &found));
    float count = (float)found;
    CLG_TRY(clg__rt_write(o->rt, out, &count));
out:
    clg__buffer_destroy(&buf);
    return status;
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    if (clg__case_is(c, "columns")) {
        return clg__reduce_columns(o, in[0], clg__case_u32(c, "rows", 1),
                                   clg__case_u32(c, "cols", 1), out[0], ws);
    }
    return clg__case_is(c, "sumsq") ? run_sumsq(o, c, in, out[0])
                                    : run_nonfinite(o, c, in[0], out[0], ws);
}

const clg_op clg__op_reduce = { .name = "reduce", .keys = KEYS, .cases = CASES, .quick = 9,
                                .plan = plan, .workspace = workspace, .run = run };
