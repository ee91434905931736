/* Device memory with an account of it, and transfers. */
#include "rt/rt_internal.h"

#include <string.h>

#include "base/mem.h"
#include "base/os.h"

enum { LARGE_BYTES = 4 << 20 };

static double as_mib(uint64_t bytes)
{
    return (double)bytes / 1048576.0;
}

static int out_of_memory(const clg_rt *rt, uint64_t wanted, const char *label, const char *why)
{
    uint64_t total = rt->info.global_mem_bytes;
    uint64_t left = total > rt->bytes_used ? total - rt->bytes_used : 0;
    int status = clg__fail(CLG_E_DEVICE_MEMORY,
                           "%s: buffer '%s' wants %llu bytes (%.1f MiB); %llu bytes (%.1f MiB) "
                           "used, %llu bytes (%.1f MiB) of %.1f MiB available: %s",
                           rt->info.name, label, (unsigned long long)wanted, as_mib(wanted),
                           (unsigned long long)rt->bytes_used, as_mib(rt->bytes_used),
                           (unsigned long long)left, as_mib(left), as_mib(total), why);
    return clg__hint(status, "take a smaller batch, image size or width");
}

/* CLGAN_POISON (tests): a new buffer holds bytes 0xff, which are NaN as float, half and bfloat16, so
 * that whatever is read before it was written shows in the results, on every driver. */
static int poison(clg_rt *rt, const clg_buffer *b)
{
    static const cl_uchar nan_byte = 0xff;
    cl_int err = clEnqueueFillBuffer(rt->queue, b->mem, &nan_byte, 1, 0, (size_t)b->bytes, 0, NULL,
                                     NULL);
    return err == CL_SUCCESS ? CLG_OK : clg__rt_fail(err, "poisoning '%s'", b->label);
}

/* For devices that compute in the host's memory. A map that fails is no harm: this was a wish, and a
 * driver without memory says so again at the first launch. */
static void prefer_large_pages(clg_rt *rt, const clg_buffer *b)
{
    cl_int err = CL_SUCCESS;
    if (rt->info.type != CLG_DEVICE_CPU || rt->is_simulator || b->bytes < LARGE_BYTES) {
        return;
    }
    /* Only the address is asked for: no waiting for what the queue has to do before. */
    void *memory = clEnqueueMapBuffer(rt->queue, b->mem, CL_FALSE, CL_MAP_WRITE_INVALIDATE_REGION,
                                      0, (size_t)b->bytes, 0, NULL, NULL, &err);
    if (err == CL_SUCCESS) {
        clg__os_prefer_large_pages(memory, (size_t)b->bytes);
        (void)clEnqueueUnmapMemObject(rt->queue, b->mem, memory, 0, NULL, NULL);
    }
}

int clg__buffer_create(clg_rt *rt, enum clg_dtype dtype, uint64_t count, const char *label,
                       clg_buffer **out)
{
    *out = NULL;
    if (count == 0 || count > UINT32_MAX) {
        return clg__fail(CLG_E_INTERNAL, "buffer '%s': %llu elements, may be 1 to %llu", label,
                         (unsigned long long)count, (unsigned long long)UINT32_MAX);
    }
    uint64_t bytes = count * clg__dtype_size(dtype);
    if (bytes > SIZE_MAX || bytes > rt->info.max_alloc_bytes) {
        return out_of_memory(rt, bytes, label, "larger than the device's largest allocation");
    }
    if (rt->info.global_mem_bytes > 0 && rt->bytes_used + bytes > rt->info.global_mem_bytes) {
        return out_of_memory(rt, bytes, label, "more than the device has");
    }
    clg_buffer *b = clg__alloc(1, sizeof *b);
    if (b == NULL) {
        return CLG_E_MEMORY;
    }
    cl_int err = CL_SUCCESS;
    b->mem = clCreateBuffer(rt->context, CL_MEM_READ_WRITE, (size_t)bytes, NULL, &err);
    if (err != CL_SUCCESS) {
        clg__free(b);
        return out_of_memory(rt, bytes, label, clg__rt_error_name(err));
    }
    b->rt = rt;
    b->serial = ++rt->next_serial;
    b->count = count;
    b->bytes = bytes;
    b->dtype = dtype;
    b->label = label;
    b->next = rt->buffers;
    if (b->next != NULL) {
        b->next->prev = b;
    }
    rt->buffers = b;
    rt->bytes_used += bytes;
    rt->bytes_peak = rt->bytes_used > rt->bytes_peak ? rt->bytes_used : rt->bytes_peak;
    *out = b;
    prefer_large_pages(rt, b);
    return rt->poison ? poison(rt, b) : CLG_OK;
}

void clg__buffer_destroy(clg_buffer **buf)
{
    clg_buffer *b = buf != NULL ? *buf : NULL;
    if (b == NULL) {
        return;
    }
    if (b->rt != NULL) {
        b->rt->bytes_used -= b->bytes;
        if (b->rt->buffers == b) {
            b->rt->buffers = b->next;
        }
    }
    if (b->prev != NULL) {
        b->prev->next = b->next;
    }
    if (b->next != NULL) {
        b->next->prev = b->prev;
    }
    clReleaseMemObject(b->mem);
    clg__free(b);
    *buf = NULL;
}

void *clg__buffer_native(const clg_buffer *buf)
{
    return buf->mem;
}

uint64_t clg__rt_bytes_used(const clg_rt *rt)
{
    return rt->bytes_used;
}
uint64_t clg__rt_bytes_peak(const clg_rt *rt)
{
    return rt->bytes_peak;
}

/* ---- transfers ---- */

typedef struct span {
    size_t start, bytes;
} span;

/* Byte range of a view, checked against its buffer. */
static int find_span(clg_tensor t, const char *what, span *out)
{
    if (t.buf == NULL) {
        return clg__fail(CLG_E_INTERNAL, "%s: no tensor", what);
    }
    uint64_t len = clg__tensor_len(t);
    if (t.dtype != t.buf->dtype || len == 0 || t.off + len > t.buf->count) {
        return clg__fail(CLG_E_INTERNAL, "%s: elements %u + %llu of buffer '%s', which has %llu",
                         what, t.off, (unsigned long long)len, t.buf->label,
                         (unsigned long long)t.buf->count);
    }
    size_t size = clg__dtype_size(t.dtype);
    *out = (span){ .start = t.off * size, .bytes = (size_t)len * size };
    return CLG_OK;
}

int clg__rt_read(clg_rt *rt, clg_tensor src, void *dst)
{
    int status = CLG_OK;
    span s = { 0 };
    CLG_TRY(clg__rt_settle(rt));
    CLG_TRY(find_span(src, "read", &s));
    cl_int err =
        clEnqueueReadBuffer(rt->queue, src.buf->mem, CL_TRUE, s.start, s.bytes, dst, 0, NULL, NULL);
    if (err != CL_SUCCESS) {
        return clg__rt_fail(err, "read of %zu bytes from '%s'", s.bytes, src.buf->label);
    }
    rt->unflushed_s = 0;
    rt->unflushed = 0;
out:
    return status;
}

/* For oclgrind 21.10: after a write from the host that does not cover the whole buffer its check for
 * uninitialised values reports reads of what was just written. So a part is written by writing the
 * whole; the price is that the rest of the buffer counts as initialised from then on. */
static int write_whole(clg_rt *rt, clg_tensor dst, span s, const void *src, cl_event *ev)
{
    cl_mem mem = dst.buf->mem;
    size_t bytes = (size_t)dst.buf->bytes;
    char *all = clg__alloc(bytes, 1);
    if (all == NULL) {
        return CLG_E_MEMORY;
    }
    cl_int err = clEnqueueReadBuffer(rt->queue, mem, CL_TRUE, 0, bytes, all, 0, NULL, NULL);
    if (err == CL_SUCCESS) {
        memcpy(all + s.start, src, s.bytes);
        err = clEnqueueWriteBuffer(rt->queue, mem, CL_TRUE, 0, bytes, all, 0, NULL, ev);
    }
    clg__free(all);
    return err == CL_SUCCESS ? CLG_OK
                             : clg__rt_fail(err, "write of %zu bytes to '%s'", s.bytes,
                                            dst.buf->label);
}

static int write_span(clg_rt *rt, clg_tensor dst, const void *src, cl_event *ev)
{
    int status = CLG_OK;
    span s = { 0 };
    CLG_TRY(find_span(dst, "write", &s));
    if (rt->is_simulator) {
        return write_whole(rt, dst, s, src, ev);
    }
    cl_int err = clEnqueueWriteBuffer(rt->queue, dst.buf->mem, ev == NULL ? CL_TRUE : CL_FALSE,
                                      s.start, s.bytes, src, 0, NULL, ev);
    if (err != CL_SUCCESS) {
        return clg__rt_fail(err, "write of %zu bytes to '%s'", s.bytes, dst.buf->label);
    }
out:
    return status;
}

int clg__rt_write(clg_rt *rt, clg_tensor dst, const void *src)
{
    int status = clg__rt_settle(rt);
    return status == CLG_OK ? write_span(rt, dst, src, NULL) : status;
}

int clg__rt_write_async(clg_rt *rt, clg_tensor dst, const void *src, clg_event **event)
{
    int status = CLG_OK;
    *event = NULL;
    clg_event *e = clg__alloc(1, sizeof *e);
    if (e == NULL) {
        return CLG_E_MEMORY;
    }
    CLG_TRY(write_span(rt, dst, src, &e->ev));
    *event = e;
    e = NULL;
    CLG_TRY(clg__rt_flush(rt));
out:
    clg__free(e);
    return status;
}

int clg__event_wait(clg_event *event)
{
    if (event == NULL) {
        return CLG_OK;
    }
    cl_int err = clWaitForEvents(1, &event->ev);
    return err == CL_SUCCESS ? CLG_OK : clg__rt_fail(err, "waiting for a transfer");
}

void clg__event_free(clg_event **event)
{
    if (event != NULL && *event != NULL) {
        clReleaseEvent((*event)->ev);
        clg__free(*event);
        *event = NULL;
    }
}

int clg__rt_copy(clg_rt *rt, clg_tensor src, clg_tensor dst)
{
    int status = CLG_OK;
    span from = { 0 }, to = { 0 };
    CLG_TRY(clg__rt_settle(rt));
    CLG_TRY(find_span(src, "copy from", &from));
    CLG_TRY(find_span(dst, "copy to", &to));
    if (from.bytes != to.bytes || src.dtype != dst.dtype) {
        return clg__fail(CLG_E_INTERNAL, "copy: %zu bytes of '%s' to %zu bytes of '%s'", from.bytes,
                         src.buf->label, to.bytes, dst.buf->label);
    }
    cl_int err = clEnqueueCopyBuffer(rt->queue, src.buf->mem, dst.buf->mem, from.start, to.start,
                                     from.bytes, 0, NULL, NULL);
    if (err != CL_SUCCESS) {
        return clg__rt_fail(err, "copy of %zu bytes from '%s' to '%s'", from.bytes, src.buf->label,
                            dst.buf->label);
    }
out:
    return status;
}

/* oclgrind 21.10 does not see a fill as initialisation and would report every read after it. */
static int write_zeros(clg_rt *rt, clg_tensor dst, size_t bytes)
{
    void *zeros = clg__alloc(bytes, 1);
    if (zeros == NULL) {
        return CLG_E_MEMORY;
    }
    int status = clg__rt_write(rt, dst, zeros);
    clg__free(zeros);
    return status;
}

int clg__rt_zero(clg_rt *rt, clg_tensor dst)
{
    int status = CLG_OK;
    static const cl_uint zero = 0;
    span s = { 0 };
    CLG_TRY(clg__rt_settle(rt));
    CLG_TRY(find_span(dst, "zero", &s));
    if (rt->is_simulator) {
        return write_zeros(rt, dst, s.bytes);
    }
    cl_int err = clEnqueueFillBuffer(rt->queue, dst.buf->mem, &zero, clg__dtype_size(dst.dtype),
                                     s.start, s.bytes, 0, NULL, NULL);
    if (err != CL_SUCCESS) {
        return clg__rt_fail(err, "zeroing %zu bytes of '%s'", s.bytes, dst.buf->label);
    }
out:
    return status;
}
