#include "hub/channel/channel.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/channel/audience.h"
#include "hub/channel/check.h"
#include "hub/channel/publisher.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

static int64_t monotonic_ms(void)
{
    return time_monotonic_us() / 1000;
}

uint32_t channel_classes(enum channel_kind kind)
{
    if (kind == CHANNEL_METRICS)
        return FIELD_BIT(FIELD_F0) | FIELD_BIT(FIELD_F2);
    if (kind == CHANNEL_THREAD)
        return FIELD_BIT(FIELD_F0) | FIELD_BIT(FIELD_F1);
    if (kind == CHANNEL_AUDIT || kind == CHANNEL_KEYS || kind == CHANNEL_WALLET ||
        kind == CHANNEL_SYSTEM)
        return FIELD_BIT(FIELD_F0);
    uint32_t classes = 0;
    for (size_t i = 0; i < JOB_FIELD_COUNT; i++)
        classes |= FIELD_BIT(job_fields[i].class);
    return classes;
}

/* ---- the feed's calls ---- */

static struct channel *of_consumer(struct feed_consumer *consumer)
{
    return CONTAINER_OF(consumer, struct channel, consumer);
}

static void take_members(struct channel *channel, struct members *members)
{
    free(channel->members);
    channel->members = members;
}

static void take_state(struct channel *channel, struct snapshot *snapshot)
{
    if (channel_is_log(channel)) {
        take_members(channel, snapshot->members);
        snapshot->members = NULL;
    } else if (channel_is_metrics(channel)) {
        reconciler_reset(&channel->reconciler);
        metric_scope_free(channel->scope);
        channel->scope = snapshot->scope;
        snapshot->scope = NULL;
    } else {
        job_state_clear(channel->jobs);
        free(channel->jobs);
        channel->jobs = snapshot->jobs;
        snapshot->jobs = NULL;
    }
}

static void on_loaded(struct feed_consumer *consumer, struct snapshot *snapshot)
{
    struct channel *channel = of_consumer(consumer);
    take_state(channel, snapshot);
    channel->state = CHANNEL_LIVE;
    if (!channel_is_log(channel))
        publisher_schedule(channel);
    audience_admit(channel);
}

static void publish_row(struct channel *channel, int64_t seq, const struct feed_delta *delta)
{
    LIST_FOR_EACH(link, next, &channel->views)
    {
        view_publish(LIST_ITEM(link, struct view, link), seq, delta->text, delta->length);
        channel->context->stats->publications++;
    }
}

static void on_apply(struct feed_consumer *consumer, int64_t seq, struct feed_delta *delta)
{
    struct channel *channel = of_consumer(consumer);
    if (channel_is_log(channel)) {
        publish_row(channel, seq, delta);
    } else if (channel_is_metrics(channel)) {
        metric_scope_apply(channel->scope, delta);
        reconciler_on_row(&channel->reconciler, seq, delta);
    } else {
        job_state_apply(channel->jobs, delta);
    }
}

static void on_changed(struct feed_consumer *consumer)
{
    struct channel *channel = of_consumer(consumer);
    if (!channel_is_log(channel))
        publisher_schedule(channel);
    else if (!list_empty(&channel->waiting))
        audience_admit(channel);
}

static void on_members(struct feed_consumer *consumer, struct members *members)
{
    struct channel *channel = of_consumer(consumer);
    take_members(channel, members);
    audience_expel(channel);
}

static void on_reset(struct feed_consumer *consumer)
{
    struct channel *channel = of_consumer(consumer);
    channel->state = CHANNEL_LOADING;
    uv_timer_stop(&channel->tick);
    backfill_reset(&channel->backfill);
    audience_reset(channel);
}

static void on_absent(struct feed_consumer *consumer)
{
    struct channel *channel = of_consumer(consumer);
    channel->state = CHANNEL_ABSENT;
    audience_turn_away(channel);
}

static const struct feed_consumer_ops consumer_ops = {.loaded = on_loaded,
                                                      .apply = on_apply,
                                                      .changed = on_changed,
                                                      .reset = on_reset,
                                                      .absent = on_absent,
                                                      .members = on_members};

/* ---- time ---- */

static void slide(struct channel *channel, int64_t now_ms)
{
    struct metric_state *total = channel->scope->total;
    int64_t minute = total->minutes.now, stuck = total->open.stuck;
    metric_scope_advance(channel->scope, time_wall_ms());
    bool slid = total->minutes.now != minute || total->open.stuck != stuck;
    bool renamed = channel->names_seen != channel->context->names->changes;
    reconciler_second(&channel->reconciler, now_ms);
    if (slid || renamed || channel->changed)
        publisher_schedule(channel);
}

void channel_second(struct channel *channel)
{
    int64_t now_ms = monotonic_ms();
    audience_drop_idle(channel, now_ms);
    backfill_second(&channel->backfill);
    if (channel->state != CHANNEL_LIVE)
        return;
    if (channel_is_log(channel))
        audience_read_missed(channel);
    if (channel_is_metrics(channel))
        slide(channel, now_ms);
    if (!channel->changed) /* else they go out with what changed */
        check_send_due(channel, now_ms);
}

bool channel_expired(const struct channel *channel, int64_t now_ms)
{
    /* An unknown partner is remembered only against repeated questions. */
    int64_t linger_ms =
        channel->state == CHANNEL_ABSENT ? 2000 : channel->context->settings->linger_ms;
    return channel->idle_since_ms && now_ms - channel->idle_since_ms > linger_ms;
}

/* ---- life ---- */

static const enum snapshot_kind snapshot_kinds[] = {
    [CHANNEL_METRICS] = SNAPSHOT_METRICS, [CHANNEL_JOBS] = SNAPSHOT_JOBS,
    [CHANNEL_THREAD] = SNAPSHOT_MEMBERS,  [CHANNEL_AUDIT] = SNAPSHOT_POSITION,
    [CHANNEL_KEYS] = SNAPSHOT_POSITION,   [CHANNEL_WALLET] = SNAPSHOT_POSITION,
    [CHANNEL_SYSTEM] = SNAPSHOT_POSITION};

struct channel *channel_new(const struct channel_context *context, const char *name,
                            const struct channel_name *parsed)
{
    struct channel *channel = memory_zalloc(sizeof(*channel));
    (void)snprintf(channel->name, sizeof(channel->name), "%s", name);
    channel->parsed = *parsed;
    channel->context = context;
    channel->idle_since_ms = monotonic_ms();
    list_init(&channel->waiting);
    list_init(&channel->views);
    int error = uv_timer_init(context->loop, &channel->tick);
    assert(!error);
    (void)error;
    channel->tick.data = channel;
    channel->consumer =
        (struct feed_consumer){.ops = &consumer_ops,
                               .request = {.kind = snapshot_kinds[parsed->kind],
                                           .platform = parsed->platform,
                                           .stuck_after_ms = context->settings->stuck_after_ms,
                                           .names = context->names}};
    if (channel_is_log(channel)) {
        backfill_init(&channel->backfill, channel->name, audience_on_backfilled, channel);
    } else if (channel_is_metrics(channel)) {
        reconciler_init(&channel->reconciler, channel, monotonic_ms());
    } else {
        channel->jobs = memory_zalloc(sizeof(*channel->jobs));
        channel->picture = memory_zalloc(sizeof(*channel->picture));
        channel->next_picture = memory_zalloc(sizeof(*channel->next_picture));
    }
    feeds_attach(context->feeds, parsed, &channel->consumer);
    return channel;
}

static void on_tick_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void channel_close(struct channel *channel)
{
    assert(channel->state != CHANNEL_CLOSING && !audience_present(channel));
    channel->state = CHANNEL_CLOSING;
    reconciler_reset(&channel->reconciler);
    feeds_detach(channel->context->feeds, &channel->consumer);
    audience_reset(channel);
    metric_scope_free(channel->scope);
    document_done(&channel->published);
    document_done(&channel->next);
    document_done(&channel->difference);
    backfill_reset(&channel->backfill);
    free(channel->members);
    if (channel->jobs) {
        job_state_clear(channel->jobs);
        job_picture_clear(channel->picture);
        job_picture_clear(channel->next_picture);
        free(channel->jobs);
        free(channel->picture);
        free(channel->next_picture);
    }
    uv_close((uv_handle_t *)&channel->tick, on_tick_closed);
}
