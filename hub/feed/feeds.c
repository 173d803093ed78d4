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

static void on_message(void *owner, const char *channel, const char *bytes, size_t length)
{
    struct feeds *feeds = owner;
    struct feed_message message;
    feeds->stats->feed_messages++;
    struct feed *platform = find(feeds, FEED_PLATFORM);
    if (!platform && !find(feeds, channel))
        return; /* nobody looks: not worth decoding */
    if (feed_message_decode(bytes, length, &message)) {
        feeds->stats->feed_malformed++;
        log_limited(&message_limit, LOG_LEVEL_ERROR, "redis %s: message of a wrong form", channel);
        poll_soon(feeds);
        return;
    }
    struct feed *feed = find(feeds, message.channel);
    if (feed)
        feed_on_row(feed, message.epoch, message.seq, message.delta);
    platform = find(feeds, FEED_PLATFORM);
    if (platform)
        feed_on_row(platform, NULL, message.platform_seq, message.delta);
    feed_delta_unref(message.delta);
}

static void on_redis_state(void *owner, bool up)
{
    struct feeds *feeds = owner;
    if (!feeds->redis_down_since_us == up)
        return;
    feeds->redis_down_since_us = up ? 0 : time_wall_us();
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
    for (int i = 0; i < pg_result_rows(result); i++) {
        const char *name = pg_result_text(result, i, 0, NULL);
        const char *epoch = pg_result_text(result, i, 1, NULL);
        struct feed *feed = name ? find(feeds, name) : NULL;
        if (feed && epoch)
            feed_on_head(feed, epoch, pg_result_i64(result, i, 2, 0));
    }
}

static void ask_heads(struct feeds *feeds)
{
    unsigned count = 0, limit = HASH_COUNT(feeds->by_name);
    if (feeds->heads || !limit)
        return;
    const char **names = memory_array(limit, sizeof(*names));
    for (struct feed *feed = feeds->by_name; feed && count < MAX_HEADS; feed = feed->hh.next)
        names[count++] = feed->name;
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

static void on_poll(uv_timer_t *timer)
{
    struct feeds *feeds = timer->data;
    static unsigned polls;
    struct feed *feed, *next;
    HASH_ITER(hh, feeds->by_name, feed, next)
    feed_retry(feed);
    ask_heads(feeds);
    if (feeds->names->unnamed && !feeds->partners && polls++ % NAMES_POLLS == 0)
        feeds->partners = feed_db_partners(feeds->pool, on_partners, feeds);
}

/* ---- feeds ---- */

void feeds_attach(struct feeds *feeds, const char *scope, struct feed_consumer *consumer)
{
    char name[FEED_NAME_SIZE];
    bool platform = strcmp(scope, FEED_SCOPE_PLATFORM) == 0;
    (void)snprintf(name, sizeof(name), platform ? "feed:%s" : "feed:partner:%s", scope);
    struct feed *feed = find(feeds, name);
    if (!feed) {
        feed = feed_new(scope, feeds->loop, feeds->pool, feeds->stats);
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
    if (feeds_postgres_up(feeds))
        feeds->postgres_down_since_us = 0;
    else if (!feeds->postgres_down_since_us)
        feeds->postgres_down_since_us = time_wall_us();
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
                                       .pattern = "feed:*",
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
