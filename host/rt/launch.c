/* Enqueueing kernels: argument checks, slices for long launches, flushing now and then. */
#include "rt/rt_internal.h"

#include <string.h>

#include "base/os.h"

/* A launch expected to run longer is sliced. Half of the promised 100 ms: rates vary by shape. On a CPU no
 * display waits for a launch, and a second Ctrl-C ends the process at once, while a slice's global offset
 * makes pocl compile the kernel once more: slices are for launches of whole seconds there. */
static const double SLICE_S = 0.05, SLICE_CPU_S = 0.5;
/* A kernel whose launch is guessed to take longer than this share of a slice is timed a few times, to know
 * when to slice. */
static const double MEASURE_SHARE = 0.04;
/* Work handed to the driver at the latest after so much of it, so that it starts early. */
static const double FLUSH_S = 0.05;
enum { FLUSH_LAUNCHES = 128 };

clg_grid clg__grid(uint32_t dims, size_t g0, size_t g1, size_t g2)
{
    return (clg_grid){ .dims = dims,
                       .global = { g0, dims > 1 ? g1 : 1, dims > 2 ? g2 : 1 },
                       .local = { 1, 1, 1 } };
}

clg_grid clg__grid_local(uint32_t dims, const size_t groups[3], const size_t local[3])
{
    clg_grid g = { .dims = dims, .global = { 1, 1, 1 }, .local = { 1, 1, 1 } };
    for (uint32_t i = 0; i < dims && i < 3; i++) {
        g.global[i] = groups[i] * local[i];
        g.local[i] = local[i];
    }
    return g;
}

/* ---- arguments ---- */

static const char *want_name(enum clg_rt_want want)
{
    static const char *const names[] = { "anything",    "float buffer",    "uchar buffer",
                                         "uint buffer", "half buffer",     "bfloat16 buffer",
                                         "buffer",      "int",             "uint",
                                         "float" };
    return names[want];
}

static int wrong_type(const clg_kernel *k, cl_uint at, const char *given)
{
    return clg__fail(CLG_E_INTERNAL, "%s: argument %u is a %s, the kernel wants %s", k->name, at,
                     given, want_name(k->slot[at].want));
}

static bool takes_buffer(enum clg_rt_want want, enum clg_dtype dtype)
{
    switch (want) {
    case CLG_RT_WANT_F32_PTR:
        return dtype == CLG_F32;
    case CLG_RT_WANT_U8_PTR:
        return dtype == CLG_U8;
    case CLG_RT_WANT_U32_PTR:
        return dtype == CLG_U32;
    case CLG_RT_WANT_F16_PTR:
        return dtype == CLG_F16;
    case CLG_RT_WANT_BF16_PTR:
        return dtype == CLG_BF16;
    default:
        return want == CLG_RT_WANT_PTR || want == CLG_RT_WANT_ANY;
    }
}

static int set_slot(clg_kernel *k, cl_uint at, uint64_t value, size_t size, const void *bytes)
{
    clg_rt_slot *slot = &k->slot[at];
    if (slot->set && slot->value == value) {
        return CLG_OK;
    }
    cl_int err = clSetKernelArg(k->kernel, at, size, bytes);
    slot->set = err == CL_SUCCESS;
    slot->value = value;
    return err == CL_SUCCESS ? CLG_OK : clg__rt_fail(err, "%s: argument %u", k->name, at);
}

static int set_buffer(const clg_rt *rt, clg_kernel *k, cl_uint at, const clg_tensor *t)
{
    static const char *const names[] = { "float buffer", "uchar buffer", "uint buffer",
                                         "half buffer", "bfloat16 buffer" };
    if (t->buf == NULL) { /* the kernel is told by a flag not to touch it */
        return set_slot(k, at, rt->dummy->serial, sizeof rt->dummy->mem, &rt->dummy->mem);
    }
    if (!takes_buffer(k->slot[at].want, t->dtype)) {
        return wrong_type(k, at, names[t->dtype]);
    }
    return set_slot(k, at, t->buf->serial, sizeof t->buf->mem, &t->buf->mem);
}

static int set_scalar(clg_kernel *k, cl_uint at, enum clg_rt_want given, uint32_t bits)
{
    enum clg_rt_want want = k->slot[at].want;
    if (want != given && want != CLG_RT_WANT_ANY) {
        return wrong_type(k, at, want_name(given));
    }
    return set_slot(k, at, bits, sizeof bits, &bits);
}

static int set_arguments(const clg_rt *rt, clg_kernel *k, clg_args args)
{
    int status = CLG_OK;
    cl_uint count = args.count;
    for (uint32_t i = 0; i < args.count; i++) {
        count += args.list[i].kind == CLG_ARG_TENSOR;
    }
    if (count != k->arg_count) {
        return clg__fail(CLG_E_INTERNAL,
                         "%s: %u arguments given, the kernel takes %u (a tensor "
                         "counts as two)",
                         k->name, count, k->arg_count);
    }
    cl_uint at = 0;
    for (uint32_t i = 0; i < args.count; i++) {
        const clg_arg *arg = &args.list[i];
        uint32_t bits = 0;
        switch (arg->kind) {
        case CLG_ARG_TENSOR:
            CLG_TRY(set_buffer(rt, k, at++, &arg->tensor));
            CLG_TRY(set_scalar(k, at++, CLG_RT_WANT_U32, arg->tensor.off));
            break;
        case CLG_ARG_I32:
            memcpy(&bits, &arg->v.i, sizeof bits);
            CLG_TRY(set_scalar(k, at++, CLG_RT_WANT_I32, bits));
            break;
        case CLG_ARG_U32:
            CLG_TRY(set_scalar(k, at++, CLG_RT_WANT_U32, arg->v.u));
            break;
        case CLG_ARG_F32:
            memcpy(&bits, &arg->v.f, sizeof bits);
            CLG_TRY(set_scalar(k, at++, CLG_RT_WANT_F32, bits));
            break;
        }
    }
out:
    return status;
}

/* ---- grid ---- */

static int check_grid(const clg_rt *rt, const clg_kernel *k, const clg_grid *g)
{
    size_t group = 1;
    if (g->dims < 1 || g->dims > 3) {
        return clg__fail(CLG_E_INTERNAL, "%s: grid of %u dimensions", k->name, g->dims);
    }
    for (uint32_t i = 0; i < g->dims; i++) {
        size_t local = g->local[i], fixed = k->fixed_local[i];
        if (local == 0 || g->global[i] == 0 || g->global[i] % local != 0) {
            return clg__fail(CLG_E_INTERNAL, "%s: dimension %u has %zu items in groups of %zu",
                             k->name, i, g->global[i], local);
        }
        if (local > rt->info.max_work_item[i] || (fixed != 0 && fixed != local)) {
            return clg__fail(CLG_E_INTERNAL, "%s: group of %zu in dimension %u, may be %s %zu",
                             k->name, local, i, fixed ? "only" : "up to",
                             fixed ? fixed : rt->info.max_work_item[i]);
        }
        group *= local;
    }
    if (group > k->max_work_group) {
        return clg__fail(CLG_E_INTERNAL, "%s: group of %zu items, the kernel allows %zu on %s",
                         k->name, group, k->max_work_group, rt->info.name);
    }
    return CLG_OK;
}

/* Work of a launch in flops, else bytes, else items; and the guessed seconds per unit. */
static double count_units(const clg_rt *rt, const clg_grid *g, double *guess)
{
    if (g->flops > 0) {
        *guess = rt->guess_s_per_flop;
        return g->flops;
    }
    if (g->bytes > 0) {
        *guess = rt->guess_s_per_byte;
        return g->bytes;
    }
    *guess = rt->guess_s_per_item;
    return (double)g->global[0] * (double)g->global[1] * (double)g->global[2];
}

static double slice_seconds(const clg_rt *rt)
{
    return rt->info.type == CLG_DEVICE_CPU ? SLICE_CPU_S : SLICE_S;
}

/* Work-groups of the last dimension per enqueue. */
static size_t slice_groups(const clg_rt *rt, const clg_grid *g, double expected_s)
{
    uint32_t last = g->dims - 1;
    size_t groups = g->global[last] / g->local[last];
    if (expected_s <= slice_seconds(rt) || groups < 2 || g->together) {
        return groups;
    }
    double share = (double)groups * slice_seconds(rt) / expected_s;
    return share < 1 ? 1 : (size_t)share;
}

static int enqueue(clg_rt *rt, clg_kernel *k, const clg_grid *g, double units, double expected_s)
{
    uint32_t last = g->dims - 1;
    size_t groups = g->global[last] / g->local[last], step = slice_groups(rt, g, expected_s);
    bool whole = step >= groups;
    for (size_t first = 0; first < groups; first += step) {
        size_t n = groups - first < step ? groups - first : step;
        size_t offset[3] = { 0 }, global[3] = { g->global[0], g->global[1], g->global[2] };
        offset[last] = first * g->local[last];
        global[last] = n * g->local[last];
        cl_event ev = NULL;
        cl_int err = clEnqueueNDRangeKernel(rt->queue, k->kernel, g->dims, whole ? NULL : offset,
                                            global, g->local, 0, NULL,
                                            rt->timing == CLG_RT_TIMING_EVENTS ? &ev : NULL);
        if (err != CL_SUCCESS) {
            return clg__rt_fail(err,
                                "%s: launch of %zu x %zu x %zu items in groups of %zu x %zu "
                                "x %zu",
                                k->name, g->global[0], g->global[1], g->global[2], g->local[0],
                                g->local[1], g->local[2]);
        }
        if (ev != NULL) {
            clg__rt_timing_add(rt, k, ev, units * (double)n / (double)groups);
        }
        if (!whole) { /* each slice is work of its own for the display to get between */
            clFlush(rt->queue);
        }
    }
    return CLG_OK;
}

/* The best of the first few times counts (the others may hold compilation or page faults), and
 * anew when the work has grown a lot. */
static bool wants_measuring(const clg_rt *rt, const clg_kernel *k, double units, double guess)
{
    return rt->timing == CLG_RT_TIMING_NONE && k->calls > 0 &&
           units * guess > MEASURE_SHARE * slice_seconds(rt) &&
           (k->measurements < CLG_RT_MEASUREMENTS || units > 4 * k->measured_units);
}

void clg__rt_note_rate(clg_kernel *k, double seconds, double units)
{
    double rate = seconds / units;
    if (k->measurements == 0 || units > 4 * k->measured_units || rate < k->seconds_per_unit) {
        k->seconds_per_unit = rate;
        k->measured_units = units;
    }
    k->measurements++;
}

/* Enqueues with the queue empty before and waits: how long did it take? */
static int enqueue_timed(clg_rt *rt, clg_kernel *k, const clg_grid *g, double units,
                         double expected_s)
{
    int status = CLG_OK;
    CLG_TRY(clg__rt_finish(rt));
    double begun = clg__os_now_s();
    CLG_TRY(enqueue(rt, k, g, units, expected_s));
    CLG_TRY(clg__rt_finish(rt));
    double took = clg__os_now_s() - begun;
    clg__rt_note_rate(k, took, units);
    if (rt->timing == CLG_RT_TIMING_WALL) {
        k->profile_s += took;
    }
out:
    return status;
}

int clg__launch(clg_rt *rt, clg_kernel *k, clg_grid grid, clg_args args)
{
    int status = CLG_OK;
    CLG_TRY(clg__rt_settle(rt));
    CLG_TRY(set_arguments(rt, k, args));
    CLG_TRY(check_grid(rt, k, &grid));
    double guess = 0;
    double units = count_units(rt, &grid, &guess);
    double expected_s = units * (k->seconds_per_unit > 0 ? k->seconds_per_unit : guess);
    if (rt->timing == CLG_RT_TIMING_WALL || wants_measuring(rt, k, units, guess)) {
        CLG_TRY(enqueue_timed(rt, k, &grid, units, expected_s));
    } else {
        CLG_TRY(enqueue(rt, k, &grid, units, expected_s));
        rt->unflushed_s += expected_s;
        if (rt->unflushed_s > FLUSH_S || ++rt->unflushed >= FLUSH_LAUNCHES) {
            CLG_TRY(clg__rt_flush(rt));
        }
    }
    k->calls++;
    if (rt->timing != CLG_RT_TIMING_NONE) {
        k->profile_calls++;
        k->profile_flops += grid.flops;
        k->profile_bytes += grid.bytes;
    }
out:
    return status;
}
