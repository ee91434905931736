/* The OpenCL handles behind our objects, as void pointers, for a library that wants them raw
 * (CLBlast: host/blas/clblast*.c). Nothing else may use them. They stay owned by rt / buf. */
#ifndef CLG_RT_NATIVE_H
#define CLG_RT_NATIVE_H

#include "rt/rt.h"

void *clg__rt_native_device(const clg_rt *rt);   /* cl_device_id */
void *clg__rt_native_queue(const clg_rt *rt);    /* cl_command_queue, in order */
void *clg__buffer_native(const clg_buffer *buf); /* cl_mem */
/* A cl_mem of its own over the tail of view t, for a library that takes no offset: it starts at the
 * first element from which the device allows one, at most CLG_NATIVE_SLACK elements into t. Given
 * back by clg__native_release, which may come before the work that uses it is done. */
enum { CLG_NATIVE_SLACK = 1024 };
int clg__tensor_native_tail(clg_tensor t, void **mem);
void clg__native_release(void **mem); /* NULL is fine */
/* Takes over a cl_event of such work. CLG_E_MEMORY: then it is released. */
int clg__event_native(void *event, clg_event **out);
/* CL_VERSION-style name of an OpenCL error: "CL_OUT_OF_RESOURCES"; "unknown OpenCL error". */
const char *clg__rt_error_name(int error);

/* Has what clg__rt_hold keeps back enqueued: before work of others is. */
int clg__rt_settle(clg_rt *rt);

/* Tells the profile about work that was enqueued on the native queue by somebody else: bracket it
 * with begin/end. Without profiling both do nothing; with it they wait for the queue. */
double clg__rt_foreign_begin(clg_rt *rt);
void clg__rt_foreign_end(clg_rt *rt, double begun, const char *kernel, double flops, double bytes);

#endif
