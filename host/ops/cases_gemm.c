/* Cases of the matrix product. mul: in a b c, out c (inout). Keys m n k ta tb alpha beta batch store,
 * float_c=1: C is not stored so; tile=1..10: with that shape of blas/tile.c (GPU family); rows and
 * batches lie tight. Small integers, whose sums are exact, for every layout and edge; then normal
 * numbers. */
#include "ops/case_plan.h"
#include "ops/ops.h"

static const char *const KEYS[] = { "m", "n", "k", "ta", "tb", "alpha", "beta", "batch", "ints",
                                    "store", "float_c", "tile", NULL };
static const char *const CASES[] = {
    "gemm mul m=1 n=1 k=1 ints=1",
    "gemm mul m=3 n=5 k=16 ta=1 ints=1", /* ends with its buffer */
    "gemm mul m=7 n=37 k=11 tb=1 ints=1",
    "gemm mul m=13 n=35 k=19 ints=1 beta=1",
    "gemm mul m=17 n=33 k=5 ta=1 tb=1 ints=1 alpha=2 beta=-1",
    "gemm mul m=19 n=1 k=37 ints=1",
    "gemm mul m=1 n=21 k=35 tb=1 ints=1 beta=1",
    "gemm mul m=9 n=17 k=6 batch=3 ints=1",
    "gemm mul m=8 n=32 k=64 ints=1",
    "gemm mul m=13 n=35 k=19 ints=1 beta=1 store=1",
    "gemm mul m=19 n=1 k=37 ints=1 store=1",
    "gemm mul m=9 n=17 k=6 batch=3 ta=1 ints=1 store=2 float_c=1",
    "gemm mul m=7 n=37 k=11 tb=1 ints=1 store=2",
    "gemm mul m=3 n=5 k=515 ints=1 beta=1", /* sums in parts on GPUs */
    "gemm mul m=67 n=131 k=257 ints=1",
    "gemm mul m=67 n=131 k=257 ta=1 ints=1 beta=1",
    /* sums in two and three parts on CPUs */
    "gemm mul m=67 n=131 k=1301 tb=1 ints=1",
    "gemm mul m=50 n=200 k=2601 ints=1",
    "gemm mul m=50 n=200 k=1301 ta=1 ints=1 beta=1",
    "gemm mul m=3 n=199 k=53 ta=1 ints=1",
    "gemm mul m=199 n=1 k=53 ta=1 ints=1",
    "gemm mul m=128 n=8192 k=1 tb=1 ints=1",
    "gemm mul m=33 n=65 k=31 tb=1 batch=4 ints=1 alpha=-2 beta=2",
    "gemm mul m=6 n=70 k=515 tb=1 ints=1 beta=1", /* tiles of four vectors, all forms and storages */
    "gemm mul m=6 n=70 k=31 ta=1 ints=1",
    /* CPUs of up to 2, 4 or 16 units, or any, ask for the next panel meanwhile: packed, in place, in parts */
    "gemm mul m=50 n=4608 k=57 ints=1",
    "gemm mul m=64 n=1536 k=1301 ints=1",
    "gemm mul m=64 n=1536 k=1301 ta=1 ints=1",
    "gemm mul m=16 n=8192 k=100 ints=1",
    "gemm mul m=8 n=1100 k=1301 ints=1",
    "gemm mul m=8 n=1100 k=1301 ta=1 ints=1",
    "gemm mul m=150 n=250 k=1031 store=1",
    "gemm mul m=150 n=250 k=600 ta=1 store=2 float_c=1",
    "gemm mul m=300 n=122 k=200 tb=1 store=1",
    "gemm mul m=67 n=131 k=1031 store=1",
    "gemm mul m=67 n=131 k=1031 tb=1 store=1",
    "gemm mul m=131 n=67 k=600 ta=1 ints=1 store=1 float_c=1",
    "gemm mul m=128 n=784 k=128 tb=1 beta=0.25 store=1",
    "gemm mul m=20 n=36 k=1024 ta=1 alpha=2 beta=0.5 store=1",
    "gemm mul m=64 n=784 k=128",
    "gemm mul m=128 n=128 k=784 alpha=0.5",
    "gemm mul m=784 n=128 k=128 ta=1",
    "gemm mul m=128 n=784 k=128 tb=1 beta=0.25",
    "gemm mul m=61 n=59 k=4099 ta=1 tb=1",
    "gemm mul m=4 n=1 k=8192",
    "gemm mul m=256 n=320 k=512",
    NULL
};

static int read_case(const clg_case *c, clg_gemm *g)
{
    *g = (clg_gemm){ .ta = clg__case_u32(c, "ta", 0) != 0, .tb = clg__case_u32(c, "tb", 0) != 0,
                     .alpha = clg__case_f32(c, "alpha", 1.0),
                     .beta = clg__case_f32(c, "beta", 0.0),
                     .tile = clg__case_u32(c, "tile", 0) };
    int status = CLG_OK;

    CLG_TRY(clg__case_count(c, "m", &g->m));
    CLG_TRY(clg__case_count(c, "n", &g->n));
    CLG_TRY(clg__case_count(c, "k", &g->k));
    CLG_TRY(clg__case_count(c, "batch", &g->batch));
    if ((double)g->m * g->k * g->batch >= 4294967296.0 ||
        (double)g->k * g->n * g->batch >= 4294967296.0 ||
        (double)g->m * g->n * g->batch >= 4294967296.0) {
        return clg__fail(CLG_E_USAGE, "gemm: a matrix has 2^32 elements or more");
    }
    g->lda = g->ta ? g->m : g->k;
    g->ldb = g->tb ? g->k : g->n;
    g->ldc = g->n;
    g->stride_a = g->m * g->k;
    g->stride_b = g->k * g->n;
    g->stride_c = g->m * g->n;
out:
    return status;
}

static int plan(const clg_case *c, clg_case_plan *out)
{
    enum clg_case_fill fill = clg__case_fill(c);
    bool ints = fill == CLG_FILL_SMALL_INT;
    clg_gemm g;
    int status = CLG_OK;

    *out = (clg_case_plan){ 0 };
    if (!clg__case_is(c, "mul")) {
        return clg__case_no_pass(c);
    }
    CLG_TRY(read_case(c, &g));
    uint64_t na = (uint64_t)g.stride_a * g.batch, nb = (uint64_t)g.stride_b * g.batch;
    uint64_t nc = (uint64_t)g.stride_c * g.batch;
    clg__plan_in(out, "a", na, fill);
    clg__plan_in(out, "b", nb, fill);
    clg__plan_in(out, "c", nc, fill);
    clg__plan_inout(out, "c", nc, 0.0, 0.0);
    clg__plan_stored(out, clg__case_u32(c, "float_c", 0) != 0 ? "a b" : "a b c");
    out->out[0].stol = ints ? 0.0 : clg__plan_sum_tolerance(g.k);
    out->terms = g.k;
    out->flops = 2.0 * g.m * g.n * g.k * g.batch;
    out->bytes = 4.0 * (double)(na + nb + nc);
out:
    return status;
}

static uint64_t workspace(const clg_ops *o, const clg_case *c)
{
    clg_gemm g;
    return read_case(c, &g) == CLG_OK ? clg__gemm_workspace(o->blas, &g) : 0;
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    clg_gemm g;
    int status = read_case(c, &g);
    return status == CLG_OK ? clg__gemm(o->blas, &g, in[0], in[1], out[0], ws) : status;
}

const clg_op clg__op_gemm = { .name = "gemm", .keys = KEYS, .cases = CASES, .quick = 14,
                              .plan = plan, .workspace = workspace, .run = run };
