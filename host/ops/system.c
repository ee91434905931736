/* Rows of the drawn systems on the device (cl/system.cl). */
#include "ops/system.h"

#include "ops/launch_shape.h"
#include "ops/random.h"

int clg__system_draw(const clg_ops *o, enum clg_system system, const clg_rng_key *key, clg_tensor y)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint32_t dim = clg__system_dim(system);
    if (dim == 0) {
        return clg__fail(CLG_E_INTERNAL, "system_draw: there is no system %d", (int)system);
    }
    uint64_t n = clg__tensor_len(y) / dim;
    CLG_TRY(clg__want_store("system_draw", "y", y, y.dtype, n * dim));
    CLG_TRY(clg__elementwise(o, "system", "system_draw", clg__store_option(y.dtype), (uint32_t)n,
                             100.0, (double)clg__dtype_size(y.dtype) * dim, &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(y), CLG_ARG((uint32_t)n), CLG_ARG(dim),
                                 CLG_ARG((uint32_t)system), CLG_KEY_ARGS(key))));
out:
    return status;
}
