/* Matrix product, CPU family: one work-item per work-group, register tiles, no local memory.
 *
 *     C[m,n] = end(alpha * op(A) op(B) + beta * C),  row-major, op(X) = X or X transposed
 *
 * gemm_cpu does a group of row tiles of one column panel in one launch: it packs its panel of op(B)
 * into private memory (up to KC rows at a time, contiguous, zero beyond n; a stored-transposed B is
 * turned in registers) and runs an MR x NR micro-kernel over it. A is read where it lies. gemm_dot
 * does products that are one row or one column wide. Not here: local-memory tiles (gemm_gpu.cl).
 *
 * Every element is summed over k in rising order, in equal parts of at most KC terms in a register that
 * are added to C, whatever the tile, the group or the number of compute units: the bits depend on k and KC,
 * that is on whether vectors have 16 floats and on STORE; gemm_dot's on VW.
 * Method: panels and micro-kernel of Goto, van de Geijn, "Anatomy of high-performance matrix
 * multiplication" (TOMS 2008), with the roles of A and B exchanged. */
#include "gemm_end.clh"

#ifndef VW
#define VW 16 /* floats per vector: 4, 8, 16 */
#endif
#ifndef NV
#define NV 2 /* vectors per tile row */
#endif
#ifndef MR
#define MR 8 /* rows per tile */
#endif
/* Rows of a packed panel, at most; a multiple of CACHE_LINE. Longer parts add to C less often. But with
 * vectors of 8 a longer panel leaves the first cache, and with STORE the part of A as floats does. (Measured
 * with a second cache of 2 MB, of which a panel of four vectors takes 320 KB.) */
#ifndef KC
#define KC (VW < 16 || STORE ? 512 : 1280)
#endif
#ifndef CT
#define CT 128 /* STORE: rows of C whose sums are kept between parts of k */
#endif
#define NR (VW * NV)
#include "transpose.clh"

/* Bits of `form`, as in host/blas/builtin.c. One program serves all forms: to build one takes longer
 * than many products. */
#define FORM_TA 1u    /* A is stored [k,m] */
#define FORM_TB 2u    /* B is stored [n,k]; then it is packed */
#define FORM_PLACE 4u /* B [k,n] is read in place (n >= NR), not packed */
#define FORM_ACROSS 8u /* neighbours are the panels of a group, not the groups of a panel */
#define FORM_AHEAD 16u /* the next panel is asked for while this one's tiles are summed: a large B */

#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
typedef CAT(float, VW) vec;
#define VLOAD(p) CAT(vload, VW)(0, p)
#define VSTORE(v, p) CAT(vstore, VW)(v, 0, p)
#define VACT CAT(act_apply, VW)
#define VGRAD CAT(act_grad_from_output, VW)
#define GET CAT(load, VW)

#ifdef C_STORED
#define C_VLOAD CAT(load, VW)
#define C_VSAVE CAT(save, VW)
#else
#define C_VLOAD VLOAD
#define C_VSAVE VSTORE
#endif

/* Terms of a part of k > 0: few parts and equal ones, of a multiple of CACHE_LINE terms. */
static inline uint part_of(uint k)
{
    const uint parts = (k - 1u) / KC + 1u;
    return ((k - 1u) / parts / CACHE_LINE + 1u) * CACHE_LINE;
}

/* panel[kk][NR] = op(B)[k0 + kk][n0 .. n0 + NR), zero beyond column n; kk < kc. For B [k,n] .. */
BODY void pack_panel(__global const store *b, uint n0, uint n, uint k0, uint kc, uint ldb,
                     vec *panel)
{
    float *flat = (float *)panel;
    __global const store *src = b + (size_t)k0 * ldb + n0;
    if (n - n0 >= NR) {
        for (uint kk = 0; kk < kc; ++kk, src += ldb) {
#pragma unroll
            for (int j = 0; j < NV; ++j) {
                panel[kk * NV + j] = GET(src + j * VW);
            }
        }
    } else {
        for (uint kk = 0; kk < kc; ++kk, src += ldb) {
            for (uint j = 0; j < NR; ++j) {
                flat[kk * NR + j] = j < n - n0 ? load(src, j) : 0.0f;
            }
        }
    }
}

/* .. and for B [n,k]. */
BODY void turn_panel(__global const store *b, uint n0, uint n, uint k0, uint kc, uint ldb,
                     vec *panel)
{
    float *flat = (float *)panel;
#pragma unroll 1
    for (uint j = 0; j < NV; ++j) {
        const uint col = n0 + j * VW;
        __global const store *src = b + (size_t)col * ldb + k0;
        uint kk = 0;
        if (col + VW <= n) {
            for (; kk + VW <= kc; kk += VW) {
                vec x[VW];
#pragma unroll
                for (int i = 0; i < VW; ++i) {
                    x[i] = GET(src + (size_t)i * ldb + kk);
                }
                transpose_block(x);
#pragma unroll
                for (int i = 0; i < VW; ++i) {
                    panel[(kk + i) * NV + j] = x[i];
                }
            }
        }
        for (; kk < kc; ++kk) {
            for (uint i = 0; i < VW; ++i) {
                flat[kk * NR + j * VW + i] = col + i < n ? load(src, (size_t)i * ldb + kk) : 0.0f;
            }
        }
    }
}

#if STORE
/* The tile's part of A as floats, so that the micro-kernel converts nothing: rows ib .. ib+MR (the
 * last ones repeat row m-1), columns k0 .. k0+kc. */
static inline void unpack_columns(__global const store *a, uint lda, uint ib, uint k0, uint kc,
                                  float *at)
{
    __global const store *from = a + (size_t)k0 * lda + ib;
    for (uint kk = 0; kk < kc; ++kk, from += lda) {
        int i = 0;
#pragma unroll
        for (; i + 4 <= MR; i += 4) {
            vstore4(load4(from + i), 0, at + kk * MR + i);
        }
#pragma unroll
        for (; i < MR; ++i) {
            at[kk * MR + i] = load(from, i);
        }
    }
}
static inline void unpack_rows(__global const store *a, uint lda, uint m, uint ib, uint k0,
                               uint kc, float *at)
{
    for (uint i = 0; i < MR; ++i) {
        __global const store *from = a + (size_t)min(ib + i, m - 1) * lda + k0;
        uint kk = 0;
        for (; kk + VW <= kc; kk += VW) {
            VSTORE(GET(from + kk), at + i * KC + kk);
        }
        for (; kk < kc; ++kk) {
            at[i * KC + kk] = load(from, kk);
        }
    }
}
#endif

/* Elements lo .. hi-1 of a vector at p; the others are 0 and not touched in memory. */
static inline vec bias_part(__global const float *p, uint lo, uint hi)
{
    float t[VW];
    for (uint i = 0; i < VW; ++i) {
        t[i] = i >= lo && i < hi ? p[i] : 0.0f;
    }
    return VLOAD(t);
}
static inline vec c_part(__global const cstore *p, uint lo, uint hi)
{
    float t[VW];
    for (uint i = 0; i < VW; ++i) {
        t[i] = i >= lo && i < hi ? C_LOAD(p, i) : 0.0f;
    }
    return VLOAD(t);
}
static inline void save_part(vec v, __global cstore *p, uint lo, uint hi)
{
    float t[VW];
    VSTORE(v, t);
    for (uint i = lo; i < hi; ++i) {
        C_SAVE(t[i], p, i);
    }
}

/* A whole tile without activation to C, from registers: as store_tile, which most tiles of a large
 * product need not enter. */
static inline void store_whole(vec acc[MR][NV], __global cstore *c, uint ldc, float alpha,
                               float beta, bool has_bias, __global const float *bias)
{
#pragma unroll
    for (int j = 0; j < NV; ++j) {
        const vec more = has_bias ? VLOAD(bias + j * VW) : (vec)(0.0f);
#pragma unroll
        for (int r = 0; r < MR; ++r) {
            __global cstore *at = c + (size_t)r * ldc + j * VW;
            vec v = acc[r][j] * alpha;
            if (beta != 0.0f) {
                v = MUL_ADD(C_VLOAD(at), (vec)(beta), v);
            }
            C_VSAVE(has_bias ? v + more : v, at);
        }
    }
}

/* Tile rows r0 .. r1-1 and columns c0 .. c1-1 to C. `beta` is the factor of what C holds (0: not
 * read); the fused end is applied when `last`, that is when the sum is complete. bias and y start
 * where c does. One text for whole and cut vectors: an activation is much code. */
static inline void store_tile(vec acc[MR][NV], __global cstore *c, uint ldc, uint r0, uint r1,
                              uint c0, uint c1, float alpha, float beta, bool last, uint ends,
                              __global const float *bias, __global const cstore *y, int act,
                              float slope)
{
    if (r1 - r0 == MR && c1 - c0 == NR && (!last || (act == ACT_NONE && !(ends & ENDS_GRAD)))) {
        store_whole(acc, c, ldc, alpha, beta, last && (ends & ENDS_BIAS), bias);
        return;
    }
    vec cut[MR][NV]; /* what is indexed by a variable cannot stay in registers */
#pragma unroll
    for (int i = 0; i < MR; ++i) {
#pragma unroll
        for (int j = 0; j < NV; ++j) {
            cut[i][j] = acc[i][j];
        }
    }
    for (uint r = r0; r < r1; ++r) {
        for (uint j = 0; j < NV; ++j) {
            const uint at = j * VW, from = max(c0, at), to = min(c1, at + VW);
            const uint lo = from - at, hi = to - at;
            const bool whole = from == at && to == at + VW;
            __global cstore *row = c + (size_t)r * ldc + at;
            __global const cstore *out = y + (size_t)r * ldc + at;
            if (from >= to) {
                continue;
            }
            vec v = cut[r][j] * alpha;
            if (beta != 0.0f) {
                v = MUL_ADD(whole ? C_VLOAD(row) : c_part(row, lo, hi), (vec)(beta), v);
            }
            if (last && (ends & ENDS_BIAS)) {
                v += whole ? VLOAD(bias + at) : bias_part(bias + at, lo, hi);
            }
            if (last && (ends & ENDS_GRAD)) {
                v = VGRAD(act, slope, whole ? C_VLOAD(out) : c_part(out, lo, hi), v);
            } else if (last) {
                v = VACT(act, slope, v);
            }
            if (whole) {
                C_VSAVE(v, row);
            } else {
                save_part(v, row, lo, hi);
            }
        }
    }
}

/* sums[j] = the sum of op(B)'s column j for the columns n0 .. n0+NR below n. */
static inline void sum_columns(__global const store *b, uint ldb, uint n0, uint n, uint k,
                               __global float *sums)
{
    for (uint j = n0; j < min(n, n0 + NR); j += VW) {
        const uint some = min(n - j, (uint)VW);
        float t[VW];
        vec s = (vec)(0.0f);
        VSTORE(s, t);
        for (size_t p = 0; p < k; ++p) {
            if (some == VW) {
                s += GET(b + p * ldb + j);
                continue;
            }
            for (uint i = 0; i < some; ++i) {
                t[i] += load(b, p * ldb + j + i);
            }
        }
        if (some == VW) {
            VSTORE(s, sums + j);
        }
        for (uint i = 0; i < some && some < VW; ++i) {
            sums[j + i] = t[i];
        }
    }
}

/* sums[i] = the sum of op(A)'s row i. */
static inline void sum_rows(__global const store *a, uint row, uint step, uint m, uint k,
                            __global float *sums)
{
    for (size_t i = 0; i < m; ++i) {
        float s = 0.0f;
        for (size_t p = 0; p < k; ++p) {
            s += load(a, i * row + p * step);
        }
        sums[i] = s;
    }
}

/* Asks for a row of what is needed soon: of the c_rows rows of C that a tile is about to write, or else of
 * the next panel. They lie a page apart each, which no hardware prefetcher foresees; and a core waits when
 * it asks for more lines at once than it has places for: a row every ASK_EVERY terms, a line for each. */
#define ASK_EVERY (VW < 16 ? 1u : 4u)
static inline void ask_row(uint row, __global cstore *c, uint ldc, uint c_rows, __global const store *b,
                           uint ldb)
{
    if (row < c_rows) {
#pragma unroll
        for (uint j = 0; j < NR; j += CACHE_LINE) {
            WILL_WRITE(c + (size_t)row * ldc + j);
        }
    } else {
#pragma unroll
        for (uint j = 0; j < NR; j += CACHE_LINE) {
            WILL_READ_LATER(b + (size_t)(row - c_rows) * ldb + j);
        }
    }
}

/* Term kk of the sums acc, where it stands; A and the others as of MULTIPLY. */
#define TERM(A, NEXT, LOAD_B, rows, apart)                                                         \
    do {                                                                                           \
        vec bv[NV];                                                                                \
        _Pragma("unroll") for (int j = 0; j < NV; ++j)                                             \
        {                                                                                          \
            bv[j] = LOAD_B((rows) + j * VW);                                                       \
        }                                                                                          \
        _Pragma("unroll") for (int i = 0; i < MR; ++i)                                             \
        {                                                                                          \
            const vec av = (vec)(A(i, kk));                                                        \
            _Pragma("unroll") for (int j = 0; j < NV; ++j)                                         \
            {                                                                                      \
                acc[i][j] = MUL_ADD(av, bv[j], acc[i][j]);                                         \
            }                                                                                      \
        }                                                                                          \
        (rows) += (apart);                                                                         \
        NEXT;                                                                                      \
    } while (0)

/* acc += the tile's kc columns of A times the rows of a panel at `rows`, `apart` floats apart; meanwhile
 * the rows ask .. asks-1 are asked for, at most kc / ASK_EVERY. With ROW(i, kk) or COLUMN(i, kk) as A, and
 * NEXT the step to A's next column: the four forms are loops of their own, as one with a stride for each
 * would need more registers than there are. */
#define MULTIPLY(A, NEXT, LOAD_B, rows, apart)                                                     \
    do {                                                                                           \
        size_t kk = 0;                                                                             \
        for (; ask < asks; ++ask) {                                                                \
            ask_row(ask, c_tile, ldc, c_rows, b_ask, ldb);                                         \
            UNROLL_TERMS for (uint u = 0; u < ASK_EVERY; ++u, ++kk)                                \
            {                                                                                      \
                TERM(A, NEXT, LOAD_B, rows, apart);                                                \
            }                                                                                      \
        }                                                                                          \
        UNROLL_TERMS for (; kk < kc; ++kk)                                                         \
        {                                                                                          \
            TERM(A, NEXT, LOAD_B, rows, apart);                                                    \
        }                                                                                          \
    } while (0)
#if STORE
#define ROW(i, kk) at[(i) * KC + (kk)]
#define COLUMN(i, kk) at[(kk) * MR + (i)]
#define NEXT_COLUMN (void)0
#else
#define ROW(i, kk) row[i][kk]
#define COLUMN(i, kk) column[i]
#define NEXT_COLUMN column += lda
#endif

/* a: op(A)[i][p] = a[i*lda + p] (FORM_TA: a[p*lda + i]); b: op(B)[p][j] = b[p*ldb + j] (FORM_TB:
 * b[j*ldb + p]); c[i*ldc + j], y alike; bias[n], sums[n]; which of these are used: `ends` of
 * gemm_end.clh (sums: of op(B) as it is stored); batch z starts at z*stride_x in each but bias, sums.
 * Needs m >= MR with FORM_TA, and n >= NR with FORM_PLACE: the last tile starts at m - MR (n - NR)
 * and stores only the rows (columns) that no other tile has.
 * Work-item (one of `groups` groups of row tiles, panel of NR columns, z): the groups of a panel are
 * neighbours, so that drivers that hand out runs of items hand out equal work; with FORM_ACROSS the
 * panels of a group (first the panel, then the group), which so has its part of A in cache. Private
 * memory KC*NR floats. With a stored C (then a group has at most CT rows) the sums stay in private memory, CT*NR
 * floats, until they are complete: C is rounded once.
 * -D VW=16 NV=2 MR=8 KC=1280 CT=128 STORE=0 C_FLOAT. */
#define CPU_ARGS __global const store *a, uint a_off, __global const store *b, uint b_off,       \
    __global const float *bias, uint bias_off, __global const cstore *y, uint y_off,             \
    __global float *sums, uint sums_off, __global cstore *c, uint c_off, uint m, uint n, uint k, \
    uint lda, uint ldb, uint ldc, uint groups, uint stride_a, uint stride_b, uint stride_c,      \
    uint form, uint ends, int act, float alpha, float beta, float slope
BODY void cpu_item(const uint id0, const uint id1, const uint id2, CPU_ARGS)
{
    const bool across = (form & FORM_ACROSS) != 0u;
    const uint group = across ? id1 : id0, all = (m + MR - 1) / MR;
    const uint n0 = (across ? id0 : id1) * NR;
    const uint z = id2;
    const uint first = (size_t)group * all / groups, end = ((size_t)group + 1) * all / groups;
    const bool in_place = (form & FORM_PLACE) != 0u;
    const uint nb = in_place ? min(n0, n - NR) : n0;
    a += a_off + (size_t)z * stride_a;
    b += b_off + (size_t)z * stride_b;
    c += c_off + (size_t)z * stride_c;
    y += y_off + (size_t)z * stride_c;
    if ((ends & ENDS_SUMS) && group == 0) {
        if (!(ends & ENDS_TURNED)) {
            sum_columns(b, ldb, n0, n, k, sums + sums_off);
        } else if (n0 == 0) {
            sum_rows(a, form & FORM_TA ? 1 : lda, form & FORM_TA ? lda : 1, m, k,
                     sums + sums_off);
        }
    }
    vec panel[KC * NV];
    bias += bias_off + nb;
#if STORE
    float at[KC * MR];
#endif
#ifdef C_STORED
    float parts[CT * NR];
#endif
    const uint part = part_of(k);
    uint kc;
    for (uint k0 = 0; k0 < k; k0 += kc) {
        kc = min(k - k0, part);
        if (form & FORM_TB) {
            turn_panel(b, n0, n, k0, kc, ldb, panel);
        } else if (!in_place) {
            pack_panel(b, n0, n, k0, kc, ldb, panel);
        }
        /* of the next panel's rows each tile asks for its part */
        __global const store *b_next = b + (size_t)k0 * ldb + n0 + NR;
        const uint b_rows = (form & FORM_AHEAD) && n0 + 2u * NR <= n ? kc : 0u;
        const uint b_part = (b_rows + end - first - 1u) / (end - first);
        for (uint t = first; t < end; ++t) {
            const uint ib = m < MR ? 0 : min(t * MR, m - MR);
            const uint c_rows = min((uint)MR, m - ib);
            const uint b_first = min((t - first) * b_part, b_rows);
            const uint asks = c_rows + min(b_part, b_rows - b_first);
            __global const store *b_ask = b_next + (size_t)b_first * ldb;
            __global cstore *c_tile = c + (size_t)ib * ldc + nb;
            vec acc[MR][NV];
#ifdef C_STORED
            float *kept = parts + (t - first) * (MR * NR);
#pragma unroll
            for (int i = 0; i < MR; ++i) {
#pragma unroll
                for (int j = 0; j < NV; ++j) {
                    acc[i][j] = k0 == 0 ? (vec)(0.0f) : VLOAD(kept + (i * NV + j) * VW);
                }
            }
#else
#pragma unroll
            for (int i = 0; i < MR; ++i) {
#pragma unroll
                for (int j = 0; j < NV; ++j) {
                    acc[i][j] = (vec)(0.0f);
                }
            }
#endif
            const uint at_once = asks - min(asks, kc / ASK_EVERY); /* too many for the terms there are */
            uint ask = 0;
            for (; ask < at_once; ++ask) {
                ask_row(ask, c_tile, ldc, c_rows, b_ask, ldb);
            }
            __global const store *bp = b + (size_t)k0 * ldb + nb;
            const float *packed = (const float *)panel;
            if (form & FORM_TA) {
#if STORE
                unpack_columns(a, lda, ib, k0, kc, at);
#else
                __global const float *column = a + (size_t)k0 * lda + ib;
#endif
                if (in_place) {
                    MULTIPLY(COLUMN, NEXT_COLUMN, GET, bp, ldb);
                } else {
                    MULTIPLY(COLUMN, NEXT_COLUMN, VLOAD, packed, NR);
                }
            } else {
#if STORE
                unpack_rows(a, lda, m, ib, k0, kc, at);
#else
                __global const float *row[MR];
#pragma unroll
                for (int i = 0; i < MR; ++i) {
                    row[i] = a + (size_t)min(ib + i, m - 1) * lda + k0;
                }
#endif
                if (in_place) {
                    MULTIPLY(ROW, (void)0, GET, bp, ldb);
                } else {
                    MULTIPLY(ROW, (void)0, VLOAD, packed, NR);
                }
            }
#ifdef C_STORED
            if (k0 + kc < k) {
#pragma unroll
                for (int i = 0; i < MR; ++i) {
#pragma unroll
                    for (int j = 0; j < NV; ++j) {
                        VSTORE(acc[i][j], kept + (i * NV + j) * VW);
                    }
                }
                continue;
            }
            const float had = beta;
#else
            const float had = k0 == 0 ? beta : 1.0f;
#endif
            store_tile(acc, c_tile, ldc, t * MR - ib, c_rows, n0 - nb, min((uint)NR, n - nb), alpha,
                       had, k0 + kc >= k, ends, bias, y + (size_t)ib * ldc + nb, act, slope);
        }
    }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void gemm_cpu(CPU_ARGS)
{
    cpu_item((uint)get_global_id(0), (uint)get_global_id(1), (uint)get_global_id(2), a, a_off, b,
        b_off, bias, bias_off, y, y_off, sums, sums_off, c, c_off, m, n, k, lda, ldb, ldc, groups,
        stride_a, stride_b, stride_c, form, ends, act, alpha, beta, slope);
}

/* Rows of a[i*lda + p] times the vector x[p], p < k, with contiguous rows and x:
 * c[i*c_step] = end(alpha * sum + beta * c), with bias[i*bias_step] and y[i*c_step]. Four vectors of partial sums,
 * then a fixed tree. Work-item (group of `rows` rows, z). -D VW=16. */
#define DOT_ARGS __global const store *a, uint a_off, __global const store *x, uint x_off,       \
    __global const float *bias, uint bias_off, __global const cstore *y, uint y_off,             \
    __global cstore *c, uint c_off, uint m, uint k, uint lda, uint c_step, uint bias_step,       \
    uint rows, uint stride_a, uint stride_x, uint stride_c, uint ends, int act, float alpha,     \
    float beta, float slope
BODY void dot_item(const uint id0, const uint id1, DOT_ARGS)
{
    const uint first = id0 * rows;
    const uint z = id1;
    const uint end = min(first + rows, m);
    x += x_off + (size_t)z * stride_x;
    c += c_off + (size_t)z * stride_c;
    y += y_off + (size_t)z * stride_c;
    a += a_off + (size_t)z * stride_a;
    for (uint i = first; i < end; ++i) {
        __global const store *row = a + (size_t)i * lda;
        vec s[4] = { (vec)(0.0f), (vec)(0.0f), (vec)(0.0f), (vec)(0.0f) };
        size_t p = 0;
        for (; p + 4 * VW <= k; p += 4 * VW) {
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                s[j] = MUL_ADD(GET(row + p + j * VW), GET(x + p + j * VW), s[j]);
            }
        }
        for (; p + VW <= k; p += VW) {
            s[0] = MUL_ADD(GET(row + p), GET(x + p), s[0]);
        }
        const vec t = (s[0] + s[1]) + (s[2] + s[3]);
        float part[VW];
        VSTORE(t, part);
#pragma unroll
        for (int w = VW / 2; w > 0; w /= 2) {
#pragma unroll
            for (int j = 0; j < w; ++j) {
                part[j] += part[j + w];
            }
        }
        float sum = part[0];
        for (; p < k; ++p) {
            sum = MUL_ADD(load(row, p), load(x, p), sum);
        }
        float v = sum * alpha;
        __global cstore *to = c + (size_t)i * c_step;
        if (beta != 0.0f) {
            v = MUL_ADD(C_LOAD(to, 0), beta, v);
        }
        v = end_element(v, ends, bias + bias_off + i * bias_step, y + (size_t)i * c_step, act,
                        slope);
        C_SAVE(v, to, 0);
    }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void gemm_dot(DOT_ARGS)
{
    dot_item((uint)get_global_id(0), (uint)get_global_id(1), a, a_off, x, x_off, bias, bias_off,
        y, y_off, c, c_off, m, k, lda, c_step, bias_step, rows, stride_a, stride_x, stride_c,
        ends, act, alpha, beta, slope);
}
