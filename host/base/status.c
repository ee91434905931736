/* Status names and the message of the calling thread. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_MAX = 1200 };

static _Thread_local char last_message[MESSAGE_MAX];
static _Thread_local char last_hint[MESSAGE_MAX];

const char *clg_status_name(int status)
{
    switch (status) {
#define CLG_X(name, value, text) \
    case value:                  \
        return #name;
        CLG_STATUS_LIST(CLG_X)
#undef CLG_X
    default:
        return "unknown status";
    }
}

const char *clg_status_text(int status)
{
    switch (status) {
#define CLG_X(name, value, text) \
    case value:                  \
        return text;
        CLG_STATUS_LIST(CLG_X)
#undef CLG_X
    default:
        return "unknown status";
    }
}

const char *clg_message(void)
{
    return last_message;
}

const char *clg_hint(void)
{
    return last_hint;
}

/* One line, whatever a file name contains. */
static void flatten(char *text)
{
    for (char *p = text; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20) {
            *p = ' ';
        }
    }
}

int clg__fail(int status, const char *fmt, ...)
{
    va_list ap;
    char text[MESSAGE_MAX];
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    flatten(text);
    memcpy(last_message, text, sizeof text);
    last_hint[0] = '\0';
    return status;
}

int clg__hint(int status, const char *fmt, ...)
{
    va_list ap;
    char text[MESSAGE_MAX];
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    flatten(text);
    memcpy(last_hint, text, sizeof text);
    return status;
}

int clg__context(int status, const char *fmt, ...)
{
    va_list ap;
    char text[MESSAGE_MAX];
    char old[MESSAGE_MAX];
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    memcpy(old, last_message, sizeof old);
    size_t n = strlen(text);
    if (n < sizeof text - 3) {
        (void)snprintf(text + n, sizeof text - n, ": %.*s", (int)(sizeof text - n - 3), old);
    }
    flatten(text);
    memcpy(last_message, text, sizeof text);
    return status;
}
