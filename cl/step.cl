/* The small kernels of nearly every training step as one program. Each program costs the driver the
 * reading of its own declarations (pocl: .1 s, more than these kernels together). Nothing else is
 * here: each file stays one that could be built by itself. */
#include "activation.cl"
#include "adam.cl"
#include "image.cl"
#include "random.cl"
