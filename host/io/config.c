/* Model descriptions: defaults, --set, files, writing. Reading YAML is in config_parse.c, the
 * keys in config_keys.c, single values in config_values.c. */
#include "io/config.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"
#include "io/config_internal.h"

void clg__config_layer_defaults(clg_layer_desc *layer)
{
    memset(layer, 0, sizeof *layer); /* padding too: descriptions are compared as bytes */
    layer->stride = 1;
    layer->bias = true;
    layer->slope = 0.2f;
    layer->pieces = 1;
    layer->scale = 2;
    layer->keep = 0.5f;
}

static void set_net_defaults(clg_net_desc *net)
{
    memcpy(net->prefix, "main", sizeof "main");
    net->width = 64;
    net->init.kind = CLG_INIT_TORCH;
    net->init.std = 0.02f;
    net->init.norm_mean = 1.0f;
    net->packing = 1;
}

static void set_optimizer_defaults(clg_optim_desc *a)
{
    a->lr = 1e-3f;
    a->beta1 = 0.9f;
    a->beta2 = 0.999f;
    a->eps = 1e-8f;
    a->momentum = 0.5f;
    a->lr_divisor = 1.0f;
}

void clg__config_defaults(clg_model_desc *d)
{
    memset(d, 0, sizeof *d);
    d->latent.size = 100;
    d->latent.lo = -1.0f;
    d->latent.hi = 1.0f;
    set_net_defaults(&d->generator);
    set_net_defaults(&d->discriminator);
    set_optimizer_defaults(&d->optimizer_g);
    set_optimizer_defaults(&d->optimizer_d);
    d->loss.objective = CLG_OBJECTIVE_NON_SATURATING;
    d->loss.weight_real = d->loss.weight_fake = d->loss.weight_g = 1.0f;
    d->loss.wrong_label_weight = 0.5f;
    d->loss.real_target = 1.0f;
    d->order.kind = CLG_ORDER_D_THEN_G_SAME_FAKES;
    d->order.d_steps = 1;
    d->data.rows = 100000;
    d->train.batch = 64;
    d->train.epochs = 25;
    d->train.seed = 1;
    d->train.log_every = 50;
    d->train.grid_every = 500;
    d->train.grid_rows = 8;
    d->train.grid_cols = 8;
    d->train.checkpoint_minutes = 5;
    d->train.keep = 3;
    d->runtime.tune = true;
    d->runtime.fuse = true;
}

int clg__config_load(const char *path, clg_model_desc *out)
{
    uint8_t *text = NULL;
    size_t n = 0;
    clg_file_info info = clg__os_stat(path);
    if (info.is_file && info.size > CLG_CONFIG_FILE_MAX) {
        return clg__hint(clg__fail(CLG_E_MODEL,
                                   "%s:1: the file has %llu bytes, at most %d are read",
                                   path, (unsigned long long)info.size, CLG_CONFIG_FILE_MAX),
                         "is this a model file?");
    }
    int status = clg__os_read_file(path, CLG_CONFIG_FILE_MAX, &text, &n);
    if (status == CLG_OK) {
        status = clg__config_parse((const char *)text, n, path, out);
    }
    clg__free(text);
    return status;
}

/* ---- --set ---- */

static int fail_set(const char *assignment, const clg_config_fault *fault)
{
    int status = clg__fail(CLG_E_USAGE, "--set %s: %s", clg__config_shown(assignment).text,
                           fault->what);
    return clg__hint(status, "%s", fault->hint);
}

/* A key without a section, or with an unknown one: find where it belongs. */
static int fail_set_section(const char *assignment, const char *section, const char *key)
{
    clg_config_fault fault = { { 0 }, { 0 } };
    if (strcmp(key, "layers") == 0 || strncmp(key, "layers.", 7) == 0) {
        return clg__hint(clg__fail(CLG_E_USAGE, "--set %s: layers cannot be set",
                                   clg__config_shown(assignment).text),
                         "copy the model with `clgan models show` and edit the file");
    }
    clg__config_section_unknown(section, &fault);
    for (size_t i = 0; i < clg__config_key_count; i++) {
        const clg_config_key *row = &clg__config_keys[i];
        if (strcmp(row->section, "layer") != 0 && strcmp(row->key, key) == 0 &&
            (section[0] == '\0' || clg__nearest(section, &row->section, 1) != NULL)) {
            (void)snprintf(fault.hint, sizeof fault.hint, "did you mean %s.%s=...?", row->section,
                           key);
            break;
        }
    }
    if (section[0] == '\0') {
        (void)snprintf(fault.what, sizeof fault.what, "the section is missing");
    }
    return fail_set(assignment, &fault);
}

static bool is_settable(const char *section)
{
    return clg__config_section_known(section) || strcmp(section, "generator.init") == 0 ||
           strcmp(section, "discriminator.init") == 0;
}

int clg__config_set(clg_model_desc *d, const char *assignment)
{
    clg_config_fault fault = { { 0 }, { 0 } };
    char path[2 * CLG_NAME_MAX];
    const char *equals = strchr(assignment, '=');
    size_t n = equals != NULL ? (size_t)(equals - assignment) : 0;
    if (n == 0 || n >= sizeof path) {
        return clg__hint(clg__fail(CLG_E_USAGE, "--set %s: not of the form section.key=value",
                                   clg__config_shown(assignment).text),
                         "for example --set train.batch=32");
    }
    memcpy(path, assignment, n);
    path[n] = '\0';
    char *dot = strrchr(path, '.');
    const char *key = dot != NULL ? dot + 1 : path;
    const char *section = "";
    if (dot != NULL) {
        *dot = '\0';
        section = path;
    }
    bool layers = strcmp(key, "layers") == 0;
    if (layers || !is_settable(section)) {
        return fail_set_section(assignment, section, key);
    }
    const clg_config_key *row = clg__config_key_find(section, key);
    if (row == NULL) {
        clg__config_key_unknown(section, key, &fault);
        return fail_set(assignment, &fault);
    }
    if (!clg__config_value_set(row, d, equals + 1, false, &fault)) {
        return fail_set(assignment, &fault);
    }
    return CLG_OK;
}

int clg__config_set_option(clg_model_desc *d, const char *option, const char *section,
                           const char *key, const char *value)
{
    clg_config_fault fault = { { 0 }, { 0 } };
    const clg_config_key *row = clg__config_key_find(section, key);
    if (row == NULL) {
        return clg__fail(CLG_E_INTERNAL, "%s: there is no key %s.%s", option, section, key);
    }
    if (clg__config_value_set(row, d, value, false, &fault)) {
        return CLG_OK;
    }
    /* The text begins with the key, which the user has not written. */
    return clg__hint(clg__fail(CLG_E_USAGE, "%s%s", option,
                               fault.what + strlen(section) + 1 + strlen(key)),
                     "%s", fault.hint);
}

/* ---- writing ---- */

/* Values that equal the default of a layer are left out, but for those that its op must have: they
 * read back the same. */
static bool add_layer(const clg_layer_desc *layer, clg_str *out)
{
    clg_layer_desc plain;
    clg__config_layer_defaults(&plain);
    const char *comma = "";
    clg__str_add(out, "    - { ");
    for (size_t i = 0; i < clg__config_key_count; i++) {
        const clg_config_key *row = &clg__config_keys[i];
        if (strcmp(row->section, "layer") != 0) {
            continue;
        }
        if (!clg__config_layer_needs(layer->op, row->key) &&
            memcmp((const char *)layer + row->offset, (const char *)&plain + row->offset,
                   row->size) == 0) {
            continue;
        }
        clg__str_add(out, "%s%s: ", comma, row->key);
        if (!clg__config_value_add(row, layer, out)) {
            return false;
        }
        comma = ", ";
    }
    clg__str_add(out, " }\n");
    return true;
}

static bool add_layers(const clg_net_desc *net, clg_str *out)
{
    clg__str_add(out, "  layers:\n");
    for (uint32_t i = 0; i < net->layer_count; i++) {
        if (!add_layer(&net->layer[i], out)) {
            return false;
        }
    }
    return true;
}

/* One section and, for a net, its nested parts. false: a value cannot be written. */
static bool add_section(const clg_model_desc *d, const char *section, const char *title,
                        const char *indent, clg_str *out)
{
    clg__str_add(out, "%s%s:\n", indent, title);
    for (size_t i = 0; i < clg__config_key_count; i++) {
        const clg_config_key *row = &clg__config_keys[i];
        if (strcmp(row->section, section) != 0) {
            continue;
        }
        clg__str_add(out, "%s  %s: ", indent, row->key);
        if (!clg__config_value_add(row, d, out)) {
            return false;
        }
        clg__str_add(out, "\n");
    }
    if (strcmp(section, "generator") == 0) {
        return add_section(d, "generator.init", "init", "  ", out) &&
               add_layers(&d->generator, out);
    }
    if (strcmp(section, "discriminator") == 0) {
        return add_section(d, "discriminator.init", "init", "  ", out) &&
               add_layers(&d->discriminator, out);
    }
    return true;
}

int clg__config_write(const clg_model_desc *d, clg_str *out)
{
    clg__str_add(out, "# clgan model file, complete: every value in use is written out.\n");
    for (size_t i = 0; clg__config_sections[i] != NULL; i++) {
        if (!add_section(d, clg__config_sections[i], clg__config_sections[i], "", out)) {
            return clg__hint(clg__fail(CLG_E_USAGE, "the configuration cannot be written: a value "
                                                    "in section %s is no plain UTF-8 text in one "
                                                    "line, or not one of its words",
                                       clg__config_sections[i]),
                             "rename the data folder if its name has unusual bytes");
        }
    }
    return out->failed ? clg__fail(CLG_E_MEMORY, "out of host memory while writing a configuration")
                       : CLG_OK;
}
