/* clgan cache. */
#include <string.h>

#include "base/os.h"
#include "cli/cli.h"
#include "io/dataset.h"

typedef struct cache_row {
    const char *name;
    char dir[1024];
    uint64_t files, bytes;
} cache_row;

static int gather(cache_row rows[3])
{
    clg_cache_info programs;
    int status = CLG_OK;
    CLG_TRY(clg__rt_cache_info(&programs));
    rows[0] = (cache_row){ .name = "programs", .files = programs.files, .bytes = programs.bytes };
    memcpy(rows[0].dir, programs.dir, sizeof programs.dir);
    rows[1] = (cache_row){ .name = "tuning" };
    CLG_TRY(clg__blas_cache_info(rows[1].dir, &rows[1].files, &rows[1].bytes));
    rows[2] = (cache_row){ .name = "data" };
    CLG_TRY(clg__dataset_cache_info(rows[2].dir, &rows[2].files, &rows[2].bytes));
out:
    return status;
}

int clg__cmd_cache(const clg_cli *cli)
{
    int status = CLG_OK;
    cache_row rows[3];
    char size[32];
    if (cli->words > 0) {
        return clg__fail(CLG_E_USAGE, "cache: unexpected argument \"%s\"", cli->word[0]);
    }
    CLG_TRY(gather(rows));
    if (cli->clear) {
        CLG_TRY(clg__rt_cache_clear());
        CLG_TRY(clg__blas_cache_clear());
        CLG_TRY(clg__dataset_cache_clear());
    }
    clg_json *root = cli->json ? clg__json_begin(NULL) : NULL;
    for (int i = 0; i < 3; i++) {
        if (cli->json) {
            clg_json *o = clg__json_add_object(root, rows[i].name);
            clg__json_add_text(o, "path", rows[i].dir);
            clg__json_add_integer(o, "files", (int64_t)rows[i].files);
            clg__json_add_integer(o, "size_bytes", (int64_t)rows[i].bytes);
            clg__json_add_bool(o, "cleared", cli->clear);
        } else {
            printf("%-9s %6llu files %9s  %s%s\n", rows[i].name, (unsigned long long)rows[i].files,
                   clg__human_bytes(rows[i].bytes, size), rows[i].dir,
                   cli->clear ? "  (cleared)" : "");
        }
    }
    if (cli->json) {
        CLG_TRY(clg__json_print(&root));
    }
out:
    return status;
}
