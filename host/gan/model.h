/* Model presets and their expansion to concrete nets. */
#ifndef CLG_GAN_MODEL_H
#define CLG_GAN_MODEL_H

#include <stddef.h>

#include "base/model.h"

typedef struct clg_preset {
    const char *name, *text; /* YAML, NUL-ended */
    size_t size;
} clg_preset;
extern const clg_preset clg__presets[]; /* name NULL at the end; generated from host/gan/presets */
const clg_preset *clg__preset_find(const char *name); /* NULL */

/* Preset name or path of a .yaml file. Unknown: CLG_E_USAGE with the nearest name. */
int clg__model_load(const char *name_or_path, clg_model_desc *out);
/* Concrete nets for images of size x size x channels (both given). Checks every shape: CLG_E_MODEL
 * names the layer (and its line) and both shapes; a size without a rule names the nearest sizes
 * that work. */
int clg__model_expand(const clg_model_desc *desc, uint32_t size, uint32_t channels,
                      clg_model_plan *out);
/* One generated line per layer: name, op, shapes, parameters. */
int clg__model_describe(const clg_model_plan *plan, char *text, size_t cap);
#endif
