/* Floats on the host to and from tensors of 16 bits, and the table of what is allocated. */
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/mem.h"
#include "rt/rt_internal.h"

static int check_type(clg_tensor t)
{
    return t.dtype == CLG_U8 || t.dtype == CLG_U32
               ? clg__fail(CLG_E_INTERNAL, "a tensor of type %d holds no floats", (int)t.dtype)
               : CLG_OK;
}

int clg__rt_read_f32(clg_rt *rt, clg_tensor src, float *dst)
{
    int status = check_type(src);
    if (status != CLG_OK || src.dtype == CLG_F32) {
        return status != CLG_OK ? status : clg__rt_read(rt, src, dst);
    }
    uint64_t n = clg__tensor_len(src);
    uint16_t *words = clg__alloc(n > 0 ? n : 1, sizeof *words);
    if (words == NULL) {
        return CLG_E_MEMORY;
    }
    status = clg__rt_read(rt, src, words);
    for (uint64_t i = 0; status == CLG_OK && i < n; i++) {
        dst[i] = src.dtype == CLG_F16 ? clg__half_to_f32(words[i]) : clg__bf16_to_f32(words[i]);
    }
    clg__free(words);
    return status;
}

int clg__rt_write_f32(clg_rt *rt, clg_tensor dst, const float *src)
{
    int status = check_type(dst);
    if (status != CLG_OK || dst.dtype == CLG_F32) {
        return status != CLG_OK ? status : clg__rt_write(rt, dst, src);
    }
    uint64_t n = clg__tensor_len(dst);
    uint16_t *words = clg__alloc(n > 0 ? n : 1, sizeof *words);
    if (words == NULL) {
        return CLG_E_MEMORY;
    }
    for (uint64_t i = 0; i < n; i++) {
        words[i] = dst.dtype == CLG_F16 ? clg__half_from_f32(src[i]) : clg__bf16_from_f32(src[i]);
    }
    status = clg__rt_write(rt, dst, words);
    clg__free(words);
    return status;
}

static int compare_rows(const void *a, const void *b)
{
    const clg_buffer_row *x = a, *y = b;
    if (x->bytes != y->bytes) {
        return x->bytes < y->bytes ? 1 : -1;
    }
    return strcmp(x->label, y->label);
}

int clg__rt_buffers(const clg_rt *rt, clg_buffer_row **rows, size_t *n)
{
    size_t count = 0;
    for (const clg_buffer *b = rt->buffers; b != NULL; b = b->next) {
        count++;
    }
    *n = 0;
    *rows = clg__alloc(count + 1u, sizeof **rows);
    if (*rows == NULL) {
        return CLG_E_MEMORY;
    }
    for (const clg_buffer *b = rt->buffers; b != NULL; b = b->next) {
        size_t i = 0;
        while (i < *n &&
               ((*rows)[i].dtype != b->dtype || strcmp((*rows)[i].label, b->label) != 0)) {
            i++;
        }
        (*rows)[i].label = b->label;
        (*rows)[i].dtype = b->dtype;
        (*rows)[i].buffers++;
        (*rows)[i].bytes += b->bytes;
        *n += i == *n;
    }
    qsort(*rows, *n, sizeof **rows, compare_rows);
    return CLG_OK;
}
