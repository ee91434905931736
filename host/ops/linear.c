/* Fully connected layer: three products of the GEMM room. y = x w, dx = dy w^T, dw = x^T dy with
 * x [N,C], w [C,K], y [N,K]; bias and activation ride in the product's fused end. */
#include "ops/linear.h"

#include "ops/reduce.h"

static clg_gemm make_product(uint32_t n, uint32_t c, uint32_t k, enum clg_pass pass)
{
    clg_gemm g = { .alpha = 1.0f, .batch = 1 };
    if (pass == CLG_FWD) {
        g.m = n, g.n = k, g.k = c;
        g.lda = c, g.ldb = k, g.ldc = k;
    } else if (pass == CLG_BWD_DATA) {
        g.m = n, g.n = c, g.k = k, g.tb = true;
        g.lda = k, g.ldb = k, g.ldc = c;
    } else {
        g.m = c, g.n = k, g.k = n, g.ta = true;
        g.lda = c, g.ldb = k, g.ldc = k;
    }
    return g;
}

uint64_t clg__linear_workspace(const clg_ops *o, uint32_t n, uint32_t c, uint32_t k,
                               enum clg_pass pass)
{
    clg_gemm g = make_product(n, c, k, pass);
    uint64_t product = clg__gemm_workspace(o->blas, &g);
    uint64_t sums = pass == CLG_BWD_WEIGHT ? clg__reduce_workspace(o, n, k) : 0;
    return product > sums ? product : sums;
}

/* Rows and columns of a tensor seen as a matrix: dimension 0 and all the others. */
static uint32_t count_columns(clg_tensor t)
{
    return t.dim[0] > 0 ? (uint32_t)(clg__tensor_len(t) / t.dim[0]) : 0;
}

static int check(const char *name, clg_tensor x, clg_tensor w, clg_tensor y)
{
    if (x.dim[0] == y.dim[0] && x.dim[0] > 0 && w.dim[0] == count_columns(x) &&
        count_columns(w) == count_columns(y)) {
        return CLG_OK;
    }
    return clg__fail(CLG_E_INTERNAL, "%s: x is [%u,%u], w [%u,%u], y [%u,%u]", name, x.dim[0],
                     count_columns(x), w.dim[0], count_columns(w), y.dim[0], count_columns(y));
}

int clg__linear_fwd(const clg_ops *o, clg_tensor x, clg_tensor w, const clg_epilogue *e,
                    clg_tensor y, clg_tensor ws)
{
    int status = check("linear_fwd", x, w, y);
    clg_gemm g = make_product(x.dim[0], count_columns(x), count_columns(w), CLG_FWD);
    clg_gemm_end end = { .bias = e->bias, .act = e->act, .slope = e->slope };
    return status == CLG_OK ? clg__gemm_epilogue(o->blas, &g, x, w, y, &end, ws) : status;
}

int clg__linear_bwd_data(const clg_ops *o, clg_tensor dy, clg_tensor w, clg_tensor dx,
                         const clg_gate *gate, clg_tensor ws)
{
    int status = check("linear_bwd_data", dx, w, dy);
    clg_gemm g = make_product(dy.dim[0], count_columns(dx), count_columns(w), CLG_BWD_DATA);
    clg_gemm_end end = { .act = gate->act, .slope = gate->slope };
    if (gate->act != CLG_ACT_NONE) {
        end.y = gate->y;
    }
    return status == CLG_OK ? clg__gemm_epilogue(o->blas, &g, dy, w, dx, &end, ws) : status;
}

int clg__linear_bwd_weight(const clg_ops *o, clg_tensor x, clg_tensor dy, clg_tensor dw,
                           clg_tensor db, clg_tensor ws)
{
    uint32_t n = x.dim[0], k = count_columns(dw);
    clg_gemm g = make_product(n, count_columns(x), k, CLG_BWD_WEIGHT);
    bool rides = clg__gemm_sums(o->blas, x.dtype);
    clg_gemm_end end = { .sums = rides ? db : CLG_NO_TENSOR };
    int status = CLG_OK;
    CLG_TRY(check("linear_bwd_weight", x, dw, dy));
    if (clg__tensor_is(db) && !rides) {
        CLG_TRY(clg__reduce_columns(o, dy, n, k, db, ws));
    }
    CLG_TRY(clg__gemm_epilogue(o->blas, &g, x, dy, dw, &end, ws));
out:
    return status;
}
