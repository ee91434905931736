/* Whether products of tf32 can run here: which devices have the tensor cores, and the trial before
 * they are used. The product itself: cl/mma.clh. */
#include <string.h>

#include "base/os.h"
#include "blas/blas_internal.h"

enum { COMPUTE_CAPABILITY = 8 }; /* from which on mma.sync takes tf32 */

static int refuse(const clg_blas *blas, bool able)
{
    const clg_device_info *d = clg__rt_device(blas->rt);
    int status = CLG_OK;
    if (able) {
        status =
            clg__fail(CLG_E_USAGE, "--math tf32 needs the kernels for GPUs, and those for CPUs "
                                   "are chosen (runtime.kernels, CLGAN_KERNELS)");
    } else if (d->nvidia_major > 0) {
        status = clg__fail(CLG_E_DEVICE,
                           "--math tf32 needs an NVIDIA GPU of compute capability 8.0 or later; %s "
                           "is of %u.%u",
                           d->name, d->nvidia_major, d->nvidia_minor);
    } else {
        status = clg__fail(CLG_E_DEVICE,
                           "--math tf32 needs an NVIDIA GPU of compute capability 8.0 or later; %s "
                           "is %s",
                           d->name,
                           d->type == CLG_DEVICE_CPU             ? "a CPU"
                           : strstr(d->vendor, "NVIDIA") != NULL ? "NVIDIA's, but does not say"
                                                                 : "none");
    }
    return clg__hint(status, "use --math fast");
}

static int choose(clg_blas *blas)
{
    const char *wish = clg__os_env("CLGAN_MMA");
    const bool gpu = clg__rt_family(blas->rt) == CLG_KERNELS_GPU;
    if (wish != NULL && strcmp(wish, "portable") != 0) {
        return clg__hint(clg__fail(CLG_E_USAGE, "environment CLGAN_MMA is '%.40s'", wish),
                         "it may be portable");
    }
    const bool able = wish != NULL || clg__rt_device(blas->rt)->nvidia_major >= COMPUTE_CAPABILITY;
    if (gpu && able) {
        blas->builtin.multiply = wish != NULL ? CLG_MULTIPLY_MMA_PORTABLE : CLG_MULTIPLY_MMA;
        return CLG_OK;
    }
    return refuse(blas, able);
}

int clg__tf32_open(clg_blas *blas, const clg_blas_options *opt, clg_blas_corrupt corrupt,
                   void *user)
{
    int status = CLG_OK;
    if (opt->choice == CLG_GEMM_CLBLAST) {
        return clg__hint(clg__fail(CLG_E_USAGE, "runtime.gemm=clblast has no products of tf32"),
                         "--set runtime.gemm=auto, or use --math fast");
    }
    blas->choice = CLG_GEMM_BUILTIN;
    CLG_TRY(choose(blas));
    status = clg__blas_check(blas, CLG_GEMM_BUILTIN, corrupt, user);
    if (status == CLG_OK) {
        status = clg__blas_check_tf32(blas, corrupt, user);
    }
    if (status != CLG_OK) {
        status = clg__context(CLG_E_DEVICE, "--math tf32 cannot be used on %s",
                              clg__rt_device(blas->rt)->name);
        (void)clg__hint(status, "use --math fast");
    }
out:
    return status;
}
