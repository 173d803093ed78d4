/* One live channel: what a feed brings, and one view per audience that looks.
 *
 * `metrics:…` and `jobs:…` have a state, kept true by the feed. What clients see changes only when
 * the channel publishes: at once after a change as long as changes are few, else once per tick, and
 * each second if time alone moved something. All views publish together, so the difference is
 * computed once and only redacted per view.
 *
 * `thread:…`, `audit:…`, `keys:…` and `system` are logs: each row is published, as it is, of a
 * thread to those who take part, of the others to whoever may read them at all.
 *
 * Subscribers embed `struct subscriber` and are told through its ops; a callback may detach its own
 * subscriber. Lives on the hub's loop, owned by `channels`. */
#ifndef MH_HUB_CHANNEL_H
#define MH_HUB_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>
#include <uv.h>

#include "hub/channel/backfill.h"
#include "hub/channel/document.h"
#include "hub/channel/job_state.h"
#include "hub/channel/members.h"
#include "hub/channel/metric_scope.h"
#include "hub/channel/reconciler.h"
#include "hub/channel/view.h"
#include "hub/feed/feeds.h"

enum channel_state {
    CHANNEL_LOADING, /* subscribers wait */
    CHANNEL_LIVE,
    CHANNEL_ABSENT, /* there is no such partner or thread; forgotten soon */
    CHANNEL_CLOSING /* out of the registry, waiting for its timer's end */
};

/* What all channels share; borrowed. */
struct channel_context {
    uv_loop_t *loop;
    const struct hub_settings *settings;
    struct hub_stats *stats;
    struct feeds *feeds;
    struct partner_names *names;
    struct fanout *fanout;
    char instance[17]; /* of this process, random */
};

struct channel {
    UT_hash_handle hh;
    struct list share; /* of channels, see there */
    char name[CHANNEL_NAME_SIZE];
    struct channel_name parsed;
    const struct channel_context *context;
    enum channel_state state;
    struct feed_consumer consumer;
    struct list waiting; /* subscribers: for the channel, or for rows that they missed */
    struct list views;
    uv_timer_t tick;
    int64_t paced_ms; /* monotonic: when as many patches were due as have been published */
    int64_t published_seq;
    int64_t idle_since_ms;     /* monotonic; 0: has subscribers */
    bool changed;              /* since it was published */
    uint32_t degraded_version; /* what its subscribers know of, see channels.c */
    int64_t confirmed_ms; /* wall clock at which what was published was all there is; 0: never */
    uint32_t names_seen;  /* names->changes when it was published */
    /* metrics: */
    struct metric_scope *scope;
    struct document published, next, difference;
    struct reconciler reconciler;
    /* jobs: */
    struct job_state *jobs;
    struct job_picture *picture, *next_picture;
    /* threads: */
    struct members *members;
    struct backfill backfill;
    bool backfilled; /* its rows were just read: who cannot be served by them cannot be at all */
};

static inline bool channel_is_metrics(const struct channel *channel)
{
    return channel->parsed.kind == CHANNEL_METRICS;
}

static inline bool channel_is_log(const struct channel *channel)
{
    return channel->parsed.kind != CHANNEL_METRICS && channel->parsed.kind != CHANNEL_JOBS;
}

/* Its readers are those on a list. */
static inline bool channel_has_members(const struct channel *channel)
{
    return channel->parsed.kind == CHANNEL_THREAD;
}

/* The classes that a channel of this kind has at all: the rest of a role's mask says nothing. */
uint32_t channel_classes(enum channel_kind kind);

struct channel *channel_new(const struct channel_context *context, const char *name,
                            const struct channel_name *parsed);
/* Ends it; the memory goes when the loop has closed its timer. No subscriber may be left. */
void channel_close(struct channel *channel);
/* `mask` != 0. Calls ready or absent, now or later. */
void channel_attach(struct channel *channel, struct subscriber *subscriber, uint32_t mask);
/* Harmless if it is not attached. */
void channel_detach(struct subscriber *subscriber);
/* The newest row of a log that the subscriber may not see; 0: none. */
int64_t channel_hidden_to(const struct subscriber *subscriber);
/* The view's whole state as `{"t":"state",…}`, at view->offset; borrowed until the next
 * publication. */
struct frame *channel_view_state(struct channel *channel, struct view *view);
/* Once a second: slides time, sends the checks that are due. */
void channel_second(struct channel *channel);
/* Has it been without subscribers for longer than the linger time? */
bool channel_expired(const struct channel *channel, int64_t now_ms);

#endif
