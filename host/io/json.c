/* JSON answers on jansson. Every node remembers its root, where a failed allocation is noted, so
 * that callers add values without checking and finish tells. Text that is no UTF-8 (a driver's
 * device name) gets '?' for the bad bytes. */
#include "io/json.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "io/config_internal.h"

struct clg_json {
    json_t *value; /* owned by the root's tree */
    clg_json *root;
    clg_json *next; /* root: all nodes below it */
    bool failed;    /* root only */
};

clg_json *clg__json_object(void)
{
    clg_json *root = clg__alloc(1, sizeof *root);
    if (root == NULL) {
        return NULL;
    }
    root->root = root;
    root->value = json_object();
    root->failed = root->value == NULL;
    return root;
}

/* Puts `value` (ownership taken) below parent; false: noted at the root. */
static bool attach(clg_json *parent, const char *key, json_t *value)
{
    int bad = json_is_array(parent->value) ? json_array_append_new(parent->value, value)
              : key != NULL                ? json_object_set_new(parent->value, key, value)
                                           : -1;
    if (bad != 0) {
        parent->root->failed = true;
    }
    return bad == 0;
}

static clg_json *add_node(clg_json *parent, const char *key, json_t *value)
{
    if (parent == NULL) {
        json_decref(value);
        return NULL;
    }
    clg_json *node = clg__alloc(1, sizeof *node);
    if (node == NULL) {
        json_decref(value);
        parent->root->failed = true;
        return NULL;
    }
    if (!attach(parent, key, value)) {
        clg__free(node);
        return NULL;
    }
    node->value = value;
    node->root = parent->root;
    node->next = parent->root->next;
    parent->root->next = node;
    return node;
}

clg_json *clg__json_add_object(clg_json *parent, const char *key)
{
    return add_node(parent, key, json_object());
}

clg_json *clg__json_add_array(clg_json *parent, const char *key)
{
    return add_node(parent, key, json_array());
}

void clg__json_add_text(clg_json *parent, const char *key, const char *value)
{
    if (parent == NULL) {
        return;
    }
    if (value == NULL) {
        (void)attach(parent, key, json_null());
        return;
    }
    if (clg__config_is_utf8(value)) {
        (void)attach(parent, key, json_string(value));
        return;
    }
    char *copy = clg__strdup(value);
    if (copy == NULL) {
        parent->root->failed = true;
        return;
    }
    for (char *p = copy; *p != '\0'; p++) {
        *p = (unsigned char)*p < 0x80 ? *p : '?';
    }
    (void)attach(parent, key, json_string(copy));
    clg__free(copy);
}

void clg__json_add_number(clg_json *parent, const char *key, double value)
{
    if (parent != NULL) {
        (void)attach(parent, key, isfinite(value) ? json_real(value) : json_null());
    }
}

void clg__json_add_integer(clg_json *parent, const char *key, int64_t value)
{
    if (parent != NULL) {
        (void)attach(parent, key, json_integer(value));
    }
}

void clg__json_add_bool(clg_json *parent, const char *key, bool value)
{
    if (parent != NULL) {
        (void)attach(parent, key, json_boolean(value));
    }
}

static int collect(const char *buffer, size_t size, void *str)
{
    clg__str_add_bytes(str, buffer, size);
    return ((clg_str *)str)->failed ? -1 : 0;
}

int clg__json_finish(clg_json **proot, clg_str *out)
{
    clg_json *root = *proot;
    if (root == NULL) {
        return clg__fail(CLG_E_MEMORY, "out of host memory while writing JSON");
    }
    bool bad = root->failed ||
               json_dump_callback(root->value, collect, out,
                                  JSON_INDENT(2) | JSON_REAL_PRECISION(9)) != 0;
    clg__str_add(out, "\n");
    json_decref(root->value);
    for (clg_json *node = root->next; node != NULL;) {
        clg_json *next = node->next;
        clg__free(node);
        node = next;
    }
    clg__free(root);
    *proot = NULL;
    return bad || out->failed ? clg__fail(CLG_E_MEMORY, "out of host memory while writing JSON")
                              : CLG_OK;
}
