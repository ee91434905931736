/* Class labels to vectors. Labels are u32 [n], all below the number of classes (the caller's duty:
 * the data set checks them). */
#ifndef CLG_OPS_EMBEDDING_H
#define CLG_OPS_EMBEDDING_H

#include "ops/ops.h"

/* y[n, classes]: 1 at the label, else 0. */
int clg__onehot(const clg_ops *o, clg_tensor labels, clg_tensor y);
/* y[n,k] = w[label[n], k]; w [classes, k]. */
int clg__embedding_fwd(const clg_ops *o, clg_tensor labels, clg_tensor w, clg_tensor y);
/* dw[c,k] = sum over the rows with label c of dy[n,k], in the order of the rows; overwritten. */
int clg__embedding_bwd_weight(const clg_ops *o, clg_tensor labels, clg_tensor dy, clg_tensor dw);
#endif
