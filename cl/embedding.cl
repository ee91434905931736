/* Class labels to vectors: one-hot rows, rows of a table, and the table's gradient. Labels are
 * below the number of classes.
 *
 * Work-item i owns elements i*per_item .. +per_item of the output. One text for both families: CPU
 * -DVW=16, GPU -DVW=4. No local memory. */
#include "runs.clh"

/* y[row, j] = j == label[row]; n = rows * classes. */
__kernel void embedding_onehot(__global const uint *labels, uint labels_off, __global store *y,
                               uint y_off, uint n, uint classes, uint per_item)
{
    labels += labels_off;
    y += y_off;
    FOR_RUNS(n, classes)
    {
        const uint hot = labels[row];
        for (uint k = 0; k < len; ++k) {
            save(j + k == hot ? 1.0f : 0.0f, y, e + k);
        }
    }
}

/* y[row] = w[label[row]], w [classes, width]; n = rows * width. */
__kernel void embedding_fwd(__global const uint *labels, uint labels_off, __global const store *w,
                            uint w_off, __global store *y, uint y_off, uint n, uint width,
                            uint per_item)
{
    labels += labels_off;
    w += w_off;
    y += y_off;
    FOR_RUNS(n, width)
    {
        copy_run(w + (size_t)labels[row] * width + j, 1.0f, y + e, len);
    }
}

/* dw[class] = sum of the rows of dy [rows, width] with this label, in their order;
 * n = classes * width. dw is always float. */
__kernel void embedding_bwd_weight(__global const uint *labels, uint labels_off,
                                   __global const store *dy, uint dy_off, __global float *dw,
                                   uint dw_off, uint n, uint rows, uint width, uint per_item)
{
    labels += labels_off;
    dy += dy_off;
    dw += dw_off;
    FOR_RUNS(n, width)
    {
        uint k = 0; /* `row` is the class */
        for (; k + VW <= len; k += VW) {
            fvec sum = (fvec)(0.0f);
            for (uint r = 0; r < rows; ++r) {
                if (labels[r] == row) {
                    sum += SLOAD(dy + (size_t)r * width + j + k);
                }
            }
            VSTORE(sum, dw + e + k);
        }
        for (; k < len; ++k) {
            float sum = 0.0f;
            for (uint r = 0; r < rows; ++r) {
                if (labels[r] == row) {
                    sum += load(dy, (size_t)r * width + j + k);
                }
            }
            dw[e + k] = sum;
        }
    }
}
