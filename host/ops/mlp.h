/* Passes of training through two nets of linear layers in one launch (cl/mlp.clh): forward of G and D,
 * losses, the way back to the gradients of all parameters, and Adam's step. The twin of it is the same
 * work operator by operator (linear, activation, loss, reduce, adam), which is what large nets want:
 * here a net's weights should stay in a core's cache. Latents and drawn systems may come in as a key,
 * images as bytes. Not here: latents on a sphere. */
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
    uint32_t slot_d, slot_g; /* pairs of `losses`: D on real rows, after it on fakes; G */
} clg_mlp;

/* Which nets a pass computes gradients for. */
enum { CLG_MLP_OF_D = 1, CLG_MLP_OF_G = 2, CLG_MLP_OF_BOTH = 3 };
/* Floats of the pairs (mean loss, mean shown(l)) that a pass leaves. */
static inline uint32_t clg__mlp_losses(uint32_t nets)
{
    return ((nets & CLG_MLP_OF_D) != 0 ? 4u : 0u) + ((nets & CLG_MLP_OF_G) != 0 ? 2u : 0u);
}

/* What the kernel does for a model, as words for a device buffer (u32). */
typedef struct clg_mlp_code {
    uint32_t *words; /* by clg__mlp_code_free */
    uint32_t count;
    uint32_t second; /* word where the parameters' phase begins */
    uint32_t ws;     /* floats of workspace that all tasks share */
    uint32_t mine;   /* and of each task on rows */
} clg_mlp_code;
/* For up to n rows. fakes_are_there: a pass before this one, on the same workspace, made the fakes of
 * the same z with the same G, and nothing was written there since. */
int clg__mlp_code_make(const clg_mlp *m, uint32_t nets, bool fakes_are_there, uint32_t n,
                       clg_mlp_code *out);
/* The same but for the words: sizes alone. */
int clg__mlp_code_measure(const clg_mlp *m, uint32_t nets, bool fakes_are_there, uint32_t n,
                          clg_mlp_code *out);
void clg__mlp_code_free(clg_mlp_code *code);

/* A net's step behind a pass, in each of the steps of training that a launch does. */
enum { CLG_MLP_STEPS_MAX = 4 };
typedef struct clg_mlp_update {
    clg_adam adam[CLG_MLP_STEPS_MAX]; /* which differ in lr and t */
    clg_tensor m, v; /* slabs; "no tensor" where the net is not stepped */
} clg_mlp_update;

/* One pass, or two of which the second sees what the first one stepped; and the same again for the steps
 * of training that follow. */
enum { CLG_MLP_PASSES_MAX = 2,
       CLG_MLP_ITEMS_MAX = 64, /* that share tasks: more would have less than a block of rows each */
       CLG_MLP_COUNTERS = 2 * CLG_MLP_PASSES_MAX * CLG_MLP_STEPS_MAX * (CLG_MLP_ITEMS_MAX + 1) + 1 };
typedef struct clg_mlp_part {
    const clg_mlp_code *code; /* its words may be freed: */
    uint32_t at;              /* the word of `words` where they are */
    uint32_t nets, steps;     /* gradients of which nets; which are stepped, CLG_MLP_OF_... */
} clg_mlp_part;
/* Latents that the passes draw, as clg__random_uniform (a lo, b hi) and clg__random_normal (a mean, b
 * std) do. */
enum clg_mlp_draw { CLG_MLP_DRAW_NONE, CLG_MLP_DRAW_UNIFORM, CLG_MLP_DRAW_NORMAL };
typedef struct clg_mlp_latents {
    enum clg_mlp_draw draw; /* none: z holds them */
    clg_rng_key key;
    float a, b;
} clg_mlp_latents;
typedef struct clg_mlp_passes {
    uint32_t steps;           /* of training, from 1. Step s has the key's step + s, and bytes and losses: */
    uint32_t bytes_apart, losses_apart; /* so many elements times s further on */
    uint32_t count;
    clg_mlp_part part[CLG_MLP_PASSES_MAX];
    uint32_t n;               /* rows in each group */
    bool keep_gradients;      /* of what Adam steps, too; else dg and dd are complete only without steps */
    bool apart;               /* a launch for each phase, as on devices whose work-items cannot wait */
    clg_tensor words;         /* u32 */
    clg_tensor z;             /* [n, g.layer[0].in]; out: what is drawn */
    clg_mlp_latents latents;
    clg_tensor real;          /* [n, d.layer[0].in]; "no tensor" without CLG_MLP_OF_D, or with one of: */
    clg_tensor bytes;         /* u8, instead of `real`: byte * scale + shift; or "no tensor" */
    float scale, shift;
    enum clg_system system;   /* if not none, its rows, drawn by the seed and step of the latents' key */
    uint32_t system_use;      /* and this: lane + (stream << 24) of a key */
    clg_tensor g, d;          /* slabs of values, written where stepped */
    clg_tensor fake;          /* out: [n, d.layer[0].in], what G makes of z, unless it was there */
    clg_tensor dg, dd;        /* out: slabs of gradients, 0 between parameters; "no tensor" if not wanted */
    clg_tensor losses;        /* out: at clg_mlp.slot_d and .slot_g */
    clg_tensor counters;      /* u32 [CLG_MLP_COUNTERS], 0 before and after */
    clg_mlp_update update_g, update_d;
} clg_mlp_passes;

/* Workspace floats of passes on up to n rows. */
uint64_t clg__mlp_workspace(const clg_mlp_code *code, uint32_t n);
int clg__mlp_run(const clg_ops *o, const clg_mlp *m, const clg_mlp_passes *p, clg_tensor ws);
/* Multiplies and adds of a pass on n rows. */
double clg__mlp_flops(const clg_mlp *m, uint32_t nets, uint32_t n);
/* Can this device do so many steps on n rows in a launch? llvmpipe, whose vectors are taken apart, ends
 * the loops of a work-item after 65,535 turns: small nets only. */
bool clg__mlp_fits(const clg_ops *o, const clg_mlp *m, uint32_t n, uint32_t steps);
/* Is it the faster way on this device, with a workspace of so many floats? CPUs, when weights and
 * layers' outputs stay in cache. */
bool clg__mlp_pays(const clg_ops *o, const clg_mlp *m, uint64_t ws);
#endif
