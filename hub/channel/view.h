/* What one audience of a channel sees: the encoded stream for a field mask, with the newest
 * publications for those who come back. Each publication is encoded once and the same bytes go to
 * every socket.
 *
 * Publications do not leave at once: those of one turn of the loop are put together into a batch,
 * one frame of newline-delimited replies, and `fanout` sends the batches out, a bounded part each
 * turn. So `offset` may be ahead of what subscribers have got; view_settle closes that gap, and
 * must be called before anything else is said to a subscriber about its position.
 *
 * The epoch of a state's view names the database's history, this process, this very view and the
 * policy; that of a log's view only the database's history, since a row is the same at every hub.
 * A position of another epoch is refused instead of misread. Owned by a channel. */
#ifndef MH_HUB_VIEW_H
#define MH_HUB_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/channel/fanout.h"
#include "hub/channel/ring.h"
#include "hub/channel/subscriber.h"
#include "hub/feed/feed_delta.h"

#define VIEW_EPOCH_SIZE (FEED_EPOCH_SIZE + 40)
/* A client that would get more than this to catch up gets the state instead. */
#define VIEW_RECOVERY_MAX_BYTES (1u << 20)

struct batch {
    struct batch *next;
    int64_t from; /* the view's offset before its first publication */
    uint32_t count;
    struct frame *frame;  /* of a single publication; of several, made when they leave */
    struct buffer text;   /* of several */
    struct frame *events; /* the same as event text, for streams; NULL: nobody asked */
};

struct view {
    struct list link;
    bool log;
    uint32_t mask;
    char epoch[VIEW_EPOCH_SIZE];
    const char *channel; /* its name; borrowed */
    int64_t offset;      /* of the last publication, or of the state it began with */
    int64_t reach;       /* the ring holds every publication from this offset on */
    struct ring ring;
    int64_t idle_since_ms; /* monotonic; 0: has subscribers */
    struct frame *state;   /* {"t":"state",…} of now, made when first asked for; NULL: not yet */
    /* See check.h: */
    uint32_t unchecked; /* publications since the last check */
    int64_t checked_ms; /* monotonic, of the last check */
    bool digested;      /* `digest` is of now */
    uint32_t digest;

    struct subscriber **subscribers;
    uint32_t subscriber_count, subscriber_capacity;
    /* Fan-out: */
    struct fanout *fanout;
    struct list dirty;          /* in fanout->dirty while there are batches */
    struct batch *first, *last; /* waiting; the first may be on its way */
    uint32_t served;            /* subscribers that have the first batch */
};

/* `channel` must outlive it. */
struct view *view_new(struct fanout *fanout, const char *channel, bool log, uint32_t mask,
                      const char *epoch, int64_t offset, size_t ring_limit);
/* NULL-safe; no subscriber may be left. */
void view_free(struct view *view);

/* Takes a publication in; it leaves before the loop next waits. */
void view_publish(struct view *view, int64_t to, const char *data, size_t length);
/* The same for one without a position, which those who come back do not get. */
void view_announce(struct view *view, const char *data, size_t length);
/* Puts the row before the oldest one into the ring; false: it is full. */
bool view_prepend(struct view *view, struct publication publication);
/* Sends what waits, now. */
void view_settle(struct view *view);
/* Sends at most `budget` frames; returns how many it sent. */
uint32_t view_deliver(struct view *view, uint32_t budget);
static inline bool view_settled(const struct view *view)
{
    return !view->first;
}

/* The view must be settled. */
void view_add(struct view *view, struct subscriber *subscriber);
/* At any time, also from within the subscriber's own publication callback. */
void view_remove(struct view *view, struct subscriber *subscriber);

bool view_epoch_is(const struct view *view, const char *epoch, size_t length);
/* Offset of the first publication that a client at `offset` lacks. In a state's stream that may be
 * one at the very offset, since time slides values without moving it; patches are absolute. */
static inline int64_t view_first_missing(const struct view *view, int64_t offset)
{
    return view->log ? offset + 1 : offset;
}
/* Appends what a client at `offset` lacks as `P,P,…` and returns true; false: the ring does not
 * reach back so far, or it would be too much. */
bool view_recover(const struct view *view, int64_t offset, struct buffer *out);

#endif
