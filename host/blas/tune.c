/* CLBlast's tile parameters and the choice of the back end per device: the fixed table, a short
 * search, and what its record (rt/record.h) says:
 *
 *     choice: auto
 *     gflop_per_s: builtin 0 clblast 98.5
 *     tiles: subgroups8                        (of the GPU family, once measured)
 *     xgemm: GEMMK=0 KREG=1 KWG=32 ... VWN=8 min_indirect=64
 *
 * which is used only if the parameters obey CLBlast's own rules. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/str.h"
#include "blas/blas_internal.h"
#include "rt/record.h"

enum { RECORD_MAX = 8192, SEARCH_SIZE = 512 };

static const char *const choice_names[] = { "auto", "clblast", "builtin" };
static const char *const xgemm_names[CLG_XGEMM_COUNT] = {
#define CLG_X(name) #name,
    CLG_XGEMM_LIST(CLG_X)
#undef CLG_X
};

/*                   GEMMK KREG KWG KWI MDIMA MDIMC MWG NDIMB NDIMC NWG SA SB STRM STRN VWM VWN */
/* CPUs: no local memory, one work-item per group. The first is the fixed table. */
static const clg_xgemm cpu_candidates[] = {
    { .set = true, .value = { 0, 1, 32, 2, 1, 1, 16, 1, 1, 8, 0, 0, 0, 0, 8, 8 },
      .min_indirect = 64 },
    { .set = true, .value = { 0, 1, 64, 8, 1, 1, 32, 1, 1, 8, 0, 0, 0, 0, 8, 8 },
      .min_indirect = 64 },
    { .set = true, .value = { 0, 1, 32, 2, 4, 4, 64, 4, 4, 64, 0, 0, 0, 0, 4, 4 },
      .min_indirect = 64 },
    { .set = true, .value = { 0, 1, 32, 2, 1, 1, 32, 1, 1, 8, 0, 0, 0, 0, 8, 4 },
      .min_indirect = 64 },
};
static const clg_xgemm gpu_candidates[] = {
    { .set = true, .value = { 0, 1, 16, 2, 16, 16, 64, 16, 16, 64, 1, 1, 0, 0, 4, 4 } },
    { .set = true, .value = { 0, 1, 16, 2, 16, 16, 128, 16, 16, 64, 1, 1, 0, 0, 4, 4 } },
    { .set = true, .value = { 0, 1, 32, 2, 8, 8, 32, 8, 8, 64, 1, 1, 0, 0, 4, 4 } },
    { .set = true, .value = { 0, 1, 32, 2, 8, 8, 64, 8, 8, 64, 1, 1, 1, 1, 4, 4 } },
};

clg_tuning clg__tuning_fixed(const clg_device_info *d)
{
    clg_tuning t = { .choice = CLG_GEMM_BUILTIN };
    if (d->type == CLG_DEVICE_GPU) {
        t.choice = CLG_GEMM_CLBLAST;
    } else {
        t.xgemm = cpu_candidates[0];
    }
    return t;
}

bool clg__xgemm_valid(const clg_xgemm *x, const clg_device_info *d)
{
    const uint32_t *v = x->value;
    for (size_t i = 0; i < CLG_XGEMM_COUNT; i++) {
        bool flag = i == CLG_XGEMM_GEMMK || i == CLG_XGEMM_SA || i == CLG_XGEMM_SB ||
                    i == CLG_XGEMM_STRM || i == CLG_XGEMM_STRN;
        if (flag ? v[i] > 1 : v[i] < 1 || v[i] > 256) {
            return false;
        }
    }
    uint32_t mwg = v[CLG_XGEMM_MWG], nwg = v[CLG_XGEMM_NWG], kwg = v[CLG_XGEMM_KWG];
    uint32_t mc = v[CLG_XGEMM_MDIMC], nc = v[CLG_XGEMM_NDIMC], vwm = v[CLG_XGEMM_VWM];
    uint32_t ma = v[CLG_XGEMM_MDIMA], nb = v[CLG_XGEMM_NDIMB], vwn = v[CLG_XGEMM_VWN];
    uint64_t local = 4ull * kwg * (v[CLG_XGEMM_SA] * mwg + v[CLG_XGEMM_SB] * nwg);

    /* As CLBlast's tuner constrains its first kernel; the second one we never choose. */
    return v[CLG_XGEMM_GEMMK] == 0 && vwm <= 16 && vwn <= 16 && (vwm & (vwm - 1)) == 0 &&
           (vwn & (vwn - 1)) == 0 && kwg % v[CLG_XGEMM_KWI] == 0 && mwg % (mc * vwm) == 0 &&
           nwg % (nc * vwn) == 0 && mwg % (ma * vwm) == 0 && nwg % (nb * vwn) == 0 &&
           mc * nc >= ma && mc * nc % ma == 0 && kwg % (mc * nc / ma) == 0 && mc * nc >= nb &&
           mc * nc % nb == 0 && kwg % (mc * nc / nb) == 0 &&
           (size_t)mc * nc <= d->max_work_group && mc <= d->max_work_item[0] &&
           nc <= d->max_work_item[1] && local <= d->local_mem_bytes && x->min_indirect <= 4096;
}

/* ---- the record ---- */

static clg_record_kind record_kind(char about[64])
{
    (void)snprintf(about, 64, "clblast: %s\n", clg__clblast_version());
    return (clg_record_kind){ .title = "clgan tuning record 1", .about = about, .max = RECORD_MAX };
}

int clg__tuning_path(const clg_device_info *d, char *dst, size_t cap)
{
    char about[64];
    clg_record_kind kind = record_kind(about);
    return clg__record_path(d, &kind, dst, cap);
}

int clg__tuning_write(const clg_device_info *d, const clg_tuning *t)
{
    char about[64];
    clg_record_kind kind = record_kind(about);
    clg_str s = { 0 };

    clg__str_add(&s, "choice: %s\ngflop_per_s: builtin %.1f clblast %.1f\n",
                 choice_names[t->choice], t->builtin_gflop_per_s, t->clblast_gflop_per_s);
    if (t->tiles_known) {
        clg__str_add(&s, "tiles: %s\n", clg__lanes_name(t->tiles));
    }
    clg__str_add(&s, "%s", "xgemm:");
    for (size_t i = 0; t->xgemm.set && i < CLG_XGEMM_COUNT; i++) {
        clg__str_add(&s, " %s=%u", xgemm_names[i], t->xgemm.value[i]);
    }
    clg__str_add(&s, t->xgemm.set ? " min_indirect=%u\n" : " own\n", t->xgemm.min_indirect);
    int status = s.failed ? CLG_E_MEMORY : clg__record_write(d, &kind, s.text);
    clg__str_free(&s);
    return status;
}

/* Reads "NAME=value ..." up to the end of the line. */
static bool parse_xgemm(const char *text, clg_xgemm *x)
{
    *x = (clg_xgemm){ 0 };
    if (strncmp(text, " own\n", 5) == 0) {
        return true;
    }
    x->set = true;
    for (size_t i = 0; i <= CLG_XGEMM_COUNT; i++) {
        const char *name = i < CLG_XGEMM_COUNT ? xgemm_names[i] : "min_indirect";
        uint32_t *to = i < CLG_XGEMM_COUNT ? &x->value[i] : &x->min_indirect;
        size_t len = strlen(name);
        int used = 0;
        if (text[0] != ' ' || strncmp(text + 1, name, len) != 0 ||
            sscanf(text + 1 + len, "=%9u%n", to, &used) != 1) {
            return false;
        }
        text += 1 + len + (size_t)used;
    }
    return *text == '\n';
}

/* NULL, or what is wrong with the lines between head and checksum. */
static const char *parse_body(const char *text, const clg_device_info *d, clg_tuning *t)
{
    const char *at = NULL;
    char word[16] = "", tiles[16] = "";

    if (sscanf(text, "choice: %15s gflop_per_s: builtin %lf clblast %lf", word,
               &t->builtin_gflop_per_s, &t->clblast_gflop_per_s) != 3 ||
        (at = strstr(text, "\nxgemm:")) == NULL || !parse_xgemm(at + 7, &t->xgemm)) {
        return "not understood";
    }
    t->choice = -1;
    for (int i = 0; i < 3; i++) {
        if (strcmp(word, choice_names[i]) == 0) {
            t->choice = i;
        }
    }
    at = strstr(text, "\ntiles:");
    t->tiles_known = at != NULL;
    if (at != NULL && sscanf(at, "\ntiles: %15s", tiles) == 1) {
        t->tiles = clg__lanes_find(tiles);
    }
    if (t->tiles == CLG_MULTIPLY_COUNT) {
        return "not understood";
    }
    if ((t->xgemm.set && !clg__xgemm_valid(&t->xgemm, d)) || !clg__lanes_offered(d, t->tiles)) {
        return "with parameters that this device cannot have";
    }
    return t->choice < 0 ? "not understood" : NULL;
}

bool clg__tuning_read(const clg_device_info *d, clg_tuning *out)
{
    char about[64], *body = NULL;
    clg_record_kind kind = record_kind(about);
    clg_tuning t = { 0 };

    if (!clg__record_read(d, &kind, &body)) {
        return false;
    }
    const char *why = parse_body(body, d, &t);
    clg__free(body);
    if (why != NULL) {
        clg__record_ignore(d, &kind, why);
        return false;
    }
    *out = t;
    return true;
}

/* ---- measuring ---- */

int clg__tuning_measure(clg_blas *blas, int choice, uint32_t m, uint32_t n, uint32_t k,
                        double budget, double *gflop_per_s)
{
    const clg_gemm g = { .m = m, .n = n, .k = k, .lda = k, .ldb = n, .ldc = n, .alpha = 1.0f,
                         .batch = 1 };
    uint64_t ws = clg__blas_workspace(blas, choice, &g);
    uint64_t at_b = (uint64_t)m * k, at_c = at_b + (uint64_t)k * n, at_ws = at_c + (uint64_t)m * n;
    clg_buffer *mem = NULL;
    int status = CLG_OK;

    *gflop_per_s = 0.0;
    CLG_TRY(clg__buffer_create(blas->rt, CLG_F32, at_ws + ws, "gemm tuning", &mem));
    clg_tensor all = clg__tensor_all(mem);
    clg_tensor temp = ws > 0 ? clg__tensor_vec(all, at_ws, (uint32_t)ws) : CLG_NO_TENSOR;
    clg_product p = { .g = g,
                      .a = clg__tensor_vec(all, 0, m * k),
                      .b = clg__tensor_vec(all, at_b, k * n),
                      .c = clg__tensor_vec(all, at_c, m * n) };
    CLG_TRY(clg__rt_zero(blas->rt, all));
    CLG_TRY(clg__blas_run(blas, choice, &p, temp)); /* builds, and warms the caches */
    CLG_TRY(clg__rt_finish(blas->rt));
    double start = clg__os_now_s(), best = 0.0;
    for (int i = 0; i < 8 && (i < 2 || clg__os_now_s() - start < budget); i++) {
        double begun = clg__os_now_s();
        CLG_TRY(clg__blas_run(blas, choice, &p, temp));
        CLG_TRY(clg__rt_finish(blas->rt));
        double took = clg__os_now_s() - begun;
        best = i == 0 || took < best ? took : best;
    }
    *gflop_per_s = 2e-9 * m * n * k / (best > 1e-9 ? best : 1e-9);
out:
    clg__buffer_destroy(&mem);
    return status;
}

/* Speed of CLBlast with x; 0 if it does not run or computes wrong. */
static double try_candidate(clg_blas *blas, const clg_xgemm *x)
{
    static const clg_gemm odd = { .m = 69, .n = 71, .k = 67, .alpha = 1 };
    double speed = 0.0;

    if (clg__clblast_use(blas->rt, x) != CLG_OK ||
        clg__tuning_measure(blas, CLG_GEMM_CLBLAST, SEARCH_SIZE, SEARCH_SIZE, SEARCH_SIZE, 0.3,
                            &speed) != CLG_OK ||
        clg__blas_check_one(blas, CLG_GEMM_CLBLAST, &odd, NULL, NULL) != CLG_OK) {
        clg__log(CLG_LOG_DEBUG, "gemm tuning: candidate left out: %s", clg_message());
        return 0.0;
    }
    return speed;
}

int clg__tuning_search(clg_blas *blas, double limit_s, clg_tuning *t)
{
    const clg_device_info *d = clg__rt_device(blas->rt);
    bool gpu = d->type == CLG_DEVICE_GPU;
    const clg_xgemm *list = gpu ? gpu_candidates : cpu_candidates;
    size_t n = gpu ? sizeof gpu_candidates / sizeof gpu_candidates[0]
                   : sizeof cpu_candidates / sizeof cpu_candidates[0];
    double start = clg__os_now_s(), best_speed = 0.0, longest = 0.0;
    clg_xgemm best = { 0 };

    clg__log(CLG_LOG_INFO, "gemm: looking for CLBlast's tile parameters on %s (once per device)",
             d->name);
    double own_speed = gpu ? try_candidate(blas, &best) : 0.0;
    for (size_t i = 0; i < n; i++) {
        double begun = clg__os_now_s();
        if (i > 0 && begun - start + longest > limit_s) {
            break;
        }
        double speed = clg__xgemm_valid(&list[i], d) ? try_candidate(blas, &list[i]) : 0.0;
        double took = clg__os_now_s() - begun;
        longest = took > longest ? took : longest;
        if (speed > best_speed) {
            best = list[i];
            best_speed = speed;
        }
    }
    if (best_speed <= 0.0 && own_speed <= 0.0) {
        return clg__fail(CLG_E_DEVICE, "gemm: CLBlast computes nothing right on %s", d->name);
    }
    /* When CLBlast's own table is the fastest it is used from the next start on: parameters once
     * replaced cannot be taken back within a process. */
    t->xgemm = own_speed > best_speed ? (clg_xgemm){ 0 } : best;
    t->clblast_gflop_per_s = own_speed > best_speed ? own_speed : best_speed;
    return clg__clblast_use(blas->rt, &best);
}

int clg__tuning_choose(clg_blas *blas, clg_tuning *t)
{
    double builtin[2] = { 0 }, clblast[2] = { 0 };
    int status = CLG_OK;

    for (int i = 0; i < 2; i++) {
        uint32_t m = i == 0 ? 128 : 1024, k = i == 0 ? 784 : 512, n = i == 0 ? 128 : 1024;
        CLG_TRY(clg__tuning_measure(blas, CLG_GEMM_BUILTIN, m, n, k, 0.1, &builtin[i]));
        CLG_TRY(clg__tuning_measure(blas, CLG_GEMM_CLBLAST, m, n, k, 0.1, &clblast[i]));
    }
    /* Per product, not per second: both sizes count alike. */
    bool ours = builtin[0] * builtin[1] > clblast[0] * clblast[1];
    t->choice = ours ? CLG_GEMM_BUILTIN : CLG_GEMM_CLBLAST;
    t->builtin_gflop_per_s = builtin[1];
    t->clblast_gflop_per_s = clblast[1];
    clg__log(CLG_LOG_INFO, "gemm: %s (builtin %.0f, clblast %.0f GFLOP/s)",
             choice_names[t->choice], builtin[1], clblast[1]);
out:
    return status;
}
