/* Opening a device: context, in-order queue, kernel family; and closing it again. */
#include "rt/rt_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/model.h"
#include "base/os.h"

static const char *option_or_env(const char *option, const char *name)
{
    return option != NULL && option[0] != '\0' ? option : clg__os_env(name);
}

static int choose_device(clg_rt *rt, const clg_rt_options *opt)
{
    int status = CLG_OK;
    const char *platform = option_or_env(opt->platform, "CLGAN_PLATFORM");
    const char *device = option_or_env(opt->device, "CLGAN_DEVICE");
    clg_device_info *list = NULL;
    size_t n = 0, at = 0;
    CLG_TRY(clg__rt_devices_of(platform, &list, &n));
    if (n == 0) { /* no platform of that name: list them all for the message */
        CLG_TRY(clg__rt_devices(&list, &n));
    }
    CLG_TRY(clg__rt_pick(list, n, platform, device, &at));
    rt->info = list[at];
    rt->is_simulator = clg__contains_nocase(rt->info.platform, "oclgrind");
    CLG_TRY(clg__rt_find(&rt->info, &rt->platform, &rt->device, rt->platform_version,
                         sizeof rt->platform_version));
out:
    clg__free(list);
    return status;
}

static int choose_family(clg_rt *rt, int choice)
{
    const char *env = clg__os_env("CLGAN_KERNELS");
    if (choice == CLG_FAMILY_AUTO && env != NULL) {
        if (clg__equals_nocase(env, "cpu")) {
            choice = CLG_FAMILY_CPU;
        } else if (clg__equals_nocase(env, "gpu")) {
            choice = CLG_FAMILY_GPU;
        } else {
            return clg__hint(clg__fail(CLG_E_USAGE, "environment CLGAN_KERNELS is '%s'", env),
                             "it may be cpu or gpu");
        }
    }
    if (choice == CLG_FAMILY_AUTO) {
        choice = rt->info.type == CLG_DEVICE_CPU ? CLG_FAMILY_CPU : CLG_FAMILY_GPU;
    }
    rt->family = choice == CLG_FAMILY_CPU ? CLG_KERNELS_CPU : CLG_KERNELS_GPU;
    return CLG_OK;
}

/* Tiles for vectors of so many floats, as if the device had asked for them: how the kernels of a
 * laptop with narrower vectors are tried where there is none. */
static int choose_vector(clg_rt *rt)
{
    const char *env = clg__os_env("CLGAN_VECTOR");
    if (env == NULL) {
        return CLG_OK;
    }
    char *end;
    unsigned long width = strtoul(env, &end, 10);
    if (*end != '\0' || (width != 4 && width != 8 && width != 16)) {
        return clg__hint(clg__fail(CLG_E_USAGE, "environment CLGAN_VECTOR is '%s'", env),
                         "it may be 4, 8 or 16");
    }
    rt->info.vector_width_float = (unsigned)width;
    return CLG_OK;
}

/* Rates to slice by until a kernel was measured. Low on GPUs, where a long launch freezes the
 * display and too many slices cost little; near what is good on CPUs, where it does no harm. */
static void guess_rates(clg_rt *rt)
{
    double clock = 1e6 * (rt->info.clock_mhz > 500 ? rt->info.clock_mhz : 500);
    double units = rt->info.compute_units;
    bool cpu = rt->info.type == CLG_DEVICE_CPU;
    rt->guess_s_per_flop = 1.0 / (clock * units * (cpu ? 32.0 : 4.0));
    rt->guess_s_per_byte = 1.0 / (clock * units * (cpu ? 4.0 : 1.0));
    rt->guess_s_per_item = 64.0 / (clock * units);
}

static void find_second_cache(clg_rt *rt)
{
    const uint64_t known = clg__os_second_cache_bytes(), usual = 1u << 20;
    rt->second_cache_bytes = known > 0 ? known : usual;
}

static void CL_CALLBACK log_driver_text(const char *text, const void *data, size_t size, void *user)
{
    (void)data;
    (void)size;
    (void)user;
    clg__log(CLG_LOG_DEBUG, "OpenCL: %s", text);
}

static int create_queue(clg_rt *rt, bool profile)
{
    cl_int err = CL_SUCCESS;
    const cl_context_properties props[] = { CL_CONTEXT_PLATFORM,
                                            (cl_context_properties)rt->platform, 0 };
    rt->context = clCreateContext(props, 1, &rt->device, log_driver_text, NULL, &err);
    if (err != CL_SUCCESS) {
        rt->context = NULL;
        return clg__rt_fail(err, "%s: no context", rt->info.name);
    }
    bool events = profile && rt->info.timer_resolution_ns > 0;
    rt->timing = !profile ? CLG_RT_TIMING_NONE : events ? CLG_RT_TIMING_EVENTS : CLG_RT_TIMING_WALL;
    rt->queue =
        clCreateCommandQueue(rt->context, rt->device, events ? CL_QUEUE_PROFILING_ENABLE : 0, &err);
    if (err != CL_SUCCESS) {
        rt->queue = NULL;
        return clg__rt_fail(err, "%s: no command queue", rt->info.name);
    }
    return CLG_OK;
}

static void find_cache(clg_rt *rt)
{
    char dir[1024];
    if (!rt->no_cache && clg__os_cache_dir(dir, sizeof dir) == CLG_OK) {
        rt->cache_dir = clg__os_join(dir, "programs");
    }
}

int clg__rt_open(clg_rt **out, const clg_rt_options *opt)
{
    int status = CLG_OK;
    *out = NULL;
    clg_rt *rt = clg__alloc(1, sizeof *rt);
    if (rt == NULL) {
        return CLG_E_MEMORY;
    }
    rt->no_cache = opt->no_cache;
    rt->opened_s = clg__os_now_s();
    rt->source_dir = clg__os_env("CLGAN_CL_DIR");
    rt->poison = clg__os_env("CLGAN_POISON") != NULL;
    CLG_TRY(choose_device(rt, opt));
    CLG_TRY(choose_family(rt, opt->family));
    CLG_TRY(choose_vector(rt));
    guess_rates(rt);
    find_second_cache(rt);
    CLG_TRY(create_queue(rt, opt->profile));
    find_cache(rt);
    clg__rt_rates_load(rt);
    CLG_TRY(clg__buffer_create(rt, CLG_F32, 16, "no tensor", &rt->dummy));
    CLG_TRY(clg__rt_timing_choose(rt));
    *out = rt;
    rt = NULL;
out:
    clg__rt_close(&rt);
    return status;
}

static void log_forgotten_buffers(const clg_rt *rt)
{
    for (const clg_buffer *b = rt->buffers; b != NULL; b = b->next) {
        clg__log(CLG_LOG_DEBUG, "buffer '%s' (%llu bytes) outlives its device", b->label,
                 (unsigned long long)b->bytes);
    }
}

void clg__rt_close(clg_rt **rt)
{
    clg_rt *r = rt != NULL ? *rt : NULL;
    if (r == NULL) {
        return;
    }
    if (r->queue != NULL) {
        clFinish(r->queue);
    }
    clg__rt_profile_free(r);
    clg__rt_rates_save(r);
    clg__rt_programs_free(r);
    clg__buffer_destroy(&r->dummy);
    log_forgotten_buffers(r);
    for (clg_buffer *b = r->buffers; b != NULL; b = b->next) {
        b->rt = NULL; /* its own destroy must not look back at us */
    }
    if (r->queue != NULL) {
        clReleaseCommandQueue(r->queue);
    }
    if (r->context != NULL) {
        clReleaseContext(r->context);
    }
    clg__free(r->rates);
    clg__free(r->cache_dir);
    clg__free(r);
    *rt = NULL;
}

const clg_device_info *clg__rt_device(const clg_rt *rt)
{
    return &rt->info;
}

uint32_t clg__rt_vector_width(const clg_rt *rt)
{
    const unsigned width = rt->info.vector_width_float;
    return width >= 16 ? 16 : width >= 8 ? 8 : 4;
}

uint64_t clg__rt_second_cache_bytes(const clg_rt *rt)
{
    return rt->second_cache_bytes;
}

enum clg_family clg__rt_family(const clg_rt *rt)
{
    return rt->family;
}

bool clg__rt_is_simulator(const clg_rt *rt)
{
    return rt->is_simulator;
}

void *clg__rt_native_device(const clg_rt *rt)
{
    return rt->device;
}
void *clg__rt_native_queue(const clg_rt *rt)
{
    return rt->queue;
}

int clg__rt_flush(clg_rt *rt)
{
    rt->unflushed_s = 0;
    rt->unflushed = 0;
    cl_int err = clFlush(rt->queue);
    return err == CL_SUCCESS ? CLG_OK : clg__rt_fail(err, "%s: flush", rt->info.name);
}

int clg__rt_settle(clg_rt *rt)
{
    int (*enqueue)(void *) = rt->held.enqueue;
    rt->held.enqueue = NULL;
    return enqueue != NULL ? enqueue(rt->held.owner) : CLG_OK;
}

void clg__rt_hold(clg_rt *rt, int (*enqueue)(void *owner), void *owner)
{
    if (rt->held.owner != owner) {
        (void)clg__rt_settle(rt); /* the other's error is the other's */
    }
    rt->held.enqueue = enqueue;
    rt->held.owner = owner;
}

void clg__rt_hold_no_more(clg_rt *rt, const void *owner)
{
    if (rt->held.owner == owner) {
        rt->held.enqueue = NULL;
    }
}

int clg__rt_finish(clg_rt *rt)
{
    int status = clg__rt_settle(rt);
    if (status != CLG_OK) {
        return status;
    }
    rt->unflushed_s = 0;
    rt->unflushed = 0;
    cl_int err = clFinish(rt->queue);
    return err == CL_SUCCESS ? CLG_OK : clg__rt_fail(err, "%s: finish", rt->info.name);
}
