/* Classes by index or by the names that the checkpoint keeps. */
#include "cli/class_option.h"

#include <string.h>

#include "base/str.h"

/* Whether all names are numbers of their own: then no other number means a class. */
static bool names_are_numbers(const clg_sampler *s)
{
    uint32_t classes = clg__sampler_classes(s);
    uint64_t number = 0;
    for (uint32_t i = 0; i < classes; i++) {
        if (!clg__parse_u64(clg__sampler_class(s, i), &number)) {
            return false;
        }
    }
    return true;
}

static bool find_class(const clg_sampler *s, const char *text, size_t len, uint32_t *out)
{
    char copy[256];
    uint64_t number = 0;
    uint32_t classes = clg__sampler_classes(s);
    if (len == 0 || len >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    for (uint32_t i = 0; i < classes; i++) { /* a class named "7" is that one, wherever it stands */
        if (strcmp(clg__sampler_class(s, i), copy) == 0) {
            *out = i;
            return true;
        }
    }
    if (!names_are_numbers(s) && clg__parse_u64(copy, &number) && number < classes) {
        *out = (uint32_t)number;
        return true;
    }
    for (uint32_t i = 0; i < classes; i++) {
        if (clg__equals_nocase(clg__sampler_class(s, i), copy)) {
            *out = i;
            return true;
        }
    }
    return false;
}

static int fail_unknown(const clg_sampler *s, const char *text)
{
    enum { SHOWN_MAX = 20 };
    clg_str names = { 0 };
    bool numbers = names_are_numbers(s);
    uint32_t classes = clg__sampler_classes(s);
    for (uint32_t i = 0; i < classes && i < SHOWN_MAX; i++) {
        const char *name = clg__sampler_class(s, i);
        clg__str_add(&names, "%s", i > 0 ? ", " : "");
        if (!numbers) {
            clg__str_add(&names, "%u%s", i, name[0] != '\0' ? " " : "");
        }
        clg__str_add(&names, "%s", name);
    }
    int status = clg__fail(CLG_E_USAGE, "--class %.100s: the model knows no such class", text);
    status = clg__hint(status, "its %u classes: %s%s", classes,
                       names.text != NULL ? names.text : "", classes > SHOWN_MAX ? ", ..." : "");
    clg__str_free(&names);
    return status;
}

int clg__class_option(const clg_sampler *s, const char *text, clg_class_walk *out)
{
    *out = (clg_class_walk){ .given = text != NULL };
    if (text == NULL) {
        return CLG_OK;
    }
    if (clg__sampler_classes(s) == 0) {
        return clg__hint(clg__fail(CLG_E_USAGE, "--class %.100s: the model %s was trained without "
                                   "classes", text, clg__sampler_desc(s)->model.name),
                         "leave --class away");
    }
    if (find_class(s, text, strlen(text), &out->from)) {
        out->to = out->from;
        return CLG_OK;
    }
    const char *dots = strstr(text, "..");
    if (dots != NULL && find_class(s, text, (size_t)(dots - text), &out->from) &&
        find_class(s, dots + 2, strlen(dots + 2), &out->to)) {
        out->walks = true;
        return CLG_OK;
    }
    return fail_unknown(s, text);
}
