/* Log lines for humans: the library writes through one sink, which the application sets. */
#ifndef CLG_BASE_LOG_H
#define CLG_BASE_LOG_H

#include "base/status.h"
#include "clgan/log.h" /* enum clg_log_level, clg_log_sink */

/* NULL: silence (the default). Not thread-safe against running log calls: set it at the start. */
void clg__log_set(clg_log_sink sink, void *user);
void clg__log(enum clg_log_level level, const char *fmt, ...) CLG_PRINTF(2, 3);

#endif
