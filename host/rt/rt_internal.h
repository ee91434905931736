/* What the files of host/rt share. Everything here is private to the room. */
#ifndef CLG_RT_INTERNAL_H
#define CLG_RT_INTERNAL_H

#define CL_USE_DEPRECATED_OPENCL_1_2_APIS /* clCreateCommandQueue: the only one OpenCL 1.2 has */
#include <CL/cl.h>
#include <CL/cl_ext.h>

#include "base/str.h"
#include "rt/launch.h"
#include "rt/native.h"
#include "rt/rt.h"

enum {
    CLG_RT_KERNEL_SLOTS = 512,
    CLG_RT_EVENTS = 512,
    CLG_RT_FILES_MAX = 16,
    CLG_RT_MEASUREMENTS = 3 /* per kernel; the best counts */
};

struct clg_buffer {
    clg_rt *rt;
    cl_mem mem;
    uint64_t serial; /* never reused, unlike `mem`: what the argument cache compares */
    uint64_t count, bytes;
    enum clg_dtype dtype;
    const char *label;
    clg_buffer *prev, *next; /* allocation table */
};

struct clg_event {
    cl_event ev;
};

/* What a kernel expects at one argument position. */
enum clg_rt_want {
    CLG_RT_WANT_ANY, /* the driver does not say */
    CLG_RT_WANT_F32_PTR,
    CLG_RT_WANT_U8_PTR,
    CLG_RT_WANT_U32_PTR,
    CLG_RT_WANT_F16_PTR,
    CLG_RT_WANT_BF16_PTR,
    CLG_RT_WANT_PTR,
    CLG_RT_WANT_I32,
    CLG_RT_WANT_U32,
    CLG_RT_WANT_F32
};

typedef struct clg_rt_slot {
    enum clg_rt_want want;
    bool set;
    uint64_t value; /* buffer serial, or the 32 bits of a scalar */
} clg_rt_slot;

/* One file built with one set of options. */
typedef struct clg_rt_program {
    cl_program program;
    char *file, *options;
    uint64_t hash;
    bool from_source; /* built in this run */
    char *key; /* key text while the binary still has to be written, else NULL */
    size_t key_len;
    struct clg_rt_program *next;
} clg_rt_program;

struct clg_kernel {
    clg_rt_program *program;
    cl_kernel kernel;
    char *name;
    uint64_t hash;
    cl_uint arg_count;
    clg_rt_slot *slot;
    size_t max_work_group, fixed_local[3]; /* reqd_work_group_size, or 0 */
    /* Slicing: seconds per unit of work (flop, else byte, else work-item) once measured. */
    uint64_t calls, measurements;
    double seconds_per_unit, measured_units; /* of the best measurement */
    bool rate_from_disk;
    /* Profile. */
    uint64_t profile_calls;
    double profile_s, profile_flops, profile_bytes;
    struct clg_kernel *next; /* in its hash slot */
};

/* A timed enqueue whose event was not read yet. */
typedef struct clg_rt_timed {
    cl_event ev;
    clg_kernel *kernel;
    double units; /* 0: not for the rate */
} clg_rt_timed;

/* Work of others on our queue (CLBlast), by name. */
typedef struct clg_rt_foreign {
    char name[64];
    uint64_t calls;
    double seconds, flops, bytes;
    struct clg_rt_foreign *next;
} clg_rt_foreign;

/* rates.c: speed of a kernel as an earlier run measured it. */
typedef struct clg_rt_rate {
    uint64_t hash; /* of the kernel */
    double seconds_per_unit, units;
} clg_rt_rate;

enum clg_rt_timing { CLG_RT_TIMING_NONE, CLG_RT_TIMING_EVENTS, CLG_RT_TIMING_WALL };

struct clg_rt {
    clg_device_info info;
    char platform_version[128];
    cl_platform_id platform;
    cl_device_id device;
    cl_context context;
    cl_command_queue queue;
    enum clg_family family;
    bool no_cache;
    double opened_s; /* when, by clg__os_now_s */
    bool is_simulator; /* oclgrind */
    /* buffers */
    clg_buffer *buffers, *dummy;
    uint64_t next_serial, bytes_used, bytes_peak;
    /* programs */
    char *cache_dir;        /* <cache dir>/programs, NULL: none */
    const char *source_dir; /* CLGAN_CL_DIR or NULL */
    bool poison;            /* CLGAN_POISON: new buffers hold NaN */
    clg_rt_program *programs;
    clg_kernel *kernels[CLG_RT_KERNEL_SLOTS];
    struct {                /* of kernels whose programs were built from source */
        uint32_t kernels;
        double seconds;
        bool told, asked;   /* a log line said that it takes a while; clg__rt_took_builds was true */
    } built;
    struct {                /* clg__rt_hold */
        int (*enqueue)(void *owner);
        void *owner;
    } held;
    /* launches */
    double guess_s_per_flop, guess_s_per_byte, guess_s_per_item;
    uint64_t second_cache_bytes;
    clg_rt_rate *rates; /* from disk */
    size_t rate_count;
    double unflushed_s;
    unsigned unflushed;
    /* profile */
    enum clg_rt_timing timing;
    unsigned timed_count;
    clg_rt_timed timed[CLG_RT_EVENTS];
    clg_rt_foreign *foreign;
};

/* errors.c: message "text: CL_NAME (-n)"; CLG_E_DEVICE_MEMORY or CLG_E_MEMORY for the errors
 * that surely mean so, else CLG_E_OPENCL. */
int clg__rt_fail(cl_int error, const char *fmt, ...) CLG_PRINTF(2, 3);

/* devices.c: the ids of an entry, and its platform's version text. */
int clg__rt_find(const clg_device_info *info, cl_platform_id *platform, cl_device_id *device,
                 char *version, size_t cap);
/* Like clg__rt_devices, but the devices of platforms that `platform` (as in clg__rt_pick) cannot
 * mean are left alone: several LLVM-based drivers in one process can disturb each other. */
int clg__rt_devices_of(const char *platform, clg_device_info **out, size_t *n);

/* source.c: full text of a kernel file with all .clh included. */
typedef struct clg_rt_source {
    clg_str text;
    unsigned file_count;
    struct {
        char name[64];
        clg_str text; /* as it is on disk, for error excerpts */
    } file[CLG_RT_FILES_MAX];
} clg_rt_source;
int clg__rt_source_load(const clg_rt *rt, const char *file, clg_rt_source *out);
void clg__rt_source_free(clg_rt_source *src);
/* With CLGAN_KEEP_SOURCES=DIR: DIR/<kernel file>-<hash>.cl, the options in its first line, for
 * compilers of devices that are not here (tests/support/ocloc.sh). Only logs. */
void clg__rt_source_keep(const clg_rt_source *src, const char *options);
/* Logs the build log, each error followed by its source lines; `first` gets the first error. */
void clg__rt_source_explain(const clg_rt_source *src, const char *log, char *first, size_t cap);

/* cache.c: binaries on disk. Load gives *binary = NULL when there is no good entry; never an
 * error. Save only logs. */
int clg__rt_cache_key(const clg_rt *rt, const char *options, const clg_str *source, clg_str *key);
void clg__rt_cache_load(const clg_rt *rt, const char *key, size_t key_len, uint8_t **binary,
                        size_t *size);
void clg__rt_cache_drop(const clg_rt *rt, const char *key, size_t key_len);
void clg__rt_cache_save(const clg_rt *rt, const char *key, size_t key_len, cl_program program);

/* program.c */
void clg__rt_programs_free(clg_rt *rt);

/* launch.c: a launch of this kernel with `units` of work took so long. */
void clg__rt_note_rate(clg_kernel *k, double seconds, double units);

/* rates.c: load at open, find for a new kernel, save before kernels go. Never an error. */
void clg__rt_rates_load(clg_rt *rt);
void clg__rt_rates_find(const clg_rt *rt, clg_kernel *k);
void clg__rt_rates_save(const clg_rt *rt);

/* profile.c */
int clg__rt_timing_choose(clg_rt *rt);
int clg__rt_timing_collect(clg_rt *rt); /* waits for the timed launches, adds them up */
void clg__rt_timing_add(clg_rt *rt, clg_kernel *k, cl_event ev, double units);
void clg__rt_profile_free(clg_rt *rt);

#endif
