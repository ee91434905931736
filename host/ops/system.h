/* Rows of the drawn systems (base/model.h). */
#ifndef CLG_OPS_SYSTEM_H
#define CLG_OPS_SYSTEM_H

#include "base/model.h"
#include "ops/ops.h"

/* y [n, clg__system_dim]: row i from block i of the key: a pure function of key and row. base/system.h
 * draws the same rows (equal within a few ulp). y may be F32, F16 or BF16. */
int clg__system_draw(const clg_ops *o, enum clg_system system, const clg_rng_key *key, clg_tensor y);
#endif
