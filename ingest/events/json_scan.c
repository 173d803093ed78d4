#include "ingest/events/json_scan.h"

#include <errno.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

struct json_element json_scan_trim(const char *text, size_t length)
{
    while (length && is_space(*text)) {
        text++;
        length--;
    }
    while (length && is_space(text[length - 1]))
        length--;
    return (struct json_element){text, length};
}

/* Past the closing quote of the string that opens at `at`, or `end` when it does not close. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end; at++) {
        if (*at == '"')
            return at + 1;
        if (*at == '\\' && ++at == end)
            break;
    }
    return end;
}

bool json_scan_too_deep(const char *text, size_t length, unsigned max_depth)
{
    const char *end = text + length;
    unsigned depth = 0;
    while (text < end) {
        char c = *text;
        if (c == '"') {
            text = skip_string(text, end);
            continue;
        }
        if ((c == '{' || c == '[') && ++depth > max_depth)
            return true;
        if ((c == '}' || c == ']') && depth > 0)
            depth--;
        text++;
    }
    return false;
}

/* The end of the element that starts at `at`: the comma or bracket that follows it, or NULL. */
static const char *element_end(const char *at, const char *end)
{
    size_t depth = 0;
    while (at < end) {
        char c = *at;
        if (c == '"') {
            at = skip_string(at, end);
            continue;
        }
        if (depth == 0 && (c == ',' || c == ']'))
            return at;
        if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (depth-- == 0)
                return NULL;
        }
        at++;
    }
    return NULL;
}

int json_scan_array(const char *text, size_t length, json_element_fn *on_element, void *owner)
{
    struct json_element whole = json_scan_trim(text, length);
    if (whole.length < 2 || whole.bytes[0] != '[' || whole.bytes[whole.length - 1] != ']')
        return -EINVAL;
    const char *at = whole.bytes + 1, *end = whole.bytes + whole.length;
    if (json_scan_trim(at, whole.length - 2).length == 0)
        return 0;
    for (;;) {
        const char *stop = element_end(at, end);
        if (!stop)
            return -EINVAL;
        struct json_element element = json_scan_trim(at, (size_t)(stop - at));
        if (element.length == 0)
            return -EINVAL;
        int error = on_element(owner, &element);
        if (error)
            return error;
        if (*stop == ']')
            return stop + 1 == end ? 0 : -EINVAL;
        at = stop + 1;
    }
}
