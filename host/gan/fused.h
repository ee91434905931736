/* Training of small nets by the fused pass (ops/mlp.h) instead of operator by operator: whether a
 * model's can be, its buffers, and its launches. */
#ifndef CLG_GAN_FUSED_H
#define CLG_GAN_FUSED_H

#include "nn/net.h"

typedef struct clg_fused {
    bool on;
    clg_mlp mlp;
    clg_buffer *code[CLG_MLP_OF_BOTH + 1]; /* by the nets of a pass, from CLG_MLP_OF_D on */
    uint32_t code_ws[CLG_MLP_OF_BOTH + 1];
    clg_buffer *ws;
} clg_fused;

/* Fills f->mlp and f->on, whether this model on this device is to be trained so: runtime.fuse is on, both nets
 * are plain chains of linear layers, small enough, and nothing comes between (labels, input noise,
 * 16-bit storage, packing). */
void clg__fused_decide(clg_fused *f, const clg_ops *ops, const clg_model_desc *desc,
                       const clg_model_plan *plan);
/* Adds the bytes of its buffers for a batch; nothing if it is not on. */
int clg__fused_need(const clg_fused *f, const clg_ops *ops, uint32_t batch, clg_bytes *out);
int clg__fused_make(clg_fused *f, const clg_ops *ops, uint32_t batch);
void clg__fused_free(clg_fused *f);
/* p: n, nets and the tensors; code and its workspace are filled in. */
int clg__fused_run(const clg_fused *f, const clg_ops *ops, clg_mlp_pass *p);
#endif
