/* Follows one channel log (`feed:partner:<CODE>`, `feed:platform`, or one whose rows are passed on
 * as they are, `thread:<id>`, `audit:…`, `keys:…`, `ctl:authz`): exactly once, in order, with no
 * gap. Redis brings rows fast and may lose any of them; a jump in the sequence, or a head in
 * Postgres that is further than the feed, is filled from the log; a log that no longer reaches
 * back, or another epoch, starts again from a snapshot.
 *
 * Consumers (the states of channels) attach to a feed. Each is filled by its own snapshot, whose
 * position may differ from the others': the feed stands at the lowest, and a row goes only to those
 * that do not have it yet. Lives on the hub's loop; owned by `feeds`. */
#ifndef MH_HUB_FEED_H
#define MH_HUB_FEED_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "hub/channel/snapshot.h"
#include "hub/feed/feed_db.h"
#include "hub/feed/feed_delta.h"
#include "hub/stats.h"
#include "shared/base/list.h"

#define FEED_PLATFORM "feed:platform"
#define FEED_CONTROL "ctl:authz"
#define FEED_SYSTEM "system"
#define FEED_SCOPE_PLATFORM "platform"
#define FEED_PAGE_ROWS 500
#define FEED_PENDING_MAX 1024

enum feed_state {
    FEED_IDLE,     /* nobody is attached */
    FEED_SNAPSHOT, /* no consumer has a state yet */
    FEED_LIVE,     /* waiting for seq + 1 */
    FEED_READING   /* filling a gap from the log; what Redis brings waits */
};

struct feed_consumer;

struct feed_consumer_ops {
    /* Takes the state out of the snapshot; it stands at consumer->seq of the feed's epoch. */
    void (*loaded)(struct feed_consumer *consumer, struct snapshot *snapshot);
    void (*apply)(struct feed_consumer *consumer, int64_t seq, struct feed_delta *delta);
    /* After one or more rows were applied. */
    void (*changed)(struct feed_consumer *consumer);
    /* The state is void: another epoch. A snapshot follows. */
    void (*reset)(struct feed_consumer *consumer);
    /* There is no such log: no such partner or thread. */
    void (*absent)(struct feed_consumer *consumer);
    /* Others take part in the thread than before; takes them over. */
    void (*members)(struct feed_consumer *consumer, struct members *members);
};

struct feed_consumer {
    struct list link;
    struct feed *feed; /* NULL: not attached */
    const struct feed_consumer_ops *ops;
    struct snapshot_request request;
    bool loaded;
    int64_t seq;              /* of the last row in its state */
    struct feed_query *query; /* for its snapshot */
    struct snapshot_job *job; /* that decodes it */
};

/* Where a log ends, by Postgres. */
struct feed_head {
    const char *epoch;
    int64_t seq;
    int64_t members_version; /* of a thread; 0: it has none */
    int64_t asked_at_ms;     /* wall clock; it was true then, or later */
};

struct feed_pending {
    int64_t seq;
    struct feed_delta *delta;
};

struct feed {
    UT_hash_handle hh;
    char name[FEED_NAME_SIZE];
    char scope[CHANNEL_CODE_SIZE]; /* "platform" or the partner's code */
    bool platform, log;
    int64_t members_version;
    enum feed_state state;
    char epoch[FEED_EPOCH_SIZE]; /* "": none yet */
    int64_t seq;                 /* the lowest of the loaded consumers' */
    int64_t highest_seq;         /* known to exist */
    int64_t checked_at_ms;       /* wall clock at which Postgres had nothing newer; 0: not yet */
    struct list consumers;
    uv_loop_t *loop;
    struct pg_pool *pool; /* borrowed */
    struct hub_stats *stats;
    struct feed_query *read;
    size_t pending_count;
    struct feed_pending pending[FEED_PENDING_MAX];
};

struct feed *feed_new(const struct channel_name *channel, uv_loop_t *loop, struct pg_pool *pool,
                      struct hub_stats *stats);
/* The name of the log that such a channel is made from. */
void feed_name(const struct channel_name *channel, char out[FEED_NAME_SIZE]);
/* NULL-safe; no consumer may be attached. */
void feed_free(struct feed *feed);
/* Asks for the consumer's snapshot; `loaded` or `absent` follows, however long it takes. */
void feed_attach(struct feed *feed, struct feed_consumer *consumer);
/* Harmless if it is not attached. */
void feed_detach(struct feed_consumer *consumer);
/* A row from Redis. `epoch` NULL: the message does not name this feed's. */
void feed_on_row(struct feed *feed, const char *epoch, int64_t seq, struct feed_delta *delta);
/* What Postgres says of this channel's head. */
void feed_on_head(struct feed *feed, const struct feed_head *head);
/* Each poll: asks again for snapshots and rows that could not be asked for or failed. */
void feed_retry(struct feed *feed);
/* The wall clock is another: states that time has moved are taken anew. */
void feed_on_clock_jump(struct feed *feed);

#endif
