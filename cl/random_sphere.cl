/* Points on a sphere: rows of normals, scaled to one length.
 *
 * CPU -DVW=16: one work-item per row. GPU -DVW=1 -DRED_X=1 -DRED_Y=lanes: a work-group per row, a
 * tree over the lanes, 4 * RED_Y bytes of local memory. The numbers are made twice, which is cheaper
 * than keeping them. */
#include "normals.clh"

/* y[row*c + j] = sqrt(c) * v_j / |v|, where v_j is the normal that element row*c + j has in
 * random_normal; a row of zeros stays one. Work-items: (1, lanes, rows). */
__kernel RED_KERNEL void random_sphere(__global store *y, uint y_off, uint c, uint seed_lo,
                                       uint seed_hi, uint use, uint step_lo, uint step_hi)
{
    RED_BUFFER;
    const size_t first = get_global_id(2) * c, end = first + c;
    const size_t start = first / 4 * 4; /* rows begin in the middle of a block */
    float sum = 0.0f, scale = 0.0f;
    y += y_off;
    for (int pass = 0; pass < 2; ++pass) {
        for (size_t i = start + LANE * AT_ONCE; i < end; i += LANES * AT_ONCE) {
            word_uint r[4];
            word_float v[4];
            float t[AT_ONCE];
            make_words((uint)(i / 4), seed_lo, seed_hi, use, step_lo, step_hi, r);
            make_normals(r, 1.0f, v);
            SPREAD_WORDS(float, v, t);
            for (size_t j = max(i, first); j < min(end, i + AT_ONCE); ++j) {
                if (pass == 0) {
                    sum += t[j - i] * t[j - i];
                } else {
                    save(scale * t[j - i], y, j);
                }
            }
        }
        if (pass == 0) {
            const float square = RED_SUM(sum);
            scale = square > 0.0f ? sqrt((float)c / square) : 0.0f;
        }
    }
}
