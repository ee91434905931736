/* Optimisers over whole nets, initial values by layer, and single tensors. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "nn/net_internal.h"
#include "support/net_support.h"
#include "support/plan_support.h"
#include "support/rt_support.h"

enum { N = 4 };

typedef struct fixture {
    clg_net_plan plan;
    clg_scratch *scratch;
    clg_net *net;
    uint64_t len;
    float *value, *grad, *now; /* whole nets on the host */
} fixture;

/* A net of the branched plan, changed by `change` if given, with drawn gradients. */
static fixture make_fixture(enum clg_optimizer optimizer, void (*change)(clg_net_plan *))
{
    fixture f = { 0 };
    test_plan_branched(&f.plan);
    if (change != NULL) {
        change(&f.plan);
    }
    const clg_net_plan *plans[1] = { &f.plan };
    uint32_t batch = N;
    clg_net_options opt = { .max_batch = N, .train = true, .optimizer = optimizer };
    TEST_OK(clg__scratch_create(&f.scratch, test_ops(), plans, &batch, 1, true, CLG_F32));
    TEST_OK(clg__net_create(&f.net, test_ops(), f.scratch, &f.plan, &opt));
    TEST_OK(clg__net_init(f.net, 5, CLG_STREAM_INIT_D));
    f.len = clg__net_host_len(f.net);
    f.value = clg__alloc(f.len, sizeof *f.value);
    f.now = clg__alloc(f.len, sizeof *f.now);
    f.grad = test_normal(f.len, 3);
    TEST_OK(clg__net_read(f.net, CLG_NET_VALUE, f.value));
    TEST_OK(clg__net_write(f.net, CLG_NET_GRAD, f.grad));
    return f;
}

static void free_fixture(fixture *f)
{
    clg__net_destroy(&f->net);
    clg__scratch_destroy(&f->scratch);
    clg__free(f->value);
    clg__free(f->now);
    clg__free(f->grad);
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static bool is_weight(const clg_net_tensor *t)
{
    return ends_with(t->name, ".weight") && strstr(t->name, "norm") == NULL;
}

static uint32_t find_tensor(const fixture *f, const char *name)
{
    for (uint32_t i = 0; i < clg__net_tensor_count(f->net); i++) {
        if (strcmp(clg__net_tensor_at(f->net, i)->name, name) == 0) {
            return i;
        }
    }
    fail_msg("no tensor %s", name);
    return 0;
}

static void sgd_moves_every_parameter_by_its_velocity(void **state)
{
    (void)state;
    fixture f = make_fixture(CLG_OPTIMIZER_SGD, NULL);
    clg_sgd first = { .lr = 0.1f, .momentum = 0.5f }, second = { .lr = 0.05f, .momentum = 0.7f };
    TEST_OK(clg__net_sgd(f.net, &first));
    TEST_OK(clg__net_sgd(f.net, &second));
    TEST_OK(clg__net_read(f.net, CLG_NET_VALUE, f.now));
    for (uint32_t i = 0; i < clg__net_tensor_count(f.net); i++) {
        const clg_net_tensor *t = clg__net_tensor_at(f.net, i);
        for (uint64_t j = 0; j < t->len; j++) {
            uint64_t at = clg__net_host_offset(f.net, i) + j;
            double g = (double)f.grad[at], v1 = -0.1 * g, v2 = 0.7 * v1 - 0.05 * g;
            double want = (double)f.value[at] + (t->is_buffer ? 0.0 : v1 + v2);
            assert_true(fabs((double)f.now[at] - want) < 1e-6);
        }
    }
    clg_adam adam = { .lr = 0.1f, .beta1 = 0.5f, .beta2 = 0.999f, .eps = 1e-8f, .t = 1 };
    assert_int_equal(clg__net_adam(f.net, &adam), CLG_E_INTERNAL);
    assert_int_equal(clg__net_read(f.net, CLG_NET_V, f.now), CLG_E_INTERNAL);
    free_fixture(&f);
}

static void weight_decay_leaves_biases_and_norms_alone(void **state)
{
    (void)state;
    fixture f = make_fixture(CLG_OPTIMIZER_ADAM, NULL);
    uint32_t weights = 0;
    TEST_OK(clg__net_weight_decay(f.net, 0.25f));
    TEST_OK(clg__net_read(f.net, CLG_NET_GRAD, f.now));
    for (uint32_t i = 0; i < clg__net_tensor_count(f.net); i++) {
        const clg_net_tensor *t = clg__net_tensor_at(f.net, i);
        weights += is_weight(t);
        for (uint64_t j = 0; !t->is_buffer && j < t->len; j++) {
            uint64_t at = clg__net_host_offset(f.net, i) + j;
            double want = (double)f.grad[at] + (is_weight(t) ? 0.25 * (double)f.value[at] : 0.0);
            assert_true(fabs((double)f.now[at] - want) < 1e-6);
        }
    }
    assert_int_equal(weights, 6); /* two convs, three linear layers, an embedding */
    free_fixture(&f);
}

static void weight_clip_cuts_every_parameter_and_no_buffer(void **state)
{
    (void)state;
    fixture f = make_fixture(CLG_OPTIMIZER_ADAM, NULL);
    TEST_OK(clg__net_weight_clip(f.net, 0.2f));
    TEST_OK(clg__net_read(f.net, CLG_NET_VALUE, f.now));
    for (uint32_t i = 0; i < clg__net_tensor_count(f.net); i++) {
        const clg_net_tensor *t = clg__net_tensor_at(f.net, i);
        for (uint64_t j = 0; j < t->len; j++) {
            float v = f.value[clg__net_host_offset(f.net, i) + j];
            float want = t->is_buffer ? v : v > 0.2f ? 0.2f : v < -0.2f ? -0.2f : v;
            assert_true(f.now[clg__net_host_offset(f.net, i) + j] == want);
        }
    }
    free_fixture(&f);
}

/* ---- initial values ---- */

static void give_biases(clg_net_plan *p)
{
    p->init = (clg_init){ .kind = CLG_INIT_CONSTANT, .std = 0.125f, .norm_mean = 1.0f };
    for (uint32_t i = 0; i < p->layer_count; i++) {
        p->layer[i].bias = clg__layer_is_sum(&p->layer[i]);
    }
    p->layer[8].bias_init = CLG_BIAS_ZERO;
    p->layer[10].bias_init = CLG_BIAS_CONSTANT;
    p->layer[10].bias_value = -0.75f;
    p->layer[12].bias_init = CLG_BIAS_DATA;
}

static void constants_and_biases_start_as_each_layer_says(void **state)
{
    (void)state;
    fixture f = make_fixture(CLG_OPTIMIZER_ADAM, give_biases);
    const float *w = f.value + clg__net_host_offset(f.net, find_tensor(&f, "main.8.weight"));
    const float *zero = f.value + clg__net_host_offset(f.net, find_tensor(&f, "main.8.bias"));
    const float *set = f.value + clg__net_host_offset(f.net, find_tensor(&f, "main.10.bias"));
    const float *data = f.value + clg__net_host_offset(f.net, find_tensor(&f, "main.12.bias"));
    const float *torch = f.value + clg__net_host_offset(f.net, find_tensor(&f, "main.0.bias"));
    const float *table = f.value + clg__net_host_offset(f.net, find_tensor(&f, "main.13.weight"));
    double most = 0.0, sq = 0.0;
    assert_true(w[0] == 0.125f && w[809] == 0.125f && data[0] == 0.0f);
    for (int i = 0; i < 6; i++) {
        assert_true(zero[i] == 0.0f && set[i] == -0.75f);
    }
    for (int i = 0; i < 4; i++) {
        most = fmax(most, fabs((double)torch[i]));
    }
    assert_true(most > 0.0 && most <= 1.0 / sqrt(2.0 * 16.0)); /* fan_in 2*4*4 */
    for (int i = 0; i < 20; i++) {
        sq += (double)table[i] * (double)table[i] / 20.0;
    }
    assert_true(sq > 0.3 && sq < 3.0); /* N(0,1) */
    free_fixture(&f);
}

/* ---- tensors ---- */

static void an_embedding_has_a_row_per_class(void **state)
{
    (void)state;
    fixture f = make_fixture(CLG_OPTIMIZER_ADAM, NULL);
    const clg_net_tensor *t = clg__net_tensor_at(f.net, find_tensor(&f, "main.13.weight"));
    assert_int_equal(t->rank, 2);
    assert_int_equal(t->dim[0], 5);
    assert_int_equal(t->dim[1], 4);
    free_fixture(&f);
}

static void one_tensor_is_written_alone_and_lies_where_the_index_says(void **state)
{
    (void)state;
    fixture f = make_fixture(CLG_OPTIMIZER_ADAM, NULL);
    for (uint32_t i = 0; i < clg__net_tensor_count(f.net); i++) {
        const clg_net_entry *e = &f.net->entry[i];
        uint64_t len = e->tensor.len;
        float *numbers = clg__alloc(len, sizeof *numbers);
        for (uint64_t j = 0; j < len; j++) {
            numbers[j] = (float)(1000 * i + j);
        }
        TEST_OK(clg__net_write_tensor(f.net, i, numbers));
        memcpy(f.value + clg__net_host_offset(f.net, i), numbers, len * sizeof *numbers);
        float *device = test_download_new(clg__net_part(f.net, CLG_NET_VALUE, e->block, e->part));
        for (uint64_t j = 0; j < len; j++) {
            assert_true(device[clg__net_device_index(f.net, i, j)] == numbers[j]);
        }
        TEST_OK(clg__net_read(f.net, CLG_NET_VALUE, f.now));
        assert_memory_equal(f.now, f.value, f.len * sizeof *f.now);
        clg__free(device);
        clg__free(numbers);
    }
    free_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sgd_moves_every_parameter_by_its_velocity),
        cmocka_unit_test(weight_decay_leaves_biases_and_norms_alone),
        cmocka_unit_test(weight_clip_cuts_every_parameter_and_no_buffer),
        cmocka_unit_test(constants_and_biases_start_as_each_layer_says),
        cmocka_unit_test(an_embedding_has_a_row_per_class),
        cmocka_unit_test(one_tensor_is_written_alone_and_lies_where_the_index_says),
    };
    return cmocka_run_group_tests(tests, NULL, test_ops_done);
}
