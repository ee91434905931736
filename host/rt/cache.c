/* Program binaries on disk: <cache dir>/programs/<hash of the key>.bin. A file holds the whole key
 * text (device, driver, platform, options, source), so equal hashes do no harm, and a checksum; a
 * file that is not exactly right is treated as absent. Only logs: a cache may fail. */
#include "rt/rt_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/cache.h"
#include "base/mem.h"
#include "base/os.h"

enum { FORMAT_VERSION = 1, FILE_LIMIT = 256 << 20 };

typedef struct head {
    char magic[8];
    uint32_t version, reserved;
    uint64_t key_len, binary_len, checksum; /* checksum over key, then binary */
} head;

static const char MAGIC[8] = { 'c', 'l', 'g', 'p', 'r', 'o', 'g', '\n' };

int clg__rt_cache_key(const clg_rt *rt, const char *options, const clg_str *source, clg_str *key)
{
    clg__str_add(key, "format %d\ndevice %s\nvendor %s\ndriver %s\nversion %s\n", FORMAT_VERSION,
                 rt->info.name, rt->info.vendor, rt->info.driver, rt->info.version);
    clg__str_add(key, "platform %s\nplatform version %s\noptions %s\n", rt->info.platform,
                 rt->platform_version, options);
    clg__str_add_bytes(key, source->text, source->len);
    return key->failed ? clg__fail(CLG_E_MEMORY, "program cache key: no memory") : CLG_OK;
}

/* clg__free it; NULL: no cache or no memory. */
static char *find_path(const clg_rt *rt, const char *key, size_t key_len)
{
    char name[48];
    if (rt->cache_dir == NULL) {
        return NULL;
    }
    uint64_t a = clg__hash64(key, key_len, 0);
    uint64_t b = clg__hash64(key, key_len, a ^ 0x9e3779b97f4a7c15u);
    snprintf(name, sizeof name, "%016llx%016llx.bin", (unsigned long long)a, (unsigned long long)b);
    return clg__os_join(rt->cache_dir, name);
}

static uint64_t sum_of(const void *key, size_t key_len, const void *binary, size_t binary_len)
{
    return clg__hash64(binary, binary_len, clg__hash64(key, key_len, 0));
}

static bool check_entry(const uint8_t *data, size_t size, const char *key, size_t key_len, head *h)
{
    if (size < sizeof *h) {
        return false;
    }
    memcpy(h, data, sizeof *h);
    if (memcmp(h->magic, MAGIC, sizeof MAGIC) != 0 || h->version != FORMAT_VERSION ||
        h->key_len != key_len || key_len > size - sizeof *h ||
        h->binary_len != size - sizeof *h - key_len || h->binary_len == 0) {
        return false;
    }
    const uint8_t *stored = data + sizeof *h;
    return memcmp(stored, key, key_len) == 0 &&
           h->checksum == sum_of(stored, key_len, stored + key_len, (size_t)h->binary_len);
}

void clg__rt_cache_load(const clg_rt *rt, const char *key, size_t key_len, uint8_t **binary,
                        size_t *size)
{
    uint8_t *data = NULL;
    size_t n = 0;
    head h;
    *binary = NULL;
    *size = 0;
    char *path = find_path(rt, key, key_len);
    if (path == NULL || !clg__os_stat(path).is_file) {
        goto out;
    }
    if (clg__os_read_file(path, FILE_LIMIT, &data, &n) != CLG_OK) {
        clg__log(CLG_LOG_DEBUG, "program cache: %s", clg_message());
        goto out;
    }
    if (!check_entry(data, n, key, key_len, &h)) {
        clg__log(CLG_LOG_INFO, "program cache: %s is damaged or of another program, rebuilding",
                 path);
        goto out;
    }
    memmove(data, data + sizeof h + key_len, (size_t)h.binary_len);
    *binary = data;
    *size = (size_t)h.binary_len;
    data = NULL;
out:
    clg__free(data);
    clg__free(path);
}

void clg__rt_cache_drop(const clg_rt *rt, const char *key, size_t key_len)
{
    char *path = find_path(rt, key, key_len);
    if (path != NULL) {
        clg__log(CLG_LOG_INFO, "program cache: the driver refuses %s, rebuilding", path);
        clg__os_remove(path);
    }
    clg__free(path);
}

/* The binary behind `room` bytes of free space; NULL if the driver gives none. */
static uint8_t *get_binary(cl_program program, size_t room, size_t *size)
{
    size_t n = 0;
    if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof n, &n, NULL) != CL_SUCCESS ||
        n == 0 || n > FILE_LIMIT / 2) {
        return NULL;
    }
    uint8_t *data = clg__alloc(room + n, 1);
    if (data == NULL) {
        return NULL;
    }
    unsigned char *at = data + room;
    if (clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof at, &at, NULL) != CL_SUCCESS) {
        clg__free(data);
        return NULL;
    }
    *size = n;
    return data;
}

void clg__rt_cache_save(const clg_rt *rt, const char *key, size_t key_len, cl_program program)
{
    size_t n = 0, room = sizeof(head) + key_len;
    char *path = find_path(rt, key, key_len);
    uint8_t *data = NULL;
    if (path != NULL && clg__os_mkdirs(rt->cache_dir, 0700) != CLG_OK) {
        clg__log(CLG_LOG_INFO, "program cache: not written: %s", clg_message());
        goto out;
    }
    data = path != NULL ? get_binary(program, room, &n) : NULL;
    if (data == NULL) {
        goto out;
    }
    head h = { .version = FORMAT_VERSION, .key_len = key_len, .binary_len = n };
    memcpy(h.magic, MAGIC, sizeof MAGIC);
    h.checksum = sum_of(key, key_len, data + room, n);
    memcpy(data, &h, sizeof h);
    memcpy(data + sizeof h, key, key_len);
    if (clg__os_write_atomic(path, data, room + n) != CLG_OK) {
        clg__log(CLG_LOG_INFO, "program cache: not written: %s", clg_message());
    }
out:
    clg__free(data);
    clg__free(path);
}
