#include "hub/session/attendance.h"

#include "hub/presence/presence.h"
#include "hub/session/session.h"
#include "hub/session/subscription.h"

static void on_push(void *owner, struct frame *frame)
{
    const struct subscription *subscription = owner;
    session_send(subscription->session, frame);
}

static void on_answer(void *owner, uint32_t id, bool stats, const struct buffer *members)
{
    const struct subscription *subscription = owner;
    struct session *session = subscription->session;
    if (!members) {
        session_reply_error(session, id, PROTOCOL_ERROR_NOT_AVAILABLE);
        return;
    }
    struct buffer *out = session_replies(session);
    protocol_open_reply(out, id, stats ? METHOD_PRESENCE_STATS : METHOD_PRESENCE);
    buffer_append(out, members->data, members->length);
    buffer_append(out, "}}", 2);
    session_flush(session);
}

static const struct presence_ops ops = {.push = on_push, .answer = on_answer};

static bool is_thread(const struct subscription *subscription)
{
    return subscription->subscriber.channel->parsed.kind == CHANNEL_THREAD;
}

/* In a thread all participants see each other; elsewhere staff sees everybody, but is seen by staff
 * only. A channel of one partner has no members of another. */
static bool sees_all(const struct subscription *subscription)
{
    return subscription->session->principal->is_staff || is_thread(subscription);
}

/* Who reads a trail is nobody's business. */
static bool has_presence(const struct subscription *subscription)
{
    const struct channel *channel = subscription->subscriber.channel;
    return !channel_is_log(channel) || channel_has_members(channel);
}

void attendance_begin(struct subscription *subscription)
{
    const struct session *session = subscription->session;
    if (!has_presence(subscription))
        return;
    const struct principal *principal = session->principal;
    const struct presence_who who = {.client = session->client,
                                     .user = principal->user_id,
                                     .name = principal->name,
                                     .hidden = principal->is_staff && !is_thread(subscription),
                                     .sees_all = sees_all(subscription),
                                     .watches = subscription->join_leave};
    subscription->presence =
        presence_join(session->sessions->presence, subscription->name, &who, &ops, subscription);
}

void attendance_review(struct subscription *subscription)
{
    if (!subscription->presence ||
        presence_sees_all(subscription->presence) == sees_all(subscription))
        return;
    presence_leave(subscription->presence);
    attendance_begin(subscription);
}

void attendance_ask(struct session *session, const struct command *command)
{
    const struct subscription *subscription =
        subscription_find(session, command->channel.bytes, command->channel.length);
    if (subscription && subscription->presence)
        presence_ask(subscription->presence, command->id, command->method == METHOD_PRESENCE_STATS);
    else if (subscription && subscription->subscriber.view && !has_presence(subscription))
        session_reply_error(session, command->id, PROTOCOL_ERROR_NOT_AVAILABLE);
    else
        session_reply_error(session, command->id, PROTOCOL_ERROR_UNKNOWN_CHANNEL);
}
