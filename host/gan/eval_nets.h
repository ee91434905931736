/* A net of a checkpoint for measuring, with its running statistics: D as judge or encoder, G to
 * search for the latents of given images. Drawing samples: gan/trainer.h, clg__sampler. */
#ifndef CLG_GAN_EVAL_NETS_H
#define CLG_GAN_EVAL_NETS_H

#include "gan/trainer.h"

typedef struct clg_eval_net clg_eval_net;

/* The plan is copied. rows: of one pass. searched: the net can also be walked
 * back; its batch norms are then folded into the weights before them, which is the same function
 * and needs no batch. */
int clg__eval_net_open(clg_eval_net **out, const clg_ops *ops, const char *checkpoint,
                       const clg_model_plan *plan, enum clg_which_net which, uint32_t rows,
                       bool searched);
void clg__eval_net_close(clg_eval_net **e);

/* x [n, in] and labels [n] (NULL for nets that take none) -> y [n, out] of head 0; any n. */
int clg__eval_net_run(clg_eval_net *e, const float *x, const uint32_t *labels, uint32_t n,
                      float *y);

/* Latents whose images come near `images` [n, out] (in the net's own range): Adam on the squared
 * error of each image, `steps` steps from the z [n, in] given, which is overwritten. */
int clg__eval_net_search(clg_eval_net *e, const float *images, const uint32_t *labels, uint32_t n,
                         uint32_t steps, float *z);
#endif
