/* What the files of host/blas share. Everything here is private to the room and its tests. */
#ifndef CLG_BLAS_INTERNAL_H
#define CLG_BLAS_INTERNAL_H

#include "base/model.h"
#include "blas/gemm.h"
#include "rt/launch.h"

/* A product as a back end sees it: checked, sizes > 0. */
typedef struct clg_product {
    clg_gemm g;
    clg_tensor a, b, c;
    clg_gemm_end end;
} clg_product;

/* ---- builtin.c, builtin_gpu.c: our kernels ---- */
/* How the matrices of a product are stored. A and B always alike; C as they are, or in floats. */
#define CLG_STORAGE_LIST(X)                                                                        \
    X(CLG_STORAGE_F32, CLG_F32, CLG_F32, "")                                                       \
    X(CLG_STORAGE_F16, CLG_F16, CLG_F16, " -DSTORE=1")                                             \
    X(CLG_STORAGE_F16_F32, CLG_F16, CLG_F32, " -DSTORE=1 -DC_FLOAT")                               \
    X(CLG_STORAGE_BF16, CLG_BF16, CLG_BF16, " -DSTORE=2")                                          \
    X(CLG_STORAGE_BF16_F32, CLG_BF16, CLG_F32, " -DSTORE=2 -DC_FLOAT")
enum clg_storage {
#define CLG_X(id, ab, c, options) id,
    CLG_STORAGE_LIST(CLG_X)
#undef CLG_X
        CLG_STORAGE_COUNT
};
/* CLG_STORAGE_COUNT: not one of those. */
enum clg_storage clg__builtin_storage(const clg_product *p);
const char *clg__builtin_storage_options(enum clg_storage s); /* begins with a space, or "" */

typedef struct clg_builtin {
    clg_rt *rt;
    bool gpu;
    enum clg_multiply multiply;
    uint32_t vw;    /* CPU: vector width */
    uint32_t part;  /* CPU: floats of a group of rows of a large A, to stay in the second cache */
    uint32_t units; /* compute units, only to choose the number of work-items */
    /* CPU: found once; owned by rt */
    clg_kernel *tile[CLG_STORAGE_COUNT][2][4]; /* of one row, or more; of 1 to 4 vectors */
    clg_kernel *dot[CLG_STORAGE_COUNT];
} clg_builtin;

/* Builds nothing: tiles are chosen with each product. */
int clg__builtin_open(clg_builtin *b, clg_rt *rt);
int clg__builtin_run(clg_builtin *b, const clg_product *p, clg_tensor ws);
/* Floats of workspace; the CPU family needs none. No smaller m with the same n and k needs more. */
uint64_t clg__builtin_workspace(const clg_builtin *b, const clg_gemm *g);
uint32_t clg__builtin_tiles(const clg_builtin *b, const clg_gemm *g,
                            uint32_t number[CLG_TILE_COUNT]); /* as clg__gemm_tiles */
int clg__builtin_gpu_run(const clg_builtin *b, const clg_product *p, clg_tensor ws);
/* The kernels' word for p->end, as in cl/gemm_end.clh. ENDS_TURNED: the product was transposed, so
 * that the sums are those of op(A)'s rows. */
enum { ENDS_BIAS = 1, ENDS_GRAD = 2, ENDS_SUMS = 4, ENDS_TURNED = 8 };
uint32_t clg__builtin_ends(const clg_product *p);
/* The fused end by itself, on any device; not the sums. */
int clg__builtin_end(clg_rt *rt, const clg_product *p);

/* ---- tile.c ---- */
/* C of p, with its end, from `parts` products [m][n] of its matrices, in floats. */
int clg__tile_end(clg_rt *rt, const clg_product *p, clg_tensor part, uint32_t parts);

/* ---- clblast.c: the only file that knows CLBlast ---- */
/* Tile parameters of its Xgemm kernel, in CLBlast's (alphabetical) order. */
#define CLG_XGEMM_LIST(X)                                                                          \
    X(GEMMK)                                                                                       \
    X(KREG) X(KWG) X(KWI) X(MDIMA) X(MDIMC) X(MWG) X(NDIMB) X(NDIMC) X(NWG) X(SA) X(SB) X(STRM)    \
        X(STRN) X(VWM) X(VWN)
enum clg_xgemm_index {
#define CLG_X(name) CLG_XGEMM_##name,
    CLG_XGEMM_LIST(CLG_X)
#undef CLG_X
        CLG_XGEMM_COUNT
};
typedef struct clg_xgemm {
    bool set; /* false: CLBlast's own table */
    uint32_t value[CLG_XGEMM_COUNT];
    uint32_t
        min_indirect; /* below m*n*k = its cube the one-kernel variant runs; 0: CLBlast's own */
} clg_xgemm;

const char *clg__clblast_version(void); /* of the headers: "1.5.3" */
/* Replaces the parameters for this device, for the whole process. No-op unless x->set. */
int clg__clblast_use(clg_rt *rt, const clg_xgemm *x);
uint64_t clg__clblast_workspace(clg_rt *rt, const clg_gemm *g);
/* Does it compute this one right? Its strided batches have conditions. */
bool clg__clblast_takes(const clg_product *p);
uint64_t clg__clblast_foreign(const clg_gemm *g); /* as clg__gemm_foreign */
/* *batched: the last product of strided batches; waited for before the next one. */
int clg__clblast_run(clg_rt *rt, const clg_product *p, clg_tensor ws, clg_event **batched);
void clg__clblast_clear(void); /* frees its program cache */

/* ---- tune.c: parameters and choice per device, kept on disk ---- */
typedef struct clg_tuning {
    clg_xgemm xgemm;
    int choice; /* enum clg_gemm_choice; AUTO: not decided yet */
    double builtin_gflop_per_s, clblast_gflop_per_s; /* 0: not measured */
    bool tiles_known;        /* GPU family: `tiles` was measured */
    enum clg_multiply tiles; /* plain, or with sub-groups */
} clg_tuning;

/* The table that needs no search: CPU devices builtin, GPUs CLBlast. */
clg_tuning clg__tuning_fixed(const clg_device_info *d);
/* True if CLBlast's kernels can be built with x on this device. */
bool clg__xgemm_valid(const clg_xgemm *x, const clg_device_info *d);
/* <cache dir>/tuning/<hash>.txt of platform, device, driver and CLBlast version. */
int clg__tuning_path(const clg_device_info *d, char *dst, size_t cap);
/* false: absent, or not to be trusted (then a WARN log line says why). */
bool clg__tuning_read(const clg_device_info *d, clg_tuning *out);
int clg__tuning_write(const clg_device_info *d, const clg_tuning *t);
/* Tries a handful of candidates; t->xgemm is the fastest correct one, which is then in use. A
 * candidate is begun only if, taking as long as the longest before it, it ends within limit_s: to
 * build CLBlast's program takes .5 to 8 s, so on a slow compiler only the first ones are tried. */
int clg__tuning_search(clg_blas *blas, double limit_s, clg_tuning *t);
/* Times both back ends on two products and sets t->choice. */
int clg__tuning_choose(clg_blas *blas, clg_tuning *t);
/* Best GFLOP/s of back end `choice` on one product within about `budget` seconds. */
int clg__tuning_measure(clg_blas *blas, int choice, uint32_t m, uint32_t n, uint32_t k,
                        double budget, double *gflop_per_s);

/* ---- check.c ---- */
/* Lets a test change a result between the device and the comparison: `c` is what came back from
 * `backend`. The library itself passes NULL. */
typedef void (*clg_blas_corrupt)(void *user, const char *backend, float *c, size_t n);
/* Products of odd sizes with small integers on back end `choice`, compared exactly with plain C.
 * CLG_E_MISMATCH with the product and the element. */
int clg__blas_check(clg_blas *blas, int choice, clg_blas_corrupt corrupt, void *user);
/* A product of real numbers by the builtin tiles of tensor cores, against that of numbers rounded to
 * tf32. */
int clg__blas_check_tf32(clg_blas *blas, clg_blas_corrupt corrupt, void *user);
/* One product of the check; also serves the search. */
int clg__blas_check_one(clg_blas *blas, int choice, const clg_gemm *g, clg_blas_corrupt corrupt,
                        void *user);

/* ---- tf32.c ---- */
/* Has the builtin products multiply in tf32, after the self-check and a trial. CLG_E_DEVICE where the
 * device cannot, CLG_E_USAGE where what is chosen does not go with it. */
int clg__tf32_open(clg_blas *blas, const clg_blas_options *opt, clg_blas_corrupt corrupt, void *user);

/* ---- gemm.c ---- */
struct clg_blas {
    clg_rt *rt;
    int choice; /* CLG_GEMM_CLBLAST or CLG_GEMM_BUILTIN once open */
    clg_event *batched; /* CLBlast's last product of strided batches, or NULL */
    clg_builtin builtin;
};
int clg__blas_open_with(clg_blas **out, clg_rt *rt, const clg_blas_options *opt,
                        clg_blas_corrupt corrupt, void *user);
/* One product on a given back end. */
int clg__blas_run(clg_blas *blas, int choice, const clg_product *p, clg_tensor ws);
uint64_t clg__blas_workspace(const clg_blas *blas, int choice, const clg_gemm *g);

/* ---- lanes.c ---- */
/* How GPU tiles multiply on this device, to blas->builtin.multiply. CLG_E_USAGE or CLG_E_DEVICE only
 * for what the environment asks for. `tune`: it may be measured and kept. */
int clg__lanes_open(clg_blas *blas, bool tune, clg_blas_corrupt corrupt, void *user);
/* Measures them, where the device offers sub-groups and the environment does not decide. */
void clg__lanes_choose(clg_blas *blas, clg_tuning *t, clg_blas_corrupt corrupt, void *user);
/* "plain", "subgroups8", ...: in the tuning record; CLG_MULTIPLY_COUNT if there is no such name. */
const char *clg__lanes_name(enum clg_multiply how);
enum clg_multiply clg__lanes_find(const char *name);
bool clg__lanes_offered(const clg_device_info *d, enum clg_multiply how);

#endif
