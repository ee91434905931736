/* Log lines for humans. The library never prints: it gives each line to one sink, which the
 * application sets. */
#ifndef CLGAN_LOG_H
#define CLGAN_LOG_H

#include "clgan/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum clg_log_level { CLG_LOG_DEBUG, CLG_LOG_INFO, CLG_LOG_WARN };

/* `line` has no newline and is valid during the call only. May be called from any thread. */
typedef void (*clg_log_sink)(void *user, enum clg_log_level level, const char *line);

/* Sends every later line to `sink` with `user`; NULL: silence (the default). Not thread-safe
 * against running calls of the library: set it at the start. */
CLG_API void clg_log_set(clg_log_sink sink, void *user);

#ifdef __cplusplus
}
#endif
#endif
