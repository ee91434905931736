/* Reference of the reductions. */
#include <math.h>
#include <stddef.h>

#include "base/mem.h"
#include "ref/ref_internal.h"

void ref_reduce_columns(const double *x, uint32_t rows, uint32_t cols, double *y)
{
    for (uint32_t j = 0; j < cols; j++) {
        y[j] = 0.0;
    }
    for (uint32_t i = 0; i < rows; i++) {
        ref__axpy(cols, 1.0, x + (size_t)i * cols, y);
    }
}

double ref_reduce_sumsq(const double *x, const double *minus, uint64_t n)
{
    double sum = 0.0;

    for (uint64_t i = 0; i < n; i++) {
        double d = x[i] - (minus ? minus[i] : 0.0);
        sum += d * d;
    }
    return sum;
}

/* sumsq: segment i is [i*n/segments, (i+1)*n/segments). */
static void sum_segments(const clg_case *c, const double *const *in, double *out)
{
    uint64_t n = clg__case_u32(c, "n", 1), segments = clg__case_u32(c, "segments", 1);
    const double *minus = clg__case_u32(c, "minus", 0) != 0 ? in[1] : NULL;

    for (uint64_t i = 0; i < segments; i++) {
        uint64_t first = i * n / segments, end = (i + 1) * n / segments;
        out[i] = ref_reduce_sumsq(in[0] + first, minus ? minus + first : NULL, end - first);
    }
}

/* nonfinite: the run side puts an infinity at (i * 7919) % n for i < bad; two of them may fall on
 * one place. */
static int count_nonfinite(const clg_case *c, const double *x, double *out)
{
    uint64_t n = clg__case_u32(c, "n", 1), bad = clg__case_u32(c, "bad", 0), count = 0;
    bool *marked = clg__alloc(n, sizeof *marked);

    if (!marked) {
        return CLG_E_MEMORY;
    }
    for (uint64_t i = 0; i < bad; i++) {
        marked[i * 7919u % n] = true;
    }
    for (uint64_t i = 0; i < n; i++) {
        count += marked[i] || !isfinite(x[i]);
    }
    out[0] = (double)count;
    clg__free(marked);
    return CLG_OK;
}

/* columns: in x, out y, keys rows cols; sumsq: in x [minus], out out[segments], keys n segments
 * minus; nonfinite: in x, out count, keys n bad. */
int ref_case_reduce(const clg_case *c, const double *const *in, double *const *out)
{
    if (ref__case_pass(c, "columns")) {
        ref_reduce_columns(in[0], clg__case_u32(c, "rows", 1), clg__case_u32(c, "cols", 1), out[0]);
    } else if (ref__case_pass(c, "sumsq")) {
        sum_segments(c, in, out[0]);
    } else if (ref__case_pass(c, "nonfinite")) {
        return count_nonfinite(c, in[0], out[0]);
    } else {
        return ref__case_unknown(c);
    }
    return CLG_OK;
}
