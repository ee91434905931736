/* Transient device memory that the nets of one trainer share: gradients in flight (two buffers for
 * nets that are chains) and the operators' workspace. */
#include "base/mem.h"
#include "nn/net_internal.h"
#include "ops/batchnorm.h"
#include "ops/conv2d.h"
#include "ops/deconv2d.h"
#include "ops/linear.h"
#include "ops/reduce.h"

typedef struct clg_scratch_size {
    uint64_t gradient[CLG_POOL_MAX], workspace; /* elements; floats */
} clg_scratch_size;

static void grow(uint64_t *a, uint64_t b)
{
    *a = b > *a ? b : *a;
}

/* Behind a convolution's workspace, the sums that it leaves, or behind the norm's for them. */
static uint64_t measure_parts(const clg_ops *ops, const clg_layer *l, const clg_conv *g,
                              enum clg_pass pass)
{
    const uint64_t c = pass == CLG_FWD ? l->out_c : l->in_c;
    uint64_t floats = 0;
    for (uint32_t groups = 1; groups <= CLG_GROUPS_MAX; groups++) {
        const uint64_t parts = clg__layer_parts(ops, l, g, pass, groups);
        grow(&floats, groups * (parts * 3u + 2u) * c);
    }
    return floats;
}

/* Workspace of one block's passes on n images. */
static int measure_block(const clg_ops *ops, const clg_layer *l, uint32_t n, bool train,
                         uint64_t *floats)
{
    static const enum clg_pass passes[] = { CLG_FWD, CLG_BWD_DATA, CLG_BWD_WEIGHT };
    clg_conv g = { 0 };
    if (!clg__layer_is_sum(l)) {
        return CLG_OK;
    }
    if (l->op != CLG_LAYER_LINEAR) {
        int status = clg__layer_conv(l, n, &g);
        if (status != CLG_OK) {
            return status;
        }
    }
    for (uint32_t p = 0; p < (train ? 3u : 1u); p++) {
        switch (l->op) {
        case CLG_LAYER_CONV2D:
            grow(floats,
                 clg__conv2d_workspace(ops, &g, passes[p]) + measure_parts(ops, l, &g, passes[p]));
            break;
        case CLG_LAYER_DECONV2D:
            grow(floats, clg__deconv2d_workspace(ops, &g, passes[p]) +
                             measure_parts(ops, l, &g, passes[p]));
            break;
        default:
            grow(floats, clg__linear_workspace(ops, n, (uint32_t)clg__layer_in(l),
                                               (uint32_t)clg__layer_out(l), passes[p]));
        }
    }
    uint32_t c = l->op == CLG_LAYER_LINEAR ? (uint32_t)clg__layer_out(l) : l->out_c;
    uint32_t pixels = l->op == CLG_LAYER_LINEAR ? 1u : l->out_h * l->out_w;
    if (l->norm == CLG_NORM_BATCH) {
        for (uint32_t groups = 1; groups <= CLG_GROUPS_MAX; groups++) {
            if (n % groups == 0) {
                clg_bn b = { .n = n, .pixels = pixels, .c = c, .groups = groups };
                grow(floats, clg__batchnorm_workspace(ops, &b));
            }
        }
    }
    if (train && l->bias) {
        grow(floats, clg__reduce_workspace(ops, n * pixels, c));
    }
    return CLG_OK;
}

/* Smaller batches too: an operator may choose another algorithm for them. Halves for an epoch's
 * last batch, thirds for a way back through some groups of a batch of three. */
static int measure_batches(const clg_ops *ops, const clg_layer *l, uint32_t batch, bool train,
                           uint64_t *floats)
{
    int status = CLG_OK;
    for (uint32_t b = batch; status == CLG_OK && b > 0; b /= 2u) {
        status = measure_block(ops, l, b, train, floats);
    }
    for (uint32_t part = 1; train && part < 3u && batch % 3u == 0; part++) {
        status = status == CLG_OK ? measure_block(ops, l, batch / 3u * part, train, floats) : status;
    }
    return status;
}

static int measure(const clg_ops *ops, const clg_net_plan *const *plans, const uint32_t *batches,
                   uint32_t n, bool train, enum clg_dtype store, clg_scratch_size *out)
{
    *out = (clg_scratch_size){ 0 };
    for (uint32_t i = 0; i < n; i++) {
        const clg_net_plan *plan = plans[i];
        clg_net_layout layout;
        int status = clg__net_layout_make(plan, &layout);
        for (uint32_t j = 0; status == CLG_OK && j < plan->layer_count; j++) {
            status = measure_batches(ops, &plan->layer[j], batches[i], train, &out->workspace);
        }
        if (status != CLG_OK) {
            return status;
        }
        if (train) { /* the snapshot of parameters, and their check for inf and nan */
            for (uint32_t j = 0; j < layout.graph.gradients.count; j++) {
                grow(&out->gradient[j], layout.graph.gradients.len[j] * batches[i]);
            }
            grow(store == CLG_F32 ? &out->gradient[1] : &out->workspace, layout.params);
            grow(&out->workspace, clg__reduce_workspace(ops, (uint32_t)layout.params, 1));
        }
    }
    return CLG_OK;
}

int clg__scratch_bytes(const clg_ops *ops, const clg_net_plan *const *plans,
                       const uint32_t *batches, uint32_t n, bool train, enum clg_dtype store,
                       clg_bytes *out)
{
    clg_scratch_size size;
    int status = measure(ops, plans, batches, n, train, store, &size);
    if (status != CLG_OK) {
        return status;
    }
    *out = (clg_bytes){ 0 };
    for (int i = 0; i <= CLG_POOL_MAX; i++) {
        clg__bytes_add(out, i < CLG_POOL_MAX ? clg__dtype_size(store) * size.gradient[i]
                                             : 4u * size.workspace);
    }
    return CLG_OK;
}

uint64_t clg__foreign_bytes(const clg_ops *ops, const clg_net_plan *const *plans,
                            const uint32_t *batches, uint32_t n)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < plans[i]->layer_count; j++) {
            const clg_layer *l = &plans[i]->layer[j];
            clg_conv g;
            if (clg__layer_is_sum(l) && l->op != CLG_LAYER_LINEAR &&
                clg__layer_conv(l, batches[i], &g) == CLG_OK) {
                grow(&most, clg__conv2d_foreign(ops, &g));
            }
        }
    }
    return 4u * most;
}

int clg__scratch_create(clg_scratch **out, const clg_ops *ops, const clg_net_plan *const *plans,
                        const uint32_t *batches, uint32_t n, bool train, enum clg_dtype store)
{
    *out = NULL;
    int status = CLG_OK;
    clg_scratch_size size;
    clg_scratch *s = clg__alloc(1, sizeof *s);
    if (s == NULL) {
        return CLG_E_MEMORY;
    }
    s->ops = ops;
    CLG_TRY(measure(ops, plans, batches, n, train, store, &size));
    for (int i = 0; i < CLG_POOL_MAX; i++) {
        if (size.gradient[i] > 0) {
            CLG_TRY(clg__buffer_create(ops->rt, store, size.gradient[i], "gradients in flight",
                                       &s->gradient[i]));
        }
    }
    if (size.workspace > 0) {
        CLG_TRY(clg__buffer_create(ops->rt, CLG_F32, size.workspace, "workspace", &s->workspace));
    }
    *out = s;
    return CLG_OK;
out:
    clg__scratch_destroy(&s);
    return status;
}

int clg__scratch_refit(clg_scratch *s, const clg_net_plan *const *plans, const uint32_t *batches,
                       uint32_t n, bool train, enum clg_dtype store)
{
    clg_scratch_size size;
    clg_buffer *more = NULL;
    int status = CLG_OK;
    CLG_TRY(measure(s->ops, plans, batches, n, train, store, &size));
    uint64_t have = s->workspace != NULL ? clg__tensor_len(clg__tensor_all(s->workspace)) : 0;
    if (size.workspace > have) {
        CLG_TRY(clg__buffer_create(s->ops->rt, CLG_F32, size.workspace, "workspace", &more));
        clg__buffer_destroy(&s->workspace);
        s->workspace = more;
    }
out:
    return status;
}

void clg__scratch_destroy(clg_scratch **s)
{
    if (s == NULL || *s == NULL) {
        return;
    }
    for (int i = 0; i < CLG_POOL_MAX; i++) {
        clg__buffer_destroy(&(*s)->gradient[i]);
    }
    clg__buffer_destroy(&(*s)->workspace);
    clg__free(*s);
    *s = NULL;
}

clg_tensor clg__scratch_workspace(const clg_scratch *s)
{
    return s->workspace == NULL ? CLG_NO_TENSOR : clg__tensor_all(s->workspace);
}

clg_tensor clg__scratch_end(const clg_scratch *s, uint64_t floats)
{
    const clg_tensor all = clg__scratch_workspace(s);
    return clg__tensor_vec(all, clg__tensor_len(all) - floats, (uint32_t)floats);
}
