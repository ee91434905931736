/* safetensors: what is written reads back, anything damaged or malformed is refused, and a failed
 * write leaves the older file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/str.h"
#include "io/io_internal.h"
#include "io/safetensors.h"
#include "support/fault.h"
#include "support/tmp.h"

static const float weights[6] = { 1, -2, 3.5f, 0, 1e-30f, 6 };
static const int64_t batches = 42;
static const double doubles[2] = { 0.1, -7 };
static const uint8_t bytes[3] = { 1, 2, 255 };

static const clg_st_tensor sample[] = {
    { .name = "netG.main.0.weight", .dtype = CLG_ST_F32, .rank = 2, .dim = { 2, 3 },
      .bytes = sizeof weights, .data = weights },
    { .name = "netG.main.1.num_batches_tracked", .dtype = CLG_ST_I64, .rank = 0,
      .bytes = sizeof batches, .data = &batches },
    { .name = "d", .dtype = CLG_ST_F64, .rank = 1, .dim = { 2 }, .bytes = sizeof doubles,
      .data = doubles },
    { .name = "u8", .dtype = CLG_ST_U8, .rank = 1, .dim = { 3 }, .bytes = 3, .data = bytes },
    { .name = "empty", .dtype = CLG_ST_F32, .rank = 1, .dim = { 0 }, .bytes = 0, .data = NULL },
};
enum { SAMPLES = sizeof sample / sizeof sample[0] };
static const clg_st_meta sample_meta[] = {
    { "step", "7" },
    { "config", "a: \"b\"\n\"clgan_checksum\":\"crc32:\" # \xc3\xa4" },
};

static char dir[64];
static char path[128];

static int make_dir(void **state)
{
    (void)state;
    test_tmp_make(dir);
    (void)snprintf(path, sizeof path, "%s/a.safetensors", dir);
    return 0;
}

static int drop_dir(void **state)
{
    (void)state;
    test_tmp_remove(dir);
    return 0;
}

static void write_sample(void)
{
    assert_ok(clg__st_write(path, sample, SAMPLES, sample_meta, 2));
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    clg_st_file *f = NULL;
    float got[6];
    write_sample();
    assert_ok(clg__st_open(&f, path));
    assert_int_equal(clg__st_count(f), SAMPLES);
    for (size_t i = 0; i < SAMPLES; i++) {
        const clg_st_tensor *t = clg__st_at(f, i);
        assert_string_equal(t->name, sample[i].name);
        assert_int_equal(t->dtype, sample[i].dtype);
        assert_int_equal(t->rank, sample[i].rank);
        assert_memory_equal(t->dim, sample[i].dim, sizeof t->dim);
        assert_int_equal(t->bytes, sample[i].bytes);
        if (t->bytes != 0) {
            assert_memory_equal(t->data, sample[i].data, t->bytes);
        }
    }
    assert_null(clg__st_at(f, SAMPLES));
    assert_null(clg__st_find(f, "nothing"));
    assert_string_equal(clg__st_meta_find(f, "step"), "7");
    assert_string_equal(clg__st_meta_find(f, "format"), "pt");
    assert_string_equal(clg__st_meta_find(f, "config"), sample_meta[1].value);
    assert_null(clg__st_meta_find(f, "nothing"));
    assert_ok(clg__st_read_f32(f, "netG.main.0.weight", got, 6));
    assert_memory_equal(got, weights, sizeof got);
    assert_ok(clg__st_read_f32(f, "d", got, 2));
    assert_true(got[0] == 0.1f && got[1] == -7.0f);
    assert_ok(clg__st_read_f32(f, "empty", got, 0));
    clg__st_close(&f);
    assert_null(f);
}

static void wrong_names_lengths_and_types_are_refused(void **state)
{
    (void)state;
    clg_st_file *f = NULL;
    float got[6];
    write_sample();
    assert_ok(clg__st_open(&f, path));
    assert_fault(clg__st_read_f32(f, "nothing", got, 1), CLG_E_CHECKPOINT,
                 "tensor 'nothing' is missing", "another model");
    assert_fault(clg__st_read_f32(f, "netG.main.0.weight", got, 5), CLG_E_CHECKPOINT,
                 "tensor 'netG.main.0.weight' has 6 elements, the model wants 5", "another model");
    assert_fault(clg__st_read_f32(f, "u8", got, 3), CLG_E_CHECKPOINT,
                 "tensor 'u8' does not hold floats", "");
    clg__st_close(&f);
}

static void the_header_follows_the_format(void **state)
{
    (void)state;
    uint8_t *file = NULL;
    size_t n = 0;
    uint64_t length = 0;
    write_sample();
    assert_ok(clg__os_read_file(path, 1 << 20, &file, &n));
    memcpy(&length, file, 8);
    assert_int_equal(length % 8, 0);
    assert_int_equal(8 + length + sizeof weights + 8 + sizeof doubles + 3, n);
    assert_memory_equal(file + 8, "{\"__metadata__\":{\"clgan_checksum\":\"crc32:", 41);
    char *header = (char *)file + 8;
    char after = header[length];
    header[length] = '\0';
    assert_non_null(strstr(header, "\"netG.main.0.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],"
                                   "\"data_offsets\":[0,24]}"));
    assert_non_null(strstr(header, "\"netG.main.1.num_batches_tracked\":{\"dtype\":\"I64\","
                                   "\"shape\":[],\"data_offsets\":[24,32]}"));
    header[length] = after;
    clg__free(file);
}

/* Opens from a block of exactly n bytes, so that ASan sees any read beyond. */
static int open_copy(const uint8_t *file, size_t n)
{
    clg_st_file *f = NULL;
    uint8_t *copy = malloc(n == 0 ? 1 : n);
    if (n != 0) {
        memcpy(copy, file, n);
    }
    int status = clg__st_open_bytes(&f, copy, n, "x");
    clg__st_close(&f);
    free(copy);
    return status;
}

static void every_flipped_byte_and_every_cut_is_noticed(void **state)
{
    (void)state;
    uint8_t *file = NULL;
    size_t n = 0;
    write_sample();
    assert_ok(clg__os_read_file(path, 1 << 20, &file, &n));
    assert_ok(open_copy(file, n));
    for (size_t i = 0; i < n; i++) {
        for (unsigned x = 1; x < 256; x++) {
            file[i] ^= (uint8_t)x;
            int status = open_copy(file, n);
            file[i] ^= (uint8_t)x;
            if (status != CLG_E_CHECKPOINT) {
                fail_msg("byte %zu of %zu ^ %02x gave %d", i, n, x, status);
            }
        }
        assert_int_equal(open_copy(file, i), CLG_E_CHECKPOINT);
    }
    uint8_t *longer = malloc(n + 1);
    memcpy(longer, file, n);
    longer[n] = 0;
    assert_int_equal(open_copy(longer, n + 1), CLG_E_CHECKPOINT);
    free(longer);
    clg__free(file);
}

static uint8_t *make_file(const char *header, size_t data, size_t *n)
{
    uint64_t length = strlen(header);
    *n = 8 + (size_t)length + data;
    uint8_t *file = calloc(*n, 1);
    memcpy(file, &length, 8);
    memcpy(file + 8, header, (size_t)length);
    return file;
}

#define T(name, dtype, shape, a, b) \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #a "," #b "]}"

static void malformed_headers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data;
        const char *what;
    } bad[] = {
        { "", 0, "its header is no JSON object" },
        { " {}", 0, "its header is no JSON object" },
        { "[]", 0, "its header is no JSON object" },
        { "{", 0, "broken checkpoint" },
        { "{} x", 0, "broken checkpoint" },
        { "{}", 1, "its tensors do not fill the file" },
        { "{" T("a", "F32", "[1]", 0, 4) "," T("a", "F32", "[1]", 4, 8) "}", 8, "duplicate" },
        { "{\"a\":5}", 0, "tensor 'a' is not described by an object" },
        { "{" T("a", "F33", "[1]", 0, 4) "}", 4, "tensor 'a' has an unknown element type" },
        { "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown element type" },
        { "{" T("a", "F32", "5", 0, 4) "}", 4, "has no shape of at most 8 dimensions" },
        { "{" T("a", "F32", "[1,1,1,1,1,1,1,1,1]", 0, 4) "}", 4, "at most 8 dimensions" },
        { "{" T("a", "F32", "[-1]", 0, 4) "}", 4, "has an impossible shape" },
        { "{" T("a", "F32", "[1.0]", 0, 4) "}", 4, "has an impossible shape" },
        { "{" T("a", "F32", "[4611686018427387904,4]", 0, 0) "}", 0, "has an impossible shape" },
        { "{" T("a", "F32", "[99999999999999999999]", 0, 4) "}", 4, "too big integer" },
        { "{" T("a", "F32", "[1]", 0, 8) "}", 8, "another size than its shape says" },
        { "{" T("a", "F32", "[1]", 4, 0) "}", 4, "lies outside the file" },
        { "{" T("a", "F32", "[2]", 0, 8) "}", 4, "lies outside the file" },
        { "{" T("a", "F32", "[1]", -4, 0) "}", 4, "lies outside the file" },
        { "{" T("a", "F32", "[1]", 4, 8) "}", 8, "does not begin where the one before it ends" },
        { "{" T("a", "F32", "[1]", 0, 4) "," T("b", "F32", "[1]", 0, 4) "}", 4, "'" },
        { "{" T("a", "F32", "[1]", 0, 4) "}", 8, "its tensors do not fill the file" },
        { "{\"__metadata__\":5}", 0, "its metadata are no object" },
        { "{\"__metadata__\":{\"a\":5}}", 0, "a value that is no text" },
        { "{\"__metadata__\":{\"clgan_format\":\"1\"}}", 0, "its checksum is missing" },
        { "{\"__metadata__\":{\"clgan_checksum\":\"crc32:00000000\"}}", 0, "does not hold" },
        { "{\"__metadata__\":{\"clgan_checksum\":\"crc32:0\"}}", 0, "does not hold" },
        { "{\"__metadata__\":{\"clgan_checksum\":\"\"}}", 0, "does not hold" },
        { "{\"a\\u0000b\":{}}", 0, "broken checkpoint" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t n = 0;
        uint8_t *file = make_file(bad[i].header, bad[i].data, &n);
        assert_fault(open_copy(file, n), CLG_E_CHECKPOINT, bad[i].what, "");
        free(file);
    }
}

static void limits_on_header_and_tensors_hold(void **state)
{
    (void)state;
    clg_str s = { 0 };
    size_t n = 0;
    clg__str_add(&s, "{");
    for (int i = 0; i < 4097; i++) {
        clg__str_add(&s, "%s\"t%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}",
                     i == 0 ? "" : ",", i);
    }
    clg__str_add(&s, "}");
    uint8_t *file = make_file(s.text, 0, &n);
    assert_fault(open_copy(file, n), CLG_E_CHECKPOINT, "more than 4096 tensors", "another");
    free(file);
    clg__str_free(&s);
    char *blanks = malloc((1 << 20) + 2);
    memset(blanks, ' ', (1 << 20) + 1);
    blanks[0] = '{';
    blanks[1] = '}';
    blanks[1 << 20] = '\0';
    file = make_file(blanks, 0, &n);
    assert_ok(open_copy(file, n));
    free(file);
    blanks[1 << 20] = ' ';
    blanks[(1 << 20) + 1] = '\0';
    file = make_file(blanks, 0, &n);
    assert_fault(open_copy(file, n), CLG_E_CHECKPOINT, "its header is longer than 1 MiB", "");
    free(file);
    free(blanks);
    static const uint8_t huge[8] = { 255, 255, 255, 255, 255, 255, 255, 255 };
    assert_fault(open_copy(huge, 8), CLG_E_CHECKPOINT, "its header is longer than the file", "");
}

static void foreign_files_without_checksum_are_read(void **state)
{
    (void)state;
    clg_st_file *f = NULL;
    size_t n = 0;
    float got[4];
    /* Half: 1, -2, smallest subnormal, inf. bf16: 1.5. Data lie in another order than the names. */
    uint8_t *file = make_file("{" T("b", "BF16", "[1]", 8, 10) "," T("h", "F16", "[4]", 0, 8) ","
                              T("x", "BOOL", "[]", 10, 11) "}   ", 11, &n);
    static const uint16_t values[5] = { 0x3c00, 0xc000, 0x0001, 0x7c00, 0x3fc0 };
    memcpy(file + n - 11, values, sizeof values);
    assert_ok(clg__st_open_bytes(&f, file, n, "x"));
    assert_ok(clg__st_read_f32(f, "h", got, 4));
    assert_true(got[0] == 1.0f && got[1] == -2.0f && got[2] == 0x1p-24f && got[3] > 3e38f);
    assert_ok(clg__st_read_f32(f, "b", got, 1));
    assert_true(got[0] == 1.5f);
    assert_int_equal(clg__st_find(f, "x")->dtype, CLG_ST_OTHER);
    assert_int_equal(clg__st_find(f, "x")->bytes, 1);
    clg__st_close(&f);
    free(file);
}

static void wrong_input_to_the_writer_is_refused_and_the_old_file_stays(void **state)
{
    (void)state;
    clg_st_file *f = NULL;
    clg_st_tensor twice[2] = { sample[0], sample[0] };
    clg_st_tensor lie = sample[0];
    clg_st_meta meta = { "a", "\xff" };
    lie.bytes = 4;
    write_sample();
    assert_fault(clg__st_write(path, twice, 2, NULL, 0), CLG_E_INTERNAL, "is there twice", "");
    assert_fault(clg__st_write(path, &lie, 1, NULL, 0), CLG_E_INTERNAL, "has 4 bytes", "");
    assert_fault(clg__st_write(path, sample, 1, &meta, 1), CLG_E_IO, "no UTF-8 text", "");
    assert_fault(clg__st_write("no/such/folder/x", sample, 1, NULL, 0), CLG_E_IO,
                 "no/such/folder/x", "");
    assert_ok(clg__st_open(&f, path));
    assert_int_equal(clg__st_count(f), SAMPLES);
    clg__st_close(&f);
}

static void no_memory_is_reported_and_leaves_the_old_file(void **state)
{
    (void)state;
    clg_st_file *f = NULL;
    char **names = NULL;
    size_t n = 0;
    int status = CLG_E_MEMORY;
    write_sample();
    for (long i = 1; status != CLG_OK; i++) {
        clg__alloc_fail(i, false);
        status = clg__st_write(path, sample, 2, NULL, 0);
        clg__alloc_fail(0, false);
        assert_true(status == CLG_OK || status == CLG_E_MEMORY);
        assert_ok(clg__st_open(&f, path));
        assert_int_equal(clg__st_count(f), status == CLG_OK ? 2 : SAMPLES);
        clg__st_close(&f);
    }
    status = CLG_E_MEMORY;
    for (long i = 1; status != CLG_OK; i++) {
        clg__alloc_fail(i, false);
        status = clg__st_open(&f, path);
        clg__alloc_fail(0, false);
        assert_true(status == CLG_OK || status == CLG_E_MEMORY);
    }
    clg__st_close(&f);
    assert_ok(clg__os_list(dir, &names, &n));
    assert_int_equal(n, 1); /* no temporary file is left */
    clg__os_list_free(&names, n);
}

static void an_unreadable_path_is_an_io_fault(void **state)
{
    (void)state;
    clg_st_file *f = NULL;
    assert_fault(clg__st_open(&f, "no/such.safetensors"), CLG_E_IO, "no/such.safetensors", "");
    assert_fault(clg__st_open(&f, dir), CLG_E_IO, dir, "");
    assert_null(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, drop_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_reads_back),
        TEST(wrong_names_lengths_and_types_are_refused),
        TEST(the_header_follows_the_format),
        TEST(every_flipped_byte_and_every_cut_is_noticed),
        TEST(malformed_headers_are_refused),
        TEST(limits_on_header_and_tensors_hold),
        TEST(foreign_files_without_checksum_are_read),
        TEST(wrong_input_to_the_writer_is_refused_and_the_old_file_stays),
        TEST(no_memory_is_reported_and_leaves_the_old_file),
        TEST(an_unreadable_path_is_an_io_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
