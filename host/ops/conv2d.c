/* Convolution: checks, and the choice between the matrix product (1x1 maps or filters), the algorithms and the
 * families: direct in conv2d_gather.c, conv2d_wgrad.c (CPU) and conv2d_tile.c (GPU), Winograd's in
 * conv2d_winograd*.c. */
#include "ops/conv2d.h"

#include "base/mem.h"
#include "ops/conv2d_internal.h"
#include "ops/conv2d_winograd.h"
#include "ops/launch_shape.h"
#include "rt/launch.h"

/* ---- checks ---- */

int clg__conv2d_check(const char *op, const char *name, clg_tensor t, uint32_t d0, uint32_t d1,
                      uint32_t d2, uint32_t d3)
{
    const uint32_t want[4] = { d0, d1, d2, d3 };
    bool same = t.buf != NULL && t.rank == 4;
    for (uint32_t i = 0; same && i < 4; i++) {
        same = t.dim[i] == want[i];
    }
    if (same) {
        return CLG_OK;
    }
    return clg__fail(CLG_E_INTERNAL,
                     "%s: %s is [%u,%u,%u,%u] (rank %u), the layer wants [%u,%u,%u,%u]", op, name,
                     t.dim[0], t.dim[1], t.dim[2], t.dim[3], t.rank, d0, d1, d2, d3);
}

int clg__conv2d_check_type(const char *op, const char *name, clg_tensor a, clg_tensor b)
{
    return clg__want_store(op, name, b, a.dtype, clg__tensor_len(b));
}

int clg__conv2d_check_float(const char *op, const char *name, clg_tensor dw)
{
    return clg__want(op, name, dw, CLG_F32, clg__tensor_len(dw));
}

int clg__conv2d_check_ws(const char *op, clg_tensor ws, uint64_t need)
{
    const uint64_t have = clg__tensor_is(ws) ? clg__tensor_len(ws) : 0;
    if (have >= need) {
        return CLG_OK;
    }
    return clg__fail(CLG_E_INTERNAL, "%s: workspace of %llu floats, %llu wanted", op,
                     (unsigned long long)have, (unsigned long long)need);
}

int clg__conv2d_check_filter(const char *op, const clg_conv *g, clg_tensor x, clg_filter f,
                             uint64_t need)
{
    int status = CLG_OK;
    CLG_TRY(clg__conv2d_check(op, "w", f.w, g->r, g->s, g->c, g->k));
    CLG_TRY(clg__conv2d_check_type(op, "w", x, f.w));
    if (clg__tensor_is(f.ready) && (f.ready.dtype != CLG_F32 || clg__tensor_len(f.ready) < need)) {
        return clg__fail(CLG_E_INTERNAL,
                         "%s: filter made ready has %llu elements, %llu floats wanted", op,
                         (unsigned long long)clg__tensor_len(f.ready), (unsigned long long)need);
    }
out:
    return status;
}

int clg__conv2d_check_bias(const char *op, const clg_epilogue *e, uint32_t channels)
{
    if (e == NULL || !clg__tensor_is(e->bias) || clg__tensor_len(e->bias) == channels) {
        return CLG_OK;
    }
    return clg__fail(CLG_E_INTERNAL, "%s: bias has %llu elements, the output has %u channels", op,
                     (unsigned long long)clg__tensor_len(e->bias), channels);
}

/* ---- 1x1 maps or filters: matrix products ---- */

static bool is_gpu(const clg_ops *o)
{
    return clg__rt_family(o->rt) == CLG_KERNELS_GPU;
}

/* 1x1 filters on CPUs: 1.3 to 1.6 times the speed of the gather, with a vector of output channels and more.
 * Not their weight gradients, sums over all pixels for few weights, which conv2d_wgrad splits. GPUs'
 * convolutions are such products, and leave a batch norm's sums besides. */
bool clg__conv2d_is_gemm(const clg_ops *o, const clg_conv *g, enum clg_conv_job job)
{
    const bool one_position = g->p == 1 && g->q == 1 && g->r == g->h && g->s == g->w;
    const bool one_pixel = g->r == 1 && g->s == 1 && g->p == g->h && g->q == g->w;
    const uint32_t channels = job == CLG_CONV_JOB_DOWN ? g->k : g->c;
    const bool pays = !is_gpu(o) && job != CLG_CONV_JOB_WGRAD && channels >= clg__rt_vector_width(o->rt);
    return g->pad == 0 && (one_position || (one_pixel && pays));
}

/* With NPQ = N*P*Q and RSC = R*S*C the big map is a matrix [NPQ,RSC], the small one [NPQ,K], the filter
 * [RSC,K]. */
static clg_gemm describe_map_gemm(const clg_ops *o, const clg_conv *g, enum clg_conv_way way)
{
    const uint32_t rsc = g->r * g->s * g->c;
    const uint32_t tile = clg__conv_tile_pick(o, g, clg__conv2d_job_of(way), CLG_CONV_DIRECT);
    if (way == CLG_CONV_DOWN) {
        return (clg_gemm){ .m = g->n * g->p * g->q,
                           .n = g->k,
                           .k = rsc,
                           .lda = rsc,
                           .ldb = g->k,
                           .ldc = g->k,
                           .alpha = 1.0f,
                           .batch = 1,
                           .tile = tile };
    }
    return (clg_gemm){ .tb = true,
                       .m = g->n * g->p * g->q,
                       .n = rsc,
                       .k = g->k,
                       .lda = g->k,
                       .ldb = g->k,
                       .ldc = rsc,
                       .alpha = 1.0f,
                       .batch = 1,
                       .tile = tile };
}

static clg_gemm describe_wgrad_gemm(const clg_ops *o, const clg_conv *g)
{
    const uint32_t rsc = g->r * g->s * g->c;
    return (clg_gemm){ .ta = true,
                       .m = rsc,
                       .n = g->k,
                       .k = g->n * g->p * g->q,
                       .lda = rsc,
                       .ldb = g->k,
                       .ldc = g->k,
                       .alpha = 1.0f,
                       .batch = 1,
                       .tile = clg__conv_tile_pick(o, g, CLG_CONV_JOB_WGRAD, CLG_CONV_DIRECT) };
}

static int add_bias_act(const clg_ops *o, const clg_epilogue *e, clg_tensor y, uint32_t channels)
{
    clg_kernel *k = NULL;
    const int status = clg__kernel_get(o->rt, "conv2d_pack", "conv2d_bias_act", "", &k);
    if (status != CLG_OK) {
        return status;
    }
    const uint64_t len = clg__tensor_len(y);
    clg_grid grid = clg__grid(1, (size_t)(len / channels), 0, 0);
    grid.bytes = 8.0 * (double)len;
    return clg__launch(o->rt, k, grid,
                       CLG_ARGS(CLG_ARG(e->bias), CLG_ARG(y), CLG_ARG(channels),
                                CLG_ARG((int32_t)e->act), CLG_ARG(e->slope)));
}

/* The bias of a big map is per channel, of which a row of the product has several pixels. Then the end is a
 * pass of its own over maps of floats; with maps of 16 bits, whose sum is to be rounded once, there is one
 * product for each of the pixels. */
static int run_gemm(const clg_ops *o, const clg_conv *g, enum clg_conv_way way, clg_tensor src,
                    clg_tensor w, const clg_epilogue *e, clg_tensor dst, clg_tensor ws)
{
    clg_gemm gemm = describe_map_gemm(o, g, way);
    if (e == NULL) {
        return clg__gemm(o->blas, &gemm, src, w, dst, ws);
    }
    if (way == CLG_CONV_UP && clg__tensor_is(e->bias) && g->r * g->s > 1) {
        if (src.dtype == CLG_F32) {
            const int status = clg__gemm(o->blas, &gemm, src, w, dst, ws);
            return status != CLG_OK ? status : add_bias_act(o, e, dst, g->c);
        }
        gemm.n = g->c;
        gemm.batch = g->r * g->s;
        gemm.stride_b = g->c * g->k;
        gemm.stride_c = g->c;
    }
    clg_gemm_end end = { .bias = e->bias, .act = e->act, .slope = e->slope };
    return clg__gemm_epilogue(o->blas, &gemm, src, w, dst, &end, ws);
}

/* ---- shared with deconv2d.c ---- */

uint64_t clg__conv2d_map_workspace(const clg_ops *o, const clg_conv *g, enum clg_conv_way way)
{
    if (clg__conv2d_is_gemm(o, g, clg__conv2d_job_of(way))) {
        const clg_gemm gemm = describe_map_gemm(o, g, way);
        return clg__gemm_workspace(o->blas, &gemm);
    }
    const enum clg_conv_algo algo = clg__conv_algo_pick(o, g, clg__conv2d_job_of(way));
    if (algo == CLG_CONV_DIRECT) {
        return is_gpu(o) ? 0 : clg__conv2d_gather_workspace(o, g, way);
    }
    return is_gpu(o) ? clg__conv2d_winograd_gpu_workspace(o, g, way, algo)
                     : clg__conv2d_winograd_workspace(o, g, way, algo);
}

/* The algorithm of a map if it reads a transform of the filter, else direct. */
static enum clg_conv_algo transforming_algo(const clg_ops *o, const clg_conv *g,
                                            enum clg_conv_way way)
{
    const enum clg_conv_job job = clg__conv2d_job_of(way);
    return clg__conv2d_is_gemm(o, g, job) ? CLG_CONV_DIRECT : clg__conv_algo_pick(o, g, job);
}

uint32_t clg__conv2d_map_parts(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                               uint32_t groups)
{
    if (clg__conv2d_is_gemm(o, g, clg__conv2d_job_of(way)) || groups == 0 || g->n % groups != 0) {
        return 0;
    }
    const enum clg_conv_algo algo = clg__conv_algo_pick(o, g, clg__conv2d_job_of(way));
    if (algo == CLG_CONV_DIRECT) {
        return is_gpu(o) ? clg__conv2d_tile_parts(g, way, groups) : 0;
    }
    return is_gpu(o) ? clg__conv2d_winograd_gpu_parts(g, way, algo, groups)
                     : clg__conv2d_winograd_parts(o, g, way, algo, groups);
}

static int check_sums(const clg_ops *o, const clg_conv *g, enum clg_conv_way way, const clg_sums *s,
                      clg_tensor dst)
{
    static const char op[] = "sums of a convolution";
    const uint32_t c = clg__conv2d_maps(g, way).oc;
    const uint64_t parts = (uint64_t)s->groups * clg__conv2d_map_parts(o, g, way, s->groups);
    const uint64_t stats = (uint64_t)s->groups * c;
    int status = CLG_OK;
    if (!clg__tensor_is(s->parts)) {
        return CLG_OK;
    }
    if (parts == 0) {
        return clg__fail(CLG_E_INTERNAL, "%s: it leaves none of %u images in %u groups", op, g->n,
                         s->groups);
    }
    if (!clg__tensor_is(s->x)) {
        return clg__want(op, "parts", s->parts, CLG_F32, 3 * parts * c);
    }
    if (!clg__sums_pass(s->act)) {
        return clg__fail(CLG_E_INTERNAL, "%s: not through activation %d", op, (int)s->act);
    }
    CLG_TRY(clg__want(op, "parts", s->parts, CLG_F32, 2 * parts * c));
    CLG_TRY(clg__want_store(op, "x", s->x, dst.dtype, clg__tensor_len(dst)));
    CLG_TRY(clg__want(op, "mean", s->mean, CLG_F32, stats));
    CLG_TRY(clg__want(op, "invstd", s->invstd, CLG_F32, stats));
    CLG_TRY(clg__want(op, "weight", s->weight, CLG_F32, c));
    CLG_TRY(clg__want(op, "bias", s->bias, CLG_F32, c));
out:
    return status;
}

int clg__conv2d_map(const clg_ops *o, const clg_conv *g, enum clg_conv_way way, clg_tensor src,
                    clg_filter f, const clg_epilogue *e, clg_tensor dst, clg_tensor ws)
{
    const clg_tensor w = f.w;
    int status = CLG_OK;
    CLG_TRY(e != NULL ? check_sums(o, g, way, &e->sums, dst) : CLG_OK);
    if (clg__conv2d_is_gemm(o, g, clg__conv2d_job_of(way))) {
        return run_gemm(o, g, way, src, w, e, dst, ws);
    }
    const enum clg_conv_algo algo = clg__conv_algo_pick(o, g, clg__conv2d_job_of(way));
    if (algo == CLG_CONV_DIRECT) {
        return is_gpu(o) ? clg__conv2d_tile(o, g, way, src, w, e, dst)
                         : clg__conv2d_gather(o, g, way, src, w, e, dst, ws);
    }
    return is_gpu(o) ? clg__conv2d_winograd_gpu(o, g, way, algo, src, f, e, dst, ws)
                     : clg__conv2d_winograd(o, g, way, algo, src, f, e, dst, ws);
out:
    return status;
}

int clg__conv2d_gradient(const clg_ops *o, const clg_conv *g, enum clg_conv_way way, clg_tensor src,
                         clg_filter w, const clg_sums *sums, clg_tensor dst, clg_tensor ws)
{
    clg_epilogue e = { 0 };
    if (sums == NULL || !clg__tensor_is(sums->parts)) {
        return clg__conv2d_map(o, g, way, src, w, NULL, dst, ws);
    }
    e.sums = *sums;
    return clg__conv2d_map(o, g, way, src, w, &e, dst, ws);
}

uint64_t clg__conv2d_map_ready_len(const clg_ops *o, const clg_conv *g, enum clg_conv_way way)
{
    const enum clg_conv_algo algo = transforming_algo(o, g, way);
    return algo == CLG_CONV_DIRECT ? 0
           : is_gpu(o)             ? clg__conv2d_winograd_gpu_ready_len(o, g, way, algo)
                                   : clg__conv2d_winograd_ready_len(o, g, way, algo);
}

int clg__conv2d_map_prepare(const clg_ops *o, const clg_conv *g, enum clg_conv_way way,
                            clg_tensor w, clg_tensor ready)
{
    const enum clg_conv_algo algo = transforming_algo(o, g, way);
    int status = CLG_OK;
    CLG_TRY(clg__conv2d_check_filter("prepare", g, w, (clg_filter){ .w = w, .ready = ready },
                                     clg__conv2d_map_ready_len(o, g, way)));
    if (algo != CLG_CONV_DIRECT) {
        CLG_TRY(is_gpu(o) ? clg__conv2d_winograd_gpu_prepare(o, g, way, algo, w, ready)
                          : clg__conv2d_winograd_prepare(o, g, way, algo, w, ready));
    }
out:
    return status;
}

uint64_t clg__conv2d_wgrad_workspace(const clg_ops *o, const clg_conv *g)
{
    if (clg__conv2d_is_gemm(o, g, CLG_CONV_JOB_WGRAD)) {
        const clg_gemm gemm = describe_wgrad_gemm(o, g);
        return clg__gemm_workspace(o->blas, &gemm);
    }
    const enum clg_conv_algo algo = clg__conv_algo_pick(o, g, CLG_CONV_JOB_WGRAD);
    if (algo == CLG_CONV_DIRECT) {
        return is_gpu(o) ? clg__conv2d_wgrad_tile_workspace(o, g)
                         : clg__conv2d_wgrad_cpu_workspace(o, g);
    }
    return is_gpu(o) ? clg__conv2d_winograd_gpu_wgrad_workspace(o, g, algo)
                     : clg__conv2d_winograd_wgrad_workspace(o, g, algo);
}

uint64_t clg__conv2d_turned_len(const clg_ops *o, const clg_conv *g)
{
    if (!is_gpu(o) || clg__conv2d_is_gemm(o, g, CLG_CONV_JOB_WGRAD)) {
        return 0;
    }
    const enum clg_conv_algo algo = clg__conv_algo_pick(o, g, CLG_CONV_JOB_DOWN);
    const bool shared = algo == clg__conv_algo_pick(o, g, CLG_CONV_JOB_WGRAD);
    return shared && algo != CLG_CONV_DIRECT ? clg__conv2d_winograd_gpu_turned_len(g, algo) : 0;
}

int clg__conv2d_wgrad(const clg_ops *o, const clg_conv *g, clg_tensor big, clg_tensor small,
                      clg_turned *turned, clg_tensor dw, clg_tensor ws)
{
    if (clg__conv2d_is_gemm(o, g, CLG_CONV_JOB_WGRAD)) {
        const clg_gemm gemm = describe_wgrad_gemm(o, g);
        return clg__gemm(o->blas, &gemm, big, small, dw, ws);
    }
    const enum clg_conv_algo algo = clg__conv_algo_pick(o, g, CLG_CONV_JOB_WGRAD);
    if (algo == CLG_CONV_DIRECT) {
        return is_gpu(o) ? clg__conv2d_wgrad_tile(o, g, big, small, dw, ws)
                         : clg__conv2d_wgrad_cpu(o, g, big, small, dw, ws);
    }
    return is_gpu(o) ? clg__conv2d_winograd_gpu_wgrad(o, g, algo, big, small, turned, dw, ws)
                     : clg__conv2d_winograd_wgrad(o, g, algo, big, small, dw, ws);
}

uint64_t clg__conv2d_foreign(const clg_ops *o, const clg_conv *g)
{
    uint64_t most = 0;
    const bool able = is_gpu(o) && !clg__conv2d_is_gemm(o, g, CLG_CONV_JOB_DOWN);
    for (int i = 0; i < CLG_CONV_JOB_COUNT && able; i++) {
        const enum clg_conv_job job = (enum clg_conv_job)i;
        const enum clg_conv_algo algo = clg__conv_algo_pick(o, g, job);
        if (algo != CLG_CONV_DIRECT) {
            const clg_gemm gemm = clg__conv2d_winograd_gpu_gemm(o, g, job, algo);
            const uint64_t one = clg__gemm_foreign(o->blas, &gemm);
            most = one > most ? one : most;
        }
    }
    return most;
}

uint32_t clg__conv2d_tiles(const clg_ops *o, const clg_conv *g, enum clg_conv_job job,
                           enum clg_conv_algo algo, uint32_t number[CLG_TILE_COUNT])
{
    if (!is_gpu(o)) {
        return 0;
    }
    if (algo == CLG_CONV_DIRECT && !clg__conv2d_is_gemm(o, g, job)) {
        const clg_tile_job tiles = clg__conv2d_tile_job(g, job);
        return clg__tile_numbers(clg__rt_device(o->rt), &tiles, number);
    }
    const clg_gemm gemm = algo != CLG_CONV_DIRECT ? clg__conv2d_winograd_gpu_gemm(o, g, job, algo)
                          : job == CLG_CONV_JOB_WGRAD
                              ? describe_wgrad_gemm(o, g)
                              : describe_map_gemm(o, g, clg__conv2d_way_of(job));
    return clg__gemm_tiles(o->blas, &gemm, number);
}

/* ---- conv2d ---- */

static enum clg_conv_way way_of(enum clg_pass pass)
{
    return pass == CLG_FWD ? CLG_CONV_DOWN : CLG_CONV_UP;
}

uint64_t clg__conv2d_workspace(const clg_ops *o, const clg_conv *g, enum clg_pass pass)
{
    if (pass == CLG_BWD_WEIGHT) {
        return clg__conv2d_wgrad_workspace(o, g);
    }
    return clg__conv2d_map_workspace(o, g, way_of(pass));
}

uint64_t clg__conv2d_ready_len(const clg_ops *o, const clg_conv *g, enum clg_pass pass)
{
    return pass == CLG_BWD_WEIGHT ? 0 : clg__conv2d_map_ready_len(o, g, way_of(pass));
}

uint32_t clg__conv2d_parts(const clg_ops *o, const clg_conv *g, enum clg_pass pass, uint32_t groups)
{
    return pass == CLG_BWD_WEIGHT ? 0 : clg__conv2d_map_parts(o, g, way_of(pass), groups);
}

int clg__conv2d_prepare(const clg_ops *o, const clg_conv *g, enum clg_pass pass, clg_tensor w,
                        clg_tensor ready)
{
    return clg__conv2d_map_prepare(o, g, way_of(pass), w, ready);
}

int clg__conv2d_fwd(const clg_ops *o, const clg_conv *g, clg_tensor x, clg_filter w,
                    const clg_epilogue *e, clg_tensor y, clg_tensor ws)
{
    static const char op[] = "conv2d_fwd";
    int status = CLG_OK;
    CLG_TRY(clg__conv2d_check(op, "x", x, g->n, g->h, g->w, g->c));
    CLG_TRY(clg__conv2d_check(op, "y", y, g->n, g->p, g->q, g->k));
    CLG_TRY(clg__conv2d_check_filter(op, g, x, w, clg__conv2d_ready_len(o, g, CLG_FWD)));
    CLG_TRY(clg__conv2d_check_type(op, "y", x, y));
    CLG_TRY(clg__conv2d_check_bias(op, e, g->k));
    CLG_TRY(clg__conv2d_check_ws(op, ws, clg__conv2d_workspace(o, g, CLG_FWD)));
    CLG_TRY(clg__conv2d_map(o, g, CLG_CONV_DOWN, x, w, e, y, ws));
out:
    return status;
}

int clg__conv2d_bwd_data(const clg_ops *o, const clg_conv *g, clg_tensor dy, clg_filter w,
                         const clg_sums *sums, clg_tensor dx, clg_tensor ws)
{
    static const char op[] = "conv2d_bwd_data";
    int status = CLG_OK;
    CLG_TRY(clg__conv2d_check(op, "dy", dy, g->n, g->p, g->q, g->k));
    CLG_TRY(clg__conv2d_check(op, "dx", dx, g->n, g->h, g->w, g->c));
    CLG_TRY(clg__conv2d_check_filter(op, g, dy, w, clg__conv2d_ready_len(o, g, CLG_BWD_DATA)));
    CLG_TRY(clg__conv2d_check_type(op, "dx", dy, dx));
    CLG_TRY(clg__conv2d_check_ws(op, ws, clg__conv2d_workspace(o, g, CLG_BWD_DATA)));
    CLG_TRY(clg__conv2d_gradient(o, g, CLG_CONV_UP, dy, w, sums, dx, ws));
out:
    return status;
}

int clg__conv2d_bwd_weight(const clg_ops *o, const clg_conv *g, clg_tensor x, clg_tensor dy,
                           clg_turned *big, clg_tensor dw, clg_tensor ws)
{
    static const char op[] = "conv2d_bwd_weight";
    int status = CLG_OK;
    CLG_TRY(clg__conv2d_check(op, "x", x, g->n, g->h, g->w, g->c));
    CLG_TRY(clg__conv2d_check(op, "dy", dy, g->n, g->p, g->q, g->k));
    CLG_TRY(clg__conv2d_check(op, "dw", dw, g->r, g->s, g->c, g->k));
    CLG_TRY(clg__conv2d_check_type(op, "dy", x, dy));
    CLG_TRY(clg__conv2d_check_float(op, "dw", dw));
    CLG_TRY(clg__conv2d_check_ws(op, ws, clg__conv2d_workspace(o, g, CLG_BWD_WEIGHT)));
    CLG_TRY(clg__conv2d_wgrad(o, g, x, dy, big, dw, ws));
out:
    return status;
}
