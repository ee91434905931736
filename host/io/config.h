/* Model files: YAML read with libyaml's events against one strict key table, which also serves
 * --set, nearest-key hints and writing the resolved config. */
#ifndef CLG_IO_CONFIG_H
#define CLG_IO_CONFIG_H

#include "base/model.h"
#include "base/status.h"
#include "base/str.h"

/* Neutral defaults (Adam's, batch 64, log 50, grid 500, 8x8, keep 3, 5 minutes ...). */
void clg__config_defaults(clg_model_desc *d);
/* `name` is for messages ("my.yaml:12: ..."). Starts from the defaults. CLG_E_MODEL with line,
 * nearest valid key, required sections (model latent generator discriminator). Aliases refused, at
 * most 1 MiB. */
int clg__config_parse(const char *text, size_t n, const char *name, clg_model_desc *out);
int clg__config_load(const char *path, clg_model_desc *out);
/* "section.key=value" (scalar keys; not layers). CLG_E_USAGE with the nearest key. */
int clg__config_set(clg_model_desc *d, const char *assignment);
/* The same for an option of its own: "--precision", "runtime", "precision", "fp16". */
int clg__config_set_option(clg_model_desc *d, const char *option, const char *section,
                           const char *key, const char *value);
/* The whole description as YAML that parses back to the same struct (floats exactly). */
int clg__config_write(const clg_model_desc *d, clg_str *out);
#endif
