/* Copies of a net's tensors on the host, in PyTorch's shapes: the only place where channels-last
 * meets channels-first. Initial values too. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "nn/net_internal.h"

/* ---- order of elements ---- */

/* Place of feature i of an image [h,w,c] in PyTorch's order [c,h,w]; i itself without an image. */
static uint64_t file_feature(uint64_t i, uint32_t h, uint32_t w, uint32_t c)
{
    if (c == 0) {
        return i;
    }
    uint64_t pixel = i / c, channel = i % c;
    return channel * ((uint64_t)h * w) + pixel;
}

static uint64_t file_out(const clg_layer *l, uint64_t k)
{
    return file_feature(k, l->image_out_h, l->image_out_w, l->image_out_c);
}

/* Calls for every element would be slow for a million of them, so each layout is one loop with the
 * direction inside: device [R,S,C,K] <-> file [K,C,R,S], which for a linear layer (R = S = 1) is
 * the transposition [C,K] <-> [K,C]. */
static void permute_weight(const clg_layer *l, const float *src, float *dst, bool to_file)
{
    bool flat = l->op == CLG_LAYER_LINEAR, back = l->op == CLG_LAYER_DECONV2D;
    uint64_t taps = flat ? 1u : (uint64_t)l->kernel * l->kernel;
    uint64_t c_len = flat ? clg__layer_in(l) : back ? l->out_c : l->in_c;
    uint64_t k_len = flat ? clg__layer_out(l) : back ? l->in_c : l->out_c;
    for (uint64_t rs = 0; rs < taps; rs++) {
        for (uint64_t c = 0; c < c_len; c++) {
            uint64_t fc = flat ? file_feature(c, l->image_in_h, l->image_in_w, l->image_in_c) : c;
            for (uint64_t k = 0; k < k_len; k++) {
                uint64_t fk = flat ? file_out(l, k) : k;
                uint64_t device = (rs * c_len + c) * k_len + k;
                uint64_t file = (fk * c_len + fc) * taps + rs;
                if (to_file) {
                    dst[file] = src[device];
                } else {
                    dst[device] = src[file];
                }
            }
        }
    }
}

static void permute(const clg_layer *l, const clg_net_entry *e, const float *src, float *dst,
                    bool to_file)
{
    if (e->part == CLG_PART_W) {
        permute_weight(l, src, dst, to_file);
        return;
    }
    for (uint64_t i = 0; i < e->tensor.len; i++) {
        uint64_t file = l->op == CLG_LAYER_LINEAR ? file_out(l, i) : i;
        dst[to_file ? file : i] = src[to_file ? i : file];
    }
}

/* ---- read, write ---- */

static float *make_staging(const clg_net *net)
{
    uint64_t most = 1;
    for (uint32_t i = 0; i < net->entries; i++) {
        most = net->entry[i].tensor.len > most ? net->entry[i].tensor.len : most;
    }
    return clg__alloc(most, sizeof(float));
}

static int check_kind(const clg_net *net, enum clg_net_kind kind)
{
    return net->slab[kind] != NULL
               ? CLG_OK
               : clg__fail(CLG_E_INTERNAL, "%s has no gradients or moments", net->label);
}

int clg__net_read(clg_net *net, enum clg_net_kind kind, float *dst)
{
    int status = check_kind(net, kind);
    if (status != CLG_OK) {
        return status;
    }
    float *staging = make_staging(net);
    if (staging == NULL) {
        return CLG_E_MEMORY;
    }
    for (uint32_t i = 0; i < net->entries; i++) {
        const clg_net_entry *e = &net->entry[i];
        if (e->tensor.is_buffer && kind != CLG_NET_VALUE) {
            memset(dst + e->host_at, 0, e->tensor.len * sizeof *dst);
            continue;
        }
        CLG_TRY(clg__rt_read(net->ops->rt, clg__net_part(net, kind, e->block, e->part), staging));
        permute(&net->plan.layer[e->block], e, staging, dst + e->host_at, true);
    }
out:
    clg__free(staging);
    return status;
}

int clg__net_write(clg_net *net, enum clg_net_kind kind, const float *src)
{
    int status = check_kind(net, kind);
    if (status != CLG_OK) {
        return status;
    }
    float *staging = make_staging(net);
    if (staging == NULL) {
        return CLG_E_MEMORY;
    }
    for (uint32_t i = 0; i < net->entries; i++) {
        const clg_net_entry *e = &net->entry[i];
        if (e->tensor.is_buffer && kind != CLG_NET_VALUE) {
            continue;
        }
        permute(&net->plan.layer[e->block], e, src + e->host_at, staging, false);
        CLG_TRY(clg__rt_write(net->ops->rt, clg__net_part(net, kind, e->block, e->part), staging));
    }
out:
    clg__free(staging);
    return status;
}

/* ---- initial values ---- */

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

static void draw_tensor(const clg_init *init, const clg_layer *l, enum clg_part part,
                        const clg_rng_key *key, float *dst, uint64_t n)
{
    float bound = torch_bound(l);
    float constant = part == CLG_PART_VAR ? 1.0f : 0.0f;
    if (part == CLG_PART_NORM_W) {
        clg__philox_normal(key, init->norm_mean, init->norm_std, dst, n);
    } else if (part == CLG_PART_B && !init->bias_zero) {
        clg__philox_uniform(key, -bound, bound, dst, n);
    } else if (part == CLG_PART_W && init->kind == CLG_INIT_NORMAL) {
        clg__philox_normal(key, 0.0f, init->std, dst, n);
    } else if (part == CLG_PART_W && init->kind == CLG_INIT_UNIFORM) {
        clg__philox_uniform(key, -init->std, init->std, dst, n);
    } else if (part == CLG_PART_W) {
        clg__philox_uniform(key, -bound, bound, dst, n);
    } else {
        for (uint64_t i = 0; i < n; i++) {
            dst[i] = constant;
        }
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
