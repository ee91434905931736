/* POSIX: paths, folders, mapping, time, process, signals. Files that are written are in
 * os_posix_file.c, threads in os_posix_thread.c. */
#define _GNU_SOURCE 1 /* sched_getaffinity */
#include "base/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

/* ---- paths and folders ---- */

clg_file_info clg__os_stat(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return (clg_file_info){ 0 };
    }
    return (clg_file_info){
        .exists = true,
        .is_dir = S_ISDIR(st.st_mode),
        .is_file = S_ISREG(st.st_mode),
        .size = st.st_size > 0 ? (uint64_t)st.st_size : 0,
        .mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
    };
}

static int fail_path(const char *what, const char *path)
{
    int e = errno;
    int status = clg__fail(CLG_E_IO, "%s: cannot %s: %s", path, what, strerror(e));
    if (e == EACCES || e == EPERM || e == EROFS) {
        return clg__hint(status, "choose a place you may use, or change its permissions");
    }
    return clg__hint(status, "check each part of the name");
}

int clg__os_mkdir_new(const char *path, bool *made)
{
    *made = mkdir(path, 0777) == 0;
    if (!*made && errno != EEXIST) {
        return fail_path("create folder", path);
    }
    return CLG_OK;
}

int clg__os_mkdirs(const char *path, unsigned mode)
{
    char part[4096];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof part) {
        return clg__fail(CLG_E_IO, "folder name has %zu bytes", n);
    }
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != '\0') {
            continue;
        }
        char c = part[i];
        part[i] = '\0';
        /* An existing parent may refuse mkdir with other errors than EEXIST (read-only file
         * systems), so existence is asked, not the error. */
        if (mkdir(part, (mode_t)mode) != 0 && !clg__os_stat(part).is_dir) {
            return fail_path("create folder", part);
        }
        part[i] = c;
    }
    return CLG_OK;
}

int clg__os_remove(const char *path)
{
    if (remove(path) != 0 && errno != ENOENT) {
        return fail_path("remove", path);
    }
    return CLG_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int clg__os_list(const char *dir, char ***names, size_t *n)
{
    int status = CLG_OK;
    size_t cap = 0;
    *names = NULL;
    *n = 0;
    DIR *d = opendir(dir);
    if (d == NULL) {
        return fail_path("read folder", dir);
    }
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        if (*n == cap) {
            cap = cap == 0 ? 64 : cap * 2;
            char **more = clg__realloc(*names, cap, sizeof *more);
            if (more == NULL) {
                status = CLG_E_MEMORY;
                break;
            }
            *names = more;
        }
        char *name = clg__strdup(e->d_name);
        if (name == NULL) {
            status = CLG_E_MEMORY;
            break;
        }
        (*names)[(*n)++] = name;
    }
    (void)closedir(d);
    if (status != CLG_OK) {
        clg__os_list_free(names, *n);
        *n = 0;
        return status;
    }
    if (*n > 0) {
        qsort(*names, *n, sizeof **names, compare_names);
    }
    return CLG_OK;
}

void clg__os_list_free(char ***names, size_t n)
{
    for (size_t i = 0; *names != NULL && i < n; i++) {
        clg__free((*names)[i]);
    }
    clg__free(*names);
    *names = NULL;
}

int clg__os_cache_dir(char *dst, size_t cap)
{
    const char *xdg = clg__os_env("XDG_CACHE_HOME");
    const char *home = clg__os_env("HOME");
    int n;
    if (xdg != NULL && xdg[0] == '/') {
        n = snprintf(dst, cap, "%s/clgan", xdg);
    } else if (home != NULL && home[0] == '/') {
        n = snprintf(dst, cap, "%s/.cache/clgan", home);
    } else {
        n = snprintf(dst, cap, "/tmp/clgan-%lu", (unsigned long)getuid());
    }
    if (n < 0 || (size_t)n >= cap) {
        return clg__fail(CLG_E_IO, "the name of the cache folder is too long");
    }
    return CLG_OK;
}

char *clg__os_join(const char *dir, const char *name)
{
    size_t n = strlen(dir);
    size_t cap = n + strlen(name) + 2;
    char *path = clg__alloc(cap, 1);
    if (path != NULL) {
        (void)snprintf(path, cap, "%s%s%s", dir, n > 0 && dir[n - 1] == '/' ? "" : "/", name);
    }
    return path;
}

/* ---- mapping and space ---- */

int clg__os_map_file(const char *path, clg_map *out)
{
    *out = (clg_map){ 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return fail_path("open", path);
    }
    struct stat st;
    int status = CLG_OK;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        status = clg__fail(CLG_E_IO, "%s: not a regular file", path);
    } else if (st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED) {
            status = fail_path("map", path);
        } else {
            *out = (clg_map){ .data = p, .size = (size_t)st.st_size };
        }
    }
    (void)close(fd);
    return status;
}

void clg__os_unmap(clg_map *map)
{
    if (map->data != NULL) {
        (void)munmap((void *)(uintptr_t)map->data, map->size);
    }
    *map = (clg_map){ 0 };
}

void clg__os_prefer_large_pages(void *memory, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    const uintptr_t page = (uintptr_t)2 << 20;
    const uintptr_t start = ((uintptr_t)memory + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)memory + bytes) / page * page;
    if (start < end) {
        (void)madvise((char *)memory + (start - (uintptr_t)memory), end - start, MADV_HUGEPAGE);
    }
#else
    (void)memory;
    (void)bytes;
#endif
}

uint64_t clg__os_free_space(const char *path)
{
    struct statvfs v;
    return statvfs(path, &v) == 0 ? (uint64_t)v.f_bavail * v.f_frsize : 0;
}

/* ---- time and process ---- */

static double read_clock(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double clg__os_now_s(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double clg__os_wall_s(void)
{
    return read_clock(CLOCK_REALTIME);
}

/* Field 22 of /proc/self/stat is the start in clock ticks since boot; 10 ms resolution. */
double clg__os_since_process_start_s(void)
{
    char text[2048];
    FILE *f = fopen("/proc/self/stat", "r");
    if (f == NULL) {
        return 0.0;
    }
    size_t n = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    text[n] = '\0';
    const char *p = strrchr(text, ')');
    for (int field = 2; p != NULL && field < 22; field++) {
        p = strchr(p + 1, ' ');
    }
    if (p == NULL) {
        return 0.0;
    }
    double start = strtod(p + 1, NULL) / (double)sysconf(_SC_CLK_TCK);
    return read_clock(CLOCK_BOOTTIME) - start;
}

uint64_t clg__os_peak_rss_bytes(void)
{
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) == 0 ? (uint64_t)u.ru_maxrss * 1024u : 0;
}

uint64_t clg__os_physical_memory_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

unsigned clg__os_cpu_count(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1u;
}

uint64_t clg__os_second_cache_bytes(void)
{
    unsigned long kib = 0;
    FILE *f = fopen("/sys/devices/system/cpu/cpu0/cache/index2/size", "r");
    if (f != NULL) {
        char line[32] = "";
        char *end = line;
        kib = fgets(line, sizeof line, f) != NULL ? strtoul(line, &end, 10) : 0;
        kib = *end == 'K' ? kib : 0;
        (void)fclose(f);
    }
    return (uint64_t)kib * 1024u;
}

bool clg__os_may_use_all_cpus(void)
{
    cpu_set_t allowed;
    bool all = sched_getaffinity(0, sizeof allowed, &allowed) == 0;
    for (unsigned i = 0; i < clg__os_cpu_count(); i++) {
        all = all && i < CPU_SETSIZE && CPU_ISSET(i, &allowed);
    }
    return all;
}

const char *clg__os_env(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

int clg__os_setenv_default(const char *name, const char *value)
{
    return setenv(name, value, 0) == 0 ? CLG_OK : clg__fail(CLG_E_IO, "setenv %s failed", name);
}

bool clg__os_is_terminal(int fd)
{
    return isatty(fd) == 1;
}

void clg__os_random_bytes(void *dst, size_t n)
{
    if (getrandom(dst, n, 0) != (ssize_t)n) {
        double t = clg__os_wall_s();
        for (size_t i = 0; i < n; i++) {
            ((uint8_t *)dst)[i] = (uint8_t)(((const uint8_t *)&t)[i % sizeof t] + i);
        }
    }
}

/* ---- signals ---- */

static volatile sig_atomic_t seen_signal;

static void on_signal(int number)
{
    if (seen_signal != 0) {
        _exit(128 + number);
    }
    seen_signal = number;
}

void clg__os_signals_install(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

void clg__os_file_limit_fails(void)
{
    (void)signal(SIGXFSZ, SIG_IGN);
}

int clg__os_signal_seen(void)
{
    return (int)seen_signal;
}
