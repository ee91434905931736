/* The case runner itself: it passes what is right and notices wrong values, values never written
 * and writes outside a tensor. The operators here are made up and run on the host. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cli/case_runner.h"

/* "fill axpby" computed on the host, with one fault by the made-up key "fault". */
enum { GOOD, WRONG_VALUE, UNWRITTEN, ONE_BEFORE, ONE_BEHIND, WORKSPACE_BEHIND, OFF_BY_LITTLE,
       INPUT_CHANGED };

static const char *const KEYS[] = { "n", "a", "b", "fault", NULL };

static int plan_axpby(const clg_case *c, clg_case_plan *out)
{
    uint32_t n = clg__case_u32(c, "n", 1);
    *out = (clg_case_plan){ .inputs = 2, .outputs = 1 };
    out->in[0].name = "x";
    out->in[0].len = n;
    out->in[1].name = "y";
    out->in[1].len = n;
    out->out[0].name = "y";
    out->out[0].len = n;
    out->out[0].inout = true;
    out->out[0].rtol = 1e-6;
    return CLG_OK;
}

static uint64_t workspace_axpby(const clg_ops *o, const clg_case *c)
{
    (void)o;
    (void)c;
    return 5;
}

static int write_word(const clg_ops *o, clg_tensor t, int64_t at, float value)
{
    clg_tensor all = clg__tensor_all(t.buf);
    return clg__rt_write(o->rt, clg__tensor_vec(all, (uint64_t)((int64_t)t.off + at), 1), &value);
}

static int run_axpby(const clg_ops *o, const clg_case *c, const clg_tensor *in,
                     const clg_tensor *out, clg_tensor ws)
{
    float x[64], y[64];
    float a = (float)clg__case_get(c, "a", 1.0), b = (float)clg__case_get(c, "b", 1.0);
    uint32_t n = (uint32_t)clg__tensor_len(in[0]), fault = clg__case_u32(c, "fault", GOOD);
    int status = CLG_OK;
    CLG_TRY(clg__rt_read(o->rt, in[0], x));
    CLG_TRY(clg__rt_read(o->rt, out[0], y));
    for (uint32_t i = 0; i < n; i++) {
        y[i] = a * x[i] + b * y[i];
    }
    y[n - 1] *= fault == WRONG_VALUE ? 1.01f : fault == OFF_BY_LITTLE ? 1.0f + 0x1p-22f : 1.0f;
    y[n / 2] = fault == UNWRITTEN ? NAN : y[n / 2];
    CLG_TRY(clg__rt_write(o->rt, out[0], y));
    if (fault == ONE_BEFORE) {
        CLG_TRY(write_word(o, out[0], -1, 0.0f));
    } else if (fault == ONE_BEHIND) {
        CLG_TRY(write_word(o, out[0], n, 0.0f));
    } else if (fault == WORKSPACE_BEHIND) {
        CLG_TRY(write_word(o, ws, 5, 0.0f));
    } else if (fault == INPUT_CHANGED) {
        CLG_TRY(write_word(o, in[0], 2, 0.0f));
    }
out:
    return status;
}

static const clg_op FAKE = { .name = "fill", .keys = KEYS, .plan = plan_axpby,
                             .workspace = workspace_axpby, .run = run_axpby };

static int open_ops(void **state)
{
    static clg_ops ops;
    clg_rt_options opt = { .platform = NULL };
    *state = &ops;
    return clg__rt_open(&ops.rt, &opt);
}

static int close_ops(void **state)
{
    clg_ops *ops = *state;
    clg__rt_close(&ops->rt);
    return 0;
}

static void expect(void **state, const char *line, int want, const char *text)
{
    clg_case_result res;
    int status = clg__case_run(*state, &FAKE, line, &res);
    if (status != want || strstr(res.text, text) == NULL || res.passed != (want == CLG_OK)) {
        fail_msg("%s: %s \"%s\", expected %s \"%s\"", line, clg_status_name(status), res.text,
                 clg_status_name(want), text);
    }
    assert_string_equal(res.line, line);
}

static void right_results_pass_at_many_lengths(void **state)
{
    expect(state, "fill axpby n=1 a=2 b=3", CLG_OK, "");
    expect(state, "fill axpby n=15", CLG_OK, "");
    expect(state, "fill axpby n=16 a=-1 b=0", CLG_OK, "");
    expect(state, "fill axpby n=17 a=0.1", CLG_OK, "");
    expect(state, "fill axpby n=64 fault=6", CLG_OK, "");
}

static void a_wrong_value_is_found_with_its_index(void **state)
{
    expect(state, "fill axpby n=16 fault=1", CLG_E_MISMATCH, "y[15] is ");
    expect(state, "fill axpby n=7 fault=2", CLG_E_MISMATCH, "y[3] is ");
}

static void writes_outside_a_tensor_are_found(void **state)
{
    expect(state, "fill axpby n=16 fault=3", CLG_E_MISMATCH, "y[-1] was written");
    expect(state, "fill axpby n=16 fault=4", CLG_E_MISMATCH, "y[16] was written");
    expect(state, "fill axpby n=13 fault=4", CLG_E_MISMATCH, "y[13] was written");
    expect(state, "fill axpby n=13 fault=5", CLG_E_MISMATCH, "workspace[5] was written");
    expect(state, "fill axpby n=13 fault=7", CLG_E_MISMATCH, "input x[2] was changed");
}

static void lines_that_are_no_case_of_the_operator_are_refused(void **state)
{
    expect(state, "fill axpby m=3", CLG_E_USAGE, "no key \"m\"");
    expect(state, "image from_u8 n=3", CLG_E_USAGE, "is not one of fill");
    expect(state, "fill axpby n=0", CLG_E_USAGE, "0 elements");
    expect(state, "fill sideways n=3", CLG_E_USAGE, "no pass");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_results_pass_at_many_lengths),
        cmocka_unit_test(a_wrong_value_is_found_with_its_index),
        cmocka_unit_test(writes_outside_a_tensor_are_found),
        cmocka_unit_test(lines_that_are_no_case_of_the_operator_are_refused),
    };
    return cmocka_run_group_tests(tests, open_ops, close_ops);
}
