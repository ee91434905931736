/* A folder of its own for each test that writes files. */
#include "support/tmp.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/os.h"

void test_tmp_make(char dir[64])
{
    uint64_t unique = 0;
    bool made = false;
    clg__os_random_bytes(&unique, sizeof unique);
    (void)snprintf(dir, 64, "test-tmp-%016" PRIx64, unique);
    if (clg__os_mkdir_new(dir, &made) != CLG_OK || !made) {
        (void)fprintf(stderr, "no temporary folder: %s\n", clg_message());
        abort();
    }
}

void test_tmp_remove(const char *dir)
{
    char **names = NULL;
    size_t n = 0;
    if (clg__os_list(dir, &names, &n) != CLG_OK) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        char *path = clg__os_join(dir, names[i]);
        if (path != NULL && clg__os_stat(path).is_dir) {
            test_tmp_remove(path);
        } else if (path != NULL) {
            (void)clg__os_remove(path);
        }
        clg__free(path);
    }
    clg__os_list_free(&names, n);
    (void)clg__os_remove(dir);
}
