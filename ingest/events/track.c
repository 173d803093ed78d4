#include "ingest/events/track.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ingest/events/attributes.h"
#include "ingest/events/payload.h"

static const struct {
    const char *status, *type;
} statuses[] = {
    {"pending", "generation.requested"},    {"requested", "generation.requested"},
    {"queued", "generation.queued"},        {"started", "generation.started"},
    {"processing", "generation.started"},   {"running", "generation.started"},
    {"progress", "generation.progress"},    {"completed", "generation.completed"},
    {"succeeded", "generation.completed"},  {"success", "generation.completed"},
    {"failed", "generation.failed"},        {"error", "generation.failed"},
    {"retried", "generation.retried"},      {"retrying", "generation.retried"},
    {"cancelled", "generation.cancelled"},  {"canceled", "generation.cancelled"},
    {"published", "publication.published"},
};

static const char *type_of(const char *status)
{
    for (size_t i = 0; status && i < ARRAY_LENGTH(statuses); i++)
        if (strcmp(statuses[i].status, status) == 0)
            return statuses[i].type;
    return NULL;
}

/* Whether the member is absent or names `number` or `name`. */
static bool agrees(const json_t *value, int32_t number, const char *name)
{
    char digits[16];
    if (!value || json_is_null(value))
        return true;
    if (json_is_integer(value))
        return json_integer_value(value) == number;
    snprintf(digits, sizeof(digits), "%" PRId32, number);
    const char *text = json_string_value(value);
    return text && (strcmp(text, name) == 0 || strcmp(text, digits) == 0);
}

static void add(struct attributes *attributes, struct arena *arena, struct event *event,
                const char *name, const char *value)
{
    attributes_add(attributes, arena, event, name, value, strlen(value));
}

/* The id makes a repeated call a duplicate: same request, status, attempt and progress. */
static void add_attributes(const json_t *body, const char *type, struct attributes *attributes,
                           struct arena *arena, struct event *event)
{
    const char *given = json_string_value(json_object_get(body, "id"));
    const json_t *time = json_object_get(body, "time");
    if (given) {
        add(attributes, arena, event, "id", given);
    } else {
        const char *request = json_string_value(json_object_get(body, "request_id"));
        add(attributes, arena, event, "id",
            arena_printf(arena, "%.200s:%s:%" PRId64 ":%" PRId64, request ? request : "", type,
                         (int64_t)json_integer_value(json_object_get(body, "attempt")),
                         (int64_t)json_integer_value(json_object_get(body, "progress"))));
    }
    add(attributes, arena, event, "source", "/api/partner/track");
    add(attributes, arena, event, "specversion", "1.0");
    add(attributes, arena, event, "type", type);
    if (time)
        attributes_add_json(attributes, arena, event, "time", json_object_get(body, "time"));
}

/* What is not about the call itself is the event's data; request_id is its job. */
static json_t *data_of(json_t *body)
{
    static const char *const about_call[] = {"request_id", "partner_id", "api_key_id",
                                             "status",     "id",         "time"};
    json_t *data = json_copy(body);
    json_t *request = json_object_get(body, "request_id");
    for (size_t i = 0; i < ARRAY_LENGTH(about_call); i++)
        json_object_del(data, about_call[i]);
    if (request)
        json_object_set(data, "job", request);
    return data;
}

void track_apply(json_t *body, const struct event_context *context, struct arena *arena,
                 struct event *event)
{
    struct attributes attributes;
    const json_t *request = json_object_get(body, "request_id");
    const char *type = type_of(json_string_value(json_object_get(body, "status")));
    const json_t *manifest = json_object_get(body, "manifest");
    if (!json_is_string(request) || json_string_length(request) == 0)
        event_reject(event, REASON_MISSING, "request_id", "required, text of 1 to 200 bytes");
    if (!type)
        event_reject(event, REASON_INVALID, "status",
                     "pending, queued, started, progress, completed, failed, retried or cancelled");
    if (manifest && !json_is_object(manifest) && !json_is_null(manifest))
        event_reject(event, REASON_INVALID, "manifest", "must be an object");
    if (!agrees(json_object_get(body, "partner_id"), context->partner_id, context->partner_code))
        event_reject(event, REASON_MISMATCH, "partner_id", "is not the partner of the API key");
    if (!agrees(json_object_get(body, "api_key_id"), context->key_id, context->key_public_id))
        event_reject(event, REASON_MISMATCH, "api_key_id", "is not the API key of this request");
    if (event->status == EVENT_REJECTED || !type)
        return;
    attributes_init(&attributes);
    add_attributes(body, type, &attributes, arena, event);
    attributes_apply(&attributes, event, context->now_us, context->may_backfill);
    json_t *data = data_of(body);
    payload_apply(data, arena, event);
    json_decref(data);
    attributes_hash(&attributes, event);
}
