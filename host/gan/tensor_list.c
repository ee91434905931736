/* Lists of named tensors for safetensors files, and nets read back from such files. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "gan/trainer_internal.h"

int clg__tensor_list_make(clg_tensor_list *list, size_t cap)
{
    *list = (clg_tensor_list){ .cap = cap };
    list->tensor = clg__alloc(cap, sizeof *list->tensor);
    list->name = clg__alloc(cap, sizeof *list->name);
    return list->tensor != NULL && list->name != NULL ? CLG_OK : CLG_E_MEMORY;
}

void clg__tensor_list_free(clg_tensor_list *list)
{
    for (uint32_t i = 0; i < list->owned_count; i++) {
        clg__free(list->owned[i]);
    }
    clg__free(list->tensor);
    clg__free(list->name);
    *list = (clg_tensor_list){ 0 };
}

void *clg__tensor_list_own(clg_tensor_list *list, size_t count, size_t size)
{
    if (list->owned_count >= CLG_LIST_BLOCKS) {
        clg__fail(CLG_E_INTERNAL, "tensor list: too many blocks");
        return NULL;
    }
    void *p = clg__alloc(count, size);
    if (p != NULL) {
        list->owned[list->owned_count++] = p;
    }
    return p;
}

int clg__tensor_list_add(clg_tensor_list *list, enum clg_st_dtype dtype, uint32_t rank,
                         const uint64_t *dim, const void *data, const char *prefix,
                         const char *name)
{
    if (list->count >= list->cap) {
        return clg__fail(CLG_E_INTERNAL, "tensor list: more than %zu", list->cap);
    }
    clg_st_tensor *t = &list->tensor[list->count];
    uint64_t len = 1;
    snprintf(list->name[list->count], sizeof list->name[0], "%s%s", prefix, name);
    *t = (clg_st_tensor){ .name = list->name[list->count], .dtype = dtype, .rank = rank,
                          .data = data };
    for (uint32_t i = 0; i < rank; i++) {
        t->dim[i] = dim[i];
        len *= dim[i];
    }
    t->bytes = len * (dtype == CLG_ST_I64 || dtype == CLG_ST_F64 ? 8u : dtype == CLG_ST_U8 ? 1u : 4u);
    list->count++;
    return CLG_OK;
}

size_t clg__tensor_list_room(const clg_net *net)
{
    return 2u * (size_t)clg__net_tensor_count(net);
}

static int add_batches_tracked(clg_tensor_list *list, const char *running_var, const char *prefix,
                               const int64_t *value)
{
    char name[3 * CLG_NAME_MAX];
    size_t stem = strlen(running_var) - strlen("running_var");
    snprintf(name, sizeof name, "%.*snum_batches_tracked", (int)stem, running_var);
    return clg__tensor_list_add(list, CLG_ST_I64, 0, NULL, value, prefix, name);
}

int clg__tensor_list_add_net(clg_tensor_list *list, clg_net *net, enum clg_net_kind kind,
                             const char *prefix)
{
    int status = CLG_OK;
    float *host = clg__tensor_list_own(list, clg__net_host_len(net), sizeof *host);
    int64_t *tracked = clg__tensor_list_own(list, 1, sizeof *tracked);
    if (host == NULL || tracked == NULL) {
        return CLG_E_MEMORY;
    }
    *tracked = (int64_t)clg__net_batches_tracked(net);
    CLG_TRY(clg__net_read(net, kind, host));
    for (uint32_t i = 0; i < clg__net_tensor_count(net); i++) {
        const clg_net_tensor *t = clg__net_tensor_at(net, i);
        if (t->is_buffer && kind != CLG_NET_VALUE) {
            continue;
        }
        CLG_TRY(clg__tensor_list_add(list, CLG_ST_F32, t->rank, t->dim,
                                     host + clg__net_host_offset(net, i), prefix, t->name));
        if (clg__ends_with(t->name, ".running_var")) {
            CLG_TRY(add_batches_tracked(list, t->name, prefix, tracked));
        }
    }
out:
    return status;
}

/* ---- reading ---- */

static void format_shape(clg_str *s, uint32_t rank, const uint64_t *dim)
{
    clg__str_add(s, "[");
    for (uint32_t i = 0; i < rank; i++) {
        clg__str_add(s, i > 0 ? ",%llu" : "%llu", (unsigned long long)dim[i]);
    }
    clg__str_add(s, "]");
}

static int fail_shape(const char *path, const clg_st_tensor *got, const clg_net_tensor *want)
{
    clg_str a = { 0 }, b = { 0 };
    format_shape(&a, got->rank, got->dim);
    format_shape(&b, want->rank, want->dim);
    int status = clg__fail(CLG_E_CHECKPOINT, "%s: tensor %s is %s, the model wants %s", path,
                           got->name, a.text != NULL ? a.text : "?", b.text != NULL ? b.text : "?");
    clg__str_free(&a);
    clg__str_free(&b);
    return clg__hint(status, "it is of another size, width or number of classes: give the --model, "
                     "--size and --data that it was trained with");
}

static int read_one(const clg_st_file *f, const char *path, const clg_net_tensor *want,
                    const char *prefix, float *dst)
{
    char name[4 * CLG_NAME_MAX];
    snprintf(name, sizeof name, "%s%s", prefix, want->name);
    const clg_st_tensor *got = clg__st_find(f, name);
    if (got == NULL) {
        return clg__fail(CLG_E_CHECKPOINT, "%s: tensor %s is missing", path, name);
    }
    bool same = got->rank == want->rank;
    for (uint32_t i = 0; same && i < want->rank; i++) {
        same = got->dim[i] == want->dim[i];
    }
    return same ? clg__st_read_f32(f, name, dst, want->len) : fail_shape(path, got, want);
}

static bool knows_tensor(const clg_net *net, const char *name)
{
    for (uint32_t i = 0; i < clg__net_tensor_count(net); i++) {
        if (strcmp(clg__net_tensor_at(net, i)->name, name) == 0) {
            return true;
        }
    }
    return clg__ends_with(name, ".num_batches_tracked");
}

/* All batch norms of a net see the same batches, so one counter serves them all. */
static void read_batches_tracked(const clg_st_file *f, clg_net *net, const char *prefix)
{
    size_t n = strlen(prefix);
    for (size_t i = 0; i < clg__st_count(f); i++) {
        const clg_st_tensor *t = clg__st_at(f, i);
        int64_t value;
        if (strncmp(t->name, prefix, n) == 0 && t->dtype == CLG_ST_I64 &&
            t->bytes == sizeof value && clg__ends_with(t->name, ".num_batches_tracked")) {
            memcpy(&value, t->data, sizeof value);
            clg__net_set_batches_tracked(net, value > 0 ? (uint64_t)value : 0);
            return;
        }
    }
}

int clg__tensor_list_read_net(const clg_st_file *f, const char *path, clg_net *net,
                              enum clg_net_kind kind, const char *prefix, bool strict)
{
    int status = CLG_OK;
    size_t n = strlen(prefix);
    float *host = clg__alloc(clg__net_host_len(net), sizeof *host);
    if (host == NULL) {
        return CLG_E_MEMORY;
    }
    for (size_t i = 0; strict && i < clg__st_count(f); i++) {
        const char *name = clg__st_at(f, i)->name;
        if (strncmp(name, prefix, n) == 0 && !knows_tensor(net, name + n)) {
            status = clg__hint(clg__fail(CLG_E_CHECKPOINT, "%s: tensor %s is not one of the model",
                                         path, name),
                               "give the model, size and width that it was trained with "
                               "(clgan info)");
            goto out;
        }
    }
    for (uint32_t i = 0; i < clg__net_tensor_count(net); i++) {
        const clg_net_tensor *t = clg__net_tensor_at(net, i);
        if (!t->is_buffer || kind == CLG_NET_VALUE) {
            CLG_TRY(read_one(f, path, t, prefix, host + clg__net_host_offset(net, i)));
        }
    }
    CLG_TRY(clg__net_write(net, kind, host));
    if (kind == CLG_NET_VALUE) {
        read_batches_tracked(f, net, prefix);
    }
out:
    clg__free(host);
    return status;
}
