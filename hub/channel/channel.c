#include "hub/channel/channel.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "hub/channel/metric_document.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

static int64_t monotonic_ms(void)
{
    return time_monotonic_us() / 1000;
}

static bool is_metrics(const struct channel *channel)
{
    return channel->parsed.kind == CHANNEL_METRICS;
}

uint32_t channel_classes(enum channel_kind kind)
{
    if (kind == CHANNEL_METRICS)
        return FIELD_BIT(FIELD_F0) | FIELD_BIT(FIELD_F2);
    uint32_t classes = 0;
    for (size_t i = 0; i < JOB_FIELD_COUNT; i++)
        classes |= FIELD_BIT(job_fields[i].class);
    return classes;
}

/* ---- publishing ---- */

static void render(struct channel *channel)
{
    if (is_metrics(channel)) {
        metric_scope_advance(channel->scope, time_wall_ms());
        metric_document_render(channel->scope, &channel->next);
    } else {
        job_picture_take(channel->next_picture, channel->jobs);
    }
}

static void take_over(struct channel *channel)
{
    struct document document = channel->published;
    channel->published = channel->next;
    channel->next = document;
    if (!is_metrics(channel)) {
        struct job_picture *picture = channel->picture;
        job_picture_clear(picture);
        channel->picture = channel->next_picture;
        channel->next_picture = picture;
    }
    channel->published_seq = channel->consumer.seq;
    channel->published_at_ms = monotonic_ms();
    channel->changed = false;
}

/* Appends the members of the merge patch for this view; false: nothing that it may see. */
static bool encode_difference(struct channel *channel, const struct view *view, struct buffer *out)
{
    if (is_metrics(channel))
        return document_encode(&metric_document_kind, channel->context->names, &channel->difference,
                               view->mask, out);
    return job_picture_diff(channel->picture, channel->next_picture, view->mask, out);
}

static void deliver(struct view *view, struct frame *frame)
{
    frame_ref(frame);
    LIST_FOR_EACH(link, next, &view->subscribers)
    {
        struct subscriber *subscriber = LIST_ITEM(link, struct subscriber, link);
        subscriber->ops->publication(subscriber, frame);
    }
    frame_unref(frame);
}

static void publish_view(struct channel *channel, struct view *view, int64_t at_ms)
{
    struct buffer out = BUFFER_INIT;
    buffer_printf(
        &out, "{\"t\":\"patch\",\"from\":%" PRId64 ",\"to\":%" PRId64 ",\"at\":%" PRId64 ",\"p\":{",
        view->offset, channel->consumer.seq, at_ms);
    if (encode_difference(channel, view, &out)) {
        buffer_append(&out, "}}", 2);
        struct frame *frame = view_publish(view, channel->name, channel->consumer.seq, &out);
        channel->context->stats->publications++;
        deliver(view, frame);
    }
    buffer_done(&out);
}

static void publish(struct channel *channel)
{
    uv_timer_stop(&channel->tick);
    if (channel->state != CHANNEL_LIVE || list_empty(&channel->views))
        return;
    render(channel);
    if (is_metrics(channel))
        document_diff(&metric_document_kind, &channel->published, &channel->next,
                      &channel->difference);
    int64_t at_ms = time_wall_ms();
    LIST_FOR_EACH(link, next, &channel->views)
    publish_view(channel, LIST_ITEM(link, struct view, link), at_ms);
    take_over(channel);
}

static void on_tick(uv_timer_t *timer)
{
    publish(timer->data);
}

/* Leading edge at once, then once per tick. */
static void schedule(struct channel *channel)
{
    channel->changed = true;
    if (list_empty(&channel->views) || uv_is_active((uv_handle_t *)&channel->tick))
        return;
    int64_t wait_ms =
        channel->published_at_ms + channel->context->settings->tick_ms - monotonic_ms();
    if (wait_ms <= 0)
        publish(channel);
    else
        uv_timer_start(&channel->tick, on_tick, (uint64_t)wait_ms, 0);
}

struct frame *channel_view_state(struct channel *channel, struct view *view)
{
    if (view->state)
        return view->state;
    struct buffer out = BUFFER_INIT;
    buffer_printf(&out, "{\"t\":\"state\",\"at\":%" PRId64, time_wall_ms());
    size_t before = out.length;
    buffer_append(&out, ",", 1);
    if (!is_metrics(channel))
        job_picture_encode(channel->picture, view->mask, &out);
    else if (!document_encode(&metric_document_kind, channel->context->names, &channel->published,
                              view->mask, &out))
        out.length = before;
    buffer_append(&out, "}", 1);
    view->state = frame_new(out.data, out.length);
    buffer_done(&out);
    return view->state;
}

/* ---- subscribers ---- */

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

static struct view *add_view(struct channel *channel, uint32_t mask)
{
    static uint32_t counter;
    char epoch[VIEW_EPOCH_SIZE];
    (void)snprintf(epoch, sizeof(epoch), "%s.%s.%x.%08x", channel->consumer.feed->epoch,
                   channel->context->instance, ++counter, policy_hash(mask));
    if (list_empty(&channel->views)) {
        render(channel);
        take_over(channel);
    }
    struct view *view =
        view_new(mask, epoch, channel->published_seq, (size_t)channel->context->settings->ring);
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

static void join(struct channel *channel, struct subscriber *subscriber)
{
    struct view *view = get_view(channel, subscriber->mask);
    list_remove(&subscriber->link);
    list_append(&view->subscribers, &subscriber->link);
    view->idle_since_ms = 0;
    subscriber->view = view;
    subscriber->ops->ready(subscriber);
}

static void leave(struct subscriber *subscriber)
{
    list_remove(&subscriber->link);
    subscriber->channel = NULL;
    subscriber->view = NULL;
}

static bool has_subscribers(const struct channel *channel)
{
    if (!list_empty(&channel->waiting))
        return true;
    LIST_FOR_EACH(link, next, &channel->views)
    {
        if (!list_empty(&LIST_ITEM(link, struct view, link)->subscribers))
            return true;
    }
    return false;
}

static void note_idle(struct channel *channel)
{
    channel->idle_since_ms = has_subscribers(channel) ? 0 : monotonic_ms();
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
    if (channel->state == CHANNEL_LIVE)
        join(channel, subscriber);
}

void channel_detach(struct subscriber *subscriber)
{
    struct channel *channel = subscriber->channel;
    struct view *view = subscriber->view;
    if (!channel)
        return;
    leave(subscriber);
    if (view && list_empty(&view->subscribers))
        view->idle_since_ms = monotonic_ms();
    note_idle(channel);
}

/* ---- the feed's calls ---- */

static struct channel *of_consumer(struct feed_consumer *consumer)
{
    return CONTAINER_OF(consumer, struct channel, consumer);
}

static void take_state(struct channel *channel, struct snapshot *snapshot)
{
    if (is_metrics(channel)) {
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
    schedule(channel);
    while (!list_empty(&channel->waiting))
        join(channel, LIST_ITEM(channel->waiting.next, struct subscriber, link));
}

static void on_apply(struct feed_consumer *consumer, int64_t seq, struct feed_delta *delta)
{
    struct channel *channel = of_consumer(consumer);
    if (is_metrics(channel)) {
        metric_scope_apply(channel->scope, delta);
        reconciler_on_row(&channel->reconciler, seq, delta);
    } else {
        job_state_apply(channel->jobs, delta);
    }
}

static void on_changed(struct feed_consumer *consumer)
{
    schedule(of_consumer(consumer));
}

static void drop_views(struct channel *channel)
{
    LIST_FOR_EACH(link, next, &channel->views)
    {
        struct view *view = LIST_ITEM(link, struct view, link);
        while (!list_empty(&view->subscribers)) {
            struct subscriber *subscriber =
                LIST_ITEM(view->subscribers.next, struct subscriber, link);
            leave(subscriber);
            subscriber->ops->reset(subscriber);
        }
        view_free(view);
    }
    note_idle(channel);
}

static void on_reset(struct feed_consumer *consumer)
{
    struct channel *channel = of_consumer(consumer);
    channel->state = CHANNEL_LOADING;
    uv_timer_stop(&channel->tick);
    drop_views(channel);
}

static void on_absent(struct feed_consumer *consumer)
{
    struct channel *channel = of_consumer(consumer);
    channel->state = CHANNEL_ABSENT;
    drop_views(channel);
    while (!list_empty(&channel->waiting)) {
        struct subscriber *subscriber = LIST_ITEM(channel->waiting.next, struct subscriber, link);
        leave(subscriber);
        subscriber->ops->absent(subscriber);
    }
    note_idle(channel);
}

static const struct feed_consumer_ops consumer_ops = {.loaded = on_loaded,
                                                      .apply = on_apply,
                                                      .changed = on_changed,
                                                      .reset = on_reset,
                                                      .absent = on_absent};

/* ---- time ---- */

static void drop_idle_views(struct channel *channel, int64_t now_ms)
{
    LIST_FOR_EACH(link, next, &channel->views)
    {
        struct view *view = LIST_ITEM(link, struct view, link);
        if (view->idle_since_ms &&
            now_ms - view->idle_since_ms > channel->context->settings->linger_ms)
            view_free(view);
    }
}

void channel_second(struct channel *channel)
{
    int64_t now_ms = monotonic_ms();
    drop_idle_views(channel, now_ms);
    if (channel->state != CHANNEL_LIVE || !is_metrics(channel))
        return;
    struct metric_state *total = channel->scope->total;
    int64_t minute = total->minutes.now, stuck = total->open.stuck;
    metric_scope_advance(channel->scope, time_wall_ms());
    bool slid = total->minutes.now != minute || total->open.stuck != stuck;
    reconciler_second(&channel->reconciler, now_ms);
    if (slid || channel->changed)
        schedule(channel);
}

bool channel_expired(const struct channel *channel, int64_t now_ms)
{
    /* An unknown partner is remembered only against repeated questions. */
    int64_t linger_ms =
        channel->state == CHANNEL_ABSENT ? 2000 : channel->context->settings->linger_ms;
    return channel->idle_since_ms && now_ms - channel->idle_since_ms > linger_ms;
}

/* ---- life ---- */

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
    channel->consumer = (struct feed_consumer){
        .ops = &consumer_ops,
        .request = {.kind = is_metrics(channel) ? SNAPSHOT_METRICS : SNAPSHOT_JOBS,
                    .platform = parsed->platform,
                    .stuck_after_ms = context->settings->stuck_after_ms,
                    .names = context->names}};
    if (is_metrics(channel)) {
        reconciler_init(&channel->reconciler, channel,
                        monotonic_ms() + context->settings->reconcile_interval_ms);
    } else {
        channel->jobs = memory_zalloc(sizeof(*channel->jobs));
        channel->picture = memory_zalloc(sizeof(*channel->picture));
        channel->next_picture = memory_zalloc(sizeof(*channel->next_picture));
    }
    feeds_attach(context->feeds, parsed->platform ? FEED_SCOPE_PLATFORM : parsed->code,
                 &channel->consumer);
    return channel;
}

static void on_tick_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void channel_close(struct channel *channel)
{
    assert(channel->state != CHANNEL_CLOSING && !has_subscribers(channel));
    channel->state = CHANNEL_CLOSING;
    reconciler_reset(&channel->reconciler);
    feeds_detach(channel->context->feeds, &channel->consumer);
    drop_views(channel);
    metric_scope_free(channel->scope);
    document_done(&channel->published);
    document_done(&channel->next);
    document_done(&channel->difference);
    if (!is_metrics(channel)) {
        job_state_clear(channel->jobs);
        job_picture_clear(channel->picture);
        job_picture_clear(channel->next_picture);
        free(channel->jobs);
        free(channel->picture);
        free(channel->next_picture);
    }
    uv_close((uv_handle_t *)&channel->tick, on_tick_closed);
}
