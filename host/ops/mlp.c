/* Fused passes: their launches. */
#include <stdio.h>

#include "base/mem.h"
#include "ops/adam.h"
#include "ops/launch_shape.h"
#include "ops/loss.h"
#include "ops/mlp_internal.h"
#include "ops/random.h"

enum { KEEP_GRADIENTS = 16 }; /* in `steps` of cl/mlp.clh */

static uint32_t blocks_of(uint32_t n)
{
    return clg__ceil_div(n, CLG_MLP_ROWS);
}

uint64_t clg__mlp_workspace(const clg_mlp_code *code, uint32_t n)
{
    return code->ws + (uint64_t)blocks_of(n) * code->mine;
}

/* Multiplies and adds of a chain for one row: forward, and back to weights or input. */
static double chain_flops(const clg_mlp_chain *c)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < c->count; i++) {
        sum += 2.0 * c->layer[i].in * c->layer[i].out;
    }
    return sum;
}

double clg__mlp_flops(const clg_mlp *m, uint32_t nets, uint32_t n)
{
    double g = chain_flops(&m->g), d = chain_flops(&m->d);
    return n * (g + d + ((nets & CLG_MLP_OF_D) != 0 ? 5.0 * d : 0.0) +
                ((nets & CLG_MLP_OF_G) != 0 ? d + 2.0 * g : 0.0));
}

static int check_real(const clg_mlp *m, const clg_mlp_passes *p)
{
    const bool bytes = clg__tensor_is(p->bytes);
    const uint32_t width = m->d.layer[0].in, dim = clg__system_dim(p->system);
    if (p->system != CLG_SYSTEM_NONE) {
        return dim == width ? CLG_OK : clg__fail(CLG_E_INTERNAL, "mlp: rows of %u, D takes %u", dim, width);
    }
    return clg__want("mlp", "real", bytes ? p->bytes : p->real, bytes ? CLG_U8 : CLG_F32,
                     (uint64_t)p->n * width);
}

static int check_part(const clg_mlp *m, const clg_mlp_passes *p, const clg_mlp_part *part)
{
    const clg_mlp_update *g = &p->update_g, *d = &p->update_d;
    bool of_d = (part->nets & CLG_MLP_OF_D) != 0, of_g = (part->nets & CLG_MLP_OF_G) != 0;
    int status = CLG_OK;
    if ((part->steps & ~part->nets) != 0) {
        return clg__fail(CLG_E_INTERNAL, "mlp: a step of a net without gradients");
    }
    if (of_d) {
        CLG_TRY(check_real(m, p));
        CLG_TRY(clg__want("mlp", "dd", p->dd, CLG_F32, m->d.slab));
    }
    if (of_g) {
        CLG_TRY(clg__want("mlp", "dg", p->dg, CLG_F32, m->g.slab));
    }
    if ((part->steps & CLG_MLP_OF_D) != 0) {
        CLG_TRY(clg__want("mlp", "m of d", d->m, CLG_F32, m->d.slab));
        CLG_TRY(clg__want("mlp", "v of d", d->v, CLG_F32, m->d.slab));
    }
    if ((part->steps & CLG_MLP_OF_G) != 0) {
        CLG_TRY(clg__want("mlp", "m of g", g->m, CLG_F32, m->g.slab));
        CLG_TRY(clg__want("mlp", "v of g", g->v, CLG_F32, m->g.slab));
    }
out:
    return status;
}

/* Is there such a view for each of the steps? */
static bool reaches(clg_tensor t, uint32_t apart, uint32_t steps)
{
    return !clg__tensor_is(t) ||
           t.off + (uint64_t)(steps - 1u) * apart + clg__tensor_len(t) <=
               clg__tensor_len(clg__tensor_all(t.buf));
}

static int check(const clg_mlp *m, const clg_mlp_passes *p, clg_tensor ws)
{
    uint64_t losses = 0;
    int status = CLG_OK;
    if (p->steps == 0 || p->steps > CLG_MLP_STEPS_MAX) {
        return clg__fail(CLG_E_INTERNAL, "mlp: %u steps in a launch", p->steps);
    }
    for (uint32_t i = 0; i < p->count; i++) {
        uint64_t end_d = 2u * m->slot_d + 4u, end_g = 2u * m->slot_g + 2u;
        CLG_TRY(check_part(m, p, &p->part[i]));
        CLG_TRY(clg__want_ws("mlp", ws, clg__mlp_workspace(p->part[i].code, p->n)));
        losses = (p->part[i].nets & CLG_MLP_OF_D) != 0 && end_d > losses ? end_d : losses;
        losses = (p->part[i].nets & CLG_MLP_OF_G) != 0 && end_g > losses ? end_g : losses;
    }
    CLG_TRY(clg__want("mlp", "z", p->z, CLG_F32, (uint64_t)p->n * m->g.layer[0].in));
    CLG_TRY(clg__want("mlp", "fake", p->fake, CLG_F32, (uint64_t)p->n * m->d.layer[0].in));
    CLG_TRY(clg__want("mlp", "g", p->g, CLG_F32, m->g.slab));
    CLG_TRY(clg__want("mlp", "d", p->d, CLG_F32, m->d.slab));
    CLG_TRY(clg__want("mlp", "counters", p->counters, CLG_U32, CLG_MLP_COUNTERS));
    if (!reaches(p->bytes, p->bytes_apart, p->steps)) {
        status = clg__fail(CLG_E_INTERNAL, "mlp: no bytes for %u steps", p->steps);
    } else if (clg__tensor_len(p->losses) < losses || !reaches(p->losses, p->losses_apart, p->steps)) {
        status = clg__fail(CLG_E_INTERNAL, "mlp: no place for %u losses", (unsigned)losses);
    }
out:
    return status;
}

static int get_kernel(const clg_ops *o, enum clg_objective objective, clg_kernel **out)
{
    char program[64], options[32];
    clg__loss_program(objective, program, sizeof program);
    snprintf(options, sizeof options, "-DMLP -DVW=%u", clg__rt_vector_width(o->rt));
    return clg__kernel_get(o->rt, program, "mlp_pass", options, out);
}

/* What a launch has to do. */
typedef struct job {
    uint32_t items, share, parts, first, end; /* as the kernel's arguments */
    double flops;
} job;

static int launch(const clg_ops *o, clg_kernel *kernel, const job *j, const clg_mlp_passes *p,
                  clg_tensor ws)
{
    const clg_mlp_part *one = &p->part[0], *two = &p->part[p->count - 1u];
    const clg_mlp_update *ug = &p->update_g, *ud = &p->update_d;
    const clg_mlp_latents *l = &p->latents;
    clg_adam_numbers g[CLG_MLP_STEPS_MAX], d[CLG_MLP_STEPS_MAX];
    const float b = l->draw == CLG_MLP_DRAW_UNIFORM ? l->b - l->a : l->b; /* uniform: the span */
    for (uint32_t s = 0; s < CLG_MLP_STEPS_MAX; s++) { /* what is not read repeats what is */
        const uint32_t from = s < p->steps ? s : 0;
        g[s] = clg__adam_numbers(&ug->adam[from]);
        d[s] = clg__adam_numbers(&ud->adam[from]);
    }
    uint32_t steps = one->steps | two->steps << 2u | (p->keep_gradients ? KEEP_GRADIENTS : 0u);
    uint32_t mine_at = one->code->ws > two->code->ws ? one->code->ws : two->code->ws;
    clg_grid grid = clg__grid(1, j->items, 0, 0);
    grid.flops = j->flops;
    grid.together = j->items > 1u && j->end - j->first > 1u;
    grid.bytes =
        4.0 * (j->end - j->first) * (double)(clg__tensor_len(p->g) + clg__tensor_len(p->d));
    _Static_assert(CLG_MLP_STEPS_MAX == 4, "OF_STEP below, and in cl/mlp.clh");
#define OF_STEP(s) CLG_ARG(g[s].step), CLG_ARG(g[s].root), CLG_ARG(d[s].step), CLG_ARG(d[s].root)
    return clg__launch(
        o->rt, kernel, grid,
        CLG_ARGS(
            CLG_ARG(p->words), CLG_ARG(p->z), CLG_ARG((uint32_t)l->draw), CLG_KEY_ARGS(&l->key),
            CLG_ARG(l->a), CLG_ARG(b), CLG_ARG(p->real), CLG_ARG(p->bytes),
            CLG_ARG(p->bytes_apart), CLG_ARG((uint32_t)clg__tensor_is(p->bytes)),
            CLG_ARG(p->scale), CLG_ARG(p->shift), CLG_ARG((uint32_t)p->system), CLG_ARG(p->system_use),
            CLG_ARG(p->g), CLG_ARG(p->d), CLG_ARG(p->fake), CLG_ARG(p->dg), CLG_ARG(p->dd),
            CLG_ARG(ug->m), CLG_ARG(ug->v), CLG_ARG(ud->m), CLG_ARG(ud->v), CLG_ARG(p->losses),
            CLG_ARG(p->losses_apart), CLG_ARG(ws), CLG_ARG(p->counters),
            CLG_ARG(mine_at), CLG_ARG(one->code->mine), CLG_ARG(p->n), CLG_ARG(j->items),
            CLG_ARG(j->share), CLG_ARG(j->parts), CLG_ARG(one->at), CLG_ARG(one->code->second),
            CLG_ARG(two->at), CLG_ARG(two->code->second), CLG_ARG(2u * p->count),
            CLG_ARG(j->first), CLG_ARG(j->end), CLG_ARG(steps), CLG_ARG(g->beta1),
            CLG_ARG(g->rest1), CLG_ARG(g->beta2), CLG_ARG(g->rest2), CLG_ARG(g->eps),
            CLG_ARG(d->beta1), CLG_ARG(d->rest1), CLG_ARG(d->beta2), CLG_ARG(d->rest2),
            CLG_ARG(d->eps), OF_STEP(0), OF_STEP(1), OF_STEP(2), OF_STEP(3)));
#undef OF_STEP
}

/* Do work-items see what others write, and gain by waiting for it? On CPUs they are threads; but
 * where vectors are taken apart, a loop may end before what it waits for. */
static bool can_share(const clg_device_info *device)
{
    return device->type == CLG_DEVICE_CPU && device->vector_width_float >= 4;
}

/* A launch for each phase, where they do not. */
static int phase_by_phase(const clg_ops *o, clg_kernel *kernel, job j, const clg_mlp_passes *p,
                          clg_tensor ws)
{
    int status = CLG_OK;
    j.flops /= j.end;
    for (uint32_t phase = 0; phase < 2u * p->count * p->steps && status == CLG_OK; phase++) {
        j.items = phase % 2u == 0 ? clg__ceil_div(p->n, j.share) : j.parts;
        j.first = phase;
        j.end = phase + 1u;
        status = launch(o, kernel, &j, p, ws);
    }
    return status;
}

int clg__mlp_run(const clg_ops *o, const clg_mlp *m, const clg_mlp_passes *p, clg_tensor ws)
{
    enum { ALONE_FLOPS = 4000000, PARTS_EACH = 4 }; /* less is not worth waking a second core */
    const clg_device_info *device = clg__rt_device(o->rt);
    const uint32_t units = device->compute_units, blocks = blocks_of(p->n);
    job j = { .items = 1, .share = blocks * CLG_MLP_ROWS, .parts = 1,
              .end = 2u * p->count * p->steps };
    clg_kernel *kernel = NULL;
    int status = CLG_OK;
    CLG_TRY(check(m, p, ws));
    CLG_TRY(get_kernel(o, m->objective, &kernel));
    for (uint32_t i = 0; i < p->count; i++) {
        j.flops += clg__mlp_flops(m, p->part[i].nets, p->n);
    }
    if (p->apart || (units > 1u && blocks > 1u && j.flops >= ALONE_FLOPS)) {
        j.share = CLG_MLP_ROWS;
        j.items = units < blocks ? units : blocks; /* more of them would wait for others */
        j.items = j.items < CLG_MLP_ITEMS_MAX ? j.items : CLG_MLP_ITEMS_MAX;
        j.parts = PARTS_EACH * j.items;
    }
    j.flops *= p->steps;
    status = p->apart || (j.items > 1u && !can_share(device)) ? phase_by_phase(o, kernel, j, p, ws)
                                                              : launch(o, kernel, &j, p, ws);
out:
    return status;
}

bool clg__mlp_fits(const clg_ops *o, const clg_mlp *m, uint32_t n, uint32_t steps)
{
    enum { TURNS_MAX = 65535 };
    const uint64_t turns = steps * (4u * blocks_of(n) + 6u); /* of a weight */
    return clg__rt_device(o->rt)->vector_width_float >= 4 ||
           turns * (m->g.slab + m->d.slab) <= TURNS_MAX;
}

bool clg__mlp_pays(const clg_ops *o, const clg_mlp *m, uint64_t ws)
{
    /* Floats. With more, products alone are as fast: weights of 3, layers' outputs of 16 MiB. */
    enum { SLABS_MAX = 768 * 1024, WS_MAX = 4 * 1024 * 1024 };
    return clg__rt_family(o->rt) == CLG_KERNELS_CPU &&
           clg__rt_device(o->rt)->vector_width_float >= 4 && m->g.slab + m->d.slab <= SLABS_MAX &&
           ws <= WS_MAX;
}
