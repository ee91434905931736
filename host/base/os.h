/* Everything that is POSIX: files, folders, mapping, time, threads, environment. Implemented in
 * os_posix.c alone. Functions that fail leave a message and return CLG_E_IO unless said. */
#ifndef CLG_BASE_OS_H
#define CLG_BASE_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* ---- paths and folders ---- */
typedef struct clg_file_info {
    bool exists, is_dir, is_file;
    uint64_t size;
    int64_t mtime_ns;
} clg_file_info;

/* Never fails: what does not exist or cannot be seen has exists = false. Follows links. */
clg_file_info clg__os_stat(const char *path);
int clg__os_mkdirs(const char *path, unsigned mode); /* parents too; an existing folder is fine */
int clg__os_mkdir_new(const char *path, bool *made);  /* *made = false when it exists already */
int clg__os_remove(const char *path);                /* file or empty folder; absent is fine */
/* Sorted (byte order) names in a folder without "." and ".."; each and the array by clg__free. */
int clg__os_list(const char *dir, char ***names, size_t *n);
void clg__os_list_free(char ***names, size_t n);
/* "$XDG_CACHE_HOME/clgan" or "$HOME/.cache/clgan" or "/tmp/clgan-<uid>"; not created here. */
int clg__os_cache_dir(char *dst, size_t cap);
char *clg__os_join(const char *dir, const char *name); /* "dir/name", clg__free it; NULL: no memory */

/* ---- whole files ---- */
/* Reads a regular file of at most `limit` bytes; *data is NUL-ended beyond *size. clg__free it. */
int clg__os_read_file(const char *path, size_t limit, uint8_t **data, size_t *size);
/* Temporary file in the same folder, write, fsync (a failure is final), rename, fsync the folder.
 * On failure the temporary file is removed and an older file of that name is untouched.
 * A full disk says so, with the bytes wanted and free. */
int clg__os_write_atomic(const char *path, const void *data, size_t size);
/* The same without waiting for the disk, for what can be made again: after a power failure the file
 * may be the old one, the new one or empty. */
int clg__os_write_replace(const char *path, const void *data, size_t size);
/* The same in pieces, for large files. Abort removes the temporary file; both take NULL. */
typedef struct clg_atomic_file clg_atomic_file;
int clg__os_atomic_open(clg_atomic_file **out, const char *path);
int clg__os_atomic_write(clg_atomic_file *f, const void *data, size_t size);
int clg__os_atomic_commit(clg_atomic_file **f);
void clg__os_atomic_abort(clg_atomic_file **f);

/* ---- appendable text file (logs) ---- */
typedef struct clg_log_file clg_log_file;
int clg__os_log_open(clg_log_file **out, const char *path); /* created if absent, else appended */
int clg__os_log_write(clg_log_file *f, const char *text, size_t n);
void clg__os_log_close(clg_log_file **f);

/* ---- mapping ---- */
typedef struct clg_map {
    const uint8_t *data;
    size_t size;
} clg_map;
int clg__os_map_file(const char *path, clg_map *out); /* read-only; size 0 gives data = NULL */
void clg__os_unmap(clg_map *map);
uint64_t clg__os_free_space(const char *path); /* bytes for this user; 0 if unknown */
/* Asks for large pages (2 MB) where whole ones lie in the memory, which is not yet touched: a wish,
 * for fewer misses of address translation. Elsewhere, or if the system has none: nothing. */
void clg__os_prefer_large_pages(void *memory, size_t bytes);

/* ---- time, process ---- */
double clg__os_now_s(void);                       /* monotonic seconds */
double clg__os_wall_s(void);                      /* seconds since 1970 */
double clg__os_since_process_start_s(void);       /* since the kernel started this process */
uint64_t clg__os_peak_rss_bytes(void);
uint64_t clg__os_physical_memory_bytes(void);
unsigned clg__os_cpu_count(void);
uint64_t clg__os_second_cache_bytes(void);        /* of the first core; 0 if the system does not say */
bool clg__os_may_use_all_cpus(void); /* false also where the system does not say */
const char *clg__os_env(const char *name);        /* NULL when unset or empty */
int clg__os_setenv_default(const char *name, const char *value); /* only when unset */
bool clg__os_is_terminal(int fd);
void clg__os_random_bytes(void *dst, size_t n);   /* for unique names and default seeds only */

/* SIGINT and SIGTERM: after `install`, the first one is remembered (0 or its number), the second
 * one ends the process at once with 128 + number. */
void clg__os_signals_install(void);
int clg__os_signal_seen(void);
/* A write beyond the process's file size limit fails with a message instead of ending the process. */
void clg__os_file_limit_fails(void);

/* ---- threads ---- */
typedef struct clg_thread clg_thread;
typedef struct clg_mutex clg_mutex;
typedef struct clg_cond clg_cond;
int clg__thread_start(clg_thread **out, void (*fn)(void *), void *arg);
void clg__thread_join(clg_thread **t);
int clg__mutex_create(clg_mutex **out);
void clg__mutex_destroy(clg_mutex **m);
void clg__mutex_lock(clg_mutex *m);
void clg__mutex_unlock(clg_mutex *m);
int clg__cond_create(clg_cond **out);
void clg__cond_destroy(clg_cond **c);
void clg__cond_wait(clg_cond *c, clg_mutex *m);
void clg__cond_signal_all(clg_cond *c);

#endif
