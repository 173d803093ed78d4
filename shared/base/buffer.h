/* Growable byte buffer, for building text and frames. Owned by whoever declares it. */
#ifndef MH_BUFFER_H
#define MH_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "shared/base/base.h"

struct buffer {
    char *data; /* NULL while nothing was appended; not NUL-terminated */
    size_t length, capacity;
};

#define BUFFER_INIT                                                                                \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

/* Of an int64_t in decimal, with its sign. */
#define DECIMAL_SIZE 20u
/* Writes the digits to the end of `digits`, without NUL; where they begin. */
size_t decimal_i64(int64_t value, char digits[DECIMAL_SIZE]);

/* Makes room for `extra` more bytes and returns where they go; `length` is unchanged. */
char *buffer_reserve(struct buffer *buffer, size_t extra);
void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_i64(struct buffer *buffer, int64_t value);
/* A JSON string with its quotes; `text` is valid UTF-8. */
void buffer_append_json_string(struct buffer *buffer, const char *text, size_t length);
void buffer_printf(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);
/* Keeps the memory for the next use. */
void buffer_clear(struct buffer *buffer);
void buffer_done(struct buffer *buffer);

#endif
