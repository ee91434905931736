/* The two 16-bit types of stored activations on the host: IEEE 754 binary16 and bfloat16. Rounding
 * is to nearest even, NaN stays NaN, too large becomes inf. */
#ifndef CLG_BASE_HALF_H
#define CLG_BASE_HALF_H

#include <stdint.h>

uint16_t clg__half_from_f32(float v);
float clg__half_to_f32(uint16_t h);
uint16_t clg__bf16_from_f32(float v);
float clg__bf16_to_f32(uint16_t b);

#endif
