/* Mean squared error (cl/mse.cl): one launch for up to one chunk of elements, else partial sums in
 * the workspace and a second launch that adds them. */
#include "ops/launch_shape.h"
#include "ops/loss.h"

enum { CHUNK = 16384, MAX_CHUNKS = 1024 };

static clg_chunks cut_elements(uint64_t n)
{
    uint64_t chunk = (n + MAX_CHUNKS - 1) / MAX_CHUNKS;
    chunk = chunk > CHUNK ? chunk : CHUNK;
    return (clg_chunks){ .count = (uint32_t)((n + chunk - 1) / chunk), .rows = (uint32_t)chunk };
}

uint64_t clg__mse_workspace(const clg_ops *o, uint64_t elements)
{
    (void)o;
    uint32_t count = cut_elements(elements).count;
    return count > 1 ? 2u * (uint64_t)count : 0;
}

int clg__mse(const clg_ops *o, clg_tensor x, clg_tensor y, float scale, clg_tensor out,
             clg_tensor dx, clg_tensor ws)
{
    return clg__mse_scaled(o, x, y, scale, CLG_NO_TENSOR, out, dx, ws);
}

int clg__mse_scaled(const clg_ops *o, clg_tensor x, clg_tensor y, float scale, clg_tensor factor,
                    clg_tensor out, clg_tensor dx, clg_tensor ws)
{
    int status = CLG_OK;
    clg_row_kernel sum, end;
    uint64_t n = clg__tensor_len(x);
    clg_chunks cut = cut_elements(n);
    CLG_TRY(clg__want_store("mse", "x", x, x.dtype, n));
    CLG_TRY(clg__want("mse", "y", y, x.dtype, n));
    CLG_TRY(clg__want("mse", "out", out, CLG_F32, 2));
    CLG_TRY(clg__want_maybe("mse", "dx", dx, x.dtype, n));
    CLG_TRY(clg__want_maybe("mse", "factor", factor, CLG_F32, 1));
    CLG_TRY(clg__want_ws("mse", ws, clg__mse_workspace(o, n)));
    CLG_TRY(clg__row_kernel(o, "mse", "mse", clg__store_option(x.dtype), 1, &sum));
    uint32_t has_dx = clg__tensor_is(dx), has_factor = clg__tensor_is(factor);
    float whole = (float)(1.0 / (double)n), slope = (float)(2.0 * (double)scale / (double)n);
    double bytes = (double)clg__dtype_size(x.dtype) * (has_dx ? 3.0 : 2.0);
    CLG_TRY(clg__launch(
        o->rt, sum.kernel, clg__row_grid(&sum, 1, cut.count, 5.0 * (double)n, bytes * (double)n),
        CLG_ARGS(CLG_ARG(x), CLG_ARG(y), CLG_ARG(cut.count > 1 ? ws : out), CLG_ARG(dx),
                 CLG_ARG((uint32_t)n), CLG_ARG(cut.rows), CLG_ARG(cut.count > 1 ? 1.0f : whole),
                 CLG_ARG(slope), CLG_ARG(has_dx), CLG_ARG(factor), CLG_ARG(has_factor))));
    if (cut.count > 1) {
        CLG_TRY(clg__row_kernel(o, "mse", "mse_end", clg__store_option(x.dtype), 1, &end));
        CLG_TRY(
            clg__launch(o->rt, end.kernel, clg__grid(1, 1, 0, 0),
                        CLG_ARGS(CLG_ARG(ws), CLG_ARG(out), CLG_ARG(cut.count), CLG_ARG(whole))));
    }
out:
    return status;
}
