/* Device memory: transfers, views, the account, and running out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/os.h"
#include "rt/rt.h"
#include "support/rt_support.h"

static void bytes_come_back_as_they_were_written(void **state)
{
    (void)state;
    clg_rt *rt = test_rt();
    static const size_t sizes[] = { 1, 3, 64, 1021, 100003, 9 << 20 };
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        size_t n = sizes[s];
        uint8_t *a = clg__alloc(n, 1), *b = clg__alloc(n, 1);
        for (size_t i = 0; i < n; i++) {
            a[i] = (uint8_t)(i * 7 + 3);
        }
        clg_tensor t = test_buffer(rt, CLG_U8, n);
        TEST_OK(clg__rt_write(rt, t, a));
        TEST_OK(clg__rt_read(rt, t, b));
        assert_memory_equal(a, b, n);
        test_release(&t);
        clg__free(a);
        clg__free(b);
    }
}

/* Mappings of this process that ask for large pages; -1: a system that has none, or does not say. */
static int count_large(void)
{
    char line[512];
    int n = 0;
    FILE *f = clg__os_stat("/sys/kernel/mm/transparent_hugepage/enabled").exists
                  ? fopen("/proc/self/smaps", "r")
                  : NULL;
    if (f == NULL) {
        return -1;
    }
    while (fgets(line, sizeof line, f) != NULL) {
        n += strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " hg") != NULL;
    }
    fclose(f);
    return n;
}

static void a_large_buffer_of_a_cpu_asks_for_large_pages(void **state)
{
    (void)state;
    clg_rt *rt = test_rt();
    const clg_device_info *d = clg__rt_device(rt);
    const int before = count_large();
    if (before < 0 || strstr(d->platform, "Portable Computing Language") == NULL) {
        skip();
    }
    clg_tensor small = test_buffer(rt, CLG_U8, 1 << 20);
    assert_int_equal(count_large(), before);
    clg_tensor large = test_buffer(rt, CLG_U8, 64 << 20);
    assert_true(count_large() > before);
    test_release(&large);
    test_release(&small);
}

static void views_touch_only_their_part(void **state)
{
    (void)state;
    clg_rt *rt = test_rt();
    float a[48], b[48];
    for (int i = 0; i < 48; i++) {
        a[i] = (float)i;
    }
    clg_tensor t = test_upload(rt, a, 48);
    clg_tensor image = clg__tensor_view(t, 16, 3, 4, 2, 3, 0); /* [4,2,3] at 16 */
    assert_int_equal(clg__tensor_len(image), 24);
    clg_tensor rows = clg__tensor_view(t, 22, 3, 2, 2, 3, 0);
    assert_int_equal(clg__tensor_len(rows), 12);
    TEST_OK(clg__rt_zero(rt, rows));
    TEST_OK(clg__rt_copy(rt, clg__tensor_vec(t, 0, 4), clg__tensor_vec(image, 18, 4)));
    test_download(t, b);
    for (int i = 0; i < 48; i++) {
        float want = i >= 22 && i < 34 ? 0.0f : i >= 34 && i < 38 ? (float)(i - 34) : (float)i;
        assert_float_equal(b[i], want, 0);
    }
    float part[4];
    TEST_OK(clg__rt_read(rt, clg__tensor_vec(image, 18, 4), part));
    assert_memory_equal(part, a, sizeof part);
    test_release(&t);
}

static void zero_and_copy_work_on_odd_byte_ranges(void **state)
{
    (void)state;
    clg_rt *rt = test_rt();
    uint8_t a[33], b[33];
    memset(a, 0xab, sizeof a);
    clg_tensor t = test_buffer(rt, CLG_U8, 33);
    TEST_OK(clg__rt_write(rt, t, a));
    TEST_OK(clg__rt_zero(rt, clg__tensor_vec(t, 5, 7)));
    TEST_OK(clg__rt_read(rt, t, b));
    for (int i = 0; i < 33; i++) {
        assert_int_equal(b[i], i >= 5 && i < 12 ? 0 : 0xab);
    }
    test_release(&t);
}

static void an_asynchronous_write_is_there_after_its_event(void **state)
{
    (void)state;
    clg_rt *rt = test_rt();
    float a[1000], b[1000];
    for (int i = 0; i < 1000; i++) {
        a[i] = (float)(3 * i);
    }
    clg_tensor t = test_buffer(rt, CLG_F32, 1000);
    clg_event *ev = NULL;
    TEST_OK(clg__rt_write_async(rt, t, a, &ev));
    TEST_OK(clg__event_wait(ev));
    clg__event_free(&ev);
    assert_null(ev);
    test_download(t, b);
    assert_memory_equal(a, b, sizeof a);
    test_release(&t);
}

/* Work that somebody holds back: fills a view with a byte. */
typedef struct late {
    clg_rt *rt;
    clg_tensor to;
    uint8_t byte;
    int calls, status;
} late;

static int do_late(void *owner)
{
    late *l = owner;
    uint8_t bytes[8];
    memset(bytes, l->byte, sizeof bytes);
    l->calls++;
    return l->status != CLG_OK ? clg__fail(l->status, "late") : clg__rt_write(l->rt, l->to, bytes);
}

static void work_held_back_comes_before_all_but_uploads(void **state)
{
    (void)state;
    clg_rt *rt = test_rt();
    clg_tensor t = test_buffer(rt, CLG_U8, 16), other = test_buffer(rt, CLG_U8, 16);
    late one = { .rt = rt, .to = clg__tensor_vec(t, 0, 8), .byte = 1 };
    late two = { .rt = rt, .to = clg__tensor_vec(t, 4, 8), .byte = 2 };
    static const uint8_t up[8] = { 9, 9, 9, 9, 9, 9, 9, 9 };
    uint8_t got[16];
    clg_event *event = NULL;
    TEST_OK(clg__rt_zero(rt, t));
    TEST_OK(clg__rt_zero(rt, other));
    clg__rt_hold(rt, do_late, &one);
    clg__rt_hold(rt, do_late, &one);
    TEST_OK(clg__rt_write_async(rt, clg__tensor_vec(t, 4, 8), up, &event));
    TEST_OK(clg__rt_flush(rt));
    TEST_OK(clg__event_wait(event));
    clg__event_free(&event);
    assert_int_equal(one.calls, 0);
    clg__rt_hold(rt, do_late, &two); /* the first one is done now */
    assert_int_equal(one.calls, 1);
    assert_int_equal(two.calls, 0);
    TEST_OK(clg__rt_copy(rt, t, other));
    assert_int_equal(two.calls, 1);
    TEST_OK(clg__rt_read(rt, other, got));
    for (int i = 0; i < 16; i++) {
        assert_int_equal(got[i], i < 4 ? 1 : i < 12 ? 2 : 0);
    }
    assert_int_equal(one.calls + two.calls, 2); /* once each */
    clg__rt_hold(rt, do_late, &one);
    clg__rt_hold_no_more(rt, &two);
    clg__rt_hold_no_more(rt, &one);
    TEST_OK(clg__rt_finish(rt));
    assert_int_equal(one.calls, 1);
    one.status = CLG_E_DEVICE; /* who asks first is told */
    clg__rt_hold(rt, do_late, &one);
    assert_int_equal(clg__rt_zero(rt, t), CLG_E_DEVICE);
    TEST_OK(clg__rt_zero(rt, t));
    test_release(&t);
    test_release(&other);
}

static void the_account_knows_used_and_peak_bytes(void **state)
{
    (void)state;
    clg_rt *rt = test_rt_open();
    uint64_t before = clg__rt_bytes_used(rt);
    clg_tensor a = test_buffer(rt, CLG_F32, 1000), b = test_buffer(rt, CLG_U8, 77);
    assert_int_equal(clg__rt_bytes_used(rt), before + 4077);
    test_release(&a);
    assert_int_equal(clg__rt_bytes_used(rt), before + 77);
    test_release(&b);
    assert_int_equal(clg__rt_bytes_used(rt), before);
    assert_int_equal(clg__rt_bytes_peak(rt), before + 4077);
    clg__rt_close(&rt);
}

static void too_large_a_buffer_is_refused_with_all_figures(void **state)
{
    (void)state;
    clg_rt *rt = test_rt();
    uint64_t limit = clg__rt_device(rt)->max_alloc_bytes;
    clg_buffer *buf = NULL;
    if (limit / 4 + 1 <= UINT32_MAX) {
        assert_int_equal(clg__buffer_create(rt, CLG_F32, limit / 4 + 1, "activations", &buf),
                         CLG_E_DEVICE_MEMORY);
        assert_non_null(strstr(clg_message(), "buffer 'activations' wants"));
        assert_non_null(strstr(clg_message(), "available"));
        assert_non_null(strstr(clg_hint(), "smaller batch"));
    }
    assert_int_equal(clg__buffer_create(rt, CLG_F32, 1ull << 32, "x", &buf), CLG_E_INTERNAL);
    assert_int_equal(clg__buffer_create(rt, CLG_F32, 0, "x", &buf), CLG_E_INTERNAL);
    assert_null(buf);
}

static void transfers_outside_a_buffer_are_refused(void **state)
{
    (void)state;
    clg_rt *rt = test_rt();
    float a[8] = { 0 };
    clg_tensor t = test_upload(rt, a, 8), beyond = t;
    beyond.off = 4;
    assert_int_equal(clg__rt_read(rt, beyond, a), CLG_E_INTERNAL);
    assert_non_null(strstr(clg_message(), "read: elements 4 + 8 of buffer 'test', which has 8"));
    assert_int_equal(clg__rt_write(rt, beyond, a), CLG_E_INTERNAL);
    assert_int_equal(clg__rt_zero(rt, beyond), CLG_E_INTERNAL);
    assert_int_equal(clg__rt_copy(rt, t, clg__tensor_vec(t, 0, 4)), CLG_E_INTERNAL);
    assert_int_equal(clg__rt_read(rt, CLG_NO_TENSOR, a), CLG_E_INTERNAL);
    test_release(&t);
}

/* Each allocation in turn fails; what was opened until then is released (seen by ASan). */
static void out_of_host_memory_while_opening_is_clean(void **state)
{
    (void)state;
    int failures = 0;
    for (long n = 1; n < 100; n++) {
        clg_rt *rt = NULL;
        clg__alloc_fail(n, true);
        int status = clg__rt_open(&rt, &(clg_rt_options){ 0 });
        clg__alloc_fail(0, false);
        if (status == CLG_OK) {
            clg__rt_close(&rt);
            break;
        }
        assert_int_equal(status, CLG_E_MEMORY);
        assert_null(rt);
        failures++;
    }
    assert_true(failures >= 3 && failures < 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_back_as_they_were_written),
        cmocka_unit_test(a_large_buffer_of_a_cpu_asks_for_large_pages),
        cmocka_unit_test(views_touch_only_their_part),
        cmocka_unit_test(zero_and_copy_work_on_odd_byte_ranges),
        cmocka_unit_test(an_asynchronous_write_is_there_after_its_event),
        cmocka_unit_test(work_held_back_comes_before_all_but_uploads),
        cmocka_unit_test(the_account_knows_used_and_peak_bytes),
        cmocka_unit_test(too_large_a_buffer_is_refused_with_all_figures),
        cmocka_unit_test(transfers_outside_a_buffer_are_refused),
        cmocka_unit_test(out_of_host_memory_while_opening_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, test_rt_done);
}
