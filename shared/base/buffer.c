#include "shared/base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/base/memory.h"

#define FIRST_BYTES 256

static void grow(struct buffer *buffer, size_t extra)
{
    size_t needed;
    if (__builtin_add_overflow(buffer->length, extra, &needed) || needed > SIZE_MAX / 2) {
        log_error("buffer of %zu bytes cannot grow by %zu", buffer->length, extra);
        abort();
    }
    size_t capacity = buffer->capacity ? buffer->capacity : FIRST_BYTES;
    while (capacity < needed)
        capacity *= 2;
    buffer->data = memory_realloc(buffer->data, capacity);
    buffer->capacity = capacity;
}

char *buffer_reserve(struct buffer *buffer, size_t extra)
{
    if (!buffer->data || extra > buffer->capacity - buffer->length)
        grow(buffer, extra);
    return buffer->data + buffer->length;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    if (length == 0)
        return;
    memcpy(buffer_reserve(buffer, length), bytes, length);
    buffer->length += length;
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

size_t decimal_i64(int64_t value, char digits[DECIMAL_SIZE])
{
    size_t at = DECIMAL_SIZE;
    /* Negating as unsigned, since -INT64_MIN does not exist. */
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        digits[--at] = '-';
    return at;
}

void buffer_append_i64(struct buffer *buffer, int64_t value)
{
    char digits[DECIMAL_SIZE];
    size_t at = decimal_i64(value, digits);
    buffer_append(buffer, digits + at, sizeof(digits) - at);
}

/* Writes what stands for one character that JSON does not take as it is. */
static void append_escape(struct buffer *buffer, unsigned char character)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                   ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};
    if (character < sizeof(letters) && letters[character]) {
        char escape[] = {'\\', letters[character]};
        buffer_append(buffer, escape, sizeof(escape));
        return;
    }
    char escape[] = {'\\', 'u', '0', '0', hex[character >> 4], hex[character & 15]};
    buffer_append(buffer, escape, sizeof(escape));
}

void buffer_append_json_string(struct buffer *buffer, const char *text, size_t length)
{
    buffer_append(buffer, "\"", 1);
    size_t plain = 0; /* start of the run that needs no escape */
    for (size_t i = 0; i < length; i++) {
        unsigned char character = (unsigned char)text[i];
        if (character >= 0x20 && character != '"' && character != '\\')
            continue;
        buffer_append(buffer, text + plain, i - plain);
        append_escape(buffer, character);
        plain = i + 1;
    }
    buffer_append(buffer, text + plain, length - plain);
    buffer_append(buffer, "\"", 1);
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length > 0) {
        size_t room = (size_t)length + 1; /* vsnprintf writes a NUL too */
        vsnprintf(buffer_reserve(buffer, room), room, format, again);
        buffer->length += (size_t)length;
    }
    va_end(again);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->length = 0;
}

void buffer_done(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer)BUFFER_INIT;
}
