/* Kernel sources that live in the binary: the build turns cl/<file> into byte arrays. */
#ifndef CLG_RT_EMBEDDED_H
#define CLG_RT_EMBEDDED_H

#include <stddef.h>

typedef struct clg_embedded {
    const char *name; /* "conv2d.cl", "common.clh" */
    const unsigned char *bytes;
    size_t size;
} clg_embedded;

extern const clg_embedded clg__embedded_cl[]; /* ended by an entry without a name */

#endif
