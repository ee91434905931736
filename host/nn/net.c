/* Making and freeing a net: slabs, saved activations, the table of named tensors. The passes are in
 * forward.c and backward.c, host copies in host_copy.c, initial values in init.c. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "nn/net_internal.h"
#include "ops/loss_scale.h"

/* ---- sizes ---- */

static void count_buffer(clg_bytes *b, enum clg_dtype dtype, uint64_t count)
{
    clg__bytes_add(b, clg__dtype_size(dtype) * count);
}

static bool has_scale(const clg_net_options *opt)
{
    return opt->train && opt->store == CLG_F16;
}

static uint64_t work_len(const clg_net_layout *layout, const clg_net_options *opt)
{
    return opt->store != CLG_F32 ? layout->params : 0;
}

static uint64_t folded_len(const clg_net_plan *plan, const clg_net_layout *layout,
                           const clg_net_options *opt)
{
    bool any = false;
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        any |= plan->layer[i].norm == CLG_NORM_BATCH;
    }
    return any && !opt->train && opt->store == CLG_F32 ? layout->params : 0;
}

/* Buffers of activations, in floats: one per block, or those that the blocks take turns in. */
static uint32_t saved_count(const clg_net_plan *plan, const clg_net_layout *layout, bool train)
{
    return train ? plan->layer_count : layout->graph.activations.count;
}

static uint64_t saved_len(const clg_net_layout *layout, const clg_net_options *opt, uint32_t i)
{
    return (opt->train ? layout->block[i].out : layout->graph.activations.len[i]) * opt->max_batch;
}

static uint64_t kept_len(const clg_net_plan *plan, const clg_net_layout *layout,
                         const clg_net_options *opt, uint32_t i)
{
    const bool norm = plan->layer[i].norm == CLG_NORM_BATCH;
    const bool keeps = opt->train && (layout->graph.node[i].keeps || (opt->fast && norm));
    return keeps ? layout->block[i].out * opt->max_batch : 0u;
}

/* Slabs of the length of the parameters, in the order of enum clg_net_kind. */
static int slab_count(const clg_net_options *opt)
{
    return !opt->train ? 1 : opt->optimizer == CLG_OPTIMIZER_SGD ? 3 : 4;
}

static uint32_t count_parameters(const clg_net_plan *plan, const clg_net_layout *layout)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        for (int p = 0; p < CLG_PART_MEAN; p++) {
            n += layout->block[i].len[p] != 0;
        }
    }
    return n;
}

/* Segments of clg__net_sumsq, then four counters on a view boundary. */
static uint64_t segments_len(uint32_t parameters)
{
    return clg__round_up64(2u * (uint64_t)parameters, CLG_VIEW_FLOATS) + CLG_VIEW_FLOATS;
}

int clg__net_bytes(const clg_ops *ops, const clg_net_plan *plan, const clg_net_options *opt,
                  clg_bytes *out)
{
    clg_net_layout layout;
    const bool fast = opt->fast && opt->train;
    int status = clg__net_layout_make(plan, &layout);
    if (status != CLG_OK) {
        return status;
    }
    *out = (clg_bytes){ 0 };
    for (int i = 0; i < slab_count(opt); i++) {
        count_buffer(out, CLG_F32, layout.params);
    }
    count_buffer(out, opt->store, work_len(&layout, opt));
    count_buffer(out, CLG_F32, folded_len(plan, &layout, opt));
    count_buffer(out, CLG_F32, has_scale(opt) ? CLG_LOSS_SCALE_LEN : 0);
    count_buffer(out, CLG_F32, layout.stats);
    count_buffer(out, CLG_F32, layout.batch_stats);
    for (uint32_t i = 0; i < saved_count(plan, &layout, opt->train); i++) {
        count_buffer(out, opt->store, saved_len(&layout, opt, i));
    }
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        count_buffer(out, opt->store, kept_len(plan, &layout, opt, i));
        count_buffer(out, CLG_F32,
                     fast ? clg__net_turned_len(ops, &plan->layer[i], opt->max_batch) : 0);
        for (uint32_t p = 0; p < clg__net_ready_passes(opt); p++) {
            count_buffer(out, CLG_F32,
                         clg__net_ready_len(ops, &plan->layer[i], opt->max_batch,
                                            (enum clg_pass)p));
        }
    }
    count_buffer(out, CLG_F32, fast ? clg__net_back_len(ops, plan, opt->max_batch) : 0);
    count_buffer(out, CLG_U32, segments_len(count_parameters(plan, &layout)));
    return CLG_OK;
}

/* ---- views ---- */

static clg_tensor shape_part(const clg_layer *l, clg_tensor slab, uint64_t at, uint64_t len,
                             enum clg_part part)
{
    if (part != CLG_PART_W) {
        return clg__tensor_vec(slab, at, (uint32_t)len);
    }
    if (l->op == CLG_LAYER_LINEAR || l->op == CLG_LAYER_EMBEDDING) {
        uint32_t out = (uint32_t)clg__layer_out(l);
        return clg__tensor_view(slab, at, 2, (uint32_t)(len / out), out, 0, 0);
    }
    bool back = l->op == CLG_LAYER_DECONV2D; /* a conv read backwards: C is its output */
    return clg__tensor_view(slab, at, 4, l->kernel, l->kernel, back ? l->out_c : l->in_c,
                            back ? l->in_c : l->out_c);
}

clg_tensor clg__net_part_in(const clg_net *net, clg_buffer *slab, uint32_t block,
                            enum clg_part part)
{
    const uint64_t len = net->layout.block[block].len[part];
    return len == 0 ? CLG_NO_TENSOR
                    : shape_part(&net->plan.layer[block], clg__tensor_all(slab),
                                 net->layout.block[block].at[part], len, part);
}

clg_tensor clg__net_part(const clg_net *net, enum clg_net_kind kind, uint32_t block,
                         enum clg_part part)
{
    clg_buffer *slab = part < CLG_PART_MEAN ? net->slab[kind] : net->stats;
    return slab == NULL ? CLG_NO_TENSOR : clg__net_part_in(net, slab, block, part);
}

/* ---- the table of tensors ---- */

static void describe_shape(const clg_layer *l, enum clg_part part, clg_net_tensor *t)
{
    t->rank = 1;
    t->dim[0] = t->len;
    if (part != CLG_PART_W) {
        return;
    }
    if (l->op == CLG_LAYER_LINEAR || l->op == CLG_LAYER_EMBEDDING) {
        uint64_t out = clg__layer_out(l), in = t->len / out;
        t->rank = 2; /* linear [out,in], embedding [classes,out] */
        t->dim[0] = l->op == CLG_LAYER_LINEAR ? out : in;
        t->dim[1] = l->op == CLG_LAYER_LINEAR ? in : out;
        return;
    }
    bool back = l->op == CLG_LAYER_DECONV2D; /* conv [out,in,k,k], transposed conv [in,out,k,k] */
    t->rank = 4;
    t->dim[0] = back ? l->in_c : l->out_c;
    t->dim[1] = back ? l->out_c : l->in_c;
    t->dim[2] = l->kernel;
    t->dim[3] = l->kernel;
}

static int make_table(clg_net *net)
{
    static const char *const leaf[CLG_PART_COUNT] = { "weight", "bias", "weight",
                                                      "bias",   "running_mean", "running_var" };
    net->entry = clg__alloc((size_t)net->plan.layer_count * CLG_PART_COUNT, sizeof *net->entry);
    if (net->entry == NULL) {
        return CLG_E_MEMORY;
    }
    for (uint32_t i = 0; i < net->plan.layer_count; i++) {
        const clg_layer *l = &net->plan.layer[i];
        for (int p = 0; p < CLG_PART_COUNT; p++) {
            uint64_t len = net->layout.block[i].len[p];
            if (len == 0) {
                continue;
            }
            clg_net_entry *e = &net->entry[net->entries++];
            *e = (clg_net_entry){ .block = i, .part = (enum clg_part)p, .host_at = net->host_len };
            e->tensor.len = len;
            e->tensor.is_buffer = p >= CLG_PART_MEAN;
            snprintf(e->tensor.name, sizeof e->tensor.name, "%s.%s",
                     p < CLG_PART_NORM_W ? l->name : l->norm_name, leaf[p]);
            describe_shape(l, (enum clg_part)p, &e->tensor);
            net->host_len += len;
            net->parameters += !e->tensor.is_buffer;
        }
    }
    return CLG_OK;
}

/* ---- create, destroy ---- */

static int make_buffer(clg_net *net, enum clg_dtype dtype, uint64_t count, const char *label,
                       clg_buffer **out)
{
    if (count == 0) {
        return CLG_OK;
    }
    int status = clg__buffer_create(net->ops->rt, dtype, count, label, out);
    return status != CLG_OK ? clg__context(status, "%s, %s", net->label, label) : CLG_OK;
}

static int make_slab(clg_net *net, uint64_t floats, const char *label, clg_buffer **out)
{
    int status = make_buffer(net, CLG_F32, floats, label, out);
    if (status == CLG_OK && *out != NULL) {
        status = clg__rt_zero(net->ops->rt, clg__tensor_all(*out));
    }
    return status;
}

static int make_buffers(clg_net *net, const clg_net_options *opt)
{
    static const char *const label[4] = { "parameters", "gradients", "first moments",
                                          "second moments" };
    int status = CLG_OK;
    for (int i = 0; i < slab_count(opt); i++) {
        CLG_TRY(make_slab(net, net->layout.params, label[i], &net->slab[i]));
    }
    CLG_TRY(make_slab(net, net->layout.stats, "running statistics", &net->stats));
    CLG_TRY(make_buffer(net, opt->store, work_len(&net->layout, opt), "working weights",
                        &net->work));
    CLG_TRY(make_buffer(net, CLG_F32, folded_len(&net->plan, &net->layout, opt), "folded weights",
                        &net->folded));
    CLG_TRY(make_buffer(net, CLG_F32, net->layout.batch_stats, "batch statistics",
                        &net->batch_stats));
    for (uint32_t i = 0; i < saved_count(&net->plan, &net->layout, opt->train); i++) {
        CLG_TRY(make_buffer(net, opt->store, saved_len(&net->layout, opt, i), "activations",
                            &net->saved[i]));
    }
    for (uint32_t i = 0; i < net->plan.layer_count; i++) {
        CLG_TRY(make_buffer(net, opt->store, kept_len(&net->plan, &net->layout, opt, i),
                            "activations", &net->kept[i]));
        for (uint32_t p = 0; p < clg__net_ready_passes(opt); p++) {
            CLG_TRY(make_buffer(net, CLG_F32,
                                clg__net_ready_len(net->ops, &net->plan.layer[i], opt->max_batch,
                                                   (enum clg_pass)p),
                                "filters", &net->ready[i][p].buf));
        }
    }
    CLG_TRY(clg__net_refit(net));
    if (has_scale(opt)) {
        CLG_TRY(make_buffer(net, CLG_F32, CLG_LOSS_SCALE_LEN, "loss scale", &net->scale));
        CLG_TRY(clg__rt_write(net->ops->rt, clg__tensor_all(net->scale), CLG_LOSS_SCALE_START));
    }
out:
    return status;
}

static int make_segments(clg_net *net)
{
    uint64_t len = segments_len(net->parameters);
    uint32_t *host = net->segments_host = clg__alloc(len, sizeof *host);
    if (host == NULL) {
        return CLG_E_MEMORY;
    }
    uint32_t row = 0;
    for (uint32_t i = 0; i < net->entries; i++) {
        const clg_net_entry *e = &net->entry[i];
        if (!e->tensor.is_buffer) {
            host[2u * row] = (uint32_t)net->layout.block[e->block].at[e->part];
            host[2u * row + 1u] = (uint32_t)e->tensor.len;
            row++;
        }
    }
    int status = CLG_OK;
    CLG_TRY(clg__buffer_create(net->ops->rt, CLG_U32, len, "segments", &net->segments));
    CLG_TRY(clg__rt_write_async(net->ops->rt, clg__tensor_all(net->segments), host,
                                &net->segments_sent));
out:
    return status;
}

int clg__net_create(clg_net **out, const clg_ops *ops, clg_scratch *scratch,
                    const clg_net_plan *plan, const clg_net_options *opt)
{
    *out = NULL;
    int status = CLG_OK;
    clg_net *net = clg__alloc(1, sizeof *net);
    if (net == NULL) {
        return CLG_E_MEMORY;
    }
    net->ops = ops;
    net->scratch = scratch;
    net->plan = *plan;
    net->max_batch = opt->max_batch;
    net->train = opt->train;
    net->store = opt->store;
    net->apart = opt->apart;
    net->fast = opt->fast && opt->train;
    net->version = 1;
    net->label = opt->label != NULL ? opt->label : "net";
    if (opt->max_batch == 0) {
        status = clg__fail(CLG_E_INTERNAL, "%s: a net needs a batch of at least 1", net->label);
        goto out;
    }
    CLG_TRY(clg__net_layout_make(plan, &net->layout));
    CLG_TRY(make_table(net));
    CLG_TRY(make_buffers(net, opt));
    CLG_TRY(make_segments(net));
    *out = net;
    return CLG_OK;
out:
    clg__net_destroy(&net);
    return status;
}

void clg__net_destroy(clg_net **pnet)
{
    if (pnet == NULL || *pnet == NULL) {
        return;
    }
    clg_net *net = *pnet;
    for (int i = 0; i < 4; i++) {
        clg__buffer_destroy(&net->slab[i]);
    }
    clg__buffer_destroy(&net->work);
    clg__buffer_destroy(&net->folded);
    clg__buffer_destroy(&net->scale);
    clg__buffer_destroy(&net->stats);
    clg__buffer_destroy(&net->batch_stats);
    clg__net_turned_free(net);
    for (uint32_t i = 0; i < CLG_LAYERS_MAX; i++) {
        clg__buffer_destroy(&net->saved[i]);
        clg__buffer_destroy(&net->kept[i]);
        for (uint32_t p = 0; p < CLG_READY_PASSES; p++) {
            clg__buffer_destroy(&net->ready[i][p].buf);
        }
    }
    (void)clg__event_wait(net->segments_sent);
    clg__event_free(&net->segments_sent);
    clg__free(net->segments_host);
    clg__buffer_destroy(&net->segments);
    clg__free(net->entry);
    clg__free(net);
    *pnet = NULL;
}

/* ---- queries ---- */

const clg_net_plan *clg__net_plan(const clg_net *net)
{
    return &net->plan;
}

uint32_t clg__net_tensor_count(const clg_net *net)
{
    return net->entries;
}

const clg_net_tensor *clg__net_tensor_at(const clg_net *net, uint32_t i)
{
    return &net->entry[i].tensor;
}

uint64_t clg__net_host_len(const clg_net *net)
{
    return net->host_len;
}

uint64_t clg__net_host_offset(const clg_net *net, uint32_t i)
{
    return net->entry[i].host_at;
}

uint64_t clg__net_batches_tracked(const clg_net *net)
{
    return net->batches_tracked;
}

void clg__net_set_batches_tracked(clg_net *net, uint64_t value)
{
    net->batches_tracked = value;
}

bool clg__net_has(const clg_net *net, enum clg_net_kind kind)
{
    return net->slab[kind] != NULL;
}

uint32_t clg__net_parameter_count(const clg_net *net)
{
    return net->parameters;
}

const char *clg__net_parameter_name(const clg_net *net, uint32_t i)
{
    for (uint32_t j = 0; j < net->entries; j++) {
        if (!net->entry[j].tensor.is_buffer && i-- == 0) {
            return net->entry[j].tensor.name;
        }
    }
    return "";
}
