/* Records of what was measured on a device: head, checksum, file. */
#include "rt/record.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/str.h"

enum { PATH_MAX_LEN = 1088 }; /* the cache folder's, and the name in it */

static void add_head(clg_str *s, const clg_device_info *d, const clg_record_kind *kind)
{
    clg__str_add(s, "%s\nplatform: %s\ndevice: %s\ndriver: %s\n%s", kind->title, d->platform,
                 d->name, d->driver, kind->about);
}

int clg__record_path(const clg_device_info *d, const clg_record_kind *kind, char *dst, size_t cap)
{
    char dir[1024];
    clg_str head = { 0 };
    int status = CLG_OK;

    CLG_TRY(clg__os_cache_dir(dir, sizeof dir));
    add_head(&head, d, kind);
    if (head.failed) {
        status = CLG_E_MEMORY;
        goto out;
    }
    int n = snprintf(dst, cap, "%s/tuning/%016llx.txt", dir,
                     (unsigned long long)clg__hash64(head.text, head.len, 0));
    if (n < 0 || (size_t)n >= cap) {
        status = clg__fail(CLG_E_IO, "cache folder: name is too long: %s", dir);
    }
out:
    clg__str_free(&head);
    return status;
}

int clg__record_write(const clg_device_info *d, const clg_record_kind *kind, const char *body)
{
    char path[PATH_MAX_LEN];
    clg_str s = { 0 };
    int status = CLG_OK;

    CLG_TRY(clg__record_path(d, kind, path, sizeof path));
    char *slash = strrchr(path, '/');
    *slash = '\0';
    CLG_TRY(clg__os_mkdirs(path, 0700));
    *slash = '/';
    add_head(&s, d, kind);
    clg__str_add(&s, "%s", body);
    if (!s.failed) {
        clg__str_add(&s, "sum: %016llx\n", (unsigned long long)clg__hash64(s.text, s.len, 0));
    }
    if (s.failed) {
        status = CLG_E_MEMORY;
        goto out;
    }
    CLG_TRY(clg__os_write_atomic(path, s.text, s.len));
out:
    clg__str_free(&s);
    return status;
}

/* NULL and the body's place and length in text, or why it is not to be trusted. */
static const char *check(const char *text, size_t size, const clg_device_info *d,
                         const clg_record_kind *kind, const char **body, size_t *len)
{
    clg_str head = { 0 };
    const char *why = NULL, *sum = strstr(text, "\nsum: ");
    char expected[40];

    add_head(&head, d, kind);
    if (head.failed || strlen(text) != size || sum == NULL) {
        why = "cut short";
        goto out;
    }
    snprintf(expected, sizeof expected, "sum: %016llx\n",
             (unsigned long long)clg__hash64(text, (size_t)(sum + 1 - text), 0));
    if (strcmp(sum + 1, expected) != 0) {
        why = "changed since it was written";
    } else if ((size_t)(sum + 1 - text) < head.len || strncmp(text, head.text, head.len) != 0) {
        why = "of another device";
    } else {
        *body = text + head.len;
        *len = (size_t)(sum + 1 - *body);
    }
out:
    clg__str_free(&head);
    return why;
}

void clg__record_ignore(const clg_device_info *d, const clg_record_kind *kind, const char *why)
{
    char path[PATH_MAX_LEN];
    if (clg__record_path(d, kind, path, sizeof path) == CLG_OK) {
        clg__log(CLG_LOG_WARN, "tuning record %s is ignored: it is %s", path, why);
    }
}

bool clg__record_read(const clg_device_info *d, const clg_record_kind *kind, char **body)
{
    char path[PATH_MAX_LEN];
    uint8_t *data = NULL;
    size_t size = 0, len = 0;
    const char *at = NULL, *why = "not readable";

    *body = NULL;
    if (clg__record_path(d, kind, path, sizeof path) != CLG_OK || !clg__os_stat(path).is_file) {
        return false;
    }
    if (clg__os_read_file(path, kind->max, &data, &size) == CLG_OK) {
        why = check((const char *)data, size, d, kind, &at, &len);
    }
    if (why == NULL) {
        *body = clg__alloc(len + 1u, 1);
        why = *body == NULL ? "too large for the memory left" : NULL;
    }
    if (why == NULL) {
        memcpy(*body, at, len);
    } else {
        clg__record_ignore(d, kind, why);
    }
    clg__free(data);
    return why == NULL;
}
