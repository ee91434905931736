/* Batch normalisation with the following activation (cl/batchnorm.cl).
 *
 * Workspace: partial sums [groups*chunks][3][c] forward, [groups*chunks][2][c] back, then the
 * backward coefficients [groups][2][c]. Or the partial sums are a convolution's (struct clg_sums).
 * The cut into chunks follows from the shape alone, so sums have one order on every device. */
#include "ops/batchnorm.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "ops/launch_shape.h"

enum { BLOCK_ELEMENTS = 16384, GPU_ROWS_PER_LANE = 8, MANY_PARTS = 256, JOINED = 32 };

typedef struct bn_shape {
    uint32_t rows; /* of one group */
    clg_chunks cut;
    uint64_t part_len, x_len, stat_len; /* floats of a row of partial sums, x, mean */
} bn_shape;

/* Checks the numbers of b and derives the rest. */
static int make_shape(const char *op, const clg_bn *b, bn_shape *s)
{
    *s = (bn_shape){ 0 };
    if (b->n == 0 || b->pixels == 0 || b->c == 0 || b->groups == 0 || b->n % b->groups != 0) {
        return clg__fail(CLG_E_INTERNAL,
                         "%s: n=%" PRIu32 " pixels=%" PRIu32 " c=%" PRIu32 " do not make %" PRIu32
                         " equal groups",
                         op, b->n, b->pixels, b->c, b->groups);
    }
    uint64_t rows = (uint64_t)b->n * b->pixels;
    if (rows > UINT32_MAX || rows * b->c > UINT32_MAX) {
        return clg__fail(CLG_E_INTERNAL, "%s: x[%" PRIu64 ",%" PRIu32 "] has 2^32 elements or more",
                         op, rows, b->c);
    }
    s->rows = (uint32_t)(rows / b->groups);
    s->cut = clg__row_chunks(s->rows);
    s->part_len = (uint64_t)b->groups * s->cut.count * b->c;
    s->x_len = rows * b->c;
    s->stat_len = (uint64_t)b->groups * b->c;
    return CLG_OK;
}

uint64_t clg__batchnorm_workspace(const clg_ops *o, const clg_bn *b)
{
    bn_shape s;
    (void)o;
    return make_shape("batchnorm", b, &s) == CLG_OK ? 3 * s.part_len + 2 * s.stat_len : 0;
}

static int get_kernel(const clg_ops *o, const char *name, enum clg_dtype dtype, uint32_t c,
                      clg_row_kernel *out)
{
    return clg__row_kernel(o, "batchnorm", name, clg__store_option(dtype), c, out);
}

/* Parts of each group, `rows` rows of c floats each, told from their length; 0: it does not fit. */
static uint32_t count_parts(const bn_shape *s, clg_tensor parts, uint32_t rows)
{
    const uint64_t each = rows * s->stat_len, len = clg__tensor_len(parts);
    return parts.dtype == CLG_F32 && len % each == 0 ? (uint32_t)(len / each) : 0;
}

/* On GPUs the end kernel has few work-groups: of many parts, JOINED neighbours each are joined
 * before, in place. Gives how many that were. back: 0 or 1. */
static int join_parts(const clg_ops *o, const clg_bn *b, enum clg_dtype dtype, clg_tensor parts,
                      uint32_t count, uint32_t back, uint32_t *step)
{
    clg_row_kernel k;
    int status = CLG_OK;
    *step = 1;
    if (clg__rt_family(o->rt) != CLG_KERNELS_GPU || count <= MANY_PARTS) {
        return CLG_OK;
    }
    *step = JOINED;
    CLG_TRY(get_kernel(o, "batchnorm_join", dtype, b->c, &k));
    const double len = (double)clg__tensor_len(parts);
    CLG_TRY(clg__launch(
        o->rt, k.kernel,
        clg__row_grid(&k, clg__ceil_div(b->c, k.vector),
                      (size_t)b->groups * clg__ceil_div(count, JOINED), 3.0 * len, 4.0 * len),
        CLG_ARGS(CLG_ARG(parts), CLG_ARG(b->c), CLG_ARG(count), CLG_ARG(*step), CLG_ARG(back))));
out:
    return status;
}

/* Part sums of x. */
static int sum_stats(const clg_ops *o, const clg_bn *b, const bn_shape *s, clg_tensor x,
                     clg_tensor parts)
{
    clg_row_kernel part;
    int status = CLG_OK;
    CLG_TRY(get_kernel(o, "batchnorm_stats_part", x.dtype, b->c, &part));
    double len = (double)s->x_len;
    CLG_TRY(clg__launch(o->rt, part.kernel,
                        clg__row_grid(&part, clg__ceil_div(b->c, part.columns),
                                      (size_t)b->groups * s->cut.count, 4.0 * len, 4.0 * len),
                        CLG_ARGS(CLG_ARG(x), CLG_ARG(parts), CLG_ARG(s->rows), CLG_ARG(b->c),
                                 CLG_ARG(s->cut.count), CLG_ARG(s->cut.rows))));
out:
    return status;
}

int clg__batchnorm_stats(const clg_ops *o, const clg_bn *b, clg_tensor x, clg_tensor parts,
                         clg_tensor mean, clg_tensor invstd, clg_tensor running_mean,
                         clg_tensor running_var, clg_tensor ws)
{
    static const char op[] = "batchnorm_stats";
    int status = CLG_OK;
    bn_shape s;
    clg_row_kernel end;
    CLG_TRY(make_shape(op, b, &s));
    CLG_TRY(clg__want_store(op, "x", x, x.dtype, s.x_len));
    CLG_TRY(clg__want(op, "mean", mean, CLG_F32, s.stat_len));
    CLG_TRY(clg__want(op, "invstd", invstd, CLG_F32, s.stat_len));
    CLG_TRY(clg__want_maybe(op, "running_mean", running_mean, CLG_F32, b->c));
    CLG_TRY(clg__want_maybe(op, "running_var", running_var, CLG_F32, b->c));
    CLG_TRY(get_kernel(o, "batchnorm_stats_end", x.dtype, b->c, &end));
    if (!clg__tensor_is(parts)) {
        CLG_TRY(clg__want_ws(op, ws, 3 * s.part_len));
        parts = clg__tensor_vec(ws, 0, (uint32_t)(3 * s.part_len));
        CLG_TRY(sum_stats(o, b, &s, x, parts));
    }
    const uint32_t count = count_parts(&s, parts, 3);
    CLG_TRY(clg__want(op, "parts", parts, CLG_F32, 3 * s.stat_len * count));
    uint32_t step = 1;
    CLG_TRY(join_parts(o, b, x.dtype, parts, count, 0, &step));
    uint32_t has_running = clg__tensor_is(running_mean) && clg__tensor_is(running_var);
    double len = (double)clg__tensor_len(parts);
    CLG_TRY(
        clg__launch(o->rt, end.kernel,
                    clg__row_grid(&end, clg__ceil_div(b->c, end.vector), 1, 3.0 * len, 4.0 * len),
                    CLG_ARGS(CLG_ARG(parts), CLG_ARG(mean), CLG_ARG(invstd), CLG_ARG(running_mean),
                             CLG_ARG(running_var), CLG_ARG(s.rows), CLG_ARG(b->c),
                             CLG_ARG(b->groups), CLG_ARG(count), CLG_ARG(step), CLG_ARG(b->eps),
                             CLG_ARG(b->momentum), CLG_ARG(has_running))));
out:
    return status;
}

int clg__batchnorm_running(const clg_ops *o, const clg_bn *b, clg_tensor running_mean,
                           clg_tensor running_var, clg_tensor mean, clg_tensor invstd)
{
    static const char op[] = "batchnorm_running";
    int status = CLG_OK;
    bn_shape s;
    clg_row_kernel k;
    CLG_TRY(make_shape(op, b, &s));
    CLG_TRY(clg__want(op, "running_mean", running_mean, CLG_F32, b->c));
    CLG_TRY(clg__want(op, "running_var", running_var, CLG_F32, b->c));
    CLG_TRY(clg__want(op, "mean", mean, CLG_F32, s.stat_len));
    CLG_TRY(clg__want(op, "invstd", invstd, CLG_F32, s.stat_len));
    CLG_TRY(get_kernel(o, "batchnorm_running", CLG_F32, b->c, &k));
    clg_grid grid = clg__grid(1, b->c, 0, 0);
    if (k.x != 0) { /* work-groups as wide as the columns, one lane */
        grid = clg__grid_local(1, (const size_t[3]){ clg__ceil_div(b->c, k.x), 1, 1 },
                               (const size_t[3]){ k.x, 1, 1 });
    }
    grid.bytes = 8.0 * (double)(b->c + s.stat_len);
    CLG_TRY(
        clg__launch(o->rt, k.kernel, grid,
                    CLG_ARGS(CLG_ARG(running_mean), CLG_ARG(running_var), CLG_ARG(mean),
                             CLG_ARG(invstd), CLG_ARG(b->c), CLG_ARG(b->groups), CLG_ARG(b->eps))));
out:
    return status;
}

int clg__batchnorm_fold(const clg_ops *o, const clg_bn *b, clg_tensor w, clg_tensor mean,
                        clg_tensor invstd, clg_tensor weight, clg_tensor bias, clg_tensor sum_bias,
                        clg_tensor folded_w, clg_tensor folded_b)
{
    static const char op[] = "batchnorm_fold";
    enum { CHANNELS = 16 }; /* of cl/batchnorm_fold.cl */
    int status = CLG_OK;
    bn_shape s;
    clg_kernel *k = NULL;
    CLG_TRY(make_shape(op, b, &s));
    CLG_TRY(clg__want(op, "w", w, CLG_F32, s.x_len));
    CLG_TRY(clg__want(op, "mean", mean, CLG_F32, b->c));
    CLG_TRY(clg__want(op, "invstd", invstd, CLG_F32, b->c));
    CLG_TRY(clg__want(op, "weight", weight, CLG_F32, b->c));
    CLG_TRY(clg__want(op, "bias", bias, CLG_F32, b->c));
    CLG_TRY(clg__want_maybe(op, "sum_bias", sum_bias, CLG_F32, b->c));
    CLG_TRY(clg__want(op, "folded_w", folded_w, CLG_F32, s.x_len));
    CLG_TRY(clg__want(op, "folded_b", folded_b, CLG_F32, b->c));
    CLG_TRY(clg__kernel_get(o->rt, "batchnorm_fold", "batchnorm_fold", "", &k));
    clg_grid grid = clg__grid(2, b->n, clg__ceil_div(b->c, CHANNELS), 0);
    grid.flops = (double)s.x_len;
    grid.bytes = 8.0 * (double)s.x_len;
    CLG_TRY(clg__launch(o->rt, k, grid,
                        CLG_ARGS(CLG_ARG(w), CLG_ARG(mean), CLG_ARG(invstd), CLG_ARG(weight),
                                 CLG_ARG(bias), CLG_ARG(sum_bias), CLG_ARG(folded_w),
                                 CLG_ARG(folded_b), CLG_ARG(b->n), CLG_ARG(b->c),
                                 CLG_ARG(b->pixels), CLG_ARG((uint32_t)clg__tensor_is(sum_bias)))));
out:
    return status;
}

/* Blocks of rows for the element-wise passes: no sums, so each family takes what suits it. */
static clg_chunks cut_blocks(const clg_row_kernel *k, const bn_shape *s, uint32_t c)
{
    uint32_t rows = k->x != 0 ? k->y * GPU_ROWS_PER_LANE : 1 + (BLOCK_ELEMENTS - 1) / c;
    rows = rows < s->rows ? rows : s->rows;
    return (clg_chunks){ .count = clg__ceil_div(s->rows, rows), .rows = rows };
}

/* Slices of the element-wise passes: on CPUs one item runs over whole rows. */
static size_t count_slices(const clg_row_kernel *k, uint32_t c)
{
    return k->x != 0 ? clg__ceil_div(c, k->columns) : 1;
}

int clg__batchnorm_fwd(const clg_ops *o, const clg_bn *b, clg_tensor x, clg_tensor mean,
                       clg_tensor invstd, clg_tensor weight, clg_tensor bias, clg_tensor y)
{
    static const char op[] = "batchnorm_fwd";
    int status = CLG_OK;
    bn_shape s;
    clg_row_kernel k;
    CLG_TRY(make_shape(op, b, &s));
    CLG_TRY(clg__want_store(op, "x", x, x.dtype, s.x_len));
    CLG_TRY(clg__want(op, "mean", mean, CLG_F32, s.stat_len));
    CLG_TRY(clg__want(op, "invstd", invstd, CLG_F32, s.stat_len));
    CLG_TRY(clg__want(op, "weight", weight, CLG_F32, b->c));
    CLG_TRY(clg__want(op, "bias", bias, CLG_F32, b->c));
    CLG_TRY(clg__want_store(op, "y", y, x.dtype, s.x_len));
    CLG_TRY(get_kernel(o, op, x.dtype, b->c, &k));
    clg_chunks cut = cut_blocks(&k, &s, b->c);
    double len = (double)s.x_len;
    CLG_TRY(clg__launch(o->rt, k.kernel,
                        clg__row_grid(&k, count_slices(&k, b->c), (size_t)b->groups * cut.count,
                                      4.0 * len, 8.0 * len),
                        CLG_ARGS(CLG_ARG(x), CLG_ARG(mean), CLG_ARG(invstd), CLG_ARG(weight),
                                 CLG_ARG(bias), CLG_ARG(y), CLG_ARG(s.rows), CLG_ARG(b->c),
                                 CLG_ARG(cut.count), CLG_ARG(cut.rows), CLG_ARG((int32_t)b->act),
                                 CLG_ARG(b->slope))));
out:
    return status;
}

static int check_bwd(const char *op, const clg_bn *b, const bn_shape *s, clg_tensor x,
                     clg_tensor mean, clg_tensor invstd, clg_tensor weight, clg_tensor bias,
                     clg_tensor dy, clg_tensor dx)
{
    int status = CLG_OK;
    CLG_TRY(clg__want_store(op, "x", x, x.dtype, s->x_len));
    CLG_TRY(clg__want(op, "mean", mean, CLG_F32, s->stat_len));
    CLG_TRY(clg__want(op, "invstd", invstd, CLG_F32, s->stat_len));
    CLG_TRY(clg__want(op, "weight", weight, CLG_F32, b->c));
    CLG_TRY(clg__want(op, "bias", bias, CLG_F32, b->c));
    CLG_TRY(clg__want_store(op, "dy", dy, x.dtype, s->x_len));
    CLG_TRY(clg__want_store(op, "dx", dx, x.dtype, s->x_len));
out:
    return status;
}

/* Part sums of the way back, made from x and dy. */
static int sum_bwd(const clg_ops *o, const clg_bn *b, const bn_shape *s, clg_tensor x,
                   clg_tensor mean, clg_tensor invstd, clg_tensor weight, clg_tensor bias,
                   clg_tensor dy, clg_tensor parts)
{
    clg_row_kernel part;
    int status = CLG_OK;
    CLG_TRY(get_kernel(o, "batchnorm_bwd_part", x.dtype, b->c, &part));
    double len = (double)s->x_len;
    CLG_TRY(clg__launch(o->rt, part.kernel,
                        clg__row_grid(&part, clg__ceil_div(b->c, part.columns),
                                      (size_t)b->groups * s->cut.count, 8.0 * len, 8.0 * len),
                        CLG_ARGS(CLG_ARG(x), CLG_ARG(mean), CLG_ARG(invstd), CLG_ARG(weight),
                                 CLG_ARG(bias), CLG_ARG(dy), CLG_ARG(parts), CLG_ARG(s->rows),
                                 CLG_ARG(b->c), CLG_ARG(s->cut.count), CLG_ARG(s->cut.rows),
                                 CLG_ARG((int32_t)b->act), CLG_ARG(b->slope))));
out:
    return status;
}

int clg__batchnorm_bwd(const clg_ops *o, const clg_bn *b, clg_tensor x, clg_tensor mean,
                       clg_tensor invstd, clg_tensor weight, clg_tensor bias, clg_tensor dy,
                       clg_tensor parts, clg_tensor dx, clg_tensor dw, clg_tensor db, clg_tensor ws)
{
    static const char op[] = "batchnorm_bwd";
    int status = CLG_OK;
    bn_shape s;
    clg_row_kernel end, k;
    CLG_TRY(make_shape(op, b, &s));
    CLG_TRY(check_bwd(op, b, &s, x, mean, invstd, weight, bias, dy, dx));
    CLG_TRY(clg__want_maybe(op, "dw", dw, CLG_F32, b->c));
    CLG_TRY(clg__want_maybe(op, "db", db, CLG_F32, b->c));
    CLG_TRY(get_kernel(o, "batchnorm_bwd_end", x.dtype, b->c, &end));
    CLG_TRY(get_kernel(o, op, x.dtype, b->c, &k));
    const uint64_t own = clg__tensor_is(parts) ? 0 : 2 * s.part_len;
    CLG_TRY(clg__want_ws(op, ws, own + 2 * s.stat_len));
    if (own != 0) {
        parts = clg__tensor_vec(ws, 0, (uint32_t)own);
        CLG_TRY(sum_bwd(o, b, &s, x, mean, invstd, weight, bias, dy, parts));
    }
    const uint32_t count = count_parts(&s, parts, 2);
    CLG_TRY(clg__want(op, "parts", parts, CLG_F32, 2 * s.stat_len * count));
    uint32_t step = 1;
    CLG_TRY(join_parts(o, b, x.dtype, parts, count, 1, &step));
    clg_tensor coef = clg__tensor_vec(ws, own, (uint32_t)(2 * s.stat_len));
    uint32_t has_dw = clg__tensor_is(dw), has_db = clg__tensor_is(db);
    clg_chunks cut = cut_blocks(&k, &s, b->c);
    double len = (double)s.x_len, part_len = (double)clg__tensor_len(parts);
    CLG_TRY(clg__launch(
        o->rt, end.kernel,
        clg__row_grid(&end, clg__ceil_div(b->c, end.vector), 1, part_len, 4.0 * part_len),
        CLG_ARGS(CLG_ARG(parts), CLG_ARG(coef), CLG_ARG(dw), CLG_ARG(db), CLG_ARG(s.rows),
                 CLG_ARG(b->c), CLG_ARG(b->groups), CLG_ARG(count), CLG_ARG(step), CLG_ARG(has_dw),
                 CLG_ARG(has_db))));
    CLG_TRY(clg__launch(o->rt, k.kernel,
                        clg__row_grid(&k, count_slices(&k, b->c), (size_t)b->groups * cut.count,
                                      9.0 * len, 12.0 * len),
                        CLG_ARGS(CLG_ARG(x), CLG_ARG(mean), CLG_ARG(invstd), CLG_ARG(weight),
                                 CLG_ARG(bias), CLG_ARG(coef), CLG_ARG(dy), CLG_ARG(dx),
                                 CLG_ARG(s.rows), CLG_ARG(b->c), CLG_ARG(cut.count),
                                 CLG_ARG(cut.rows), CLG_ARG((int32_t)b->act), CLG_ARG(b->slope))));
out:
    return status;
}
