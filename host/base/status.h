/* Internal side of clgan/status.h: writing the message, and CLG_TRY. */
#ifndef CLG_BASE_STATUS_H
#define CLG_BASE_STATUS_H

#include "clgan/status.h"

#if defined(__GNUC__)
#define CLG_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define CLG_PRINTF(f, a)
#endif

/* Stores the message of this thread (one line, no final newline; what failed, where, with values),
 * clears the hint, and returns `status`, so that a fault is one statement:
 *     return clg__fail(CLG_E_DATA, "%s: file ends after %zu bytes", path, n);   */
int clg__fail(int status, const char *fmt, ...) CLG_PRINTF(2, 3);

/* Adds the hint (what to do next) to the message just stored, returns `status` unchanged:
 *     return clg__hint(clg__fail(...), "install it: apt install dataset-fashion-mnist");  */
int clg__hint(int status, const char *fmt, ...) CLG_PRINTF(2, 3);

/* Puts "text: " before the message just stored (context added by a caller), returns `status`. */
int clg__context(int status, const char *fmt, ...) CLG_PRINTF(2, 3);

/* Goes to the label `out` of the function with `status` (an int of the function) set. */
#define CLG_TRY(expr)              \
    do {                           \
        status = (expr);           \
        if (status != CLG_OK) {    \
            goto out;              \
        }                          \
    } while (0)

#endif
