/* Cases of parzen. sum: in x s h, out least sum, keys n m d widths; nearest: in x s, out least at
 * (numbers as floats), keys n m d. blocks: the samples come in so many blocks of ceil(m / blocks)
 * rows. ints=1: small integers, whose distances must be equal, ties included. */
#include "ops/parzen.h"

#include "base/mem.h"
#include "ops/case_plan.h"

static const char *const KEYS[] = { "n", "m", "d", "widths", "blocks", "ints", NULL };
static const char *const CASES[] = { "parzen sum n=1 m=1 d=1",
                                     "parzen sum n=3 m=17 d=5 widths=2",
                                     "parzen sum n=2 m=40 d=16 widths=3 blocks=3",
                                     "parzen nearest n=1 m=1 d=1",
                                     "parzen nearest n=5 m=33 d=4 ints=1",
                                     "parzen nearest n=3 m=37 d=16 blocks=4 ints=1",
                                     "parzen sum n=37 m=300 d=2 widths=10",
                                     "parzen sum n=29 m=1000 d=48 widths=10 blocks=7",
                                     "parzen sum n=64 m=513 d=784 widths=10 ints=1",
                                     "parzen sum n=16 m=2048 d=784 widths=1",
                                     "parzen nearest n=31 m=515 d=48 blocks=2",
                                     "parzen nearest n=64 m=1031 d=3 ints=1",
                                     "parzen nearest n=7 m=4100 d=16 blocks=3",
                                     NULL };

/* Errors of a distance: those of the sums of squares and
 * of the dot. */
static double distance_tolerance(uint32_t d, bool ints)
{
    return ints ? 0.0 : 12.0 * d * CLG_CASE_EPS + 1e-6;
}

static int plan(const clg_case *c, clg_case_plan *out)
{
    uint32_t n, m, d, widths;
    int status = CLG_OK;
    enum clg_case_fill fill = clg__case_fill(c);
    bool ints = fill == CLG_FILL_SMALL_INT;
    *out = (clg_case_plan){ 0 };
    CLG_TRY(clg__case_count(c, "n", &n));
    CLG_TRY(clg__case_count(c, "m", &m));
    CLG_TRY(clg__case_count(c, "d", &d));
    CLG_TRY(clg__case_count(c, "widths", &widths));
    double err = distance_tolerance(d, ints), pairs = (double)n * m;
    clg__plan_in(out, "x", (uint64_t)n * d, fill);
    clg__plan_in(out, "s", (uint64_t)m * d, fill);
    clg__plan_out(out, "least", n, 0.0, err, 0.0);
    if (clg__case_is(c, "sum")) {
        clg__plan_in(out, "h", widths, CLG_FILL_POSITIVE);
        /* exp of something off by 2 err h, h <= 1.5, and by some eps. */
        clg__plan_out(out, "sum", (uint64_t)n * widths, 3.0 * err + 4e-6, 0.0, 0.0);
        out->flops = pairs * (2.0 * d + 20.0 * widths);
    } else if (clg__case_is(c, "nearest")) {
        clg__plan_out(out, "at", n, 0.0, 0.0, 0.0);
        out->flops = pairs * (2.0 * d + 5.0);
    } else {
        return clg__case_no_pass(c);
    }
    out->bytes = 4.0 * (pairs + ((double)n + m) * d);
out:
    return status;
}

static uint32_t block_rows(const clg_case *c)
{
    uint32_t blocks = clg__case_u32(c, "blocks", 1);
    return clg__ceil_div(clg__case_u32(c, "m", 1), blocks > 0 ? blocks : 1);
}

static clg_parzen whole(const clg_case *c)
{
    return (clg_parzen){ .n = clg__case_u32(c, "n", 1),
                         .m = block_rows(c),
                         .d = clg__case_u32(c, "d", 1) };
}

static uint64_t workspace(const clg_ops *o, const clg_case *c)
{
    clg_parzen p = whole(c);
    uint64_t most = clg__parzen_workspace(o, &p);
    p.m = clg__case_u32(c, "m", 1) % p.m; /* the last block may be served by another back end */
    uint64_t last = p.m > 0 ? clg__parzen_workspace(o, &p) : 0;
    return most > last ? most : last;
}

static int run_blocks(const clg_ops *o, const clg_case *c, const clg_tensor *in, clg_tensor least,
                      clg_tensor result, clg_tensor ws)
{
    int status = CLG_OK;
    clg_parzen p = whole(c);
    bool sum = clg__case_is(c, "sum");
    uint32_t m = clg__case_u32(c, "m", 1), step = p.m;
    for (uint32_t at = 0; at < m; at += step) {
        p.m = m - at < step ? m - at : step;
        p.first = at == 0;
        clg_tensor s = clg__tensor_vec(in[1], (uint64_t)at * p.d, p.m * p.d);
        CLG_TRY(sum ? clg__parzen_sum(o, &p, in[0], s, in[2], least, result, ws)
                    : clg__parzen_nearest(o, &p, in[0], s, at, least, result, ws));
    }
out:
    return status;
}

static int run_nearest(const clg_ops *o, const clg_case *c, const clg_tensor *in,
                       const clg_tensor *out, clg_tensor ws)
{
    int status = CLG_OK;
    clg_buffer *buf = NULL;
    uint32_t n = clg__case_u32(c, "n", 1);
    uint32_t *at = clg__alloc(n, sizeof *at);
    float *number = clg__alloc(n, sizeof *number);
    CLG_TRY(at != NULL && number != NULL ? CLG_OK : CLG_E_MEMORY);
    CLG_TRY(clg__buffer_create(o->rt, CLG_U32, n, "case places", &buf));
    CLG_TRY(run_blocks(o, c, in, out[0], clg__tensor_all(buf), ws));
    CLG_TRY(clg__rt_read(o->rt, clg__tensor_all(buf), at));
    for (uint32_t i = 0; i < n; i++) {
        number[i] = (float)at[i];
    }
    CLG_TRY(clg__rt_write(o->rt, out[1], number));
out:
    clg__buffer_destroy(&buf);
    clg__free(at);
    clg__free(number);
    return status;
}

static int run(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws)
{
    return clg__case_is(c, "sum") ? run_blocks(o, c, in, out[0], out[1], ws)
                                  : run_nearest(o, c, in, out, ws);
}

const clg_op clg__op_parzen = { .name = "parzen",
                                .keys = KEYS,
                                .cases = CASES,
                                .quick = 6,
                                .plan = plan,
                                .workspace = workspace,
                                .run = run };
