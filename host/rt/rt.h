/* The OpenCL runtime: devices, one context with one in-order queue, buffers, programs, launches,
 * profile. The only room that calls cl*; CL/cl.h is included by its .c files only.
 * A clg_rt is used from one thread. */
#ifndef CLG_RT_RT_H
#define CLG_RT_RT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "rt/tensor.h"

/* ---- devices ---- */
enum clg_device_type { CLG_DEVICE_CPU, CLG_DEVICE_GPU, CLG_DEVICE_OTHER };
enum clg_family { CLG_KERNELS_CPU, CLG_KERNELS_GPU }; /* which kernel family runs */

typedef struct clg_device_info {
    unsigned platform_index, device_index; /* as clinfo numbers them */
    char platform[128], name[128], vendor[128], driver[128], version[128]; /* CL_DEVICE_VERSION */
    enum clg_device_type type;
    bool usable;        /* OpenCL >= 1.2, available, has a compiler */
    char why_not[160];  /* if not usable */
    unsigned cl_major, cl_minor, compute_units, clock_mhz, vector_width_float;
    uint64_t global_mem_bytes, max_alloc_bytes, local_mem_bytes;
    size_t max_work_group, max_work_item[3];
    bool local_mem_is_real, fp16, fp64, unified_memory, big_endian;
    double timer_resolution_ns;
    unsigned nvidia_major, nvidia_minor; /* compute capability; 0, 0: not of NVIDIA, or not told */
    bool lanes8, lanes16; /* a kernel can ask for sub-groups of so many work-items */
} clg_device_info;

/* All devices of all platforms, usable or not; a platform without devices gives one entry with
 * usable = false and an empty name. *out by clg__free. CLG_E_DEVICE with the packages to install
 * when there is no platform at all. */
int clg__rt_devices(clg_device_info **out, size_t *n);

/* Picks one. `platform`, `device`: index, part of a name (case ignored) or "cpu" / "gpu"; NULL or
 * "": any. GPUs before CPUs before others, then lower indices. CLG_E_DEVICE with a list of what
 * there is. */
int clg__rt_pick(const clg_device_info *list, size_t n, const char *platform, const char *device,
                 size_t *out);

/* ---- context ---- */
typedef struct clg_rt_options {
    const char *platform, *device; /* see clg__rt_pick; NULL: CLGAN_PLATFORM / CLGAN_DEVICE, then any */
    int family;                    /* enum clg_family_choice of base/model.h; 0 = by device type
                                      (the environment's CLGAN_KERNELS=cpu|gpu wins over auto) */
    bool profile;                  /* time every kernel */
    bool no_cache;                 /* neither read nor write program binaries */
} clg_rt_options;

int clg__rt_open(clg_rt **out, const clg_rt_options *opt);
void clg__rt_close(clg_rt **rt); /* NULL and half-built are fine */
const clg_device_info *clg__rt_device(const clg_rt *rt);
enum clg_family clg__rt_family(const clg_rt *rt);
bool clg__rt_is_simulator(const clg_rt *rt); /* one that checks every access (oclgrind) */
/* Floats of a vector of the CPU kernels on this device: 4, 8 or 16. */
uint32_t clg__rt_vector_width(const clg_rt *rt);
/* Of the second cache of a core of this computer, for CPU devices; a usual size where the system does not
 * say. Asked for once. */
uint64_t clg__rt_second_cache_bytes(const clg_rt *rt);

/* ---- buffers ---- */
/* `label` (static) names it in the allocation table. Contents undefined. CLG_E_DEVICE_MEMORY with
 * bytes wanted, used and available. Views start on 64-byte multiples by the caller's choice. */
int clg__buffer_create(clg_rt *rt, enum clg_dtype dtype, uint64_t count, const char *label,
                       clg_buffer **out);
void clg__buffer_destroy(clg_buffer **buf);
uint64_t clg__rt_bytes_used(const clg_rt *rt);
uint64_t clg__rt_bytes_peak(const clg_rt *rt);

/* Blocking transfers of a whole view. */
int clg__rt_read(clg_rt *rt, clg_tensor src, void *dst);
int clg__rt_write(clg_rt *rt, clg_tensor dst, const void *src);
/* The same between floats on the host and a view of F32, F16 or BF16 (rounded to nearest even). */
int clg__rt_read_f32(clg_rt *rt, clg_tensor src, float *dst);
int clg__rt_write_f32(clg_rt *rt, clg_tensor dst, const float *src);
/* Not blocking: `src` must stay unchanged until the event is done. *event by clg__event_free. */
typedef struct clg_event clg_event;
int clg__rt_write_async(clg_rt *rt, clg_tensor dst, const void *src, clg_event **event);
int clg__event_wait(clg_event *event);
void clg__event_free(clg_event **event);
int clg__rt_copy(clg_rt *rt, clg_tensor src, clg_tensor dst); /* device to device, same length */
int clg__rt_zero(clg_rt *rt, clg_tensor dst);
int clg__rt_flush(clg_rt *rt);
int clg__rt_finish(clg_rt *rt);
/* Work that its owner keeps back, to enqueue it in one with more of its kind: `enqueue` is called once,
 * before anything else is enqueued or read, and before clg__rt_finish, so nobody sees that it was late. But
 * not before clg__rt_write_async and its event, nor a flush: uploads for what will follow go first. Its
 * error goes to who asked; the owner has to remember it. The owner that comes second makes the first
 * enqueue. */
void clg__rt_hold(clg_rt *rt, int (*enqueue)(void *owner), void *owner);
void clg__rt_hold_no_more(clg_rt *rt, const void *owner); /* it has nothing held any more */

/* ---- the allocation table ---- */
typedef struct clg_buffer_row {
    const char *label;
    enum clg_dtype dtype;
    uint64_t buffers, bytes;
} clg_buffer_row;
/* Buffers that exist now, by label and type, the largest sum first; *rows by clg__free. */
int clg__rt_buffers(const clg_rt *rt, clg_buffer_row **rows, size_t *n);

/* ---- programs ---- */
/* Kernel `name` of cl/<file>.cl built with `options` ("-DMR=12 -DNV=2"; "" for none); -cl-std=CL1.2
 * is added, common.clh is found by #include. Built once per (file, options), kept for the life of
 * rt, which owns it; the binary goes to the on-disk cache. A failed build gives CLG_E_OPENCL and
 * logs the build log with source lines. */
int clg__kernel_get(clg_rt *rt, const char *file, const char *name, const char *options,
                    clg_kernel **out);
/* Largest work-group this kernel can have on this device, and local bytes it already takes. */
size_t clg__kernel_max_work_group(const clg_kernel *k);

/* Kernels from source are logged once, when they have taken more than 2 s in all, so that a first
 * start is not silent. True, once, if that was logged: how many there were and what they took. */
bool clg__rt_took_builds(clg_rt *rt, uint32_t *kernels, double *seconds);

/* ---- profile ---- */
typedef struct clg_profile_row {
    char kernel[64];
    uint64_t calls;
    double total_ms, flops, bytes;
} clg_profile_row;
/* Rows by falling time; *rows by clg__free. Waits for the queue. */
int clg__rt_profile(clg_rt *rt, clg_profile_row **rows, size_t *n);
void clg__rt_profile_reset(clg_rt *rt);

#endif
