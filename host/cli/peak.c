/* Device peaks for reports. Best of several runs: a peak is a ceiling, not an average. */
#include "cli/peak.h"

#include "base/os.h"
#include "rt/launch.h"

enum { PEAK_RUNS = 5, FMA_ITERATIONS = 4096, FMA_PER_ITERATION = 12 };

static int time_gemm(const clg_ops *o, uint32_t size, int runs, double *gflops)
{
    int status = CLG_OK;
    clg_buffer *abc = NULL;
    clg_buffer *ws = NULL;
    clg_gemm g = { .m = size,
                   .n = size,
                   .k = size,
                   .lda = size,
                   .ldb = size,
                   .ldc = size,
                   .alpha = 1.0f,
                   .batch = 1 };
    uint64_t len = (uint64_t)size * size;
    uint64_t ws_len = clg__gemm_workspace(o->blas, &g);
    *gflops = 0.0;
    CLG_TRY(clg__buffer_create(o->rt, CLG_F32, 3 * len, "bench", &abc));
    CLG_TRY(clg__buffer_create(o->rt, CLG_F32, ws_len + 1, "bench", &ws));
    clg_tensor all = clg__tensor_all(abc);
    CLG_TRY(clg__rt_zero(o->rt, all));
    for (int i = 0; i <= runs; i++) {
        double start = clg__os_now_s();
        CLG_TRY(clg__gemm(o->blas, &g, clg__tensor_vec(all, 0, (uint32_t)len),
                          clg__tensor_vec(all, len, (uint32_t)len),
                          clg__tensor_vec(all, 2 * len, (uint32_t)len), clg__tensor_all(ws)));
        CLG_TRY(clg__rt_finish(o->rt));
        double rate = 2.0 * (double)len * size / (clg__os_now_s() - start) * 1e-9;
        *gflops = i > 0 && rate > *gflops ? rate : *gflops;
    }
out:
    clg__buffer_destroy(&abc);
    clg__buffer_destroy(&ws);
    return status;
}

static int time_fma(const clg_ops *o, double *gflops)
{
    int status = CLG_OK;
    clg_buffer *y = NULL;
    clg_kernel *k = NULL;
    const clg_device_info *d = clg__rt_device(o->rt);
    bool cpu = clg__rt_family(o->rt) == CLG_KERNELS_CPU;
    const char *name = cpu ? "peak_fma_cpu" : "peak_fma_gpu";
    const uint32_t width = clg__rt_vector_width(o->rt);
    uint32_t lanes = cpu ? width : 1u;
    uint32_t local = cpu ? 1u : 64u;
    const char *options = !cpu || width == 16 ? "" : width == 8 ? "-DVW=8" : "-DVW=4";
    CLG_TRY(clg__kernel_get(o->rt, "peak", name, options, &k));
    if (clg__kernel_max_work_group(k) < local) {
        local = 1;
    }
    uint32_t items = d->compute_units * (cpu ? 8u : 2048u);
    CLG_TRY(clg__buffer_create(o->rt, CLG_F32, (uint64_t)items * lanes, "bench", &y));
    const size_t groups[3] = { items / local, 1, 1 };
    const size_t locals[3] = { local, 1, 1 };
    clg_grid grid = clg__grid_local(1, groups, locals);
    /* On a CPU some milliseconds: in less the second core may not have woken. */
    uint32_t iterations = cpu ? FMA_ITERATIONS * 64u : FMA_ITERATIONS;
    double flops = 2.0 * FMA_PER_ITERATION * lanes * (double)iterations * items;
    *gflops = 0.0;
    for (int i = 0; i <= PEAK_RUNS; i++) {
        double start = clg__os_now_s();
        clg_tensor out = clg__tensor_all(y);
        CLG_TRY(clg__launch(o->rt, k, grid, CLG_ARGS(CLG_ARG(out), CLG_ARG(iterations))));
        CLG_TRY(clg__rt_finish(o->rt));
        double rate = flops / (clg__os_now_s() - start) * 1e-9;
        *gflops = i > 0 && rate > *gflops ? rate : *gflops;
    }
out:
    clg__buffer_destroy(&y);
    return status;
}

static int time_copy(const clg_ops *o, double *gbs)
{
    int status = CLG_OK;
    clg_buffer *x = NULL;
    const uint32_t len = 16u << 20;
    CLG_TRY(clg__buffer_create(o->rt, CLG_F32, 2 * (uint64_t)len, "bench", &x));
    clg_tensor all = clg__tensor_all(x);
    CLG_TRY(clg__rt_zero(o->rt, all));
    *gbs = 0.0;
    for (int i = 0; i <= PEAK_RUNS; i++) {
        double start = clg__os_now_s();
        CLG_TRY(clg__rt_copy(o->rt, clg__tensor_vec(all, 0, len), clg__tensor_vec(all, len, len)));
        CLG_TRY(clg__rt_finish(o->rt));
        double rate = 8.0 * (double)len / (clg__os_now_s() - start) * 1e-9;
        *gbs = i > 0 && rate > *gbs ? rate : *gbs;
    }
out:
    clg__buffer_destroy(&x);
    return status;
}

int clg__peak_measure(const clg_ops *o, clg_peak *out)
{
    int status = CLG_OK;
    *out = (clg_peak){ 0 };
    CLG_TRY(time_fma(o, &out->fma_gflops));
    CLG_TRY(time_copy(o, &out->bandwidth_gbs));
    CLG_TRY(time_gemm(o, 768, PEAK_RUNS, &out->gemm_gflops));
out:
    return status;
}

int clg__expected_gflops(const clg_ops *o, double *gflops)
{
    int status = time_gemm(o, 512, PEAK_RUNS, gflops);
    *gflops = *gflops > 0.0 ? *gflops * 0.75 : 1.0;
    return status;
}
