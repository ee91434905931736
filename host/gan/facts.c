/* What a training needs and costs, known before anything is allocated. */
#include "gan/trainer_internal.h"
#include "nn/net.h"

uint32_t clg__trainer_ring_len(const clg_model_desc *desc)
{
    uint32_t n = desc->train.log_every;
    return n < 1u ? 1u : n > CLG_RING_MAX ? CLG_RING_MAX : n;
}

enum clg_dtype clg__trainer_store(const clg_model_desc *desc)
{
    static const enum clg_dtype types[] = { [CLG_PRECISION_FP32] = CLG_F32,
                                            [CLG_PRECISION_FP16] = CLG_F16,
                                            [CLG_PRECISION_BF16] = CLG_BF16 };
    return types[desc->runtime.precision];
}

static void count_bytes(clg_bytes *b, clg_bytes more)
{
    b->total += more.total;
    b->largest = more.largest > b->largest ? more.largest : b->largest;
}

void clg__facts_nets(const clg_model_desc *desc, const clg_model_plan *plan, uint32_t batch,
                     clg_net_options opt[2])
{
    clg_loss_table table;
    uint32_t packing = desc->discriminator.packing > 0 ? desc->discriminator.packing : 1u;
    clg__loss_table_make(desc, plan, &table);
    uint32_t groups = desc->order.kind == CLG_ORDER_RECONSTRUCT ? 1u : table.groups;
    enum clg_dtype store = clg__trainer_store(desc);
    const bool apart = !desc->runtime.fuse, fast = desc->runtime.memory == CLG_MEMORY_FAST;
    opt[0] = (clg_net_options){ .max_batch = batch,
                                .train = true,
                                .label = "netG",
                                .optimizer = desc->optimizer_g.kind,
                                .store = store,
                                .fast = fast,
                                .apart = apart };
    opt[1] = (clg_net_options){ .max_batch = groups * batch / packing,
                                .train = true,
                                .label = "netD",
                                .optimizer = desc->optimizer_d.kind,
                                .store = store,
                                .fast = fast,
                                .apart = apart };
}

uint64_t clg__facts_answers(const clg_model_desc *desc, const clg_model_plan *plan,
                            uint32_t groups, uint32_t batch)
{
    uint64_t heads = plan->d.head_count > 1u ? 2u : 1u;
    return desc->order.kind == CLG_ORDER_RECONSTRUCT ? (uint64_t)batch * desc->latent.size
                                                     : heads * groups * batch;
}

int clg__facts_need(const clg_ops *ops, const clg_model_desc *desc, const clg_model_plan *plan,
                    uint32_t batch, clg_bytes *out)
{
    uint64_t image = (uint64_t)plan->h * plan->w * plan->c;
    const clg_net_plan *plans[2] = { &plan->g, &plan->d };
    clg_net_options opt[2];
    clg_loss_table table;
    clg_fused fused;
    clg_bytes part;
    int status = CLG_OK;
    *out = (clg_bytes){ 0 };
    clg__facts_nets(desc, plan, batch, opt);
    clg__loss_table_make(desc, plan, &table);
    const uint32_t batches[2] = { opt[0].max_batch, opt[1].max_batch };
    for (int i = 0; i < 2; i++) {
        CLG_TRY(clg__net_bytes(ops, plans[i], &opt[i], &part));
        count_bytes(out, part);
    }
    const uint64_t size = clg__dtype_size(opt[0].store);
    CLG_TRY(clg__scratch_bytes(ops, plans, batches, 2, true, opt[0].store, &part));
    count_bytes(out, part);
    clg__bytes_add(out, clg__foreign_bytes(ops, plans, batches, 2));
    clg__bytes_add(out, (uint64_t)batch * desc->latent.size * size);
    clg__bytes_add(out, table.groups * batch * image * size);
    clg__bytes_add(out, plan->classes > 0 ? 4u * (uint64_t)table.groups * batch : 0);
    clg__bytes_add(out, size * clg__facts_answers(desc, plan, table.groups, batch));
    if (desc->order.kind == CLG_ORDER_RECONSTRUCT) {
        clg__bytes_add(out, 4u * clg__mse_workspace(ops, batch * image));
    }
    clg__bytes_add(out, (uint64_t)clg__trainer_ring_len(desc) * CLG_LOSS_ROW * 4u);
    clg__fused_decide(&fused, ops, desc, plan, batch);
    clg__bytes_add(out, plan->system == CLG_SYSTEM_NONE ? clg__fused_steps(&fused) * batch * image : 0);
    CLG_TRY(clg__fused_need(&fused, batch, out));
out:
    return status;
}

static bool fits(const clg_ops *ops, const clg_model_desc *desc, const clg_model_plan *plan,
                 uint32_t batch, clg_bytes *need)
{
    const clg_device_info *dev = clg__rt_device(ops->rt);
    uint64_t used = clg__rt_bytes_used(ops->rt);
    uint64_t left = dev->global_mem_bytes > used ? dev->global_mem_bytes - used : 0;
    if (batch > UINT32_MAX / 3u || clg__facts_need(ops, desc, plan, batch, need) != CLG_OK) {
        return false;
    }
    return need->total <= left && need->largest <= dev->max_alloc_bytes &&
           need->largest / clg__dtype_size(clg__trainer_store(desc)) < UINT32_MAX;
}

int clg__facts_check_memory(const clg_ops *ops, const clg_model_desc *desc,
                            const clg_model_plan *plan, clg_bytes *need)
{
    const double mib = 1024.0 * 1024.0;
    const clg_device_info *dev = clg__rt_device(ops->rt);
    uint32_t batch = desc->train.batch, lo = 0, hi = batch;
    clg_bytes scrap;
    *need = (clg_bytes){ 0 };
    if (fits(ops, desc, plan, batch, need)) {
        return CLG_OK;
    }
    while (hi - lo > 1u) { /* lo fits (or is 0), hi does not */
        uint32_t mid = lo + (hi - lo) / 2u;
        if (fits(ops, desc, plan, mid, &scrap)) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    int status = need->total > 0
        ? clg__fail(CLG_E_DEVICE_MEMORY,
                    "batch %u needs %.0f MiB on %s (largest buffer %.0f MiB), which has %.0f MiB "
                    "(largest buffer %.0f MiB)", batch, (double)need->total / mib, dev->name,
                    (double)need->largest / mib,
                    (double)(dev->global_mem_bytes - clg__rt_bytes_used(ops->rt)) / mib,
                    (double)dev->max_alloc_bytes / mib)
        : clg__fail(CLG_E_DEVICE_MEMORY, "batch %u needs a tensor of 2^32 elements or more", batch);
    const char *keep = desc->runtime.memory == CLG_MEMORY_FAST ? "runtime.memory=small needs less; "
                                                               : "";
    return lo > 0 ? clg__hint(status, "%sbatch %u would fit: --batch %u", keep, lo, lo)
                  : clg__hint(status, "%sno batch fits: try a narrower model or smaller images",
                              keep);
}

static double layer_flops(const clg_layer *l)
{
    double in = (double)l->in_h * l->in_w * l->in_c;
    double out = (double)l->out_h * l->out_w * l->out_c;
    double taps = (double)l->kernel * l->kernel;
    /* A linear layer or conv reads all its inputs for each output, a transposed conv writes all its
     * outputs' channels for each input; padding counted. What has no products counts nothing. */
    switch (l->op) {
    case CLG_LAYER_LINEAR:
        return 2.0 * in * out;
    case CLG_LAYER_CONV2D:
        return 2.0 * taps * out * l->in_c;
    case CLG_LAYER_DECONV2D:
        return 2.0 * taps * in * l->out_c;
    default:
        return 0.0;
    }
}

/* first: of the layers that read the net's input, whose gradient is not needed. */
static double forward_flops(const clg_net_plan *plan, double *first)
{
    double sum = 0.0;
    *first = 0.0;
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        const clg_layer *l = &plan->layer[i];
        sum += layer_flops(l);
        *first += l->from == CLG_FROM_INPUT ? layer_flops(l) : 0.0;
    }
    return sum;
}

double clg__facts_flops(const clg_model_plan *plan)
{
    double g_first = 0.0, d_first = 0.0;
    double g = forward_flops(&plan->g, &g_first), d = forward_flops(&plan->d, &d_first);
    /* G forward once; D on real and on fake: forward, weight gradient, data gradient but for the
     * image's; the G step: D forward and both gradients (as a framework that does not know better
     * computes), G's two gradients but for z's. */
    return g + 2.0 * (3.0 * d - d_first) + 3.0 * d + 2.0 * g - g_first;
}
