/* Fuzzes the safetensors reader: a file is looked through in every byte, or refused. */
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "io/io_internal.h"

static void read_tensor(const clg_st_file *f, const clg_st_tensor *t)
{
    const uint8_t *p = t->data;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < t->bytes; i++) {
        sum += p[i];
    }
    FUZZ_CHECK(sum <= 255u * t->bytes && t->rank <= CLG_ST_RANK_MAX);
    FUZZ_CHECK(clg__st_find(f, t->name) == t);
    size_t element = clg__st_dtype_size(t->dtype);
    if (element != 0u) {
        size_t len = (size_t)(t->bytes / element);
        float *values = malloc((len + 1u) * sizeof *values);
        FUZZ_CHECK(values != NULL);
        (void)clg__st_read_f32(f, t->name, values, len);
        free(values);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    clg_st_file *f = NULL;
    int status = clg__st_open_bytes(&f, bytes, n, "fuzz");
    if (status != CLG_OK) {
        FUZZ_CHECK(status == CLG_E_CHECKPOINT && f == NULL);
        FUZZ_CHECK(clg_message()[0] != '\0' && strchr(clg_message(), '\n') == NULL);
        return 0;
    }
    uint64_t total = 0;
    for (size_t i = 0; i < clg__st_count(f); i++) {
        read_tensor(f, clg__st_at(f, i));
        total += clg__st_at(f, i)->bytes;
    }
    FUZZ_CHECK(total < n);
    (void)clg__st_meta_find(f, "config");
    clg__st_close(&f);
    return 0;
}

size_t fuzz_seed(unsigned i, uint8_t *dst)
{
    static const struct {
        const char *header;
        size_t data;
    } seeds[] = {
        { "{}", 0 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}  ", 24 },
        { "{\"__metadata__\":{\"format\":\"pt\",\"config\":\"x: \\\"y\\\"\\n\"},"
          "\"b\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[8,16]},"
          "\"h\":{\"dtype\":\"F16\",\"shape\":[2,2],\"data_offsets\":[0,8]},"
          "\"n\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[16,24]},"
          "\"e\":{\"dtype\":\"U8\",\"shape\":[0,7],\"data_offsets\":[24,24]}}", 24 },
        { "{\"__metadata__\":{\"" CLG_ST_SUM_KEY "\":\"" CLG_ST_SUM_TEXT "00000000\","
          "\"" CLG_ST_MARK_KEY "\":\"" CLG_ST_MARK_VALUE "\"},"
          "\"d\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8 },
    };
    if (i >= sizeof seeds / sizeof seeds[0]) {
        return 0;
    }
    uint64_t length = strlen(seeds[i].header);
    size_t n = 8u + (size_t)length + seeds[i].data;
    memcpy(dst, &length, 8);
    memcpy(dst + 8, seeds[i].header, (size_t)length);
    memset(dst + 8 + length, 0x3f, seeds[i].data);
    fuzz_mend(dst, n);
    return n;
}

/* The header's length (seeds have no '}' in their data) and the checksum. */
void fuzz_mend(uint8_t *bytes, size_t n)
{
    size_t end = n;
    while (end > 8u && bytes[end - 1u] != '}') {
        end--;
    }
    if (end <= 8u) {
        return;
    }
    while (end < n && bytes[end] == ' ') {
        end++;
    }
    uint64_t length = end - 8u;
    memcpy(bytes, &length, 8);
    size_t digits = clg__st_find_digits((const char *)bytes + 8, (size_t)length);
    if (digits != 0u) {
        char text[CLG_ST_SUM_DIGITS + 1];
        (void)snprintf(text, sizeof text, "%08x", (unsigned)clg__st_sum(bytes, n, 8u + digits));
        memcpy(bytes + 8 + digits, text, CLG_ST_SUM_DIGITS);
    }
}
