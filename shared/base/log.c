#include "shared/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/time.h"

/* A line is one write(2) of at most this, so that lines of several workers do not mix. */
#define LINE_BYTES 2048
#define MESSAGE_BYTES 1024

static const char *const level_names[] = {
    [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_ERROR] = "error",
};

static const char *program_name = "metrics-hub";
static enum log_level lowest_level = LOG_LEVEL_INFO;

void log_init(const char *program, enum log_level level)
{
    program_name = program;
    lowest_level = level;
}

int log_level_parse(const char *name, enum log_level *ret_level)
{
    for (size_t i = 0; i < ARRAY_LENGTH(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

/* Quotes, backslashes and control characters are escaped: a message may hold what a client sent,
 * which must not be able to forge a second line. */
static size_t quote(char *out, size_t size, const char *message)
{
    size_t used = 0;
    for (const unsigned char *p = (const unsigned char *)message; *p && used + 5 < size; p++) {
        if (*p == '"' || *p == '\\') {
            out[used++] = '\\';
            out[used++] = (char)*p;
        } else if (*p == '\n') {
            out[used++] = '\\';
            out[used++] = 'n';
        } else if (*p < 0x20 || *p == 0x7f) {
            used += (size_t)snprintf(out + used, 5, "\\x%02x", *p);
        } else {
            out[used++] = (char)*p;
        }
    }
    return used;
}

static void write_line(enum log_level level, const char *message)
{
    char time_text[TIME_RFC3339_SIZE];
    char line[LINE_BYTES];
    time_format_rfc3339(time_wall_us(), time_text);
    int head = snprintf(line, sizeof(line) / 2, "time=%s level=%s program=%.64s pid=%d message=\"",
                        time_text, level_names[level], program_name, (int)getpid());
    size_t length = head > 0 ? (size_t)head : 0;
    length += quote(line + length, sizeof(line) - length - 2, message);
    line[length++] = '"';
    line[length++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, length);
    (void)written; /* nowhere to report it to */
}

void log_write(enum log_level level, const char *format, ...)
{
    if (level < lowest_level)
        return;
    char message[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    write_line(level, message);
}

void log_limited(struct log_limit *limit, enum log_level level, const char *format, ...)
{
    if (level < lowest_level)
        return;
    int64_t now_ms = time_monotonic_us() / 1000;
    if (limit->last_ms && now_ms - limit->last_ms < (int64_t)limit->interval_ms) {
        limit->suppressed++;
        return;
    }
    char message[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (limit->suppressed && length >= 0 && (size_t)length < sizeof(message))
        snprintf(message + length, sizeof(message) - (size_t)length, " (%llu more held back)",
                 (unsigned long long)limit->suppressed);
    limit->last_ms = now_ms;
    limit->suppressed = 0;
    write_line(level, message);
}
