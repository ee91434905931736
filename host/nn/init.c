/* Initial values of a net's parameters, drawn on the host. */
#include <math.h>

#include "base/mem.h"
#include "nn/net_internal.h"

/* PyTorch's bound of weights and biases: 1/sqrt(fan_in), where a transposed conv's fan_in is
 * out*k*k because its weight is [in,out,k,k]. */
static float torch_bound(const clg_layer *l)
{
    double fan_in = (double)clg__layer_in(l);
    if (l->op != CLG_LAYER_LINEAR) {
        uint32_t c = l->op == CLG_LAYER_DECONV2D ? l->out_c : l->in_c;
        fan_in = (double)c * l->kernel * l->kernel;
    }
    return (float)(1.0 / sqrt(fan_in));
}

static void set_all(float value, float *dst, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        dst[i] = value;
    }
}

static void draw_weight(const clg_init *init, const clg_layer *l, const clg_rng_key *key,
                        float *dst, uint64_t n)
{
    if (l->op == CLG_LAYER_EMBEDDING) {
        clg__philox_normal(key, 0.0f, 1.0f, dst, n);
        return;
    }
    float bound = init->kind == CLG_INIT_UNIFORM ? init->std : torch_bound(l);
    switch (init->kind) {
    case CLG_INIT_NORMAL:
        clg__philox_normal(key, 0.0f, init->std, dst, n);
        break;
    case CLG_INIT_CONSTANT:
        set_all(init->std, dst, n);
        break;
    default:
        clg__philox_uniform(key, -bound, bound, dst, n);
    }
}

static void draw_bias(const clg_init *init, const clg_layer *l, const clg_rng_key *key, float *dst,
                      uint64_t n)
{
    if (l->bias_init == CLG_BIAS_DEFAULT && !init->bias_zero) {
        clg__philox_uniform(key, -torch_bound(l), torch_bound(l), dst, n);
    } else {
        set_all(l->bias_init == CLG_BIAS_CONSTANT ? l->bias_value : 0.0f, dst, n);
    }
}

static void draw_tensor(const clg_init *init, const clg_layer *l, enum clg_part part,
                        const clg_rng_key *key, float *dst, uint64_t n)
{
    switch (part) {
    case CLG_PART_W:
        draw_weight(init, l, key, dst, n);
        break;
    case CLG_PART_B:
        draw_bias(init, l, key, dst, n);
        break;
    case CLG_PART_NORM_W:
        clg__philox_normal(key, init->norm_mean, init->norm_std, dst, n);
        break;
    default:
        set_all(part == CLG_PART_VAR ? 1.0f : 0.0f, dst, n);
    }
}

int clg__net_init(clg_net *net, uint64_t seed, enum clg_stream stream)
{
    float *host = clg__alloc(net->host_len, sizeof *host);
    if (host == NULL) {
        return CLG_E_MEMORY;
    }
    /* Drawn in the files' order, so that the numbers do not depend on the device layout, and each
     * tensor from its own counter, so that one does not depend on the sizes of the others. */
    for (uint32_t i = 0; i < net->entries; i++) {
        const clg_net_entry *e = &net->entry[i];
        clg_rng_key key = { .seed = seed, .stream = (uint32_t)stream, .step = i };
        draw_tensor(&net->plan.init, &net->plan.layer[e->block], e->part, &key,
                    host + e->host_at, e->tensor.len);
    }
    int status = clg__net_write(net, CLG_NET_VALUE, host);
    clg__free(host);
    net->batches_tracked = 0;
    return status;
}
