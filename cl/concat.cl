/* Concatenation on channels and its ways back. Rows are pixels: a [rows, ca], b [rows / share, cb],
 * y [rows, ca + cb]; share is the number of pixels that one row of b is repeated for.
 *
 * Work-item i owns elements i*per_item .. +per_item of the output. One text for both families: CPU
 * -DVW=16, GPU -DVW=4. No local memory. */
#include "runs.clh"

/* y[row] = a[row] beside b[row / share]; n = rows * (ca + cb). */
__kernel void concat_fwd(__global const store *a, uint a_off, __global const store *b, uint b_off,
                         __global store *y, uint y_off, uint n, uint ca, uint cb, uint share,
                         uint per_item)
{
    a += a_off;
    b += b_off;
    y += y_off;
    FOR_RUNS(n, ca + cb)
    {
        const uint from_a = j < ca ? min(len, ca - j) : 0u;
        if (from_a != 0u) {
            copy_run(a + (size_t)row * ca + j, 1.0f, y + e, from_a);
        }
        if (from_a < len) {
            copy_run(b + (size_t)(row / share) * cb + (j + from_a - ca), 1.0f, y + e + from_a,
                     len - from_a);
        }
    }
}

/* Columns first .. first + width of dy [rows, c]: dx[row, j] = dy[row, first + j];
 * n = rows * width. */
__kernel void concat_take(__global const store *dy, uint dy_off, __global store *dx, uint dx_off,
                          uint n, uint width, uint c, uint first, uint per_item)
{
    dy += dy_off + first;
    dx += dx_off;
    FOR_RUNS(n, width)
    {
        copy_run(dy + (size_t)row * c + j, 1.0f, dx + e, len);
    }
}

/* The same columns, summed over `pixels` rows in their order:
 * dx[i, j] = sum over p of dy[i*pixels + p, first + j]; n = (rows / pixels) * width. */
__kernel void concat_take_sum(__global const store *dy, uint dy_off, __global store *dx,
                              uint dx_off, uint n, uint width, uint c, uint first, uint pixels,
                              uint per_item)
{
    dy += dy_off + first;
    dx += dx_off;
    FOR_RUNS(n, width)
    {
        sum_run(dy + (size_t)row * pixels * c + j, pixels, c, 1, 0, 1.0f, dx + e, len);
    }
}
