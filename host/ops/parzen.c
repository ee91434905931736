/* Distances between rows by a matrix product, and what is made of them (cl/parzen.cl). */
#include "ops/parzen.h"

#include "base/mem.h"
#include "ops/launch_shape.h"

enum { VIEW = 16 }; /* floats: views start on 64-byte multiples */

/* x . s for all pairs. */
static clg_gemm make_product(const clg_parzen *p)
{
    return (clg_gemm){ .tb = true,
                       .m = p->n,
                       .n = p->m,
                       .k = p->d,
                       .lda = p->d,
                       .ldb = p->d,
                       .ldc = p->m,
                       .alpha = 1.0f,
                       .batch = 1,
                       .exact = true }; /* a distance is a small difference of large products */
}

/* Places in the workspace: dots [n,m], squared lengths [n] and [m], the product's own workspace. */
typedef struct layout {
    uint64_t dots, x_norms, s_norms, gemm, end;
} layout;

static layout lay_out(const clg_ops *o, const clg_parzen *p)
{
    clg_gemm g = make_product(p);
    layout l = { 0 };
    l.x_norms = clg__round_up64((uint64_t)p->n * p->m, VIEW);
    l.s_norms = l.x_norms + clg__round_up64(p->n, VIEW);
    l.gemm = l.s_norms + clg__round_up64(p->m, VIEW);
    l.end = l.gemm + clg__gemm_workspace(o->blas, &g);
    return l;
}

uint64_t clg__parzen_workspace(const clg_ops *o, const clg_parzen *p)
{
    return lay_out(o, p).end;
}

static int square(const clg_ops *o, clg_tensor x, uint32_t rows, uint32_t cols, clg_tensor y)
{
    int status = CLG_OK;
    clg_row_kernel k;
    double len = (double)rows * cols;
    CLG_TRY(clg__row_kernel(o, "parzen", "parzen_norms", "", 1, &k));
    CLG_TRY(clg__launch(o->rt, k.kernel, clg__row_grid(&k, 1, rows, 2.0 * len, 4.0 * len),
                        CLG_ARGS(CLG_ARG(x), CLG_ARG(y), CLG_ARG(cols))));
out:
    return status;
}

typedef struct pairs {
    clg_tensor dots, x_norms, s_norms;
} pairs;

static int make_pairs(const clg_ops *o, const char *op, const clg_parzen *p, clg_tensor x,
                      clg_tensor s, clg_tensor ws, pairs *out)
{
    int status = CLG_OK;
    clg_gemm g = make_product(p);
    layout l = lay_out(o, p);
    CLG_TRY(clg__want(op, "x", x, CLG_F32, (uint64_t)p->n * p->d));
    CLG_TRY(clg__want(op, "s", s, CLG_F32, (uint64_t)p->m * p->d));
    CLG_TRY(clg__want_ws(op, ws, l.end));
    out->dots = clg__tensor_vec(ws, 0, p->n * p->m);
    out->x_norms = clg__tensor_vec(ws, l.x_norms, p->n);
    out->s_norms = clg__tensor_vec(ws, l.s_norms, p->m);
    clg_tensor rest =
        l.end > l.gemm ? clg__tensor_vec(ws, l.gemm, (uint32_t)(l.end - l.gemm)) : CLG_NO_TENSOR;
    CLG_TRY(square(o, x, p->n, p->d, out->x_norms));
    CLG_TRY(square(o, s, p->m, p->d, out->s_norms));
    CLG_TRY(clg__gemm(o->blas, &g, x, s, out->dots, rest));
out:
    return status;
}

int clg__parzen_sum(const clg_ops *o, const clg_parzen *p, clg_tensor x, clg_tensor s, clg_tensor h,
                    clg_tensor least, clg_tensor sum, clg_tensor ws)
{
    int status = CLG_OK;
    clg_row_kernel k;
    pairs with = { 0 };
    uint32_t widths = (uint32_t)clg__tensor_len(h);
    double len = (double)p->n * p->m;
    CLG_TRY(clg__want("parzen_sum", "h", h, CLG_F32, widths));
    CLG_TRY(clg__want("parzen_sum", "least", least, CLG_F32, p->n));
    CLG_TRY(clg__want("parzen_sum", "sum", sum, CLG_F32, (uint64_t)p->n * widths));
    CLG_TRY(make_pairs(o, "parzen_sum", p, x, s, ws, &with));
    CLG_TRY(clg__row_kernel(o, "parzen", "parzen_sum", "", 1, &k));
    CLG_TRY(clg__launch(o->rt, k.kernel,
                        clg__row_grid(&k, 1, p->n, len * (5.0 + 20.0 * widths), 4.0 * len),
                        CLG_ARGS(CLG_ARG(with.dots), CLG_ARG(with.x_norms), CLG_ARG(with.s_norms),
                                 CLG_ARG(h), CLG_ARG(least), CLG_ARG(sum), CLG_ARG(p->m),
                                 CLG_ARG(widths), CLG_ARG((uint32_t)p->first))));
out:
    return status;
}

int clg__parzen_nearest(const clg_ops *o, const clg_parzen *p, clg_tensor x, clg_tensor s,
                        uint32_t start, clg_tensor least, clg_tensor at, clg_tensor ws)
{
    int status = CLG_OK;
    clg_row_kernel k;
    pairs with = { 0 };
    double len = (double)p->n * p->m;
    CLG_TRY(clg__want("parzen_nearest", "least", least, CLG_F32, p->n));
    CLG_TRY(clg__want("parzen_nearest", "at", at, CLG_U32, p->n));
    CLG_TRY(make_pairs(o, "parzen_nearest", p, x, s, ws, &with));
    CLG_TRY(clg__row_kernel(o, "parzen", "parzen_nearest", "", 1, &k));
    CLG_TRY(clg__launch(o->rt, k.kernel, clg__row_grid(&k, 1, p->n, 5.0 * len, 4.0 * len),
                        CLG_ARGS(CLG_ARG(with.dots), CLG_ARG(with.x_norms), CLG_ARG(with.s_norms),
                                 CLG_ARG(least), CLG_ARG(at), CLG_ARG(p->m), CLG_ARG(start),
                                 CLG_ARG((uint32_t)p->first))));
out:
    return status;
}
