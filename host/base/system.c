/* Names and sizes of the drawn systems. How they are drawn: cl/system.cl and host/ref. */
#include <string.h>

#include "base/model.h"

#define CLG_X(id, text) [id] = text,
static const char *const names[] = { CLG_SYSTEM_LIST(CLG_X) };
#undef CLG_X

enum clg_system clg__system_find(const char *name)
{
    for (uint32_t i = CLG_SYSTEM_NONE + 1; i < CLG_SYSTEM_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            return (enum clg_system)i;
        }
    }
    return CLG_SYSTEM_NONE;
}

uint32_t clg__system_dim(enum clg_system system)
{
    static const uint32_t dim[CLG_SYSTEM_COUNT] = { [CLG_SYSTEM_CURVES] = 15,
                                                    [CLG_SYSTEM_GAUSS1D] = 1,
                                                    [CLG_SYSTEM_RING] = 2,
                                                    [CLG_SYSTEM_GRID] = 2 };
    return dim[system];
}
