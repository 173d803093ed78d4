/* Group commit. Events of many requests go to Postgres in one call per transaction: what arrives
 * while a lane's last transaction runs is its next batch. A lane is one connection; a partner
 * always uses the same one, so that its events commit in the order of their acknowledgements and
 * two lanes rarely want the same rows. Nothing waits for a lane whose connection is down. */
#ifndef MH_INGEST_BATCHER_H
#define MH_INGEST_BATCHER_H

#include <uv.h>

#include "ingest/counters.h"
#include "ingest/events/event.h"
#include "shared/base/list.h"
#include "shared/postgres/pg_link.h"

/* The events of one request, all of one key. Owned by the request, alive until on_done. */
struct event_group {
    struct list link;
    struct event *events;
    uint32_t count;   /* of all events; only pending ones are stored */
    uint32_t pending; /* set by batcher_submit */
    int32_t partner_id, key_id;
    int environment;
    bool alone; /* was in a batch that failed: next time by itself */
    /* REASON_NONE: committed, every pending event has its verdict. REASON_UNAVAILABLE: nothing is
     * known, to be sent again. REASON_INTERNAL: rolled back, will never work. */
    void (*on_done)(struct event_group *group, enum reason outcome);
    void *owner;
};

/* One feed message of a committed batch; borrowed during the call. */
struct feed_message {
    const char *channel, *epoch, *payload;
    size_t payload_length;
    int64_t seq, platform_seq;
};

struct batcher;

struct batcher_options {
    const char *database;
    unsigned lanes;
    uint32_t max_queued; /* events waiting, over all lanes */
    uint32_t max_batch;  /* events per transaction, unless one request has more */
    struct counters *counters;
    void (*on_state)(void *owner); /* a lane came up or went down */
    void (*on_feed)(void *owner, const struct feed_message *message);
    void *owner;
};

MUST_CHECK int batcher_open(uv_loop_t *loop, const struct batcher_options *options,
                            struct batcher **ret_batcher);
/* 0, -ENOTCONN (the partner's lane is down) or -ENOBUFS (too much waits). */
MUST_CHECK int batcher_submit(struct batcher *batcher, struct event_group *group);
unsigned batcher_lanes_up(const struct batcher *batcher);
uint32_t batcher_queued(const struct batcher *batcher);
/* Answers all that waits with REASON_UNAVAILABLE, then closes. */
void batcher_close(struct batcher *batcher, void (*on_closed)(void *owner), void *owner);

#endif
