#include "ingest/events/cloudevents.h"

#include <errno.h>
#include <sodium.h>
#include <stdalign.h>
#include <string.h>
#include <strings.h>

#include "ingest/events/attributes.h"
#include "ingest/events/json_scan.h"
#include "ingest/events/payload.h"
#include "ingest/events/track.h"

#define SCRATCH_BYTES 4096

/* What every step of one decoding needs. */
struct decoder {
    struct event_batch *batch;
    struct arena scratch;                          /* the tree of the event at hand */
    alignas(max_align_t) char room[SCRATCH_BYTES]; /* enough for most trees */
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

/* The tree, or NULL with the event rejected. */
static struct json_node *parse(struct decoder *decoder, struct event *event, const char *bytes,
                               size_t length, const char *field)
{
    struct json_node *root = NULL;
    struct json_fault fault;
    unsigned max_depth = decoder->context->max_depth;
    struct arena *arena = decoder->batch->arena;
    if (json_tree_read(&decoder->scratch, bytes, length, max_depth, &root, &fault) == 0)
        return root;
    if (fault.too_deep)
        event_reject(event, REASON_TOO_DEEP, field,
                     arena_printf(arena, "at most %u levels", max_depth));
    else
        event_reject(event, REASON_INVALID_JSON, NULL,
                     arena_printf(arena, "at byte %zu: %s", fault.at, fault.what));
    return NULL;
}

/* `data_base64` holds JSON text, as any other way of carrying the same data would. */
static struct json_node *parse_base64(const struct json_node *encoded, struct decoder *decoder,
                                      struct event *event)
{
    struct text text = encoded->string;
    bool is_text = encoded->kind == JSON_KIND_STRING;
    size_t room = is_text ? text.length + 1 : 0, decoded = 0;
    unsigned char *bytes = is_text ? arena_alloc(&decoder->scratch, room) : NULL;
    if (!bytes || sodium_base642bin(bytes, room, text.bytes, text.length, NULL, &decoded, NULL,
                                    sodium_base64_VARIANT_ORIGINAL)) {
        event_reject(event, REASON_INVALID, "data_base64", "not base64");
        return NULL;
    }
    return parse(decoder, event, (const char *)bytes, decoded, "data_base64");
}

static void finish(struct decoder *decoder, struct attributes *attributes, struct event *event,
                   const struct json_node *data)
{
    static const struct json_node empty = {.kind = JSON_KIND_OBJECT};
    attributes_apply(attributes, event, decoder->context->now_us, decoder->context->may_backfill);
    if (data && data->kind != JSON_KIND_OBJECT)
        event_reject(event, REASON_INVALID, "data", "must be a JSON object");
    if (event->status == EVENT_REJECTED)
        return;
    payload_apply(data ? data : &empty, decoder->batch->arena, event);
    attributes_hash(attributes, event);
}

static void decode_structured(struct decoder *decoder, struct event *event,
                              const struct json_node *root)
{
    struct attributes attributes;
    const struct json_node *data = NULL, *encoded = NULL;
    attributes_init(&attributes);
    for (const struct json_node *member = root->first; member; member = member->next) {
        const struct json_node *given = member->kind == JSON_KIND_NULL ? NULL : member;
        if (json_tree_named(member, "data"))
            data = given;
        else if (json_tree_named(member, "data_base64"))
            encoded = given;
        else
            attributes_add_json(&attributes, decoder->batch->arena, event, member);
    }
    if (encoded && data)
        event_reject(event, REASON_INVALID, "data_base64", "data is given too");
    else if (encoded)
        data = parse_base64(encoded, decoder, event);
    finish(decoder, &attributes, event, data);
}

/* One event as JSON: a structured event or, where allowed, the tracking shape. */
static void decode_json(struct decoder *decoder, const char *bytes, size_t length)
{
    struct event *event = batch_add(decoder->batch, bytes, length);
    arena_reset_to(&decoder->scratch, decoder->room, sizeof(decoder->room));
    struct json_node *root = parse(decoder, event, bytes, length, NULL);
    if (!root)
        return;
    if (root->kind != JSON_KIND_OBJECT)
        event_reject(event, REASON_INVALID, NULL, "an event is a JSON object");
    else if (decoder->mode == EVENT_MODE_TRACK && !json_tree_get(root, "specversion"))
        track_apply(root, decoder->context, &decoder->scratch, decoder->batch->arena, event);
    else
        decode_structured(decoder, event, root);
}

static void decode_binary(struct decoder *decoder, const struct event_header *headers,
                          size_t header_count, const char *body, size_t length)
{
    struct attributes attributes;
    struct arena *arena = decoder->batch->arena;
    struct event *event = batch_add(decoder->batch, body, length);
    attributes_init(&attributes);
    for (size_t i = 0; i < header_count; i++)
        attributes_add_header(&attributes, arena, event, headers[i].name, headers[i].value);
    finish(decoder, &attributes, event,
           length ? parse(decoder, event, body, length, "data") : NULL);
}

static int on_element(void *owner, const struct json_element *element)
{
    struct decoder *decoder = owner;
    if (decoder->batch->count == decoder->context->max_events) {
        decoder->refused = REASON_BATCH_TOO_LARGE;
        return -E2BIG;
    }
    decode_json(decoder, element->bytes, element->length);
    return 0;
}

static void decode_array(struct decoder *decoder, const char *body, size_t length)
{
    int error = json_scan_array(body, length, on_element, decoder);
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
    decode_json(decoder, whole.bytes, whole.length);
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
    struct decoder decoder; /* the room stays as it is: it is large */
    decoder.batch = batch;
    decoder.context = context;
    decoder.mode = mode;
    decoder.refused = REASON_NONE;
    arena_init(&decoder.scratch);
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
    arena_done(&decoder.scratch);
    if (decoder.refused == REASON_INVALID_JSON) {
        reject_whole(batch, body, length);
        return REASON_NONE;
    }
    /* CloudEvents allows an empty batch. */
    if (decoder.refused == REASON_NONE && batch->count == 0 && mode != EVENT_MODE_BATCH)
        return REASON_EMPTY;
    return decoder.refused;
}
