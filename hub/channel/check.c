#include "hub/channel/check.h"

#include <inttypes.h>
#include <sodium.h>

#include "hub/channel/channel.h"
#include "hub/channel/digest.h"
#include "hub/channel/metric_document.h"
#include "shared/base/time.h"

/* Channels look once a second: what is due by half of the way to the next look is due now. */
#define SLACK_MS 500

/* False: none can be told. A name's text is that of now, which may not be published yet. */
static bool get_digest(const struct channel *channel, struct view *view)
{
    if (view->log)
        return false;
    if (channel_is_metrics(channel) && channel->names_seen != channel->context->names->changes)
        return false;
    if (!view->digested)
        view->digest = channel_is_metrics(channel)
                           ? digest_document(&metric_document_kind, channel->context->names,
                                             &channel->published, view->mask)
                           : digest_jobs(channel->picture, view->mask);
    view->digested = true;
    return true;
}

/* The feed may be ahead of what was published, and then it is not that which was confirmed. */
static int64_t confirmed_ms(struct channel *channel)
{
    const struct feed *feed = channel->consumer.feed;
    if (!channel->changed && feed)
        channel->confirmed_ms = feed->checked_at_ms;
    return channel->confirmed_ms;
}

static void append_degraded(const struct feeds *feeds, struct buffer *out)
{
    const int64_t postgres_us = feeds->postgres_down_since_us,
                  redis_us = feeds->redis_down_since_us;
    if (!postgres_us && !redis_us)
        return;
    buffer_append_text(out, ",\"degraded\":{");
    if (postgres_us)
        buffer_printf(out, "\"postgres\":%" PRId64 "%s", postgres_us / 1000, redis_us ? "," : "");
    if (redis_us)
        buffer_printf(out, "\"redis\":%" PRId64, redis_us / 1000);
    buffer_append(out, "}", 1);
}

void check_append(struct channel *channel, struct view *view, struct buffer *out)
{
    buffer_printf(out, "{\"t\":\"check\",\"to\":%" PRId64, view->offset);
    if (get_digest(channel, view))
        buffer_printf(out, ",\"h\":\"%08" PRIx32 "\"", view->digest);
    int64_t checked_ms = confirmed_ms(channel);
    if (checked_ms)
        buffer_printf(out, ",\"checked\":%" PRId64, checked_ms);
    append_degraded(channel->context->feeds, out);
    buffer_append(out, "}", 1);
}

static void tell(struct channel *channel, struct view *view, int64_t now_ms)
{
    view->unchecked = 0;
    /* Many views may have begun together, by a restart: their later checks do not come together. */
    uint32_t heartbeat_ms = (uint32_t)channel->context->settings->heartbeat_ms;
    view->checked_ms = view->checked_ms ? now_ms : now_ms - randombytes_uniform(heartbeat_ms);
    if (!view->subscriber_count)
        return;
    struct buffer out = BUFFER_INIT;
    check_append(channel, view, &out);
    view_announce(view, out.data, out.length);
    channel->context->stats->checks++;
    buffer_done(&out);
}

void check_send_due(struct channel *channel, int64_t now_ms)
{
    const struct hub_settings *settings = channel->context->settings;
    LIST_FOR_EACH(link, next, &channel->views)
    {
        struct view *view = LIST_ITEM(link, struct view, link);
        if (view->log && view->unchecked) { /* a row is a sign of life, and has no digest */
            view->unchecked = 0;
            view->checked_ms = now_ms;
        } else if (view->unchecked >= settings->digest_every ||
                   now_ms - view->checked_ms > settings->heartbeat_ms - SLACK_MS) {
            tell(channel, view, now_ms);
        }
    }
}

void check_send_all(struct channel *channel)
{
    if (channel->state != CHANNEL_LIVE)
        return;
    LIST_FOR_EACH(link, next, &channel->views)
    tell(channel, LIST_ITEM(link, struct view, link), time_monotonic_us() / 1000);
}
