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

static bool text_is(struct text text, const char *wanted)
{
    return strlen(wanted) == text.length && memcmp(wanted, text.bytes, text.length) == 0;
}

/* The member's text; bytes NULL if it has none. */
static struct text string_of(const struct json_node *body, const char *name)
{
    const struct json_node *member = json_tree_get(body, name);
    return member && member->kind == JSON_KIND_STRING ? member->string : (struct text){NULL, 0};
}

static int64_t integer_of(const struct json_node *body, const char *name)
{
    const struct json_node *member = json_tree_get(body, name);
    return member && member->kind == JSON_KIND_INTEGER ? member->integer : 0;
}

static const char *type_of(struct text status)
{
    for (size_t i = 0; status.bytes && i < ARRAY_LENGTH(statuses); i++)
        if (text_is(status, statuses[i].status))
            return statuses[i].type;
    return NULL;
}

/* Whether the member is absent or names `number` or `name`. */
static bool agrees(const struct json_node *value, int32_t number, const char *name)
{
    char digits[16];
    if (!value || value->kind == JSON_KIND_NULL)
        return true;
    if (value->kind == JSON_KIND_INTEGER)
        return value->integer == number;
    if (value->kind != JSON_KIND_STRING)
        return false;
    snprintf(digits, sizeof(digits), "%" PRId32, number);
    return text_is(value->string, name) || text_is(value->string, digits);
}

/* The id makes a repeated call a duplicate: same request, status, attempt and progress. */
static struct text id_of(const struct json_node *body, const char *type, struct arena *arena)
{
    struct text given = string_of(body, "id"), request = string_of(body, "request_id");
    if (given.bytes)
        return given;
    int length = request.length < 200 ? (int)request.length : 200;
    const char *id = arena_printf(arena, "%.*s:%s:%" PRId64 ":%" PRId64, length, request.bytes,
                                  type, integer_of(body, "attempt"), integer_of(body, "progress"));
    return (struct text){id, (uint32_t)strlen(id)};
}

static void add_attributes(const struct json_node *body, const char *type,
                           struct attributes *attributes, struct arena *arena, struct event *event)
{
    const struct json_node *time = json_tree_get(body, "time");
    attributes_add(attributes, arena, event, TEXT_LITERAL("id"), id_of(body, type, arena));
    attributes_add(attributes, arena, event, TEXT_LITERAL("source"),
                   TEXT_LITERAL("/api/partner/track"));
    attributes_add(attributes, arena, event, TEXT_LITERAL("specversion"), TEXT_LITERAL("1.0"));
    attributes_add(attributes, arena, event, TEXT_LITERAL("type"),
                   (struct text){type, (uint32_t)strlen(type)});
    if (time)
        attributes_add_json(attributes, arena, event, time);
}

static bool is_data(const struct json_node *member)
{
    static const char *const others[] = {"request_id", "partner_id", "api_key_id", "status",
                                         "id",         "time",       "job"};
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
        if (json_tree_named(member, others[i]))
            return false;
    return true;
}

static void add_member(struct json_node *object, const struct json_node *value, struct text name,
                       struct arena *scratch)
{
    struct json_node *member = arena_alloc(scratch, sizeof(*member));
    *member = *value;
    member->name = name;
    member->next = object->first;
    object->first = member;
    object->count++;
}

/* What is not about the call itself is the event's data; request_id is its job. */
static struct json_node *data_of(const struct json_node *body, struct arena *scratch)
{
    struct json_node *data = arena_array(scratch, 1, sizeof(*data));
    data->kind = JSON_KIND_OBJECT;
    for (const struct json_node *member = body->first; member; member = member->next)
        if (is_data(member))
            add_member(data, member, member->name, scratch);
    add_member(data, json_tree_get(body, "request_id"), TEXT_LITERAL("job"), scratch);
    (void)json_tree_sort(data, scratch); /* no name can stand twice */
    return data;
}

void track_apply(const struct json_node *body, const struct event_context *context,
                 struct arena *scratch, struct arena *arena, struct event *event)
{
    struct attributes attributes;
    const char *type = type_of(string_of(body, "status"));
    const struct json_node *manifest = json_tree_get(body, "manifest");
    if (string_of(body, "request_id").length == 0)
        event_reject(event, REASON_MISSING, "request_id", "required, text of 1 to 200 bytes");
    if (!type)
        event_reject(event, REASON_INVALID, "status",
                     "pending, queued, started, progress, completed, failed, retried or cancelled");
    if (manifest && manifest->kind != JSON_KIND_OBJECT && manifest->kind != JSON_KIND_NULL)
        event_reject(event, REASON_INVALID, "manifest", "must be an object");
    if (!agrees(json_tree_get(body, "partner_id"), context->partner_id, context->partner_code))
        event_reject(event, REASON_MISMATCH, "partner_id", "is not the partner of the API key");
    if (!agrees(json_tree_get(body, "api_key_id"), context->key_id, context->key_public_id))
        event_reject(event, REASON_MISMATCH, "api_key_id", "is not the API key of this request");
    if (event->status == EVENT_REJECTED || !type)
        return;
    attributes_init(&attributes);
    add_attributes(body, type, &attributes, arena, event);
    attributes_apply(&attributes, event, context->now_us, context->may_backfill);
    payload_apply(data_of(body, scratch), arena, event);
    attributes_hash(&attributes, event);
}
