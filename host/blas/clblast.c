/* The CLBlast back end (https://github.com/CNugteren/CLBlast): the only file that includes its
 * header. Our own temporary memory and tile parameters; its C interface is row-major capable.
 * Not here: the search for parameters (tune.c). */
#include <clblast_c.h>

#include "base/mem.h"
#include "blas/blas_internal.h"
#include "rt/native.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

const char *clg__clblast_version(void)
{
    return TEXT(CLBLAST_VERSION_MAJOR) "." TEXT(CLBLAST_VERSION_MINOR) "." TEXT(
        CLBLAST_VERSION_PATCH);
}

/* CLBlast hands OpenCL's own errors through; its others lie below -1000. */
static int fail(CLBlastStatusCode code, const char *call, const clg_gemm *g)
{
    const char *name = (int)code > -1000 ? clg__rt_error_name((int)code) : "CLBlast's own";
    int status = (int)code == -4 ? CLG_E_DEVICE_MEMORY : CLG_E_OPENCL;
    if (g == NULL) {
        return clg__fail(status, "%s: error %d (%s)", call, (int)code, name);
    }
    return clg__fail(status, "%s: [%u,%u] x [%u,%u] gives error %d (%s)", call, g->m, g->k, g->k,
                     g->n, (int)code, name);
}

int clg__clblast_use(clg_rt *rt, const clg_xgemm *x)
{
    static const char *names[CLG_XGEMM_COUNT] = {
#define CLG_X(name) #name,
        CLG_XGEMM_LIST(CLG_X)
#undef CLG_X
    };
    static const char *routine[] = { "XGEMM_MIN_INDIRECT_SIZE" };
    cl_device_id device = clg__rt_native_device(rt);
    size_t value[CLG_XGEMM_COUNT];

    if (!x->set) {
        return CLG_OK;
    }
    for (size_t i = 0; i < CLG_XGEMM_COUNT; i++) {
        value[i] = x->value[i];
    }
    CLBlastStatusCode code = CLBlastOverrideParameters(device, "Xgemm", CLBlastPrecisionSingle,
                                                       CLG_XGEMM_COUNT, names, value);
    if (code == CLBlastSuccess && x->min_indirect > 0) {
        const size_t least = x->min_indirect;
        code = CLBlastOverrideParameters(device, "GemmRoutine", CLBlastPrecisionSingle, 1, routine,
                                         &least);
    }
    return code == CLBlastSuccess ? CLG_OK : fail(code, "CLBlastOverrideParameters", NULL);
}

static CLBlastTranspose transpose(bool t)
{
    return t ? CLBlastTransposeYes : CLBlastTransposeNo;
}

/* Bytes of temporary memory for matrices at these offsets. */
static CLBlastStatusCode temp_bytes(clg_rt *rt, const clg_gemm *g, size_t a_off, size_t b_off,
                                    size_t c_off, size_t *bytes)
{
    cl_command_queue queue = clg__rt_native_queue(rt);
    *bytes = 0;
    return CLBlastSGemmTempBufferSize(CLBlastLayoutRowMajor, transpose(g->ta), transpose(g->tb),
                                      g->m, g->n, g->k, a_off, g->lda, b_off, g->ldb, c_off, g->ldc,
                                      &queue, bytes);
}

uint64_t clg__clblast_workspace(clg_rt *rt, const clg_gemm *g)
{
    size_t bytes = 0;
    if (g->batch > 1) {
        return 0; /* the batched call makes its own memory */
    }
    /* An offset makes CLBlast copy a matrix that it could use in place: the larger need. */
    (void)temp_bytes(rt, g, 1, 1, 1, &bytes);
    return bytes == 0 ? 0 : (bytes + sizeof(float) - 1) / sizeof(float) + CLG_NATIVE_SLACK;
}

static int run_one(clg_rt *rt, const clg_product *p, clg_tensor ws)
{
    const clg_gemm *g = &p->g;
    cl_command_queue queue = clg__rt_native_queue(rt);
    cl_mem temp = NULL;
    void *tail = NULL;
    size_t bytes = 0;
    int status = CLG_OK;

    CLBlastStatusCode code = temp_bytes(rt, g, p->a.off, p->b.off, p->c.off, &bytes);
    if (code != CLBlastSuccess) {
        return fail(code, "CLBlastSGemmTempBufferSize", g);
    }
    if (bytes > 0) {
        if (!clg__tensor_is(ws) ||
            clg__tensor_len(ws) * sizeof(float) < bytes + CLG_NATIVE_SLACK * sizeof(float)) {
            return clg__fail(CLG_E_INTERNAL, "gemm: [%u,%u] x [%u,%u] wants %zu bytes of workspace",
                             g->m, g->k, g->k, g->n, bytes + CLG_NATIVE_SLACK * sizeof(float));
        }
        CLG_TRY(clg__tensor_native_tail(ws, &tail));
        temp = tail;
    }
    code = CLBlastSgemmWithTempBuffer(
        CLBlastLayoutRowMajor, transpose(g->ta), transpose(g->tb), g->m, g->n, g->k, g->alpha,
        clg__buffer_native(p->a.buf), p->a.off, g->lda, clg__buffer_native(p->b.buf), p->b.off,
        g->ldb, g->beta, clg__buffer_native(p->c.buf), p->c.off, g->ldc, &queue, NULL, temp);
    if (code != CLBlastSuccess) {
        status = fail(code, "CLBlastSgemmWithTempBuffer", g);
    }
out:
    clg__native_release(&tail);
    return status;
}

/* CLBlast's tiles have at most 128 rows and columns and are at most 32 deep. */
uint64_t clg__clblast_foreign(const clg_gemm *g)
{
    const uint64_t m = clg__round_up64(g->m, 128), n = clg__round_up64(g->n, 128),
                   k = clg__round_up64(g->k, 32);
    return g->batch > 1 ? g->batch * (m * k + k * n + m * n) : 0;
}

/* A matrix of whole tiles is used as it lies, but its kernel then begins at the buffer's start and
 * steps by the matrix's size, whatever offset and stride it was told (1.5.3). So begins and steps
 * must be those, by sub-buffers, which can begin at such multiples. */
static bool lies_well(clg_tensor t, uint32_t rows, uint32_t cols, uint32_t ld, uint32_t stride)
{
    return t.off % CLG_BATCH_ALIGN == 0 && ld == cols && stride == (uint64_t)rows * cols;
}

bool clg__clblast_takes(const clg_product *p)
{
    const clg_gemm *g = &p->g;
    return g->batch == 1 ||
           (lies_well(p->a, g->ta ? g->k : g->m, g->ta ? g->m : g->k, g->lda, g->stride_a) &&
            lies_well(p->b, g->tb ? g->n : g->k, g->tb ? g->k : g->n, g->ldb, g->stride_b) &&
            lies_well(p->c, g->m, g->n, g->ldc, g->stride_c));
}

static int run_batched(clg_rt *rt, const clg_product *p, clg_event **last)
{
    const clg_gemm *g = &p->g;
    cl_command_queue queue = clg__rt_native_queue(rt);
    void *a = NULL, *b = NULL, *c = NULL;
    cl_event event = NULL;
    int status = CLG_OK;
    CLG_TRY(clg__event_wait(*last));
    clg__event_free(last);
    CLG_TRY(clg__tensor_native_tail(p->a, &a));
    CLG_TRY(clg__tensor_native_tail(p->b, &b));
    CLG_TRY(clg__tensor_native_tail(p->c, &c));
    CLBlastStatusCode code = CLBlastSgemmStridedBatched(
        CLBlastLayoutRowMajor, transpose(g->ta), transpose(g->tb), g->m, g->n, g->k, g->alpha, a, 0,
        g->lda, g->stride_a, b, 0, g->ldb, g->stride_b, g->beta, c, 0, g->ldc, g->stride_c,
        g->batch, &queue, &event);
    CLG_TRY(code == CLBlastSuccess ? CLG_OK : fail(code, "CLBlastSgemmStridedBatched", g));
    CLG_TRY(event != NULL ? clg__event_native(event, last) : CLG_OK);
out:
    clg__native_release(&a);
    clg__native_release(&b);
    clg__native_release(&c);
    return status;
}

int clg__clblast_run(clg_rt *rt, const clg_product *p, clg_tensor ws, clg_event **batched)
{
    const clg_gemm *g = &p->g;
    int status = CLG_OK;
    CLG_TRY(clg__rt_settle(rt));
    double begun = clg__rt_foreign_begin(rt);

    if (g->batch > 1) {
        CLG_TRY(run_batched(rt, p, batched));
    } else {
        CLG_TRY(run_one(rt, p, ws));
    }
    clg__rt_foreign_end(rt, begun, "clblast_gemm", 2.0 * g->m * g->n * g->k * g->batch,
                        4.0 * g->batch *
                            ((double)g->m * g->k + (double)g->k * g->n + (double)g->m * g->n));
    if (clg__tensor_is(p->end.bias) || p->end.act != CLG_ACT_NONE) {
        CLG_TRY(clg__builtin_end(rt, p));
    }
out:
    return status;
}

void clg__clblast_clear(void)
{
    (void)CLBlastClearCache();
}
