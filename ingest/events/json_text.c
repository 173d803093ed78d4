#include "ingest/events/json_text.h"

#include <stdio.h>
#include <string.h>

#include "ingest/events/json_tree.h"
#include "shared/base/buffer.h"

#define FIRST_CAPACITY ((size_t)240)

/* Bytes of the UTF-8 sequence at `at`, 0 if it is not one: no overlong forms, no surrogates,
 * nothing past U+10FFFF. */
static size_t utf8_length(const unsigned char *at, const unsigned char *end)
{
    unsigned char first = *at;
    size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (length == 0 || first > 0xf4 || (size_t)(end - at) < length)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (first == 0xe0 && at[1] < 0xa0) || (first == 0xf0 && at[1] < 0x90);
    bool beyond = (first == 0xed && at[1] > 0x9f) || (first == 0xf4 && at[1] > 0x8f);
    return overlong || beyond ? 0 : length;
}

bool json_utf8_valid(const char *bytes, size_t length)
{
    const unsigned char *at = (const unsigned char *)bytes, *end = at + length;
    while (at < end) {
        size_t step = utf8_length(at, end);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* The closing quote, all before it checked but for escapes. */
static const char *find_close(const char *at, const char *end, bool *ret_escaped,
                              const char **ret_fault)
{
    while (at < end) {
        unsigned char c = (unsigned char)*at;
        if (is_plain(c)) {
            at++;
        } else if (c == '"') {
            return at;
        } else if (c == '\\') {
            *ret_escaped = true;
            at += 2;
        } else if (c < 0x20) {
            *ret_fault = "control character in a string";
            return NULL;
        } else {
            size_t step = utf8_length((const unsigned char *)at, (const unsigned char *)end);
            if (step == 0) {
                *ret_fault = "invalid UTF-8";
                return NULL;
            }
            at += step;
        }
    }
    *ret_fault = "premature end of input";
    return NULL;
}

/* Four hexadecimal digits, or -1. */
static int32_t read_hex(const char *at, const char *end)
{
    int32_t value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static char *put_utf8(char *out, uint32_t point)
{
    if (point < 0x80) {
        *out++ = (char)point;
    } else if (point < 0x800) {
        *out++ = (char)(0xc0 | point >> 6);
        *out++ = (char)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        *out++ = (char)(0xe0 | point >> 12);
        *out++ = (char)(0x80 | (point >> 6 & 0x3f));
        *out++ = (char)(0x80 | (point & 0x3f));
    } else {
        *out++ = (char)(0xf0 | point >> 18);
        *out++ = (char)(0x80 | (point >> 12 & 0x3f));
        *out++ = (char)(0x80 | (point >> 6 & 0x3f));
        *out++ = (char)(0x80 | (point & 0x3f));
    }
    return out;
}

/* At the first digit behind `\u`; moves past the last. NUL and lone surrogates are no text. */
static bool unescape_unicode(const char **at, const char *end, char **out)
{
    int32_t unit = read_hex(*at, end);
    *at += 4;
    if (unit <= 0 || (unit >= 0xdc00 && unit <= 0xdfff))
        return false;
    uint32_t point = (uint32_t)unit;
    if (unit >= 0xd800 && unit <= 0xdbff) {
        bool second = end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u';
        int32_t low = second ? read_hex(*at + 2, end) : -1;
        if (low < 0xdc00 || low > 0xdfff)
            return false;
        *at += 6;
        point = 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
    }
    *out = put_utf8(*out, point);
    return true;
}

static bool unescape(const char *at, const char *end, char *out, struct text *ret_text)
{
    static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    char *begin = out;
    while (at < end) {
        if (*at != '\\') {
            *out++ = *at++;
            continue;
        }
        char c = at[1]; /* a quote at the least */
        at += 2;
        const char *known = c ? strchr(escapes, c) : NULL;
        if (known)
            *out++ = meant[known - escapes];
        else if (c != 'u' || !unescape_unicode(&at, end, &out))
            return false;
    }
    *ret_text = (struct text){begin, (uint32_t)(out - begin)};
    return true;
}

const char *json_text_read(const char *at, const char *end, struct arena *arena,
                           struct text *ret_text, const char **ret_fault)
{
    bool escaped = false;
    const char *close = find_close(at, end, &escaped, ret_fault);
    if (!close)
        return NULL;
    *ret_text = (struct text){at, (uint32_t)(close - at)};
    if (!escaped)
        return close;
    char *room = arena_alloc(arena, (size_t)(close - at));
    if (unescape(at, close, room, ret_text))
        return close;
    *ret_fault = "invalid escape";
    return NULL;
}

void json_out_append(struct json_out *out, const char *bytes, size_t length)
{
    if (out->capacity - out->length < length) {
        size_t capacity = 2 * out->capacity + length + FIRST_CAPACITY;
        char *bigger = arena_alloc(out->arena, capacity);
        if (out->length)
            memcpy(bigger, out->bytes, out->length);
        out->bytes = bigger;
        out->capacity = capacity;
    }
    memcpy(out->bytes + out->length, bytes, length);
    out->length += length;
}

void json_out_integer(struct json_out *out, int64_t value)
{
    char digits[DECIMAL_SIZE];
    size_t at = decimal_i64(value, digits);
    json_out_append(out, digits + at, sizeof(digits) - at);
}

static void append_escape(struct json_out *out, unsigned char c)
{
    static const char escapes[] = "\"\\bfnrt", meant[] = "\"\\\b\f\n\r\t";
    char text[8];
    const char *known = strchr(meant, c);
    int length = known ? snprintf(text, sizeof(text), "\\%c", escapes[known - meant])
                       : snprintf(text, sizeof(text), "\\u%04X", c);
    json_out_append(out, text, (size_t)length);
}

void json_out_string(struct json_out *out, struct text text)
{
    json_out_append(out, "\"", 1);
    uint32_t from = 0;
    for (uint32_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.bytes[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        json_out_append(out, text.bytes + from, i - from);
        append_escape(out, c);
        from = i + 1;
    }
    json_out_append(out, text.bytes + from, text.length - from);
    json_out_append(out, "\"", 1);
}
