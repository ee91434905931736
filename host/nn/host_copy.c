/* Copies of a net's tensors on the host, in PyTorch's shapes: the only place where channels-last
 * meets channels-first. A linear layer that reads an image (a concat of images too: its channels
 * are those of both, in their order) has PyTorch's order C,H,W of features in files. */
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

/* The other way round. */
static uint64_t device_feature(uint64_t i, uint32_t h, uint32_t w, uint32_t c)
{
    uint64_t area = (uint64_t)h * w;
    return c == 0 ? i : i % area * c + i / area;
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
    for (uint64_t c = 0; c < c_len; c++) {
        uint64_t fc = flat ? file_feature(c, l->image_in_h, l->image_in_w, l->image_in_c) : c;
        for (uint64_t k = 0; k < k_len; k++) {
            uint64_t fk = flat ? file_out(l, k) : k;
            for (uint64_t rs = 0; rs < taps; rs++) { /* one line of the file, `taps` rows here */
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
    if (e->part == CLG_PART_W && l->op == CLG_LAYER_EMBEDDING) {
        memcpy(dst, src, e->tensor.len * sizeof *dst); /* [classes,out] on both sides */
        return;
    }
    if (e->part == CLG_PART_W) {
        permute_weight(l, src, dst, to_file);
        return;
    }
    for (uint64_t i = 0; i < e->tensor.len; i++) {
        uint64_t file = l->op == CLG_LAYER_LINEAR ? file_out(l, i) : i;
        dst[to_file ? file : i] = src[to_file ? i : file];
    }
}

uint64_t clg__net_device_index(const clg_net *net, uint32_t i, uint64_t at)
{
    const clg_net_entry *e = &net->entry[i];
    const clg_layer *l = &net->plan.layer[e->block];
    const uint64_t *dim = e->tensor.dim;
    if (l->op == CLG_LAYER_EMBEDDING) {
        return at;
    }
    if (e->part != CLG_PART_W) {
        return l->op == CLG_LAYER_LINEAR
                   ? device_feature(at, l->image_out_h, l->image_out_w, l->image_out_c)
                   : at;
    }
    uint64_t taps = e->tensor.rank == 4 ? dim[2] * dim[3] : 1u;
    uint64_t rs = at % taps, c = at / taps % dim[1], k = at / taps / dim[1];
    if (l->op == CLG_LAYER_LINEAR) {
        c = device_feature(c, l->image_in_h, l->image_in_w, l->image_in_c);
        k = device_feature(k, l->image_out_h, l->image_out_w, l->image_out_c);
    }
    return (rs * dim[1] + c) * dim[0] + k;
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
    if (status == CLG_OK && kind == CLG_NET_GRAD) {
        status = clg__net_unscale(net);
    }
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
    clg__net_touch(net);
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

int clg__net_write_tensor(clg_net *net, uint32_t i, const float *src)
{
    const clg_net_entry *e = &net->entry[i];
    float *staging = clg__alloc(e->tensor.len, sizeof *staging);
    if (staging == NULL) {
        return CLG_E_MEMORY;
    }
    clg__net_touch(net);
    permute(&net->plan.layer[e->block], e, src, staging, false);
    int status = clg__rt_write(net->ops->rt, clg__net_part(net, CLG_NET_VALUE, e->block, e->part),
                               staging);
    clg__free(staging);
    return status;
}
