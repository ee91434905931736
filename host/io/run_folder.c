/* Making and opening run folders. Not here: the logs (run_log.c), checkpoints and grids
 * (run_files.c). */
#include "io/run_folder.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "io/run_folder_internal.h"

enum { RUNS_MAX = 1000000 };

int clg__run_path(char path[CLG_PATH_MAX_LEN], const char *dir, const char *name)
{
    int n = snprintf(path, CLG_PATH_MAX_LEN, "%s/%s", dir, name);
    if (n < 0 || n >= CLG_PATH_MAX_LEN) {
        return clg__hint(clg__fail(CLG_E_IO, "%.60s...: the folder's name is too long", dir),
                         "take a shorter --out");
    }
    return CLG_OK;
}

const char *clg__run_dir(const clg_run *run)
{
    return run->dir;
}

void clg__run_close(clg_run **prun)
{
    if (*prun == NULL) {
        return;
    }
    clg__os_log_close(&(*prun)->jsonl);
    clg__os_log_close(&(*prun)->csv);
    clg__os_log_close(&(*prun)->text);
    clg__free(*prun);
    *prun = NULL;
}

static int open_logs(clg_run *run)
{
    int status = CLG_OK;
    char path[CLG_PATH_MAX_LEN];
    CLG_TRY(clg__run_path(path, run->dir, "log.jsonl"));
    CLG_TRY(clg__os_log_open(&run->jsonl, path));
    CLG_TRY(clg__run_path(path, run->dir, "log.csv"));
    bool is_new = clg__os_stat(path).size == 0;
    CLG_TRY(clg__os_log_open(&run->csv, path));
    if (is_new) {
        CLG_TRY(clg__os_log_write(run->csv, clg__run_csv_head, strlen(clg__run_csv_head)));
    }
    CLG_TRY(clg__run_path(path, run->dir, "clgan.log"));
    CLG_TRY(clg__os_log_open(&run->text, path));
out:
    return status;
}

static int make_folders(const char *dir)
{
    int status = CLG_OK;
    char path[CLG_PATH_MAX_LEN];
    static const char *const parts[] = { "samples", "plots", "checkpoints" };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        CLG_TRY(clg__run_path(path, dir, parts[i]));
        CLG_TRY(clg__os_mkdirs(path, 0777));
    }
out:
    return status;
}

/* After a failed creation: what it had put there goes away again. */
static void remove_started(const char *dir, bool made_dir)
{
    static const char *const parts[] = { "log.jsonl", "log.csv", "clgan.log", "config.yaml",
                                         "samples", "plots", "checkpoints" };
    char path[CLG_PATH_MAX_LEN];
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        int n = snprintf(path, sizeof path, "%s/%s", dir, parts[i]);
        if (n > 0 && (size_t)n < sizeof path && clg__os_stat(path).exists) {
            (void)clg__os_remove(path);
        }
    }
    if (made_dir) {
        (void)clg__os_remove(dir);
    }
}

/* runs/<model>-<n> that did not exist before. */
static int make_numbered(clg_run *run, const char *model)
{
    int status = CLG_OK;
    bool made = false;
    CLG_TRY(clg__os_mkdirs("runs", 0777));
    for (unsigned n = 1; !made && n < RUNS_MAX; n++) {
        (void)snprintf(run->dir, sizeof run->dir, "runs/%.200s-%u", model, n);
        CLG_TRY(clg__os_mkdir_new(run->dir, &made));
    }
    if (!made) {
        status = clg__hint(clg__fail(CLG_E_IO, "runs/%.200s-1 to -%d all exist", model, RUNS_MAX),
                           "give --out, or move old runs away");
    }
out:
    return status;
}

int clg__run_check_out(const char *dir)
{
    char **names = NULL;
    size_t n = 0;
    if (dir[0] == '\0' || strlen(dir) >= CLG_PATH_MAX_LEN - 64) {
        return clg__hint(clg__fail(CLG_E_USAGE, "--out: a name of %zu bytes", strlen(dir)),
                         "give a folder name of 1 to %d bytes", CLG_PATH_MAX_LEN - 65);
    }
    clg_file_info info = clg__os_stat(dir);
    if (info.exists && !info.is_dir) {
        return clg__hint(clg__fail(CLG_E_USAGE, "--out %s: is a file, not a folder", dir),
                         "choose another name");
    }
    int status = info.exists ? clg__os_list(dir, &names, &n) : CLG_OK;
    if (status == CLG_OK && n != 0) {
        status = clg__hint(clg__fail(CLG_E_USAGE, "--out %s: the folder is not empty", dir),
                           "choose another name, or continue that run with --resume %s", dir);
    }
    clg__os_list_free(&names, n);
    return status;
}

/* The folder that the user named: new, or empty. */
static int make_named(clg_run *run, const char *dir, bool *made)
{
    int status = clg__run_check_out(dir);
    if (status != CLG_OK) {
        return status;
    }
    size_t length = strlen(dir);
    memcpy(run->dir, dir, length + 1);
    while (length > 1 && run->dir[length - 1] == '/') {
        run->dir[--length] = '\0';
    }
    *made = !clg__os_stat(run->dir).exists;
    return *made ? clg__os_mkdirs(run->dir, 0777) : CLG_OK;
}

int clg__run_create(clg_run **out, const char *dir, const char *model, const char *config_yaml)
{
    int status = CLG_OK;
    bool made = false;
    char path[CLG_PATH_MAX_LEN];
    *out = NULL;
    clg_run *run = clg__alloc(1, sizeof *run);
    if (run == NULL) {
        return CLG_E_MEMORY;
    }
    status = dir != NULL ? make_named(run, dir, &made) : make_numbered(run, model);
    if (status == CLG_E_IO) {
        (void)clg__hint(status, "choose a folder that you may write to: --out DIR");
    }
    if (status != CLG_OK) {
        clg__run_close(&run);
        return status;
    }
    CLG_TRY(make_folders(run->dir));
    CLG_TRY(clg__run_path(path, run->dir, "config.yaml"));
    CLG_TRY(clg__os_write_atomic(path, config_yaml, strlen(config_yaml)));
    CLG_TRY(open_logs(run));
    *out = run;
    return CLG_OK;
out:
    /* The message of the fault is kept: removing what exists does not fail in general. */
    remove_started(run->dir, made || dir == NULL);
    clg__run_close(&run);
    if (status == CLG_E_IO && clg_hint()[0] == '\0') {
        (void)clg__hint(status, "choose a folder that you may write to: --out DIR");
    }
    return status;
}

int clg__run_resume(clg_run **out, const char *dir, uint64_t step)
{
    int status = CLG_OK;
    *out = NULL;
    if (!clg__os_stat(dir).is_dir) {
        return clg__hint(clg__fail(CLG_E_USAGE, "%s: is no run folder", dir),
                         "give the folder that `clgan train` made, for example runs/dcgan-1");
    }
    if (strlen(dir) >= CLG_PATH_MAX_LEN - 64) {
        return clg__fail(CLG_E_USAGE, "%.60s...: the folder's name is too long", dir);
    }
    clg_run *run = clg__alloc(1, sizeof *run);
    if (run == NULL) {
        return CLG_E_MEMORY;
    }
    (void)snprintf(run->dir, sizeof run->dir, "%s", dir);
    size_t n = strlen(run->dir);
    while (n > 1 && run->dir[n - 1] == '/') {
        run->dir[--n] = '\0';
    }
    CLG_TRY(make_folders(run->dir));
    CLG_TRY(clg__run_cut_logs(run->dir, step));
    CLG_TRY(open_logs(run));
    *out = run;
    return CLG_OK;
out:
    clg__run_close(&run);
    return status;
}
