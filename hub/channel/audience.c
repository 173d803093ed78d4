#include "hub/channel/audience.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "hub/channel/publisher.h"
#include "shared/base/time.h"

static int64_t monotonic_ms(void)
{
    return time_monotonic_us() / 1000;
}

/* Changes whenever somebody may see other fields than before. */
static uint32_t policy_hash(uint32_t mask)
{
    uint32_t hash = XXH32(&mask, sizeof(mask), 0);
    for (size_t i = 0; i < JOB_FIELD_COUNT; i++) {
        uint32_t class = job_fields[i].class;
        hash = XXH32(job_fields[i].client, strlen(job_fields[i].client), hash);
        hash = XXH32(&class, sizeof(class), hash);
    }
    return hash;
}

static void state_epoch(const struct channel *channel, uint32_t mask, char out[VIEW_EPOCH_SIZE])
{
    static uint32_t counter;
    (void)snprintf(out, VIEW_EPOCH_SIZE, "%s.%s.%x.%08x", channel->consumer.feed->epoch,
                   channel->context->instance, ++counter, policy_hash(mask));
}

static struct view *add_view(struct channel *channel, uint32_t mask)
{
    const struct channel_context *context = channel->context;
    char epoch[VIEW_EPOCH_SIZE];
    bool log = channel_is_log(channel);
    if (log) {
        (void)snprintf(epoch, sizeof(epoch), "%s", channel->consumer.feed->epoch);
    } else {
        state_epoch(channel, mask, epoch);
        if (list_empty(&channel->views))
            publisher_refresh(channel);
    }
    struct view *view = view_new(context->fanout, channel->name, log, mask, epoch,
                                 log ? channel->consumer.seq : channel->published_seq,
                                 (size_t)context->settings->ring);
    list_append(&channel->views, &view->link);
    return view;
}

static struct view *get_view(struct channel *channel, uint32_t mask)
{
    LIST_FOR_EACH(link, next, &channel->views)
    {
        struct view *view = LIST_ITEM(link, struct view, link);
        if (view->mask == mask)
            return view;
    }
    return add_view(channel, mask);
}

static void leave(struct subscriber *subscriber)
{
    list_remove(&subscriber->link);
    struct view *view = subscriber->view;
    if (view)
        view_remove(view, subscriber);
    if (view && !view->subscriber_count)
        view->idle_since_ms = monotonic_ms();
    subscriber->channel = NULL;
}

int64_t channel_hidden_to(const struct subscriber *subscriber)
{
    const struct channel *channel = subscriber->channel;
    const struct member *member =
        channel->members ? members_find(channel->members, subscriber->user) : NULL;
    return member ? member->joined_seq : 0;
}

enum recovery { RECOVERY_NONE, RECOVERY_DONE, RECOVERY_LATER };

/* Older than the ring. Another hub may also have been faster: then the row is on its way. */
static enum recovery recover_from_log(struct channel *channel, const struct view *view,
                                      const struct subscriber *subscriber, struct buffer *missed)
{
    const struct backfill *backfill = &channel->backfill;
    int64_t offset = subscriber->offset;
    if (offset > view->offset)
        return RECOVERY_LATER;
    if (view->offset - offset > BACKFILL_MAX_ROWS || offset + 1 >= view->reach)
        return RECOVERY_NONE;
    if (backfill->rows && backfill_recover(backfill, view, offset, missed))
        return RECOVERY_DONE;
    bool read_for_it = channel->backfilled && offset >= backfill->after;
    return read_for_it ? RECOVERY_NONE : RECOVERY_LATER;
}

static enum recovery recover(struct channel *channel, const struct view *view,
                             const struct subscriber *subscriber, struct buffer *missed)
{
    if (!subscriber->recover || subscriber->offset < channel_hidden_to(subscriber) ||
        !view_epoch_is(view, subscriber->epoch, subscriber->epoch_length))
        return RECOVERY_NONE;
    if (view_recover(view, subscriber->offset, missed))
        return RECOVERY_DONE;
    return view->log ? recover_from_log(channel, view, subscriber, missed) : RECOVERY_NONE;
}

/* Whoever waits gets what it waits for, or goes on waiting. */
static void join(struct channel *channel, struct subscriber *subscriber)
{
    struct buffer missed = BUFFER_INIT;
    if (channel_has_members(channel) && !members_find(channel->members, subscriber->user)) {
        leave(subscriber);
        subscriber->ops->absent(subscriber);
        return;
    }
    struct view *view = get_view(channel, subscriber->mask);
    view_settle(view);
    enum recovery recovery = recover(channel, view, subscriber, &missed);
    if (recovery != RECOVERY_LATER) {
        list_remove(&subscriber->link);
        view_add(view, subscriber);
        subscriber->ops->ready(subscriber, recovery == RECOVERY_DONE ? &missed : NULL);
    }
    buffer_done(&missed);
}

/* One read for all that wait, from the oldest of their positions. */
void audience_read_missed(struct channel *channel)
{
    int64_t after = INT64_MAX;
    LIST_FOR_EACH(link, next, &channel->waiting)
    {
        const struct subscriber *subscriber = LIST_ITEM(link, struct subscriber, link);
        if (subscriber->offset < channel->consumer.seq && subscriber->offset < after)
            after = subscriber->offset;
    }
    if (after != INT64_MAX &&
        backfill_begin(&channel->backfill, channel->context->feeds->pool, after))
        channel->context->stats->log_reads++;
}

void audience_admit(struct channel *channel)
{
    LIST_FOR_EACH(link, next, &channel->waiting)
    join(channel, LIST_ITEM(link, struct subscriber, link));
    if (channel_is_log(channel))
        audience_read_missed(channel);
}

/* Rows are there, or could not be read: then the next second asks again. */
void audience_on_backfilled(void *owner)
{
    struct channel *channel = owner;
    if (!channel->backfill.rows)
        return;
    channel->backfilled = true;
    LIST_FOR_EACH(link, next, &channel->waiting)
    join(channel, LIST_ITEM(link, struct subscriber, link));
    channel->backfilled = false;
    LIST_FOR_EACH(view_link, next_view, &channel->views)
    backfill_keep(&channel->backfill, LIST_ITEM(view_link, struct view, link));
    audience_read_missed(channel);
}

bool audience_present(const struct channel *channel)
{
    if (!list_empty(&channel->waiting))
        return true;
    LIST_FOR_EACH(link, next, &channel->views)
    {
        if (LIST_ITEM(link, struct view, link)->subscriber_count)
            return true;
    }
    return false;
}

static void note_idle(struct channel *channel)
{
    channel->idle_since_ms = audience_present(channel) ? 0 : monotonic_ms();
}

void channel_attach(struct channel *channel, struct subscriber *subscriber, uint32_t mask)
{
    assert(!subscriber->channel && channel->state != CHANNEL_CLOSING);
    if (channel->state == CHANNEL_ABSENT) {
        subscriber->ops->absent(subscriber);
        return;
    }
    subscriber->channel = channel;
    subscriber->view = NULL;
    subscriber->mask = mask & channel_classes(channel->parsed.kind);
    channel->idle_since_ms = 0;
    list_append(&channel->waiting, &subscriber->link);
    if (channel->state != CHANNEL_LIVE)
        return;
    join(channel, subscriber);
    if (channel_is_log(channel))
        audience_read_missed(channel);
}

void channel_detach(struct subscriber *subscriber)
{
    struct channel *channel = subscriber->channel;
    if (!channel)
        return;
    leave(subscriber);
    note_idle(channel);
}

static void expel(struct view *view, const struct members *members)
{
    for (uint32_t i = view->subscriber_count; i > 0; i--) {
        struct subscriber *subscriber = view->subscribers[i - 1];
        if (members_find(members, subscriber->user))
            continue;
        leave(subscriber);
        subscriber->ops->absent(subscriber);
    }
}

void audience_reset(struct channel *channel)
{
    LIST_FOR_EACH(link, next, &channel->views)
    {
        struct view *view = LIST_ITEM(link, struct view, link);
        while (view->subscriber_count) {
            struct subscriber *subscriber = view->subscribers[view->subscriber_count - 1];
            leave(subscriber);
            subscriber->ops->reset(subscriber);
        }
        view_free(view);
    }
    note_idle(channel);
}

void audience_drop_idle(struct channel *channel, int64_t now_ms)
{
    LIST_FOR_EACH(link, next, &channel->views)
    {
        struct view *view = LIST_ITEM(link, struct view, link);
        if (view->idle_since_ms &&
            now_ms - view->idle_since_ms > channel->context->settings->linger_ms)
            view_free(view);
    }
}

void audience_expel(struct channel *channel)
{
    LIST_FOR_EACH(link, next, &channel->views)
    {
        struct view *view = LIST_ITEM(link, struct view, link);
        view_settle(view); /* so that filling holes moves nobody past the end */
        expel(view, channel->members);
    }
    note_idle(channel);
}

void audience_turn_away(struct channel *channel)
{
    audience_reset(channel);
    while (!list_empty(&channel->waiting)) {
        struct subscriber *subscriber = LIST_ITEM(channel->waiting.next, struct subscriber, link);
        leave(subscriber);
        subscriber->ops->absent(subscriber);
    }
    note_idle(channel);
}
