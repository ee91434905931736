/* A pass of training through two small nets of linear layers in one launch (cl/mlp.clh): forward of
 * G and D, losses, and the way back to the gradients of all parameters. The twin of it is the same
 * work operator by operator (linear, activation, loss, reduce), which is what large nets want: here a
 * net's weights should stay in a core's cache. Not here: drawing what goes in, and the optimiser. */
#ifndef CLG_OPS_MLP_H
#define CLG_OPS_MLP_H

#include "base/model.h"
#include "ops/ops.h"

enum { CLG_MLP_LAYERS_MAX = 8 };

/* Layer of a chain: y[out] = act(x[in] w[in,out] + b[out]); w and b are places in the net's slab. */
typedef struct clg_mlp_layer {
    uint32_t in, out, w, b;
    bool bias;
    enum clg_act act;
    float slope;
} clg_mlp_layer;
typedef struct clg_mlp_chain {
    uint32_t count;
    clg_mlp_layer layer[CLG_MLP_LAYERS_MAX]; /* each reads the one before it */
    uint32_t slab;                           /* floats of the slab */
} clg_mlp_chain;

/* Two nets and what they learn; D's input is as wide as G's output, D gives one logit. */
typedef struct clg_mlp {
    clg_mlp_chain g, d;
    enum clg_objective objective;
    float target;                          /* of real rows: ops/loss.h */
    float weight_real, weight_fake, weight_g;
} clg_mlp;

/* Which nets a pass computes gradients for. */
enum { CLG_MLP_OF_D = 1, CLG_MLP_OF_G = 2, CLG_MLP_OF_BOTH = 3 };
/* Pairs (mean loss, mean shown(l)) that a pass leaves, in order: D on real, D on fake; G. */
static inline uint32_t clg__mlp_losses(uint32_t nets)
{
    return ((nets & CLG_MLP_OF_D) != 0 ? 4u : 0u) + ((nets & CLG_MLP_OF_G) != 0 ? 2u : 0u);
}

/* What the kernel does for a model, as words for a device buffer (u32). */
typedef struct clg_mlp_code {
    uint32_t *words; /* by clg__mlp_code_free */
    uint32_t count;
    uint32_t ws;     /* floats of workspace of one work-item */
} clg_mlp_code;
int clg__mlp_code_make(const clg_mlp *m, uint32_t nets, clg_mlp_code *out);
void clg__mlp_code_free(clg_mlp_code *code);

typedef struct clg_mlp_pass {
    uint32_t nets, n;  /* n rows in each group */
    uint32_t ws;       /* clg_mlp_code.ws */
    clg_tensor code;   /* u32 */
    clg_tensor z;      /* [n, g.layer[0].in] */
    clg_tensor real;   /* [n, d.layer[0].in]; "no tensor" without CLG_MLP_OF_D */
    clg_tensor g, d;   /* slabs of values */
    clg_tensor fake;   /* out: [n, d.layer[0].in], what G makes of z */
    clg_tensor dg, dd; /* out: slabs of gradients, what is no parameter 0; "no tensor" if not wanted */
    clg_tensor losses; /* out: clg__mlp_losses floats */
} clg_mlp_pass;

/* Workspace floats of a pass on n rows. */
uint64_t clg__mlp_workspace(const clg_ops *o, const clg_mlp *m, uint32_t nets, uint32_t n,
                            uint32_t code_ws);
int clg__mlp_run(const clg_ops *o, const clg_mlp *m, const clg_mlp_pass *p, clg_tensor ws);
/* Multiplies and adds of a pass on n rows. */
double clg__mlp_flops(const clg_mlp *m, uint32_t nets, uint32_t n);
/* Can this device do it? llvmpipe, whose vectors are taken apart, ends the loops of a work-item after
 * 65,535 turns: small nets only. */
bool clg__mlp_fits(const clg_ops *o, const clg_mlp *m);
/* Is it the faster way on this device? CPUs, when the weights stay in cache. */
bool clg__mlp_pays(const clg_ops *o, const clg_mlp *m);
#endif
