#include "hub/session/subscription.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- the answer ---- */

static void append_recovered(struct subscription *subscription, struct buffer *out)
{
    const struct view *view = subscription->subscriber.view;
    buffer_append_text(out, ",\"was_recovering\":true,\"recovered\":true,\"publications\":[");
    view_append_recovery(view, subscription->offset, out);
    buffer_append(out, "]", 1);
}

static void append_state(struct subscription *subscription, struct buffer *out)
{
    struct view *view = subscription->subscriber.view;
    const struct frame *state = channel_view_state(subscription->subscriber.channel, view);
    if (subscription->recover)
        buffer_append_text(out, ",\"was_recovering\":true,\"recovered\":false");
    buffer_append_text(out, ",\"data\":");
    buffer_append(out, state->data, state->length);
}

static void on_ready(struct subscriber *subscriber)
{
    struct subscription *subscription = of_subscriber(subscriber);
    struct session *session = subscription->session;
    struct hub_stats *stats = session->sessions->stats;
    const struct view *view = subscriber->view;
    struct buffer *out = session_replies(session);
    bool recovered =
        subscription->recover && view_can_recover(view, subscription->epoch,
                                                  subscription->epoch_length, subscription->offset);
    protocol_open_reply(out, subscription->command_id, METHOD_SUBSCRIBE);
    buffer_append_text(out, "\"recoverable\":true,\"positioned\":true,\"epoch\":");
    buffer_append_json_string(out, view->epoch, strlen(view->epoch));
    buffer_printf(out, ",\"offset\":%" PRId64, view->offset);
    if (recovered)
        append_recovered(subscription, out);
    else
        append_state(subscription, out);
    buffer_append(out, "}}", 2);
    subscription->command_id = 0;
    stats->subscribes++;
    if (subscription->recover)
        recovered ? stats->recoveries++ : stats->recoveries_failed++;
    session_flush(session);
}

static void on_absent(struct subscriber *subscriber)
{
    struct subscription *subscription = of_subscriber(subscriber);
    struct session *session = subscription->session;
    if (!subscription->command_id) {
        subscription_revoke(subscription, PROTOCOL_UNSUBSCRIBE_SERVER);
        return;
    }
    session_reply_error(session, subscription->command_id, PROTOCOL_ERROR_UNKNOWN_CHANNEL);
    subscription_end(subscription);
}

static void on_reset(struct subscriber *subscriber)
{
    subscription_revoke(of_subscriber(subscriber), PROTOCOL_UNSUBSCRIBE_INSUFFICIENT_STATE);
}

static void on_publication(struct subscriber *subscriber, struct frame *frame)
{
    struct subscription *subscription = of_subscriber(subscriber);
    struct session *session = subscription->session;
    struct hub_stats *stats = session->sessions->stats;
    if (subscription->folded || writer_over(&session->writer)) {
        subscription->folded = true;
        stats->deliveries_folded++;
        return;
    }
    stats->deliveries++;
    session_send(session, frame);
}

static const struct subscriber_ops ops = {
    .ready = on_ready, .absent = on_absent, .reset = on_reset, .publication = on_publication};

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
    subscription->recover = command->recover;
    subscription->offset = command->offset;
    if (command->epoch.length < sizeof(subscription->epoch)) {
        memcpy(subscription->epoch, command->epoch.bytes, command->epoch.length);
        subscription->epoch_length = command->epoch.length;
    }
    list_append(&session->subscriptions, &subscription->link);
    session->subscription_count++;
    session->sessions->stats->subscriptions++;
    struct channel *channel = channels_get(session->sessions->channels, subscription->name, parsed);
    channel_attach(channel, &subscription->subscriber, mask);
}

void subscription_end(struct subscription *subscription)
{
    struct session *session = subscription->session;
    channel_detach(&subscription->subscriber);
    list_remove(&subscription->link);
    session->subscription_count--;
    session->sessions->stats->subscriptions--;
    free(subscription);
}

void subscription_revoke(struct subscription *subscription, enum protocol_unsubscribe code)
{
    struct session *session = subscription->session;
    if (subscription->command_id)
        session_reply_error(session, subscription->command_id, PROTOCOL_ERROR_INTERNAL);
    else
        protocol_append_unsubscribe(session_replies(session), subscription->name, code);
    subscription_end(subscription);
    session_flush(session);
}

void subscription_second(struct subscription *subscription, int64_t now_ms)
{
    if (!subscription->command_id || now_ms - subscription->asked_ms < LOADING_TIMEOUT_MS)
        return;
    struct session *session = subscription->session;
    session_reply_error(session, subscription->command_id, PROTOCOL_ERROR_INTERNAL);
    subscription_end(subscription);
}

void subscription_unfold(struct subscription *subscription)
{
    struct view *view = subscription->subscriber.view;
    if (!subscription->folded || !view)
        return;
    uint32_t at, length;
    const struct frame *state = channel_view_state(subscription->subscriber.channel, view);
    struct frame *frame = view_frame(subscription->name, (const char *)state->data, state->length,
                                     view->offset, &at, &length);
    subscription->folded = false;
    subscription->session->sessions->stats->deliveries++;
    session_send(subscription->session, frame);
    frame_unref(frame);
}
