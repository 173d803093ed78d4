#include "ingest/messages/message.h"

#include <jansson.h>
#include <string.h>

#include "ingest/events/json_scan.h"

#define MAX_DEPTH 8 /* room for what later clients may add */
#define UUID_LENGTH 36

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_uuid(const char *text, size_t length)
{
    if (length != UUID_LENGTH)
        return false;
    for (size_t i = 0; i < length; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !is_hex(text[i]))
            return false;
    }
    return true;
}

static enum reason take_text(const json_t *value, struct arena *arena, struct text *ret_text)
{
    if (!value || json_is_null(value))
        return REASON_MISSING;
    if (!json_is_string(value))
        return REASON_INVALID;
    *ret_text = arena_text(arena, json_string_value(value), json_string_length(value));
    return REASON_NONE;
}

static enum reason take_client_id(const json_t *root, struct arena *arena, struct text *ret_text)
{
    enum reason reason = take_text(json_object_get(root, "client_id"), arena, ret_text);
    if (reason == REASON_NONE && !is_uuid(ret_text->bytes, ret_text->length))
        reason = REASON_INVALID;
    return reason;
}

static enum reason take_body(const json_t *root, struct arena *arena, struct text *ret_text)
{
    enum reason reason = take_text(json_object_get(root, "body"), arena, ret_text);
    if (reason == REASON_NONE && ret_text->length == 0)
        reason = REASON_MISSING;
    if (reason == REASON_NONE && ret_text->length > MESSAGE_MAX_BODY)
        reason = REASON_TOO_LONG;
    return reason;
}

enum reason message_decode(const char *json, size_t length, struct arena *arena,
                           struct message *ret_message, const char **ret_field)
{
    struct message message = {0};
    *ret_field = NULL;
    if (json_scan_too_deep(json, length, MAX_DEPTH))
        return REASON_TOO_DEEP;
    /* Without JSON_ALLOW_NUL: no text with a NUL gets through, which Postgres would refuse. */
    json_t *root = length ? json_loadb(json, length, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (!json_is_object(root)) {
        json_decref(root);
        return REASON_INVALID_JSON;
    }
    enum reason reason = take_client_id(root, arena, &message.client_id);
    if (reason != REASON_NONE) {
        *ret_field = "client_id";
    } else {
        reason = take_body(root, arena, &message.body);
        if (reason != REASON_NONE)
            *ret_field = "body";
    }
    json_decref(root);
    if (reason == REASON_NONE)
        *ret_message = message;
    return reason;
}
