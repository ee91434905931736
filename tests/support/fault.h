/* Checks on a fault: status, message and hint together. For cmocka tests. */
#ifndef TESTS_SUPPORT_FAULT_H
#define TESTS_SUPPORT_FAULT_H

#include <stdio.h>
#include <string.h>

#include "base/status.h"

/* `got` is the status of a call. The message must contain `what` and be one line, the hint must
 * contain `hint` ("" = any). */
#define assert_fault(got, status, what, hint)                                              \
    do {                                                                                   \
        int fault_got = (got);                                                             \
        if (fault_got != (status) || strstr(clg_message(), (what)) == NULL ||              \
            strstr(clg_hint(), (hint)) == NULL || strchr(clg_message(), '\n') != NULL) {   \
            fail_msg("got %s: '%s' / hint '%s'\nwanted %s: '%s' / hint '%s'",              \
                     clg_status_name(fault_got), clg_message(), clg_hint(),                \
                     clg_status_name(status), (what), (hint));                             \
        }                                                                                  \
    } while (0)

/* `got` must be CLG_OK; shows the message otherwise. */
#define assert_ok(got)                                                                     \
    do {                                                                                   \
        int ok_got = (got);                                                                \
        if (ok_got != CLG_OK) {                                                            \
            fail_msg("%s: %s", clg_status_name(ok_got), clg_message());                    \
        }                                                                                  \
    } while (0)

#endif
