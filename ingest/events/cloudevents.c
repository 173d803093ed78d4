#include "ingest/events/cloudevents.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "ingest/events/attributes.h"
#include "ingest/events/json_scan.h"
#include "ingest/events/payload.h"
#include "ingest/events/track.h"

/* What every step of one decoding needs. */
struct decoder {
    struct event_batch *batch;
    const struct event_context *context;
    enum event_mode mode;
    enum reason refused;
};

static const struct {
    const char *type;
    enum event_mode mode;
} media_types[] = {
    {"application/cloudevents+json", EVENT_MODE_STRUCTURED},
    {"application/cloudevents-batch+json", EVENT_MODE_BATCH},
    {"application/x-ndjson", EVENT_MODE_LINES},
    {"application/ndjson", EVENT_MODE_LINES},
    {"application/jsonl", EVENT_MODE_LINES},
};

/* Parameters other than charset=utf-8 and those of one's own are harmless; another charset is not.
 */
static bool charset_acceptable(const char *parameters)
{
    const char *charset = strcasestr(parameters, "charset=");
    if (!charset)
        return true;
    charset += strlen("charset=");
    charset += *charset == '"';
    return strncasecmp(charset, "utf-8", 5) == 0 || strncasecmp(charset, "us-ascii", 8) == 0;
}

static bool media_type_is(const char *content_type, size_t length, const char *type)
{
    return strlen(type) == length && strncasecmp(content_type, type, length) == 0;
}

static bool is_json(const char *content_type, size_t length)
{
    return media_type_is(content_type, length, "application/json") ||
           media_type_is(content_type, length, "text/json") ||
           (length > 5 && strncasecmp(content_type + length - 5, "+json", 5) == 0);
}

enum reason event_mode_parse(const char *content_type, bool has_ce_headers, bool track_path,
                             enum event_mode *ret_mode)
{
    const char *type = content_type ? content_type : "application/json";
    size_t length = strcspn(type, "; \t");
    if (!charset_acceptable(type + length))
        return REASON_MEDIA_TYPE;
    for (size_t i = 0; i < ARRAY_LENGTH(media_types); i++) {
        if (media_type_is(type, length, media_types[i].type)) {
            *ret_mode = media_types[i].mode;
            return REASON_NONE;
        }
    }
    if (strncasecmp(type, "application/cloudevents", 23) == 0 || !is_json(type, length))
        return REASON_MEDIA_TYPE;
    if (!has_ce_headers && !track_path)
        return REASON_MEDIA_TYPE;
    *ret_mode = has_ce_headers ? EVENT_MODE_BINARY : EVENT_MODE_TRACK;
    return REASON_NONE;
}

void event_batch_init(struct event_batch *batch, struct arena *arena)
{
    *batch = (struct event_batch){.arena = arena};
}

static struct event *batch_add(struct event_batch *batch, const char *bytes, size_t length)
{
    if (batch->count == batch->capacity) {
        uint32_t capacity = batch->capacity ? 4 * batch->capacity : batch->single ? 1 : 16;
        struct event *bigger = arena_alloc(batch->arena, capacity * sizeof(*bigger));
        if (batch->count)
            memcpy(bigger, batch->events, batch->count * sizeof(*bigger));
        batch->events = bigger;
        batch->capacity = capacity;
    }
    struct event *event = &batch->events[batch->count];
    memset(event, 0, sizeof(*event));
    event->index = batch->count++;
    event->raw = (struct text){bytes, (uint32_t)length};
    return event;
}

/* The parsed value, or NULL with the event rejected. */
static json_t *parse(struct arena *arena, struct event *event, const char *bytes, size_t length,
                     size_t flags)
{
    json_error_t error;
    json_t *value = json_loadb(bytes, length, JSON_REJECT_DUPLICATES | flags, &error);
    if (value)
        return value;
    /* The text quotes the input, cut anywhere. */
    for (char *c = error.text; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
    event_reject(event, REASON_INVALID_JSON, NULL,
                 arena_printf(arena, "at byte %d: %s", error.position, error.text));
    return NULL;
}

/* `data_base64` holds JSON text, as any other way of carrying the same data would. */
static json_t *parse_base64(const json_t *encoded, struct decoder *decoder, struct event *event)
{
    const char *text = json_string_value(encoded);
    size_t length = json_string_length(encoded), decoded = 0;
    unsigned char *bytes = text ? arena_alloc(decoder->batch->arena, length + 1) : NULL;
    if (!bytes || sodium_base642bin(bytes, length + 1, text, length, NULL, &decoded, NULL,
                                    sodium_base64_VARIANT_ORIGINAL)) {
        event_reject(event, REASON_INVALID, "data_base64", "not base64");
        return NULL;
    }
    if (json_scan_too_deep((const char *)bytes, decoded, decoder->context->max_depth)) {
        event_reject(event, REASON_TOO_DEEP, "data_base64", NULL);
        return NULL;
    }
    return parse(decoder->batch->arena, event, (const char *)bytes, decoded, 0);
}

static void finish(struct decoder *decoder, struct attributes *attributes, struct event *event,
                   json_t *data)
{
    attributes_apply(attributes, event, decoder->context->now_us, decoder->context->may_backfill);
    if (data && !json_is_object(data))
        event_reject(event, REASON_INVALID, "data", "must be a JSON object");
    if (event->status == EVENT_REJECTED)
        return;
    json_t *empty = data ? NULL : json_object();
    payload_apply(data ? data : empty, decoder->batch->arena, event);
    json_decref(empty);
    attributes_hash(attributes, event);
}

static void decode_structured(struct decoder *decoder, struct event *event, json_t *root)
{
    struct attributes attributes;
    struct arena *arena = decoder->batch->arena;
    json_t *data = NULL, *value, *decoded = NULL;
    const char *name;
    attributes_init(&attributes);
    json_object_foreach(root, name, value)
    {
        if (strcmp(name, "data") == 0)
            data = json_is_null(value) ? data : value;
        else if (strcmp(name, "data_base64") != 0)
            attributes_add_json(&attributes, arena, event, name, value);
    }
    json_t *encoded = json_object_get(root, "data_base64");
    if (encoded && !json_is_null(encoded)) {
        if (data)
            event_reject(event, REASON_INVALID, "data_base64", "data is given too");
        else
            data = decoded = parse_base64(encoded, decoder, event);
    }
    finish(decoder, &attributes, event, data);
    json_decref(decoded);
}

/* One event as JSON: a structured event or, where allowed, the tracking shape. */
static void decode_json(struct decoder *decoder, const char *bytes, size_t length, bool too_deep)
{
    struct event *event = batch_add(decoder->batch, bytes, length);
    if (too_deep) {
        event_reject(
            event, REASON_TOO_DEEP, NULL,
            arena_printf(decoder->batch->arena, "at most %u levels", decoder->context->max_depth));
        return;
    }
    json_t *root = parse(decoder->batch->arena, event, bytes, length, 0);
    if (!root)
        return;
    if (!json_is_object(root))
        event_reject(event, REASON_INVALID, NULL, "an event is a JSON object");
    else if (decoder->mode == EVENT_MODE_TRACK && !json_object_get(root, "specversion"))
        track_apply(root, decoder->context, decoder->batch->arena, event);
    else
        decode_structured(decoder, event, root);
    json_decref(root);
}

static void decode_binary(struct decoder *decoder, const struct event_header *headers,
                          size_t header_count, const char *body, size_t length)
{
    struct attributes attributes;
    struct arena *arena = decoder->batch->arena;
    struct event *event = batch_add(decoder->batch, body, length);
    json_t *data = NULL;
    attributes_init(&attributes);
    for (size_t i = 0; i < header_count; i++)
        attributes_add_header(&attributes, arena, event, headers[i].name, headers[i].value);
    if (length && json_scan_too_deep(body, length, decoder->context->max_depth))
        event_reject(event, REASON_TOO_DEEP, "data", NULL);
    else if (length)
        data = parse(arena, event, body, length, JSON_DECODE_ANY);
    finish(decoder, &attributes, event, data);
    json_decref(data);
}

static int on_element(void *owner, const struct json_element *element)
{
    struct decoder *decoder = owner;
    if (decoder->batch->count == decoder->context->max_events) {
        decoder->refused = REASON_BATCH_TOO_LARGE;
        return -E2BIG;
    }
    decode_json(decoder, element->bytes, element->length, element->too_deep);
    return 0;
}

static void decode_array(struct decoder *decoder, const char *body, size_t length)
{
    int error = json_scan_array(body, length, decoder->context->max_depth, on_element, decoder);
    if (error && decoder->refused == REASON_NONE)
        decoder->refused = REASON_INVALID_JSON;
}

static void decode_lines(struct decoder *decoder, const char *body, size_t length)
{
    const char *end = body + length;
    while (body < end && decoder->refused == REASON_NONE) {
        const char *newline = memchr(body, '\n', (size_t)(end - body));
        const char *stop = newline ? newline : end;
        struct json_element line = json_scan_trim(body, (size_t)(stop - body));
        line.too_deep = json_scan_too_deep(line.bytes, line.length, decoder->context->max_depth);
        if (line.length)
            (void)on_element(decoder, &line);
        body = newline ? newline + 1 : end;
    }
}

static void decode_single(struct decoder *decoder, const char *body, size_t length)
{
    struct json_element whole = json_scan_trim(body, length);
    if (decoder->mode == EVENT_MODE_TRACK && whole.length && whole.bytes[0] == '[') {
        decode_array(decoder, body, length);
        return;
    }
    decoder->batch->single = true;
    decode_json(decoder, whole.bytes, whole.length,
                json_scan_too_deep(whole.bytes, whole.length, decoder->context->max_depth));
}

/* A body in which not even the events can be told apart is refused, and kept, as one. */
static void reject_whole(struct event_batch *batch, const char *body, size_t length)
{
    batch->count = 0;
    batch->single = true;
    struct event *event = batch_add(batch, body, length);
    event_reject(event, REASON_INVALID_JSON, NULL, "not an array whose brackets and strings close");
}

enum reason event_batch_decode(struct event_batch *batch, enum event_mode mode,
                               const struct event_header *headers, size_t header_count,
                               const char *body, size_t length, const struct event_context *context)
{
    struct decoder decoder = {batch, context, mode, REASON_NONE};
    switch (mode) {
    case EVENT_MODE_BINARY:
        batch->single = true;
        decode_binary(&decoder, headers, header_count, body, length);
        break;
    case EVENT_MODE_BATCH:
        decode_array(&decoder, body, length);
        break;
    case EVENT_MODE_LINES:
        decode_lines(&decoder, body, length);
        break;
    case EVENT_MODE_STRUCTURED:
    case EVENT_MODE_TRACK:
    default:
        decode_single(&decoder, body, length);
    }
    if (decoder.refused == REASON_INVALID_JSON) {
        reject_whole(batch, body, length);
        return REASON_NONE;
    }
    /* CloudEvents allows an empty batch. */
    if (decoder.refused == REASON_NONE && batch->count == 0 && mode != EVENT_MODE_BATCH)
        return REASON_EMPTY;
    return decoder.refused;
}
