/* Every gradient of every reference operator against central differences in double. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ref/ref.h"
#include "support/grad_check.h"

enum { MOST = 150 }; /* parameters tried per tensor */

/* What the loss functions below read; loss = sum of r * output. */
typedef struct op_state {
    clg_conv conv;
    clg_bn bn;
    enum clg_act act;
    uint32_t n, c, k;
    double scale;
    double *x, *w, *bias, *y, *r, *mean, *invstd;
    uint64_t y_len;
} op_state;

static void free_state(op_state *s)
{
    free(s->x);
    free(s->w);
    free(s->bias);
    free(s->y);
    free(s->r);
    free(s->mean);
    free(s->invstd);
}

/* ---- linear ---- */

static double loss_linear(void *ctx)
{
    op_state *s = ctx;
    ref_linear_fwd(s->n, s->c, s->k, s->x, s->w, s->bias, s->y);
    return grad_dot(s->y, s->r, s->y_len);
}

static void linear_gradients_match_central_differences(void **state)
{
    static const uint32_t shape[][3] = { { 1, 1, 1 }, { 3, 5, 7 }, { 2, 11, 4 } };
    (void)state;
    for (size_t i = 0; i < sizeof shape / sizeof shape[0]; i++) {
        uint32_t n = shape[i][0], c = shape[i][1], k = shape[i][2];
        op_state s = { .n = n, .c = c, .k = k, .y_len = (uint64_t)n * k,
                       .x = grad_random(n * c, 1), .w = grad_random(c * k, 2),
                       .bias = grad_random(k, 3), .y = grad_random(n * k, 4),
                       .r = grad_random(n * k, 5) };
        double *dx = grad_random(n * c, 6), *dw = grad_random(c * k, 6), *db = grad_random(k, 6);
        ref_linear_bwd_data(n, c, k, s.r, s.w, dx);
        ref_linear_bwd_weight(n, c, k, s.x, s.r, dw);
        ref_reduce_columns(s.r, n, k, db);
        grad_check("linear dx", loss_linear, &s, s.x, dx, n * c, MOST);
        grad_check("linear dw", loss_linear, &s, s.w, dw, c * k, MOST);
        grad_check("linear db", loss_linear, &s, s.bias, db, k, MOST);
        free(dx);
        free(dw);
        free(db);
        free_state(&s);
    }
}

/* ---- conv2d, deconv2d ---- */

/* {n, h, w, c, k, r, s, stride, pad} */
static const uint32_t CONV_SHAPES[][9] = {
    { 1, 1, 1, 1, 1, 1, 1, 1, 0 }, { 2, 4, 4, 3, 5, 4, 4, 1, 0 }, { 2, 8, 8, 3, 4, 4, 4, 2, 1 },
    { 1, 7, 5, 2, 3, 3, 3, 1, 1 }, { 2, 5, 7, 1, 2, 2, 2, 2, 0 }, { 1, 9, 9, 2, 2, 5, 5, 3, 2 },
    { 1, 11, 6, 3, 1, 3, 3, 4, 1 }, { 1, 8, 9, 2, 3, 7, 7, 2, 3 }, { 1, 6, 6, 2, 2, 6, 6, 1, 5 },
    { 1, 7, 8, 2, 2, 3, 2, 2, 1 }, { 1, 5, 4, 1, 2, 1, 3, 3, 2 }, { 2, 3, 3, 2, 2, 2, 2, 4, 3 },
};
enum { CONV_COUNT = sizeof CONV_SHAPES / sizeof CONV_SHAPES[0] };

static void open_conv(op_state *s, const uint32_t *a)
{
    s->conv = (clg_conv){ .n = a[0], .h = a[1], .w = a[2], .c = a[3], .k = a[4], .r = a[5],
                          .s = a[6], .stride = a[7], .pad = a[8] };
    assert_int_equal(clg__conv_make(&s->conv), CLG_OK);
    s->y_len = clg__conv_y_len(&s->conv);
    s->x = grad_random(clg__conv_x_len(&s->conv), 11);
    s->w = grad_random(clg__conv_w_len(&s->conv), 12);
    s->bias = grad_random(s->conv.k, 13);
    s->y = grad_random(s->y_len, 14);
    s->r = grad_random(s->y_len, 15);
}

static double loss_conv2d(void *ctx)
{
    op_state *s = ctx;
    ref_conv2d_fwd(&s->conv, s->x, s->w, s->bias, s->y);
    return grad_dot(s->y, s->r, s->y_len);
}

static void conv2d_gradients_match_central_differences(void **state)
{
    (void)state;
    for (size_t i = 0; i < CONV_COUNT; i++) {
        op_state s = { .n = 0 };
        char what[64];
        open_conv(&s, CONV_SHAPES[i]);
        uint64_t nx = clg__conv_x_len(&s.conv), nw = clg__conv_w_len(&s.conv);
        double *dx = grad_random(nx, 16), *dw = grad_random(nw, 17);
        double *db = grad_random(s.conv.k, 18);
        ref_conv2d_bwd_data(&s.conv, s.r, s.w, dx);
        ref_conv2d_bwd_weight(&s.conv, s.x, s.r, dw);
        ref_reduce_columns(s.r, s.conv.n * s.conv.p * s.conv.q, s.conv.k, db);
        snprintf(what, sizeof what, "conv2d shape %zu", i);
        grad_check(what, loss_conv2d, &s, s.x, dx, nx, MOST);
        grad_check(what, loss_conv2d, &s, s.w, dw, nw, MOST);
        grad_check(what, loss_conv2d, &s, s.bias, db, s.conv.k, MOST);
        free(dx);
        free(dw);
        free(db);
        free_state(&s);
    }
}

/* {n, p, q, k, c, r, s, stride, pad, out_pad} */
static const uint32_t DECONV_SHAPES[][10] = {
    { 1, 1, 1, 1, 1, 1, 1, 1, 0, 0 }, { 2, 1, 1, 5, 3, 4, 4, 1, 0, 0 },
    { 2, 4, 4, 3, 4, 4, 4, 2, 1, 0 }, { 1, 3, 5, 2, 3, 3, 3, 2, 1, 1 },
    { 1, 3, 2, 2, 2, 5, 5, 3, 2, 2 }, { 1, 2, 3, 3, 1, 7, 7, 2, 3, 1 },
    { 1, 3, 3, 2, 2, 2, 2, 4, 0, 3 }, { 1, 4, 3, 2, 2, 3, 2, 1, 1, 0 },
    { 1, 2, 2, 2, 2, 1, 1, 4, 0, 2 }, { 1, 3, 3, 2, 2, 6, 6, 4, 2, 1 },
};
enum { DECONV_COUNT = sizeof DECONV_SHAPES / sizeof DECONV_SHAPES[0] };

static void open_deconv(op_state *s, const uint32_t *a)
{
    s->conv = (clg_conv){ .n = a[0], .p = a[1], .q = a[2], .k = a[3], .c = a[4], .r = a[5],
                          .s = a[6], .stride = a[7], .pad = a[8] };
    assert_int_equal(clg__deconv_make(&s->conv, a[9]), CLG_OK);
    s->y_len = clg__conv_x_len(&s->conv);
    s->x = grad_random(clg__conv_y_len(&s->conv), 21);
    s->w = grad_random(clg__conv_w_len(&s->conv), 22);
    s->bias = grad_random(s->conv.c, 23);
    s->y = grad_random(s->y_len, 24);
    s->r = grad_random(s->y_len, 25);
}

static double loss_deconv2d(void *ctx)
{
    op_state *s = ctx;
    ref_deconv2d_fwd(&s->conv, s->x, s->w, s->bias, s->y);
    return grad_dot(s->y, s->r, s->y_len);
}

static void deconv2d_gradients_match_central_differences(void **state)
{
    (void)state;
    for (size_t i = 0; i < DECONV_COUNT; i++) {
        op_state s = { .n = 0 };
        char what[64];
        open_deconv(&s, DECONV_SHAPES[i]);
        uint64_t nx = clg__conv_y_len(&s.conv), nw = clg__conv_w_len(&s.conv);
        double *dx = grad_random(nx, 26), *dw = grad_random(nw, 27);
        double *db = grad_random(s.conv.c, 28);
        ref_deconv2d_bwd_data(&s.conv, s.r, s.w, dx);
        ref_deconv2d_bwd_weight(&s.conv, s.x, s.r, dw);
        ref_reduce_columns(s.r, s.conv.n * s.conv.h * s.conv.w, s.conv.c, db);
        snprintf(what, sizeof what, "deconv2d shape %zu", i);
        grad_check(what, loss_deconv2d, &s, s.x, dx, nx, MOST);
        grad_check(what, loss_deconv2d, &s, s.w, dw, nw, MOST);
        grad_check(what, loss_deconv2d, &s, s.bias, db, s.conv.c, MOST);
        free(dx);
        free(dw);
        free(db);
        free_state(&s);
    }
}

/* ---- batch norm, activation, losses ---- */

static double loss_batchnorm(void *ctx)
{
    op_state *s = ctx;
    ref_batchnorm_stats(&s->bn, s->x, s->mean, s->invstd, NULL, NULL);
    ref_batchnorm_fwd(&s->bn, s->x, s->mean, s->invstd, s->w, s->bias, s->y);
    return grad_dot(s->y, s->r, s->y_len);
}

static void check_batchnorm(uint32_t n, uint32_t pixels, uint32_t c, uint32_t groups,
                            enum clg_act act)
{
    uint64_t len = (uint64_t)n * pixels * c;
    op_state s = { .bn = { .n = n, .pixels = pixels, .c = c, .groups = groups, .eps = 1e-5f,
                           .momentum = 0.1f, .act = act, .slope = 0.2f },
                   .y_len = len, .x = grad_random(len, 31), .w = grad_random(c, 32),
                   .bias = grad_random(c, 33), .y = grad_random(len, 34),
                   .r = grad_random(len, 35), .mean = grad_random((uint64_t)groups * c, 36),
                   .invstd = grad_random((uint64_t)groups * c, 37) };
    double *dx = grad_random(len, 38), *dw = grad_random(c, 38), *db = grad_random(c, 38);
    char what[96];
    loss_batchnorm(&s);
    ref_batchnorm_bwd(&s.bn, s.x, s.mean, s.invstd, s.w, s.bias, s.r, dx, dw, db);
    snprintf(what, sizeof what, "batchnorm [%u*%u,%u] in %u groups, %s", n, pixels, c, groups,
             clg__act_name(act));
    grad_check(what, loss_batchnorm, &s, s.x, dx, len, MOST);
    grad_check(what, loss_batchnorm, &s, s.w, dw, c, MOST);
    grad_check(what, loss_batchnorm, &s, s.bias, db, c, MOST);
    free(dx);
    free(dw);
    free(db);
    free_state(&s);
}

static void batchnorm_gradients_match_through_every_activation_and_group(void **state)
{
    (void)state;
    for (int act = 0; act < CLG_ACT_COUNT; act++) {
        check_batchnorm(4, 6, 3, 1, (enum clg_act)act);
        check_batchnorm(4, 6, 3, 2, (enum clg_act)act);
        check_batchnorm(6, 1, 5, 2, (enum clg_act)act);
        check_batchnorm(3, 5, 1, 3, (enum clg_act)act);
    }
}

static double loss_activation(void *ctx)
{
    op_state *s = ctx;
    ref_activation_fwd(s->act, 0.2, s->x, s->y, s->y_len);
    return grad_dot(s->y, s->r, s->y_len);
}

static void activation_gradients_match_from_the_output(void **state)
{
    enum { N = 64 };
    (void)state;
    for (int act = 0; act < CLG_ACT_COUNT; act++) {
        op_state s = { .act = (enum clg_act)act, .y_len = N, .x = grad_random(N, 41),
                       .y = grad_random(N, 42), .r = grad_random(N, 43) };
        double dx[N];
        loss_activation(&s);
        ref_activation_bwd(s.act, 0.2, s.y, s.r, dx, N);
        grad_check(clg__act_name(s.act), loss_activation, &s, s.x, dx, N, N);
        free_state(&s);
    }
}

/* ---- maxout, dropout, concat ---- */

static double loss_maxout(void *ctx)
{
    op_state *s = ctx;
    ref_maxout_fwd(s->x, s->k, s->y, s->y_len);
    return grad_dot(s->y, s->r, s->y_len);
}

static void maxout_gradients_reach_the_largest_piece_alone(void **state)
{
    static const uint32_t pieces[] = { 1, 2, 5 };
    enum { UNITS = 17 };
    (void)state;
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        uint32_t n = UNITS * pieces[i];
        op_state s = { .k = pieces[i], .y_len = UNITS, .x = grad_random(n, 71),
                       .y = grad_random(UNITS, 72), .r = grad_random(UNITS, 73) };
        double *dx = grad_random(n, 74);
        ref_maxout_bwd_data(s.x, s.k, s.r, dx, UNITS);
        grad_check("maxout dx", loss_maxout, &s, s.x, dx, n, MOST);
        free(dx);
        free_state(&s);
    }
}

static const clg_rng_key MASKS = { .seed = 3, .stream = CLG_STREAM_TEST, .step = 9, .lane = 515 };

static double loss_dropout(void *ctx)
{
    op_state *s = ctx;
    ref_dropout(&MASKS, s->scale, s->n, s->x, s->y, s->y_len);
    return grad_dot(s->y, s->r, s->y_len);
}

static void dropout_goes_back_through_the_mask_of_the_way_forward(void **state)
{
    enum { N = 61 };
    (void)state;
    for (uint32_t first = 0; first < 3; first++) {
        op_state s = { .n = 7 * first, .scale = 0.4, .y_len = N, .x = grad_random(N, 75),
                       .y = grad_random(N, 76), .r = grad_random(N, 77) };
        double dx[N];
        ref_dropout(&MASKS, s.scale, s.n, s.r, dx, N);
        grad_check("dropout dx", loss_dropout, &s, s.x, dx, N, N);
        free_state(&s);
    }
}

typedef struct concat_state {
    clg_concat shape;
    op_state s;
} concat_state;

static double loss_concat(void *ctx)
{
    concat_state *c = ctx;
    ref_concat_fwd(&c->shape, c->s.x, c->s.w, c->s.y);
    return grad_dot(c->s.y, c->s.r, c->s.y_len);
}

static void concat_gradients_match_for_rows_pixels_and_planes(void **state)
{
    /* {n, pixels, ca, cb, b_pixels} */
    static const uint32_t shape[][5] = { { 3, 1, 4, 2, 1 }, { 2, 6, 3, 5, 6 }, { 2, 6, 3, 5, 1 } };
    (void)state;
    for (size_t i = 0; i < sizeof shape / sizeof shape[0]; i++) {
        const uint32_t *a = shape[i];
        concat_state c = { .shape = { .n = a[0], .pixels = a[1], .ca = a[2], .cb = a[3],
                                      .b_pixels = a[4] } };
        uint64_t na = a[0] * a[1] * a[2], nb = a[0] * a[4] * a[3], ny = a[0] * a[1] * (a[2] + a[3]);
        c.s = (op_state){ .y_len = ny, .x = grad_random(na, 81), .w = grad_random(nb, 82),
                          .y = grad_random(ny, 83), .r = grad_random(ny, 84) };
        double *da = grad_random(na, 85), *db = grad_random(nb, 86);
        ref_concat_bwd_data(&c.shape, c.s.r, da, db);
        grad_check("concat da", loss_concat, &c, c.s.x, da, na, MOST);
        grad_check("concat db", loss_concat, &c, c.s.w, db, nb, MOST);
        free(da);
        free(db);
        free_state(&c.s);
    }
}

/* ---- embedding, resize ---- */

static const uint32_t LABELS[] = { 2, 0, 2, 3, 0, 2 };
enum { LABEL_COUNT = sizeof LABELS / sizeof LABELS[0], CLASSES = 4 };

static double loss_embedding(void *ctx)
{
    op_state *s = ctx;
    ref_embedding_fwd(LABELS, LABEL_COUNT, s->k, s->w, s->y);
    return grad_dot(s->y, s->r, s->y_len);
}

static void embedding_gradients_add_the_rows_of_each_class(void **state)
{
    enum { K = 5, N = LABEL_COUNT * K };
    op_state s = { .k = K, .y_len = N, .w = grad_random(CLASSES * K, 91), .y = grad_random(N, 92),
                   .r = grad_random(N, 93) };
    double dw[CLASSES * K];
    (void)state;
    ref_embedding_bwd_weight(LABELS, LABEL_COUNT, CLASSES, K, s.r, dw);
    grad_check("embedding dw", loss_embedding, &s, s.w, dw, CLASSES * K, MOST);
    free_state(&s);
}

/* s: n rows, k columns, c channels of the small image, `scale` times as many in the large one. */
static double loss_upsample(void *ctx)
{
    op_state *s = ctx;
    ref_resize_up(s->n, s->k, s->c, (uint32_t)s->scale, 1.0, s->x, s->y);
    return grad_dot(s->y, s->r, s->y_len);
}

static double loss_avgpool(void *ctx)
{
    op_state *s = ctx;
    ref_resize_down(s->n, s->k, s->c, (uint32_t)s->scale, 1.0 / (s->scale * s->scale), s->x, s->y);
    return grad_dot(s->y, s->r, s->y_len);
}

static void upsample_and_avgpool_are_each_others_gradients(void **state)
{
    (void)state;
    for (uint32_t scale = 1; scale <= 3; scale++) {
        enum { ROWS = 6, W = 4, C = 3, SMALL = ROWS * W * C };
        uint64_t large = SMALL * scale * scale;
        double area = scale * scale;
        op_state up = { .n = ROWS, .k = W, .c = C, .scale = scale, .y_len = large,
                        .x = grad_random(SMALL, 94), .y = grad_random(large, 95),
                        .r = grad_random(large, 96) };
        op_state down = { .n = ROWS, .k = W, .c = C, .scale = scale, .y_len = SMALL,
                          .x = grad_random(large, 97), .y = grad_random(SMALL, 98),
                          .r = grad_random(SMALL, 99) };
        double *dx = grad_random(large, 90);
        ref_resize_down(ROWS, W, C, scale, 1.0, up.r, dx);
        grad_check("upsample dx", loss_upsample, &up, up.x, dx, SMALL, MOST);
        ref_resize_up(ROWS, W, C, scale, 1.0 / area, down.r, dx);
        grad_check("avgpool dx", loss_avgpool, &down, down.x, dx, large, MOST);
        free(dx);
        free_state(&up);
        free_state(&down);
    }
}

static double loss_gemm_sum(void *ctx)
{
    op_state *s = ctx;
    clg_gemm g = { .m = s->n, .n = s->k, .k = s->c, .lda = s->c, .ldb = s->k, .ldc = s->k,
                   .alpha = 1.0f, .batch = 1 };
    ref_gemm(&g, s->x, s->w, s->y);
    return grad_dot(s->y, s->r, s->y_len);
}

/* dA = dC B^T, dB = A^T dC: the transposed forms are the gradients of the plain one. */
static void gemm_transposes_are_its_gradients(void **state)
{
    enum { M = 4, N = 3, K = 5 };
    op_state s = { .n = M, .k = N, .c = K, .y_len = M * N, .x = grad_random(M * K, 61),
                   .w = grad_random(K * N, 62), .y = grad_random(M * N, 63),
                   .r = grad_random(M * N, 64) };
    clg_gemm a = { .tb = true, .m = M, .n = K, .k = N, .lda = N, .ldb = N, .ldc = K, .alpha = 1.0f,
                   .batch = 1 };
    clg_gemm b = { .ta = true, .m = K, .n = N, .k = M, .lda = K, .ldb = N, .ldc = N, .alpha = 1.0f,
                   .batch = 1 };
    double da[M * K], db[K * N];
    (void)state;
    ref_gemm(&a, s.r, s.w, da);
    ref_gemm(&b, s.x, s.r, db);
    grad_check("gemm dA", loss_gemm_sum, &s, s.x, da, M * K, MOST);
    grad_check("gemm dB", loss_gemm_sum, &s, s.w, db, K * N, MOST);
    free_state(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_gradients_match_central_differences),
        cmocka_unit_test(conv2d_gradients_match_central_differences),
        cmocka_unit_test(deconv2d_gradients_match_central_differences),
        cmocka_unit_test(batchnorm_gradients_match_through_every_activation_and_group),
        cmocka_unit_test(activation_gradients_match_from_the_output),
        cmocka_unit_test(maxout_gradients_reach_the_largest_piece_alone),
        cmocka_unit_test(dropout_goes_back_through_the_mask_of_the_way_forward),
        cmocka_unit_test(concat_gradients_match_for_rows_pixels_and_planes),
        cmocka_unit_test(embedding_gradients_add_the_rows_of_each_class),
        cmocka_unit_test(upsample_and_avgpool_are_each_others_gradients),
        cmocka_unit_test(gemm_transposes_are_its_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
