/* Status codes and the last message of the calling thread.
 *
 * Every function of the library that can fail returns an int: CLG_OK (0) or one of the negative
 * codes below. The text is written once, where the fault is found, and kept per thread until the
 * next fault. The library never prints and never exits. */
#ifndef CLGAN_STATUS_H
#define CLGAN_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Marks what a program outside the library may call. */
#if defined(__GNUC__)
#define CLG_API __attribute__((visibility("default")))
#else
#define CLG_API
#endif

/* X(name, value, text): the only list of status codes. */
#define CLG_STATUS_LIST(X)                                                  \
    X(CLG_OK, 0, "ok")                                                      \
    X(CLG_E_INTERNAL, -1, "internal error")                                 \
    X(CLG_E_USAGE, -2, "wrong option, key or value")                        \
    X(CLG_E_DEVICE, -3, "no usable OpenCL device")                          \
    X(CLG_E_DATA, -4, "data set missing, broken or of the wrong shape")     \
    X(CLG_E_DEVICE_MEMORY, -5, "out of device memory")                      \
    X(CLG_E_IO, -6, "file cannot be read or written")                       \
    X(CLG_E_CHECKPOINT, -7, "checkpoint broken or of another model")        \
    X(CLG_E_NUMERIC, -8, "a loss or weight is not finite")                  \
    X(CLG_E_MODEL, -9, "model file wrong")                                  \
    X(CLG_E_MEMORY, -10, "out of host memory")                              \
    X(CLG_E_OPENCL, -11, "an OpenCL call failed")                           \
    X(CLG_E_MISMATCH, -12, "results differ")                                \
    X(CLG_E_INTERRUPTED, -13, "stopped by a signal")

enum clg_status {
#define CLG_X(name, value, text) name = (value),
    CLG_STATUS_LIST(CLG_X)
#undef CLG_X
};

/* Name of a status ("CLG_E_IO") and its general text; "unknown status" for other numbers.
 * Static strings, never NULL. */
CLG_API const char *clg_status_name(int status);
CLG_API const char *clg_status_text(int status);

/* One line that says what failed and where, for the last fault on this thread ("" if none), and
 * one line that says what to do next ("" if there is nothing to advise). Valid until the next
 * fault on this thread. */
CLG_API const char *clg_message(void);
CLG_API const char *clg_hint(void);

#ifdef __cplusplus
}
#endif
#endif
