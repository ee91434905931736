/* The caches on disk: one folder per kind ("programs", "tuning", "data") under clg__os_cache_dir. */
#ifndef CLG_BASE_CACHE_H
#define CLG_BASE_CACHE_H

#include <stdint.h>

#include "base/status.h"

typedef struct clg_cache_info {
    char dir[1024];
    uint64_t files, bytes;
} clg_cache_info;

/* dir only: the folder's name; it is not created. */
int clg__cache_dir(const char *kind, char dir[1024]);
/* Counts the files with `mark` (".bin") in their names, so left temporary files too; an absent
 * folder has none. */
int clg__cache_info(const char *kind, const char *mark, clg_cache_info *out);
/* Removes exactly those files. */
int clg__cache_clear(const char *kind, const char *mark);

#endif
