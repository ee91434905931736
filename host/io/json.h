/* JSON output for --json answers (jansson inside). Keys are snake_case with the unit in the name. */
#ifndef CLG_IO_JSON_H
#define CLG_IO_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"

typedef struct clg_json clg_json; /* an object or array node */

clg_json *clg__json_object(void); /* root; NULL: no memory; every call below takes NULL and does nothing */
clg_json *clg__json_add_object(clg_json *parent, const char *key); /* key NULL inside an array */
clg_json *clg__json_add_array(clg_json *parent, const char *key);
void clg__json_add_text(clg_json *parent, const char *key, const char *value);
void clg__json_add_number(clg_json *parent, const char *key, double value); /* not finite: null */
void clg__json_add_integer(clg_json *parent, const char *key, int64_t value);
void clg__json_add_bool(clg_json *parent, const char *key, bool value);
/* Indented text; frees the whole tree (root only). */
int clg__json_finish(clg_json **root, clg_str *out);
#endif
