#include "support/net_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ops/conv_choices.h"
#include "support/rt_support.h"

static clg_ops shared;
static clg_conv_choices forced;

const clg_ops *test_ops(void)
{
    if (shared.rt == NULL) {
        shared.rt = test_rt();
        TEST_OK(clg__conv_forced_by_env(&forced.forced));
        shared.conv_choices = &forced;
        TEST_OK(clg__blas_open(&shared.blas, shared.rt, &(clg_blas_options){ 0 }));
    }
    return &shared;
}

int test_ops_done(void **state)
{
    clg__blas_close(&shared.blas);
    shared.rt = NULL;
    return test_rt_done(state);
}

int test_records_open(void **state)
{
    (void)test_ops();
    return test_cache_open(state);
}

int test_records_close(void **state)
{
    int status = test_ops_done(state);
    (void)test_cache_close(state);
    return status;
}

/* ---- plans ---- */

static clg_layer *add_layer(clg_net_plan *p, clg_layer l, uint32_t index)
{
    clg_layer *out = &p->layer[p->layer_count];
    *out = l;
    snprintf(out->name, sizeof out->name, "main.%u", index);
    snprintf(out->norm_name, sizeof out->norm_name, "main.%u", index + 1u);
    if (p->layer_count == 0) {
        p->in_h = l.in_h;
        p->in_w = l.in_w;
        p->in_c = l.in_c;
    }
    out->from = (int32_t)p->layer_count - 1; /* the layer before; CLG_FROM_INPUT is -1 */
    out->with = CLG_FROM_NONE;
    p->head_count = 1;
    p->head[0] = p->layer_count;
    p->out_h = l.out_h;
    p->out_w = l.out_w;
    p->out_c = l.out_c;
    p->layer_count++;
    return out;
}

static const clg_init dcgan_init = { .kind = CLG_INIT_NORMAL, .std = 0.1f, .norm_mean = 1.0f,
                                     .norm_std = 0.2f };

void test_plan_generator(clg_net_plan *p, uint32_t channels)
{
    *p = (clg_net_plan){ .init = dcgan_init };
    add_layer(p, (clg_layer){ .op = CLG_LAYER_DECONV2D, .in_h = 1, .in_w = 1, .in_c = 10,
                              .out_h = 4, .out_w = 4, .out_c = 16, .kernel = 4, .stride = 1,
                              .norm = CLG_NORM_BATCH, .act = CLG_ACT_RELU }, 0);
    add_layer(p, (clg_layer){ .op = CLG_LAYER_DECONV2D, .in_h = 4, .in_w = 4, .in_c = 16,
                              .out_h = 8, .out_w = 8, .out_c = 8, .kernel = 4, .stride = 2,
                              .pad = 1, .norm = CLG_NORM_BATCH, .act = CLG_ACT_RELU }, 3);
    add_layer(p, (clg_layer){ .op = CLG_LAYER_DECONV2D, .in_h = 8, .in_w = 8, .in_c = 8,
                              .out_h = 16, .out_w = 16, .out_c = channels, .kernel = 4,
                              .stride = 2, .pad = 1, .act = CLG_ACT_TANH }, 6);
}

void test_plan_discriminator(clg_net_plan *p, uint32_t channels)
{
    *p = (clg_net_plan){ .init = dcgan_init };
    add_layer(p, (clg_layer){ .op = CLG_LAYER_CONV2D, .in_h = 16, .in_w = 16, .in_c = channels,
                              .out_h = 8, .out_w = 8, .out_c = 8, .kernel = 4, .stride = 2,
                              .pad = 1, .bias = true, .act = CLG_ACT_LRELU, .slope = 0.2f }, 0);
    add_layer(p, (clg_layer){ .op = CLG_LAYER_CONV2D, .in_h = 8, .in_w = 8, .in_c = 8, .out_h = 4,
                              .out_w = 4, .out_c = 16, .kernel = 4, .stride = 2, .pad = 1,
                              .norm = CLG_NORM_BATCH, .act = CLG_ACT_LRELU, .slope = 0.2f }, 2);
    add_layer(p, (clg_layer){ .op = CLG_LAYER_CONV2D, .in_h = 4, .in_w = 4, .in_c = 16, .out_h = 1,
                              .out_w = 1, .out_c = 1, .kernel = 4, .stride = 1 }, 5);
}

void test_plan_mlp_generator(clg_net_plan *p, uint32_t channels)
{
    *p = (clg_net_plan){ .init = { .kind = CLG_INIT_TORCH } };
    add_layer(p, (clg_layer){ .op = CLG_LAYER_LINEAR, .in_h = 1, .in_w = 1, .in_c = 10, .out_h = 1,
                              .out_w = 1, .out_c = 24, .bias = true, .act = CLG_ACT_RELU }, 0);
    clg_layer *l = add_layer(p, (clg_layer){ .op = CLG_LAYER_LINEAR, .in_h = 1, .in_w = 1,
                              .in_c = 24, .out_h = 1, .out_w = 1, .out_c = 36u * channels,
                              .bias = true, .act = CLG_ACT_TANH }, 2);
    l->image_out_h = l->image_out_w = channels > 1u ? 6u : 0u;
    l->image_out_c = channels > 1u ? channels : 0u;
}

void test_plan_mlp_discriminator(clg_net_plan *p, uint32_t channels)
{
    *p = (clg_net_plan){ .init = { .kind = CLG_INIT_TORCH } };
    clg_layer *l = add_layer(p, (clg_layer){ .op = CLG_LAYER_LINEAR, .in_h = 1, .in_w = 1,
                              .in_c = 36u * channels, .out_h = 1, .out_w = 1, .out_c = 24,
                              .bias = true, .act = CLG_ACT_LRELU, .slope = 0.2f }, 0);
    l->image_in_h = l->image_in_w = channels > 1u ? 6u : 0u;
    l->image_in_c = channels > 1u ? channels : 0u;
    add_layer(p, (clg_layer){ .op = CLG_LAYER_LINEAR, .in_h = 1, .in_w = 1, .in_c = 24, .out_h = 1,
                              .out_w = 1, .out_c = 1, .bias = true }, 2);
}

/* ---- numbers ---- */

float *test_normal(uint64_t n, uint64_t seed)
{
    float *x = clg__alloc(n, sizeof *x);
    assert_non_null(x);
    clg__philox_normal(&(clg_rng_key){ .seed = seed, .stream = CLG_STREAM_TEST }, 0.0f, 1.0f, x, n);
    return x;
}

double *test_to_double(const float *x, uint64_t n)
{
    double *y = clg__alloc(n, sizeof *y);
    assert_non_null(y);
    for (uint64_t i = 0; i < n; i++) {
        y[i] = (double)x[i];
    }
    return y;
}

/* ---- net and reference ---- */

static const clg_layer *layer_of(const clg_net_plan *plan, const char *tensor)
{
    size_t n = (size_t)(strrchr(tensor, '.') - tensor);
    for (uint32_t i = 0; i < plan->layer_count; i++) {
        const clg_layer *l = &plan->layer[i];
        if (strlen(l->name) == n && strncmp(l->name, tensor, n) == 0) {
            return l;
        }
    }
    return NULL; /* a norm */
}

/* Index in [h,w,c] of feature i of PyTorch's [c,h,w]. */
static uint64_t device_feature(uint64_t i, uint32_t h, uint32_t w, uint32_t c)
{
    uint64_t area = (uint64_t)h * w;
    return c == 0 ? i : i % area * c + i / area;
}

static uint64_t device_index(const clg_net_plan *plan, const clg_net_tensor *t, uint64_t i)
{
    const clg_layer *l = layer_of(plan, t->name);
    if (l != NULL && l->op == CLG_LAYER_EMBEDDING) {
        return i; /* [classes, out] on both sides */
    }
    if (t->rank == 1) {
        return l == NULL ? i : device_feature(i, l->image_out_h, l->image_out_w, l->image_out_c);
    }
    uint64_t taps = t->rank == 4 ? t->dim[2] * t->dim[3] : 1u;
    uint64_t rs = i % taps, c = i / taps % t->dim[1], k = i / taps / t->dim[1];
    if (t->rank == 2) {
        c = device_feature(c, l->image_in_h, l->image_in_w, l->image_in_c);
        k = device_feature(k, l->image_out_h, l->image_out_w, l->image_out_c);
    }
    return (rs * t->dim[1] + c) * t->dim[0] + k;
}

static enum ref_kind ref_kind_of(enum clg_net_kind kind)
{
    return kind == CLG_NET_VALUE ? REF_VALUE : kind == CLG_NET_GRAD ? REF_GRAD
           : kind == CLG_NET_M   ? REF_M
                                 : REF_V;
}

static void copy_kind(clg_net *net, ref_net *ref, enum clg_net_kind kind)
{
    float *host = clg__alloc(clg__net_host_len(net), sizeof *host);
    TEST_OK(clg__net_read(net, kind, host));
    for (uint32_t i = 0; i < clg__net_tensor_count(net); i++) {
        const clg_net_tensor *t = clg__net_tensor_at(net, i);
        uint64_t len = 0;
        if (t->is_buffer && kind != CLG_NET_VALUE) {
            continue;
        }
        double *dst = ref_net_tensor(ref, t->name, ref_kind_of(kind), &len);
        assert_non_null(dst);
        assert_int_equal(len, t->len);
        for (uint64_t j = 0; j < len; j++) {
            dst[device_index(clg__net_plan(net), t, j)] =
                (double)host[clg__net_host_offset(net, i) + j];
        }
    }
    clg__free(host);
}

void test_net_to_ref(clg_net *net, ref_net *ref)
{
    copy_kind(net, ref, CLG_NET_VALUE);
    copy_kind(net, ref, CLG_NET_M);
    copy_kind(net, ref, CLG_NET_V);
}

double test_relative_l2(const float *got, const double *want, uint64_t n)
{
    double diff = 0.0, norm = 0.0;
    for (uint64_t i = 0; i < n; i++) {
        double e = (double)got[i] - want[i];
        diff += e * e;
        norm += want[i] * want[i];
    }
    return sqrt(diff / (norm > 1e-24 ? norm : 1e-24));
}

void test_net_equals_ref(clg_net *net, ref_net *ref, enum clg_net_kind kind, double tolerance)
{
    float *host = clg__alloc(clg__net_host_len(net), sizeof *host);
    TEST_OK(clg__net_read(net, kind, host));
    for (uint32_t i = 0; i < clg__net_tensor_count(net); i++) {
        const clg_net_tensor *t = clg__net_tensor_at(net, i);
        uint64_t len = 0;
        if (t->is_buffer && kind != CLG_NET_VALUE) {
            continue;
        }
        const double *want = ref_net_tensor(ref, t->name, ref_kind_of(kind), &len);
        double *sorted = clg__alloc(len, sizeof *sorted);
        assert_non_null(sorted);
        for (uint64_t j = 0; j < len; j++) {
            sorted[j] = want[device_index(clg__net_plan(net), t, j)];
        }
        double e = test_relative_l2(host + clg__net_host_offset(net, i), sorted, len);
        clg__free(sorted);
        if (!(e <= tolerance)) {
            fail_msg("%s, kind %d: relative L2 %.3e, allowed %.1e", t->name, (int)kind, e,
                     tolerance);
        }
    }
    clg__free(host);
}

void test_near(const char *what, clg_tensor got, const double *want, uint64_t n, double tolerance)
{
    float *host = clg__alloc(n, sizeof *host);
    test_download(clg__tensor_vec(got, 0, (uint32_t)n), host);
    double e = test_relative_l2(host, want, n);
    clg__free(host);
    if (!(e <= tolerance)) {
        fail_msg("%s: relative L2 %.3e", what, e);
    }
}
