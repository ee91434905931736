/* The fused pass of small nets, as the trainer uses it. */
#include "gan/fused.h"

#include "gan/trainer_internal.h"

static uint32_t pass_of(uint32_t nets, bool fakes_are_there)
{
    return 2u * (nets - CLG_MLP_OF_D) + (fakes_are_there ? 1u : 0u);
}

static uint32_t nets_of(uint32_t pass)
{
    return CLG_MLP_OF_D + pass / 2u;
}

/* One workspace serves the passes of all kinds. */
static int measure(const clg_fused *f, uint32_t batch, uint64_t *ws, uint64_t *words)
{
    int status = CLG_OK;
    *ws = *words = 0;
    for (uint32_t pass = 0; pass < CLG_FUSED_PASSES && status == CLG_OK; pass++) {
        clg_mlp_code code;
        status = clg__mlp_code_measure(&f->mlp, nets_of(pass), pass % 2u != 0, batch, &code);
        uint64_t floats = clg__mlp_workspace(&code, batch);
        *ws = floats > *ws ? floats : *ws;
        *words += code.count;
    }
    return status;
}

void clg__fused_decide(clg_fused *f, const clg_ops *ops, const clg_model_desc *desc,
                       const clg_model_plan *plan, uint32_t batch)
{
    clg_mlp *m = &f->mlp;
    clg_loss_table table;
    uint64_t ws, words;
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
    clg__loss_table_make(desc, plan, &table);
    m->slot_d = table.d[0].slot;
    m->slot_g = table.g[0].slot;
    f->on = measure(f, batch, &ws, &words) == CLG_OK && clg__mlp_pays(ops, m, ws);
}

int clg__fused_need(const clg_fused *f, uint32_t batch, clg_bytes *out)
{
    uint64_t ws, words;
    int status = f->on ? measure(f, batch, &ws, &words) : CLG_OK;
    if (f->on && status == CLG_OK) {
        clg__bytes_add(out, 4u * ws);
        clg__bytes_add(out, 4u * words);
        clg__bytes_add(out, 4u * CLG_MLP_COUNTERS);
    }
    return status;
}

/* The codes one behind the other. */
static int upload(clg_fused *f, const clg_ops *ops, uint32_t batch)
{
    uint32_t at = 0;
    int status = CLG_OK;
    for (uint32_t pass = 0; pass < CLG_FUSED_PASSES && status == CLG_OK; pass++) {
        clg_mlp_code code;
        status = clg__mlp_code_make(&f->mlp, nets_of(pass), pass % 2u != 0, batch, &code);
        if (status != CLG_OK) {
            break;
        }
        status = clg__rt_write(ops->rt, clg__tensor_vec(clg__tensor_all(f->words), at, code.count),
                               code.words);
        f->code[pass] = code;
        f->code[pass].words = NULL;
        f->at[pass] = at;
        at += code.count;
        clg__mlp_code_free(&code);
    }
    return status;
}

int clg__fused_make(clg_fused *f, const clg_ops *ops, uint32_t batch)
{
    uint64_t ws, words;
    int status = CLG_OK;
    if (!f->on) {
        return CLG_OK;
    }
    CLG_TRY(measure(f, batch, &ws, &words));
    CLG_TRY(clg__buffer_create(ops->rt, CLG_F32, ws, "fused pass", &f->ws));
    CLG_TRY(clg__buffer_create(ops->rt, CLG_U32, words, "fused pass", &f->words));
    CLG_TRY(clg__buffer_create(ops->rt, CLG_U32, CLG_MLP_COUNTERS, "fused pass", &f->counters));
    CLG_TRY(clg__rt_zero(ops->rt, clg__tensor_all(f->counters)));
    CLG_TRY(upload(f, ops, batch));
out:
    return status;
}

void clg__fused_free(clg_fused *f)
{
    clg__buffer_destroy(&f->words);
    clg__buffer_destroy(&f->ws);
    clg__buffer_destroy(&f->counters);
}

int clg__fused_add(clg_fused *f, const clg_ops *ops, const clg_mlp_passes *p, uint32_t nets,
                   bool fakes_are_there)
{
    uint32_t pass = pass_of(nets, fakes_are_there), count = f->waiting.count;
    int status = CLG_OK;
    if (count == CLG_MLP_PASSES_MAX) {
        CLG_TRY(clg__fused_flush(f, ops));
        count = 0;
    }
    if (count == 0) {
        f->waiting = *p;
        f->waiting.words = clg__tensor_all(f->words);
        f->waiting.counters = clg__tensor_all(f->counters);
    }
    f->waiting.part[count] = (clg_mlp_part){ .code = &f->code[pass], .at = f->at[pass], .nets = nets };
    f->waiting.count = count + 1u;
out:
    return status;
}

bool clg__fused_step(clg_fused *f, uint32_t net, const clg_adam *adam)
{
    clg_mlp_passes *p = &f->waiting;
    clg_mlp_part *last = p->count > 0 ? &p->part[p->count - 1u] : NULL;
    bool stepped = p->count == CLG_MLP_PASSES_MAX && (p->part[0].steps & net) != 0;
    if (last == NULL || (last->nets & net) == 0 || stepped) {
        return false;
    }
    last->steps |= net;
    (net == CLG_MLP_OF_D ? &p->update_d : &p->update_g)->adam = *adam;
    return true;
}

void clg__fused_drop(clg_fused *f)
{
    f->waiting.count = 0;
}

int clg__fused_flush(clg_fused *f, const clg_ops *ops)
{
    int status = f->waiting.count == 0
                     ? CLG_OK
                     : clg__mlp_run(ops, &f->mlp, &f->waiting, clg__tensor_all(f->ws));
    clg__fused_drop(f);
    return status;
}
