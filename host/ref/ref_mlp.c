/* Reference of the fused pass: whole nets of ref_net.c, run one after the other. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/philox.h"
#include "base/system.h"
#include "ref/ref_internal.h"

typedef struct mlp_case {
    uint32_t n, nz, x;
    ref_net *g, *d;
    uint32_t g_layers, d_layers;
} mlp_case;

/* `hidden` layers of `width`, then one of `out`. */
static int make_net(const clg_case *c, uint32_t in, uint32_t width, uint32_t hidden,
                    enum clg_act act, uint32_t out, enum clg_act last, ref_net **net)
{
    clg_net_plan plan = { .in_h = 1,
                          .in_w = 1,
                          .in_c = in,
                          .out_h = 1,
                          .out_w = 1,
                          .out_c = out,
                          .head_count = 1,
                          .head = { hidden },
                          .layer_count = hidden + 1u };
    for (uint32_t i = 0; i <= hidden; i++) {
        clg_layer *l = &plan.layer[i];
        *l = (clg_layer){ .op = CLG_LAYER_LINEAR,
                          .from = (int32_t)i - 1,
                          .with = CLG_FROM_NONE,
                          .in_h = 1,
                          .in_w = 1,
                          .in_c = i == 0 ? in : width,
                          .out_h = 1,
                          .out_w = 1,
                          .out_c = i < hidden ? width : out,
                          .bias = clg__case_u32(c, "bias", 1) != 0,
                          .act = i < hidden ? act : last,
                          .slope = (float)REF_SLOPE };
        snprintf(l->name, sizeof l->name, "main.%u", i);
    }
    return ref_net_create(net, &plan, 2u * clg__case_u32(c, "n", 1));
}

/* A slab to a net's tensors, or a net's gradients to a slab: each tensor starts at a multiple of 16
 * floats, what lies between is 0. */
static void move_slab(ref_net *net, uint32_t layers, enum ref_kind kind, const double *from,
                      double *to)
{
    static const char *const part[] = { "weight", "bias" };
    uint64_t at = 0;
    for (uint32_t i = 0; i < 2u * layers; i++) {
        char name[32];
        uint64_t len = 0;
        snprintf(name, sizeof name, "main.%u.%s", i / 2u, part[i % 2u]);
        double *t = ref_net_tensor(net, name, kind, &len);
        for (uint64_t j = 0; t != NULL && j < len; j++) {
            if (from != NULL) {
                t[j] = from[at + j];
            } else {
                to[at + j] = t[j];
            }
        }
        at += clg__round_up64(len, 16);
    }
}

/* Forward of D on x, its loss in a role; dl is left in `dl`. */
static void judge(const clg_case *c, const mlp_case *m, const double *x, enum clg_loss_role role,
                  const char *weight, double *out, double *dl)
{
    const double *l = ref_net_forward(m->d, x, m->n, 1, true);
    double t = ref__case_f32(c, "t", 1.0);
    ref_loss((enum clg_objective)clg__case_u32(c, "objective", 0), role, l, m->n,
             role == CLG_LOSS_OF_REAL ? t : 1.0, ref__case_f32(c, weight, 1.0), out, dl);
}

static int run_case(const clg_case *c, const mlp_case *m, const double *const *in,
                    double *const *out, double *dl, double *dx)
{
    bool of_d = !ref__case_pass(c, "g"), of_g = !ref__case_pass(c, "d");
    const double *z = in[0], *real = in[1];
    double *losses = out[1];
    uint32_t next = 2;
    const double *fake = ref_net_forward(m->g, z, m->n, 1, true);
    for (size_t i = 0; i < (size_t)m->n * m->x; i++) {
        out[0][i] = fake[i];
    }
    if (of_d) { /* both groups of rows at once, as there is no norm */
        double *both = clg__alloc((size_t)2 * m->n * m->x, sizeof *both);
        if (both == NULL) {
            return CLG_E_MEMORY;
        }
        for (size_t i = 0; i < (size_t)m->n * m->x; i++) {
            both[i] = real[i];
            both[(size_t)m->n * m->x + i] = out[0][i];
        }
        judge(c, m, real, CLG_LOSS_OF_REAL, "wr", losses, dl);
        judge(c, m, out[0], CLG_LOSS_OF_FAKE, "wf", losses + 2, dl + m->n);
        ref_net_forward(m->d, both, 2 * m->n, 1, true);
        ref_net_backward(m->d, both, dl, 2 * m->n, 1, true, NULL);
        clg__free(both);
        losses += 4;
        move_slab(m->d, m->d_layers, REF_GRAD, NULL, out[next++]);
    }
    if (of_g) {
        judge(c, m, out[0], CLG_LOSS_OF_G, "wg", losses, dl);
        ref_net_backward(m->d, out[0], dl, m->n, 1, false, dx);
        ref_net_backward(m->g, z, dx, m->n, 1, true, NULL);
        move_slab(m->g, m->g_layers, REF_GRAD, NULL, out[next]);
    }
    return CLG_OK;
}

/* Latents and real rows as the pass makes them itself, where it does (ops/cases_mlp.c). z and real have
 * room for them. */
static void make_rows(const clg_case *c, const mlp_case *m, const double *const *in, float *draw,
                      double *z, double *real)
{
    const size_t z_len = (size_t)m->n * m->nz, len = (size_t)m->n * m->x;
    const uint32_t kind = clg__case_u32(c, "draw", 0);
    const clg_rng_key key = clg__case_key(c);
    if (kind == 1u) {
        clg__philox_uniform(&key, -1.0f, 1.0f, draw, z_len);
    } else if (kind == 2u) {
        clg__philox_normal(&key, 0.0f, 1.0f, draw, z_len);
    }
    for (size_t i = 0; i < z_len; i++) {
        z[i] = kind == 0 ? in[0][i] : (double)draw[i];
    }
    const enum clg_system system = (enum clg_system)clg__case_u32(c, "system", CLG_SYSTEM_NONE);
    for (uint32_t i = 0; i < m->n && system != CLG_SYSTEM_NONE; i++) {
        clg__system_row(system, &key, i, real + (size_t)i * m->x);
    }
    for (size_t i = 0; i < len && system == CLG_SYSTEM_NONE; i++) {
        const double byte = fmin(floor(64.0 * fabs(in[1][i])), 255.0);
        real[i] = clg__case_u32(c, "bytes", 0) != 0 ? byte * 2.0 / 255.0 - 1.0 : in[1][i];
    }
}

/* in z real g d, out fake losses [dd] [dg]; the pass is d, g or both. */
int ref_case_mlp(const clg_case *c, const double *const *in, double *const *out)
{
    mlp_case m = { .n = clg__case_u32(c, "n", 1),
                   .nz = clg__case_u32(c, "nz", 2),
                   .x = clg__case_u32(c, "x", 3),
                   .g_layers = clg__case_u32(c, "gl", 1) + 1u,
                   .d_layers = clg__case_u32(c, "dl", 1) + 1u };
    enum clg_act gact = (enum clg_act)clg__case_u32(c, "gact", CLG_ACT_RELU);
    enum clg_act dact = (enum clg_act)clg__case_u32(c, "dact", CLG_ACT_LRELU);
    int status = CLG_OK;
    if (!ref__case_pass(c, "d") && !ref__case_pass(c, "g") && !ref__case_pass(c, "both")) {
        return ref__case_unknown(c);
    }
    double *dl = clg__alloc(2u * (size_t)m.n, sizeof *dl);
    double *dx = clg__alloc((size_t)m.n * m.x, sizeof *dx);
    double *z = clg__alloc((size_t)m.n * m.nz, sizeof *z);
    double *real = clg__alloc((size_t)m.n * m.x, sizeof *real);
    float *draw = clg__alloc((size_t)m.n * m.nz, sizeof *draw);
    if (dl == NULL || dx == NULL || z == NULL || real == NULL || draw == NULL) {
        status = CLG_E_MEMORY;
        goto out;
    }
    CLG_TRY(make_net(c, m.nz, clg__case_u32(c, "g", 8), m.g_layers - 1u, gact, m.x,
                     (enum clg_act)clg__case_u32(c, "out", CLG_ACT_NONE), &m.g));
    CLG_TRY(
        make_net(c, m.x, clg__case_u32(c, "d", 8), m.d_layers - 1u, dact, 1, CLG_ACT_NONE, &m.d));
    move_slab(m.g, m.g_layers, REF_VALUE, in[2], NULL);
    move_slab(m.d, m.d_layers, REF_VALUE, in[3], NULL);
    make_rows(c, &m, in, draw, z, real);
    CLG_TRY(run_case(c, &m, (const double *const[]){ z, real }, out, dl, dx));
out:
    ref_net_destroy(&m.g);
    ref_net_destroy(&m.d);
    clg__free(dl);
    clg__free(dx);
    clg__free(z);
    clg__free(real);
    clg__free(draw);
    return status;
}
