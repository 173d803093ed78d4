#include "hub/session/commands.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hub/session/subscription.h"
#include "shared/access/token.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

#define HUB_VERSION "metrics-hub 1"

_Static_assert(offsetof(struct principal, partners) + sizeof(((struct principal *)0)->partners) ==
                   sizeof(struct principal),
               "a copy that is cut after some partners would lose what follows them");

/* ---- who is it ---- */

/* Roles of a member: one per partner, so its permissions are those that any of them gives. */
static bool principal_has(const struct principal *principal, enum permission permission)
{
    if (principal->is_staff)
        return role_has(principal->staff_role, permission);
    for (size_t i = 0; i < principal->partner_count; i++) {
        if (role_has(principal->partners[i].role, permission))
            return true;
    }
    return false;
}

static void append_permissions(const struct principal *principal, struct buffer *out)
{
    bool first = true;
    for (int permission = 0; permission < PERMISSION_COUNT; permission++) {
        if (!principal_has(principal, (enum permission)permission))
            continue;
        buffer_printf(out, "%s\"%s\"", first ? "" : ",",
                      permission_text((enum permission)permission));
        first = false;
    }
}

static void append_partners(const struct principal *principal, struct buffer *out)
{
    for (size_t i = 0; i < principal->partner_count; i++)
        buffer_printf(out, "%s\"%s\"", i ? "," : "", principal->partners[i].code);
}

/* Staff may see every partner's channels too; only the platform's are worth naming. */
static void append_channels(const struct principal *principal, struct buffer *out)
{
    if (principal->is_staff)
        buffer_append_text(out, "\"metrics:platform\",\"jobs:platform\"");
    for (size_t i = 0; i < principal->partner_count; i++) {
        const char *code = principal->partners[i].code;
        buffer_printf(out, "%s\"metrics:partner:%s\",\"jobs:partner:%s\"",
                      i || principal->is_staff ? "," : "", code, code);
    }
}

static const char *main_role(const struct principal *principal)
{
    if (principal->is_staff)
        return role_text(principal->staff_role);
    return principal->partner_count ? role_text(principal->partners[0].role) : "none";
}

static void append_principal(const struct principal *principal, struct buffer *out)
{
    buffer_append_text(out, "{\"user\":{\"id\":");
    buffer_append_json_string(out, principal->user_id, strlen(principal->user_id));
    buffer_append_text(out, ",\"name\":");
    buffer_append_json_string(out, principal->name, strlen(principal->name));
    buffer_printf(out, "},\"role\":\"%s\",\"permissions\":[", main_role(principal));
    append_permissions(principal, out);
    buffer_append_text(out, "],\"partners\":[");
    append_partners(principal, out);
    buffer_append_text(out, "],\"channels\":[");
    append_channels(principal, out);
    buffer_printf(out, "],\"time\":%" PRId64 "}", time_wall_ms());
}

/* Seconds that the token still lives, at least 1. */
static int64_t time_to_live(const struct principal *principal)
{
    int64_t left = (principal->expires_ms - time_wall_ms()) / 1000;
    return left < 1 ? 1 : left;
}

static enum token_fault verify(struct session *session, const struct command *command,
                               struct principal *principal)
{
    const struct sessions *sessions = session->sessions;
    return token_verify(command->token.bytes, command->token.length, sessions->secret,
                        sessions->secret_length, time_wall_ms(), principal);
}

/* Room for all the partners one could have is most of the struct, and most people have one: the
 * copy ends after those that there are. */
static void set_principal(struct session *session, const struct principal *principal)
{
    size_t size = offsetof(struct principal, partners) +
                  principal->partner_count * sizeof(principal->partners[0]);
    free(session->principal);
    session->principal = memory_alloc(size);
    memcpy(session->principal, principal, size);
}

static void handle_connect(struct session *session, const struct command *command)
{
    struct principal principal;
    if (session->state != SESSION_NEW) {
        session_close(session, PROTOCOL_CLOSE_BAD_REQUEST);
        return;
    }
    if (!command->token.length) {
        session_reply_error(session, command->id, PROTOCOL_ERROR_UNAUTHORIZED);
        return;
    }
    enum token_fault fault = verify(session, command, &principal);
    if (fault == TOKEN_EXPIRED) {
        session_reply_error(session, command->id, PROTOCOL_ERROR_TOKEN_EXPIRED);
        return;
    }
    if (fault != TOKEN_VALID) {
        session_close(session, PROTOCOL_CLOSE_INVALID_TOKEN);
        return;
    }
    set_principal(session, &principal);
    session->state = SESSION_OPEN;
    struct buffer *out = session_replies(session);
    protocol_open_reply(out, command->id, METHOD_CONNECT);
    buffer_printf(out,
                  "\"client\":\"%s\",\"version\":\"" HUB_VERSION
                  "\",\"expires\":true,\"ttl\":%" PRId64 ",\"ping\":%" PRId64
                  ",\"pong\":true,\"data\":",
                  session->client, time_to_live(&principal),
                  session->sessions->settings->ping_interval_ms / 1000);
    append_principal(&principal, out);
    buffer_append(out, "}}", 2);
}

static uint32_t channel_mask(const struct principal *principal, const struct channel_name *parsed)
{
    uint32_t mask = principal_channel_mask(principal, parsed);
    return mask & channel_classes(parsed->kind);
}

/* Subscriptions go on if the new token shows the same fields, else they are taken back. */
static void review_subscriptions(struct session *session)
{
    LIST_FOR_EACH(link, next, &session->subscriptions)
    {
        struct subscription *subscription = LIST_ITEM(link, struct subscription, link);
        struct channel_name parsed;
        uint32_t mask = 0;
        if (channel_name_parse(subscription->name, strlen(subscription->name), &parsed) == 0)
            mask = channel_mask(session->principal, &parsed);
        if (!mask)
            subscription_revoke(subscription, PROTOCOL_UNSUBSCRIBE_SERVER);
        else if (mask != subscription->subscriber.mask)
            subscription_revoke(subscription, PROTOCOL_UNSUBSCRIBE_INSUFFICIENT_STATE);
    }
}

static void handle_refresh(struct session *session, const struct command *command)
{
    struct principal principal;
    enum token_fault fault = verify(session, command, &principal);
    if (fault == TOKEN_EXPIRED) {
        session_close(session, PROTOCOL_CLOSE_EXPIRED);
        return;
    }
    if (fault != TOKEN_VALID || strcmp(principal.user_id, session->principal->user_id) != 0) {
        session_close(session, PROTOCOL_CLOSE_INVALID_TOKEN);
        return;
    }
    set_principal(session, &principal);
    struct buffer *out = session_replies(session);
    protocol_open_reply(out, command->id, METHOD_REFRESH);
    buffer_printf(out,
                  "\"client\":\"%s\",\"version\":\"" HUB_VERSION
                  "\",\"expires\":true,\"ttl\":%" PRId64 "}}",
                  session->client, time_to_live(&principal));
    review_subscriptions(session);
}

/* ---- channels ---- */

static void handle_subscribe(struct session *session, const struct command *command)
{
    const struct protocol_text *channel = &command->channel;
    struct channel_name parsed;
    uint32_t mask = 0;
    if (channel->length < CHANNEL_NAME_SIZE &&
        channel_name_parse(channel->bytes, channel->length, &parsed) == 0)
        mask = channel_mask(session->principal, &parsed);
    if (!mask)
        session_reply_error(session, command->id, PROTOCOL_ERROR_UNKNOWN_CHANNEL);
    else if (subscription_find(session, channel->bytes, channel->length))
        session_reply_error(session, command->id, PROTOCOL_ERROR_ALREADY_SUBSCRIBED);
    else if (session->subscription_count >= (size_t)session->sessions->settings->max_subscriptions)
        session_reply_error(session, command->id, PROTOCOL_ERROR_LIMIT_EXCEEDED);
    else
        subscription_begin(session, command, &parsed, mask);
}

static void handle_unsubscribe(struct session *session, const struct command *command)
{
    struct subscription *subscription =
        subscription_find(session, command->channel.bytes, command->channel.length);
    if (subscription && subscription->command_id)
        session_reply_error(session, subscription->command_id, PROTOCOL_ERROR_INTERNAL);
    if (subscription)
        subscription_end(subscription);
    protocol_append_empty(session_replies(session), command->id, METHOD_UNSUBSCRIBE);
}

static void handle_unavailable(struct session *session, const struct command *command)
{
    session_reply_error(session, command->id, PROTOCOL_ERROR_NOT_AVAILABLE);
}

/* ---- the rest ---- */

static void handle_rpc(struct session *session, const struct command *command)
{
    bool whoami = strcmp(command->rpc.bytes, "whoami") == 0;
    if (!whoami && strcmp(command->rpc.bytes, "channels") != 0) {
        session_reply_error(session, command->id, PROTOCOL_ERROR_METHOD_NOT_FOUND);
        return;
    }
    struct buffer *out = session_replies(session);
    protocol_open_reply(out, command->id, METHOD_RPC);
    buffer_append_text(out, "\"data\":");
    if (whoami) {
        append_principal(session->principal, out);
    } else {
        buffer_append_text(out, "{\"channels\":[");
        append_channels(session->principal, out);
        buffer_append_text(out, "]}");
    }
    buffer_append(out, "}}", 2);
}

static void handle_ping(struct session *session, const struct command *command)
{
    protocol_append_empty(session_replies(session), command->id, METHOD_PING);
}

static void handle_pong(struct session *session, const struct command *command)
{
    (void)command;
    session->awaiting_pong = false;
}

/* Messages without a reply that nobody here listens to. */
static void handle_send(struct session *session, const struct command *command)
{
    (void)session;
    (void)command;
}

static void handle_unknown(struct session *session, const struct command *command)
{
    session_reply_error(session, command->id, PROTOCOL_ERROR_METHOD_NOT_FOUND);
}

static void (*const handlers[METHOD_COUNT])(struct session *, const struct command *) = {
    [METHOD_CONNECT] = handle_connect,
    [METHOD_SUBSCRIBE] = handle_subscribe,
    [METHOD_UNSUBSCRIBE] = handle_unsubscribe,
    [METHOD_PUBLISH] = handle_unavailable,
    [METHOD_PRESENCE] = handle_unavailable,
    [METHOD_PRESENCE_STATS] = handle_unavailable,
    [METHOD_HISTORY] = handle_unavailable,
    [METHOD_PING] = handle_ping,
    [METHOD_SEND] = handle_send,
    [METHOD_RPC] = handle_rpc,
    [METHOD_REFRESH] = handle_refresh,
    [METHOD_SUB_REFRESH] = handle_unavailable,
    [METHOD_PONG] = handle_pong,
    [METHOD_UNKNOWN] = handle_unknown,
};

void commands_handle(struct session *session, const struct command *command)
{
    if (session->state == SESSION_NEW && command->method != METHOD_CONNECT) {
        session_close(session, PROTOCOL_CLOSE_BAD_REQUEST);
        return;
    }
    handlers[command->method](session, command);
}
