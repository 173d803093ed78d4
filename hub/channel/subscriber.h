/* A reader of a channel, embedded in whoever reads (a session's subscription). The channel finds
 * out what a reader who comes back has missed, so all kinds of readers resume alike. */
#ifndef MH_HUB_SUBSCRIBER_H
#define MH_HUB_SUBSCRIBER_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/buffer.h"
#include "shared/base/list.h"

struct batch;
struct channel;
struct subscriber;
struct view;

struct subscriber_ops {
    /* subscriber->view is set, which is where its stream begins. `missed`: the publications that it
     * lacks, `P,P,…`, perhaps none; NULL: it did not ask for them, or they cannot be had. */
    void (*ready)(struct subscriber *subscriber, const struct buffer *missed);
    void (*absent)(struct subscriber *subscriber); /* detached: nothing here that it may see */
    /* The view's stream broke off: another epoch. Detached; subscribe again. */
    void (*reset)(struct subscriber *subscriber);
    void (*publication)(struct subscriber *subscriber, struct batch *batch);
    /* Its turn comes soon, in steps 0 and 1: fetches what it will touch. May be NULL. */
    void (*approach)(const struct subscriber *subscriber, unsigned step);
};

struct subscriber {
    struct list link; /* of those who wait for the channel */
    const struct subscriber_ops *ops;
    struct channel *channel; /* NULL: detached */
    struct view *view;       /* NULL: waiting */
    uint32_t place;          /* in view->subscribers */
    uint32_t mask;
    const char *user; /* public id; borrowed, lives as long as the subscriber */
    /* Where it left off, if it comes back: */
    bool recover;
    int64_t offset;
    const char *epoch; /* borrowed until ready */
    size_t epoch_length;
};

#endif
