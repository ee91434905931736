/* A tensor is a view: buffer + element offset + shape. No ownership. Kernels take it as two
 * arguments, buffer and offset. Fewer than 2^32 elements per buffer. */
#ifndef CLG_RT_TENSOR_H
#define CLG_RT_TENSOR_H

#include <stdbool.h>
#include <stdint.h>

typedef struct clg_rt clg_rt;
typedef struct clg_buffer clg_buffer;
typedef struct clg_kernel clg_kernel;

/* CLG_F16 and CLG_BF16 are storage only: kernels compute in float. */
enum clg_dtype { CLG_F32, CLG_U8, CLG_U32, CLG_F16, CLG_BF16 };

typedef struct clg_tensor {
    clg_buffer *buf; /* NULL: "no tensor" where an argument is optional */
    uint32_t off;    /* in elements */
    enum clg_dtype dtype;
    uint32_t rank;   /* 1 .. 4; 0 only for "no tensor" */
    uint32_t dim[4]; /* first rank entries */
} clg_tensor;

static const clg_tensor CLG_NO_TENSOR = { 0 };

/* Whole buffer as a vector. */
clg_tensor clg__tensor_all(clg_buffer *buf);
/* View of `t` (seen as a vector) from element `first` on with the given shape; rank 1..4, unused
 * dims 0. The caller guarantees that it lies inside (asserted in debug builds). */
clg_tensor clg__tensor_view(clg_tensor t, uint64_t first, uint32_t rank, uint32_t d0, uint32_t d1,
                            uint32_t d2, uint32_t d3);
/* The same bytes as elements of another type: workspace of floats that holds 16-bit values. For
 * kernels only: transfers want the buffer's own type. The offset must fit (asserted). */
clg_tensor clg__tensor_as(clg_tensor t, enum clg_dtype dtype);
static inline clg_tensor clg__tensor_vec(clg_tensor t, uint64_t first, uint32_t len)
{
    return clg__tensor_view(t, first, 1, len, 0, 0, 0);
}
static inline bool clg__tensor_is(clg_tensor t) { return t.buf != 0; }
uint64_t clg__tensor_len(clg_tensor t);
uint32_t clg__dtype_size(enum clg_dtype d);
/* What a kernel file needs to read and write activations of that type by `load` and `save`:
 * "-DSTORE=1" or "-DSTORE=2"; "" for floats. */
const char *clg__store_option(enum clg_dtype dtype);

#endif
