#include "hub/channel/channels.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "hub/channel/check.h"
#include "shared/base/time.h"

#define TURN_MS (1000 / CHANNELS_SHARES)

static void drop(struct channels *channels, struct channel *channel)
{
    HASH_DELETE(hh, channels->by_name, channel);
    list_remove(&channel->share);
    channels->context.stats->channels--;
    channel_close(channel);
}

static void on_turn(uv_timer_t *timer)
{
    struct channels *channels = timer->data;
    int64_t now_ms = time_monotonic_us() / 1000;
    channels->share = (channels->share + 1) % CHANNELS_SHARES;
    LIST_FOR_EACH(link, next, &channels->shares[channels->share])
    {
        struct channel *channel = LIST_ITEM(link, struct channel, share);
        if (channel_expired(channel, now_ms))
            drop(channels, channel);
        else
            channel_second(channel);
    }
}

/* Some hundred microseconds of a turn. */
#define CHANNELS_TOLD_PER_TURN 64

static void on_telling(uv_timer_t *timer)
{
    struct channels *channels = timer->data;
    unsigned told = 0;
    for (struct channel *channel = channels->by_name; channel; channel = channel->hh.next) {
        if (channel->degraded_version == channels->degraded_version)
            continue;
        if (told++ == CHANNELS_TOLD_PER_TURN) {
            uv_timer_start(timer, on_telling, 0, 0);
            return;
        }
        channel->degraded_version = channels->degraded_version;
        check_send_all(channel);
    }
}

static void on_degraded(void *owner)
{
    struct channels *channels = owner;
    channels->degraded_version++;
    uv_timer_start(&channels->telling, on_telling, 0, 0);
}

int channels_open(struct channels *channels, uv_loop_t *loop, const struct hub_settings *settings,
                  struct hub_stats *stats, struct feeds *feeds, struct partner_names *names)
{
    *channels = (struct channels){
        .context = {
            .loop = loop, .settings = settings, .stats = stats, .feeds = feeds, .names = names}};
    channels->context.fanout = &channels->fanout;
    for (unsigned i = 0; i < CHANNELS_SHARES; i++)
        list_init(&channels->shares[i]);
    uint64_t random;
    randombytes_buf(&random, sizeof(random));
    (void)snprintf(channels->context.instance, sizeof(channels->context.instance), "%" PRIx64,
                   random);
    int error = fanout_open(&channels->fanout, loop);
    if (!error)
        error = uv_timer_init(loop, &channels->turn);
    if (!error)
        error = uv_timer_init(loop, &channels->telling);
    if (error)
        return error;
    channels->turn.data = channels->telling.data = channels;
    feeds->on_degraded = on_degraded;
    feeds->on_degraded_owner = channels;
    return uv_timer_start(&channels->turn, on_turn, TURN_MS, TURN_MS);
}

static void on_turn_closed(uv_handle_t *handle)
{
    struct channels *channels = handle->data;
    if (channels->on_closed)
        channels->on_closed(channels->owner);
}

void channels_close(struct channels *channels, void (*on_closed)(void *owner), void *owner)
{
    struct channel *channel, *next;
    HASH_ITER(hh, channels->by_name, channel, next)
    drop(channels, channel);
    fanout_close(&channels->fanout);
    channels->on_closed = on_closed;
    channels->owner = owner;
    channels->context.feeds->on_degraded = NULL;
    uv_close((uv_handle_t *)&channels->telling, NULL);
    uv_close((uv_handle_t *)&channels->turn, on_turn_closed);
}

struct channel *channels_get(struct channels *channels, const char *name,
                             const struct channel_name *parsed)
{
    struct channel *channel;
    HASH_FIND_STR(channels->by_name, name, channel);
    if (channel)
        return channel;
    channel = channel_new(&channels->context, name, parsed);
    HASH_ADD_STR(channels->by_name, name, channel);
    list_append(&channels->shares[channels->next_share++ % CHANNELS_SHARES], &channel->share);
    channel->degraded_version = channels->degraded_version;
    channels->context.stats->channels++;
    return channel;
}
