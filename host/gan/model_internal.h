/* What the files of the expansion share: the walk over one net's layers. Inside gan only. */
#ifndef CLG_GAN_MODEL_INTERNAL_H
#define CLG_GAN_MODEL_INTERNAL_H

#include "gan/model.h"

enum { CLG_IMAGE_SIDE_MAX = 4096 };

/* What is known while a net's layers are made one after another. */
typedef struct clg_net_walk {
    const clg_net_desc *desc;
    const char *what; /* "generator" */
    bool is_generator;
    const clg_model_plan *model;  /* shape of a sample */
    uint32_t latent;              /* latent.size */
    uint32_t classes;             /* of the data's labels */
    uint32_t base, stages;        /* size = base * 2^stages; base 0: no such pair */
    uint32_t stage;               /* stage widths used so far */
    uint32_t module;              /* next index in the Sequential */
    uint32_t number;              /* of the layer at hand, from 1: as in the file, with copies */
    int32_t onehot;               /* the layer that makes the label a vector, or CLG_FROM_NONE */
    int32_t made[CLG_LAYERS_MAX]; /* layer of the file -> the layer that has its output, or input */
    uint32_t number_of[CLG_LAYERS_MAX]; /* layer of the file -> number of its last copy */
    clg_net_plan *plan;
} clg_net_walk;

/* size = m * 2^s with 4 <= m <= 7 and s >= 1; false if there is no such pair. */
bool clg__model_split_size(uint32_t size, uint32_t *m, uint32_t *s);

/* Appends what layer i of the description becomes (several: a one-hot, a linear and its maxout).
 * `again`: a further copy of a repeated layer, which takes the copy before it. */
int clg__model_add_layer(clg_net_walk *k, uint32_t i, bool again);

/* Puts "discriminator layer 5 (main.11, line 31): " before the message just stored. */
int clg__model_at_layer(int status, const clg_net_walk *k, const clg_layer_desc *d,
                        const char *module, uint32_t number);

uint64_t clg__model_layer_parameters(const clg_layer *l);
const char *clg__model_op_name(enum clg_layer_op op);

#endif
