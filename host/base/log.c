/* The log sink. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static clg_log_sink current_sink;
static void *current_user;

void clg__log_set(clg_log_sink sink, void *user)
{
    current_sink = sink;
    current_user = user;
}

void clg__log(enum clg_log_level level, const char *fmt, ...)
{
    if (current_sink == NULL) {
        return;
    }
    char line[2048];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    current_sink(current_user, level, line);
}
