/* Checkpoints, traces and grids in a run folder: names, pruning, finding the newest that holds. */
#include "io/run_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "io/run_folder_internal.h"
#include "io/safetensors.h"

static const char name_start[] = "step-";
static const char name_end[] = ".safetensors";

/* Step from a checkpoint's file name "step-00000042.safetensors". */
static bool read_name(const char *name, uint64_t *step)
{
    char digits[24];
    size_t start = sizeof name_start - 1;
    size_t end = sizeof name_end - 1;
    size_t n = strlen(name);
    if (n <= start + end || n - start - end >= sizeof digits ||
        memcmp(name, name_start, start) != 0 || strcmp(name + n - end, name_end) != 0) {
        return false;
    }
    memcpy(digits, name + start, n - start - end);
    digits[n - start - end] = '\0';
    return clg__parse_u64(digits, step);
}

/* run->dir leaves 64 bytes of the path free, which is more than these names take. */
static void put_path(char *path, const char *dir, const char *format, uint64_t step)
{
    size_t n = strlen(dir);
    memcpy(path, dir, n);
    if (strcmp(format, "trace") == 0) {
        (void)snprintf(path + n, CLG_PATH_MAX_LEN - n, "/trace/step-%06llu.safetensors",
                       (unsigned long long)step);
    } else if (strcmp(format, "grid") == 0) {
        (void)snprintf(path + n, CLG_PATH_MAX_LEN - n, "/samples/step-%08llu.png",
                       (unsigned long long)step);
    } else {
        (void)snprintf(path + n, CLG_PATH_MAX_LEN - n, "/checkpoints/step-%08llu.safetensors",
                       (unsigned long long)step);
    }
}

void clg__run_checkpoint_path(const clg_run *run, uint64_t step, char *path)
{
    put_path(path, run->dir, "checkpoint", step);
}

void clg__run_trace_path(const clg_run *run, uint64_t step, char *path)
{
    char dir[CLG_PATH_MAX_LEN];
    /* The folder exists only in runs with traces. If it cannot be made, the writer says so. */
    if (clg__run_path(dir, run->dir, "trace") == CLG_OK && !clg__os_stat(dir).is_dir) {
        (void)clg__os_mkdirs(dir, 0777);
    }
    put_path(path, run->dir, "trace", step);
}

void clg__run_grid_path(const clg_run *run, uint64_t step, char *path)
{
    put_path(path, run->dir, "grid", step);
}

void clg__run_plot_path(const clg_run *run, const char *name, char *path)
{
    size_t n = strlen(run->dir);
    memcpy(path, run->dir, n);
    (void)snprintf(path + n, CLG_PATH_MAX_LEN - n, "/plots/%.32s.png", name);
}

int clg__run_grid(clg_run *run, uint64_t step, const uint8_t *images, uint32_t n, uint32_t h,
                  uint32_t w, uint32_t c, uint32_t rows, uint32_t cols)
{
    char path[CLG_PATH_MAX_LEN];
    put_path(path, run->dir, "grid", step);
    return clg__png_write_grid(path, images, n, h, w, c, rows, cols);
}

/* ---- lists ---- */

static int compare_steps(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

int clg__run_list_checkpoints(const char *dir, uint64_t **steps, size_t *n)
{
    char **names = NULL;
    size_t count = 0;
    *steps = NULL;
    *n = 0;
    int status = clg__os_list(dir, &names, &count);
    if (status != CLG_OK) {
        return status;
    }
    uint64_t *list = clg__alloc(count, sizeof *list);
    if (list == NULL) {
        status = CLG_E_MEMORY;
    }
    for (size_t i = 0; i < count && list != NULL; i++) {
        uint64_t step = 0;
        char again[64];
        /* Only names as this program writes them, so that a step is one file. */
        if (read_name(names[i], &step)) {
            (void)snprintf(again, sizeof again, "step-%08llu.safetensors",
                           (unsigned long long)step);
            if (strcmp(again, names[i]) == 0) {
                list[(*n)++] = step;
            }
        }
    }
    clg__os_list_free(&names, count);
    if (*n > 1) {
        qsort(list, *n, sizeof *list, compare_steps);
    }
    *steps = list;
    return status;
}

int clg__run_prune(clg_run *run, uint32_t keep, uint64_t keep_every, const char *spared)
{
    int status = CLG_OK;
    char path[CLG_PATH_MAX_LEN];
    uint64_t *steps = NULL;
    size_t n = 0;
    CLG_TRY(clg__run_path(path, run->dir, "checkpoints"));
    CLG_TRY(clg__run_list_checkpoints(path, &steps, &n));
    for (size_t i = 0; i + keep < n; i++) {
        if (keep_every != 0 && steps[i] % keep_every == 0) {
            continue;
        }
        put_path(path, run->dir, "checkpoint", steps[i]);
        if (strcmp(path, spared) == 0) {
            continue;
        }
        CLG_TRY(clg__os_remove(path));
    }
out:
    clg__free(steps);
    return status;
}

/* ---- finding ---- */

static int check_file(const char *path)
{
    clg_st_file *f = NULL;
    int status = clg__st_open(&f, path);
    clg__st_close(&f);
    return status;
}

static int copy_path(char *path, const char *from)
{
    if (strlen(from) >= CLG_PATH_MAX_LEN) {
        return clg__fail(CLG_E_USAGE, "%.60s...: the name is too long", from);
    }
    memcpy(path, from, strlen(from) + 1);
    return CLG_OK;
}

static int find_in_folder(const char *run, char *path, uint64_t *step)
{
    int status = CLG_OK;
    char dir[CLG_PATH_MAX_LEN];
    char name[64];
    uint64_t *steps = NULL;
    size_t n = 0;
    bool found = false;
    CLG_TRY(clg__run_path(dir, run, "checkpoints"));
    if (clg__os_stat(dir).is_dir) {
        CLG_TRY(clg__run_list_checkpoints(dir, &steps, &n));
    }
    for (size_t i = n; i > 0 && !found; i--) {
        (void)snprintf(name, sizeof name, "step-%08llu.safetensors",
                       (unsigned long long)steps[i - 1]);
        CLG_TRY(clg__run_path(path, dir, name));
        status = check_file(path);
        if (status == CLG_E_MEMORY) {
            goto out;
        }
        found = status == CLG_OK;
        *step = steps[i - 1];
        if (!found) {
            clg__log(CLG_LOG_WARN, "skipped: %s", clg_message());
        }
    }
    status = CLG_OK;
    if (!found) {
        path[0] = '\0';
        status = clg__fail(CLG_E_CHECKPOINT, "%s: no usable checkpoint among %zu", run, n);
        (void)clg__hint(status, n == 0 ? "is this a run folder, and did the run reach its first "
                                         "checkpoint?"
                                       : "all of them are broken; start again, or copy them from a "
                                         "backup");
    }
out:
    clg__free(steps);
    return status;
}

int clg__run_find_checkpoint(const char *run_or_file, char *path, uint64_t *step)
{
    path[0] = '\0';
    *step = 0;
    clg_file_info info = clg__os_stat(run_or_file);
    if (!info.exists) {
        return clg__hint(clg__fail(CLG_E_CHECKPOINT, "%s: no such run folder or checkpoint",
                                   run_or_file),
                         "`clgan train` makes run folders such as runs/dcgan-1");
    }
    if (info.is_dir) {
        return find_in_folder(run_or_file, path, step);
    }
    int status = check_file(run_or_file);
    if (status == CLG_OK) {
        status = copy_path(path, run_or_file);
    }
    const char *slash = strrchr(run_or_file, '/');
    (void)read_name(slash != NULL ? slash + 1 : run_or_file, step);
    return status;
}
