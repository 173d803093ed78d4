#include "hub/channel/publisher.h"

#include <inttypes.h>

#include "hub/channel/check.h"
#include "hub/channel/metric_document.h"
#include "shared/base/time.h"

#define IN_HAND_MS 1000

static int64_t monotonic_ms(void)
{
    return time_monotonic_us() / 1000;
}

static void render(struct channel *channel)
{
    if (channel_is_metrics(channel)) {
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
    if (!channel_is_metrics(channel)) {
        struct job_picture *picture = channel->picture;
        job_picture_clear(picture);
        channel->picture = channel->next_picture;
        channel->next_picture = picture;
    }
    channel->published_seq = channel->consumer.seq;
    channel->names_seen = channel->context->names->changes;
    channel->changed = false;
}

/* Appends the members of the merge patch for this view; false: nothing that it may see. */
static bool encode_difference(struct channel *channel, const struct view *view, struct buffer *out)
{
    if (channel_is_metrics(channel))
        return document_encode(&metric_document_kind, channel->context->names, &channel->difference,
                               view->mask, out);
    return job_picture_diff(channel->picture, channel->next_picture, view->mask, out);
}

static void publish_view(struct channel *channel, struct view *view, int64_t at_ms)
{
    struct buffer out = BUFFER_INIT;
    buffer_printf(
        &out, "{\"t\":\"patch\",\"from\":%" PRId64 ",\"to\":%" PRId64 ",\"at\":%" PRId64 ",\"p\":{",
        view->offset, channel->consumer.seq, at_ms);
    if (encode_difference(channel, view, &out)) {
        buffer_append(&out, "}}", 2);
        view_publish(view, channel->consumer.seq, out.data, out.length);
        channel->context->stats->publications++;
    }
    buffer_done(&out);
}

/* A patch per tick on average, a second's worth of them at once, as in the generic cell rate
 * algorithm (ITU-T I.371): a channel of few changes hardly ever waits, and one of many has no more
 * patches for it. */
static void pace(struct channel *channel)
{
    int64_t now_ms = monotonic_ms();
    if (channel->paced_ms < now_ms)
        channel->paced_ms = now_ms;
    channel->paced_ms += channel->context->settings->tick_ms;
}

static int64_t wait_ms(const struct channel *channel)
{
    int64_t tick_ms = channel->context->settings->tick_ms;
    int64_t in_hand_ms = tick_ms < IN_HAND_MS ? IN_HAND_MS - tick_ms : 0;
    return channel->paced_ms - in_hand_ms - monotonic_ms();
}

static void publish(struct channel *channel)
{
    uv_timer_stop(&channel->tick);
    if (channel->state != CHANNEL_LIVE || list_empty(&channel->views))
        return;
    render(channel);
    if (channel_is_metrics(channel))
        document_diff(&metric_document_kind, &channel->published, &channel->next,
                      &channel->difference);
    pace(channel);
    int64_t at_ms = time_wall_ms();
    LIST_FOR_EACH(link, next, &channel->views)
    publish_view(channel, LIST_ITEM(link, struct view, link), at_ms);
    take_over(channel);
    check_send_due(channel, monotonic_ms());
}

static void on_tick(uv_timer_t *timer)
{
    publish(timer->data);
}

void publisher_schedule(struct channel *channel)
{
    channel->changed = true;
    if (list_empty(&channel->views) || uv_is_active((uv_handle_t *)&channel->tick))
        return;
    int64_t wait = wait_ms(channel);
    if (wait <= 0)
        publish(channel);
    else
        uv_timer_start(&channel->tick, on_tick, (uint64_t)wait, 0);
}

struct frame *channel_view_state(struct channel *channel, struct view *view)
{
    if (view->state)
        return view->state;
    struct buffer out = BUFFER_INIT;
    buffer_printf(&out, "{\"t\":\"state\",\"at\":%" PRId64, time_wall_ms());
    size_t before = out.length;
    buffer_append(&out, ",", 1);
    if (!channel_is_metrics(channel))
        job_picture_encode(channel->picture, view->mask, &out);
    else if (!document_encode(&metric_document_kind, channel->context->names, &channel->published,
                              view->mask, &out))
        out.length = before;
    buffer_append(&out, "}", 1);
    view->state = frame_new(out.data, out.length);
    buffer_done(&out);
    return view->state;
}

void publisher_refresh(struct channel *channel)
{
    render(channel);
    take_over(channel);
}
