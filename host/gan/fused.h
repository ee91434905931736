/* Training of small nets by fused passes (ops/mlp.h) instead of operator by operator: whether a
 * model's can be, its buffers, and its launches. Passes wait until something else must come between, and
 * whole steps until there are several for a launch, or somebody asks for what they give (clg__rt_hold). */
#ifndef CLG_GAN_FUSED_H
#define CLG_GAN_FUSED_H

#include "nn/net.h"

/* Kinds of pass: for D, G or both, each that makes the fakes or finds them there. */
enum { CLG_FUSED_PASSES = 2 * CLG_MLP_OF_BOTH };

typedef struct clg_fused {
    bool on;
    clg_mlp mlp;
    clg_mlp_code code[CLG_FUSED_PASSES]; /* without words */
    uint32_t at[CLG_FUSED_PASSES];       /* word of `words` */
    clg_buffer *words, *ws, *counters;
    clg_mlp_passes now;  /* of the step under way */
    clg_mlp_passes held; /* whole steps before it */
    bool began;          /* a step was enqueued, at once: a first one takes long, and may fail */
    bool cut;            /* something of the step under way was enqueued already */
    int failed;          /* a launch of held steps; the trainer counts them, so it cannot go on: */
    char why[256];
    const clg_ops *ops;
} clg_fused;

/* Fills f->mlp and f->on, whether this model on this device is to be trained so: runtime.fuse is on,
 * both nets are plain chains of linear layers, they and the batch are small enough, and nothing comes
 * between (labels, input noise, 16-bit storage, packing). */
void clg__fused_decide(clg_fused *f, const clg_ops *ops, const clg_model_desc *desc,
                       const clg_model_plan *plan, uint32_t batch);
/* Steps that a launch may do; 1 if it is not on. */
uint32_t clg__fused_steps(const clg_fused *f);
/* Adds the bytes of its buffers for a batch; nothing if it is not on. */
int clg__fused_need(const clg_fused *f, uint32_t batch, clg_bytes *out);
int clg__fused_make(clg_fused *f, const clg_ops *ops, uint32_t batch);
void clg__fused_free(clg_fused *f);
/* A step begins; whole: nothing of it is enqueued but by these functions. Fails as clg__fused_check. */
int clg__fused_begin_step(clg_fused *f, bool whole);
/* Puts a pass for `nets` behind those that wait; p: n and all tensors but words and counters, those of
 * Adam's means too, and how far bytes and losses are `apart` from those of the next step. fakes_are_there:
 * as in clg__mlp_code_make. */
int clg__fused_add(clg_fused *f, const clg_mlp_passes *p, uint32_t nets, bool fakes_are_there);
/* Lets the last waiting pass step a net (CLG_MLP_OF_D or _G) too; false if that gives no gradients of
 * it. */
bool clg__fused_step(clg_fused *f, uint32_t net, const clg_adam *adam);
/* The step under way is whole: it joins those that are held, or starts anew. */
int clg__fused_end_step(clg_fused *f);
/* Enqueues what waits. */
int clg__fused_flush(clg_fused *f);
/* An error of the past as long as it stands: until clg__fused_restart, when a state was loaded. */
int clg__fused_check(const clg_fused *f);
void clg__fused_restart(clg_fused *f);
/* Batches' place of the next step's bytes: those of held steps stay. */
uint32_t clg__fused_place(const clg_fused *f, uint32_t batch_bytes);
/* Forgets the passes of the step under way, after an error. */
void clg__fused_drop(clg_fused *f);
#endif
