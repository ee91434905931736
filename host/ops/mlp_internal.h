/* What the files of the fused pass share. */
#ifndef CLG_OPS_MLP_INTERNAL_H
#define CLG_OPS_MLP_INTERNAL_H

#include "ops/mlp.h"

/* Rows of a block, ROWS in cl/mlp.clh: what a work-item takes at a time. */
enum { CLG_MLP_ROWS = 16 };
#endif
