/* The fused pass of small nets, as the trainer uses it. */
#include "gan/fused.h"

#include <stdio.h>

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

uint32_t clg__fused_steps(const clg_fused *f)
{
    return f->on ? CLG_MLP_STEPS_MAX : 1u;
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
    f->ops = ops;
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
    if (f->ops != NULL) {
        clg__rt_hold_no_more(f->ops->rt, f);
    }
    clg__buffer_destroy(&f->words);
    clg__buffer_destroy(&f->ws);
    clg__buffer_destroy(&f->counters);
}

static int run(const clg_fused *f, clg_mlp_passes *p)
{
    int status = CLG_OK;
    if (p->count > 0) {
        clg__rt_hold_no_more(f->ops->rt, f); /* a launch asks for what is held: for this */
        status = clg__mlp_run(f->ops, &f->mlp, p, clg__tensor_all(f->ws));
        p->count = 0;
    }
    return status;
}

int clg__fused_flush(clg_fused *f)
{
    int status = run(f, &f->held);
    if (status != CLG_OK) {
        f->failed = status;
        (void)snprintf(f->why, sizeof f->why, "%s", clg_message());
        return status;
    }
    f->cut = f->cut || f->now.count > 0;
    return run(f, &f->now);
}

int clg__fused_check(const clg_fused *f)
{
    return f->failed == CLG_OK
               ? CLG_OK
               : clg__hint(clg__fail(f->failed, "an earlier step could not be enqueued: %s", f->why),
                           "load the last checkpoint");
}

void clg__fused_restart(clg_fused *f)
{
    f->failed = CLG_OK;
}

uint32_t clg__fused_place(const clg_fused *f, uint32_t batch_bytes)
{
    return f->held.count > 0 ? (f->held.bytes.off / batch_bytes + f->held.steps) % CLG_MLP_STEPS_MAX
                             : 0;
}

int clg__fused_begin_step(clg_fused *f, bool whole)
{
    f->cut = !whole;
    return clg__fused_check(f);
}

int clg__fused_add(clg_fused *f, const clg_mlp_passes *p, uint32_t nets, bool fakes_are_there)
{
    uint32_t pass = pass_of(nets, fakes_are_there);
    int status = f->now.count == CLG_MLP_PASSES_MAX ? clg__fused_flush(f) : CLG_OK;
    if (status != CLG_OK) {
        return status;
    }
    uint32_t count = f->now.count;
    if (count == 0) {
        f->now = *p;
        f->now.steps = 1;
        f->now.words = clg__tensor_all(f->words);
        f->now.counters = clg__tensor_all(f->counters);
    }
    f->now.part[count] = (clg_mlp_part){ .code = &f->code[pass], .at = f->at[pass], .nets = nets };
    f->now.count = count + 1u;
    return CLG_OK;
}

bool clg__fused_step(clg_fused *f, uint32_t net, const clg_adam *adam)
{
    clg_mlp_passes *p = &f->now;
    clg_mlp_part *last = p->count > 0 ? &p->part[p->count - 1u] : NULL;
    bool stepped = p->count == CLG_MLP_PASSES_MAX && (p->part[0].steps & net) != 0;
    if (last == NULL || (last->nets & net) == 0 || stepped) {
        return false;
    }
    last->steps |= net;
    (net == CLG_MLP_OF_D ? &p->update_d : &p->update_g)->adam[0] = *adam;
    return true;
}

void clg__fused_drop(clg_fused *f)
{
    f->now.count = 0;
}

/* ---- several steps in one launch ---- */

static bool is_view(clg_tensor t, clg_tensor of, uint64_t further)
{
    return t.buf == of.buf && (t.buf == NULL || (t.off == of.off + further &&
                                                 clg__tensor_len(t) == clg__tensor_len(of)));
}

/* The same work on the same tensors but for what a launch moves on by a step? */
static bool can_join(const clg_mlp_passes *h, const clg_mlp_passes *p)
{
    const clg_rng_key *a = &h->latents.key, *b = &p->latents.key;
    bool same = h->count == p->count && h->n == p->n && h->keep_gradients == p->keep_gradients &&
                h->latents.draw == p->latents.draw && h->system == p->system &&
                a->seed == b->seed && a->stream == b->stream && a->lane == b->lane &&
                a->step + h->steps == b->step &&
                is_view(p->bytes, h->bytes, (uint64_t)h->steps * h->bytes_apart) &&
                is_view(p->losses, h->losses, (uint64_t)h->steps * h->losses_apart);
    for (uint32_t i = 0; i < h->count && same; i++) {
        same = h->part[i].code == p->part[i].code && h->part[i].steps == p->part[i].steps;
    }
    return same;
}

/* A step that a launch can follow up: it makes all of its rows itself, and is one launch. */
static bool is_alone(const clg_fused *f)
{
    const clg_mlp_passes *h = &f->held;
    return !f->cut && h->latents.draw != CLG_MLP_DRAW_NONE &&
           (clg__tensor_is(h->bytes) || h->system != CLG_SYSTEM_NONE);
}

/* Would one more make a launch too long? Others wait for it meanwhile, a display or a signal. */
static bool is_full(const clg_fused *f)
{
    const double most = 2e9; /* flops, some 10 ms */
    double step = 0.0;
    for (uint32_t i = 0; i < f->held.count; i++) {
        step += clg__mlp_flops(&f->mlp, f->held.part[i].nets, f->held.n);
    }
    return f->held.steps == CLG_MLP_STEPS_MAX || (f->held.steps + 1u) * step > most;
}

static int flush_owner(void *owner)
{
    return clg__fused_flush(owner);
}

int clg__fused_end_step(clg_fused *f)
{
    clg_mlp_passes *h = &f->held, *p = &f->now;
    int status = CLG_OK;
    if (h->count > 0 && p->count > 0 && can_join(h, p)) {
        h->update_g.adam[h->steps] = p->update_g.adam[0];
        h->update_d.adam[h->steps] = p->update_d.adam[0];
        h->steps++;
    } else if (p->count > 0) {
        const clg_mlp_passes step = *p;
        p->count = 0;
        CLG_TRY(clg__fused_flush(f));
        *h = step;
    }
    p->count = 0;
    if (h->count > 0 && (!f->began || is_full(f) || !is_alone(f))) {
        CLG_TRY(clg__fused_flush(f));
    } else if (h->count > 0) {
        clg__rt_hold(f->ops->rt, flush_owner, f);
    }
    f->began = true;
out:
    return status;
}
