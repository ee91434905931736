/* clgan cache. */
#include "base/cache.h"
#include "cli/cli.h"

/* Kind of cache (its folder's name) and the mark of its files. */
static const struct {
    const char *kind, *mark;
} caches[] = { { "programs", ".bin" }, { "tuning", ".txt" }, { "data", ".u8" } };
enum { CACHE_COUNT = sizeof caches / sizeof caches[0] };

static void show(const clg_cli *cli, clg_json *root, const char *kind, const clg_cache_info *info)
{
    char size[32];
    if (cli->json) {
        clg_json *o = clg__json_add_object(root, kind);
        clg__json_add_text(o, "path", info->dir);
        clg__json_add_integer(o, "files", (int64_t)info->files);
        clg__json_add_integer(o, "size_bytes", (int64_t)info->bytes);
        clg__json_add_bool(o, "cleared", cli->clear);
        return;
    }
    printf("%-9s %6llu files %9s  %s%s\n", kind, (unsigned long long)info->files,
           clg__human_bytes(info->bytes, size), info->dir, cli->clear ? "  (cleared)" : "");
}

int clg__cmd_cache(const clg_cli *cli)
{
    int status = CLG_OK;
    clg_json *root = NULL;
    if (cli->words > 0) {
        return clg__hint(clg__fail(CLG_E_USAGE, "cache: unexpected argument \"%s\"", cli->word[0]),
                         "write clgan cache, or clgan cache --clear");
    }
    root = cli->json ? clg__json_begin(NULL) : NULL;
    for (int i = 0; i < CACHE_COUNT; i++) {
        clg_cache_info info;
        CLG_TRY(clg__cache_info(caches[i].kind, caches[i].mark, &info));
        if (cli->clear) {
            CLG_TRY(clg__cache_clear(caches[i].kind, caches[i].mark));
        }
        show(cli, root, caches[i].kind, &info);
    }
    if (cli->json) {
        CLG_TRY(clg__json_print(&root));
    }
out:
    return status;
}
