/* Winograd convolution on GPUs, for filters of 4x4 with stride 2 and of 3x3 with stride 1 (the method and
 * its transforms: winograd.clh). A convolution is three steps, a chunk of tiles at a time:
 *   1. source and, once per call or update, filter are transformed to T*T matrices each,
 *   2. T*T matrix products (gemm, strided batches; not here),
 *   3. their results are transformed back.
 * Tiles: M x M pixels of a map, th x tw per image, numbered over the batch; the chunk's begin at `first`.
 * Matrices, rows of neighbouring channels, all floats:
 *     V[map][t][tile][cin]   source
 *     U[map][t][..][..]      filter: [cin][K] down, [C][K] up, so that w is read and U written in order
 *     P[map][t][tile][oc]    down V U, up V U'
 * Down (up = 0; conv forward, deconv data gradient): one map, and the source's STRIDE*STRIDE phases lie
 * side by side in cin = STRIDE*STRIDE*C channels, oc = K. Up (up = 1; conv data gradient, deconv
 * forward): each phase of the big map is a map of its own, made from all of the small one: cin = K,
 * oc = C. The weight gradient is V' W with V as down, W[t][tile][K] of the output gradient, and the
 * sum over tiles transformed back to the filter's taps: [t][phase][C][K], as U down.
 *
 * One work-item per tile and channel, or per element of a filter's tap; neighbours read and write
 * neighbouring channels. Columns are transformed as they are read, rows as they are written, so that
 * little more than T*T values are live. Any work-group, and no local memory, but in the last step: there
 * JOINED neighbouring tiles make a part of batch norm's sums (batchnorm_sums.clh), each a piece of it.
 * -D: M 2|4, TAPS 2|3; STORE: of x, w, dy and y, while the matrices, bias and dw are floats. */
#define VW 1
#include "batchnorm_sums.clh"
#include "winograd.clh"

/* mid = F of the n columns of n x n pixels, `step` apart from (h0, w0) on, of one channel of
 * x[h][w][run]; pixels outside are 0. */
#define READ_COLUMNS(F, n, x, h_count, w_count, run, h0, w0, step, mid)                      \
    _Pragma("unroll") for (int j = 0; j < (n); ++j)                                          \
    {                                                                                        \
        float d[n];                                                                          \
        const int c_ = (w0) + j * (step);                                                    \
        _Pragma("unroll") for (int i = 0; i < (n); ++i)                                      \
        {                                                                                    \
            const int h_ = (h0) + i * (step);                                                \
            const bool ok = (uint)h_ < (h_count) && (uint)c_ < (w_count);                    \
            d[i] = ok ? load(x, ((uint)h_ * (w_count) + (uint)c_) * (run)) : 0.0f;           \
        }                                                                                    \
        F(d, 1, (mid) + j, n);                                                               \
    }

/* F of the T rows of mid[T][n], element t to to[t*plane]. */
#define WRITE_ROWS(F, n, mid, to, plane)                        \
    _Pragma("unroll") for (int i = 0; i < T; ++i)               \
    {                                                           \
        float out[T];                                           \
        F((mid) + i * (n), 1, out, 1);                          \
        _Pragma("unroll") for (int j = 0; j < T; ++j)           \
        {                                                       \
            (to)[(size_t)(i * T + j) * (plane)] = out[j];       \
        }                                                       \
    }

/* mid[n][T] = F of the T columns of a matrix of T x T elements from[t*plane]. */
#define READ_PLANES(F, from, plane, mid)                        \
    _Pragma("unroll") for (int j = 0; j < T; ++j)               \
    {                                                           \
        float d[T];                                             \
        _Pragma("unroll") for (int i = 0; i < T; ++i)           \
        {                                                       \
            d[i] = (from)[(size_t)(i * T + j) * (plane)];       \
        }                                                       \
        F(d, 1, (mid) + j, T);                                  \
    }

/* V of x[N,sh,sw,run]. get_global_id(0): element of [tile][cin], of which there are `count`;
 * get_global_id(1): map. */
__kernel void winograd_gpu_source(__global const store *x, uint x_off, __global float *v, uint v_off,
                                  uint first, uint count, uint th, uint tw, uint sh, uint sw, uint run,
                                  uint cin, uint pad, uint up)
{
    const uint at = get_global_id(0), map = get_global_id(1);
    if (at >= count) {
        return;
    }
    const uint nth = at / cin, c = rest_of(at, cin, nth), tile = first + nth;
    const uint phase = up ? map : c / run, l = up ? c : rest_of(c, run, phase);
    const uint a = phase / STRIDE, b = phase % STRIDE;
    const uint line = tile / tw, im = line / th;
    const uint ti = rest_of(line, th, im) * M, tj = rest_of(tile, tw, line) * M;
    const int h0 = up ? (int)(ti + (a + pad) / STRIDE) - (TAPS - 1) : (int)(ti * STRIDE + a) - (int)pad;
    const int w0 = up ? (int)(tj + (b + pad) / STRIDE) - (TAPS - 1) : (int)(tj * STRIDE + b) - (int)pad;
    const int step = up ? 1 : (int)STRIDE;
    float mid[TT];
    x += x_off + (size_t)im * sh * sw * run + l;
    v += v_off + (size_t)map * TT * count + at;
    READ_COLUMNS(WIN_SOURCE, T, x, sh, sw, run, h0, w0, step, mid);
    WRITE_ROWS(WIN_SOURCE, T, mid, v, count);
}

/* W of dy[N,p,q,k]. get_global_id(0): element of [tile][k], of which there are `count`. */
__kernel void winograd_gpu_grad(__global const store *dy, uint dy_off, __global float *w, uint w_off,
                                uint first, uint count, uint th, uint tw, uint p, uint q, uint k)
{
    const uint at = get_global_id(0);
    if (at >= count) {
        return;
    }
    const uint nth = at / k, tile = first + nth, line = tile / tw, im = line / th;
    const int h0 = (int)(rest_of(line, th, im) * M), w0 = (int)(rest_of(tile, tw, line) * M);
    float mid[T * M];
    dy += dy_off + (size_t)im * p * q * k + rest_of(at, k, nth);
    w += w_off + at;
    READ_COLUMNS(WIN_GRAD, M, dy, p, q, k, h0, w0, 1, mid);
    WRITE_ROWS(WIN_GRAD, M, mid, w, count);
}

/* U of w[SIDE,SIDE,C,K]. get_global_id(0): element of [C][K], of which there are `count`;
 * get_global_id(1): phase. Up, tap i of phase a meets source row a' + (a + pad)/STRIDE - (TAPS - 1) + i,
 * so it is the filter's row (a + pad) % STRIDE + STRIDE (TAPS - 1 - i). */
__kernel void winograd_gpu_filter(__global const store *w, uint w_off, __global float *u, uint u_off,
                                  uint count, uint pad, uint up)
{
    const uint at = get_global_id(0), phase = get_global_id(1);
    if (at >= count) {
        return;
    }
    const uint a = phase / STRIDE, b = phase % STRIDE, last = (TAPS - 1) * STRIDE;
    const uint r0 = up ? (a + pad) % STRIDE + last : a, s0 = up ? (b + pad) % STRIDE + last : b;
    const int step = up ? -(int)STRIDE : (int)STRIDE;
    float mid[T * TAPS];
    w += w_off + at;
    u += u_off + (size_t)phase * (up ? TT : 1u) * count + at;
    READ_COLUMNS(WIN_FILTER, TAPS, w, SIDE, SIDE, count, (int)r0, (int)s0, step, mid);
    WRITE_ROWS(WIN_FILTER, TAPS, mid, u, (up ? 1u : STRIDE * STRIDE) * count);
}

/* y[N,oh,ow,oc] = act(P transformed + bias), or with SUMS_OF_DY P transformed, act being the norm's.
 * get_global_id: channel, tile of the chunk's `tiles`, map; work-groups of no more than CHANNELS x JOINED.
 * Pixels of a map are `apart` in y. parts: [splits, maps, parts of split_tiles tiles, 3 or 2, oc]; with
 * more splits than one split_tiles is a multiple of JOINED, as is `first`. Barriers are in no condition:
 * see conv2d_tile.cl. */
#define CHANNELS 32
__kernel void winograd_gpu_output(__global const float *p, uint p_off, __global const float *bias,
                                  uint bias_off, __global store *y, uint y_off, uint first, uint tiles,
                                  uint th, uint tw, uint oh, uint ow, uint oc, uint apart,
                                  uint split_tiles, uint has_bias, int act, float slope, SUMS_ARGS)
{
    __local float counts[JOINED], ones[JOINED * CHANNELS], twos[JOINED * CHANNELS];
    const uint o = get_global_id(0), nth = get_global_id(1), map = get_global_id(2);
    const uint lx = get_local_id(0), ly = get_local_id(1);
    const uint tile = first + nth, split = tile / split_tiles;
    float n = 0.0f;
    piece_sums s = { 0.0f, 0.0f, 0.0f, 0.0f, 0.0f };
    if (o < oc && nth < tiles) {
        const uint line = tile / tw, im = line / th;
        const uint h = rest_of(line, th, im) * M * apart + map / STRIDE;
        const uint c = rest_of(tile, tw, line) * M * apart + map % STRIDE;
        const float more = has_bias ? bias[bias_off + o] : 0.0f;
        const size_t image = (size_t)im * oh * ow * oc + o;
        if (sums == SUMS_OF_DY) {
            s.k = norm_mean[norm_mean_off + split * oc + o];
            s.scale = norm_weight[norm_weight_off + o] * norm_invstd[norm_invstd_off + split * oc + o];
            s.shift = norm_bias[norm_bias_off + o];
        }
        float mid[M * T];
        p += p_off + ((size_t)map * TT * tiles + nth) * oc + o;
        y += y_off + image;
        norm_x += norm_x_off + image;
        READ_PLANES(WIN_OUTPUT, p, tiles * oc, mid);
        _Pragma("unroll") for (uint i = 0; i < M; ++i)
        {
            float out[M];
            WIN_OUTPUT(mid + i * T, 1, out, 1);
            _Pragma("unroll") for (uint j = 0; j < M; ++j)
            {
                const uint r = h + i * apart, q = c + j * apart, at = (r * ow + q) * oc;
                if (r < oh && q < ow) {
                    float v = sums == SUMS_OF_DY ? out[j] : act_apply(act, slope, out[j] + more);
                    save(v, y, at);
                    if (sums != SUMS_NONE) {
#if STORE
                        v = load(y, at);
#endif
                        add_to_piece(&s, sums, v, sums == SUMS_OF_DY ? load(norm_x, at) : 0.0f,
                                     n == 0.0f, act, slope);
                        n += 1.0f;
                    }
                }
            }
        }
    }

    if (sums != SUMS_NONE) {
        float one, two;
        end_piece(&s, sums, n, &one, &two);
        ones[ly * CHANNELS + lx] = one;
        twos[ly * CHANNELS + lx] = two;
        if (lx == 0u) {
            counts[ly] = n;
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    if (sums != SUMS_NONE && ly == 0u && o < oc && nth < tiles) {
        const uint maps = apart * apart, split_parts = (split_tiles + JOINED - 1u) / JOINED;
        const uint part = (tile - split * split_tiles) / JOINED;
        const size_t number = (split * maps + map) * split_parts + part;
        __global float *to = parts + parts_off + number * (sums == SUMS_OF_Y ? 3u : 2u) * oc + o;
        if (sums == SUMS_OF_Y) {
            float count[JOINED];
            for (uint i = 0; i < JOINED; ++i) {
                count[i] = counts[i];
            }
            leave_joined_of_y(count, ones + lx, twos + lx, CHANNELS, to, oc, 1u);
        } else {
            leave_joined_of_dy(ones + lx, twos + lx, CHANNELS,
                               norm_invstd[norm_invstd_off + split * oc + o], to, oc, 1u);
        }
    }
}

/* dw[SIDE,SIDE,C,K] of the weight gradient's products. get_global_id(0): element of [C][K], of which
 * there are `count`; get_global_id(1): phase. */
__kernel void winograd_gpu_taps(__global const float *p, uint p_off, __global float *dw, uint dw_off,
                                uint count)
{
    const uint at = get_global_id(0), phase = get_global_id(1);
    if (at >= count) {
        return;
    }
    const uint a = phase / STRIDE, b = phase % STRIDE;
    float mid[TAPS * T];
    p += p_off + (size_t)phase * count + at;
    dw += dw_off + at;
    READ_PLANES(WIN_TAPS, p, STRIDE * STRIDE * count, mid);
    _Pragma("unroll") for (uint i = 0; i < TAPS; ++i)
    {
        float out[TAPS];
        WIN_TAPS(mid + i * T, 1, out, 1);
        _Pragma("unroll") for (uint j = 0; j < TAPS; ++j)
        {
            dw[(size_t)((i * STRIDE + a) * SIDE + j * STRIDE + b) * count] = out[j];
        }
    }
}
