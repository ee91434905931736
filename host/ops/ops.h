/* What every operator gets, and the table of operators. Operators are stateless: tensors and
 * workspace in, tensors out; they allocate no device memory and never wait. Each checks its shapes
 * and fails with CLG_E_INTERNAL and one line ("conv2d_fwd: x is [64,32,32,3], w wants C=1"). */
#ifndef CLG_OPS_OPS_H
#define CLG_OPS_OPS_H

#include "base/geometry.h"
#include "base/op_case.h"
#include "base/op_list.h"
#include "base/philox.h"
#include "blas/gemm.h"
#include "rt/rt.h"

typedef struct clg_ops {
    clg_rt *rt;
    clg_blas *blas;
    const struct clg_conv_choices *conv_choices; /* ops/conv_algo.h; NULL: the shipped rule */
} clg_ops;

/* Sums per channel that a convolution leaves of what it makes, for the batch norm that reads that
 * next (cl/batchnorm_sums.clh). The batch is `groups` equal parts with statistics of their own;
 * each is cut into as many parts as clg__conv2d_parts says. Zeroed: none are wanted. */
typedef struct clg_sums {
    clg_tensor parts; /* floats, [groups, parts, 3, c] forward, [groups, parts, 2, c] back */
    uint32_t groups;
    /* Data gradient, which is that of the norm's output: what the norm was given, x shaped as the
     * gradient, mean and invstd [groups, c], weight and bias [c], and the activation behind it. */
    clg_tensor x, mean, invstd, weight, bias;
    enum clg_act act;
    float slope;
} clg_sums;

/* Can a data gradient's sums go back through this activation? Its gate must be the sign of z. */
static inline bool clg__sums_pass(enum clg_act act)
{
    return act == CLG_ACT_NONE || act == CLG_ACT_RELU || act == CLG_ACT_LRELU;
}

/* Fused end of linear, conv2d and deconv2d forward: y = act(sum + bias). */
typedef struct clg_epilogue {
    clg_tensor bias; /* [K] or CLG_NO_TENSOR */
    enum clg_act act;
    float slope;
    clg_sums sums; /* convolutions only */
} clg_epilogue;

/* Fused end of linear's data gradient: dx *= act'(output y), the way back through the activation
 * that made the layer's input y. CLG_ACT_NONE: none, and y is not looked at. */
typedef struct clg_gate {
    clg_tensor y; /* as dx */
    enum clg_act act;
    float slope;
} clg_gate;

/* One operator in the case table. */
typedef struct clg_op {
    const char *name;
    const char *const *keys;  /* allowed keys, NULL-ended */
    const char *const *cases; /* lines of base/op_case.h, NULL-ended; small enough for oclgrind
                                 first: the first `quick` of them */
    uint32_t quick;
    int (*plan)(const clg_case *c, clg_case_plan *out);
    uint64_t (*workspace)(const clg_ops *o, const clg_case *c); /* floats; NULL: none */
    bool (*fits)(const clg_ops *o, const clg_case *c); /* can this device run it? NULL: all can */
    /* in[i], out[i] are vectors of the planned lengths on the device. */
    int (*run)(const clg_ops *o, const clg_case *c, const clg_tensor *in, const clg_tensor *out,
               clg_tensor ws);
} clg_op;

#define CLG_X(op) extern const clg_op clg__op_##op;
CLG_OP_LIST(CLG_X)
#undef CLG_X

extern const clg_op *const clg__op_table[]; /* NULL-ended, in the list's order */
const clg_op *clg__op_find(const char *name); /* NULL if there is none */

#endif
