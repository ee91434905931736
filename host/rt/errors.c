/* OpenCL error numbers as text and as status codes. */
#include "rt/rt_internal.h"

#include <stdarg.h>
#include <stdio.h>

#define OPENCL_ERRORS(X)                                                                           \
    X(CL_DEVICE_NOT_FOUND)                                                                         \
    X(CL_DEVICE_NOT_AVAILABLE) X(CL_COMPILER_NOT_AVAILABLE) X(CL_MEM_OBJECT_ALLOCATION_FAILURE) X( \
        CL_OUT_OF_RESOURCES) X(CL_OUT_OF_HOST_MEMORY) X(CL_PROFILING_INFO_NOT_AVAILABLE)           \
        X(CL_MEM_COPY_OVERLAP) X(CL_BUILD_PROGRAM_FAILURE) X(CL_MAP_FAILURE) X(                    \
            CL_MISALIGNED_SUB_BUFFER_OFFSET) X(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST)       \
            X(CL_COMPILE_PROGRAM_FAILURE) X(CL_LINKER_NOT_AVAILABLE) X(CL_LINK_PROGRAM_FAILURE) X( \
                CL_KERNEL_ARG_INFO_NOT_AVAILABLE) X(CL_INVALID_VALUE) X(CL_INVALID_DEVICE_TYPE)    \
                X(CL_INVALID_PLATFORM) X(CL_INVALID_DEVICE) X(CL_INVALID_CONTEXT) X(               \
                    CL_INVALID_QUEUE_PROPERTIES) X(CL_INVALID_COMMAND_QUEUE)                       \
                    X(CL_INVALID_HOST_PTR) X(CL_INVALID_MEM_OBJECT) X(CL_INVALID_BINARY) X(        \
                        CL_INVALID_BUILD_OPTIONS) X(CL_INVALID_PROGRAM)                            \
                        X(CL_INVALID_PROGRAM_EXECUTABLE) X(CL_INVALID_KERNEL_NAME) X(              \
                            CL_INVALID_KERNEL_DEFINITION) X(CL_INVALID_KERNEL)                     \
                            X(CL_INVALID_ARG_INDEX) X(CL_INVALID_ARG_VALUE) X(CL_INVALID_ARG_SIZE) \
                                X(CL_INVALID_KERNEL_ARGS) X(CL_INVALID_WORK_DIMENSION)             \
                                    X(CL_INVALID_WORK_GROUP_SIZE) X(CL_INVALID_WORK_ITEM_SIZE)     \
                                        X(CL_INVALID_GLOBAL_OFFSET) X(CL_INVALID_EVENT_WAIT_LIST)  \
                                            X(CL_INVALID_EVENT) X(CL_INVALID_OPERATION)            \
                                                X(CL_INVALID_BUFFER_SIZE)                          \
                                                    X(CL_INVALID_GLOBAL_WORK_SIZE)                 \
                                                        X(CL_INVALID_PROPERTY)                     \
                                                            X(CL_PLATFORM_NOT_FOUND_KHR)

const char *clg__rt_error_name(int error)
{
    switch (error) {
    case CL_SUCCESS:
        return "CL_SUCCESS";
#define X(name)                                                                                    \
    case name:                                                                                     \
        return #name;
        OPENCL_ERRORS(X)
#undef X
    default:
        return "unknown OpenCL error";
    }
}

int clg__rt_fail(cl_int error, const char *fmt, ...)
{
    char text[384];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (error == CL_OUT_OF_HOST_MEMORY) {
        return clg__fail(CLG_E_MEMORY, "%s: %s (%d)", text, clg__rt_error_name(error), error);
    }
    if (error == CL_MEM_OBJECT_ALLOCATION_FAILURE) {
        int status =
            clg__fail(CLG_E_DEVICE_MEMORY, "%s: %s (%d)", text, clg__rt_error_name(error), error);
        return clg__hint(status, "take a smaller batch, image size or width");
    }
    if (error == CL_OUT_OF_RESOURCES) { /* drivers say so for nearly everything */
        int status = clg__fail(CLG_E_OPENCL, "%s: %s (%d)", text, clg__rt_error_name(error), error);
        return clg__hint(status, "the device ran out of memory, or a kernel crashed or ran too "
                                 "long: try a smaller batch, then clgan selftest");
    }
    return clg__fail(CLG_E_OPENCL, "%s: %s (%d)", text, clg__rt_error_name(error), error);
}
