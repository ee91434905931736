/* Fuzzes the .npy reader. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "io/io_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    float *values = NULL;
    uint64_t dim[8];
    uint32_t rank = 0;
    int status = clg__npy_parse(bytes, n, "fuzz", &values, dim, &rank);
    if (status != CLG_OK) {
        FUZZ_CHECK(status == CLG_E_DATA && values == NULL);
        FUZZ_CHECK(clg_message()[0] != '\0' && strchr(clg_message(), '\n') == NULL);
        return 0;
    }
    uint64_t count = 1;
    unsigned equal = 0;
    FUZZ_CHECK(rank <= 8u);
    for (uint32_t i = 0; i < rank; i++) {
        count *= dim[i];
    }
    FUZZ_CHECK(count * 4u < n);
    for (uint64_t i = 0; i < count; i++) {
        equal += values[i] == values[0]; /* every element is there to be read */
    }
    FUZZ_CHECK(equal <= count);
    clg__free(values);
    return 0;
}

size_t fuzz_seed(unsigned i, uint8_t *dst)
{
    static const struct {
        const char *header;
        size_t data;
    } seeds[] = {
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  \n", 24 },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }\n", 24 },
        { "{'shape': (), 'fortran_order': False, 'descr': '<f4'}", 4 },
    };
    if (i >= 2u * sizeof seeds / sizeof seeds[0]) {
        return 0;
    }
    const char *header = seeds[i / 2u].header;
    size_t length = strlen(header), begin = i % 2u == 0u ? 10 : 12;
    memset(dst, 0, begin);
    memcpy(dst, "\x93NUMPY", 6);
    dst[6] = i % 2u == 0u ? 1 : 2;
    dst[8] = (uint8_t)length;
    memcpy(dst + begin, header, length);
    memset(dst + begin + length, 0x40, seeds[i / 2u].data);
    return begin + length + seeds[i / 2u].data;
}

/* The header's length: seeds have no '}' in their data. */
void fuzz_mend(uint8_t *bytes, size_t n)
{
    size_t end = n;
    while (end > 12u && bytes[end - 1u] != '}') {
        end--;
    }
    if (end > 12u && (bytes[6] == 1u || bytes[6] == 2u)) {
        size_t length = end - (bytes[6] == 1u ? 10u : 12u);
        while (end < n && (bytes[end] == ' ' || bytes[end] == '\n')) {
            end++;
            length++;
        }
        bytes[8] = (uint8_t)length;
        bytes[9] = (uint8_t)(length >> 8);
    }
}
