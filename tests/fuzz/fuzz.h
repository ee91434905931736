/* What a fuzzer of one reader defines. LLVMFuzzerTestOneInput alone serves libFuzzer
 * (clang -fsanitize=fuzzer); driver.c uses the others too and needs no special compiler. */
#ifndef CLG_TESTS_FUZZ_H
#define CLG_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum { FUZZ_INPUT_MAX = 1 << 16 };

/* Reads the bytes as a hostile file; aborts when a promise is broken. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
/* Valid file number i (0, 1, ...) into dst, which holds FUZZ_INPUT_MAX; its length, 0: no more. */
size_t fuzz_seed(unsigned i, uint8_t *dst);
/* Mends checksums that would stop a mutated input at the door. May do nothing. */
void fuzz_mend(uint8_t *bytes, size_t n);

#define FUZZ_CHECK(condition) \
    do {                      \
        if (!(condition)) {   \
            abort();          \
        }                     \
    } while (0)

#endif
