/* Counting and clearing the folders of the on-disk caches. */
#include "base/cache.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"

int clg__cache_dir(const char *kind, char dir[1024])
{
    char base[1024];
    int status = clg__os_cache_dir(base, sizeof base);
    if (status == CLG_OK && snprintf(dir, 1024, "%s/%s", base, kind) >= 1024) {
        status = clg__fail(CLG_E_IO, "%s: the cache folder's name is too long", base);
    }
    return status;
}

static int visit_file(clg_cache_info *info, const char *name, bool remove)
{
    char *path = clg__os_join(info->dir, name);
    if (path == NULL) {
        return CLG_E_MEMORY;
    }
    info->files++;
    info->bytes += clg__os_stat(path).size;
    int status = remove ? clg__os_remove(path) : CLG_OK;
    clg__free(path);
    return status;
}

static int visit(const char *kind, const char *mark, clg_cache_info *info, bool remove)
{
    int status = CLG_OK;
    char **names = NULL;
    size_t n = 0;
    *info = (clg_cache_info){ 0 };
    CLG_TRY(clg__cache_dir(kind, info->dir));
    if (clg__os_stat(info->dir).is_dir) {
        CLG_TRY(clg__os_list(info->dir, &names, &n));
    }
    for (size_t i = 0; i < n; i++) {
        if (strstr(names[i], mark) != NULL) {
            CLG_TRY(visit_file(info, names[i], remove));
        }
    }
out:
    clg__os_list_free(&names, n);
    return status;
}

int clg__cache_info(const char *kind, const char *mark, clg_cache_info *out)
{
    return visit(kind, mark, out, false);
}

int clg__cache_clear(const char *kind, const char *mark)
{
    clg_cache_info info;
    return visit(kind, mark, &info, true);
}
