#include "hub/session/session.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/session/commands.h"
#include "hub/session/subscription.h"
#include "shared/base/log.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

/* A connection that has not said who it is after this long is closed. */
#define STALE_AFTER_MS 10000
/* Below the SDKs' own 5 s, so that they get an answer. */
#define CHECKING_TIMEOUT_MS 4000
#define MAX_COMMANDS_PER_MESSAGE 1024
#define RATE_BURST_SECONDS 3

_Static_assert(offsetof(struct principal, partners) + sizeof(((struct principal *)0)->partners) ==
                   sizeof(struct principal),
               "a copy that is cut after some partners would lose what follows them");

static int64_t monotonic_ms(void)
{
    return time_monotonic_us() / 1000;
}

static void make_client_id(char out[SESSION_CLIENT_SIZE])
{
    unsigned char b[16];
    randombytes_buf(b, sizeof(b));
    b[6] = (unsigned char)((b[6] & 0x0F) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3F) | 0x80);
    (void)snprintf(out, SESSION_CLIENT_SIZE,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                   b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
                   b[14], b[15]);
}

struct session *session_new(struct sessions *sessions, struct transport *transport)
{
    struct session *session = memory_zalloc(sizeof(*session));
    session->sessions = sessions;
    session->form = &form_commands;
    session->opened_ms = session->pinged_ms = session->rate_ms = monotonic_ms();
    session->rate_left = (double)(sessions->settings->max_commands * RATE_BURST_SECONDS);
    list_init(&session->subscriptions);
    list_init(&session->review);
    make_client_id(session->client);
    gather_init(&session->gather);
    writer_init(&session->writer, transport, sessions->settings, sessions->stats);
    list_append(&sessions->open, &session->link);
    sessions->stats->connections++;
    sessions->stats->connections_opened++;
    if (sessions->draining)
        session_close(session, PROTOCOL_CLOSE_SHUTDOWN);
    return session;
}

static void drop_subscriptions(struct session *session)
{
    while (!list_empty(&session->subscriptions))
        subscription_end(LIST_ITEM(session->subscriptions.next, struct subscription, link));
}

/* Where it stands, so that one can see what it comes back for. */
static void log_slow(const struct session *session)
{
    static struct log_limit limit = {.interval_ms = 100};
    struct buffer places = BUFFER_INIT;
    LIST_FOR_EACH(link, next, &session->subscriptions)
    {
        const struct subscription *subscription = LIST_ITEM(link, struct subscription, link);
        const struct view *view = subscription->subscriber.view;
        if (view)
            buffer_printf(&places, " %s at %" PRId64, subscription->name, view->offset);
    }
    log_limited(&limit, LOG_LEVEL_WARNING,
                "client %s of %s reads too slowly: closed with %" PRIu64 " bytes unsent,%.*s",
                session->client, session->principal->user_id, session->writer.bytes,
                (int)places.length, places.data);
    buffer_done(&places);
}

void session_close(struct session *session, enum protocol_close reason)
{
    if (session->state == SESSION_CLOSING)
        return;
    if (reason == PROTOCOL_CLOSE_SLOW)
        log_slow(session);
    session->state = SESSION_CLOSING;
    list_remove(&session->review);
    list_remove(&session->link);
    list_append(&session->sessions->closing, &session->link);
    session->sessions->stats->closes[reason]++;
    if (session->form->goodbye)
        session->form->goodbye(session, reason);
    /* They are freed when the socket is gone: whoever closes may be going through them. */
    LIST_FOR_EACH(link, next, &session->subscriptions)
    subscription_stop(LIST_ITEM(link, struct subscription, link));
    transport_close(session->writer.transport, reason);
}

void session_on_gone(struct session *session)
{
    if (!session)
        return;
    if (session->state != SESSION_CLOSING)
        session->sessions->stats->closes[PROTOCOL_CLOSE_GONE]++;
    drop_subscriptions(session);
    gather_done(&session->gather);
    writer_done(&session->writer);
    session->sessions->stats->connections--;
    list_remove(&session->link);
    list_remove(&session->review);
    buffer_done(&session->inbox);
    buffer_done(&session->replies);
    free(session->opening);
    free(session->principal);
    free(session);
}

/* Room for all the partners one could have is most of the struct, and most people have one: the
 * copy ends after those that there are. */
void session_set_principal(struct session *session, const struct principal *principal)
{
    size_t size = offsetof(struct principal, partners) +
                  principal->partner_count * sizeof(principal->partners[0]);
    free(session->principal);
    session->principal = memory_alloc(size);
    memcpy(session->principal, principal, size);
    LIST_FOR_EACH(link, next, &session->subscriptions)
    LIST_ITEM(link, struct subscription, link)->subscriber.user = session->principal->user_id;
}

uint32_t session_channel_mask(const struct principal *principal, const char *name, size_t length,
                              struct channel_name *ret_parsed)
{
    if (length >= CHANNEL_NAME_SIZE || channel_name_parse(name, length, ret_parsed) != 0)
        return 0;
    return principal_channel_mask(principal, ret_parsed) & channel_classes(ret_parsed->kind);
}

/* ---- out ---- */

static void write_frame(struct session *session, struct frame *frame)
{
    int error = session->state == SESSION_CLOSING ? 0 : writer_send(&session->writer, frame);
    if (error)
        session_close(session,
                      error == -ENOBUFS ? PROTOCOL_CLOSE_SLOW : PROTOCOL_CLOSE_WRITE_ERROR);
}

void session_send_gathered(struct session *session)
{
    struct frame *frame = gather_take(&session->sessions->gathering, &session->gather);
    if (frame)
        write_frame(session, frame);
    frame_unref(frame);
}

void session_send(struct session *session, struct frame *frame)
{
    if (session->gather.count)
        session_send_gathered(session);
    if (session->replies.length)
        session_send_batch(session); /* what was answered before comes first */
    write_frame(session, frame);
}

void session_publish(struct session *session, struct frame *frame)
{
    struct gathering *gathering = &session->sessions->gathering;
    if (session->subscription_count == 1) {
        session_send(session, frame);
        return;
    }
    if (session->replies.length)
        session_send_batch(session);
    if (gather_add(gathering, &session->gather, frame))
        return;
    session_send_gathered(session);
    (void)gather_add(gathering, &session->gather, frame);
}

struct buffer *session_replies(struct session *session)
{
    return &session->replies;
}

void session_send_batch(struct session *session)
{
    if (!session->replies.length || session->state == SESSION_CLOSING) {
        buffer_clear(&session->replies);
        return;
    }
    if (session->gather.count)
        session_send_gathered(session);
    struct frame *frame = frame_new(session->replies.data, session->replies.length);
    buffer_done(&session->replies); /* rare and perhaps large: not worth keeping */
    write_frame(session, frame);
    frame_unref(frame);
}

void session_flush(struct session *session)
{
    if (!session->batching)
        session_send_batch(session);
}

void session_reply_error(struct session *session, uint32_t id, enum protocol_error error)
{
    session->sessions->stats->command_errors++;
    protocol_append_error(session_replies(session), id, error);
    session_flush(session);
}

void session_on_writable(struct session *session)
{
    if (session->state == SESSION_CLOSING)
        return;
    if (writer_on_writable(&session->writer)) {
        session_close(session, PROTOCOL_CLOSE_WRITE_ERROR);
        return;
    }
    if (session->form->progress)
        session->form->progress(session);
    LIST_FOR_EACH(link, next, &session->subscriptions)
    {
        if (!writer_idle(&session->writer) || session->state == SESSION_CLOSING)
            return;
        subscription_unfold(LIST_ITEM(link, struct subscription, link));
    }
}

/* ---- in ---- */

/* A bucket that fills with max_commands a second. */
static bool take_rate(struct session *session)
{
    double rate = (double)session->sessions->settings->max_commands;
    int64_t now_ms = monotonic_ms();
    session->rate_left += (double)(now_ms - session->rate_ms) * rate / 1000;
    session->rate_ms = now_ms;
    if (session->rate_left > rate * RATE_BURST_SECONDS)
        session->rate_left = rate * RATE_BURST_SECONDS;
    if (session->rate_left < 1)
        return false;
    session->rate_left -= 1;
    return true;
}

static void handle_line(struct session *session, const char *line, size_t length)
{
    struct command command;
    if (command_decode(line, length, &command)) {
        session_close(session, PROTOCOL_CLOSE_BAD_REQUEST);
        return;
    }
    session->sessions->stats->commands++;
    if (take_rate(session))
        commands_handle(session, &command);
    else if (command.id)
        session_reply_error(session, command.id, PROTOCOL_ERROR_TOO_MANY_REQUESTS);
    command_done(&command);
}

/* For later; messages are put apart as their lines are. */
static void hold(struct session *session, const char *bytes, size_t length, bool last)
{
    buffer_append(&session->inbox, bytes, length);
    if (last)
        buffer_append(&session->inbox, "\n", 1);
    session->held = last;
}

static void handle_message(struct session *session, const char *bytes, size_t length)
{
    const char *line = NULL;
    size_t line_length = 0, count = 0;
    session->batching = true;
    while (session->state != SESSION_CLOSING && session->state != SESSION_CHECKING &&
           protocol_next_line(&bytes, &length, &line, &line_length)) {
        if (++count > MAX_COMMANDS_PER_MESSAGE)
            session_close(session, PROTOCOL_CLOSE_BAD_REQUEST);
        else
            handle_line(session, line, line_length);
    }
    session->batching = false;
    session_send_batch(session);
    if (session->state == SESSION_CHECKING && length)
        hold(session, bytes, length, true);
}

static void handle_inbox(struct session *session)
{
    struct buffer message = session->inbox;
    session->inbox = (struct buffer)BUFFER_INIT;
    session->held = false;
    handle_message(session, message.data, message.length);
    buffer_done(&message);
}

void session_on_bytes(struct session *session, const void *bytes, size_t length, bool last)
{
    if (session->state == SESSION_CLOSING)
        return;
    if (session->inbox.length + length > (size_t)session->sessions->settings->max_message_bytes) {
        session_close(session, PROTOCOL_CLOSE_TOO_LARGE);
        return;
    }
    if (session->state == SESSION_CHECKING) {
        hold(session, bytes, length, last);
        return;
    }
    if (last && !session->inbox.length) {
        handle_message(session, bytes, length);
        return;
    }
    buffer_append(&session->inbox, bytes, length);
    if (!last)
        return;
    handle_inbox(session);
}

/* ---- what it may ---- */

static void admit(struct session *session)
{
    session->state = SESSION_OPEN;
    session->form->admit(session);
    if (session->held && session->state == SESSION_OPEN)
        handle_inbox(session);
}

static void refuse(struct session *session, enum protocol_error error)
{
    list_remove(&session->review);
    buffer_done(&session->inbox);
    session->held = false;
    session->state = SESSION_NEW;
    session->form->refuse(session, error);
}

void session_begin(struct session *session)
{
    struct review *review = &session->sessions->review;
    if (!review_doubts(review, session->principal)) {
        admit(session);
        return;
    }
    session->state = SESSION_CHECKING;
    session->checking_ms = monotonic_ms();
    review_want(review, session);
}

/* The connection lives as long as its token, unless the session is shorter. */
static void replace_principal(struct session *session, const struct principal *principal)
{
    struct principal next = *principal;
    if (next.expires_ms > session->principal->expires_ms)
        next.expires_ms = session->principal->expires_ms;
    next.issued_ms = session->principal->issued_ms;
    session_set_principal(session, &next);
    if (session->form->changed)
        session->form->changed(session);
    subscriptions_review(session);
}

void session_on_judged(struct session *session, const struct principal *principal)
{
    bool same = principal_same_access(session->principal, principal);
    if (session->state == SESSION_CHECKING && same)
        admit(session);
    else if (session->state == SESSION_CHECKING)
        refuse(session, PROTOCOL_ERROR_TOKEN_EXPIRED); /* a new one says what is true now */
    else if (session->state == SESSION_OPEN && !same)
        replace_principal(session, principal);
}

void session_on_ended(struct session *session, enum protocol_close reason)
{
    session->form->ended(session, reason);
    session_close(session, reason);
}

/* ---- time ---- */

void session_ping(struct session *session)
{
    if (session->awaiting_pong) {
        session_close(session, PROTOCOL_CLOSE_NO_PONG);
        return;
    }
    session->awaiting_pong = true;
    protocol_append_ping(session_replies(session));
    session_flush(session);
}

static bool is_slow(const struct session *session, int64_t now_ms)
{
    int64_t since_ms = session->writer.over_since_ms;
    return since_ms && now_ms - since_ms > session->sessions->settings->slow_after_ms;
}

void session_second(struct session *session, int64_t now_ms)
{
    if (session->state == SESSION_CLOSING)
        return;
    if (session->state == SESSION_NEW) {
        if (now_ms - session->opened_ms > STALE_AFTER_MS)
            session_close(session, PROTOCOL_CLOSE_STALE);
        return;
    }
    if (session->state == SESSION_CHECKING) {
        if (now_ms - session->checking_ms >= CHECKING_TIMEOUT_MS)
            refuse(session, PROTOCOL_ERROR_INTERNAL);
        return;
    }
    if (time_wall_ms() > session->principal->expires_ms + session->form->expiry_grace_ms) {
        session_close(session, PROTOCOL_CLOSE_EXPIRED);
        return;
    }
    if (is_slow(session, now_ms)) {
        session_close(session, PROTOCOL_CLOSE_SLOW);
        return;
    }
    if (session->form->second)
        session->form->second(session);
    LIST_FOR_EACH(link, next, &session->subscriptions)
    subscription_second(LIST_ITEM(link, struct subscription, link), now_ms);
    if (session->state != SESSION_CLOSING &&
        now_ms - session->pinged_ms >= session->ping_interval_ms) {
        session->pinged_ms = now_ms;
        session->form->ping(session);
    }
}
