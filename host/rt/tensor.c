/* Views: shape arithmetic only, no OpenCL. */
#include "rt/rt_internal.h"

#include <assert.h>

uint32_t clg__dtype_size(enum clg_dtype d)
{
    return d == CLG_U8 ? 1u : d == CLG_F16 || d == CLG_BF16 ? 2u : 4u;
}

const char *clg__store_option(enum clg_dtype dtype)
{
    return dtype == CLG_F16 ? "-DSTORE=1" : dtype == CLG_BF16 ? "-DSTORE=2" : "";
}

clg_tensor clg__tensor_all(clg_buffer *buf)
{
    return (
        clg_tensor){ .buf = buf, .dtype = buf->dtype, .rank = 1, .dim = { (uint32_t)buf->count } };
}

uint64_t clg__tensor_len(clg_tensor t)
{
    uint64_t len = t.rank > 0 ? 1 : 0;
    for (uint32_t i = 0; i < t.rank; i++) {
        len *= t.dim[i];
    }
    return len;
}

clg_tensor clg__tensor_view(clg_tensor t, uint64_t first, uint32_t rank, uint32_t d0, uint32_t d1,
                            uint32_t d2, uint32_t d3)
{
    clg_tensor v = { .buf = t.buf,
                     .off = (uint32_t)(t.off + first),
                     .dtype = t.dtype,
                     .rank = rank,
                     .dim = { d0, rank > 1 ? d1 : 0, rank > 2 ? d2 : 0, rank > 3 ? d3 : 0 } };
    assert(rank >= 1 && rank <= 4);
    assert(first + clg__tensor_len(v) <= clg__tensor_len(t));
    return v;
}

clg_tensor clg__tensor_as(clg_tensor t, enum clg_dtype dtype)
{
    const uint64_t from = clg__dtype_size(t.dtype), to = clg__dtype_size(dtype);
    const uint64_t off = t.off * from / to, len = clg__tensor_len(t) * from / to;
    assert(off <= UINT32_MAX && len <= UINT32_MAX);
    return (clg_tensor){
        .buf = t.buf, .off = (uint32_t)off, .dtype = dtype, .rank = 1, .dim = { (uint32_t)len }
    };
}
