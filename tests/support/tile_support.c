#include "support/tile_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/model.h"
#include "base/philox.h"
#include "support/rt_support.h"

void tile_bench_open(tile_bench *b, uint32_t len)
{
    clg_rng_key key = { .seed = 5, .stream = CLG_STREAM_TEST };
    static const clg_rt_options gpu = { .family = CLG_FAMILY_GPU };
    *b = (tile_bench){ .choices = { .forced = CLG_CONV_DIRECT }, .len = len };
    b->ops = (clg_ops){ .rt = test_rt_open_with(&gpu), .conv_choices = &b->choices };
    b->first = clg__alloc(len, sizeof(float));
    b->got = clg__alloc(len, sizeof(float));
    assert_true(b->first != NULL && b->got != NULL);
    clg__philox_normal(&key, 0, 1, b->got, len);
    b->a = test_upload(b->ops.rt, b->got, len);
    key.seed = 6;
    clg__philox_normal(&key, 0, 1, b->got, len);
    b->b = test_upload(b->ops.rt, b->got, len);
    b->c = test_buffer(b->ops.rt, CLG_F32, len);
}

void tile_bench_close(tile_bench *b)
{
    test_release(&b->a);
    test_release(&b->b);
    test_release(&b->c);
    clg__free(b->first);
    clg__free(b->got);
    clg__rt_close(&b->ops.rt);
}

void tile_bench_clear(tile_bench *b)
{
    for (uint32_t i = 0; i < b->len; i++) {
        b->got[i] = NAN;
    }
    TEST_OK(clg__rt_write(b->ops.rt, b->c, b->got));
}

void tile_bench_compare(tile_bench *b, bool is_first)
{
    test_download(b->c, is_first ? b->first : b->got);
    assert_true(b->first[0] == b->first[0] && b->first[b->len - 1] != b->first[b->len - 1]);
    if (!is_first) {
        assert_memory_equal(b->first, b->got, b->len * sizeof(float));
    }
}

void tile_bench_convolve(tile_bench *b, const clg_conv *g, enum clg_conv_job job,
                         const clg_epilogue *e)
{
    const clg_tensor x = clg__tensor_view(b->a, 0, 4, g->n, g->h, g->w, g->c);
    const clg_tensor y = clg__tensor_view(b->b, 0, 4, g->n, g->p, g->q, g->k);
    const clg_filter w = { .w = clg__tensor_view(job == CLG_CONV_JOB_UP ? b->a : b->b, 0, 4, g->r,
                                                 g->s, g->c, g->k) };
    if (job == CLG_CONV_JOB_DOWN) {
        const clg_tensor to = clg__tensor_view(b->c, 0, 4, g->n, g->p, g->q, g->k);
        TEST_OK(clg__conv2d_fwd(&b->ops, g, x, w, e, to, CLG_NO_TENSOR));
    } else if (job == CLG_CONV_JOB_UP) {
        const clg_tensor to = clg__tensor_view(b->c, 0, 4, g->n, g->h, g->w, g->c);
        TEST_OK(clg__conv2d_bwd_data(&b->ops, g, y, w, NULL, to, CLG_NO_TENSOR));
    } else {
        const clg_tensor to = clg__tensor_view(b->c, 0, 4, g->r, g->s, g->c, g->k);
        TEST_OK(clg__conv2d_bwd_weight(&b->ops, g, x, y, NULL, to, CLG_NO_TENSOR));
    }
}
