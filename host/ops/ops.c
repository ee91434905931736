/* The table of operators, made from the one list. */
#include "ops/ops.h"

#include <string.h>

const clg_op *const clg__op_table[] = {
#define CLG_X(op) &clg__op_##op,
    CLG_OP_LIST(CLG_X)
#undef CLG_X
    NULL,
};

const clg_op *clg__op_find(const char *name)
{
    for (size_t i = 0; clg__op_table[i] != NULL; i++) {
        if (strcmp(clg__op_table[i]->name, name) == 0) {
            return clg__op_table[i];
        }
    }
    return NULL;
}
