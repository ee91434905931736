/* Launching a kernel in one expression:
 *
 *     clg__launch(rt, k, clg__grid(1, groups, 0, 0), CLG_ARGS(CLG_ARG(x), CLG_ARG(y), CLG_ARG(n)))
 *
 * CLG_ARG takes a clg_tensor (two kernel arguments: buffer, uint offset), int32_t, uint32_t or
 * float; anything else does not compile. The number of arguments is checked against the kernel.
 * Order in every kernel: inputs, outputs, sizes, scalars. Local memory is declared in kernels with
 * fixed sizes, never passed.
 *
 * Kernels find their place by get_global_id / get_local_id, never get_group_id, get_num_groups or
 * get_global_size: a launch that is expected to run longer than 100 ms (on a CPU, a second) is enqueued in
 * slices along the grid's last dimension with a global offset. */
#ifndef CLG_RT_LAUNCH_H
#define CLG_RT_LAUNCH_H

#include "rt/rt.h"

typedef struct clg_grid {
    uint32_t dims;
    size_t global[3], local[3]; /* local 0: 1 for CPU-family kernels is set by clg__grid */
    double flops, bytes;        /* of the whole launch, for profile and slicing; 0 = unknown */
    bool together;              /* its work-items wait for each other: never sliced */
} clg_grid;

/* Work-groups of one item each (CPU family), or of unknown shape: local = 1. */
clg_grid clg__grid(uint32_t dims, size_t g0, size_t g1, size_t g2);
/* GPU family: `groups` work-groups of `local` items per dimension (global = groups * local). */
clg_grid clg__grid_local(uint32_t dims, const size_t groups[3], const size_t local[3]);

enum clg_arg_kind { CLG_ARG_TENSOR, CLG_ARG_I32, CLG_ARG_U32, CLG_ARG_F32 };
typedef struct clg_arg {
    enum clg_arg_kind kind;
    clg_tensor tensor;
    union {
        int32_t i;
        uint32_t u;
        float f;
    } v;
} clg_arg;

static inline clg_arg clg__arg_tensor(clg_tensor t) { return (clg_arg){ .kind = CLG_ARG_TENSOR, .tensor = t }; }
static inline clg_arg clg__arg_i32(int32_t i) { return (clg_arg){ .kind = CLG_ARG_I32, .v.i = i }; }
static inline clg_arg clg__arg_u32(uint32_t u) { return (clg_arg){ .kind = CLG_ARG_U32, .v.u = u }; }
static inline clg_arg clg__arg_f32(float f) { return (clg_arg){ .kind = CLG_ARG_F32, .v.f = f }; }

#define CLG_ARG(x)                 \
    _Generic((x),                  \
        clg_tensor: clg__arg_tensor, \
        int32_t: clg__arg_i32,     \
        uint32_t: clg__arg_u32,    \
        float: clg__arg_f32)(x)

typedef struct clg_args {
    const clg_arg *list;
    uint32_t count;
} clg_args;
#define CLG_ARGS(...)                                                          \
    ((clg_args){ (const clg_arg[]){ __VA_ARGS__ },                             \
                 (uint32_t)(sizeof((const clg_arg[]){ __VA_ARGS__ }) / sizeof(clg_arg)) })

/* Enqueues; never waits. A "no tensor" argument binds a small dummy buffer (the kernel must be
 * told by a flag not to touch it). */
int clg__launch(clg_rt *rt, clg_kernel *k, clg_grid grid, clg_args args);

#endif
