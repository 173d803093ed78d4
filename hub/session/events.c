#include "hub/session/events.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "hub/channel/event_text.h"
#include "hub/session/form.h"
#include "hub/session/session.h"
#include "hub/session/subscription.h"
#include "shared/access/token.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

/* Clients come back after this long; spread, so that those of a hub that ended do not come at once.
 */
#define RETRY_MIN_MS 500u
#define RETRY_SPREAD_MS 1500u

/* ---- the form ---- */

static void append_subscribed(const struct subscription *subscription, bool recovered,
                              struct buffer *out)
{
    const struct view *view = subscription->subscriber.view;
    struct buffer data = BUFFER_INIT;
    buffer_append_text(&data, "{\"channel\":");
    buffer_append_json_string(&data, subscription->name, strlen(subscription->name));
    buffer_printf(&data, ",\"recovered\":%s}", recovered ? "true" : "false");
    buffer_printf(out, "retry: %u\n", RETRY_MIN_MS + randombytes_uniform(RETRY_SPREAD_MS));
    /* Whoever recovers is still where he was. */
    event_text_append(out, "subscribed", view->epoch, recovered ? -1 : view->offset, data.data,
                      data.length);
    buffer_done(&data);
}

static void ready(struct subscription *subscription, const struct buffer *missed)
{
    struct session *session = subscription->session;
    const struct subscriber *subscriber = &subscription->subscriber;
    struct view *view = subscriber->view;
    struct buffer *out = session_replies(session);
    transport_open_events(session->writer.transport);
    session->streaming = true;
    append_subscribed(subscription, missed != NULL, out);
    if (missed) {
        event_text_append_missed(out, view->epoch, missed);
    } else if (!view->log) {
        const struct frame *state = channel_view_state(subscriber->channel, view);
        event_text_append(out, NULL, view->epoch, view->offset, (const char *)state->data,
                          state->length);
    }
}

static void fail(struct subscription *subscription, enum protocol_error error)
{
    struct session *session = subscription->session;
    transport_refuse(session->writer.transport, error == PROTOCOL_ERROR_UNKNOWN_CHANNEL
                                                    ? HTTP_PROBLEM_NOT_FOUND
                                                    : HTTP_PROBLEM_UNAVAILABLE);
    session_close(session, PROTOCOL_CLOSE_NORMAL);
}

/* Coming back it gets a new state, or is refused. */
static void end_revoked(struct subscription *subscription, enum protocol_unsubscribe code)
{
    (void)code;
    session_close(subscription->session, PROTOCOL_CLOSE_NORMAL);
}

static struct frame *publication(const struct view *view, const char *data, size_t length)
{
    struct buffer out = BUFFER_INIT;
    event_text_append(&out, NULL, view->epoch, view->offset, data, length);
    struct frame *frame = frame_new(out.data, out.length);
    buffer_done(&out);
    return frame;
}

static void second(struct session *session)
{
    if (transport_events_over(session->writer.transport))
        session_close(session, PROTOCOL_CLOSE_GONE);
}

/* A comment keeps proxies from giving up, and finds out who is gone. There is no answer to it: a
 * client that took nothing between two of them, though something waits, reads no more. */
static void ping(struct session *session)
{
    if (!session->streaming)
        return;
    if (writer_idle(&session->writer)) {
        session->awaiting_pong = false;
        buffer_append_text(session_replies(session), ":\n\n");
        session_flush(session);
    } else if (session->awaiting_pong) {
        session_close(session, PROTOCOL_CLOSE_SLOW);
    } else {
        session->awaiting_pong = true;
    }
}

static void progress(struct session *session)
{
    session->awaiting_pong = false;
}

static void goodbye(struct session *session, enum protocol_close reason)
{
    const struct protocol_code *code = &protocol_closes[reason];
    struct buffer data = BUFFER_INIT, out = BUFFER_INIT;
    if (!session->streaming || !writer_idle(&session->writer))
        return;
    buffer_printf(&data, "{\"code\":%u,\"reason\":\"%s\"}", code->number, code->text);
    event_text_append(&out, "end", "", -1, data.data, data.length);
    struct frame *frame = frame_new(out.data, out.length);
    int error = writer_send(&session->writer, frame);
    (void)error; /* it is going anyway */
    frame_unref(frame);
    buffer_done(&data);
    buffer_done(&out);
}

/* There are no commands that would be refused, only the request. */
static void refuse(struct session *session, enum protocol_error error)
{
    transport_refuse(session->writer.transport, error == PROTOCOL_ERROR_TOKEN_EXPIRED
                                                    ? HTTP_PROBLEM_TOKEN_EXPIRED
                                                    : HTTP_PROBLEM_UNAVAILABLE);
    session_close(session, PROTOCOL_CLOSE_NORMAL);
}

static void ended(struct session *session, enum protocol_close reason)
{
    (void)reason;
    if (!session->streaming)
        transport_refuse(session->writer.transport, HTTP_PROBLEM_TOKEN_EXPIRED);
}

/* As a subscribe command would say it. */
static void begin(struct session *session, const struct events_request *request)
{
    struct channel_name parsed;
    struct command command = {
        .id = 1,
        .method = METHOD_SUBSCRIBE,
        .channel = {request->channel, strlen(request->channel)},
        .epoch = {request->last_event_id, 0},
        .recover = *request->last_event_id != '\0',
    };
    uint32_t mask =
        session_channel_mask(session->principal, request->channel, command.channel.length, &parsed);
    /* An id that we never gave has no epoch of ours: a fresh start, which is said. */
    if (event_id_parse(request->last_event_id, &command.epoch.length, &command.offset))
        command.epoch.length = 0;
    subscription_begin(session, &command, &parsed, mask);
}

static void admit(struct session *session)
{
    char *opening = session->opening;
    struct events_request request = {.channel = opening,
                                     .last_event_id = opening + strlen(opening) + 1};
    session->opening = NULL;
    begin(session, &request);
    free(opening);
}

const struct session_form form_events = {.expiry_grace_ms = 0,
                                         .ready = ready,
                                         .fail = fail,
                                         .revoke = end_revoked,
                                         .batch = event_text_of_batch,
                                         .publication = publication,
                                         .second = second,
                                         .ping = ping,
                                         .progress = progress,
                                         .admit = admit,
                                         .refuse = refuse,
                                         .ended = ended,
                                         .goodbye = goodbye};

/* ---- the request ---- */

static enum http_problem check_token(const struct sessions *sessions, const char *token,
                                     struct principal *principal)
{
    if (!token)
        return HTTP_PROBLEM_TOKEN_REQUIRED;
    switch (token_verify(token, strlen(token), sessions->secret, sessions->secret_length,
                         time_wall_ms(), principal)) {
    case TOKEN_VALID:
        return HTTP_PROBLEM_NONE;
    case TOKEN_EXPIRED:
        return HTTP_PROBLEM_TOKEN_EXPIRED;
    case TOKEN_INVALID:
        break;
    }
    return HTTP_PROBLEM_TOKEN_INVALID;
}

/* Until the token was checked. */
static char *keep(const struct events_request *request)
{
    struct buffer out = BUFFER_INIT;
    buffer_append(&out, request->channel, strlen(request->channel) + 1);
    buffer_append(&out, request->last_event_id, strlen(request->last_event_id) + 1);
    char *text = memory_strndup(out.data, out.length);
    buffer_done(&out);
    return text;
}

struct session *events_open(struct sessions *sessions, struct transport *transport,
                            const struct events_request *request, enum http_problem *ret_problem)
{
    struct principal principal;
    struct channel_name parsed;
    *ret_problem = check_token(sessions, request->token, &principal);
    if (*ret_problem != HTTP_PROBLEM_NONE)
        return NULL;
    uint32_t mask =
        session_channel_mask(&principal, request->channel, strlen(request->channel), &parsed);
    if (!mask) {
        *ret_problem = HTTP_PROBLEM_NOT_FOUND;
        return NULL;
    }
    struct session *session = session_new(sessions, transport);
    session->form = &form_events;
    session_set_principal(session, &principal);
    session->ping_interval_ms = sessions->settings->ping_interval_ms;
    session->opening = keep(request);
    session_begin(session);
    return session;
}
