#include "hub/feed/feeds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/base/memory.h"
#include "shared/base/time.h"

#define POSTGRES_LINKS 2
#define POSTGRES_QUEUE 4096
#define MAX_HEADS 10000
#define CLOCK_JUMP_US 5000000
#define PRESENCE_PREFIX "presence:"
#define HEADS_LATE_US 3000000
#define FEED_PREFIX "feed:"
/* While a partner's name is unknown, the directory is asked again at this many polls. */
#define NAMES_POLLS 5

static struct log_limit message_limit = {.interval_ms = 1000};

static void on_poll(uv_timer_t *timer);

/* ---- Redis ---- */

static struct feed *find(const struct feeds *feeds, const char *name)
{
    struct feed *feed;
    HASH_FIND_STR(feeds->by_name, name, feed);
    return feed;
}

static void poll_soon(struct feeds *feeds)
{
    if (feeds->pool)
        uv_timer_start(&feeds->poll_timer, on_poll, 0, (uint64_t)feeds->settings->poll_interval_ms);
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Logs whose rows are passed on as they are. */
static bool is_log(const char *channel)
{
    static const char *const prefixes[] = {"thread:", "audit:", "keys:", "wallet:", "ctl:"};
    if (strcmp(channel, FEED_SYSTEM) == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LENGTH(prefixes); i++) {
        if (starts_with(channel, prefixes[i]))
            return true;
    }
    return false;
}

static void on_row(struct feeds *feeds, const char *channel, const char *bytes, size_t length)
{
    struct feed_message message;
    bool log = is_log(channel);
    feeds->stats->feed_messages++;
    if (!find(feeds, channel) && (log || !find(feeds, FEED_PLATFORM)))
        return; /* nobody looks: not worth decoding */
    if (log ? log_message_decode(bytes, length, &message)
            : feed_message_decode(bytes, length, &message)) {
        feeds->stats->feed_malformed++;
        log_limited(&message_limit, LOG_LEVEL_ERROR, "redis %s: message of a wrong form", channel);
        poll_soon(feeds);
        return;
    }
    struct feed *feed = find(feeds, message.channel);
    if (feed && feed->log == log)
        feed_on_row(feed, message.epoch, message.seq, message.delta);
    struct feed *platform = log ? NULL : find(feeds, FEED_PLATFORM);
    if (platform)
        feed_on_row(platform, NULL, message.platform_seq, message.delta);
    feed_delta_unref(message.delta);
}

static void on_message(void *owner, const char *channel, const char *bytes, size_t length)
{
    const struct feeds *feeds = owner;
    if (starts_with(channel, FEED_PREFIX) || is_log(channel))
        on_row(owner, channel, bytes, length);
    else if (starts_with(channel, PRESENCE_PREFIX) && feeds->on_presence)
        feeds->on_presence(feeds->on_presence_owner, channel + strlen(PRESENCE_PREFIX), bytes,
                           length);
}

/* ---- what is away ---- */

static void set_down(struct feeds *feeds, int64_t *since_us, bool down, int64_t now_us)
{
    if (!*since_us == !down)
        return;
    *since_us = down ? now_us : 0;
    if (feeds->on_degraded)
        feeds->on_degraded(feeds->on_degraded_owner);
}

static void on_redis_state(void *owner, bool up)
{
    struct feeds *feeds = owner;
    if (!feeds->redis_down_since_us == up)
        return;
    set_down(feeds, &feeds->redis_down_since_us, !up, time_wall_us());
    if (up)
        log_info("redis is back: live");
    else
        log_warning("redis is away: polling Postgres");
    if (up)
        poll_soon(feeds);
}

/* ---- polls ---- */

static void on_heads(void *owner, const struct pg_result *result)
{
    struct feeds *feeds = owner;
    feeds->heads = NULL;
    if (pg_result_failure(result) != PG_OK)
        return;
    feeds->stats->polls++;
    feeds->heads_due_us = 0;
    if (feeds_postgres_up(feeds))
        set_down(feeds, &feeds->postgres_down_since_us, false, 0);
    for (int i = 0; i < pg_result_rows(result); i++) {
        const char *name = pg_result_text(result, i, 0, NULL);
        const char *epoch = pg_result_text(result, i, 1, NULL);
        struct feed *feed = name ? find(feeds, name) : NULL;
        if (feed && epoch)
            feed_on_head(feed,
                         &(struct feed_head){.epoch = epoch,
                                             .seq = pg_result_i64(result, i, 2, 0),
                                             .members_version = pg_result_i64(result, i, 3, 0),
                                             .asked_at_ms = feeds->heads_asked_at_ms});
    }
}

/* A server that accepts questions and answers none is as good as away. */
static void note_late(struct feeds *feeds)
{
    int64_t now_us = time_monotonic_us();
    if (!feeds->heads_due_us)
        feeds->heads_due_us = now_us + HEADS_LATE_US + feeds->settings->poll_interval_ms * 1000;
    else if (now_us > feeds->heads_due_us)
        set_down(feeds, &feeds->postgres_down_since_us, true, time_wall_us());
}

/* The next `count` feeds in turn, which are all unless there are more than one question may name.
 */
static const char **next_names(struct feeds *feeds, unsigned count)
{
    const char **names = memory_array(count, sizeof(*names));
    unsigned total = HASH_COUNT(feeds->by_name), from = feeds->heads_from % total, place = 0, n = 0;
    for (const struct feed *feed = feeds->by_name; feed; feed = feed->hh.next, place++) {
        if ((place + total - from) % total < count)
            names[n++] = feed->name;
    }
    feeds->heads_from = from + count;
    return names;
}

static void ask_heads(struct feeds *feeds)
{
    unsigned count = HASH_COUNT(feeds->by_name);
    if (!count)
        feeds->heads_due_us = 0;
    else
        note_late(feeds);
    if (feeds->heads || !count)
        return;
    if (count > MAX_HEADS)
        count = MAX_HEADS;
    feeds->heads_asked_at_ms = time_wall_ms();
    const char **names = next_names(feeds, count);
    feeds->heads = feed_db_heads(feeds->pool, names, count, on_heads, feeds);
    free(names);
}

static void on_partners(void *owner, const struct pg_result *result)
{
    struct feeds *feeds = owner;
    feeds->partners = NULL;
    for (int i = 0; pg_result_failure(result) == PG_OK && i < pg_result_rows(result); i++) {
        const char *code = pg_result_text(result, i, 0, NULL);
        const char *name = pg_result_text(result, i, 1, NULL);
        if (code && name)
            partner_names_set(feeds->names, code, name);
    }
}

/* Windows slide forward only, so after a step of the clock they would be empty, or stand still. */
static void note_clock(struct feeds *feeds)
{
    int64_t clock_us = time_wall_us() - time_monotonic_us();
    int64_t jump_us = clock_us - feeds->clock_us;
    struct feed *feed, *next;
    feeds->clock_us = clock_us;
    if (jump_us > -CLOCK_JUMP_US && jump_us < CLOCK_JUMP_US)
        return;
    log_warning("the clock jumped by %.1f s: snapshots again", (double)jump_us * 1e-6);
    HASH_ITER(hh, feeds->by_name, feed, next)
    feed_on_clock_jump(feed);
}

static void on_poll(uv_timer_t *timer)
{
    struct feeds *feeds = timer->data;
    static unsigned polls;
    struct feed *feed, *next;
    note_clock(feeds);
    HASH_ITER(hh, feeds->by_name, feed, next)
    feed_retry(feed);
    ask_heads(feeds);
    if (feeds->names->unnamed && !feeds->partners && polls++ % NAMES_POLLS == 0)
        feeds->partners = feed_db_partners(feeds->pool, on_partners, feeds);
}

/* ---- feeds ---- */

void feeds_attach(struct feeds *feeds, const struct channel_name *channel,
                  struct feed_consumer *consumer)
{
    char name[FEED_NAME_SIZE];
    feed_name(channel, name);
    struct feed *feed = find(feeds, name);
    if (!feed) {
        feed = feed_new(channel, feeds->loop, feeds->pool, feeds->stats);
        HASH_ADD_STR(feeds->by_name, name, feed);
        feeds->stats->feeds++;
    }
    feed_attach(feed, consumer);
}

void feeds_detach(struct feeds *feeds, struct feed_consumer *consumer)
{
    struct feed *feed = consumer->feed;
    feed_detach(consumer);
    if (!feed || !list_empty(&feed->consumers))
        return;
    HASH_DELETE(hh, feeds->by_name, feed);
    feeds->stats->feeds--;
    feed_free(feed);
}

bool feeds_postgres_up(const struct feeds *feeds)
{
    return feeds->pool && pg_pool_up(feeds->pool);
}

/* ---- life ---- */

static void on_postgres_state(void *owner, struct pg_link *link, enum pg_link_state state)
{
    struct feeds *feeds = owner;
    (void)link;
    if (state == PG_LINK_UP)
        poll_soon(feeds);
    /* With a poll due, a link that is up says little: its answer is waited for. */
    if (!feeds_postgres_up(feeds))
        set_down(feeds, &feeds->postgres_down_since_us, true, time_wall_us());
    else if (!feeds->heads_due_us)
        set_down(feeds, &feeds->postgres_down_since_us, false, 0);
}

static void on_part_closed(void *owner)
{
    struct feeds *feeds = owner;
    if (--feeds->open == 0 && feeds->on_closed)
        feeds->on_closed(feeds->owner);
}

static void on_timer_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

static int open_links(struct feeds *feeds)
{
    struct pg_link_options postgres = {.dsn = feeds->settings->database,
                                       .name = "metrics-hub",
                                       .max_queue = POSTGRES_QUEUE,
                                       .on_state = on_postgres_state,
                                       .owner = feeds};
    int error = pg_pool_open(feeds->loop, &postgres, POSTGRES_LINKS, &feeds->pool);
    if (error)
        return error;
    feeds->open++;
    struct redis_link_options redis = {.url = feeds->settings->redis,
                                       .name = "metrics-hub",
                                       .prefix = feeds->settings->redis_prefix,
                                       .pattern = "*",
                                       .on_state = on_redis_state,
                                       .on_message = on_message,
                                       .owner = feeds};
    error = redis_link_open(feeds->loop, &redis, &feeds->redis);
    if (!error)
        feeds->open++;
    else
        log_error("redis: cannot be opened, %s", error == -EINVAL ? "not a URL" : strerror(-error));
    return error;
}

int feeds_open(struct feeds *feeds, uv_loop_t *loop, const struct hub_settings *settings,
               struct hub_stats *stats, struct partner_names *names)
{
    int64_t now_us = time_wall_us();
    *feeds = (struct feeds){.loop = loop,
                            .settings = settings,
                            .stats = stats,
                            .names = names,
                            .clock_us = now_us - time_monotonic_us(),
                            .postgres_down_since_us = now_us,
                            .redis_down_since_us = now_us};
    int error = uv_timer_init(loop, &feeds->poll_timer);
    if (error)
        return error;
    feeds->poll_timer.data = feeds;
    feeds->open = 1;
    uint64_t interval = (uint64_t)settings->poll_interval_ms;
    uv_timer_start(&feeds->poll_timer, on_poll, interval, interval);
    return open_links(feeds);
}

void feeds_reload(struct feeds *feeds)
{
    poll_soon(feeds);
}

void feeds_close(struct feeds *feeds, void (*on_closed)(void *owner), void *owner)
{
    feeds->on_closed = on_closed;
    feeds->owner = owner;
    feed_query_drop(feeds->heads);
    feed_query_drop(feeds->partners);
    uv_close((uv_handle_t *)&feeds->poll_timer, on_timer_closed);
    if (feeds->redis)
        redis_link_close(feeds->redis, on_part_closed, feeds);
    if (feeds->pool)
        pg_pool_close(feeds->pool, on_part_closed, feeds);
    feeds->redis = NULL;
    feeds->pool = NULL;
}
