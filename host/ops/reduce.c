/* Reductions in a fixed order (cl/reduce.cl). */
#include "ops/reduce.h"

#include "base/mem.h"
#include "ops/launch_shape.h"

enum { NONFINITE_CHUNK = 16384, NONFINITE_MAX_CHUNKS = 1024 };

static clg_chunks cut_nonfinite(uint64_t n)
{
    uint64_t chunk = (n + NONFINITE_MAX_CHUNKS - 1) / NONFINITE_MAX_CHUNKS;
    chunk = chunk > NONFINITE_CHUNK ? chunk : NONFINITE_CHUNK; /* < 2^24, as n < 2^32 */
    return (clg_chunks){ .count = (uint32_t)((n + chunk - 1) / chunk), .rows = (uint32_t)chunk };
}

uint64_t clg__reduce_workspace(const clg_ops *o, uint32_t rows, uint32_t cols)
{
    (void)o;
    clg_chunks cut = clg__row_chunks(rows);
    uint64_t columns = cut.count > 1 ? (uint64_t)cut.count * cols : 0;
    uint64_t counts = cut_nonfinite((uint64_t)rows * cols).count;
    return columns > counts ? columns : counts;
}

static int sum_columns(const clg_ops *o, clg_tensor x, uint32_t rows, uint32_t cols, clg_chunks cut,
                       clg_tensor y)
{
    int status = CLG_OK;
    clg_row_kernel k;
    CLG_TRY(clg__row_kernel(o, "reduce", "reduce_columns", clg__store_option(x.dtype), cols, &k));
    double len = (double)rows * cols;
    CLG_TRY(clg__launch(o->rt, k.kernel,
                        clg__row_grid(&k, clg__ceil_div(cols, k.columns), cut.count, len,
                                      clg__dtype_size(x.dtype) * len),
                        CLG_ARGS(CLG_ARG(x), CLG_ARG(y), CLG_ARG(rows), CLG_ARG(cols),
                                 CLG_ARG(cut.rows))));
out:
    return status;
}

int clg__reduce_columns(const clg_ops *o, clg_tensor x, uint32_t rows, uint32_t cols, clg_tensor y,
                        clg_tensor ws)
{
    int status = CLG_OK;
    clg_chunks cut = clg__row_chunks(rows);
    CLG_TRY(clg__want_store("reduce_columns", "x", x, x.dtype, (uint64_t)rows * cols));
    CLG_TRY(clg__want("reduce_columns", "y", y, CLG_F32, cols));
    if (cut.count == 1) {
        return sum_columns(o, x, rows, cols, cut, y);
    }
    CLG_TRY(clg__want_ws("reduce_columns", ws, (uint64_t)cut.count * cols));
    CLG_TRY(sum_columns(o, x, rows, cols, cut, ws));
    CLG_TRY(sum_columns(o, ws, cut.count, cols, (clg_chunks){ 1, cut.count }, y));
out:
    return status;
}

int clg__reduce_sumsq(const clg_ops *o, clg_tensor x, clg_tensor minus, clg_tensor segments,
                      clg_tensor out)
{
    int status = CLG_OK;
    clg_row_kernel k;
    uint64_t n = clg__tensor_len(x), count = clg__tensor_len(out);
    CLG_TRY(clg__want("reduce_sumsq", "x", x, CLG_F32, n));
    CLG_TRY(clg__want_maybe("reduce_sumsq", "minus", minus, CLG_F32, n));
    CLG_TRY(clg__want("reduce_sumsq", "out", out, CLG_F32, count));
    CLG_TRY(clg__want("reduce_sumsq", "segments", segments, CLG_U32, 2 * count));
    CLG_TRY(clg__row_kernel(o, "reduce", "reduce_sumsq", "", 1, &k));
    uint32_t has_minus = clg__tensor_is(minus);
    double len = (double)n;
    CLG_TRY(clg__launch(o->rt, k.kernel,
                        clg__row_grid(&k, 1, (size_t)count, 3.0 * len, (has_minus ? 8.0 : 4.0) * len),
                        CLG_ARGS(CLG_ARG(x), CLG_ARG(minus), CLG_ARG(segments), CLG_ARG(out),
                                 CLG_ARG(has_minus))));
out:
    return status;
}

int clg__reduce_nonfinite(const clg_ops *o, clg_tensor x, clg_tensor out, clg_tensor ws)
{
    int status = CLG_OK;
    clg_row_kernel part, end;
    uint64_t n = clg__tensor_len(x);
    clg_chunks cut = cut_nonfinite(n);
    CLG_TRY(clg__want("reduce_nonfinite", "x", x, CLG_F32, n));
    CLG_TRY(clg__want("reduce_nonfinite", "out", out, CLG_U32, 1));
    CLG_TRY(clg__want_ws("reduce_nonfinite", ws, cut.count));
    CLG_TRY(clg__row_kernel(o, "reduce", "reduce_nonfinite_part", "", 1, &part));
    CLG_TRY(clg__row_kernel(o, "reduce", "reduce_nonfinite_end", "", 1, &end));
    CLG_TRY(clg__launch(o->rt, part.kernel,
                        clg__row_grid(&part, 1, cut.count, (double)n, 4.0 * (double)n),
                        CLG_ARGS(CLG_ARG(x), CLG_ARG(ws), CLG_ARG((uint32_t)n),
                                 CLG_ARG(cut.rows))));
    CLG_TRY(clg__launch(o->rt, end.kernel, clg__grid(1, 1, 0, 0),
                        CLG_ARGS(CLG_ARG(ws), CLG_ARG(out), CLG_ARG(cut.count))));
out:
    return status;
}
