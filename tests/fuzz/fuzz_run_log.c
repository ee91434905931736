/* Fuzzes the reader of a run's log.jsonl. */
#include "fuzz/fuzz.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/run_history.h"

static const char *const names[] = { "netG.main.0.weight", "netD.main.0.weight" };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    clg_history *h = NULL;
    FUZZ_CHECK(clg__history_create(&h, names, 2) == CLG_OK);
    size_t used = clg__history_add(h, (const char *)bytes, n), rows = clg__history_rows(h);
    FUZZ_CHECK(used <= n && (used == 0 || bytes[used - 1] == '\n'));
    FUZZ_CHECK(rows <= CLG_HISTORY_MAX && rows <= n);
    FUZZ_CHECK((rows > 0) == (clg__history_last_step(h) > 0));
    for (size_t i = 0; i < rows; i++) {
        FUZZ_CHECK(clg__history_steps(h)[i] >= 1.0f);
        FUZZ_CHECK(i == 0 || clg__history_steps(h)[i] >= clg__history_steps(h)[i - 1]);
        FUZZ_CHECK(!isinf(clg__history_column(h, CLG_HISTORY_LOSS_D)[i]));
        FUZZ_CHECK(!isinf(clg__history_layer(h, 1)[i]));
    }
    clg__history_destroy(&h);
    return 0;
}

size_t fuzz_seed(unsigned i, uint8_t *dst)
{
    static const char row[] =
        "{\"step\":%u,\"epoch\":0.5,\"loss_d\":1.25,\"loss_g\":0.75,\"d_real\":0.5,"
        "\"d_fake_before\":null,\"d_fake_after\":0.25,\"images_per_s\":90,\"elapsed_s\":3,"
        "\"layers\":{\"netG.main.0.weight\":{\"weight_norm\":1,\"relative_update\":1e-3},"
        "\"netD.main.0.weight\":{\"weight_norm\":1,\"relative_update\":2e-3}}}\n";
    char text[2048];
    size_t n = 0;
    if (i >= 4u) {
        return 0;
    }
    for (unsigned k = 1; k <= i + 1u; k++) {
        n += (size_t)snprintf(text + n, sizeof text - n, row, 50u * k);
    }
    memcpy(dst, text, n);
    return n;
}

void fuzz_mend(uint8_t *bytes, size_t n)
{
    (void)bytes;
    (void)n;
}
