/* Reference of class labels to vectors. */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "ref/ref_internal.h"

void ref_onehot(const uint32_t *labels, uint32_t n, uint32_t classes, double *y)
{
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < classes; j++) {
            y[(size_t)i * classes + j] = j == labels[i] ? 1.0 : 0.0;
        }
    }
}

void ref_embedding_fwd(const uint32_t *labels, uint32_t n, uint32_t k, const double *w, double *y)
{
    for (uint32_t i = 0; i < n; i++) {
        memcpy(y + (size_t)i * k, w + (size_t)labels[i] * k, k * sizeof *y);
    }
}

void ref_embedding_bwd_weight(const uint32_t *labels, uint32_t n, uint32_t classes, uint32_t k,
                              const double *dy, double *dw)
{
    for (size_t i = 0; i < (size_t)classes * k; i++) {
        dw[i] = 0.0;
    }
    for (uint32_t i = 0; i < n; i++) {
        ref__axpy(k, 1.0, dy + (size_t)i * k, dw + (size_t)labels[i] * k);
    }
}

/* onehot: out y, keys n classes; fwd: in w, out y; bwd_weight: in dy, out dw; keys n classes k.
 * Row i has the label (i * 7919 + i / 3) % classes. */
int ref_case_embedding(const clg_case *c, const double *const *in, double *const *out)
{
    uint32_t n = clg__case_u32(c, "n", 1), classes = clg__case_u32(c, "classes", 1);
    uint32_t k = clg__case_u32(c, "k", 1);
    uint32_t *labels = clg__alloc(n, sizeof *labels);
    int status = CLG_OK;

    if (!labels) {
        return CLG_E_MEMORY;
    }
    for (uint32_t i = 0; i < n; i++) {
        labels[i] = (i * 7919u + i / 3u) % classes;
    }
    if (ref__case_pass(c, "onehot")) {
        ref_onehot(labels, n, classes, out[0]);
    } else if (ref__case_pass(c, "fwd")) {
        ref_embedding_fwd(labels, n, k, in[0], out[0]);
    } else if (ref__case_pass(c, "bwd_weight")) {
        ref_embedding_bwd_weight(labels, n, classes, k, in[0], out[0]);
    } else {
        status = ref__case_unknown(c);
    }
    clg__free(labels);
    return status;
}
