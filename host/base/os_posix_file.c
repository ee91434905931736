/* POSIX: files read whole, files written atomically, log files. */
#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum { PATH_CAP = 4096 };

static int fail_file(const char *what, const char *path, int e)
{
    int status = clg__fail(CLG_E_IO, "%s: cannot %s: %s", path, what, strerror(e));
    if (e == ENOENT) {
        return clg__hint(status, "check the name");
    }
    if (e == EACCES || e == EPERM || e == EROFS) {
        return clg__hint(status, "choose a place you may use, or change its permissions");
    }
    return status;
}

static int read_all(int fd, const char *path, size_t limit, uint8_t **data, size_t *size)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return clg__hint(clg__fail(CLG_E_IO, "%s: not a regular file", path), "check the name");
    }
    if ((uint64_t)st.st_size > limit) {
        return clg__fail(CLG_E_IO, "%s: has %llu bytes, more than the %zu allowed", path,
                         (unsigned long long)st.st_size, limit);
    }
    size_t want = (size_t)st.st_size;
    uint8_t *p = clg__alloc(want + 1, 1);
    if (p == NULL) {
        return CLG_E_MEMORY;
    }
    size_t got = 0;
    while (got < want) {
        ssize_t n = read(fd, p + got, want - got);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            clg__free(p);
            return n < 0 ? fail_file("read", path, errno)
                         : clg__fail(CLG_E_IO, "%s: became shorter while read", path);
        }
        got += (size_t)n;
    }
    *data = p;
    *size = want;
    return CLG_OK;
}

int clg__os_read_file(const char *path, size_t limit, uint8_t **data, size_t *size)
{
    *data = NULL;
    *size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return fail_file("open", path, errno);
    }
    int status = read_all(fd, path, limit, data, size);
    (void)close(fd);
    return status;
}

/* ---- atomic writing ---- */

struct clg_atomic_file {
    int fd;
    uint64_t written;
    char path[PATH_CAP], temporary[PATH_CAP];
};

static int fail_write(const char *path, uint64_t wanted, int e)
{
    if (e == ENOSPC || e == EDQUOT) {
        char dir[PATH_CAP];
        (void)snprintf(dir, sizeof dir, "%s", path);
        char *slash = strrchr(dir, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
        int status = clg__fail(CLG_E_IO,
                               "%s: disk full: %llu bytes or more wanted, %llu free", path,
                               (unsigned long long)wanted,
                               (unsigned long long)clg__os_free_space(slash != NULL ? dir : "."));
        return clg__hint(status, "free some space; files written before this one are intact");
    }
    int status = fail_file("write", path, e);
    if (e == EFBIG) {
        return clg__hint(status, "raise the limit on file sizes (ulimit -f); files written before "
                                 "this one are intact");
    }
    return status;
}

int clg__os_atomic_open(clg_atomic_file **out, const char *path)
{
    *out = NULL;
    clg_atomic_file *f = clg__alloc(1, sizeof *f);
    if (f == NULL) {
        return CLG_E_MEMORY;
    }
    uint32_t unique = 0;
    clg__os_random_bytes(&unique, sizeof unique);
    int n = snprintf(f->path, sizeof f->path, "%s", path);
    int m = snprintf(f->temporary, sizeof f->temporary, "%s.%08x.tmp", path, unique);
    if (n < 0 || m < 0 || (size_t)m >= sizeof f->temporary) {
        clg__free(f);
        return clg__fail(CLG_E_IO, "file name too long");
    }
    f->fd = open(f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (f->fd < 0) {
        int e = errno;
        clg__free(f);
        return fail_file("create", path, e);
    }
    *out = f;
    return CLG_OK;
}

int clg__os_atomic_write(clg_atomic_file *f, const void *data, size_t size)
{
    const uint8_t *p = data;
    while (size > 0) {
        ssize_t n = write(f->fd, p, size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return fail_write(f->path, f->written + size, errno);
        }
        p += n;
        size -= (size_t)n;
        f->written += (uint64_t)n;
    }
    return CLG_OK;
}

/* The rename is only safe on disk once the folder itself is. */
static int sync_folder(const char *path)
{
    char dir[PATH_CAP];
    (void)snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash == NULL) {
        (void)snprintf(dir, sizeof dir, ".");
    } else if (slash == dir) {
        slash[1] = '\0';
    } else {
        *slash = '\0';
    }
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return fail_file("open folder", dir, errno);
    }
    /* Some file systems refuse fsync on a folder with EINVAL; then there is nothing to do. */
    int bad = fsync(fd) != 0 && errno != EINVAL ? errno : 0;
    (void)close(fd);
    return bad == 0 ? CLG_OK : fail_file("sync folder", dir, bad);
}

static int commit(clg_atomic_file **pf, bool sync)
{
    clg_atomic_file *f = *pf;
    int bad = sync && fsync(f->fd) != 0 ? errno : 0;
    if (close(f->fd) != 0 && bad == 0) {
        bad = errno;
    }
    f->fd = -1;
    int status = CLG_OK;
    if (bad != 0) {
        status = fail_write(f->path, f->written, bad);
    } else if (rename(f->temporary, f->path) != 0) {
        status = fail_file("rename to this", f->path, errno);
    } else {
        status = sync ? sync_folder(f->path) : CLG_OK;
        clg__free(f);
        *pf = NULL;
        return status;
    }
    clg__os_atomic_abort(pf);
    return status;
}

int clg__os_atomic_commit(clg_atomic_file **pf)
{
    return commit(pf, true);
}

void clg__os_atomic_abort(clg_atomic_file **pf)
{
    if (*pf == NULL) {
        return;
    }
    if ((*pf)->fd >= 0) {
        (void)close((*pf)->fd);
    }
    (void)unlink((*pf)->temporary);
    clg__free(*pf);
    *pf = NULL;
}

static int write_whole(const char *path, const void *data, size_t size, bool sync)
{
    clg_atomic_file *f = NULL;
    int status = CLG_OK;
    CLG_TRY(clg__os_atomic_open(&f, path));
    CLG_TRY(clg__os_atomic_write(f, data, size));
    CLG_TRY(commit(&f, sync));
out:
    clg__os_atomic_abort(&f);
    return status;
}

int clg__os_write_atomic(const char *path, const void *data, size_t size)
{
    return write_whole(path, data, size, true);
}

int clg__os_write_replace(const char *path, const void *data, size_t size)
{
    return write_whole(path, data, size, false);
}

/* ---- log files ---- */

struct clg_log_file {
    int fd;
    char path[PATH_CAP];
};

int clg__os_log_open(clg_log_file **out, const char *path)
{
    *out = NULL;
    clg_log_file *f = clg__alloc(1, sizeof *f);
    if (f == NULL) {
        return CLG_E_MEMORY;
    }
    (void)snprintf(f->path, sizeof f->path, "%s", path);
    f->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (f->fd < 0) {
        int e = errno;
        clg__free(f);
        return fail_file("open", path, e);
    }
    *out = f;
    return CLG_OK;
}

int clg__os_log_write(clg_log_file *f, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t w = write(f->fd, text, n);
        if (w < 0 && errno == EINTR) {
            continue;
        }
        if (w < 0) {
            return fail_write(f->path, n, errno);
        }
        text += w;
        n -= (size_t)w;
    }
    return CLG_OK;
}

void clg__os_log_close(clg_log_file **pf)
{
    if (*pf != NULL) {
        (void)close((*pf)->fd);
        clg__free(*pf);
        *pf = NULL;
    }
}
