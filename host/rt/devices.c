/* Which OpenCL devices there are, and choosing one. Nothing here creates a context. */
#include "rt/rt_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"

enum { PLATFORMS_MAX = 64, DEVICES_MAX = 64 };

static void get_platform_text(cl_platform_id p, cl_platform_info what, char *dst, size_t cap)
{
    char text[1024] = "";
    if (clGetPlatformInfo(p, what, sizeof text - 1, text, NULL) != CL_SUCCESS) {
        text[0] = '\0';
    }
    snprintf(dst, cap, "%.*s", (int)cap - 1, text);
}

/* Leading and trailing spaces, which some drivers have, are dropped. */
static void get_device_text(cl_device_id d, cl_device_info what, char *dst, size_t cap)
{
    char text[1024] = "";
    if (clGetDeviceInfo(d, what, sizeof text - 1, text, NULL) != CL_SUCCESS) {
        text[0] = '\0';
    }
    const char *start = text;
    while (isspace((unsigned char)*start)) {
        start++;
    }
    size_t n = strlen(start);
    while (n > 0 && isspace((unsigned char)start[n - 1])) {
        n--;
    }
    snprintf(dst, cap, "%.*s", (int)(n < cap ? n : cap - 1), start);
}

static uint64_t get_device_number(cl_device_id d, cl_device_info what, size_t size)
{
    union {
        cl_uint u32;
        cl_ulong u64;
        size_t size;
    } v = { .u64 = 0 };
    if (clGetDeviceInfo(d, what, size, &v, NULL) != CL_SUCCESS) {
        return 0;
    }
    return size == sizeof(cl_uint) ? v.u32 : v.u64;
}

static unsigned get_device_uint(cl_device_id d, cl_device_info what)
{
    return (unsigned)get_device_number(d, what, sizeof(cl_uint));
}

static bool has_extension(cl_device_id d, const char *name)
{
    size_t size = 0;
    if (clGetDeviceInfo(d, CL_DEVICE_EXTENSIONS, 0, NULL, &size) != CL_SUCCESS || size == 0) {
        return false;
    }
    char *text = clg__alloc(size + 1, 1);
    bool found = false;
    if (text != NULL && clGetDeviceInfo(d, CL_DEVICE_EXTENSIONS, size, text, NULL) == CL_SUCCESS) {
        const size_t len = strlen(name);
        for (const char *at = text; !found && (at = strstr(at, name)) != NULL; at += len) {
            found = (at == text || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0');
        }
    }
    clg__free(text);
    return found;
}

static enum clg_device_type get_type(cl_device_id d)
{
    cl_device_type type = get_device_number(d, CL_DEVICE_TYPE, sizeof(cl_device_type));
    if (type & CL_DEVICE_TYPE_CPU) { /* a simulator may claim to be everything at once */
        return CLG_DEVICE_CPU;
    }
    return type & CL_DEVICE_TYPE_GPU ? CLG_DEVICE_GPU : CLG_DEVICE_OTHER;
}

/* Numbers of the extension cl_nv_device_attribute_query, which not every CL/cl_ext.h has. */
enum { NVIDIA_CAPABILITY_MAJOR = 0x4000, NVIDIA_CAPABILITY_MINOR = 0x4001 };

/* Of cl_intel_required_subgroup_size; the answer is a list of size_t. */
enum { INTEL_SUB_GROUP_SIZES = 0x4108, SUB_GROUP_SIZES_MAX = 32 };

static void find_lanes(clg_device_info *info, cl_device_id d)
{
    size_t size[SUB_GROUP_SIZES_MAX] = { 0 }, bytes = 0;
    if (!has_extension(d, "cl_intel_subgroups") ||
        !has_extension(d, "cl_intel_required_subgroup_size") ||
        clGetDeviceInfo(d, INTEL_SUB_GROUP_SIZES, sizeof size, size, &bytes) != CL_SUCCESS) {
        return;
    }
    for (size_t i = 0; i < bytes / sizeof size[0] && i < SUB_GROUP_SIZES_MAX; i++) {
        info->lanes8 = info->lanes8 || size[i] == 8;
        info->lanes16 = info->lanes16 || size[i] == 16;
    }
}

static void judge(clg_device_info *info, cl_device_id d)
{
    if (info->cl_major < 1 || (info->cl_major == 1 && info->cl_minor < 2)) {
        snprintf(info->why_not, sizeof info->why_not, "%.60s: OpenCL 1.2 is needed",
                 info->version[0] ? info->version : "no OpenCL version given");
    } else if (!get_device_uint(d, CL_DEVICE_AVAILABLE)) {
        snprintf(info->why_not, sizeof info->why_not, "the driver says it is not available");
    } else if (!get_device_uint(d, CL_DEVICE_COMPILER_AVAILABLE)) {
        snprintf(info->why_not, sizeof info->why_not, "the driver has no compiler");
    } else if (!get_device_uint(d, CL_DEVICE_ENDIAN_LITTLE)) {
        snprintf(info->why_not, sizeof info->why_not, "big-endian devices are not supported");
    } else {
        info->usable = true;
    }
}

static void fill_device(clg_device_info *info, cl_device_id d)
{
    get_device_text(d, CL_DEVICE_NAME, info->name, sizeof info->name);
    get_device_text(d, CL_DEVICE_VENDOR, info->vendor, sizeof info->vendor);
    get_device_text(d, CL_DRIVER_VERSION, info->driver, sizeof info->driver);
    get_device_text(d, CL_DEVICE_VERSION, info->version, sizeof info->version);
    if (sscanf(info->version, "OpenCL %u.%u", &info->cl_major, &info->cl_minor) != 2) {
        info->cl_major = info->cl_minor = 0;
    }
    info->type = get_type(d);
    info->compute_units = get_device_uint(d, CL_DEVICE_MAX_COMPUTE_UNITS);
    info->compute_units = info->compute_units > 0 ? info->compute_units : 1; /* no answer */
    info->clock_mhz = get_device_uint(d, CL_DEVICE_MAX_CLOCK_FREQUENCY);
    info->vector_width_float = get_device_uint(d, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT);
    info->global_mem_bytes = get_device_number(d, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof(cl_ulong));
    info->max_alloc_bytes = get_device_number(d, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof(cl_ulong));
    info->local_mem_bytes = get_device_number(d, CL_DEVICE_LOCAL_MEM_SIZE, sizeof(cl_ulong));
    info->local_mem_is_real = get_device_uint(d, CL_DEVICE_LOCAL_MEM_TYPE) == CL_LOCAL;
    info->max_work_group = get_device_number(d, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof(size_t));
    size_t items[16] = { 1, 1, 1 };
    if (clGetDeviceInfo(d, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof items, items, NULL) !=
        CL_SUCCESS) {
        items[0] = items[1] = items[2] = 1;
    }
    memcpy(info->max_work_item, items, sizeof info->max_work_item);
    info->fp16 = has_extension(d, "cl_khr_fp16");
    info->fp64 = has_extension(d, "cl_khr_fp64");
    info->unified_memory = get_device_uint(d, CL_DEVICE_HOST_UNIFIED_MEMORY) != 0;
    info->big_endian = get_device_uint(d, CL_DEVICE_ENDIAN_LITTLE) == 0;
    info->timer_resolution_ns =
        (double)get_device_number(d, CL_DEVICE_PROFILING_TIMER_RESOLUTION, sizeof(size_t));
    if (has_extension(d, "cl_nv_device_attribute_query")) {
        info->nvidia_major = get_device_uint(d, NVIDIA_CAPABILITY_MAJOR);
        info->nvidia_minor = get_device_uint(d, NVIDIA_CAPABILITY_MINOR);
    }
    find_lanes(info, d);
    judge(info, d);
}

static int hint_packages(int status)
{
    return clg__hint(status, "install a driver: apt install pocl-opencl-icd (any CPU), "
                             "mesa-opencl-icd (Mesa GPUs, RUSTICL_ENABLE=<driver>), or your GPU "
                             "vendor's OpenCL package");
}

static int no_platform(const char *detail)
{
    return hint_packages(clg__fail(CLG_E_DEVICE, "no OpenCL platform found%s", detail));
}

static int get_platforms(cl_platform_id ids[PLATFORMS_MAX], cl_uint *n)
{
    cl_int err = clGetPlatformIDs(PLATFORMS_MAX, ids, n);
    if (err == CL_PLATFORM_NOT_FOUND_KHR || (err == CL_SUCCESS && *n == 0)) {
        return no_platform("");
    }
    if (err != CL_SUCCESS) {
        char detail[96];
        snprintf(detail, sizeof detail, ": clGetPlatformIDs gives %s (%d)", clg__rt_error_name(err),
                 err);
        return no_platform(detail);
    }
    if (*n > PLATFORMS_MAX) {
        *n = PLATFORMS_MAX;
    }
    return CLG_OK;
}

static const char *type_name(enum clg_device_type type)
{
    return type == CLG_DEVICE_CPU ? "cpu" : type == CLG_DEVICE_GPU ? "gpu" : "other";
}

static bool names_type(const char *word)
{
    return clg__equals_nocase(word, "cpu") || clg__equals_nocase(word, "gpu");
}

static bool platform_matches(const char *word, unsigned index, const char *name)
{
    uint64_t number;
    if (word == NULL || word[0] == '\0' || names_type(word)) {
        return true;
    }
    return clg__parse_u64(word, &number) ? number == index : clg__contains_nocase(name, word);
}

/* Appends the devices of one platform, or one entry that says why there are none. */
static int list_platform(cl_platform_id p, unsigned index, clg_device_info **list, size_t *n)
{
    cl_device_id ids[DEVICES_MAX];
    cl_uint count = 0;
    cl_int err = clGetDeviceIDs(p, CL_DEVICE_TYPE_ALL, DEVICES_MAX, ids, &count);
    if (err != CL_SUCCESS) {
        count = 0;
    }
    count = count > DEVICES_MAX ? DEVICES_MAX : count;
    cl_uint entries = count ? count : 1;
    clg_device_info *grown = clg__realloc(*list, *n + entries, sizeof **list);
    if (grown == NULL) {
        return CLG_E_MEMORY;
    }
    *list = grown;
    memset(grown + *n, 0, entries * sizeof *grown);
    for (cl_uint i = 0; i < entries; i++) {
        clg_device_info *info = &grown[*n + i];
        info->platform_index = index;
        info->device_index = i;
        get_platform_text(p, CL_PLATFORM_NAME, info->platform, sizeof info->platform);
        if (count > 0) {
            fill_device(info, ids[i]);
            continue;
        }
        char version[64];
        get_platform_text(p, CL_PLATFORM_VERSION, version, sizeof version);
        get_platform_text(p, CL_PLATFORM_VENDOR, info->vendor, sizeof info->vendor);
        snprintf(info->version, sizeof info->version, "%s", version);
        if (err == CL_SUCCESS || err == CL_DEVICE_NOT_FOUND) {
            snprintf(info->why_not, sizeof info->why_not, "the platform (%s) has no device",
                     version);
        } else {
            snprintf(info->why_not, sizeof info->why_not, "the platform (%s) fails: %s", version,
                     clg__rt_error_name(err));
        }
    }
    *n += entries;
    return CLG_OK;
}

int clg__rt_devices_of(const char *platform, clg_device_info **out, size_t *n)
{
    int status = CLG_OK;
    cl_platform_id ids[PLATFORMS_MAX];
    cl_uint count = 0;
    *out = NULL;
    *n = 0;
    CLG_TRY(get_platforms(ids, &count));
    for (cl_uint i = 0; i < count; i++) {
        char name[128];
        get_platform_text(ids[i], CL_PLATFORM_NAME, name, sizeof name);
        if (platform_matches(platform, i, name)) {
            CLG_TRY(list_platform(ids[i], i, out, n));
        }
    }
out:
    if (status != CLG_OK) {
        clg__free(*out);
        *out = NULL;
        *n = 0;
    }
    return status;
}

int clg__rt_devices(clg_device_info **out, size_t *n)
{
    return clg__rt_devices_of(NULL, out, n);
}

int clg__rt_find(const clg_device_info *info, cl_platform_id *platform, cl_device_id *device,
                 char *version, size_t cap)
{
    int status = CLG_OK;
    cl_platform_id platforms[PLATFORMS_MAX];
    cl_device_id devices[DEVICES_MAX];
    cl_uint n = 0;
    CLG_TRY(get_platforms(platforms, &n));
    if (info->platform_index >= n) {
        return clg__fail(CLG_E_DEVICE, "platform %u is gone", info->platform_index);
    }
    *platform = platforms[info->platform_index];
    get_platform_text(*platform, CL_PLATFORM_VERSION, version, cap);
    n = 0;
    cl_int err = clGetDeviceIDs(*platform, CL_DEVICE_TYPE_ALL, DEVICES_MAX, devices, &n);
    if (err != CL_SUCCESS || info->device_index >= n) {
        return clg__fail(CLG_E_DEVICE, "platform %u: device %u is gone", info->platform_index,
                         info->device_index);
    }
    *device = devices[info->device_index];
out:
    return status;
}

/* ---- choosing ---- */

static bool type_matches(const char *word, enum clg_device_type type)
{
    return word == NULL || !names_type(word) || clg__equals_nocase(word, type_name(type));
}

static bool device_matches(const clg_device_info *d, const char *platform, const char *device)
{
    uint64_t number;
    if (!platform_matches(platform, d->platform_index, d->platform) ||
        !type_matches(platform, d->type)) {
        return false;
    }
    if (device == NULL || device[0] == '\0') {
        return true;
    }
    if (names_type(device)) {
        return type_matches(device, d->type);
    }
    return clg__parse_u64(device, &number) ? number == d->device_index && d->name[0] != '\0'
                                           : clg__contains_nocase(d->name, device);
}

static bool any_usable(const clg_device_info *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i].usable) {
            return true;
        }
    }
    return false;
}

static int rank_of(enum clg_device_type type)
{
    return type == CLG_DEVICE_GPU ? 0 : type == CLG_DEVICE_CPU ? 1 : 2;
}

/* "there is: 0:0 pocl / AMD EPYC (cpu); 2:- Clover (no device)" */
static int hint_list(int status, const clg_device_info *list, size_t n)
{
    clg_str s = { 0 };
    for (size_t i = 0; i < n; i++) {
        const clg_device_info *d = &list[i];
        clg__str_add(&s, "%splatform %u", i ? "; " : "", d->platform_index);
        if (d->name[0] == '\0') {
            clg__str_add(&s, " %s without devices", d->platform);
            continue;
        }
        clg__str_add(&s, " device %u: %s / %s (%s%s)", d->device_index, d->platform, d->name,
                     type_name(d->type), d->usable ? "" : ", not usable");
    }
    status = clg__hint(status, "there is: %s", s.text != NULL && !s.failed ? s.text : "nothing");
    clg__str_free(&s);
    return status;
}

int clg__rt_pick(const clg_device_info *list, size_t n, const char *platform, const char *device,
                 size_t *out)
{
    const clg_device_info *best = NULL, *refused = NULL;
    for (size_t i = 0; i < n; i++) {
        const clg_device_info *d = &list[i];
        if (!device_matches(d, platform, device)) {
            continue;
        }
        if (!d->usable) {
            refused = refused != NULL ? refused : d;
        } else if (best == NULL || rank_of(d->type) < rank_of(best->type)) {
            best = d;
        }
    }
    if (best != NULL) {
        *out = (size_t)(best - list);
        return CLG_OK;
    }
    bool asked = (platform != NULL && platform[0]) || (device != NULL && device[0]);
    if (refused != NULL && (asked || n == 1)) {
        int status =
            clg__fail(CLG_E_DEVICE, "platform %u (%s)%s%s is not usable: %s",
                      refused->platform_index, refused->platform,
                      refused->name[0] ? ", device " : "", refused->name, refused->why_not);
        return any_usable(list, n) ? hint_list(status, list, n) : hint_packages(status);
    }
    if (!asked) {
        int status =
            clg__fail(CLG_E_DEVICE, "no usable OpenCL device%s%s", refused != NULL ? ": " : "",
                      refused != NULL ? refused->why_not : "");
        return hint_packages(status);
    }
    int status = clg__fail(CLG_E_DEVICE, "no OpenCL device for platform '%s', device '%s'",
                           platform != NULL && platform[0] ? platform : "any",
                           device != NULL && device[0] ? device : "any");
    return any_usable(list, n) ? hint_list(status, list, n) : hint_packages(status);
}
