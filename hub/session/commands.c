#include "hub/session/commands.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "hub/channel/check.h"
#include "hub/session/attendance.h"
#include "hub/session/subscription.h"
#include "shared/access/token.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

#define HUB_VERSION "metrics-hub 1"
/* Of one report; so that nobody makes the counter useless at a stroke. */
#define REPORT_MAX_MISMATCHES 1000

/* ---- who is it ---- */

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

static void append_principal(const struct session *session, struct buffer *out)
{
    const struct principal *principal = session->principal;
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
    buffer_printf(out, "],\"time\":%" PRId64 ",\"heartbeat\":%" PRId64 "}", time_wall_ms(),
                  session->sessions->settings->heartbeat_ms);
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
    session_set_principal(session, &principal);
    session->state = SESSION_OPEN;
    session->ping_interval_ms = session->sessions->settings->ping_interval_ms;
    /* Those who came together are not pinged together. */
    session->pinged_ms = time_monotonic_us() / 1000 -
                         (int64_t)randombytes_uniform((uint32_t)session->ping_interval_ms);
    struct buffer *out = session_replies(session);
    protocol_open_reply(out, command->id, METHOD_CONNECT);
    buffer_printf(out,
                  "\"client\":\"%s\",\"version\":\"" HUB_VERSION
                  "\",\"expires\":true,\"ttl\":%" PRId64 ",\"ping\":%" PRId64
                  ",\"pong\":true,\"data\":",
                  session->client, time_to_live(&principal), session->ping_interval_ms / 1000);
    append_principal(session, out);
    buffer_append(out, "}}", 2);
}

/* Subscriptions go on if the new token shows the same fields, else they are taken back. */
static void review_subscriptions(struct session *session)
{
    LIST_FOR_EACH(link, next, &session->subscriptions)
    {
        struct subscription *subscription = LIST_ITEM(link, struct subscription, link);
        struct channel_name parsed;
        uint32_t mask = session_channel_mask(session->principal, subscription->name,
                                             strlen(subscription->name), &parsed);
        if (!mask)
            subscription_revoke(subscription, PROTOCOL_UNSUBSCRIBE_SERVER);
        else if (mask != subscription->subscriber.mask)
            subscription_revoke(subscription, PROTOCOL_UNSUBSCRIBE_INSUFFICIENT_STATE);
        else
            attendance_review(subscription);
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
    session_set_principal(session, &principal);
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
    uint32_t mask =
        session_channel_mask(session->principal, channel->bytes, channel->length, &parsed);
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

static void handle_history(struct session *session, const struct command *command)
{
    struct subscription *subscription =
        subscription_find(session, command->channel.bytes, command->channel.length);
    if (subscription)
        history_begin(subscription, command);
    else
        session_reply_error(session, command->id, PROTOCOL_ERROR_UNKNOWN_CHANNEL);
}

static void handle_unavailable(struct session *session, const struct command *command)
{
    session_reply_error(session, command->id, PROTOCOL_ERROR_NOT_AVAILABLE);
}

/* ---- the rest ---- */

static void rpc_whoami(struct session *session, const struct command *command)
{
    struct buffer *out = session_replies(session);
    protocol_open_reply(out, command->id, METHOD_RPC);
    buffer_append_text(out, "\"data\":");
    append_principal(session, out);
    buffer_append(out, "}}", 2);
}

static void rpc_channels(struct session *session, const struct command *command)
{
    struct buffer *out = session_replies(session);
    protocol_open_reply(out, command->id, METHOD_RPC);
    buffer_append_text(out, "\"data\":{\"channels\":[");
    append_channels(session->principal, out);
    buffer_append_text(out, "]}}}");
}

/* The check of a channel that the session is subscribed to, now. */
static void rpc_check(struct session *session, const struct command *command)
{
    const json_t *name = json_object_get(command->data, "channel");
    struct subscription *subscription =
        name ? subscription_find(session, json_string_value(name), json_string_length(name)) : NULL;
    if (!subscription || !subscription->subscriber.view) {
        session_reply_error(session, command->id, PROTOCOL_ERROR_UNKNOWN_CHANNEL);
        return;
    }
    subscription_catch_up(subscription);
    struct buffer *out = session_replies(session);
    protocol_open_reply(out, command->id, METHOD_RPC);
    buffer_append_text(out, "\"data\":");
    check_append(subscription->subscriber.channel, subscription->subscriber.view, out);
    buffer_append(out, "}}", 2);
}

/* How often a client found its copy wrong, and has mended it. */
static void rpc_report(struct session *session, const struct command *command)
{
    int64_t count = json_integer_value(json_object_get(command->data, "mismatches"));
    if (count <= 0) {
        session_reply_error(session, command->id, PROTOCOL_ERROR_BAD_REQUEST);
        return;
    }
    session->sessions->stats->digest_mismatches +=
        (uint64_t)(count < REPORT_MAX_MISMATCHES ? count : REPORT_MAX_MISMATCHES);
    protocol_append_empty(session_replies(session), command->id, METHOD_RPC);
}

static const struct {
    const char *method;
    void (*handle)(struct session *, const struct command *);
} rpcs[] = {{"whoami", rpc_whoami},
            {"channels", rpc_channels},
            {"check", rpc_check},
            {"report", rpc_report}};

static void handle_rpc(struct session *session, const struct command *command)
{
    for (size_t i = 0; i < ARRAY_LENGTH(rpcs); i++) {
        if (strcmp(command->rpc.bytes, rpcs[i].method) == 0) {
            rpcs[i].handle(session, command);
            return;
        }
    }
    session_reply_error(session, command->id, PROTOCOL_ERROR_METHOD_NOT_FOUND);
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
    [METHOD_PRESENCE] = attendance_ask,
    [METHOD_PRESENCE_STATS] = attendance_ask,
    [METHOD_HISTORY] = handle_history,
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
