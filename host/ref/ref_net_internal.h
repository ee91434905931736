/* A whole net in double precision: what ref_net.c (its tensors) and ref_net_pass.c (forward and
 * backward) share. */
#ifndef CLG_REF_NET_INTERNAL_H
#define CLG_REF_NET_INTERNAL_H

#include "ref/ref_internal.h"

enum { SLOT_WEIGHT, SLOT_BIAS, SLOT_NORM_WEIGHT, SLOT_NORM_BIAS, SLOT_MEAN, SLOT_VAR, SLOT_COUNT };
enum { KINDS = 4 }; /* enum ref_kind */

typedef struct ref_block {
    uint64_t out_len; /* of one row of the batch */
    uint64_t slot_len[SLOT_COUNT];
    double *slot[KINDS][SLOT_COUNT];
    double *mean, *invstd; /* [groups, c] of the last forward */
    double *op_out;        /* [n, out]: before the norm; only with one */
    double *out;           /* [n, out]: after the activation */
    double *grad;          /* [n, out]: sum of what the readers of `out` gave back */
} ref_block;

struct ref_net {
    clg_net_plan plan;
    uint32_t max_batch;
    ref_block block[CLG_LAYERS_MAX];
    double *sum, *part[2]; /* gradients of one block's sum and inputs, as long as the longest */
};

#endif
