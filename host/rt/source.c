/* Kernel sources: from the binary, or from the folder CLGAN_CL_DIR; #include "x.clh" resolved by
 * textual inclusion (once per file) with #line directives, so that drivers need no include path
 * and their messages name our files and lines. Also: build logs shown beside the source. */
#include "rt/rt_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/os.h"
#include "rt/embedded.h"

enum { SOURCE_LIMIT = 4 << 20, INCLUDE_DEPTH = 8, EXCERPTS_MAX = 5, LOG_LINES_MAX = 100 };

static int read_file_text(const clg_rt *rt, const char *name, clg_str *out)
{
    if (rt->source_dir == NULL) {
        for (const clg_embedded *e = clg__embedded_cl; e->name != NULL; e++) {
            if (strcmp(e->name, name) == 0) {
                clg__str_add_bytes(out, e->bytes, e->size);
                clg__str_add(out, "\n");
                return out->failed ? CLG_E_MEMORY : CLG_OK;
            }
        }
        return clg__fail(CLG_E_INTERNAL, "kernel file %s is not in the program", name);
    }
    int status = CLG_OK;
    uint8_t *data = NULL;
    size_t size = 0;
    char *path = clg__os_join(rt->source_dir, name);
    if (path == NULL) {
        return CLG_E_MEMORY;
    }
    CLG_TRY(clg__os_read_file(path, SOURCE_LIMIT, &data, &size));
    clg__str_add_bytes(out, data, size);
    clg__str_add(out, "\n");
    status = out->failed ? CLG_E_MEMORY : CLG_OK;
out:
    clg__free(data);
    clg__free(path);
    return status;
}

/* Is the line `#include "name"`? Then its name. */
static bool parse_include(const char *line, size_t len, char name[64])
{
    char copy[160];
    if (len >= sizeof copy) {
        return false;
    }
    memcpy(copy, line, len);
    copy[len] = '\0';
    return sscanf(copy, " # include \"%63[^\"]\"", name) == 1;
}

static int add_file(const clg_rt *rt, const char *name, clg_rt_source *src, unsigned depth)
{
    int status = CLG_OK;
    for (unsigned i = 0; i < src->file_count; i++) {
        if (strcmp(src->file[i].name, name) == 0) {
            return CLG_OK;
        }
    }
    if (depth > INCLUDE_DEPTH || src->file_count == CLG_RT_FILES_MAX || strlen(name) > 63) {
        return clg__fail(CLG_E_INTERNAL, "kernel file %s: too many or too deep includes", name);
    }
    unsigned at = src->file_count++;
    snprintf(src->file[at].name, sizeof src->file[at].name, "%s", name);
    CLG_TRY(read_file_text(rt, name, &src->file[at].text));
    clg__str_add(&src->text, "#line 1 \"%s\"\n", name);
    unsigned number = 1;
    for (const char *line = src->file[at].text.text; *line != '\0'; number++) {
        char include[64];
        size_t len = strcspn(line, "\n");
        if (parse_include(line, len, include)) {
            CLG_TRY(add_file(rt, include, src, depth + 1));
            clg__str_add(&src->text, "#line %u \"%s\"\n", number + 1, name);
        } else {
            clg__str_add_bytes(&src->text, line, len);
            clg__str_add(&src->text, "\n");
        }
        line += len + (line[len] == '\n');
    }
    status = src->text.failed ? clg__fail(CLG_E_MEMORY, "kernel file %s: no memory", name) : CLG_OK;
out:
    return status;
}

int clg__rt_source_load(const clg_rt *rt, const char *file, clg_rt_source *out)
{
    char name[96];
    *out = (clg_rt_source){ 0 };
    bool whole = clg__ends_with(file, ".cl");
    snprintf(name, sizeof name, "%.80s%s", file, whole ? "" : ".cl");
    return add_file(rt, name, out, 0);
}

void clg__rt_source_free(clg_rt_source *src)
{
    for (unsigned i = 0; i < src->file_count; i++) {
        clg__str_free(&src->file[i].text);
    }
    clg__str_free(&src->text);
    *src = (clg_rt_source){ 0 };
}

/* Logs lines at-2 .. at+1 of a file. */
static void log_excerpt(const char *text, unsigned long at)
{
    unsigned long number = 1;
    for (const char *line = text; *line != '\0' && number <= at + 1; number++) {
        size_t len = strcspn(line, "\n");
        if (number + 2 >= at) {
            clg__log(CLG_LOG_WARN, "  %s %5lu | %.*s", number == at ? ">" : " ", number,
                     (int)(len < 400 ? len : 400), line);
        }
        line += len + (line[len] == '\n');
    }
}

/* Finds "name:LINE:" in a log line. */
static bool find_place(const clg_rt_source *src, const char *line, unsigned *file,
                       unsigned long *number)
{
    for (unsigned i = 0; i < src->file_count; i++) {
        const char *hit = strstr(line, src->file[i].name);
        if (hit == NULL) {
            continue;
        }
        hit += strlen(src->file[i].name);
        if (*hit == '"') {
            hit++;
        }
        if (*hit != ':' && *hit != '(') {
            continue;
        }
        *number = strtoul(hit + 1, NULL, 10);
        *file = i;
        return *number > 0;
    }
    return false;
}

/* Some compilers (oclgrind's) ignore #line and count lines of the expanded text: finds ":LINE:COL:"
 * and follows the #line directives up to there. */
static bool find_place_expanded(const clg_rt_source *src, const char *line, unsigned *file,
                                unsigned long *number)
{
    unsigned long raw = 0, column = 0, at = 1;
    char name[64] = "";
    const char *colon = strchr(line, ':');
    while (colon != NULL && sscanf(colon, ":%lu:%lu:", &raw, &column) != 2) {
        colon = strchr(colon + 1, ':');
    }
    if (colon == NULL) {
        return false;
    }
    *number = 0;
    for (const char *p = src->text.text; *p != '\0' && at < raw; at++) {
        if (sscanf(p, "#line %lu \"%63[^\"]\"", number, name) != 2) {
            ++*number;
        }
        p += strcspn(p, "\n");
        p += *p == '\n';
    }
    for (unsigned i = 0; i < src->file_count; i++) {
        if (strcmp(src->file[i].name, name) == 0) {
            *file = i;
            return true;
        }
    }
    return false;
}

void clg__rt_source_explain(const clg_rt_source *src, const char *log, char *first, size_t cap)
{
    unsigned excerpts = 0, lines = 0;
    first[0] = '\0';
    for (const char *p = log; *p != '\0' && lines < LOG_LINES_MAX;) {
        char line[512];
        size_t len = strcspn(p, "\n");
        snprintf(line, sizeof line, "%.*s", (int)(len < 500 ? len : 500), p);
        p += len + (p[len] == '\n');
        if (line[0] == '\0') {
            continue;
        }
        clg__log(CLG_LOG_WARN, "%s", line);
        lines++;
        bool is_error = strstr(line, "error") != NULL;
        if (is_error && first[0] == '\0') {
            snprintf(first, cap, "%s", line);
        }
        unsigned file;
        unsigned long number;
        if (is_error && excerpts < EXCERPTS_MAX &&
            (find_place(src, line, &file, &number) ||
             find_place_expanded(src, line, &file, &number))) {
            excerpts++;
            clg__log(CLG_LOG_WARN, "  %s line %lu:", src->file[file].name, number);
            log_excerpt(src->file[file].text.text, number);
        }
    }
}

void clg__rt_source_keep(const clg_rt_source *src, const char *options)
{
    const char *dir = clg__os_env("CLGAN_KEEP_SOURCES");
    char name[128];
    clg_str all = { 0 };
    if (dir == NULL) {
        return;
    }
    clg__str_add(&all, "//OPTIONS %s\n", options);
    clg__str_add_bytes(&all, src->text.text, src->text.len);
    const char *file = src->file[0].name;
    (void)snprintf(name, sizeof name, "%.*s-%016llx.cl", (int)strcspn(file, "."), file,
                   (unsigned long long)clg__hash64(all.text, all.len, 0));
    char *path = all.failed ? NULL : clg__os_join(dir, name);
    if (path == NULL || clg__os_write_replace(path, all.text, all.len) != CLG_OK) {
        clg__log(CLG_LOG_WARN, "source of %s not kept: %s", file,
                 path == NULL ? "no memory" : clg_message());
    }
    clg__free(path);
    clg__str_free(&all);
}
