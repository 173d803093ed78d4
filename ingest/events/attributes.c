#include "ingest/events/attributes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shared/base/sha256.h"
#include "shared/base/time.h"

#define NAME_MAX_BYTES 64
#define VALUE_MAX_BYTES ((size_t)4096)
#define ID_MAX_BYTES 256
#define SOURCE_MAX_BYTES 512

static bool name_valid(const char *name, size_t length)
{
    if (length == 0 || length > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= '0' && name[i] <= '9'))
            return false;
    return true;
}

/* Attribute values may hold no control characters (CloudEvents 1.0, 3.1). */
static bool value_valid(const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f)
            return false;
    return true;
}

/* A name as verdicts show it: short, and printable ASCII whatever was sent. */
static const char *field_name(struct arena *arena, struct text name)
{
    size_t length = name.length < NAME_MAX_BYTES ? name.length : NAME_MAX_BYTES;
    char *field = arena_alloc(arena, length + 1);
    for (size_t i = 0; i < length; i++)
        field[i] = (char)(name.bytes[i] > 0x20 && name.bytes[i] < 0x7f ? name.bytes[i] : '?');
    field[length] = '\0';
    return field;
}

void attributes_add(struct attributes *attributes, struct arena *arena, struct event *event,
                    struct text name, struct text value)
{
    const char *field = field_name(arena, name);
    if (!name_valid(name.bytes, name.length)) {
        event_reject(event, REASON_INVALID, field, "attribute names are [a-z0-9], 1 to 64");
        return;
    }
    if (attributes->count == ATTRIBUTES_MAX) {
        event_reject(event, REASON_TOO_LONG, field, "at most 32 attributes");
        return;
    }
    if (value.length > VALUE_MAX_BYTES) {
        event_reject(event, REASON_TOO_LONG, field, "at most 4096 bytes");
        return;
    }
    if (!value_valid(value.bytes, value.length)) {
        event_reject(event, REASON_INVALID, field, "control characters are not allowed");
        return;
    }
    struct attribute *attribute = &attributes->items[attributes->count++];
    attribute->name = (struct text){field, name.length};
    attribute->value = arena_text(arena, value.bytes, value.length);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* A value in double quotes (RFC 9110, 5.6.4) without them and its backslashes, in place of a copy.
 */
static size_t unquote(const char *value, char *out)
{
    size_t length = 0, end = strlen(value);
    bool quoted = end >= 2 && value[0] == '"' && value[end - 1] == '"';
    for (size_t i = quoted; i < end - quoted; i++) {
        if (quoted && value[i] == '\\' && i + 1 < end - 1)
            i++;
        out[length++] = value[i];
    }
    return length;
}

/* Decodes %XX in place, once; a stray % stays as it is. */
static size_t percent_decode(char *text, size_t length)
{
    size_t out = 0;
    for (size_t in = 0; in < length; in++) {
        int high = text[in] == '%' && in + 2 < length ? hex_digit(text[in + 1]) : -1;
        int low = high >= 0 ? hex_digit(text[in + 2]) : -1;
        if (low >= 0) {
            text[out++] = (char)(high << 4 | low);
            in += 2;
        } else {
            text[out++] = text[in];
        }
    }
    return out;
}

void attributes_add_header(struct attributes *attributes, struct arena *arena, struct event *event,
                           const char *name, const char *value)
{
    char lower[NAME_MAX_BYTES + 2];
    size_t length = 0;
    for (; name[length] && length < NAME_MAX_BYTES + 1; length++)
        lower[length] =
            (char)(name[length] >= 'A' && name[length] <= 'Z' ? name[length] + 32 : name[length]);
    lower[length] = '\0';
    struct text given = {lower, (uint32_t)length};
    if (attributes_find(attributes, lower).bytes) {
        event_reject(event, REASON_INVALID, field_name(arena, given), "given twice");
        return;
    }
    size_t value_length = strlen(value);
    if (value_length > 3 * VALUE_MAX_BYTES) {
        event_reject(event, REASON_TOO_LONG, field_name(arena, given), "at most 4096 bytes");
        return;
    }
    char *decoded = arena_alloc(arena, value_length + 1);
    size_t decoded_length = percent_decode(decoded, unquote(value, decoded));
    if (!json_utf8_valid(decoded, decoded_length)) {
        event_reject(event, REASON_INVALID, field_name(arena, given),
                     "not valid UTF-8 after percent-decoding");
        return;
    }
    attributes_add(attributes, arena, event, given,
                   (struct text){decoded, (uint32_t)decoded_length});
}

void attributes_add_json(struct attributes *attributes, struct arena *arena, struct event *event,
                         const struct json_node *member)
{
    char number[24];
    struct text value = {number, 0};
    switch (member->kind) {
    case JSON_KIND_NULL:
        return;
    case JSON_KIND_STRING:
        value = member->string;
        break;
    case JSON_KIND_TRUE:
        value = TEXT_LITERAL("true");
        break;
    case JSON_KIND_FALSE:
        value = TEXT_LITERAL("false");
        break;
    case JSON_KIND_INTEGER:
        value.length = (uint32_t)snprintf(number, sizeof(number), "%" PRId64, member->integer);
        break;
    case JSON_KIND_OBJECT:
    case JSON_KIND_ARRAY:
    case JSON_KIND_REAL:
    default:
        event_reject(event, REASON_INVALID, field_name(arena, member->name),
                     "attributes are text, boolean or integer");
        return;
    }
    attributes_add(attributes, arena, event, member->name, value);
}

static bool text_is(struct text text, const char *literal)
{
    return text.bytes && text.length == strlen(literal) &&
           memcmp(text.bytes, literal, text.length) == 0;
}

struct text attributes_find(const struct attributes *attributes, const char *name)
{
    for (unsigned i = 0; i < attributes->count; i++)
        if (text_is(attributes->items[i].name, name))
            return attributes->items[i].value;
    return (struct text){NULL, 0};
}

static struct text required(const struct attributes *attributes, struct event *event,
                            const char *name, uint32_t max_bytes)
{
    struct text value = attributes_find(attributes, name);
    if (value.bytes == NULL || value.length == 0)
        event_reject(event, REASON_MISSING, name, "required and not empty");
    else if (value.length > max_bytes)
        event_reject(event, REASON_TOO_LONG, name,
                     max_bytes == ID_MAX_BYTES ? "at most 256 bytes" : "at most 512 bytes");
    return value;
}

static void apply_media_type(const struct attributes *attributes, struct event *event)
{
    struct text media = attributes_find(attributes, "datacontenttype");
    if (media.bytes && !strstr(media.bytes, "json"))
        event_reject(event, REASON_INVALID, "datacontenttype", "data must be JSON");
}

static void apply_time(const struct attributes *attributes, struct event *event, int64_t now_us)
{
    struct text time = attributes_find(attributes, "time");
    event->occurred_us = now_us;
    if (time.bytes && time_parse_rfc3339(time.bytes, time.length, &event->occurred_us))
        event_reject(event, REASON_INVALID, "time", "not an RFC 3339 timestamp");
}

static void apply_historical(const struct attributes *attributes, struct event *event,
                             bool may_backfill)
{
    struct text historical = attributes_find(attributes, "historical");
    if (!historical.bytes || text_is(historical, "false"))
        return;
    if (!text_is(historical, "true"))
        event_reject(event, REASON_INVALID, "historical", "true or false");
    else if (!may_backfill)
        event_reject(event, REASON_HISTORICAL, "historical", "needs the scope events:historical");
    event->historical = true;
}

void attributes_apply(const struct attributes *attributes, struct event *event, int64_t now_us,
                      bool may_backfill)
{
    /* The id first: every later fault is then reported with it. */
    event->id = required(attributes, event, "id", ID_MAX_BYTES);
    event->source = required(attributes, event, "source", SOURCE_MAX_BYTES);
    struct text version = required(attributes, event, "specversion", ID_MAX_BYTES);
    if (version.bytes && !text_is(version, "1.0"))
        event_reject(event, REASON_SPECVERSION, "specversion", "this endpoint speaks 1.0");
    struct text type = required(attributes, event, "type", ID_MAX_BYTES);
    if (type.bytes && event_type_parse(type, &event->type))
        event_reject(event, REASON_UNKNOWN_TYPE, "type", "not a type of this hub");
    apply_media_type(attributes, event);
    apply_time(attributes, event, now_us);
    apply_historical(attributes, event, may_backfill);
}

static int compare_names(const struct attribute *a, const struct attribute *b)
{
    uint32_t shorter = a->name.length < b->name.length ? a->name.length : b->name.length;
    int order = memcmp(a->name.bytes, b->name.bytes, shorter);
    return order ? order : (int)a->name.length - (int)b->name.length;
}

/* Few and mostly in order already. */
static void sort_by_name(struct attributes *attributes)
{
    for (unsigned i = 1; i < attributes->count; i++) {
        struct attribute moving = attributes->items[i];
        unsigned j = i;
        for (; j > 0 && compare_names(&attributes->items[j - 1], &moving) > 0; j--)
            attributes->items[j] = attributes->items[j - 1];
        attributes->items[j] = moving;
    }
}

/* SHA-256 is fed in few, larger pieces: an event consists of many small ones. */
struct hasher {
    size_t length;
    unsigned char bytes[512];
};

static void hash_bytes(struct hasher *hasher, const void *bytes, size_t length)
{
    if (length > sizeof(hasher->bytes) - hasher->length) {
        sha256_add(hasher->bytes, hasher->length);
        hasher->length = 0;
    }
    if (length > sizeof(hasher->bytes)) {
        sha256_add(bytes, length);
        return;
    }
    if (length)
        memcpy(hasher->bytes + hasher->length, bytes, length);
    hasher->length += length;
}

static void hash_text(struct hasher *hasher, struct text text)
{
    unsigned char length[4] = {(unsigned char)(text.length >> 24),
                               (unsigned char)(text.length >> 16),
                               (unsigned char)(text.length >> 8), (unsigned char)text.length};
    hash_bytes(hasher, length, sizeof(length));
    hash_bytes(hasher, text.bytes, text.length);
}

/* A retry may travel as another content type or under another trace. */
static bool about_transport(struct text name)
{
    return text_is(name, "datacontenttype") || text_is(name, "traceparent") ||
           text_is(name, "tracestate");
}

void attributes_hash(struct attributes *attributes, struct event *event)
{
    struct hasher hasher;
    char instant[24];
    sha256_begin();
    hasher.length = 0;
    sort_by_name(attributes);
    for (unsigned i = 0; i < attributes->count; i++) {
        const struct attribute *attribute = &attributes->items[i];
        if (about_transport(attribute->name))
            continue;
        hash_text(&hasher, attribute->name);
        if (!text_is(attribute->name, "time")) {
            hash_text(&hasher, attribute->value);
            continue;
        }
        int length = snprintf(instant, sizeof(instant), "%" PRId64, event->occurred_us);
        hash_text(&hasher, (struct text){instant, (uint32_t)length});
    }
    hash_text(&hasher, event->data);
    sha256_add(hasher.bytes, hasher.length);
    sha256_end(event->hash);
}
