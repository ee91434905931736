/* Model files: YAML events into clg_model_desc, strictly by the key table. Each fault names file
 * and line. Aliases, anchors, tags and second documents are refused: a model file is plain data.
 * Not here: single values (config_values.c), keys that need each other
 * (config_check.c), writing and --set (config.c). */
#include "io/config.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "io/config_internal.h"

typedef struct reader {
    yaml_parser_t yaml;
    yaml_event_t event; /* the current one; owned */
    const char *name;   /* of the file, for messages */
    clg_model_desc *desc;
} reader;

static unsigned event_line(const reader *r)
{
    return (unsigned)r->event.start_mark.line + 1;
}

static int fail_fault(const reader *r, unsigned line, const char *place,
                      const clg_config_fault *fault)
{
    return clg__hint(clg__fail(CLG_E_MODEL, "%s:%u: %s%s", r->name, line, place, fault->what), "%s",
                     fault->hint);
}

static int fail_yaml(const reader *r)
{
    const yaml_parser_t *y = &r->yaml;
    if (y->error == YAML_MEMORY_ERROR) {
        return clg__fail(CLG_E_MEMORY, "out of host memory while reading %s", r->name);
    }
    unsigned line = (unsigned)y->problem_mark.line + 1;
    if (y->error == YAML_READER_ERROR) {
        /* The mark stands where the scanner was; the bad byte lies at or after it. */
        line = (unsigned)y->mark.line + 1;
    }
    return clg__hint(clg__fail(CLG_E_MODEL, "%s:%u: not YAML: %s%s%s", r->name, line,
                               y->problem != NULL ? y->problem : "unreadable",
                               y->context != NULL ? ", " : "",
                               y->context != NULL ? y->context : ""),
                     "check quotes, colons and indentation near that line; "
                     "`clgan models show dcgan` prints a model file that works");
}

/* Moves to the next event. */
static int next_event(reader *r)
{
    yaml_event_delete(&r->event);
    memset(&r->event, 0, sizeof r->event);
    if (!yaml_parser_parse(&r->yaml, &r->event)) {
        return fail_yaml(r);
    }
    const char *bad = NULL;
    const yaml_event_t *e = &r->event;
    switch (e->type) {
    case YAML_ALIAS_EVENT:
        bad = "an alias '*'";
        break;
    case YAML_SCALAR_EVENT:
        bad = e->data.scalar.anchor != NULL ? "an anchor '&'"
              : e->data.scalar.tag != NULL  ? "a tag '!'"
                                            : NULL;
        break;
    case YAML_SEQUENCE_START_EVENT:
        bad = e->data.sequence_start.anchor != NULL ? "an anchor '&'"
              : e->data.sequence_start.tag != NULL  ? "a tag '!'"
                                                    : NULL;
        break;
    case YAML_MAPPING_START_EVENT:
        bad = e->data.mapping_start.anchor != NULL ? "an anchor '&'"
              : e->data.mapping_start.tag != NULL  ? "a tag '!'"
                                                   : NULL;
        break;
    default:
        break;
    }
    if (bad != NULL) {
        return clg__hint(clg__fail(CLG_E_MODEL, "%s:%u: a model file may not have %s", r->name,
                                   event_line(r), bad),
                         "write the values out; text that begins with this sign needs quotes");
    }
    if (e->type == YAML_SCALAR_EVENT &&
        memchr(e->data.scalar.value, 0, e->data.scalar.length) != NULL) {
        return clg__fail(CLG_E_MODEL, "%s:%u: a value has a NUL character", r->name, event_line(r));
    }
    return CLG_OK;
}

static int fail_kind(const reader *r, const char *what, const char *wanted, const char *hint)
{
    const char *is = r->event.type == YAML_MAPPING_START_EVENT    ? "a map of keys"
                     : r->event.type == YAML_SEQUENCE_START_EVENT ? "a list"
                     : r->event.type == YAML_SCALAR_EVENT         ? "a single value"
                                                                  : "nothing";
    return clg__hint(clg__fail(CLG_E_MODEL, "%s:%u: %s wants %s, not %s", r->name, event_line(r),
                               what, wanted, is),
                     "%s", hint);
}

/* Moves on and wants a map or list to begin. */
static int expect_start(reader *r, yaml_event_type_t type, const char *what)
{
    int status = next_event(r);
    if (status == CLG_OK && r->event.type != type) {
        bool map = type == YAML_MAPPING_START_EVENT;
        status = fail_kind(r, what, map ? "a map of keys" : "a list",
                           map ? "write its keys below it, indented: `key: value`"
                               : "write its entries below it: `- { op: conv2d, ... }`");
    }
    return status;
}

/* The current event as the text of a map key. */
static int take_key(reader *r, const char *in, char key[CLG_NAME_MAX])
{
    if (r->event.type != YAML_SCALAR_EVENT) {
        return fail_kind(r, in, "`key: value`", "a key is a single word");
    }
    const char *text = (const char *)r->event.data.scalar.value;
    (void)snprintf(key, CLG_NAME_MAX, "%s", text);
    if (strlen(text) >= CLG_NAME_MAX) {
        return clg__fail(CLG_E_MODEL, "%s:%u: unknown key '%s' in %s", r->name, event_line(r),
                         clg__config_shown(text).text, in);
    }
    return CLG_OK;
}

static int fail_duplicate(const reader *r, unsigned line, const char *place, const char *key)
{
    return clg__hint(clg__fail(CLG_E_MODEL, "%s:%u: %skey '%s' is there twice", r->name, line,
                               place, key),
                     "remove one of the two");
}

/* A key of the table: moves on to its value and stores it. */
static int read_value(reader *r, const char *section, const char *place, const char *key,
                      void *base, bool *seen)
{
    clg_config_fault fault = { { 0 }, { 0 } };
    unsigned line = event_line(r);
    const clg_config_key *row = clg__config_key_find(section, key);
    if (row == NULL) {
        clg__config_key_unknown(section, key, &fault);
        return fail_fault(r, line, place, &fault);
    }
    if (seen[row - clg__config_keys]) {
        return fail_duplicate(r, line, place, key);
    }
    seen[row - clg__config_keys] = true;
    int status = next_event(r);
    if (status != CLG_OK) {
        return status;
    }
    if (r->event.type != YAML_SCALAR_EVENT) {
        return fail_kind(r, key, "a single value", "write `key: value`");
    }
    bool quoted = r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (!clg__config_value_set(row, base, (const char *)r->event.data.scalar.value, quoted,
                               &fault)) {
        return fail_fault(r, event_line(r), place, &fault);
    }
    return CLG_OK;
}

/* The keys of a plain section; the current event is its start. */
static int read_plain(reader *r, const char *section, const char *place, void *base, bool *seen)
{
    int status = CLG_OK;
    char key[CLG_NAME_MAX];
    for (;;) {
        CLG_TRY(next_event(r));
        if (r->event.type == YAML_MAPPING_END_EVENT) {
            break;
        }
        CLG_TRY(take_key(r, strcmp(section, "layer") == 0 ? "a layer" : section, key));
        CLG_TRY(read_value(r, section, place, key, base, seen));
    }
out:
    return status;
}

static int read_layers(reader *r, const char *section, clg_net_desc *net)
{
    int status = CLG_OK;
    char place[64];
    CLG_TRY(expect_start(r, YAML_SEQUENCE_START_EVENT, "layers"));
    for (;;) {
        CLG_TRY(next_event(r));
        if (r->event.type == YAML_SEQUENCE_END_EVENT) {
            break;
        }
        if (net->layer_count == CLG_LAYERS_MAX) {
            return clg__fail(CLG_E_MODEL, "%s:%u: %s has more than %d layers", r->name,
                             event_line(r), section, CLG_LAYERS_MAX);
        }
        (void)snprintf(place, sizeof place, "%s layer %u: ", section, net->layer_count + 1);
        if (r->event.type != YAML_MAPPING_START_EVENT) {
            return fail_kind(r, "a layer", "a map of keys",
                             "write { op: conv2d, out: 64, kernel: 4, ... }");
        }
        clg_layer_desc *layer = &net->layer[net->layer_count];
        bool seen[CLG_CONFIG_KEYS_MAX] = { false };
        clg__config_layer_defaults(layer);
        layer->line = event_line(r);
        CLG_TRY(read_plain(r, "layer", place, layer, seen));
        CLG_TRY(clg__config_check_layer(r->name, place, layer, seen));
        net->layer_count++;
    }
out:
    return status;
}

/* generator or discriminator: keys of the table, and the nested init and layers. */
static int read_net(reader *r, const char *section, clg_net_desc *net)
{
    int status = CLG_OK;
    bool seen[CLG_CONFIG_KEYS_MAX] = { false };
    bool seen_init = false;
    bool seen_layers = false;
    unsigned line = event_line(r);
    char key[CLG_NAME_MAX];
    char init[CLG_NAME_MAX];
    (void)snprintf(init, sizeof init, "%s.init", section);
    for (;;) {
        CLG_TRY(next_event(r));
        if (r->event.type == YAML_MAPPING_END_EVENT) {
            break;
        }
        CLG_TRY(take_key(r, section, key));
        bool is_init = strcmp(key, "init") == 0;
        bool is_layers = strcmp(key, "layers") == 0;
        if ((is_init && seen_init) || (is_layers && seen_layers)) {
            return fail_duplicate(r, event_line(r), "", key);
        }
        seen_init = seen_init || is_init;
        seen_layers = seen_layers || is_layers;
        if (is_init) {
            CLG_TRY(expect_start(r, YAML_MAPPING_START_EVENT, "init"));
            CLG_TRY(read_plain(r, init, "", r->desc, seen));
        } else if (is_layers) {
            CLG_TRY(read_layers(r, section, net));
        } else {
            CLG_TRY(read_value(r, section, "", key, r->desc, seen));
        }
    }
    if (net->layer_count == 0) {
        status = clg__hint(clg__fail(CLG_E_MODEL, "%s:%u: %s has no layers", r->name, line,
                                     section),
                           "add `layers:` with one entry per layer");
    } else {
        status = clg__config_check_net(r->name, section, net);
    }
out:
    return status;
}

static int read_section(reader *r, const char *section)
{
    bool seen[CLG_CONFIG_KEYS_MAX] = { false };
    int status = expect_start(r, YAML_MAPPING_START_EVENT, section);
    if (status != CLG_OK) {
        return status;
    }
    if (strcmp(section, "generator") == 0) {
        return read_net(r, section, &r->desc->generator);
    }
    if (strcmp(section, "discriminator") == 0) {
        return read_net(r, section, &r->desc->discriminator);
    }
    unsigned line = event_line(r);
    status = read_plain(r, section, "", r->desc, seen);
    if (status != CLG_OK) {
        return status;
    }
    if (strcmp(section, "model") == 0 && r->desc->model.name[0] == '\0') {
        return clg__hint(clg__fail(CLG_E_MODEL, "%s:%u: model.name is missing", r->name, line),
                         "it names the run folder, for example `name: my-gan`");
    }
    if (strcmp(section, "latent") == 0 && r->desc->latent.kind == CLG_LATENT_UNIFORM &&
        !(r->desc->latent.lo < r->desc->latent.hi)) {
        return clg__hint(clg__fail(CLG_E_MODEL, "%s:%u: latent.lo %g is not below latent.hi %g",
                                   r->name, line, (double)r->desc->latent.lo,
                                   (double)r->desc->latent.hi),
                         "a uniform latent is drawn from [lo, hi)");
    }
    return CLG_OK;
}

static int check_sections(const reader *r, const bool *seen)
{
    static const char *const required[] = { "model", "latent", "generator", "discriminator" };
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++) {
        for (size_t j = 0; clg__config_sections[j] != NULL; j++) {
            if (strcmp(required[i], clg__config_sections[j]) == 0 && !seen[j]) {
                return clg__hint(clg__fail(CLG_E_MODEL, "%s:%u: section '%s' is missing", r->name,
                                           event_line(r), required[i]),
                                 "a model file needs model, latent, generator and discriminator; "
                                 "`clgan models show dcgan` prints one");
            }
        }
    }
    return CLG_OK;
}

/* The whole file: one document, a map of sections. */
static int read_file(reader *r)
{
    int status = CLG_OK;
    bool seen[CLG_CONFIG_KEYS_MAX] = { false };
    clg_config_fault fault = { { 0 }, { 0 } };
    char key[CLG_NAME_MAX];
    CLG_TRY(next_event(r)); /* start of the stream */
    CLG_TRY(next_event(r)); /* start of the document */
    if (r->event.type != YAML_DOCUMENT_START_EVENT) {
        return clg__hint(clg__fail(CLG_E_MODEL, "%s:1: the file is empty", r->name),
                         "`clgan models show dcgan` prints a model file that works");
    }
    CLG_TRY(expect_start(r, YAML_MAPPING_START_EVENT, "a model file"));
    for (;;) {
        CLG_TRY(next_event(r));
        if (r->event.type == YAML_MAPPING_END_EVENT) {
            break;
        }
        CLG_TRY(take_key(r, "a model file", key));
        size_t i = 0;
        while (clg__config_sections[i] != NULL && strcmp(clg__config_sections[i], key) != 0) {
            i++;
        }
        if (clg__config_sections[i] == NULL) {
            clg__config_section_unknown(key, &fault);
            return fail_fault(r, event_line(r), "", &fault);
        }
        if (seen[i]) {
            return fail_duplicate(r, event_line(r), "", key);
        }
        seen[i] = true;
        CLG_TRY(read_section(r, key));
    }
    CLG_TRY(check_sections(r, seen));
    CLG_TRY(next_event(r)); /* end of the document */
    CLG_TRY(next_event(r));
    if (r->event.type != YAML_STREAM_END_EVENT) {
        status = clg__hint(clg__fail(CLG_E_MODEL, "%s:%u: a second document begins here", r->name,
                                     event_line(r)),
                           "one file describes one model");
    }
out:
    return status;
}

int clg__config_parse(const char *text, size_t n, const char *name, clg_model_desc *out)
{
    clg__config_defaults(out);
    if (n > CLG_CONFIG_FILE_MAX) {
        return clg__hint(clg__fail(CLG_E_MODEL, "%s:1: the file has %zu bytes, at most %d are read",
                                   name, n, CLG_CONFIG_FILE_MAX),
                         "is this a model file?");
    }
    reader r = { .name = name, .desc = out };
    if (!yaml_parser_initialize(&r.yaml)) {
        return clg__fail(CLG_E_MEMORY, "out of host memory while reading %s", name);
    }
    yaml_parser_set_encoding(&r.yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.yaml, (const unsigned char *)text, n);
    int status = read_file(&r);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.yaml);
    return status;
}
