/* Batch normalisation with the following activation fused (Ioffe, Szegedy 2015, algorithms 1, 2).
 *
 * x[rows, c] row-major in `groups` equal parts of `rows` rows; part g has statistics of its own.
 * Each part is cut in `chunks` chunks of `chunk` rows (the last may be shorter), by shape alone.
 * Part sums go to ws[g*chunks + k][rows][c]; a second kernel joins them in the order of k. The
 * variance is centred: every chunk about its own mean, the chunks joined by Chan, Golub, LeVeque
 * 1983: M2 = sum of M2_k + n_k (mean_k - mean)^2. The parts may also come from the convolution that
 * made x or dy (batchnorm_sums.clh), cut as suits that; where those are many, `step` neighbours are joined
 * first, in the place of the first of them, by a work-group of their own.
 *
 * One text, two families:
 *   CPU  -DVW=16 -DSV=4                          one item: SV*VW columns of one chunk, no barrier
 *   GPU  -DVW=1 -DSV=1 -DRED_X=.. -DRED_Y=..     work-group: RED_X columns, rows shared by RED_Y
 *                                                lanes; 4 * RED_X * RED_Y bytes of local memory
 * act: enum clg_act. */
#include "batchnorm_sums.clh"

#define SLICE (SV * VW)

/* Rows of chunk k. */
static inline uint chunk_rows(uint rows, uint chunk, uint k)
{
    return min(chunk, rows - k * chunk);
}

/* Runs `call(nv, part, column)` over this work-item's slice of columns: all SV vectors at once
 * where they are full, else vector by vector, the last one with part < VW. On GPUs the slice is
 * one column and part = 0 beyond the end, so that all items meet the barriers. */
#ifdef RED_X
#define FOR_SLICE(c, call)                           \
    do {                                             \
        const uint col = id0;                        \
        call(1, (col < (c) ? 1u : 0u), min(col, (c) - 1u)); \
    } while (0)
#else
#define FOR_SLICE(c, call)                                           \
    do {                                                             \
        uint col = id0 * SLICE;                                      \
        if (col + SLICE <= (c)) {                                    \
            call(SV, VW, col);                                       \
        } else {                                                     \
            for (; col < (c); col += VW) {                           \
                call(1, min((uint)VW, (c) - col), col);              \
            }                                                        \
        }                                                            \
    } while (0)
#endif

LOCAL_INLINE void stats_chunk(const int nv, const uint part, __global const store *x, uint rows,
                              uint c, __global float *out, RED_ARG)
{
    fvec s[SV], q[SV];
    for (int v = 0; v < nv; ++v) {
        s[v] = (fvec)(0.0f);
        q[v] = (fvec)(0.0f);
    }
    for (uint r = LANE; r < rows; r += LANES) {
        __global const store *p = x + r * c;
        for (int v = 0; v < nv; ++v) {
            s[v] += SLOAD_PART(p + v * VW, part);
        }
    }
    for (int v = 0; v < nv; ++v) {
        s[v] = RED_SUM(s[v]) / (float)rows;
    }
    for (uint r = LANE; r < rows; r += LANES) {
        __global const store *p = x + r * c;
        for (int v = 0; v < nv; ++v) {
            const fvec d = SLOAD_PART(p + v * VW, part) - s[v];
            q[v] += d * d;
        }
    }
    for (int v = 0; v < nv; ++v) {
        const fvec m2 = RED_SUM(q[v]);
        if (LANE == 0u) {
            STORE_PART((fvec)((float)rows), out + v * VW, part);
            STORE_PART(s[v], out + c + v * VW, part);
            STORE_PART(m2, out + 2u * c + v * VW, part);
        }
    }
}

/* ws[(g*chunks + k)*3*c + j] = rows n of chunk k of part g, ws[.. + c + j] = mean of column j over
 * them, ws[.. + 2c + j] = the sum of (x - that mean)^2. Work-items: (slices of columns, lanes on GPUs,
 * groups*chunks). */
#define STATS_ARGS __global const store *x, uint x_off, __global float *ws, uint ws_off,         \
    uint rows, uint c, uint chunks, uint chunk
BODY void stats_item(const uint id0, const uint id2, STATS_ARGS, RED_ARG)
{
    const uint q = id2, g = q / chunks, k = q - g * chunks;
    const uint n = chunk_rows(rows, chunk, k);
    __global const store *xc = x + x_off + (size_t)(g * rows + k * chunk) * c;
    __global float *out = ws + ws_off + (size_t)q * 3u * c;
#define CALL(nv, part, col) stats_chunk(nv, part, xc + (col), n, c, out + (col), RED_PASS)
    FOR_SLICE(c, CALL);
#undef CALL
}

__kernel RED_KERNEL void batchnorm_stats_part(STATS_ARGS)
{
    RED_BUFFER;
    stats_item((uint)get_global_id(0), (uint)get_global_id(2), x, x_off, ws, ws_off, rows, c,
        chunks, chunk, RED_PASS);
}

/* Mean and M2 of the rows, `rows` in all, of the parts first, first + step, .. before `end` of p. */
LOCAL_INLINE void join_stats(__global const float *p, uint first, uint end, uint step, uint c,
                             fvec rows, const uint part, fvec *mean, fvec *m2, RED_ARG)
{
    fvec s = (fvec)(0.0f), q = (fvec)(0.0f);
    for (uint k = first + LANE * step; k < end; k += LANES * step) {
        __global const float *at = p + (size_t)k * 3u * c;
        s += LOAD_PART(at, part) / rows * LOAD_PART(at + c, part);
    }
    *mean = RED_SUM(s);
    for (uint k = first + LANE * step; k < end; k += LANES * step) {
        __global const float *at = p + (size_t)k * 3u * c;
        const fvec d = LOAD_PART(at + c, part) - *mean;
        q += LOAD_PART(at + 2u * c, part) + LOAD_PART(at, part) * d * d;
    }
    *m2 = RED_SUM(q);
}

/* Sum of row `row` of those parts, which have `height` rows. */
LOCAL_INLINE fvec join_row(__global const float *p, uint row, uint height, uint first, uint end,
                           uint step, uint c, const uint part, RED_ARG)
{
    fvec s = (fvec)(0.0f);
    for (uint k = first + LANE * step; k < end; k += LANES * step) {
        s += LOAD_PART(p + ((size_t)k * height + row) * c, part);
    }
    return RED_SUM(s);
}

/* Joins parts k*step .. of each group of `chunks` in the place of the first, back: [..,2,c] of dy, else
 * [..,3,c] of y. Work-items: (columns / VW, lanes on GPUs, groups * joined parts). */
#define JOIN_ARGS __global float *ws, uint ws_off, uint c, uint chunks, uint step, uint back
BODY void join_item(const uint id0, const uint id2, JOIN_ARGS, RED_ARG)
{
    const uint each = (chunks - 1u) / step + 1u, g = id2 / each;
    const uint first = rest_of(id2, each, g) * step, end = min(first + step, chunks);
    const uint col = min(id0 * VW, c - 1u), part = id0 * VW < c ? min((uint)VW, c - id0 * VW) : 0u;
    const uint height = back != 0u ? 2u : 3u;
    __global float *p = ws + ws_off + (size_t)g * chunks * height * c + col;
    __global float *to = p + (size_t)first * height * c;
    fvec a = join_row(p, 0u, height, first, end, 1u, c, part, RED_PASS), b, m2;
    if (back != 0u) {
        b = join_row(p, 1u, height, first, end, 1u, c, part, RED_PASS);
    } else {
        join_stats(p, first, end, 1u, c, fmax(a, (fvec)(1.0f)), part, &b, &m2, RED_PASS);
    }
    if (LANE == 0u) {
        STORE_PART(a, to, part);
        STORE_PART(b, to + c, part);
        if (back == 0u) {
            STORE_PART(m2, to + 2u * c, part);
        }
    }
}

__kernel RED_KERNEL void batchnorm_join(JOIN_ARGS)
{
    RED_BUFFER;
    join_item((uint)get_global_id(0), (uint)get_global_id(2), ws, ws_off, c, chunks, step, back,
        RED_PASS);
}

/* mean, invstd [groups,c] from ws; running statistics [c] moved once per part, in order, with the
 * unbiased variance, when has_running. Work-items: (columns / VW, lanes on GPUs). */
#define STATS_END_ARGS __global const float *ws, uint ws_off, __global float *mean,              \
    uint mean_off, __global float *invstd, uint invstd_off, __global float *running_mean,        \
    uint running_mean_off, __global float *running_var, uint running_var_off, uint rows, uint c, \
    uint groups, uint chunks, uint step, float eps, float momentum, uint has_running
BODY void stats_end_item(const uint id0, STATS_END_ARGS, RED_ARG)
{
    const uint first = id0 * VW, col = min(first, c - 1u);
    const uint part = first < c ? min((uint)VW, c - first) : 0u;
    const float unbiased = (float)rows / (float)(rows > 1u ? rows - 1u : 1u);
    for (uint g = 0; g < groups; ++g) {
        __global const float *p = ws + ws_off + (size_t)g * chunks * 3u * c + col;
        fvec m, m2;
        join_stats(p, 0u, chunks, step, c, (fvec)((float)rows), part, &m, &m2, RED_PASS);
        const fvec var = m2 / (float)rows;
        if (LANE == 0u) {
            const size_t at = (size_t)g * c + col;
            STORE_PART(m, mean + mean_off + at, part);
            STORE_PART((fvec)(1.0f) / sqrt(var + eps), invstd + invstd_off + at, part);
            if (has_running != 0u) {
                __global float *rm = running_mean + running_mean_off + col;
                __global float *rv = running_var + running_var_off + col;
                STORE_PART((1.0f - momentum) * LOAD_PART(rm, part) + momentum * m, rm, part);
                STORE_PART((1.0f - momentum) * LOAD_PART(rv, part) + momentum * unbiased * var, rv,
                           part);
            }
        }
    }
}

__kernel RED_KERNEL void batchnorm_stats_end(STATS_END_ARGS)
{
    RED_BUFFER;
    stats_end_item((uint)get_global_id(0), ws, ws_off, mean, mean_off, invstd, invstd_off,
        running_mean, running_mean_off, running_var, running_var_off, rows, c, groups, chunks,
        step, eps, momentum, has_running, RED_PASS);
}

/* Inference: mean[g,j] = running_mean[j], invstd[g,j] = 1/sqrt(running_var[j] + eps).
 * Work-items: (c); a few hundred values in all, so one scalar text serves both families. */
__kernel void batchnorm_running(__global const float *running_mean, uint running_mean_off,
                                __global const float *running_var, uint running_var_off,
                                __global float *mean, uint mean_off, __global float *invstd,
                                uint invstd_off, uint c, uint groups, float eps)
{
    const uint j = (uint)get_global_id(0);
    if (j >= c) {
        return;
    }
    const float m = running_mean[running_mean_off + j];
    const float s = 1.0f / sqrt(running_var[running_var_off + j] + eps);
    for (uint g = 0; g < groups; ++g) {
        mean[mean_off + g * c + j] = m;
        invstd[invstd_off + g * c + j] = s;
    }
}

/* z before the activation; the same expression forward and backward, so gates agree. */
static inline void fwd_at(__global const store *x, __global const float *mean,
                          __global const float *invstd, __global const float *weight,
                          __global const float *bias, __global store *y, const uint part,
                          int act, float slope)
{
    const fvec d = SLOAD_PART(x, part) - LOAD_PART(mean, part);
    const fvec z = normalise(d, LOAD_PART(invstd, part), LOAD_PART(weight, part),
                             LOAD_PART(bias, part));
    SSAVE_PART(ACT_APPLY(act, slope, z), y, part);
}

/* y[i,j] = act(weight[j] * (x[i,j] - mean[g,j]) * invstd[g,j] + bias[j]); y may be x.
 * Work-items: (1 on CPUs, columns on GPUs; lanes on GPUs; groups*blocks): dimension 2 counts blocks
 * of `block` rows of one part. */
#define FWD_ARGS __global const store *x, uint x_off, __global const float *mean, uint mean_off, \
    __global const float *invstd, uint invstd_off, __global const float *weight,                 \
    uint weight_off, __global const float *bias, uint bias_off, __global store *y, uint y_off,   \
    uint rows, uint c, uint blocks, uint block, int act, float slope
BODY void fwd_item(const uint id0, const uint id2, FWD_ARGS)
{
    const uint q = id2, g = q / blocks, k = q - g * blocks;
    const uint n = chunk_rows(rows, block, k);
    const size_t start = (size_t)(g * rows + k * block) * c;
    __global const float *m = mean + mean_off + (size_t)g * c;
    __global const float *s = invstd + invstd_off + (size_t)g * c;
    __global const float *w = weight + weight_off, *b = bias + bias_off;
    __global const store *xb = x + x_off + start;
    __global store *yb = y + y_off + start;
#ifdef RED_X
    const uint col = id0;
    if (col < c) {
        for (uint r = LANE; r < n; r += LANES) {
            const uint at = r * c + col;
            fwd_at(xb + at, m + col, s + col, w + col, b + col, yb + at, 1u, act, slope);
        }
    }
#else
    for (uint r = 0; r < n; ++r, xb += c, yb += c) {
        uint j = 0;
        for (; j + VW <= c; j += VW) {
            fwd_at(xb + j, m + j, s + j, w + j, b + j, yb + j, VW, act, slope);
        }
        if (j < c) {
            fwd_at(xb + j, m + j, s + j, w + j, b + j, yb + j, c - j, act, slope);
        }
    }
#endif
}

__kernel RED_KERNEL void batchnorm_fwd(FWD_ARGS)
{
    fwd_item((uint)get_global_id(0), (uint)get_global_id(2), x, x_off, mean, mean_off, invstd,
        invstd_off, weight, weight_off, bias, bias_off, y, y_off, rows, c, blocks, block, act,
        slope);
}

LOCAL_INLINE void bwd_chunk(const int nv, const uint part, __global const store *x,
                            __global const store *dy, __global const float *mean,
                            __global const float *invstd, __global const float *weight,
                            __global const float *bias, uint rows, uint c, __global float *out,
                            int act, float slope, RED_ARG)
{
    fvec m[SV], i[SV], w[SV], b[SV], s[SV], t[SV];
    for (int v = 0; v < nv; ++v) {
        m[v] = LOAD_PART(mean + v * VW, part);
        i[v] = LOAD_PART(invstd + v * VW, part);
        w[v] = LOAD_PART(weight + v * VW, part);
        b[v] = LOAD_PART(bias + v * VW, part);
        s[v] = (fvec)(0.0f);
        t[v] = (fvec)(0.0f);
    }
    for (uint r = LANE; r < rows; r += LANES) {
        const uint at = r * c;
        for (int v = 0; v < nv; ++v) {
            const fvec d = SLOAD_PART(x + at + v * VW, part) - m[v];
            const fvec dz = through_act(d, SLOAD_PART(dy + at + v * VW, part), i[v], w[v], b[v],
                                        act, slope);
            s[v] += dz;
            t[v] += dz * d;
        }
    }
    for (int v = 0; v < nv; ++v) {
        const fvec sum = RED_SUM(s[v]);
        const fvec dot = RED_SUM(t[v]);
        if (LANE == 0u) {
            STORE_PART(sum, out + v * VW, part);
            STORE_PART(dot * i[v], out + c + v * VW, part);
        }
    }
}

/* ws[(g*chunks + k)*2*c + j] = sum of dz over chunk k of part g, ws[.. + c + j] = sum of dz * xhat.
 * Work-items as batchnorm_stats_part. */
#define BWD_PART_ARGS __global const store *x, uint x_off, __global const float *mean,           \
    uint mean_off, __global const float *invstd, uint invstd_off, __global const float *weight,  \
    uint weight_off, __global const float *bias, uint bias_off, __global const store *dy,        \
    uint dy_off, __global float *ws, uint ws_off, uint rows, uint c, uint chunks, uint chunk,    \
    int act, float slope
BODY void bwd_part_item(const uint id0, const uint id2, BWD_PART_ARGS, RED_ARG)
{
    const uint q = id2, g = q / chunks, k = q - g * chunks;
    const uint n = chunk_rows(rows, chunk, k);
    const size_t start = (size_t)(g * rows + k * chunk) * c;
    __global const float *m = mean + mean_off + (size_t)g * c;
    __global const float *s = invstd + invstd_off + (size_t)g * c;
    __global float *out = ws + ws_off + (size_t)q * 2u * c;
#define CALL(nv, part, col)                                                                      \
    bwd_chunk(nv, part, x + x_off + start + (col), dy + dy_off + start + (col), m + (col),       \
              s + (col), weight + weight_off + (col), bias + bias_off + (col), n, c, out + (col), \
              act, slope, RED_PASS)
    FOR_SLICE(c, CALL);
#undef CALL
}

__kernel RED_KERNEL void batchnorm_bwd_part(BWD_PART_ARGS)
{
    RED_BUFFER;
    bwd_part_item((uint)get_global_id(0), (uint)get_global_id(2), x, x_off, mean, mean_off,
        invstd, invstd_off, weight, weight_off, bias, bias_off, dy, dy_off, ws, ws_off, rows, c,
        chunks, chunk, act, slope, RED_PASS);
}

/* coef[g][0][j] = mean of dz, coef[g][1][j] = mean of dz * xhat, over part g, from ws; db[j], dw[j] =
 * the sums over all parts (each written only if its flag is set). Work-items as stats_end. */
#define BWD_END_ARGS __global const float *ws, uint ws_off, __global float *coef, uint coef_off, \
    __global float *dw, uint dw_off, __global float *db, uint db_off, uint rows, uint c,         \
    uint groups, uint chunks, uint step, uint has_dw, uint has_db
BODY void bwd_end_item(const uint id0, BWD_END_ARGS, RED_ARG)
{
    const uint first = id0 * VW, col = min(first, c - 1u);
    const uint part = first < c ? min((uint)VW, c - first) : 0u;
    fvec all_dz = (fvec)(0.0f), all_dot = (fvec)(0.0f);
    for (uint g = 0; g < groups; ++g) {
        __global const float *p = ws + ws_off + (size_t)g * chunks * 2u * c + col;
        const fvec sum = join_row(p, 0u, 2u, 0u, chunks, step, c, part, RED_PASS);
        const fvec dot = join_row(p, 1u, 2u, 0u, chunks, step, c, part, RED_PASS);
        all_dz += sum;
        all_dot += dot;
        if (LANE == 0u) {
            __global float *out = coef + coef_off + (size_t)g * 2u * c + col;
            STORE_PART(sum / (float)rows, out, part);
            STORE_PART(dot / (float)rows, out + c, part);
        }
    }
    if (LANE == 0u) {
        if (has_dw != 0u) {
            STORE_PART(all_dot, dw + dw_off + col, part);
        }
        if (has_db != 0u) {
            STORE_PART(all_dz, db + db_off + col, part);
        }
    }
}

__kernel RED_KERNEL void batchnorm_bwd_end(BWD_END_ARGS)
{
    RED_BUFFER;
    bwd_end_item((uint)get_global_id(0), ws, ws_off, coef, coef_off, dw, dw_off, db, db_off, rows,
        c, groups, chunks, step, has_dw, has_db, RED_PASS);
}

static inline void bwd_at(__global const store *x, __global const float *mean,
                          __global const float *invstd, __global const float *weight,
                          __global const float *bias, __global const float *coef_dz,
                          __global const float *coef_dot, __global const store *dy,
                          __global store *dx, const uint part, int act, float slope)
{
    const fvec i = LOAD_PART(invstd, part), w = LOAD_PART(weight, part);
    const fvec d = SLOAD_PART(x, part) - LOAD_PART(mean, part);
    const fvec dz = through_act(d, SLOAD_PART(dy, part), i, w, LOAD_PART(bias, part), act, slope);
    const fvec inner = dz - LOAD_PART(coef_dz, part) - d * (i * LOAD_PART(coef_dot, part));
    SSAVE_PART((w * i) * inner, dx, part);
}

/* dx = weight * invstd * (dz - mean(dz) - xhat * mean(dz * xhat)); dx may be dy.
 * Work-items as batchnorm_fwd. */
#define BWD_ARGS __global const store *x, uint x_off, __global const float *mean, uint mean_off, \
    __global const float *invstd, uint invstd_off, __global const float *weight,                 \
    uint weight_off, __global const float *bias, uint bias_off, __global const float *coef,      \
    uint coef_off, __global const store *dy, uint dy_off, __global store *dx, uint dx_off,       \
    uint rows, uint c, uint blocks, uint block, int act, float slope
BODY void bwd_item(const uint id0, const uint id2, BWD_ARGS)
{
    const uint q = id2, g = q / blocks, k = q - g * blocks;
    const uint n = chunk_rows(rows, block, k);
    const size_t start = (size_t)(g * rows + k * block) * c;
    __global const float *m = mean + mean_off + (size_t)g * c;
    __global const float *s = invstd + invstd_off + (size_t)g * c;
    __global const float *w = weight + weight_off, *b = bias + bias_off;
    __global const float *p = coef + coef_off + (size_t)g * 2u * c, *t = p + c;
    __global const store *xb = x + x_off + start, *gb = dy + dy_off + start;
    __global store *out = dx + dx_off + start;
#ifdef RED_X
    const uint j = id0;
    if (j < c) {
        for (uint r = LANE; r < n; r += LANES) {
            const uint at = r * c + j;
            bwd_at(xb + at, m + j, s + j, w + j, b + j, p + j, t + j, gb + at, out + at, 1u,
                   act, slope);
        }
    }
#else
    for (uint r = 0; r < n; ++r, xb += c, gb += c, out += c) {
        uint j = 0;
        for (; j + VW <= c; j += VW) {
            bwd_at(xb + j, m + j, s + j, w + j, b + j, p + j, t + j, gb + j, out + j, VW,
                   act, slope);
        }
        if (j < c) {
            bwd_at(xb + j, m + j, s + j, w + j, b + j, p + j, t + j, gb + j, out + j, c - j,
                   act, slope);
        }
    }
#endif
}

__kernel RED_KERNEL void batchnorm_bwd(BWD_ARGS)
{
    bwd_item((uint)get_global_id(0), (uint)get_global_id(2), x, x_off, mean, mean_off, invstd,
        invstd_off, weight, weight_off, bias, bias_off, coef, coef_off, dy, dy_off, dx, dx_off,
        rows, c, blocks, block, act, slope);
}
