/* Forward through a net. Everything is enqueued; nothing is waited for. */
#include "nn/net_internal.h"

static bool takes_labels(const clg_net *net)
{
    for (uint32_t i = 0; i < net->plan.layer_count; i++) {
        if (net->plan.layer[i].from == CLG_FROM_LABEL) {
            return true;
        }
    }
    return false;
}

static int check_labels(const clg_net *net, const char *what, const clg_net_pass *pass)
{
    if (!takes_labels(net)) {
        return CLG_OK;
    }
    const clg_tensor *t = &pass->labels;
    if (clg__tensor_is(*t) && t->dtype == CLG_F32 && pass->mode != CLG_NET_TRAIN &&
        clg__tensor_len(*t) >= (uint64_t)pass->n * net->plan.classes) {
        return CLG_OK;
    }
    if (!clg__tensor_is(*t) || t->dtype != CLG_U32 || clg__tensor_len(*t) < pass->n) {
        return clg__fail(CLG_E_INTERNAL, "%s of %s: %u rows want as many labels (u32), not %llu",
                         what, net->label, pass->n,
                         clg__tensor_is(*t) ? (unsigned long long)clg__tensor_len(*t) : 0ull);
    }
    return CLG_OK;
}

int clg__net_check_pass(const clg_net *net, const char *what, const clg_net_pass *pass, bool want_x)
{
    uint32_t n = pass->n, groups = pass->groups;
    uint64_t in = clg__source_len(&net->plan, CLG_FROM_INPUT);
    if (n == 0 || n > net->max_batch || groups == 0 || groups > CLG_GROUPS_MAX || n % groups != 0) {
        return clg__fail(CLG_E_INTERNAL, "%s of %s: %u images in %u groups, the net is for %u",
                         what, net->label, n, groups, net->max_batch);
    }
    if (want_x && clg__tensor_is(pass->x) && clg__tensor_len(pass->x) < n * in) {
        return clg__fail(CLG_E_INTERNAL, "%s of %s: %u images want %llu floats, x has %llu", what,
                         net->label, n, (unsigned long long)(n * in),
                         (unsigned long long)clg__tensor_len(pass->x));
    }
    if (pass->mode == CLG_NET_TRAIN && !net->train) {
        return clg__fail(CLG_E_INTERNAL, "%s was not made for training", net->label);
    }
    if (clg__tensor_is(pass->y) &&
        (pass->mode != CLG_NET_TRAIN || !clg__net_writes_to(net) || pass->y.dtype != net->store ||
         clg__tensor_len(pass->y) < n * net->layout.block[net->plan.head[0]].out)) {
        return clg__fail(CLG_E_INTERNAL, "%s of %s: y has %llu elements of type %d, and the net "
                         "does not write %u images there", what, net->label,
                         (unsigned long long)clg__tensor_len(pass->y), (int)pass->y.dtype, n);
    }
    return check_labels(net, what, pass);
}

/* A dropout changes nothing outside training: its readers read its input. */
static bool is_passed_by(const clg_walk *k, uint32_t i)
{
    return k->mode != CLG_NET_TRAIN && k->net->plan.layer[i].op == CLG_LAYER_DROPOUT;
}

/* Where the activation of block i goes. Behind a norm the op's output must survive for the way
 * back in training, so the activation goes to the place of its own gradient, which is free until
 * then, or to a buffer of its own. */
static clg_tensor activation_of(const clg_walk *k, uint32_t i)
{
    const clg_net *net = k->net;
    if (net->plan.layer[i].norm == CLG_NORM_NONE || k->mode != CLG_NET_TRAIN) {
        return clg__block_saved(k, i);
    }
    if (net->kept[i] != NULL) {
        return clg__block_shape_out(k, i, clg__tensor_all(net->kept[i]), 0);
    }
    return clg__block_gradient(k, i);
}

static clg_tensor read_source(const clg_walk *k, int32_t source)
{
    while (source >= 0 && is_passed_by(k, (uint32_t)source)) {
        source = k->net->plan.layer[source].from;
    }
    if (source >= 0) {
        return activation_of(k, (uint32_t)source);
    }
    return source == CLG_FROM_INPUT ? k->pass->x : CLG_NO_TENSOR;
}

static int run_block(const clg_walk *k, uint32_t i)
{
    const clg_layer *l = &k->net->plan.layer[i];
    clg_tensor x[CLG_INPUTS], out = clg__block_saved(k, i);
    int status = CLG_OK;
    for (uint32_t slot = 0; slot < CLG_INPUTS; slot++) {
        x[slot] = clg__block_shape_in(k, i, slot, read_source(k, clg__layer_source(l, slot)), 0);
    }
    CLG_TRY(clg__block_run(k, i, x, out));
    if (l->norm == CLG_NORM_BATCH && !clg__block_is_folded(k, i)) {
        CLG_TRY(clg__block_statistics(k, i, out));
        CLG_TRY(clg__block_normalise(k, i, out, activation_of(k, i)));
    }
out:
    return status;
}

static clg_tensor head_of(const clg_walk *k, uint32_t h)
{
    uint32_t i = k->net->plan.head[h];
    const clg_layer *l = &k->net->plan.layer[i];
    clg_tensor t = read_source(k, (int32_t)i);
    return l->op == CLG_LAYER_LINEAR
               ? clg__tensor_view(t, 0, 2, k->n, (uint32_t)clg__layer_out(l), 0, 0)
               : clg__tensor_view(t, 0, 4, k->n, l->out_h, l->out_w, l->out_c);
}

bool clg__net_writes_to(const clg_net *net)
{
    return net->train && net->plan.head_count == 1 &&
           net->plan.layer[net->plan.head[0]].norm == CLG_NORM_NONE;
}

/* Brings the folded weights up to date before a pass that reads them. */
static int fold_norms(const clg_walk *k)
{
    clg_net *net = k->net;
    int status = CLG_OK;
    if (net->folded == NULL || k->mode != CLG_NET_EVAL || net->folded_version == net->version) {
        return CLG_OK;
    }
    for (uint32_t i = 0; i < net->plan.layer_count; i++) {
        CLG_TRY(clg__block_is_folded(k, i) ? clg__block_fold(k, i) : CLG_OK);
    }
    net->folded_version = net->version;
out:
    return status;
}

int clg__net_run(clg_net *net, const clg_net_pass *pass, clg_tensor y[CLG_HEADS_MAX])
{
    int status = clg__net_check_pass(net, "forward", pass, true);
    if (status != CLG_OK) {
        return status;
    }
    clg_walk k = { .net = net, .pass = pass, .n = pass->n, .groups = pass->groups,
                   .mode = pass->mode };
    CLG_TRY(clg__net_refresh(net));
    CLG_TRY(fold_norms(&k));
    for (uint32_t i = 0; i < net->plan.layer_count; i++) {
        if (!is_passed_by(&k, i)) {
            CLG_TRY(run_block(&k, i));
        }
    }
    if (pass->mode == CLG_NET_TRAIN && net->stats != NULL) {
        net->batches_tracked += pass->groups;
    }
    for (uint32_t h = 0; h < CLG_HEADS_MAX; h++) {
        y[h] = h < net->plan.head_count ? head_of(&k, h) : CLG_NO_TENSOR;
    }
    return CLG_OK;
out:
    return clg__context(status, "forward of %s", net->label);
}
