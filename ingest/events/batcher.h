/* Group commit. Events of many requests go to Postgres in one call per transaction: what arrives
 * while a transaction runs is the next one. A lane is one connection. Transactions end one after
 * the other, because all of them want the platform's head until their commit, and a small one costs
 * nearly as much as a larger one: so a second lane starts beside a running one only for a batch
 * that is worth it. Nothing waits while no connection is up. */
#ifndef MH_INGEST_BATCHER_H
#define MH_INGEST_BATCHER_H

#include <uv.h>

#include "ingest/counters.h"
#include "ingest/events/event_group.h"
#include "shared/postgres/pg_link.h"

/* One row of a channel's log, committed; borrowed during the call. platform_seq 0: the row has no
 * place in the platform's feed. */
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
    uint32_t min_beside; /* events that are worth a transaction beside a running one */
    struct counters *counters;
    void (*on_state)(void *owner); /* a lane came up or went down */
    void (*on_feed)(void *owner, const struct feed_message *message);
    void *owner;
};

MUST_CHECK int batcher_open(uv_loop_t *loop, const struct batcher_options *options,
                            struct batcher **ret_batcher);
/* 0, -ENOTCONN (no lane is up) or -ENOBUFS (too much waits). */
MUST_CHECK int batcher_submit(struct batcher *batcher, struct event_group *group);
void batcher_set_max_queued(struct batcher *batcher, uint32_t max_queued);
unsigned batcher_lanes_up(const struct batcher *batcher);
uint32_t batcher_queued(const struct batcher *batcher);
/* Answers all that waits with REASON_UNAVAILABLE, then closes. */
void batcher_close(struct batcher *batcher, void (*on_closed)(void *owner), void *owner);

#endif
