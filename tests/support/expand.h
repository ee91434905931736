/* Plans for data that a test only names by shape. */
#ifndef CLG_TESTS_SUPPORT_EXPAND_H
#define CLG_TESTS_SUPPORT_EXPAND_H

#include "gan/model.h"

/* For images of size x size x channels without labels, or the drawn system that data.source names. */
static inline int test_expand(const clg_model_desc *desc, uint32_t size, uint32_t channels,
                              clg_model_plan *out)
{
    clg_data_shape data = { .size = size,
                            .channels = channels,
                            .system = clg__system_find(desc->data.source) };
    return clg__model_expand(desc, &data, out);
}

#endif
