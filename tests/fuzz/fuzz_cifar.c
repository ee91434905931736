/* Fuzzes the reader of CIFAR-10 batches. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "base/mem.h"
#include "io/dataset_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const size_t records = n / CLG_CIFAR_RECORD;
    uint8_t *images = clg__alloc(records + 1u, CLG_CIFAR_PIXELS);
    int32_t *labels = clg__alloc(records + 1u, sizeof *labels);
    FUZZ_CHECK(images != NULL && labels != NULL);
    int status = clg__cifar_parse(bytes, n, "fuzz", images, labels);
    FUZZ_CHECK(clg__cifar_parse(bytes, n, "fuzz", NULL, NULL) == status);
    FUZZ_CHECK(status == CLG_OK || status == CLG_E_DATA);
    FUZZ_CHECK(status != CLG_OK || (records > 0u && n == records * CLG_CIFAR_RECORD));
    for (size_t i = 0; i < records && status == CLG_OK; i++) {
        const uint8_t *record = bytes + i * CLG_CIFAR_RECORD;
        const uint8_t *image = images + i * CLG_CIFAR_PIXELS;
        FUZZ_CHECK(labels[i] == record[0] && labels[i] < 10);
        FUZZ_CHECK(image[0] == record[1] && image[CLG_CIFAR_PIXELS - 1] == record[3072]);
    }
    clg__free(images);
    clg__free(labels);
    return 0;
}

size_t fuzz_seed(unsigned i, uint8_t *dst)
{
    const size_t n = (size_t)CLG_CIFAR_RECORD * (i + 1u);
    if (i >= 3u) {
        return 0;
    }
    for (size_t k = 0; k < n; k++) {
        dst[k] = (uint8_t)(k % CLG_CIFAR_RECORD == 0u ? k / CLG_CIFAR_RECORD : k * 3u);
    }
    return n;
}

/* Labels into range, so that about half of the mutated batches are good. */
void fuzz_mend(uint8_t *bytes, size_t n)
{
    for (size_t at = 0; at < n; at += CLG_CIFAR_RECORD) {
        bytes[at] %= 10u;
    }
}
