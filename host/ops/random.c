/* Philox numbers on the device (cl/random.cl, cl/random_sphere.cl). */
#include "ops/random.h"

#include "ops/launch_shape.h"

static int prepare(const clg_ops *o, const char *name, double flops, double touched, clg_tensor y,
                   clg_elementwise *e)
{
    int status = CLG_OK;
    uint64_t n = clg__tensor_len(y);
    CLG_TRY(clg__want_store(name, "y", y, y.dtype, n));
    CLG_TRY(clg__elementwise(o, "step", name, clg__store_option(y.dtype), (uint32_t)n, flops,
                             touched * clg__dtype_size(y.dtype), e));
out:
    return status;
}

/* uniform and normal take the same arguments: y, n, the key's words, two floats. */
static int fill_random(const clg_ops *o, const char *name, const clg_rng_key *key, float a, float b,
                       double flops, clg_tensor y)
{
    int status = CLG_OK;
    clg_elementwise e;
    CLG_TRY(prepare(o, name, flops, 1.0, y, &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(y), CLG_ARG((uint32_t)clg__tensor_len(y)),
                                 CLG_KEY_ARGS(key), CLG_ARG(a), CLG_ARG(b))));
out:
    return status;
}

int clg__random_uniform(const clg_ops *o, const clg_rng_key *key, float lo, float hi, clg_tensor y)
{
    return fill_random(o, "random_uniform", key, lo, hi - lo, 30.0, y);
}

int clg__random_normal(const clg_ops *o, const clg_rng_key *key, float mean, float std,
                       clg_tensor y)
{
    return fill_random(o, "random_normal", key, mean, std, 60.0, y);
}

int clg__random_add_normal(const clg_ops *o, const clg_rng_key *key, float std, clg_tensor y)
{
    int status = CLG_OK;
    clg_elementwise e;
    CLG_TRY(prepare(o, "random_add_normal", 61.0, 2.0, y, &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(y), CLG_ARG((uint32_t)clg__tensor_len(y)),
                                 CLG_KEY_ARGS(key), CLG_ARG(std))));
out:
    return status;
}

int clg__random_sphere(const clg_ops *o, const clg_rng_key *key, clg_tensor y)
{
    int status = CLG_OK;
    clg_row_kernel k;
    if (y.rank != 2) {
        return clg__fail(CLG_E_INTERNAL, "random_sphere: y has rank %u, wants rows of points",
                         y.rank);
    }
    uint32_t n = y.dim[0], c = y.dim[1];
    double len = (double)n * c;
    CLG_TRY(clg__want_store("random_sphere", "y", y, y.dtype, (uint64_t)n * c));
    CLG_TRY(
        clg__row_kernel(o, "random_sphere", "random_sphere", clg__store_option(y.dtype), 1, &k));
    CLG_TRY(clg__launch(o->rt, k.kernel,
                        clg__row_grid(&k, 1, n, 120.0 * len, clg__dtype_size(y.dtype) * len),
                        CLG_ARGS(CLG_ARG(y), CLG_ARG(c), CLG_KEY_ARGS(key))));
out:
    return status;
}
