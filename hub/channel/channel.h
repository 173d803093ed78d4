/* One live channel (`metrics:…` or `jobs:…`): its state, kept true by a feed, and one view per
 * audience that looks. What clients see changes only when the channel publishes: at once after the
 * first change, then at most once per tick, and each second if time alone moved something. All
 * views publish together, so the difference is computed once and only redacted per view.
 *
 * Subscribers embed `struct subscriber` and are told through its ops; a callback may detach its own
 * subscriber. Lives on the hub's loop, owned by `channels`. */
#ifndef MH_HUB_CHANNEL_H
#define MH_HUB_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>
#include <uv.h>

#include "hub/channel/document.h"
#include "hub/channel/job_state.h"
#include "hub/channel/metric_scope.h"
#include "hub/channel/reconciler.h"
#include "hub/channel/view.h"
#include "hub/feed/feeds.h"

enum channel_state {
    CHANNEL_LOADING, /* subscribers wait */
    CHANNEL_LIVE,
    CHANNEL_ABSENT, /* there is no such partner; forgotten soon */
    CHANNEL_CLOSING /* out of the registry, waiting for its timer's end */
};

struct subscriber;

struct subscriber_ops {
    void (*ready)(struct subscriber *subscriber);  /* subscriber->view is set */
    void (*absent)(struct subscriber *subscriber); /* detached */
    /* The view's stream broke off: another epoch. Detached; subscribe again. */
    void (*reset)(struct subscriber *subscriber);
    void (*publication)(struct subscriber *subscriber, struct frame *frame);
};

struct subscriber {
    struct list link; /* in channel->waiting or view->subscribers */
    const struct subscriber_ops *ops;
    struct channel *channel; /* NULL: detached */
    struct view *view;       /* NULL: waiting */
    uint32_t mask;
};

/* What all channels share; borrowed. */
struct channel_context {
    uv_loop_t *loop;
    const struct hub_settings *settings;
    struct hub_stats *stats;
    struct feeds *feeds;
    struct partner_names *names;
    char instance[17]; /* of this process, random */
};

struct channel {
    UT_hash_handle hh;
    char name[CHANNEL_NAME_SIZE];
    struct channel_name parsed;
    const struct channel_context *context;
    enum channel_state state;
    struct feed_consumer consumer;
    struct list waiting; /* subscribers while loading */
    struct list views;
    uv_timer_t tick;
    int64_t published_at_ms; /* monotonic */
    int64_t published_seq;
    int64_t idle_since_ms; /* monotonic; 0: has subscribers */
    bool changed;          /* since it was published */
    /* metrics: */
    struct metric_scope *scope;
    struct document published, next, difference;
    struct reconciler reconciler;
    /* jobs: */
    struct job_state *jobs;
    struct job_picture *picture, *next_picture;
};

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
/* The view's whole state as `{"t":"state",…}`, at view->offset; borrowed until the next
 * publication. */
struct frame *channel_view_state(struct channel *channel, struct view *view);
/* Once a second: slides time. */
void channel_second(struct channel *channel);
/* Has it been without subscribers for longer than the linger time? */
bool channel_expired(const struct channel *channel, int64_t now_ms);

#endif
