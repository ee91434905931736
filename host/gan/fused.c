/* The fused pass of small nets, as the trainer uses it. */
#include "gan/fused.h"

#include "gan/trainer_internal.h"

void clg__fused_decide(clg_fused *f, const clg_ops *ops, const clg_model_desc *desc,
                       const clg_model_plan *plan)
{
    clg_mlp *m = &f->mlp;
    f->on = desc->runtime.fuse && desc->runtime.precision == CLG_PRECISION_FP32 &&
            desc->order.kind != CLG_ORDER_RECONSTRUCT && desc->discriminator.packing <= 1u &&
            desc->loss.input_noise <= 0.0f && plan->g.classes == 0 && plan->d.classes == 0 &&
            clg__net_chain(&plan->g, &m->g) && clg__net_chain(&plan->d, &m->d);
    if (!f->on) {
        return;
    }
    m->objective = desc->loss.objective;
    m->target = desc->loss.real_target;
    m->weight_real = desc->loss.weight_real;
    m->weight_fake = desc->loss.weight_fake;
    m->weight_g = desc->loss.weight_g;
    f->on = clg__mlp_pays(ops, m);
}

/* One workspace serves the passes of all kinds. */
static int measure(const clg_fused *f, const clg_ops *ops, uint32_t batch, uint64_t *ws,
                   uint64_t *words)
{
    *ws = *words = 0;
    for (uint32_t nets = CLG_MLP_OF_D; nets <= CLG_MLP_OF_BOTH; nets++) {
        clg_mlp_code code;
        int status = clg__mlp_code_make(&f->mlp, nets, &code);
        if (status != CLG_OK) {
            return status;
        }
        uint64_t floats = clg__mlp_workspace(ops, &f->mlp, nets, batch, code.ws);
        *ws = floats > *ws ? floats : *ws;
        *words += code.count;
        clg__mlp_code_free(&code);
    }
    return CLG_OK;
}

int clg__fused_need(const clg_fused *f, const clg_ops *ops, uint32_t batch, clg_bytes *out)
{
    uint64_t ws, words;
    int status = f->on ? measure(f, ops, batch, &ws, &words) : CLG_OK;
    if (f->on && status == CLG_OK) {
        clg__bytes_add(out, 4u * ws);
        clg__bytes_add(out, 4u * words);
    }
    return status;
}

static int upload(clg_fused *f, const clg_ops *ops, uint32_t nets)
{
    clg_mlp_code code;
    int status = clg__mlp_code_make(&f->mlp, nets, &code);
    if (status != CLG_OK) {
        return status;
    }
    f->code_ws[nets] = code.ws;
    CLG_TRY(clg__buffer_create(ops->rt, CLG_U32, code.count, "fused pass", &f->code[nets]));
    CLG_TRY(clg__rt_write(ops->rt, clg__tensor_all(f->code[nets]), code.words));
out:
    clg__mlp_code_free(&code);
    return status;
}

int clg__fused_make(clg_fused *f, const clg_ops *ops, uint32_t batch)
{
    uint64_t ws, words;
    int status = CLG_OK;
    if (!f->on) {
        return CLG_OK;
    }
    CLG_TRY(measure(f, ops, batch, &ws, &words));
    CLG_TRY(clg__buffer_create(ops->rt, CLG_F32, ws, "fused pass", &f->ws));
    for (uint32_t nets = CLG_MLP_OF_D; nets <= CLG_MLP_OF_BOTH; nets++) {
        CLG_TRY(upload(f, ops, nets));
    }
out:
    return status;
}

void clg__fused_free(clg_fused *f)
{
    for (uint32_t nets = 0; nets <= CLG_MLP_OF_BOTH; nets++) {
        clg__buffer_destroy(&f->code[nets]);
    }
    clg__buffer_destroy(&f->ws);
}

int clg__fused_run(const clg_fused *f, const clg_ops *ops, clg_mlp_pass *p)
{
    p->code = clg__tensor_all(f->code[p->nets]);
    p->ws = f->code_ws[p->nets];
    return clg__mlp_run(ops, &f->mlp, p, clg__tensor_all(f->ws));
}
