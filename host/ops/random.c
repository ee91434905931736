/* Philox numbers on the device (cl/random.cl). */
#include "ops/random.h"

#include "ops/launch_shape.h"

/* Both kernels take the same arguments: y, n, the key's words, two floats. */
static int fill_random(const clg_ops *o, const char *name, const clg_rng_key *key, float a, float b,
                       double flops, clg_tensor y)
{
    int status = CLG_OK;
    clg_elementwise e;
    uint64_t n = clg__tensor_len(y);
    CLG_TRY(clg__want(name, "y", y, CLG_F32, n));
    CLG_TRY(clg__elementwise(o, "random", name, "", (uint32_t)n, flops, 4.0, &e));
    CLG_TRY(clg__launch(o->rt, e.kernel, e.grid,
                        CLG_ARGS(CLG_ARG(y), CLG_ARG((uint32_t)n),
                                 CLG_ARG((uint32_t)(key->seed & UINT32_MAX)),
                                 CLG_ARG((uint32_t)(key->seed >> 32)), CLG_ARG(key->stream),
                                 CLG_ARG((uint32_t)(key->step & UINT32_MAX)),
                                 CLG_ARG((uint32_t)(key->step >> 32)), CLG_ARG(a), CLG_ARG(b))));
out:
    return status;
}

int clg__random_uniform(const clg_ops *o, const clg_rng_key *key, float lo, float hi, clg_tensor y)
{
    return fill_random(o, "random_uniform", key, lo, hi - lo, 30.0, y);
}

int clg__random_normal(const clg_ops *o, const clg_rng_key *key, float mean, float std, clg_tensor y)
{
    return fill_random(o, "random_normal", key, mean, std, 60.0, y);
}
