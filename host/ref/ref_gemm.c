/* Reference of the matrix product. */
#include <stddef.h>

#include "ref/ref_internal.h"

void ref_gemm(const clg_gemm *g, const double *a, const double *b, double *c)
{
    double alpha = g->alpha, beta = g->beta;

    for (uint32_t z = 0; z < g->batch; z++) {
        const double *az = a + (size_t)z * g->stride_a, *bz = b + (size_t)z * g->stride_b;
        double *cz = c + (size_t)z * g->stride_c;

        for (uint32_t i = 0; i < g->m; i++) {
            double *row = cz + (size_t)i * g->ldc;
            /* beta = 0 overwrites: what was there may be NaN */
            for (uint32_t j = 0; j < g->n; j++) {
                row[j] = beta == 0.0 ? 0.0 : beta * row[j];
            }
            for (uint32_t p = 0; p < g->k; p++) {
                size_t at = g->ta ? (size_t)p * g->lda + i : (size_t)i * g->lda + p;
                double v = alpha * az[at];
                if (!g->tb) {
                    ref__axpy(g->n, v, bz + (size_t)p * g->ldb, row);
                } else {
                    for (uint32_t j = 0; j < g->n; j++) {
                        row[j] += v * bz[(size_t)j * g->ldb + p];
                    }
                }
            }
        }
    }
}

/* mul: in a b c, out c (inout). Keys m n k ta tb alpha beta batch; rows and batches lie tight. */
int ref_case_gemm(const clg_case *c, const double *const *in, double *const *out)
{
    clg_gemm g = { .ta = clg__case_u32(c, "ta", 0) != 0, .tb = clg__case_u32(c, "tb", 0) != 0,
                   .m = clg__case_u32(c, "m", 1), .n = clg__case_u32(c, "n", 1),
                   .k = clg__case_u32(c, "k", 1),
                   .alpha = (float)clg__case_get(c, "alpha", 1.0),
                   .beta = (float)clg__case_get(c, "beta", 0.0),
                   .batch = clg__case_u32(c, "batch", 1) };

    if (!ref__case_pass(c, "mul")) {
        return ref__case_unknown(c);
    }
    g.lda = g.ta ? g.m : g.k;
    g.ldb = g.tb ? g.k : g.n;
    g.ldc = g.n;
    g.stride_a = g.m * g.k;
    g.stride_b = g.k * g.n;
    g.stride_c = g.m * g.n;
    ref_gemm(&g, in[0], in[1], out[0]);
    return CLG_OK;
}
