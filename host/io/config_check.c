/* What the key table cannot say about layers: keys that an op does not have or cannot be without,
 * and the names by which layers refer to each other. Every fault names file, line and layer. Not
 * here: shapes, which need the data (gan/model_expand.c). */
#include <stdio.h>
#include <string.h>

#include "io/config_internal.h"

enum { KEYS_PER_OP = 12 };

/* The keys that every layer takes, and those of each op, beginning with the ones that it needs. */
static const char *const common_keys[] = { "op", "name", "id", "from", "head" };
typedef struct op_keys {
    const char *needed[3], *optional[KEYS_PER_OP];
    const char *example;
} op_keys;
#define UNIT_KEYS "bias", "norm", "bias_init", "bias_value"
static const op_keys keys_of[CLG_LAYER_COUNT] = {
    [CLG_LAYER_LINEAR] = { { "out" },
                           { UNIT_KEYS, "act", "slope", "repeat" },
                           "{ op: linear, out: 128, act: relu }" },
    [CLG_LAYER_CONV2D] = { { "out", "kernel" },
                           { UNIT_KEYS, "act", "slope", "repeat", "stride", "pad" },
                           "{ op: conv2d, out: 64, kernel: 4, stride: 2, pad: 1 }" },
    [CLG_LAYER_DECONV2D] = { { "out", "kernel" },
                             { UNIT_KEYS, "act", "slope", "repeat", "stride", "pad", "out_pad" },
                             "{ op: deconv2d, out: 64, kernel: 4, stride: 2, pad: 1 }" },
    [CLG_LAYER_MAXOUT] = { { "out", "pieces" },
                           { UNIT_KEYS },
                           "{ op: maxout, out: 240, pieces: 5 }" },
    [CLG_LAYER_DROPOUT] = { { "keep" }, { NULL }, "{ op: dropout, keep: 0.5 }" },
    [CLG_LAYER_CONCAT] = { { "with" }, { NULL }, "{ op: concat, with: label }" },
    [CLG_LAYER_EMBEDDING] = { { "out" }, { NULL }, "{ op: embedding, out: 50 }" },
    [CLG_LAYER_ONEHOT] = { { NULL }, { NULL }, "{ op: onehot }" },
    [CLG_LAYER_UPSAMPLE] = { { "scale" }, { NULL }, "{ op: upsample, scale: 2 }" },
    [CLG_LAYER_AVGPOOL] = { { "scale" }, { NULL }, "{ op: avgpool, scale: 2 }" },
};

#define CLG_X(id, text) [id] = text,
static const char *const op_names[CLG_LAYER_COUNT] = { CLG_LAYER_LIST(CLG_X) };
#undef CLG_X

static bool is_in(const char *key, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n && list[i] != NULL; i++) {
        if (strcmp(list[i], key) == 0) {
            return true;
        }
    }
    return false;
}

bool clg__config_layer_needs(enum clg_layer_op op, const char *key)
{
    return strcmp(key, "op") == 0 || is_in(key, keys_of[op].needed, 3);
}

/* ---- one layer ---- */

static bool was_seen(const bool *seen, const char *key)
{
    return seen[clg__config_key_find("layer", key) - clg__config_keys];
}

static int check_needed(const char *file, const char *place, const clg_layer_desc *l,
                        const bool *seen)
{
    for (size_t i = 0; i < 3 && keys_of[l->op].needed[i] != NULL; i++) {
        const char *key = keys_of[l->op].needed[i];
        if (!was_seen(seen, key)) {
            return clg__hint(
                clg__fail(CLG_E_MODEL, "%s:%u: %skey '%s' is missing", file, l->line, place, key),
                "write it as in %s", keys_of[l->op].example);
        }
    }
    return CLG_OK;
}

static int check_allowed(const char *file, const char *place, const clg_layer_desc *l,
                         const bool *seen)
{
    const op_keys *mine = &keys_of[l->op];
    char takes[200] = "";
    for (size_t i = 0; i < clg__config_key_count; i++) {
        const char *key = clg__config_keys[i].key;
        if (strcmp(clg__config_keys[i].section, "layer") != 0) {
            continue;
        }
        if (is_in(key, common_keys, sizeof common_keys / sizeof common_keys[0]) ||
            is_in(key, mine->needed, 3) || is_in(key, mine->optional, KEYS_PER_OP)) {
            clg__config_append(takes, sizeof takes, " ");
            clg__config_append(takes, sizeof takes, key);
        }
    }
    for (size_t i = 0; i < clg__config_key_count; i++) {
        const char *key = clg__config_keys[i].key;
        if (strcmp(clg__config_keys[i].section, "layer") == 0 && seen[i] &&
            !is_in(key, common_keys, sizeof common_keys / sizeof common_keys[0]) &&
            !is_in(key, mine->needed, 3) && !is_in(key, mine->optional, KEYS_PER_OP)) {
            return clg__hint(clg__fail(CLG_E_MODEL, "%s:%u: %s%s layers have no key '%s'", file,
                                       l->line, place, op_names[l->op], key),
                             "remove it, or change op; %s takes%s", op_names[l->op], takes);
        }
    }
    return CLG_OK;
}

static int check_bias(const char *file, const char *place, const clg_layer_desc *l,
                      const bool *seen)
{
    if (l->bias_init != CLG_BIAS_DEFAULT && !l->bias) {
        return clg__hint(clg__fail(CLG_E_MODEL, "%s:%u: %skey 'bias_init', but bias is false", file,
                                   l->line, place),
                         "remove one of the two");
    }
    if (was_seen(seen, "bias_value") && l->bias_init != CLG_BIAS_CONSTANT) {
        return clg__hint(clg__fail(CLG_E_MODEL, "%s:%u: %s'bias_value' needs 'bias_init: constant'",
                                   file, l->line, place),
                         "write bias_init: constant, bias_value: 0.1");
    }
    return CLG_OK;
}

int clg__config_check_layer(const char *file, const char *place, const clg_layer_desc *l,
                            const bool *seen)
{
    int status = CLG_OK;
    if (!was_seen(seen, "op")) {
        return clg__hint(
            clg__fail(CLG_E_MODEL, "%s:%u: %skey 'op' is missing", file, l->line, place),
            "a layer says what it does, for example { op: linear, out: 128 }");
    }
    CLG_TRY(check_needed(file, place, l, seen));
    CLG_TRY(check_allowed(file, place, l, seen));
    CLG_TRY(check_bias(file, place, l, seen));
    if (l->repeat_stages && (l->out.kind != CLG_DIM_STAGE || l->name[0] != '\0')) {
        return clg__hint(clg__fail(CLG_E_MODEL,
                                   "%s:%u: %s'repeat: stages' needs 'out: stage' and "
                                   "no name",
                                   file, l->line, place),
                         "each copy takes the next stage width and its own index");
    }
    if (l->repeat_stages && l->head[0] != '\0') {
        return clg__hint(clg__fail(CLG_E_MODEL, "%s:%u: %sa repeated layer cannot be a head", file,
                                   l->line, place),
                         "the head is one layer with `out: 1` after it");
    }
out:
    return status;
}

/* ---- names between layers ---- */

/* What is known of one net while its layers are read from first to last. */
typedef struct names {
    const char *file, *section;
    const clg_net_desc *net;
    bool used[CLG_LAYERS_MAX]; /* some layer takes its output, or it is a head */
    bool sees_label[CLG_LAYERS_MAX];
    bool input_used, any_head;
} names;

static int fail_layer(const names *n, uint32_t i, const char *what, const char *hint)
{
    return clg__hint(clg__fail(CLG_E_MODEL, "%s:%u: %s layer %u: %s", n->file,
                               n->net->layer[i].line, n->section, i + 1, what),
                     "%s", hint);
}

static bool takes_class(const clg_layer_desc *l)
{
    return l->op == CLG_LAYER_EMBEDDING || l->op == CLG_LAYER_ONEHOT;
}

static int check_id(const names *n, uint32_t i)
{
    const char *id = n->net->layer[i].id;
    char what[160];
    if (strcmp(id, "input") == 0 || strcmp(id, "label") == 0) {
        (void)snprintf(what, sizeof what, "id '%s' has a meaning of its own", id);
        return fail_layer(n, i, what, "'input' is what the net is given, 'label' the class");
    }
    for (uint32_t j = 0; j < i && id[0] != '\0'; j++) {
        if (strcmp(id, n->net->layer[j].id) == 0) {
            (void)snprintf(what, sizeof what, "id '%s' is that of layer %u already", id, j + 1);
            return fail_layer(n, i, what, "give one of the two another id");
        }
    }
    return CLG_OK;
}

/* A reference to no layer above: to one below, to itself, or to nothing. */
static int fail_reference(const names *n, uint32_t i, const char *key, const char *id)
{
    const char *known[CLG_LAYERS_MAX + 2] = { "input", "label" };
    size_t count = 2;
    char what[240];
    char hint[400] = "";
    for (uint32_t j = 0; j < n->net->layer_count; j++) {
        const clg_layer_desc *l = &n->net->layer[j];
        if (strcmp(l->id, id) == 0) {
            (void)snprintf(what, sizeof what, "%s: '%s' is %s; a net has no cycles", key, id,
                           j == i ? "this layer itself" : "a layer further down");
            return fail_layer(n, i, what, "a layer takes what layers above it have made");
        }
        if (j < i && l->id[0] != '\0') {
            known[count++] = l->id;
        }
    }
    (void)snprintf(what, sizeof what, "%s: there is no layer with id '%s'", key, id);
    const char *near = clg__nearest(id, known, count);
    if (near != NULL) {
        (void)snprintf(hint, sizeof hint, "did you mean '%s'? ", near);
    }
    clg__config_append(hint, sizeof hint, "known here:");
    for (size_t k = 0; k < count; k++) {
        clg__config_append(hint, sizeof hint, " ");
        clg__config_append(hint, sizeof hint, known[k]);
    }
    return fail_layer(n, i, what, hint);
}

/* Marks what layer i takes under `key` as used. */
static int take_reference(names *n, uint32_t i, const char *key, const char *id)
{
    if (strcmp(id, "input") == 0) {
        n->input_used = true;
        return CLG_OK;
    }
    if (strcmp(id, "label") == 0) {
        n->sees_label[i] = true;
        return CLG_OK;
    }
    for (uint32_t j = 0; j < i; j++) {
        if (strcmp(id, n->net->layer[j].id) == 0) {
            n->used[j] = true;
            n->sees_label[i] = n->sees_label[i] || n->sees_label[j];
            return CLG_OK;
        }
    }
    return fail_reference(n, i, key, id);
}

static int take_inputs(names *n, uint32_t i)
{
    const clg_layer_desc *l = &n->net->layer[i];
    int status = CLG_OK;
    if (takes_class(l)) {
        n->sees_label[i] = true;
        return l->from[0] == '\0' || strcmp(l->from, "label") == 0
                   ? CLG_OK
                   : fail_layer(n, i, "it takes the label and nothing else",
                                "remove from, or change op");
    }
    if (l->from[0] != '\0') {
        CLG_TRY(take_reference(n, i, "from", l->from));
    } else if (i == 0) {
        n->input_used = true;
    } else {
        n->used[i - 1] = true;
        n->sees_label[i] = n->sees_label[i - 1];
    }
    if (l->with[0] != '\0') {
        CLG_TRY(take_reference(n, i, "with", l->with));
    }
out:
    return status;
}

static int check_head(names *n, uint32_t i)
{
    static const char *const words[] = { "realness", "match" };
    const clg_layer_desc *l = &n->net->layer[i];
    char text[200];
    if (l->head[0] == '\0') {
        return CLG_OK;
    }
    n->used[i] = n->any_head = true;
    if (strcmp(n->section, "generator") == 0) {
        return fail_layer(n, i, "a generator has no heads",
                          "its one output is its last layer; remove head");
    }
    if (!is_in(l->head, words, 2)) {
        const char *near = clg__nearest(l->head, words, 2);
        (void)snprintf(text, sizeof text, "head wants 'realness' or 'match', not '%s'",
                       clg__config_shown(l->head).text);
        return fail_layer(n, i, text,
                          near == NULL                 ? "use 'realness'"
                          : strcmp(near, "match") == 0 ? "did you mean 'match'?"
                                                       : "did you mean 'realness'?");
    }
    for (uint32_t j = 0; j < i; j++) {
        if (strcmp(l->head, n->net->layer[j].head) == 0) {
            (void)snprintf(text, sizeof text, "head '%s' is layer %u already", l->head, j + 1);
            return fail_layer(n, i, text, "a discriminator has at most one head of each kind");
        }
    }
    if (strcmp(l->head, "match") == 0 && !n->sees_label[i]) {
        return fail_layer(n, i, "head 'match' judges the label, but no label reaches it",
                          "join it before, for example { op: concat, with: label }");
    }
    return CLG_OK;
}

/* With all layers read: what is left over, and which outputs there are. */
static int check_ends(names *n)
{
    const clg_net_desc *net = n->net;
    bool realness = false;
    if (!n->any_head) {
        n->used[net->layer_count - 1] = true;
    }
    for (uint32_t i = 0; i < net->layer_count; i++) {
        realness = realness || strcmp(net->layer[i].head, "realness") == 0;
        if (!n->used[i]) {
            return fail_layer(n, i, "no layer takes its output",
                              "give it an id and name that in a later layer's from or with, or "
                              "remove it");
        }
    }
    if (n->any_head && !realness) {
        return fail_layer(n, net->layer_count - 1,
                          "the net has a head 'match', but none "
                          "'realness'",
                          "mark a second layer with head: realness, or remove head");
    }
    if (!n->input_used) {
        return fail_layer(n, 0, "no layer takes the net's input",
                          "a layer with from: input takes it, as does the first one without from");
    }
    return CLG_OK;
}

int clg__config_check_net(const char *file, const char *section, const clg_net_desc *net)
{
    names n = { .file = file, .section = section, .net = net };
    int status = CLG_OK;
    for (uint32_t i = 0; i < net->layer_count; i++) {
        CLG_TRY(check_id(&n, i));
        CLG_TRY(take_inputs(&n, i));
        CLG_TRY(check_head(&n, i));
    }
    CLG_TRY(check_ends(&n));
out:
    return status;
}
