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
/* What a model must know of the data that it is trained on. */
typedef struct clg_data_shape {
    uint32_t size, channels;
    uint32_t classes;       /* of its labels; 0: there are none */
    enum clg_system system; /* data that are drawn: the other fields are not read */
} clg_data_shape;
/* The shape of data.source as far as it is known without opening it: a drawn system, a data set by
 * name (none: 28x28 grey), else a folder: colour images of 64x64 in 10 classes; data.size and
 * data.channels count. */
clg_data_shape clg__model_data_shape(const clg_model_desc *desc);
/* Concrete nets for these data. Checks every shape: CLG_E_MODEL names the layer (and its line) and
 * both shapes; a size without a rule names the nearest sizes that work. CLG_E_DATA: a model that
 * takes labels on data without. */
int clg__model_expand(const clg_model_desc *desc, const clg_data_shape *data,
                          clg_model_plan *out);
/* One generated line per layer: name, op, shapes, parameters. */
int clg__model_describe(const clg_model_plan *plan, char *text, size_t cap);
#endif
