/* .npy files: round trip, NumPy's own headers, and every kind of damage. */
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
#include "io/io_internal.h"
#include "support/fault.h"
#include "support/tmp.h"

static void arrays_read_back_as_written(void **state)
{
    (void)state;
    char dir[64];
    test_tmp_make(dir);
    char *path = clg__os_join(dir, "z.npy");
    static const float values[6] = { 1, -2, 0.5f, 3e-39f, 1e30f, -0.0f };
    static const uint64_t dims[][8] = { { 6 }, { 2, 3 }, { 1, 1, 1, 1, 1, 1, 2, 3 }, { 0, 5 } };
    static const uint32_t ranks[] = { 1, 2, 8, 2 };
    for (int i = 0; i < 4; i++) {
        float *got = NULL;
        uint64_t dim[8];
        uint32_t rank = 0;
        uint8_t *file = NULL;
        size_t n = 0;
        assert_ok(clg__npy_write(path, values, dims[i], ranks[i]));
        assert_ok(clg__npy_read(path, &got, dim, &rank));
        assert_int_equal(rank, ranks[i]);
        assert_memory_equal(dim, dims[i], sizeof dim);
        assert_memory_equal(got, values, i == 3 ? 0 : sizeof values);
        clg__free(got);
        assert_ok(clg__os_read_file(path, 1 << 20, &file, &n));
        assert_int_equal((n - (i == 3 ? 0 : sizeof values)) % 64, 0);
        clg__free(file);
    }
    clg__free(path);
    test_tmp_remove(dir);
}

/* A version-1 (or 2) file with this header text and `data` zero bytes. */
static int parse(unsigned version, const char *header, size_t data, float **out, uint64_t dim[8],
                 uint32_t *rank)
{
    size_t length = strlen(header);
    size_t begin = version == 1 ? 10 : 12;
    size_t n = begin + length + data;
    uint8_t *file = calloc(n, 1);
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (uint8_t)version;
    file[8] = (uint8_t)length;
    file[9] = (uint8_t)(length >> 8);
    memcpy(file + begin, header, length);
    if (data >= 8) {
        static const double value = 0.1;
        memcpy(file + n - 8, &value, 8);
    }
    int status = clg__npy_parse(file, n, "z.npy", out, dim, rank);
    free(file);
    return status;
}

static void numpys_own_headers_are_read(void **state)
{
    (void)state;
    float *got = NULL;
    uint64_t dim[8];
    uint32_t rank = 9;
    assert_ok(parse(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }      \n", 24,
                    &got, dim, &rank));
    assert_int_equal(rank, 2);
    assert_int_equal(dim[0], 3);
    clg__free(got);
    assert_ok(parse(2, "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }\n", 8, &got, dim,
                    &rank));
    assert_true(got[0] == 0.1f);
    clg__free(got);
    assert_ok(parse(1, "{'shape': (), 'fortran_order': False, 'descr': '<f4'}", 4, &got, dim,
                    &rank));
    assert_int_equal(rank, 0);
    clg__free(got);
}

static void wrong_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data;
        const char *what;
    } bad[] = {
        { "", 4, "no NumPy header" },
        { "{}", 4, "no NumPy header" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)", 4, "no NumPy header" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", 4, "no NumPy header" },
        { "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", 4,
          "no NumPy header" },
        { "{'descr': '<f4' 'fortran_order': False, 'shape': (1,)}", 4, "no NumPy header" },
        { "{'descr': '<i4', 'fortran_order': False, 'shape': (1,)}", 4, "not float32 or float64" },
        { "{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", 4, "not float32 or float64" },
        { "{'descr': '<f4', 'fortran_order': True, 'shape': (1,)}", 4, "Fortran order" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", 4, "shape is not readable" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (1 1)}", 4, "shape is not readable" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", 4,
          "shape is not readable" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", 4,
          "more than 8 dimensions" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 4, "it was cut" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", 5, "it was cut" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}", 0,
          "it was cut" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,)}", 0,
          "it was cut" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        float *got = NULL;
        uint64_t dim[8];
        uint32_t rank = 0;
        assert_fault(parse(1, bad[i].header, bad[i].data, &got, dim, &rank), CLG_E_DATA,
                     bad[i].what, "numpy.save");
        assert_null(got);
    }
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    static const char head[] = "\x93NUMPY\x01\x00\x36\x00"
                               "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}";
    size_t n = sizeof head - 1 + 4;
    for (size_t i = 0; i < n; i++) {
        float *got = NULL;
        uint64_t dim[8];
        uint32_t rank = 0;
        uint8_t *file = calloc(n, 1);
        memcpy(file, head, i < sizeof head - 1 ? i : sizeof head - 1);
        uint8_t *exact = malloc(i == 0 ? 1 : i);
        memcpy(exact, file, i);
        assert_int_equal(clg__npy_parse(exact, i, "z.npy", &got, dim, &rank), CLG_E_DATA);
        free(exact);
        free(file);
    }
    float *got = NULL;
    uint64_t dim[8];
    uint32_t rank = 0;
    assert_fault(clg__npy_read("no/such.npy", &got, dim, &rank), CLG_E_IO, "no/such.npy", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_read_back_as_written),
        cmocka_unit_test(numpys_own_headers_are_read),
        cmocka_unit_test(wrong_files_are_refused),
        cmocka_unit_test(every_cut_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
