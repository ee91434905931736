/* Log lines for humans: the library writes through one sink, which the application sets. */
#ifndef CLG_BASE_LOG_H
#define CLG_BASE_LOG_H

#include "base/status.h"

enum clg_log_level { CLG_LOG_DEBUG, CLG_LOG_INFO, CLG_LOG_WARN };

/* `line` has no newline and is valid during the call only. May be called from any thread. */
typedef void (*clg_log_sink)(void *user, enum clg_log_level level, const char *line);

/* NULL: silence (the default). Not thread-safe against running log calls: set it at the start. */
void clg__log_set(clg_log_sink sink, void *user);
void clg__log(enum clg_log_level level, const char *fmt, ...) CLG_PRINTF(2, 3);

#endif
