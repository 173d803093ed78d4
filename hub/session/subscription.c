#include "hub/session/subscription.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hub/channel/fold.h"
#include "hub/presence/presence.h"
#include "hub/session/attendance.h"
#include "hub/session/commands.h"
#include "hub/session/self.h"
#include "hub/session/session.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

/* Below the SDKs' own 5 s, so that they get an answer instead of dropping the connection. */
#define LOADING_TIMEOUT_MS 4000

static struct subscription *of_subscriber(struct subscriber *subscriber)
{
    return CONTAINER_OF(subscriber, struct subscription, subscriber);
}

struct subscription *subscription_find(const struct session *session, const char *name,
                                       size_t length)
{
    LIST_FOR_EACH(link, next, &session->subscriptions)
    {
        struct subscription *subscription = LIST_ITEM(link, struct subscription, link);
        if (strlen(subscription->name) == length && !memcmp(subscription->name, name, length))
            return subscription;
    }
    return NULL;
}

/* ---- the form of the two-way protocol ---- */

static void append_missed(const struct buffer *missed, struct buffer *out)
{
    buffer_append_text(out, ",\"was_recovering\":true,\"recovered\":true,\"publications\":[");
    buffer_append(out, missed->data, missed->length);
    buffer_append(out, "]", 1);
}

static void append_state(struct subscription *subscription, struct buffer *out)
{
    struct subscriber *subscriber = &subscription->subscriber;
    if (subscriber->recover)
        buffer_append_text(out, ",\"was_recovering\":true,\"recovered\":false");
    if (subscriber->view->log)
        return;
    const struct frame *state = channel_view_state(subscriber->channel, subscriber->view);
    buffer_append_text(out, ",\"data\":");
    buffer_append(out, state->data, state->length);
}

static void reply_ready(struct subscription *subscription, const struct buffer *missed)
{
    const struct view *view = subscription->subscriber.view;
    struct buffer *out = session_replies(subscription->session);
    protocol_open_reply(out, subscription->command_id, METHOD_SUBSCRIBE);
    buffer_append_text(out, "\"recoverable\":true,\"positioned\":true,\"epoch\":");
    buffer_append_json_string(out, view->epoch, strlen(view->epoch));
    buffer_printf(out, ",\"offset\":%" PRId64, view->offset);
    if (missed)
        append_missed(missed, out);
    else
        append_state(subscription, out);
    buffer_append(out, "}}", 2);
}

static void reply_failed(struct subscription *subscription, enum protocol_error error)
{
    session_reply_error(subscription->session, subscription->command_id, error);
    subscription_end(subscription);
}

static void push_revoked(struct subscription *subscription, enum protocol_unsubscribe code)
{
    struct session *session = subscription->session;
    protocol_append_unsubscribe(session_replies(session), subscription->name, code);
    subscription_end(subscription);
    session_flush(session);
}

static struct frame *push_batch(const struct view *view, struct batch *batch)
{
    (void)view;
    return batch->frame;
}

static struct frame *push_publication(const struct view *view, const char *data, size_t length)
{
    return publication_encode(view->channel, data, length, view->offset).frame;
}

/* SDKs refresh when the token ends: leave them time for it. */
#define EXPIRY_GRACE_MS 10000

const struct session_form form_commands = {.expiry_grace_ms = EXPIRY_GRACE_MS,
                                           .ready = reply_ready,
                                           .fail = reply_failed,
                                           .revoke = push_revoked,
                                           .batch = push_batch,
                                           .publication = push_publication,
                                           .ping = session_ping,
                                           .admit = commands_admit,
                                           .refuse = commands_refuse,
                                           .changed = self_push_changed,
                                           .ended = self_push_ended};

/* ---- what the channel tells ---- */

static void forget_question(struct subscription *subscription)
{
    subscription->command_id = 0;
    free(subscription->epoch);
    subscription->epoch = NULL;
    subscription->subscriber.epoch = NULL;
}

static void on_ready(struct subscriber *subscriber, const struct buffer *missed)
{
    struct subscription *subscription = of_subscriber(subscriber);
    struct session *session = subscription->session;
    struct hub_stats *stats = session->sessions->stats;
    session->form->ready(subscription, missed);
    forget_question(subscription);
    if (!subscription->stopped)
        attendance_begin(subscription);
    stats->subscribes++;
    if (subscriber->recover)
        missed ? stats->recoveries++ : stats->recoveries_failed++;
    session_flush(session);
}

static void on_absent(struct subscriber *subscriber)
{
    struct subscription *subscription = of_subscriber(subscriber);
    if (subscription->command_id)
        subscription->session->form->fail(subscription, PROTOCOL_ERROR_UNKNOWN_CHANNEL);
    else
        subscription_revoke(subscription, PROTOCOL_UNSUBSCRIBE_SERVER);
}

static void on_reset(struct subscriber *subscriber)
{
    subscription_revoke(of_subscriber(subscriber), PROTOCOL_UNSUBSCRIBE_INSUFFICIENT_STATE);
}

/* A patch that waits is out of date when it is sent: better one that is made then. */
static bool leave_out(struct subscription *subscription, const struct batch *batch)
{
    struct session *session = subscription->session;
    if (subscription->folded_from < 0) {
        if (writer_idle(&session->writer))
            return false;
        subscription->folded_from = batch->from;
        transport_want_writable(session->writer.transport);
    }
    session->sessions->stats->deliveries_folded += batch->count;
    return true;
}

static void on_approach(const struct subscriber *subscriber, unsigned step)
{
    const struct session *session =
        CONTAINER_OF((struct subscriber *)(uintptr_t)subscriber, struct subscription, subscriber)
            ->session;
    if (step == 0)
        __builtin_prefetch(session);
    else
        __builtin_prefetch(session->writer.transport);
}

static void on_publication(struct subscriber *subscriber, struct batch *batch)
{
    struct subscription *subscription = of_subscriber(subscriber);
    struct session *session = subscription->session;
    if (!subscriber->view->log && leave_out(subscription, batch))
        return;
    session->sessions->stats->deliveries += batch->count;
    session_publish(session, session->form->batch(subscriber->view, batch));
}

static const struct subscriber_ops ops = {.ready = on_ready,
                                          .absent = on_absent,
                                          .reset = on_reset,
                                          .publication = on_publication,
                                          .approach = on_approach};

/* ---- life ---- */

void subscription_begin(struct session *session, const struct command *command,
                        const struct channel_name *parsed, uint32_t mask)
{
    struct subscription *subscription = memory_zalloc(sizeof(*subscription));
    memcpy(subscription->name, command->channel.bytes, command->channel.length);
    subscription->session = session;
    subscription->subscriber.ops = &ops;
    list_init(&subscription->subscriber.link);
    subscription->command_id = command->id;
    subscription->asked_ms = time_monotonic_us() / 1000;
    subscription->folded_from = -1;
    subscription->join_leave = command->join_leave;
    subscription->subscriber.user = session->principal->user_id;
    if (command->recover) {
        size_t length = command->epoch.length < VIEW_EPOCH_SIZE ? command->epoch.length : 0;
        subscription->epoch = memory_strndup(command->epoch.bytes, length);
        subscription->subscriber.recover = true;
        subscription->subscriber.offset = command->offset;
        subscription->subscriber.epoch = subscription->epoch;
        subscription->subscriber.epoch_length = length;
    }
    list_append(&session->subscriptions, &subscription->link);
    session->subscription_count++;
    session->sessions->stats->subscriptions++;
    struct channel *channel = channels_get(session->sessions->channels, subscription->name, parsed);
    channel_attach(channel, &subscription->subscriber, mask);
}

void subscription_stop(struct subscription *subscription)
{
    struct session *session = subscription->session;
    if (subscription->stopped)
        return;
    subscription->stopped = true;
    channel_detach(&subscription->subscriber);
    presence_leave(subscription->presence);
    subscription->presence = NULL;
    history_drop(&subscription->history);
    session->subscription_count--;
    session->sessions->stats->subscriptions--;
}

void subscription_end(struct subscription *subscription)
{
    subscription_stop(subscription);
    list_remove(&subscription->link);
    free(subscription->epoch);
    free(subscription);
}

void subscription_revoke(struct subscription *subscription, enum protocol_unsubscribe code)
{
    const struct session_form *form = subscription->session->form;
    if (subscription->command_id)
        form->fail(subscription, PROTOCOL_ERROR_INTERNAL);
    else
        form->revoke(subscription, code);
}

void subscriptions_review(struct session *session)
{
    LIST_FOR_EACH(link, next, &session->subscriptions)
    {
        struct subscription *subscription = LIST_ITEM(link, struct subscription, link);
        struct channel_name parsed;
        uint32_t mask = session_channel_mask(session->principal, subscription->name,
                                             strlen(subscription->name), &parsed);
        if (session->state != SESSION_OPEN)
            return;
        if (!mask)
            subscription_revoke(subscription, PROTOCOL_UNSUBSCRIBE_SERVER);
        else if (mask != subscription->subscriber.mask)
            subscription_revoke(subscription, PROTOCOL_UNSUBSCRIBE_INSUFFICIENT_STATE);
        else
            attendance_review(subscription);
    }
}

void subscription_second(struct subscription *subscription, int64_t now_ms)
{
    if (subscription->command_id && now_ms - subscription->asked_ms >= LOADING_TIMEOUT_MS)
        subscription->session->form->fail(subscription, PROTOCOL_ERROR_INTERNAL);
}

void subscription_catch_up(struct subscription *subscription)
{
    if (subscription->subscriber.view)
        view_settle(subscription->subscriber.view);
    subscription_unfold(subscription);
}

void subscription_unfold(struct subscription *subscription)
{
    struct view *view = subscription->subscriber.view;
    struct buffer data = BUFFER_INIT;
    if (subscription->folded_from < 0 || !view)
        return;
    view_settle(view); /* what is on its way to others is in the fold */
    int64_t offset = subscription->folded_from;
    subscription->folded_from = -1;
    if (!fold_patches(view, offset, &data)) {
        const struct frame *state = channel_view_state(subscription->subscriber.channel, view);
        buffer_append(&data, state->data, state->length);
    }
    if (!data.length)
        return; /* only a check was left out */
    struct session *session = subscription->session;
    struct frame *frame = session->form->publication(view, data.data, data.length);
    buffer_done(&data);
    session->sessions->stats->deliveries++;
    session_send(session, frame);
    frame_unref(frame);
}
