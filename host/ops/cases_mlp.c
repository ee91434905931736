/* Cases of the fused pass. The pass is d, g or both: in z real g d (slabs), out fake losses [dd]
 * [dg]. G has gl hidden layers of g units, D dl of d; keys n rows, nz latents, x values of a row,
 * gact, dact, out: activations of hidden layers and of G's last one; bias; objective by number; t
 * target of real rows; wr, wf, wg weights; apart: a launch for each phase. draw: the latents are drawn
 * by (seed, step), 1 uniform in [-1,1], 2 normal, and z is not read; bytes: instead of `real` the pass
 * gets bytes floor(64 |real|), at most 255, as byte * 2/255 - 1; system: or it draws the rows of one, by
 * number, x being as wide. steps: that many in the launch, with other latents and rows each; the last
 * one's results are left, which are those of `step`. */
#include <math.h>

#include "base/mem.h"
#include "ops/case_plan.h"
#include "ops/mlp.h"

static const char *const KEYS[] = { "n",  "nz",   "x",    "g",   "gl",   "d",
                                    "dl", "gact", "dact", "out", "bias", "objective",
                                    "t",  "wr",   "wf",   "wg",  "apart", "draw",
                                    "seed", "step", "bytes", "system", "steps", NULL };
static const char *const CASES[] = {
    "mlp both n=3 nz=2 x=3 g=5 d=4 objective=1",
    "mlp d n=5 nz=1 x=1 g=7 d=9 gact=3 dact=3 objective=2 t=0.9 wr=0.5 wf=2",
    "mlp g n=33 nz=3 x=5 g=6 d=6 gact=4 dact=2 out=3 objective=3 wg=0.5",
    "mlp both n=65 nz=2 x=2 g=9 d=17 bias=0 objective=1 wr=0.5 wf=0.25 wg=2",
    "mlp both n=35 nz=3 x=17 g=16 d=16 objective=1 apart=1",
    "mlp both n=37 nz=3 x=17 g=7 d=9 objective=1 draw=2 bytes=1 seed=3 step=5",
    "mlp both n=2 nz=1 x=1 gl=0 dl=0 objective=1",
    "mlp both n=64 nz=5 x=15 g=128 d=128 dact=3 objective=3",
    "mlp both n=512 nz=1 x=1 g=64 gl=2 d=64 dl=2 gact=3 dact=3 objective=2",
    "mlp d n=130 nz=6 x=20 g=24 gl=3 d=33 dl=3 out=4 objective=1",
    "mlp g n=100 nz=6 x=20 g=24 gl=3 d=33 dl=3 out=3 objective=1",
    "mlp both n=96 nz=2 x=2 g=128 gl=2 d=100 dl=2 gact=3 dact=3 objective=0",
    "mlp both n=40 nz=100 x=20 g=32 d=16 out=3 objective=0",
    "mlp g n=50 nz=5 x=20 g=24 d=33 out=4 objective=0 draw=1 seed=9 step=4294967297 apart=1",
    "mlp d n=18 nz=1 x=32 g=8 d=16 objective=0 draw=1 bytes=1 seed=2",
    "mlp both n=20 nz=5 x=15 g=8 d=8 objective=0 draw=2 system=1 seed=4 step=4294967298 steps=4",
    "mlp d n=33 nz=1 x=1 g=16 d=16 objective=0 draw=1 system=2 step=7 steps=2 apart=1",
    "mlp both n=200 nz=2 x=2 g=64 d=64 objective=0 draw=2 system=4 step=3 steps=3",
    "mlp g n=70 nz=2 x=2 g=32 d=24 objective=0 draw=2 system=3",
    "mlp both n=64 nz=100 x=784 g=128 d=128 gact=3 dact=2 objective=0 draw=2 bytes=1",
    NULL
};
enum { VIEW = 16 };

/* Layers of a net and where they lie in its slab. */
static clg_mlp_chain make_chain(const clg_case *c, uint32_t in, uint32_t width, uint32_t hidden,
                                enum clg_act act, uint32_t out, enum clg_act last)
{
    clg_mlp_chain chain = { .count = hidden + 1u };
    bool bias = clg__case_u32(c, "bias", 1) != 0;
    for (uint32_t i = 0; i <= hidden; i++) {
        clg_mlp_layer *l = &chain.layer[i];
        *l = (clg_mlp_layer){ .in = i == 0 ? in : width,
                              .out = i < hidden ? width : out,
                              .bias = bias,
                              .act = i < hidden ? act : last,
                              .slope = 0.2f };
        l->w = chain.slab;
        l->b = l->w + clg__round_up(l->in * l->out, VIEW);
        chain.slab = l->b + (bias ? clg__round_up(l->out, VIEW) : 0u);
    }
    return chain;
}

static uint32_t steps_of(const clg_case *c)
{
    return clg__case_u32(c, "steps", 1);
}

static int read_case(const clg_case *c, clg_mlp *m, uint32_t *n, uint32_t *nets)
{
    const uint32_t any = UINT32_MAX, layers = CLG_MLP_LAYERS_MAX - 1, acts = CLG_ACT_COUNT - 1;
    uint32_t nz, x, g, d, gl, dl, gact, dact, last, objective, draw, system, steps;
    const clg_case_key keys[] = {
        { "n", 1, any, 1, n },
        { "nz", 1, any, 2, &nz },
        { "x", 1, any, 3, &x },
        { "g", 1, any, 8, &g },
        { "d", 1, any, 8, &d },
        { "gl", 0, layers, 1, &gl },
        { "dl", 0, layers, 1, &dl },
        { "gact", 0, acts, CLG_ACT_RELU, &gact },
        { "dact", 0, acts, CLG_ACT_LRELU, &dact },
        { "out", 0, acts, CLG_ACT_NONE, &last },
        { "objective", 0, CLG_OBJECTIVE_COUNT - 1, 0, &objective },
        { "draw", 0, CLG_MLP_DRAW_NORMAL, CLG_MLP_DRAW_NONE, &draw },
        { "system", 0, CLG_SYSTEM_COUNT - 1, CLG_SYSTEM_NONE, &system },
        { "steps", 1, CLG_MLP_STEPS_MAX, 1, &steps },
        { NULL, 0, 0, 0, NULL },
    };
    int status = CLG_OK;
    *nets = clg__case_is(c, "d")   ? CLG_MLP_OF_D
            : clg__case_is(c, "g") ? CLG_MLP_OF_G
                                   : CLG_MLP_OF_BOTH;
    if (*nets == CLG_MLP_OF_BOTH && !clg__case_is(c, "both")) {
        return clg__case_no_pass(c);
    }
    CLG_TRY(clg__case_keys(c, keys));
    *m = (clg_mlp){ .objective = (enum clg_objective)objective,
                    .target = clg__case_f32(c, "t", 1.0),
                    .weight_real = clg__case_f32(c, "wr", 1.0),
                    .weight_fake = clg__case_f32(c, "wf", 1.0),
                    .weight_g = clg__case_f32(c, "wg", 1.0),
                    .slot_g = *nets == CLG_MLP_OF_BOTH ? 2 : 0 };
    m->g = make_chain(c, nz, g, gl, (enum clg_act)gact, x, (enum clg_act)last);
    m->d = make_chain(c, x, d, dl, (enum clg_act)dact, 1, CLG_ACT_NONE);
out:
    return status;
}

static int plan(const clg_case *c, clg_case_plan *out)
{
    /* Rounding of a few sums one behind the other, against the root mean square of the result. */
    const double error = 5e-5;
    uint32_t n, nets;
    clg_mlp m;
    *out = (clg_case_plan){ 0 };
    int status = read_case(c, &m, &n, &nets);
    if (status != CLG_OK) {
        return status;
    }
    clg__plan_in(out, "z", (uint64_t)n * m.g.layer[0].in, CLG_FILL_NORMAL);
    clg__plan_in(out, "real", (uint64_t)n * m.d.layer[0].in, CLG_FILL_NORMAL);
    clg__plan_in(out, "g", m.g.slab, CLG_FILL_UNIT);
    clg__plan_in(out, "d", m.d.slab, CLG_FILL_UNIT);
    clg__plan_out(out, "fake", (uint64_t)n * m.d.layer[0].in, 0.0, 0.0, error);
    clg__plan_out(out, "losses", clg__mlp_losses(nets), 0.0, 0.0, error);
    if ((nets & CLG_MLP_OF_D) != 0) {
        clg__plan_out(out, "dd", m.d.slab, 0.0, 0.0, error);
    }
    if ((nets & CLG_MLP_OF_G) != 0) {
        clg__plan_out(out, "dg", m.g.slab, 0.0, 0.0, error);
    }
    out->flops = clg__mlp_flops(&m, nets, n);
    out->bytes = 4.0 * (m.g.slab + m.d.slab);
    return CLG_OK;
}

static bool fits(const clg_ops *o, const clg_case *c)
{
    uint32_t n, nets;
    clg_mlp m;
    return read_case(c, &m, &n, &nets) != CLG_OK || clg__mlp_fits(o, &m, n, steps_of(c));
}

static uint64_t workspace(const clg_ops *o, const clg_case *c)
{
    uint32_t n, nets;
    clg_mlp m;
    clg_mlp_code code;
    (void)o;
    if (read_case(c, &m, &n, &nets) != CLG_OK ||
        clg__mlp_code_measure(&m, nets, false, n, &code) != CLG_OK) {
        return 0;
    }
    return clg__mlp_workspace(&code, n);
}

/* The bytes instead of real rows. */
static int make_bytes(const clg_ops *o, clg_tensor real, clg_buffer **out)
{
    const size_t len = clg__tensor_len(real);
    float *x = clg__alloc(len, sizeof *x);
    uint8_t *bytes = clg__alloc(len, 1);
    int status = x != NULL && bytes != NULL ? CLG_OK : CLG_E_MEMORY;
    CLG_TRY(status);
    CLG_TRY(clg__rt_read(o->rt, real, x));
    for (size_t i = 0; i < len; i++) {
        const float b = floorf(64.0f * fabsf(x[i]));
        bytes[i] = b < 255.0f ? (uint8_t)b : 255u;
    }
    CLG_TRY(clg__case_buffer(o->rt, CLG_U8, len, "case bytes", bytes, out));
out:
    clg__free(x);
    clg__free(bytes);
    return status;
}

/* What the pass draws and turns into real rows itself. */
static int feed(const clg_ops *o, const clg_case *c, clg_mlp_passes *p, clg_buffer **z,
                clg_buffer **bytes)
{
    const uint32_t draw = clg__case_u32(c, "draw", CLG_MLP_DRAW_NONE);
    int status = CLG_OK;
    p->latents.key = clg__case_key(c);
    p->latents.key.step -= p->steps - 1u;
    p->system = (enum clg_system)clg__case_u32(c, "system", CLG_SYSTEM_NONE);
    p->system_use = clg__rng_use(p->latents.key.stream, p->latents.key.lane);
    if (draw != CLG_MLP_DRAW_NONE) {
        p->latents.draw = (enum clg_mlp_draw)draw;
        p->latents.a = draw == CLG_MLP_DRAW_UNIFORM ? -1.0f : 0.0f;
        p->latents.b = 1.0f;
        CLG_TRY(clg__buffer_create(o->rt, CLG_F32, clg__tensor_len(p->z), "case z", z));
        p->z = clg__tensor_all(*z);
    }
    if (clg__case_u32(c, "bytes", 0) != 0) {
        CLG_TRY(make_bytes(o, p->real, bytes));
        p->bytes = clg__tensor_all(*bytes);
        p->real = CLG_NO_TENSOR;
        p->scale = 2.0f / 255.0f;
        p->shift = -1.0f;
    }
out:
    return status;
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    uint32_t n, nets, next = 2;
    clg_mlp m;
    clg_mlp_code code = { 0 };
    clg_buffer *words = NULL, *counters = NULL, *z = NULL, *bytes = NULL;
    int status = CLG_OK;
    CLG_TRY(read_case(c, &m, &n, &nets));
    CLG_TRY(clg__mlp_code_make(&m, nets, false, n, &code));
    CLG_TRY(clg__case_buffer(o->rt, CLG_U32, code.count, "case code", code.words, &words));
    CLG_TRY(clg__buffer_create(o->rt, CLG_U32, CLG_MLP_COUNTERS, "counters", &counters));
    CLG_TRY(clg__rt_zero(o->rt, clg__tensor_all(counters)));
    clg_mlp_passes p = { .steps = steps_of(c),
                         .count = 1,
                         .part = { { .code = &code, .nets = nets } },
                         .n = n,
                         .apart = clg__case_u32(c, "apart", 0) != 0,
                         .words = clg__tensor_all(words),
                         .counters = clg__tensor_all(counters),
                         .z = in[0],
                         .real = in[1],
                         .bytes = CLG_NO_TENSOR,
                         .g = in[2],
                         .d = in[3],
                         .fake = out[0],
                         .losses = out[1],
                         .update_g.adam[0].t = 1,
                         .update_d.adam[0].t = 1 };
    p.dd = (nets & CLG_MLP_OF_D) != 0 ? out[next++] : CLG_NO_TENSOR;
    p.dg = (nets & CLG_MLP_OF_G) != 0 ? out[next] : CLG_NO_TENSOR;
    CLG_TRY(feed(o, c, &p, &z, &bytes));
    CLG_TRY(clg__mlp_run(o, &m, &p, ws));
    CLG_TRY(clg__rt_finish(o->rt));
out:
    clg__buffer_destroy(&z);
    clg__buffer_destroy(&bytes);
    clg__buffer_destroy(&words);
    clg__buffer_destroy(&counters);
    clg__mlp_code_free(&code);
    return status;
}

const clg_op clg__op_mlp = { .name = "mlp",
                             .keys = KEYS,
                             .cases = CASES,
                             .quick = 5,
                             .plan = plan,
                             .workspace = workspace,
                             .fits = fits,
                             .run = run };
