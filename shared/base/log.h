/* Log lines in logfmt on stderr: `time=… level=… program=… message="…"`. Libraries return errors;
 * programs log them, once, with the object's id. Secrets are never passed to this module. */
#ifndef MH_LOG_H
#define MH_LOG_H

#include <stdint.h>

#include "shared/base/base.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

/* `program` is borrowed for the life of the process. */
void log_init(const char *program, enum log_level level);
/* 0, or -EINVAL for a name that is not debug, info, warning or error. */
MUST_CHECK int log_level_parse(const char *name, enum log_level *ret_level);
void log_write(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)

/* One place in the code that may repeat: at most one line each `interval_ms`; the next line that
 * passes says how many were held back. Zero-initialise apart from interval_ms. */
struct log_limit {
    uint32_t interval_ms;
    int64_t last_ms;
    uint64_t suppressed;
};

void log_limited(struct log_limit *limit, enum log_level level, const char *format, ...)
    PRINTF_LIKE(3, 4);

#endif
