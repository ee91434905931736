/* Parts of buffers as objects of their own, for libraries that take no offset, and events that such
 * libraries make (rt/native.h). */
#include "base/mem.h"
#include "rt/rt_internal.h"

int clg__tensor_native_tail(clg_tensor t, void **mem)
{
    uint64_t size = clg__dtype_size(t.dtype), len = clg__tensor_len(t);
    cl_uint align_bits = 0;
    cl_int err = clGetDeviceInfo(t.buf->rt->device, CL_DEVICE_MEM_BASE_ADDR_ALIGN,
                                 sizeof align_bits, &align_bits, NULL);

    *mem = NULL;
    if (err != CL_SUCCESS) {
        return clg__rt_fail(err, "clGetDeviceInfo: alignment of sub-buffers");
    }
    uint64_t align = align_bits / 8 > 0 ? align_bits / 8 : 1;
    uint64_t start = (t.off * size + align - 1) / align * align, end = (t.off + len) * size;
    if (start >= end || start - t.off * size > CLG_NATIVE_SLACK * size) {
        return clg__fail(CLG_E_INTERNAL, "native tail: %llu elements at %u do not reach the next "
                         "multiple of %llu bytes", (unsigned long long)len, t.off,
                         (unsigned long long)align);
    }
    cl_buffer_region region = { .origin = (size_t)start, .size = (size_t)(end - start) };
    cl_mem part = clCreateSubBuffer(t.buf->mem, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION,
                                    &region, &err);
    if (err != CL_SUCCESS) {
        return clg__rt_fail(err, "clCreateSubBuffer: %zu bytes at %zu", region.size, region.origin);
    }
    *mem = part;
    return CLG_OK;
}

int clg__event_native(void *event, clg_event **out)
{
    *out = clg__alloc(1, sizeof **out);
    if (*out == NULL) {
        (void)clReleaseEvent(event);
        return CLG_E_MEMORY;
    }
    (*out)->ev = event;
    return CLG_OK;
}

void clg__native_release(void **mem)
{
    if (*mem != NULL) {
        (void)clReleaseMemObject(*mem);
        *mem = NULL;
    }
}
