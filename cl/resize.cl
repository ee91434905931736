/* Nearest-neighbour upsampling and average pooling by a whole number, each the other's way back up
 * to a factor. Images are [n, h, w, c]; only w, c and the scale matter: the rows of all images lie
 * one after another.
 *
 * Work-item i owns elements i*per_item .. +per_item of y. One text for both families: CPU -DVW=16,
 * GPU -DVW=4. No local memory. */
#include "runs.clh"

/* y[r, q] = factor * x[r / scale, q / scale] for row r, column q; x has w columns, y w*scale;
 * n is y's length. */
__kernel void resize_up(__global const store *x, uint x_off, __global store *y, uint y_off, uint n,
                        uint w, uint c, uint scale, float factor, uint per_item)
{
    const uint wide = w * scale;
    x += x_off;
    y += y_off;
    FOR_RUNS(n, c)
    {
        const uint r = row / wide, q = rest_of(row, wide, r); /* `row` is the pixel */
        const size_t from = (size_t)(r / scale) * w + q / scale;
        copy_run(x + from * c + j, factor, y + e, len);
    }
}

/* y[r, q] = factor * the sum of x[r*scale .. +scale, q*scale .. +scale], by rows; y has w columns,
 * x w*scale; n is y's length. */
__kernel void resize_down(__global const store *x, uint x_off, __global store *y, uint y_off,
                          uint n, uint w, uint c, uint scale, float factor, uint per_item)
{
    const size_t line = (size_t)w * scale * c; /* elements in a row of x */
    x += x_off;
    y += y_off;
    FOR_RUNS(n, c)
    {
        const uint r = row / w, q = rest_of(row, w, r);
        sum_run(x + r * scale * line + (size_t)q * scale * c + j, scale, line, scale, c, factor,
                y + e, len);
    }
}
