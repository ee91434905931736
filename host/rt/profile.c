/* Times per kernel. On drivers whose event times can be believed: events of a profiling queue;
 * on others: the wall clock around each launch, with the queue empty before and after. */
#include "rt/rt_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/os.h"

/* Seconds between two moments of an event; negative: not to be believed. */
static double event_seconds(cl_event ev)
{
    cl_ulong start = 0, end = 0;
    if (clGetEventProfilingInfo(ev, CL_PROFILING_COMMAND_START, sizeof start, &start, NULL) !=
            CL_SUCCESS ||
        clGetEventProfilingInfo(ev, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL) !=
            CL_SUCCESS ||
        start == 0 || end < start) {
        return -1;
    }
    return (double)(end - start) * 1e-9;
}

static bool is_plausible(double event_s, double wall_s)
{
    return event_s > 0 && event_s < 1.2 * wall_s + 1e-4;
}

/* Fills some megabytes twice and compares the event's time with the clock on the wall. */
int clg__rt_timing_choose(clg_rt *rt)
{
    int status = CLG_OK;
    clg_buffer *probe = NULL;
    if (rt->timing != CLG_RT_TIMING_EVENTS) {
        return CLG_OK;
    }
    CLG_TRY(clg__buffer_create(rt, CLG_U32, 1u << 20, "timer probe", &probe));
    bool good = true;
    for (int i = 0; i < 2 && good; i++) {
        static const cl_uint zero = 0;
        cl_event ev = NULL;
        double begun = clg__os_now_s();
        cl_int err = clEnqueueFillBuffer(rt->queue, probe->mem, &zero, sizeof zero, 0,
                                         (size_t)probe->bytes, 0, NULL, &ev);
        if (err != CL_SUCCESS) {
            CLG_TRY(clg__rt_fail(err, "timer probe"));
        }
        err = clFinish(rt->queue);
        good = err == CL_SUCCESS && is_plausible(event_seconds(ev), clg__os_now_s() - begun);
        clReleaseEvent(ev);
    }
    if (!good) {
        clg__log(CLG_LOG_INFO, "%s: event times are not plausible, timing by the wall clock",
                 rt->info.name);
        rt->timing = CLG_RT_TIMING_WALL;
    }
out:
    clg__buffer_destroy(&probe);
    return status;
}

static void add_time(clg_rt_timed *t)
{
    double s = event_seconds(t->ev);
    clReleaseEvent(t->ev);
    if (s <= 0) {
        return;
    }
    t->kernel->profile_s += s;
    if (t->kernel->calls > 1 && t->units > 0) {
        clg__rt_note_rate(t->kernel, s, t->units);
    }
}

int clg__rt_timing_collect(clg_rt *rt)
{
    int status = CLG_OK;
    if (rt->timed_count > 0) {
        status = clg__rt_finish(rt);
    }
    for (unsigned i = 0; i < rt->timed_count; i++) {
        add_time(&rt->timed[i]);
    }
    rt->timed_count = 0;
    return status;
}

void clg__rt_timing_add(clg_rt *rt, clg_kernel *k, cl_event ev, double units)
{
    rt->timed[rt->timed_count++] = (clg_rt_timed){ .ev = ev, .kernel = k, .units = units };
    if (rt->timed_count == CLG_RT_EVENTS) {
        clg__rt_timing_collect(rt); /* an error comes back at the next call of the queue */
    }
}

/* ---- work of others ---- */

double clg__rt_foreign_begin(clg_rt *rt)
{
    if (rt->timing == CLG_RT_TIMING_NONE || clg__rt_finish(rt) != CLG_OK) {
        return 0;
    }
    return clg__os_now_s();
}

static clg_rt_foreign *find_foreign(clg_rt *rt, const char *name)
{
    for (clg_rt_foreign *f = rt->foreign; f != NULL; f = f->next) {
        if (strcmp(f->name, name) == 0) {
            return f;
        }
    }
    clg_rt_foreign *f = clg__alloc(1, sizeof *f);
    if (f != NULL) {
        snprintf(f->name, sizeof f->name, "%s", name);
        f->next = rt->foreign;
        rt->foreign = f;
    }
    return f;
}

void clg__rt_foreign_end(clg_rt *rt, double begun, const char *kernel, double flops, double bytes)
{
    if (rt->timing == CLG_RT_TIMING_NONE || begun <= 0 || clg__rt_finish(rt) != CLG_OK) {
        return;
    }
    clg_rt_foreign *f = find_foreign(rt, kernel);
    if (f != NULL) {
        f->calls++;
        f->seconds += clg__os_now_s() - begun;
        f->flops += flops;
        f->bytes += bytes;
    }
}

/* ---- rows ---- */

static void add_row(clg_profile_row *rows, size_t *n, const char *name, uint64_t calls,
                    double seconds, double flops, double bytes)
{
    clg_profile_row *row = NULL;
    if (calls == 0) {
        return;
    }
    for (size_t i = 0; i < *n && row == NULL; i++) {
        row = strncmp(rows[i].kernel, name, sizeof rows[i].kernel - 1) == 0 ? &rows[i] : NULL;
    }
    if (row == NULL) {
        row = &rows[(*n)++];
        snprintf(row->kernel, sizeof row->kernel, "%.63s", name);
    }
    row->calls += calls;
    row->total_ms += 1e3 * seconds;
    row->flops += flops;
    row->bytes += bytes;
}

static int compare_rows(const void *a, const void *b)
{
    const clg_profile_row *x = a, *y = b;
    if (x->total_ms != y->total_ms) {
        return x->total_ms < y->total_ms ? 1 : -1;
    }
    return strcmp(x->kernel, y->kernel);
}

static size_t count_rows(const clg_rt *rt)
{
    size_t n = 0;
    for (unsigned i = 0; i < CLG_RT_KERNEL_SLOTS; i++) {
        for (const clg_kernel *k = rt->kernels[i]; k != NULL; k = k->next) {
            n++;
        }
    }
    for (const clg_rt_foreign *f = rt->foreign; f != NULL; f = f->next) {
        n++;
    }
    return n;
}

int clg__rt_profile(clg_rt *rt, clg_profile_row **rows, size_t *n)
{
    int status = CLG_OK;
    *rows = NULL;
    *n = 0;
    CLG_TRY(clg__rt_finish(rt));
    CLG_TRY(clg__rt_timing_collect(rt));
    *rows = clg__alloc(count_rows(rt) + 1, sizeof **rows);
    if (*rows == NULL) {
        return CLG_E_MEMORY;
    }
    for (unsigned i = 0; i < CLG_RT_KERNEL_SLOTS; i++) {
        for (const clg_kernel *k = rt->kernels[i]; k != NULL; k = k->next) {
            add_row(*rows, n, k->name, k->profile_calls, k->profile_s, k->profile_flops,
                    k->profile_bytes);
        }
    }
    for (const clg_rt_foreign *f = rt->foreign; f != NULL; f = f->next) {
        add_row(*rows, n, f->name, f->calls, f->seconds, f->flops, f->bytes);
    }
    qsort(*rows, *n, sizeof **rows, compare_rows);
out:
    return status;
}

void clg__rt_profile_reset(clg_rt *rt)
{
    clg__rt_timing_collect(rt);
    for (unsigned i = 0; i < CLG_RT_KERNEL_SLOTS; i++) {
        for (clg_kernel *k = rt->kernels[i]; k != NULL; k = k->next) {
            k->profile_calls = 0;
            k->profile_s = k->profile_flops = k->profile_bytes = 0;
        }
    }
    for (clg_rt_foreign *f = rt->foreign; f != NULL; f = f->next) {
        f->calls = 0;
        f->seconds = f->flops = f->bytes = 0;
    }
}

void clg__rt_profile_free(clg_rt *rt)
{
    for (unsigned i = 0; i < rt->timed_count; i++) {
        clReleaseEvent(rt->timed[i].ev);
    }
    rt->timed_count = 0;
    while (rt->foreign != NULL) {
        clg_rt_foreign *f = rt->foreign;
        rt->foreign = f->next;
        clg__free(f);
    }
}
