/* Fuzzes the IDX reader, plain and gzip. */
#include "fuzz/fuzz.h"

#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "io/dataset_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    clg_idx idx;
    int status = clg__idx_parse(bytes, n, "fuzz", &idx);
    if (status != CLG_OK) {
        FUZZ_CHECK(status == CLG_E_DATA && idx.owned == NULL && idx.data == NULL);
        FUZZ_CHECK(clg_message()[0] != '\0' && strchr(clg_message(), '\n') == NULL);
        return 0;
    }
    size_t product = 1;
    for (uint32_t i = 0; i < idx.rank; i++) {
        product *= idx.dim[i];
    }
    FUZZ_CHECK(product == idx.size && product > 0u);
    FUZZ_CHECK(idx.owned != NULL ? idx.data == idx.owned
                                 : idx.data > bytes && idx.data + idx.size == bytes + n);
    uint32_t sum = 0;
    for (size_t i = 0; i < idx.size; i++) { /* every byte is there to be read */
        sum += idx.data[i];
    }
    FUZZ_CHECK(sum <= 255u * idx.size);
    clg__free(idx.owned);
    return 0;
}

/* rank 1, 3, 4; plain, gzip, gzip without compression (so that mutations reach the data). */
size_t fuzz_seed(unsigned i, uint8_t *dst)
{
    static const uint8_t rank[3] = { 1, 3, 4 };
    uint8_t plain[256] = { 0, 0, 8, rank[i % 3u] };
    size_t n = 4, data = 1;
    if (i >= 9u) {
        return 0;
    }
    for (uint8_t d = 0; d < rank[i % 3u]; d++, n += 4u) {
        plain[n + 3u] = d == 3u ? 3 : (uint8_t)(2u + d);
        data *= plain[n + 3u];
    }
    for (size_t k = 0; k < data; k++, n++) {
        plain[n] = (uint8_t)(k * 5u);
    }
    if (i < 3u) {
        memcpy(dst, plain, n);
        return n;
    }
    z_stream z = { .next_in = plain, .avail_in = (uInt)n, .next_out = dst,
                   .avail_out = FUZZ_INPUT_MAX };
    FUZZ_CHECK(deflateInit2(&z, i < 6u ? 9 : 0, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    FUZZ_CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    n = z.total_out;
    FUZZ_CHECK(deflateEnd(&z) == Z_OK);
    return n;
}

void fuzz_mend(uint8_t *bytes, size_t n)
{
    (void)bytes;
    (void)n;
}
