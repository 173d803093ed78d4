/* Proves that a metrics channel is right: every interval it lets Postgres recompute everything from
 * the jobs themselves, brings that and the channel to the same position in the feed, and compares
 * field by field. A difference is counted, logged as an error and repaired by taking Postgres'
 * state. Owned by a channel. */
#ifndef MH_HUB_RECONCILER_H
#define MH_HUB_RECONCILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/channel/snapshot.h"
#include "hub/feed/feed_db.h"
#include "hub/feed/feed_delta.h"

#define RECONCILER_MAX_RECORDED 65536

struct channel;
struct metric_scope;

enum reconciler_state {
    RECONCILER_IDLE,
    RECONCILER_ASKED, /* records what the channel applies meanwhile */
    RECONCILER_AHEAD  /* Postgres answered for a later position: waits for the channel */
};

struct reconciler {
    enum reconciler_state state;
    struct channel *channel;
    struct feed_query *query;
    struct snapshot_job *job;
    int64_t begun_ms;      /* monotonic: the last comparison */
    int64_t recorded_from; /* the channel's position when it began */
    size_t recorded_count, recorded_capacity;
    struct feed_delta **recorded; /* rows recorded_from + 1, + 2, … */
    struct metric_scope *fresh;
    int64_t fresh_seq;
};

void reconciler_init(struct reconciler *reconciler, struct channel *channel, int64_t now_ms);
/* Forgets a comparison under way: the channel's state starts anew. */
void reconciler_reset(struct reconciler *reconciler);
/* Once a second: begins when it is due. */
void reconciler_second(struct reconciler *reconciler, int64_t now_ms);
/* The channel has applied this row. */
void reconciler_on_row(struct reconciler *reconciler, int64_t seq, struct feed_delta *delta);

#endif
