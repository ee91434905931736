/* Inverted dropout with masks from Philox: nothing is stored, the way back draws them again. */
#ifndef CLG_OPS_DROPOUT_H
#define CLG_OPS_DROPOUT_H

#include "ops/ops.h"

/* y[i] = unit(word first + i of key) < keep ? x[i] / keep : 0 (word i: word i % 4 of block i / 4, as
 * clg__philox_uniform numbers them). 0 < keep <= 1. y may be x. The way back is the same function of
 * dy; `first` (a multiple of 4 or not) is where a part of the rows begins. */
int clg__dropout(const clg_ops *o, const clg_rng_key *key, float keep, uint32_t first, clg_tensor x,
                 clg_tensor y);
#endif
