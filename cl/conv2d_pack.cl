/* Small copies around the CPU convolution kernels: filters into panels, few-channel inputs with
 * their padding, sums over splits. One work-item per work-group. No local memory.
 * -D: STORE: of filters and maps, while panels and sums are floats. */
#include "common.clh"

#define NR_MAX 32
#define BLOCK 16

/* wp[panel][t][l][nr] = w[base + i*si + j*sj + l*sl + o*so], t = (i, j) in tr x ts, l < run,
 * o = panel*nr + 0 .. nr-1, 0 where o >= oc; nr <= NR_MAX. get_global_id(0): block of BLOCK rows l,
 * get_global_id(1): panel * tr*ts + t. */
__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
conv2d_pack(__global const store *restrict w, uint w_off, __global float *restrict wp, uint wp_off,
            uint tr, uint ts, uint run, uint oc, uint base, uint si, uint sj, uint sl, uint so,
            uint nr)
{
    const uint taps = tr * ts, l0 = (uint)get_global_id(0) * BLOCK;
    const uint row = (uint)get_global_id(1), panel = row / taps, t = rest_of(row, taps, panel);
    const uint i = t / ts, j = rest_of(t, ts, i), o0 = panel * nr;
    const uint rows = min((uint)BLOCK, run - l0), width = min(nr, oc - o0);
    __global const store *from =
        w + (w_off + base + i * si + j * sj + l0 * sl + o0 * so);
    __global float *to = wp + (wp_off + (row * run + l0) * nr);

    if (so == 1u) {
        for (uint l = 0; l < rows; ++l) {
            for (uint o = 0; o < nr; ++o) {
                to[l * nr + o] = o < width ? load(from, l * sl + o) : 0.0f;
            }
        }
        return;
    }
    float part[NR_MAX * BLOCK];
    for (uint o = 0; o < nr; ++o) {
        for (uint l = 0; l < BLOCK; ++l) {
            part[o * BLOCK + l] = o < width && l < rows ? load(from, o * so + l * sl) : 0.0f;
        }
    }
    for (uint l = 0; l < rows; ++l) {
        for (uint o = 0; o < nr; ++o) {
            to[l * nr + o] = part[o * BLOCK + l];
        }
    }
}

/* y[n][i][j][c] = x[n][i - pad][j - pad][c], 0 outside; y is [N, yh, yw, c], x [N, xh, xw, c].
 * get_global_id(0): row i, get_global_id(1): image n. */
__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
conv2d_pad(__global const store *restrict x, uint x_off, __global store *restrict y, uint y_off,
           uint xh, uint xw, uint c, uint yh, uint yw, uint pad)
{
    const uint i = (uint)get_global_id(0), n = (uint)get_global_id(1);
    const uint lo = min(pad, yw) * c, hi = min(pad + xw, yw) * c, row = yw * c;
    const bool inside = i >= pad && i - pad < xh;
    __global store *to = y + (y_off + (n * yh + i) * row);
    __global const store *from = x + x_off;
    uint at = 0;
    if (inside) {
        from += (n * xh + (i - pad)) * xw * c;
        for (; at < lo; ++at) {
            save(0.0f, to, at);
        }
        for (; at < hi; ++at) {
            save(load(from, at - lo), to, at);
        }
    }
    for (; at < row; ++at) {
        save(0.0f, to, at);
    }
}

/* y[i] = sum over z < splits of part[z * len + i], in order. get_global_id(0): blocks of 64. */
__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
conv2d_sum(__global const float *restrict part, uint part_off, __global float *restrict y,
           uint y_off, uint len, uint splits)
{
    const uint lo = (uint)get_global_id(0) * 64u, hi = min(lo + 64u, len);
    for (uint i = lo; i < hi; ++i) {
        float sum = part[part_off + i];
        for (uint z = 1; z < splits; ++z) {
            sum += part[part_off + z * len + i];
        }
        y[y_off + i] = sum;
    }
}

/* y[m, k] = act(y[m, k] + bias[k]), rows of k floats. get_global_id(0): row. */
__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
conv2d_bias_act(__global const float *restrict bias, uint bias_off, __global float *restrict y,
                uint y_off, uint k, int act, float slope)
{
    __global float *row = y + (y_off + (uint)get_global_id(0) * k);
    for (uint i = 0; i < k; ++i) {
        row[i] = act_apply(act, slope, row[i] + bias[bias_off + i]);
    }
}
