/* Plans of nets with branches, made by hand; no device in sight. */
#ifndef CLG_TESTS_SUPPORT_PLAN_SUPPORT_H
#define CLG_TESTS_SUPPORT_PLAN_SUPPORT_H

#include "base/model.h"

/* Every op of a plan, on images [8,8,2] with 5 classes: the input is read twice, a normalised
 * activation three times (by a pool, by a concat with planes of the label and by a linear layer),
 * maxout behind a norm, dropout, an embedding, two heads: [1] and, behind a norm, [3]. */
void test_plan_branched(clg_net_plan *plan);
/* [6] -> 5, batch norm, tanh: head 0, and read twice on the way to head 1 [2]. */
void test_plan_head_inside(clg_net_plan *plan);

#endif
