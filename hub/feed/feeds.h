/* All feeds that this hub follows: makes and forgets them, hands them what Redis brings, and each
 * second asks Postgres, in one query, how far their channels really are. That poll finds what Redis
 * lost and what a crashed publisher never sent, and carries everything while Redis is away. Lives
 * on the hub's loop. */
#ifndef MH_HUB_FEEDS_H
#define MH_HUB_FEEDS_H

#include <stdbool.h>
#include <uv.h>

#include "hub/channel/partner_names.h"
#include "hub/feed/feed.h"
#include "hub/settings.h"
#include "shared/redis/redis_link.h"

struct feeds {
    uv_loop_t *loop;
    const struct hub_settings *settings;
    struct hub_stats *stats;
    struct pg_pool *pool;
    struct redis_link *redis;
    struct partner_names *names;
    struct feed *by_name;
    uv_timer_t poll_timer;
    struct feed_query *heads, *partners;
    unsigned heads_from;       /* place of the feed that the next question begins with */
    int64_t clock_us;          /* wall minus monotonic, at the last poll */
    int64_t heads_asked_at_ms; /* wall clock */
    int64_t heads_due_us;      /* monotonic; an answer is late then */
    int64_t postgres_down_since_us, redis_down_since_us; /* wall clock; 0: up */
    void (*on_degraded)(void *owner);                    /* one of these two changed; or NULL */
    void *on_degraded_owner;
    /* What Redis brings on `presence:<channel>`. */
    void (*on_presence)(void *owner, const char *channel, const char *bytes, size_t length);
    void *on_presence_owner;
    unsigned open; /* handles and links still to close */
    void (*on_closed)(void *owner);
    void *owner;
};

/* 0 or a negative errno. Starts connecting; never blocks. */
MUST_CHECK int feeds_open(struct feeds *feeds, uv_loop_t *loop, const struct hub_settings *settings,
                          struct hub_stats *stats, struct partner_names *names);
/* The settings have changed. */
void feeds_reload(struct feeds *feeds);
/* No consumer may be attached any more. */
void feeds_close(struct feeds *feeds, void (*on_closed)(void *owner), void *owner);
/* To the log that the channel is made from. */
void feeds_attach(struct feeds *feeds, const struct channel_name *channel,
                  struct feed_consumer *consumer);
void feeds_detach(struct feeds *feeds, struct feed_consumer *consumer);
bool feeds_postgres_up(const struct feeds *feeds);

#endif
