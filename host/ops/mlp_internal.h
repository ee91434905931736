/* What the files of the fused pass share. */
#ifndef CLG_OPS_MLP_INTERNAL_H
#define CLG_OPS_MLP_INTERNAL_H

#include "ops/mlp.h"

/* Rows that a work-item takes at a time, ROWS in cl/mlp.clh: what lies in a core's first cache. Rows
 * of its share: enough that bringing the weights is a small part, and a second core worth waking. */
enum { CLG_MLP_ROWS = 32, CLG_MLP_SHARE = 64 };
#endif
