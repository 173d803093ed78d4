#include "hub/session/self.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hub/session/session.h"
#include "shared/base/time.h"

static void append_permissions(const struct principal *principal, struct buffer *out)
{
    uint64_t permissions = principal_permissions(principal);
    bool first = true;
    for (int permission = 0; permission < PERMISSION_COUNT; permission++) {
        if (!(permissions & PERMISSION_BIT(permission)))
            continue;
        buffer_printf(out, "%s\"%s\"", first ? "" : ",",
                      permission_text((enum permission)permission));
        first = false;
    }
}

static void append_partners(const struct principal *principal, bool only_suspended,
                            struct buffer *out)
{
    bool first = true;
    for (size_t i = 0; i < principal->partner_count; i++) {
        const struct principal_partner *partner = &principal->partners[i];
        if (only_suspended && !partner->suspended)
            continue;
        buffer_printf(out, "%s\"%s\"", first ? "" : ",", partner->code);
        first = false;
    }
}

static const struct {
    const char *text;
    enum channel_kind kind;
    bool of_platform;
} wanted[] = {{"metrics", CHANNEL_METRICS, true},
              {"jobs", CHANNEL_JOBS, true},
              {"audit", CHANNEL_AUDIT, true},
              {"keys", CHANNEL_KEYS, false},
              {"wallet", CHANNEL_WALLET, false}};

/* Of the platform, or of the partner. */
static void append_scope(const struct principal *principal, const char *code, struct buffer *out)
{
    for (size_t i = 0; i < ARRAY_LENGTH(wanted); i++) {
        struct channel_name name = {.kind = wanted[i].kind, .platform = !code};
        if (code)
            (void)snprintf(name.code, sizeof(name.code), "%s", code);
        if ((!code && !wanted[i].of_platform) || !principal_channel_mask(principal, &name))
            continue;
        buffer_printf(out, ",\"%s:%s%s\"", wanted[i].text, code ? "partner:" : "platform",
                      code ? code : "");
    }
}

/* Staff may see every partner's channels too; only the platform's are worth naming. */
void self_append_channels(const struct session *session, struct buffer *out)
{
    const struct principal *principal = session->principal;
    buffer_append_text(out, "\"system\"");
    append_scope(principal, NULL, out);
    for (size_t i = 0; i < principal->partner_count; i++)
        append_scope(principal, principal->partners[i].code, out);
}

static const char *main_role(const struct principal *principal)
{
    if (principal->is_staff)
        return role_text(principal->staff_role);
    return principal->partner_count ? role_text(principal->partners[0].role) : "none";
}

static void append_members(const struct session *session, struct buffer *out)
{
    const struct principal *principal = session->principal;
    buffer_append_text(out, "\"user\":{\"id\":");
    buffer_append_json_string(out, principal->user_id, strlen(principal->user_id));
    buffer_append_text(out, ",\"name\":");
    buffer_append_json_string(out, principal->name, strlen(principal->name));
    buffer_printf(out, "},\"role\":\"%s\",\"permissions\":[", main_role(principal));
    append_permissions(principal, out);
    buffer_append_text(out, "],\"partners\":[");
    append_partners(principal, false, out);
    buffer_append_text(out, "],\"suspended\":[");
    append_partners(principal, true, out);
    buffer_append_text(out, "],\"channels\":[");
    self_append_channels(session, out);
    buffer_append_text(out, "]");
    if (*principal->impersonator)
        buffer_printf(out, ",\"impersonator\":{\"id\":\"%s\"}", principal->impersonator);
    if (principal->auth_ms)
        buffer_printf(out, ",\"auth_at\":%" PRId64, principal->auth_ms);
    buffer_printf(out, ",\"time\":%" PRId64 ",\"heartbeat\":%" PRId64, time_wall_ms(),
                  session->sessions->settings->heartbeat_ms);
}

void self_append(const struct session *session, struct buffer *out)
{
    buffer_append(out, "{", 1);
    append_members(session, out);
    buffer_append(out, "}", 1);
}

static void push(struct session *session, const struct buffer *data)
{
    struct buffer out = BUFFER_INIT;
    buffer_append_text(&out, "{\"push\":{\"channel\":\"" SELF_CHANNEL "\",\"pub\":{\"data\":");
    buffer_append(&out, data->data, data->length);
    buffer_append_text(&out, "}}}");
    struct frame *frame = frame_new(out.data, out.length);
    session_send(session, frame);
    frame_unref(frame);
    buffer_done(&out);
}

void self_push_changed(struct session *session)
{
    struct buffer data = BUFFER_INIT;
    buffer_append_text(&data, "{\"t\":\"session\",");
    append_members(session, &data);
    buffer_append(&data, "}", 1);
    push(session, &data);
    buffer_done(&data);
}

void self_push_ended(struct session *session, enum protocol_close reason)
{
    struct buffer data = BUFFER_INIT;
    if (session->state != SESSION_OPEN)
        return;
    buffer_printf(&data, "{\"t\":\"ended\",\"reason\":\"%s\"}", review_end_text(reason));
    push(session, &data);
    buffer_done(&data);
}
