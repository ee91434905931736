/* The products' front door: argument checks, the choice of the back end, its self-check. */
#include "blas/gemm.h"

#include "base/log.h"
#include "base/mem.h"
#include "blas/blas_internal.h"

static const char *backend_name(int choice)
{
    return choice == CLG_GEMM_CLBLAST ? "clblast" : "builtin";
}

/* ---- opening ---- */

static const double FIRST_USE_S = 10.0, THOROUGH_S = 600.0; /* for the search */

/* Parameters and choice for this device: from the fixed table, the record, or a search. */
static int prepare(clg_blas *blas, const clg_blas_options *opt)
{
    const clg_device_info *d = clg__rt_device(blas->rt);
    clg_tuning t = clg__tuning_fixed(d);
    int table = t.choice, status = CLG_OK;
    bool known = opt->tune && clg__tuning_read(d, &t), changed = false;

    blas->choice = opt->choice != CLG_GEMM_AUTO ? opt->choice
                   : t.choice != CLG_GEMM_AUTO  ? t.choice
                                                : table;
    if (blas->choice == CLG_GEMM_BUILTIN) {
        return CLG_OK;
    }
    CLG_TRY(clg__clblast_use(blas->rt, &t.xgemm));
    if (opt->tune && (!known || t.clblast_gflop_per_s <= 0.0)) {
        CLG_TRY(clg__tuning_search(blas, FIRST_USE_S, &t));
        changed = true;
    }
    if (opt->tune && opt->choice == CLG_GEMM_AUTO && t.builtin_gflop_per_s <= 0.0) {
        CLG_TRY(clg__tuning_choose(blas, &t));
        blas->choice = t.choice;
        changed = true;
    }
    if (changed && clg__tuning_write(d, &t) != CLG_OK) {
        clg__log(CLG_LOG_WARN, "gemm: the tuning record is not kept: %s", clg_message());
    }
out:
    return status;
}

int clg__blas_open_with(clg_blas **out, clg_rt *rt, const clg_blas_options *opt,
                        clg_blas_corrupt corrupt, void *user)
{
    int status = CLG_OK;
    clg_blas *blas = clg__alloc(1, sizeof *blas);

    *out = NULL;
    if (blas == NULL) {
        return CLG_E_MEMORY;
    }
    blas->rt = rt;
    CLG_TRY(clg__builtin_open(&blas->builtin, rt));
    if (opt->tf32) {
        CLG_TRY(clg__tf32_open(blas, opt, corrupt, user));
        *out = blas;
        return CLG_OK;
    }
    CLG_TRY(clg__lanes_open(blas, opt->tune, corrupt, user));
    /* A CLBlast that cannot even be prepared is one that fails the check. */
    status = prepare(blas, opt);
    if (status == CLG_OK) {
        status = clg__blas_check(blas, blas->choice, corrupt, user);
    }
    if (status != CLG_OK && opt->choice != CLG_GEMM_AUTO) {
        status = clg__context(CLG_E_DEVICE, "runtime.gemm=%s cannot be used on %s",
                              backend_name(blas->choice), clg__rt_device(rt)->name);
        (void)clg__hint(status,
                        "leave runtime.gemm at auto, or take another device (clgan devices)");
        goto out;
    }
    if (status != CLG_OK) {
        int other = blas->choice == CLG_GEMM_BUILTIN ? CLG_GEMM_CLBLAST : CLG_GEMM_BUILTIN;
        clg__log(CLG_LOG_WARN, "gemm: %s instead of %s: %s", backend_name(other),
                 backend_name(blas->choice), clg_message());
        blas->choice = other;
        if (other == CLG_GEMM_CLBLAST) {
            clg_tuning t = clg__tuning_fixed(clg__rt_device(rt));
            (void)clg__clblast_use(rt, &t.xgemm);
        }
        status = clg__blas_check(blas, other, corrupt, user);
        if (status != CLG_OK) {
            status = clg__context(CLG_E_DEVICE, "no matrix product works on %s",
                                  clg__rt_device(rt)->name);
            (void)clg__hint(status, "update the device's driver, or take another device (clgan "
                                    "devices)");
            goto out;
        }
    }
    *out = blas;
    blas = NULL;
out:
    clg__blas_close(&blas);
    return status;
}

int clg__blas_open(clg_blas **out, clg_rt *rt, const clg_blas_options *opt)
{
    return clg__blas_open_with(out, rt, opt, NULL, NULL);
}

int clg__blas_tune(clg_blas *blas, clg_blas_speeds *out)
{
    const clg_device_info *d = clg__rt_device(blas->rt);
    clg_tuning t = clg__tuning_fixed(d);
    int status = CLG_OK;
    clg__lanes_choose(blas, &t, NULL, NULL);
    CLG_TRY(clg__tuning_search(blas, THOROUGH_S, &t));
    CLG_TRY(clg__tuning_choose(blas, &t));
    CLG_TRY(clg__tuning_write(d, &t));
    blas->choice = t.choice;
    *out = (clg_blas_speeds){ .builtin_gflop_per_s = t.builtin_gflop_per_s,
                              .clblast_gflop_per_s = t.clblast_gflop_per_s };
out:
    return status;
}

void clg__blas_close(clg_blas **blas)
{
    if (*blas != NULL) {
        clg__event_free(&(*blas)->batched);
        clg__clblast_clear();
        clg__free(*blas);
        *blas = NULL;
    }
}

const char *clg__blas_name(const clg_blas *blas)
{
    return backend_name(blas->choice);
}

enum clg_multiply clg__blas_multiply(const clg_blas *blas)
{
    return blas != NULL ? blas->builtin.multiply : CLG_MULTIPLY_PLAIN;
}

/* ---- products ---- */

static int check_matrix(const char *name, clg_tensor t, uint32_t rows, uint32_t cols, uint32_t ld,
                        uint32_t batch, uint32_t stride)
{
    uint64_t need = (uint64_t)(rows - 1) * ld + cols + (uint64_t)(batch - 1) * stride;
    if (!clg__tensor_is(t)) {
        return clg__fail(CLG_E_INTERNAL, "gemm: %s is missing", name);
    }
    if (ld < cols) {
        return clg__fail(CLG_E_INTERNAL, "gemm: %s has rows of %u elements every %u", name, cols,
                         ld);
    }
    if (clg__tensor_len(t) < need) {
        return clg__fail(CLG_E_INTERNAL,
                         "gemm: %s has %llu elements, [%u,%u] every %u, %u times, "
                         "wants %llu",
                         name, (unsigned long long)clg__tensor_len(t), rows, cols, ld, batch,
                         (unsigned long long)need);
    }
    return CLG_OK;
}

static int check_end(const clg_product *p)
{
    const clg_gemm *g = &p->g;
    const clg_gemm_end *e = &p->end;
    bool bias = clg__tensor_is(e->bias), y = clg__tensor_is(e->y), sums = clg__tensor_is(e->sums);
    int status = CLG_OK;

    if ((bias && e->bias.dtype != CLG_F32) || (y && e->y.dtype != p->c.dtype) ||
        (sums && e->sums.dtype != CLG_F32)) {
        return clg__fail(CLG_E_INTERNAL,
                         "gemm: bias, y and sums are of types %d, %d, %d; bias and sums float, y "
                         "as c is, which is %d",
                         (int)e->bias.dtype, (int)e->y.dtype, (int)e->sums.dtype, (int)p->c.dtype);
    }
    if (sums && (!g->ta || g->tb || g->batch > 1)) {
        return clg__fail(
            CLG_E_INTERNAL, "gemm: sums of the columns of B, with a %s, b %s, batch %u",
            g->ta ? "transposed" : "as it is", g->tb ? "transposed" : "as it is", g->batch);
    }
    if (bias) {
        CLG_TRY(check_matrix("bias", e->bias, 1, g->n, g->n, 1, 0));
    }
    if (y) {
        CLG_TRY(check_matrix("y", e->y, g->m, g->n, g->ldc, g->batch, g->stride_c));
    }
    if (sums) {
        CLG_TRY(check_matrix("sums", e->sums, 1, g->n, g->n, 1, 0));
    }
out:
    return status;
}

static int check_product(const clg_product *p)
{
    const clg_gemm *g = &p->g;
    int status = CLG_OK;

    if (g->m == 0 || g->n == 0 || g->k == 0 || g->batch == 0) {
        return clg__fail(CLG_E_INTERNAL, "gemm: m=%u n=%u k=%u batch=%u must be positive", g->m,
                         g->n, g->k, g->batch);
    }
    CLG_TRY(check_matrix("a", p->a, g->ta ? g->k : g->m, g->ta ? g->m : g->k, g->lda, g->batch,
                         g->stride_a));
    CLG_TRY(check_matrix("b", p->b, g->tb ? g->n : g->k, g->tb ? g->k : g->n, g->ldb, g->batch,
                         g->stride_b));
    CLG_TRY(check_matrix("c", p->c, g->m, g->n, g->ldc, g->batch, g->stride_c));
    if (clg__builtin_storage(p) == CLG_STORAGE_COUNT) {
        return clg__fail(CLG_E_INTERNAL,
                         "gemm: a, b and c are of types %d, %d, %d; a and b float, half or "
                         "bfloat16, c as they are or float",
                         (int)p->a.dtype, (int)p->b.dtype, (int)p->c.dtype);
    }
    status = check_end(p);
out:
    return status;
}

uint64_t clg__blas_workspace(const clg_blas *blas, int choice, const clg_gemm *g)
{
    /* 16-bit products are the builtin ones whatever the choice, and g does not tell. */
    const uint64_t own = clg__builtin_workspace(&blas->builtin, g);
    const uint64_t other = choice == CLG_GEMM_CLBLAST ? clg__clblast_workspace(blas->rt, g) : 0;
    return own > other ? own : other;
}

uint64_t clg__gemm_workspace(const clg_blas *blas, const clg_gemm *g)
{
    return clg__blas_workspace(blas, blas->choice, g);
}

/* CLBlast has no products of 16-bit matrices summed in floats. */
static bool is_clblast(int choice, enum clg_dtype dtype)
{
    return choice == CLG_GEMM_CLBLAST && dtype == CLG_F32;
}

uint32_t clg__gemm_tiles(const clg_blas *blas, const clg_gemm *g, uint32_t number[CLG_TILE_COUNT])
{
    return is_clblast(blas->choice, CLG_F32) ? 0 : clg__builtin_tiles(&blas->builtin, g, number);
}

uint64_t clg__gemm_foreign(const clg_blas *blas, const clg_gemm *g)
{
    return blas->choice == CLG_GEMM_CLBLAST ? clg__clblast_foreign(g) : 0;
}

bool clg__gemm_sums(const clg_blas *blas, enum clg_dtype dtype)
{
    return !is_clblast(blas->choice, dtype);
}

int clg__blas_run(clg_blas *blas, int choice, const clg_product *p, clg_tensor ws)
{
    int status = check_product(p);
    if (status != CLG_OK) {
        return status;
    }
    if (!is_clblast(choice, p->a.dtype) || !clg__clblast_takes(p)) {
        return clg__builtin_run(&blas->builtin, p, ws);
    }
    if (clg__tensor_is(p->end.sums)) {
        return clg__fail(CLG_E_INTERNAL, "gemm: %s gives no sums of columns", backend_name(choice));
    }
    return clg__clblast_run(blas->rt, p, ws, &blas->batched);
}

int clg__gemm_epilogue(clg_blas *blas, const clg_gemm *g, clg_tensor a, clg_tensor b, clg_tensor c,
                       const clg_gemm_end *end, clg_tensor ws)
{
    const clg_product p = { .g = *g, .a = a, .b = b, .c = c, .end = *end };
    return clg__blas_run(blas, blas->choice, &p, ws);
}

int clg__gemm(clg_blas *blas, const clg_gemm *g, clg_tensor a, clg_tensor b, clg_tensor c,
              clg_tensor ws)
{
    return clg__gemm_epilogue(blas, g, a, b, c, &(clg_gemm_end){ 0 }, ws);
}
