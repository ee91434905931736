/* A scratch folder and small data set files for the tests of io: IDX, CIFAR-10 batches, folders. */
#ifndef CLG_TESTS_IO_DATA_SAMPLES_H
#define CLG_TESTS_IO_DATA_SAMPLES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/os.h"
#include "io/dataset.h"
#include "io/image_samples.h"

static char scratch_root[256];

/* ---- scratch folder: made before each test, removed after it ---- */

static inline void remove_tree(const char *dir)
{
    char **names = NULL;
    size_t n = 0;
    if (clg__os_stat(dir).is_dir && clg__os_list(dir, &names, &n) == CLG_OK) {
        for (size_t i = 0; i < n; i++) {
            char *path = clg__os_join(dir, names[i]);
            remove_tree(path);
            clg__free(path);
        }
        clg__os_list_free(&names, n);
    }
    (void)clg__os_remove(dir);
}

/* $XDG_CACHE_HOME is set by the test runner; each test gets its own below a fresh folder. */
static inline int make_scratch(void **state)
{
    uint32_t unique = 0;
    clg__os_random_bytes(&unique, sizeof unique);
    (void)state;
    (void)snprintf(scratch_root, sizeof scratch_root, "/tmp/clgan-test-%08x", unique);
    char cache[300];
    (void)snprintf(cache, sizeof cache, "%s/cache", scratch_root);
    (void)setenv("XDG_CACHE_HOME", cache, 1);
    (void)unsetenv("CLGAN_DATA");
    return clg__os_mkdirs(scratch_root, 0700);
}

static inline int drop_scratch(void **state)
{
    (void)state;
    clg__log_set(NULL, NULL);
    remove_tree(scratch_root);
    return 0;
}

/* "<scratch>/name", in one of four buffers in turn. */
static inline const char *at(const char *name)
{
    static char path[4][1024];
    static unsigned turn;
    turn = (turn + 1u) % 4u;
    (void)snprintf(path[turn], sizeof path[turn], "%s/%s", scratch_root, name);
    return path[turn];
}

static inline void write_bytes(const char *name, const void *bytes, size_t n)
{
    char dir[1024];
    (void)snprintf(dir, sizeof dir, "%s", at(name));
    *strrchr(dir, '/') = '\0';
    assert_int_equal(clg__os_mkdirs(dir, 0700), CLG_OK);
    assert_int_equal(clg__os_write_atomic(at(name), bytes, n), CLG_OK);
}

/* ---- the log ---- */

typedef struct log_seen {
    unsigned warnings;
    char last_warning[512];
} log_seen;

static inline void see_log(void *user, enum clg_log_level level, const char *line)
{
    log_seen *seen = user;
    if (level == CLG_LOG_WARN) {
        seen->warnings++;
        (void)snprintf(seen->last_warning, sizeof seen->last_warning, "%s", line);
    }
}

/* ---- files ---- */

static inline size_t make_idx(uint8_t *dst, uint32_t rank, const uint32_t *dim, size_t data)
{
    const uint8_t magic[4] = { 0, 0, 8, (uint8_t)rank };
    memcpy(dst, magic, 4);
    for (uint32_t i = 0; i < rank; i++) {
        for (uint32_t k = 0; k < 4u; k++) {
            dst[4u + 4u * i + k] = (uint8_t)(dim[i] >> (24u - 8u * k));
        }
    }
    for (size_t i = 0; i < data; i++) {
        dst[4u + 4u * rank + i] = (uint8_t)(i * 7u);
    }
    return 4u + 4u * rank + data;
}

/* A gzip member. dst has room for n + 64 bytes. */
static inline size_t make_gzip(uint8_t *dst, const uint8_t *src, size_t n)
{
    z_stream z = { .next_in = (z_const Bytef *)src, .avail_in = (uInt)n, .next_out = dst,
                   .avail_out = (uInt)n + 64u };
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t made = z.total_out;
    assert_int_equal(deflateEnd(&z), Z_OK);
    return made;
}

/* An 8x8 grey or colour PNG whose pixels are all `value`. */
static inline void write_png(const char *name, uint8_t value, uint32_t c)
{
    uint8_t pixels[8 * 8 * 3];
    memset(pixels, value, sizeof pixels);
    sample_file f = sample_png8(pixels, 8, 8, c);
    write_bytes(name, f.bytes, f.n);
    free(f.bytes);
}

/* ---- expectations ---- */

static inline void expect_open_fault(const char *source, const clg_dataset_options *opt, int status,
                                     const char *message, const char *hint)
{
    clg_dataset *ds = NULL;
    assert_int_equal(clg__dataset_open(&ds, source, opt), status);
    assert_null(ds);
    if (strstr(clg_message(), message) == NULL) {
        fail_msg("message: %s; wanted in it: %s", clg_message(), message);
    }
    if (strstr(clg_hint(), hint) == NULL) {
        fail_msg("hint: %s; wanted in it: %s", clg_hint(), hint);
    }
    assert_null(strchr(clg_message(), '\n'));
}

static inline clg_dataset *open_data(const char *source, const clg_dataset_options *opt)
{
    clg_dataset *ds = NULL;
    if (clg__dataset_open(&ds, source, opt) != CLG_OK) {
        fail_msg("%s", clg_message());
    }
    return ds;
}

#endif
