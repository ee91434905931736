/* The fused pass: its launch, and the sums of what its work-items leave. */
#include <stdio.h>

#include "base/mem.h"
#include "ops/launch_shape.h"
#include "ops/loss.h"
#include "ops/mlp_internal.h"
#include "ops/reduce.h"

/* Workspace: per work-item its own, G's gradients, D's gradients, losses; then that of the sums. */
typedef struct parts {
    uint32_t items, g, d, losses;
    uint64_t at_g, at_d, at_losses, at_sums, sums, total;
} parts;

static parts plan_parts(const clg_ops *o, const clg_mlp *m, uint32_t nets, uint32_t n,
                        uint32_t code_ws)
{
    parts p = { .items = clg__ceil_div(n, CLG_MLP_SHARE),
                .g = (nets & CLG_MLP_OF_G) != 0 ? m->g.slab : 0,
                .d = (nets & CLG_MLP_OF_D) != 0 ? m->d.slab : 0,
                .losses = clg__mlp_losses(nets) };
    uint32_t widest = p.g > p.d ? p.g : p.d;
    p.at_g = clg__round_up64((uint64_t)p.items * code_ws, 16);
    p.at_d = clg__round_up64(p.at_g + (uint64_t)p.items * p.g, 16);
    p.at_losses = clg__round_up64(p.at_d + (uint64_t)p.items * p.d, 16);
    p.at_sums = clg__round_up64(p.at_losses + (uint64_t)p.items * p.losses, 16);
    p.sums = clg__reduce_workspace(o, p.items, widest > p.losses ? widest : p.losses);
    p.total = p.at_sums + p.sums;
    return p;
}

uint64_t clg__mlp_workspace(const clg_ops *o, const clg_mlp *m, uint32_t nets, uint32_t n,
                            uint32_t code_ws)
{
    return plan_parts(o, m, nets, n, code_ws).total;
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

static int check(const clg_mlp *m, const clg_mlp_pass *p, const parts *k, clg_tensor ws)
{
    uint64_t image = m->d.layer[0].in;
    int status = CLG_OK;
    CLG_TRY(clg__want("mlp", "z", p->z, CLG_F32, (uint64_t)p->n * m->g.layer[0].in));
    CLG_TRY(clg__want("mlp", "fake", p->fake, CLG_F32, p->n * image));
    CLG_TRY(clg__want("mlp", "g", p->g, CLG_F32, m->g.slab));
    CLG_TRY(clg__want("mlp", "d", p->d, CLG_F32, m->d.slab));
    CLG_TRY(clg__want("mlp", "losses", p->losses, CLG_F32, k->losses));
    if (k->d > 0) {
        CLG_TRY(clg__want("mlp", "real", p->real, CLG_F32, p->n * image));
        CLG_TRY(clg__want("mlp", "dd", p->dd, CLG_F32, k->d));
    }
    if (k->g > 0) {
        CLG_TRY(clg__want("mlp", "dg", p->dg, CLG_F32, k->g));
    }
    CLG_TRY(clg__want_ws("mlp", ws, k->total));
    if (ws.off % 16u != 0 || p->ws % 16u != 0) {
        return clg__fail(CLG_E_INTERNAL, "mlp: workspace at %u is not aligned to vectors", ws.off);
    }
out:
    return status;
}

static int get_kernel(const clg_ops *o, enum clg_objective objective, clg_kernel **out)
{
    char program[64], options[32];
    uint32_t width = clg__rt_device(o->rt)->vector_width_float;
    clg__loss_program(objective, program, sizeof program);
    snprintf(options, sizeof options, "-DMLP -DVW=%u", width >= 16 ? 16u : width >= 8 ? 8u : 4u);
    return clg__kernel_get(o->rt, program, "mlp_pass", options, out);
}

/* Where the work-items leave what they have: of one alone it is the result. */
static clg_tensor part_of(const parts *k, clg_tensor ws, uint64_t at, uint32_t len, clg_tensor all)
{
    return len == 0         ? CLG_NO_TENSOR
           : k->items == 1u ? all
                            : clg__tensor_vec(ws, at, k->items * len);
}

static int add_parts(const clg_ops *o, const parts *k, clg_tensor x, uint32_t len, clg_tensor out,
                     clg_tensor sums)
{
    return len == 0 || k->items == 1u ? CLG_OK
                                      : clg__reduce_columns(o, x, k->items, len, out, sums);
}

int clg__mlp_run(const clg_ops *o, const clg_mlp *m, const clg_mlp_pass *p, clg_tensor ws)
{
    parts k = plan_parts(o, m, p->nets, p->n, p->ws);
    const uint32_t share = CLG_MLP_SHARE;
    clg_kernel *kernel = NULL;
    int status = CLG_OK;
    CLG_TRY(check(m, p, &k, ws));
    clg_tensor mine = clg__tensor_vec(ws, 0, (uint32_t)k.at_g);
    clg_tensor dg = part_of(&k, ws, k.at_g, k.g, p->dg);
    clg_tensor dd = part_of(&k, ws, k.at_d, k.d, p->dd);
    clg_tensor losses = part_of(&k, ws, k.at_losses, k.losses, p->losses);
    clg_tensor sums = clg__tensor_vec(ws, k.at_sums, (uint32_t)k.sums);
    clg_grid grid = clg__grid(1, k.items, 0, 0);
    grid.flops = clg__mlp_flops(m, p->nets, p->n);
    grid.bytes = 4.0 * k.items * (m->g.slab + m->d.slab + k.g + k.d);
    CLG_TRY(get_kernel(o, m->objective, &kernel));
    CLG_TRY(clg__launch(o->rt, kernel, grid,
                        CLG_ARGS(CLG_ARG(p->code), CLG_ARG(p->z), CLG_ARG(p->real), CLG_ARG(p->g),
                                 CLG_ARG(p->d), CLG_ARG(p->fake), CLG_ARG(dg), CLG_ARG(dd),
                                 CLG_ARG(losses), CLG_ARG(mine), CLG_ARG(p->n), CLG_ARG(share),
                                 CLG_ARG(k.g), CLG_ARG(k.d), CLG_ARG(k.losses), CLG_ARG(p->ws))));
    CLG_TRY(add_parts(o, &k, losses, k.losses, p->losses, sums));
    CLG_TRY(add_parts(o, &k, dd, k.d, p->dd, sums));
    CLG_TRY(add_parts(o, &k, dg, k.g, p->dg, sums));
out:
    return status;
}

bool clg__mlp_fits(const clg_ops *o, const clg_mlp *m)
{
    enum { TURNS_MAX = 65535, TURNS_EACH = 8 * CLG_MLP_SHARE / CLG_MLP_ROWS + 6 }; /* of a weight */
    return clg__rt_device(o->rt)->vector_width_float >= 4 ||
           (uint64_t)TURNS_EACH * (m->g.slab + m->d.slab) <= TURNS_MAX;
}

bool clg__mlp_pays(const clg_ops *o, const clg_mlp *m)
{
    enum { SLABS_MAX = 24576 }; /* floats: weights, their transposes and gradients in 256 KiB */
    return clg__rt_family(o->rt) == CLG_KERNELS_CPU &&
           clg__rt_device(o->rt)->vector_width_float >= 4 && m->g.slab + m->d.slab <= SLABS_MAX;
}
