/* Cases of linear. fwd: in x w [bias], out y; bwd_data: in dy w [y], out dx, with act also back
 * through it; bwd_weight: in x dy, out dw [db]. Keys n c k bias act slope ints store. The layers of
 * mnist-mlp and the ends of DCGAN are among them. */
#include "ops/case_plan.h"
#include "ops/linear.h"

static const char *const KEYS[] = { "n", "c", "k", "bias", "act", "slope", "ints", "store", NULL };
static const char *const CASES[] = {
    "linear fwd n=1 c=1 k=1 ints=1",
    "linear fwd n=5 c=7 k=3 bias=1 ints=1",
    "linear fwd n=13 c=17 k=35 bias=1 act=2 slope=0.2",
    "linear fwd n=9 c=33 k=1 bias=1",
    "linear bwd_data n=5 c=37 k=3 ints=1",
    "linear bwd_data n=7 c=19 k=1 ints=1",
    "linear bwd_weight n=6 c=11 k=33 ints=1",
    "linear bwd_weight n=5 c=35 k=1 ints=1",
    "linear fwd n=13 c=17 k=35 bias=1 act=2 slope=0.2 store=1",
    "linear bwd_weight n=6 c=11 k=33 ints=1 store=1",
    "linear bwd_data n=5 c=37 k=3 ints=1 store=2",
    "linear bwd_data n=5 c=37 k=3 act=3",
    "linear bwd_data n=13 c=35 k=1 act=1 ints=1",
    "linear bwd_data n=1 c=35 k=4 act=2 slope=0.2",
    "linear bwd_data n=7 c=67 k=19 act=4 store=1",
    "linear bwd_weight n=5 c=11 k=37 bias=1 ints=1",
    "linear bwd_weight n=6 c=13 k=1 bias=1 ints=1",
    "linear bwd_weight n=7 c=1 k=5 bias=1 ints=1 store=2",
    "linear fwd n=1 c=100 k=128 bias=1 act=1",
    "linear fwd n=64 c=100 k=128 bias=1 act=1",
    "linear fwd n=64 c=128 k=784 bias=1 act=3",
    "linear fwd n=128 c=784 k=128 bias=1 act=2 slope=0.2",
    "linear fwd n=128 c=784 k=128 bias=1 act=2 slope=0.2 store=1",
    "linear fwd n=64 c=128 k=784 bias=1 act=3 store=1",
    "linear bwd_weight n=128 c=784 k=128 store=1",
    "linear bwd_data n=64 c=128 k=784 store=1",
    "linear bwd_weight n=128 c=128 k=1 store=1",
    "linear fwd n=128 c=128 k=1 bias=1",
    "linear fwd n=37 c=1031 k=67 bias=1 act=4",
    "linear fwd n=67 c=131 k=97 bias=1 ints=1",
    "linear bwd_data n=128 c=784 k=128",
    "linear bwd_data n=128 c=128 k=1",
    "linear bwd_data n=64 c=128 k=784",
    "linear bwd_data n=128 c=128 k=1 act=2 slope=0.2",
    "linear bwd_data n=64 c=784 k=128 act=3",
    "linear bwd_data n=64 c=128 k=784 act=1 store=1",
    "linear bwd_data n=67 c=131 k=97 ints=1",
    "linear bwd_weight n=128 c=784 k=128",
    "linear bwd_weight n=128 c=128 k=1",
    "linear bwd_weight n=64 c=100 k=1024",
    "linear bwd_weight n=128 c=784 k=128 bias=1",
    "linear bwd_weight n=129 c=65 k=803 bias=1",
    "linear bwd_weight n=200 c=240 k=1 bias=1",
    "linear bwd_weight n=67 c=131 k=97 ints=1",
    "linear bwd_weight n=1031 c=20 k=36 bias=1 ints=1", /* sums in parts on GPUs */
    "linear bwd_weight n=515 c=13 k=21 bias=1 store=1",
    NULL
};

typedef struct shape {
    uint32_t n, c, k;
    enum clg_pass pass;
    clg_epilogue end; /* without the bias tensor */
    bool bias, ints;
} shape;

static int read_case(const clg_case *c, shape *s)
{
    int status = CLG_OK;

    *s = (shape){ .end.slope = clg__case_f32(c, "slope", 0.2),
                  .bias = clg__case_u32(c, "bias", 0) != 0,
                  .ints = clg__case_u32(c, "ints", 0) != 0 };
    CLG_TRY(clg__case_count(c, "n", &s->n));
    CLG_TRY(clg__case_count(c, "c", &s->c));
    CLG_TRY(clg__case_count(c, "k", &s->k));
    CLG_TRY(clg__case_act(c, &s->end.act));
    if (clg__case_is(c, "fwd")) {
        s->pass = CLG_FWD;
    } else if (clg__case_is(c, "bwd_data")) {
        s->pass = CLG_BWD_DATA;
    } else if (clg__case_is(c, "bwd_weight")) {
        s->pass = CLG_BWD_WEIGHT;
    } else {
        return clg__case_no_pass(c);
    }
out:
    return status;
}

static int plan(const clg_case *c, clg_case_plan *out)
{
    shape s;
    int status = CLG_OK;

    *out = (clg_case_plan){ 0 };
    CLG_TRY(read_case(c, &s));
    enum clg_case_fill fill = s.ints ? CLG_FILL_SMALL_INT : CLG_FILL_NORMAL;
    uint64_t nx = (uint64_t)s.n * s.c, nw = (uint64_t)s.c * s.k, ny = (uint64_t)s.n * s.k;
    uint32_t terms = s.pass == CLG_FWD ? s.c : s.pass == CLG_BWD_DATA ? s.k : s.n;
    out->terms = terms;
    double stol = s.ints ? 0.0 : clg__plan_sum_tolerance(terms);
    if (s.pass == CLG_FWD) {
        clg__plan_in(out, "x", nx, fill);
        clg__plan_in(out, "w", nw, fill);
        if (s.bias) {
            clg__plan_in(out, "bias", s.k, fill);
        }
        /* A steep tanh or sigmoid shows the error of its sum, which is sqrt(c) large, undamped. */
        bool bent = s.end.act == CLG_ACT_TANH || s.end.act == CLG_ACT_SIGMOID;
        clg__plan_out(out, "y", ny, bent ? CLG_CASE_RTOL : 0.0,
                      bent ? stol * sqrt((double)terms) : 0.0, bent ? 0.0 : stol);
    } else if (s.pass == CLG_BWD_DATA) {
        clg__plan_in(out, "dy", ny, fill);
        clg__plan_in(out, "w", nw, fill);
        if (s.end.act != CLG_ACT_NONE) {
            clg__plan_in(out, "y", nx, CLG_FILL_UNIT);
        }
        clg__plan_out(out, "dx", nx, 0.0, 0.0, stol);
    } else {
        clg__plan_in(out, "x", nx, fill);
        clg__plan_in(out, "dy", ny, fill);
        clg__plan_out(out, "dw", nw, 0.0, 0.0, stol);
        if (s.bias) {
            clg__plan_out(out, "db", s.k, 0.0, 0.0, stol);
        }
    }
    clg__plan_stored(out, "x w y dx dy");
    out->flops = 2.0 * s.n * s.c * s.k;
    out->bytes = 4.0 * (double)(nx + nw + ny);
out:
    return status;
}

static uint64_t workspace(const clg_ops *o, const clg_case *c)
{
    shape s;
    return read_case(c, &s) == CLG_OK ? clg__linear_workspace(o, s.n, s.c, s.k, s.pass) : 0;
}

static clg_tensor matrix(clg_tensor t, uint32_t rows, uint32_t cols)
{
    return clg__tensor_view(t, 0, 2, rows, cols, 0, 0);
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    shape s;
    int status = CLG_OK;

    CLG_TRY(read_case(c, &s));
    if (s.pass == CLG_FWD) {
        s.end.bias = s.bias ? in[2] : CLG_NO_TENSOR;
        CLG_TRY(clg__linear_fwd(o, matrix(in[0], s.n, s.c), matrix(in[1], s.c, s.k), &s.end,
                                matrix(out[0], s.n, s.k), ws));
    } else if (s.pass == CLG_BWD_DATA) {
        clg_gate gate = { .act = s.end.act, .slope = s.end.slope };
        if (s.end.act != CLG_ACT_NONE) {
            gate.y = matrix(in[2], s.n, s.c);
        }
        CLG_TRY(clg__linear_bwd_data(o, matrix(in[0], s.n, s.k), matrix(in[1], s.c, s.k),
                                     matrix(out[0], s.n, s.c), &gate, ws));
    } else {
        CLG_TRY(clg__linear_bwd_weight(o, matrix(in[0], s.n, s.c), matrix(in[1], s.n, s.k),
                                       matrix(out[0], s.c, s.k),
                                       s.bias ? out[1] : CLG_NO_TENSOR, ws));
    }
out:
    return status;
}

const clg_op clg__op_linear = { .name = "linear", .keys = KEYS, .cases = CASES, .quick = 18,
                                .plan = plan, .workspace = workspace, .run = run };
