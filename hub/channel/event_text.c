#include "hub/channel/event_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define OFFSET_MEMBER ",\"offset\":"
#define DATA_MEMBER "{\"data\":"
#define MAX_NAME 32
#define MAX_DIGITS 18 /* of an offset; no channel gets so far */

void event_text_append(struct buffer *out, const char *name, const char *epoch, int64_t offset,
                       const char *data, size_t length)
{
    if (name)
        buffer_printf(out, "event: %s\n", name);
    if (offset >= 0)
        buffer_printf(out, "id: %s:%" PRId64 "\n", epoch, offset);
    buffer_append_text(out, "data: ");
    buffer_append(out, data, length);
    buffer_append(out, "\n\n", 2);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool take(const char **text, size_t *length, const char *prefix, size_t prefix_length)
{
    if (*length < prefix_length || memcmp(*text, prefix, prefix_length) != 0)
        return false;
    *text += prefix_length;
    *length -= prefix_length;
    return true;
}

/* Takes `,"offset":N` off the end of a publication's members; -1: it has none. Data is an object,
 * so what ends in digits is not data. */
static int64_t cut_offset(const char *text, size_t *length)
{
    size_t at = *length, member = strlen(OFFSET_MEMBER);
    while (at > 0 && is_digit(text[at - 1]))
        at--;
    if (at == *length || *length - at > MAX_DIGITS || at < member ||
        memcmp(text + at - member, OFFSET_MEMBER, member) != 0)
        return -1;
    int64_t offset = 0;
    for (size_t i = at; i < *length; i++)
        offset = offset * 10 + (text[i] - '0');
    *length = at - member;
    return offset;
}

/* The value of the member "t", which stands first, if it is fit to be an event's name. */
static const char *name_of(const char *data, size_t length, char out[MAX_NAME])
{
    size_t i = 0;
    if (!take(&data, &length, "{\"t\":\"", strlen("{\"t\":\"")))
        return "other";
    while (i < length && i < MAX_NAME - 1 && data[i] >= 'a' && data[i] <= 'z') {
        out[i] = data[i];
        i++;
    }
    out[i] = '\0';
    return i ? out : "other";
}

/* One publication `{"data":…,"offset":N}` without its last brace. */
static void append_publication(struct buffer *out, const char *epoch, const char *text,
                               size_t length)
{
    char name[MAX_NAME];
    if (!take(&text, &length, DATA_MEMBER, strlen(DATA_MEMBER)))
        return;
    int64_t offset = cut_offset(text, &length);
    event_text_append(out, offset < 0 ? name_of(text, length, name) : NULL, epoch, offset, text,
                      length);
}

/* The end of the object that begins at `text`. */
static size_t object_length(const char *text, size_t length)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && c == '{')
            depth++;
        else if (!in_string && c == '}' && --depth == 0)
            return i + 1;
    }
    return length;
}

void event_text_append_missed(struct buffer *out, const char *epoch, const struct buffer *missed)
{
    for (size_t at = 0; at < missed->length; at++) {
        size_t length = object_length(missed->data + at, missed->length - at);
        append_publication(out, epoch, missed->data + at, length - 1);
        at += length; /* and the comma */
    }
}

/* A line is `{"push":{"channel":"…","pub":P}}`; what is no publication is not for this stream. */
static void append_line(struct buffer *out, const struct view *view, const char *line,
                        size_t length)
{
    struct buffer prefix = BUFFER_INIT;
    buffer_append_text(&prefix, "{\"push\":{\"channel\":");
    buffer_append_json_string(&prefix, view->channel, strlen(view->channel));
    buffer_append_text(&prefix, ",\"pub\":");
    if (take(&line, &length, prefix.data, prefix.length) && length > strlen("}}}"))
        append_publication(out, view->epoch, line, length - strlen("}}}"));
    buffer_done(&prefix);
}

struct frame *event_text_of_batch(const struct view *view, struct batch *batch)
{
    if (batch->events)
        return batch->events;
    struct buffer out = BUFFER_INIT;
    const char *at = (const char *)batch->frame->data, *end = at + batch->frame->length;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = newline ? (size_t)(newline - at) : (size_t)(end - at);
        append_line(&out, view, at, length);
        at += length + 1;
    }
    batch->events = frame_new(out.data, out.length);
    buffer_done(&out);
    return batch->events;
}

int event_id_parse(const char *text, size_t *ret_epoch_length, int64_t *ret_offset)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    if (!colon || colon == text || !is_digit(colon[1]))
        return -EINVAL;
    errno = 0;
    long long offset = strtoll(colon + 1, &end, 10);
    if (errno || *end)
        return -EINVAL;
    *ret_epoch_length = (size_t)(colon - text);
    *ret_offset = offset;
    return 0;
}
