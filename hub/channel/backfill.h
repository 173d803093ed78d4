/* Rows of a log that are older than a view's ring, for readers who come back from further away. One
 * read serves all that wait for it, and its rows stay for those who come within the next second, so
 * a storm costs a handful of queries; what the ring has room for stays there. Owned by a channel.
 */
#ifndef MH_HUB_BACKFILL_H
#define MH_HUB_BACKFILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/channel/view.h"
#include "hub/feed/feed_db.h"

/* Who lacks more than this starts anew from the head. */
#define BACKFILL_MAX_ROWS 1000

struct backfill {
    const char *channel; /* its name; borrowed */
    struct feed_query *query;
    int64_t after; /* the read begins behind this row */
    size_t count;
    struct publication *rows; /* after + 1, after + 2, … */
    void (*done)(void *owner);
    void *owner;
};

/* `done` is called after each read, with the rows there, or none if it failed. */
void backfill_init(struct backfill *backfill, const char *channel, void (*done)(void *owner),
                   void *owner);
/* Drops a read under way, and the rows. */
void backfill_reset(struct backfill *backfill);
/* Reads on from `after`; false: a read is under way, or Postgres is away. Ask again. */
bool backfill_begin(struct backfill *backfill, struct pg_pool *pool, int64_t after);
/* Do the rows and the view's ring together hold all behind `offset`? Then appends it as `P,P,…`. */
bool backfill_recover(const struct backfill *backfill, const struct view *view, int64_t offset,
                      struct buffer *out);
/* Gives the ring what it has room for. */
void backfill_keep(const struct backfill *backfill, struct view *view);
/* Once a second: the rows go. */
void backfill_second(struct backfill *backfill);

#endif
