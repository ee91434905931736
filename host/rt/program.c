/* Programs and kernels: built once per (file, options), found again by hash. */
#include "rt/rt_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/os.h"

/* Denormal floats, below 1.2e-38, count as 0: Adam's means of a unit that learns nothing decay to them
 * and stay, and CPUs of some makers take a hundred times as long for each.
 * -w: some drivers print the number of warnings on standard error; whoever works on the kernels
 * (CLGAN_CL_DIR) wants them. */
static const char BASE_OPTIONS[] = "-cl-std=CL1.2 -cl-kernel-arg-info -cl-denorms-are-zero";
static const char NO_WARNINGS[] = " -w";

static uint64_t hash_text(const char *text, uint64_t start)
{
    return clg__hash64(text, strlen(text) + 1, start);
}

/* ---- building ---- */

static char *get_build_log(cl_program program, cl_device_id device)
{
    size_t size = 0;
    if (clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) !=
        CL_SUCCESS) {
        return NULL;
    }
    char *log = clg__alloc(size + 1, 1);
    if (log != NULL && clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, size, log,
                                             NULL) != CL_SUCCESS) {
        log[0] = '\0';
    }
    return log;
}

/* Builds from source; on failure logs everything and leaves the first error as the message. */
static int build_source(clg_rt *rt, const clg_rt_source *src, const char *options, cl_program *out)
{
    cl_int err = CL_SUCCESS;
    const char *text = src->text.text;
    const char *file = src->file[0].name;
    clg__rt_source_keep(src, options);
    cl_program program = clCreateProgramWithSource(rt->context, 1, &text, &src->text.len, &err);
    if (err != CL_SUCCESS) {
        return clg__rt_fail(err, "%s: no program", file);
    }
    err = clBuildProgram(program, 1, &rt->device, options, NULL, NULL);
    if (err == CL_SUCCESS) {
        *out = program;
        return CLG_OK;
    }
    char first[300] = "";
    char *log = get_build_log(program, rt->device);
    clg__log(CLG_LOG_WARN, "%s does not build on %s with %s: %s", file, rt->info.name, options,
             clg__rt_error_name(err));
    clg__rt_source_explain(src, log != NULL ? log : "", first, sizeof first);
    clg__free(log);
    clReleaseProgram(program);
    int status =
        clg__fail(CLG_E_OPENCL, "kernel file %s does not build (%s): %s", file,
                  clg__rt_error_name(err), first[0] ? first : "the driver gives no reason");
    return first[0] ? status
                    : clg__hint(status, "can the driver write its own cache? (HOME, "
                                        "XDG_CACHE_HOME, POCL_CACHE_DIR, /tmp)");
}

static cl_program build_binary(clg_rt *rt, const uint8_t *binary, size_t size, const char *options)
{
    cl_int err = CL_SUCCESS, loaded = CL_SUCCESS;
    cl_program program =
        clCreateProgramWithBinary(rt->context, 1, &rt->device, &size, &binary, &loaded, &err);
    if (err != CL_SUCCESS) {
        return NULL;
    }
    if (loaded != CL_SUCCESS ||
        clBuildProgram(program, 1, &rt->device, options, NULL, NULL) != CL_SUCCESS) {
        clReleaseProgram(program);
        return NULL;
    }
    return program;
}

static void free_program(clg_rt_program *p)
{
    if (p != NULL) {
        if (p->program != NULL) {
            clReleaseProgram(p->program);
        }
        clg__free(p->file);
        clg__free(p->options);
        clg__free(p->key);
        clg__free(p);
    }
}

/* p->program from the cache or from source. From source, p->key is kept for saving it later. */
static int load_program(clg_rt *rt, clg_rt_program *p, const char *options)
{
    int status = CLG_OK;
    clg_rt_source src;
    clg_str key = { 0 };
    uint8_t *binary = NULL;
    size_t size = 0;
    CLG_TRY(clg__rt_source_load(rt, p->file, &src));
    if (rt->cache_dir != NULL) {
        CLG_TRY(clg__rt_cache_key(rt, options, &src.text, &key));
        clg__rt_cache_load(rt, key.text, key.len, &binary, &size);
    }
    if (binary != NULL) {
        p->program = build_binary(rt, binary, size, options);
        if (p->program != NULL) {
            goto out;
        }
        clg__rt_cache_drop(rt, key.text, key.len);
    }
    CLG_TRY(build_source(rt, &src, options, &p->program));
    p->from_source = true;
    if (key.text != NULL) {
        p->key = key.text;
        p->key_len = key.len;
        key = (clg_str){ 0 };
    }
out:
    clg__str_free(&key);
    clg__free(binary);
    clg__rt_source_free(&src);
    return status;
}

static int get_program(clg_rt *rt, const char *file, const char *options, clg_rt_program **out)
{
    int status = CLG_OK;
    char *all = NULL;
    uint64_t hash = hash_text(options, hash_text(file, 0));
    for (clg_rt_program *p = rt->programs; p != NULL; p = p->next) {
        if (p->hash == hash && strcmp(p->file, file) == 0 && strcmp(p->options, options) == 0) {
            *out = p;
            return CLG_OK;
        }
    }
    size_t cap = sizeof BASE_OPTIONS + sizeof NO_WARNINGS + strlen(options) + 2;
    clg_rt_program *p = clg__alloc(1, sizeof *p);
    if (p == NULL || (p->file = clg__strdup(file)) == NULL ||
        (p->options = clg__strdup(options)) == NULL || (all = clg__alloc(cap, 1)) == NULL) {
        status = CLG_E_MEMORY;
        goto out;
    }
    snprintf(all, cap, "%s%s%s%s", BASE_OPTIONS, rt->source_dir == NULL ? NO_WARNINGS : "",
             options[0] ? " " : "", options);
    p->hash = hash;
    CLG_TRY(load_program(rt, p, all));
    p->next = rt->programs;
    rt->programs = p;
    *out = p;
    p = NULL;
out:
    free_program(p);
    clg__free(all);
    return status;
}

/* ---- kernels ---- */

static enum clg_rt_want parse_type(const char *type)
{
    static const struct {
        const char *name;
        enum clg_rt_want want;
    } known[] = {
        { "float*", CLG_RT_WANT_F32_PTR }, { "uchar*", CLG_RT_WANT_U8_PTR },
        { "uint*", CLG_RT_WANT_U32_PTR },  { "half*", CLG_RT_WANT_F16_PTR },
        { "ushort*", CLG_RT_WANT_BF16_PTR }, { "int", CLG_RT_WANT_I32 },
        { "uint", CLG_RT_WANT_U32 },       { "float", CLG_RT_WANT_F32 },
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(type, known[i].name) == 0) {
            return known[i].want;
        }
    }
    return type[0] && type[strlen(type) - 1] == '*' ? CLG_RT_WANT_PTR : CLG_RT_WANT_ANY;
}

static enum clg_rt_want find_want(cl_kernel kernel, cl_uint at)
{
    char type[128] = "";
    cl_int err =
        clGetKernelArgInfo(kernel, at, CL_KERNEL_ARG_TYPE_NAME, sizeof type - 1, type, NULL);
    return err == CL_SUCCESS ? parse_type(type) : CLG_RT_WANT_ANY;
}

static int inspect(const clg_rt *rt, clg_kernel *k)
{
    cl_int err =
        clGetKernelInfo(k->kernel, CL_KERNEL_NUM_ARGS, sizeof k->arg_count, &k->arg_count, NULL);
    if (err != CL_SUCCESS) {
        return clg__rt_fail(err, "%s: number of arguments", k->name);
    }
    k->slot = clg__alloc(k->arg_count + 1u, sizeof *k->slot);
    if (k->slot == NULL) {
        return CLG_E_MEMORY;
    }
    for (cl_uint i = 0; i < k->arg_count; i++) {
        k->slot[i].want = find_want(k->kernel, i);
    }
    if (clGetKernelWorkGroupInfo(k->kernel, rt->device, CL_KERNEL_WORK_GROUP_SIZE,
                                 sizeof k->max_work_group, &k->max_work_group,
                                 NULL) != CL_SUCCESS) {
        k->max_work_group = rt->info.max_work_group;
    }
    if (clGetKernelWorkGroupInfo(k->kernel, rt->device, CL_KERNEL_COMPILE_WORK_GROUP_SIZE,
                                 sizeof k->fixed_local, k->fixed_local, NULL) != CL_SUCCESS) {
        k->fixed_local[0] = k->fixed_local[1] = k->fixed_local[2] = 0;
    }
    return CLG_OK;
}

static void free_kernel(clg_kernel *k)
{
    if (k != NULL) {
        if (k->kernel != NULL) {
            clReleaseKernel(k->kernel);
        }
        clg__free(k->slot);
        clg__free(k->name);
        clg__free(k);
    }
}

/* Building has taken this long. */
static void note_build(clg_rt *rt, double seconds)
{
    const double patience_s = 2.0;
    rt->built.kernels++;
    rt->built.seconds += seconds;
    if (!rt->built.told && rt->built.seconds > patience_s) {
        rt->built.told = true;
        clg__log(CLG_LOG_INFO, "building kernels for this device (%s) ...",
                 rt->cache_dir != NULL ? "first run only" : "at each start: there is no cache");
    }
}

bool clg__rt_took_builds(clg_rt *rt, uint32_t *kernels, double *seconds)
{
    bool answer = rt->built.told && !rt->built.asked;
    rt->built.asked = rt->built.asked || answer;
    *kernels = rt->built.kernels;
    *seconds = rt->built.seconds;
    return answer;
}

static int create_kernel(clg_rt *rt, const char *file, const char *name, const char *options,
                         clg_kernel **out)
{
    int status = CLG_OK;
    cl_int err = CL_SUCCESS;
    clg_kernel *k = clg__alloc(1, sizeof *k);
    if (k == NULL || (k->name = clg__strdup(name)) == NULL) {
        status = CLG_E_MEMORY;
        goto out;
    }
    double start = clg__os_now_s();
    CLG_TRY(get_program(rt, file, options, &k->program));
    k->kernel = clCreateKernel(k->program->program, name, &err);
    if (err != CL_SUCCESS) {
        k->kernel = NULL;
        CLG_TRY(clg__rt_fail(err, "kernel %s of %s.cl", name, file));
    }
    CLG_TRY(inspect(rt, k));
    if (k->program->from_source) {
        note_build(rt, clg__os_now_s() - start);
    }
    *out = k;
    k = NULL;
out:
    free_kernel(k);
    return status;
}

int clg__kernel_get(clg_rt *rt, const char *file, const char *name, const char *options,
                    clg_kernel **out)
{
    int status = CLG_OK;
    uint64_t hash = hash_text(name, hash_text(options, hash_text(file, 0)));
    clg_kernel **slot = &rt->kernels[hash % CLG_RT_KERNEL_SLOTS];
    for (clg_kernel *k = *slot; k != NULL; k = k->next) {
        if (k->hash == hash && strcmp(k->name, name) == 0 && strcmp(k->program->file, file) == 0 &&
            strcmp(k->program->options, options) == 0) {
            *out = k;
            return CLG_OK;
        }
    }
    *out = NULL;
    clg_kernel *made = NULL;
    CLG_TRY(create_kernel(rt, file, name, options, &made));
    made->hash = hash;
    clg__rt_rates_find(rt, made);
    made->next = *slot;
    *slot = made;
    *out = made;
out:
    return status;
}

size_t clg__kernel_max_work_group(const clg_kernel *k)
{
    return k->max_work_group;
}

/* Pocl compiles every kernel of a program once more, for any work-group size, when its binary is
 * asked for: as long as the whole build took, but needed only to start faster than from pocl's own
 * cache (1.1 against 0.4 s for a DCGAN). So binaries are fetched at the end, and a short run saves
 * only some of them: the next one goes on. */
static void save_programs(clg_rt *rt)
{
    const double least_s = 2.0, most_s = 15.0, share = 0.05;
    const double start = clg__os_now_s(), allowed = least_s + share * (start - rt->opened_s);
    const double end = start + (allowed < most_s ? allowed : most_s);
    for (clg_rt_program *p = rt->programs; p != NULL && clg__os_now_s() < end; p = p->next) {
        if (p->key != NULL) {
            clg__rt_cache_save(rt, p->key, p->key_len, p->program);
        }
    }
}

void clg__rt_programs_free(clg_rt *rt)
{
    save_programs(rt);
    for (unsigned i = 0; i < CLG_RT_KERNEL_SLOTS; i++) {
        while (rt->kernels[i] != NULL) {
            clg_kernel *k = rt->kernels[i];
            rt->kernels[i] = k->next;
            free_kernel(k);
        }
    }
    while (rt->programs != NULL) {
        clg_rt_program *p = rt->programs;
        rt->programs = p->next;
        free_program(p);
    }
}
