/* Start-up self-check: products of odd sizes with small integers, whose sums are exact in float, so
 * that device and plain C must agree in every element. Wrong results with a success code are known
 * of some GPU drivers. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/philox.h"
#include "blas/blas_internal.h"

/* What a sum of k products of tf32 may be off, in parts of sqrt(k), its size: tensor cores cut what
 * they add. Operands that are cut, or are not rounded at all, make it 3e-4. */
static const double TF32_SUM = 2e-5;
/* Rows of C that are compared in a large product: plain C would take too long for all. */
enum { ALL_ELEMENTS = 1 << 16, SAMPLES = 512 };

typedef struct check {
    clg_gemm g;
    size_t na, nb, nc;
    float *a, *b, *c, *before;
    clg_buffer *mem; /* a, b, c, workspace */
    clg_product p;
    clg_tensor ws;
    bool tf32; /* real numbers, of which the product takes the nearest of tf32 */
} check;

/* -2 .. 2, without a period that a tile size could share. */
static void fill(float *x, size_t n, uint32_t seed)
{
    uint32_t s = seed * 2654435761u + 12345u;
    for (size_t i = 0; i < n; i++) {
        s = s * 1664525u + 1013904223u;
        x[i] = (float)((s >> 16) % 5u) - 2.0f;
    }
}

/* Of the order of 1, with more bits than tf32 has. */
static void fill_real(float *x, size_t n, uint32_t seed)
{
    const clg_rng_key key = { .seed = seed, .stream = CLG_STREAM_TEST };
    clg__philox_normal(&key, 0.0f, 1.0f, x, n);
}

/* To the nearest float with 10 bits behind the point, ties away from zero: as cl/mma.clh. */
static double round_tf32(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    u = (u + 0x1000u) & 0xffffe000u;
    memcpy(&x, &u, sizeof x);
    return (double)x;
}

static int make(check *k, clg_blas *blas, int choice)
{
    const clg_gemm *g = &k->g;
    int status = CLG_OK;

    k->na = (size_t)g->m * g->k * g->batch;
    k->nb = (size_t)g->k * g->n * g->batch;
    k->nc = (size_t)g->m * g->n * g->batch;
    /* CLBlast takes strided batches that begin so. */
    uint64_t at_b = clg__round_up64(k->na, CLG_BATCH_ALIGN);
    uint64_t at_c = at_b + clg__round_up64(k->nb, CLG_BATCH_ALIGN);
    uint64_t at_ws = at_c + clg__round_up64(k->nc, CLG_BATCH_ALIGN);
    uint64_t ws = clg__blas_workspace(blas, choice, g);
    k->a = clg__alloc(k->na, sizeof(float));
    k->b = clg__alloc(k->nb, sizeof(float));
    k->c = clg__alloc(k->nc, sizeof(float));
    k->before = clg__alloc(k->nc, sizeof(float));
    if (k->a == NULL || k->b == NULL || k->c == NULL || k->before == NULL) {
        return CLG_E_MEMORY;
    }
    CLG_TRY(clg__buffer_create(blas->rt, CLG_F32, at_ws + ws, "gemm check", &k->mem));
    clg_tensor all = clg__tensor_all(k->mem);
    k->p = (clg_product){ .g = *g,
                          .a = clg__tensor_vec(all, 0, (uint32_t)k->na),
                          .b = clg__tensor_vec(all, at_b, (uint32_t)k->nb),
                          .c = clg__tensor_vec(all, at_c, (uint32_t)k->nc) };
    k->ws = ws > 0 ? clg__tensor_vec(all, at_ws, (uint32_t)ws) : CLG_NO_TENSOR;
    (k->tf32 ? fill_real : fill)(k->a, k->na, 1);
    (k->tf32 ? fill_real : fill)(k->b, k->nb, 2);
    fill(k->before, k->nc, 3);
    if (g->beta == 0.0f) { /* must not be read */
        for (size_t i = 0; i < k->nc; i++) {
            k->before[i] = NAN;
        }
    }
    CLG_TRY(clg__rt_write(blas->rt, k->p.a, k->a));
    CLG_TRY(clg__rt_write(blas->rt, k->p.b, k->b));
    CLG_TRY(clg__rt_write(blas->rt, k->p.c, k->before));
out:
    return status;
}

static float expected(const check *k, size_t at)
{
    const clg_gemm *g = &k->g;
    size_t z = at / ((size_t)g->m * g->n), i = at / g->n % g->m, j = at % g->n;
    const float *a = k->a + z * g->stride_a, *b = k->b + z * g->stride_b;
    double sum = 0.0;

    for (size_t p = 0; p < g->k; p++) {
        const float x = a[g->ta ? p * g->lda + i : i * g->lda + p];
        const float y = b[g->tb ? j * g->ldb + p : p * g->ldb + j];
        sum += k->tf32 ? round_tf32(x) * round_tf32(y) : (double)x * (double)y;
    }
    sum *= (double)g->alpha;
    return (float)(g->beta == 0.0f ? sum : sum + (double)g->beta * (double)k->before[at]);
}

static int compare(const check *k, const char *backend)
{
    const clg_gemm *g = &k->g;
    size_t step = k->nc <= ALL_ELEMENTS ? 1 : k->nc / SAMPLES;

    for (size_t at = 0; at < k->nc; at += step) {
        float want = expected(k, at), got = k->c[at];
        const double off = fabs((double)got - (double)want);
        if (k->tf32 ? !(off <= TF32_SUM * sqrt(g->k)) : !(got == want)) {
            return clg__fail(CLG_E_MISMATCH,
                             "gemm self-check: %s computes [%u,%u] x [%u,%u] (%s%s) "
                             "wrong: element %zu is %g, not %g",
                             backend, g->m, g->k, g->k, g->n, g->ta ? "T" : "N", g->tb ? "T" : "N",
                             at, (double)got, (double)want);
        }
    }
    return CLG_OK;
}

static int check_product(clg_blas *blas, int choice, const clg_gemm *g, bool tf32,
                         clg_blas_corrupt corrupt, void *user)
{
    const char *backend = choice == CLG_GEMM_CLBLAST ? "clblast" : "builtin";
    check k = { .g = *g, .tf32 = tf32 };
    int status = CLG_OK;

    k.g.lda = g->ta ? g->m : g->k;
    k.g.ldb = g->tb ? g->k : g->n;
    k.g.ldc = g->n;
    k.g.batch = g->batch > 0 ? g->batch : 1;
    k.g.stride_a = g->m * g->k;
    k.g.stride_b = g->k * g->n;
    k.g.stride_c = g->m * g->n;
    CLG_TRY(make(&k, blas, choice));
    CLG_TRY(clg__blas_run(blas, choice, &k.p, k.ws));
    CLG_TRY(clg__rt_read(blas->rt, k.p.c, k.c));
    if (corrupt != NULL) {
        corrupt(user, backend, k.c, k.nc);
    }
    CLG_TRY(compare(&k, backend));
out:
    clg__buffer_destroy(&k.mem);
    clg__free(k.a);
    clg__free(k.b);
    clg__free(k.c);
    clg__free(k.before);
    return status;
}

int clg__blas_check_one(clg_blas *blas, int choice, const clg_gemm *g, clg_blas_corrupt corrupt,
                        void *user)
{
    return check_product(blas, choice, g, false, corrupt, user);
}

int clg__blas_check_tf32(clg_blas *blas, clg_blas_corrupt corrupt, void *user)
{
    /* By the tile of one warp, which every device has room for, in several groups that end outside. */
    const clg_gemm g = { .m = 67, .n = 71, .k = 75, .alpha = 1, .tile = clg__tile_find(64, 32) };
    return check_product(blas, CLG_GEMM_BUILTIN, &g, true, corrupt, user);
}

int clg__blas_check(clg_blas *blas, int choice, clg_blas_corrupt corrupt, void *user)
{
    /* One per way in which the operands can lie; the larger ones pass CLBlast's threshold for its
     * main kernel as our table sets it. Of a width for which ours takes the tile that most models need:
     * each is a program that a new device has to build. */
    static const clg_gemm cases[] = {
        { .m = 41, .n = 125, .k = 29, .alpha = 1, .beta = 0 },
        { .m = 67, .n = 119, .k = 75, .alpha = 1, .beta = 1, .ta = true },
        { .m = 69, .n = 123, .k = 77, .alpha = 2, .beta = 0, .tb = true },
    };
    /* Strided batches are kernels of their own in CLBlast, and only the GPU family asks for them:
     * one with matrices to be filled up, one of whole tiles, which are taken as they lie. */
    static const clg_gemm batches[] = {
        { .m = 67, .n = 73, .k = 71, .alpha = 1, .beta = 1, .tb = true, .batch = 3 },
        { .m = 128, .n = 128, .k = 128, .alpha = 1, .beta = 0, .batch = 2 },
    };
    static const clg_gemm large[] = {
        { .m = 901, .n = 905, .k = 899, .alpha = 1, .beta = 0 },
        { .m = 901, .n = 905, .k = 899, .alpha = 1, .beta = 0, .batch = 2 },
        { .m = 1024, .n = 896, .k = 896, .alpha = 1, .beta = 0, .batch = 2 },
    };
    const bool gpu = clg__rt_family(blas->rt) == CLG_KERNELS_GPU;
    int status = CLG_OK;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CLG_TRY(clg__blas_check_one(blas, choice, &cases[i], corrupt, user));
    }
    for (size_t i = 0; gpu && i < sizeof batches / sizeof batches[0]; i++) {
        CLG_TRY(clg__blas_check_one(blas, choice, &batches[i], corrupt, user));
    }
    /* CLBlast's table may change kernels as late as at 896 cubed; a GPU does that in no time. */
    if (choice == CLG_GEMM_CLBLAST && clg__rt_device(blas->rt)->type == CLG_DEVICE_GPU) {
        for (size_t i = 0; i < (gpu ? sizeof large / sizeof large[0] : 1); i++) {
            CLG_TRY(clg__blas_check_one(blas, choice, &large[i], corrupt, user));
        }
    }
out:
    return status;
}
