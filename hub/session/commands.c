#include "hub/session/commands.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "hub/channel/check.h"
#include "hub/session/attendance.h"
#include "hub/session/self.h"
#include "hub/session/subscription.h"
#include "shared/access/token.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

#define HUB_VERSION "metrics-hub 1"
/* Of one report; so that nobody makes the counter useless at a stroke. */
#define REPORT_MAX_MISMATCHES 1000

/* ---- who is it ---- */

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
    session->connect_id = command->id;
    session_begin(session);
}

void commands_admit(struct session *session)
{
    session->ping_interval_ms = session->sessions->settings->ping_interval_ms;
    /* Those who came together are not pinged together. */
    session->pinged_ms = time_monotonic_us() / 1000 -
                         (int64_t)randombytes_uniform((uint32_t)session->ping_interval_ms);
    struct buffer *out = session_replies(session);
    protocol_open_reply(out, session->connect_id, METHOD_CONNECT);
    buffer_printf(
        out,
        "\"client\":\"%s\",\"version\":\"" HUB_VERSION "\",\"expires\":true,\"ttl\":%" PRId64
        ",\"ping\":%" PRId64 ",\"pong\":true,\"subs\":{\"" SELF_CHANNEL "\":{}},\"data\":",
        session->client, time_to_live(session->principal), session->ping_interval_ms / 1000);
    self_append(session, out);
    buffer_append(out, "}}", 2);
    session_flush(session);
}

void commands_refuse(struct session *session, enum protocol_error error)
{
    session_reply_error(session, session->connect_id, error);
}

/* One that may be out of date keeps the connection, as who it is already, until that is known. */
static void take_doubtful(struct session *session, const struct principal *principal)
{
    struct principal next;
    const struct principal *now = session->principal;
    memcpy(&next, now,
           offsetof(struct principal, partners) + now->partner_count * sizeof(now->partners[0]));
    memcpy(next.session_id, principal->session_id, sizeof(next.session_id));
    next.expires_ms = principal->expires_ms;
    next.issued_ms = principal->issued_ms;
    session_set_principal(session, &next);
    review_want(&session->sessions->review, session);
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
    bool doubtful = review_doubts(&session->sessions->review, &principal);
    if (doubtful)
        take_doubtful(session, &principal);
    else
        session_set_principal(session, &principal);
    struct buffer *out = session_replies(session);
    protocol_open_reply(out, command->id, METHOD_REFRESH);
    buffer_printf(out,
                  "\"client\":\"%s\",\"version\":\"" HUB_VERSION
                  "\",\"expires\":true,\"ttl\":%" PRId64 "}}",
                  session->client, time_to_live(&principal));
    if (!doubtful)
        subscriptions_review(session);
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
    self_append(session, out);
    buffer_append(out, "}}", 2);
}

static void rpc_channels(struct session *session, const struct command *command)
{
    struct buffer *out = session_replies(session);
    protocol_open_reply(out, command->id, METHOD_RPC);
    buffer_append_text(out, "\"data\":{\"channels\":[");
    self_append_channels(session, out);
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
