/* Rows of the drawn systems (base/model.h). Row i is a function of the key and i alone: of the words
 * w0 .. w3 of Philox block i. With u = (w0 >> 8) * 2^-24 in [0,1), and n0, n1 the normals of words 0
 * and 1 as host/base/philox.h makes them:
 *     curves   y_j = a x_j^2 + a - 1, x_j = -2 + 4j/14, j = 0 .. 14, a = 1 + 2u
 *     gauss1d  y = 4 + n0/2
 *     ring     centre k = w2 >> 29 of 8: y = (cos, sin)(2 pi k / 8) + (n0, n1) / 100
 *     grid     centre k = floor(w2 * 25 / 2^32): y = (2 (k % 5) - 4, 2 floor(k / 5) - 4)
 *              + (n0, n1) / 20
 * host/base/system.c holds the same in double.
 *
 * CPU -DVW=16 -DITEMS=256: a work-item owns the rows i*ITEMS*VW .. +ITEMS*VW, sixteen at a time, one
 * in each lane of a vector. GPU -DVW=4 -DITEMS=1: four rows, one by one. No local memory. */
#include "normals.clh"

/* enum clg_system */
#define CURVES 1u
#define GAUSS1D 2u
#define RING 3u
#define GRID 4u

#define POINTS 15u /* of a curve */

#if VW == 16
#define ROWS_AT_ONCE 16u
#define SPREAD(v, t) vstore16(v, 0, t)
#else
#define ROWS_AT_ONCE 1u
#define SPREAD(v, t) *(t) = (v)
#endif

/* a[l] = the curve parameter of row l of those at hand. */
static inline void store_curves(const float *a, uint rows, __global store *y)
{
    for (uint l = 0; l < rows; ++l) {
        for (uint j = 0; j < POINTS; ++j) {
            const float x = -2.0f + 4.0f * (float)j / 14.0f;
            save(a[l] * (x * x + 1.0f) - 1.0f, y, l * POINTS + j);
        }
    }
}

/* y [n, dim]. */
__kernel void system_draw(__global store *y, uint y_off, uint n, uint dim, uint system,
                          uint seed_lo, uint seed_hi, uint use, uint step_lo, uint step_hi)
{
    size_t i = (size_t)get_global_id(0) * (ITEMS * VW);
    const size_t end = min((size_t)n, i + ITEMS * VW);
    y += y_off;
    for (; i < end; i += ROWS_AT_ONCE) {
        const uint rows = (uint)min((size_t)ROWS_AT_ONCE, end - i);
        word_uint r[4];
        word_float v[4], cx, cy;
        float t[2][ROWS_AT_ONCE];
        make_words((uint)i, seed_lo, seed_hi, use, step_lo, step_hi, r);
        if (system == CURVES) {
            SPREAD(1.0f + 2.0f * UNIT(r[0]), t[0]);
            store_curves(t[0], rows, y + i * POINTS);
            continue;
        }
        if (system == RING) {
            const word_float angle = TO_FLOAT(r[2] >> 29) * 0.25f; /* over pi, exact */
            make_normals(r, 0.01f, v);
            cx = cospi(angle) + v[0];
            cy = sinpi(angle) + v[1];
        } else if (system == GRID) {
            const word_uint k = mul_hi(r[2], (word_uint)(25u));
            const word_uint row = (k * 13u) >> 6; /* k / 5, right for k < 25 */
            make_normals(r, 0.05f, v);
            cx = 2.0f * TO_FLOAT(k - row * 5u) - 4.0f + v[0];
            cy = 2.0f * TO_FLOAT(row) - 4.0f + v[1];
        } else {
            make_normals(r, 0.5f, v);
            cx = 4.0f + v[0];
            cy = v[1];
        }
        SPREAD(cx, t[0]);
        SPREAD(cy, t[1]);
        for (uint l = 0; l < rows; ++l) {
            for (uint d = 0; d < dim; ++d) {
                save(t[d][l], y, (i + l) * dim + d);
            }
        }
    }
}
