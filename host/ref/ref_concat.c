/* Reference of concatenation on channels and of the sum of two gradients. */
#include <stddef.h>
#include <string.h>

#include "ref/ref_internal.h"

void ref_concat_fwd(const clg_concat *s, const double *a, const double *b, double *y)
{
    uint64_t rows = (uint64_t)s->n * s->pixels;
    uint32_t share = s->pixels / s->b_pixels; /* rows of y that take one row of b */

    for (uint64_t r = 0; r < rows; r++) {
        double *out = y + r * (s->ca + s->cb);
        memcpy(out, a + r * s->ca, s->ca * sizeof *a);
        memcpy(out + s->ca, b + r / share * s->cb, s->cb * sizeof *b);
    }
}

void ref_concat_bwd_data(const clg_concat *s, const double *dy, double *da, double *db)
{
    uint64_t rows = (uint64_t)s->n * s->pixels;
    uint32_t share = s->pixels / s->b_pixels;

    for (uint64_t i = 0; db && i < rows / share * s->cb; i++) {
        db[i] = 0.0;
    }
    for (uint64_t r = 0; r < rows; r++) {
        const double *from = dy + r * (s->ca + s->cb);
        if (da) {
            memcpy(da + r * s->ca, from, s->ca * sizeof *da);
        }
        if (db) {
            ref__axpy(s->cb, 1.0, from + s->ca, db + r / share * s->cb);
        }
    }
}

/* fwd: in a b, out y; bwd_data: in dy, out [da] [db]; accumulate: in x y, inout y. Keys n pixels ca
 * cb, planes=1 for b [n,cb], da and db: 0 where not wanted. */
int ref_case_concat(const clg_case *c, const double *const *in, double *const *out)
{
    clg_concat s = { .n = clg__case_u32(c, "n", 1),
                     .pixels = clg__case_u32(c, "pixels", 1),
                     .ca = clg__case_u32(c, "ca", 1),
                     .cb = clg__case_u32(c, "cb", 1) };
    bool da = clg__case_u32(c, "da", 1) != 0, db = clg__case_u32(c, "db", 1) != 0;

    s.b_pixels = clg__case_u32(c, "planes", 0) != 0 ? 1 : s.pixels;
    if (ref__case_pass(c, "fwd")) {
        ref_concat_fwd(&s, in[0], in[1], out[0]);
    } else if (ref__case_pass(c, "bwd_data")) {
        ref_concat_bwd_data(&s, in[0], da ? out[0] : NULL, db ? out[da ? 1 : 0] : NULL);
    } else if (ref__case_pass(c, "accumulate")) {
        ref__axpy(s.n, 1.0, in[0], out[0]);
    } else {
        return ref__case_unknown(c);
    }
    return CLG_OK;
}
