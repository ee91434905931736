/* A training replayed step by step in double precision: before each step the whole state of the
 * trainer is copied into host/ref, both do the step, and everything is compared. So a difference
 * belongs to that one step; it does not grow. */
#ifndef CLG_CLI_REPLAY_H
#define CLG_CLI_REPLAY_H

#include "gan/trainer.h"

typedef struct clg_replay_result {
    uint32_t steps;
    double loss;        /* worst relative difference of a loss */
    double gradient;    /* worst relative L2 difference of a gradient tensor */
    double weight;      /* the same of weights and running statistics after the step */
    char worst[256];    /* tensor and step with the worst gradient or weight */
    uint32_t tensors;   /* compared, all steps together */
} clg_replay_result;

/* Tolerances of the product (shared with the tests): relative L2 of gradients and weights, and
 * relative difference of losses. */
#define CLG_REPLAY_TOL_GRADIENT 3e-5
#define CLG_REPLAY_TOL_WEIGHT 1e-5
#define CLG_REPLAY_TOL_LOSS 1e-5

/* `steps` steps of a trainer made without data set, on images u8 [steps * batch, size, size, c] with
 * labels [steps * batch] (NULL without classes); a drawn system needs neither. */
int clg__replay(clg_trainer *t, const clg_model_desc *desc, const clg_model_plan *plan,
                const uint8_t *images, const uint32_t *labels, uint32_t steps,
                clg_replay_result *out);

#endif
