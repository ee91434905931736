/* Class labels to vectors (cl/embedding.cl). */
#include "ops/embedding.h"

#include <inttypes.h>

#include "ops/launch_shape.h"

/* `t` is a whole number of rows, as many as `rows`; *width is their length. */
static int find_width(const char *op, const char *name, clg_tensor t, uint64_t rows,
                      uint32_t *width)
{
    uint64_t n = clg__tensor_is(t) ? clg__tensor_len(t) : 0;
    if (rows == 0 || n == 0 || n % rows != 0) {
        return clg__fail(CLG_E_INTERNAL, "%s: %s has %" PRIu64 " elements in %" PRIu64 " rows", op,
                         name, n, rows);
    }
    *width = (uint32_t)(n / rows);
    return CLG_OK;
}

/* labels are u32 [rows], t of a storage type [rows, *width]. */
static int check_rows(const char *op, clg_tensor labels, const char *name, clg_tensor t,
                      uint32_t *width)
{
    int status = CLG_OK;
    uint64_t rows = clg__tensor_len(labels);
    CLG_TRY(clg__want(op, "labels", labels, CLG_U32, rows));
    CLG_TRY(clg__want_store(op, name, t, t.dtype, clg__tensor_len(t)));
    CLG_TRY(find_width(op, name, t, rows, width));
out:
    return status;
}

int clg__onehot(const clg_ops *o, clg_tensor labels, clg_tensor y)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint64_t n = clg__tensor_len(y);
    uint32_t classes = 0;
    CLG_TRY(check_rows("onehot", labels, "y", y, &classes));
    CLG_TRY(clg__elementwise_loops(o, "embedding", "embedding_onehot", clg__store_option(y.dtype),
                                   (uint32_t)n, 1, 0.0, clg__dtype_size(y.dtype), &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(labels), CLG_ARG(y), CLG_ARG((uint32_t)n),
                                 CLG_ARG(classes), CLG_ARG(e.per_item))));
out:
    return status;
}

int clg__embedding_fwd(const clg_ops *o, clg_tensor labels, clg_tensor w, clg_tensor y)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint64_t n = clg__tensor_len(y);
    uint32_t width = 0, classes = 0;
    CLG_TRY(check_rows("embedding_fwd", labels, "y", y, &width));
    CLG_TRY(clg__want_store("embedding_fwd", "w", w, y.dtype, clg__tensor_len(w)));
    CLG_TRY(find_width("embedding_fwd", "w", w, width, &classes));
    CLG_TRY(clg__elementwise_loops(o, "embedding", "embedding_fwd", clg__store_option(y.dtype),
                                   (uint32_t)n, 1, 0.0, 2.0 * clg__dtype_size(y.dtype), &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(labels), CLG_ARG(w), CLG_ARG(y), CLG_ARG((uint32_t)n),
                                 CLG_ARG(width), CLG_ARG(e.per_item))));
out:
    return status;
}

int clg__embedding_bwd_weight(const clg_ops *o, clg_tensor labels, clg_tensor dy, clg_tensor dw)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint64_t rows = clg__tensor_len(labels), n = clg__tensor_len(dw);
    uint32_t width = 0, classes = 0;
    CLG_TRY(check_rows("embedding_bwd_weight", labels, "dy", dy, &width));
    CLG_TRY(clg__want("embedding_bwd_weight", "dw", dw, CLG_F32, n));
    CLG_TRY(find_width("embedding_bwd_weight", "dw", dw, width, &classes));
    double rows_of_class = (double)rows / classes;
    CLG_TRY(clg__elementwise_loops(
        o, "embedding", "embedding_bwd_weight", clg__store_option(dy.dtype), (uint32_t)n,
        (uint32_t)rows, rows_of_class, 4.0 + clg__dtype_size(dy.dtype) * rows_of_class, &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(labels), CLG_ARG(dy), CLG_ARG(dw), CLG_ARG((uint32_t)n),
                                 CLG_ARG((uint32_t)rows), CLG_ARG(width), CLG_ARG(e.per_item))));
out:
    return status;
}
